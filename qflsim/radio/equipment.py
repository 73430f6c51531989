"""The radios of all devices: what those of a group have in common, and arrays of what they have not."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from qflsim.radio.penetration import Penetrated
from qflsim.world.fleet import Fleet


class Hardware(NamedTuple):
    """A device's radio: radiated power, receiver noise, antenna height, the loss of what it stands in, and whether that
    is a building."""

    eirp_dbm: float
    noise_figure_db: float
    height_m: float
    penetration_loss_db: float
    indoor: bool = False


class Equipment:
    """The hardware of every device of a fleet; a record is made when somebody asks for it.

    groups: for each group the first three fields, which its devices have in common, and what was drawn for each.
    """

    def __init__(self, fleet: Fleet, groups: Sequence[tuple[tuple[float, float, float], Penetrated]]) -> None:
        self._fleet, self._groups = fleet, tuple(groups)

    def __getitem__(self, device: int) -> Hardware:
        group, index = self._fleet.place(device)
        common, drawn = self._groups[group]
        return Hardware(*common, float(drawn.loss_db[index]), bool(drawn.indoor[index]))

    def of_group(self, group: int) -> Iterator[Hardware]:
        """The hardware of a group's devices, one after the other."""
        common, drawn = self._groups[group]
        return map(Hardware, *map(repeat, common), drawn.loss_db.tolist(), drawn.indoor.tolist())
