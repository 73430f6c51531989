"""Motion over open ground between walls: random direction and Gauss-Markov, both of uniform density."""

import math
from collections.abc import Iterator
from heapq import merge
from itertools import chain, pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.units import NS_PER_S, to_ns
from qflsim.world.mobility import Coordinate, Side, Speed, Speeds
from qflsim.world.mobility_draws import between, normals, uniforms
from qflsim.world.tracks import Leg, Place, Track

Deviation = Annotated[float, Field(ge=0, le=1e4)]
"""Standard deviation of a speed, in metres per second."""
Span = Annotated[float, Field(ge=1e-3, le=1e7)]
"""How long something about a motion lasts, in seconds."""
Way = tuple[int, float, float]
"""How long a straight motion lasts, in nanoseconds, and its velocity along each axis, in metres per second."""


class RandomDirection(Model):
    """A device that goes straight in a uniformly drawn direction at a uniformly drawn speed, then in another, for ever.

    A way lasts an exponential time of mean `mean_way_s`, whatever its speed, and is reflected at the walls. So from
    t = 0 on the position is uniform in the area, the heading uniform, the speed as it is drawn, and the three are
    independent.

    Source: Nain, Towsley, Liu and Liu, "Properties of random direction models", IEEE INFOCOM 2005.
    Limits: walls and ends of ways are met to the nanosecond, so a place may lie that far outside the area.
    """

    kind: Literal["random-direction"] = "random-direction"
    area_m: tuple[Side, Side]
    origin_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)
    speed_m_per_s: Speeds
    mean_way_s: Span = 60.0

    def track(self, rng: np.random.Generator) -> Track:
        """Legs from wall to wall and turn to turn, for ever."""
        draws = uniforms(rng)
        here = next(draws) * self.area_m[0], next(draws) * self.area_m[1]
        return Track(_between_walls(self._ways(draws), here, self.origin_m, self.area_m))

    def _ways(self, draws: Iterator[float]) -> Iterator[Way]:
        while True:
            lasts_ns = max(1, to_ns(-self.mean_way_s * math.log1p(-next(draws))))
            speed_m_per_s, heading_rad = between(self.speed_m_per_s, next(draws)), math.tau * next(draws)
            yield lasts_ns, speed_m_per_s * math.cos(heading_rad), speed_m_per_s * math.sin(heading_rad)


class GaussMarkov(Model):
    """A device whose speed and heading wander about a mean, with a memory, for ever.

    Every `step_s`, s' = a s + (1 - a) mean + sqrt(1 - a^2) deviation w with a fresh standard normal w and
    a = exp(-step / memory), and the heading likewise about a mean heading that is drawn uniformly, once a device. So
    both are normal with these means and deviations, and k steps apart they correlate as a^k. At a wall the motion and
    the mean heading are reflected together. Everything is stationary from t = 0 on, and the position is uniform.

    Source: Liang and Haas, IEEE INFOCOM 1999; speed and heading as in Camp, Boleng and Davies, WCMC 2(5), 2002.
    Limits: a speed below zero goes backwards. A device that is asked about at t has all its steps up to t drawn.
    Walls are met to the nanosecond, so a place may lie that far outside the area.
    """

    kind: Literal["gauss-markov"] = "gauss-markov"
    area_m: tuple[Side, Side]
    origin_m: tuple[Coordinate, Coordinate] = (0.0, 0.0)
    mean_speed_m_per_s: Speed
    speed_deviation_m_per_s: Deviation
    heading_deviation_rad: Annotated[float, Field(ge=0, le=math.pi)] = 0.5
    memory_s: Span = 10.0
    step_s: Span = 1.0

    @property
    def alpha(self) -> float:
        """Correlation of one step with the next."""
        return math.exp(-self.step_s / self.memory_s)

    def track(self, rng: np.random.Generator) -> Track:
        """Legs of one step, cut at the walls. The first step has begun at a uniform time before t = 0."""
        across, along, phase, direction = rng.random(4).tolist()
        here = across * self.area_m[0], along * self.area_m[1]
        steps = self._steps(phase * self.step_s, math.tau * direction, normals(rng))
        return Track(_between_walls(steps, here, self.origin_m, self.area_m))

    def _steps(self, first_s: float, mean_heading_rad: float, draws: Iterator[float]) -> Iterator[Way]:
        mean_m_per_s, deviation_m_per_s = self.mean_speed_m_per_s, self.speed_deviation_m_per_s
        deviation_rad, kept, fresh = self.heading_deviation_rad, self.alpha, math.sqrt(1 - self.alpha**2)
        speed, heading = next(draws), next(draws)
        lasts_ns, step_ns = max(1, to_ns(first_s)), to_ns(self.step_s)
        while True:
            speed_m_per_s = mean_m_per_s + deviation_m_per_s * speed
            heading_rad = mean_heading_rad + deviation_rad * heading
            yield lasts_ns, speed_m_per_s * math.cos(heading_rad), speed_m_per_s * math.sin(heading_rad)
            speed, heading = kept * speed + fresh * next(draws), kept * heading + fresh * next(draws)
            lasts_ns = step_ns


