"""Commits: what is whole is known by its checksum."""

import zlib

import numpy as np
import pytest

from qflsim.records import Event
from qflsim.terms import Happening
from qflsim.trace.commits import COMMIT, checksum, sealed, valid
from qflsim.trace.tables import TABLES, pack, row_dtype


def test_checksum_runs_on() -> None:
    """The checksum of the whole is that of the end continued from that of the beginning, and is CRC-32."""
    rows = pack([Event(i, Happening.INVITED, i, i, -1, 0) for i in range(9)], row_dtype(Event, 1))
    assert checksum(rows[4:], checksum(rows[:4])) == checksum(rows) == zlib.crc32(rows.tobytes())
    assert checksum(rows[:0]) == 0


@pytest.mark.parametrize("torn", range(5))
def test_what_follows_a_torn_commit_does_not_count(torn: int) -> None:
    """Any one changed byte breaks a commit's seal, and with it every later commit."""
    whole = np.concatenate([sealed((i, i + 7) for _ in TABLES) for i in range(5)])
    assert len(valid(whole)) == 5
    for byte in range(0, COMMIT.itemsize, 13):
        commits = whole.copy()
        commits.view(np.uint8).reshape(5, -1)[torn, byte] ^= 0x20
        assert len(valid(commits)) == torn


def test_a_row_of_zeros_is_no_commit() -> None:
    """A row that was made room for and never written does not pass as an empty trace."""
    assert len(valid(np.zeros(3, COMMIT))) == 0
