"""Figures of who was where and when: a Gantt chart of participations, and a map of where uploads died."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from qflsim.study.findings import Source, findings
from qflsim.study.plots_style import (
    BLACK,
    BLUE,
    DOUBLE_IN,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SINGLE_IN,
    SKY,
    VERMILLION,
    YELLOW,
    Missing,
    clock,
    count,
    legend_above,
    needs,
    panel,
    short,
    styled,
)  # fmt: skip
from qflsim.study.summary import reach_s
from qflsim.terms import Direction
from qflsim.trace.reader import Trace
from qflsim.units import NS_PER_S

STAGES = (
    ("download", "invited_s", "download_end_s", SKY, 0.7),
    ("queue", "download_end_s", "training_start_s", YELLOW, 0.7),
    ("training", "training_start_s", "training_end_s", ORANGE, 0.7),
    ("upload", "training_end_s", "arrived_s", GREEN, 0.7),
    ("buffer", "arrived_s", "ended_s", "#E4E4E4", 0.25),
)
"""The stages of a participation: from which instant to which, the bar's colour and height. Pauses belong to the two
transfers. While an update waits in the buffer its device may take part again."""
ROWS = 24
"""Devices in a Gantt chart."""
WAYS = 100
"""Devices whose ways are drawn on a map."""
LEAST_WAYS = 5
LINES = 1500
"""Lines on a map."""
DEATHS = 3000
"""Marks on a map."""
NAMED_SITES = 8
FATES: dict[str, tuple[str, str]] = {
    "device-off": (VERMILLION, "+"),
    "abandoned": (BLUE, "x"),
    "recalled": (ORANGE, "1"),
    "late": (PURPLE, "2"),
    "in-flight": (BLACK, "."),
}
"""Colour and mark of an upload that was not completed, by its participation's fate."""
OTHER_FATE = "other fates"
_HALO = [withStroke(linewidth=1.5, foreground="white")]


def chosen(source: Source, version: int | None = None) -> tuple[int | None, float, float]:
    """A version that was made of updates (unless given, the one that took longest since the version before), and the
    time in seconds from its first contributor's invitation, or the version before, to it.

    If there is none, None and the time from the first invitation to the last end.
    """
    known = findings(source)
    updates, made_s = known.updates, known.trace.versions.set_index("version")["t_s"]
    applied = updates[updates["applied_version"].isin(made_s.index) & (updates["applied_version"] > 0)]
    if version is None and applied.empty:
        return None, float(updates["invited_s"].min()), float(updates["ended_s"].max())
    if version is None:
        version = int(made_s.diff().loc[sorted(applied["applied_version"].unique())].idxmax())
    mine = applied[applied["applied_version"] == version]
    if mine.empty:
        raise Missing(f"{known.trace.path}: version", str(version), "a version that was made of updates")
    before_s = made_s.get(version - 1, 0.0)
    return version, float(min(mine["invited_s"].min(), before_s)), float(made_s[version])


def shown(source: Source, since_s: float, until_s: float, first: int | None = None) -> tuple[pd.DataFrame, int]:
    """The participations of at most `ROWS` devices that took part within a time, and how many did.

    Contributors to version `first` come before others, then who was invited earlier. A column `row` numbers the devices
    from the top.
    """
    updates = findings(source).updates
    there = updates[(updates["invited_s"] < until_s) & (updates["ended_s"] > since_s)]
    there = there.assign(later=there["applied_version"] != first).sort_values(["later", "invited_s"], kind="stable")
    devices = list(dict.fromkeys(there["device"]))
    order = there[there["device"].isin(devices[:ROWS])].sort_values(["invited_s", "participation"])["device"]
    row = {device: i for i, device in enumerate(dict.fromkeys(order))}
    kept = updates[updates["device"].isin(row)]
    return kept.assign(row=kept["device"].map(row)), len(devices)


