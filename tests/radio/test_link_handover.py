"""Handovers end to end, from weather to trigger: where closed forms put them, and how often they are regretted."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from qflsim.radio.budget import Radio
from qflsim.radio.equipment import Hardware
from qflsim.radio.fading import NoFading
from qflsim.radio.handover import A3
from qflsim.radio.link import Change, ChangeKind, Link
from qflsim.radio.pathloss import PathLoss
from qflsim.radio.pathloss_city import UmiStreetCanyon
from qflsim.radio.pathloss_power_law import LogDistance
from qflsim.radio.rate import GapRate
from qflsim.radio.uplink import Uplink
from qflsim.radio.weather import Weather
from qflsim.streams import Streams
from qflsim.terms import Direction
from qflsim.units import FOREVER_NS, NS_PER_S, to_ns
from qflsim.world.mobility import RandomWaypoint
from qflsim.world.sites import Hexagons, SiteAt, Sites
from qflsim.world.tracks import Leg, Track

PERIOD_S = 0.08
STEADY = LogDistance(shadow_sigma_db=0.0, reference_loss_db=0.0)
"""No shadows, and a signal that is never lost."""


def radio(sites: Sites, law: PathLoss, handover: A3, seed: int = 1) -> Radio:
    """A radio without fading and with independent sites."""
    weather = Weather(sites, law, 0.0, False, Streams(seed))
    return Radio(weather, NoFading(), GapRate(), handover, Uplink(), None, None, 0.0, 0.5)


def pair(apart_m: float, height_m: float = 1.5, offset_db: float = 0.0) -> Sites:
    """Two sites on the x axis, the second one favoured."""
    at = (SiteAt(name="a", x_m=0.0, y_m=0.0), SiteAt(name="b", x_m=apart_m, y_m=0.0, offset_db=offset_db))
    return Sites(at=at, carrier_hz=0.5e9, height_m=height_m)


def changes(link: Link, cell: int, begin_ns: int, until_ns: int) -> Iterator[Change]:
    """What happens to a device whose flow is always there, while it is never lost."""
    now_ns = since_ns = begin_ns
    while now_ns < until_ns:
        level_db = float(link.quality(Direction.DOWNLOAD, now_ns)[0][cell])
        change = link.next_change(Direction.DOWNLOAD, cell, level_db, since_ns, now_ns)
        while change.kind is ChangeKind.LOOK and change.t_ns < until_ns:
            change = link.next_change(Direction.DOWNLOAD, cell, level_db, since_ns, change.t_ns)
        if change.t_ns < until_ns:
            yield change
        now_ns = change.t_ns
        if change.kind is ChangeKind.HANDOVER:
            cell, since_ns = change.cell, now_ns


def trigger_m(sites: Sites, law: LogDistance, handover: A3, speed_m_per_s: float, y_m: float = 0.0) -> float:
    """Where a device that drives along the axis from the first site on is handed over to the second."""
    track = Track(iter([Leg(0, FOREVER_NS, 0.0, y_m, speed_m_per_s, 0.0)]))
    link = Link(radio(sites, law, handover), track, Hardware(23.0, 9.0, 1.5, 0.0), {})
    until_ns = to_ns(sites.at[1].x_m / speed_m_per_s)
    first = next(c for c in changes(link, 0, 0, until_ns) if c.kind is ChangeKind.HANDOVER)
    assert first.cell == 1
    return speed_m_per_s * first.t_ns / NS_PER_S


@pytest.mark.parametrize("trigger_s", [0.0, 0.32])
@pytest.mark.parametrize("speed_m_per_s", [1.5, 30.0, 500 / 3.6])
@pytest.mark.parametrize(
    ("apart_m", "exponent", "y_m", "height_m", "expected_m"),
    [(1000.0, 3.76, 0.0, 1.5, 545.8005), (500.0, 2.2, 0.0, 1.5, 288.9293), (1000.0, 3.76, 100.0, 25.0, 547.750728)],
)
def test_the_place_of_the_trigger(
    apart_m: float, exponent: float, y_m: float, height_m: float, expected_m: float, speed_m_per_s: float,
    trigger_s: float,
) -> None:  # fmt: skip
    """Where the loss to the second site is 3 dB smaller, then the time to trigger, then up to one measurement; with
    the filter up to (1 - a)/a measurements later, the delay of a steady slope."""
    law = STEADY.model_copy(update={"exponent": exponent})
    for coefficient, delay in ((0, 0.0), (4, 1.0)):
        handover = A3(filter_coefficient=coefficient, time_to_trigger_s=trigger_s)
        found_m = trigger_m(pair(apart_m, height_m), law, handover, speed_m_per_s, y_m)
        late_m = found_m - expected_m - speed_m_per_s * trigger_s
        assert -0.02 <= late_m <= speed_m_per_s * PERIOD_S * (1.0 + delay) + 0.02  # air moves it by a centimetre


@pytest.mark.parametrize("offset_db", [-4.0, 3.0, 8.0])
def test_an_offset_moves_the_border_of_a_cell(offset_db: float) -> None:
    """It counts against the margin: the trigger lies at D k/(1 + k) with k = 10^((3 - offset)/(10 n))."""
    handover = A3(filter_coefficient=0, time_to_trigger_s=0.0)
    found_m = trigger_m(pair(1000.0, offset_db=offset_db), STEADY, handover, 10.0)
    k = 10.0 ** ((3.0 - offset_db) / 30.0)
    assert -0.02 <= found_m - 1000.0 * k / (1.0 + k) <= 10.0 * PERIOD_S + 0.02


def test_an_offset_moves_who_is_attached_to() -> None:
    """Whom a device attaches to is the strongest with its offset; the level is that of the signal itself."""

    def attached(offset_db: float) -> tuple[int | None, float]:
        track = Track(iter([Leg(0, FOREVER_NS, 450.0, 0.0, 0.0, 0.0)]))
        link = Link(radio(pair(1000.0, offset_db=offset_db), STEADY, A3()), track, Hardware(23.0, 9.0, 1.5, 0.0), {})
        return link.coverage(Direction.DOWNLOAD, 0)[1], float(link.quality(Direction.DOWNLOAD, 0)[0][1])

    assert attached(0.0)[0] == 0
    assert attached(6.0)[0] == 1
    assert attached(0.0)[1] == attached(6.0)[1]


def test_at_rest_there_is_no_handover() -> None:
    """A device that stands hears a constant, and stays with the strongest, whatever the shadows."""
    sites = Sites(hexagons=Hexagons(rings=1, distance_m=200.0))
    for seed in range(20):
        x_m, y_m = np.random.default_rng(seed).uniform(-150.0, 150.0, 2)
        track = Track(iter([Leg(0, FOREVER_NS, float(x_m), float(y_m), 0.0, 0.0)]))
        link = Link(radio(sites, UmiStreetCanyon(), A3(), seed), track, Hardware(23.0, 9.0, 1.5, 0.0), {})
        _, cell = link.coverage(Direction.DOWNLOAD, 0)
        assert cell is None or list(changes(link, cell, 0, to_ns(600.0))) == []


def regretted(law: A3, **sites: Any) -> tuple[int, int]:
    """Handovers, and those back to the cell before within a second (TR 36.839), of four drives of 45 s."""
    count = back = 0
    laws = radio(Sites(hexagons=Hexagons(rings=1, distance_m=200.0), **sites), UmiStreetCanyon(), law, seed=4)
    mobility = RandomWaypoint(area_m=(300.0, 300.0), origin_m=(-150.0, -150.0), speed_m_per_s=(10.0, 15.0))
    for device in range(4):
        link = Link(laws, mobility.track(Streams(5).named("drive", device)), Hardware(60.0, 0.0, 1.5, 0.0), {})
        visits: list[tuple[int, int]] = [(0, int(link.quality(Direction.DOWNLOAD, 0)[0].argmax()))]
        for change in changes(link, visits[0][1], 0, to_ns(45.0)):
            if change.kind is ChangeKind.HANDOVER:
                returns = len(visits) > 1 and visits[-2][1] == change.cell
                back += returns and change.t_ns - visits[-1][0] < NS_PER_S
                count += 1
                visits.append((change.t_ns, change.cell))
    return count, back


def test_hysteresis_filter_and_time_to_trigger_spare_regrets() -> None:
    """Each protection leaves fewer handovers, and a smaller share of them that is taken back within a second."""
    bare = A3(hysteresis_db=0.0, filter_coefficient=0, time_to_trigger_s=0.0)
    found = [regretted(bare.model_copy(update=more)) for more in (
        {}, {"hysteresis_db": 3.0}, {"hysteresis_db": 3.0, "filter_coefficient": 4},
        {"hysteresis_db": 3.0, "filter_coefficient": 4, "time_to_trigger_s": 0.32},
    )]  # fmt: skip
    counts, shares = [count for count, _ in found], [back / count for count, back in found]
    assert counts == sorted(counts, reverse=True)
    assert shares == sorted(shares, reverse=True)
