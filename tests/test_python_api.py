"""The package from Python: three names, imported when they are asked for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import qflsim
from qflsim.trace.reader import Trace


def test_load_run_and_ask(tiny: Path, finished: Trace, tmp_path: Path) -> None:
    """A scenario is loaded and run; its trace answers with data frames in seconds, and can be opened again."""
    scenario = qflsim.load(tiny)
    trace = qflsim.run(scenario, out=tmp_path / "t.h5", workers=1)
    again = qflsim.Trace(str(tmp_path / "t.h5"))
    assert trace.fingerprint == again.fingerprint == finished.fingerprint
    frames = ("updates", "versions", "evaluations", "transfers", "trainings", "handovers", "outages", "legs", "events")
    for name in frames:
        frame = getattr(again, name)
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == again.rows[name]
        assert not [column for column in frame.columns if column.endswith("_ns")]
    assert again.updates["ended_s"].max() == 12.0
    assert again.params(0) == pytest.approx(np.full(2, 0.05))
    assert again.scenario["name"] == "tiny"


def test_a_shipped_scenario_goes_by_name() -> None:
    """`load` takes a path or a name."""
    assert qflsim.load("quickstart").name == "quickstart"


def test_importing_the_package_is_light() -> None:
    """`import qflsim` takes none of the libraries; asking for `run` does."""
    told = "import sys, qflsim; print('numpy' in sys.modules); qflsim.run; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_other_names_are_not_there() -> None:
    """A misspelt name is an AttributeError, as in any module; the three names are listed."""
    with pytest.raises(AttributeError, match="simulate"):
        qflsim.simulate  # noqa: B018
    assert qflsim.__all__ == ["Trace", "load", "run"]
