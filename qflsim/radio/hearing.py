"""What devices hear of the cells, worked out for many of them at once."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from qflsim.radio.weather import Weather
from qflsim.units import Floats

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

    def put(self, question: Question) -> None:
        """A question that will surely be asked."""
        self._sure.append(question)

    def put_at(self, t_ns: int, question: Callable[[], Question | None]) -> None:
        """Somebody may have a question at this instant: he says then which, if any. He is asked if anybody asks."""
        self._at.setdefault(t_ns, []).append(question)

    def answer(self, question: Question, now_ns: int) -> Floats:
        """The answer to a question, put beforehand or not."""
        if question.gain_db is None:
            others = [asked for ask in self._at.pop(now_ns, ()) if (asked := ask()) is not None]
            self._answer(dict.fromkeys([*self._sure, *others, question]))
            self._sure = []
            for past_ns in [t_ns for t_ns in self._at if t_ns < now_ns]:
                del self._at[past_ns]
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
