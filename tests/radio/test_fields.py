"""Random fields: their law over an ensemble, and that a value belongs to its place alone."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.fields import GaussianFields, _cosines, soft_los
from qflsim.streams import Streams
from qflsim.units import SPEED_OF_LIGHT_M_PER_S

STREAMS = Streams(5)


def ensemble(count: int, correlation_m: float, waves: int = 64) -> GaussianFields:
    """Many independent fields of one law."""
    return GaussianFields([STREAMS.named("field", i) for i in range(count)], [correlation_m] * count, waves)


def assert_mean(sample: npt.NDArray[np.floating], expected: float) -> None:
    """The sample mean lies within five of its own standard errors."""
    error = np.std(sample, ddof=1) / np.sqrt(len(sample))
    assert abs(np.mean(sample) - expected) < 5.0 * error, f"{np.mean(sample)} against {expected} +- {error}"


def test_a_value_does_not_depend_on_the_rest_of_the_call() -> None:
    """A thousand places at once, one at a time and in uneven pieces, all fields or some: the same bits."""
    fields = GaussianFields([STREAMS.named(i) for i in range(9)], [10.0, 13.0, 50.0] * 3)
    x_m, y_m = np.random.default_rng(1).uniform(-6000, 6000, (2, 1000))
    everyone = np.arange(9)
    at_once = fields(x_m, y_m, everyone)
    singly = np.hstack([fields(x_m[i : i + 1], y_m[i : i + 1], everyone) for i in range(1000)])
    pieces = np.hstack([fields(x_m[a:b], y_m[a:b], everyone) for a, b in ((0, 7), (7, 36), (36, 500), (500, 1000))])
    some = fields(x_m, y_m, np.array([7, 2, 2]))
    assert (at_once == singly).all()
    assert (at_once == pieces).all()
    assert (at_once[[7, 2, 2]] == some).all()


def test_same_place_same_value_whoever_else_has_a_field() -> None:
    """A field depends on its own generator alone, and two devices at one place see the same."""
    place_m = np.array([321.0]), np.array([-45.0])
    alone = GaussianFields([STREAMS.named("b")], [13.0])(*place_m, np.array([0]))
    among = GaussianFields([STREAMS.named("a"), STREAMS.named("b")], [50.0, 13.0])(*place_m, np.array([0, 1]))
    assert among[1, 0] == alone[0, 0]
    assert among[0, 0] != among[1, 0]


def test_autocorrelation_is_exponential_in_every_direction() -> None:
    """E[S(x) S(x + r)] = exp(-r/d) over 4,000 fields, along both axes, from an origin far out too."""
    for angle in (0.0, 0.5 * np.pi):
        for origin_m in (0.0, 5000.0):
            along_m = origin_m + 50.0 * np.array([0.0, 0.1, 0.25, 0.5, 1.0, 2.0])
            values = ensemble(4000, 50.0)(along_m * np.cos(angle), along_m * np.sin(angle), np.arange(4000))
            for k, distance in enumerate((0.0, 0.1, 0.25, 0.5, 1.0, 2.0)):
                assert_mean(values[:, 0] * values[:, k], np.exp(-distance))


def test_mean_variance_and_kurtosis() -> None:
    """Zero, one, and 3 - 1.5/M: with four waves the difference from a Gaussian shows."""
    for waves in (4, 64):
        values = ensemble(20_000, 10.0, waves)(np.array([123.0]), np.array([45.0]), np.arange(20_000))[:, 0]
        assert_mean(values, 0.0)
        assert_mean(values**2, 1.0)
        assert_mean(values**4, 3.0 - 1.5 / waves)
        assert np.abs(values).max() <= np.sqrt(2.0 * waves)


def test_share_of_places_in_line_of_sight() -> None:
    """The soft state exceeds one half at a share P_LOS of all places."""
    values = ensemble(20_000, 50.0)(np.array([10.0]), np.array([20.0]), np.arange(20_000))[:, 0]
    for probability in (0.036, 0.25, 0.5, 0.9):
        assert_mean(1.0 * (soft_los(values, np.array(probability), 28e9) > 0.5), probability)


def test_soft_state_reference_numbers() -> None:
    """Four values of TR 38.901 eq. 7.6-18, computed elsewhere with c = 3.0e8 m/s in the wavelength."""
    stretch = SPEED_OF_LIGHT_M_PER_S / 3.0e8
    for field, probability, carrier_hz, expected in (
        (0.0, 0.5, 28e9, 0.5), (0.0, 0.3, 28e9, 0.014040), (1.0, 0.3, 28e9, 0.984521), (-1.0, 0.9, 3.5e9, 0.927280),
    ):  # fmt: skip
        state = soft_los(np.array(field), np.array(probability), carrier_hz * stretch)
        assert state == pytest.approx(expected, abs=1e-6)


@given(field=st.floats(-8.0, 8.0), probability=st.floats(0.001, 0.999), carrier_hz=st.floats(0.5e9, 300e9))
def test_soft_state_mirrors(field: float, probability: float, carrier_hz: float) -> None:
    """What is in sight with probability P at G is out of sight with probability 1 - P at -G."""
    state = soft_los(np.array(field), np.array(probability), carrier_hz)
    mirror = soft_los(np.array(-field), np.array(1.0 - probability), carrier_hz)
    assert 0.0 <= state <= 1.0
    assert state + mirror == pytest.approx(1.0, abs=1e-9)


def test_certainty_has_no_edge() -> None:
    """P_LOS = 1 and 0 give exactly 1 and 0, without a warning."""
    field = np.array([-11.3, 0.0, 11.3])
    assert soft_los(field, np.ones(3), 28e9).tolist() == [1.0, 1.0, 1.0]
    assert soft_los(field, np.zeros(3), 28e9).tolist() == [0.0, 0.0, 0.0]


@given(st.floats(-1e4, 1e4))
def test_cosine_of_turns(turns: float) -> None:
    """The cosine to what single precision resolves of half a turn, at every turn (its argument's rounding aside)."""
    whole, one_along_x = round(turns), np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    place = np.array([[[turns]]]), np.array([[[77.0]]])
    cosine = _cosines(*place, one_along_x, np.empty((2, 1, 1, 1)), np.empty((1, 1, 1), np.float32))
    assert cosine == pytest.approx(np.cos(2.0 * np.pi * (turns - whole)), abs=np.pi * 2.0**-23)
