"""What a participation meets: its group, its device's hardware and way, the air, and the sites that fail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import simpy

from qflsim.learning.charges import Training
from qflsim.radio.fading import Rayleigh, RayleighProcess
from qflsim.radio.link import Hardware, Link
from qflsim.sim.engine import Engine
from qflsim.sim.transfer import Air
from qflsim.streams import Streams
from qflsim.units import NS_PER_S, SPEED_OF_LIGHT_M_PER_S
from qflsim.world.compute import Processor
from qflsim.world.fleet import Fleet
from qflsim.world.outages import Downtime


@dataclass(frozen=True)
class Group:
    """What the devices of one group have in common."""

    name: str
    processor: Processor
    training: Training
    pool: simpy.Resource | None = None
    """The processors that the group shares; None: each device has its own."""


@dataclass(frozen=True)
class World:
    """All that a participation meets."""

    engine: Engine
    streams: Streams
    fleet: Fleet
    groups: Sequence[Group]
    hardware: Sequence[Hardware]
    downtimes: Sequence[Downtime]
    air: Air

    def group(self, device: int) -> Group:
        """The group of a device."""
        return self.groups[int(self.fleet.group[device])]

    def link(self, device: int) -> Link:
        """What a device hears."""
        return Link(self.air.radio, self.fleet.track(device), self.hardware[device], self.downtimes)

    def fading(self, device: int, site: int, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
        """The fading h of a device and a site at any instants, of unit mean power: for looking at the channel.

        Transfers use the law of this process, not its samples: see `radio.fading.Rayleigh`.
        """
        radio, track = self.air.radio, self.fleet.track(device)
        if not isinstance(radio.fading, Rayleigh):
            return np.ones(len(t_ns), dtype=np.complex128)
        process = RayleighProcess(self.streams.named(*self.fleet.key(device), "fading", radio.sites.at[site].name))
        travelled_m = np.array([track.travelled_m(int(t)) for t in t_ns])
        wavelength_m = SPEED_OF_LIGHT_M_PER_S / radio.sites.carrier_hz
        return process.gain(travelled_m, t_ns / NS_PER_S, wavelength_m, radio.fading.floor_speed_m_per_s)
