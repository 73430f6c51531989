"""Links that turn bad and good again: exact chains, stationary from the first instant, and no questions' fault."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qflsim.streams import Streams
from qflsim.units import NS_PER_S, Floats
from qflsim.world.blockage import Blockage, GilbertElliott, Instants, LinkOutage, LinkWeather

S = NS_PER_S
JAIN = Blockage(density_per_m2=0.01, height_m=1.8, speed_m_per_s=1.0, mean_s=0.5, reach_m=200.0)


def at(distance_m: float):  # type: ignore[no-untyped-def]
    """A device that keeps its distance."""
    return lambda t_ns: np.full(t_ns.shape, distance_m)


def link(law: LinkOutage, who: int | str, heights_m: tuple[float, float] = (5.0, 1.4)) -> LinkWeather:
    """The weather of one link under one law."""
    streams = Streams(5)
    return LinkWeather([(law, lambda block: streams.named("link", who, block))], *heights_m)


def assert_share(bad: Floats, expected: float) -> None:
    """Independent samples of a probability lie within five of their own standard errors."""
    assert abs(bad.mean() - expected) < 5 * math.sqrt(expected * (1 - expected) / bad.size)


@pytest.mark.parametrize(
    ("distance_m", "onset", "share"),
    [(50.0, 0.035368, 0.017377), (100.0, 0.070736, 0.034160), (200.0, 0.141471, 0.066063), (900.0, 0.141471, 0.066063)],
)
def test_human_blockage(distance_m: float, onset: float, share: float) -> None:
    """Rates and probabilities of Jain, Kumar and Panwar's numbers, from t = 0 on; beyond the reach they stay."""
    onset_per_s = float(JAIN.onset_per_s(np.array(distance_m), 5.0, 1.4))
    assert onset_per_s == pytest.approx(onset, abs=1e-6)
    assert onset_per_s / (onset_per_s + JAIN.recovery_per_s) == pytest.approx(share, abs=1e-6)
    starts = [link(JAIN, n).loss_db(np.array([0]), at(distance_m))[0] for n in range(3000)]
    assert_share(np.array(starts) == 20.0, share)
    grid_ns = np.arange(40_000, dtype=np.int64) * 4 * S  # eight mean blockages apart: as good as independent
    assert_share(link(JAIN, "long").loss_db(grid_ns, at(distance_m)) == 20.0, share)


def test_presets() -> None:
    """TR 38.901 Table 7.6.4.2-5: a body or AGV passes in 0.36 s, a car in 0.1728 s; lower ones block nothing."""
    expected_s = {"human": 0.36, "vehicle": 4.8 * 3.6 / 100, "agv": 0.36}
    for blocker, mean_s in expected_s.items():
        law = Blockage.model_validate({"blocker": blocker})
        assert 1 / law.recovery_per_s == pytest.approx(mean_s, rel=1e-12)
        assert (law.onset_per_s(np.array(100.0), 10.0, 1.6) > 0) == (blocker == "human")
        assert link(law, 0, (10.0, 1.8)).next_change_ns(0, 9 * S, at(50.0)) == 9 * S


def test_an_approaching_device_is_blocked_by_its_distance() -> None:
    """Turns to bad in a stretch come at the rate of the distance there: a Poisson count, thinned from the greatest."""
    speed_m_per_s, span_s, count = 2.0, 100.0, 100

    def away_m(t_ns: Instants) -> Floats:
        return speed_m_per_s * t_ns / S

    onsets = 0
    for n in range(count):
        weather, t_ns = link(JAIN, n), 0
        bad = weather.loss_db(np.array([0]), away_m)[0] > 0
        while (t_ns := weather.next_change_ns(t_ns, int(span_s * S), away_m)) < span_s * S:
            bad = not bad
            onsets += bad
    onset_per_s = JAIN.onset_per_s(speed_m_per_s * np.linspace(0, span_s, 1001), 5.0, 1.4)
    free = JAIN.recovery_per_s / (JAIN.recovery_per_s + onset_per_s)
    expected = count * span_s * float((onset_per_s * free).mean())
    assert abs(onsets - expected) < 5 * math.sqrt(expected)


