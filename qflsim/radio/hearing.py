"""What devices hear: the levels of all cells along their ways, worked out for many of them at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from qflsim.radio.budget import Radio
from qflsim.radio.equipment import Hardware
from qflsim.radio.weather import Weather
from qflsim.units import NS_PER_S, Floats
from qflsim.world.blockage import Blocks, LinkWeather
from qflsim.world.tracks import Leg, Track

Instants = npt.NDArray[np.int64]
BLOCK = 32
"""Samples whose errors are drawn from one stream."""
KEPT = 64
"""Blocks of errors that are kept at a time."""
SOON_NS = 60 * NS_PER_S
"""How far ahead questions are put."""
_MANY = 64
"""Instants of questions that may lie in the past before they are dropped."""
_NO_LEG = Leg(0, 0, 0.0, 0.0, 0.0, 0.0)
_Kind: TypeAlias = tuple[float, bool, bool]
"""Height, whether in a building, and whether one cell is meant."""


class Question:
    """How loud all cells are, or one, to a device at some places. `gain_db` is None until somebody needs the answer.

    The answer has a row for each cell, or one, and a column for each place: gains in dB, those of `Weather.gain_db`.
    """

    __slots__ = ("cell", "gain_db", "height_m", "indoor", "x_m", "y_m")

    def __init__(self, x_m: list[float], y_m: list[float], height_m: float, indoor: bool, cell: int | None) -> None:
        self.x_m, self.y_m, self.height_m, self.indoor, self.cell = x_m, y_m, height_m, indoor, cell
        self.gain_db: Floats | None = None


class Hearing:
    """Answers questions to the weather. Those that are known beforehand are answered with the first that is asked.

    One answer to many questions takes little more time than one to a single one, and is the same to the last bit.
    """

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._sure: list[Question] = []
        self._at: dict[int, list[Callable[[], Question | None]]] = {}
        self._most = _MANY

    def put(self, question: Question) -> None:
        """A question that will surely be asked."""
        self._sure.append(question)

    def put_at(self, t_ns: int, question: Callable[[], Question | None]) -> None:
        """Somebody may have a question at this instant: he says then which, if any. He is asked if anybody asks."""
        self._at.setdefault(t_ns, []).append(question)

    def answer(self, question: Question, now_ns: int) -> Floats:
        """The answer to a question, put beforehand or not."""
        if len(self._at) > self._most:
            self._at = {t_ns: asked for t_ns, asked in self._at.items() if t_ns >= now_ns}
            self._most = 2 * len(self._at) + _MANY
        if question.gain_db is None:
            others = [asked for ask in self._at.pop(now_ns, ()) if (asked := ask()) is not None]
            self._answer(dict.fromkeys([*self._sure, *others, question]))
            self._sure = []
        assert question.gain_db is not None
        return question.gain_db

    def _answer(self, questions: Iterable[Question]) -> None:
        alike: dict[_Kind, list[Question]] = {}
        for one in questions:
            if one.gain_db is None:
                alike.setdefault((one.height_m, one.indoor, one.cell is not None), []).append(one)
        for (height_m, indoor, single), group in alike.items():
            x_m = np.array([x_m for one in group for x_m in one.x_m])
            y_m = np.array([y_m for one in group for y_m in one.y_m])
            counts = [len(one.x_m) for one in group]
            cells = np.repeat([one.cell for one in group], counts) if single else None
            gain_db = self._weather.gain_db(x_m, y_m, height_m, indoor, cells)
            end = 0
            for one, count in zip(group, counts, strict=True):
                one.gain_db, end = gain_db[:, end : end + count], end + count


_Asked: TypeAlias = tuple[Question, npt.NDArray[np.int64] | None]
"""A question, and which of its places belongs to each instant; None where each has its own."""


class Ear:
    """What one device hears along its way, whether sites work or not: gains at any instant, and measurements of them.

    Measurements are *samples*, numbered, at multiples of a period that are the same for everybody. Answers are
    functions of the instants that are asked for; what is kept would come out the same again. Ears that share a
    `hearing` are worked out together as far as they know what they will ask. `obstacles` are what makes the link to a
    site worse at times, `errors` the streams of blocks of samples by which measurements err; none: they do not.
    """

    def __init__(self, radio: Radio, track: Track, hardware: Hardware, obstacles: Mapping[int, LinkWeather],
                 errors: Blocks | None, hearing: Hearing | None) -> None:  # fmt: skip
        self._radio, self._track, self._obstacles = radio, track, obstacles
        self._height_m, self._indoor = hardware.height_m, hardware.indoor
        self._hearing = hearing or Hearing(radio.weather)
        self._period_ns = radio.period_ns
        self._errors = errors if radio.handover.measurement_error_db > 0.0 else None
        self._error_db: dict[int, Floats] = {}
        self._leg = _NO_LEG
        self._expected: tuple[Sequence[int], int | None, _Asked] | None = None
        """at which instants and of which cell something will be asked, and the question"""
        self._here: Question | None = None
        """the last one about all cells"""
        self._last_ns, self._last_db = -1, np.empty((0, 1))
        self._first = 0
        self._gain_db = np.empty((len(radio.weather.site_of), 0))
        """samples of all cells, from number `_first` on"""

    @property
    def errs(self) -> bool:
        """Whether measurements err."""
        return self._errors is not None

    @property
    def obstructed(self) -> bool:
        """Whether something can get in the way."""
        return bool(self._obstacles)

    def leg(self, t_ns: int) -> Leg:
        """The device's leg at an instant."""
        if not self._leg.start_ns <= t_ns < self._leg.end_ns:
            self._leg = self._track.leg(t_ns)
        return self._leg

    def grid_ns(self, samples: range) -> range:
        """The instants of samples of these numbers."""
        return range(samples.start * self._period_ns, samples.stop * self._period_ns, self._period_ns)

    def at(self, t_ns: int) -> Floats:
        """Gains [dB] of all cells at an instant, in one column."""
        if self._last_ns != t_ns:
            self._last_ns, self._last_db = t_ns, self.gain_db(range(t_ns, t_ns + 1), None, t_ns)
        return self._last_db

    def gain_db(self, t_ns: Sequence[int], cell: int | None, now_ns: int) -> Floats:
        """Gains [dB] of all cells (rows), or one, at instants that increase (columns)."""
        expected, self._expected = self._expected, None
        question, of_instant = expected[2] if expected and expected[:2] == (t_ns, cell) else self._asked(t_ns, cell)
        gain_db = self._hearing.answer(question, now_ns)
        return self._worsened(gain_db if of_instant is None else gain_db[:, of_instant], t_ns, cell)

    def samples_db(self, samples: range, now_ns: int) -> Floats:
        """Gains [dB] of all cells at samples of these numbers; those that were heard before are not heard again."""
        fresh, past = self._not_kept(samples), samples.start - self._first
        if fresh:
            fresh_db = self.gain_db(self.grid_ns(fresh), None, now_ns)
            known_db = self._gain_db[:, past:] if fresh.start > samples.start else self._gain_db[:, :0]
            self._first, past, self._gain_db = samples.start, 0, np.concatenate([known_db, fresh_db], axis=1)
        return self._gain_db[:, past : past + len(samples)]

    def measured_db(self, first: int, gain_db: Floats) -> Floats:
        """The gains of samples from this number on, with the errors that the device makes in measuring them."""
        if self._errors is None:
            return gain_db
        end = first + gain_db.shape[1]
        blocks = range(first // BLOCK, (end - 1) // BLOCK + 1)
        if len(self._error_db) > KEPT:
            self._error_db.clear()
        for block in blocks:
            if block not in self._error_db:
                self._error_db[block] = self._errors(block).standard_normal((len(gain_db), BLOCK))
        errors = np.concatenate([self._error_db[block] for block in blocks], axis=1)[:, first - blocks[0] * BLOCK :]
        return gain_db + self._radio.handover.measurement_error_db * errors[:, : end - first]

    def next_obstacle_ns(self, t_ns: int, until_ns: int) -> int:
        """When something gets in or out of the way after an instant, if it does before another one; else that."""
        for site, obstacle in self._obstacles.items():
            until_ns = obstacle.next_change_ns(t_ns, until_ns, partial(self._distance_m, site))
        return until_ns

    # --- what will be asked

    def expect(self, t_ns: int, now_ns: int) -> None:
        """Somebody will ask what is heard at this instant, if the run lasts.

        Not if that is long after now: ways need not be drawn that nobody may go. Nor where ranges are strict.
        """
        if t_ns - now_ns <= SOON_NS and not self._radio.weather.strict:
            self._hearing.put(self.question(range(t_ns, t_ns + 1), None))

    def expect_at(self, t_ns: int, question: Callable[[], Question | None]) -> None:
        """Somebody may ask something at this instant; what, if anything, he says then."""
        self._hearing.put_at(t_ns, question)

    def question(self, t_ns: Sequence[int], cell: int | None) -> Question:
        """What will be asked about these instants, which `gain_db` then knows again."""
        asked = self._asked(t_ns, cell)
        self._expected = t_ns, cell, asked
        return asked[0]

    def samples_question(self, samples: range) -> Question | None:
        """What will be asked about these samples; None if they have been heard."""
        fresh = self._not_kept(samples)
        return self.question(self.grid_ns(fresh), None) if fresh else None

    # --- small things

    def _not_kept(self, samples: range) -> range:
        """Those of the samples that are not kept: the later ones, if any of the first are."""
        end = self._first + self._gain_db.shape[1]
        return range(max(end, samples.start), samples.stop) if self._first <= samples.start <= end else samples

    def _asked(self, t_ns: Sequence[int], cell: int | None) -> _Asked:
        """What there is to ask about these instants; a device at rest asks once for all of them."""
        leg = self.leg(t_ns[0])
        x_m, y_m = [leg.x_m], [leg.y_m]
        of_instant = np.zeros(len(t_ns), dtype=np.int64) if len(t_ns) > 1 else None
        if not leg.start_ns <= t_ns[0] <= t_ns[-1] < leg.end_ns:
            x_all_m, y_all_m = self._track.positions_m(np.array(t_ns))
            fresh = np.ones(len(t_ns), dtype=bool)
            fresh[1:] = (x_all_m[1:] != x_all_m[:-1]) | (y_all_m[1:] != y_all_m[:-1])
            x_m, y_m = x_all_m[fresh].tolist(), y_all_m[fresh].tolist()
            of_instant = None if fresh.all() else np.cumsum(fresh) - 1
        elif not leg.rests:
            elapsed_s = [(instant_ns - leg.start_ns) / NS_PER_S for instant_ns in t_ns]
            x_m = [leg.x_m + leg.vx_m_per_s * passed_s for passed_s in elapsed_s]
            y_m = [leg.y_m + leg.vy_m_per_s * passed_s for passed_s in elapsed_s]
            of_instant = None
        question = Question(x_m, y_m, self._height_m, self._indoor, cell)
        if (here := self._here) is not None and here.gain_db is not None and (here.x_m, here.y_m) == (x_m, y_m):
            question.gain_db = here.gain_db if cell is None else here.gain_db[cell : cell + 1]
        elif cell is None:
            self._here = question
        return question, of_instant

    def _worsened(self, gain_db: Floats, t_ns: Sequence[int], cell: int | None) -> Floats:
        """The gains less what stands in the way at these instants."""
        if not self._obstacles:
            return gain_db
        weather, gain_db, instants_ns = self._radio.weather, gain_db.copy(), np.array(t_ns)
        for site, obstacle in self._obstacles.items():
            if cell is None or weather.site_of[cell] == site:
                rows = weather.rows_of(site) if cell is None else slice(None)
                gain_db[rows] -= obstacle.loss_db(instants_ns, partial(self._distance_m, site))
        return gain_db

    def _distance_m(self, site: int, t_ns: Instants) -> Floats:
        place = self._radio.sites.places[site]
        x_m, y_m = self._track.positions_m(t_ns)
        return np.hypot(x_m - place.x_m, y_m - place.y_m)
