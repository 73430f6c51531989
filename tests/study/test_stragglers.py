"""Stragglers: the last to arrive, how long the others had been waiting, and what it was busy with."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from qflsim.records import Device, Pause, Record, Training, Transfer, Update, Version
from qflsim.study.stragglers import as_json, critical, stragglers
from qflsim.terms import Cause, Direction, Fate
from qflsim.trace.reader import Trace
from qflsim.trace.writer import TraceWriter
from qflsim.units import NEVER_NS, to_ns

HEADER = {"name": "hand", "seed": 1, "digest": "d", "world": "w", "qflsim_version": "0", "timing_only": True}
Hand = Callable[[Iterable[Record | list[Record]]], Trace]


@pytest.fixture
def by_hand(tmp_path: Path) -> Hand:
    """Makes a finished trace of these records and three devices."""

    def make(records: Iterable[Record | list[Record]]) -> Trace:
        writer = TraceWriter(tmp_path / "hand.h5", header=HEADER, texts={"scenario": "{}"}, parameters=2)
        devices = [Device(0, i, f"car-{i}", "car", "simulator", "3-regular", 23.0, 9.0, 1.5, 0.0, False)
                   for i in range(3)]  # fmt: skip
        for told in [*devices, *records]:
            for record in told if isinstance(told, list) else [told]:
                writer(record)
        writer.close(reason="made by hand", fingerprint="f", totals={})
        return Trace(tmp_path / "hand.h5")

    return make


def update(device: int, times_s: Iterable[float | None], **fields: Any) -> list[Record]:
    """A participation, applied to version 1 unless told otherwise: when invited, first served ... arrived, ended."""
    round_ = fields.pop("round", -1)
    times_ns = [NEVER_NS if t is None else to_ns(t) for t in times_s]
    told = {"base_version": 0, "applied_version": 1, "staleness": 0, "weight": 1.0, "fate": Fate.APPLIED,
            "energy_j": 0.0} | fields  # fmt: skip
    invited, served, down, began, trained, sent, arrived, ended = times_ns
    answered = ended if arrived == NEVER_NS else arrived
    return [
        *_transfer(device, Direction.DOWNLOAD, invited, served, answered if down == NEVER_NS else down),
        *([Training(0, device, device, down, began, answered if trained == NEVER_NS else trained,
                    0, 1, 1, 1.0, 0.0, -1, 0, True)] if down != NEVER_NS else []),
        *(_transfer(device, Direction.UPLOAD, trained, sent, answered) if trained != NEVER_NS else []),
        Update(ended, device, device, 0, round_, *times_ns, **told),
    ]  # fmt: skip


def _transfer(device: int, direction: Direction, start: int, served: int, end: int) -> list[Record]:
    served = end if served == NEVER_NS else served
    transfer = Transfer(end, device, device, direction, start, end, end - served, served - start, 0, 0, 0, 0, 0, 0, 0,
                        1, 1, 0, 1.0, True)  # fmt: skip
    return [*([Pause(served, device, device, direction, Cause.COVERAGE, start)] if served > start else []), transfer]


def version(number: int, t_s: float) -> Version:
    """A version made at an instant."""
    return Version(to_ns(t_s), number, 1, 0, 0, 0.0)


def test_the_last_contributor_held_a_version_up(by_hand: Hand) -> None:
    """Of three that arrive at 5, 7 and 10 s the last held the version up for 3 s, by its 4 s of upload."""
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 4, 4, 5, 10]),
            update(1, [0, 0, 1, 1, 4, 4, 7, 10]),
            update(2, [0, 1, 2, 3, 5, 6, 10, 10]),
            version(1, 10.0),
        ]
    )
    (row,) = stragglers(trace).to_dict("records")
    assert row == {"version": 1, "t_s": 10.0, "participation": 2, "device": "car-2", "group": "car",
                   "phase": "upload", "held_up_s": 3.0}  # fmt: skip
    path = critical(trace)
    assert path["phase"].tolist() == ["upload", "waiting for coverage", "compute", "waiting for a processor",
                                      "download", "waiting for coverage"]  # fmt: skip
    assert path["spent_s"].tolist() == [4.0, 1.0, 2.0, 1.0, 1.0, 1.0]


def test_a_version_of_one_update_is_held_up_since_the_version_before(by_hand: Hand) -> None:
    """With one contributor, the wait is counted from the version before."""
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 2, 3, 3, 3.5, 3.5, 4, 4]),
            version(1, 4.0),
            update(1, [0, 0, 1, 1, 8, 8, 9, 9], applied_version=2),
            version(2, 9.0),
        ]
    )
    table = stragglers(trace)
    assert table["held_up_s"].tolist() == [4.0, 5.0]
    assert table["phase"].tolist() == ["waiting for coverage", "compute"]


def test_a_path_that_begins_within_a_transfer_knows_when_it_waited(by_hand: Hand) -> None:
    """A download looks for a cell from 2 to 8 s and is served until 12 s. Of the time since a version at 4 s, four
    seconds were waited and four served, though it waited for six of its ten."""
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 2, 2, 4, 4]),
            version(1, 4.0),
            update(1, [2, 8, 12, 12, 13, 13, 14, 14], applied_version=2),
            version(2, 14.0),
        ]
    )
    path = critical(trace)
    path = path[path["version"] == 2]
    assert path["phase"].tolist() == ["upload", "compute", "download", "waiting for coverage"]
    assert path["spent_s"].tolist() == [1.0, 1.0, 4.0, 4.0]


def test_only_applied_updates_hold_anyone_up(by_hand: Hand) -> None:
    """Whoever was too stale, or never came, made no version wait; time in the buffer is nobody's own."""
    lost = {"applied_version": -1, "weight": 0.0}
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 2, 2, 2.5, 20]),
            update(1, [0, 0, 1, 1, 4, 4, 19, 20], fate=Fate.STALE, **lost),
            update(2, [0, 0, 1, 1, None, None, None, 20], fate=Fate.ABANDONED, **lost),
            version(1, 20.0),
        ]
    )
    (row,) = stragglers(trace).to_dict("records")
    assert row["device"] == "car-0"
    assert row["phase"] in ("download", "compute")


