"""The tables of a trace: one for each type of record, its columns read off the record's own annotations.

| annotation            | column                                                                    |
|-----------------------|---------------------------------------------------------------------------|
| `int`                 | int64 where it counts time, bits or what an event says; int32 otherwise   |
| `float`               | float64                                                                   |
| `bool`                | HDF5 enumeration FALSE, TRUE                                              |
| an `IntEnum`          | HDF5 enumeration of its names on one byte                                 |
| `str`                 | fixed-length UTF-8: 64 bytes for names of things, 32 for names of kinds   |
| `tuple[float, ...]`   | one array of float64 a row                                                |
"""

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, TypeAlias, get_type_hints

import h5py
import numpy as np
import numpy.typing as npt

from qflsim import records
from qflsim.records import Record

Rows: TypeAlias = npt.NDArray[np.void]

TABLES: dict[str, type[Record]] = {
    "devices": records.Device,
    "sites": records.Site,
    "cells": records.Cell,
    "presence": records.Presence,
    "legs": records.Leg,
    "outages": records.Outage,
    "handovers": records.Handover,
    "transfers": records.Transfer,
    "trainings": records.Training,
    "updates": records.Update,
    "versions": records.Version,
    "evaluations": records.Evaluation,
    "version_angles": records.VersionAngles,
    "update_angles": records.UpdateAngles,
    "events": records.Event,
    "pauses": records.Pause,
    "link_samples": records.LinkSample,
}
"""The record type of each table."""

UNITS = {"m_per_s": "m/s", "ns": "ns", "s": "s", "m": "m", "j": "J", "hz": "Hz", "dbm": "dBm", "dbi": "dBi", "db": "dB",
         "deg": "degree", "bit": "bit", "bit_per_s": "bit/s"}  # fmt: skip
_SUFFIX = re.compile(rf"_({'|'.join(UNITS)})$")
_LONG_NAMES = ("name", "metric")


def row_dtype(record: type[Record], parameters: int) -> np.dtype[np.void]:
    """The row of a record type's table, packed; `parameters` is the length of every angle vector."""
    assert parameters >= 1
    hints = get_type_hints(record)
    return np.dtype([(column, *_cell(column, hints[column], parameters)) for column in record._fields])


def enums(record: type[Record]) -> dict[str, type[IntEnum]]:
    """The columns of a record type that hold one of a few named values."""
    return {column: hint for column, hint in get_type_hints(record).items() if _is_enum(hint)}


def units(record: type[Record]) -> dict[str, str]:
    """The unit of each column that has one, as the column's name says."""
    found = {column: _SUFFIX.search(column) for column in record._fields}
    return {column: UNITS[match[1]] for column, match in found.items() if match}


def pack(rows: Sequence[Record], dtype: np.dtype[np.void]) -> Rows:
    """Records of one type as an array of table rows, bit for bit what the table will hold."""
    packed = np.empty(len(rows), dtype)
    if not rows:
        return packed
    for column, values in zip(dtype.names or (), zip(*rows, strict=True), strict=True):
        packed[column] = _array(values, dtype[column])
    return packed


def _cell(column: str, hint: Any, parameters: int) -> tuple[Any, ...]:
    if _is_enum(hint):
        return (h5py.enum_dtype({member.name: member.value for member in hint}, basetype=np.uint8),)
    if hint is str:
        return (h5py.string_dtype("utf-8", 64 if column in _LONG_NAMES else 32),)
    if hint is int:
        return ("<i8" if column.endswith(("_ns", "_bit")) or column == "value" else "<i4",)
    if hint in (bool, float):
        return ({bool: "?", float: "<f8"}[hint],)
    assert hint == tuple[float, ...], f"no column for {hint}"
    return ("<f8", (parameters,))


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, IntEnum)


def _array(values: tuple[Any, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if dtype.kind == "S":
        texts = [value.encode() for value in values]
        assert max(map(len, texts)) <= dtype.itemsize, f"a name above {dtype.itemsize} bytes: {max(texts, key=len)!r}"
        return np.array(texts, dtype)
    array = np.array(values, dtype.base)
    assert array.shape[1:] == dtype.shape, f"angle vectors of {array.shape[1:]}, promised {dtype.shape}"
    return array
