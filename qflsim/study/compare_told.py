"""A comparison for people: the answer first, then the numbers behind it."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from qflsim.study.compare import TOP
from qflsim.study.compare_warnings import NOWHERE
from qflsim.study.outcomes import SHARE
from qflsim.study.report import GOALS
from qflsim.study.summary import table

_WIDTH = 120
_CHANGES = 4
"""More settings than these are only counted."""


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def _digits(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _second(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


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
    "downloaded_bit": ("down [{byte}]", 8.0, _digits),
    "uploaded_bit": ("up [{byte}]", 8.0, _digits),
    "device_energy_j": ("devices [J]", 1.0, _digits),
    "processor_energy_j": ("processors [kJ]", 1e3, _digits),
}
"""How each quantity is told: its name, what it is divided by, and its digits."""
_GROUP = ["applied", "mean_staleness", "downloaded_bit", "uploaded_bit", "device_energy_j", "processor_energy_j"]
"""Told by group of devices; the others would not fit beside them."""
_BYTES = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


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
    pairs, goal = found["replications"], GOALS.get(found["metric"], str(found["metric"]))
    metric = f"mean {goal.removesuffix(' by class')}"
    targets = [pair["target"] for pair in pairs if pair["target"] is not None]
    if not targets or found["metric"] is None:
        a, b, difference = (found["differences"]["applied"][key] for key in ("a", "b", "difference"))
        more = f"{_count(abs(difference))} {'more' if difference > 0 else 'fewer'}" if difference else "as many"
        yield f"no target to reach; B applied {_count(b)} updates, A {_count(a)}: {more}"
        return
    yield _sooner(found, metric, targets) if len(pairs) > 1 else _one(found, metric)
    if found["target"] is None:
        shares = [target / SHARE for target in targets]
        yield f"the target is {SHARE} of what centralised training reaches, {_span(shares)}: {_span(targets)}"


def _span(values: list[float]) -> str:
    low, high = _grade(min(values)), _grade(max(values))
    return low if low == high else f"{low} to {high}"


def _one(found: dict[str, Any], metric: str) -> str:
    """The answer of a single pair. Who has not reached the target by the end may do so later."""
    (pair,) = found["replications"]
    a_s, b_s = (pair["time_to_target_s"][side] for side in "ab")
    a_until_s, b_until_s = (pair[side]["graded_s"] for side in "ab")
    goal = f"a {metric} of {_grade(pair['target'])}"
    if found["reached"]["both"]:
        later = f"{_second(abs(b_s - a_s))} s {'later' if b_s > a_s else 'sooner'}" if a_s != b_s else "as soon"
        return f"B reaches {goal} in {_second(b_s)} s, A in {_second(a_s)} s: {later}"
    if found["reached"]["only_a"]:
        least = _least(b_until_s - a_s, "later")
        return f"B does not reach {goal} within {_second(b_until_s)} s, A does in {_second(a_s)} s: {least}"
    if found["reached"]["only_b"]:
        least = _least(a_until_s - b_s, "sooner")
        return f"B reaches {goal} in {_second(b_s)} s, A not within {_second(a_until_s)} s: {least}"
    told = [f"{side.upper()} {_alone(pair[side], pair['time_to_target_s'][side])}" for side in "ba"]
    return f"{'neither reaches ' if found['reached']['neither'] else ''}{goal}: {', '.join(told)}"


def _alone(run: dict[str, Any], reached_s: float | None) -> str:
    if run["metric"] is None:
        return "is not graded"
    if reached_s is not None:
        return f"reaches it in {_second(reached_s)} s"
    return f"comes to {_grade(run['best_grade'])} within {_second(run['graded_s'])} s"


def _least(gap_s: float, way: str) -> str:
    return f"more than {_second(gap_s)} s {way}" if gap_s > 0 else "which is sooner, these runs do not say"


def _sooner(found: dict[str, Any], metric: str, targets: list[float]) -> str:
    """The answer of several pairs: a mean over those in which both reach it, and how many others there are."""
    time_s, reached, pairs = found["differences"]["time_to_target_s"], found["reached"], len(found["replications"])
    rest = {"only_a": "only A", "only_b": "only B", "neither": "neither", "unknown": "it is not known"}
    others = "".join(f"; in {reached[key]} {name}" for key, name in rest.items() if reached[key])
    goal = f"a {metric} of {_span(targets)}"
    if not time_s["n"]:
        return f"in none of {pairs} pairs do both reach {goal}{others}"
    by_s, half_width_s = time_s["difference"], time_s["half_width"]
    interval = f" ± {_half_width(half_width_s, by_s)}" if math.isfinite(half_width_s) else ""
    later = f"{_second(abs(by_s))}{interval} s {'later' if by_s > 0 else 'sooner'} than A" if by_s else "as soon as A"
    return f"B reaches {goal} {later} (in {time_s['n']} of {pairs} pairs both do{others})"


def _half_width(value: float, of: float) -> str:
    """Two digits; none of what is the noise of sums."""
    if value >= 100:
        return f"{value:,.0f}"
    return "0" if value < 1e-9 * abs(of) else f"{value:.2g}"


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
    if len(pairs) == 1 and pairs[0]["a"]["until_s"] != pairs[0]["b"]["until_s"]:
        first = min("ab", key=lambda side: pairs[0][side]["until_s"])
        yield f"all but the time to the target is as of {_second(pairs[0]['until_s'])} s, where {first.upper()} ends"
    elif any(pair["a"]["until_s"] != pair["b"]["until_s"] for pair in pairs):
        yield "all but the time to the target is as of where the first of each pair ends"


def _setting(value: Any) -> str:
    if value == NOWHERE:
        return "none"
    if isinstance(value, dict):
        return " ".join(str(item) if key == "kind" else f"{key}={_setting(item)}" for key, item in value.items()
                        if item is not None)  # fmt: skip
    return "none" if value is None else str(value)


def _totals(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    pairs = len(found["replications"])
    rows = []
    for quantity, values in found["differences"].items():
        label, scale, digits = _how(found, quantity)
        a, b, difference, half_width = (values[key] / scale for key in ("a", "b", "difference", "half_width"))
        if not math.isfinite(a) and not math.isfinite(b) and (quantity == "time_to_target_s" or not found["metric"]):
            continue
        row = [label, _known(a, digits), _known(b, digits), _known(difference, digits, sign=True)]
        if pairs > 1:
            row += [_half_width(half_width, difference) if math.isfinite(half_width) else "", str(values["n"])]
        rows.append(row)
    head = ["A", "B", "B - A"]
    return [f"mean of {pairs} pairs", *head, "± 95 %", "pairs"] if pairs > 1 else ["", *head], rows


def _how(found: dict[str, Any], quantity: str) -> tuple[str, float, Callable[[float], str]]:
    """How a quantity is told, bytes in the unit that suits the most of them."""
    label, scale, digits = _QUANTITIES[quantity]
    sent = [found["differences"][way][side] / 8 for way in ("downloaded_bit", "uploaded_bit") for side in "ab"]
    most = max((count for count in sent if math.isfinite(count)), default=0.0)
    unit = [name for name, size in _BYTES.items() if size <= max(most, 1e3)][-1]
    if quantity.endswith("_bit"):
        scale *= _BYTES[unit]
    return label.format(metric=found["metric"], byte=unit), scale, digits


def _known(value: float, digits: Callable[[float], str], *, sign: bool = False) -> str:
    if not math.isfinite(value):
        return ""
    return f"+{digits(value)}" if sign and value > 0 else digits(value)


def _groups(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for group, values in found["groups"].items():
        cells = []
        for quantity in _GROUP:
            _, scale, digits = _how(found, quantity)
            a, b = (_known(values[quantity][side] / scale, digits) or "none" for side in "ab")
            cells.append(f"{a} → {b}")
        devices = values["devices"]
        rows.append([group, *cells, f"{devices['gained']}/{devices['lost']}/{devices['unchanged']}"])
    return ["A → B, by group", *(_how(found, quantity)[0] for quantity in _GROUP), "gained/lost/same"], rows


def _fates(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Fates in A by row and in B by column, with those that have no counterpart."""
    fates, alone = found["fates"], found["unpaired_fates"]
    froms = [fate for fate, row in fates.items() if any(row.values()) or alone["a"][fate]]
    tos = [fate for fate in fates if any(row[fate] for row in fates.values()) or alone["b"][fate]]
    rows = [[fate, *(_count(fates[fate][to]) for to in tos), _count(alone["a"][fate])] for fate in froms]
    rows.append(["only in B", *(_count(alone["b"][to]) for to in tos), ""])
    return ["fate in A, then B", *tos, "only in A"], rows


