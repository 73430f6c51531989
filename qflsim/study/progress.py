"""The progress line of a run: an observer that looks at the clock now and then and writes to stderr."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from qflsim.records import Evaluation, Event, Record, Version
from qflsim.terms import Happening
from qflsim.units import NS_PER_S

EVERY_S = 0.1


class Progress:
    """Simulated time, version, best metric, events/s, simulated s per s, in flight. Off where stderr is no terminal."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._shown = self._began = time.monotonic()
        self._records = self._events = self._version = self._now_ns = 0
        self._in_flight: set[int] = set()
        self._best: float | None = None
        self._bar = tqdm(total=round(duration_s, 3), unit="s", file=sys.stderr, disable=not sys.stderr.isatty(),
                         bar_format="|{bar:8}| {desc}", leave=False)  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Clears the line."""
        self._bar.close()

    def __call__(self, record: Record) -> None:
        """Takes a record in."""
        self._records += 1
        self._now_ns = max(self._now_ns, record.t_ns)  # a metric comes after its version's time
        self._events += record.t_ns > 0  # who and what there is, told at 0, is no event
        if isinstance(record, Event):
            if record.happening is Happening.INVITED:
                self._in_flight.add(record.participation)
            elif record.happening in (Happening.ARRIVED, Happening.ENDED):
                self._in_flight.discard(record.participation)
        elif isinstance(record, Version):
            self._version = record.version
        elif isinstance(record, Evaluation) and record.metric == "ratio/mean":
            self._best = record.value if self._best is None else max(self._best, record.value)
        if not self._bar.disable and not self._records % 64:
            self._show(self._now_ns / NS_PER_S)

    def _show(self, now_s: float) -> None:
        now = time.monotonic()
        if now - self._shown < EVERY_S:
            return
        self._shown, elapsed_s = now, now - self._began
        told = [
            f"{now_s:.0f}/{self._duration_s:.0f} s",
            f"version {self._version}",
            *([] if self._best is None else [f"best {self._best:.3f}"]),
            f"{self._events / elapsed_s:.0f} events/s",
            f"{now_s / elapsed_s:.0f}x real time",
            f"{len(self._in_flight)} in flight",
        ]
        self._bar.n = min(now_s, self._duration_s)
        self._bar.set_description_str(" | ".join(told), refresh=False)
        self._bar.refresh()
