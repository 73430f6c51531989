"""A run played back in the terminal: one frame after the other, at the pace of a clock, of a key, or of a pipe."""

import math
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

from qflsim.errors import InputError
from qflsim.study.play_frames import frame
from qflsim.study.play_scene import Scene
from qflsim.trace.reader import Trace

USUAL_S = 30.0
"""Real time that a run takes if no speed is given."""
FRAME_S = 0.1
"""Real time from one frame to the next."""
SIZE = (80, 24)
"""Width and height where neither a terminal nor the environment (COLUMNS, LINES) says them."""
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""To a screen of its own without a cursor, and back."""
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_ASKED = "Enter: next, q and Enter: end"


def play(trace: Trace, out: TextIO, keys: TextIO, *, speed: float | None = None, from_s: float = 0.0,
         to_s: float | None = None, step: bool = False) -> None:  # fmt: skip
    """Show a run on `out`, from one simulated instant to another.

    On a terminal that takes (to - from) / speed of real time; with `step`, a line from `keys` leads to the next instant
    at which something happens. On anything else the frames follow one another as plain text without a wait: one for
    each second that it would take, or for each such instant.

    Errors: `InputError` for instants that the run does not have, and for a speed that is none. What `out` and `keys`
    raise comes through, from a terminal when its cursor and its screen are back.
    """
    scene = Scene(trace)
    until_s = scene.end_s if to_s is None else to_s
    _check(scene, from_s, until_s, speed)
    pace = speed or (until_s - from_s) / USUAL_S or 1.0
    steps_s = scene.changes_s[(scene.changes_s >= from_s) & (scene.changes_s <= until_s)].tolist() if step else None
    if out.isatty():
        with _screen(out):
            if steps_s is None:
                last_s = _timed(scene, from_s, until_s, pace, out)
            else:
                last_s = _stepped(scene, steps_s or [until_s], out, keys)
        _write(scene, last_s, out)
    else:
        for t_s in _every(from_s, until_s, pace) if steps_s is None else steps_s:
            _write(scene, t_s, out)


def _check(scene: Scene, from_s: float, until_s: float, speed: float | None) -> None:
    if speed is not None and not (math.isfinite(speed) and speed > 0):
        raise InputError("--speed", speed, "simulated seconds a second, more than 0")
    for option, t_s in (("--from", from_s), ("--to", until_s)):
        if not 0 <= t_s <= scene.end_s:
            raise InputError(option, t_s, f"an instant of the run, 0 to {scene.end_s:g} s")
    if until_s < from_s:
        raise InputError("--to", until_s, f"an instant after --from, which is {from_s:g} s")


def _every(from_s: float, until_s: float, pace: float) -> Iterable[float]:
    number = 0
    while (t_s := from_s + number * pace) < until_s:
        yield t_s
        number += 1
    yield until_s


def _write(scene: Scene, t_s: float, out: TextIO) -> None:
    out.write("\n".join([*frame(scene, t_s, *_room()), "", ""]))
    out.flush()


def _room(spare_rows: int = 0) -> tuple[int, int]:
    width, height = shutil.get_terminal_size(SIZE)
    return width, max(height - 1 - spare_rows, 1)


def _timed(scene: Scene, from_s: float, until_s: float, pace: float, out: TextIO) -> float:
    """Plays by the clock, and returns the instant that it came to."""
    began = time.monotonic()
    t_s = from_s
    while True:
        due = time.monotonic() + FRAME_S
        _draw(frame(scene, t_s, *_room()), out)
        if t_s >= until_s:
            return t_s
        time.sleep(max(due - time.monotonic(), 0.0))
        t_s = min(from_s + pace * (time.monotonic() - began), until_s)


def _stepped(scene: Scene, steps_s: list[float], out: TextIO, keys: TextIO) -> float:
    """Plays by the key, and returns the instant that it came to."""
    for t_s in steps_s:
        _draw([*frame(scene, t_s, *_room(spare_rows=1)), _ASKED[: _room()[0]]], out)
        said = keys.readline()
        if not said or said.strip().lower() == "q":
            return t_s
    return steps_s[-1]


def _draw(lines: list[str], out: TextIO) -> None:
    """One frame in the place of the last, in one piece, so that nothing flickers."""
    out.write(_HOME + "".join(f"{line}{_REST_OF_LINE}\n" for line in lines) + _REST_OF_SCREEN)
    out.flush()


@contextmanager
def _screen(out: TextIO) -> Iterator[None]:
    """A screen of its own; the terminal is as before afterwards, also if a signal asks for the end."""
    usual = signal.signal(signal.SIGTERM, _end)
    try:
        out.write(_ENTER)
        yield
    finally:
        out.write(_LEAVE)
        out.flush()
        signal.signal(signal.SIGTERM, usual)


def _end(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)
