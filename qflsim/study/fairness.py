"""Fairness: how evenly devices are heard, who gets the air, and how many handovers lead back."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qflsim.study.foreign import as_recorded
from qflsim.study.summary import table
from qflsim.terms import Fate
from qflsim.trace.reader import Trace
from qflsim.units import Floats

Numbers = npt.NDArray[np.int64]
PING_PONG_S = 1.0
"""Who is back in the previous cell sooner need not have left it (minimum time of stay, 3GPP TR 36.839)."""
NAN = float("nan")


def jain(amounts: Floats) -> float:
    """Jain's index of amounts x_i >= 0: J = (Σ x)² / (n Σ x²).

    1 if all have the same, 1/n if one alone has all, k/n if k have the same and the others nothing (Jain, Chiu and
    Hawe, DEC-TR-301, 1984). nan if nobody has anything, or there is nobody.
    """
    amounts = np.asarray(amounts, dtype=float)
    assert (amounts >= 0.0).all()
    most = amounts.max(initial=0.0)
    if most == 0.0:
        return NAN
    shares = amounts / most  # squares of the largest and the smallest floats stay floats
    return float(shares.sum() ** 2 / (len(shares) * (shares**2).sum()))


def groups(trace: Trace) -> pd.DataFrame:
    """One row a group of devices, in the order of the scenario, each column but the first two a share of all groups':

    `devices`, a count; `share_of_devices`; `invited`, of the participations; `applied`, of the applied updates;
    `weight`, of their weights in the versions; `airtime`, of the time in which a cell served a transfer, among others
    (nan if the trace has no transfers). A share of nothing is nan.
    """
    return _groups(trace, _by_device(trace))


def _groups(trace: Trace, of_device: Mapping[str, Floats]) -> pd.DataFrame:
    devices, transfers = trace.devices, trace.table("transfers")
    of, counted = devices["group"], dict(of_device)
    counted["airtime"] = _sums(transfers["device"], transfers["sharing_ns"], len(devices))
    names = list(dict.fromkeys(of))
    found = pd.DataFrame({"group": names, "devices": of.value_counts().reindex(names).to_numpy()})
    found["share_of_devices"] = found["devices"] / len(devices)
    for name, amounts in counted.items():
        mine = pd.Series(amounts).groupby(of).sum().reindex(names).to_numpy(float)
        found[name] = mine / mine.sum() if mine.sum() > 0.0 else NAN
    return found


def _by_device(trace: Trace) -> dict[str, Floats]:
    """Participations of each registered device, its applied updates, and their weight."""
    updates, count = trace.table("updates"), trace.rows["devices"]
    applied = updates[updates["fate"] == Fate.APPLIED]
    return {
        "invited": _sums(updates["device"], np.ones(len(updates)), count),
        "applied": _sums(applied["device"], np.ones(len(applied)), count),
        "weight": _sums(applied["device"], applied["weight"], count),
    }


def _sums(devices: Numbers, amounts: Numbers | Floats, count: int) -> Floats:
    return np.asarray(np.bincount(devices, weights=amounts, minlength=count), dtype=float)


def ping_pong(trace: Trace) -> float:
    """The share of the handovers that lead back to the cell which the same participation left less than `PING_PONG_S`
    before; nan without handovers."""
    handovers = trace.handovers
    before = handovers.groupby("participation").shift()
    back = (handovers["to_cell"] == before["from_cell"]) & (handovers["t_s"] - before["t_s"] < PING_PONG_S)
    return float(back.mean()) if len(handovers) else NAN


def fairness(trace: Trace) -> dict[str, Any]:
    """The numbers of fairness, nan where there is nothing to share.

    `jain` has four of Jain's indices: over the registered devices (those never heard count, with 0) of applied updates
    and of total weight, `devices_applied`, `devices_weight`; and over the groups of the same *per device*, so that a
    large group is no privilege: `groups_applied`, `groups_weight`. `groups` are the rows of `groups(trace)`,
    `ping_pong` is what the function of this name says.
    """
    with as_recorded(trace):
        of_device = _by_device(trace)
        table = _groups(trace, of_device)
    per_device = {column: table[column].fillna(0.0) / table["devices"] for column in ("applied", "weight")}
    return {
        "jain": {
            "devices_applied": jain(of_device["applied"]),
            "devices_weight": jain(of_device["weight"]),
            "groups_applied": jain(per_device["applied"].to_numpy(float)),
            "groups_weight": jain(per_device["weight"].to_numpy(float)),
        },
        "groups": table.to_dict("records"),
        "ping_pong": ping_pong(trace),
    }


def fairness_told(found: dict[str, Any]) -> str:
    """The same for people: a table, and lines below it."""
    columns = ["share_of_devices", "invited", "applied", "weight", "airtime"]
    rows = [[str(row["group"]), *(_percent(row[column]) for column in columns)] for row in found["groups"]]
    index = found["jain"]
    lines = []
    if not math.isnan(index["devices_applied"]):
        lines.append(
            f"Jain's index of applied updates: {index['devices_applied']:.2f} over devices, "
            f"{index['groups_applied']:.2f} over groups; of their weight: {index['devices_weight']:.2f}, "
            f"{index['groups_weight']:.2f}"
        )
    if not math.isnan(found["ping_pong"]):
        lines.append(f"ping-pong: {_percent(found['ping_pong'])} of handovers")
    return "\n".join([*table(["share of", "devices", *columns[1:]], rows), *lines])


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100.0 * share:.1f} %"