def gantt(
    source: Source, version: int | None = None, since_s: float | None = None, until_s: float | None = None
) -> Figure:
    """What devices were doing until a version was made: bars by stage, versions as vertical lines with their numbers.

    Unless a version or a time in simulated seconds is given, it is the version that took longest (without versions, the
    whole run). Its contributors come before others who were busy then, at most `ROWS` devices; the axis says of how
    many. A black line lies where a transfer was not served. A cross marks the end of a participation that was not
    applied, unless the run ended before. `Missing` if there is no such version, or nobody took part in that time.
    """
    known = findings(source)
    trace = known.trace
    if since_s is None or until_s is None:
        version, begins_s, ends_s = chosen(known, version)
        since_s, until_s = begins_s if since_s is None else since_s, ends_s if until_s is None else until_s
    rows, busy = shown(known, since_s, until_s, version)
    if rows.empty:
        got = f"none from {since_s:g} to {until_s:g} s"
        raise Missing(f"{trace.path}: updates", got, "a time in which somebody took part")
    margin_s = 0.04 * (until_s - since_s)
    since_s, until_s = max(0.0, since_s - margin_s), until_s + margin_s
    rows = rows[(rows["invited_s"] < until_s) & (rows["ended_s"] > since_s)]
    with styled():
        devices = rows.drop_duplicates("row").set_index("row")["device"].sort_index()
        figure, axes = panel(DOUBLE_IN, 1.1 + 0.16 * len(devices))
        unit_s, unit = clock(until_s)
        for stage in STAGES:
            _bars(axes, rows, *stage, unit_s)
        _pauses(axes, trace, rows, unit_s)
        lost = rows[~rows["fate"].isin(["applied", "in-flight"]) & (rows["ended_s"] <= until_s)]
        if len(lost):
            axes.plot(lost["ended_s"] / unit_s, lost["row"], "x", color=BLACK, markersize=4.0, label="not applied",
                      markeredgewidth=0.9, linestyle="none")  # fmt: skip
        axes.set_xlim(since_s / unit_s, until_s / unit_s)
        _versions(axes, trace, since_s, until_s, version, unit_s)
        names = trace.devices["name"]
        axes.set_yticks(range(len(devices)), [short(str(names[device]), 18) for device in devices])
        axes.set_ylim(len(devices) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0.0)
        of = count(busy, "device") if len(devices) == busy else f"{len(devices)} of {count(busy, 'device')}"
        axes.set(xlabel=f"simulated time [{unit}]", ylabel=of)
        legend_above(axes, 6)
    return figure


def _pauses(axes: Axes, trace: Trace, rows: pd.DataFrame, unit_s: float) -> None:
    """Where transfers were not served, as far as the trace says it."""
    pauses = trace.table("pauses")
    row_of = rows.set_index("participation")["row"]
    pauses = pauses[np.isin(pauses["participation"], row_of.index)]
    if len(pauses):
        start_s, end_s = (pauses[column] / NS_PER_S / unit_s for column in ("start_ns", "t_ns"))
        axes.barh(row_of[pauses["participation"]], end_s - start_s, 0.2, left=start_s, color=BLACK, zorder=2.0,
                  label="not served")  # fmt: skip


def _bars(
    axes: Axes, rows: pd.DataFrame, name: str, begin: str, end: str, colour: str, height: float, unit_s: float
) -> None:
    """A stage that was not come through goes on to the end; one that was not come to has no bar."""
    begin_s, end_s = rows[begin], rows[end].fillna(rows["ended_s"])
    there = begin_s.notna() & (end_s > begin_s)
    if there.any():
        axes.barh(rows["row"][there], (end_s - begin_s)[there] / unit_s, left=begin_s[there] / unit_s, height=height,
                  color=colour, zorder=1.0 + height, label=name, edgecolor=GREY, linewidth=0.3)  # fmt: skip


