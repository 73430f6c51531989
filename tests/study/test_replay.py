"""Replay: a trace alone reproduces its run, and whoever changed a value in it is found out."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from qflsim.errors import InputError, StoppedError
from qflsim.records import Event, Record
from qflsim.scenario.load import POLICY, is_of_world, load
from qflsim.study.replay import replay, replay_as
from qflsim.study.run import run
from qflsim.terms import Happening
from qflsim.trace.commits import checksum, sealed
from qflsim.trace.reader import Trace
from qflsim.trace.tables import TABLES, Rows

FCD = "".join(
    ["<fcd-export>"]
    + [f'<timestep time="{t}"><vehicle id="a" x="{90 + t}" y="90" speed="1"/></timestep>' for t in range(5)]
    + [f'<timestep time="{t}"><vehicle id="b" x="95" y="{90 + t}" speed="1"/></timestep>' for t in range(5, 12)]
    + ["</fcd-export>"]
)


def edited(trace: Trace, path: Path, table: str, edit: Callable[[Rows], Rows]) -> Trace:
    """A copy of a finished trace with one table edited and everything signed again."""
    shutil.copy(trace.path, path)
    with h5py.File(path, "r+") as file:
        rows = edit(file["tables"][table][:])
        file["tables"][table].resize((len(rows),))
        file["tables"][table][:] = rows
        tables = [file["tables"][name][:] for name in TABLES]
        file["commits"][:] = sealed((len(rows), checksum(rows)) for rows in tables)
    return Trace(path)


def set_value(row: int, column: str, value: float) -> Callable[[Rows], Rows]:
    """An edit of one value."""

    def edit(rows: Rows) -> Rows:
        rows[column][row] = value
        return rows

    return edit


def test_a_finished_trace_replays_exactly(finished: Trace) -> None:
    """Every row of every table comes out again, bit by bit."""
    verdict = replay(finished)
    assert verdict == (True, sum(finished.rows.values()), None, "exact")


def test_two_workers_replay_the_same(finished: Trace) -> None:
    """The number of processes that train does not matter to a replay either."""
    assert replay(finished, workers=2).held == "exact"


def test_a_trace_needs_neither_its_scenario_nor_its_mobility_file(tiny: Path, tmp_path: Path) -> None:
    """Moved elsewhere, with scenario and inputs gone, a trace still replays."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    (home / "fcd.xml").write_text(FCD)
    mobility = 'mobility = { kind = "sumo-fcd", file = "fcd.xml" } #'
    (home / "s.toml").write_text(tiny.read_text().replace("count = 4\n", "", 1).replace("mobility =", mobility))
    path = run(load(home / "s.toml"), home / "t.h5").path
    shutil.move(path, away / "t.h5")
    shutil.rmtree(home)
    trace = Trace(away / "t.h5")
    assert set(trace.devices["name"]) == {"a", "b"}
    assert trace.rows["presence"] == 2
    assert (trace.updates["fate"] == "device-off").any()
    assert replay(trace).held == "exact"


def test_what_was_left_out_is_not_compared(tiny: Path, tmp_path: Path) -> None:
    """Tables that a scenario leaves out are no divergence."""
    left_out = ["trace.leave_out=['evaluations', 'events']"]
    trace = run(load(tiny, overrides=left_out), tmp_path / "t.h5")
    assert replay(trace) == (True, sum(trace.rows.values()), None, "exact")


def test_timing_only_replays_timing_only(tiny: Path, tmp_path: Path) -> None:
    """A trace without learning replays without learning."""
    trace = run(load(tiny), tmp_path / "t.h5", timing_only=True)
    assert replay(trace) == (True, sum(trace.rows.values()), None, "exact")


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("updates", 17, "staleness", 99),
        ("events", 100, "happening", int(Happening.SITE_DOWN)),
        ("evaluations", -1, "value", 0.5),
        ("version_angles", 4, "angles", 0.5),
        ("sites", 0, "x_m", 1.0),
    ],
)
def test_a_changed_value_is_named(finished: Trace, tmp_path: Path, table: str, row: int, column: str,
                                  value: float) -> None:  # fmt: skip
    """One value changed in one row: the replay says which table, row and column, and both values."""
    verdict = replay(edited(finished, tmp_path / "t.h5", table, set_value(row, column, value)))
    first = verdict.first_divergence
    assert not verdict.equal
    assert verdict.held is None
    assert first is not None
    assert (first["table"], first["row"]) == (table, row % finished.rows[table])
    assert {name for name in first["trace"] if first["trace"][name] != first["replay"][name]} == {column}


