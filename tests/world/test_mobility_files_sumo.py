"""SUMO's files become legs on which every fix lies; whatever is wrong with one is told with its place."""

import gzip
import hashlib
import math
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError
from qflsim.units import NS_PER_S, to_ns
from qflsim.world.mobility_files_sumo import SumoFcd
from qflsim.world.tracks import Track

S = NS_PER_S
ROOT = Path(__file__).parents[2]
Fixes: TypeAlias = Mapping[float, Mapping[str, tuple[float, float]]]


def fcd(fixes: Fixes, tag: str = "vehicle") -> str:
    """A file with these places at these seconds."""
    steps = "".join(
        f'<timestep time="{t_s}">'
        + "".join(f'<{tag} id="{name}" x="{x_m}" y="{y_m}" speed="1.0"/>' for name, (x_m, y_m) in places.items())
        + "</timestep>\n"
        for t_s, places in fixes.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<fcd-export>\n{steps}</fcd-export>\n'


def read(folder: Path, text: str | bytes, **fields: Any) -> dict[str, Track]:
    """The tracks of a file with this content."""
    (folder / "a.xml").write_bytes(text.encode() if isinstance(text, str) else text)
    return dict(SumoFcd(file="a.xml", **fields).read(folder, 600.0))


def straight(seconds: range, speed_m_per_s: float = 10.0) -> dict[float, dict[str, tuple[float, float]]]:
    """One vehicle on a straight line."""
    return {float(t): {"v": (speed_m_per_s * t, 500.0)} for t in seconds}


def test_a_straight_line_is_one_leg(tmp_path: Path) -> None:
    """Collinear fixes of constant speed are one leg; the last fix stands for one sampling period."""
    track = read(tmp_path, fcd(straight(range(3, 10))))["v"]
    track.leg(9 * S)
    assert track.presence == ((3 * S, 10 * S),)
    assert [(leg.start_ns, leg.end_ns, leg.vx_m_per_s, leg.vy_m_per_s) for leg in track.produced] == [
        (3 * S, 9 * S, 10.0, 0.0),
        (9 * S, 10 * S, 0.0, 0.0),
    ]


def test_constant_speed_matters_not_the_line_alone(tmp_path: Path) -> None:
    """A stop on a straight street is legs of its own, with its ends at fixes."""
    x_m = [0, 10, 20, 20, 20, 30, 40]
    track = read(tmp_path, fcd({float(t): {"v": (float(x), 500.0)} for t, x in enumerate(x_m)}))["v"]
    track.leg(6 * S)
    assert [leg.end_ns // S for leg in track.produced] == [2, 4, 6, 7]
    assert [leg.vx_m_per_s for leg in track.produced] == [10.0, 0.0, 10.0, 0.0]


steps = st.lists(
    st.tuples(st.integers(1, 40), st.floats(-30, 30), st.floats(-30, 30), st.floats(-0.03, 0.03)),
    min_size=2,
    max_size=60,
)


@given(steps, st.sampled_from([0.001, 0.02, 1.0]))
@settings(max_examples=150, deadline=None)
def test_every_fix_lies_within_the_tolerance(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, float, float, float]], tolerance_m: float
) -> None:
    """Any path is reproduced at every fix, and its ends exactly, whatever the steps of time."""
    fixes: dict[float, dict[str, tuple[float, float]]] = {}
    tenths, x_m, y_m = 0, 300.0, 400.0
    for wait, vx, vy, wobble in moves:
        # Half of the steps repeat a velocity but for a wobble, so that there is something to merge.
        vx, vy = (vx, vy) if wait % 2 else (7.0 + wobble, -3.0)
        tenths, x_m, y_m = tenths + wait, x_m + vx * wait / 10, y_m + vy * wait / 10
        fixes[tenths / 10] = {"v": (x_m, y_m)}
    track = read(tmp_path_factory.mktemp("fcd"), fcd(fixes), tolerance_m=tolerance_m, gap_s=5.0)["v"]
    got = np.array(track.positions_m(np.array([to_ns(t_s) for t_s in fixes])))
    want = np.array([places["v"] for places in fixes.values()]).T
    assert np.max(np.hypot(*(got - want))) <= tolerance_m * (1 + 1e-9)
    assert np.max(np.abs(got - want)[:, [0, -1]]) < 1e-9
    assert len(track.presence) == 1
    assert len(track.produced) <= len(fixes)


