"""Motion along streets: the Manhattan grid and the highway."""

import math
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.units import to_ns
from qflsim.world.mobility import Coordinate, Pauses, Side, Speed, Speeds
from qflsim.world.mobility_draws import (
    between,
    chosen,
    mean_slowness_s_per_m,
    observed_speed_m_per_s,
    residual_pause_s,
    uniforms,
)  # fmt: skip
from qflsim.world.tracks import Leg, Place, Track, walk

Blocks = Annotated[int, Field(ge=1, le=10_000)]
"""Number of blocks of a city along one axis."""
LaneWidth = Annotated[float, Field(ge=1, le=100)]
"""Width of a lane, in metres."""
Crossing = tuple[int, int]
"""The number of a crossing along each axis; also a heading, as a step to the next one."""


class Manhattan(Model):
    """A device on the streets of a grid of blocks: straight on at a crossing with 0.5, left or right with 0.25 each.

    Where a turn is missing at the border its share goes to the other turn; where the street ends, left and right share
    alike. So every stretch of street between two crossings is as busy as any other, in both directions. For each
    stretch a speed is drawn uniformly, and at each crossing a pause. Stationary from t = 0 on: on its way at a uniform
    place of all streets, at a log-uniform speed, or else with probability `paused_share` at a crossing.

    Source: a turn at every other crossing, as in ETSI TR 101 112 (UMTS 30.03); the rule at the border is ours.
    """

    kind: Literal["manhattan"] = "manhattan"
    blocks: tuple[Blocks, Blocks]
    block_m: tuple[Side, Side]
    origin_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)
    speed_m_per_s: Speeds
    pause_s: Pauses = (0.0, 0.0)

    @property
    def stretches(self) -> tuple[int, int]:
        """How many stretches of street between two crossings run along each axis."""
        across, along = self.blocks
        return across * (along + 1), along * (across + 1)

    @property
    def paused_share(self) -> float:
        """Probability that a device stands at a crossing."""
        mean_m = sum(n * m for n, m in zip(self.stretches, self.block_m, strict=True)) / sum(self.stretches)
        mean_pause_s = sum(self.pause_s) / 2
        return mean_pause_s / (mean_pause_s + mean_m * mean_slowness_s_per_m(self.speed_m_per_s))

    def track(self, rng: np.random.Generator) -> Track:
        """Legs from crossing to crossing, for ever; a pause is a leg without speed."""
        return Track(self._legs(uniforms(rng)))

    def turned(self, at: Crossing, heading: Crossing, uniform: float) -> Crossing:
        """The heading after a crossing that was reached with a heading, by a uniform number."""
        if self._has((at[0] + heading[0], at[1] + heading[1])):
            if uniform < 0.5:
                return heading
            uniform = 2 * uniform - 1
        left, right = (-heading[1], heading[0]), (heading[1], -heading[0])
        turns = [turn for turn in (left, right) if self._has((at[0] + turn[0], at[1] + turn[1]))]
        return turns[int(uniform * len(turns))]

    def _has(self, crossing: Crossing) -> bool:
        return 0 <= crossing[0] <= self.blocks[0] and 0 <= crossing[1] <= self.blocks[1]

    def _legs(self, draws: Iterator[float]) -> Iterator[Leg]:
        now_ns = 0
        if any(self.pause_s) and next(draws) < self.paused_share:
            _, at, heading = self._stretch((1.0, 1.0), draws)
            pause_s = residual_pause_s(self.pause_s, next(draws), next(draws))
        else:
            behind, at, heading = self._stretch(self.block_m, draws)
            there, done = self._place(at), next(draws)
            (x_m, y_m), speed_m_per_s = self._place(behind), observed_speed_m_per_s(self.speed_m_per_s, next(draws))
            yield (
                leg := walk(0, (between((x_m, there[0]), done), between((y_m, there[1]), done)), there, speed_m_per_s)
            )
            now_ns, pause_s = leg.end_ns, between(self.pause_s, next(draws))
        while True:
            if pause_ns := to_ns(pause_s):
                yield Leg(now_ns, now_ns + pause_ns, *self._place(at), 0.0, 0.0)
            heading = self.turned(at, heading, next(draws))
            behind, at = at, (at[0] + heading[0], at[1] + heading[1])
            speed_m_per_s = between(self.speed_m_per_s, next(draws))
            yield (leg := walk(now_ns + pause_ns, self._place(behind), self._place(at), speed_m_per_s))
            now_ns, pause_s = leg.end_ns, between(self.pause_s, next(draws))

    def _stretch(self, weight: tuple[float, float], draws: Iterator[float]) -> tuple[Crossing, Crossing, Crossing]:
        """A stretch, drawn by the weight of its axis: where it begins and ends, and its heading."""
        axis = chosen([n * w for n, w in zip(self.stretches, weight, strict=True)], next(draws))
        crossing = [0, 0]
        crossing[axis] = int(next(draws) * self.blocks[axis])
        crossing[1 - axis] = int(next(draws) * (self.blocks[1 - axis] + 1))
        low, ahead = (crossing[0], crossing[1]), (1 - axis, axis)
        high = low[0] + ahead[0], low[1] + ahead[1]
        return (low, high, ahead) if next(draws) < 0.5 else (high, low, (-ahead[0], -ahead[1]))

    def _place(self, crossing: Crossing) -> Place:
        return self.origin_m[0] + crossing[0] * self.block_m[0], self.origin_m[1] + crossing[1] * self.block_m[1]


