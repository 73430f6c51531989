"""The backhaul's laws: patterns of links, the way of least latency, availability, and max-min fair rates."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.streams import Streams
from qflsim.units import NS_PER_S
from qflsim.world.backhaul import (
    SERVER,
    BackhaulLink,
    IdealBackhaul,
    LinkedBackhaul,
    Network,
    PatternBackhaul,
    Route,
    max_min_rates,
)
from qflsim.world.outages import Downtime

SITES = ("a", "b", "c", "d", "e")


def link(one: str, other: str, latency_s: float = 0.001, **law: Any) -> BackhaulLink:
    """A link between two ends."""
    return BackhaulLink(between=(one, other), latency_s=latency_s, **law)


def routes(links: tuple[BackhaulLink, ...], sites: tuple[str, ...], down: tuple[int, ...] = ()) -> list[Route | None]:
    """The ways while some links are down."""
    network = Network(links, sites, [Downtime([]) for _ in links])
    return network.routes([number not in down for number in range(len(links))])


def rates(paths: list[list[int]], capacity: list[float], flows: list[int] | None = None) -> list[float]:
    """Max-min fair rates of classes that cross the given links."""
    crossing = np.array([[number in path for path in paths] for number in range(len(capacity))])
    counts = np.array(flows or [1] * len(paths))
    return max_min_rates(crossing, counts, np.array(capacity)).tolist()


def test_two_flows_share_a_link() -> None:
    """10 Mbit/s for two are 5 each."""
    assert rates([[0], [0]], [10e6]) == [5e6, 5e6]
    assert rates([[0]], [10e6], [2]) == [5e6]


def test_the_line_of_three_flows() -> None:
    """Two links of 10, one flow over both and one over each: 5 each; of a second link of 10 + x its own has 5 + x."""
    assert rates([[0, 1], [0], [1]], [10.0, 10.0]) == [5.0, 5.0, 5.0]
    assert rates([[0, 1], [0], [1]], [10.0, 20.0]) == [5.0, 5.0, 15.0]
    assert rates([[0, 1], [0], [1]], [10.0, 10.5]) == [5.0, 5.0, 5.5]


def test_the_example_of_the_book() -> None:
    """Five flows on five links of capacity 1 as in Bertsekas and Gallager, figure 6.12: 1/3, 1/3, 1/3, 2/3 and 1."""
    paths = [[0, 1], [1], [1, 2], [2], [3]]
    assert rates(paths, [1.0] * 4) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2 / 3, 1.0], rel=1e-15)


def test_who_crosses_nothing_gets_nothing() -> None:
    """No way, or no flow: rate 0, and nothing taken from the others."""
    assert rates([[], [0], [0]], [10.0], [3, 2, 0]) == [0.0, 5.0, 0.0]


@given(
    st.lists(st.floats(0.1, 100.0), min_size=1, max_size=6).flatmap(
        lambda capacity: st.tuples(
            st.just(capacity),
            st.lists(
                st.tuples(st.sets(st.integers(0, len(capacity) - 1), min_size=1), st.integers(1, 5)),
                min_size=1,
                max_size=8,
            ),
        )
    )
)
def test_rates_are_feasible_and_every_flow_has_a_bottleneck(
    case: tuple[list[float], list[tuple[set[int], int]]],
) -> None:
    """No link carries more than it can, and each flow crosses a full one on which none is faster."""
    capacity, classes = case
    paths, flows = [sorted(path) for path, _ in classes], [count for _, count in classes]
    found = rates(paths, capacity, flows)
    load = [sum(n * r for p, n, r in zip(paths, flows, found, strict=True) if k in p) for k in range(len(capacity))]
    full = [carried >= most * (1 - 1e-9) for carried, most in zip(load, capacity, strict=True)]
    assert all(carried <= most * (1 + 1e-9) for carried, most in zip(load, capacity, strict=True))
    for path, rate in zip(paths, found, strict=True):
        fastest = {k: max(r for p, r in zip(paths, found, strict=True) if k in p) for k in path}
        assert any(full[k] and rate >= fastest[k] * (1 - 1e-9) for k in path)


def test_a_class_of_flows_is_as_many_flows() -> None:
    """Counting flows by class gives each what it gets one by one."""
    together = rates([[0, 1], [1], [0]], [7.0, 3.0], [2, 3, 4])
    alone = rates([[0, 1]] * 2 + [[1]] * 3 + [[0]] * 4, [7.0, 3.0])
    assert alone == pytest.approx([together[0]] * 2 + [together[1]] * 3 + [together[2]] * 4, rel=1e-12)


def test_patterns() -> None:
    """A star has a link a site, a ring one more, a binary tree feeds two a node, a chain one."""
    pattern = {shape: PatternBackhaul(shape=shape).between(SITES) for shape in ("star", "ring", "tree")}
    assert routes(pattern["star"], SITES) == [(0,), (1,), (2,), (3,), (4,)]
    assert routes(pattern["ring"], SITES)[::4] == [(0,), (5,)]
    assert routes(PatternBackhaul(shape="ring").between(SITES[:4]), SITES[:4]) == [(0,), (1, 0), (3, 4), (4,)]
    assert routes(pattern["tree"], SITES) == [(0,), (1,), (2, 0), (3, 0), (4, 1)]
    chain = PatternBackhaul(shape="tree", branching=1, capacity_bit_per_s=5e6, availability=0.9).between(SITES[:2])
    law = {"capacity_bit_per_s": 5e6, "availability": 0.9}
    assert chain == (link("a", SERVER, **law), link("b", "a", **law))


def test_a_ring_survives_any_one_cut() -> None:
    """With one link down every site has a way, the long one round; with two down somebody may not."""
    ring = PatternBackhaul(shape="ring").between(SITES)
    for cut in range(len(ring)):
        assert None not in routes(ring, SITES, (cut,))
    assert routes(ring, SITES, (0,))[0] == (1, 2, 3, 4, 5)
    assert routes(ring, SITES, (1, 4)) == [(0,), None, None, None, (5,)]


def test_the_way_of_least_latency() -> None:
    """Two quick hops over a router beat a slow link, of two links between equal ends the faster; else the others."""
    links = (link("a", SERVER, 0.05), link("a", "hub", 0.02), link("hub", SERVER, 0.03), link("hub", SERVER, 0.01))
    assert routes(links, ("a",)) == [(1, 3)]
    assert routes(links, ("a",), (3, 0)) == [(1, 2)]
    assert routes(links, ("a",), (1,)) == [(0,)]
    assert routes(links, ("a",), (0, 1)) == [None]
    assert Network(links, ("a",), [Downtime([])] * 4).latency_s((1, 3)) == pytest.approx(0.03)


def test_no_links_lead_nowhere_and_never_change() -> None:
    """The ideal backhaul has none."""
    assert IdealBackhaul().between(SITES) == ()
    network = Network((), ("a",), ())
    assert network.routes(network.up(0)) == [None]


SERIES = (link("a", "hub", availability=0.9), link("hub", SERVER, availability=0.8))
PARALLEL = (link("a", SERVER, availability=0.9), link("a", SERVER, availability=0.8))


@pytest.mark.parametrize(("links", "expected"), [(SERIES, 0.9 * 0.8), (PARALLEL, 1 - 0.1 * 0.2)])
@pytest.mark.parametrize("t_s", [0.0, 2000.0])
def test_availability_in_series_and_in_parallel(links: tuple[BackhaulLink, ...], expected: float, t_s: float) -> None:
    """A1 A2, and 1 - (1 - A1)(1 - A2), from the first instant on: over 2,000 networks, within five errors."""
    streams, count = Streams(11), 2000
    reached = 0
    for sample in range(count):
        downtimes = [law.downtime(streams.named("link", sample, number)) for number, law in enumerate(links)]
        network = Network(links, ("a",), downtimes)
        reached += network.routes(network.up(int(t_s * NS_PER_S))) != [None]
    assert abs(reached / count - expected) < 5 * math.sqrt(expected * (1 - expected) / count)


@pytest.mark.parametrize(
    ("law", "want"),
    [
        ({"between": ("a", "a")}, "two different ends"),
        ({"between": ("a", SERVER), "availability": 1 - 1e-12}, "mean up times"),
        ({"between": ("a", SERVER), "availability": 0.01, "mttr_s": 1e-3}, "mean up times"),
        ({"between": ("a", SERVER), "latency_s": -1.0}, "greater than or equal"),
        ({"between": ("a", SERVER), "capacity_bit_per_s": 0.0}, "greater than or equal"),
    ],
)
def test_links_that_cannot_be(law: dict[str, Any], want: str) -> None:
    """Refused where they are written."""
    with pytest.raises(ValidationError, match=want):
        BackhaulLink(**law)


def test_only_a_tree_branches() -> None:
    """A number that would do nothing is refused."""
    with pytest.raises(ValidationError, match="branching"):
        PatternBackhaul(shape="star", branching=3)
    with pytest.raises(ValidationError, match="mean up times"):
        PatternBackhaul(availability=1 - 1e-12)
    with pytest.raises(ValidationError):
        LinkedBackhaul(links=())
