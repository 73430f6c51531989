"""Every column of every table is explained, once."""

import pytest

from qflsim.trace.columns import COMMON, MEANINGS, columns_told, meanings
from qflsim.trace.tables import TABLES


def test_every_column_has_a_meaning_and_every_meaning_a_column() -> None:
    """Nothing is left out, and nothing is said of a column that is not there or that says the same by itself."""
    assert set(MEANINGS) == set(TABLES)
    used = set()
    for name, record in TABLES.items():
        assert set(MEANINGS[name]) <= set(record._fields), name
        assert set(record._fields) <= set(MEANINGS[name]) | set(COMMON), name
        assert all(COMMON.get(column) != meaning for column, meaning in MEANINGS[name].items()), name
        used |= set(record._fields) - set(MEANINGS[name])
    assert used == set(COMMON)


@pytest.mark.parametrize("name", TABLES)
def test_meanings_are_words(name: str) -> None:
    """Each is a few words on one line, in the order of the columns."""
    found = meanings(name)
    assert tuple(found) == TABLES[name]._fields
    assert all(3 <= len(meaning) <= 120 and "\n" not in meaning and "|" not in meaning for meaning in found.values())


def test_columns_are_told_as_a_data_frame_has_them() -> None:
    """Times in seconds with their unit, counts without one, velocities in theirs."""
    told = columns_told("legs").splitlines()
    assert told[0].startswith("    t_s [s]: ")
    assert told[1].startswith("    device: ")
    assert told[6].startswith("    vx_m_per_s [m/s]: ")
    assert "angle_0, angle_1, ...: " in columns_told("version_angles")
