"""The backhaul at work: models on their way between sites and server, while links are shared, fail and are repaired."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import simpy

from qflsim import records
from qflsim.radio.progress import Progress
from qflsim.sim.cell import Completions
from qflsim.sim.engine import Engine, Order, Story
from qflsim.terms import Direction, Happening
from qflsim.units import FOREVER_NS, Floats, to_ns
from qflsim.world.backhaul import Network, Route, max_min_rates


class Backhaul:
    """What lies between sites and server. Store and forward: a site passes a model on once it has all of it.

    Models on their way share the links max-min fairly, each direction by itself, and follow the way of least latency
    over the links that work. When a link fails or is repaired they are led anew, at once, with what is left of them;
    where no way is left they wait for one. What a link has taken in is not lost. The latency of the way comes on top.
    """

    def __init__(self, engine: Engine, network: Network) -> None:
        self._engine, self._network = engine, network
        self._lanes = {direction: _Lane(engine, direction, network.capacity_bit_per_s) for direction in Direction}
        self._routes: Sequence[Route | None] = ()
        self._lead(network.up(engine.now_ns))

    def carry(self, flow: int, site: int, direction: Direction, size_bit: float) -> Story:
        """Takes a model from a site to the server, or from the server to a site; without links that takes no time."""
        if not self._network.links:
            return
        lane = self._lanes[direction]
        done = lane.join(flow, site, size_bit)
        try:
            yield done
        finally:
            if not done.triggered:
                lane.leave(flow)
        route = self._routes[site]
        assert route is not None  # it has just carried the last bit: links fail after what is finished
        yield self._engine.wait(to_ns(self._network.latency_s(route)), Order.COMPLETION, flow)

    def story(self) -> Story:
        """Tells of the links that fail and are repaired (an event's value is the number of the link)."""
        up = (True,) * len(self._network.links)
        while True:
            now_ns = self._engine.now_ns
            before, up = up, self._network.up(now_ns)
            for link, works in enumerate(up):
                if works != before[link]:
                    happening = Happening.LINK_UP if works else Happening.LINK_DOWN
                    self._engine.emit(records.Event(now_ns, happening, -1, -1, -1, link))
            if up != before:
                self._lead(up)
            change_ns = self._network.next_change_ns(now_ns)
            if change_ns >= FOREVER_NS:
                return
            yield self._engine.at(change_ns, Order.WORLD)

    def _lead(self, up: Sequence[bool]) -> None:
        self._routes = self._network.routes(up)
        crossing = np.zeros((len(up), len(self._routes)), dtype=bool)
        for site, route in enumerate(self._routes):
            crossing[list(route or ()), site] = True
        for lane in self._lanes.values():
            lane.lead(crossing)


class _Lane:
    """One direction of the backhaul: its flows, where they come from or go to, and how fast they are."""

    def __init__(self, engine: Engine, entity: int, capacity_bit_per_s: Floats) -> None:
        self._engine, self._capacity_bit_per_s = engine, capacity_bit_per_s
        self._progress = Progress(self._rates_bit_per_s, terms=1)
        self._crossing: npt.NDArray[np.bool_] = np.empty((0, 0), dtype=bool)
        self._completions = Completions(engine, entity, self._progress)

    def lead(self, crossing: npt.NDArray[np.bool_]) -> None:
        """From now on flows to and from each site (columns) cross these links (rows)."""
        self._progress.turn(self._engine.now_ns)
        self._crossing = crossing
        self._completions.plan()

    def join(self, flow: int, site: int, size_bit: float) -> simpy.Event:
        """Takes a flow in; the event tells when its last bit has been sent."""
        self._progress.add(self._engine.now_ns, flow, size_bit, site)
        return self._completions.of(flow)

    def leave(self, flow: int) -> None:
        """Takes a flow out before its end."""
        self._progress.remove(self._engine.now_ns, flow)
        self._completions.forget(flow)

    def _rates_bit_per_s(self, terms: Floats) -> Floats:
        sites = terms[0].astype(np.int64)
        flows = np.bincount(sites, minlength=self._crossing.shape[1])
        return np.asarray(max_min_rates(self._crossing, flows, self._capacity_bit_per_s)[sites])
