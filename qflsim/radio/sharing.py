"""A cell that serves its flows by equal shares, told in virtual time."""

import heapq

from qflsim.units import NS_PER_S, to_ns


class EqualShare:
    """The books of a cell that gives each of its n flows 1/n of its time (egalitarian processor sharing).

    Virtual time V(t) = integral of dt/n(t) is the service that every flow has had.
    A flow that joins at V and needs w seconds of the whole cell is done when virtual time reaches V + w, whoever
    comes and goes: an arrival or a departure touches no other flow. One heap of these marks tells who is
    next; marks of flows that left early stay until they surface. Cost O(log n) an event.

    V starts again from 0 whenever the cell is empty, so that its binary fraction resolves a nanosecond in any busy
    period shorter than 48 days. Asking changes nothing, not even the last bit. Time never runs backwards: instants
    given to `add` and `remove` must not decrease.
    """

    def __init__(self) -> None:
        self._virtual_s, self._since_ns = 0.0, 0
        self._mark_s: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []

    @property
    def flows(self) -> int:
        """Number of flows in service."""
        return len(self._mark_s)

    def add(self, now_ns: int, flow: int, work_s: float) -> None:
        """Let a flow join that needs `work_s` seconds of the cell when alone (its bits / its rate when alone)."""
        assert flow not in self._mark_s, flow
        assert 0.0 <= work_s < float("inf"), work_s
        self._advance(now_ns)
        self._mark_s[flow] = self._virtual_s + work_s
        heapq.heappush(self._heap, (self._mark_s[flow], flow))

    def remove(self, now_ns: int, flow: int) -> float:
        """Take a flow out; the seconds of the cell that it still needs, 0.0 where less than a nanosecond is left."""
        self._advance(now_ns)
        remaining_s = self.remaining_s(now_ns, flow)
        del self._mark_s[flow]
        if not self._mark_s:
            self._virtual_s = 0.0
            self._heap.clear()
        return remaining_s

    def remaining_s(self, now_ns: int, flow: int) -> float:
        """Seconds of the cell that a flow still needs when alone, 0.0 where less than a nanosecond is left."""
        remaining_s = self._mark_s[flow] - self._virtual_at(now_ns)
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
        due_ns = self._since_ns + to_ns(max(mark_s - self._virtual_s, 0.0) * len(self._mark_s))
        return max(due_ns, now_ns), flow

    def _virtual_at(self, now_ns: int) -> float:
        assert now_ns >= self._since_ns
        if not self._mark_s:
            return self._virtual_s
        return self._virtual_s + (now_ns - self._since_ns) / NS_PER_S / len(self._mark_s)

    def _advance(self, now_ns: int) -> None:
        self._virtual_s, self._since_ns = self._virtual_at(now_ns), now_ns
