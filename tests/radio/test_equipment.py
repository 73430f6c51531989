"""The equipment: each device's hardware, as its group issues it and with a loss of its own."""

import numpy as np

from qflsim.radio.equipment import Equipment, Hardware
from qflsim.radio.penetration import Penetrated
from qflsim.streams import Streams
from qflsim.world.fleet import Fleet, Movers
from qflsim.world.mobility import Static


def test_each_device_has_its_groups_hardware_and_its_own_loss() -> None:
    """Number by number through the groups, one of them empty."""
    stand = Static(at_m=(0.0, 0.0))
    fleet = Fleet([Movers(name, count, stand) for name, count in (("a", 2), ("b", 0), ("c", 1))], Streams(1), None)
    one, other = (23.0, 9.0, 1.5), (10.0, 7.0, 3.0)
    drawn = [([1.0, 2.0], [True, False]), ([], []), ([3.0], [False])]
    lots = [Penetrated(np.array(loss_db), np.array(indoor, dtype=bool)) for loss_db, indoor in drawn]
    equipment = Equipment(fleet, list(zip((one, one, other), lots, strict=True)))
    assert [equipment[device] for device in range(3)] == [
        Hardware(23.0, 9.0, 1.5, 1.0, indoor=True),
        Hardware(23.0, 9.0, 1.5, 2.0),
        Hardware(10.0, 7.0, 3.0, 3.0),
    ]