def test_a_round_is_held_up_by_its_last_answer_even_if_that_is_no_update(by_hand: Hand) -> None:
    """Two arrive at 5 and 7 s; the third is lost at 30 s after a wait for the uplink: 23 s are its."""
    lost = {"applied_version": -1, "weight": 0.0, "fate": Fate.ABANDONED}
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 4, 4, 5, 30], round=0),
            update(1, [0, 0, 1, 1, 4, 4, 7, 30], round=0),
            update(2, [0, 1, 2, 3, 9, None, None, 30], round=0, **lost),
            version(1, 30.0),
        ]
    )
    (row,) = stragglers(trace).to_dict("records")
    assert (row["device"], row["phase"], row["held_up_s"]) == ("car-2", "waiting for coverage", 23.0)


def test_a_round_that_closed_at_its_limit_was_held_up_by_who_had_not_answered(by_hand: Hand) -> None:
    """The deadline of 20 s passes with one still training since 3 s: it held the round up since the last arrival."""
    late = {"applied_version": -1, "weight": 0.0, "fate": Fate.LATE}
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 4, 4, 5, 20], round=0),
            update(1, [0, 0, 1, 1, 4, 4, 7, 20], round=0),
            update(2, [0, 1, 2, 3, 40, 40, 41, 41], round=0, **late),
            version(1, 20.0),
        ]
    )
    (row,) = stragglers(trace).to_dict("records")
    assert (row["device"], row["phase"], row["held_up_s"]) == ("car-2", "compute", 13.0)


def test_a_round_does_not_wait_for_those_it_did_not_need(by_hand: Hand) -> None:
    """A quorum closes at its last arrival; whoever is still on the way held nobody up."""
    late = {"applied_version": -1, "weight": 0.0, "fate": Fate.LATE}
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 4, 4, 5, 7], round=0),
            update(1, [0, 0, 1, 1, 4, 4, 7, 7], round=0),
            update(2, [0, 1, 2, 3, 40, 40, 41, 41], round=0, **late),
            version(1, 7.0),
        ]
    )
    (row,) = stragglers(trace).to_dict("records")
    assert (row["device"], row["held_up_s"]) == ("car-1", 2.0)


def test_a_version_that_was_cut_off_holds_nobody_up(by_hand: Hand) -> None:
    """A kill may keep updates whose version it lost: they are passed over."""
    trace = by_hand([version(0, 0.0), update(0, [0, 0, 1, 1, 2, 2, 3, 3])])
    assert len(stragglers(trace)) == 0


def test_phases_sum_up_what_versions_waited(finished: Trace) -> None:
    """The seconds by phase are those of the versions, each once; without updates all are 0."""
    table = stragglers(finished)
    told = as_json(table)
    assert [row["version"] for row in told["versions"]] == list(range(1, len(finished.versions)))
    assert sum(told["phases"].values()) == pytest.approx(table["held_up_s"].sum())
    assert set(as_json(table.iloc[:0])["phases"].values()) == {0.0}


def test_a_path_leads_back_to_whose_answer_made_room(by_hand: Hand) -> None:
    """In a stream, who arrived at 9 s was invited at 4 s, when another's update came, which began before version 1."""
    trace = by_hand(
        [
            version(0, 0.0),
            update(0, [0, 0, 1, 1, 1, 1, 2, 2]),
            version(1, 2.0),
            update(1, [0, 0, 1, 1, 3, 3, 4, 9], applied_version=2),
            update(2, [4, 4, 5, 5, 6, 6, 9, 9], applied_version=2),
            version(2, 9.0),
        ]
    )
    path = critical(trace).query("version == 2")
    assert path["device"].tolist() == ["car-2"] * 3 + ["car-1"] * 2
    assert path["phase"].tolist() == ["upload", "compute", "download", "upload", "compute"]
    assert path["spent_s"].tolist() == [3.0, 1.0, 1.0, 1.0, 1.0]


def test_paths_cover_the_time_of_a_run(finished: Trace) -> None:
    """The critical paths of all versions add up to the time of the last one."""
    made_s = finished.versions["t_s"]
    spent_s = critical(finished).groupby("version")["spent_s"].sum()
    assert spent_s.to_numpy() == pytest.approx(made_s.diff().iloc[1:].to_numpy(), abs=1e-9)
    assert len(spent_s) > 3
