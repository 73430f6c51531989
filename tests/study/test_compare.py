"""Comparisons: what is paired is conserved, a run equals itself, and exchanging A and B turns every sign."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from qflsim.errors import InputError
from qflsim.records import Device, Evaluation, Record, Training, Transfer, Update, Version
from qflsim.scenario.load import load
from qflsim.study.compare import compare, interval
from qflsim.study.compare_told import told
from qflsim.study.run import run
from qflsim.terms import Direction, Fate
from qflsim.trace.reader import Trace
from qflsim.trace.writer import TraceWriter
from qflsim.units import to_ns

HEADER = {"name": "hand", "seed": 1, "digest": "d" * 64, "world": "w", "qflsim_version": "0", "timing_only": False}
CARS = ("car-0", "car-1", "car-2")
Hand, Command = Callable[..., Trace], Callable[..., Any]


class Long(NamedTuple):
    """A run of which others are the beginning."""

    trace: Trace
    overrides: list[str]
    records: list[Record]


@pytest.fixture
def by_hand(tmp_path: Path) -> Hand:
    """Makes a trace of who took part with which fate, and of the grade of versions made every 10 s."""
    made = iter(range(100))

    def make(parts: Sequence[tuple[int, Fate]] = (), grades: Sequence[float] = (), *, centralised: float | None = 0.9,
             names: Sequence[str] = CARS, kind: str = "ratio", complete: bool = True, duration_s: float = 60.0,
             scenario: dict[str, Any] | None = None, records: Sequence[Record] = (),
             **header: Any) -> Trace:  # fmt: skip
        path = tmp_path / f"hand-{next(made)}.h5"
        writer = TraceWriter(path, header=HEADER | header, texts={"scenario": json.dumps(scenario or {})}, parameters=2)
        for i, name in enumerate(names):
            writer(Device(0, i, name, f"group-{i % 2}", "simulator", "3-regular", 23.0, 9.0, 1.5, 0.0, False))
        counts = [0] * len(names)
        for number, (device, fate) in enumerate(parts):
            t_ns, applied = to_ns(number), fate == Fate.APPLIED
            writer(Update(t_ns, number, device, counts[device], -1, 0, 0, 0, 0, 0, 0, 0, t_ns, 0,
                          1 if applied else -1, number if applied else -1, float(applied), fate, 2.0))  # fmt: skip
            counts[device] += 1
        for version, grade in enumerate(grades):
            writer(Version(to_ns(10 * version), version, 1, 0, 0, 0.0))
            for metric in (f"{kind}/3-regular", f"{kind}/mean"):
                writer(Evaluation(to_ns(10 * version), version, metric, grade, math.nan))
        if centralised is not None and grades:
            for name in ("centralised (8 devices) perceptron (12 weights)/mean", "centralised (8 devices)/mean"):
                writer(Evaluation(0, -1, name, centralised + 0.1 * ("perceptron" in name), math.nan))
        for record in records:
            writer(record)
        totals = {"simulated_s": duration_s}
        writer.close(reason="made by hand", fingerprint="f" if complete else None, totals=totals, complete=complete)
        return Trace(path)

    return make


@pytest.fixture(scope="module")
def policies(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Trace], list[Trace]]:
    """Two seeds of the tiny scenario under its own policy, and under rounds."""
    folder = tmp_path_factory.mktemp("policies")
    a, b = ([run(load(tiny, seed=seed, overrides=overrides), folder / f"{name}-{seed}.h5") for seed in (1, 2)]
            for name, overrides in (("a", []), ("b", [WAITING])))  # fmt: skip
    return a, b


def test_a_trace_equals_itself(finished: Trace) -> None:
    """Everything is paired, no fate moves, no difference is anything but 0, nobody gains or loses."""
    found = compare([finished], [finished])
    updates = finished.updates
    assert found["same_world"]
    assert found["paired"] == len(updates) > 0
    assert found["unpaired"] == {"a": 0, "b": 0}
    assert {fate: row[fate] for fate, row in found["fates"].items()} == {
        fate.label: (updates["fate"] == fate.label).sum() for fate in Fate
    }
    assert sum(sum(row.values()) for row in found["fates"].values()) == len(updates)
    known = [value["difference"] for value in found["differences"].values() if not math.isnan(value["difference"])]
    assert len(known) >= 11
    assert set(known) == {0.0}
    assert found["devices"] == {"gained": 0, "lost": 0, "unchanged": 4, "most_gained": [], "most_lost": []}
    assert found["changes"] == {}
    assert found["warnings"] == [f"A and B are one trace, {finished.path}"]


WAITING = 'aggregation.when={kind="wait-all",clients=3}'


@pytest.fixture(scope="module", params=["", WAITING])
def long(request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Long:
    """A run, its policy, and its records."""
    overrides = [request.param] if request.param else []
    told: list[Record] = []
    trace = run(load(tiny, overrides=overrides), tmp_path_factory.mktemp("long") / "t.h5", observers=(told.append,))
    return Long(trace, overrides, told)


def check_no_gain(long: Trace, short: Trace) -> None:
    """The longer run, as of the shorter one's end, is the shorter one: participations, sums, grades; in both orders."""
    for a, b in ((long, short), (short, long)):
        found = compare([a], [b])
        known = [value["difference"] for value in found["differences"].values() if not math.isnan(value["difference"])]
        assert set(known) == {0.0}
        assert found["unpaired"] == {"a": 0, "b": 0}
        assert sum(found["fates"][fate.label][fate.label] for fate in Fate) == found["paired"]
        assert (found["devices"]["gained"], found["devices"]["lost"]) == (0, 0)
        assert "as of" in told(found) or long.totals["simulated_s"] == found["replications"][0]["until_s"]


