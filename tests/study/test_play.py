"""Playing back: at every instant what the trace says, in whatever room there is, and the terminal left as it was."""

import math
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from qflsim import records
from qflsim.scenario.load import load
from qflsim.study.play import _beside
from qflsim.study.play_frames import DOWN, IDLE, SYMBOLS, frame
from qflsim.study.play_keys import BACK, FORWARD
from qflsim.study.play_scene import BUSY, SINCE, Scene, doing
from qflsim.study.run import run
from qflsim.study.under_way import participations
from qflsim.terms import Fate, Happening
from qflsim.trace.reader import Trace
from qflsim.trace.tables import Rows
from qflsim.trace.writer import TraceWriter
from qflsim.units import FOREVER_NS, NS_PER_S


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]
BEGINS = {
    Happening.INVITED: "waiting for coverage",
    Happening.DOWNLOAD_START: "download",
    Happening.DOWNLOAD_END: "waiting for a processor",
    Happening.TRAINING_START: "training",
    Happening.TRAINING_END: "waiting to upload",
    Happening.UPLOAD_START: "upload",
    Happening.ARRIVED: None,
    Happening.ENDED: None,
}


@pytest.fixture(scope="module")
def without_events(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """The finished run with no more than its world and its updates."""
    left_out = "['handovers', 'transfers', 'trainings', 'evaluations', 'version_angles', 'update_angles', 'events']"
    scenario = load(tiny, overrides=[f"trace.leave_out={left_out}"])
    return run(scenario, tmp_path_factory.mktemp("bare") / "t.h5", timing_only=True)


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Trace]:
    """Makes traces of given records; cut off, unless told that they are complete."""

    def make(*rows: records.Record, complete: bool = False) -> Trace:
        writer = TraceWriter(tmp_path / "small.h5", header={}, texts={}, parameters=1, force=True)
        for row in rows:
            writer(row)
        writer.close(reason="end", fingerprint=None, totals={}, complete=complete)
        return Trace(tmp_path / "small.h5")

    return make


def by_events(events: Rows, t_s: float) -> dict[int, str]:
    """What devices do at an instant, from the event log alone, one event after the other."""
    state: dict[int, tuple[int, str]] = {}
    for event in events:
        if event["t_ns"] / NS_PER_S > t_s or Happening(event["happening"]) not in BEGINS:
            continue
        device, number, phase = event["device"], event["participation"], BEGINS[Happening(event["happening"])]
        if phase is not None:
            state[device] = (number, phase)
        elif state.get(device, (None, ""))[0] == number:
            del state[device]
    return {int(device): phase for device, (_, phase) in state.items()}


def test_what_devices_do_is_what_the_event_log_says(finished: Trace) -> None:
    """At every instant at which something happens, and between them: the tables of updates and events agree."""
    scene, events = Scene(finished), finished.table("events")
    instants = scene.changes_s
    assert len(instants) > 100
    seen = set()
    for t_s in [*instants, *(instants[1:] + instants[:-1]) / 2]:
        found = doing(scene.participations, t_s)
        assert found.index.is_unique
        assert found.to_dict() == by_events(events, t_s)
        seen |= set(found)
    assert seen >= {"download", "training", "upload"}


def test_what_devices_do_is_what_the_updates_say(finished: Trace) -> None:
    """Whoever is in a phase at an instant began it before and has not come to its end."""
    updates = finished.updates
    there = participations(finished)
    for t_s in np.linspace(0.0, 12.0, 49):
        found = doing(there, t_s)
        for phase, start, end in zip(BUSY, SINCE.values(), [*list(SINCE.values())[1:], "arrived_s"], strict=True):
            ends_s = updates[end].fillna(updates["ended_s"])
            inside = updates[(updates[start] <= t_s) & (t_s < ends_s)]
            assert set(found.index[found == phase]) == set(inside["device"]), (t_s, phase)


