"""Reports: the summary counts what the tables hold, and the tables for people say the same."""

from pathlib import Path

import pytest

from qflsim.errors import RunError
from qflsim.scenario.load import load, parse
from qflsim.study.replay import Verdict
from qflsim.study.report import (
    best,
    efforts,
    fates,
    grades,
    measured,
    radio_told,
    result,
    verdict_told,
)  # fmt: skip
from qflsim.study.run import run
from qflsim.study.summary import overview, summary, table
from qflsim.terms import Fate
from qflsim.trace.reader import Trace

BASELINES = ("random", "fixed", "fixed, by degree", "local-only 3-regular", "centralised (8 devices)", "greedy",
             "Goemans-Williamson", "annealing")  # fmt: skip


def test_the_summary_counts_the_tables(finished: Trace) -> None:
    """Fates are those of the updates, every one named; versions and rows those of the tables."""
    told = summary(finished)
    assert list(told["fates"]) == [fate.label for fate in Fate]
    assert sum(told["fates"].values()) == len(finished.updates)
    assert told["versions"] == len(finished.versions) - 1 == told["tables"]["versions"] - 1
    assert told["events"] == sum(told["tables"].values())
    assert told["simulated_s"] == 12.0


def test_the_metrics_are_the_last_versions(finished: Trace) -> None:
    """Each metric's final value is that of the last version that has it, beside the baselines."""
    metrics, evaluations = summary(finished)["metrics"], finished.evaluations
    last = evaluations[evaluations["version"] == evaluations["version"].max()]
    assert metrics["ratio/mean"] == last.set_index("metric")["value"]["ratio/mean"]
    for name in BASELINES:
        assert 0 < metrics[f"{name}/mean"] <= 1


def test_grades_begin_with_the_first_best_and_last_version(finished: Trace) -> None:
    """The rows are version 0, the best, the last, then every baseline; the columns are the classes."""
    head, rows = grades(finished)
    last = finished.versions["version"].iloc[-1]
    assert head == ["approximation ratio", "3-regular"]
    values = finished.evaluations.query("metric == 'ratio/mean'").set_index("version")["value"]
    assert best(finished) == (values.idxmax(), finished.versions["t_s"].iloc[values.idxmax()])
    assert [row[0] for row in rows] == [
        *dict.fromkeys(["version 0", f"version {values.idxmax()}", f"version {last}"]),
        *BASELINES,
    ]
    told = finished.evaluations.query(f"metric == 'ratio/3-regular' and version == {last}").iloc[0]
    assert rows[-len(BASELINES) - 1][1] == f"{told['value']:.3f} ±{told['half_width']:.3f}"


def images(model: str, folder: Path) -> Trace:
    """A short run of classification."""
    data = {"kind": "digits", "classes": [0, 1], "features": 2, "samples": 8, "holdout": 10}
    group = {"count": 2, "mobility": {"kind": "static", "at_m": [10.0, 0.0]}, "processor": {"kind": "simulator"}}
    rules = {"when": {"kind": "wait-all", "clients": 2}}
    task = {"kind": "classification", "data": data, "model": {"kind": model}}
    scenario = {"name": "i", "stop": {"versions": 2}, "devices": [group], "task": task, "aggregation": rules}
    return run(parse(scenario, folder), folder / f"{model}.h5")


def test_what_classical_models_were_given_is_told(tmp_path: Path, finished: Trace) -> None:
    """Beside a quantum model the rates that they had to choose from; where they learn themselves, that they do."""
    rates, alone = "federated classical models: each at the best of 6 learning rates", "exact gradients of a classical"
    trace = images("variational", tmp_path)
    told = result(trace)
    assert rates in told
    assert alone not in told
    names = [row[0] for row in grades(trace)[1]]
    pooled = "centralised (8 devices)"
    shadows = ["logistic regression (6 weights)", "perceptron (12 weights)"]
    assert names[-6:] == [
        "local-only", pooled, *(f"{pooled} {name}" for name in shadows), *(f"federated {name}" for name in shadows)
    ]  # fmt: skip
    told = result(images("logistic-regression", tmp_path))
    assert rates not in told
    assert alone in told
    assert rates not in result(finished)


def test_a_run_without_updates_has_one_version(tiny: Path, tmp_path: Path) -> None:
    """A run too short for a second version tells the first one once, and of no update what it took."""
    told = result(run(load(tiny, overrides=["stop.duration_s=0.1"]), tmp_path / "t.h5"))
    assert told.count("\nversion 0") == 1
    assert "mean applied update" not in told


