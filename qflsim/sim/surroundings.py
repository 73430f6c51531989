"""Who is around a device at an instant, and how much they disturb each other: the graphs of this very network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qflsim.errors import InputError
from qflsim.learning.graphs import Instance
from qflsim.learning.interference import InterferenceGraphs
from qflsim.radio.budget import Budget, Radio
from qflsim.radio.equipment import Equipment
from qflsim.units import Floats, from_db
from qflsim.world.fleet import Fleet

_TRIES = 1000
"""Moments looked at in vain, one after the other, before giving up."""


@dataclass(frozen=True)
class Surroundings:
    """The devices of a run as sources of interference. A function of who and when; nothing is drawn."""

    fleet: Fleet
    hardware: Equipment
    radio: Radio

    def graph(self, device: int, t_ns: int, family: InterferenceGraphs) -> Instance:
        """The device and those nearest to it among all that are present, as vertices in the order of distance.

        Each pair is weighted by the rate that the two would lose on one channel: `interference_weights` of the uplink
        SNRs over the whole band at all cells, fading aside. Where fewer are around, vertices without edges fill up. The
        cost grows with the number of registered devices.
        """
        present = [d for d in range(len(self.fleet)) if d == device or self.fleet.present(d, t_ns)]
        places_m = np.array([self._place_m(d, t_ns) for d in present])
        distances_m = np.hypot(*(places_m - places_m[present.index(device)]).T)
        near = np.lexsort((np.array(present) != device, distances_m))[: family.nodes]
        power = from_db(np.array([self._uplink_snr_db(present[k], places_m[k]) for k in near]))
        return family.instance(power, power.argmax(axis=1), noise_w=1.0)  # powers are counted in noises

    def sightings(self, group: str, devices: Sequence[int], until_ns: int, family: InterferenceGraphs, count: int,
                  rng: np.random.Generator) -> list[Instance]:  # fmt: skip
        """Graphs with edges, of random moments up to `until_ns`, each of one of these devices that is present then.

        Errors: `InputError` if devices are hardly ever there.
        """
        graphs: list[Instance] = []
        in_vain = 0
        while len(graphs) < count:
            t_ns, device = int(rng.integers(until_ns)), int(rng.choice(devices))
            if self.fleet.present(device, t_ns) and (graph := self.graph(device, t_ns, family)).edges:
                graphs.append(graph)
                in_vain = 0
            elif (in_vain := in_vain + 1) == _TRIES:
                raise InputError(f"devices.{group}", "hardly a moment with two of them near", "devices that interfere")
        return graphs

    def _uplink_snr_db(self, device: int, place_m: Floats) -> Floats:
        hardware = self.hardware[device]
        gain_db = self.radio.weather.gain_db(place_m[:1], place_m[1:], hardware.height_m, hardware.indoor)[:, 0]
        return Budget(self.radio, hardware).uplink_snr_db(gain_db, self.radio.sites.bandwidth_hz)

    def _place_m(self, device: int, t_ns: int) -> tuple[float, float]:
        x_m, y_m = self.fleet.track(device).positions_m(np.array([t_ns]))
        return float(x_m[0]), float(y_m[0])
