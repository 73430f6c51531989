"""The engine: integer time, a stated order within one nanosecond, and observers that only look on."""

import gc
import weakref
from itertools import permutations

import pytest

from qflsim.records import Event, Record
from qflsim.sim.engine import Engine, Order, Story, forget_earlier_runs, seldom_searched
from qflsim.terms import Happening
from qflsim.units import FOREVER_NS


def event(t_ns: int) -> Event:
    """Some record."""
    return Event(t_ns, Happening.STOPPED, -1, -1, -1, 0)


@pytest.mark.parametrize("orders", list(permutations(Order)), ids=str)
def test_within_a_nanosecond_completion_world_policy_stop(orders: tuple[Order, ...]) -> None:
    """What is due at one instant happens in its stated order, whatever the order in which it was planned."""
    engine, seen = Engine(), []
    for order in orders:
        engine.call_at(7, order, 0, lambda order=order: seen.append(order))
    engine.run()
    assert seen == [Order.COMPLETION, Order.WORLD, Order.POLICY, Order.STOP]


def test_ties_go_by_entity_and_an_order_beats_any_entity() -> None:
    """Of equals the lowest entity comes first; a completion of the last entity comes before the world's first."""
    engine, seen = Engine(), []
    for order, entity in [(Order.WORLD, 0), (Order.COMPLETION, 10**10), (Order.COMPLETION, 3), (Order.COMPLETION, 2)]:
        engine.call_at(7, order, entity, lambda entity=entity: seen.append(entity))
    engine.run()
    assert seen == [2, 3, 10**10, 0]


def test_what_an_event_sets_off_follows_it_at_once() -> None:
    """A process that waits for a triggered event runs before anything else that was planned for the same instant."""
    engine, seen = Engine(), []
    bell = engine.event()

    def story() -> Story:
        yield bell
        seen.append("set off")

    engine.process(story())
    engine.call_at(5, Order.COMPLETION, 1, bell.succeed)
    engine.call_at(5, Order.COMPLETION, 2, lambda: seen.append("next"))
    engine.run()
    assert seen == ["set off", "next"]


def test_an_event_at_forever_never_happens_and_costs_nothing() -> None:
    """Nothing is put into the queue for it: a run in which all wait for ever has nothing left that could happen."""
    engine = Engine()

    def story() -> Story:
        yield engine.at(FOREVER_NS, Order.WORLD)
        raise AssertionError

    engine.process(story())
    assert engine.run() == "nothing is left that could happen"
    assert engine.failed
    assert engine.now_ns == 0


def test_time_is_whole_nanoseconds_however_far() -> None:
    """A hundred years from now the clock still tells one nanosecond from the next."""
    engine, seen = Engine(), []
    far_ns = 100 * 365 * 86_400 * 10**9 + 1
    for t_ns in (far_ns + 1, far_ns):
        engine.call_at(t_ns, Order.WORLD, 0, lambda: seen.append(engine.now_ns))
    engine.run()
    assert seen == [far_ns, far_ns + 1]
    assert all(isinstance(t_ns, int) for t_ns in seen)


def test_the_first_reason_to_stop_stands_and_nothing_follows() -> None:
    """A stopped run handles no further event, and keeps the first reason."""
    engine, seen = Engine(), []
    engine.call_at(1, Order.STOP, 0, lambda: engine.stop("first"))
    engine.call_at(2, Order.WORLD, 0, lambda: seen.append("late"))
    engine.call_at(1, Order.POLICY, 0, lambda: seen.append("in time"))
    assert engine.run() == "first"
    engine.stop("second", failed=True)
    assert (engine.ending, engine.failed, seen, engine.now_ns) == ("first", False, ["in time"], 1)


def test_settling_handles_this_instant_only() -> None:
    """What is due now is handled, what is due one nanosecond later is not."""
    engine, seen = Engine(), []
    engine.call_at(0, Order.STOP, 0, lambda: seen.append("now"))
    engine.call_at(1, Order.COMPLETION, 0, lambda: seen.append("later"))
    engine.settle()
    assert seen == ["now"]