def test_fates_by_group_add_up(tiny: Path, tmp_path: Path) -> None:
    """Invited is the sum of the fates in every row, and all groups together are the last row."""
    far = '[[devices]]\nname = "far"\ncount = 2\nmobility = { kind = "static", at_m = [1e6, 1e6] }\n'
    (tmp_path / "two.toml").write_text(tiny.read_text().replace("[task]", far + "[task]"))
    trace = run(load(tmp_path / "two.toml"), tmp_path / "t.h5", timing_only=True)
    head, rows = fates(trace)
    assert (head[:2], head[-1]) == (["participations", "invited"], "devices applied")
    assert [row[0] for row in rows] == ["walkers", "far", "all"]
    applied = trace.updates.query("fate == 'applied'")["device"].nunique()
    assert [row[-1] for row in rows] == [f"{applied} of 4", "0 of 2", f"{applied} of 6"]
    numbers = [[int(cell) for cell in row[1:-1]] for row in rows]
    assert all(row[0] == sum(row[1:]) for row in numbers)
    assert numbers[2] == [a + b for a, b in zip(*numbers[:2], strict=True)]
    assert "far: none of its devices could reach a site" in result(trace)


def test_efforts_are_the_whole_time_of_applied_updates(finished: Trace) -> None:
    """The stages add up to the time from invitation to application; the energies are those of jobs and devices."""
    head, rows = efforts(finished)
    applied = finished.updates.query("fate == 'applied'")
    jobs = finished.trainings.set_index("participation").loc[applied["participation"]]
    stages = ["radio [s]", "queue [s]", "training [s]", "buffer [s]"]
    assert head == ["mean applied update", *stages, "processor [kJ]", "device [J]"]
    assert [row[0] for row in rows] == ["walkers"]
    told = [float(cell) for cell in rows[0][1:]]
    assert sum(told[:4]) == pytest.approx((applied["ended_s"] - applied["invited_s"]).mean(), abs=4 * 0.05)
    assert told[2] == pytest.approx((jobs["end_s"] - jobs["start_s"]).mean(), abs=0.05)
    assert told[4:] == pytest.approx([jobs["energy_j"].mean() / 1e3, applied["energy_j"].mean()], rel=5e-3)


def test_handovers_are_told_with_those_that_were_taken_back(tiny: Path, tmp_path: Path) -> None:
    """Counted one by one: who is back within a second; failures are those of the log, shares those of the transfers."""
    between = 'sites.at=[{name="a",x_m=0.0,y_m=100.0},{name="b",x_m=200.0,y_m=100.0}]'
    eager = "radio.handover={hysteresis_db=0.0,time_to_trigger_s=0.0,filter_coefficient=0}"
    off = 'outages=[{kind="calendar",sites=["a"],intervals_s=[[3.0,5.0]]}]'
    overrides = [between, eager, off, "training.co_model_parameters=2000000", "stop.duration_s=20.0"]
    trace = run(load(tiny, overrides=overrides), tmp_path / "t.h5", timing_only=True)
    rows = list(trace.handovers.itertuples())
    back = 0
    for now in rows:
        earlier = [row for row in rows if row.participation == now.participation and row.t_s < now.t_s]
        back += bool(earlier) and earlier[-1].from_cell == now.to_cell and now.t_s - earlier[-1].t_s < 1.0
    failures = (trace.events["happening"] == "radio-link-failure").sum()
    spent_s = trace.transfers[["sharing_s", "uncovered_s", "handover_s", "outage_s", "backhaul_s"]].sum()
    outage, uncovered = (100 * spent_s[of] / spent_s.sum() for of in ("outage_s", "uncovered_s"))
    assert 0 < back < len(rows)
    assert failures > 0
    assert radio_told(trace) == [
        f"radio: {len(rows)} handovers ({100 * back / len(rows):.1f} % ping-pong), {failures} link failures, "
        f"{uncovered:.1f} % uncovered, {outage:.1f} % sites down"
    ]
    assert radio_told(trace)[0] in result(trace).splitlines()


def test_nothing_is_told_of_a_radio_that_served_nobody(tiny: Path, tmp_path: Path) -> None:
    """Without a transfer there is no line; with nowhere to go no ping-pong; with no log no failures."""
    far = 'devices.walkers.mobility={kind="static",at_m=[3000.0,3000.0]}'
    with pytest.raises(RunError):
        run(load(tiny, overrides=[far]), tmp_path / "0.h5", timing_only=True)
    assert radio_told(Trace(tmp_path / "0.h5")) == []
    trace = run(load(tiny, overrides=['trace.leave_out=["events"]']), tmp_path / "t.h5", timing_only=True)
    assert radio_told(trace) == ["radio: 0 handovers, 0.0 % uncovered"]


def test_a_group_without_an_applied_update_took_nothing(tiny: Path, tmp_path: Path) -> None:
    """It has no row, and with one group left there is no row of all."""
    far = '[[devices]]\nname = "far"\ncount = 2\nmobility = { kind = "static", at_m = [1e6, 1e6] }\n'
    (tmp_path / "two.toml").write_text(tiny.read_text().replace("[task]", far + "[task]"))
    trace = run(load(tmp_path / "two.toml"), tmp_path / "t.h5", timing_only=True)
    assert [row[0] for row in efforts(trace)[1]] == ["walkers"]


