"""What all formats of mobility files share: the same fixes give the same tracks, and the same mistakes are told."""

import gzip
import math
import os
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.errors import InputError, InputWarning
from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world import mobility_files
from qflsim.world.mobility_files import MobilityFile, TrackFile
from qflsim.world.mobility_files_bonnmotion import BonnMotion
from qflsim.world.mobility_files_csv import CsvFile
from qflsim.world.mobility_files_gpx import Gpx
from qflsim.world.mobility_files_ns2 import Ns2
from qflsim.world.mobility_files_sumo import SumoFcd
from qflsim.world.tracks import Track

S = NS_PER_S
Fixes: TypeAlias = dict[str, list[tuple[float, float, float]]]
"""For each device its (second, x, y)."""


def sumo(fixes: Fixes) -> str:
    """SUMO floating-car data."""
    instants = sorted({t for told in fixes.values() for t, _, _ in told})
    places = {(name, t): (x, y) for name, told in fixes.items() for t, x, y in told}
    steps = "".join(
        f'<timestep time="{t}">'
        + "".join(f'<vehicle id="{n}" x="{places[n, t][0]}" y="{places[n, t][1]}"/>' for n in fixes if (n, t) in places)
        + "</timestep>\n"
        for t in instants
    )
    return f"<fcd-export>{steps}</fcd-export>"


def table(fixes: Fixes) -> str:
    """A table with the rows of one device after those of the other."""
    rows = [f"{x},{name},-1,{y},{t}" for name, told in fixes.items() for t, x, y in told]
    return "\n".join(["x,id,speed,y,t", *rows])


def bonnmotion(fixes: Fixes) -> str:
    """A line a node."""
    return "\n".join(" ".join(f"{t} {x} {y}" for t, x, y in told) for told in fixes.values())


def ns2(fixes: Fixes) -> str:
    """Journeys at the speeds that bring nodes to their way-points in time."""
    lines = []
    for node, told in enumerate(fixes.values()):
        lines += [f"$node_({node}) set X_ {told[0][1]!r}", f"$node_({node}) set Y_ {told[0][2]!r}"]
        for (t, x, y), (u, x2, y2) in pairwise(told):
            speed = math.dist((x, y), (x2, y2)) / (u - t)
            lines.append(f'$ns_ at {t} "$node_({node}) setdest {x2!r} {y2!r} {speed!r}"')
    return "\n".join(reversed(lines))


FORMATS: dict[type[TrackFile], Callable[[Fixes], str]] = {
    SumoFcd: sumo, CsvFile: table, BonnMotion: bonnmotion, Ns2: ns2}  # fmt: skip
SAMPLED = (SumoFcd, CsvFile)


def read(
    folder: Path, format_: type[TrackFile], text: str | bytes, until_s: float = 600.0, **fields: Any
) -> dict[str, Track]:
    """The tracks of a file with this content."""
    (folder / "a").write_bytes(text.encode() if isinstance(text, str) else text)
    return dict(format_.model_validate({"file": "a", **fields}).read(folder, until_s))


device = st.lists(st.tuples(st.integers(1, 40), st.floats(-20, 20), st.floats(-20, 20)), min_size=2, max_size=30)