def _versions(axes: Axes, trace: Trace, since_s: float, until_s: float, version: int | None, unit_s: float) -> None:
    made = trace.versions.query("@since_s <= t_s <= @until_s")
    last = -float("inf")
    for number, t_s in zip(made["version"], made["t_s"], strict=True):
        axes.axvline(t_s / unit_s, color=BLACK, linewidth=1.2 if number == version else 0.5, zorder=0.5)
        if t_s - last > 0.04 * (until_s - since_s) or number == version:
            axes.annotate(f"v{number}", (t_s / unit_s, 1.0), (0.0, 2.0), ("data", "axes fraction"), "offset points",
                          ha="center", va="bottom", weight="bold" if number == version else "normal")  # fmt: skip
            last = t_s


def places(trace: Trace, devices: Any, t_ns: Any) -> pd.DataFrame:
    """Where devices were at instants, in metres (x_m, y_m), by their legs; nan before their first.

    After the end of a leg and before the next a device is where the leg ended.
    """
    legs = pd.DataFrame({name: trace.table("legs")[name] for name in
                         ("device", "start_ns", "end_ns", "x_m", "y_m", "vx_m_per_s", "vy_m_per_s")})  # fmt: skip
    asked = pd.DataFrame({"device": np.asarray(devices, dtype=np.int32), "t_ns": np.asarray(t_ns, dtype=np.int64)})
    found = pd.merge_asof(asked.assign(order=range(len(asked))).sort_values("t_ns", kind="stable"),
                          legs.sort_values("start_ns", kind="stable"), left_on="t_ns", right_on="start_ns",
                          by="device").sort_values("order")  # fmt: skip
    elapsed_s = (np.minimum(found["t_ns"], found["end_ns"]) - found["start_ns"]) / NS_PER_S
    return pd.DataFrame({f"{axis}_m": (found[f"{axis}_m"] + found[f"v{axis}_m_per_s"] * elapsed_s).to_numpy()
                         for axis in "xy"})  # fmt: skip


def deaths(source: Source) -> pd.DataFrame:
    """Where and when uploads ended that were not completed: participation, device, t_s, fate, x_m, y_m.

    Those that were under way when the run ended are among them, with their fate `in-flight`.
    """
    known = findings(source)
    trace = known.trace
    needs(trace, "transfers")
    rows, updates = trace.table("transfers"), known.updates
    rows = rows[(rows["direction"] == Direction.UPLOAD) & ~rows["complete"]]
    fates = pd.Series(updates["fate"].astype(str).to_numpy(), updates["participation"].to_numpy())
    found = pd.DataFrame(
        {"participation": rows["participation"], "device": rows["device"], "t_s": rows["end_ns"] / NS_PER_S}
    )
    found["fate"] = found["participation"].map(fates)
    return pd.concat([found, places(trace, rows["device"], rows["end_ns"])], axis="columns")


