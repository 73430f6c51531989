"""Tables as people read them."""

import math

import numpy as np

from qflsim.records import Evaluation, Outage, Update, VersionAngles
from qflsim.terms import Fate
from qflsim.trace.frames import frame
from qflsim.trace.tables import pack, row_dtype
from qflsim.units import FOREVER_NS, NEVER_NS


def test_times_are_seconds_and_what_did_not_come_is_missing() -> None:
    """NEVER is NaN, FOREVER is infinite, and every other time is its nanoseconds over 10⁹."""
    rows = pack([Outage(1_500_000_000, 0, NEVER_NS, FOREVER_NS)], row_dtype(Outage, 1))
    table = frame(rows, Outage)
    assert list(table.columns) == ["t_s", "site", "start_s", "end_s"]
    assert table.t_s[0] == 1.5
    assert math.isnan(table.start_s[0])
    assert table.end_s[0] == math.inf


def test_fates_carry_the_names_that_users_see() -> None:
    """Every fate is a category, met or not, so that counts name all of them."""
    update = Update(*range(16), 0.5, Fate.DEVICE_OFF, 0.0)
    table = frame(pack([update], row_dtype(Update, 1)), Update)
    assert table.fate[0] == "device-off"
    assert dict(table.fate.value_counts()) == {fate.label: int(fate is Fate.DEVICE_OFF) for fate in Fate}


def test_text_is_text_and_angles_are_columns() -> None:
    """Names come as strings; a vector of length d as d columns in order; an empty table keeps its columns."""
    assert (
        frame(pack([Evaluation(0, 1, "ratio ρ", 0.5, 0.125)], row_dtype(Evaluation, 1)), Evaluation).metric[0]
        == "ratio ρ"
    )
    angles = frame(pack([VersionAngles(0, 4, (0.1, 0.2))], row_dtype(VersionAngles, 2)), VersionAngles)
    assert list(angles.columns) == ["t_s", "version", "angle_0", "angle_1"]
    assert (angles.angle_0[0], angles.angle_1[0]) == (0.1, 0.2)
    assert list(frame(np.empty(0, row_dtype(VersionAngles, 2)), VersionAngles).columns) == list(angles.columns)