@pytest.mark.parametrize("stop", ["duration_s=0.5", "duration_s=7.3", "versions=3"])
def test_a_run_compared_with_itself_cut_off_earlier_shows_no_gain(
    long: Long, tiny: Path, tmp_path: Path, stop: str
) -> None:
    """Whether it was to end at an instant or at a version; what was under way then has no fate yet in either."""
    short = run(load(tiny, overrides=[*long.overrides, f"stop.{stop}"]), tmp_path / "t.h5")
    check_no_gain(long.trace, short)
    found = compare([long.trace], [short])
    assert found["replications"][0]["until_s"] == short.totals["simulated_s"] < 12.0
    in_flight = (short.updates["fate"] == "in-flight").sum()
    assert found["fates"]["in-flight"]["in-flight"] == in_flight
    assert in_flight > 0 or "versions" in stop  # of a round nobody is left
    assert found["paired"] <= len(long.trace.updates)
    assert any("what was under way then is in flight" in text for text in found["warnings"])


@pytest.mark.parametrize(
    "share", [pytest.param(0.1, marks=pytest.mark.slow), 0.5, pytest.param(1.0, marks=pytest.mark.slow)]
)
def test_a_killed_run_shows_no_gain(long: Long, tmp_path: Path, share: float) -> None:
    """Whatever was the last record that was committed: who was under way is known from the events."""
    whole, count = long.trace, round(share * len(long.records))
    texts = {name: json.dumps(whole.data(name)) for name in ("scenario", "inputs", "graphs")}
    for last in (count - 7, count - 1):
        writer = TraceWriter(tmp_path / "t.h5", header=whole.header, texts=texts, parameters=2, force=True)
        for record in long.records[:last]:
            writer(record)
        writer.close(reason="killed", fingerprint=None, totals={}, complete=False)
        check_no_gain(whole, Trace(tmp_path / "t.h5"))


