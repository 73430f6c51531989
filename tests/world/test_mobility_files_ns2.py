"""ns-2's movements, as ns-3 understands them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError, InputWarning
from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world.mobility_files_ns2 import Ns2
from qflsim.world.tracks import Track

S = NS_PER_S


def read(folder: Path, text: str, **fields: Any) -> dict[str, Track]:
    """The tracks of a file with this content."""
    (folder / "a").write_text(text, newline="")
    return dict(Ns2(file="a", **fields).read(folder, 600.0))


SQUARE = """
$ns_ at 1.0 "$node_(0) setdest {1}  {0}  5"
$ns_ at 2.0 "$node_(0) setdest {1}  {1}  5"
$ns_ at 3.0 "$node_(0) setdest {0}  {1}  5"
$ns_ at 4.0 "$node_(0) setdest {0}  {0}  5"
"""


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ('$ns_ at 1.0 "$node_(0) setdest 25 0 5"', [(0, 0, 0, 0, 0), (1, 0, 0, 5, 0), (6, 25, 0, 0, 0)]),
        (
            "$node_(0) set X_ 0.0\n$node_(0) set Y_ 0.0" + SQUARE.format("0", "5"),
            [(0, 0, 0, 0, 0), (1, 0, 0, 5, 0), (2, 5, 0, 0, 5), (3, 5, 5, -5, 0), (4, 0, 5, 0, -5), (5, 0, 0, 0, 0)],
        ),
        (
            SQUARE.format("10", "15") + "$node_(0) set X_ 10.0\n$node_(0) set Y_ 10.0\n",
            [(0, 10, 10, 0, 0), (1, 10, 10, 5, 0), (2, 15, 10, 0, 5), (3, 15, 15, -5, 0), (4, 10, 15, 0, -5),
             (5, 10, 10, 0, 0)],
        ),
        (
            '$ns_ at 1.0 "$node_(0) setdest 25 0 5"\n$ns_ at 7.0 "$node_(0) setdest 11  22  0"\n',
            [(0, 0, 0, 0, 0), (1, 0, 0, 5, 0), (6, 25, 0, 0, 0), (7, 25, 0, 0, 0), (99, 25, 0, 0, 0)],
        ),
        (
            '$ns_ at 1.0 "$node_(0) setdest 25 0 5"\n$ns_ at 3.0 "$node_(0) setdest 11  22  0"\n',
            [(1, 0, 0, 5, 0), (3, 10, 0, 0, 0), (99, 10, 0, 0, 0)],
        ),
        (
            "$node_(0) set X_ 0.0\n$node_(0) set Y_ 0.0\n"
            '$ns_ at 1.0 "$node_(0) setdest 0  10       1"\n$ns_ at 6.0 "$node_(0) setdest 0  -10       1"\n',
            [(0, 0, 0, 0, 0), (1, 0, 0, 0, 1), (6, 0, 5, 0, -1), (21, 0, -10, 0, 0)],
        ),
        (
            '$node_(0) set X_ 10.0\r\n$node_(0) set Y_ 0.0\r\n$ns_ at 1.0 "$node_(0) setdest 10  0       1"\r\n',
            [(0, 10, 0, 0, 0), (1, 10, 0, 0, 0), (9, 10, 0, 0, 0)],
        ),
        (
            '$ns_ at 2.0 "$node_(0) setdest 1.0e+2  1.0e+2  1.0e+2"\n$node_(0) set X_ 1e2 # $node_(0) set X_ 7\n',
            [(2, 100, 0, 0, 100), (3, 100, 100, 0, 0)],
        ),
        (
            "$node_(0) set X_ 350.0\n$node_(0) set Y_ 50.0\n#$node_(0) set X_ 1 #\n"
            '$ns_ at 50.0  "$node_(0) setdest 400.0 50.0 1.0"\n$ns_ at 150.0 "$node_(0) setdest 400.0 150.0 4.0"\n'
            '$ns_ at 300.0 "$node_(0) setdest 250.0 150.0 3.0"\n$ns_ at 350.0 "$node_(0) setdest 250.0 50.0 1.0"\n'
            '$ns_ at 600.0 "$node_(0) setdest 250.0 1050.0 2.0"\n$ns_ at 900.0 "$node_(0) setdest 300.0 650.0 2.5"\n',
            [(0, 350, 50, 0, 0), (50, 350, 50, 1, 0), (100, 400, 50, 0, 0), (150, 400, 50, 0, 4), (175, 400, 150, 0, 0),
             (300, 400, 150, -3, 0), (350, 250, 150, 0, -1), (450, 250, 50, 0, 0), (600, 250, 50, 0, 2),
             (900, 250, 650, 2.5, 0), (920, 300, 650, 0, 0)],
        ),
    ],
    ids=["simple", "square", "first-at-the-end", "speed-0", "stopped", "turned", "nowhere", "exponents", "long"],
)  # fmt: skip
def test_the_reference_points_of_ns3(tmp_path: Path, text: str, points: list[tuple[float, ...]]) -> None:
    """Place and velocity are those that ns-3's own tests of its ns-2 reader ask for, at every instant they name."""
    track = read(tmp_path, text)["0"]
    assert track.presence == ((0, FOREVER_NS),)
    for t_s, x_m, y_m, vx, vy in points:
        leg = track.leg(round(t_s * S))
        assert leg.at(round(t_s * S)) == pytest.approx((x_m, y_m), abs=1e-9)
        assert (leg.vx_m_per_s, leg.vy_m_per_s) == pytest.approx((vx, vy), abs=1e-9)


