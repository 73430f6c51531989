"""The tables of 5G: efficiencies as published, and the staircase made of them."""

import numpy as np
import pytest

from qflsim.radio.rate_schemes import REPORTED, SCHEMES, McsRate
from qflsim.units import from_db


def test_efficiencies_of_the_schemes() -> None:
    """Bits a symbol x code rate: the column of Table 5.1.3.1-1 from index 3 on."""
    expected = [0.4902, 0.6016, 0.7402, 0.8770, 1.0273, 1.1758, 1.3262, 1.3281, 1.4766, 1.6953, 1.9141, 2.1602, 2.4062,
                2.5703, 2.5664, 2.7305, 3.0293, 3.3223, 3.6094, 3.9023, 4.2129, 4.5234, 4.8164, 5.1152, 5.3320,
                5.5547]  # fmt: skip
    assert [bits * code / 1024.0 for _, bits, code, _ in SCHEMES] == pytest.approx(expected, abs=5.1e-5)
    assert [index for index, *_ in SCHEMES] == list(range(3, 29))


def test_efficiencies_of_channel_qualities() -> None:
    """Bits a symbol x code rate: the column of Table 5.2.2.1-2."""
    expected = [0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4062, 2.7305, 3.3223, 3.9023, 4.5234,
                5.1152, 5.5547]  # fmt: skip
    assert [bits * code / 1024.0 for bits, code in REPORTED] == pytest.approx(expected, abs=5.1e-5)


def test_gaps_to_shannon() -> None:
    """Each scheme needs 1.2 to 3.4 dB more than Shannon's limit for its efficiency."""
    for _, bits, code, snr_db in SCHEMES:
        limit_db = 10.0 * np.log10(2.0 ** (bits * code / 1024.0) - 1.0)
        assert 1.2 < snr_db - limit_db < 3.4


def test_the_best_scheme_is_used() -> None:
    """At its level a scheme is in use, just below not yet; the weaker of two at like levels is not."""
    rate = McsRate(goodput=1.0)
    assert rate.efficiency(from_db(np.array([-1.63, -1.62, -1.61, -1.60]))) == pytest.approx(
        [0.0, 0.490234, 0.490234, 0.601563], abs=1e-6
    )
    assert rate.efficiency(from_db(9.2)) == pytest.approx(4 * 658 / 1024)  # index 17 needs more for less
    assert rate.efficiency(from_db(np.array([19.83, 60.0]))) == pytest.approx([5.554688, 5.554688], abs=1e-6)
    snr = from_db(np.linspace(-10.0, 30.0, 50))
    assert McsRate().efficiency(snr) == pytest.approx(0.9 * rate.efficiency(snr))