def test_participations_without_a_fate_are_put_together_of_their_events(finished: Trace, tmp_path: Path) -> None:
    """A trace that was cut off shows those in flight: every instant is that of the table of updates."""
    writer = TraceWriter(tmp_path / "t.h5", header={}, texts={}, parameters=1)
    for row in finished.table("events"):
        happening, value = Happening(row["happening"]), int(row["value"])
        writer(records.Event(int(row["t_ns"]), happening, int(row["device"]), int(row["participation"]), -1, value))
    writer.close(reason="", fingerprint=None, totals={}, complete=False)
    found, known = participations(Trace(tmp_path / "t.h5")), participations(finished)
    assert len(known) > 10
    pd.testing.assert_frame_equal(found, known, check_exact=True, check_dtype=False)


def test_places_are_those_of_the_legs(finished: Trace) -> None:
    """A device is on the leg of the instant, as far along it as it has come."""
    legs, scene = finished.legs, Scene(finished)
    for t_s in (0.0, 3.3, 11.9):
        where = scene.places(t_s)
        assert len(where.device) == legs["device"].nunique() > 0
        for device, x_m, y_m in zip(*where, strict=True):
            leg = legs[(legs["device"] == device) & (legs["start_s"] <= t_s)].sort_values("start_s").iloc[-1]
            moved_s = min(t_s, leg.end_s) - leg.start_s
            assert math.isclose(x_m, leg.x_m + leg.vx_m_per_s * moved_s)
            assert math.isclose(y_m, leg.y_m + leg.vy_m_per_s * moved_s)


def test_frames_fit(finished: Trace, without_events: Trace, small: Callable[..., Trace]) -> None:
    """Whatever the room, no line is longer and no frame higher; the headline is always there."""
    for trace in (finished, without_events, small()):
        scene = Scene(trace)
        for width in (1, 3, 20, 80):
            for height in (1, 3, 8, 12, 40):
                for t_s in (scene.end_s / 2, scene.end_s):
                    lines = frame(scene, t_s, width, height)
                    assert 1 <= len(lines) <= height
                    assert all(len(line) <= width and line.isprintable() for line in lines)
                    assert lines[0] == scene.name[:width] or lines[0].startswith(scene.name[:width])


def drawn(lines: list[str]) -> str:
    """What is inside the box of a frame."""
    return "".join(line[1:-1] for line in lines if line.startswith("|"))


def test_a_frame_shows_who_does_what(finished: Trace) -> None:
    """Each number is that of the devices in that phase; with room enough, each device is on the map."""
    scene = Scene(finished)
    t_s = next(t for t in scene.changes_s if {"training", "upload"} <= set(doing(scene.participations, t)))
    counts = doing(scene.participations, t_s).value_counts()
    lines = frame(scene, t_s, 400, 200)
    assert f"* training {counts['training']}  ^ upload {counts['upload']}  " in lines[1]
    assert f"{IDLE} not taking part {4 - counts.sum()}" in lines[1]
    assert drawn(lines).count("*") == counts["training"]
    assert drawn(lines).count("^") == counts["upload"]
    assert drawn(lines).count("A") == 1
    made = finished.versions
    assert f"version {made['version'][made['t_s'] <= t_s].iloc[-1]} " in lines[0]


def site(number: int, x_m: float, y_m: float) -> records.Site:
    """A site at a place."""
    return records.Site(0, number, f"mast-{number}", x_m, y_m, 10.0, 28e9, 4e8, 40.0, 24.0)


def test_the_map_is_a_map(small: Callable[..., Trace]) -> None:
    """North is up, east is right; a site that is down is marked while it is; who stands is where it stands."""
    second = NS_PER_S
    trace = small(
        site(0, 0.0, 0.0),
        site(1, 100.0, 0.0),
        site(2, 0.0, 50.0),
        records.Device(0, 0, "one", "g", "p", "c", *[0.0] * 4, False),
        records.Leg(0, 0, 0, FOREVER_NS, 100.0, 50.0, 0.0, 0.0),
        records.Event(0, Happening.INVITED, 0, 0, -1, 0),
        records.Outage(second, 1, second, 3 * second),
        records.Event(second, Happening.TRAINING_START, 0, 0, -1, 0),
        records.Event(5 * second, Happening.VERSION, -1, -1, -1, 7),
    )
    scene = Scene(trace)
    assert scene.end_s == 5.0

    def corners(t_s: float) -> str:
        box = [line[1:-1] for line in frame(scene, t_s, 40, 20) if line.startswith("|")]
        return box[0][0] + box[0][-1] + box[-1][0] + box[-1][-1]

    assert corners(0.5) == f"C{SYMBOLS['waiting']}AB"
    assert corners(2.0) == f"C{SYMBOLS['training']}A{DOWN}"
    assert corners(3.0) == f"C{SYMBOLS['training']}AB"
    assert "5.000 s  version 7 is published" in frame(scene, 5.0, 80, 24)
    assert "incomplete" in frame(scene, 5.0, 80, 24)[0]


