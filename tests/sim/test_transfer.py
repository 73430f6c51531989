"""Transfers: how long a model is on its way, and what outages, holes and handovers cost it."""

from collections.abc import Callable
from typing import Any

import pytest

from qflsim import records
from qflsim.terms import Direction, Happening, Reason
from qflsim.units import NS_PER_S, to_ns

RATE_BIT_PER_S = 0.02 * 400e6 * 5.5547
"""What one flow gets at the peak of the rate map from the 2 % of 400 MHz that the service has."""
SIZE_BIT = 2 * 64 + 32 * 10_000_000
TIME_NS = to_ns(SIZE_BIT / RATE_BIT_PER_S)
MAST = {"name": "mast", "x_m": 0.0, "y_m": 0.0}
HEAVY = {"steps": 1, "header_bit": 0, "co_model_parameters": 10_000_000}
Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
REESTABLISHMENT_NS = to_ns(0.5)


def downloads(run: Any) -> list[records.Transfer]:
    """The downloads of a run, by participation."""
    found = [t for t in run.of(records.Transfer) if t.direction is Direction.DOWNLOAD]
    return sorted(found, key=lambda transfer: transfer.participation)


def outage(*down_s: tuple[float, float], site: str = "mast") -> dict[str, Any]:
    """An outage section with these down times."""
    return {"kind": "scripted:Outages", "sites": [site], "down_s": [list(interval) for interval in down_s]}


def test_one_flow_takes_its_bits_over_its_rate(small: Small, simulate: Simulate) -> None:
    """Completion = start + bits/rate, rounded up to a nanosecond, down and up alike; all of it is sharing."""
    run = simulate(small({"a": 3.0}, training=HEAVY))
    down, up = run.of(records.Transfer)[:2]
    assert (down.start_ns, down.end_ns) == (0, TIME_NS)
    assert (up.start_ns, up.end_ns) == (TIME_NS + 3 * NS_PER_S, 2 * TIME_NS + 3 * NS_PER_S)
    for transfer in (down, up):
        assert transfer.complete
        assert transfer.sent_bit == SIZE_BIT == transfer.model_bit + transfer.header_bit + transfer.co_model_bit
        assert transfer.sharing_ns == TIME_NS
        assert (transfer.first_cell, transfer.last_cell, transfer.handovers, transfer.outages) == (0, 0, 0, 0)


@pytest.mark.parametrize("flows", [2, 5])
def test_equal_flows_take_as_many_times_as_long(small: Small, simulate: Simulate, flows: int) -> None:
    """n equal flows of one cell end together, after n times the time of one."""
    run = simulate(small({f"g{k}": 30.0 for k in range(flows)}, training=HEAVY))
    ends_ns = [transfer.end_ns for transfer in downloads(run)[:flows]]
    assert ends_ns == [to_ns(flows * SIZE_BIT / RATE_BIT_PER_S)] * flows


@pytest.mark.parametrize("down_s", [(2.4, 12.0), (2.4, 12.01), (2.345, 90.0), (0.08, 1.28)])
def test_an_outage_pauses_and_the_transfer_resumes(
    small: Small, simulate: Simulate, down_s: tuple[float, float]
) -> None:
    """T = w + down + re-establishment, where the site is heard again at the first measurement at which it is up; if
    it is down for the failure timer or longer."""
    run = simulate(small({"a": 1.0}, training=HEAVY, outages=[outage(down_s)]))
    transfer = downloads(run)[0]
    back_ns = -(-to_ns(down_s[1]) // to_ns(0.08)) * to_ns(0.08)
    outage_ns = back_ns - to_ns(down_s[0])
    assert transfer.end_ns == TIME_NS + outage_ns + REESTABLISHMENT_NS
    assert (transfer.outage_ns, transfer.handover_ns, transfer.uncovered_ns) == (outage_ns, REESTABLISHMENT_NS, 0)
    assert transfer.outages == 1
    assert transfer.handovers == 0
    assert transfer.sent_bit == SIZE_BIT


@pytest.mark.parametrize("interruption", ["resume", "restart"])
@pytest.mark.parametrize("down_s", [(2.4, 3.5999), (2.4, 3.0101), (2.345, 2.35), (0.08, 1.27)])
def test_an_outage_below_the_failure_timer_is_ridden_out(
    small: Small, simulate: Simulate, down_s: tuple[float, float], interruption: str
) -> None:
    """T = w + down: the link is good again at the nanosecond of the repair, and nothing is established or sent anew."""
    data = small({"a": 1.0}, training=HEAVY, outages=[outage(down_s)])
    data["radio"]["on_interruption"] = interruption
    run = simulate(data)
    transfer = downloads(run)[0]
    assert transfer.end_ns == TIME_NS + transfer.outage_ns
    assert transfer.outage_ns == to_ns(down_s[1]) - to_ns(down_s[0])
    assert (transfer.outages, transfer.handovers, transfer.handover_ns, transfer.sent_bit) == (1, 0, 0, SIZE_BIT)
    assert Happening.RADIO_LINK_FAILURE not in {event.happening for event in run.of(records.Event)}


def test_after_an_outage_a_restarting_transfer_begins_again(small: Small, simulate: Simulate) -> None:
    """restart: T = (what was done) + down + re-establishment + w, and the bits sent twice are counted."""
    data = small({"a": 1.0}, training=HEAVY, outages=[outage((2.4, 12.0))])
    data["radio"]["on_interruption"] = "restart"
    transfer = downloads(simulate(data))[0]
    assert transfer.end_ns == to_ns(12.0) + REESTABLISHMENT_NS + TIME_NS
    assert transfer.sent_bit == pytest.approx(SIZE_BIT + 2.4 * RATE_BIT_PER_S, rel=1e-12)


def test_an_outage_before_the_start_only_delays_it(small: Small, simulate: Simulate) -> None:
    """A device that has not been served waits for the repair, and pays no re-establishment."""
    transfer = downloads(simulate(small({"a": 1.0}, training=HEAVY, outages=[outage((0.0, 4.0))])))[0]
    assert (transfer.outage_ns, transfer.handover_ns) == (to_ns(4.0), 0)
    assert transfer.end_ns == to_ns(4.0) + TIME_NS


def test_waiting_before_the_start_is_told_apart_by_its_cause(small: Small, simulate: Simulate) -> None:
    """First the site is down (outage), then up and too far (uncovered), then the device comes near."""
    data = small({"a": 1.0}, training=HEAVY, outages=[outage((0.0, 4.0))])
    data["devices"][0]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.0, 8.0], "x_m": [10.0, 9e6, 10.0]}
    transfer = downloads(simulate(data))[0]
    assert transfer.end_ns - transfer.sharing_ns == to_ns(8.0)
    assert (transfer.outage_ns, transfer.uncovered_ns) == (to_ns(2.0), to_ns(6.0))


