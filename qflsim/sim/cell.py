"""A cell serves its flows by equal shares; it keeps one pending event, whatever the number of flows."""

import simpy

from qflsim.radio.sharing import EqualShare
from qflsim.sim.engine import Engine, Order
from qflsim.units import FOREVER_NS


class Cell:
    """One direction of one site: flows join with the service they need, leave with what they still need."""

    def __init__(self, engine: Engine, entity: int) -> None:
        self._engine, self._entity = engine, entity
        self._share = EqualShare()
        self._done: dict[int, simpy.Event] = {}
        self._due_ns = FOREVER_NS

    @property
    def flows(self) -> int:
        """How many flows are being served."""
        return len(self._done)

    def join(self, flow: int, work_s: float) -> simpy.Event:
        """Serves a flow that needs `work_s` seconds of the whole cell; the event tells when it has had them."""
        done = self._done[flow] = self._engine.event()
        self._share.add(self._engine.now_ns, flow, work_s)
        self._plan()
        return done

    def leave(self, flow: int) -> float:
        """Takes a flow out; returns the seconds of service that it still needs."""
        del self._done[flow]
        work_s = self._share.remove(self._engine.now_ns, flow)
        self._plan()
        return work_s

    def _plan(self) -> None:
        """Makes sure that an event is pending at the next completion, or earlier (it then looks again)."""
        upcoming = self._share.next_completion(self._engine.now_ns)
        if upcoming is not None and upcoming[0] < self._due_ns:
            self._due_ns = upcoming[0]
            self._engine.call_at(self._due_ns, Order.COMPLETION, self._entity, self._look)

    def _look(self) -> None:
        now_ns = self._engine.now_ns
        if now_ns < self._due_ns:
            return  # an earlier completion was planned since; this event is obsolete
        self._due_ns = FOREVER_NS
        while (upcoming := self._share.next_completion(now_ns)) is not None and upcoming[0] <= now_ns:
            flow = upcoming[1]
            self._share.remove(now_ns, flow)
            self._done.pop(flow).succeed()
        self._plan()