def _both(found: dict[str, Any]) -> Iterator[str]:
    """How many are paired, and how long the same ones took."""
    alone = found["unpaired"]
    yield f"paired by device and number: {found['paired']:,}; only in A: {alone['a']:,}, only in B: {alone['b']:,}"
    both = found["replications"][0]["both_applied"]
    if len(found["replications"]) == 1 and both["n"]:
        a, b = (_second(both["duration_s"][side]) for side in "ab")
        yield f"the {both['n']:,} applied in both took {a} s from invitation to version in A, {b} s in B"


def _devices(found: dict[str, Any]) -> list[str]:
    """How many devices are heard more in B, and which most."""
    counts, several = found["devices"], len(found["replications"]) > 1
    first = (f"devices by applied updates: {counts['gained']:,} gained (more in B), {counts['lost']:,} lost, "
             f"{counts['unchanged']:,} unchanged")  # fmt: skip
    sides = []
    for which in ("gained", "lost"):
        ranked = counts[f"most_{which}"]
        rows = [[f"{one['name']} ({one['group']}{', pair ' + str(one['pair']) if several else ''})",
                 f"{one['a']} → {one['b']}", f"{one['difference']:+}"] for one in ranked]  # fmt: skip
        rows += [["", "", ""]] * (TOP - len(rows))
        sides.append(table([f"{which} most", "A → B", "B - A"], rows) if ranked else [""] * (TOP + 1))
    width = max(map(len, sides[0]))
    return [
        first,
        *(line for pair in zip(*sides, strict=True) if (line := "   ".join([pair[0].ljust(width), pair[1]]).rstrip())),
    ]
