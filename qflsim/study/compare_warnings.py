"""What keeps two runs from being compared in full: told beside the comparison, which is made all the same."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from qflsim.study.outcomes import SOURCES, Outcome

NOWHERE = "nowhere"
"""Stands for a value of a setting that a scenario does not have."""


def changes(a: Outcome, b: Outcome) -> dict[str, dict[str, Any]]:
    """Where two scenarios differ but for their seeds: by place, what stands in A and in B.

    A setting of another kind is told as a whole, and so are lists but for those whose items have names.
    """
    return dict(_changes({**a.scenario, "seed": None}, {**b.scenario, "seed": None}, ""))


def _changes(a: Any, b: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    old, new = _named(a), _named(b)
    if old is None or new is None or old.get("kind") != new.get("kind"):
        if a != b:
            yield where, {"a": a, "b": b}
        return
    for key in dict.fromkeys([*old, *new]):
        yield from _changes(old.get(key, NOWHERE), new.get(key, NOWHERE), f"{where}.{key}" if where else key)


def _named(value: Any) -> dict[str, Any] | None:
    """A section or a list of named items as a dictionary."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {item["name"]: item for item in value}
    return value if isinstance(value, dict) else None


def doubts(a: Outcome, b: Outcome, target: float | None) -> Iterator[str]:
    """What is amiss with a pair of runs, a line each."""
    if a.path == b.path:
        yield f"A and B are one trace, {a.path}"
    yield from _other_world(a, b)
    for run in (a, b):
        if not run.complete:
            yield f"{run.path} is incomplete ({run.reason}): it reaches as far as {run.until_s:.6g} s"
        if run.header["timing_only"]:
            yield f"{run.path} is timing only: it has no metric, and reaches no target"
        elif run.kind is None:
            yield f"{run.path} holds no grades of its versions: it reaches no target"
        for table in dict.fromkeys(SOURCES.values()):
            if table in run.left_out:
                unknown = "how much it sent" if table == "transfers" else "what its processors consumed"
                yield f"{run.path} was written without its {table}: {unknown} is not known"
        if not run.complete and "events" in run.left_out:
            yield f"{run.path} was written without its events: who was under way when it was cut off is not known"
    if a.until_s != b.until_s:
        upto = f"they are compared up to {min(a.until_s, b.until_s):.6g} s"
        yield f"A is of {a.until_s:.6g} s and B of {b.until_s:.6g} s: {upto}, and what was under way then is in flight"
    if a.kind is not None and b.kind is not None:
        yield from _other_goal(a, b, target)


def _other_world(a: Outcome, b: Outcome) -> Iterator[str]:
    if a.header["world"] != b.header["world"]:
        named = {"seed": "seeds", "qflsim_version": "versions of qflsim"}
        why = [f"{name} {a.header[key]} and {b.header[key]}" for key, name in named.items()
               if a.header[key] != b.header[key]]  # fmt: skip
        told = f" ({', '.join(why)})" if why else ""
        yield f"the worlds of A and B differ{told}: differences are not of the policy alone"
    only = [len(set(one.devices["name"]) - set(other.devices["name"])) for one, other in ((a, b), (b, a))]
    if any(only):
        yield f"{only[0]} devices are only in A and {only[1]} only in B; the others are matched by name"


def _other_goal(a: Outcome, b: Outcome, target: float | None) -> Iterator[str]:
    if a.kind != b.kind:
        yield f"A is graded by {a.kind} and B by {b.kind}: they have no target in common"
    elif target is None:
        known = [run.centralised for run in (a, b) if np.isfinite(run.centralised)]
        if not known:
            yield "neither run holds what centralised training reaches: --target sets a target"
        elif len(set(known)) > 1:
            yield f"centralised training reaches {known[0]:.3f} in A, {known[1]:.3f} in B: the lower sets the target"


def doubts_among(runs: Sequence[Sequence[Outcome]]) -> Iterator[str]:
    """What is amiss with replications, each a run of A and one of B."""
    for side, name in enumerate("AB"):
        first, *others = (both[side] for both in runs)
        for other in others:
            differ = [place for place in changes(first, other) if not place.startswith("trace.")]
            if differ:
                yield f"{name} is not one policy: {first.path} and {other.path} differ in {', '.join(differ[:3])}"
                break
    for (i, one), (j, other) in combinations(enumerate(both[0] for both in runs), 2):
        if one.header["world"] == other.header["world"]:
            yield f"pairs {i + 1} and {j + 1} are of one world: as replications they are not independent"
            break
