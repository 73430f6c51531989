"""Short messages: published rates, and the number of symbols that a message takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.blocklength import FiniteBlocklength, short_rate


def test_real_noise() -> None:
    """Published rates at P = 1, where the capacity is 1/2."""
    assert short_rate(np.array([100.0, 500.0, 1000.0]), 1.0, 1e-3, real=True) == pytest.approx(
        [0.260208, 0.386871, 0.418649], abs=1e-6
    )
    assert short_rate(2000, 1.0, 1e-6, real=True) == pytest.approx(0.408838, abs=1e-6)


def test_complex_noise() -> None:
    """Published rates."""
    assert short_rate(np.array([200.0, 500.0]), 10.0, 1e-5) == pytest.approx([3.045265, 3.194369], abs=1e-6)
    assert short_rate(100, 1.0, 1e-3) == pytest.approx(0.647122, abs=1e-6)


def test_long_codes_reach_the_capacity_and_short_ones_nothing() -> None:
    """The loss goes with the root of the length; where it exceeds the capacity the rate is 0, not negative."""
    assert short_rate(1e12, 10.0, 1e-5) == pytest.approx(np.log2(11.0), abs=1e-5)
    loss = np.log2(11.0) - short_rate(np.array([1e8, 4e8]), 10.0, 1e-5)
    assert loss[0] / loss[1] == pytest.approx(2.0, rel=1e-3)
    assert short_rate(4.0, 0.01, 1e-9) == 0.0


@given(st.floats(16.0, 9999.0), st.floats(-25.0, 40.0), st.floats(1e-9, 0.1))
def test_stretch_solves_the_law(size_bit: float, snr_db: float, error_probability: float) -> None:
    """So many symbols carry the message at the rate of so many symbols; never fewer than Shannon asks for, or one."""
    snr = 10.0 ** (snr_db / 10.0)
    stretch = FiniteBlocklength(error_probability=error_probability).stretch(size_bit, snr)
    uses = stretch * size_bit / np.log2(1.0 + snr)
    assert stretch >= 1.0
    if stretch > 1.0 and uses > 1.0 + 1e-9:
        assert uses * short_rate(uses, snr, error_probability) == pytest.approx(size_bit, rel=1e-9)


def test_stretch_falls_with_size_and_ends() -> None:
    """The longer the message the nearer to capacity; fewer errors cost more; long ones are not touched."""
    law = FiniteBlocklength()
    sizes_bit = np.geomspace(16.0, 9999.0, 40)
    assert (np.diff([law.stretch(size_bit, 5.0) for size_bit in sizes_bit]) < 0.0).all()
    assert law.stretch(384.0, 5.0) > FiniteBlocklength(error_probability=1e-3).stretch(384.0, 5.0) > 1.0
    assert law.stretch(1e4, 5.0) == law.stretch(1e9, 5.0) == 1.0
    assert law.stretch(1.0, 1e6) == pytest.approx(np.log2(1.0 + 1e6))  # no less than one symbol


def test_a_weak_link_carries_its_message_in_the_end() -> None:
    """At -60 dB an alarm of 64 bits needs many times Shannon's symbols, but finitely many."""
    assert 1.0 < FiniteBlocklength().stretch(64.0, 1e-6) < 10.0
