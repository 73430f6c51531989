"""The backhaul: links between sites and server that carry, delay and fail, which way leads where, and fair rates."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol, Self, TypeAlias

import networkx as nx
import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from qflsim.model import Count, Model, Name, Positive
from qflsim.units import FOREVER_NS, Floats
from qflsim.world.outages import Downtime, RenewalOutage
from qflsim.world.renewal import Lifetime

SERVER = "server"
"""The server's name among the ends of links."""
Latency = Annotated[float, Field(ge=0, le=1e3, description="one-way latency in seconds")]
Availability = Annotated[float, Field(ge=0.01, le=1, description="part of the time in which a link works")]
Route: TypeAlias = tuple[int, ...]
"""The numbers of the links from a site to the server, in this order."""


class BackhaulLink(Model):
    """A link between two of the sites, the server and routers (any other names), full duplex.

    It works for the part `availability` of the time, from t = 0 on; where that is less than 1, up and down times are
    exponential and it is repaired after `mttr_s` on average. Links fail independently, also two between equal ends.
    """

    between: tuple[Name, Name]
    capacity_bit_per_s: Positive = 1e9
    """of each direction"""
    latency_s: Latency = 0.001
    availability: Availability = 1.0
    mttr_s: Lifetime = 600.0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.between[0] == self.between[1]:
            raise ValueError(f"between: two different ends, not {self.between[0]!r} twice")
        _check(self.availability, self.mttr_s)
        return self

    def downtime(self, rng: np.random.Generator) -> Downtime:
        """When it is down. The generator belongs to this link alone."""
        if self.availability == 1.0:
            return Downtime([])
        mtbf_s = _mtbf_s(self.availability, self.mttr_s)
        return Downtime([RenewalOutage(sites=self.between, mtbf_s=mtbf_s, mttr_s=self.mttr_s).intervals(rng)])


def _mtbf_s(availability: float, mttr_s: float) -> float:
    return mttr_s * availability / (1.0 - availability)


def _check(availability: float, mttr_s: float) -> None:
    if availability < 1.0 and not 1e-3 <= _mtbf_s(availability, mttr_s) <= 1e9:
        raise ValueError("availability: 1, or mean up times mttr_s availability/(1 - availability) of 1e-3 to 1e9 s")


class BackhaulLaw(Protocol):
    """Which links there are."""

    @property
    def kind(self) -> str: ...

    def between(self, sites: Sequence[str]) -> tuple[BackhaulLink, ...]:
        """The links for these sites; none at all means that a site is at the server."""
        ...


class IdealBackhaul(Model):
    """No backhaul: what is at a site is at the server, at once."""

    kind: Literal["ideal"] = "ideal"

    def between(self, sites: Sequence[str]) -> tuple[BackhaulLink, ...]:
        """None."""
        return ()