def test_the_first_divergence_is_the_earliest(finished: Trace, tmp_path: Path) -> None:
    """Of several changes the one at the earliest instant is told, whatever its table."""
    late = edited(finished, tmp_path / "late.h5", "trainings", set_value(40, "shots", 7))
    both = edited(late, tmp_path / "both.h5", "updates", set_value(2, "staleness", 9))
    first = replay(both).first_divergence
    assert first is not None
    assert (first["table"], first["row"]) == ("updates", 2)


def test_missing_and_additional_rows_diverge(finished: Trace, tmp_path: Path) -> None:
    """A finished trace with a row less or more is not what the run gives."""
    for name, edit in (("less", lambda rows: rows[:-1]), ("more", lambda rows: np.append(rows, rows[-1:]))):
        first = replay(edited(finished, tmp_path / f"{name}.h5", "updates", edit)).first_divergence
        assert first is not None
        assert first["table"] == "updates"
        assert (first["trace"] is None) == (name == "less")
        assert (first["replay"] is None) == (name == "more")


@pytest.mark.parametrize(("off", "held"), [(1e-12, "1 µs, 1e-9 relative"), (1e-6, None)])
def test_tolerances_of_numbers(finished: Trace, tmp_path: Path, off: float, held: str | None) -> None:
    """A number within 1e-9 of its value is another machine's rounding; one beyond is a divergence."""
    value = float(finished.table("updates")["weight"][8]) * (1 + off)
    verdict = replay(edited(finished, tmp_path / "t.h5", "updates", set_value(8, "weight", value)))
    assert verdict.held == held
    assert verdict.equal == (held is not None)


@pytest.mark.parametrize(("off_ns", "held"), [(1_000, "1 µs, 1e-9 relative"), (1_001, None)])
def test_tolerances_of_times(finished: Trace, tmp_path: Path, off_ns: int, held: str | None) -> None:
    """A time within 1 µs is another machine's rounding; one beyond is a divergence."""
    value = int(finished.table("trainings")["start_ns"][8]) + off_ns
    verdict = replay(edited(finished, tmp_path / "t.h5", "trainings", set_value(8, "start_ns", value)))
    assert verdict.held == held


def test_a_damaged_trace_is_not_compared(finished: Trace, tmp_path: Path) -> None:
    """A value changed without signing again is damage, told as such before anything is simulated."""
    shutil.copy(finished.path, tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "r+") as file:
        row = file["tables/updates"][17]
        row["staleness"] = 99
        file["tables/updates"][17] = row
    with pytest.raises(InputError, match="updates"):
        replay(Trace(tmp_path / "t.h5"))


def test_another_version_is_refused(finished: Trace, tmp_path: Path) -> None:
    """A trace of another version of the package is refused before anything is compared."""
    shutil.copy(finished.path, tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "r+") as file:
        file.attrs["qflsim_version"] = np.bytes_("0.0.0")
    with pytest.raises(InputError, match=r"0\.0\.0"):
        replay(Trace(tmp_path / "t.h5"))


class StopAt:
    """An observer that breaks the run off at the first arrival after an instant."""

    def __init__(self, t_ns: int, error: BaseException | None = None) -> None:
        self.t_ns, self.error = t_ns, error

    def __call__(self, record: Record) -> None:
        if isinstance(record, Event) and record.happening is Happening.ARRIVED and record.t_ns >= self.t_ns:
            if self.error is not None:
                raise self.error
            signal.raise_signal(signal.SIGTERM)


def test_a_stopped_trace_replays_up_to_its_end(tiny: Path, tmp_path: Path) -> None:
    """What a signal cut off is a prefix of the run; the fates that the end itself dealt are not compared."""
    with pytest.raises(StoppedError):
        run(load(tiny), tmp_path / "t.h5", observers=(StopAt(6_000_000_000),))
    trace = Trace(tmp_path / "t.h5")
    verdict = replay(trace)
    assert verdict.equal
    assert 0.9 * sum(trace.rows.values()) < verdict.compared < sum(trace.rows.values())


