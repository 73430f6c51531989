"""The graphs that a device holds, those that a participation's steps draw from them, and those that nobody holds."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qflsim.learning.graphs import GraphFamily, Instance
from qflsim.learning.graphs_files import FileGraphs
from qflsim.learning.interference import SightedGraphs
from qflsim.learning.mixtures import MixedGraphs
from qflsim.streams import Streams


@lru_cache(maxsize=4096)
def local_graphs(seed: int, group: str, index: int, family: GraphFamily, region: str = "") -> tuple[Instance, ...]:
    """All graphs of a device, drawn one after the other from its own stream.

    The shares of a mixture have a stream of their own: the device's, or that of the `region` that it lives in.
    """
    streams = Streams(seed)
    rng = streams.named(group, index, "graphs")
    if not isinstance(family, MixedGraphs):
        return tuple(family.draw(rng) for _ in range(family.count))
    assert region or family.by == "device"
    owner = ("region", region) if family.by == "region" else (group, index)
    shares = family.shares(streams.named(*owner, "shares"))
    return tuple(family.draw(rng, shares) for _ in range(family.count))


def data_class(graphs: Sequence[Instance]) -> str:
    """The class of a device's data: that of most of its graphs, of equally many the one that comes first."""
    return Counter(graph.data_class for graph in graphs).most_common(1)[0][0]


def held_out(seed: int, family: GraphFamily, count: int) -> tuple[Instance, ...]:
    """The graphs that grade a version: `count` from the stream of the family's data class; of files, what they say.

    Of a mixture each component is graded by itself.
    """
    assert not isinstance(family, MixedGraphs)
    if isinstance(family, FileGraphs | SightedGraphs):
        return family.held_out()
    rng = Streams(seed).named("holdout", family.data_class)
    return tuple(family.draw(rng) for _ in range(count))


def batches(seed: int, group: str, index: int, number: int, count: int, batch: int,
            steps: int) -> list[npt.NDArray[np.int64]]:  # fmt: skip
    """For each step of a device's participation `number`, which `batch` of its `count` graphs (all, if no more)."""
    if batch >= count:
        return [np.arange(count)] * steps
    rng = Streams(seed).named(group, index, "batches", number)
    return [np.sort(rng.choice(count, batch, replace=False)) for _ in range(steps)]
