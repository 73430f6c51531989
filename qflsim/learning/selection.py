"""Who is invited: devices take turns at random, in an order that nobody's absence changes for the others."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from qflsim.streams import Streams
from qflsim.world.fleet import Fleet

Devices = npt.NDArray[np.int64]

_LEAST, _MOST = 2.0**-6, 1.0
"""Virtual time over which rings are drawn at once: it grows from the least to the most, whoever is there."""


class Turns:
    """Whose turn it is, without end: every device has a bell that rings at random, and who rings next is next.

    Bells are Poisson processes of rate 1 in a virtual time, which remember nothing. So at any moment those who can be
    invited are equally likely to be next; who cannot is passed over, and changes nothing for the others. Rings depend
    on (seed, group, index, epoch) alone. Those of a span of devices come from one stream: the superposition of n bells
    is one of rate n, each ring of which belongs to any of the n. So a turn costs registered / eligible devices drawn,
    and no pass over all of them.
    """

    def __init__(self, fleet: Fleet, epoch: int, streams: Streams) -> None:
        self._spans = [
            (fleet.first[number] + start, fleet.first[number] + movers.count, end - start,
             streams.named(movers.group, "turns", epoch, start))
            for number, movers in enumerate(fleet.movers)
            for start, end in _spans(movers.count)
        ]  # fmt: skip
        self._width = _LEAST
        self._rung: Devices = np.empty(0, dtype=np.int64)
        self._passed = 0

    def next(self, count: int, eligible: npt.NDArray[np.bool_]) -> list[int]:
        """The next `count` devices of those eligible, each once. There must be as many. `eligible`: (devices,)."""
        chosen: dict[int, None] = {}
        while len(chosen) < count:
            if self._passed == len(self._rung):
                self._ring()
            ahead = self._rung[self._passed : self._passed + max(64, count)]
            found = np.flatnonzero(eligible[ahead])
            for place, device in zip(found.tolist(), ahead[found].tolist(), strict=True):
                chosen[device] = None
                if len(chosen) == count:
                    self._passed += place + 1
                    return list(chosen)
            self._passed += len(ahead)
        return list(chosen)

    def _ring(self) -> None:
        """The rings of the next stretch of virtual time: a Poisson number from each span, at uniform instants."""
        times, devices = [], []
        for first, past, size, rng in self._spans:
            time, which = rng.random((2, rng.poisson(size * self._width)))
            device = first + (size * which).astype(np.int64)
            times.append(time[device < past])
            devices.append(device[device < past])
        self._rung = np.concatenate(devices)[np.argsort(np.concatenate(times), kind="stable")]
        self._passed = 0
        self._width = min(4 * self._width, _MOST)


def _spans(count: int) -> Iterator[tuple[int, int]]:
    """Indices of so many devices, in parts that share a stream: a larger group begins more, and changes none."""
    start, end = 0, 16
    while start < count:
        yield start, end
        start, end = end, 2 * end