def test_nothing_leaks_from_the_future(by_hand: Hand) -> None:
    """An update applied after the shorter run's end is in flight at it; so are its staleness, bytes and energy unknown.

    What had ended by then counts, also in the same instant, but for what the end itself broke off.
    """

    def part(number: int, arrived_s: int, ended_s: int, fate: Fate, staleness: int) -> Update:
        ns = [to_ns(t_s) for t_s in (number, 20, 21, 22, 23, 24, arrived_s, ended_s)]
        return Update(ns[-1], number, number, 0, -1, *ns, 0, 1, staleness, 1.0, fate, 5.0)

    def sent(number: int, end_s: int, *, complete: bool = True) -> Transfer:
        return Transfer(
            to_ns(end_s), number, number, Direction.UPLOAD, to_ns(24), to_ns(end_s), *[0] * 11, 0, 8e6, complete
        )

    early, sent_0, sent_1 = part(0, 25, 30, Fate.APPLIED, 3), sent(0, 30), sent(1, 25)
    later = [part(1, 25, 50, Fate.APPLIED, 9), part(2, 40, 41, Fate.STALE, 7), sent(2, 40)]
    at_the_end = [part(1, 25, 30, Fate.IN_FLIGHT, -1), sent(2, 30, complete=False)]
    a = by_hand(records=[early, sent_0, sent_1, *later])
    b = by_hand(records=[early, sent_0, sent_1, *at_the_end], duration_s=30.0)
    found = compare([a], [b])
    for side in "ab":
        values = {name: value[side] for name, value in found["differences"].items()}
        assert (values["applied"], values["max_staleness"]) == (1.0, 3.0)
        assert (values["uploaded_bit"], values["device_energy_j"]) == (16e6, 5.0)
    assert found["fates"]["in-flight"]["in-flight"] == 1
    assert found["unpaired_fates"]["a"]["in-flight"] == found["unpaired"]["a"] == 1


def test_participations_are_conserved(policies: tuple[list[Trace], list[Trace]]) -> None:
    """Paired and only in A are all of A, fate by fate and group by group, and so of B; over all pairs."""
    a, b = policies
    found = compare(a, b)
    for side, traces in (("a", a), ("b", b)):
        updates = [trace.updates for trace in traces]
        rows = sum(map(len, updates))
        assert found["paired"] + found["unpaired"][side] == rows
        assert sum(values["invited"][side] for values in found["groups"].values()) * 2 == rows
        for fate in Fate:
            paired = (found["fates"][fate.label].values() if side == "a" else
                      [row[fate.label] for row in found["fates"].values()])  # fmt: skip
            here = sum((frame["fate"] == fate.label).sum() for frame in updates)
            assert sum(paired) + found["unpaired_fates"][side][fate.label] == here
    assert 0 < found["paired"] == sum(sum(row.values()) for row in found["fates"].values())
    assert found["unpaired"]["a"] != found["unpaired"]["b"]
    assert sum(found["devices"][key] for key in ("gained", "lost", "unchanged")) == 8


def test_sums_are_those_of_the_tables(policies: tuple[list[Trace], list[Trace]]) -> None:
    """Bytes of transfers, energy of devices and processors, staleness of what was applied, versions, grades."""
    (a, *_), (b, *_) = policies
    found = compare([a], [b])["differences"]
    for side, trace in (("a", a), ("b", b)):
        sent_bit = trace.transfers.groupby("direction", observed=True)["sent_bit"].sum()
        applied = trace.updates.query("fate == 'applied'")
        grades = trace.evaluations.query("version >= 0 and metric == 'ratio/mean'")["value"]
        expected = {
            "last_grade": grades.iloc[-1], "best_grade": grades.max(), "versions": len(trace.versions) - 1,
            "invited": len(trace.updates), "applied": len(applied), "mean_staleness": applied["staleness"].mean(),
            "max_staleness": applied["staleness"].max(), "downloaded_bit": sent_bit["download"],
            "uploaded_bit": sent_bit["upload"], "device_energy_j": trace.updates["energy_j"].sum(),
            "processor_energy_j": trace.trainings["energy_j"].sum(),
        }  # fmt: skip
        assert {name: found[name][side] for name in expected} == pytest.approx(expected)


def test_exchanging_a_and_b_turns_every_sign(policies: tuple[list[Trace], list[Trace]]) -> None:
    """Differences change their signs, intervals stay, fates are transposed, gains are losses."""
    a, b = policies
    there, back = compare(a, b, 0.8), compare(b, a, 0.8)
    for name, value in there["differences"].items():
        other = back["differences"][name]
        assert (value["a"], value["b"], value["n"]) == pytest.approx((other["b"], other["a"], other["n"]), nan_ok=True)
        assert value["difference"] == pytest.approx(-other["difference"], nan_ok=True)
        assert value["half_width"] == pytest.approx(other["half_width"], nan_ok=True)
    assert any(value["difference"] for value in there["differences"].values())
    for one, row in there["fates"].items():
        assert row == {other: back["fates"][other][one] for other in row}
    assert there["unpaired"] == dict(zip("ab", (back["unpaired"]["b"], back["unpaired"]["a"]), strict=True))
    assert there["devices"]["gained"] == back["devices"]["lost"]
    gained, lost = there["devices"]["most_gained"], back["devices"]["most_lost"]
    assert [(one["name"], one["difference"]) for one in gained] == [(one["name"], -one["difference"]) for one in lost]


