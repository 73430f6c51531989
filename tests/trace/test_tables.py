"""Every record type is a table, and its rows are the records bit for bit."""

import typing
from enum import IntEnum
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim import records
from qflsim.records import Evaluation, Event, Record, Update, VersionAngles
from qflsim.terms import Fate, Happening
from qflsim.trace.tables import TABLES, enums, pack, row_dtype, units


def cell(column: str, hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a column must hold."""
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return st.sampled_from(hint)
    if hint is str:
        text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=32)
        return text.filter(lambda value: len(value.encode()) <= 32)
    if hint is int:
        bits = 63 if column.endswith(("_ns", "_bit")) or column == "value" else 31
        return st.integers(-(2**bits), 2**bits - 1)
    if hint is bool:
        return st.booleans()
    return st.floats() if hint is float else st.tuples(st.floats(), st.floats())


def any_of(record: type[Record]) -> st.SearchStrategy[Record]:
    """Any record of a type, with two parameters."""
    hints = typing.get_type_hints(record)
    return st.tuples(*(cell(column, hints[column]) for column in record._fields)).map(record._make)


def test_every_record_type_is_one_table() -> None:
    """A record that no table takes would be lost."""
    assert set(TABLES.values()) == set(typing.get_args(records.Record))
    assert len(set(TABLES.values())) == len(TABLES)


@given(rows=st.one_of([st.lists(any_of(record), min_size=1, max_size=4) for record in TABLES.values()]))
@settings(max_examples=100, deadline=None)
def test_rows_are_the_records(rows: list[Record]) -> None:
    """Each value comes back exactly: extreme integers, infinities, not-a-numbers and non-ASCII names included."""
    packed = pack(rows, row_dtype(type(rows[0]), 2))
    for row, record in zip(packed, rows, strict=True):
        for column, value in zip(record._fields, record, strict=True):
            found = row[column].decode() if isinstance(value, str) else row[column]
            assert np.array_equal(found, value, equal_nan=not isinstance(value, str)), column


@pytest.mark.parametrize("record", TABLES.values(), ids=TABLES)
def test_time_comes_first_and_rows_are_packed(record: type[Record]) -> None:
    """The first column is the instant, and no byte of a row is padding."""
    dtype = row_dtype(record, 6)
    assert dtype.names is not None
    assert dtype.names[0] == "t_ns"
    assert dtype.itemsize == sum(dtype[name].itemsize for name in dtype.names)


def test_an_event_takes_29_bytes() -> None:
    """8 for the time, 1 for what happened, 3 × 4 for who, 8 for the value."""
    assert row_dtype(Event, 1).itemsize == 29


def test_a_number_too_large_for_its_column_is_refused() -> None:
    """A device number beyond 32 bits is an error, never another device."""
    with pytest.raises(OverflowError):
        pack([Event(0, Happening.INVITED, 2**31, 0, 0, 0)], row_dtype(Event, 1))


def test_a_name_too_long_is_refused() -> None:
    """A name is kept whole or refused, counted in bytes."""
    assert pack([Evaluation(0, 0, "é" * 32, 0.0, 0.125)], row_dtype(Evaluation, 1))["metric"][0].decode() == "é" * 32
    with pytest.raises(AssertionError, match="64 bytes"):
        pack([Evaluation(0, 0, "é" * 32 + "e", 0.0, 0.125)], row_dtype(Evaluation, 1))


def test_an_angle_vector_of_another_length_is_refused() -> None:
    """One vector of the right number of values cannot pass for two of another length."""
    with pytest.raises(AssertionError):
        pack([VersionAngles(0, 0, (1.0, 2.0, 3.0))], row_dtype(VersionAngles, 2))


def test_names_of_values_are_in_the_type() -> None:
    """An enumeration's names stand in the file, so that `h5dump` shows them."""
    assert enums(Update) == {"fate": Fate}
    kept = h5py.check_enum_dtype(row_dtype(Update, 1)["fate"])
    assert kept == {fate.name: fate.value for fate in Fate}


def test_units_are_those_that_names_end_in() -> None:
    """The longest ending counts: metres a second are not seconds, dBm are not metres."""
    assert units(records.Leg) == {
        "t_ns": "ns", "start_ns": "ns", "end_ns": "ns", "x_m": "m", "y_m": "m", "vx_m_per_s": "m/s", "vy_m_per_s": "m/s"
    }  # fmt: skip
    assert units(records.Site)["power_dbm"] == "dBm"
    assert units(records.Site)["antenna_gain_dbi"] == "dBi"
    assert units(records.Device)["noise_figure_db"] == "dB"
    assert units(records.Transfer)["model_bit"] == "bit"
    assert "device" not in units(records.Leg)
