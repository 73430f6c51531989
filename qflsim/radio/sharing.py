"""A cell and its flows: whom it favours, its time told in virtual time, and its band where power limits the uplink."""

import heapq
import math
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from pydantic import Field

from qflsim.model import Model
from qflsim.radio.progress import Progress
from qflsim.units import NS_PER_S, Floats, from_db, to_ns

REFERENCE_BIT_PER_S = 1e6
"""A flow of this rate when alone has weight 1 under every fairness; only ratios of weights matter."""
WEIGHTS = (1e-40, 1e40)
"""The weights that a cell takes."""
_WEIGHT_BITS = 200
"""Weights are summed as whole multiples of 2^-200: exactly, so that a flow that leaves takes all of its own away."""
_FINE_S = float(1 << 20)
"""Below so many seconds (12 days) binary fractions resolve a quarter of a nanosecond."""


class SharingLaw(Protocol):
    """Whom a cell favours."""

    @property
    def kind(self) -> str: ...

    def weight(self, rate_bit_per_s: float) -> float:
        """The weight of a flow that has this rate when alone; its share is its part of the sum of all weights."""
        ...


class AlphaFair(Model):
    """A scheduler that is alpha-fair between flows: it maximises the sum of x^(1 - alpha)/(1 - alpha), log x at 1.

    A flow of rate r when alone has x = phi r with the shares phi of a cell adding up to 1, hence phi in proportion to
    r^((1 - alpha)/alpha). alpha = 1 is proportionally fair: here, equal shares whatever the rates. Large alpha
    approaches equal rates (max-min); small alpha the greatest sum of rates, at the cost of the slow.

    A real proportionally fair scheduler also serves each flow while it fades upward, which is worth a factor that
    grows with the number of flows (multi-user diversity). Averaged over fading, with flows that fade alike around
    their means, it still gives equal times; the factor is not counted here, so cells are somewhat too slow when full.

    Source: Kelly, Charging and rate control for elastic traffic, 1997; Mo and Walrand, Fair end-to-end window-based
    congestion control, 2000; Kushner and Whiting, Convergence of proportional-fair sharing algorithms, 2004; Borst,
    User-level performance of channel-aware scheduling algorithms in wireless data networks, 2003 (flow level, gain).
    """

    kind: Literal["alpha-fair"] = "alpha-fair"
    alpha: Annotated[float, Field(ge=0.2, le=1e6)] = 1.0

    def weight(self, rate_bit_per_s: float) -> float:
        """r^((1 - alpha)/alpha), with r in units of 1 Mbit/s; exactly 1 at alpha = 1."""
        weight = (rate_bit_per_s / REFERENCE_BIT_PER_S) ** ((1.0 - self.alpha) / self.alpha)
        return float(min(max(weight, 1e-30), 1e30))


class Power(NamedTuple):
    """How strong a flow's signal is: its signal-to-noise ratio in a share of the band.

    In a share phi it is min(full - 10 lg max(phi, least), most): `full_db` is that of the greatest power spread over
    the whole band, `most_db` what power control aims at, `least` the share of a resource block, the narrowest that
    there is: a flow with less than that sends in one block for a part of the time.
    """

    full_db: float
    most_db: float = math.inf
    least: float = 0.0

    def snr_db(self, share: float = 1.0) -> float:
        """The signal-to-noise ratio in this share."""
        return min(self.full_db - 10.0 * math.log10(max(share, self.least)), self.most_db)


UNLIMITED = Power(math.inf, 0.0)
"""A flow that power does not limit: it gains nothing from a narrower band."""


