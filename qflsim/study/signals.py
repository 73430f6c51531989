"""SIGINT and SIGTERM: a run ends gently, any other command at once, and whoever insists breaks off without more ado.

A handler that raises may do so anywhere: within a commit, a callback that swallows errors, or the very end of Python.
So a run is only told that a signal came, and where it is told a second time the process ends as if it were killed: the
trace is made to stay readable then.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeAlias, TypeVar

if TYPE_CHECKING:
    from qflsim.sim.engine import Engine

T = TypeVar("T")
Handler: TypeAlias = Callable[[int, FrameType | None], object]
SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN_S = 0.5


class Ended(BaseException):
    """A signal ends the command; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)  # SimPy makes errors anew from these

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}"

    @property
    def exit_code(self) -> int:
        """That of the command."""
        return 128 + self.number


class AtOnce(BaseException):
    """A signal came when there was no simulation any more that could be ended gently."""


# --- the command line


def end_on_signals() -> None:
    """From now on SIGINT and SIGTERM end this process with `Ended`, and at once if they come again.

    Where an error cannot be raised, because whoever is called back by the interpreter swallows it, they end it at once.
    """
    if threading.current_thread() is threading.main_thread():
        _handle(_end)
        sys.unraisablehook = _swallowed
        atexit.register(_handle, signal.SIG_IGN)  # what comes after it has no handlers of ours any more


def leave_on_signals() -> None:
    """From now on, when all is said, SIGINT and SIGTERM end this process at once."""
    now = signal.getsignal(signal.SIGINT)
    if now is _break_off:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    if now in (_end, _break_off):
        _handle(_leave)


def ended_by(error: BaseException | None) -> Ended | None:
    """The signal that made a command fail, whatever error it has become on its way."""
    while error is not None and not isinstance(error, Ended):
        error = error.__cause__ or error.__context__
    return error


def _handle(handler: Handler | signal.Handlers) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


def _end(number: int, _: object) -> NoReturn:
    """Raises `Ended`, and again while nobody is about to deal with it: C code may drop an error without a word."""

    def again(_: int, __: object) -> None:
        if ended_by(sys.exc_info()[1]) is None:
            raise Ended(number)

    _handle(_break_off)
    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)
    raise Ended(number)


def _break_off(number: int, _: object) -> NoReturn:
    """Ends the process without going through what is under way, which may be in any state."""
    ahead = "\n" if os.isatty(2) else ""  # of a progress bar
    try:
        os.write(2, f"{ahead}broken off by {signal.Signals(number).name}\n".encode())
    finally:
        os._exit(128 + number)


def _leave(number: int, _: object) -> NoReturn:
    os._exit(128 + number)


def _swallowed(told: "sys.UnraisableHookArgs") -> None:
    if isinstance(told.exc_value, Ended):
        _break_off(told.exc_value.number, None)
    if not isinstance(told.exc_value, AtOnce):  # that one is looked for
        sys.__unraisablehook__(told)


# --- a run


class Stop:
    """Which signal, if any, asked the run to end."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self.tidy: Callable[[], object] = lambda: None
        """What is to be done before the process is broken off."""
        self._at_once = False
        self._engine: Engine | None = None

    @property
    def reason(self) -> str:
        """Why a run ends that a signal stopped; empty if none came."""
        return f"stopped by {self.by.name}" if self.by else ""

    def attend(self, engine: "Engine") -> None:
        """From now on a signal ends this engine's run."""
        self._engine = engine
        if self.reason:
            engine.stop(self.reason)

    def made(self, items: Iterator[T]) -> Iterator[T]:
        """The items. A signal raises `AtOnce` while one is in the making, or after it, but not while it is used."""
        before = self.by
        while True:
            self._at_once = True
            try:
                if self.by is not before:
                    raise AtOnce
                item = next(items)
            except StopIteration:
                return
            finally:
                self._at_once = False
            yield item

    def gently(self, number: int) -> None:
        """A signal came."""
        self.by = signal.Signals(number)
        if self._at_once:
            raise AtOnce
        if self._engine is not None:
            self.attend(self._engine)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """The first SIGINT or SIGTERM ends the run gently; a second one has its usual effect, which on the command line is
    to break off at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    usual = {number: signal.getsignal(number) for number in SIGNALS}

    def break_off(number: int, _: object) -> None:
        stop.tidy()
        _break_off(number, None)

    def gently(number: int, _: object) -> None:
        for other, handler in usual.items():
            signal.signal(other, break_off if handler is _end else handler)
        stop.gently(number)

    _handle(gently)
    try:
        yield stop
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