@pytest.mark.parametrize(("p", "r"), [(0.1, 0.3), (0.02, 0.5), (0.45, 0.5)])
def test_gilbert_elliott_by_slots(p: float, r: float) -> None:
    """At the ends of slots: P(bad) = p / (p + r), transitions with p and r, mean burst 1 / r slots."""
    law = GilbertElliott.from_slots(p, r, 0.5, loss_db=7.0)
    slots_ns = np.arange(40_000, dtype=np.int64) * (S // 2)
    bad = link(law, "slots").loss_db(slots_ns, at(1.0)) == 7.0
    assert law.bad_s / (law.good_s + law.bad_s) == pytest.approx(p / (p + r), rel=1e-12)
    assert_share(bad[1:][~bad[:-1]], p)
    assert_share(~bad[1:][bad[:-1]], r)
    bursts = np.diff(np.flatnonzero(np.diff(np.r_[False, bad, False].astype(int))))[::2]
    assert abs(bursts.mean() - 1 / r) < 5 * bursts.std(ddof=1) / math.sqrt(bursts.size)


def test_gilbert_elliott_correlation() -> None:
    """Over n slots the state's correlation is (1 - p - r)^n, from the first instant on."""
    law = GilbertElliott.from_slots(0.1, 0.3, 1.0)
    slots_ns = np.arange(4, dtype=np.int64) * S
    bad = np.array([link(law, n).loss_db(slots_ns, at(1.0)) > 0 for n in range(4000)])
    assert_share(bad[:, 0], 0.25)
    for n in range(1, 4):
        both = (bad[:, 0] & bad[:, n]).astype(float)
        assert_share(both, 0.25**2 + 0.25 * 0.75 * 0.6**n)


@given(st.lists(st.integers(0, 200 * S), min_size=1, max_size=20), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_the_answer_does_not_depend_on_the_questions(instants_ns: list[int], who: int) -> None:
    """In any order, together or one by one, and from change to change, a link says the same."""
    weather, walked = link(JAIN, who), link(JAIN, who)
    together = link(JAIN, who).loss_db(np.array(instants_ns), at(150.0))
    assert together.tolist() == [weather.loss_db(np.array([t]), at(150.0))[0] for t in instants_ns]
    t_ns, last_ns = 0, max(instants_ns)
    level = walked.loss_db(np.array([0]), at(150.0))[0]
    found = {}
    while True:
        change_ns = walked.next_change_ns(t_ns, last_ns + 1, at(150.0))
        found.update({t: level for t in instants_ns if t_ns <= t < change_ns})
        if change_ns > last_ns:
            break
        t_ns, level = change_ns, walked.loss_db(np.array([change_ns]), at(150.0))[0]
    assert [found[t] for t in instants_ns] == together.tolist()


def test_losses_add() -> None:
    """Two laws are two chains, each from its own stream; the loss is the sum of those that are bad."""
    laws = [GilbertElliott(good_s=1.0, bad_s=1.0, loss_db=loss_db) for loss_db in (3.0, 5.0)]
    streams = Streams(2)
    chains = [(law, lambda block, n=n: streams.named(n, block)) for n, law in enumerate(laws)]
    grid_ns = np.arange(1000, dtype=np.int64) * S
    alone = [LinkWeather([chain], 10.0, 1.5).loss_db(grid_ns, at(1.0)) for chain in chains]
    both = LinkWeather(chains, 10.0, 1.5).loss_db(grid_ns, at(1.0))
    assert both.tolist() == (alone[0] + alone[1]).tolist()
    assert set(both) == {0.0, 3.0, 5.0, 8.0}


def test_no_law_no_loss() -> None:
    """A link without laws never changes; impossible slots are refused."""
    weather = LinkWeather([], 10.0, 1.5)
    assert weather.loss_db(np.array([5]), at(1.0)).tolist() == [0.0]
    assert weather.next_change_ns(0, 9, at(1.0)) == 9
    with pytest.raises(ValueError, match="p \\+ r < 1"):
        GilbertElliott.from_slots(0.5, 0.5, 1.0)
