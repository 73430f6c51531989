"""Flows on top of one another: what successive cancellation gives each, and what it can give all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.sharing import Power, Superposition, Together
from qflsim.units import NS_PER_S, Floats, from_db, to_ns


def shannon(snr_db: Floats) -> Floats:
    """Shannon's limit."""
    return np.log2(1.0 + from_db(snr_db))


def rates(snr_db: Floats) -> Floats:
    """Bit/s/Hz of flows with these SNRs when alone, in their order."""
    terms = np.array([np.ones_like(snr_db), np.full_like(snr_db, np.inf), snr_db, np.zeros_like(snr_db)])
    return Superposition(shannon).speeds(terms) * shannon(snr_db)


def test_two_flows_of_the_table() -> None:
    """10 and 1: lg2(1 + 10/2) and lg2(1 + 1), together lg2(12), whoever comes first."""
    for powers, expected in (((10.0, 1.0), (2.584963, 1.0)), ((1.0, 10.0), (1.0, 2.584963))):
        found = rates(10.0 * np.log10(np.array(powers)))
        assert found == pytest.approx(expected, abs=1e-6)
        assert found.sum() == pytest.approx(3.584963, abs=1e-6)


@given(st.lists(st.floats(-20.0, 50.0), min_size=1, max_size=12))
def test_the_sum_is_what_the_band_carries(levels_db: list[float]) -> None:
    """lg2(1 + sum of P) to 1e-12 for any number of flows, equal ones among them; and numbers do not matter."""
    snr_db = np.array(levels_db)
    found = rates(snr_db)
    assert found.sum() == pytest.approx(float(np.log2(1.0 + from_db(snr_db).sum())), rel=1e-12)
    assert np.sort(rates(snr_db[::-1])) == pytest.approx(np.sort(found), rel=1e-12)


def test_the_weakest_is_not_disturbed_and_each_goes_on_alone_in_the_end() -> None:
    """Two seconds of work each at SNRs 10 and 1: the weak one takes 2 s, the strong one what is left of it alone."""
    cell = Together(Superposition(shannon))
    for flow, snr_db in enumerate((10.0, 0.0)):
        cell.add(0, flow, 2.0, power=Power(np.inf, snr_db))
    assert cell.share(3.0) == 1.0
    assert cell.next_completion(0) == (2 * NS_PER_S, 1)
    assert cell.remove(2 * NS_PER_S, 1) == 0.0
    end_s = 2.0 + 2.0 * (1.0 - np.log2(6.0) / np.log2(11.0))
    assert cell.next_completion(2 * NS_PER_S) == (pytest.approx(to_ns(end_s), abs=1), 0)


def test_power_control_and_a_wide_band_bound_what_disturbs() -> None:
    """What a flow aims at counts where its power could do more."""
    terms = np.array([[1.0, 1.0], [30.0, 10.0], [0.0, 20.0], [0.0, 0.0]])
    assert Superposition(shannon).speeds(terms) == pytest.approx([1.0, np.log2(6.0) / np.log2(11.0)], rel=1e-12)