class Books(Protocol):
    """What a cell knows about its flows and the service that they still need."""

    @property
    def flows(self) -> int:
        """Number of flows in service."""

    def share(self, weight: float = 1.0) -> float:
        """The share that one more flow of this weight would get."""

    def add(self, now_ns: int, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Let a flow join that needs `work_s` seconds of the cell when alone (its bits / its rate when alone)."""

    def retune(self, now_ns: int, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Let a flow go on with other work, weight and power: as if it had left and joined anew."""

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; the seconds of the cell that it still needs, 0.0 where less than a nanosecond is left."""

    def remaining_s(self, now_ns: int, flow: int) -> float:
        """Seconds of the cell that a flow still needs when alone, 0.0 where less than a nanosecond is left."""

    def next_completion(self, now_ns: int) -> tuple[int, int] | None:
        """The next instant at which a flow is done, and which; None if none ever is."""


class TimeShare:
    """The books of a cell that gives each flow its part w/sum(w) of the time (weighted processor sharing).

    Virtual time V(t) = integral of dt/sum(w) is the service that every flow has had per unit of weight. A flow that
    joins at V and needs s seconds of the whole cell is done when virtual time reaches V + s/w, whoever comes and goes:
    an arrival or a departure touches no other flow. One heap of these marks tells who is next; marks of flows that
    left early stay until they surface. Cost O(log n) an event. With all weights 1 the shares are equal.
    Source: Parekh and Gallager, A generalized processor sharing approach to flow control, 1993.

    V starts again from 0 whenever the cell is empty, and when a flow joins while V sum(w) exceeds 12 days, so that its
    binary fraction resolves a nanosecond in busy periods of any length. Asking changes nothing, not even the last bit.
    Time never runs backwards: instants given to `add` and `remove` must not decrease.
    """

    def __init__(self) -> None:
        self._virtual_s, self._since_ns = 0.0, 0
        self._units, self._weight = 0, 0.0
        self._mark_s: dict[int, float] = {}
        self._weights: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    @property
    def flows(self) -> int:
        """Number of flows in service."""
        return len(self._mark_s)

    def share(self, weight: float = 1.0) -> float:
        """The share that one more flow of this weight would get."""
        return weight / (self._weight + weight)

    def add(self, now_ns: int, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Let a flow join that needs `work_s` seconds of the cell when alone (its bits / its rate when alone).

        Its power does not matter: in its turn it has the whole band.
        """
        assert flow not in self._mark_s, flow
        assert 0.0 <= work_s < math.inf, work_s
        assert WEIGHTS[0] <= weight <= WEIGHTS[1], weight
        self._advance(now_ns)
        self._weights[flow] = weight
        self._weigh(_exact(weight))
        if self._virtual_s * self._weight > _FINE_S:
            self._start_again()
        self._mark_s[flow] = self._virtual_s + work_s / weight
        heapq.heappush(self._heap, (self._mark_s[flow], flow))

    def retune(self, now_ns: int, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Let a flow go on with other work and weight: as if it had left and joined anew."""
        self.remove(now_ns, flow)
        self.add(now_ns, flow, work_s, weight)

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; the seconds of the cell that it still needs, 0.0 where less than a nanosecond is left."""
        self._advance(now_ns)
        remaining_s = self.remaining_s(now_ns, flow)
        del self._mark_s[flow]
        self._weigh(-_exact(self._weights.pop(flow)))
        if not self._mark_s:
            self._start_again()
        return remaining_s

    def remaining_s(self, now_ns: int, flow: int) -> float:
        """Seconds of the cell that a flow still needs when alone, 0.0 where less than a nanosecond is left."""
        remaining_s = (self._mark_s[flow] - self._virtual_at(now_ns)) * self._weights[flow]
        return remaining_s if remaining_s * NS_PER_S >= 1.0 else 0.0

    def next_completion(self, now_ns: int) -> tuple[int, int] | None:
        """The next instant at which a flow is done, and which; None while the cell is empty.

        The instant is rounded up to a whole nanosecond and never lies before `now_ns`; of equal flows the lowest
        number comes first. Unless something changes before, the flow is to be removed at that instant.
        """
        if not self._mark_s:
            return None
        while self._mark_s.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        mark_s, flow = self._heap[0]
        # Counted from the last change, not from now: the answer must not depend on when it is asked for.
        due_ns = self._since_ns + to_ns(max(mark_s - self._virtual_s, 0.0) * self._weight)
        return max(due_ns, now_ns), flow

    def _virtual_at(self, now_ns: int) -> float:
        assert now_ns >= self._since_ns
        if not self._mark_s:
            return self._virtual_s
        return self._virtual_s + (now_ns - self._since_ns) / NS_PER_S / self._weight

    def _advance(self, now_ns: int) -> None:
        self._virtual_s, self._since_ns = self._virtual_at(now_ns), now_ns

    def _weigh(self, units: int) -> None:
        self._units += units
        self._weight = self._units / (1 << _WEIGHT_BITS)

    def _start_again(self) -> None:
        """Counts virtual time from now on: every mark moves down alike, which costs no bit that it still needs."""
        self._mark_s = {flow: mark_s - self._virtual_s for flow, mark_s in self._mark_s.items()}
        self._heap = [(mark_s, flow) for flow, mark_s in self._mark_s.items()]
        heapq.heapify(self._heap)
        self._virtual_s = 0.0


def _exact(weight: float) -> int:
    return int(math.ldexp(weight, _WEIGHT_BITS))


Efficiency: TypeAlias = Callable[[Floats], Floats]
"""Mean spectral efficiency at each signal-to-noise ratio in decibels; same shape."""


class Service(Protocol):
    """How fast flows are that are all served at once, by their terms (4, flows): weight, and the three of `Power`."""

    def share(self, terms: Floats, weight: float) -> float:
        """The part of the band that one more flow of this weight would get."""

    def speeds(self, terms: Floats) -> Floats:
        """The speed of each flow, in units of what it has alone: (flows,)."""


class BandShare:
    """Each flow has its part phi = w/sum(w) of the band, all of the time (OFDMA).

    Where power limits an uplink, a device spreads the same power over the narrower band, and its signal-to-noise ratio
    rises: it progresses at phi f(snr(phi))/f(snr(1)) of its speed when alone, with f the efficiency and snr(phi) as
    `Power` says. So the flows of a cell together get more than one flow alone gets. A flow that power does not limit
    progresses at phi, as in `TimeShare`; so does every flow of a downlink, where the site's power fills the band. What
    a flow is given and cannot fill for want of power goes to nobody else.
    """

    def __init__(self, efficiency: Efficiency) -> None:
        self._efficiency = efficiency

    def share(self, terms: Floats, weight: float) -> float:
        """Its part of the sum of all weights."""
        return weight / (float(terms[0].sum()) + weight)

    def speeds(self, terms: Floats) -> Floats:
        """Exactly 1 for a flow that is alone."""
        weight, full_db, most_db, least = terms
        if len(weight) == 1:
            return np.ones(1)
        share = weight / np.add.reduce(weight)
        snr_db = np.minimum(full_db - np.array((10.0 * np.log10(np.maximum(share, least)), 0.0 * share)), most_db)
        shared, alone = self._efficiency(snr_db)
        return np.asarray(share * (shared / alone))


class Superposition:
    """All flows send over the whole band at once, and the site takes them apart one by one (NOMA, with SIC).

    The strongest is decoded first, with all others as noise, and is then cancelled, and so on: a flow of SNR P alone
    has P/(1 + sum of the P of the weaker ones), and the weakest is not disturbed; of equal ones the later counts as the
    weaker. At Shannon's limit without fading all of them together get lg2(1 + sum of P), in this order as in any other:
    no access lets a band carry more. Cancellation is perfect, weights do not matter, and what fades is the flow that is
    decoded, not those that disturb it.

    Source: Tse and Viswanath, Fundamentals of Wireless Communication, 2005, 6.1.
    """

    def __init__(self, efficiency: Efficiency) -> None:
        self._efficiency = efficiency

    def share(self, terms: Floats, weight: float) -> float:
        """The whole band."""
        return 1.0

    def speeds(self, terms: Floats) -> Floats:
        """Exactly 1 for a flow that is alone."""
        snr_db = np.minimum(terms[1], terms[2])
        order = np.argsort(-snr_db, kind="stable")
        weaker = np.zeros(len(order))
        weaker[order[:-1]] = np.cumsum(from_db(snr_db[order[:0:-1]]))[::-1]
        disturbed, alone = self._efficiency(np.array((snr_db - 10.0 * np.log10(1.0 + weaker), snr_db)))
        return np.asarray(disturbed / alone)


class Together:
    """The books of a cell that serves all its flows at once, each at a speed that depends on who else is there.

    Service depends on all flows at once, so there is no virtual time: what is left of every flow is counted at each
    event, and is exact between them. Cost O(n) an event, over arrays. Same guarantees as `TimeShare`.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._progress = Progress(service.speeds, terms=4)

    @property
    def flows(self) -> int:
        """Number of flows in service."""
        return self._progress.flows

    def share(self, weight: float = 1.0) -> float:
        """The share that one more flow of this weight would get."""
        return self._service.share(self._progress.terms, weight)

    def add(self, now_ns: int, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Let a flow join that needs `work_s` seconds of the cell when alone (its bits / its rate when alone)."""
        self._progress.add(now_ns, flow, work_s, *self._terms(weight, power))

    def retune(self, now_ns: int, flow: int, work_s: float, weight: float = 1.0, power: Power = UNLIMITED) -> None:
        """Let a flow go on with other work, weight and power: as if it had left and joined anew."""
        self._progress.change(now_ns, flow, work_s, *self._terms(weight, power))

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; the seconds of the cell that it still needs, 0.0 where less than a nanosecond is left."""
        return self._progress.remove(now_ns, flow)

    def remaining_s(self, now_ns: int, flow: int) -> float:
        """Seconds of the cell that a flow still needs when alone, 0.0 where less than a nanosecond is left."""
        return self._progress.remaining(now_ns, flow)

    def next_completion(self, now_ns: int) -> tuple[int, int] | None:
        """The next instant at which a flow is done, and which; None while the cell is empty. Rounded up."""
        return self._progress.next_completion(now_ns)

    def _terms(self, weight: float, power: Power) -> tuple[float, ...]:
        assert WEIGHTS[0] <= weight <= WEIGHTS[1], weight
        return weight, *power
