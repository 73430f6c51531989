"""The summary of a trace: at a glance, and without its large tables."""

from pathlib import Path

import pytest

from qflsim.records import Update
from qflsim.study.summary import overview, summary
from qflsim.terms import Fate
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
