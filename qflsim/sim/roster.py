"""The server's list: which devices are there, which take part, and whom it invites next."""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush

import numpy as np
import simpy

from qflsim.learning.selection import Turns
from qflsim.sim.engine import Order
from qflsim.sim.participation import Aggregator, Participation
from qflsim.sim.world import World
from qflsim.terms import Fate
from qflsim.units import FOREVER_NS, to_ns


class Roster:
    """A row a device: present, busy, how often it took part. Only those who take part cost more than a row.

    Whether a device that switches off by itself, or has a battery, can be invited is asked when its turn comes. Those
    who cannot are set aside until they could; when too few are left, the next of them is listened for.
    """

    def __init__(self, world: World, timeout_s: float | None, on_comer: Callable[[], None]) -> None:
        self._world, self._timeout_s, self._on_comer = world, timeout_s, on_comer
        self._present = np.ones(len(world.fleet), dtype=bool)
        for device, _ in world.fleet.from_files():
            self._present[device] = False
        self._eligible = self._present.copy()
        self._eligible_count = int(self._eligible.sum())
        self._numbers = np.zeros(len(world.fleet), dtype=np.int32)
        self._turns, self._epoch = Turns(world.fleet, -1, world.streams), -1
        self._aside: list[tuple[int, int]] = []
        """devices that cannot be invited before an instant, as a heap"""
        self._listening_ns = FOREVER_NS
        self._by_device: dict[int, Participation] = {}
        self._calls: dict[int, list[simpy.Event]] = {}
        """what may end the participations in flight"""
        self.in_flight: dict[int, Participation] = {}
        self.invited = 0

    def invite(self, count: int, round_: int, server: Aggregator) -> list[Participation]:
        """Invites up to so many of the devices that are there and not yet taking part."""
        if round_ != self._epoch:
            self._turns, self._epoch = Turns(self._world.fleet, round_, self._world.streams), round_
        now_ns = self._world.engine.now_ns
        while self._aside and self._aside[0][0] <= now_ns:
            self._admit(heappop(self._aside)[1])
        invited: list[Participation] = []
        while (wanted := min(count - len(invited), self._eligible_count)) > 0:
            there = []
            for device in self._turns.next(wanted, self._eligible):
                ready_ns = self._world.ready_ns(device)
                if ready_ns <= now_ns:
                    there.append(device)
                else:
                    self._set_eligible(device, False)
                    heappush(self._aside, (ready_ns, device))
            invited += [self._start(device, round_, server) for device in there]
        if len(invited) < count:
            self._listen()
        return invited

    def _listen(self) -> None:
        """Tells the server when the next of those set aside could be invited."""
        engine = self._world.engine
        if self._listening_ns <= engine.now_ns:
            self._listening_ns = FOREVER_NS
        if self._aside and self._aside[0][0] < self._listening_ns:
            self._listening_ns = self._aside[0][0]
            engine.call_at(self._listening_ns, Order.WORLD, 0, self._on_comer)

    def _start(self, device: int, round_: int, server: Aggregator) -> Participation:
        participation = Participation(self._world, server, self.invited, device, int(self._numbers[device]), round_)
        self.invited += 1
        self._numbers[device] += 1
        self.in_flight[participation.identity] = self._by_device[device] = participation
        self._admit(device)
        engine = self._world.engine
        leaves_ns = self._world.fleet.leaves_ns(device, engine.now_ns)
        calls = []
        if leaves_ns < FOREVER_NS:
            calls.append(engine.call_at(leaves_ns, Order.WORLD, device + 1, participation.switch_off))
        if self._timeout_s is not None:
            limit_ns = engine.now_ns + to_ns(self._timeout_s)
            calls.append(engine.call_at(limit_ns, Order.POLICY, participation.identity,
                                        lambda: participation.call_off(Fate.ABANDONED)))  # fmt: skip
        self._calls[participation.identity] = calls
        return participation

    def release(self, participation: Participation) -> None:
        """A participation has arrived or ended; its device can be invited again."""
        del self.in_flight[participation.identity], self._by_device[participation.device]
        for call in self._calls.pop(participation.identity):
            self._world.engine.forget(call)
        self._admit(participation.device)

    def device_on(self, device: int) -> None:
        """A device is there."""
        self._present[device] = True
        self._admit(device)

    def device_off(self, device: int) -> None:
        """A device is gone, and with it what it was doing."""
        self._present[device] = False
        self._admit(device)
        if device in self._by_device:
            self._by_device[device].call_off(Fate.DEVICE_OFF)

    def _admit(self, device: int) -> None:
        """Notes whether a device can be invited as far as is known: it is there, and not taking part."""
        self._set_eligible(device, bool(self._present[device]) and device not in self._by_device)

    def _set_eligible(self, device: int, eligible: bool) -> None:
        self._eligible_count += eligible - int(self._eligible[device])
        self._eligible[device] = eligible

    def waiting_for(self) -> str:
        """What the participations in flight are waiting for, in words."""
        doing = Counter(participation.doing for participation in self.in_flight.values())
        waits = [f"{count} for {what}" for what, count in sorted(doing.items())]
        return ", ".join(waits) or "a device that can be invited"