def test_every_observer_hears_every_record_in_order() -> None:
    """Records are the same objects for all observers."""
    first: list[Record] = []
    second: list[Record] = []
    engine = Engine((first.append, second.append))
    told = [event(3), event(1)]
    for record in told:
        engine.emit(record)
    assert first == second == told
    assert all(a is b for a, b in zip(first, told, strict=True))


def test_an_engine_knows_whether_anybody_listens() -> None:
    """Nobody does without observers, or after one of them failed."""

    def full(record: Record) -> None:
        raise OSError("full")

    engine = Engine((full,))
    assert (Engine().observed, engine.observed) == (False, True)
    with pytest.raises(OSError, match="full"):
        engine.emit(event(0))
    assert not engine.observed


def test_either_of_two_events_wakes_once() -> None:
    """The first of two decides, also where both happen at one instant; the other one changes nothing any more."""
    engine, woken = Engine(), []

    def story(one_ns: int, other_ns: int) -> Story:
        yield engine.either(engine.at(one_ns, Order.WORLD), engine.at(other_ns, Order.WORLD, 1))
        woken.append(engine.now_ns)
        yield engine.at(50, Order.WORLD)
        woken.append(engine.now_ns)

    for ends_ns in ((10, 20), (30, 20), (20, 20), (FOREVER_NS, 20)):
        engine.process(story(*ends_ns))
    engine.call_at(100, Order.STOP, 0, lambda: engine.stop("done"))
    engine.run()
    assert woken == [10, 20, 20, 20, 50, 50, 50, 50]


def test_waiting_again_and_again_leaves_nothing_behind() -> None:
    """An event that loses a hundred times is not watched by anybody in the end."""
    engine = Engine()
    never = engine.event()

    def story() -> Story:
        for _ in range(100):
            yield engine.either(never, engine.wait(1))
        engine.stop("done")

    engine.process(story())
    engine.run()
    assert (engine.now_ns, never.callbacks) == (100, [])


def test_garbage_is_searched_as_before_once_a_run_is_over() -> None:
    """Whatever ends it, the interpreter's own ways are back; and where they are off they stay off."""
    ways = gc.get_threshold()

    def break_off() -> None:
        with seldom_searched():
            assert all(now >= before for now, before in zip(gc.get_threshold(), ways, strict=True))
            assert gc.get_freeze_count() > 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (ways, 0)
    gc.set_threshold(0)
    try:
        with seldom_searched():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*ways)


def test_earlier_runs_do_not_pile_up() -> None:
    """A large heap that was dropped as a cycle is gone before the next run is built."""

    class Heap:
        """Something that holds itself."""

    forget_earlier_runs()  # counts what is there
    heap = Heap()
    heap.__dict__.update(me=heap, rows=[[k] for k in range(len(gc.get_objects()))])
    dropped = weakref.ref(heap)
    gc.collect()  # makes it old, so that no search among the young finds it
    del heap
    assert dropped() is not None
    forget_earlier_runs()
    assert dropped() is None


def test_who_waits_for_the_first_of_two_leaves_no_garbage() -> None:
    """A race is freed when it is over, whoever wins and though the loser goes on: no search is needed."""
    engine = Engine()

    def story() -> Story:
        late = engine.at(10**9, Order.WORLD)
        for k in range(1, 100):
            yield engine.either(late, engine.at(k, Order.WORLD))
        yield engine.either(late, engine.at(2 * 10**9, Order.WORLD))
        engine.stop("done")

    engine.process(story())
    gc.collect()
    gc.disable()
    try:
        engine.run()
        assert gc.collect() < 20
    finally:
        gc.enable()


def test_whoever_froze_objects_finds_them_frozen() -> None:
    """Nothing is changed then, by a run within a run neither."""
    ways = gc.get_threshold()
    gc.freeze()
    try:
        with seldom_searched():
            assert gc.get_threshold() == ways
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
