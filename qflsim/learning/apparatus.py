"""A device's processor as its circuits meet it: what it makes of their angles and states, and what joins its parts."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qflsim.quantum.noise import NOMINAL, Noise, Quality, noise
from qflsim.units import Floats
from qflsim.world.compute import Circuit, Processor
from qflsim.world.partition import partition, remote_edges

NOISELESS = Noise()


@dataclass(frozen=True)
class Apparatus:
    """A processor with what sets this device apart from its preset. If not `noisy`, errors are left out altogether."""

    processor: Processor
    quality: Quality = NOMINAL
    noisy: bool = False

    def noise(self, circuit: Circuit) -> Noise:
        """What is left of a circuit's state, and how often a bit is misread."""
        return noise(self.processor.exposure(circuit), self.quality) if self.noisy else NOISELESS

    def scales(self, gammas: int, betas: int) -> Floats:
        """By what it multiplies so many cost angles and then so many mixer angles."""
        return (self.quality if self.noisy else NOMINAL).scales(gammas, betas)

    def remote_edges(self, weights: Floats) -> int:
        """Edges of a graph whose ends lie in different QPUs. `weights`: (n, n)."""
        parts = self.processor.qpus(len(weights))
        return 0 if parts == 1 else _remote((weights != 0).tobytes(), len(weights), parts, self.processor.room)


@lru_cache(maxsize=4096)
def _remote(edges: bytes, nodes: int, parts: int, room: int) -> int:
    weights = np.frombuffer(edges, dtype=bool).reshape(nodes, nodes)
    return remote_edges(weights, partition(weights, parts, room))
