"""A comparison for people: the answer first, then the numbers behind it."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from qflsim.study.compare import SHARE
from qflsim.study.compare_warnings import NOWHERE
from qflsim.study.report import GOALS, table

_WIDTH = 120
_CHANGES = 4
"""More settings than these are only counted."""


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _digits(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _second(value: float) -> str:
    return f"{value:,.1f}"


def _grade(value: float) -> str:
    return f"{value:.3f}"


def _hundredth(value: float) -> str:
    return f"{value:.2f}"


_QUANTITIES: dict[str, tuple[str, float, Callable[[float], str]]] = {
    "time_to_target_s": ("time to the target [s]", 1.0, _second),
    "last_grade": ("last version's {metric}", 1.0, _grade),
    "best_grade": ("best version's {metric}", 1.0, _grade),
    "versions": ("versions made", 1.0, _count),
    "invited": ("invited", 1.0, _count),
    "applied": ("applied", 1.0, _count),
    "mean_staleness": ("mean staleness", 1.0, _hundredth),
    "max_staleness": ("greatest staleness", 1.0, _count),
    "downloaded_bit": ("down [MB]", 8e6, _digits),
    "uploaded_bit": ("up [MB]", 8e6, _digits),
    "device_energy_j": ("devices [J]", 1.0, _digits),
    "processor_energy_j": ("processors [kJ]", 1e3, _digits),
}
"""How each quantity is told: its name, what it is divided by, and its digits."""
_GROUP = ["invited", "applied", "mean_staleness", "max_staleness", "downloaded_bit", "uploaded_bit", "device_energy_j",
          "processor_energy_j"]  # fmt: skip


def told(found: dict[str, Any]) -> str:
    """The comparison that `compare.compare` made, for people."""
    parts = [
        [*_answer(found), *_runs(found)],
        table(*_totals(found)),
        table(*_groups(found)) if len(found["groups"]) > 1 else [],
        [*table(*_fates(found)), *_both(found)],
        _devices(found),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _answer(found: dict[str, Any]) -> Iterator[str]:
    """Which of the two reaches the target sooner, and by how much."""
    metric = f"mean {GOALS.get(found['metric'], found['metric'])}"
    pairs = found["replications"]
    if all(one["target"] is None for one in pairs) or found["metric"] is None:
        applied = found["differences"]["applied"]
        a, b, difference = (_count(applied[key]) for key in ("a", "b", "difference"))
        yield f"no target to reach: B applied {b} updates, A {a}: {_signed(applied['difference'], difference)}"
        return
    yield _sooner(found, metric) if len(pairs) > 1 else _one(found, metric)
    known = [one["target"] for one in pairs if one["target"] is not None]
    shares = [one["target"] / SHARE for one in pairs if one["target"] is not None]
    if found["target"] is None:
        yield f"the target is {SHARE} of what centralised training reaches, {_span(shares)}: {_span(known)}"


def _span(values: list[float]) -> str:
    low, high = _grade(min(values)), _grade(max(values))
    return low if low == high else f"{low} to {high}"


def _one(found: dict[str, Any], metric: str) -> str:
    (pair,) = found["replications"]
    a, b = (pair["time_to_target_s"][side] for side in "ab")
    until_a, until_b = (pair[side]["until_s"] for side in "ab")
    goal = f"a {metric} of {_grade(pair['target'])}"
    if a is not None and b is not None:
        later = "as soon" if a == b else f"{_second(abs(b - a))} s {'later' if b > a else 'sooner'}"
        return f"B reaches {goal} in {_second(b)} s, A in {_second(a)} s: {later}"
    if a is not None:
        return f"B does not reach {goal} within {_second(until_b)} s, A does in {_second(a)} s{_least(until_b - a, 'later')}"
    if b is not None:
        return f"B reaches {goal} in {_second(b)} s, A not within {_second(until_a)} s{_least(until_a - b, 'sooner')}"
    best = found["differences"]["best_grade"]
    return (f"neither reaches {goal}: B within {_second(until_b)} s comes to {_known(best['b'], _grade)}, "
            f"A within {_second(until_a)} s to {_known(best['a'], _grade)}")  # fmt: skip


def _least(gap_s: float, way: str) -> str:
    return f": more than {_second(gap_s)} s {way}" if gap_s > 0 else ", which says not who is sooner"


def _sooner(found: dict[str, Any], metric: str) -> str:
    """The mean over replications, and those that are left out of it."""
    time_s, reached, n = found["differences"]["time_to_target_s"], found["reached"], len(found["replications"])
    rest = {"only_a": "only A", "only_b": "only B", "neither": "neither"}
    others = [f"{name} in {reached[key]}" for key, name in rest.items() if reached[key]]
    censored = f"; {', '.join(others)}" if others else ""
    what = f"the target, a {metric} of {_span([one['target'] for one in found['replications'] if one['target']])}"
    if not time_s["n"]:
        return f"in none of {n} pairs do both reach {what}{censored}"
    by = time_s["difference"]
    interval = "" if math.isnan(time_s["half_width"]) else f" ± {_second(time_s['half_width'])}"
    later = f"{_second(abs(by))}{interval} s {'later' if by > 0 else 'sooner'} than A" if by else "as soon as A"
    return f"B reaches {what}, {later} (mean of {time_s['n']} of {n} pairs, in which both do{censored})"


def _runs(found: dict[str, Any]) -> Iterator[str]:
    """Which runs these are, and in what their scenarios differ."""
    pairs = found["replications"]
    for side in "ab":
        one = pairs[0][side]
        if len(pairs) == 1:
            yield f"{side.upper()}: {one['trace']} ({one['scenario']}, seed {one['seed']}, digest {one['digest'][:8]})"
        else:
            yield f"{side.upper()}: {one['trace']} to {pairs[-1][side]['trace']} ({len(pairs)} of {one['scenario']})"
    differ = found["changes"]
    for place, values in list(differ.items())[:_CHANGES]:
        a, b = (_setting(values[side]) for side in "ab")
        yield f"   {place}: {a} → {b}"[:_WIDTH]
    if len(differ) > _CHANGES:
        yield f"   and {len(differ) - _CHANGES} more settings"
    world = "the same world" if found["same_world"] else "not the same world"
    yield f"{world}{'' if differ else ', the same settings'}"


def _setting(value: Any) -> str:
    if value == NOWHERE:
        return "none"
    if isinstance(value, dict):
        return " ".join(str(item) if key == "kind" else f"{key}={_setting(item)}" for key, item in value.items()
                        if item is not None)  # fmt: skip
    return "none" if value is None else str(value)


def _totals(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    several = len(found["replications"]) > 1
    head = [f"mean of {len(found['replications'])} pairs" if several else "", "A", "B", "B - A"]
    rows = []
    for quantity, (label, scale, digits) in _QUANTITIES.items():
        values = found["differences"][quantity]
        if quantity.endswith("_grade") and found["metric"] is None:
            continue
        a, b, difference, half_width = (values[key] / scale for key in ("a", "b", "difference", "half_width"))
        row = [label.format(metric=found["metric"]), _known(a, digits), _known(b, digits),
               _known(difference, lambda value, digits=digits: _signed(value, digits(value)))]  # fmt: skip
        rows.append([*row, *([_known(half_width, digits), str(values["n"])] if several else [])])
    return [*head, *(["± 95 %", "pairs"] if several else [])], rows


def _known(value: float, digits: Callable[[float], str]) -> str:
    return digits(value) if math.isfinite(value) else ""


def _signed(value: float, digits: str) -> str:
    return f"+{digits}" if value > 0 else digits


def _groups(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    head = ["A → B, by group", *(_QUANTITIES[quantity][0] for quantity in _GROUP), "gained/lost/same"]
    rows = []
    for group, values in found["groups"].items():
        cells = []
        for quantity in _GROUP:
            _, scale, digits = _QUANTITIES[quantity]
            a, b = (_known(values[quantity][side] / scale, digits) or "none" for side in "ab")
            cells.append(f"{a} → {b}" if a != b else a)
        devices = values["devices"]
        rows.append([group, *cells, f"{devices['gained']}/{devices['lost']}/{devices['unchanged']}"])
    return head, rows


def _fates(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Fates in A by row and in B by column, with those that have no counterpart."""
    fates, alone = found["fates"], found["unpaired_fates"]
    froms = [fate for fate, row in fates.items() if any(row.values()) or alone["a"][fate]]
    tos = [fate for fate in fates if any(row[fate] for row in fates.values()) or alone["b"][fate]]
    rows = [[fate, *(_count(fates[fate][to]) for to in tos), _count(alone["a"][fate])] for fate in froms]
    rows.append(["only in B", *(_count(alone["b"][to]) for to in tos), ""])
    return ["fate in A, then B", *tos, "only in A"], rows


