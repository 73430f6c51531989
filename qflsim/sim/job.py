"""A job: the story of one training on a processor, from the queue to its last circuit, through failures of power."""

from collections.abc import Generator
from typing import Any

import simpy

from qflsim import records
from qflsim.learning.tasks import Gathered
from qflsim.learning.training import Charge
from qflsim.sim.energy import Meter
from qflsim.sim.engine import Engine, Order
from qflsim.sim.world import AS_IT_IS, WhatIf, World
from qflsim.units import FOREVER_NS, NEVER_NS, to_ns, to_s
from qflsim.world.battery import Activity
from qflsim.world.compute import energy_j


class Job:
    """One training of a participation, on the device's processor or on one at the site that served it last.

    `wait`, then `work`, and `leave` however it ends, which emits the record.
    """

    def __init__(self, engine: Engine, world: World, device: int, participation: int, number: int, site: int,
                 meter: Meter, what_if: WhatIf = AS_IT_IS) -> None:  # fmt: skip
        self._engine, self._world, self._device, self._participation = engine, world, device, participation
        self._meter = meter
        self._key, self._number = world.fleet.key(device), number
        self._group = world.group(device)
        self._site = site if self._group.at_site else -1
        self._circuits = self._group.training.qubits > 0
        self._what_if = what_if
        self._pool = self._group.pool(site) if self._circuits and what_if.queue_ns is None else None
        self._turn: simpy.resources.resource.Request | None = None
        self._compile_ns = to_ns(self._group.processor.compile_s) if self._circuits else 0
        self._queued_ns, self._start_ns, self._busy_ns = engine.now_ns, NEVER_NS, 0
        self._charge: Charge | None = None
        self._steps_ns: list[int] = []
        self._outages = 0
        self._complete = False
        self.gathered = Gathered()

    def wait(self) -> Generator[simpy.Event, Any, None]:
        """The wait that the processor's owner imposes, then the turn at a shared one. Classical models need neither."""
        queue_ns = self._queue_ns()
        if queue_ns or self._pool:  # of jobs that come to a pool at one instant the lowest device's is first
            yield self._engine.wait(queue_ns, Order.COMPLETION, self._device)
        if self._pool:
            self._turn = self._pool.request()
            yield self._turn
        self._start_ns = self._engine.now_ns
        self.gathered = self._world.gathered(self._device)
        self._charge = self._group.job(self._key[1], self._number, self.gathered)
        self._steps_ns = [to_ns(step_s) for step_s in self._charge.steps_s]
        self._steps_ns[0] += self._compile_ns
        if self._what_if.training_ns is not None:
            self._steps_ns = [self._what_if.training_ns]

    def _queue_ns(self) -> int:
        """The wait that the processor's owner imposes."""
        if self._what_if.queue_ns is not None:
            return self._what_if.queue_ns
        if not self._circuits or not self._group.processor.queue_mean_s > 0:
            return 0
        return to_ns(self._group.processor.queue_s(self._world.streams.named(*self._key, "queue", self._number)))

    @property
    def least_ns(self) -> int:
        """How long the work takes if nothing fails. It must have been waited for."""
        return sum(self._steps_ns)

    def work(self) -> Generator[simpy.Event, Any, None]:
        """Compilation, then step after step. Without power nothing runs, and the step at hand begins anew."""
        steps_ns, done = self._steps_ns, 0
        while done < len(steps_ns):
            fails_ns = yield from self._powered()
            now_ns, finished = self._engine.now_ns, done
            while finished < len(steps_ns) and now_ns + steps_ns[finished] <= fails_ns:
                now_ns += steps_ns[finished]
                finished += 1
            if finished == len(steps_ns):
                yield from self._busy_until(now_ns, Order.COMPLETION)
                done = finished
            else:
                yield from self._busy_until(fails_ns, Order.WORLD)
                self._outages += 1
                done = finished if self._group.resumes else 0
        self._complete = True

    def _busy_until(self, t_ns: int, order: Order) -> Generator[simpy.Event, Any, None]:
        began_ns = self._engine.now_ns
        if self._group.computes:
            self._meter.turn_to(Activity.COMPUTE)
        try:
            yield self._engine.at(t_ns, order, self._device)
        finally:
            self._busy_ns += self._engine.now_ns - began_ns
            self._meter.turn_to(Activity.IDLE)

    def _powered(self) -> Generator[simpy.Event, Any, int]:
        """Waits until the processor has power; returns when it will fail. A device's own fails with the device."""
        if self._site < 0:
            return FOREVER_NS
        downtime = self._world.downtimes[self._site]
        if (down := downtime.interval(self._engine.now_ns)) is not None:
            yield self._engine.at(down[1], Order.WORLD, self._device)
        return downtime.next_change_ns(self._engine.now_ns)

    def leave(self) -> None:
        """Gives the processor back and tells what it did."""
        if self._turn and self._pool:
            self._pool.release(self._turn) if self._turn.triggered else self._turn.cancel()
        charge = self._charge
        if not self._engine.observed:
            return
        self._engine.emit(
            records.Training(
                t_ns=self._engine.now_ns,
                participation=self._participation,
                device=self._device,
                queued_ns=self._queued_ns,
                start_ns=self._start_ns,
                end_ns=self._engine.now_ns,
                compile_ns=self._compile_ns,
                circuits=charge.circuits if charge else 0,
                shots=charge.shots if charge else 0,
                circuit_s=charge.circuit_s if charge else 0.0,
                energy_j=energy_j(self._group.processor, to_s(self._busy_ns), self._group.training.qubits),
                site=self._site,
                outages=self._outages,
                complete=self._complete,
            )
        )