def test_a_measurement_stands_beside_the_truth(tiny: Path, tmp_path: Path) -> None:
    """Off is measured less noise-free; a processor with errors measures less, one without it nearly the same."""
    noisy = ["training.noise=true", "stop.duration_s=3.0", 'devices.walkers.processor={kind="superconducting"}']
    trace = run(load(tiny, overrides=noisy), tmp_path / "t.h5")
    metrics = summary(trace)["metrics"]
    head, [[name, shots, true, told, off]] = measured(trace)
    assert head == [
        f"measured of version {trace.versions['version'].iloc[-1]}",
        "shots",
        "noise-free",
        "measured",
        "off",
    ]
    assert (name, shots) == ("walkers", "1000")
    assert true.startswith(f"{metrics['ratio/3-regular']:.3f} ±")
    assert told.startswith(f"{metrics['measured/walkers']:.3f} ±")
    assert float(off) == pytest.approx(metrics["measured/walkers"] - metrics["ratio/3-regular"], abs=5e-4)
    assert float(off) < 0
    assert off in result(trace)


def test_without_noise_and_shots_nothing_is_measured(finished: Trace) -> None:
    """Devices that learn from exact gradients of perfect circuits see the noise-free metric: no table of it."""
    assert measured(finished)[1] == []
    assert "measured" not in result(finished)


def test_many_classes_are_told_by_the_worst(tiny: Path, tmp_path: Path) -> None:
    """Ten classes stand beside their mean in one column, the least of them; a measurement beside the mean; all fits."""
    text = tiny.read_text()
    task = """\
kind = "classification"
data = { features = 10, samples = 8, holdout = 5 }
model = { kind = "variational", layers = 1 }
"""
    text = text.replace('kind = "qaoa"\nlayers = 1\nholdout = 4\n', task).replace(
        "duration_s = 12.0", "duration_s = 1.5"
    )
    text = "\n".join(line for line in text.splitlines() if not line.startswith("graphs"))
    (tmp_path / "digits.toml").write_text(text)
    trace = run(load(tmp_path / "digits.toml", overrides=["training.gradient.kind=spsa"]), tmp_path / "t.h5")
    metrics = summary(trace)["metrics"]
    head, rows = grades(trace)
    last = next(row for row in reversed(rows) if row[0].startswith("version"))
    assert head == ["accuracy by class", "worst class", "mean"]
    assert last[1] == f"{min(metrics[f'accuracy/{digit}'] for digit in range(10)):.3f}"
    assert measured(trace)[1][0][2] == last[2]
    assert max(len(line) for line in result(trace).splitlines() if str(trace.path) not in line) <= 100


@pytest.mark.parametrize(
    ("gradient", "told"),
    [
        ('{kind="exact",charged_as="parameter-shift"}',
         "learning from exact gradients (an idealisation); the clock charges the parameter-shift rule's circuits"),
        ('{kind="spsa"}', "learning by SPSA from the shots that the clock is charged for"),
    ],
)  # fmt: skip
def test_the_result_says_how_devices_learned(tiny: Path, tmp_path: Path, gradient: str, told: str) -> None:
    """The rule by its name, and whether a processor could follow it."""
    overrides = ["stop.duration_s=0.1", f"training.gradient={gradient}"]
    assert told in result(run(load(tiny, overrides=overrides), tmp_path / "t.h5")).splitlines()


def test_lines_fit_a_terminal(finished: Trace) -> None:
    """No line of a result is wider than 100 columns, paths aside."""
    for told in (result(finished), overview(finished)):
        assert max(len(line) for line in told.splitlines() if str(finished.path) not in line) <= 100


def test_the_result_says_what_to_type_next(finished: Trace) -> None:
    """The last lines name the trace and a command for it."""
    assert result(finished).splitlines()[-2:] == [
        f"trace: {finished.path}", f"next:  qflsim stragglers {finished.path}",
    ]  # fmt: skip


def test_a_verdict_names_only_what_differs() -> None:
    """Of a divergence people see the place and the columns that differ; of equality what held."""
    assert verdict_told(Verdict(True, 7, None, "exact")) == "equal: 7 rows (exact)"
    rows = {
        "trace": {"t_ns": 5, "weight": 1.0, "fate": "applied"},
        "replay": {"t_ns": 5, "weight": 2.0, "fate": "stale"},
    }
    told = verdict_told(Verdict(False, 7, {"table": "updates", "row": 3, "t_ns": 5, **rows}, None)).splitlines()
    assert told[0] == "diverged at 0.000000005 s, in row 3 of updates"
    assert [line.split() for line in told[1:]] == [
        ["column", "trace", "replay"], ["weight", "1.0", "2.0"], ["fate", "applied", "stale"],
    ]  # fmt: skip


@pytest.mark.parametrize("side", ["trace", "replay"])
def test_a_verdict_on_a_missing_row(side: str) -> None:
    """A row that one side lacks is told as such."""
    first = {"table": "updates", "row": 3, "t_ns": 5, "trace": {"t_ns": 5}, "replay": {"t_ns": 5}} | {side: None}
    assert "no row" in verdict_told(Verdict(False, 7, first, None))


def test_tables_are_aligned() -> None:
    """The first column stands to the left, all others to the right, and no line ends in blanks."""
    assert table(["a", "long", ""], [["wider", "1", ""], ["b", "22", "x"]]) == [
        "a      long",
        "wider     1",
        "b        22  x",
    ]
