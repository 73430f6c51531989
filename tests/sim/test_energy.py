"""What a participation costs a device, and what becomes of it when the battery is empty or the device switches off."""

from collections.abc import Callable
from typing import Any

import pytest

from qflsim import records
from qflsim.terms import Fate, Happening
from qflsim.units import NS_PER_S, to_ns, to_s
from qflsim.world.battery import Power

Small = Callable[..., dict[str, Any]]
Simulate = Callable[..., Any]
S = NS_PER_S
ASYNC = {"when": {"kind": "async"}}
POWER = {"idle_w": 1.0, "receive_w": 2.0, "transmit_w": 5.0, "compute_w": 3.0}
HEAVY = {"steps": 1, "header_bit": 0, "co_model_parameters": 10**7}


def one(small: Small, training_s: float = 4.0, **fields: Any) -> dict[str, Any]:
    """A run of 100 s of one device with the powers above."""
    data = small({"a": training_s}, aggregation=ASYNC)
    data["devices"][0].update({"power": POWER} | fields)
    return data


def by_phase_j(update: records.Update, compute_w: float) -> float:
    """Energy by the instants of an update that never waited for coverage."""
    spans_ns = [update.download_end_ns - update.download_start_ns, update.training_end_ns - update.training_start_ns,
                update.arrived_ns - update.upload_start_ns]  # fmt: skip
    return sum(watts * to_s(span) for watts, span in zip((2.0, compute_w, 5.0), spans_ns, strict=True))


@pytest.mark.parametrize(
    ("fields", "compute_w"), [({}, 3.0), ({"processor_at": "site"}, 1.0), ({"shared_processors": 2}, 1.0)]
)
def test_energy_by_what_the_device_does(
    small: Small, simulate: Simulate, fields: dict[str, Any], compute_w: float
) -> None:
    """Receiving, computing, transmitting, each at its power; a processor elsewhere is waited for."""
    run = simulate(one(small, **fields) | {"training": HEAVY})
    applied = [u for u in run.updates().values() if u.fate is Fate.APPLIED]
    assert len(applied) >= 1
    assert applied[0].arrived_ns - applied[0].upload_start_ns > S
    for update in applied:
        assert update.energy_j == pytest.approx(by_phase_j(update, compute_w), rel=1e-9)


def test_waiting_is_idle(small: Small, simulate: Simulate) -> None:
    """While its only site is down a device draws its idle power."""
    down = {"kind": "calendar", "intervals_s": [[0.0, 7.0]]}
    first = simulate(one(small) | {"outages": [down]}).updates()[0]
    assert first.download_start_ns >= 7 * S
    assert first.energy_j == pytest.approx(to_s(first.download_start_ns) * 1.0 + by_phase_j(first, 3.0), rel=1e-9)


def test_energy_is_counted_without_a_battery_and_changes_nothing(small: Small, simulate: Simulate) -> None:
    """A battery that lasts gives the same records as none."""
    lasts = {"battery": {"capacity_j": 1e6, "charge": [1.0, 1.0]}}
    assert simulate(one(small)).records == simulate(one(small, **lasts)).records


def test_an_empty_battery_ends_a_participation_at_its_instant(small: Small, simulate: Simulate) -> None:
    """10 J under 3 W of training are gone after 10 / 3 s, but for the microseconds of the download; nobody is left."""
    run = simulate(one(small, battery={"capacity_j": 10.0, "charge": [1.0, 1.0]}))
    (update,) = run.updates().values()
    assert (update.fate, update.energy_j) == (Fate.DEVICE_OFF, pytest.approx(10.0, abs=1e-8))
    assert update.ended_ns == pytest.approx(to_ns(10 / 3), abs=3000)
    assert [e.t_ns for e in run.of(records.Event) if e.happening is Happening.DEVICE_OFF] == [update.ended_ns]
    assert run.outcome.failed is False
    assert run.simulation.engine.now_ns == 100 * S


def test_a_charged_device_is_invited_again(small: Small, simulate: Simulate) -> None:
    """Off at 10 / 3 s, in the plug of 2 W from 20 s on: at 22 s the reserve of 4 J is there, and it is invited.

    From then on a training drains 3 - 2 = 1 W: it lasts four seconds, and the device is off at the end of it.
    """
    battery = {"capacity_j": 10.0, "charge": [1.0, 1.0], "reserve": 0.4,
               "charger": {"power_w": 2.0, "daily_s": [20.0, 5000.0]}}  # fmt: skip
    run = simulate(one(small, training_s=6.0, battery=battery))
    updates = [run.updates()[k] for k in range(3)]
    invited_s = [to_s(u.invited_ns) for u in updates]
    ended_s = [to_s(u.ended_ns) for u in updates]
    assert invited_s == [0.0, 22.0, pytest.approx(28.0, abs=1e-4)]
    assert ended_s == [pytest.approx(10 / 3, abs=1e-5), pytest.approx(26.0, abs=1e-4), pytest.approx(32.0, abs=1e-4)]
    assert {u.fate for u in updates} == {Fate.DEVICE_OFF}


