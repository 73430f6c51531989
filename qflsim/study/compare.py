"""Two policies side by side: runs of one world, compared participation by participation and as a whole."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from qflsim.errors import InputError
from qflsim.study.compare_warnings import changes, doubts, doubts_among
from qflsim.study.horizon import common, cut
from qflsim.study.outcomes import PAIR, SHARE, Outcome, outcome
from qflsim.terms import Fate
from qflsim.trace.reader import Trace
from qflsim.units import Floats

CONFIDENCE = 0.95
TOP = 3
"""So many devices are named that gained most, and as many that lost most."""
_FATES = [fate.label for fate in Fate]
_LARGE = ("devices", "updates", "transfers", "trainings")


class Pair(NamedTuple):
    """What two runs, A and B, say of each other.

    `graded` says whether both could have reached the target, and `reached_s` when they did. All else is what was known
    at `until_s`, the end of the one that ends first (see `horizon.cut`).
    `fates` counts participations by fate in A (rows) and in B (columns), both followed by a last place for those that
    are only in the other run. `values` has a row a quantity and `by_group` a row a group and quantity, with the columns
    a and b, nan for what is not known. `devices` has a row a device: its name and group, and its applied updates in A
    and B.
    """

    target: float | None
    graded: bool
    reached_s: tuple[float | None, float | None]
    until_s: float
    values: pd.DataFrame
    by_group: pd.DataFrame
    fates: np.ndarray
    both_applied: dict[str, Any]
    devices: pd.DataFrame


def compare(a: Sequence[Trace], b: Sequence[Trace], target: float | None = None) -> dict[str, Any]:
    """The contract of `compare --json`: the runs `a` of one policy beside the runs `b` of another, first with first.

    A participation is paired with that of the same device and number (its first with its first, and so on); devices are
    matched by name where the runs do not have the same. `target` is a mean noise-free grade, by default `SHARE` of
    the centralised baseline of the pair (of the lower, where A and B differ).

    Of runs of different length everything but the time to the target is taken at the end of the one that ends first,
    the `until_s` of the pair: what was under way then is in flight, whatever became of it later.

    `differences` has each quantity's a, b and difference (b - a), averaged over the `n` pairs in which both are known,
    and from two pairs on the half-width of the 95 % confidence interval of the mean difference (Student's t, for paired
    replications that are independent and nearly normal). Of `time_to_target_s` those are the pairs in which both
    reached it; `reached` counts the others, which are censored. A single pair keeps the one that is known. `groups` has
    the same by group of devices, `fates` the paired participations by fate in A and then in B, `unpaired` the others,
    `devices` who gained and who lost applied updates.

    Errors: an `InputError` for a damaged trace and a target that is no number. What else is amiss stands in `warnings`.
    """
    assert len(a) == len(b) >= 1
    if target is not None and not np.isfinite(target):
        raise InputError("--target", target, "a finite number")
    pairs, runs, warned = [], list[list[Outcome]](), list[str]()
    for number, (one, other) in enumerate(zip(a, b, strict=True), 1):
        both = outcome(one), outcome(other)
        warned += [f"pair {number}: {text}" if len(a) > 1 else text for text in doubts(*both, target)]
        pairs.append(pair(*both, target))
        runs.append([run._replace(**{name: getattr(run, name)[:0] for name in _LARGE}) for run in both])
    warned += doubts_among(runs)
    told = _joined(pairs)
    time_s = told["differences"]["time_to_target_s"]
    return {
        "same_world": all(one.header["world"] == other.header["world"] for one, other in runs),
        "time_to_target_s": {"a": time_s["a"], "b": time_s["b"]},
        **told,
        "target": target,
        "metric": next((run.kind for both in runs for run in both if run.kind is not None), None),
        "changes": changes(*runs[0]),
        "replications": [_told_pair(one, other, found) for (one, other), found in zip(runs, pairs, strict=True)],
        "warnings": list(dict.fromkeys(warned)),
    }


def pair(a: Outcome, b: Outcome, target: float | None = None) -> Pair:
    """Two runs compared."""
    target = common_target(a, b, target)
    reached_s = (a.reached_s(target), b.reached_s(target))
    until_s, horizon = min(a.until_s, b.until_s), common(a, b)
    if horizon is not None:
        a, b = cut(a, horizon), cut(b, horizon)
    values = {"time_to_target_s": [np.nan if t_s is None else t_s for t_s in reached_s]}
    for which in ("last", "best"):
        values[f"{which}_grade"] = [run.grade(which) if same_goal(a, b) else np.nan for run in (a, b)]
    values["versions"] = [len(run.versions_s) for run in (a, b)]
    numbers, devices = matched(a.devices, b.devices)
    there = b.updates[["device", "device_participation", "fate", "invited_s", "ended_s", "staleness"]]
    there = there.assign(device=numbers[there["device"]])
    counts = [frame["device"][frame["fate"] == "applied"].value_counts() for frame in (a.updates, there)]
    devices = devices.assign(a=counts[0], b=counts[1]).fillna({"a": 0, "b": 0}).astype({"a": int, "b": int})
    fates, both_applied = _paired(a.updates, there)
    total = pd.DataFrame({"a": a.total, "b": b.total})
    return Pair(
        target,
        target is not None and a.kind is not None and b.kind is not None,
        reached_s,
        until_s,
        pd.concat([pd.DataFrame.from_dict(values, "index", dtype=float, columns=["a", "b"]), total]),
        _by_group(a, b),
        fates,
        both_applied,
        devices,
    )


def same_goal(a: Outcome, b: Outcome) -> bool:
    """Whether the grades of two runs are of one metric; those of a run without any are."""
    return a.kind is None or b.kind is None or a.kind == b.kind


def common_target(a: Outcome, b: Outcome, target: float | None = None) -> float | None:
    """The target of two runs, by default that of the lower centralised baseline; None if they have none in common."""
    if target is not None or not same_goal(a, b):
        return target if same_goal(a, b) else None
    known = [run.centralised for run in (a, b) if np.isfinite(run.centralised)]
    return SHARE * min(known) if known else None


def matched(a: pd.DataFrame, b: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The number that each device of B has among the devices of both, and those: A's, then the ones only in B.

    By number if all have the same names and groups, else by name, and where names are not unique by name and group.
    """
    if a.equals(b):
        return np.arange(len(b)), a
    unique = a["name"].is_unique and b["name"].is_unique
    keys = ["name"] if unique else ["name", "group"]
    here, there = (devices[keys].assign(nth=devices.groupby(keys).cumcount()) for devices in (a, b))
    found = there.merge(here.assign(number=np.arange(len(a))), how="left")["number"]
    new = found.isna().to_numpy()
    numbers = np.where(new, len(a) + new.cumsum() - 1, found.fillna(0)).astype(int)
    return numbers, pd.concat([a, b[new]], ignore_index=True)


