"""The registered devices: rows in arrays, each with a track that is made when somebody first asks for it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qflsim.streams import Streams
from qflsim.units import FOREVER_NS
from qflsim.world.mobility import Leg, Mobility, Track


@dataclass(frozen=True)
class Movers:
    """One group's devices as movers: `count` that follow a law, or those whose tracks were read from a file."""

    group: str
    count: int
    law: Mobility | None = None
    names: tuple[str, ...] = ()
    tracks: tuple[Track, ...] = ()


class Fleet:
    """All devices, numbered through the groups in their order. An idle device costs a row, nothing more.

    A device's draws are keyed by its group's name and its index in that group, so that a group appended to a scenario
    moves nobody else's draws. `on_leg(device, leg)` hears of each leg of a law as it is produced.
    """

    def __init__(self, movers: Sequence[Movers], streams: Streams, on_leg: Callable[[int, Leg], None]) -> None:
        self.movers = tuple(movers)
        self.streams = streams
        counts = [m.count for m in self.movers]
        self.group = np.repeat(np.arange(len(counts)), counts)
        self.index = np.concatenate([np.arange(count) for count in counts]) if counts else np.empty(0, dtype=int)
        self._on_leg = on_leg
        self._tracks: dict[int, Track] = {}

    def __len__(self) -> int:
        return len(self.group)

    def key(self, device: int) -> tuple[str, int]:
        """Group name and index in the group: what a device's streams are named by."""
        return self.movers[self.group[device]].group, int(self.index[device])

    def name(self, device: int) -> str:
        """The name in the file it was read from, or group name and index."""
        movers, index = self.movers[self.group[device]], int(self.index[device])
        return movers.names[index] if movers.names else f"{movers.group}-{index}"

    def track(self, device: int) -> Track:
        """Where the device goes."""
        movers = self.movers[int(self.group[device])]
        if movers.law is None:
            return movers.tracks[int(self.index[device])]
        if device not in self._tracks:
            legs = movers.law.track(self.streams.named(*self.key(device), "mobility"))
            self._tracks[device] = Track(self._told(device, legs), legs.presence)
        return self._tracks[device]

    def _told(self, device: int, track: Track) -> Iterator[Leg]:
        for leg in track:
            self._on_leg(device, leg)
            yield leg

    def from_files(self) -> Iterator[tuple[int, Track]]:
        """The devices whose tracks were read from a file."""
        for device in range(len(self)):
            if self.movers[self.group[device]].law is None:
                yield device, self.track(device)

    def changes(self) -> list[tuple[int, bool, int]]:
        """Every (instant, comes, device) at which a device of a file comes or goes, in the order of time."""
        return sorted(
            (t_ns, comes, device)
            for device, track in self.from_files()
            for on_ns, off_ns in track.presence
            for t_ns, comes in ((on_ns, True), (off_ns, False))
            if t_ns < FOREVER_NS
        )