def test_fates_move_by_device_and_its_own_number(by_hand: Hand) -> None:
    """A device's second participation is paired with its second, whatever came between; its third is alone."""
    a = by_hand([(0, Fate.APPLIED), (0, Fate.STALE), (1, Fate.APPLIED)])
    b = by_hand([(1, Fate.LATE), (0, Fate.APPLIED), (0, Fate.APPLIED), (2, Fate.IN_FLIGHT)])
    found = compare([a], [b])
    moved = {(one, to): n for one, row in found["fates"].items() for to, n in row.items() if n}
    assert moved == {("applied", "applied"): 1, ("stale", "applied"): 1, ("applied", "late"): 1}
    assert found["unpaired"] == {"a": 0, "b": 1}
    assert found["unpaired_fates"]["b"]["in-flight"] == 1
    (gained,), (lost,) = found["devices"]["most_gained"], found["devices"]["most_lost"]
    assert (gained["name"], gained["a"], gained["b"]) == ("car-0", 1, 2)
    assert (lost["name"], lost["difference"]) == ("car-1", -1)
    assert found["groups"]["group-0"]["devices"] == {"gained": 1, "lost": 0, "unchanged": 1}


def test_devices_are_matched_by_name(by_hand: Hand) -> None:
    """In another order, and with others between, a device is still the same; those of one run alone are told."""
    a = by_hand([(0, Fate.APPLIED), (1, Fate.STALE)])
    b = by_hand([(0, Fate.LATE), (2, Fate.APPLIED)], names=("car-9", "car-1", "car-0"))
    found = compare([a], [b])
    assert found["fates"]["applied"]["applied"] == found["paired"] == 1
    assert found["unpaired"] == {"a": 1, "b": 1}
    assert "1 devices are only in A and 1 only in B" in found["warnings"][0]


def test_the_time_to_a_target(by_hand: Hand) -> None:
    """The first version as good as the target; by default 0.99 of the centralised model's own baseline."""
    a, b = by_hand([], [0.5, 0.89, 0.9, 0.7]), by_hand([], [0.5, 0.6, 0.7, 0.891])
    assert compare([a], [b])["time_to_target_s"] == {"a": 20.0, "b": 30.0}
    assert compare([a], [b])["replications"][0]["target"] == pytest.approx(0.891)
    assert compare([a], [b], 0.6)["time_to_target_s"] == {"a": 10.0, "b": 10.0}
    assert compare([a], [b], 0.5)["time_to_target_s"] == {"a": 0.0, "b": 0.0}
    assert told(compare([a], [b])).startswith(
        "B reaches a mean approximation ratio of 0.891 in 30.0 s, A in 20.0 s: 10.0 s later\n"
    )
    assert "10.0 s sooner" in told(compare([b], [a])).splitlines()[0]
    assert "as soon" in told(compare([a], [b], 0.6)).splitlines()[0]
    for wrong in (math.nan, math.inf):
        with pytest.raises(InputError, match="--target"):
            compare([a], [b], wrong)