def test_a_crowd_is_thinned(small: Callable[..., Trace]) -> None:
    """Of 100,000 devices those who take part are shown, in a fraction of a second."""
    legs = [records.Leg(0, d, 0, FOREVER_NS, d % 317, d // 317, 0.0, 0.0) for d in range(100_000)]
    scene = Scene(small(*legs, *(records.Event(0, Happening.INVITED, d, d, -1, 0) for d in range(0, 100_000, 10_000))))
    began = time.process_time()
    inside = drawn(frame(scene, 0.0, 400, 400))
    assert time.process_time() - began < 1.0
    assert (inside.count(SYMBOLS["waiting"]), inside.count(IDLE)) == (10, 0)


def test_what_is_missing_is_said(without_events: Trace, small: Callable[..., Trace]) -> None:
    """Without events there are states all the same, and without legs no devices on the map; both are told."""
    scene = Scene(without_events)
    assert scene.missing == ["events"]
    assert any("no events in this trace" in line for line in frame(scene, 6.0, 80, 24))
    assert len(doing(scene.participations, 6.0)) > 0
    assert any("no legs in this trace" in line for line in frame(Scene(small(site(0, 0.0, 0.0))), 0.0, 80, 24))


def test_words_of_others_do_not_move_the_cursor(small: Callable[..., Trace]) -> None:
    """Names with control characters are shown without them."""
    device = records.Device(0, 0, "\x1b[2J\nboo", "g", "p", "c", *[0.0] * 4, False)
    lines = frame(Scene(small(device, records.Event(0, Happening.INVITED, 0, 0, -1, 0))), 0.0, 80, 24)
    assert any("?[2J?boo is invited" in line for line in lines)


def test_every_happening_and_fate_has_words(small: Callable[..., Trace]) -> None:
    """Each event is told in words, without braces left."""
    events = [records.Event(i, happening, 0, i, 0, 0) for i, happening in enumerate(Happening)]
    ends = [records.Event(100 + i, Happening.ENDED, 3, i, -1, int(fate)) for i, fate in enumerate(Fate)]
    told = Scene(small(*events, *ends)).news(1.0, 100)
    assert len(told) == len(set(told)) == len(Happening) + len(Fate)
    assert not any("{" in line for line in told)
    assert told[-1].endswith("device 3: in-flight")


# --- the command


def test_piped_frames_are_plain(qflsim: Command, finished: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """No escape codes and no waiting; a frame for each second that it would take, and one for the end."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited"))
    answer = qflsim("play", finished.path)
    frames = answer.out.rstrip("\n").split("\n\n")
    assert (answer.code, answer.err, len(frames)) == (0, "", 31)
    assert "\x1b" not in answer.out
    assert [one.splitlines()[0].split()[1] for one in frames[::10]] == ["0.0", "4.0", "8.0", "12.0"]
    answer = qflsim("play", finished.path, "--from", "3", "--to", "5", "--speed", "0.5")
    assert answer.out.count("tiny  ") == 5


def test_step_by_step(qflsim: Command, finished: Trace) -> None:
    """A frame for each instant at which something happens."""
    answer = qflsim("play", finished.path, "--step", "--to", "1.5")
    assert answer.out.count("tiny  ") == (Scene(finished).changes_s <= 1.5).sum() > 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--speed", "0"], "--speed: got 0.0; want simulated seconds a second, more than 0"),
        (["--speed", "nan"], "--speed"),
        (["--from", "13"], "--from: got 13.0; want an instant of the run, 0 to 12 s"),
        (["--from", "-1"], "--from"),
        (["--from", "v99"], "--from: got v99; want a version of the run, v0 to v"),
        (["--from", "soon"], "--from: got soon; want seconds, or a version such as v12"),
        (["--to", "nan"], "--to"),
        (["--from", "5", "--to", "4"], "--to: got 4.0; want an instant after --from, which is 5 s"),
    ],
)
def test_mistakes(qflsim: Command, finished: Trace, words: list[str], told: str) -> None:
    """A line and exit code 2."""
    answer = qflsim("play", finished.path, *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(told)


def test_a_closed_pipe_ends_it_quietly(finished: Trace) -> None:
    """Whoever reads may have enough."""
    command = f"{sys.executable} -m qflsim play {finished.path} --speed 0.0001 | head -n 3"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
    assert (done.stdout.count("\n"), done.stderr) == (3, "")


class Terminal:
    """A pseudo-terminal in which the command runs."""

    def __init__(self, *words: str) -> None:
        self.mine, its = pty.openpty()
        self.before = termios.tcgetattr(self.mine)
        pipes = {"stdin": its, "stdout": its, "stderr": its}
        self.process = subprocess.Popen([sys.executable, "-m", "qflsim", "play", *words], **pipes,
                                        env={**os.environ, "COLUMNS": "70", "LINES": "20"})  # fmt: skip
        os.close(its)
        self.seen = ""

    def until(self, text: str, patience_s: float | None = None) -> None:
        """Waits until something is on the screen, or until the command has ended; or for a time only."""
        deadline = time.monotonic() + (patience_s or 30)
        while text not in self.seen:
            if time.monotonic() >= deadline:
                assert patience_s, self.seen
                return
            if select.select([self.mine], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.mine, 65536).decode()
                except OSError:  # the other end is closed
                    return

    def end(self) -> int:
        """Reads to the end, and returns the exit code."""
        self.until("\0")
        return self.process.wait()


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts the command in a terminal; what is left of it is killed."""
    made: list[Terminal] = []

    def start(*words: str) -> Terminal:
        made.append(Terminal(*words))
        return made[-1]

    yield start
    for one in made:
        one.process.kill()
        one.process.wait()
        os.close(one.mine)


SHOWN, HIDDEN = "\x1b[?25h", "\x1b[?25l"


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_leaves_the_terminal_as_it_was(
    finished: Trace, terminal: Callable[..., Terminal], number: signal.Signals
) -> None:
    """Exit code 130 for Ctrl-C, 143 when asked to end; the cursor is back, and there is no traceback."""
    one = terminal(str(finished.path), "--speed", "0.01")
    one.until("tiny  0.0 of")
    one.process.send_signal(number)
    assert one.end() == 128 + number
    assert one.seen.index(HIDDEN) < one.seen.index("tiny") < one.seen.rindex(SHOWN)
    assert "Traceback" not in one.seen


def test_a_terminal_is_played_to_by_the_clock(finished: Trace, terminal: Callable[..., Terminal]) -> None:
    """12 s at 24 s a second take half a second; the last frame stays on the screen that was there before."""
    one = terminal(str(finished.path), "--speed", "24")
    assert one.end() == 0
    before, _, after = one.seen.partition(SHOWN)
    assert 2 <= before.count("\x1b[H") <= 7
    assert "tiny  12.0 of 12.0 s" in after
    assert "\x1b[H" not in after


def shown(one: Terminal) -> list[str]:
    """The lines of the last frame on its screen, without the line of keys."""
    frame_, _, _ = one.seen.rpartition("\x1b[J")
    lines = frame_.rpartition("\x1b[H")[2].replace("\r\n", "\n").split("\x1b[K\n")
    return lines[:-2]


def test_keys_lead_from_event_to_event(finished: Trace, terminal: Callable[..., Terminal]) -> None:
    """Each key draws the next instant, or the one before: the same frame as when it came there from the other side."""
    scene = Scene(finished)
    made_s = scene.made_s(2)
    at = int(np.searchsorted(scene.changes_s, made_s))
    one = terminal(str(finished.path), "--from", "v2", "--step")
    frames = 0
    for key, step in (
        (b"", 0),
        (b"\x1b[C", 1),
        (b"\n", 2),
        (b"\x1b[D", 1),
        (b"\x1b[D", 0),
        (b"\x1bOD", -1),
        (b"x", -1),
    ):
        os.write(one.mine, key)
        frames += key != b"x"
        while one.seen.count("\x1b[J") < frames:
            one.until(f"frame {frames}", patience_s=0.05)
        assert shown(one) == frame(scene, scene.changes_s[at + step], 70, 18)
    assert "paused; space" in one.seen
    os.write(one.mine, b"q")
    assert one.end() == 0
    assert one.seen.partition(SHOWN)[0].count("\x1b[H") == frames


def test_stepping_stays_in_the_run(finished: Trace) -> None:
    """Forth and back again from any instant is where something happened; at either end it stays there."""
    changes_s = Scene(finished).changes_s
    for t_s in (0.0, changes_s[5], (changes_s[5] + changes_s[6]) / 2, 12.0):
        after, before = _beside(changes_s, t_s, 12.0, FORWARD), _beside(changes_s, t_s, 12.0, BACK)
        assert before < t_s < after or (t_s, before) == (0.0, 0.0) or (t_s, after) == (12.0, 12.0)
        assert not ((changes_s > t_s) & (changes_s < after)).any()
        assert not ((changes_s > before) & (changes_s < t_s)).any()
    assert _beside(changes_s, 3.0, 3.0, FORWARD) == 3.0


def test_a_pause(finished: Trace, terminal: Callable[..., Terminal]) -> None:
    """No frame follows until it goes on, twice as fast; at the end it ends by itself."""
    one = terminal(str(finished.path), "--speed", "4")
    one.until("4 s a second")
    os.write(one.mine, b" ")
    one.until("paused")
    frames = one.seen.count("\x1b[H")
    one.until("nothing", patience_s=0.4)
    assert one.seen.count("\x1b[H") == frames
    os.write(one.mine, b"+ ")
    one.until("8 s a second")
    assert one.end() == 0
    assert "tiny  12.0 of 12.0 s" in one.seen.partition(SHOWN)[2]


@pytest.mark.parametrize(
    "way",
    [
        "q",
        pytest.param("end", marks=pytest.mark.slow),
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_the_keyboard_is_as_before(finished: Trace, terminal: Callable[..., Terminal], way: str | int) -> None:
    """However it ends, lines are echoed and wait for Enter again."""
    one = terminal(str(finished.path), "--from", "v1", *(["--speed", "20"] if way == "end" else ["--step"]))
    before = one.before
    one.until("q: end")
    assert way == "end" or not termios.tcgetattr(one.mine)[3] & (termios.ECHO | termios.ICANON)
    if way == "q":
        os.write(one.mine, b"q")
    elif isinstance(way, int):
        one.process.send_signal(way)
    assert one.end() == (128 + way if isinstance(way, int) else 0)
    assert before[3] & termios.ECHO
    assert termios.tcgetattr(one.mine) == before


def test_ctrl_z_gives_the_terminal_back_meanwhile(finished: Trace, terminal: Callable[..., Terminal]) -> None:
    """The screen and the keys are the shell's until it goes on; then the same frame is drawn anew."""
    one = terminal(str(finished.path), "--step")
    one.until("q: end")
    one.process.send_signal(signal.SIGTSTP)
    one.until(SHOWN)
    time.sleep(0.1)
    one.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 10
    while one.seen.count("q: end") < 2 and time.monotonic() < deadline:
        one.until("again", patience_s=0.05)
    drawn_ = [shown_.partition("\x1b[J")[0] for shown_ in one.seen.split("\x1b[H")[1:]]
    assert len(drawn_) == 2
    assert drawn_[0] == drawn_[1]
    os.write(one.mine, b"q")
    assert one.end() == 0
    assert termios.tcgetattr(one.mine) == one.before
