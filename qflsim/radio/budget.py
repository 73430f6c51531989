"""The link budget: what the radios of a device and of the sites make of a gain, and what rate comes of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qflsim.radio.blocklength import FiniteBlocklength
from qflsim.radio.equipment import Hardware
from qflsim.radio.fading import FadingLaw
from qflsim.radio.handover import A3
from qflsim.radio.harq import Harq
from qflsim.radio.rate import RateMap, noise_dbm
from qflsim.radio.sharing import Power
from qflsim.radio.uplink import Uplink
from qflsim.radio.weather import Weather
from qflsim.terms import Direction
from qflsim.units import Floats, from_db, to_ns
from qflsim.world.sites import Sites


@dataclass(frozen=True)
class Radio:
    """The radio laws of a run.

    `activity` is the share of the time in which a cell sends to somebody, whoever that is: the mean power of the other
    cells' transmissions is noise to a downlink. 0 leaves links limited by noise alone.
    """

    weather: Weather
    fading: FadingLaw
    rate_map: RateMap
    handover: A3
    uplink: Uplink
    harq: Harq | None
    short_messages: FiniteBlocklength | None
    activity: float
    step_db: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "uplink", self.uplink.at(self.sites.carrier_hz))

    @property
    def sites(self) -> Sites:
        """The base stations."""
        return self.weather.sites

    @cached_property
    def period_ns(self) -> int:
        """The time between two measurements."""
        return to_ns(self.handover.measurement_period_s)

    @cached_property
    def moments(self) -> Callable[[float], tuple[float, float]]:
        """Mean (bit/s/Hz) and variance of the spectral efficiency around a mean SNR in dB."""
        return self.fading.moments_of(self.rate_map)

    def efficiency(self, snr_db: Floats) -> Floats:
        """Mean efficiency in bit/s/Hz of the part of a band that a device is given, at the SNR over all of it.

        Below the lowest SNR of the rate map it sends in as much of that part as it reaches this SNR in.
        """
        used_db = np.minimum(0.0, snr_db - self.rate_map.cut_db)
        means = self.fading.means(self.rate_map, snr_db - used_db)
        return means * from_db(used_db) if used_db.any() else means


class Carried(NamedTuple):
    """What a flow gets: its mean rate; the mean SNR and bandwidth with which it goes, and the part of the time."""

    rate_bit_per_s: float
    snr_db: float
    bandwidth_hz: float
    duty: float
    """the direction's part of the time, less what retransmissions take of it"""


class Budget:
    """One device's links to all cells, as numbers in decibels.

    A link has a *level*, from which its rate follows, and a *margin*, which decides whether it is connected. Down, both
    are the mean SINR. Up, the level is the gain itself; the margin is the SNR of the narrowest transmission, over a
    resource block ("ofdma") or the whole band (otherwise), but at most that of the downlink, without which there is no
    uplink.
    """

    def __init__(self, radio: Radio, hardware: Hardware) -> None:
        self._radio, self._hardware = radio, hardware
        sites, uplink = radio.sites, radio.uplink
        noise_floor_dbm = noise_dbm(sites.bandwidth_hz, hardware.noise_figure_db)
        service_hz = sites.bandwidth_hz * sites.airtime_share
        self._site_noise_dbm = noise_dbm(service_hz, sites.noise_figure_db) + uplink.noise_rise_db
        self._down_db = sites.power_dbm - hardware.penetration_loss_db - noise_floor_dbm
        self._narrow_hz = uplink.block_hz if uplink.access == "ofdma" else sites.bandwidth_hz

    def quality(self, direction: Direction, gain_db: Floats, cell: int | None = None) -> tuple[Floats, Floats]:
        """Levels and margins [dB] of cells (rows, all of them if there is interference) at their gains, same shape.

        Of one row alone if that is asked for. Cells that do not send have a gain of minus infinity.
        """
        own_db = gain_db if cell is None else gain_db[cell]
        down_db = self._sinr_db(gain_db + self._down_db, cell)
        if direction is Direction.DOWNLOAD:
            return down_db, down_db
        return own_db, np.minimum(self.uplink_snr_db(own_db, self._narrow_hz), down_db)

    def _sinr_db(self, snr_db: Floats, cell: int | None) -> Floats:
        own, activity = slice(None) if cell is None else cell, self._radio.activity
        if not activity:
            return snr_db[own]
        power = from_db(snr_db)
        # Cells last and contiguous: every sum then runs in the same order, for one instant as for many.
        others = np.maximum(np.ascontiguousarray(power.T).sum(axis=-1) - power[own], 0.0)
        return np.asarray(snr_db[own] - 10.0 * np.log10(1.0 + activity * others))

    def uplink_snr_db(self, gain_db: Floats, bandwidth_hz: float) -> Floats:
        """SNRs at cells with these gains if the device sends over this bandwidth; same shape."""
        coupling_loss_db = self._hardware.penetration_loss_db - gain_db
        figure_db = self._radio.sites.noise_figure_db
        return self._radio.uplink.snr_db(coupling_loss_db, bandwidth_hz, self._hardware.eirp_dbm, figure_db)

    def power(self, direction: Direction, level_db: float) -> Power:
        """How strong a flow of this level is over the band that the service has: what a cell's books want to know."""
        radio, sites = self._radio, self._radio.sites
        if direction is Direction.DOWNLOAD:
            return Power(math.inf, level_db)
        if radio.uplink.access != "ofdma":
            return Power(math.inf, float(self.uplink_snr_db(np.asarray(level_db), sites.bandwidth_hz)))
        coupling_loss_db = self._hardware.penetration_loss_db - level_db
        full = self._hardware.eirp_dbm - coupling_loss_db - self._site_noise_dbm
        least = min(1.0, radio.uplink.block_hz / (sites.bandwidth_hz * sites.airtime_share))
        return Power(full, radio.uplink.aim_db(coupling_loss_db, sites.noise_figure_db), least)

    def carried(self, direction: Direction, power: Power, share: float = 1.0) -> Carried:
        """What a flow gets of a cell that gives it this share of what the service has of it."""
        radio, sites = self._radio, self._radio.sites
        snr_db = power.snr_db(share)
        used_db = min(0.0, snr_db - radio.rate_map.cut_db) if power.full_db < math.inf else 0.0
        bandwidth_hz = sites.bandwidth_hz * sites.airtime_share * share * 10.0 ** (used_db / 10.0)
        efficiency = radio.moments(snr_db - used_db)[0]
        time_share = sites.time_share(direction is Direction.DOWNLOAD)
        duty = time_share * (radio.harq.goodput if radio.harq else 1.0)
        return Carried(duty * bandwidth_hz * efficiency, snr_db - used_db, bandwidth_hz, duty)
