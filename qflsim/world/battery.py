"""What a device draws in each state, and the battery that it draws from: linear between changes, nothing ticks."""

import copy
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model
from qflsim.units import FOREVER_NS, NS_PER_S, to_ns
from qflsim.world.outages import CalendarOutage, Downtime, Interval
from qflsim.world.renewal import Life, Lifetime, alternating

DAY_S = 86400.0
Watts = Annotated[float, Field(ge=0, le=1e6)]
TimeOfDay = Annotated[float, Field(ge=0, lt=DAY_S)]


class Activity(IntEnum):
    """What a device does with its power."""

    IDLE = 0
    """nothing, or waiting: for coverage, a site, a processor, an invitation"""
    RECEIVE = 1
    TRANSMIT = 2
    COMPUTE = 3
    """training on a processor of its own"""


class Power(Model):
    """A device's own power in each state, all of it: radio, application processor and what stays on.

    The processor that circuits run on is not part of it: it is fed by its own supply, and its energy is told with each
    training. The defaults are a phone's with its screen off: 2.0 W to receive and 3.8 W to transmit are the LTE line
    1.288 W + 0.052 W per Mbit/s down + 0.438 W per Mbit/s up at the medians of that study, 13 and 6 Mbit/s (Huang et
    al., MobiSys 2012, table 4); idle is paging of 0.594 W for 43 ms in each 1.28 s, 20 mW, and as much again for what
    stays on; 3 W is about what a phone's processor sustains (Halpern, Zhu and Reddi, HPCA 2016).
    """

    idle_w: Watts = 0.04
    receive_w: Watts = 2.0
    transmit_w: Watts = 3.8
    compute_w: Watts = 3.0

    def watts(self, activity: Activity) -> float:
        """The power in a state."""
        return (self.idle_w, self.receive_w, self.transmit_w, self.compute_w)[activity]


class Charger(Model):
    """A plug of `power_w`: in at the same hours of each day, or now and then.

    `daily_s` = (in, out) in seconds after midnight, which is t = 0; in after out means over midnight. Otherwise it is
    in for an exponential time of mean `plugged_s`, then out for one of mean `unplugged_s`, stationary from t = 0.
    """

    power_w: Annotated[float, Field(ge=1e-3, le=1e6)] = 10.0
    daily_s: tuple[TimeOfDay, TimeOfDay] | None = None
    plugged_s: Lifetime | None = None
    unplugged_s: Lifetime | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.plugged_s is None) != (self.unplugged_s is None) or (self.plugged_s is None) == (self.daily_s is None):
            raise ValueError("give either daily_s, or plugged_s and unplugged_s")
        if self.daily_s is not None and to_ns(self.daily_s[0]) == to_ns(self.daily_s[1]):
            raise ValueError("daily_s: two times of day")
        return self

    def unplugged(self, rng: np.random.Generator) -> Iterator[Interval]:
        """When the plug is out, in nanoseconds, in order, until `FOREVER_NS`."""
        if self.daily_s is not None:
            in_s, out_s = self.daily_s
            out = (out_s, in_s if out_s < in_s else in_s + DAY_S)
            return CalendarOutage(intervals_s=(out,), every_s=DAY_S).intervals(rng)
        assert self.plugged_s is not None
        assert self.unplugged_s is not None
        return alternating(Life(self.plugged_s), Life(self.unplugged_s), rng)


