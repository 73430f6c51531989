"""Links that are worse for a while: bodies and vehicles in the way, and bad states that come and go."""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from qflsim.model import Model
from qflsim.units import NS_PER_S, Floats, to_ns

Instants: TypeAlias = npt.NDArray[np.int64]
DistanceM: TypeAlias = Callable[[Instants], Floats]
"""How far a device is from a site at some instants: horizontal distances in metres."""
Blocks: TypeAlias = Callable[[int], np.random.Generator]
"""A stream's generator for each whole number: the same one whenever that number is asked for."""

LossDb = Annotated[float, Field(ge=0, le=100)]
MOST_PER_S = 1e3
Sojourn = Annotated[float, Field(ge=1e-3, le=1e6)]
"""Mean length of a link's good or bad state, in seconds."""


class LinkOutage(Protocol):
    """A law by which the link of a device and a site turns bad and good again: a Markov chain in continuous time."""

    @property
    def kind(self) -> str:
        """Its name in a scenario."""

    @property
    def loss_db(self) -> float:
        """What the link loses while it is bad."""

    @property
    def recovery_per_s(self) -> float:
        """The rate from bad to good."""

    def onset_per_s(self, distance_m: Floats, site_height_m: float, device_height_m: float) -> Floats:
        """The rate from good to bad at horizontal distances: greatest, and finite, at an infinite one."""


class GilbertElliott(Model):
    """A link with a good and a bad state of exponential length, `good_s` and `bad_s` on average.

    Bad with probability b = bad / (good + bad) at every instant; the state's correlation over a time t is
    exp(-(1/good + 1/bad) t). `from_slots` has the same process by the slot probabilities of the original.

    Source: Gilbert, Bell System Technical Journal 39, 1960; Elliott, Bell System Technical Journal 42, 1963.
    """

    kind: Literal["gilbert-elliott"] = "gilbert-elliott"
    good_s: Sojourn
    bad_s: Sojourn
    loss_db: LossDb = 20.0

    @classmethod
    def from_slots(cls, p: float, r: float, slot_s: float, loss_db: float = 20.0) -> Self:
        """The process that, looked at every `slot_s`, turns bad with probability p and good with probability r.

        Then b = p / (p + r), the correlation over n slots is (1 - p - r)^n, and bad slots come in bursts of 1 / r.
        Errors: `ValueError` unless p > 0, r > 0 and p + r < 1, for no other chain of slots is seen like that.
        """
        if not (p > 0 and r > 0 and p + r < 1):
            raise ValueError(f"p > 0 and r > 0 with p + r < 1, not {p:g} and {r:g}")
        changes_per_s = -math.log1p(-p - r) / slot_s
        return cls(good_s=(p + r) / (p * changes_per_s), bad_s=(p + r) / (r * changes_per_s), loss_db=loss_db)

    @property
    def recovery_per_s(self) -> float:
        """The rate from bad to good."""
        return 1 / self.bad_s

    def onset_per_s(self, distance_m: Floats, site_height_m: float, device_height_m: float) -> Floats:
        """The rate from good to bad: the same everywhere."""
        return np.full(np.shape(distance_m), 1 / self.good_s)


class Blocker(NamedTuple):
    """What gets in the way: how high and how long it is, and how fast it goes."""

    height_m: float
    length_m: float
    speed_m_per_s: float


BLOCKERS = {
    "human": Blocker(1.7, 0.3, 3 / 3.6),
    "vehicle": Blocker(1.4, 4.8, 100 / 3.6),
    "agv": Blocker(1.5, 3.0, 30 / 3.6),
}
"""Sizes and greatest speeds of 3GPP TR 38.901 Table 7.6.4.2-5."""


class Blockage(Model):
    """Bodies or vehicles that cross the line between a device and a site, which costs `loss_db` while they do.

    Blockers of density `density_per_m2` go at speed V in all directions. The part of a line of horizontal length d
    that lies below their height h_B is entered at the rate a = (2 / pi) density V d (h_B - h_R) / (h_T - h_R), where
    h_R and h_T are the heights of device and site; a blocked line is free again at the rate mu. So at a constant
    distance it is blocked with probability a / (a + mu). Blockers no higher than the device block nothing. Farther
    than `reach_m` the rate grows no more. Blockage does not change whether there is line of sight (TR 38.901 7.6.4).

    `blocker` sets height, length and speed by TR 38.901 Table 7.6.4.2-5; `height_m` and `speed_m_per_s` replace them.
    `mean_s` is 1 / mu: if it is not given, the time in which a blocker covers its own length.

    Source: Jain, Kumar and Panwar, IEEE J. Selected Areas in Communications 37(10), 2019.
    """

    kind: Literal["blockage"] = "blockage"
    blocker: Literal["human", "vehicle", "agv"] = "human"
    density_per_m2: Annotated[float, Field(ge=1e-9, le=10)] = 0.01
    height_m: Annotated[float, Field(gt=0, le=100)] | None = None
    speed_m_per_s: Annotated[float, Field(ge=1e-3, le=100)] | None = None
    mean_s: Sojourn | None = None
    reach_m: Annotated[float, Field(ge=1, le=1e5)] = 500.0
    loss_db: LossDb = 20.0

    @model_validator(mode="after")
    def _seldom_enough(self) -> Self:
        if 2 / math.pi * self.density_per_m2 * self._speed_m_per_s * self.reach_m > MOST_PER_S:
            raise ValueError(f"density_per_m2: at most {MOST_PER_S:g} blockers a second across a line of reach_m")
        return self

    @property
    def recovery_per_s(self) -> float:
        """The rate mu at which a blocked line is free again."""
        return self._speed_m_per_s / BLOCKERS[self.blocker].length_m if self.mean_s is None else 1 / self.mean_s

    def onset_per_s(self, distance_m: Floats, site_height_m: float, device_height_m: float) -> Floats:
        """The rate a at which a free line is blocked."""
        height_m = BLOCKERS[self.blocker].height_m if self.height_m is None else self.height_m
        rise_m = max(site_height_m - device_height_m, 1e-9)
        low = min(max((height_m - device_height_m) / rise_m, 0.0), 1.0)
        return np.asarray(
            2 / math.pi * self.density_per_m2 * self._speed_m_per_s * low * np.minimum(distance_m, self.reach_m)
        )

    @property
    def _speed_m_per_s(self) -> float:
        return BLOCKERS[self.blocker].speed_m_per_s if self.speed_m_per_s is None else self.speed_m_per_s


