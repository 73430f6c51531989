"""The summary of a trace: at a glance, and without its large tables."""

from pathlib import Path

import pytest

from qflsim.records import Device, Event, Update
from qflsim.study.outcomes import outcome
from qflsim.study.play_scene import Scene
from qflsim.study.summary import overview, reach_s, summary
from qflsim.terms import Fate, Happening
from qflsim.trace.reader import Trace
from qflsim.trace.tables import Rows
from qflsim.trace.writer import TraceWriter


def test_an_overview_shows_every_table(finished: Trace) -> None:
    """Every table is listed with its rows, and so are the digest and the fingerprint."""
    told = overview(finished)
    for name, rows in finished.rows.items():
        assert [name, str(rows)] in [line.split() for line in told.splitlines()]
    assert str(finished.fingerprint) in told
    assert finished.header["digest"] in told


def test_fates_are_known_without_the_updates(finished: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run sums them up at its end: they are those of the table, which nobody reads."""
    counts = finished.updates["fate"].value_counts()
    expected, told, read = {fate.label: counts[fate.label] for fate in Fate}, overview(finished), Trace.table

    def small(trace: Trace, name: str) -> Rows:
        assert name == "evaluations"
        return read(trace, name)

    monkeypatch.setattr(Trace, "table", small)
    assert summary(finished)["fates"] == expected
    assert sum(expected.values()) > 10
    assert overview(finished) == told


def test_fates_of_a_run_without_an_end_are_counted(finished: Trace, tmp_path: Path) -> None:
    """Without its totals a trace says the same, and that it is incomplete."""
    told = summary(finished)
    writer = TraceWriter(tmp_path / "t.h5", header=finished.header, texts={}, parameters=1)
    for row in finished.table("updates"):
        values = dict(zip(Update._fields, row.item(), strict=True))
        writer(Update(**values | {"fate": Fate(values["fate"])}))
    writer.close(reason="killed", fingerprint=None, totals={}, complete=False)
    found = summary(Trace(tmp_path / "t.h5"))
    assert found["fates"] == told["fates"]
    assert found["simulated_s"] == pytest.approx(told["simulated_s"], abs=0.5)
    assert "incomplete" in overview(Trace(tmp_path / "t.h5"))


def test_one_word_on_how_far_a_trace_reaches(finished: Trace, tmp_path: Path) -> None:
    """Its totals say it; without them it is the last update's or event's instant, whoever asks."""
    assert reach_s(finished) == summary(finished)["simulated_s"] == finished.totals["simulated_s"]
    for complete in (False, True):  # a run that came to its end and does not say when
        path = tmp_path / f"{complete}.h5"
        writer = TraceWriter(path, header=finished.header, texts={"scenario": "{}"}, parameters=1)
        for row in finished.table("devices"):
            values = dict(zip(Device._fields, row.item(), strict=True))
            writer(Device(**{name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()}))
        rows = finished.table("updates")[:5]
        for row in rows:
            values = dict(zip(Update._fields, row.item(), strict=True))
            writer(Update(**values | {"fate": Fate(values["fate"])}))
        last_ns = int(rows["t_ns"].max())
        writer(Event(last_ns + 10**9, Happening.INVITED, 0, 99, -1, 0))
        writer.close(reason="", fingerprint=None, totals={}, complete=complete)
        trace = Trace(path)
        assert reach_s(trace) == (last_ns + 10**9) / 1e9
        assert summary(trace)["simulated_s"] == outcome(trace).until_s == Scene(trace).end_s == reach_s(trace)
