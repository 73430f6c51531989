"""A cell serves its flows as its books say; it keeps one pending event, whatever the number of flows."""

from typing import Protocol

import simpy

from qflsim.radio.sharing import UNLIMITED, Books, Power
from qflsim.sim.engine import Engine, Order
from qflsim.units import FOREVER_NS


class Ending(Protocol):
    """Books of flows that come to an end."""

    def next_completion(self, now_ns: int) -> tuple[int, int] | None:
        """The next instant at which a flow is done, and which; None if none ever is."""

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; what is left of it."""


class Completions:
    """Tells flows that they are done. Of all flows in some books only the next to end has an event pending."""

    def __init__(self, engine: Engine, entity: int, books: Ending) -> None:
        self._engine, self._entity, self._books = engine, entity, books
        self._done: dict[int, simpy.Event] = {}
        self._due_ns = FOREVER_NS

    def of(self, flow: int) -> simpy.Event:
        """The event of a flow that has just joined."""
        done = self._done[flow] = self._engine.event()
        self.plan()
        return done

    def forget(self, flow: int) -> None:
        """A flow has left before its end."""
        del self._done[flow]
        self.plan()

    def plan(self) -> None:
        """Makes sure, after a change, that an event is pending at the next end, or earlier (it then looks again)."""
        self._await(self._books.next_completion(self._engine.now_ns))

    def _await(self, upcoming: tuple[int, int] | None) -> None:
        if upcoming is not None and upcoming[0] < self._due_ns:
            self._due_ns = upcoming[0]
            self._engine.call_at(self._due_ns, Order.COMPLETION, self._entity, self._look)

    def _look(self) -> None:
        now_ns = self._engine.now_ns
        if now_ns < self._due_ns:
            return  # an earlier completion was planned since; this event is obsolete
        self._due_ns = FOREVER_NS
        while (upcoming := self._books.next_completion(now_ns)) is not None and upcoming[0] <= now_ns:
            flow = upcoming[1]
            self._books.remove(now_ns, flow)
            self._done.pop(flow).succeed()
        self._await(upcoming)


class Cell:
    """One direction of one site: flows join with the service they need, leave with what they still need."""

    def __init__(self, engine: Engine, entity: int, books: Books) -> None:
        self._engine, self._books = engine, books
        self._completions = Completions(engine, entity, books)

    @property
    def flows(self) -> int:
        """How many flows are being served."""
        return self._books.flows

    def share(self, weight: float = 1.0) -> float:
        """The share of the cell that one more flow of this weight would get."""
        return self._books.share(weight)

    def join(self, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> simpy.Event:
        """Serves a flow that needs `work_s` seconds of the whole cell; the event tells when it has had them."""
        self._books.add(self._engine.now_ns, flow, work_s, weight, power)
        return self._completions.of(flow)

    def remaining_s(self, flow: int) -> float:
        """Seconds of the whole cell that a flow still needs."""
        return self._books.remaining_s(self._engine.now_ns, flow)

    def retune(self, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Serves a flow on, with other work, weight and power: its event stays, and now tells the end of this."""
        self._books.retune(self._engine.now_ns, flow, work_s, weight, power)
        self._completions.plan()

    def leave(self, flow: int) -> float:
        """Takes a flow out; returns the seconds of service that it still needs."""
        work_s = self._books.remove(self._engine.now_ns, flow)
        self._completions.forget(flow)
        return work_s