def test_the_battery_goes_on_between_participations(small: Small, simulate: Simulate) -> None:
    """After the last participation the ledger holds what all of them spent, and the idle time between them."""
    data = one(small, battery={"capacity_j": 1000.0, "charge": [1.0, 1.0]})
    data["aggregation"] = {"when": {"kind": "deadline", "clients": 1, "deadline_s": 10.0}}
    run = simulate(data)
    charge = run.simulation.server._world.charge(0)
    charge.advance(100 * S, 1.0)
    busy_s = sum(to_s(u.ended_ns - u.invited_ns) if u.arrived_ns < 0 else to_s(u.arrived_ns - u.invited_ns)
                 for u in run.updates().values())  # fmt: skip
    spent_j = sum(u.energy_j for u in run.updates().values())
    assert len(run.updates()) > 5
    assert charge.used_j == pytest.approx(spent_j + 1.0 * (100 - busy_s), rel=1e-12)
    assert charge.level_j == pytest.approx(1000.0 - charge.used_j, rel=1e-12)


@pytest.mark.parametrize("when", [{"kind": "async", "max_in_flight": 3}, {"kind": "wait-all", "clients": 3}])
def test_churn_in_a_run(small: Small, simulate: Simulate, when: dict[str, Any]) -> None:
    """Participations start only while their device is on, end as device-off when it switches off, and none is missed.

    Whenever nobody takes part, nobody was there to be invited.
    """
    data = small({"a": 3.0}, aggregation={"when": when}, stop={"duration_s": 400.0})
    data["devices"][0].update({"count": 4, "churn": {"on_s": 10.0, "off_s": 30.0}})
    run = simulate(data)
    fleet, updates = run.simulation.server._world.fleet, list(run.updates().values())
    for update in updates:
        leaves_ns = fleet.leaves_ns(update.device, update.invited_ns)
        assert fleet.present(update.device, update.invited_ns)
        assert update.ended_ns <= leaves_ns or update.arrived_ns >= 0
        assert (update.fate is Fate.DEVICE_OFF) == (update.ended_ns == leaves_ns and update.arrived_ns < 0)
    fates = {update.fate for update in updates}
    assert {Fate.DEVICE_OFF, Fate.APPLIED} <= fates
    for t_ns in range(0, 400 * S, 777_777_777):
        if not any(u.invited_ns <= t_ns < u.ended_ns for u in updates):
            assert not any(fleet.present(device, t_ns) for device in range(4))


def test_a_devices_presence_does_not_depend_on_the_policy(small: Small, simulate: Simulate) -> None:
    """Under two policies a device that takes part switches off at the same instants."""
    offs = []
    for clients in (1, 4):
        data = small({"a": 3.0}, aggregation={"when": {"kind": "wait-all", "clients": clients}})
        data["devices"][0].update({"count": 4, "churn": {"on_s": 10.0, "off_s": 10.0}})
        fleet = simulate(data).simulation.server._world.fleet
        offs.append([fleet.present(device, t * S) for device in range(4) for t in range(100)])
    assert offs[0] == offs[1]


def test_idle_devices_cost_nothing(small: Small, simulate: Simulate) -> None:
    """Of many devices with churn and batteries, only as many are looked at as it takes to find those invited."""
    data = small({"a": 3.0}, aggregation={"when": {"kind": "async", "max_in_flight": 2}}, stop={"duration_s": 30.0})
    data["devices"][0].update({"count": 20_000, "battery": {}, "churn": {"on_s": 600.0, "off_s": 600.0}})
    run = simulate(data)
    world = run.simulation.server._world
    assert len(run.updates()) > 10
    assert len(world.fleet._off_times) < 8 * len(run.updates())
    assert len(world._charges) <= len(world.fleet._off_times)


def test_presence_of_a_law_of_motion(small: Small, simulate: Simulate) -> None:
    """A law whose devices come and go is heeded: invited when there, cut off when gone, waited for in between."""
    data = small({"a": 4.0}, aggregation=ASYNC, stop={"duration_s": 40.0})
    data["devices"][0]["mobility"] = {"kind": "scripted:Stays", "stays_s": [[5.0, 15.0], [20.0, 30.0]]}
    updates = [run for _, run in sorted(simulate(data).updates().items())]
    told = [(round(to_s(u.invited_ns)), round(to_s(u.ended_ns)), u.fate) for u in updates]
    assert told == [(5, 9, Fate.APPLIED), (9, 13, Fate.APPLIED), (13, 15, Fate.DEVICE_OFF),
                    (20, 24, Fate.APPLIED), (24, 28, Fate.APPLIED), (28, 30, Fate.DEVICE_OFF)]  # fmt: skip


def test_default_power_is_a_phones() -> None:
    """Receiving costs 1.288 + 13 x 0.052 W and transmitting 1.288 + 6 x 0.438 W, within what is rounded away."""
    power = Power()
    assert power.receive_w == pytest.approx(1.28804 + 13 * 0.05197, abs=0.05)
    assert power.transmit_w == pytest.approx(1.28804 + 6 * 0.43839, abs=0.15)
