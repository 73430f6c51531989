"""Modulation and coding schemes: what 5G's tables carry, as a rate map."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model, Share
from qflsim.radio.rate import AT_THE_LIMIT, check_limits
from qflsim.units import Floats, from_db

# Index, bits a symbol, code rate x 1024, SNR in dB at 10 % block errors.
SCHEMES = (
    (3, 2, 251, -1.62), (4, 2, 308, -1.60), (5, 2, 379, 0.18), (6, 2, 449, 1.29), (7, 2, 526, 1.96), (8, 2, 602, 3.47),
    (9, 2, 679, 3.75), (10, 4, 340, 3.75), (11, 4, 378, 5.36), (12, 4, 434, 5.54), (13, 4, 490, 7.20),
    (14, 4, 553, 7.32), (15, 4, 616, 9.08), (16, 4, 658, 9.11), (17, 6, 438, 9.17), (18, 6, 466, 10.82),
    (19, 6, 517, 10.90), (20, 6, 567, 12.66), (21, 6, 616, 12.73), (22, 6, 666, 14.46), (23, 6, 719, 14.56),
    (24, 6, 772, 16.25), (25, 6, 822, 17.00), (26, 6, 873, 18.04), (27, 6, 910, 19.31), (28, 6, 948, 19.83),
)  # fmt: skip
"""TS 38.214 Table 5.1.3.1-1 (PDSCH, 64QAM) from index 3 on; SNRs of link-level simulation (Sionna's PDSCH table, code
blocks of 2,000 bit), interpolated on its grid of 1.8 dB: good to half a decibel. It begins with index 3."""

REPORTED = ((2, 78), (2, 120), (2, 193), (2, 308), (2, 449), (2, 602), (4, 378), (4, 490), (4, 616),
            (6, 466), (6, 567), (6, 666), (6, 772), (6, 873), (6, 948))  # fmt: skip
"""Bits a symbol and code rate x 1024 of the channel qualities 1 to 15, TS 38.214 Table 5.2.2.1-2."""

_BEST = np.maximum.accumulate([0.0, *(bits * code / 1024.0 for _, bits, code, _ in SCHEMES)])
_FROM_SNR = from_db(np.array([snr_db for *_, snr_db in SCHEMES])) * AT_THE_LIMIT
_LOWEST_DB = SCHEMES[0][3]


class McsRate(Model):
    """A link that always uses the best scheme whose block errors stay within 10 % at its SNR.

    Efficiency = `goodput` x bits a symbol x code rate; nothing below the lowest scheme, -1.62 dB. 0.9 is what arrives
    at the first attempt; set it to 1 where retransmissions are counted elsewhere.
    """

    kind: Literal["mcs"] = "mcs"
    goodput: Share = 0.9
    cut_db: Annotated[float, Field(ge=_LOWEST_DB, le=60)] = _LOWEST_DB
    return_db: Annotated[float, Field(ge=_LOWEST_DB, le=60)] = 0.4

    @model_validator(mode="after")
    def _limits(self) -> Self:
        check_limits(self.cut_db, self.return_db)
        return self

    @property
    def corners_snr(self) -> tuple[float, ...]:
        """Where one scheme takes over from another."""
        return tuple(_FROM_SNR.tolist())

    def efficiency(self, snr: Floats) -> Floats:
        """Spectral efficiency in bit/s/Hz at a linear SNR; same shape."""
        return np.asarray(self.goodput * _BEST[np.searchsorted(_FROM_SNR, snr, side="right")])
