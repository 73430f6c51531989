"""What a device hears along its way: the large-scale levels of all cells, and when something about them changes."""

from collections.abc import Mapping
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qflsim.radio.budget import Budget, Radio
from qflsim.radio.equipment import Hardware
from qflsim.records import Direction
from qflsim.units import FOREVER_NS, NS_PER_S, Floats, to_ns
from qflsim.world.blockage import Blocks, LinkWeather
from qflsim.world.mobility import Track
from qflsim.world.outages import Downtime

Instants = npt.NDArray[np.int64]
LOOKS_AHEAD_NS = 60 * NS_PER_S
"""How far ahead what may get in the way is looked for."""
KEPT = 64
"""Blocks of errors that are kept at a time."""
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
    """The next thing that matters to a flow, and (for a handover) the cell that it points to."""

    t_ns: int
    kind: ChangeKind
    cell: int


class Link:
    """One device's view of all cells, on a grid of measurement instants that is the same for everybody.

    All answers are functions of the world, of the instant and of what is asked; nothing is remembered but samples that
    would come out the same again. It looks ahead by few samples at first and by more as time goes on, and at other
    cells than the serving one no sooner than a handover can be due. `downtimes` are those of the sites that can fail,
    `obstacles` what makes the link to a site worse at times; `heard`, an instant and the gains there without those, in
    one column, if they are known; `errors` the streams of blocks of `MOST` samples, by which measurements err.
    """

    FEWEST, MOST = 4, 32

    def __init__(self, radio: Radio, track: Track, hardware: Hardware, downtimes: Mapping[int, Downtime],
                 obstacles: Mapping[int, LinkWeather] = _NOTHING,
                 heard: tuple[int, Floats] | None = None, errors: Blocks | None = None) -> None:  # fmt: skip
        self._radio, self._track, self._downtimes, self._obstacles = radio, track, downtimes, obstacles
        self._place = (hardware.height_m, hardware.indoor)
        self._errors, self._error_db = errors, dict[int, Floats]()
        self._errs = errors is not None and radio.handover.measurement_error_db > 0.0
        self.budget = Budget(radio, hardware)
        self._period_ns = radio.period_ns
        self._ahead = 0
        self._heard_ns, self._heard_db = heard or (-1, np.empty((0, 1)))
        self._last_ns, self._last_db = -1, np.empty((0, 1))
        self._asked: tuple[Direction, int] | None = None
        self._answer = (np.empty(0), np.empty(0))
        self._first = 0
        self._gain_db = np.empty((len(radio.weather.site_of), 0))
        """samples of all cells, from number `_first` on"""

    def quality(self, direction: Direction, t_ns: int) -> tuple[Floats, Floats]:
        """Level and margin [dB] of each cell at an instant, as `Budget.quality` has them; minus infinity where down."""
        if self._asked != (direction, t_ns):
            level_db, margin_db = self._quality(direction, self._at(t_ns), np.array([t_ns]))
            self._asked, self._answer = (direction, t_ns), (level_db[:, 0], margin_db[:, 0])
        return self._answer

    def _at(self, t_ns: int) -> Floats:
        """Gains [dB] of all cells at an instant, in one column."""
        if self._last_ns != t_ns:
            if t_ns == self._heard_ns:
                gain_db = self._heard_db.copy()
            else:
                x_m, y_m = self._track.leg(t_ns).at(t_ns)
                gain_db = self._radio.weather.gain_db(np.array([x_m]), np.array([y_m]), *self._place)
            self._last_ns, self._last_db = t_ns, self._worsened(gain_db, np.array([t_ns]), None)
        return self._last_db

    def works(self, cell: int, t_ns: int) -> bool:
        """Whether the site of a cell is up."""
        return self._downtime(cell).is_up(t_ns)

    def speed_m_per_s(self, t_ns: int) -> float:
        """Speed of the device."""
        return self._track.leg(t_ns).speed_m_per_s

    def coverage(self, direction: Direction, now_ns: int) -> tuple[int, int | None]:
        """(now, cell) of the strongest cell that is up and covers the device; else (when to look again, None).

        That is when a cell covers the device, or when the answer of `blocked_by_outage` changes.
        """
        best = self._strongest(direction, now_ns)
        if best is not None:
            return now_ns, best
        samples = self._samples(now_ns)
        grid_ns = samples * self._period_ns
        blocked = self.blocked_by_outage(direction, now_ns)
        gain_db = self._heard(int(samples[0]), int(samples[-1]) + 1)
        covered = self._covered(self._quality(direction, gain_db, grid_ns)[1]).any(axis=0)
        audible = self._covered(self.budget.quality(direction, gain_db)[1]).any(axis=0)
        news = covered | (audible != blocked)
        if news.any():
            return int(grid_ns[int(news.argmax())]), None
        return self._horizon_ns(now_ns, 0, int(grid_ns[-1])), None

    def blocked_by_outage(self, direction: Direction, now_ns: int) -> bool:
        """Whether some cell would cover the device now if its site were not down."""
        return bool(self._covered(self.budget.quality(direction, self._at(now_ns))[1]).any())

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
                for handover in self._handover(cell, begin, self._heard(begin - law.memory, end)):
                    change = handover
        return change if change.t_ns < until_ns else Change(until_ns, ChangeKind.LOST, cell)

    def _recovery_ns(self, direction: Direction, cell: int, now_ns: int, until_ns: int) -> int:
        """When the lost connection to a cell is good again, if that is before `until_ns`; else `until_ns`."""
        samples = np.arange(now_ns // self._period_ns + 1, -(-until_ns // self._period_ns)) * self._period_ns
        repaired_ns = [up_ns for _, up_ns in self._downtime(cell).intervals(now_ns, until_ns) if up_ns < until_ns]
        instants = np.unique(np.r_[samples, np.array(repaired_ns, dtype=np.int64)])
        if not len(instants):
            return until_ns
        alone = self._alone(cell)
        margin_db = self._quality(direction, self._gains(instants, alone), instants, alone)[1]
        good = self._covered(margin_db[cell if alone is None else 0])
        return int(instants[int(good.argmax())]) if good.any() else until_ns

    def next_change(self, direction: Direction, cell: int, level_db: float, since_ns: int, now_ns: int) -> Change:
        """What happens next to a flow served by `cell` at `level_db`, to which it has been attached `since_ns`."""
        downtime = self._downtime(cell)
        if not downtime.is_up(now_ns):
            return Change(now_ns, ChangeKind.OUTAGE, cell)
        law = self._radio.handover
        if self._ahead == 0:  # what is done by the first sample need not know what comes after it
            self._ahead = self.FEWEST
            next_ns = (now_ns // self._period_ns + 1) * self._period_ns - 1
            if next_ns > now_ns:
                failure_ns = downtime.next_change_ns(now_ns)
                look = Change(next_ns, ChangeKind.LOOK, cell)
                return Change(failure_ns, ChangeKind.OUTAGE, cell) if failure_ns <= next_ns else look
        samples = self._samples(now_ns)
        attached = -(-since_ns // self._period_ns)  # the first sample of this attachment
        due = attached + law.trigger_samples - 1  # the first at which a handover can be due
        handover: list[Change] = []
        if samples[0] < due:
            samples = samples[samples < due]
            grid_ns = samples * self._period_ns
            alone = self._alone(cell)
            level_ahead_db, margin_db = self._quality(direction, self._gains(grid_ns, alone), grid_ns, alone)
        else:
            grid_ns = samples * self._period_ns
            begin = max(attached, int(samples[0]) - (law.trigger_samples - 1))
            gain_db = self._heard(begin - law.memory, int(samples[-1]) + 1)
            handover = self._handover(cell, begin, gain_db)
            level_ahead_db, margin_db = self._quality(direction, gain_db[:, -len(samples) :], grid_ns)
        row = cell if len(level_ahead_db) > 1 else 0
        changes = [
            Change(downtime.next_change_ns(now_ns), ChangeKind.OUTAGE, cell),
            *_first(grid_ns, margin_db[row] < self._radio.rate_map.cut_db, ChangeKind.LOST, cell),
            *handover,
            *_first(grid_ns, np.abs(level_ahead_db[row] - level_db) >= self._radio.step_db, ChangeKind.RATE, cell),
            Change(self._served_until_ns(now_ns, since_ns, int(grid_ns[-1])), ChangeKind.LOOK, cell),
        ]
        return min(changes, key=lambda change: change.t_ns)  # of changes at one instant the first in this order

    def _handover(self, cell: int, begin: int, gain_db: Floats) -> list[Change]:
        """The A3 trigger among the samples from number `begin` on; `gain_db` has the filter's memory before them."""
        law = self._radio.handover
        filtered_db = law.filtered_dbm(self._measured_db(begin - law.memory, gain_db))
        end = begin + filtered_db.shape[1]
        grid_ns = np.arange(begin, end) * self._period_ns
        found = law.first_trigger(self._silenced(filtered_db, grid_ns), cell, self._radio.weather.offset_db)
        if found is None:
            return []
        sample, target = found
        return [Change(int(grid_ns[sample]), ChangeKind.HANDOVER, target)]

    def _alone(self, cell: int) -> int | None:
        """The cell to listen to for its own quality: itself, or all (None) if the others disturb it."""
        return None if self._radio.activity else cell

    def _measured_db(self, first: int, gain_db: Floats) -> Floats:
        """The gains of samples from this number on, with the errors that the device makes in measuring them."""
        if not self._errs:
            return gain_db
        assert self._errors is not None
        end = first + gain_db.shape[1]
        blocks = range(first // self.MOST, (end - 1) // self.MOST + 1)
        if len(self._error_db) > KEPT:
            self._error_db.clear()
        for block in blocks:
            if block not in self._error_db:
                self._error_db[block] = self._errors(block).standard_normal((len(gain_db), self.MOST))
        errors = np.concatenate([self._error_db[block] for block in blocks], axis=1)[:, first - blocks[0] * self.MOST :]
        return gain_db + self._radio.handover.measurement_error_db * errors[:, : end - first]

    def _strongest(self, direction: Direction, t_ns: int) -> int | None:
        _, margin_db = self.quality(direction, t_ns)
        covered = self._covered(margin_db)
        if not covered.any():
            return None
        gain_db = self._at(t_ns)[:, 0] + self._radio.weather.offset_db
        return int(np.where(covered, gain_db, -np.inf).argmax())

    def _covered(self, margin_db: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(margin_db >= self._radio.rate_map.return_db)

    def _quality(
        self, direction: Direction, gain_db: Floats, t_ns: Instants, cell: int | None = None
    ) -> tuple[Floats, Floats]:
        return self.budget.quality(direction, self._silenced(gain_db, t_ns, cell))

    def _silenced(self, gain_db: Floats, t_ns: Instants, cell: int | None = None) -> Floats:
        """The gains of cells (rows) at instants that increase, minus infinity where a cell's site is down."""
        heard_db = gain_db
        for site, downtime in self._downtimes.items():
            for down_ns, up_ns in downtime.intervals(int(t_ns[0]), int(t_ns[-1])):
                rows = self._radio.weather.rows_of(site) if cell is None else slice(None)
                if cell is not None and self._radio.weather.site_of[cell] != site:
                    continue
                heard_db = gain_db.copy() if heard_db is gain_db else heard_db
                heard_db[rows, (t_ns >= down_ns) & (t_ns < up_ns)] = -np.inf
        return heard_db

    def _downtime(self, cell: int) -> Downtime:
        return self._downtimes.get(self._radio.weather.site_of[cell], _NEVER)

    def _samples(self, now_ns: int) -> Instants:
        """Numbers of the samples after an instant, as many as are to be looked at together."""
        first, count = now_ns // self._period_ns + 1, max(self._ahead, self.FEWEST)
        self._ahead = min(2 * count, self.MOST)
        return np.arange(first, first + count)

    def _heard(self, first: int, end: int) -> Floats:
        """Gains [dB] of all cells at the samples of these numbers; those that were heard before are not heard again."""
        have_end = self._first + self._gain_db.shape[1]
        if not self._first <= first <= have_end:
            self._first, self._gain_db, have_end = first, self._gain_db[:, :0], first
        if end > have_end:
            fresh_db = self._gains(np.arange(have_end, end) * self._period_ns)
            self._gain_db = np.concatenate([self._gain_db[:, first - self._first :], fresh_db], axis=1)
            self._first = first
        return self._gain_db[:, first - self._first : end - self._first]

    def _gains(self, t_ns: Instants, cell: int | None = None) -> Floats:
        """Gains [dB] of all cells (rows), or one, at instants that increase."""
        x_m, y_m = self._track.positions_m(t_ns)
        fresh = np.ones(len(t_ns), dtype=bool)
        np.not_equal(x_m[1:], x_m[:-1], out=fresh[1:])
        fresh[1:] |= y_m[1:] != y_m[:-1]
        if fresh.all():
            gain_db = self._radio.weather.gain_db(x_m, y_m, *self._place, cell)
        else:  # a device at rest hears the same
            gain_db = self._radio.weather.gain_db(x_m[fresh], y_m[fresh], *self._place, cell)[:, np.cumsum(fresh) - 1]
        return self._worsened(gain_db, t_ns, cell)

    def _worsened(self, gain_db: Floats, t_ns: Instants, cell: int | None) -> Floats:
        """The gains less what stands in the way at these instants."""
        weather = self._radio.weather
        for site, obstacle in self._obstacles.items():
            if cell is None or weather.site_of[cell] == site:
                rows = weather.rows_of(site) if cell is None else slice(None)
                gain_db[rows] -= obstacle.loss_db(t_ns, partial(self._distance_m, site))
        return gain_db

    def _distance_m(self, site: int, t_ns: Instants) -> Floats:
        place = self._radio.sites.places[site]
        x_m, y_m = self._track.positions_m(t_ns)
        return np.hypot(x_m - place.x_m, y_m - place.y_m)

    def _served_until_ns(self, now_ns: int, since_ns: int, end_ns: int) -> int:
        """When to look again at a served device: errors of measurement may hand over even one that rests."""
        return end_ns if self._errs else self._horizon_ns(now_ns, since_ns, end_ns)

    def _horizon_ns(self, now_ns: int, since_ns: int, end_ns: int) -> int:
        """When to look again if nothing was found by `end_ns`: then, or for a device at rest at the end of its rest.

        It rests while it stands, is attached to the same cell, nothing gets in its way and no site fails or is
        repaired, for so long that no filter and no trigger remembers otherwise.
        """
        law, leg = self._radio.handover, self._track.leg(now_ns)
        settled_ns = now_ns - (law.memory + law.trigger_samples) * self._period_ns
        if leg.vx_m_per_s != 0.0 or leg.vy_m_per_s != 0.0 or max(leg.start_ns, since_ns) > settled_ns:
            return end_ns
        weather_ns = min((down.next_change_ns(settled_ns) for down in self._downtimes.values()), default=FOREVER_NS)
        for site, obstacle in self._obstacles.items():
            soon_ns = min(weather_ns, now_ns + LOOKS_AHEAD_NS)
            weather_ns = obstacle.next_change_ns(settled_ns, soon_ns, partial(self._distance_m, site))
        if weather_ns <= now_ns:
            return end_ns
        rest_ns = min(leg.end_ns, weather_ns)
        if rest_ns >= FOREVER_NS:
            return FOREVER_NS
        return max(end_ns, (rest_ns - 1) // self._period_ns * self._period_ns)  # the last measurement before it


def _first(grid_ns: Instants, condition: npt.NDArray[np.bool_], kind: ChangeKind, cell: int) -> list[Change]:
    k = int(np.argmax(condition))
    return [Change(int(grid_ns[k]), kind, cell)] if condition[k] else []
