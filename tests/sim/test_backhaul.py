"""The backhaul in the engine: shared links, ways that break and are found anew, and what a scenario makes of it."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import simpy

from qflsim import records
from qflsim.errors import InputErrors
from qflsim.records import Record
from qflsim.sim.backhaul import Backhaul
from qflsim.sim.engine import Engine, Order, Story
from qflsim.terms import Direction, Happening
from qflsim.units import NS_PER_S, to_ns
from qflsim.world.backhaul import SERVER, BackhaulLink, Network
from qflsim.world.outages import Downtime

DOWN, UP = Direction.DOWNLOAD, Direction.UPLOAD
Small = Callable[..., dict[str, Any]]


def link(one: str, other: str, mbit_per_s: float = 10.0, latency_s: float = 0.0) -> BackhaulLink:
    """A link between two ends."""
    return BackhaulLink(between=(one, other), capacity_bit_per_s=mbit_per_s * 1e6, latency_s=latency_s)


class Rig:
    """A backhaul whose links are down at given seconds, and the seconds at which flows are through."""

    def __init__(self, links: Sequence[BackhaulLink], sites: Sequence[str],
                 down_s: dict[int, list[tuple[float, float]]] | None = None) -> None:  # fmt: skip
        self.told: list[Record] = []
        self.engine = Engine([self.told.append])
        times = [[(to_ns(a), to_ns(b)) for a, b in (down_s or {}).get(number, [])] for number in range(len(links))]
        network = Network(links, sites, [Downtime([iter(intervals)]) for intervals in times])
        self.backhaul = Backhaul(self.engine, network)
        self.engine.process(self.backhaul.story())
        self.through_s: dict[int, float] = {}

    def send(self, flow: int, site: int, mbit: float, start_s: float = 0.0, direction: Direction = UP,
             give_up_s: float | None = None) -> None:  # fmt: skip
        """A flow that starts, and may be called off, at given seconds."""

        def story() -> Story:
            yield self.engine.at(to_ns(start_s), Order.WORLD, flow)
            try:
                yield from self.backhaul.carry(flow, site, direction, mbit * 1e6)
            except simpy.Interrupt:
                return
            self.through_s[flow] = self.engine.now_ns / NS_PER_S

        process = self.engine.process(story())
        if give_up_s is not None:
            self.engine.call_at(to_ns(give_up_s), Order.POLICY, flow, process.interrupt)

    def run(self) -> dict[int, float]:
        """When each flow was through."""
        self.engine.run()
        return self.through_s


def test_size_over_rate_and_latency() -> None:
    """20 Mbit over 10 and then 40 Mbit/s, with 3 and 4 ms: 2.007 s."""
    rig = Rig([link("a", "hub", 10.0, 0.003), link("hub", SERVER, 40.0, 0.004)], ["a"])
    rig.send(1, 0, 20.0)
    assert rig.run() == {1: 2.007}


def test_flows_share_their_bottleneck() -> None:
    """Sites a and b over one link of 10 Mbit/s: 10 Mbit from 0 and from 0.5 s end at 1.5 and 2 s; c is apart."""
    rig = Rig([link("a", "hub", 99.0), link("b", "hub", 99.0), link("hub", SERVER), link("c", SERVER)], ["a", "b", "c"])
    rig.send(1, 0, 10.0)
    rig.send(2, 1, 10.0, 0.5)
    rig.send(3, 2, 10.0)
    assert rig.run() == {3: 1.0, 1: 1.5, 2: 2.0}


def test_the_two_directions_do_not_disturb_each_other() -> None:
    """Full duplex: an upload and a download of the whole capacity at the same time."""
    rig = Rig([link("a", SERVER)], ["a"])
    rig.send(1, 0, 10.0, direction=UP)
    rig.send(2, 0, 10.0, direction=DOWN)
    assert rig.run() == {1: 1.0, 2: 1.0}


def test_a_flow_waits_for_a_way_and_goes_on_with_what_is_left() -> None:
    """Half through when the only link fails for 3 s: 4 s for 1; one that comes meanwhile waits and shares the rest."""
    rig = Rig([link("a", SERVER, latency_s=0.25)], ["a"], {0: [(0.5, 3.5)]})
    rig.send(1, 0, 10.0)
    rig.send(2, 0, 5.0, 1.0)
    assert rig.run() == {1: 4.75, 2: 4.75}


def test_a_broken_way_is_left_for_another_and_come_back_to() -> None:
    """10 Mbit/s with 10 ms until 0.5 s, 1 Mbit/s with 300 ms until 2.5 s, then the first again: 2.8 s and 10 ms."""
    rig = Rig([link("a", SERVER, 10.0, 0.01), link("a", SERVER, 1.0, 0.3)], ["a"], {0: [(0.5, 2.5)]})
    rig.send(1, 0, 10.0)
    assert rig.run() == {1: 2.81}


def test_a_link_that_is_down_from_the_start() -> None:
    """The way at t = 0 is the one that is up."""
    rig = Rig([link("a", SERVER), link("a", SERVER, 5.0, 0.5)], ["a"], {0: [(0.0, 60.0)]})
    rig.send(1, 0, 10.0)
    assert rig.run() == {1: 2.5}


def test_who_is_called_off_makes_room() -> None:
    """Two share from 0; one gives up at 1 s, the other has the link alone from then on; nobody is called off twice."""
    rig = Rig([link("a", SERVER, latency_s=1.0)], ["a"])
    rig.send(1, 0, 50.0, give_up_s=1.0)
    rig.send(2, 0, 10.0)
    rig.send(3, 0, 10.0, start_s=5.0, give_up_s=6.5)
    assert rig.run() == {2: 2.5}


def test_what_is_sent_when_the_link_fails_has_been_sent() -> None:
    """A flow whose last bit leaves in the nanosecond of the failure is through."""
    rig = Rig([link("a", SERVER, latency_s=0.5)], ["a"], {0: [(1.0, 90.0)]})
    rig.send(1, 0, 10.0)
    assert rig.run() == {1: 1.5}


def test_without_links_nothing_takes_time() -> None:
    """The ideal backhaul adds no event."""
    rig = Rig([], ["a"])
    assert list(rig.backhaul.carry(1, 0, UP, 1e9)) == []
    rig.send(1, 0, 1e9, 3.0)
    assert rig.run() == {1: 3.0}


def test_failures_of_links_are_told() -> None:
    """A down and an up event an interval, with the link's number, also for one that is down at the start."""
    rig = Rig([link("a", SERVER), link("a", SERVER)], ["a"], {1: [(0.0, 2.0)], 0: [(2.0, 3.0)]})
    rig.run()
    events = [(e.t_ns // NS_PER_S, e.happening, e.value) for e in rig.told if isinstance(e, records.Event)]
    assert events == [(0, Happening.LINK_DOWN, 1), (2, Happening.LINK_DOWN, 0), (2, Happening.LINK_UP, 1),
                      (3, Happening.LINK_UP, 0)]  # fmt: skip


def test_a_scenario_with_links_that_fail(small: Small, simulate: Callable[..., Any]) -> None:
    """Its links fail and recover in a run, the same ones whatever else stands in the scenario."""
    links = [{"between": ["mast", "server"], "availability": 0.5, "mttr_s": 5.0},
             {"between": ["mast", "server"], "availability": 0.5, "mttr_s": 5.0}]  # fmt: skip

    def changes(backhaul: dict[str, Any]) -> list[tuple[int, Happening, int]]:
        run = simulate(small({"a": 1.0}, backhaul=backhaul))
        kinds = (Happening.LINK_DOWN, Happening.LINK_UP)
        return [(e.t_ns, e.happening, e.value) for e in run.of(records.Event) if e.happening in kinds]

    both = changes({"kind": "links", "links": links})
    assert {value for *_, value in both} == {0, 1}
    more = changes({"kind": "links", "links": [{"between": ["server", "depot"], "availability": 0.5}, *links]})
    assert [(t_ns, happening, value - 1) for t_ns, happening, value in more if value > 0] == both
    assert [change for change in both if change[2] == 0] == changes(
        {"kind": "pattern", "availability": 0.5, "mttr_s": 5.0})  # fmt: skip


@pytest.mark.parametrize(
    ("sections", "want"),
    [
        ({"backhaul": {"kind": "links", "links": [{"between": ["mast", "hub"]}]}}, "no way leads from 'mast'"),
        ({"backhaul": {"kind": "pattern"}, "sites": {"at": [{"name": "server", "x_m": 0.0, "y_m": 0.0}]}},
         "no site of the name 'server'"),
    ],
)  # fmt: skip
def test_a_backhaul_that_leads_nowhere_is_told(
    small: Small, simulate: Callable[..., Any], sections: dict[str, Any], want: str
) -> None:
    """A site that no link connects with the server, or that is called like it."""
    with pytest.raises(InputErrors, match=want):
        simulate(small({"a": 1.0}, **sections))