def test_a_wobble_within_the_tolerance_is_merged(tmp_path: Path) -> None:
    """Coordinates rounded to a centimetre, as SUMO writes them, stay on one leg of a constant speed."""
    fixes = {float(t): {"v": (round(13.37 * t / 3, 2), round(500 - 7.77 * t / 3, 2))} for t in range(100)}
    track = read(tmp_path, fcd(fixes))["v"]
    track.leg(99 * S)
    assert len(track.produced) <= 4


def test_silences_split_a_stay(tmp_path: Path) -> None:
    """A silence above `gap_s` is an absence; one of `gap_s` is crossed in a straight line."""
    fixes: dict[float, dict[str, tuple[float, float]]] = {float(t): {} for t in range(40)}
    fixes |= {float(t): {"v": (10.0 * t, 500.0)} for t in (2, 3, 8, 14, 15)}
    track = read(tmp_path, fcd(fixes))["v"]
    assert track.presence == ((2 * S, 9 * S), (14 * S, 16 * S))
    assert track.leg(5 * S).at(5 * S) == (50.0, 500.0)
    x_m, _ = track.positions_m(np.array([8, 9, 11, 12, 14]) * S)
    assert x_m.tolist() == [80, 80, 80, 140, 140]
    assert track.travelled_m(14 * S) == pytest.approx(60)


def test_groups_share_a_file(tmp_path: Path) -> None:
    """Remainders of the number in order of first appearance deal the devices out, each to one group."""
    fixes = {float(t): dict.fromkeys("cabed"[: 3 + t], (10.0 * t, 5.0)) for t in range(3)}
    whole = read(tmp_path, fcd(fixes))
    assert list(whole) == list("cabed")
    dealt = [read(tmp_path, fcd(fixes), modulo=3, remainders=r) for r in ((0,), (2, 1))]
    assert [list(group) for group in dealt] == [["c", "e"], ["a", "b", "d"]]
    assert all(track.presence == whole[name].presence for group in dealt for name, track in group.items())


def test_persons_gzip_and_foreign_tags(tmp_path: Path) -> None:
    """Persons move as vehicles do; a compressed file is told by its first bytes; unknown tags are passed over."""
    text = fcd(straight(range(5)), tag="person").replace('y="500.0"', 'y="500.0" slope="0.00" lane="a_0"')
    text = text.replace("</timestep>", '<container id="c"><plan/></container></timestep>')
    for content in (text.encode(), gzip.compress(text.encode()), text.replace("UTF-8", "UTF-16").encode("utf-16")):
        assert read(tmp_path, content)["v"].presence == ((0, 5 * S),)


HEAD = '<fcd-export>\n<timestep time="1">\n'
GOOD = '<vehicle id="v" x="1" y="2"/>'
TAIL = '</timestep>\n<timestep time="2"/>\n</fcd-export>'