def ways(trace: Trace) -> tuple[Any, int]:
    """The legs of a sample of devices as lines in metres, (lines, 2 ends, 2); and how many devices they are of.

    Legs are cut at the end of the run. The devices are at equal distances in the list of all: up to `WAYS`, and fewer
    if they have many legs, so that there are about `LINES`.
    """
    legs, last_s = trace.table("legs"), reach_s(trace)
    legs = legs[legs["start_ns"] <= last_s * NS_PER_S]
    numbers = np.unique(legs["device"])
    most = max(LEAST_WAYS, min(WAYS, len(numbers) * LINES // max(1, len(legs)), len(numbers)))
    numbers = numbers[np.unique(np.linspace(0, len(numbers) - 1, min(most, len(numbers))).astype(int))]
    legs = legs[np.isin(legs["device"], numbers)]
    rests = (legs["vx_m_per_s"] == 0.0) & (legs["vy_m_per_s"] == 0.0)
    legs = legs[~rests | ~np.isin(legs["device"], legs["device"][~rests])]  # who moves rests on a way that is drawn
    lasted_s = np.clip(legs["end_ns"] / NS_PER_S, None, last_s) - legs["start_ns"] / NS_PER_S
    begins = np.stack([legs["x_m"], legs["y_m"]], axis=-1)
    moved = np.stack([legs["vx_m_per_s"], legs["vy_m_per_s"]], axis=-1) * lasted_s[:, None]
    return np.stack([begins, begins + moved], axis=1), len(numbers)


def map_of_uploads(source: Source) -> Figure:
    """Where uploads died: sites, the ways of a sample of devices, and each upload that was not completed at the place
    where its device then was, by the participation's fate.

    One scale for both axes. More than `DEATHS` marks are thinned evenly, and the note says so. A site much further out
    than devices go is told and not drawn. `Missing` if the trace has no transfers or no legs.
    """
    known = findings(source)
    trace = known.trace
    lost, (lines, devices) = deaths(known), ways(trace)
    if not len(lines):
        raise Missing(f"{trace.path}: legs", "none", "a trace whose devices have places")
    whole = len(lost)
    lost = lost.iloc[np.unique(np.linspace(0, whole - 1, min(DEATHS, whole)).astype(int))] if whole else lost
    sites = trace.sites
    low, high = lines.min(axis=(0, 1)), lines.max(axis=(0, 1))
    reach_m = max(float((high - low).max()), 100.0)
    at = sites[["x_m", "y_m"]].to_numpy()
    near = ((at > low - 1.5 * reach_m) & (at < high + 1.5 * reach_m)).all(axis=1)
    points = np.concatenate([lines.reshape(-1, 2), at[near], lost[["x_m", "y_m"]].dropna().to_numpy()])
    span = np.maximum(np.ptp(points, axis=0), 1.0)
    with styled():
        figure, axes = panel(SINGLE_IN, float(np.clip(2.9 * span[1] / span[0], 1.4, 3.6)) + 1.0)
        unit_m, unit = (1e3, "km") if span.max() > 2000.0 else (1.0, "m")
        _ways(axes, lines / unit_m)
        for fate, (colour, mark) in {**FATES, OTHER_FATE: (GREEN, "3")}.items():
            mine = lost[lost["fate"] == fate] if fate != OTHER_FATE else lost[~lost["fate"].isin(list(FATES))]
            if len(mine):
                axes.plot(mine["x_m"] / unit_m, mine["y_m"] / unit_m, mark, color=colour, label=f"{fate} ({len(mine)})",
                          markersize=5.0, markeredgewidth=1.0, rasterized=len(mine) > 1000)  # fmt: skip
        axes.plot(*(at[near] / unit_m).T, "^", color=BLACK, markersize=6.0, label="site", markeredgecolor="white",
                  markeredgewidth=0.5)  # fmt: skip
        if near.sum() <= NAMED_SITES:
            for name, (x, y) in zip(sites["name"][near], at[near] / unit_m, strict=True):
                axes.annotate(short(str(name), 16), (x, y), (0.0, 5.0), textcoords="offset points", ha="center",
                              path_effects=_HALO)  # fmt: skip
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.08)
        axes.set(xlabel=f"x [{unit}]", ylabel=f"y [{unit}]")
        axes.set_title(_note(trace, devices, whole, len(lost), int((~near).sum())), loc="left", fontsize=8.0)
        legend_above(axes, 2)
    return figure


def _note(trace: Trace, devices: int, whole: int, drawn: int, far: int) -> str:
    registered = len(trace.devices)
    told = [f"{whole:,} incomplete uploads" if whole != 1 else "1 incomplete upload"]
    if drawn < whole:
        told[0] += f", {drawn:,} drawn"
    told.append(
        f"ways of {devices} of {registered:,} devices"
        if devices < registered
        else f"ways of {count(devices, 'device')}"
    )
    if far:
        told.append(f"{count(far, 'site')} outside the map")
    return "\n".join(told)


def _ways(axes: Axes, lines: Any) -> None:
    rests = (lines[:, 0] == lines[:, 1]).all(axis=1)
    axes.add_collection(LineCollection(lines[~rests], colors=PALE, linewidths=0.6 if len(lines) <= LINES / 3 else 0.3))
    axes.plot(*lines[rests, 0].T, ".", color=PALE, markersize=2.5)
    axes.update_datalim(lines.reshape(-1, 2))
