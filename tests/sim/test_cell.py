"""A cell in the engine: its flows end when the books of equal shares say, and only the next of them is planned."""

from collections.abc import Callable

import numpy as np
import pytest
import simpy

from qflsim.radio.sharing import BandShare, Power, TimeShare, Together
from qflsim.sim.cell import Cell
from qflsim.sim.engine import Engine, Order, Story
from qflsim.units import NS_PER_S, from_db, to_ns


def ends_in_the_engine(arrivals: list[tuple[int, float]], leaves: dict[int, int] | None = None) -> dict[int, int]:
    """When each flow ends that joins at an instant with some seconds of work, unless it leaves before."""
    engine, ends = Engine(), {}
    cell = Cell(engine, 0, TimeShare())

    def story(flow: int, join_ns: int, work_s: float) -> Story:
        yield engine.at(join_ns, Order.WORLD, flow)
        done = cell.join(flow, work_s)
        yield done | engine.at((leaves or {}).get(flow, 1 << 62), Order.WORLD, flow)
        if done.triggered:
            ends[flow] = engine.now_ns
        else:
            cell.leave(flow)

    for flow, (join_ns, work_s) in enumerate(arrivals):
        engine.process(story(flow, join_ns, work_s))
    engine.run()
    assert cell.flows == 0
    return ends


def ends_by_the_books(arrivals: list[tuple[int, float]], leaves: dict[int, int]) -> dict[int, int]:
    """The same by `TimeShare` alone, asked for every change in the order of time."""
    share, ends = TimeShare(), {}
    changes = [(t_ns, 0, flow) for flow, (t_ns, _) in enumerate(arrivals)] + [(t, 1, f) for f, t in leaves.items()]
    for t_ns, leaving, flow in [*sorted(changes, key=lambda change: (change[0], change[2])), (1 << 60, 2, -1)]:
        now_ns = 0
        while (due := share.next_completion(now_ns)) and due[0] <= t_ns:
            now_ns, over = due
            share.remove(now_ns, over)
            ends[over] = now_ns
        if leaving == 0:
            share.add(t_ns, flow, arrivals[flow][1])
        elif leaving == 1 and flow not in ends:
            share.remove(t_ns, flow)
    return ends


@pytest.mark.parametrize("seed", range(10))
def test_the_engine_adds_nothing_to_the_books(seed: int) -> None:
    """Random joins and leaves: every flow ends at the nanosecond that equal sharing gives, in a cell of its own."""
    rng = np.random.default_rng(seed)
    joins_ns = np.cumsum(rng.integers(1, NS_PER_S, 60)).tolist()
    arrivals = [(t_ns, float(work_s)) for t_ns, work_s in zip(joins_ns, rng.exponential(0.45, 60), strict=True)]
    leaves = {flow: joins_ns[flow] + int(rng.integers(1, NS_PER_S)) for flow in range(0, 60, 4)}
    assert ends_in_the_engine(arrivals, leaves) == ends_by_the_books(arrivals, leaves)


