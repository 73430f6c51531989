"""What a transfer's time is made of, by hand: duplex, power, retransmissions, codes, backhaul, fades, failures."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qflsim import records
from qflsim.radio.absorption import specific_attenuation_db_per_km
from qflsim.radio.blocklength import FiniteBlocklength
from qflsim.radio.pathloss_power_law import CloseIn
from qflsim.terms import Direction, Happening, Reason
from qflsim.units import from_db, to_ns, to_s

RATE_BIT_PER_S = 0.02 * 400e6 * 5.5547
"""What one flow gets at the peak of the rate map from the 2 % of 400 MHz that the service has."""
SIZE_BIT = 2 * 64 + 32 * 10_000_000
TIME_S = SIZE_BIT / RATE_BIT_PER_S
HEAVY = {"steps": 1, "header_bit": 0, "co_model_parameters": 10_000_000}
Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]


def transfers(run: Any, direction: Direction) -> list[records.Transfer]:
    """Complete downloads or uploads of a run, in the order of their ends."""
    return [t for t in run.of(records.Transfer) if t.direction is direction and t.complete]


def lasted_ns(transfer: records.Transfer) -> int:
    """From its start to its end."""
    return transfer.end_ns - transfer.start_ns


def parts_ns(t: records.Transfer) -> int:
    """All that the time went into."""
    return t.sharing_ns + t.uncovered_ns + t.handover_ns + t.outage_ns + t.backhaul_ns


def one(small: Small, duration_s: float = 100.0, **radio: Any) -> dict[str, Any]:
    """One device with a heavy model and a second of training, over and over again."""
    data = small({"a": 1.0}, training=HEAVY, aggregation={"when": {"kind": "async"}}, stop={"duration_s": duration_s})
    data["radio"] |= radio
    return data


def test_time_division_slows_both_ways_down(small: Small, simulate: Simulate) -> None:
    """TDD with three quarters of the time for the downlink: 4/3 and 4 times as long as with a band for each."""
    data = one(small)
    data["sites"] |= {"duplex": "tdd", "downlink_share": 0.75}
    run = simulate(data)
    assert lasted_ns(transfers(run, Direction.DOWNLOAD)[0]) == pytest.approx(to_ns(TIME_S / 0.75), abs=1)
    assert lasted_ns(transfers(run, Direction.UPLOAD)[0]) == pytest.approx(to_ns(TIME_S / 0.25), abs=1)


def test_retransmissions_cost_rate_and_a_latency(small: Small, simulate: Simulate) -> None:
    """Nine tenths of the rate, and at the end the (E[N] - 1) = 0.111 round trips of a block: 0.888 ms."""
    run = simulate(one(small, harq={"block_error": 0.1, "attempts": 4, "round_trip_s": 0.008}))
    for direction in Direction:
        assert lasted_ns(transfers(run, direction)[0]) == to_ns(TIME_S / 0.9) + to_ns(0.000888)


def test_a_short_message_pays_for_its_code(small: Small, simulate: Simulate) -> None:
    """A bare model of 128 bits takes as many times as long as the normal approximation says at its SNR; a long one
    takes no longer than without it."""
    loss_db = float(CloseIn(los_everywhere=True).loss_db(np.array(10.0), 10.0, 1.5, 28e9)[0])
    air_db = float(specific_attenuation_db_per_km(28e9)) * math.hypot(10.0, 8.5) / 1000.0
    snr_db = 40.0 + 24.0 - loss_db - air_db - (-174.0 + 10.0 * math.log10(400e6) + 9.0)
    stretch = FiniteBlocklength().stretch(128.0, float(from_db(snr_db)))
    assert stretch > 1.05
    data = one(small, short_messages={})
    data["training"] = HEAVY | {"co_model_parameters": 0}
    bare = transfers(simulate(data), Direction.DOWNLOAD)[0]
    assert lasted_ns(bare) == to_ns(128 * stretch / RATE_BIT_PER_S)
    assert lasted_ns(transfers(simulate(one(small, short_messages={})), Direction.DOWNLOAD)[0]) == to_ns(TIME_S)


@pytest.mark.parametrize("access", ["tdma", "ofdma", "noma"])
def test_uplinks_that_share_a_band_keep_their_power(small: Small, simulate: Simulate, access: str) -> None:
    """Two far devices: in turns each takes twice as long as alone; in halves of the band lg2(1 + s)/lg2(1 + 2 s) of
    that, with s the SNR alone, which the time alone tells. On top of each other the first has lg2(1 + s/(1 + s)) until
    the second is through, undisturbed, and then the band. Downlinks take twice as long in any case."""

    def times_s(count: int) -> list[float]:
        rounds = {"when": {"kind": "wait-all", "clients": count}}
        data = small({f"g{k}": 5.0 for k in range(count)}, training=HEAVY, aggregation=rounds)
        data["radio"] |= {"rate": {"kind": "shannon"}, "uplink": {"access": access}}
        for group in data["devices"]:
            group["mobility"]["at_m"] = [2000.0, 0.0]
        run = simulate(data)
        return [max(to_s(lasted_ns(t)) for t in transfers(run, direction)[:count]) for direction in Direction]

    (down_s, up_s), (down_two_s, up_two_s) = times_s(1), times_s(2)
    snr = 2.0 ** (SIZE_BIT / up_s / 8e6) - 1.0
    gain = math.log(1.0 + snr) / math.log(1.0 + 2.0 * snr)
    assert 0.5 < gain < 0.9
    behind = math.log(1.0 + snr / (1.0 + snr)) / math.log(1.0 + snr)
    expected_s = {"tdma": 2.0 * up_s, "ofdma": 2.0 * up_s * gain, "noma": up_s * (2.0 - behind)}[access]
    assert up_two_s == pytest.approx(expected_s, rel=1e-7)
    assert down_two_s == pytest.approx(2.0 * down_s, rel=1e-7)


def test_the_way_behind_the_site_comes_on_top(small: Small, simulate: Simulate) -> None:
    """Store and forward: size over the backhaul's capacity and its latency, before the air down, after it up."""
    data = one(small) | {"backhaul": {"kind": "links", "links": [
        {"between": ["mast", "server"], "capacity_bit_per_s": 1e8, "latency_s": 0.02}]}}  # fmt: skip
    run = simulate(data)
    behind_ns = to_ns(SIZE_BIT / 1e8) + to_ns(0.02)
    for direction in Direction:
        transfer = transfers(run, direction)[0]
        assert transfer.backhaul_ns == pytest.approx(behind_ns, abs=1)
        assert transfer.sharing_ns == pytest.approx(to_ns(TIME_S), abs=1)
        assert lasted_ns(transfer) == parts_ns(transfer) == transfer.backhaul_ns + transfer.sharing_ns


