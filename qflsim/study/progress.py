"""The progress line of a run: an observer that looks at the clock now and then and writes to stderr."""

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from qflsim.records import Evaluation, Event, Happening, Record, Version
from qflsim.units import NS_PER_S

EVERY_S = 0.1


class Progress:
    """Simulated time, version, best metric, events/s, simulated s per s, in flight. Off where stderr is no terminal."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._shown = self._began = time.monotonic()
        self._events = self._version = self._in_flight = 0
        self._best: float | None = None
        self._bar = tqdm(total=round(duration_s, 3), unit="s", file=sys.stderr, disable=not sys.stderr.isatty(),
                         bar_format="{percentage:3.0f}%|{bar:20}| {desc}", leave=False)  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Clears the line."""
        self._bar.close()

    def __call__(self, record: Record) -> None:
        """Takes a record in."""
        self._events += 1
        if isinstance(record, Event):
            self._in_flight += record.happening is Happening.INVITED
            self._in_flight -= record.happening is Happening.ENDED
        elif isinstance(record, Version):
            self._version = record.version
        elif isinstance(record, Evaluation) and record.metric == "ratio/mean":
            self._best = record.value if self._best is None else max(self._best, record.value)
        if not self._bar.disable and not self._events % 64:
            self._show(record.t_ns / NS_PER_S)

    def _show(self, now_s: float) -> None:
        now = time.monotonic()
        if now - self._shown < EVERY_S:
            return
        self._shown, elapsed_s = now, now - self._began
        best = "" if self._best is None else f" best {self._best:.3f} |"
        self._bar.n = min(now_s, self._duration_s)
        self._bar.set_description_str(
            f"{now_s:.0f}/{self._duration_s:.0f} s | version {self._version} |{best} {self._events / elapsed_s:.0f} events/s"
            f" | {now_s / elapsed_s:.0f} s/s | {self._in_flight} in flight",
            refresh=False,
        )
        self._bar.refresh()
