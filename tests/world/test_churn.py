"""Devices that switch off and on: a binomial number is on at every instant, by the hour if there is a profile."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.streams import Streams
from qflsim.units import FOREVER_NS, NS_PER_S, to_ns
from qflsim.world.churn import Churn
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import Static
from qflsim.world.outages import Downtime
from qflsim.world.tracks import Leg, Track

S = NS_PER_S
DAY = tuple(4.0 if 8 <= hour < 20 else 0.25 for hour in range(24))


def on_at(law: Churn, t_s: float, count: int = 3000) -> np.ndarray:
    """Whether each of many devices is on at an instant."""
    return np.array([Downtime([law.off_times(np.random.default_rng([4, n]))]).is_up(to_ns(t_s)) for n in range(count)])


def assert_share(on: np.ndarray, expected: float) -> None:
    """The share lies within five of its own standard errors."""
    assert abs(on.mean() - expected) < 5 * math.sqrt(expected * (1 - expected) / on.size)


@pytest.mark.parametrize("t_s", [0.0, 40.0, 5000.0])
@pytest.mark.parametrize("fields", [{}, {"distribution": "weibull", "shape": (0.5, 2.0)}, {"distribution": "fixed"}])
def test_as_many_are_on_at_all_times(fields: dict[str, object], t_s: float) -> None:
    """P(on) = on / (on + off) from t = 0 on, for any distribution."""
    law = Churn.model_validate({"on_s": 60.0, "off_s": 240.0} | fields)
    assert_share(on_at(law, t_s), 0.2)


def test_many_that_are_rarely_on_are_poisson() -> None:
    """M/M/inf: 100 devices that come at 0.0008 per second in all and stay for 500 s: 0.4 are on, with variance 0.4."""
    law = Churn(on_s=500.0, off_s=125_000.0)
    on = on_at(law, 300.0, 20_000).reshape(-1, 100).sum(axis=1)
    mean = 0.0008 * 500
    assert 100 * law.on_probability(300.0) == pytest.approx(mean, rel=0.005)
    assert abs(on.mean() - mean) < 5 * math.sqrt(mean / on.size)
    assert abs(on.var(ddof=1) - mean) < 5 * math.sqrt((mean + 2 * mean**2) / on.size)


@pytest.mark.parametrize("hour", [0.0, 7.99, 8.5, 14.0, 20.5, 24.0 + 8.5])
def test_a_daily_profile(hour: float) -> None:
    """The share on follows the periodic solution of dp/dt = (1 - p) f(t) / off - p / on, from the first midnight on."""
    law = Churn(on_s=1800.0, off_s=5400.0, profile=DAY)
    assert_share(on_at(law, hour * 3600), law.on_probability(hour * 3600))


def test_the_periodic_solution() -> None:
    """Steps of a second through the differential equation come back to the same share after a day; noon is settled."""
    law = Churn(on_s=1800.0, off_s=5400.0, profile=DAY)
    p = law.on_probability(0.0)
    for t_s in range(86400):
        p += (1 - p) * DAY[t_s // 3600] / 5400 - p / 1800
    assert p == pytest.approx(law.on_probability(86400.0), rel=2e-3)
    assert law.on_probability(19.9 * 3600) == pytest.approx((4 / 5400) / (4 / 5400 + 1 / 1800), rel=1e-9)
    flat = Churn(on_s=1800.0, off_s=5400.0, profile=(1.0,) * 24)
    assert flat.on_probability(12345.6) == pytest.approx(0.25, rel=1e-12)


def test_nobody_comes_in_hours_of_factor_zero() -> None:
    """Comings fall into the one hour that has any."""
    law = Churn(on_s=600.0, off_s=600.0, profile=tuple(float(hour == 12) for hour in range(24)))
    for n in range(30):
        comings_ns = [up for _, up in zip(range(5), law.off_times(np.random.default_rng(n)), strict=False)]
        assert all(up[1] // (3600 * S) % 24 == 12 for up in comings_ns)


@pytest.mark.parametrize(
    "fields",
    [{"shape": (2.0, 1.0)}, {"distribution": "fixed", "profile": DAY}, {"profile": (0.0,) * 24}, {"profile": DAY[:9]}],
)
def test_bad_parameters_are_refused(fields: dict[str, object]) -> None:
    """A shape without Weibull, a profile of fixed times, of zeros, of nine hours."""
    with pytest.raises(ValidationError):
        Churn.model_validate({"on_s": 1.0, "off_s": 1.0} | fields)


def fleet(*movers: Movers) -> Fleet:
    """A fleet of one seed."""
    return Fleet(movers, Streams(9), None)


def test_presence_and_churn_together() -> None:
    """A device is present where it is both there and on; coming and leaving are the changes of that."""
    stays = ((10 * S, 60 * S), (100 * S, 300 * S))
    track = Track(iter([Leg(on, off, 0.0, 0.0, 0.0, 0.0) for on, off in stays]), stays)
    both = fleet(Movers("f", 1, None, ("v",), (track,), Churn(on_s=9.0, off_s=7.0)))
    alone = fleet(Movers("f", 1, Static(at_m=(0.0, 0.0)), churn=Churn(on_s=9.0, off_s=7.0)))
    present = [both.present(0, t * S) for t in range(320)]
    assert present == [track.present(t * S) and alone.present(0, t * S) for t in range(320)]
    assert 0 < sum(present) < 250
    for t_ns in range(0, 320 * S, 1_300_000_000):
        if both.present(0, t_ns):
            assert both.comes_ns(0, t_ns) == t_ns
            leaves_ns = both.leaves_ns(0, t_ns)
            assert both.present(0, leaves_ns - 1)
            assert not both.present(0, leaves_ns)
        elif (comes_ns := both.comes_ns(0, t_ns)) < FOREVER_NS:
            assert both.present(0, comes_ns)
            assert not both.present(0, comes_ns - 1)
        else:
            assert t_ns > 200 * S


def test_churn_is_a_function_of_device_and_time() -> None:
    """Other devices, other groups and the order of questions change nothing; nobody who is not asked is drawn."""
    law = Churn(on_s=50.0, off_s=50.0)
    few = fleet(Movers("a", 3, Static(at_m=(0.0, 0.0)), churn=law))
    many = fleet(Movers("z", 2, Static(at_m=(0.0, 0.0)), churn=law), Movers("a", 9, Static(at_m=(0.0, 0.0)), churn=law))
    times_ns = [t * S for t in range(0, 900, 7)]
    assert [few.present(1, t) for t in times_ns] == [many.present(3, t) for t in reversed(times_ns)][::-1]
    assert list(few._off_times) == [1]
    assert not few._tracks.keys() - {1}