BAD = """$node_(0) set X_ 1 # line OK
$node_(0) set Y_ 2 # line OK
$node() set X_ 1
$node this line is not correct
$ns_ at  "$node_(0) setdest 4 4 4"
$node_(-22) set Y_ 3
$node_(3.3) set Y_ 1111
$ns_ at sss "$node_(0) setdest 5 5 5"
$ns_ at 1 "$node_(0) setdest 2 2 1   " # line OK
$ns_ at 1 "$node_(0) setdest 2 2 -1"
$ns_ at 1 "$node_(0) setdest 2 2 s232dfs"
$ns_ at 1 "$node_(0) setdest 233 2.. s232dfs"
$ns_ at -12 "$node_(0) setdest 11 22 33"
"""


def test_bad_lines_are_refused_or_counted(tmp_path: Path) -> None:
    """Each of the lines that ns-3 skips in silence is a mistake of its own; skipped on demand, they are counted."""
    lines = BAD.splitlines(keepends=True)
    for line in lines:
        if "OK" not in line:
            with pytest.raises(InputError, match=r"^a:3: "):
                read(tmp_path, "".join([*lines[:2], line]))
    with pytest.warns(InputWarning, match=r"a: 10 fixes passed over as unusable; the first: line 3, .*node\(\)"):
        track = read(tmp_path, BAD, bad_fixes="skip")["0"]
    assert track.leg(0).at(0) == (1.0, 2.0)
    assert (track.leg(S).vx_m_per_s, track.leg(S).vy_m_per_s) == (1.0, 0.0)
    assert track.leg(2 * S).at(2 * S) == (2.0, 2.0)


def test_lines_without_a_node_are_no_motion(tmp_path: Path) -> None:
    """What `setdest` writes for its oracle, and Tcl around it, is passed over; a file of nothing else is refused."""
    other = 'set opt(nn) 1\n$god_ set-dist 0 1 1\n$ns_ at 3.0 "$god_ set-dist 0 1 2"\n\n'
    assert list(read(tmp_path, other + "$node_(7) set X_ 5\n" + other)) == ["7"]
    with pytest.raises(InputError, match="0 devices"):
        read(tmp_path, other)


def test_a_node_is_set_elsewhere_at_once(tmp_path: Path) -> None:
    """A scheduled `set` is a jump: refused, or an absence around it; coordinates of one instant make one jump."""
    text = '$ns_ at 5.0 "$node_(0) set X_ 10"\n$ns_ at 5.0 "$node_(0) set Z_ 10"\n$ns_ at 5.0 "$node_(0) set Y_ 20"\n'
    with pytest.raises(InputError, match=r"^a:1: got '0' 22.4 m"):
        read(tmp_path, text)
    with pytest.warns(InputWarning, match="1 jumps"):
        track = read(tmp_path, text + '$ns_ at 6.0 "$node_(0) setdest 10 30 1"', jumps="absent")["0"]
    assert track.presence == ((0, 5 * S + S // 2000), (5 * S + S // 1000, FOREVER_NS))
    assert track.leg(5 * S - 1).at(5 * S - 1) == (0.0, 0.0)
    assert track.leg(6 * S).at(6 * S) == (10.0, 20.0)
    assert track.leg(11 * S).at(11 * S) == pytest.approx((10.0, 25.0))
    assert read(tmp_path, text.replace("5.0", "0"))["0"].leg(0).at(0) == (10.0, 20.0)


def test_a_journey_that_never_ends_is_refused(tmp_path: Path) -> None:
    """A node that creeps for a thousand years is a mistake, unless it is told something else before."""
    text = '$ns_ at 1 "$node_(0) setdest 100 0 1e-12"\n'
    with pytest.raises(InputError, match="a journey until"):
        read(tmp_path, text)
    assert read(tmp_path, text + '$ns_ at 2 "$node_(0) setdest 0 0 0"\n')["0"].travelled_m(9 * S) < 1e-6


orders = st.lists(
    st.tuples(st.integers(0, 300), st.integers(-50, 50), st.integers(-50, 50), st.sampled_from([0.0, 0.5, 3.0, 20.0])),
    min_size=1,
    max_size=12,
    unique_by=lambda order: order[0],
)


@given(orders, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_nodes_do_what_they_are_told(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[int, int, int, float]], shuffle: Any
) -> None:
    """In any order of lines, a node is where a plain integration of its orders in tenths of seconds puts it."""
    lines = [f'$ns_ at {t / 10} "$node_(3) setdest {x} {y} {speed}"\n' for t, x, y, speed in told]
    shuffle.shuffle(lines)
    track = read(tmp_path_factory.mktemp("ns2"), "".join(lines), tolerance_m=1e-6)["3"]
    by_tenth = {t: (np.array([x, y], dtype=float), speed) for t, x, y, speed in told}
    here, order = np.zeros(2), (np.zeros(2), 0.0)
    for tenth in range(400):
        got = track.leg(tenth * S // 10).at(tenth * S // 10)
        assert got == pytest.approx(here.tolist(), abs=1e-5)
        order = by_tenth.get(tenth, order)
        way = order[0] - here
        left_m = float(np.hypot(*way))
        here = order[0] if 0 < left_m <= order[1] / 10 else here + (way / left_m * order[1] / 10 if left_m else 0.0)
