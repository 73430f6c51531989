"""A participation: the story of one device from invitation to the arrival of its update, or to what stopped it."""

from collections.abc import Generator
from concurrent.futures import Future
from operator import attrgetter
from typing import Any, Protocol, cast

import simpy

from qflsim import records
from qflsim.learning.tasks import Gathered
from qflsim.learning.updates import Part
from qflsim.sim.energy import Meter
from qflsim.sim.engine import Story
from qflsim.sim.job import Job
from qflsim.sim.transfer import Transfer
from qflsim.sim.world import AS_IT_IS, World
from qflsim.terms import Direction, Fate, Happening
from qflsim.units import NEVER_NS

_REST = attrgetter(*records.Update._fields[4:])
"""What a record says of a participation besides when, which and whose it is."""


class Aggregator(Protocol):
    """What a participation tells the server that invited it."""

    def hand_out(self) -> int:
        """A download starts: the version that it carries."""

    def begin_training(self, participation: "Participation", gathered: Gathered) -> None:
        """A training starts, also on data that the device has just gathered."""

    def arrived(self, participation: "Participation") -> None:
        """An update is at the server."""

    def ended(self, participation: "Participation", fate: Fate) -> None:
        """A participation will not arrive."""


class Participation:
    """One device's part in one version. `number` counts the device's own participations from 0."""

    def __init__(self, world: World, server: Aggregator, identity: int, device: int, number: int, round_: int) -> None:
        self.identity, self.device, self.number, self.round = identity, device, number, round_
        self.invited_ns = world.engine.now_ns
        self.download_start_ns = self.download_end_ns = self.training_start_ns = self.training_end_ns = NEVER_NS
        self.upload_start_ns = self.arrived_ns = self.ended_ns = NEVER_NS
        self.base_version = self.applied_version = self.staleness = -1
        self.weight = 0.0
        self.fate: Fate | None = None
        self.doing = "coverage"
        self.result: tuple[Part, Future[tuple[float, ...]]] | None = None
        """what the device trains, and what comes of it; None where nothing is learned"""
        self.site = -1
        self._world, self._server, self._engine = world, server, world.engine
        self._key, self._group = world.fleet.key(device), world.group(device)
        self._what_if = world.what_if.get((device, number), AS_IT_IS)
        self._link = world.link(device)
        self._link.expect(self.invited_ns, self.invited_ns)
        self._meter = Meter(world.engine, self._group.power, world.charge(device), device, self.switch_off)
        self._process = world.engine.process(self._story())

    def call_off(self, fate: Fate) -> None:
        """Interrupts the device's work wherever it stands; the participation ends with this fate."""
        if self.fate is None and self.arrived_ns == NEVER_NS:
            self.fate = fate
            self._process.interrupt(fate)

    def switch_off(self) -> None:
        """The device is off or gone, and with it what it was doing."""
        if self.fate is None and self.arrived_ns == NEVER_NS:
            self._say(Happening.DEVICE_OFF)
            self.call_off(Fate.DEVICE_OFF)

    def _story(self) -> Story:
        self._say(Happening.INVITED)
        try:
            yield from self._transfer(Direction.DOWNLOAD)
            self.download_end_ns = self._engine.now_ns
            self._say(Happening.DOWNLOAD_END)
            yield from self._train()
            yield from self._transfer(Direction.UPLOAD)
            self.arrived_ns = self._engine.now_ns
            self._say(Happening.ARRIVED)
        except simpy.Interrupt as interrupt:
            self._meter.close()
            self._server.ended(self, cast(Fate, interrupt.cause))
        else:
            self._meter.close()
            self._server.arrived(self)

    def _transfer(self, direction: Direction) -> Generator[simpy.Event, Any, None]:
        self.doing = f"coverage for the {direction.name.lower()}"
        rng = self._world.streams.named(*self._key, "fading", int(direction), self.number)
        transfer = Transfer(self._engine, self._world.air, self._link, direction, self.device, self.identity,
                            self._group.weight, rng, self._meter,
                            lambda: self._first_served(direction))  # fmt: skip
        stand_in = self._what_if.transfer(direction)
        yield from transfer.carry() if stand_in is None else transfer.stand_in(stand_in)
        self.site = self._world.radio.weather.site_of[transfer.last_cell]

    def _first_served(self, direction: Direction) -> None:
        self.doing = f"the {direction.name.lower()}"
        if direction is Direction.DOWNLOAD:
            self.download_start_ns = self._engine.now_ns
            self.base_version = self._server.hand_out()
            self._say(Happening.DOWNLOAD_START, self.base_version)
        else:
            self.upload_start_ns = self._engine.now_ns
            self._say(Happening.UPLOAD_START)

    def _train(self) -> Generator[simpy.Event, Any, None]:
        """Waits for a processor, then holds it for as long as the job's circuits take."""
        job = Job(self._engine, self._world, self.device, self.identity, self.number, self.site,
                  self._meter, self._what_if)  # fmt: skip
        self.doing = "a processor"
        self._say(Happening.QUEUE_START)
        try:
            yield from job.wait()
            self.training_start_ns = self._engine.now_ns
            self.doing = "the training"
            self._say(Happening.TRAINING_START)
            self._server.begin_training(self, job.gathered)
            self._link.expect(self._engine.now_ns + job.least_ns, self._engine.now_ns)
            yield from job.work()
            self.training_end_ns = self._engine.now_ns
            self._say(Happening.TRAINING_END)
        finally:
            job.leave()

    def _say(self, happening: Happening, value: int = 0) -> None:
        if self._engine.observed:
            self._engine.emit(records.Event(self._engine.now_ns, happening, self.device, self.identity, -1, value))

    @property
    def energy_j(self) -> float:
        """What the device itself has spent on it so far."""
        return self._meter.spent_j

    def record(self) -> records.Update:
        """The whole participation, once its fate is known."""
        assert self.fate is not None
        return records.Update(self._engine.now_ns, self.identity, self.device, self.number, *_REST(self))
