"""Who is invited: a ranking of the eligible by a number keyed to each device and each call for participants."""

import numpy as np
import numpy.typing as npt

from qflsim.streams import Streams
from qflsim.world.fleet import Fleet


def ranked(fleet: Fleet, eligible: npt.NDArray[np.bool_], call: int, streams: Streams) -> npt.NDArray[np.int64]:
    """The eligible devices, uniformly ordered. A device that is not eligible changes nothing for the others.

    Each device's number depends on (seed, group, index, call) alone: a block of one stream a group and call.
    """
    numbers = np.concatenate([streams.named(m.group, "selection", call).random(m.count) for m in fleet.movers])
    devices = np.flatnonzero(eligible)
    return devices[np.argsort(numbers[devices], kind="stable")]
