"""The registered devices: numbers, each with a track that is made when somebody first asks for it."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from qflsim.streams import Streams
from qflsim.units import FOREVER_NS
from qflsim.world.churn import Churn
from qflsim.world.mobility import Mobility
from qflsim.world.mobility_groups import Group
from qflsim.world.outages import Downtime
from qflsim.world.tracks import Leg, Track

_NEVER_OFF = Downtime([])


@dataclass(frozen=True)
class Movers:
    """One group's devices as movers: `count` that follow a law, or those whose tracks were read from a file."""

    group: str
    count: int
    law: Mobility | Group | None = None
    names: tuple[str, ...] = ()
    tracks: tuple[Track, ...] = ()
    churn: Churn | None = None
    """by which they switch off and on, besides the presence of their tracks"""

    def name(self, index: int) -> str:
        """The name that a device has in its file, or group name and index."""
        return self.names[index] if self.names else f"{self.group}-{index}"


class Fleet:
    """All devices, numbered through the groups in their order. An idle device costs nothing here.

    A device's draws are keyed by its group's name and its index in that group, so that a group appended to a scenario
    moves nobody else's draws. `first` has the number of each group's first device. `on_leg(device, leg)` hears of each
    leg of a law as it is drawn.
    """

    def __init__(self, movers: Sequence[Movers], streams: Streams, on_leg: Callable[[int, Leg], None] | None) -> None:
        self.movers = tuple(movers)
        self.streams = streams
        *self.first, self._count = accumulate((m.count for m in self.movers), initial=0)
        self._on_leg = on_leg
        self._tracks: dict[int, Track] = {}
        self._off_times: dict[int, Downtime] = {}

    def __len__(self) -> int:
        return self._count

    def place(self, device: int) -> tuple[int, int]:
        """Number of its group and index in the group."""
        group = self.group(device)
        return group, device - self.first[group]

    def group(self, device: int) -> int:
        """Number of its group."""
        return bisect_right(self.first, device) - 1

    def members(self, group: int) -> range:
        """The devices of a group."""
        return range(self.first[group], self.first[group] + self.movers[group].count)

    def key(self, device: int) -> tuple[str, int]:
        """Group name and index in the group: what a device's streams are named by."""
        group, index = self.place(device)
        return self.movers[group].group, index

    def name(self, device: int) -> str:
        """The name in the file it was read from, or group name and index."""
        group, index = self.place(device)
        return self.movers[group].name(index)

    def track(self, device: int) -> Track:
        """Where the device goes."""
        if device in self._tracks:
            return self._tracks[device]
        group, index = self.place(device)
        movers = self.movers[group]
        if movers.law is None:
            return movers.tracks[index]
        track = self._tracks[device] = self._drawn(movers.law, movers.group, index)
        if self._on_leg is not None:
            track.tell(partial(self._on_leg, device))
        return track

    def _drawn(self, law: Mobility | Group, group: str, index: int) -> Track:
        own = self.streams.named(group, index, "mobility")
        if isinstance(law, Group):
            company, place = divmod(index, law.size)
            return law.member(place, self.streams.named(group, "company", company, "mobility"), own)
        return law.track(own)

    def present(self, device: int, t_ns: int) -> bool:
        """Whether the device is in the area and switched on at this instant."""
        return self._off(device).is_up(t_ns) and self.track(device).present(t_ns)

    def leaves_ns(self, device: int, t_ns: int) -> int:
        """When a device that is present at this instant leaves or switches off."""
        return min(self.track(device).leaves_ns(t_ns), self._off(device).next_change_ns(t_ns))

    def comes_ns(self, device: int, t_ns: int) -> int:
        """The first instant from this one on at which the device is present; `FOREVER_NS` if there is none."""
        presence, off = self.track(device).presence, self._off(device)
        for on_ns, off_ns in presence[max(bisect_right(presence, t_ns, key=lambda stay: stay[0]) - 1, 0) :]:
            t_ns = max(t_ns, on_ns)
            if (interval := off.interval(t_ns)) is not None:
                t_ns = interval[1]
            if t_ns < off_ns:
                return t_ns
        return FOREVER_NS

    def _off(self, device: int) -> Downtime:
        """When the device is switched off."""
        churn = self.movers[self.group(device)].churn
        if churn is None:
            return _NEVER_OFF
        if device not in self._off_times:
            self._off_times[device] = Downtime([churn.off_times(self.streams.named(*self.key(device), "churn"))])
        return self._off_times[device]

    def from_files(self) -> Iterator[tuple[int, Track]]:
        """The devices whose tracks were read from a file."""
        for first, movers in zip(self.first, self.movers, strict=True):
            if movers.law is None:
                yield from enumerate(movers.tracks, first)

    def changes(self) -> list[tuple[int, bool, int]]:
        """Every (instant, comes, device) at which a device of a file comes or goes, in the order of time."""
        return sorted(
            (t_ns, comes, device)
            for device, track in self.from_files()
            for on_ns, off_ns in track.presence
            for t_ns, comes in ((on_ns, True), (off_ns, False))
            if t_ns < FOREVER_NS
        )