class Battery(Model):
    """A battery of `capacity_j`, at t = 0 charged to a share drawn uniformly from `charge`.

    A device is not invited below the share `reserve`. One whose battery is empty is off, draws nothing, and is on
    again when a charger has brought it back to `reserve`. What the charger gives beyond the device's own draw goes
    into the battery until that is full; there are no losses. It draws its idle power also while it is absent. The
    default is a phone's 4000 mAh at 3.85 V.
    """

    capacity_j: Annotated[float, Field(ge=1.0, le=1e12)] = 55440.0
    charge: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] = (0.2, 1.0)
    reserve: Annotated[float, Field(ge=0.01, le=1)] = 0.15
    charger: Charger | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.charge[0] > self.charge[1]:
            raise ValueError("charge is (least, greatest)")
        return self

    def begin(self, level: np.random.Generator, plug: np.random.Generator) -> "Charge":
        """The battery of one device at t = 0. Each generator belongs to this device and purpose alone."""
        charger_w = self.charger.power_w if self.charger else 0.0
        unplugged = Downtime([self.charger.unplugged(plug) if self.charger else iter([(0, FOREVER_NS)])])
        share = level.uniform(*self.charge)
        return Charge(self.capacity_j, self.capacity_j * share, self.capacity_j * self.reserve, charger_w, unplugged)


class Charge:
    """What is left in one device's battery: history, since it depends on what the device was asked to do.

    `level_j` = `initial_j` + `charged_j` - `used_j` at `t_ns`, to which `advance` brings it.
    """

    LOOKED_AHEAD = 64
    """Changes of the plug looked through before asking again."""

    def __init__(self, capacity_j: float, level_j: float, reserve_j: float, charger_w: float,
                 unplugged: Downtime) -> None:  # fmt: skip
        self._capacity_j, self._reserve_j, self._charger_w, self._unplugged = (
            capacity_j,
            reserve_j,
            charger_w,
            unplugged,
        )
        self.t_ns = 0
        self.initial_j = self.level_j = level_j
        self.charged_j = self.used_j = 0.0
        self.empty = level_j == 0.0
        """whether the device is off for want of power"""

    def advance(self, t_ns: int, load_w: float) -> None:
        """Goes on to an instant under a load that does not change before it."""
        while self.t_ns < t_ns:
            self._go(min(t_ns, self.next_ns(load_w)), load_w)

    def next_ns(self, load_w: float) -> int:
        """Up to when the level is sure to be a straight line: to the next change of the plug, to empty, to reserve."""
        net_w, ends_ns = self._net_w(load_w), self._unplugged.next_change_ns(self.t_ns)
        missing_j = -self.level_j if net_w < 0 else self._reserve_j - self.level_j
        if net_w != 0 and missing_j * net_w > 0:
            ends_ns = min(ends_ns, self.t_ns + max(1, to_ns(missing_j / net_w)))
        return ends_ns

    def ready_ns(self, load_w: float) -> int:
        """When the level is at least the reserve: now, or as far ahead as was looked, if it is not so before."""
        ahead = copy.copy(self)
        for _ in range(self.LOOKED_AHEAD):
            if ahead.level_j >= self._reserve_j or ahead.t_ns >= FOREVER_NS:
                break
            ahead.advance(ahead.next_ns(load_w), load_w)
        return ahead.t_ns

    def _supply_w(self) -> float:
        return self._charger_w if self._unplugged.is_up(self.t_ns) else 0.0

    def _net_w(self, load_w: float) -> float:
        return self._supply_w() - (0.0 if self.empty else load_w)

    def _go(self, end_ns: int, load_w: float) -> None:
        """Along one straight line, or up to full and on; what a nanosecond would do is taken for done at its end."""
        net_w, elapsed_s = self._net_w(load_w), (end_ns - self.t_ns) / NS_PER_S
        charged_j, used_j = self._supply_w() * elapsed_s, 0.0 if self.empty else load_w * elapsed_s
        level_j, empty = self.level_j + net_w * elapsed_s, self.empty
        if level_j > self._capacity_j:
            charged_j -= level_j - self._capacity_j
            level_j = self._capacity_j
        elif net_w < 0 and level_j <= -net_w / NS_PER_S:
            used_j += level_j
            level_j, empty = 0.0, True
        elif net_w > 0 and abs(level_j - self._reserve_j) <= net_w / NS_PER_S:
            charged_j += self._reserve_j - level_j
            level_j = self._reserve_j
        self.t_ns, self.level_j = end_ns, level_j
        self.charged_j += charged_j
        self.used_j += used_j
        self.empty = empty and level_j < self._reserve_j