class Highway(Model):
    """A vehicle on a straight road of two carriageways, whose lanes have their own speeds; it turns at the ends.

    The road runs along x from `origin_m`, and traffic keeps to the right. `lane_speeds_m_per_s` are those of the lanes
    from the middle outwards. A vehicle keeps its lane and speed, and at an end crosses over to the same lane of the
    other carriageway: so nobody ever jumps from the end to the start. All lanes carry the same flow: a vehicle is on a
    lane with a probability proportional to the time `lap_s` of its round, at a uniform place of it.

    With n vehicles, each place of a lane is passed by n / sum(lap_s) vehicles a second, which is density times speed;
    headways are exponential up to terms of 1 / n. For one every 2.5 s (3GPP TR 36.885 A.1.2), n = sum(lap_s) / 2.5 s.
    Limits: vehicles are points, and do not see one another. In a lane all are equally fast, so nobody is overtaken.
    """

    kind: Literal["highway"] = "highway"
    length_m: Side
    lane_speeds_m_per_s: Annotated[tuple[Speed, ...], Field(min_length=1, max_length=16)]
    lane_width_m: LaneWidth = 4.0
    origin_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)

    @property
    def lap_s(self) -> tuple[float, ...]:
        """How long a vehicle of each lane takes to come back to its place."""
        across_m = [(2 * lane + 1) * self.lane_width_m for lane in range(len(self.lane_speeds_m_per_s))]
        return tuple(2 * (self.length_m + m) / v for m, v in zip(across_m, self.lane_speeds_m_per_s, strict=True))

    def track(self, rng: np.random.Generator) -> Track:
        """Four legs a round, for ever."""
        return Track(self._legs(rng))

    def _legs(self, rng: np.random.Generator) -> Iterator[Leg]:
        which_lane, which_side, part = rng.random(3).tolist()
        lane = chosen(self.lap_s, which_lane)
        speed_m_per_s, corners = self.lane_speeds_m_per_s[lane], self._corners(lane)
        side = chosen([math.dist(corners[k], corners[(k + 1) % 4]) for k in range(4)], which_side)
        here, there = corners[side], corners[(side + 1) % 4]
        here, now_ns = (between((here[0], there[0]), part), between((here[1], there[1]), part)), 0
        for corner in islice(cycle(corners), side + 1, None):
            yield (leg := walk(now_ns, here, corner, speed_m_per_s))
            now_ns, here = leg.end_ns, corner

    def _corners(self, lane: int) -> tuple[Place, ...]:
        west_m, middle_m = self.origin_m
        east_m, off_m = west_m + self.length_m, (lane + 0.5) * self.lane_width_m
        return (
            (west_m, middle_m - off_m),
            (east_m, middle_m - off_m),
            (east_m, middle_m + off_m),
            (west_m, middle_m + off_m),
        )  # fmt: skip
