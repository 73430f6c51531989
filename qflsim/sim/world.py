"""What a participation meets: its group, its device's hardware and way, the air, and the sites that fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simpy

from qflsim.learning.interference import InterferenceGraphs
from qflsim.learning.tasks import Gathered
from qflsim.learning.training import Charge as Job
from qflsim.learning.training import Training
from qflsim.radio.budget import Radio
from qflsim.radio.equipment import Equipment, Hardware
from qflsim.radio.hearing import Hearing
from qflsim.radio.link import Link
from qflsim.sim.engine import Engine
from qflsim.sim.surroundings import Surroundings
from qflsim.sim.transfer import Air, StandIn
from qflsim.streams import Streams
from qflsim.terms import Direction
from qflsim.units import FOREVER_NS, NS_PER_S, SPEED_OF_LIGHT_M_PER_S
from qflsim.world.battery import Battery, Charge, Power
from qflsim.world.blockage import Blocks, LinkOutage, LinkWeather
from qflsim.world.compute import Processor
from qflsim.world.fleet import Fleet
from qflsim.world.outages import Downtime

KEPT = 1 << 16
"""Jobs of so many steps in all are kept, of each group."""


@dataclass(frozen=True)
class Group:
    """What the devices of one group have in common."""

    training: Training
    pools: Sequence[simpy.Resource] = ()
    """the processors that the group shares: one pool, or one at each site; none: each device has its own"""
    sees: InterferenceGraphs | None = None
    """the graphs that its devices gather around them"""
    by_region: bool = False
    """whether what a device holds depends on where it lives"""
    at_site: bool = False
    weight: float = 1.0
    """what its devices' shares of a cell are multiplied by"""
    power: Power = field(default_factory=Power)
    battery: Battery | None = None
    resumes: bool = True
    """whether a job whose processor lost its power goes on with the steps that it had not finished"""
    _jobs: dict[int, Job] = field(default_factory=dict)

    @property
    def processor(self) -> Processor:
        """What the devices train on."""
        return self.training.processor

    @property
    def computes(self) -> bool:
        """Whether the devices train by themselves, on no processor that they share or that stands at a site."""
        return not self.at_site and not self.pools

    def job(self, index: int, number: int, gathered: Gathered) -> Job:
        """What a device's participation `number` runs. Who draws no batches has the same job each time."""
        training = self.training
        if training.batch < training.samples or gathered.graphs:
            return training.charge(index, number, gathered)
        if index not in self._jobs:
            if (len(self._jobs) + 1) * training.steps > KEPT:
                self._jobs.clear()
            self._jobs[index] = training.charge(index, number, gathered)
        return self._jobs[index]

    def pool(self, site: int) -> simpy.Resource | None:
        """The processors that a device shares whom this site served last."""
        return self.pools[site if self.at_site else 0] if self.pools else None


class WhatIf(NamedTuple):
    """How long stages of a participation take in a counterfactual; None leaves a stage to the world.

    For transfers see `StandIn`. A queue so replaced is no turn at a shared processor.
    """

    download: StandIn | None = None
    queue_ns: int | None = None
    training_ns: int | None = None
    upload: StandIn | None = None

    def transfer(self, direction: Direction) -> StandIn | None:
        """What stands in for this transfer."""
        return self.download if direction is Direction.DOWNLOAD else self.upload


AS_IT_IS = WhatIf()


