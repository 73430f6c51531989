"""Tables as people read them: times in seconds, names for numbers, text for bytes."""

from typing import Any

import numpy as np
import pandas as pd

from qflsim.records import Record
from qflsim.terms import label
from qflsim.trace.tables import Rows, enums
from qflsim.units import FOREVER_NS, NEVER_NS, NS_PER_S, Floats


def frame(rows: Rows, record: type[Record]) -> pd.DataFrame:
    """A table's rows as a data frame.

    A column `*_ns` becomes `*_s`, NaN for an instant that did not come and infinity for one that no run reaches. What
    has names becomes categorical, with the names that users see (`device-off`). An angle vector of length d becomes
    the columns `angle_0` to `angle_{d-1}`.
    """
    named = enums(record)
    columns: dict[str, Any] = {}
    for name in record._fields:
        values = rows[name]
        if name in named:
            labels = {member.value: label(member) for member in named[name]}
            columns[name] = pd.Categorical([labels[value] for value in values.tolist()], list(labels.values()))
        elif name.endswith("_ns"):
            columns[name.removesuffix("ns") + "s"] = _seconds(values)
        elif values.dtype.kind == "S":
            columns[name] = pd.Series([text.decode() for text in values.tolist()], dtype=str)
        elif values.ndim == 2:
            columns |= {f"angle_{i}": column for i, column in enumerate(values.T)}
        else:
            columns[name] = values
    return pd.DataFrame(columns)


def _seconds(times_ns: np.ndarray[Any, np.dtype[np.int64]]) -> Floats:
    times_s = times_ns / NS_PER_S
    times_s[times_ns == NEVER_NS] = np.nan
    times_s[times_ns >= FOREVER_NS] = np.inf
    return times_s
