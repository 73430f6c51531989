"""The aggregator's independent axes: when a version is made, what an update weighs, how updates are combined."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Annotated, Literal, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import Field, model_validator

from qflsim.model import Count, Model, NonNegative, Patience, Positive, Share
from qflsim.units import Floats

Late = Literal["drop", "recall", "next-round"]


@runtime_checkable
class Rounds(Protocol):
    """When, in rounds: so many are invited together, and a law says when the round closes."""

    @property
    def late(self) -> Late: ...
    @property
    def invited(self) -> int: ...
    @property
    def limit_s(self) -> float | None: ...
    def closes(self, invited: int, answered: int, arrived: int) -> bool: ...


@runtime_checkable
class Stream(Protocol):
    """When, without rounds: so many are kept in flight, and every so many arrivals make a version."""

    @property
    def max_in_flight(self) -> int: ...

    @property
    def arrivals(self) -> int: ...
    @property
    def mixing(self) -> float | None: ...


class WaitAll(Model):
    """A round closes when every participation has its fate, whatever that is, or at an optional time limit."""

    kind: Literal["wait-all"] = "wait-all"
    clients: Count = 10
    timeout_s: Patience | None = None
    late: Late = "drop"

    @property
    def invited(self) -> int:
        """How many are invited."""
        return self.clients

    @property
    def limit_s(self) -> float | None:
        """When the round closes at the latest."""
        return self.timeout_s

    def closes(self, invited: int, answered: int, arrived: int) -> bool:
        """Whether the round is complete."""
        return answered >= invited


class Quorum(Model):
    """A round closes at its `quorum`-th arrival, or when nobody is left who could arrive."""

    kind: Literal["quorum"] = "quorum"
    clients: Count = 10
    quorum: Count = 5
    late: Late = "drop"

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.quorum > self.clients:
            raise ValueError(f"a quorum of at most the {self.clients} clients")
        return self

    @property
    def invited(self) -> int:
        """How many are invited: `clients - quorum` are the over-selection."""
        return self.clients

    @property
    def limit_s(self) -> float | None:
        """None: a quorum waits."""
        return None

    def closes(self, invited: int, answered: int, arrived: int) -> bool:
        """Whether the quorum is there, or can no longer come."""
        return arrived >= self.quorum or answered >= invited


class Deadline(Model):
    """A round closes at its deadline, or earlier when `clients` have arrived or all have answered.

    Over-selection invites clients x (1 + over_selection), so that losses still leave `clients` (Bonawitz et al. 2019,
    Towards federated learning at scale, use 0.3).
    """

    kind: Literal["deadline"] = "deadline"
    clients: Count = 10
    deadline_s: Patience = 60.0
    over_selection: Annotated[float, Field(ge=0, le=100)] = 0.0
    late: Late = "drop"

    @property
    def invited(self) -> int:
        """How many are invited."""
        # Nine decimals absorb binary fractions: 50 x 1.1 must be 55, not 55.00000000000001.
        return ceil(round(self.clients * (1.0 + self.over_selection), 9))

    @property
    def limit_s(self) -> float | None:
        """The deadline."""
        return self.deadline_s

    def closes(self, invited: int, answered: int, arrived: int) -> bool:
        """Whether enough are there before the deadline."""
        return arrived >= self.clients or answered >= invited


class Async(Model):
    """Each arrival makes a version: w <- (1 - mixing s) w + mixing s w_i (FedAsync, Xie et al., arXiv 1903.03934)."""

    kind: Literal["async"] = "async"
    max_in_flight: Count = 10
    mixing: Share = 0.6

    @property
    def arrivals(self) -> int:
        """One."""
        return 1


class Buffered(Model):
    """Every `buffer_size` arrivals make a version: w <- w + eta (1/K) sum s_i Delta_i (FedBuff, arXiv 2106.06639)."""

    kind: Literal["buffered"] = "buffered"
    max_in_flight: Count = 10
    buffer_size: Count = 5

    @property
    def arrivals(self) -> int:
        """The size of the buffer."""
        return self.buffer_size

    @property
    def mixing(self) -> float | None:
        """None: differences are added, models are not mixed."""
        return None


class StalenessWeight(Protocol):
    """What an update weighs by its staleness (versions made since it was downloaded)."""

    def factor(self, staleness: int) -> float: ...


class Constant(Model):
    """s = 1."""

    kind: Literal["constant"] = "constant"

    def factor(self, staleness: int) -> float:
        """Weight at a staleness."""
        return 1.0


class Polynomial(Model):
    """s = (1 + staleness)^-exponent (arXiv 1903.03934; 0.5 is FedBuff's 1/sqrt(1 + staleness))."""

    kind: Literal["polynomial"] = "polynomial"
    exponent: NonNegative = 0.5

    def factor(self, staleness: int) -> float:
        """Weight at a staleness."""
        return float((1.0 + staleness) ** -self.exponent)


class Hinge(Model):
    """s = 1 up to `knee` versions, then 1 / (slope (staleness - knee) + 1) (arXiv 1903.03934)."""

    kind: Literal["hinge"] = "hinge"
    slope: Positive = 10.0
    knee: Annotated[int, Field(ge=0)] = 4

    def factor(self, staleness: int) -> float:
        """Weight at a staleness."""
        return 1.0 / (self.slope * max(0, staleness - self.knee) + 1.0)


class Threshold(Model):
    """s = 1 up to `knee` versions, then 0: the update counts as arrived and moves nothing."""

    kind: Literal["threshold"] = "threshold"
    knee: Annotated[int, Field(ge=0)] = 4

    def factor(self, staleness: int) -> float:
        """Weight at a staleness."""
        return float(staleness <= self.knee)


class Combination(Protocol):
    """How the directions of several updates become one step."""

    def step(self, directions: Floats, coefficients: Floats) -> Floats: ...


class Mean(Model):
    """The weighted sum of the directions; with equal samples and no staleness, their mean."""

    kind: Literal["mean"] = "mean"

    def step(self, directions: Floats, coefficients: Floats) -> Floats:
        """Step (d,) from directions (K, d) and coefficients (K,), summed in the order given."""
        return np.asarray(
            sum((c * d for c, d in zip(coefficients, directions, strict=True)), np.zeros(directions.shape[1]))
        )


class Rules(Protocol):
    """The aggregation section: see `scenario.schema.Aggregation` for what each means."""

    @property
    def when(self) -> Rounds | Stream: ...
    @property
    def weight(self) -> StalenessWeight: ...
    @property
    def inverse_participation(self) -> bool: ...
    @property
    def combine(self) -> Combination: ...
    @property
    def missing(self) -> Literal["ignore", "last-known"]: ...
    @property
    def max_staleness(self) -> int | None: ...
    @property
    def server_rate(self) -> float: ...
    @property
    def timeout_s(self) -> float | None: ...


def mixing(when: Rounds | Stream) -> float | None:
    """What a policy that mixes models mixes them with; None for those that add differences."""
    return when.mixing if isinstance(when, Stream) else None


def coefficients(rules: Rules, samples: Sequence[int], staleness: Sequence[int], classes: Sequence[str],
                 applied: Counter[str]) -> list[float]:  # fmt: skip
    """What multiplies each update's direction in a version: eta n_i s(tau_i) f_i / sum_j n_j.

    Divided by the samples, not by the weights, so that stale updates move the model less (FedBuff). With inverse
    participation, f = total / (classes seen x updates of this class), counted over all updates applied so far and
    these: each class of data then has the same say, however seldom it gets through. A mixing policy has its factor
    in place of eta.
    """
    eta = mixing(rules.when) or rules.server_rate
    counts = applied + Counter(classes)
    say = {c: counts.total() / (len(counts) * n) if rules.inverse_participation else 1.0 for c, n in counts.items()}
    total = sum(samples)
    return [
        eta * n * rules.weight.factor(tau) * say[c] / total
        for n, tau, c in zip(samples, staleness, classes, strict=True)
    ]
