"""Shares of time: virtual time against brute force, conservation of work, and known means of processor sharing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qflsim.radio.sharing import TimeShare
from qflsim.units import NS_PER_S, Floats, to_ns


def drain(cell: TimeShare, now_ns: int) -> list[tuple[int, int]]:
    """Completions (instant, flow) of all flows in a cell that nobody joins any more."""
    done = []
    while (due := cell.next_completion(now_ns)) is not None:
        now_ns, flow = due
        assert cell.remove(now_ns, flow) == 0.0
        done.append(due)
    return done


def test_two_flows_by_hand() -> None:
    """Work 1 s from t = 0 and 2 s from t = 0.5 s: the first shares its second half, the second ends at 3 s."""
    cell = TimeShare()
    assert cell.next_completion(0) is None
    cell.add(0, 7, 1.0)
    assert cell.next_completion(0) == (NS_PER_S, 7)
    cell.add(NS_PER_S // 2, 3, 2.0)
    assert cell.flows == 2
    assert cell.remaining_s(NS_PER_S, 7) == pytest.approx(0.25)
    assert drain(cell, NS_PER_S) == [(3 * NS_PER_S // 2, 7), (3 * NS_PER_S, 3)]
    assert cell.flows == 0


def test_equal_flows_end_together_in_order_of_their_numbers() -> None:
    """Ties go by flow number, whatever the order of arrival."""
    cell = TimeShare()
    for flow in (5, 2, 9):
        cell.add(0, flow, 0.1)
    assert drain(cell, 0) == [(to_ns(0.3), 2), (to_ns(0.3), 5), (to_ns(0.3), 9)]


def test_completion_is_rounded_up_and_never_in_the_past() -> None:
    """A third of a nanosecond takes one; what is already done is due now; nothing at all is due at once."""
    cell = TimeShare()
    cell.add(10, 1, 0.3e-9)
    assert cell.next_completion(10) == (11, 1)
    assert cell.next_completion(500) == (500, 1)
    cell.add(500, 2, 0.0)
    assert cell.remove(500, 1) == 0.0
    assert cell.next_completion(500) == (500, 2)


def test_an_emptied_cell_is_as_good_as_new() -> None:
    """Virtual time starts again with each busy period: after a long one the bits are those of a fresh cell."""
    used, fresh = TimeShare(), TimeShare()
    used.add(0, 1, 1e6)
    used.remove(NS_PER_S * 10**6 // 3, 1)
    now_ns = NS_PER_S * 10**6
    for cell in (used, fresh):
        cell.add(now_ns, 2, 0.1)
        cell.add(now_ns + 1, 3, 0.2)
    assert used.remaining_s(now_ns + 7_777_777, 2) == fresh.remaining_s(now_ns + 7_777_777, 2)
    assert drain(used, now_ns + 7_777_777) == drain(fresh, now_ns + 7_777_777)


def test_asking_changes_nothing() -> None:
    """A cell that is asked at a thousand instants gives the same bits as one that is not."""
    quiet, asked = TimeShare(), TimeShare()
    rng = np.random.default_rng(2)
    now_ns = 0
    for flow in range(200):
        for cell in (quiet, asked):
            cell.add(now_ns, flow, 1.0 + flow / 7.0)
        later_ns = now_ns + int(rng.integers(1, NS_PER_S))
        due = asked.next_completion(now_ns)
        for query_ns in np.linspace(now_ns, later_ns, 7, dtype=np.int64).tolist():
            asked.remaining_s(query_ns, flow)
            if due is not None and query_ns <= due[0]:
                assert asked.next_completion(query_ns) == due
        now_ns = later_ns
    assert quiet.remaining_s(now_ns, 100) == asked.remaining_s(now_ns, 100)
    assert drain(quiet, now_ns) == drain(asked, now_ns)


def test_equals_brute_force_stepping() -> None:
    """Forty flows that come at random and share: completions of a 0.1 ms stepping, within its error."""
    rng = np.random.default_rng(3)
    step_ns = 100_000
    arrivals_ns = np.sort(rng.integers(0, 20_000, 40)) * step_ns
    works_s = rng.exponential(0.08, 40)
    arrivals: dict[int, list[int]] = {}
    for flow, t_ns in enumerate(arrivals_ns.tolist()):
        arrivals.setdefault(t_ns, []).append(flow)
    stepped = _stepped(arrivals, works_s, step_ns)
    exact = _exact(arrivals, works_s)
    assert stepped.keys() == exact.keys()
    # Each completion wastes less than a step of the cell, and all of them may fall into one busy period.
    assert max(abs(stepped[flow] - exact[flow]) for flow in exact) <= len(works_s) * step_ns


def _stepped(arrivals: dict[int, list[int]], works_s: Floats, step_ns: int) -> dict[int, int]:
    left_s: dict[int, float] = {}
    done: dict[int, int] = {}
    for now_ns in range(0, 10 * NS_PER_S, step_ns):
        for flow in arrivals.get(now_ns, []):
            left_s[flow] = works_s[flow]
        if left_s:
            share_s = step_ns / NS_PER_S / len(left_s)
            left_s = {flow: work_s - share_s for flow, work_s in left_s.items()}
            ended = [flow for flow, work_s in left_s.items() if work_s <= 0.0]
            for flow in ended:
                done[flow] = now_ns + step_ns
                del left_s[flow]
    return done


def _exact(arrivals: dict[int, list[int]], works_s: Floats) -> dict[int, int]:
    cell = TimeShare()
    done: dict[int, int] = {}
    now_ns = 0
    for arrival_ns in [*sorted(arrivals), 10 * NS_PER_S]:
        while (due := cell.next_completion(now_ns)) is not None and due[0] <= arrival_ns:
            now_ns, flow = due
            cell.remove(now_ns, flow)
            done[flow] = now_ns
        now_ns = arrival_ns
        for flow in arrivals.get(arrival_ns, []):
            cell.add(now_ns, flow, float(works_s[flow]))
    return done


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "next"]),
        st.integers(0, 3 * NS_PER_S),
        st.floats(0.0, 5.0),
        st.sampled_from([1.0, 0.3, 1e-6, 7e5]),
    ),
    max_size=40,
)


@given(STEPS)
def test_work_is_conserved(steps: list[tuple[str, int, float, float]]) -> None:
    """Whatever the weights: all service never exceeds the time that passed, and equals it while some flow is served.

    A flow that runs to its completion has had its work; one that leaves early has had the rest.
    """
    cell = TimeShare()
    work_s: dict[int, float] = {}
    now_ns, busy_ns, served_s, completions = 0, 0, 0.0, 0
    flow = 0

    def wait(until_ns: int) -> int:
        return until_ns - now_ns if work_s else 0

    for what, pause_ns, value, weight in steps:
        later_ns = now_ns + pause_ns
        while (due := cell.next_completion(now_ns)) is not None and due[0] <= later_ns:
            busy_ns, now_ns = busy_ns + wait(due[0]), due[0]
            assert cell.remove(now_ns, due[1]) == 0.0
            served_s, completions = served_s + work_s.pop(due[1]), completions + 1
        busy_ns, now_ns = busy_ns + wait(later_ns), later_ns
        if what == "add":
            cell.add(now_ns, flow, value, weight)
            work_s[flow], flow = value, flow + 1
        elif what == "remove" and work_s:
            leaving = min(work_s)
            left_s = cell.remove(now_ns, leaving)
            assert 0.0 <= left_s <= work_s[leaving] + 1e-9
            served_s += work_s.pop(leaving) - left_s
        assert cell.flows == len(work_s)
    served_s += sum(value - cell.remaining_s(now_ns, key) for key, value in work_s.items())
    assert served_s <= busy_ns / NS_PER_S + 1e-9
    # Each completion is rounded up to a nanosecond, of which the flow that ends needs a part.
    assert served_s >= busy_ns / NS_PER_S - 1e-9 * (len(steps) + 1)


def sojourns_s(works_s: Floats, gaps_s: Floats) -> Floats:
    """Time in the cell of each flow, for given work and times between arrivals."""
    cell = TimeShare()
    arrivals_ns = np.cumsum([to_ns(gap_s) for gap_s in gaps_s]).tolist()
    left_ns = np.zeros(len(works_s), dtype=np.int64)
    now_ns = 0
    for flow, arrival_ns in enumerate([*arrivals_ns, 1 << 61]):
        while (due := cell.next_completion(now_ns)) is not None and due[0] <= arrival_ns:
            now_ns = due[0]
            cell.remove(now_ns, due[1])
            left_ns[due[1]] = now_ns
        now_ns = arrival_ns
        if flow < len(works_s):
            cell.add(now_ns, flow, float(works_s[flow]))
    return np.asarray((left_ns - arrivals_ns) / NS_PER_S)


@pytest.mark.parametrize("law", ["exponential", "constant"])
def test_processor_sharing_is_insensitive(law: str) -> None:
    """M/M/1-PS and M/D/1-PS: both mean sojourns are 1/(1 - rho), here 3.333 at load 0.7, by batch means."""
    rng = np.random.default_rng(4)
    count, batches = 100_000, 50
    works_s = rng.exponential(1.0, count) if law == "exponential" else np.ones(count)
    means = sojourns_s(works_s, rng.exponential(1.0 / 0.7, count)).reshape(batches, -1).mean(axis=1)
    error = means.std(ddof=1) / np.sqrt(batches)
    assert abs(means.mean() - 1.0 / 0.3) < 5.0 * error
    assert error < 0.1


def test_sojourn_is_proportional_to_work() -> None:
    """In M/M/1-PS a flow of work x stays x/(1 - rho) on average: the slope is that for small and large ones."""
    rng = np.random.default_rng(5)
    works_s = rng.exponential(1.0, 100_000)
    stays_s = sojourns_s(works_s, rng.exponential(1.0 / 0.5, 100_000))
    for low, high in ((0.1, 0.3), (0.8, 1.2), (2.5, 4.0)):
        chosen = (works_s > low) & (works_s < high)
        slowdown = stays_s[chosen] / works_s[chosen]
        # Neighbours share their crowd: their errors count as those of a tenth as many flows.
        error = slowdown.std(ddof=1) / np.sqrt(chosen.sum() / 10)
        assert abs(slowdown.mean() - 2.0) < 5.0 * error


def test_a_busy_period_of_a_month_keeps_its_nanoseconds() -> None:
    """One flow that never ends and 20,000 short ones: each short one still ends within 2 ns of its instant."""
    cell = TimeShare()
    cell.add(0, -1, 1e9)
    month_ns = 30 * 86_400 * NS_PER_S
    for flow in range(20_000):
        now_ns = flow * (month_ns // 20_000)
        cell.add(now_ns, flow, 0.001)
        due = cell.next_completion(now_ns)
        assert due is not None
        assert due[1] == flow
        assert abs(due[0] - now_ns - 2_000_000) <= 2
        assert cell.remove(due[0], flow) == 0.0
