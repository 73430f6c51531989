"""The graphs that a device holds, and those that a participation's steps draw from them."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qflsim.learning.graphs import GraphFamily, Instance
from qflsim.streams import Streams


@lru_cache(maxsize=4096)
def local_graphs(seed: int, group: str, index: int, family: GraphFamily) -> tuple[Instance, ...]:
    """All graphs of a device, drawn one after the other from its own stream."""
    rng = Streams(seed).named(group, index, "graphs")
    return tuple(family.draw(rng) for _ in range(family.count))


def batches(seed: int, group: str, index: int, number: int, count: int, batch: int,
            steps: int) -> list[npt.NDArray[np.int64]]:  # fmt: skip
    """For each step of a device's participation `number`, which `batch` of its `count` graphs (all, if no more)."""
    rng = Streams(seed).named(group, index, "batches", number)
    return [np.sort(rng.choice(count, min(batch, count), replace=False)) for _ in range(steps)]
