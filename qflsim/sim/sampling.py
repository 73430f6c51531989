"""Link samples: how well cells serve the devices of participations on their way, looked at every so often."""

import warnings
from collections.abc import Sequence

import numpy as np

from qflsim.errors import InputWarning
from qflsim.radio.link import Link
from qflsim.records import Event, LinkSample, Observer, Record
from qflsim.sim.world import World
from qflsim.terms import Direction, Happening


class LinkSampler:
    """An observer that tells other observers a `LinkSample` of every link in use, at multiples of a period.

    The samples of an instant are told once the run has gone beyond it, with whoever is on his way then. `world` must be
    a world of its own, in which nobody hears what devices do: looking at a link draws the legs of its device, and the
    run tells when it drew them itself. About 0.1 ms a sample.
    """

    def __init__(self, world: World, period_ns: int, observers: Sequence[Observer]) -> None:
        self._world, self._period_ns, self._observers = world, period_ns, tuple(observers)
        self._next_ns = 0
        self._links: dict[int, tuple[int, Link]] = {}
        """of each participation on its way, the device and what it hears"""

    def __call__(self, record: Record) -> None:
        """Hears what happens, after the samples of all instants before it."""
        if not self._links:
            self._next_ns = max(self._next_ns, -(-record.t_ns // self._period_ns) * self._period_ns)
        while record.t_ns > self._next_ns:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InputWarning)  # the run itself says what it goes beyond
                self._sample(self._next_ns)
            self._next_ns += self._period_ns
        if isinstance(record, Event):
            if record.happening is Happening.INVITED:
                self._links[record.participation] = record.device, self._world.link(record.device)
            elif record.happening in (Happening.ARRIVED, Happening.ENDED):
                self._links.pop(record.participation, None)

    def _sample(self, t_ns: int) -> None:
        for _, link in self._links.values():
            link.expect(t_ns, t_ns)  # so that all are answered together
        for participation, (device, link) in self._links.items():
            x_m, y_m = self._world.fleet.track(device).positions_m(np.array([t_ns]))
            place_m = float(x_m[0]), float(y_m[0])
            for cell, *values in self._heard(link, t_ns):
                sample = LinkSample(t_ns, participation, device, cell, *place_m, *values)
                for observer in self._observers:
                    observer(sample)

    def _heard(self, link: Link, t_ns: int) -> list[tuple[int, float, float, float, float, float]]:
        """Cell, gain, SINR, margin, and rates of each cell that covers, or of the strongest."""
        gain_db = link.gain_db(t_ns)
        (sinr_db, down_margin_db), (level_db, margin_db) = (link.quality(way, t_ns) for way in Direction)
        cut_db = self._world.radio.rate_map.cut_db
        down, up = down_margin_db >= cut_db, margin_db >= cut_db
        cells = np.flatnonzero(down | up).tolist() or [int(gain_db.argmax())]

        def rate_bit_per_s(way: Direction, level_db: float) -> float:
            return link.budget.carried(way, link.budget.power(way, level_db)).rate_bit_per_s

        return [
            (
                cell,
                float(gain_db[cell]),
                float(sinr_db[cell]),
                float(margin_db[cell]),
                rate_bit_per_s(Direction.DOWNLOAD, float(sinr_db[cell])) if down[cell] else 0.0,
                rate_bit_per_s(Direction.UPLOAD, float(level_db[cell])) if up[cell] else 0.0,
            )
            for cell in cells
        ]