def _both(found: dict[str, Any]) -> Iterator[str]:
    paired, unpaired = found["paired"], found["unpaired"]
    yield f"{paired:,} participations paired by device and number; {unpaired['a']:,} only in A, {unpaired['b']:,} only in B"
    if len(found["replications"]) == 1 and (both := found["replications"][0]["both_applied"])["n"]:
        a, b = (both["duration_s"][side] for side in "ab")
        yield (f"those applied in both ({both['n']:,}) took {_second(a)} s from invitation to version in A, "
               f"{_second(b)} s in B")  # fmt: skip


def _devices(found: dict[str, Any]) -> list[str]:
    """How many devices are heard more in B, and which most."""
    told, several = found["devices"], len(found["replications"]) > 1
    lines = [f"devices by applied updates: {told['gained']:,} gained from A to B, {told['lost']:,} lost, "
             f"{told['unchanged']:,} unchanged"]  # fmt: skip
    rows = [[one["name"], one["group"], *([str(one["pair"])] if several else []), str(one["a"]), str(one["b"]),
             f"{one['difference']:+}"] for one in [*told["most_gained"], *reversed(told["most_lost"])]]  # fmt: skip
    return (
        [*lines, *table(["device", "group", *(["pair"] if several else []), "A", "B", "B - A"], rows)]
        if rows
        else lines
    )