@dataclass(frozen=True)
class World:
    """All that a participation meets.

    `what_if` has counterfactuals, by device and number of its participation.
    """

    engine: Engine
    streams: Streams
    fleet: Fleet
    groups: Sequence[Group]
    hardware: Equipment
    downtimes: Sequence[Downtime]
    link_outages: Sequence[LinkOutage]
    air: Air
    what_if: Mapping[tuple[int, int], WhatIf] = field(default_factory=dict)
    _charges: dict[int, Charge] = field(default_factory=dict)

    def group(self, device: int) -> Group:
        """The group of a device."""
        return self.groups[self.fleet.group(device)]

    @cached_property
    def failing(self) -> Mapping[int, Downtime]:
        """The sites that can fail."""
        return {
            site: downtime for site, downtime in enumerate(self.downtimes) if downtime.next_change_ns(-1) < FOREVER_NS
        }

    def charge(self, device: int) -> Charge | None:
        """The battery of a device, if it has one."""
        battery = self.group(device).battery
        if battery is not None and device not in self._charges:
            key = self.fleet.key(device)
            level, plug = self.streams.named(*key, "battery"), self.streams.named(*key, "plug")
            self._charges[device] = battery.begin(level, plug)
        return self._charges.get(device)

    def ready_ns(self, device: int) -> int:
        """When a device that does not take part can be invited: now, or the first instant at which to ask again."""
        now_ns = self.engine.now_ns
        comes_ns = self.fleet.comes_ns(device, now_ns)
        charge = self.charge(device)
        if comes_ns > now_ns or charge is None:
            return comes_ns
        idle_w = self.group(device).power.idle_w
        charge.advance(now_ns, idle_w)
        return charge.ready_ns(idle_w)

    def link(self, device: int) -> Link:
        """What a device hears."""
        hardware, key = self.hardware[device], self.fleet.key(device)
        return Link(self.air.radio, self.fleet.track(device), hardware, self.failing, self._obstacles(device, hardware),
                    lambda block: self.streams.named(*key, "measurement", block), self.hearing)  # fmt: skip

    @cached_property
    def hearing(self) -> Hearing:
        """By which all links hear."""
        return Hearing(self.air.radio.weather)

    def _obstacles(self, device: int, hardware: Hardware) -> Mapping[int, LinkWeather]:
        if not self.link_outages:
            return {}
        sites, key = self.radio.sites, self.fleet.key(device)

        def blocks(site: str, law: int) -> Blocks:
            return lambda block: self.streams.named(*key, "link", site, law, block)

        return {
            number: LinkWeather(
                [(outage, blocks(site.name, law)) for law, outage in enumerate(self.link_outages)],
                sites.height_m,
                hardware.height_m,
            )
            for number, site in enumerate(sites.places)
        }

    def gathered(self, device: int) -> Gathered:
        """What the world adds to a device's data now."""
        group = self.group(device)
        if group.sees is None:
            return Gathered(self._region(device))
        graph = Surroundings(self.fleet, self.hardware, self.radio).graph(device, self.engine.now_ns, group.sees)
        return Gathered(graphs=(graph,))

    def held_class(self, device: int) -> str:
        """The class of a device's data."""
        _, index = self.fleet.key(device)
        return self.group(device).training.held_class(index, Gathered(self._region(device)))

    @property
    def radio(self) -> Radio:
        """The radio weather."""
        return self.air.radio

    def _region(self, device: int) -> str:
        """The site nearest to where a device first appears, if its data depends on that."""
        if not self.group(device).by_region:
            return ""
        track, sites = self.fleet.track(device), self.radio.sites.places
        leg = track.leg(track.presence[0][0])
        return sites[int(np.argmin([np.hypot(site.x_m - leg.x_m, site.y_m - leg.y_m) for site in sites]))].name

    def fading(self, device: int, cell: int, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
        """The fading h of a device and a cell at any instants, of unit mean power: for looking at the channel.

        Transfers do not sample it: their law is that of independent fading states of one coherence time each, whose
        spread is of the same order (see `radio.fading.Echoes`).
        """
        radio, track = self.air.radio, self.fleet.track(device)
        link = self.streams.named(*self.fleet.key(device), "fading", radio.sites.cells[cell].name)
        travelled_m = np.array([track.travelled_m(int(t)) for t in t_ns])
        wavelength_m = SPEED_OF_LIGHT_M_PER_S / radio.sites.carrier_hz
        return radio.fading.gain(travelled_m, t_ns / NS_PER_S, wavelength_m, link)
