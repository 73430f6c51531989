"""Findings: what several figures and tables share is found once, and is what each would find itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from qflsim.study import plots
from qflsim.study.blame import blame
from qflsim.study.fairness import fairness
from qflsim.study.findings import Findings, findings
from qflsim.study.phases import Delays
from qflsim.study.stragglers import Paths, stragglers
from qflsim.trace.reader import Trace


@pytest.fixture
def found_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is worked out, in its order."""
    done: list[str] = []

    def counted(owner: type, name: str) -> None:
        usual: Callable[..., Any] = getattr(owner, name)

        def once_more(*args: Any) -> Any:
            done.append(name if name != "__init__" else owner.__name__)
            return usual(*args)

        monkeypatch.setattr(owner, name, once_more)

    counted(Delays, "__init__")
    counted(Paths, "waits")
    usual = Trace.updates
    monkeypatch.setattr(Trace, "updates", property(lambda trace: done.append("updates") or usual.fget(trace)))
    return done


def test_it_is_what_each_would_find(finished: Trace) -> None:
    """The same stragglers, the same fairness, the same blame; findings of findings are they themselves."""
    found = Findings(finished)
    pd.testing.assert_frame_equal(found.stragglers, stragglers(finished))
    assert found.fairness == fairness(finished)
    assert findings(found) is found
    assert findings(finished).trace is finished
    before = found.stragglers.copy()
    pd.testing.assert_frame_equal(blame(found, 2), blame(finished, 2))
    pd.testing.assert_frame_equal(found.stragglers, before)


def test_all_figures_find_it_once(finished: Trace, tmp_path: Path, found_by: list[str]) -> None:
    """Phases, waits and participations, however many figures show them."""
    assert len(plots.plot(finished, tmp_path / "figures", "png").files) == len(plots.FIGURES)
    assert sorted(found_by) == ["Delays", "updates", "waits"]


def test_the_command_finds_it_once(qflsim: Callable[..., Any], finished: Trace, tmp_path: Path, found_by: list[str]
                                   ) -> None:  # fmt: skip
    """Table, figure and blame are of one and the same."""
    assert qflsim("stragglers", finished.path, "--plot", tmp_path / "s.png", "--blame", "1").code == 0
    assert sorted(found_by) == ["Delays", "waits"]
