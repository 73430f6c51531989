"""Devices that switch off and on again by themselves, at some hours more than at others."""

import math
from collections.abc import Iterator
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Model
from qflsim.units import FOREVER_NS, to_ns, to_s
from qflsim.world.outages import Interval
from qflsim.world.renewal import EXPONENTIAL, Distribution, Life, Lifetime, Shapes, alternating, check_shape

HOUR_S = 3600.0
HOURS = 24
Profile = Annotated[tuple[Annotated[float, Field(ge=0, le=1e3)], ...], Field(min_length=HOURS, max_length=HOURS)]


class Churn(Model):
    """A device that is on for `on_s` on average, then off for `off_s`, for ever and independently of all others.

    It is on with probability on / (on + off) at every instant from t = 0, whatever the distribution: so of n devices
    a binomial number is on, which for many that are rarely on is Poisson with mean n on / off, as in M/M/inf. Weibull
    times take a `shape` for on and one for off times.

    `profile` has a factor for each of the 24 hours of a day (t = 0 is midnight) by which the rate of switching on,
    1 / off, is multiplied; times are exponential then. The probability p of being on obeys
    dp/dt = (1 - p) profile(t) / off - p / on, of which the daily periodic solution holds from t = 0 on.
    """

    on_s: Lifetime
    off_s: Lifetime
    distribution: Distribution = "exponential"
    shape: Shapes = EXPONENTIAL
    profile: Profile | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        check_shape(self.distribution, self.shape)
        if self.profile is not None and self.distribution != "exponential":
            raise ValueError('profile: none, for only distribution = "exponential" has one')
        if self.profile is not None and max(self.profile) <= 0:
            raise ValueError("profile: a factor above 0 in some hour")
        return self

    def off_times(self, rng: np.random.Generator) -> Iterator[Interval]:
        """When the device is off, in nanoseconds, in order, until `FOREVER_NS`; one that holds t = 0 starts there."""
        if self.profile is not None:
            return self._by_the_hour(self.profile, rng)
        on, off = (Life(mean_s, self.distribution, shape)
                   for mean_s, shape in zip((self.on_s, self.off_s), self.shape, strict=True))  # fmt: skip
        return alternating(on, off, rng)

    def on_probability(self, t_s: float) -> float:
        """Probability of being on at an instant."""
        if self.profile is None:
            return self.on_s / (self.on_s + self.off_s)
        gain, decay = self._since_midnight(HOURS * HOUR_S, self.profile)
        at_midnight = gain / (1 - decay)
        gain, decay = self._since_midnight(t_s % (HOURS * HOUR_S), self.profile)
        return gain + decay * at_midnight

    def _since_midnight(self, t_s: float, profile: Profile) -> tuple[float, float]:
        """What the hours up to t make of the probability p at midnight: gain + decay p."""
        gain, decay = 0.0, 1.0
        for hour, factor in enumerate(profile):
            length_s = min(max(t_s - hour * HOUR_S, 0.0), HOUR_S)
            comes_per_s, changes_per_s = factor / self.off_s, factor / self.off_s + 1 / self.on_s
            kept = math.exp(-changes_per_s * length_s)
            gain = gain * kept + (1 - kept) * comes_per_s / changes_per_s
            decay *= kept
        return gain, decay

    def _by_the_hour(self, profile: Profile, rng: np.random.Generator) -> Iterator[Interval]:
        now_ns = 0 if rng.random() >= self.on_probability(0.0) else to_ns(rng.exponential(self.on_s))
        while now_ns < FOREVER_NS:
            comes_ns = self._comes_ns(now_ns, profile, rng)
            yield now_ns, comes_ns
            now_ns = min(comes_ns + max(1, to_ns(rng.exponential(self.on_s))), FOREVER_NS)

    def _comes_ns(self, now_ns: int, profile: Profile, rng: np.random.Generator) -> int:
        """When a device that is off from now on switches on: when the rate, summed up from now on, is exponential."""
        left_s = rng.exponential(self.off_s)  # of the profile's integral over time
        day_s = sum(profile) * HOUR_S
        days, left_s = divmod(left_s, day_s)
        t_s = to_s(now_ns) + days * HOURS * HOUR_S
        while t_s < to_s(FOREVER_NS):
            hour = int(t_s // HOUR_S)
            end_s, factor = (hour + 1) * HOUR_S, profile[hour % HOURS]
            if left_s <= (end_s - t_s) * factor and factor > 0.0:
                return min(max(to_ns(t_s + left_s / factor), now_ns + 1), FOREVER_NS)
            left_s, t_s = left_s - (end_s - t_s) * factor, end_s
        return FOREVER_NS
