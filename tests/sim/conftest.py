"""Small worlds whose clocks can be computed by hand, and models of the tests' own that a scenario loads by name."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from qflsim.learning.graphs import Instance, RegularGraphs
from qflsim.model import Model
from qflsim.records import Record, Update
from qflsim.scenario.build import Outcome, Simulation, build
from qflsim.scenario.load import load, parse
from qflsim.scenario.schema import Scenario
from qflsim.scenario.sources import read
from qflsim.units import FOREVER_NS, to_ns
from qflsim.world.sites import SiteAt
from qflsim.world.tracks import Leg, Track


class Outages(Model):
    """Down times at given seconds, the same for each of its sites."""

    kind: str
    sites: tuple[str, ...]
    down_s: tuple[tuple[float, float], ...]
    shared: bool = False

    def strikes(self, site: SiteAt) -> bool:
        """Those that it names."""
        return site.name in self.sites

    def intervals(self, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """The given intervals."""
        return iter([(to_ns(down_s), to_ns(up_s)) for down_s, up_s in self.down_s])


class Jumps(Model):
    """A device that stands at x_m[k] from the second from_s[k] on."""

    kind: str
    from_s: tuple[float, ...]
    x_m: tuple[float, ...]

    def track(self, rng: np.random.Generator) -> Track:
        """Legs without speed."""
        starts_ns = [*map(to_ns, self.from_s), FOREVER_NS]
        return Track(Leg(starts_ns[k], starts_ns[k + 1], x_m, 0.0, 0.0, 0.0) for k, x_m in enumerate(self.x_m))


class Stays(Model):
    """A device at (10, 0) that is there over the given seconds."""

    kind: str
    stays_s: tuple[tuple[float, float], ...]

    def track(self, rng: np.random.Generator) -> Track:
        """A leg without speed for each stay."""
        stays = tuple((to_ns(on_s), to_ns(off_s)) for on_s, off_s in self.stays_s)
        return Track((Leg(on_ns, off_ns, 10.0, 0.0, 0.0, 0.0) for on_ns, off_ns in stays), stays)


class TriangleFree(Model):
    """Cubic graphs on ten nodes with unit weights and no triangle: random ones, drawn until there is none."""

    kind: str
    nodes: int = 10
    count: int = 2
    data_class: str = "triangle-free"

    def draw(self, rng: np.random.Generator) -> Instance:
        """One graph."""
        while True:
            graph = RegularGraphs(nodes=self.nodes, weights="unit").draw(rng)
            if np.trace(np.linalg.matrix_power(graph.weights, 3)) == 0:
                return graph


class Ran:
    """A run that is over: all its records, and how it ended."""

    def __init__(self, simulation: Simulation, records: list[Record], outcome: Outcome) -> None:
        self.simulation, self.records, self.outcome = simulation, records, outcome

    def of(self, kind: type[Record]) -> list[Any]:
        """The records of a kind, in the order of emission."""
        return [record for record in self.records if isinstance(record, kind)]

    def updates(self) -> dict[int, Update]:
        """The participations by number."""
        return {update.participation: update for update in self.of(Update)}

    def fates(self) -> list[tuple[str, int, str]]:
        """(device, its participation, fate) of all participations, in the order of invitation."""
        fleet = self.simulation.server._world.fleet
        return [
            (fleet.key(u.device)[0], u.device_participation, u.fate.label) for _, u in sorted(self.updates().items())
        ]


Simulate = Callable[..., Ran]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the models above loadable as `scripted:Outages` and so on."""
    module = ModuleType("scripted")
    for model in (Outages, Jumps, Stays, TriangleFree):
        setattr(module, model.__name__, model)
    monkeypatch.setitem(sys.modules, "scripted", module)


def ran(scenario: Scenario, executor: Executor | None = None) -> Ran:
    """Runs a scenario to its end."""
    records: list[Record] = []
    simulation = build(scenario, read(scenario), (records.append,), executor)
    return Ran(simulation, records, simulation.run())


@pytest.fixture
def simulate() -> Simulate:
    """Runs plain scenario data."""
    return lambda data, executor=None: ran(parse(data, Path(), plugins=True), executor)


@pytest.fixture
def small() -> Callable[..., dict[str, Any]]:
    """Scenario data: one static device a group beside a mast, whose training takes exactly the seconds given.

    Its radio always runs at the peak rate: a close device, no fading, no shadow. A bare model of 2 x 64 bits takes
    2.9 microseconds.
    """

    def data(training_s: dict[str, float], **sections: Any) -> dict[str, Any]:
        return {"name": "small", "stop": {"duration_s": 100.0}, "sites": {"at": [mast("mast", 0.0)]},
                "radio": still_radio(), "task": {"kind": "qaoa", "layers": 1, "holdout": 2},
                "training": {"steps": 1, "header_bit": 0},
                "devices": [device(name, seconds) for name, seconds in training_s.items()], **sections}  # fmt: skip

    return data


def device(name: str, training_s: float) -> dict[str, Any]:
    """A group of one device, 10 m from the origin."""
    return {"name": name, "count": 1, "mobility": {"kind": "static", "at_m": [10.0, 0.0]}, "batch": 1,
            "graphs": {"kind": "regular", "degree": 2, "nodes": 3, "count": 2, "weights": "unit"},
            "processor": {"kind": "simulator", "overhead_s": training_s / 2, "amplitude_s": 0.0,
                          "sample_s": 0.0}}  # fmt: skip


def mast(name: str, x_m: float) -> dict[str, Any]:
    """A site on the axis."""
    return {"name": name, "x_m": x_m, "y_m": 0.0}


def still_radio() -> dict[str, Any]:
    """Free space to everywhere, no shadows, no fading."""
    return {"path_loss": {"kind": "close-in", "los_everywhere": True, "los_sigma_db": 0.0},
            "fading": {"kind": "none"}}  # fmt: skip


@pytest.fixture(scope="session")
def shipped_runs() -> dict[str, Ran]:
    """Shipped scenarios, on time alone, or the first half of them."""
    lasts_s = {"quickstart": 60.0, "wait-for-all": 300.0, "ingolstadt": 300.0}
    return {name: ran(load(name, overrides=[f"stop.duration_s={s}"])) for name, s in lasts_s.items()}