class LinkWeather:
    """The bad times of one device and site: a function of who, where and when, and of nothing that was asked before.

    Each law comes with its blocks of a stream that belongs to this device, site and law. What a device's distance is
    at an instant may depend on that instant alone. A state that begins at an instant t holds at t.
    """

    def __init__(self, laws: Sequence[tuple[LinkOutage, Blocks]], site_height_m: float, device_height_m: float) -> None:
        self._chains = [_Chain(law, blocks, site_height_m, device_height_m) for law, blocks in laws]

    def loss_db(self, t_ns: Instants, distance_m: DistanceM) -> Floats:
        """What the link loses at each instant: the sum over all laws that are bad then."""
        loss_db = np.zeros(t_ns.shape)
        for chain in self._chains:
            loss_db += chain.law.loss_db * chain.is_bad(t_ns, distance_m)
        return loss_db

    def next_change_ns(self, t_ns: int, until_ns: int, distance_m: DistanceM) -> int:
        """The first instant after t at which the loss changes; `until_ns` if there is none before."""
        return min((chain.next_change_ns(t_ns, until_ns, distance_m) for chain in self._chains), default=until_ns)


class _Chain:
    """One law's good and bad states.

    Chances to turn bad come at the greatest rate, chances to turn good at the rate of recovery, all independent of
    the state. One to turn bad is taken if a uniform number of its own is below the ratio of the rate at its place to
    the greatest one (thinning: Lewis and Shedler, 1979). So the last chance taken before an instant says what the
    state is, however the device got there. Chances are drawn in blocks of time, some of them before t = 0, where the
    device is taken to stand where it starts; hence the state is stationary from t = 0.
    """

    PER_BLOCK = 64
    KEPT = 64

    def __init__(self, law: LinkOutage, blocks: Blocks, site_height_m: float, device_height_m: float) -> None:
        self.law, self._blocks, self._heights_m = law, blocks, (site_height_m, device_height_m)
        self._most_per_s = float(law.onset_per_s(np.array(math.inf), *self._heights_m))
        self._all_per_s = self._most_per_s + law.recovery_per_s
        self._block_ns = max(to_ns(self.PER_BLOCK / self._all_per_s), 1)
        self._known: dict[int, tuple[Instants, Floats]] = {}

    def is_bad(self, t_ns: Instants, distance_m: DistanceM) -> npt.NDArray[np.bool_]:
        """Whether the state at each instant is the bad one."""
        if not t_ns.size or self._most_per_s == 0.0:
            return np.zeros(t_ns.shape, dtype=bool)
        last_ns = int(t_ns.max())
        first = int(t_ns.min()) // self._block_ns
        while True:
            taken_ns, turns_bad = self._taken(first, last_ns, distance_m)
            index = np.searchsorted(taken_ns, t_ns, side="right") - 1
            if index.min() >= 0:
                return np.asarray(turns_bad[index])
            first -= 1

    def next_change_ns(self, t_ns: int, until_ns: int, distance_m: DistanceM) -> int:
        """The first change of state after t; `until_ns` if there is none before."""
        if self._most_per_s == 0.0:
            return until_ns
        bad = bool(self.is_bad(np.array([t_ns]), distance_m)[0])
        for block in range(t_ns // self._block_ns, until_ns // self._block_ns + 1):
            end_ns = min((block + 1) * self._block_ns - 1, until_ns)
            taken_ns, turns_bad = self._taken(block, end_ns, distance_m)
            changes_ns = taken_ns[(taken_ns > t_ns) & (turns_bad != bad)]
            if changes_ns.size:
                return min(int(changes_ns[0]), until_ns)
        return until_ns

    def _taken(self, first: int, last_ns: int, distance_m: DistanceM) -> tuple[Instants, npt.NDArray[np.bool_]]:
        """The chances taken from the first block on up to an instant: when, and whether to turn bad."""
        blocks = [self._block(block) for block in range(first, last_ns // self._block_ns + 1)]
        t_ns, marks = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        t_ns, marks = t_ns[t_ns <= last_ns], marks[t_ns <= last_ns]
        turns_bad = marks >= 0.0
        here_m = distance_m(np.maximum(t_ns[turns_bad], 0))
        taken = ~turns_bad
        taken[turns_bad] = marks[turns_bad] * self._most_per_s < self.law.onset_per_s(here_m, *self._heights_m)
        return t_ns[taken], turns_bad[taken]

    def _block(self, block: int) -> tuple[Instants, Floats]:
        """When the chances of a block of time are, in order, and their marks: -1 of one to turn good."""
        if block not in self._known:
            if len(self._known) >= self.KEPT:
                self._known.clear()
            rng = self._blocks(block)
            count = rng.poisson(self._all_per_s * self._block_ns / NS_PER_S)
            t_ns = np.sort(rng.integers(self._block_ns, size=count)) + block * self._block_ns
            which = rng.random(count) * self._all_per_s - self.law.recovery_per_s
            self._known[block] = t_ns, np.where(which < 0.0, -1.0, which / self._most_per_s)
        return self._known[block]
