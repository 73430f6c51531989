"""Devices that move together: platoons on one way, crowds about one place."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model
from qflsim.units import NS_PER_S, to_ns
from qflsim.world.mobility import RandomWaypoint, Static
from qflsim.world.mobility_open import GaussMarkov, RandomDirection
from qflsim.world.mobility_streets import Highway, Manhattan
from qflsim.world.tracks import Leg, Place, Track

Leader = Annotated[
    Static | RandomWaypoint | RandomDirection | GaussMarkov | Manhattan | Highway, Field(discriminator="kind")
]


LONGEST_M = 1e5
"""The longest platoon."""


class Group(Model):
    """Companies of `size` devices, each of which follows a leader of its own that moves by the law `leader`.

    A device with index i belongs to company i // size; the last company may be smaller. With `spacing_m` it is a
    platoon: its members drive one behind the other on the same way, at the same speed at every instant, `spacing_m`
    apart along the way. The last place follows the law; the others are ahead of it on the way that it is going to take,
    so that nobody needs a past and all are stationary. With `radius_m` it is a crowd: each member keeps its own place
    in a disc about the leader, uniformly drawn, and so may be that far outside the leader's area.

    Source: reference point group mobility, Hong, Gerla, Pei and Chiang, ACM MSWiM 1999, with reference points that
    are held exactly.
    """

    kind: Literal["group"] = "group"
    leader: Leader
    size: Annotated[int, Field(ge=2, le=10_000)]
    spacing_m: Annotated[float, Field(ge=0.1, le=1e4)] | None = None
    radius_m: Annotated[float, Field(ge=0.1, le=1e5)] | None = None

    @model_validator(mode="after")
    def _one_formation(self) -> Self:
        if (self.spacing_m is None) == (self.radius_m is None):
            raise ValueError("give either spacing_m (a platoon) or radius_m (a crowd)")
        if self.spacing_m is not None and isinstance(self.leader, Static):
            raise ValueError("leader: one that moves, for a platoon needs a way")
        if self.spacing_m is not None and (self.size - 1) * self.spacing_m > LONGEST_M:
            raise ValueError(f"spacing_m: a platoon of at most {LONGEST_M:g} m, for its way is drawn that far ahead")
        return self

    def member(self, place: int, company: np.random.Generator, own: np.random.Generator) -> Track:
        """The track of the member at a place, 0 at the front, by the company's stream and its own.

        Every member is given a stream of its company at its start: the leader's way is drawn again for each of them.
        """
        leader = self.leader.track(company)
        if self.spacing_m is not None:
            behind_m = (self.size - 1 - place) * self.spacing_m
            return Track(_further(leader, behind_m)) if behind_m else leader
        assert self.radius_m is not None
        part, turn = own.random(2).tolist()
        off_m, angle_rad = self.radius_m * math.sqrt(part), math.tau * turn
        return Track(_beside(leader, (off_m * math.cos(angle_rad), off_m * math.sin(angle_rad))))


def _beside(leader: Track, off_m: Place) -> Iterator[Leg]:
    for leg in leader:
        yield Leg(leg.start_ns, leg.end_ns, leg.x_m + off_m[0], leg.y_m + off_m[1], *leg[4:])


def _further(last: Track, ahead_m: float) -> Iterator[Leg]:
    """The legs of one who is always `ahead_m` further on the way of the last, and as fast as that one.

    Corners are met to the nanosecond; the distance is exact.
    """
    way = (leg for leg in last if leg.length_m > 0.0)
    ground, done_m = next(way), ahead_m
    for pace in last:
        now_ns, speed_m_per_s = pace.start_ns, pace.speed_m_per_s
        while now_ns < pace.end_ns:
            while done_m >= ground.length_m:
                done_m, ground = done_m - ground.length_m, next(way)
            then_ns = pace.end_ns
            if speed_m_per_s > 0.0:
                corner_ns = now_ns + max(1, to_ns((ground.length_m - done_m) / speed_m_per_s))
                then_ns = min(then_ns, corner_ns)
            east, north = ground.vx_m_per_s / ground.speed_m_per_s, ground.vy_m_per_s / ground.speed_m_per_s
            yield Leg(now_ns, then_ns, ground.x_m + east * done_m, ground.y_m + north * done_m,
                      east * speed_m_per_s, north * speed_m_per_s)  # fmt: skip
            done_m += speed_m_per_s * (then_ns - now_ns) / NS_PER_S
            now_ns = then_ns
