"""What a measurement of speed is: a figure beside its peer or floor, and how it is timed."""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from qflsim.study.summary import table


class Figure(NamedTuple):
    """A measured figure; `ratio` says how many times as fast as its peer it is."""

    name: str
    value: float
    unit: str
    peer: float | None
    peer_name: str
    ratio: float | None


def as_table(figures: list[Figure]) -> str:
    """The figures for people."""
    rows = [
        [f.name, f"{_short(f.value)} {f.unit}", f.peer_name, "" if f.peer is None else f"{_short(f.peer)} {f.unit}",
         "" if f.ratio is None else _short(f.ratio)]
        for f in figures
    ]  # fmt: skip
    return "\n".join(table(["figure", "qflsim", "peer or floor", "its figure", "times as fast"], rows))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def best_s(action: Callable[[], object], repeats: int, clock: Callable[[], float] = perf_counter) -> float:
    """The shortest of several times: what else the machine does can only add to it."""
    times_s = []
    for _ in range(repeats):
        began_s = clock()
        action()
        times_s.append(clock() - began_s)
    return min(times_s)
