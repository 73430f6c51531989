"""The aggregator: the story of who is invited, who answers, and when a version is made of the answers."""

from collections import Counter
from concurrent.futures import Future
from typing import cast

import numpy as np
import simpy

from qflsim import records
from qflsim.learning.aggregation import Rounds, Rules, Stream, coefficients
from qflsim.learning.tasks import Gathered
from qflsim.learning.updates import Contribution, Learner, Part
from qflsim.sim.engine import Order, Story
from qflsim.sim.participation import Participation
from qflsim.sim.roster import Roster
from qflsim.sim.world import World
from qflsim.terms import Fate, Happening
from qflsim.units import FOREVER_NS, to_ns


class Server:
    """Invites devices, collects their updates, makes versions. Without a learner it does all this on time alone."""

    def __init__(self, world: World, rules: Rules, learner: Learner | None, max_versions: int | None) -> None:
        self._world, self._engine, self._rules, self._learner = world, world.engine, rules, learner
        self._max_versions = max_versions
        self._roster = Roster(world, rules.timeout_s, self._ring)
        self._buffer: list[Participation] = []
        self._missing: list[int] = []
        self._memory: dict[int, Participation] = {}
        self._applied: Counter[str] = Counter()
        self._bell, self._rung = world.engine.event(), False
        self._made_ns: list[int] = []
        self._drops_late = isinstance(rules.when, Rounds) and rules.when.late == "drop"
        self._answered = self._arrived = 0
        """of those who were invited to this round"""
        self.version = 0
        self.round = -1
        self.arrivals = 0
        self.reached = False
        self.fates: Counter[Fate] = Counter()

    # --- the stories

    def story(self) -> Story:
        """Version 0 is published; then versions are made as long as the run goes on."""
        self._publish([], [], -1)
        if isinstance(self._rules.when, Rounds):
            yield from self._in_rounds(self._rules.when)
        else:
            yield from self._in_a_stream(self._rules.when)

    def _in_a_stream(self, when: Stream) -> Story:
        while True:
            self._invite(when.max_in_flight - len(self._roster.in_flight))
            yield self._news()
            while len(self._buffer) >= when.arrivals and self._engine.ending is None:
                self._make_version([self._buffer.pop(0) for _ in range(when.arrivals)])

    def _in_rounds(self, when: Rounds) -> Story:
        self.round = 0
        while True:
            invited = self._invite(when.invited)
            while not invited:
                yield self._news()
                invited = self._invite(when.invited)
            self._say(Happening.ROUND_OPEN, self.round)
            limit_ns = FOREVER_NS if when.limit_s is None else self._engine.now_ns + to_ns(when.limit_s)
            limit = self._engine.at(limit_ns, Order.POLICY)
            while not (limit.processed or when.closes(len(invited), self._answered, self._arrived)):
                yield self._engine.either(self._news(), limit)
            if when.late == "recall":
                for participation in [p for p in invited if p.identity in self._roster.in_flight]:
                    participation.call_off(Fate.RECALLED)
                yield self._engine.wait(0, Order.POLICY)  # so that they can be invited again at once
            if self._engine.ending is not None:
                return  # those in flight were told so just now, which is no answer
            self.round += 1
            self._answered = self._arrived = 0
            arrived, self._buffer = self._buffer, []
            self._make_version(arrived)

    def _invite(self, count: int) -> list[Participation]:
        return [] if self._engine.ending is not None else self._roster.invite(count, self.round, self)

    # --- what others tell the server

    def hand_out(self) -> int:
        """A download starts: the version that it carries."""
        self.reached = True
        return self.version

    def begin_training(self, participation: Participation, gathered: Gathered) -> None:
        """A device starts to train: what it computes is handed over now, and collected when it is needed."""
        if self._learner is not None:
            group, index = self._world.fleet.key(participation.device)
            part = Part(group, index, participation.number, participation.base_version, gathered)
            participation.result = part, self._learner.begin(part)

    def arrived(self, participation: Participation) -> None:
        """An update is here."""
        self.arrivals += 1
        self._release(participation)
        self._arrived += participation.round == self.round
        if self._drops_late and participation.round < self.round:
            self._end(participation, Fate.LATE)
        else:
            self._buffer.append(participation)
        self._ring()

    def ended(self, participation: Participation, fate: Fate) -> None:
        """A participation will not arrive."""
        self._release(participation)
        self._end(participation, fate)
        self._ring()

    def _release(self, participation: Participation) -> None:
        self._roster.release(participation)
        self._answered += participation.round == self.round

    def device_on(self, device: int) -> None:
        """A device can be invited."""
        self._roster.device_on(device)
        self._ring()

    def device_off(self, device: int) -> None:
        """A device is gone, and with it what it was doing."""
        self._roster.device_off(device)

    def waiting_for(self) -> str:
        """What the run is waiting for, in words."""
        return self._roster.waiting_for()

    @property
    def invited(self) -> int:
        """How many participations there have been."""
        return self._roster.invited

    def finish(self) -> None:
        """The run is over: what is on its way stays so."""
        for participation in list(self._roster.in_flight.values()):
            participation.call_off(Fate.IN_FLIGHT)
        self._engine.settle()
        for participation in self._buffer:
            self._end(participation, Fate.IN_FLIGHT)
        assert self.invited == self.fates.total(), "every participation has exactly one fate"
        self.tell_metrics(wait=True)

    # --- a version

    def _make_version(self, arrived: list[Participation]) -> None:
        """Combines what arrived, without what is too stale, and with what stands in for those who did not arrive."""
        limit = self._rules.max_staleness
        fresh = []
        for participation in arrived:
            participation.staleness = self.version - participation.base_version
            if limit is not None and participation.staleness > limit:
                self._end(participation, Fate.STALE)
            else:
                fresh.append(participation)
        stand_ins = self._stand_ins({p.device for p in fresh}) if fresh else []
        if fresh:
            self._apply(fresh, stand_ins)

    def _stand_ins(self, arrived: set[int]) -> list[Participation]:
        """The last applied updates of the devices that answered in vain since the last version."""
        missing = [d for d in dict.fromkeys(self._missing) if d not in arrived and d in self._memory]
        self._missing.clear()
        limit = FOREVER_NS if self._rules.max_staleness is None else self._rules.max_staleness
        remembered = [self._memory[device] for device in missing]
        return [p for p in remembered if self.version - p.base_version <= limit]

    def _apply(self, fresh: list[Participation], stand_ins: list[Participation]) -> None:
        together = fresh + stand_ins
        trainings = [self._world.group(p.device).training for p in together]
        classes = [self._world.held_class(p.device) for p in together]
        weights = coefficients(
            self._rules,
            [training.samples for training in trainings],
            [self.version - p.base_version for p in together],
            classes,
            self._applied,
        )
        self._applied.update(classes[: len(fresh)])
        if self._learner is not None:
            results = [cast(tuple[Part, Future[tuple[float, ...]]], p.result) for p in together]
            updates = self._learner.combine([Contribution(*r, w) for r, w in zip(results, weights, strict=True)])
            for p, angles in zip(fresh, updates, strict=False):
                self._engine.emit(records.UpdateAngles(self._engine.now_ns, p.identity, tuple(map(float, angles))))
        self.version += 1
        for p, weight in zip(fresh, weights, strict=False):
            p.weight, p.applied_version = weight, self.version
            if self._rules.missing == "last-known":
                self._memory[p.device] = p
            self._end(p, Fate.APPLIED)
        self._publish(
            [p.staleness for p in fresh], stand_ins, max(fresh, key=lambda p: (p.arrived_ns, p.identity)).identity
        )

    def _publish(self, staleness: list[int], stand_ins: list[Participation], last: int) -> None:
        now_ns = self._engine.now_ns
        self._made_ns.append(now_ns)
        mean_staleness = float(np.mean(staleness)) if staleness else 0.0
        self._engine.emit(records.Version(now_ns, self.version, len(staleness), len(stand_ins), last, mean_staleness))
        self._say(Happening.VERSION, self.version)
        if self._learner is not None:
            angles = tuple(map(float, self._learner.versions[self.version]))
            self._engine.emit(records.VersionAngles(now_ns, self.version, angles))
            self.tell_metrics(wait=False)
        if self.version == self._max_versions:
            self._engine.stop(f"version {self.version} was reached")

    def tell_metrics(self, wait: bool) -> None:
        if self._learner is not None:
            for version, grades in self._learner.examined(wait):
                for name, grade in grades.items():
                    self._engine.emit(records.Evaluation(self._made_ns[version], version, name, *grade))

    # --- small things

    def _end(self, participation: Participation, fate: Fate) -> None:
        participation.fate, participation.ended_ns = fate, self._engine.now_ns
        self.fates[fate] += 1
        if fate is not Fate.APPLIED and participation.result is not None:
            participation.result[1].cancel()  # nobody will ask for it
        if fate is not Fate.APPLIED and self._rules.missing == "last-known":
            self._missing.append(participation.device)
        if self._engine.observed:
            self._engine.emit(participation.record())
            self._engine.emit(records.Event(self._engine.now_ns, Happening.ENDED, participation.device,
                                            participation.identity, -1, int(fate)))  # fmt: skip

    def _say(self, happening: Happening, value: int) -> None:
        self._engine.emit(records.Event(self._engine.now_ns, happening, -1, -1, -1, value))

    def _news(self) -> simpy.Event:
        self._bell, self._rung = self._engine.event(), False
        return self._bell

    def _ring(self) -> None:
        """The server answers news once all that happens at this instant has happened."""
        if not self._rung:
            self._rung = True
            self._engine.call_at(self._engine.now_ns, Order.POLICY, 0, self._wake)

    def _wake(self) -> None:
        if not self._bell.triggered:
            self._bell.succeed()