def _by_group(a: Outcome, b: Outcome) -> pd.DataFrame:
    """Every group of either run; nan in the one that lacks it."""
    names = list(dict.fromkeys([*a.groups.index, *b.groups.index]))
    stacked = [run.groups.reindex(names).stack(future_stack=True) for run in (a, b)]
    return pd.DataFrame({"a": stacked[0], "b": stacked[1]})


def _paired(a: pd.DataFrame, b: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any]]:
    both = a[b.columns].merge(b, on=PAIR, suffixes=("_a", "_b"))
    kinds = len(_FATES)
    cells = both["fate_a"].cat.codes.astype(int) * kinds + both["fate_b"].cat.codes
    moved = np.bincount(cells, minlength=kinds**2).reshape(kinds, kinds)
    fates = np.zeros((kinds + 1, kinds + 1), dtype=int)
    fates[:-1, :-1] = moved
    fates[:-1, -1] = np.bincount(a["fate"].cat.codes, minlength=kinds) - moved.sum(axis=1)
    fates[-1, :-1] = np.bincount(b["fate"].cat.codes, minlength=kinds) - moved.sum(axis=0)
    heard = both[(both["fate_a"] == "applied") & (both["fate_b"] == "applied")]
    means: dict[str, Any] = {"n": len(heard)}
    for name, columns in {"duration_s": [heard[f"ended_s_{x}"] - heard[f"invited_s_{x}"] for x in "ab"],
                          "staleness": [heard[f"staleness_{x}"] for x in "ab"]}.items():  # fmt: skip
        means[name] = dict(zip("ab", (float(column.mean()) for column in columns), strict=True))
    return fates, means