def test_by_hand() -> None:
    """1 s of work from 0 and 1 s from 0.5 s: 0.5 alone, 1 shared, then the rest alone: 1.5 s and 2 s."""
    assert ends_in_the_engine([(0, 1.0), (NS_PER_S // 2, 1.0)]) == {0: 3 * NS_PER_S // 2, 1: 2 * NS_PER_S}


def test_what_leaves_keeps_its_remainder() -> None:
    """One of four equal flows that leaves after 2 s has had half a second of the cell."""
    engine = Engine()
    cell = Cell(engine, 0, TimeShare())
    for flow in range(4):
        cell.join(flow, 10.0)
    left: list[float] = []
    engine.call_at(2 * NS_PER_S, Order.WORLD, 0, lambda: left.append(cell.leave(3)))
    engine.call_at(2 * NS_PER_S + 1, Order.STOP, 0, lambda: engine.stop("enough"))
    engine.run()
    assert left == [9.5]
    assert cell.flows == 3


def test_a_busy_cell_has_one_pending_event() -> None:
    """A thousand flows that join with ever more work put one event into the queue."""
    engine = Engine()
    planned = count_calls(engine)
    cell = Cell(engine, 0, TimeShare())
    for flow in range(1000):
        cell.join(flow, 1.0 + flow)
    assert len(planned) == 1


def test_events_grow_with_flows_not_with_their_square() -> None:
    """n flows that all end, joined in any order, take at most three events each."""
    engine = Engine()
    planned = count_calls(engine)
    cell = Cell(engine, 0, TimeShare())
    work_s = np.random.default_rng(2).permutation(300) + 1.0
    done = [cell.join(flow, float(work)) for flow, work in enumerate(work_s)]
    engine.run()
    assert all(event.processed for event in done)
    assert len(planned) <= 3 * 300


def count_calls(engine: Engine) -> list[int]:
    """The instants of all calls planned from now on."""
    planned: list[int] = []
    plan = engine.call_at

    def counted(t_ns: int, order: Order, entity: int, action: Callable[[], None]) -> None:
        planned.append(t_ns)
        plan(t_ns, order, entity, action)

    engine.call_at = counted  # type: ignore[method-assign]
    return planned


def test_completion_comes_before_a_change_in_the_same_nanosecond() -> None:
    """A flow that is done at the instant at which its radio changes is done."""
    engine = Engine()
    cell = Cell(engine, 5, TimeShare())
    seen: list[bool] = []
    done: list[simpy.Event] = []
    engine.call_at(NS_PER_S, Order.WORLD, 0, lambda: seen.append(done[0].triggered))
    done.append(cell.join(0, 1.0))
    engine.run()
    assert seen == [True]


def test_sojourns_of_processor_sharing_are_linear_in_the_work() -> None:
    """M/D/1-PS at load 1/2 and all else equal: a mean sojourn of work/(1 - load), whatever the distribution of work."""
    rng, load, jobs = np.random.default_rng(4), 0.5, 6000
    starts_ns = np.cumsum([to_ns(gap_s) for gap_s in rng.exponential(1 / load, jobs)]).tolist()
    ends = ends_in_the_engine([(start_ns, 1.0) for start_ns in starts_ns])
    sojourns_s = np.array([(ends[flow] - starts_ns[flow]) / NS_PER_S for flow in range(jobs)])[500:]
    # Sojourns are correlated over busy periods: the error is that of means of batches much longer than these.
    batches_s = sojourns_s.reshape(50, -1).mean(axis=1)
    error_s = batches_s.std(ddof=1) / np.sqrt(50)
    assert abs(batches_s.mean() - 1.0 / (1.0 - load)) < 5 * error_s
    assert error_s < 0.05


def test_weights_reach_the_books() -> None:
    """1 s of work at weight 1 and 0.75 s at 3 end at 1.75 and 1 s; one more of weight 4 would get half."""
    engine, ends = Engine(), {}
    cell = Cell(engine, 0, TimeShare())

    def story(flow: int, work_s: float, weight: float) -> Story:
        yield cell.join(flow, work_s, weight)
        ends[flow] = engine.now_ns

    engine.process(story(0, 1.0, 1.0))
    engine.process(story(1, 0.75, 3.0))
    engine.call_at(1, Order.WORLD, 0, lambda: shares.append(cell.share(4.0)))
    shares: list[float] = []
    engine.run()
    assert (ends, shares) == ({0: 7 * NS_PER_S // 4, 1: NS_PER_S}, [0.5])


def test_a_retuned_flow_keeps_its_event() -> None:
    """Of 4 s two are left when its rate halves: 4 s more. Another comes at 4 s with 1 s: they end at 7 and 6 s."""
    engine, ends, left_s = Engine(), {}, []
    cell = Cell(engine, 0, TimeShare())

    def story(flow: int, start_ns: int, work_s: float) -> Story:
        yield engine.at(start_ns, Order.WORLD, flow)
        yield cell.join(flow, work_s)
        ends[flow] = engine.now_ns

    def retune() -> None:
        left_s.append(cell.remaining_s(0))
        cell.retune(0, 2.0 * left_s[0])

    engine.process(story(0, 0, 4.0))
    engine.process(story(1, 4 * NS_PER_S, 1.0))
    engine.call_at(2 * NS_PER_S, Order.WORLD, 0, retune)
    engine.run()
    assert (left_s, ends) == ([2.0], {0: 7 * NS_PER_S, 1: 6 * NS_PER_S})


def test_a_flow_that_is_retuned_to_less_ends_earlier() -> None:
    """Of 9 s one is left after 3 s: the end is at 4 s, whatever was planned before; it comes once."""
    engine, ends = Engine(), []
    cell = Cell(engine, 0, Together(BandShare(from_db)))
    done = cell.join(7, 9.0, power=Power(3.0))
    done.callbacks.append(lambda _: ends.append(engine.now_ns))  # type: ignore[union-attr]
    engine.call_at(3 * NS_PER_S, Order.WORLD, 0, lambda: cell.retune(7, 1.0, 2.0, Power(6.0)))
    engine.run()
    assert (ends, cell.flows) == ([4 * NS_PER_S], 0)


def test_a_cell_can_share_its_band() -> None:
    """Where rates are proportional to the SNR, flows of limited power do not disturb each other."""
    engine, ends = Engine(), {}
    cell = Cell(engine, 0, Together(BandShare(from_db)))

    def story(flow: int) -> Story:
        yield cell.join(flow, 1.0 + flow, power=Power(3.0))
        ends[flow] = engine.now_ns

    for flow in range(5):
        engine.process(story(flow))
    engine.run()
    assert ends == {flow: (1 + flow) * NS_PER_S for flow in range(5)}
