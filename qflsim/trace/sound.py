"""Whether the values of a table are such as runs write: a stranger can seal anything with the right checksum."""

import numpy as np

from qflsim.errors import InputError
from qflsim.trace.tables import TABLES, Rows, enums
from qflsim.units import FOREVER_NS, NEVER_NS


def check_sound(name: str, rows: Rows) -> None:
    """InputError for a number without a name, text that is not UTF-8, half a truth, and time before or beyond all."""
    named = enums(TABLES[name])
    for column in rows.dtype.names or ():
        values = rows[column]
        if column in named:
            wrong = ~np.isin(values, list(named[column]))
        elif values.dtype.kind == "b":
            wrong = values.view(np.uint8) > 1
        elif column.endswith("_ns"):
            wrong = (values < NEVER_NS) | (values > FOREVER_NS)
        elif values.dtype.kind == "S":
            wrong = _not_text(values)
        else:
            continue
        if wrong.any():
            row = int(wrong.argmax())
            value = values[row].item()
            told = int(values.view(np.uint8)[row]) if values.dtype.kind == "b" else value
            raise InputError(name, f"a value that no run writes ({column} {told} in row {row})", "an undamaged trace")


def _not_text(values: np.ndarray[tuple[int], np.dtype[np.bytes_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    wrong = np.zeros(len(values), bool)
    if not len(values) or (np.ascontiguousarray(values).view(np.uint8) < 128).all():
        return wrong
    for row, value in enumerate(values.tolist()):
        try:
            value.decode()
        except UnicodeDecodeError:
            wrong[row] = True
    return wrong