def interval(differences: Iterable[float]) -> tuple[int, float, float]:
    """How many differences are known, their mean, and the half-width of its 95 % interval (nan of less than two)."""
    known: Floats = np.array([value for value in differences if np.isfinite(value)])
    n = len(known)
    if n < 2:
        return n, float(known[0]) if n else np.nan, np.nan
    spread = known.std(ddof=1) / np.sqrt(n)
    return n, float(known.mean()), float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * spread)


def _summed_up(values: Sequence[pd.Series]) -> dict[str, float]:
    """One quantity over the pairs: each has an a and a b."""
    table = np.array([[value["a"], value["b"]] for value in values], dtype=float)
    known = table if len(table) == 1 else table[np.isfinite(table).all(axis=1)]
    a, b = known.mean(axis=0).tolist() if len(known) else (np.nan, np.nan)
    n, difference, half_width = interval(table[:, 1] - table[:, 0])
    return {"a": a, "b": b, "difference": difference, "half_width": half_width, "n": n}


def _joined(pairs: Sequence[Pair]) -> dict[str, Any]:
    """All pairs together: counts added, the rest averaged."""
    fates = sum((found.fates for found in pairs), np.zeros_like(pairs[0].fates))
    reached = Counter(_who_reached(found) for found in pairs)
    groups: dict[str, dict[str, Any]] = {}
    for group, quantity in dict.fromkeys(key for found in pairs for key in found.by_group.index):
        there = [found.by_group.loc[(group, quantity)] for found in pairs if (group, quantity) in found.by_group.index]
        groups.setdefault(str(group), {})[quantity] = _summed_up(there)
    devices = pd.concat([found.devices.assign(pair=number) for number, found in enumerate(pairs, 1)], ignore_index=True)
    change = devices["b"] - devices["a"]
    for name, told in groups.items():
        told["devices"] = _counted(change[devices["group"] == name])
    ranked = devices.assign(difference=change)
    return {
        "paired": int(fates[:-1, :-1].sum()),
        "unpaired": {"a": int(fates[:-1, -1].sum()), "b": int(fates[-1].sum())},
        "unpaired_fates": {"a": dict(zip(_FATES, fates[:-1, -1].tolist(), strict=True)),
                           "b": dict(zip(_FATES, fates[-1, :-1].tolist(), strict=True))},
        "fates": {fate: dict(zip(_FATES, row.tolist(), strict=True))
                  for fate, row in zip(_FATES, fates[:-1, :-1], strict=True)},
        "reached": {who: reached[who] for who in ("both", "only_a", "only_b", "neither", "unknown")},
        "differences": {str(quantity): _summed_up([found.values.loc[quantity] for found in pairs])
                        for quantity in pairs[0].values.index},
        "groups": groups,
        "devices": {
            **_counted(change),
            "most_gained": _top(ranked, change),
            "most_lost": _top(ranked, -change),
        },
    }  # fmt: skip


def _who_reached(found: Pair) -> str:
    """Unknown where there is no target, or a run is not graded."""
    if not found.graded:
        return "unknown"
    a, b = (t_s is not None for t_s in found.reached_s)
    return "both" if a and b else "only_a" if a else "only_b" if b else "neither"


def _top(devices: pd.DataFrame, change: pd.Series) -> list[dict[str, Any]]:
    """The first few of those with the greatest change above 0."""
    order = (-change).argsort(kind="stable").to_numpy()[:TOP]
    records: list[dict[str, Any]] = devices.iloc[order][(change > 0).to_numpy()[order]].to_dict("records")
    return records


def _counted(change: pd.Series) -> dict[str, int]:
    return {"gained": int((change > 0).sum()), "lost": int((change < 0).sum()), "unchanged": int((change == 0).sum())}


def _told_pair(a: Outcome, b: Outcome, found: Pair) -> dict[str, Any]:
    """One replication: which runs, the target of the two, when they reached it or until when they had not."""
    return {
        **{side: {"trace": run.path, "scenario": run.header["name"], "seed": run.header["seed"],
                  "digest": run.header["digest"], "world": run.header["world"], "complete": run.complete,
                  "timing_only": run.header["timing_only"], "metric": run.kind, "until_s": run.until_s,
                  "graded_s": run.graded_s, "centralised": run.centralised, "last_grade": run.grade("last"),
                  "best_grade": run.grade("best")}
           for side, run in (("a", a), ("b", b))},
        "target": found.target,
        "time_to_target_s": dict(zip("ab", found.reached_s, strict=True)),
        "until_s": found.until_s,
        "both_applied": found.both_applied,
    }  # fmt: skip
