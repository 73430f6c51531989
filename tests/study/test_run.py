"""Runs: the same bits whoever watches or helps, names that nobody overwrites, and ends that say what they are."""

import dataclasses
import gc
import signal
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from qflsim.errors import InputError, RunError, StoppedError
from qflsim.records import Event, Record
from qflsim.scenario.build import build
from qflsim.scenario.load import load
from qflsim.scenario.sources import read
from qflsim.study.executors import Inline
from qflsim.study.run import Seen, run
from qflsim.terms import Happening
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES

LEARNED = {"evaluations", "version_angles", "update_angles"}


def assert_same(a: Trace, b: Trace, but: frozenset[str] = frozenset()) -> None:
    """Two traces agree to the last bit, in all tables but these."""
    assert a.fingerprint == b.fingerprint
    for name in TABLES.keys() - but:
        assert a.table(name).tobytes() == b.table(name).tobytes(), name


def test_the_same_seed_gives_the_same_trace(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """A run is a function of its scenario: all tables agree to the last bit."""
    again = run(load(tiny), tmp_path / "again.h5")
    assert again.header["digest"] == finished.header["digest"]
    assert_same(finished, again)


def test_another_seed_gives_another_trace(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """The seed reaches the weather, the devices and the digest."""
    other = run(load(tiny, seed=4), tmp_path / "other.h5")
    assert other.fingerprint != finished.fingerprint
    assert other.header["digest"] != finished.header["digest"]
    assert other.header["world"] != finished.header["world"]


def test_the_number_of_workers_changes_nothing(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """Two processes train the same parameters to the last bit as one does, and tell the same metrics."""
    assert_same(finished, run(load(tiny), tmp_path / "two.h5", workers=2))


def test_watching_changes_nothing(tiny: Path, finished: Trace) -> None:
    """A run that is not recorded has the same fingerprint; one that nobody watches ends alike."""
    scenario, seen = load(tiny), Seen()
    watched = build(scenario, read(scenario), (seen,), Inline())
    unwatched = build(scenario, read(scenario), (), Inline())
    assert watched.run() == unwatched.run()
    assert seen.fingerprint.hexdigest() == finished.fingerprint
    assert watched.server.fates == unwatched.server.fates
    assert watched.engine.now_ns == unwatched.engine.now_ns


def test_timing_only_keeps_time(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """What is learned never sets the clock: without learning, all other tables and the fingerprint are the same."""
    timed = run(load(tiny), tmp_path / "timed.h5", timing_only=True)
    assert_same(finished, timed, frozenset(LEARNED))
    assert not any(timed.rows[name] for name in LEARNED)


def test_tables_left_out_change_nothing_else(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """`[trace] leave_out` empties those tables; digest, fingerprint and the other tables stay."""
    some = run(load(tiny, overrides=['trace.leave_out=["events", "transfers"]']), tmp_path / "some.h5")
    assert some.header["digest"] == finished.header["digest"]
    assert_same(finished, some, frozenset({"events", "transfers"}))
    assert some.rows["events"] == some.rows["transfers"] == 0


def test_the_totals_are_those_of_the_record_stream(finished: Trace) -> None:
    """Records counted are rows written; the simulated time is that of the last record."""
    assert finished.totals["events"] == sum(finished.rows.values())
    assert finished.totals["simulated_s"] == 12.0
    assert finished.complete
    assert finished.reason == "the simulated time is over"


def test_default_names_are_never_taken_twice(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `out`, traces are ./traces/<name>-<digest8>.h5, then -2, then -3."""
    monkeypatch.chdir(tmp_path)
    made = [run(load(tiny), timing_only=True) for _ in range(3)]
    stem = f"tiny-{made[0].header['digest'][:8]}"
    assert [t.path for t in made] == [Path("traces") / f"{stem}{n}.h5" for n in ("", "-2", "-3")]


def test_an_existing_file_is_replaced_only_by_force(tiny: Path, tmp_path: Path) -> None:
    """An output that exists is refused and left alone; with `force` it is replaced."""
    out = tmp_path / "out.h5"
    out.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        run(load(tiny), out, timing_only=True)
    assert out.read_text() == "mine"
    assert run(load(tiny), out, timing_only=True, force=True).complete


def test_nobody_reaches_a_site(tiny: Path, tmp_path: Path) -> None:
    """Devices without coverage end the run as failed; the trace is whole and says why."""
    out = tmp_path / "out.h5"
    with pytest.raises(RunError, match="nobody can reach a site") as failed:
        run(load(tiny, overrides=["sites.at.mast.x_m=1e6"]), out, timing_only=True)
    trace = Trace(out)
    assert failed.value.trace == out
    assert trace.complete
    assert trace.reason.startswith("nobody can reach a site")
    assert set(trace.updates["fate"]) == {"in-flight"}


def test_a_stall_says_what_it_was_waiting_for(tiny: Path, tmp_path: Path) -> None:
    """When nothing arrives for `stall_s`, the run ends as failed and names what was awaited; the trace is whole."""
    out = tmp_path / "out.h5"
    slow = ["stop.stall_s=5.0", "devices.walkers.shots=1000000", "stop.duration_s=1000.0"]
    with pytest.raises(RunError, match="stalled: nothing arrived for 5 s; waiting for 3 for the training"):
        run(load(tiny, overrides=slow), out, timing_only=True)
    trace = Trace(out)
    assert trace.complete
    assert trace.reason.startswith("stalled")
    assert len(trace.updates) == 3


@dataclasses.dataclass
class Raiser:
    """An observer that sends itself a signal, once, at the first of a kind of event after an instant."""

    number: int
    after_ns: int
    happening: Happening = Happening.ARRIVED
    sent: bool = False

    def __call__(self, record: Record) -> None:
        if self.sent or not isinstance(record, Event) or record.t_ns < self.after_ns:
            return
        if record.happening is self.happening:
            self.sent = True
            signal.raise_signal(signal.Signals(self.number))


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_ends_a_run_in_order(tiny: Path, finished: Trace, tmp_path: Path, number: int, code: int) -> None:
    """After a signal everything has its fate, the trace is a plain file, and is the full run's up to that instant."""
    out = tmp_path / "out.h5"
    with pytest.raises(StoppedError, match="stopped by SIG") as stopped:
        run(load(tiny), out, observers=(Raiser(number, 6_000_000_000),))
    trace = Trace(out)
    assert stopped.value.exit_code == code
    assert stopped.value.trace == out
    assert not trace.complete
    assert trace.fingerprint is None
    assert trace.reason.startswith("stopped by SIG")
    with h5py.File(out) as file:
        assert not file.attrs["complete"]
    end_ns = int(trace.table("events")["t_ns"].max())
    for name in TABLES.keys() - {"evaluations"}:
        old, new = finished.table(name), trace.table(name)
        assert old[old["t_ns"] < end_ns].tobytes() == new[new["t_ns"] < end_ns].tobytes(), name  # nan is nan
    events = trace.events["happening"].value_counts()
    assert len(trace.updates) == events["invited"] == events["ended"]


def test_a_signal_before_anything_happened(tiny: Path, tmp_path: Path) -> None:
    """A run that is stopped at its very start blames the signal, not the coverage."""
    with pytest.raises(StoppedError, match=r"^stopped by SIGINT;"):
        run(load(tiny), tmp_path / "out.h5", observers=(Raiser(2, 0, Happening.INVITED),))
    assert Trace(tmp_path / "out.h5").reason == "stopped by SIGINT"


def test_a_signal_after_the_end_does_not_undo_the_run(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """A signal that comes after the last event, before the baselines, finds a run that is already whole."""
    trace = run(load(tiny), tmp_path / "out.h5", observers=(Raiser(2, 0, Happening.STOPPED),))
    assert trace.complete
    assert_same(finished, trace)


class Full:
    """An observer that can take no record after an instant, as on a disk that is full."""

    def __call__(self, record: Record) -> None:
        if record.t_ns > 6_000_000_000:
            raise RunError("the disk is full")


def test_a_run_that_breaks_off_is_torn_down_in_silence(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stories that are thrown away half told complain to nobody, and the trace says why the run broke off."""
    complaints: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)

    def broken() -> None:
        with pytest.raises(RunError, match="the disk is full"):
            run(load(tiny), tmp_path / "out.h5", observers=(Full(),))

    broken()
    gc.collect()
    assert complaints == []
    trace = Trace(tmp_path / "out.h5")
    assert not trace.complete
    assert "the disk is full" in trace.reason


def test_every_record_of_a_run_stands_in_its_table(tiny: Path, finished: Trace) -> None:
    """The trace holds exactly what was emitted: as many rows of each kind."""
    scenario, counts = load(tiny), defaultdict[type, int](int)

    def count(record: Record) -> None:
        counts[type(record)] += 1

    build(scenario, read(scenario), (count,)).run()
    for name in TABLES.keys() - LEARNED:
        assert finished.rows[name] == counts[TABLES[name]], name


def test_versions_have_parameters(finished: Trace) -> None:
    """Every version has its vector, version 0 that of the scenario; one that is not there is asked for in vain."""
    assert (finished.params(0) == np.full(2, 0.05)).all()
    assert len({tuple(finished.params(v)) for v in finished.versions["version"]}) == len(finished.versions)
    with pytest.raises(InputError, match="version"):
        finished.params(10_000)