def test_a_target_that_is_not_reached_is_censored(by_hand: Hand) -> None:
    """It is None and not a time; what is known is that it takes longer than the run was, or nothing."""
    soon, never, short = by_hand([], [0.5, 0.9]), by_hand([], [0.5, 0.6]), by_hand([], [0.5], duration_s=5.0)
    found = compare([soon], [never])
    assert found["time_to_target_s"]["a"] == 10.0
    assert math.isnan(found["time_to_target_s"]["b"])
    assert found["replications"][0]["time_to_target_s"] == {"a": 10.0, "b": None}
    assert math.isnan(found["differences"]["time_to_target_s"]["difference"])
    assert (found["reached"]["only_a"], found["differences"]["time_to_target_s"]["n"]) == (1, 0)
    assert "within 60.0 s, A does in 10.0 s: more than 50.0 s later" in told(found)
    assert "A not within 60.0 s: more than 50.0 s sooner" in told(compare([never], [soon]))
    assert "do not say" in told(compare([soon], [short]))
    assert "neither reaches" in told(compare([never], [short]))
    killed = by_hand([(0, Fate.APPLIED)], [0.5, 0.6], complete=False, centralised=None)
    assert "within 10.0 s" in told(compare([soon], [killed])).splitlines()[0]


def test_censored_replications_are_counted(by_hand: Hand) -> None:
    """A mean difference is of the pairs in which both reach the target; the others are counted by who does."""
    fast, slow, never = [0.5, 0.9], [0.5, 0.6, 0.7, 0.9], [0.5, 0.6]
    a = [by_hand([], grades, seed=i, world=str(i)) for i, grades in enumerate([fast, slow, fast, never, never])]
    b = [by_hand([], grades, seed=i, world=str(i)) for i, grades in enumerate([slow, slow, never, fast, never])]
    found = compare(a, b)
    assert found["reached"] == {"both": 2, "only_a": 1, "only_b": 1, "neither": 1, "unknown": 0}
    time_s = found["differences"]["time_to_target_s"]
    assert (time_s["n"], time_s["a"], time_s["b"], time_s["difference"]) == (2, 20.0, 30.0, 10.0)
    assert found["differences"]["last_grade"]["n"] == 5
    assert "in 2 of 5 pairs both do; in 1 only A; in 1 only B; in 1 neither" in told(found)
    assert found["warnings"] == []
    assert "in none of 1 pairs" not in told(compare(a[:1], b[:1]))
    assert "in none of 2 pairs do both reach" in told(compare(a[2:4], b[2:4]))


def test_the_interval_is_students() -> None:
    """Of 1 to 5 the mean is 3, its standard error sqrt(2.5 / 5), and t of 4 degrees 2.7764; one value has none."""
    n, mean, half_width = interval([1.0, 2.0, math.nan, 3.0, 4.0, 5.0])
    assert (n, mean) == (5, 3.0)
    assert half_width == pytest.approx(2.776445 * math.sqrt(0.5), rel=1e-6)
    assert interval([4.0, 4.0])[1:] == (4.0, 0.0)
    n, mean, half_width = interval([7.0])
    assert (n, mean, math.isnan(half_width)) == (1, 7.0, True)
    n, mean, half_width = interval([math.nan])
    assert (n, math.isnan(mean), math.isnan(half_width)) == (0, True, True)


def test_what_cannot_be_compared_is_named(by_hand: Hand, policies: tuple[list[Trace], list[Trace]]) -> None:
    """Worlds, ends, lengths, grades, baselines and tables: each is a line, and the rest is compared."""

    def said(a: Trace, b: Trace) -> str:
        found = compare([a], [b])
        assert told(found)
        return "\n".join(found["warnings"])

    graded, parts = by_hand([], [0.5, 0.9]), [(0, Fate.APPLIED)]
    assert "worlds of A and B differ (seeds 1 and 2)" in said(graded, by_hand([], [0.5], seed=2, world="v"))
    assert "is incomplete (made by hand)" in said(graded, by_hand([], [0.5], complete=False))
    assert "A is of 60 s and B of 30 s" in said(graded, by_hand([], [0.5], duration_s=30.0))
    assert "is timing only" in said(graded, by_hand(parts, timing_only=True))
    assert "holds no grades" in said(graded, by_hand(parts))
    assert "graded by ratio and B by accuracy" in said(graded, by_hand([], [0.5], kind="accuracy"))
    assert "--target sets" in said(by_hand([], [0.5], centralised=None), by_hand([], [0.5], centralised=None))
    assert "the lower sets" in said(graded, by_hand([], [0.5], centralised=0.8))
    lacking = by_hand(parts, scenario={"trace": {"leave_out": ["transfers", "trainings"]}})
    assert "without its transfers: how much it sent is not known" in said(graded, lacking)
    dark = by_hand(parts, complete=False, scenario={"trace": {"leave_out": ["events"]}})
    assert "without its events: who was under way when it was cut off is not known" in said(graded, dark)
    found = compare([policies[0][0]], [lacking])["differences"]
    assert found["uploaded_bit"]["a"] > 0
    assert math.isnan(found["uploaded_bit"]["b"])
    assert math.isnan(found["processor_energy_j"]["difference"])
    assert found["applied"]["b"] == 1.0
    empty = by_hand(names=())
    assert compare([empty], [empty])["paired"] == 0
    assert said(empty, graded)
    assert "neither" not in told(compare([graded], [by_hand(parts, timing_only=True)])).splitlines()[0]


