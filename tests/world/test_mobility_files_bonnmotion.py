"""BonnMotion's lines of way-points."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.errors import InputError
from qflsim.units import FOREVER_NS, NS_PER_S
from qflsim.world import mobility_files_bonnmotion
from qflsim.world.mobility_files_bonnmotion import BonnMotion
from qflsim.world.tracks import Leg, Track

S = NS_PER_S


def read(folder: Path, text: str | bytes, **fields: Any) -> dict[str, Track]:
    """The tracks of a file with this content."""
    (folder / "a").write_bytes(text.encode() if isinstance(text, str) else text)
    return dict(BonnMotion(file="a", **fields).read(folder, 600.0))


def test_nodes_go_from_point_to_point_and_wait(tmp_path: Path) -> None:
    """A wait repeats a place; a node stands before its first point and after its last; compressed or not."""
    text = "2.0 10 20 4.0 10 20 9.0 35 20\r\n\n# a comment\n0 1 1"
    for content in (text.encode(), gzip.compress(text.encode())):
        tracks = read(tmp_path, content)
        assert list(tracks) == ["0", "1"]
        assert all(track.presence == ((0, FOREVER_NS),) for track in tracks.values())
        assert tracks["0"].produced == [
            Leg(0, 2 * S, 10.0, 20.0, 0.0, 0.0),
            Leg(2 * S, 4 * S, 10.0, 20.0, 0.0, 0.0),
            Leg(4 * S, 9 * S, 10.0, 20.0, 5.0, 0.0),
            Leg(9 * S, FOREVER_NS, 35.0, 20.0, 0.0, 0.0),
        ]
        assert tracks["1"].produced == [Leg(0, FOREVER_NS, 1.0, 1.0, 0.0, 0.0)]


def test_heights_are_passed_over(tmp_path: Path) -> None:
    """In three dimensions z is read and not used; a file of another dimension is told by what is left over."""
    flat = read(tmp_path, "0 1 2 5 6 7\n")["0"]
    assert read(tmp_path, "0 1 2 -9 5 6 7 88\n", dimensions=3)["0"].produced == flat.produced
    with pytest.raises(InputError, match=r"^a:1: got 2 numbers left over .* want 4 a way-point"):
        read(tmp_path, "0 1 2 5 6 7\n", dimensions=3)


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=1, max_size=40), min_size=1, max_size=5), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_where_chunks_end_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, lines: list[list[int]], chunk_byte: int
) -> None:
    """Lines far longer than what is read at once give the same way-points."""
    text = "\n".join(" ".join(f"{t}.5 {x} -{x}" for t, x in enumerate(line)) for line in lines)
    folder = tmp_path_factory.mktemp("bm")
    want = {name: track.produced for name, track in read(folder, text, speed_limit_m_per_s=1e9).items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mobility_files_bonnmotion, "CHUNK_BYTE", chunk_byte)
        got = {name: track.produced for name, track in read(folder, text, speed_limit_m_per_s=1e9).items()}
    assert got == want
    assert len(got) == len(lines)
