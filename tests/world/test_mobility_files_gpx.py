"""GPS tracks, and the plane that they are projected to."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError, InputWarning
from qflsim.units import NS_PER_S
from qflsim.world.mobility_files_globe import EQUATOR_M, FLATTENING, Plane
from qflsim.world.mobility_files_gpx import Gpx
from qflsim.world.tracks import Track

S = NS_PER_S
HEAD = '<?xml version="1.0"?>\n<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">\n'


def read(folder: Path, text: str, **fields: Any) -> dict[str, Track]:
    """The tracks of a file with this content."""
    (folder / "a").write_text(text)
    return dict(Gpx(file="a", **fields).read(folder, 600.0))


def point(lat: float, lon: float, second: float) -> str:
    """A fix some seconds after noon."""
    time = f"2024-05-31T12:{int(second // 60):02}:{second % 60:06.3f}Z"
    more = "<ele>5</ele><extensions><name>x</name></extensions>"
    return f'<trkpt lat="{lat}" lon="{lon}"><time>{time}</time>{more}</trkpt>\n'


def trk(points: str, name: str | None = None) -> str:
    """A track."""
    return f"<trk>{f'<name>{name}</name>' if name else ''}<trkseg>{points}</trkseg></trk>\n"


def on_globe(lat_deg: float, lon_deg: float) -> np.ndarray:
    """Where a place of the WGS 84 ellipsoid is in space."""
    lat, lon, squared = math.radians(lat_deg), math.radians(lon_deg), FLATTENING * (2 - FLATTENING)
    across_m = EQUATOR_M / math.sqrt(1 - squared * math.sin(lat) ** 2)
    flat = across_m * math.cos(lat) * np.array([math.cos(lon), math.sin(lon)])
    return np.array([*flat, across_m * (1 - squared) * math.sin(lat)])


@given(
    st.floats(-70, 70),
    st.floats(-180, 180),
    st.lists(st.tuples(st.floats(0, 25e3), st.floats(0, 2 * math.pi)), min_size=2, max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_distances_on_the_plane_are_those_on_the_globe(
    lat_deg: float, lon_deg: float, around: list[tuple[float, float]]
) -> None:
    """Within 25 km of the origin, across the date line too, by the straight line through the ellipsoid, to 1 m."""
    plane = Plane((lat_deg, lon_deg))
    there = []
    for distance_m, bearing in around:
        north_deg = math.degrees(distance_m * math.sin(bearing) / 6.371e6)
        east_deg = math.degrees(distance_m * math.cos(bearing) / 6.371e6 / math.cos(math.radians(lat_deg)))
        there.append((lat_deg + north_deg, (lon_deg + east_deg + 180) % 360 - 180))
    flat_m = math.dist(*(plane.place(repr(lat), repr(lon)) for lat, lon in there))
    straight_m = float(np.linalg.norm(np.subtract(*(on_globe(*place) for place in there))))
    assert flat_m == pytest.approx(straight_m, abs=1.0)


def test_north_is_up_and_east_is_right() -> None:
    """A degree of latitude at 48 north is 111.1903 km, one of longitude 74.625 km (the usual series of cosines)."""
    plane = Plane((48.0, 11.0))
    assert plane.place("48.0", "11.0") == (0.0, 0.0)
    north_m = plane.place("48.005", "11.0")[1] - plane.place("47.995", "11.0")[1]
    assert north_m == pytest.approx(1111.903, abs=0.01)
    assert plane.place("48.0", "11.01")[0] == pytest.approx(746.25, abs=0.05)


def test_each_track_is_a_device(tmp_path: Path) -> None:
    """Named by its name, else by its number; a name that stands again gets its number; way-points are passed over."""
    text = HEAD + '<wpt lat="1" lon="2"><name>home</name></wpt>' + trk(point(48, 11, 0) + point(48.001, 11, 10), "car")
    text += (
        trk(point(48, 11, 5) + point(48, 11.001, 15)) + trk(point(48, 11, 5) + point(48, 11.001, 15), "car") + "</gpx>"
    )
    tracks = read(tmp_path, text)
    assert list(tracks) == ["car", "1", "car-2"]
    assert tracks["car"].presence == ((0, 20 * S),)
    assert tracks["1"].presence == ((5 * S, 25 * S),)
    assert tracks["car"].travelled_m(20 * S) == pytest.approx(111.2, abs=0.1)
    assert tracks["1"].produced == tracks["car-2"].produced


def test_the_origin_is_the_files_first_fix_for_every_group(tmp_path: Path) -> None:
    """Whoever is taken, the plane and the first instant are the same; or they are those that are given."""
    text = (
        HEAD
        + trk(point(48, 11, 0) + point(48.001, 11, 10))
        + trk(point(48.01, 11, 5) + point(48.011, 11, 15))
        + "</gpx>"
    )
    second = read(tmp_path, text, modulo=2, remainders=(1,))["1"]
    assert second.presence == ((5 * S, 25 * S),)
    x_m, y_m = second.leg(5 * S).at(5 * S)
    assert (x_m, y_m) == pytest.approx((0.0, 1112.0), abs=0.1)
    moved = read(tmp_path, text, origin_deg=(48.01, 11.0))["1"]
    assert moved.leg(5 * S).at(5 * S) == pytest.approx((0.0, 0.0), abs=1e-9)


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(-3e-4, 3e-4), st.floats(-3e-4, 3e-4)), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float, float]]
) -> None:
    """Every fix is reproduced where the plane has it, within the tolerance."""
    lat, lon, t = 48.0, 11.0, 0
    told = [(lat, lon, t)]
    for wait, north, east in steps:
        lat, lon, t = lat + north, lon + east, t + wait
        told.append((lat, lon, t))
    text = HEAD + trk("".join(point(*fix) for fix in told)) + "</gpx>"
    track = read(tmp_path_factory.mktemp("gpx"), text)["0"]
    plane = Plane((48.0, 11.0))
    for lat, lon, t in told:
        got = track.leg(t * S).at(t * S)
        assert math.dist(got, plane.place(repr(lat), repr(lon))) <= 0.02 + 1e-9


TIME = "<time>2024-05-31T12:00:00Z</time>"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("", "a: got 0 devices"),
        (trk('<trkpt lat="48" lon="11"/>'), "a:3: got a <trkpt> without lat, lon or <time>"),
        (trk(f'<trkpt lat="48">{TIME}</trkpt>'), "a:3: got a <trkpt> without"),
        (trk(f'<trkpt lat="x" lon="11">{TIME}</trkpt>'), "a:3: got lat = 'x'"),
        (trk(f'<trkpt lat="48" lon="999">{TIME}</trkpt>'), "a:3: got lon = '999'"),
        (trk('<trkpt lat="48" lon="11"><time>noon</time></trkpt>'), "a:3: got time 'noon'"),
        (trk(point(48, 11, 5) + point(48, 11, 4)), "a:4: got '0' at"),
        (trk(point(48, 11, 5) + point(49, 11, 6)), "a:4: got '0' 111"),
        (trk(point(48, 11, 5)), "a: got a single fix"),
        (trk("<time>" + "2" * 5000), "a:3: got a text without end"),
        (trk("", "n" * 99) + "x", "a: got 0 devices"),
        (trk(point(48, 11, 5), "n" * 99), "a:3: got the id"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, body: str, place: str) -> None:
    """Every broken file is the user's mistake, at a line where that is known."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, HEAD + body + "</gpx>")
    assert str(caught.value).startswith(place)


def test_entities_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """A document type declaration is the end: nothing is expanded."""
    with pytest.raises(InputError, match="document type"):
        read(
            tmp_path,
            '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;">]><gpx><trk><name>&c;</name></trk></gpx>',
        )


def test_fixes_without_a_time_are_counted(tmp_path: Path) -> None:
    """On demand they are passed over, and told."""
    body = point(48, 11, 0) + '<trkpt lat="48.5" lon="11"/>' + point(48.001, 11, 10)
    with pytest.warns(InputWarning, match="1 fixes passed over as unusable"):
        assert read(tmp_path, HEAD + trk(body) + "</gpx>", bad_fixes="skip")["0"].presence == ((0, 20 * S),)
