"""An executor whose workers may die: tasks travel in small groups, and what a dead worker had is done again."""

import math
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from qflsim.errors import QflsimError

GROUP_S = 0.01
"""Longest time that small tasks travelling together should take: long beside a journey, short beside a wait."""
TRIES = 3
"""So often may a worker die over the same task."""


class Call(NamedTuple):
    """A task and what it is given."""

    task: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


class Outcome(NamedTuple):
    """What became of a call: its value, or the error that it raised; and how long it took."""

    value: Any
    error: Exception | None
    took_s: float


class WorkerGoneError(Exception):
    """A worker died over what it was given; the message says of what."""


class TaskError(Exception):
    """A task raised an error of its own. The message is one line; how it came about is in the notes."""


class Worker(Protocol):
    """Somebody who computes, elsewhere. `start` and `do` are called from one thread, `stop` from another."""

    def start(self) -> None:
        """Gets ready, so that the first calls find it so; may be left out."""

    def do(self, calls: Sequence[Call]) -> list[Outcome]:
        """The outcomes of the calls, in order. Errors: `WorkerGoneError`, after which it may be asked again."""

    def stop(self) -> None:
        """Gives up whatever it does, for good."""


def perform(calls: Sequence[Call]) -> list[Outcome]:
    """Makes the calls one after the other. An error ends its own call alone."""
    return [_outcome(call) for call in calls]


def _outcome(call: Call) -> Outcome:
    began_s = perf_counter()
    value, failed = None, None
    try:
        value = call.task(*call.arguments, **call.named)
    except Exception as error:
        failed = _portable(error)
    return Outcome(value, failed, perf_counter() - began_s)


def _portable(error: Exception) -> Exception:
    """The error as another process can be told it: what qflsim raises to users as it is, others in a line."""
    if isinstance(error, QflsimError):
        return error
    last = traceback.extract_tb(error.__traceback__)[-1]
    cause = (str(error).splitlines() or [""])[0]
    told = TaskError(f"{type(error).__name__} in {last.name} ({Path(last.filename).name}, line {last.lineno}): {cause}")
    told.add_note("".join(traceback.format_exception(error)))
    return told


@dataclass(slots=True, eq=False)
class _Errand:
    """A call on its way, and the future that waits for it."""

    call: Call
    future: Future[Any] = field(default_factory=Future)
    deaths: int = 0

    @property
    def kind(self) -> str:
        """Calls of one kind are expected to take equally long."""
        return getattr(self.call.task, "__qualname__", "")


class Crew(Executor):
    """Hands tasks to workers in the order of submission, and results back as they come.

    A worker takes its next group when it has finished its last: tasks that the others can share, as far as the group
    is expected to take `GROUP_S`. So groups form by themselves where tasks are small and many; a long task, and one
    whose kind was never seen, travels alone. Neither grouping nor a death changes a result.

    When a worker dies over a group, its tasks are done again, each alone. A task that raises is not: its future holds
    a `TaskError`, or what qflsim raised.

    Errors: `BrokenExecutor` as the result of a task over which `TRIES` workers died, or that nobody can be given.
    """

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = tuple(workers)
        self._waiting: deque[_Errand] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._took_s: dict[str, float] = {}
        self._threads = [threading.Thread(target=self._serve, args=(w,), daemon=True) for w in self._workers]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """The task's future; who waits for it need not hurry anybody."""
        errand = _Errand(Call(task, arguments, named))
        with self._changed:
            if self._closing:
                raise RuntimeError("no task can be submitted after shutdown")
            self._waiting.append(errand)
            self._changed.notify()
        return errand.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the crew when all is done; with `cancel_futures` now, and what is under way is given up."""
        with self._changed:
            self._closing = True
            if cancel_futures:
                while self._waiting:
                    self._waiting.pop().future.cancel()
            self._changed.notify_all()
        if cancel_futures:
            self._stop()
        if wait:
            for thread in self._threads:
                thread.join()
            self._stop()

    def _stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    def _serve(self, worker: Worker) -> None:
        """The story of a worker."""
        with suppress(Exception):  # it is tried again with the first task, which is told what is wrong
            worker.start()
        while errands := self._next():
            try:
                outcomes = worker.do([errand.call for errand in errands])
            except WorkerGoneError as gone:
                self._again(errands, gone)
            except Exception as error:
                broken = (
                    error if isinstance(error, BrokenExecutor) else BrokenExecutor(f"{type(error).__name__}: {error}")
                )
                for errand in errands:
                    errand.future.set_exception(broken)
            else:
                self._hand_back(errands, outcomes)
            del errands  # else the last results would live as long as their worker idles

    def _next(self) -> list[_Errand]:
        """The next group, as soon as there is one; nothing when the crew is to end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                group = [e for e in self._group() if e.future.running() or e.future.set_running_or_notify_cancel()]
                if group or (self._closing and not self._waiting):
                    return group

    def _group(self) -> list[_Errand]:
        share = math.ceil(len(self._waiting) / len(self._workers))
        group: list[_Errand] = []
        left_s = GROUP_S
        while self._waiting and len(group) < share:
            first = self._waiting[0]
            left_s -= math.inf if first.deaths else self._took_s.get(first.kind, math.inf)
            if group and left_s < 0:
                break
            group.append(self._waiting.popleft())
        return group

    def _hand_back(self, errands: list[_Errand], outcomes: list[Outcome]) -> None:
        for errand, outcome in zip(errands, outcomes, strict=True):
            before_s = self._took_s.get(errand.kind, outcome.took_s)
            self._took_s[errand.kind] = (before_s + outcome.took_s) / 2
            if outcome.error is None:
                errand.future.set_result(outcome.value)
            else:
                errand.future.set_exception(outcome.error)

    def _again(self, errands: list[_Errand], gone: WorkerGoneError) -> None:
        """What a dead worker had comes first again."""
        with self._changed:
            for errand in reversed(errands):
                errand.deaths += 1
                if self._closing:
                    errand.future.set_exception(BrokenExecutor("the crew was told to end"))
                elif errand.deaths == TRIES:
                    errand.future.set_exception(BrokenExecutor(f"{TRIES} workers died over the same task ({gone})"))
                else:
                    self._waiting.appendleft(errand)
            self._changed.notify_all()
