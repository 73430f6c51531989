"""Batteries: what goes in and out is what the level shows, and empty is at energy over power."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.units import FOREVER_NS, NS_PER_S, to_ns
from qflsim.world.battery import Activity, Battery, Charge, Charger, Power
from qflsim.world.outages import Downtime

S = NS_PER_S
ALWAYS_OUT = [(0, FOREVER_NS)]


def charge(level_j: float, charger_w: float = 0.0, out: list[tuple[int, int]] = ALWAYS_OUT) -> Charge:
    """A battery of 100 J with a reserve of 20 J."""
    return Charge(100.0, level_j, 20.0, charger_w, Downtime([iter(out)]))


def until_empty_ns(battery: Charge, load_w: float) -> int:
    """From line to line to the end."""
    while not battery.empty:
        battery.advance(battery.next_ns(load_w), load_w)
    return battery.t_ns


@pytest.mark.parametrize(("level_j", "load_w"), [(60.0, 2.0), (100.0, 3.0), (7.0, 0.013)])
def test_empty_at_energy_over_power(level_j: float, load_w: float) -> None:
    """A load P empties E at E / P, to the nanosecond; then nothing is drawn any more."""
    battery = charge(level_j)
    assert until_empty_ns(battery, load_w) == to_ns(level_j / load_w)
    battery.advance(10**6 * S, load_w)
    assert (battery.level_j, battery.used_j) == (0.0, pytest.approx(level_j, abs=1e-12))


def test_charging_puts_the_end_off() -> None:
    """In the plug from 10 s to 20 s at 5 W under 4 W: 60 - 40 + 10 = 30 J are left then, gone at 27.5 s."""
    battery = charge(60.0, 5.0, [(0, 10 * S), (20 * S, FOREVER_NS)])
    assert until_empty_ns(battery, 4.0) == to_ns(27.5)
    assert (battery.charged_j, battery.used_j) == (pytest.approx(50.0), pytest.approx(110.0))


def test_full_is_full() -> None:
    """A full battery takes only what the load draws."""
    battery = charge(90.0, 5.0, [])
    battery.advance(100 * S, 1.0)
    assert (battery.level_j, battery.used_j, battery.charged_j) == (100.0, 100.0, pytest.approx(110.0))


def test_an_empty_device_waits_for_its_reserve() -> None:
    """Plugged in at 10 s with 4 W, it is off until 20 J are in, at 15 s, whatever it would draw; ready then."""
    battery = charge(0.0, 4.0, [(0, 10 * S)])
    assert battery.empty
    assert battery.ready_ns(1.0) == 15 * S
    battery.advance(15 * S - 1, 1.0)
    assert battery.empty
    battery.advance(15 * S, 1.0)
    assert (battery.empty, battery.level_j, battery.used_j) == (False, 20.0, 0.0)


def test_without_a_charger_nothing_helps() -> None:
    """Below the reserve for ever."""
    assert charge(19.0).ready_ns(0.0) == FOREVER_NS
    assert charge(20.0).ready_ns(5.0) == 0


plugs = st.lists(st.integers(1, 40), max_size=8).map(
    lambda lengths: [(sum(lengths[:k]) * S, sum(lengths[: k + 1]) * S) for k in range(0, len(lengths), 2)]
)


@given(plugs, st.floats(0, 100), st.floats(0.01, 20), st.lists(st.tuples(st.integers(0, 20 * S), st.floats(0, 30))))
@settings(max_examples=150, deadline=None)
def test_the_ledger_closes(
    out: list[tuple[int, int]], level_j: float, charger_w: float, loads: list[tuple[int, float]]
) -> None:
    """Level = initial + charged - used to 1e-9 at every instant, within the battery's bounds."""
    battery, t_ns, most_j = charge(level_j, charger_w, out), 0, 0.0
    for lasts_ns, load_w in loads:
        t_ns += lasts_ns
        most_j += load_w * lasts_ns / S
        battery.advance(t_ns, load_w)
        assert battery.t_ns == t_ns
        assert abs(battery.initial_j + battery.charged_j - battery.used_j - battery.level_j) < 1e-9
        assert 0 <= battery.level_j <= 100
        assert battery.used_j <= most_j + 1e-7
        assert battery.charged_j <= charger_w * t_ns / S + 1e-7


@given(plugs, st.floats(0, 100), st.floats(0.1, 20), st.floats(0.1, 20), st.lists(st.integers(0, 60 * S), max_size=6))
@settings(max_examples=100, deadline=None)
def test_how_often_one_looks_does_not_matter(
    out: list[tuple[int, int]], level_j: float, charger_w: float, load_w: float, looks_ns: list[int]
) -> None:
    """A level looked at in between is the level of one leap."""
    leaping, looking = charge(level_j, charger_w, out), charge(level_j, charger_w, out)
    for t_ns in [*sorted(looks_ns), 60 * S]:
        looking.advance(t_ns, load_w)
    leaping.advance(60 * S, load_w)
    # A look may make a change of state a nanosecond late: of at most 40 W, at a few changes.
    assert looking.level_j == pytest.approx(leaping.level_j, abs=1e-5)


def test_daily_hours() -> None:
    """In from 22:00 to 06:00: the plug is out from 6 to 22 h of each day, whatever is drawn."""
    out = Downtime([Charger(daily_s=(79200.0, 21600.0)).unplugged(np.random.default_rng(0))])
    hours = [out.is_up(h * 3600 * S) for h in range(72)]
    assert hours == [h % 24 < 6 or h % 24 >= 22 for h in range(72)]
    noon = Downtime([Charger(daily_s=(39600.0, 46800.0)).unplugged(np.random.default_rng(0))])
    assert [h for h in range(48) if noon.is_up(h * 3600 * S)] == [11, 12, 35, 36]


def test_random_plugs_are_stationary() -> None:
    """Plugged in with probability 1 / 4 at t = 0 and later."""
    law = Charger(plugged_s=10.0, unplugged_s=30.0)
    plugs_of = [Downtime([law.unplugged(np.random.default_rng([8, n]))]) for n in range(3000)]
    for t_ns in (0, 25 * S):
        share = np.mean([plug.is_up(t_ns) for plug in plugs_of])
        assert abs(share - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 3000)


def test_the_first_charge_is_drawn_within_its_bounds() -> None:
    """Uniform between the two shares; equal shares are exact."""
    law = Battery(capacity_j=100.0, charge=(0.4, 0.6))
    levels = [law.begin(np.random.default_rng(n), np.random.default_rng(0)).level_j for n in range(500)]
    assert 40 <= min(levels) < 41
    assert 59 < max(levels) <= 60
    full = Battery(capacity_j=100.0, charge=(1.0, 1.0)).begin(np.random.default_rng(0), np.random.default_rng(0))
    assert full.level_j == 100.0


def test_power_by_activity() -> None:
    """Each state has its own power."""
    power = Power(idle_w=1.0, receive_w=2.0, transmit_w=3.0, compute_w=4.0)
    assert [power.watts(activity) for activity in Activity] == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("fields", [{}, {"daily_s": (5.0, 5.0)}, {"plugged_s": 5.0},
                                    {"daily_s": (5.0, 9.0), "plugged_s": 5.0, "unplugged_s": 5.0}])  # fmt: skip
def test_bad_chargers_are_refused(fields: dict[str, Any]) -> None:
    """Neither way, no time, half a way, both ways."""
    with pytest.raises(ValidationError):
        Charger.model_validate(fields)


def test_bad_batteries_are_refused() -> None:
    """Shares in the wrong order."""
    with pytest.raises(ValidationError):
        Battery(charge=(0.6, 0.4))