def test_a_broken_trace_replays_up_to_its_end(tiny: Path, tmp_path: Path) -> None:
    """So does a run that an error broke off; and a change in its prefix is found."""
    with pytest.raises(ZeroDivisionError):
        run(load(tiny), tmp_path / "t.h5", observers=(StopAt(6_000_000_000, ZeroDivisionError()),))
    trace = Trace(tmp_path / "t.h5")
    assert not trace.complete
    assert replay(trace).equal
    assert not replay(edited(trace, tmp_path / "u.h5", "updates", set_value(2, "staleness", 9))).equal


POLICIES = [
    ["aggregation.when={kind='async', max_in_flight=3}", "aggregation.weight={kind='polynomial'}"],
    ["task.layers=1", "training.steps=1", "training.co_model_parameters=1000"],
    ["sites.power_dbm=30.0", "sites.bandwidth_hz=1e7", "radio.uplink.access='tdma'", "devices.0.batch=1"],
    ["trace.leave_out=['events']", "stop.duration_s=6.0"],
]


@pytest.mark.parametrize(("overrides", "from_file"), [(POLICIES[0], True), (POLICIES[1], False), (POLICIES[2], False),
                                                      (POLICIES[3], True)])  # fmt: skip
def test_a_world_under_another_policy_is_as_if_run_so(overrides: list[str], from_file: bool, tiny: Path,
                                                      tmp_path: Path) -> None:  # fmt: skip
    """A trace alone gives, with overrides, what its scenario gives with them, to the fingerprint; and so on."""
    scenario = tmp_path / "s.toml"
    text = tiny.read_text()
    if from_file:
        (tmp_path / "fcd.xml").write_text(FCD)
        mobility = 'mobility = { kind = "sumo-fcd", file = "fcd.xml" } #'
        text = text.replace("count = 4\n", "", 1).replace("mobility =", mobility)
    scenario.write_text(text)
    trace = run(load(scenario), tmp_path / "a.h5")
    expected = run(load(scenario, overrides=overrides), tmp_path / "b.h5")
    (tmp_path / "fcd.xml").unlink(missing_ok=True)
    other = replay_as(trace, overrides, tmp_path / "c.h5")
    assert other.fingerprint == expected.fingerprint != trace.fingerprint
    assert {name: other.header[name] for name in ("world", "digest")} == {
        name: expected.header[name] for name in ("world", "digest")
    }
    assert other.header["replay_of"] == trace.header["digest"]
    assert other.header["world"] == trace.header["world"]
    np.testing.assert_array_equal(other.table("version_angles"), expected.table("version_angles"))
    assert replay(other).held == "exact"
    if from_file:
        with pytest.raises(InputError, match="for so long the trace knows"):
            replay_as(trace, ["stop.duration_s=1e5"], tmp_path / "d.h5")


@pytest.mark.parametrize(
    "override", ["seed=2", "devices.0.count=5", "devices.0.mobility.speed_m_per_s=[1.0, 2.0]", "sites.height_m=20.0",
                 "radio.fading={kind='none'}", "devices.0.name='x'"]
)  # fmt: skip
def test_another_world_is_refused(override: str, finished: Trace, tmp_path: Path) -> None:
    """With what may be set; nothing is written."""
    with pytest.raises(InputError, match="the same world, so only what is part of name, stop") as caught:
        replay_as(finished, ["training.steps=1", override], tmp_path / "x.h5")
    assert caught.value.where == f"--set {override.partition('=')[0]}"
    assert not (tmp_path / "x.h5").exists()
    assert is_of_world(override)
    assert not any(is_of_world(f"{name.replace('*', '0')}=1") for name in POLICY)


def test_a_policy_that_needs_other_files_is_refused(finished: Trace, tmp_path: Path) -> None:
    """A trace holds the files of its own run alone."""
    with pytest.raises(InputError, match=r"got g\.txt; want no other files"):
        replay_as(finished, ["devices.0.graphs={kind='file', files=['g.txt']}"], tmp_path / "x.h5")
