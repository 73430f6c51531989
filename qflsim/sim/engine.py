"""The event engine: SimPy with integer nanoseconds, a stated order within one instant, and observers."""

import gc
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeAlias

import simpy
from simpy.core import EmptySchedule
from simpy.events import PENDING

from qflsim.records import Observer, Record
from qflsim.units import FOREVER_NS

Story: TypeAlias = Generator[simpy.Event, Any, Any]


class Order(IntEnum):
    """What comes first within one nanosecond: what is finished is finished, then the world, then policy.

    Ties beyond that go by entity number. What an event sets off at the same instant follows it at once.
    """

    COMPLETION = 1
    WORLD = 2
    POLICY = 3
    STOP = 4


_ENTITY_BITS = 40
_SEARCHES = (50_000, 5, 2)
"""Objects that come and stay before the young are searched; searches before the older, and before all."""
_kept = [0]
"""How many objects the last search of all left; those before the first run count as such."""


def forget_earlier_runs() -> None:
    """Searches for what earlier runs left, which is cyclic garbage, if what is there has grown by half since the last
    time. Where somebody has frozen objects, a run under way among them, it changes nothing."""
    if gc.get_freeze_count() or not gc.isenabled():
        return
    there = _objects()
    _kept[0] = _kept[0] or there
    if there > 1.5 * _kept[0]:
        gc.collect()
        _kept[0] = _objects()


def _objects() -> int:
    """How many there are that a search would look at."""
    gc.freeze()
    count = gc.get_freeze_count()
    gc.unfreeze()
    return count


@contextmanager
def seldom_searched() -> Iterator[None]:
    """Lets Python search for cyclic garbage seldom, and not at all in what was there before.

    Stories free what they held as they end. To search all that is alive again and again took a quarter of a run's time.
    Where somebody has frozen objects, another run among them, it changes nothing.
    """
    if gc.get_freeze_count():
        yield
        return
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*(least and max(least, seldom) for least, seldom in zip(thresholds, _SEARCHES, strict=True)))
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


class _Race:
    """Which of two events happens first. No closure: one that takes itself back refers to itself, and is garbage that
    only a search finds."""

    __slots__ = ("_one", "_other", "first")

    def __init__(self, one: simpy.Event, other: simpy.Event, first: simpy.Event) -> None:
        self._one, self._other, self.first = one, other, first

    def __call__(self, event: simpy.Event) -> None:
        loser = self._other if event is self._one else self._one
        if loser.callbacks is not None:
            loser.callbacks.remove(self)  # it may be waited for again and again
        if self.first._value is PENDING:
            self.first.succeed()


class Engine:
    """One run's clock and event queue. Facts leave through `emit`; observers cannot change the run."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._environment = simpy.Environment(initial_time=0)
        self._observers = tuple(observers)
        self.ending: str | None = None
        self.failed = False

    @property
    def observed(self) -> bool:
        """Whether anybody hears what is emitted: where nobody does, a fact need not be put into a record."""
        return bool(self._observers)

    def tell_first(self, observer: Observer) -> None:
        """From now on this observer is told everything, before the others."""
        self._observers = (observer, *self._observers)

    @property
    def now_ns(self) -> int:
        """The instant of the event being handled."""
        return self._environment._now  # type: ignore[return-value]  # all instants that it is given are whole

    def event(self) -> simpy.Event:
        """An event that somebody will trigger."""
        return self._environment.event()

    def at(self, t_ns: int, order: Order, entity: int = 0) -> simpy.Event:
        """An event that happens at `t_ns`; one at `FOREVER_NS` never does, and costs nothing."""
        event = self._environment.event()
        if t_ns < FOREVER_NS:
            event._ok, event._value = True, None  # as simpy.Timeout does: triggered, and due later
            self._environment.schedule(event, (order << _ENTITY_BITS) + entity, t_ns - self.now_ns)  # type: ignore[arg-type]
        return event

    def either(self, one: simpy.Event, other: simpy.Event) -> simpy.Event:
        """An event that happens with the first of two; a condition of SimPy would take twice the time."""
        race = _Race(one, other, self._environment.event())
        for event in (one, other):
            assert event.callbacks is not None, "it has happened already"
            event.callbacks.append(race)
        return race.first

    def wait(self, delay_ns: int, order: Order = Order.COMPLETION, entity: int = 0) -> simpy.Event:
        """An event that happens after `delay_ns`."""
        return self.at(self.now_ns + delay_ns, order, entity)

    def process(self, story: Story) -> simpy.Process:
        """Starts a process."""
        return self._environment.process(story)

    def call_at(self, t_ns: int, order: Order, entity: int, action: Callable[[], None]) -> simpy.Event:
        """Calls `action` at `t_ns`, for what need not be a process; `forget` takes the returned event back."""
        event = self.at(t_ns, order, entity)
        assert event.callbacks is not None
        event.callbacks.append(lambda _: action())
        return event

    @staticmethod
    def forget(event: simpy.Event) -> None:
        """Nobody waits for this event any more: what it would have called can be freed before it is due."""
        if event.callbacks is not None:
            event.callbacks.clear()

    def emit(self, record: Record) -> None:
        """Tells a fact to every observer. One that cannot take it ends the run, and then nobody is told any more."""
        try:
            for observer in self._observers:
                observer(record)
        except BaseException:
            self._observers = ()  # stories that are torn down with the run would go on telling
            raise

    def pool(self, count: int) -> simpy.Resource:
        """So many processors, given out first come first served."""
        return simpy.Resource(self._environment, count)

    def stop(self, reason: str, failed: bool = False) -> None:
        """Ends the run after the event being handled. The first reason given stands."""
        if self.ending is None:
            self.ending, self.failed = reason, failed

    def run(self) -> str:
        """Handles events until someone stops the run or nothing is left to happen; returns the reason."""
        try:
            with seldom_searched():
                while self.ending is None:
                    self._environment.step()
        except EmptySchedule:
            self.stop("nothing is left that could happen", failed=True)
        assert self.ending is not None
        return self.ending

    def settle(self) -> None:
        """Handles what is due at this very instant: interruptions sent when the run ended."""
        while self._environment.peek() == self._environment.now:
            self._environment.step()
