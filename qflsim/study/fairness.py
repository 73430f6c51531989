"""Fairness: how evenly devices are heard, who gets the air, and how many handovers lead back."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from qflsim.study.foreign import as_recorded
from qflsim.study.summary import table
from qflsim.terms import Fate
from qflsim.trace.reader import Trace
from qflsim.units import NS_PER_S, Floats

PING_PONG_S = 1.0
"""Who is back in the previous cell sooner need not have left it (minimum time of stay, 3GPP TR 36.839)."""
SHARED = {"applied": "applied", "weight": "weight", "airtime": "airtime_s"}
"""What Jain's index is said of: its name, and the column of the devices."""
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


def lorenz(amounts: Floats) -> Floats:
    """The Lorenz curve of n amounts >= 0: the share of all that the k smallest have together, for k = 0 to n.

    k/n throughout if all have the same (Lorenz, Publ. Am. Stat. Assoc. 9, 1905). nan if nobody has anything.
    """
    summed: Floats = np.concatenate(([0.0], np.cumsum(np.sort(np.asarray(amounts, dtype=float)))))
    return summed / summed[-1] if summed[-1] > 0.0 else np.full(len(summed), NAN)


class Shares(NamedTuple):
    """What the numbers of fairness are made of, counted once."""

    devices: pd.DataFrame
    """one row a registered device: its `name` and `group`, its participations `invited`, its updates `applied`, their
    `weight` in the versions, and `airtime_s`, the time in which a cell served its transfers, among others"""
    groups: pd.DataFrame
    """what `groups` gives"""
    cells: pd.DataFrame
    """what `ping_pongs` gives"""


def shares(trace: Trace) -> Shares:
    """Counts what devices, groups and cells have."""
    with as_recorded(trace):
        devices = _devices(trace)
        return Shares(devices, _groups(devices), ping_pongs(trace))


def groups(trace: Trace) -> pd.DataFrame:
    """One row a group of devices, in the order of the scenario, each column but the first two a share of all groups':

    `devices`, a count; `share_of_devices`; `invited`, of the participations; `applied`, of the applied updates;
    `weight`, of their weights in the versions; `airtime`, of the time in which a cell served a transfer, among others
    (nan if the trace has no transfers). A share of nothing is nan.
    """
    return _groups(_devices(trace))


def _devices(trace: Trace) -> pd.DataFrame:
    updates, transfers = trace.table("updates"), trace.table("transfers")
    applied = updates[updates["fate"] == Fate.APPLIED]
    found = trace.devices[["name", "group"]].copy()
    for name, rows, amounts in (
        ("invited", updates, np.ones(len(updates))),
        ("applied", applied, np.ones(len(applied))),
        ("weight", applied, applied["weight"]),
        ("airtime_s", transfers, transfers["sharing_ns"] / NS_PER_S),
    ):
        found[name] = np.bincount(rows["device"], weights=amounts, minlength=len(found))
    return found


def _groups(devices: pd.DataFrame) -> pd.DataFrame:
    of_group = devices.groupby("group", sort=False)
    sums, counts = of_group[["invited", "applied", "weight", "airtime_s"]].sum(), of_group.size()
    found = pd.DataFrame({"group": list(counts.index), "devices": counts.to_numpy()})
    found["share_of_devices"] = found["devices"] / len(devices)
    for column in sums:
        total = float(sums[column].sum())
        found[column.removesuffix("_s")] = sums[column].to_numpy() / total if total > 0.0 else NAN
    return found


def ping_pongs(trace: Trace) -> pd.DataFrame:
    """One row a cell that was left: its name (`cell`), the `handovers` out of it, and those that led `back`.

    Back is where the same participation had been less than `PING_PONG_S` before.
    """
    handovers, names = trace.handovers, trace.cells["name"]
    before = handovers.groupby("participation").shift()
    back = (handovers["to_cell"] == before["from_cell"]) & (handovers["t_s"] - before["t_s"] < PING_PONG_S)
    found = back.groupby(handovers["from_cell"]).agg(["size", "sum"]).set_axis(["handovers", "back"], axis="columns")
    found.insert(0, "cell", [str(names.get(number, f"cell {number}")) for number in found.index])
    return found.reset_index(drop=True)


def ping_pong(trace: Trace) -> float:
    """The share of the handovers that lead back to the cell which the same participation left less than `PING_PONG_S`
    before; nan without handovers."""
    return _share_back(ping_pongs(trace))


def _share_back(cells: pd.DataFrame) -> float:
    return float(cells["back"].sum() / cells["handovers"].sum()) if len(cells) else NAN


def fairness(trace: Trace) -> dict[str, Any]:
    """The numbers of fairness, nan where there is nothing to share.

    `jain` has six of Jain's indices: over the registered devices (those never heard count, with 0) of applied updates,
    of total weight and of airtime, `devices_applied`, `devices_weight`, `devices_airtime`; and over the groups of the
    same *per device*, so that a large group is no privilege: `groups_applied`, `groups_weight`, `groups_airtime`.
    `groups` are the rows of `groups(trace)`, `ping_pong` is what the function of this name says.
    """
    return numbers(shares(trace))


def numbers(found: Shares) -> dict[str, Any]:
    """What `fairness` says, of what is counted already."""
    devices, table = found.devices, found.groups
    per_device = {name: (table[name].fillna(0.0) / table["devices"]).to_numpy(float) for name in SHARED}
    return {
        "jain": {f"devices_{name}": jain(devices[column].to_numpy()) for name, column in SHARED.items()}
        | {f"groups_{name}": jain(per_device[name]) for name in SHARED},
        "groups": table.to_dict("records"),
        "ping_pong": _share_back(found.cells),
    }


def fairness_told(found: dict[str, Any]) -> str:
    """The same for people: a table, and lines below it."""
    columns = ["share_of_devices", "invited", "applied", "weight", "airtime"]
    rows = [[str(row["group"]), *(_percent(row[column]) for column in columns)] for row in found["groups"]]
    index = found["jain"]
    no_air, lines = math.isnan(index["devices_airtime"]), []
    if not math.isnan(index["devices_applied"]):
        lines.append(
            f"Jain's index of applied updates: {index['devices_applied']:.2f} over devices, "
            f"{index['groups_applied']:.2f} over groups; of their weight: {index['devices_weight']:.2f}, "
            f"{index['groups_weight']:.2f}"
            + ("" if no_air else f"; of airtime: {index['devices_airtime']:.2f}, {index['groups_airtime']:.2f}")
        )
    if not math.isnan(found["ping_pong"]):
        lines.append(f"ping-pong: {_percent(found['ping_pong'])} of handovers")
    return "\n".join([*table(["share of", "devices", *columns[1:]], rows), *lines])


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100.0 * share:.1f} %"