def test_the_parts_of_a_time_add_up(simulate: Simulate) -> None:
    """Over drives past sites that fail, with obstacles, sectors and a backhaul whose links fail: to the nanosecond,
    for every transfer; each part occurs."""
    run = simulate({
        "name": "everything", "stop": {"duration_s": 40.0},
        "sites": {"hexagons": {"rings": 1, "distance_m": 300.0}, "sectors": 3, "duplex": "tdd"},
        "radio": {"activity": 0.2, "uplink": {"p0_dbm": -85.0}, "harq": {}, "short_messages": {}, "link_outages": [
            {"kind": "gilbert-elliott", "good_s": 20.0, "bad_s": 2.0, "loss_db": 40.0}]},
        "devices": [{"count": 12, "mobility": {"kind": "random-waypoint", "area_m": [600.0, 600.0],
                                               "origin_m": [-300.0, -300.0], "speed_m_per_s": [10.0, 20.0]},
                     "processor": {"kind": "simulator"}, "batch": 1,
                     "graphs": {"kind": "regular", "degree": 2, "nodes": 3, "count": 2}}],
        "task": {"kind": "qaoa", "layers": 1, "holdout": 2},
        "training": {"steps": 1, "co_model_parameters": 300_000},
        "aggregation": {"when": {"kind": "async", "max_in_flight": 6}},
        "outages": [{"kind": "renewal", "mtbf_s": 20.0, "mttr_s": 4.0}],
        "backhaul": {"kind": "pattern", "availability": 0.9, "mttr_s": 3.0, "capacity_bit_per_s": 1e8},
    })  # fmt: skip
    carried = run.of(records.Transfer)
    assert len(carried) > 100
    for t in carried:
        assert parts_ns(t) == lasted_ns(t)
        assert min(t.sharing_ns, t.uncovered_ns, t.handover_ns, t.outage_ns, t.backhaul_ns) >= 0
    for part in ("sharing_ns", "uncovered_ns", "handover_ns", "outage_ns", "backhaul_ns", "handovers", "outages"):
        assert sum(getattr(t, part) for t in carried) > 0, part


