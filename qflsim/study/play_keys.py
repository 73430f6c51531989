"""A terminal taken over for a while: a screen of its own, keys read one by one, and all as before in the end."""

import os
import re
import select
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

BACK, FORWARD, PAUSE, FASTER, SLOWER, END = "back", "forward", "pause", "faster", "slower", "end"
KEYS = {
    "\x1b[D": BACK, "\x1bOD": BACK, "\x1b[C": FORWARD, "\x1bOC": FORWARD, "\n": FORWARD, " ": PAUSE,
    "+": FASTER, "=": FASTER, "-": SLOWER, "q": END, "Q": END, "\x04": END,
}  # fmt: skip
_KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""To a screen of its own without a cursor, and back."""


def pressed(keys: TextIO, wait_s: float) -> list[str]:
    """What the keys ask for that are pressed within a time, in order; those that ask for nothing are passed over."""
    if not select.select([keys], [], [], wait_s)[0]:
        return []
    read = os.read(keys.fileno(), 1024).decode("latin-1")
    return [KEYS[key] for key in _KEY.findall(read) if key in KEYS] if read else [END]


@contextmanager
def screen(out: TextIO, keys: TextIO | None = None) -> Iterator[Callable[[], bool]]:
    """A screen of its own, on which keys of `keys` are not shown and need no Enter.

    To be asked between frames: whether the screen was given back for a while and has to be drawn anew, as Ctrl-Z wants.
    """
    asked: list[int] = []
    before: list[Any] | None = None

    def enter() -> None:
        nonlocal before
        if keys is not None:
            before = termios.tcgetattr(keys)
            tty.setcbreak(keys, termios.TCSANOW)
        out.write(_ENTER)
        out.flush()

    def leave() -> None:
        if keys is not None and before is not None:
            termios.tcsetattr(keys, termios.TCSANOW, before)
        out.write(_LEAVE)
        out.flush()

    def suspended() -> bool:
        if not asked:
            return False
        asked.clear()
        leave()
        signal.signal(signal.SIGTSTP, usual)
        os.kill(os.getpid(), signal.SIGTSTP)  # here time passes
        signal.signal(signal.SIGTSTP, ask)
        enter()
        return True

    def ask(number: int, _: object) -> None:
        asked.append(number)

    usual = signal.signal(signal.SIGTSTP, ask)
    try:
        enter()
        yield suspended
    finally:
        leave()
        signal.signal(signal.SIGTSTP, usual)