def test_a_hole_takes_the_flow_out_and_the_other_speeds_up(small: Small, simulate: Simulate) -> None:
    """The flow in the hole keeps its bits; the one that stays is served alone meanwhile."""
    data = small({"stays": 50.0, "leaves": 50.0}, training=HEAVY)
    data["devices"][1]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 4.0, 8.0], "x_m": [10.0, 9e6, 10.0]}
    stays, leaves = sorted(downloads(simulate(data))[:2], key=lambda transfer: transfer.end_ns)
    assert (leaves.uncovered_ns, leaves.handover_ns) == (to_ns(4.0), REESTABLISHMENT_NS)
    # Together they end when the cell has worked for both, which is never idle.
    assert leaves.end_ns == pytest.approx(2 * TIME_NS, abs=2)
    assert stays.end_ns == pytest.approx(2 * TIME_NS - to_ns(4.0) - REESTABLISHMENT_NS, abs=2)


def test_a_handover_costs_its_interruption_and_no_bits(small: Small, simulate: Simulate) -> None:
    """A device that jumps to another mast is handed over after the time to trigger; the interruption is paid once."""
    data = small({"a": 1.0}, training=HEAVY, sites={"at": [MAST, {"name": "far", "x_m": 500.0, "y_m": 0.0}]})
    data["devices"][0]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 3.2], "x_m": [10.0, 490.0]}
    run = simulate(data)
    transfer, handover = downloads(run)[0], run.of(records.Handover)[0]
    assert (transfer.first_cell, transfer.last_cell, transfer.handovers) == (0, 1, 1)
    assert transfer.handover_ns == to_ns(0.0495)
    assert transfer.outage_ns == transfer.uncovered_ns == 0
    assert transfer.sent_bit == SIZE_BIT
    assert (handover.from_cell, handover.to_cell, handover.reason) == (0, 1, Reason.A3)
    assert handover.t_ns - handover.start_ns == to_ns(0.0495)
    # Filter of half weight a sample: the margin of 3 dB is there at the third sample at the latest, then the trigger.
    assert to_ns(3.2 + 0.32) <= handover.start_ns <= to_ns(3.2 + 0.32 + 3 * 0.08)


def test_a_handover_whose_target_is_gone_by_its_end_is_a_loss(small: Small, simulate: Simulate) -> None:
    """During an interruption of 5 s the device jumps out of everybody's reach and back later: it waits uncovered."""
    handover = {"kind": "a3", "interruption_s": 5.0}
    data = small({"a": 1.0}, training=HEAVY, sites={"at": [MAST, {"name": "far", "x_m": 500.0, "y_m": 0.0}]})
    data["radio"]["handover"] = handover
    data["devices"][0]["mobility"] = {
        "kind": "scripted:Jumps", "from_s": [0.0, 3.2, 5.0, 30.0], "x_m": [10.0, 490.0, 9e5, 10.0],
    }  # fmt: skip
    transfer = downloads(simulate(data))[0]
    assert transfer.complete
    assert transfer.uncovered_ns > to_ns(20.0)
    assert transfer.sent_bit == SIZE_BIT


