"""The radios of all devices: what those of a group have in common, and arrays of what they have not."""

from collections.abc import Sequence
from typing import NamedTuple

from qflsim.units import Floats
from qflsim.world.fleet import Fleet


class Hardware(NamedTuple):
    """A device's radio: radiated power, receiver noise, antenna height, and the loss of what it stands in."""

    eirp_dbm: float
    noise_figure_db: float
    height_m: float
    penetration_loss_db: float


class Equipment:
    """The hardware of every device of a fleet; a record is made when somebody asks for it.

    groups: for each group the hardware of its devices, and the penetration loss [dB] of each of them, (devices,).
    """

    def __init__(self, fleet: Fleet, groups: Sequence[tuple[Hardware, Floats]]) -> None:
        self._fleet, self._groups = fleet, tuple(groups)

    def __getitem__(self, device: int) -> Hardware:
        group, index = self._fleet.place(device)
        common, losses_db = self._groups[group]
        return common._replace(penetration_loss_db=float(losses_db[index]))
