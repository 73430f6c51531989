"""Blame: what a straggler's slowness cost a version, by simulating again without it."""

from pathlib import Path

import numpy as np
import pytest

from qflsim import records
from qflsim.scenario.build import build
from qflsim.scenario.load import parse
from qflsim.scenario.sources import read
from qflsim.sim.transfer import StandIn
from qflsim.sim.world import WhatIf
from qflsim.study.blame import WHOLE, blame
from qflsim.study.run import run
from qflsim.terms import Direction
from qflsim.trace.reader import Trace

GROUP = {"mobility": {"kind": "static", "area_m": [40.0, 40.0]}, "graphs": {"kind": "complete", "nodes": 2, "count": 1}}
STEPS = 2


def processor(overhead_s: float) -> dict[str, object]:
    """One that takes so long for a step."""
    return {"kind": "simulator", "overhead_s": overhead_s, "amplitude_s": 0.0, "sample_s": 0.0}


def data(slow_s: float) -> dict[str, object]:
    """Rounds of three devices that compute for 4 s a step and one that takes longer."""
    return {
        "name": "slow",
        "stop": {"versions": 3},
        "devices": [{"name": "fast", "count": 3, "processor": processor(2.0), **GROUP},
                    {"name": "slow", "count": 1, "processor": processor(slow_s), **GROUP}],
        "task": {"kind": "qaoa", "layers": 1},
        "training": {"steps": STEPS},
        "aggregation": {"when": {"kind": "wait-all", "clients": 4}},
    }  # fmt: skip


@pytest.fixture
def slow(tmp_path: Path) -> Trace:
    """Its trace."""
    return run(parse(data(10.0), tmp_path), tmp_path / "t.h5", timing_only=True)


def test_a_slow_processor_costs_what_it_takes_longer(slow: Trace) -> None:
    """Every round is held up by the slow device's computing, and would come as much earlier as that is too long."""
    table = blame(slow, most=3)
    assert set(table["device"]) == {"slow-0"}
    assert set(table["phase"]) == {"compute"}
    compute = table[table["cause"] == "compute"]
    assert len(compute) == 3
    trainings = slow.trainings.set_index("participation")
    took_s = trainings["end_s"] - trainings["start_s"]
    excess_s = took_s[compute["participation"]].to_numpy() - took_s.median()
    np.testing.assert_allclose(compute["excess_s"], excess_s, rtol=1e-12)
    assert (excess_s > 10.0).all()
    np.testing.assert_allclose(compute["earlier_s"], compute["held_up_s"], atol=0.05)
    whole = table[table["cause"] == WHOLE]
    np.testing.assert_allclose(whole["earlier_s"].to_numpy(), compute["earlier_s"].to_numpy(), atol=0.05)
    single = table[table["cause"] != WHOLE].groupby("version")["earlier_s"].sum()
    left = table.drop_duplicates("version").set_index("version")
    np.testing.assert_allclose(left["remainder_s"], left["held_up_s"] - single, atol=1e-9)


def test_what_takes_as_long_as_it_did_changes_nothing(slow: Trace, tmp_path: Path) -> None:
    """With every stage of the last one replaced by itself, all versions come when they came."""
    scenario = parse(data(10.0), tmp_path)
    made: list[int] = []
    updates = slow.table("updates")
    row = updates[(updates["device"] == 3) & (updates["device_participation"] == 1)][0]
    what_if = WhatIf(
        training_ns=int(row["training_end_ns"] - row["training_start_ns"]),
        upload=StandIn(0, 0, int(row["arrived_ns"] - row["training_end_ns"])),
        queue_ns=0,
    )
    build(scenario, read(scenario), (lambda r: made.append(r.t_ns) if isinstance(r, records.Version) else None,),
          what_if={(3, 1): what_if}).run()  # fmt: skip
    assert made == slow.table("versions")["t_ns"].tolist()


def test_a_stand_in_takes_of_its_cell_what_the_transfer_took(tmp_path: Path) -> None:
    """Four devices share a cell at the same time. With the transfers of one replaced by themselves, nobody else's
    changes; if it were there for no time, the others would be served sooner."""
    busy = data(2.0)
    busy["training"] = {"steps": STEPS, "co_model_parameters": 10**7}
    scenario = parse(busy, tmp_path)
    trace = run(scenario, tmp_path / "t.h5", timing_only=True)
    mine = {way: trace.table("transfers")[k] for k, way in _transfers_of(trace, device=3, number=0)}
    assert all(row["sharing_ns"] > 10**9 for row in mine.values())
    itself = {
        way.name.lower(): StandIn(0, int(row["end_ns"] - row["start_ns"] - row["sharing_ns"]), int(row["sharing_ns"]))
        for way, row in mine.items()
    }
    nothing = {way: stand_in._replace(served_ns=0) for way, stand_in in itself.items()}

    def arrivals_ns(what_if: WhatIf) -> list[int]:
        told: list[records.Record] = []
        build(scenario, read(scenario), (told.append,), what_if={(3, 0): what_if}).run()
        return [r.arrived_ns for r in told if isinstance(r, records.Update) and r.device != 3 and r.round == 0]

    recorded_ns = arrivals_ns(WhatIf())
    np.testing.assert_allclose(arrivals_ns(WhatIf(**itself)), recorded_ns, rtol=0, atol=2)
    assert all(a < b - 10**8 for a, b in zip(sorted(arrivals_ns(WhatIf(**nothing))), sorted(recorded_ns), strict=True))


def _transfers_of(trace: Trace, device: int, number: int) -> list[tuple[int, Direction]]:
    """The rows of a participation's transfers, and which way each goes."""
    updates, transfers = trace.table("updates"), trace.table("transfers")
    own = updates[(updates["device"] == device) & (updates["device_participation"] == number)]["participation"][0]
    rows = np.flatnonzero(transfers["participation"] == own)
    return [(int(k), Direction(transfers["direction"][k])) for k in rows]


def test_who_is_like_the_others_is_not_to_blame(tmp_path: Path) -> None:
    """Where all compute equally long, nothing of a cause comes of computing."""
    table = blame(run(parse(data(2.0), tmp_path), tmp_path / "t.h5", timing_only=True))
    assert len(table) > 0
    assert "compute" not in set(table["cause"])
    assert (table["earlier_s"].dropna() < 0.1).all()