def test_a_failed_site_passes_its_device_on(small: Small, simulate: Simulate) -> None:
    """With a neighbour in reach an outage costs the failure timer and the re-establishment, however long it is; the
    record says why the cell changed, and the failure is told."""
    sites = {"at": [MAST, {"name": "near", "x_m": 30.0, "y_m": 0.0}]}
    data = small({"a": 1.0}, training=HEAVY, sites=sites, outages=[outage((2.4, 50.0))])
    data["devices"][0]["mobility"]["at_m"] = [1.0, 0.0]
    run = simulate(data)
    transfer, handover = downloads(run)[0], run.of(records.Handover)[0]
    timer_ns = to_ns(1.2)
    assert transfer.end_ns == TIME_NS + timer_ns + REESTABLISHMENT_NS
    assert (transfer.handover_ns, transfer.outage_ns, transfer.outages) == (REESTABLISHMENT_NS, timer_ns, 1)
    assert (handover.start_ns, handover.t_ns) == (to_ns(2.4), to_ns(2.4) + timer_ns + REESTABLISHMENT_NS)
    failures = [event for event in run.of(records.Event) if event.happening is Happening.RADIO_LINK_FAILURE]
    assert [(event.t_ns, event.device, event.site) for event in failures] == [(to_ns(3.6), 0, 0)]
    assert (handover.from_cell, handover.to_cell, handover.reason) == (0, 1, Reason.OUTAGE)


@pytest.mark.parametrize("repair_s", [10.0 + 0.08 * k for k in range(0, 64, 3)])
def test_a_repaired_better_site_wins_its_device_back(small: Small, simulate: Simulate, repair_s: float) -> None:
    """A device at rest is handed back the time to trigger after the repair, whenever that is."""
    sites = {"at": [MAST, {"name": "near", "x_m": 200.0, "y_m": 0.0}]}
    training = HEAVY | {"co_model_parameters": 100_000_000}
    data = small({"a": 1.0}, training=training, sites=sites, outages=[outage((2.4, repair_s))])
    run = simulate(data)
    back = run.of(records.Handover)[1]
    assert (back.from_cell, back.to_cell, back.reason) == (1, 0, Reason.A3)
    assert back.start_ns == -(-to_ns(repair_s) // to_ns(0.08)) * to_ns(0.08) + to_ns(0.32)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.5, 1.5)])
def test_weights_of_groups_share_a_cell(small: Small, simulate: Simulate, weights: tuple[float, float]) -> None:
    """Of two equal downloads the heavier ends at (sum of weights)/(its weight), the other after both: at 2."""
    data = small({"a": 3.0, "b": 3.0}, training=HEAVY)
    for group, weight in zip(data["devices"], weights, strict=True):
        group["weight"] = weight
    ends_ns = sorted(transfer.end_ns for transfer in downloads(simulate(data))[:2])
    assert ends_ns == pytest.approx([TIME_NS * sum(weights) / max(weights), 2 * TIME_NS], abs=3)


@pytest.mark.parametrize("name", ["quickstart", "wait-for-all", "ingolstadt"])
def test_the_time_of_a_transfer_splits_exactly(shipped_runs: dict[str, Any], name: str) -> None:
    """sharing + uncovered + handover + outage + backhaul = end - start, to the nanosecond, for every transfer."""
    transfers = shipped_runs[name].of(records.Transfer)
    assert transfers
    for t in transfers:
        parts_ns = (t.sharing_ns, t.uncovered_ns, t.handover_ns, t.outage_ns, t.backhaul_ns)
        assert min(parts_ns) >= 0
        assert sum(parts_ns) == t.end_ns - t.start_ns


@pytest.mark.parametrize("name", ["quickstart", "wait-for-all", "ingolstadt"])
def test_complete_transfers_carried_their_payload(shipped_runs: dict[str, Any], name: str) -> None:
    """A resuming transfer sends each bit once; one that was cut off sent less than all."""
    for t in shipped_runs[name].of(records.Transfer):
        size_bit = t.model_bit + t.header_bit + t.co_model_bit
        assert t.sent_bit == size_bit if t.complete else 0.0 <= t.sent_bit < size_bit


def test_ingolstadt_meets_everything_that_can_befall_a_transfer(shipped_runs: dict[str, Any]) -> None:
    """Handovers, losses of coverage and outages interrupt transfers in the middle."""
    run = shipped_runs["ingolstadt"]
    assert {handover.reason for handover in run.of(records.Handover)} >= {Reason.A3, Reason.OUTAGE}
    transfers = run.of(records.Transfer)
    assert any(t.outages and t.complete for t in transfers)
    assert any(t.uncovered_ns for t in transfers)
    happenings = {event.happening for event in run.of(records.Event)}
    assert happenings >= {Happening.COVERAGE_LOST, Happening.COVERAGE_BACK, Happening.SITE_DOWN, Happening.SITE_UP}