def test_replications_that_are_none_are_named(by_hand: Hand) -> None:
    """Pairs of one world are not independent; a side of two policies is named with where they differ."""
    a, b = ({"aggregation": {"when": {"kind": kind}}} for kind in ("async", "wait-all"))
    first = [by_hand(scenario=a), by_hand(scenario=b)]
    found = compare(first, [by_hand(scenario=b), by_hand(scenario=b)])
    assert found["changes"] == {"aggregation.when": {"a": {"kind": "async"}, "b": {"kind": "wait-all"}}}
    warned = "\n".join(found["warnings"])
    assert f"A is not one policy: {first[0].path} and {first[1].path} differ in aggregation.when" in warned
    assert "B is not one policy" not in warned
    assert "pairs 1 and 2 are of one world" in warned


def test_what_no_run_writes_is_refused(by_hand: Hand) -> None:
    """Two participations of a device with one number, which could be paired in two ways."""
    twin = Update(0, 9, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0.0, Fate.LATE, 0.0)
    with pytest.raises(InputError, match="a trace as a run writes it"):
        compare([by_hand([(0, Fate.LATE)], records=[twin])], [by_hand()])


def test_units_suit_the_numbers(by_hand: Hand) -> None:
    """16 Mbit are 2 MB, 1,500 J are 1.5 kJ; by group of devices, A's beside B's."""
    sent = Transfer(0, 0, 0, Direction.UPLOAD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16e6, True)
    job = Training(0, 0, 0, 0, 0, 0, 0, 1, 1, 0.0, 1500.0, -1, 0, True)
    text = told(compare([by_hand([(0, Fate.APPLIED)])], [by_hand([(0, Fate.APPLIED)], records=[sent, job])]))
    rows = {line.split("  ")[0]: line.split()[-3:] for line in text.splitlines() if line}
    assert rows["up [MB]"] == ["0", "2", "+2"]
    assert rows["processors [kJ]"] == ["0", "1.5", "+1.5"]
    assert rows["group-0"][-1] == "0/0/2"


def test_the_command(qflsim: Command, policies: tuple[list[Trace], list[Trace]], tmp_path: Path) -> None:
    """The first half of the traces is A, the second B; warnings go to standard error, with --json into the object."""
    a, b = ([trace.path for trace in traces] for traces in policies)
    answer = qflsim("compare", a[0], b[0], "--target", "0.5")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("B reaches a mean approximation ratio of 0.500 in 0 s, A in 0 s: as soon\n")
    several = json.loads(qflsim("compare", *a, *b, "--json").out)
    assert set(several) >= {"same_world", "paired", "unpaired", "time_to_target_s", "fates"}
    assert several["paired"] == compare(*policies)["paired"]
    assert "± 95 %" in qflsim("compare", *a, *b).out
    assert qflsim("compare", a[0], b[1]).err.startswith("warning: the worlds of A and B differ (seeds 1 and 2)")
    crossed = qflsim("compare", a[0], b[1], "--json")
    assert (crossed.err, json.loads(crossed.out)["same_world"]) == ("", False)
    for odd in (a[:1], [*a, b[0]]):
        answer = qflsim("compare", *odd)
        assert answer.code == 2
        assert "an even number" in answer.err
    missing = qflsim("compare", a[0], tmp_path / "none.h5")
    assert (missing.code, missing.err.startswith(str(tmp_path / "none.h5"))) == (2, True)