@pytest.mark.parametrize("interruption", ["resume", "restart"])
@pytest.mark.parametrize(("back_s", "fails"), [(3.2, False), (3.52, False), (3.68, True), (12.0, True)])
def test_short_fades_are_ridden_out(
    small: Small, simulate: Simulate, interruption: str, back_s: float, fails: bool
) -> None:
    """A device that is out of everybody's reach from 2.4 s on for less than 1.2 s loses that time alone; for longer
    its link fails: the re-establishment is paid, and if it restarts, all that was sent before."""
    data = one(small, on_interruption=interruption)
    data["devices"][0]["mobility"] = {"kind": "scripted:Jumps", "from_s": [0.0, 2.4, back_s], "x_m": [10.0, 9e6, 10.0]}
    run = simulate(data)
    transfer = transfers(run, Direction.DOWNLOAD)[0]
    assert (transfer.uncovered_ns, transfer.outage_ns) == (to_ns(back_s - 2.4), 0)
    assert transfer.handover_ns == (to_ns(0.5) if fails else 0)
    again_s = 2.4 if fails and interruption == "restart" else 0.0
    assert transfer.sharing_ns == pytest.approx(to_ns(TIME_S + again_s), abs=2)
    told = [(e.t_ns, e.happening) for e in run.of(records.Event)
            if e.happening in (Happening.COVERAGE_LOST, Happening.RADIO_LINK_FAILURE)]  # fmt: skip
    assert told == [(to_ns(2.4), Happening.COVERAGE_LOST), *[(to_ns(3.6), Happening.RADIO_LINK_FAILURE)] * fails]


@pytest.mark.parametrize(("offset_db", "target"), [(0.0, 2), (20.0, 1), (-20.0, 2)])
def test_after_a_failure_the_strongest_takes_over(
    small: Small, simulate: Simulate, offset_db: float, target: int
) -> None:
    """Of two others in reach that which is stronger, its offset counted."""
    data = one(small) | {"outages": [{"kind": "scripted:Outages", "sites": ["mast"], "down_s": [[2.4, 90.0]]}]}
    data["sites"]["at"] += [{"name": "far", "x_m": 200.0, "y_m": 0.0, "offset_db": offset_db},
                            {"name": "near", "x_m": -100.0, "y_m": 0.0}]  # fmt: skip
    data["radio"]["handover"] = {"kind": "a3", "failure_timer_s": 0.24}
    if offset_db > 0.0:  # the favoured one would be attached to at once
        data["devices"][0]["mobility"]["at_m"] = [0.5, 0.0]
    handover = simulate(data).of(records.Handover)[0]
    assert (handover.from_cell, handover.to_cell, handover.reason) == (0, target, Reason.OUTAGE)
    assert handover.t_ns == to_ns(2.4 + 0.24 + 0.5)


def test_a_link_that_comes_and_goes(small: Small, simulate: Simulate) -> None:
    """Gilbert-Elliott with 8 s good and 4 s bad, ridden out: transfers are served two thirds of their time, within five
    standard errors of an alternating process, sqrt(2 A (1 - A)/(s T)) with s = 1/8 + 1/4."""
    law = {"kind": "gilbert-elliott", "good_s": 8.0, "bad_s": 4.0, "loss_db": 100.0}
    data = one(small, 3000.0, link_outages=[law], handover={"kind": "a3", "failure_timer_s": 60.0})
    data["devices"][0]["processor"]["overhead_s"] = 1e-6
    carried = simulate(data).of(records.Transfer)
    served_s, waited_s = (to_s(sum(getattr(t, part) for t in carried)) for part in ("sharing_ns", "uncovered_ns"))
    assert served_s + waited_s > 2900.0
    error = math.sqrt(2.0 * (2 / 3) * (1 / 3) / (0.375 * (served_s + waited_s)))
    assert served_s / (served_s + waited_s) == pytest.approx(2 / 3, abs=5.0 * error)