def _between_walls(ways: Iterator[Way], here: Place, origin_m: Place, area_m: Place) -> Iterator[Leg]:
    """The legs within an area of ways across a plane of its mirror images, from `here` in the area on.

    In the plane a way is not aware of walls, so that a reflection turns all that is to come. The area is folded back
    upon itself like a paper. Two folds are a shift, so places two sides apart are the same one.
    """
    start_ns, (x_m, y_m), (width_m, height_m) = 0, here, area_m
    for lasts_ns, vx_m_per_s, vy_m_per_s in ways:
        way = Leg(start_ns, start_ns + lasts_ns, x_m, y_m, vx_m_per_s, vy_m_per_s)
        to_x_m, to_y_m = way.at(way.end_ns)
        if max(x_m, to_x_m) < width_m and max(y_m, to_y_m) < height_m and min(to_x_m, to_y_m) >= 0.0:
            yield Leg(start_ns, way.end_ns, origin_m[0] + x_m, origin_m[1] + y_m, vx_m_per_s, vy_m_per_s)
        else:
            yield from _folded(way, origin_m, area_m)
        start_ns, x_m, y_m = way.end_ns, to_x_m % (2 * width_m), to_y_m % (2 * height_m)


def _folded(way: Leg, origin_m: Place, area_m: Place) -> Iterator[Leg]:
    """The legs of one way, cut at the folds that it crosses."""
    cuts_ns = merge(_cuts_ns(way, way.x_m, way.vx_m_per_s, area_m[0]),
                    _cuts_ns(way, way.y_m, way.vy_m_per_s, area_m[1]))  # fmt: skip
    for start_ns, end_ns in pairwise(chain((way.start_ns,), cuts_ns, (way.end_ns,))):
        if start_ns < end_ns:
            here, within = way.at(start_ns), way.at((start_ns + end_ns) // 2)
            x_m, vx_m_per_s = _mirrored(here[0], way.vx_m_per_s, within[0], area_m[0])
            y_m, vy_m_per_s = _mirrored(here[1], way.vy_m_per_s, within[1], area_m[1])
            yield Leg(start_ns, end_ns, origin_m[0] + x_m, origin_m[1] + y_m, vx_m_per_s, vy_m_per_s)


def _cuts_ns(way: Leg, from_m: float, v_m_per_s: float, side_m: float) -> Iterator[int]:
    """The instants at which a way crosses a wall's image along one axis, in their order."""
    if v_m_per_s == 0.0:
        return
    wall = math.floor(from_m / side_m) + 1 if v_m_per_s > 0 else math.ceil(from_m / side_m) - 1
    while (cut_ns := way.start_ns + round((wall * side_m - from_m) / v_m_per_s * NS_PER_S)) < way.end_ns:
        yield cut_ns
        wall += 1 if v_m_per_s > 0 else -1


def _mirrored(at_m: float, v_m_per_s: float, within_m: float, side_m: float) -> tuple[float, float]:
    """Place and velocity in the area of a motion in the pleat that holds `within_m`: each second one is mirrored."""
    pleat = math.floor(within_m / side_m)
    return ((pleat + 1) * side_m - at_m, -v_m_per_s) if pleat % 2 else (at_m - pleat * side_m, v_m_per_s)
