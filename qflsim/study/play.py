"""A run played back in the terminal: one frame after the other, at the pace of a clock, of a key, or of a pipe."""

import math
import shutil
import time
from collections.abc import Callable, Iterable
from typing import TextIO

import numpy as np

from qflsim.errors import InputError
from qflsim.study.play_frames import frame
from qflsim.study.play_keys import BACK, END, FASTER, FORWARD, PAUSE, SLOWER, pressed, screen
from qflsim.study.play_scene import Scene
from qflsim.trace.reader import Trace
from qflsim.units import Floats

USUAL_S = 30.0
"""Real time that a run takes if no speed is given."""
FRAME_S = 0.1
"""Real time from one frame to the next."""
SIZE = (80, 24)
"""Width and height where neither a terminal nor the environment (COLUMNS, LINES) says them."""
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_ASKED = "Enter: next, q and Enter: end"
_KEYS = "space: pause/go, left/right: step, +/-: speed, q: end"


def play(trace: Trace, out: TextIO, keys: TextIO, *, speed: float | None = None, from_: str = "0",
         to: str | None = None, step: bool = False) -> None:  # fmt: skip
    """Show a run on `out`, from one simulated instant to another: each in seconds, or a version such as v12.

    On a terminal that takes (to - from) / speed of real time. If `keys` is one too, they pause it, lead to the instant
    before or after at which something happens, make it slower or faster, and end it; with `step` it begins paused. If
    it is not, with `step` each line from it leads to the next such instant. On anything else than a terminal the frames
    follow one another as plain text without a wait: one for each second that it would take, or for each such instant.

    Errors: `InputError` for instants that the run does not have, and for a speed that is none. What `out` and `keys`
    raise comes through, from a terminal when its cursor, its screen and its keys are back.
    """
    scene = Scene(trace)
    from_s = _instant(scene, "--from", from_)
    until_s = scene.end_s if to is None else _instant(scene, "--to", to)
    _check(scene, from_s, until_s, speed)
    pace = speed or (until_s - from_s) / USUAL_S or 1.0
    steps_s = scene.changes_s[(scene.changes_s >= from_s) & (scene.changes_s <= until_s)].tolist() if step else None
    if out.isatty():
        steered = keys.isatty()
        with screen(out, keys if steered else None) as suspended:
            if steered:
                last_s = _steered(scene, from_s, until_s, pace, out, keys, suspended, paused=step)
            elif steps_s is None:
                last_s = _timed(scene, from_s, until_s, pace, out)
            else:
                last_s = _stepped(scene, steps_s or [until_s], out, keys)
        _write(scene, last_s, out)
    else:
        for t_s in _every(from_s, until_s, pace) if steps_s is None else steps_s:
            _write(scene, t_s, out)


def _instant(scene: Scene, option: str, said: str) -> float:
    """The instant that is meant by seconds, or by the version that is made then."""
    if said[:1] in ("v", "V") and said[1:].isdecimal():
        made_s = scene.made_s(int(said[1:]))
        if made_s is None:
            raise InputError(option, said, scene.versions_told())
        return made_s
    try:
        return float(said)
    except ValueError:
        raise InputError(option, said, "seconds, or a version such as v12") from None


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


def _steered(scene: Scene, from_s: float, until_s: float, pace: float, out: TextIO, keys: TextIO,
             suspended: Callable[[], bool], *, paused: bool) -> float:  # fmt: skip
    """Plays by the clock and by the keys, and returns the instant that it came to.

    Whatever is shown is a function of the instant, so that going back is nothing special.
    """
    changes_s = scene.changes_s
    t_s, shown, seen_at = from_s, None, time.monotonic()
    while True:
        due = time.monotonic() + FRAME_S
        if (view := (t_s, paused, pace, _room())) != shown:
            told = f"{'paused' if paused else f'{pace:.3g} s a second'}; {_KEYS}"
            _draw([*frame(scene, t_s, *_room(spare_rows=1)), told[: _room()[0]]], out)
            shown = view
        if t_s >= until_s and not paused:
            return t_s
        for key in pressed(keys, max(due - time.monotonic(), 0.0)):
            if key == END:
                return t_s
            if key == PAUSE:
                paused = not paused
            elif key in (FASTER, SLOWER):
                pace *= 2.0 if key == FASTER else 0.5
            else:
                paused, t_s = True, _beside(changes_s, t_s, until_s, key)
        before, seen_at = seen_at, time.monotonic()
        if suspended():
            shown, seen_at = None, time.monotonic()
        elif not paused:
            t_s = min(t_s + pace * (seen_at - before), until_s)


def _beside(changes_s: Floats, t_s: float, until_s: float, way: str) -> float:
    """The instant before or after this one at which something happens; at either end, that end."""
    if way == FORWARD:
        after = int(np.searchsorted(changes_s, t_s, side="right"))
        return min(float(changes_s[after]), until_s) if after < len(changes_s) else until_s
    assert way == BACK
    return float(changes_s[max(int(np.searchsorted(changes_s, t_s, side="left")) - 1, 0)])


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
