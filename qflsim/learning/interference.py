"""Interference graphs: the vehicles around a device, coupled by what they cost each other on one channel."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt

from qflsim.learning.graphs import Instance, Nodes, instance
from qflsim.model import Model
from qflsim.units import Floats

WEAKEST_BIT_PER_S_HZ = 1e-6
"""Below it two vehicles do not notice each other, and share no edge."""


class InterferenceGraphs(Model):
    """The graph of a device and the vehicles nearest to it, `nodes` in all, at the moment when it starts training.

    Weights are `interference_weights`, so that the best cut of the graph is the assignment of two channels that avoids
    the most of what pairs cost each other. Losses to several at once are less than their sum: where sites are close
    together, another assignment has the greatest sum rate. Where fewer vehicles are present the other nodes have no
    edges. As every weight, they are divided by the root mean square over the edges; since many are faint, degree
    scaling suits them: together the two divide by the root mean square over nodes of a node's couplings, to which faint
    edges add nothing.
    """

    kind: Literal["interference"] = "interference"
    nodes: Nodes = 10

    @property
    def count(self) -> int:
        """A device holds one such graph at a time."""
        return 1

    @property
    def data_class(self) -> str:
        return "interference"

    def instance(self, power_w: Floats, serving: npt.NDArray[np.int64], noise_w: float) -> Instance:
        """The graph of at most `nodes` vehicles; arguments as for `interference_weights`."""
        weights = np.zeros((self.nodes, self.nodes))
        losses = interference_weights(power_w, serving, noise_w)
        weights[: len(losses), : len(losses)] = np.where(losses < WEAKEST_BIT_PER_S_HZ, 0.0, losses)
        return instance(weights, np.zeros(self.nodes), self.data_class)


def interference_weights(power_w: Floats, serving: npt.NDArray[np.int64], noise_w: float) -> Floats:
    """What each pair of vehicles loses by transmitting on one channel, (n, n): Shannon rates of both, in bit/s/Hz.

    With S what the site that serves u receives from u, I what it receives from v, N its noise: u loses
    log2(1 + S / N) - log2(1 + S / (N + I)) = log2(1 + S I / (N (N + S + I))), and v likewise at its own site.

    `power_w`: (n, sites), what each site receives from each vehicle; `serving`: (n,) sites, -1 for a vehicle without
    one, which has no rate to lose; `noise_w`: over the channel. Symmetric, zero diagonal, rising with interference.
    """
    at_server = power_w[:, serving]
    signal = at_server.diagonal()
    loss = np.log1p(signal * at_server / (noise_w * (noise_w + signal + at_server))) / np.log(2)
    loss[:, serving < 0] = 0
    np.fill_diagonal(loss, 0)
    return np.asarray(loss + loss.T)


class SightedGraphs:
    """The family of interference graphs of one world, with some that were seen: for the exam, and to train others on.

    Devices do not draw from it: they see their graphs when they train. Equal by content.
    """

    def __init__(
        self, family: InterferenceGraphs, exam: Sequence[Instance] = (), others: Sequence[Instance] = ()
    ) -> None:
        self.family, self._exam, self._others = family, tuple(exam), tuple(others)
        self._digest = sha256(b"".join(graph.weights.tobytes() for graph in (*exam, *others))).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SightedGraphs) and (other.family, other._digest) == (self.family, self._digest)

    def __hash__(self) -> int:
        return hash((self.family, self._digest))

    @property
    def nodes(self) -> int:
        return self.family.nodes

    @property
    def count(self) -> int:
        return self.family.count

    @property
    def data_class(self) -> str:
        return self.family.data_class

    def draw(self, rng: np.random.Generator) -> Instance:
        """One of those that are not in the exam."""
        return self._others[int(rng.integers(len(self._others)))]

    def held_out(self) -> tuple[Instance, ...]:
        """Those of the exam."""
        return self._exam
