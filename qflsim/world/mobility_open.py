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
from qflsim.world.mobility import Coordinate, Leg, Place, Side, Speed, Speeds, Track
from qflsim.world.mobility_draws import between, normals, uniforms

Deviation = Annotated[float, Field(ge=0, le=1e4)]
"""Standard deviation of a speed, in metres per second."""
Span = Annotated[float, Field(ge=1e-3, le=1e7)]
"""How long something about a motion lasts, in seconds."""


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
        return Track(_between_walls(self._ways(uniforms(rng)), self.origin_m, self.area_m))

    def _ways(self, draws: Iterator[float]) -> Iterator[Leg]:
        start_ns, here = 0, (next(draws) * self.area_m[0], next(draws) * self.area_m[1])
        while True:
            lasts_s = -self.mean_way_s * math.log1p(-next(draws))
            way = _way(start_ns, lasts_s, here, between(self.speed_m_per_s, next(draws)), math.tau * next(draws))
            yield way
            start_ns, here = way.end_ns, _end(way, self.area_m)


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
        return Track(_between_walls(self._steps(rng), self.origin_m, self.area_m))

    def _steps(self, rng: np.random.Generator) -> Iterator[Leg]:
        across, along, phase, direction = rng.random(4).tolist()
        draws, kept, fresh = normals(rng), self.alpha, math.sqrt(-math.expm1(-2 * self.step_s / self.memory_s))
        speed, heading = next(draws), next(draws)
        start_ns, here, lasts_s = 0, (across * self.area_m[0], along * self.area_m[1]), phase * self.step_s
        while True:
            speed_m_per_s = self.mean_speed_m_per_s + self.speed_deviation_m_per_s * speed
            heading_rad = math.tau * direction + self.heading_deviation_rad * heading
            step = _way(start_ns, lasts_s, here, speed_m_per_s, heading_rad)
            yield step
            start_ns, here, lasts_s = step.end_ns, _end(step, self.area_m), self.step_s
            speed, heading = kept * speed + fresh * next(draws), kept * heading + fresh * next(draws)


def _way(start_ns: int, lasts_s: float, here: Place, speed_m_per_s: float, heading_rad: float) -> Leg:
    vx_m_per_s, vy_m_per_s = speed_m_per_s * math.cos(heading_rad), speed_m_per_s * math.sin(heading_rad)
    return Leg(start_ns, start_ns + max(1, to_ns(lasts_s)), *here, vx_m_per_s, vy_m_per_s)


def _end(way: Leg, area_m: Place) -> Place:
    # Two reflections are a shift: places twice a side apart are mirrored to the same one, and small numbers are exact.
    x_m, y_m = way.at(way.end_ns)
    return x_m % (2 * area_m[0]), y_m % (2 * area_m[1])


def _between_walls(ways: Iterator[Leg], origin_m: Place, area_m: Place) -> Iterator[Leg]:
    """The legs within an area of ways across a plane of its mirror images.

    In the plane a way is not aware of walls, so that a reflection turns all that is to come. The area is folded back
    upon itself like a paper: what lies in the k-th pleat is mirrored if k is odd.
    """
    for way in ways:
        x_m, y_m = way.at(way.end_ns)
        if max(way.x_m, x_m) < area_m[0] and max(way.y_m, y_m) < area_m[1] and min(x_m, y_m) >= 0:
            yield Leg(way.start_ns, way.end_ns, origin_m[0] + way.x_m, origin_m[1] + way.y_m, *way[4:])
            continue
        cuts_ns = merge(_cuts_ns(way, way.x_m, way.vx_m_per_s, area_m[0]),
                        _cuts_ns(way, way.y_m, way.vy_m_per_s, area_m[1]))  # fmt: skip
        for start_ns, end_ns in pairwise(chain((way.start_ns,), cuts_ns, (way.end_ns,))):
            if start_ns < end_ns:
                here, within = way.at(start_ns), way.at((start_ns + end_ns) // 2)
                x_m, vx_m_per_s = _folded(here[0], way.vx_m_per_s, within[0], area_m[0])
                y_m, vy_m_per_s = _folded(here[1], way.vy_m_per_s, within[1], area_m[1])
                yield Leg(start_ns, end_ns, origin_m[0] + x_m, origin_m[1] + y_m, vx_m_per_s, vy_m_per_s)


def _cuts_ns(way: Leg, from_m: float, v_m_per_s: float, side_m: float) -> Iterator[int]:
    """The instants at which a way crosses a wall's image along one axis, in their order."""
    if v_m_per_s == 0.0:
        return
    wall = math.floor(from_m / side_m) + 1 if v_m_per_s > 0 else math.ceil(from_m / side_m) - 1
    while (cut_ns := way.start_ns + round((wall * side_m - from_m) / v_m_per_s * NS_PER_S)) < way.end_ns:
        yield cut_ns
        wall += 1 if v_m_per_s > 0 else -1


def _folded(at_m: float, v_m_per_s: float, within_m: float, side_m: float) -> tuple[float, float]:
    """Place and velocity in the area of a motion in the pleat that holds `within_m`."""
    pleat = math.floor(within_m / side_m)
    return ((pleat + 1) * side_m - at_m, -v_m_per_s) if pleat % 2 else (at_m - pleat * side_m, v_m_per_s)