class PatternBackhaul(Model):
    """Equal links in a pattern.

    star: each site has a link of its own to the server. ring: server, sites in their order, server; any one link may
    fail. tree: the server feeds the first `branching` sites (2 unless said), each site the next so many;
    with 1 a chain.
    """

    kind: Literal["pattern"] = "pattern"
    shape: Literal["star", "ring", "tree"] = "star"
    capacity_bit_per_s: Positive = 1e9
    latency_s: Latency = 0.001
    availability: Availability = 1.0
    mttr_s: Lifetime = 600.0
    branching: Count | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.branching is not None and self.shape != "tree":
            raise ValueError(f'branching: only with shape = "tree", not {self.shape!r}')
        _check(self.availability, self.mttr_s)
        return self

    def between(self, sites: Sequence[str]) -> tuple[BackhaulLink, ...]:
        """One a site, towards the server; in a ring one more that closes it."""
        feeds = {"star": len(sites), "ring": 1, "tree": self.branching or 2}[self.shape]
        ends = [SERVER, *sites]
        pairs = [(ends[child], ends[(child - 1) // feeds]) for child in range(1, len(ends))]
        if self.shape == "ring":
            pairs.append((SERVER, ends[-1]))
        law = self.model_dump(exclude={"kind", "shape", "branching"})
        return tuple(BackhaulLink(between=pair, **law) for pair in pairs)


class LinkedBackhaul(Model):
    """Links one by one, over routers if need be."""

    kind: Literal["links"] = "links"
    links: Annotated[tuple[BackhaulLink, ...], Field(min_length=1)]

    def between(self, sites: Sequence[str]) -> tuple[BackhaulLink, ...]:
        """As they are given."""
        return self.links


class Network:
    """The links of a backhaul, and which way leads from each site to the server at an instant."""

    def __init__(self, links: Sequence[BackhaulLink], sites: Sequence[str], downtimes: Sequence[Downtime]) -> None:
        assert len(links) == len(downtimes)
        self.links, self._sites, self._downtimes = tuple(links), tuple(sites), tuple(downtimes)
        self.capacity_bit_per_s = np.array([link.capacity_bit_per_s for link in links])

    def up(self, t_ns: int) -> tuple[bool, ...]:
        """Which links work at an instant."""
        return tuple(downtime.is_up(t_ns) for downtime in self._downtimes)

    def next_change_ns(self, t_ns: int) -> int:
        """The first instant after this one at which a link fails or is repaired; `FOREVER_NS` if there is none."""
        return min((downtime.next_change_ns(t_ns) for downtime in self._downtimes), default=FOREVER_NS)

    def routes(self, up: Sequence[bool]) -> list[Route | None]:
        """The way of least latency from each site to the server over links that are up; None where there is none.

        The same way leads back. Between equal ends the faster link is taken, of equal ones the first.
        """
        graph = nx.Graph()
        graph.add_nodes_from((SERVER, *self._sites))
        working = [number for number, works in enumerate(up) if works]
        for number in sorted(working, key=lambda number: (-self.links[number].latency_s, -number)):  # the last stays
            link = self.links[number]
            graph.add_edge(*link.between, latency_s=link.latency_s, number=number)
        ways: Mapping[str, list[str]] = nx.shortest_path(graph, source=SERVER, weight="latency_s")
        return [_links_of(graph, ways[site]) if site in ways else None for site in self._sites]

    def latency_s(self, route: Route) -> float:
        """What a bit takes from one end of a way to the other."""
        return sum(self.links[number].latency_s for number in route)


def _links_of(graph: "nx.Graph[str]", way: list[str]) -> Route:
    return tuple(graph.edges[ends]["number"] for ends in zip(way[:0:-1], way[-2::-1], strict=True))


def max_min_rates(crossing: npt.NDArray[np.bool_], flows: npt.NDArray[np.int64], capacity_bit_per_s: Floats) -> Floats:
    """The max-min fair rate in bit/s of one flow of each class; 0 for a class that crosses no link.

    `crossing[link, class]` says whose flows cross what, `flows[class]` how many there are. No rate can be raised
    without lowering one that is not greater: each flow has a bottleneck, a full link on which none is faster. By
    progressive filling: all rates grow alike until a link is full, its flows stop there, the others grow on. A link
    whose fair part is the least that any of its flows meets is full next whatever happens elsewhere, so that all such
    links are filled at once. Source: Bertsekas and Gallager, Data Networks, 2nd edition, 1992, section 6.5.2.
    """
    rates = np.zeros(len(flows))
    growing = (flows > 0) & crossing.any(axis=0)
    while growing.any():
        takers = (crossing * (flows * growing)).sum(axis=1)
        left = capacity_bit_per_s - (crossing * (flows * rates)).sum(axis=1)
        fair = np.where(takers > 0, left / np.maximum(takers, 1), np.inf)
        met = np.where(crossing, fair[:, None], np.inf).min(axis=0)
        least_met = np.where(crossing & growing, met, np.inf).min(axis=1)
        full = (takers > 0) & (fair <= least_met)
        stopped = growing & crossing[full].any(axis=0)
        rates[stopped] = met[stopped]
        growing &= ~stopped
    return rates
