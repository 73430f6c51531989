"""What a device hears along its way: the large-scale levels of all cells, and when something about them changes."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qflsim.radio.budget import Budget, Radio
from qflsim.radio.equipment import Hardware
from qflsim.radio.hearing import BLOCK, Ear, Hearing, Question
from qflsim.terms import Direction
from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns
from qflsim.world.blockage import Blocks, LinkWeather
from qflsim.world.outages import Downtime
from qflsim.world.tracks import Track

LOOKS_AHEAD_NS = 60 * NS_PER_S
"""How far ahead what may get in the way is looked for."""
_NEVER = Downtime(())
"""Of a site that does not fail."""
_NOTHING: Mapping[int, LinkWeather] = MappingProxyType({})


class ChangeKind(Enum):
    """What ends a stretch of unchanged service."""

    LOOK = "nothing yet: look again"
    RATE = "the level moved by a step"
    LOST = "the margin fell below the cut"
    HANDOVER = "a neighbour is better"
    OUTAGE = "the serving site failed"


class Change(NamedTuple):
    """The next thing that matters to a flow, (for a handover) the cell that it points to, and the level it moved to."""

    t_ns: int
    kind: ChangeKind
    cell: int
    level_db: float = math.nan


class _Window(NamedTuple):
    """What samples ahead say about a flow; how far its level has moved depends on when it was last told."""

    flow: tuple[Direction, int, int]
    """direction, cell, and since when it is attached"""
    grid_ns: range
    level_db: Floats
    lost: npt.NDArray[np.bool_]
    handover: Change | None
    look_ns: int
    """when to look again if nothing was found"""

    def knows(self, flow: tuple[Direction, int, int], next_ns: int, now_ns: int) -> bool:
        """Whether it says what happens to a flow from its next sample on."""
        over = self.handover is not None and self.handover.t_ns <= now_ns
        return self.flow == flow and next_ns in self.grid_ns and not over


class Link:
    """One device's view of all cells, on a grid of measurement instants that is the same for everybody.

    All answers are functions of the world, of the instant and of what is asked. It looks ahead by few samples at first
    and by more as time goes on, and at other cells than the serving one no sooner than a handover can be due.
    `downtimes` are those of the sites that can fail; for the rest of what it takes see `Ear`.
    """

    FEWEST, MOST = 4, 32

    def __init__(self, radio: Radio, track: Track, hardware: Hardware, downtimes: Mapping[int, Downtime],
                 obstacles: Mapping[int, LinkWeather] = _NOTHING, errors: Blocks | None = None,
                 hearing: Hearing | None = None) -> None:  # fmt: skip
        self._radio, self._downtimes = radio, downtimes
        self._ear = Ear(radio, track, hardware, obstacles, errors, hearing)
        self.budget = Budget(radio, hardware)
        self._period_ns = radio.period_ns
        self._ahead = 0
        self._window: _Window | None = None
        self._look: tuple[Direction, int, int, int] | None = None
        """the flow and the instant of the look that comes next"""
        self._asked: tuple[Direction, int] | None = None
        self._answer = (np.empty(0), np.empty(0))

    def expect(self, t_ns: int, now_ns: int) -> None:
        """Somebody will ask what is heard at this instant, if the run lasts."""
        self._ear.expect(t_ns, now_ns)

    def let_go(self) -> None:
        """Nobody will look at what was to be looked at next."""
        self._look = None

    def quality(self, direction: Direction, t_ns: int) -> tuple[Floats, Floats]:
        """Level and margin [dB] of each cell at an instant, as `Budget.quality` has them; minus infinity where down."""
        if self._asked != (direction, t_ns):
            level_db, margin_db = self._quality(direction, self._ear.at(t_ns), range(t_ns, t_ns + 1))
            self._asked, self._answer = (direction, t_ns), (level_db[:, 0], margin_db[:, 0])
        return self._answer

    def gain_db(self, t_ns: int) -> Floats:
        """Gains [dB] of all cells at an instant, whether their sites work or not."""
        return self._ear.at(t_ns)[:, 0]

    def works(self, cell: int, t_ns: int) -> bool:
        """Whether the site of a cell is up."""
        return self._downtime(cell).is_up(t_ns)

    def speed_m_per_s(self, t_ns: int) -> float:
        """Speed of the device."""
        return self._ear.leg(t_ns).speed_m_per_s

    def coverage(self, direction: Direction, now_ns: int) -> tuple[int, int | None]:
        """(now, cell) of the strongest cell that is up and covers the device; else (when to look again, None).

        That is when a cell covers the device, or when the answer of `blocked_by_outage` changes.
        """
        best = self._strongest(direction, now_ns)
        if best is not None:
            self._ahead = 0
            return now_ns, best
        samples = self._samples(now_ns)
        grid_ns = self._ear.grid_ns(samples)
        blocked = self.blocked_by_outage(direction, now_ns)
        gain_db = self._ear.samples_db(samples, now_ns)
        self._look_farther()
        covered = self._covered(self._quality(direction, gain_db, grid_ns)[1]).any(axis=0)
        audible = self._covered(self.budget.quality(direction, gain_db)[1]).any(axis=0)
        news = covered | (audible != blocked)
        if news.any():
            return grid_ns[int(news.argmax())], None
        return self._horizon_ns(now_ns, 0, grid_ns[-1]), None

    def blocked_by_outage(self, direction: Direction, now_ns: int) -> bool:
        """Whether some cell would cover the device now if its site were not down."""
        return bool(self._covered(self.budget.quality(direction, self._ear.at(now_ns))[1]).any())

    def way_out(self, direction: Direction, cell: int, kind: ChangeKind, since_ns: int, now_ns: int) -> Change:
        """What becomes of a connection to `cell` that was lost now: RATE where it is good again, HANDOVER where a
        neighbour triggers one first, else LOST where the link fails.

        A handover is possible while the link is bad since its command is taken to have come before, with a condition
        (conditional handover, Release 16); it is not where the cell's site has failed.
        """
        law = self._radio.handover
        until_ns = now_ns + to_ns(law.failure_timer_s)
        change = Change(self._recovery_ns(direction, cell, now_ns, until_ns), ChangeKind.RATE, cell)
        if kind is ChangeKind.LOST:
            attached = -(-since_ns // self._period_ns)
            first, end = now_ns // self._period_ns + 1, -(-change.t_ns // self._period_ns)
            begin = max(attached, first - law.trigger_samples)  # one may be due at this very sample
            if end - begin >= law.trigger_samples:
                remembered = range(begin - law.memory, end)
                handover = self._handover(cell, remembered.start, self._ear.samples_db(remembered, now_ns))
                change = handover or change
        return change if change.t_ns < until_ns else Change(until_ns, ChangeKind.LOST, cell)

    def _recovery_ns(self, direction: Direction, cell: int, now_ns: int, until_ns: int) -> int:
        """When the lost connection to a cell is good again, if that is before `until_ns`; else `until_ns`."""
        samples_ns = self._ear.grid_ns(range(now_ns // self._period_ns + 1, -(-until_ns // self._period_ns)))
        repaired_ns = [up_ns for _, up_ns in self._downtime(cell).intervals(now_ns, until_ns) if up_ns < until_ns]
        instants_ns = sorted({*samples_ns, *repaired_ns})
        if not instants_ns:
            return until_ns
        gain_db = self._ear.gain_db(instants_ns, self._alone(cell), now_ns)
        good = self._covered(self._quality(direction, gain_db, instants_ns, cell)[1])
        return instants_ns[int(good.argmax())] if good.any() else until_ns

    def next_change(self, direction: Direction, cell: int, level_db: float, since_ns: int, now_ns: int) -> Change:
        """What happens next to a flow served by `cell` at `level_db`, to which it has been attached `since_ns`."""
        downtime, flow = self._downtime(cell), (direction, cell, since_ns)
        if not downtime.is_up(now_ns):
            return Change(now_ns, ChangeKind.OUTAGE, cell)
        change = Change(downtime.next_change_ns(now_ns), ChangeKind.OUTAGE, cell)
        next_ns = (now_ns // self._period_ns + 1) * self._period_ns
        window = self._window
        if window is None or not window.knows(flow, next_ns, now_ns):
            if self._ahead == 0 and next_ns - 1 > now_ns:
                # What is done by the first sample need not know what comes after it.
                window = None
            else:
                window = self._window = self._looked(flow, now_ns)
        self._ahead = max(self._ahead, self.FEWEST)
        look_ns = next_ns - 1
        if window is not None:
            look_ns, change = window.look_ns, self._first(change, window, window.grid_ns.index(next_ns), level_db)
        if change.t_ns <= look_ns:
            return change
        if look_ns < FOREVER_NS:
            self._look = *flow, look_ns
            self._ear.expect_at(look_ns, self._next_question)
        return Change(look_ns, ChangeKind.LOOK, cell)

    def _looked(self, flow: tuple[Direction, int, int], now_ns: int) -> _Window:
        """What samples ahead say."""
        direction, cell, since_ns = flow
        samples, others = self._scope(since_ns, now_ns)
        self._look_farther()
        grid_ns = self._ear.grid_ns(samples)
        handover = None
        if others:
            remembered = self._remembered(samples, since_ns)
            gain_db = self._ear.samples_db(remembered, now_ns)
            handover = self._handover(cell, remembered.start, gain_db)
            gain_db = gain_db[:, -len(samples) :]
        else:
            gain_db = self._ear.gain_db(grid_ns, self._alone(cell), now_ns)
        level_db, margin_db = self._quality(direction, gain_db, grid_ns, cell)
        look_ns = self._served_until_ns(now_ns, since_ns, grid_ns[-1])
        return _Window(flow, grid_ns, level_db, margin_db < self._radio.rate_map.cut_db, handover, look_ns)

    def _first(self, change: Change, window: _Window, first: int, level_db: float) -> Change:
        """What comes first: a change that is known, or one at the samples of a window from this one on.

        Of changes at one instant the first in this order counts: an outage, a loss, a handover, a step of the level.
        """
        cell, grid_ns = window.flow[1], window.grid_ns[first:]
        lost, level_ahead_db = window.lost[first:], window.level_db[first:]
        moved = np.abs(level_ahead_db - level_db) >= self._radio.step_db
        k = int(lost.argmax())
        if lost[k] and grid_ns[k] < change.t_ns:
            change = Change(grid_ns[k], ChangeKind.LOST, cell)
        if window.handover is not None and window.handover.t_ns < change.t_ns:
            change = window.handover
        k = int(moved.argmax())
        if moved[k] and grid_ns[k] < change.t_ns:
            change = Change(grid_ns[k], ChangeKind.RATE, cell, float(level_ahead_db[k]))
        return change

    def _scope(self, since_ns: int, now_ns: int) -> tuple[range, bool]:
        """Numbers of the samples to look at, and whether at other cells too: not where no handover can be due yet."""
        samples = self._samples(now_ns)
        if self._ear.errs and self._ear.leg(now_ns).rests:
            # The levels are the same for as long as one likes; the errors are drawn in blocks.
            return range(samples[0], -(-(samples[0] + self.FEWEST) // BLOCK) * BLOCK), True
        due = -(-since_ns // self._period_ns) + self._radio.handover.trigger_samples - 1
        return (samples, True) if samples[0] >= due else (range(samples[0], min(samples.stop, due)), False)

    def _next_question(self) -> Question | None:
        """What `_looked` will ask next, if it is not known yet."""
        if self._look is None:
            return None
        _, cell, since_ns, look_ns = self._look
        samples, others = self._scope(since_ns, look_ns)
        if not others:
            return self._ear.question(self._ear.grid_ns(samples), self._alone(cell))
        return self._ear.samples_question(self._remembered(samples, since_ns))

    def _remembered(self, samples: range, since_ns: int) -> range:
        """These samples, and those before them that a trigger, and the filter behind it, remembers."""
        law = self._radio.handover
        begin = max(-(-since_ns // self._period_ns), samples[0] - (law.trigger_samples - 1))
        return range(begin - law.memory, samples.stop)

    def _handover(self, cell: int, first: int, gain_db: Floats) -> Change | None:
        """The A3 trigger in the gains of samples from number `first` on, which begin with what the filter remembers."""
        law, offset_db = self._radio.handover, self._radio.weather.offset_db
        measured_db, begin = self._ear.measured_db(first, gain_db), first + law.memory
        grid_ns = self._ear.grid_ns(range(begin, first + gain_db.shape[1]))
        works = not self._downtime(cell).intervals(grid_ns[0], grid_ns[-1])
        if works and not law.may_trigger(measured_db, cell, offset_db):
            return None
        filtered_db = law.filtered_dbm(measured_db)
        found = law.first_trigger(self._silenced(filtered_db, grid_ns), cell, offset_db)
        return found and Change(grid_ns[found[0]], ChangeKind.HANDOVER, found[1])

    def _alone(self, cell: int) -> int | None:
        """The cell to listen to for its own quality: itself, or all (None) if the others disturb it."""
        return None if self._radio.activity else cell

    def _strongest(self, direction: Direction, t_ns: int) -> int | None:
        _, margin_db = self.quality(direction, t_ns)
        gain_db = self.gain_db(t_ns) + self._radio.weather.offset_db
        best = int(gain_db.argmax())
        if margin_db[best] >= self._radio.rate_map.return_db:
            return best
        covered = self._covered(margin_db)
        return int(np.where(covered, gain_db, -np.inf).argmax()) if covered.any() else None

    def _covered(self, margin_db: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(margin_db >= self._radio.rate_map.return_db)

    def _quality(
        self, direction: Direction, gain_db: Floats, t_ns: Sequence[int], cell: int | None = None
    ) -> tuple[Floats, Floats]:
        """Of all cells (rows) at these instants, or of one, whose gains may come without the others'."""
        alone = cell is not None and len(gain_db) < len(self._radio.weather.site_of)
        heard_db = self._silenced(gain_db, t_ns, cell if alone else None)
        return self.budget.quality(direction, heard_db, 0 if alone else cell)

    def _silenced(self, gain_db: Floats, t_ns: Sequence[int], cell: int | None = None) -> Floats:
        """The gains of cells (rows) at instants that increase, minus infinity where a cell's site is down."""
        heard_db = gain_db
        for site, downtime in self._downtimes.items():
            for down_ns, up_ns in downtime.intervals(t_ns[0], t_ns[-1]):
                rows = self._radio.weather.rows_of(site) if cell is None else slice(None)
                if cell is not None and self._radio.weather.site_of[cell] != site:
                    continue
                heard_db = gain_db.copy() if heard_db is gain_db else heard_db
                heard_db[rows, bisect_left(t_ns, down_ns) : bisect_left(t_ns, up_ns)] = -np.inf
        return heard_db

    def _downtime(self, cell: int) -> Downtime:
        return self._downtimes.get(self._radio.weather.site_of[cell], _NEVER)

    def _samples(self, now_ns: int) -> range:
        """Numbers of the samples after an instant, as many as are to be looked at together."""
        first = now_ns // self._period_ns + 1
        return range(first, first + max(self._ahead, self.FEWEST))

    def _look_farther(self) -> None:
        """The next time, at twice as many samples."""
        self._ahead = min(2 * max(self._ahead, self.FEWEST), self.MOST)

    def _served_until_ns(self, now_ns: int, since_ns: int, end_ns: int) -> int:
        """When to look again at a served device: errors of measurement may hand over even one that rests."""
        return end_ns if self._ear.errs else self._horizon_ns(now_ns, since_ns, end_ns)

    def _horizon_ns(self, now_ns: int, since_ns: int, end_ns: int) -> int:
        """When to look again if nothing was found by `end_ns`: then, or for a device at rest at the end of its rest.

        It rests while it stands, is attached to the same cell, nothing gets in its way and no site fails or is
        repaired, for so long that no filter and no trigger remembers otherwise.
        """
        law, leg = self._radio.handover, self._ear.leg(now_ns)
        settled_ns = now_ns - (law.memory + law.trigger_samples) * self._period_ns
        if not leg.rests or max(leg.start_ns, since_ns) > settled_ns:
            return end_ns
        weather_ns = min((down.next_change_ns(settled_ns) for down in self._downtimes.values()), default=FOREVER_NS)
        if self._ear.obstructed:
            weather_ns = self._ear.next_obstacle_ns(settled_ns, min(weather_ns, now_ns + LOOKS_AHEAD_NS))
        if weather_ns <= now_ns:
            return end_ns
        rest_ns = min(leg.end_ns, weather_ns)
        if rest_ns >= FOREVER_NS:
            return FOREVER_NS
        return max(end_ns, (rest_ns - 1) // self._period_ns * self._period_ns)  # the last measurement before it