@pytest.mark.parametrize("format_", FORMATS)
@given(st.lists(device, min_size=1, max_size=4), st.sampled_from([0.02, 1.0]))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    format_: type[TrackFile],
    moves: list[list[tuple[int, float, float]]],
    tolerance_m: float,
) -> None:
    """In every format each fix of each device is reproduced within the tolerance, in the file's order of devices."""
    fixes: Fixes = {}
    for number, steps in enumerate(moves):
        tenths, x, y = 0, 1000.0 * number, 500.0
        fixes[str(number)] = told = [(0.0, x, y)]
        for wait, vx, vy in steps:
            tenths, x, y = tenths + wait, x + vx * wait / 10, y + vy * wait / 10
            told.append((tenths / 10, x, y))
    gap = {"gap_s": 5.0} if format_ in SAMPLED else {}
    tracks = read(tmp_path_factory.mktemp("a"), format_, FORMATS[format_](fixes), tolerance_m=tolerance_m, **gap)
    assert sorted(tracks) == sorted(fixes)
    for name, told in fixes.items():
        t_ns = np.array([round(t * 10) * (S // 10) for t, _, _ in told])
        got = np.array(tracks[name].positions_m(t_ns))
        want = np.array([place for _, *place in told]).T
        # ns-2 has no instants of arrival: they are rounded up to a nanosecond, at up to 30 m/s.
        assert np.max(np.hypot(*(got - want))) <= tolerance_m + 1e-6
        assert len(tracks[name].presence) == 1


WALK: Fixes = {
    "0": [(float(t), 100.0 + 10 * t, 50.0) for t in range(11)],
    "1": [(float(t), 0.0, 7.0 * t) for t in (4, 5, 6)],
}


@pytest.mark.parametrize("format_", FORMATS)
def test_all_formats_scale_cut_and_repeat(tmp_path: Path, format_: type[TrackFile]) -> None:
    """Places are scaled, then moved; a stretch begins at 0; laps repeat it, and in between nobody is there."""
    text = FORMATS[format_](WALK)
    fields = {"start_s": 2.0, "end_s": 8.0, "scale": 2.0, "offset_m": (-200.0, 1.0)}
    track = read(tmp_path, format_, text, **fields)["0"]
    assert track.presence == ((0, 6 * S),)
    np.testing.assert_allclose(track.positions_m(np.array([0, 3 * S, 6 * S])), [[40, 100, 160], [101] * 3], atol=1e-5)
    laps = read(tmp_path, format_, text, 20.0, loop_pause_s=1.0, **fields)
    assert laps["0"].presence == ((0, 6 * S), (7 * S, 13 * S), (14 * S, 20 * S))
    np.testing.assert_allclose(laps["0"].positions_m(np.array([3, 10, 17]) * S)[0], 100, atol=1e-5)
    whole = read(tmp_path, format_, text, 20.0, start_s=0.0, loop_pause_s=2.0)["0"]
    assert whole.presence == ((0, 10 * S), (12 * S, 22 * S))


@pytest.mark.parametrize("format_", FORMATS)
def test_groups_that_share_a_file_keep_step(tmp_path: Path, format_: type[TrackFile]) -> None:
    """Whoever is taken, the stretch and its laps are those of the whole file."""
    text = FORMATS[format_](WALK)
    whole = read(tmp_path, format_, text, 50.0, loop_pause_s=3.0)
    dealt = [read(tmp_path, format_, text, 50.0, loop_pause_s=3.0, modulo=2, remainders=(r,)) for r in (0, 1)]
    assert sorted(dealt[0] | dealt[1]) == sorted(whole)
    for name, track in (dealt[0] | dealt[1]).items():
        assert track.presence == whole[name].presence
        assert track.produced == whole[name].produced


def test_a_device_outside_the_stretch_is_none_of_them(tmp_path: Path) -> None:
    """Who has nothing in it is left out; if that is everybody, the file's own span is told."""
    assert list(read(tmp_path, SumoFcd, sumo(WALK), start_s=8.0)) == ["0"]
    with pytest.raises(InputError, match="from 0 to 10 s"):
        read(tmp_path, SumoFcd, sumo(WALK), start_s=100.0)


def test_endless_laps_are_refused(tmp_path: Path) -> None:
    """A loop of a second in a run of thirty years would fill the memory."""
    with pytest.raises(InputError, match="laps of"):
        read(tmp_path, SumoFcd, sumo(WALK), 1e9, end_s=1.0, loop_pause_s=1e-3)


LEAP: Fixes = {"0": [(0.0, 0.0, 0.0), (1.0, 10.0, 0.0), (2.0, 5010.0, 0.0), (3.0, 20.0, 0.0), (4.0, 30.0, 0.0)]}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_device_that_teleports(tmp_path: Path, format_: type[TrackFile]) -> None:
    """It is refused with line, device and speed; or absent from half-way between the two fixes; both are told."""
    text = FORMATS[format_](LEAP)
    with pytest.raises(InputError, match=r"a:\d+: got '0' 5000.0 m .*5000 m/s.*want at most 350 m/s"):
        read(tmp_path, format_, text)
    with pytest.warns(InputWarning, match="2 jumps, during which devices are absent; the first: line"):
        track = read(tmp_path, format_, text, jumps="absent")["0"]
    last_ns = FOREVER_NS if format_ not in SAMPLED else 5 * S
    assert track.presence == ((0, 3 * S // 2), (2 * S, 5 * S // 2), (3 * S, last_ns))
    assert track.leg(2 * S).at(2 * S)[0] == pytest.approx(5010)
    assert len(read(tmp_path, format_, text, speed_limit_m_per_s=1e5)["0"].presence) == 1


def test_an_outlier_is_passed_over(tmp_path: Path) -> None:
    """A fix that could not be reached is left out, and those after it are judged from the last good one."""
    with pytest.warns(InputWarning, match="1 fixes passed over as too far away; the first: line"):
        track = read(tmp_path, CsvFile, table(LEAP), jumps="skip")["0"]
    assert track.presence == ((0, 5 * S),)
    assert track.leg(2 * S).at(2 * S)[0] == pytest.approx(15)


@pytest.mark.parametrize("format_", [SumoFcd, CsvFile, BonnMotion])
@pytest.mark.parametrize("word", ["nan", "inf", "-1e12", "", "1_0", "x"])
def test_bad_places_are_refused_or_counted(tmp_path: Path, format_: type[TrackFile], word: str) -> None:
    """What is no place is told with its line; passed over on demand, it is counted, and the rest stays."""
    text = FORMATS[format_](WALK).replace("130.0", word or "?")
    with pytest.raises(InputError, match=r"^a:\d+: got x = "):
        read(tmp_path, format_, text)
    with pytest.warns(InputWarning, match="a: 1 fixes passed over as unusable; the first: line .*x = "):
        track = read(tmp_path, format_, text, bad_fixes="skip")["0"]
    assert track.leg(3 * S).at(3 * S) == (130.0, 50.0)


@pytest.mark.parametrize("format_", [CsvFile, BonnMotion])
@pytest.mark.parametrize("t", [2.0, 1.0, -3.0, math.nan, 5e9])
def test_times_that_do_not_follow(tmp_path: Path, format_: type[TrackFile], t: float) -> None:
    """Repeated, unsorted, negative, missing and absurd times are refused, or passed over and counted."""
    fixes = {"0": [*WALK["0"][:3], (t, 9.0, 9.0), *WALK["0"][3:]]}
    with pytest.raises(InputError, match=r"^a:\d+: "):
        read(tmp_path, format_, FORMATS[format_](fixes))
    with pytest.warns(InputWarning, match="1 fixes passed over"):
        track = read(tmp_path, format_, FORMATS[format_](fixes), bad_fixes="skip")["0"]
    assert track.produced == read(tmp_path, format_, FORMATS[format_](WALK))["0"].produced


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("moved_deg", [0.01, 2.5])
def test_degrees_are_no_metres(tmp_path: Path, format_: type[TrackFile], moved_deg: float) -> None:
    """A city in degrees spans less than a metre; a way across a country is slower than anybody who moves in metres."""
    fixes = {"0": [(0.0, 11.4, 48.7), (3600.0 * moved_deg, 11.4 + moved_deg, 48.7 + moved_deg)]}
    with pytest.raises(InputError, match="longitude and latitude"):
        read(tmp_path, format_, FORMATS[format_](fixes), **({"gap_s": 1e5} if "gap_s" in format_.model_fields else {}))


@pytest.mark.parametrize("format_", [*FORMATS, Gpx])
def test_every_format_refuses_what_is_not_its_own(tmp_path: Path, format_: type[TrackFile]) -> None:
    """Nothing, zeros, noise, a picture and a text in another encoding are the user's mistake, whatever the format."""
    for content in (
        b"",
        bytes(1 << 16),
        bytes(range(256)) * 99,
        b"\x89PNG\r\n",
        "a,b\n1,2\n".encode("utf-16"),
        b"\n" * 99,
    ):
        with pytest.raises(InputError, match=r"^a(:\d+)?: "):
            read(tmp_path, format_, content)


@pytest.mark.parametrize("format_", [*FORMATS, Gpx])
def test_endless_lines_cost_little(tmp_path: Path, format_: type[TrackFile]) -> None:
    """A compressed line of 32 MiB is refused in a few MiB, wherever it is."""
    for head in (b"", b"id,t,x,y\n0,", b"$node_(0) set X_ ", b"<gpx><trk><name>", b"0 1 "):
        (tmp_path / "a").write_bytes(gzip.compress(head + b"7" * (1 << 25), 1))
        tracemalloc.start()
        with pytest.raises(InputError, match=r"^a:\d+: "):
            format_(file="a").read(tmp_path, 1.0)
        peak_byte = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_byte < 6 << 20


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gigabytes of empty lines in a few megabytes are given up; a file that repeats itself as real ones do is read."""
    monkeypatch.setattr(mobility_files, "NEVER_BOMB_BYTE", 1 << 17)
    heads: dict[type[TrackFile], bytes] = {Ns2: b"", CsvFile: b"id,t,x,y", BonnMotion: b""}
    for format_, head in heads.items():
        with pytest.raises(InputError, match=r"a: got .* bytes packed into"):
            read(tmp_path, format_, gzip.compress(head + b"\n" * (1 << 20)))
    parked: Fixes = {str(k): [(float(t), 10.0 * k, 5.0) for t in range(600)] for k in range(60)}
    assert len(read(tmp_path, SumoFcd, gzip.compress(sumo(parked).encode()))) == 60


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing files, folders, pipes, devices and damaged gzip files are told as such."""
    whole = gzip.compress(table({str(k): WALK["0"] for k in range(500)}).encode())
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, content in {"cut": whole[:-20], "head": whole[:8], "spoilt": whole[:300] + b"\xff" * 50}.items():
        (tmp_path / name).write_bytes(content)
    for name, got in {
        "missing": "no such file",
        "missing/a.xml": "no such file",
        "cut/a.xml": "Not a directory",
        "folder": "not a regular file",
        "pipe": "not a regular file",
        "/dev/zero": "not a regular file",
        "x" * 300: "too long",
        "cut": "gzip",
        "head": "gzip",
        "spoilt": "gzip",
    }.items():
        with pytest.raises(InputError) as caught:
            CsvFile(file=name).read(tmp_path, 1.0)
        assert caught.value.where == name
        assert got in str(caught.value.got)


@pytest.mark.parametrize(
    "fields",
    [
        {"remainders": ()},
        {"remainders": (0, 0), "modulo": 2},
        {"remainders": (1,)},
        {"remainders": (-1,), "modulo": 2},
        {"modulo": 0},
        {"tolerance_m": 0.0},
        {"file": ""},
        {"file": "a\0b"},
        {"start_s": 5.0, "end_s": 5.0},
        {"loop_pause_s": 0.0},
        {"scale": 0.0},
        {"jumps": "ignore"},
        {"speed_limit_m_per_s": 0.0},
    ],
)
def test_bad_parameters_are_refused(fields: dict[str, object]) -> None:
    """Remainders outside the modulus, twice or none, an empty stretch, and numbers that are not positive."""
    with pytest.raises(ValidationError):
        BonnMotion.model_validate({"file": "a"} | fields)


def test_every_format_is_known_as_a_file() -> None:
    """Whoever asks for mobility from files finds all formats, and no law."""
    assert all(isinstance(format_(file="a"), MobilityFile) for format_ in (*FORMATS, Gpx))