@pytest.mark.parametrize(
    ("text", "where", "got"),
    [
        ("", "a.xml", "empty"),
        ("hello", "a.xml:1", "broken XML"),
        (b"\x00\x01\x02\x03" * 9, "a.xml:1", "broken XML"),
        ("<html></html>", "a.xml:1", "<html>"),
        ("<fcd-export></fcd-export>", "a.xml", "0 devices"),
        (HEAD + TAIL, "a.xml", "0 devices"),
        (HEAD + GOOD, "a.xml:3", "broken XML"),
        (HEAD + GOOD + "</fcd-export>", "a.xml:3", "broken XML"),
        (HEAD + GOOD + "</timestep></fcd-export>", "a.xml", "a single fix"),
        (HEAD + '<vehicle x="1" y="2"/>' + TAIL, "a.xml:3", "id"),
        (HEAD + f'<vehicle id="{"v" * 65}" x="1" y="2"/>' + TAIL, "a.xml:3", "id"),
        (HEAD + '<vehicle id="v" y="2"/>' + TAIL, "a.xml:3", "without x"),
        (HEAD + '<person id="v" x="2"/>' + TAIL, "a.xml:3", "<person> without y"),
        (HEAD + '<vehicle id="v" x="one" y="2"/>' + TAIL, "a.xml:3", "x = 'one'"),
        (HEAD + '<vehicle id="v" x="nan" y="2"/>' + TAIL, "a.xml:3", "x = 'nan'"),
        (HEAD + '<vehicle id="v" x="1" y="inf"/>' + TAIL, "a.xml:3", "y = 'inf'"),
        (HEAD + '<vehicle id="v" x="1" y="1e12"/>' + TAIL, "a.xml:3", "y = '1e12'"),
        (HEAD + GOOD + GOOD + TAIL, "a.xml:3", "at 1 s after 1 s"),
        (HEAD + "\n\n" + GOOD + "</timestep>\n<timestep/>", "a.xml:6", "without time"),
        (HEAD.replace("1", "-1") + TAIL, "a.xml:2", "time = '-1'"),
        (HEAD.replace("1", "nan") + TAIL, "a.xml:2", "time = 'nan'"),
        (HEAD.replace("1", "2") + GOOD + TAIL, "a.xml:4", "time 2 after 2"),
        (HEAD.replace("1", "3") + GOOD + TAIL, "a.xml:4", "time 2 after 3"),
        ("<fcd-export>" + GOOD + "</fcd-export>", "a.xml:1", "outside"),
        ("<fcd-export><timestep time='1'/><other>" + GOOD + "</other></fcd-export>", "a.xml:1", "outside"),
        (HEAD + "<timestep time='4'/>" + TAIL, "a.xml:3", "inside another tag"),
        ("<fcd-export>" + "<a>" * 99, "a.xml:1", "deep"),
        ('<?xml version="1.0" encoding="x-none"?>' + HEAD, "a.xml:1", "encoding"),
        (fcd({0.0: {"v": (11.4, 48.7)}, 1.0: {"v": (11.4001, 48.7001)}}), "a.xml", "longitude"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str | bytes, where: str, got: str) -> None:
    """Every broken file is the user's mistake, at a line where that is known."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.where == where
    assert got in str(caught.value.got)


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;">]><fcd-export>&c;</fcd-export>'
OUTSIDE = '<!DOCTYPE b SYSTEM "file:///etc/hostname"><fcd-export/>'


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_entities_are_refused_before_they_are_read(tmp_path: Path, text: str) -> None:
    """A document type declaration is the end: nothing is expanded, nothing else is opened."""
    with pytest.raises(InputError, match="document type"):
        read(tmp_path, text)


@pytest.mark.parametrize("body", [b'<vehicle id="' + b"v" * (1 << 25), b"<!--" + b" " * (1 << 25), b"<a>" * (1 << 23)])
def test_endless_tags_are_refused_in_bounded_memory(tmp_path: Path, body: bytes) -> None:
    """A compressed 32 MiB without an end of a tag, a comment or a nesting costs a few MiB at most."""
    (tmp_path / "a.xml").write_bytes(gzip.compress(b'<fcd-export><timestep time="1">' + body, 1))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"a\.xml:1"):
        SumoFcd(file="a.xml").read(tmp_path, 600.0)
    peak_byte = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_byte < 4 << 20


def test_a_gap_below_the_sampling_period_is_refused(tmp_path: Path) -> None:
    """Otherwise every fix would be a stay of its own."""
    with pytest.raises(InputError, match="sampling period"):
        read(tmp_path, fcd(straight(range(5))), gap_s=0.5)


def test_a_group_without_devices_is_refused(tmp_path: Path) -> None:
    """A remainder that no vehicle has is the user's mistake."""
    with pytest.raises(InputError, match="1 devices"):
        read(tmp_path, fcd(straight(range(5))), modulo=5, remainders=(3,))


def test_ingolstadt() -> None:
    """The file is the documented one: 387 vehicles, 7 to 65 present, a median stay of 59 s, half of it standing."""
    folder = ROOT / "traces"
    name = "ingolstadt.fcd.xml.gz"
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in (folder / "README.md").read_text()
    tracks = [track for _, track in SumoFcd(file=name).read(folder, 600.0)]
    present = [sum(track.present(t * S) for track in tracks) for t in range(600)]
    stays_s = [(off_ns - on_ns) / S for track in tracks for on_ns, off_ns in track.presence]
    assert (len(tracks), min(present), max(present), np.median(stays_s)) == (387, 7, 65, 59.0)
    assert len(stays_s) == 387
    assert sum(present) == sum(stays_s) == 27_833
    for track in tracks:
        track.leg(600 * S)
    legs = [leg for track in tracks for leg in track.produced]
    standing_s = sum(leg.end_ns - leg.start_ns for leg in legs if leg.speed_m_per_s < 0.1) / S
    assert 0.45 < standing_s / sum(stays_s) < 0.55
    assert len(legs) < 14_000
    assert max(leg.speed_m_per_s for leg in legs) < 30
    assert not any(math.isnan(leg.x_m) for leg in legs)
