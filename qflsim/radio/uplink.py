"""The uplink: how a device's power, which is what limits it, is spread over the band."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.radio.rate import noise_dbm
from qflsim.units import Floats


class Uplink(Model):
    """How devices send: over which part of the band, and with what power.

    access "ofdma": a flow with a share of the band sends in that part only, all the time, and so with more power per
    hertz the narrower its part is. Where even its part is too wide for its power, it sends in fewer resource blocks:
    in as many as keep it at the lowest SNR of the rate map. "tdma": a flow sends over the whole band for a share of the
    time; what a device can radiate is then spread over the whole band, and its rate is lower wherever noise counts.
    "noma": all flows of a cell send over the whole band all the time, and are cancelled one after the other where they
    are received (`sharing.Superposition`).
    A base station's power is spread evenly over its band in any case: the downlink knows no difference.

    Power: P = min(P_max, p0 + alpha PL + 10 lg M) in dBm over M resource blocks, with the coupling loss PL in dB (path,
    shadow, penetration, less the site antenna's gain), open loop (TS 38.213 v17, 7.1.1, without its closed-loop terms);
    without `p0_dbm`, full power. `noise_rise_db` is the interference of other cells' devices, over the noise.
    """

    access: Literal["ofdma", "tdma", "noma"] = "ofdma"
    p0_dbm: Annotated[float, Field(ge=-202, le=24)] | None = None
    """wanted power at the site, in dBm a resource block, where alpha = 1"""
    path_loss_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """alpha: how much of the path loss a device makes up for"""
    noise_rise_db: Annotated[float, Field(ge=0, le=40)] = 0.0
    resource_block_hz: Annotated[float, Field(ge=1e4, le=1e8)] | None = None
    """twelve subcarriers: if it is not given of 30 kHz up to 7.125 GHz and of 120 kHz above"""

    def at(self, carrier_hz: float) -> "Uplink":
        """The same with the resource blocks that are usual at this carrier, unless they are given."""
        if self.resource_block_hz is not None or carrier_hz <= 7.125e9:
            return self
        return self.model_copy(update={"resource_block_hz": 1.44e6})

    @property
    def block_hz(self) -> float:
        """The bandwidth of a resource block."""
        return self.resource_block_hz or 360e3

    def power_dbm(self, coupling_loss_db: Floats, bandwidth_hz: float, greatest_dbm: float) -> Floats:
        """What devices radiate over a bandwidth, in dBm; same shape."""
        if self.p0_dbm is None:
            return np.full_like(coupling_loss_db, greatest_dbm)
        blocks_db = 10.0 * math.log10(bandwidth_hz / self.block_hz)
        return np.minimum(greatest_dbm, self.p0_dbm + self.path_loss_share * coupling_loss_db + blocks_db)

    def aim_db(self, coupling_loss_db: float, figure_db: float) -> float:
        """The SNR that power control aims at, whatever the bandwidth; infinite without power control."""
        if self.p0_dbm is None:
            return math.inf
        wanted_dbm = self.p0_dbm + (self.path_loss_share - 1.0) * coupling_loss_db
        return wanted_dbm - noise_dbm(self.block_hz, figure_db) - self.noise_rise_db

    def snr_db(self, coupling_loss_db: Floats, bandwidth_hz: float, greatest_dbm: float, figure_db: float) -> Floats:
        """SNRs at the site of devices that send over this bandwidth; `figure_db` is the site's noise figure."""
        controlled = self.p0_dbm is not None
        power_dbm = self.power_dbm(coupling_loss_db, bandwidth_hz, greatest_dbm) if controlled else greatest_dbm
        return power_dbm - coupling_loss_db - (noise_dbm(bandwidth_hz, figure_db) + self.noise_rise_db)
