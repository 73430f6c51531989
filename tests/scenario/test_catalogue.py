"""Kinds: from the catalogue, or models of the user's own, which run code and so need permission."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qflsim import records
from qflsim.errors import InputErrors
from qflsim.scenario.build import build
from qflsim.scenario.load import digest, inputs, load, parse, resolved
from qflsim.scenario.schema import Scenario
from qflsim.scenario.sources import read
from qflsim.terms import Fate

PLUGIN = '''
"""A mobility of the user's own: back and forth on a line, for as long as it lasts."""
import numpy as np
from qflsim.model import Model
from qflsim.units import NS_PER_S
from qflsim.world.tracks import Leg, Track

class Pendulum(Model):
    kind: str
    length_m: float
    swings: int = 1000
    file: str = "none"

    def track(self, rng: np.random.Generator) -> Track:
        start_m, signs = rng.uniform(0, self.length_m), (1.0, -1.0)
        return Track(Leg(k * NS_PER_S, (k + 1) * NS_PER_S, start_m + k % 2, 0.0, signs[k % 2], 0.0)
                     for k in range(self.swings))

class NoModel:
    kind = "x"
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts the module `swinging` where Python finds it."""
    (tmp_path / "swinging.py").write_text(PLUGIN)
    (tmp_path / "broken_swing.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("swinging", "broken_swing"):
        sys.modules.pop(name, None)


def data(**mobility: Any) -> dict[str, Any]:
    """A scenario with this mobility."""
    return {"name": "x", "stop": {"duration_s": 20.0}, "sites": {"at": [{"name": "a", "x_m": 0.0, "y_m": 9.0}]},
            "devices": [{"count": 3, "processor": {"kind": "simulator"}, "mobility": mobility}]}  # fmt: skip


@pytest.mark.usefixtures("plugin")
def test_a_plug_in_is_not_even_imported_without_permission() -> None:
    """A scenario from a stranger must not run code."""
    with pytest.raises(InputErrors, match="--allow-plugins"):
        parse(data(kind="swinging:Pendulum", length_m=5.0), Path())
    assert "swinging" not in sys.modules


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("swings", [1000, 7])
def test_a_mobility_of_ones_own_works_end_to_end(swings: int) -> None:
    """Its devices move, are served and train; its legs are recorded, each once, even where they come to an end."""
    scenario = parse(data(kind="swinging:Pendulum", length_m=5.0, swings=swings), Path(), plugins=True)
    told: list[records.Record] = []
    outcome = build(scenario, read(scenario), (told.append,)).run()
    assert outcome == ("the simulated time is over", False)
    assert sum(u.fate is Fate.APPLIED for u in told if isinstance(u, records.Update)) > 5
    legs = [record for record in told if isinstance(record, records.Leg) and record.device == 0]
    assert [leg.start_ns // 10**9 for leg in legs] == list(range(len(legs)))
    assert 5 < len(legs) <= swings


@pytest.mark.usefixtures("plugin")
def test_a_plug_in_is_read_again_from_its_resolved_form() -> None:
    """It is identified by what it says; a field named `file` of its own is not taken for an input of ours."""
    scenario = parse(data(kind="swinging:Pendulum", length_m=5.0), Path(), plugins=True)
    assert resolved(scenario)["devices"][0]["mobility"]["kind"] == "swinging:Pendulum"
    again = parse(resolved(scenario), Path(), plugins=True)
    assert again == scenario
    assert digest(again, inputs(again)) == digest(scenario, inputs(scenario))


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("kind", "want"),
    [
        ("nowhere_at_all:Pendulum", "a class that can be imported (No module named 'nowhere_at_all')"),
        ("swinging:Pendulums", "a class that can be imported (module 'swinging' has no attribute 'Pendulums')"),
        ("broken_swing:Pendulum", "a class that can be imported (division by zero)"),
        ("..swinging:Pendulum", "a class that can be imported (the 'package' argument is required"),
        (":Pendulum", "a class that can be imported (Empty module name)"),
        ("swinging:NoModel", "a class derived from qflsim.model.Model"),
        ("swinging:np", "a class derived from qflsim.model.Model"),
    ],
)
def test_what_is_no_plug_in_is_told(kind: str, want: str) -> None:
    """Whatever its module does or lacks, it is a mistake at its kind."""
    with pytest.raises(InputErrors) as caught:
        parse(data(kind=kind), Path(), plugins=True)
    (mistake,) = caught.value.errors
    assert (mistake.where, mistake.got) == ("devices.0.mobility.kind", repr(kind))
    assert mistake.want.startswith(want)


@pytest.mark.usefixtures("plugin")
def test_mistakes_inside_a_plug_in_are_told_like_ours() -> None:
    """Misspelt and wrong keys of the user's own model, with the nearest of its names."""
    with pytest.raises(InputErrors) as caught:
        parse(data(kind="swinging:Pendulum", lenght_m=5.0, swings=0.5), Path(), plugins=True)
    assert [(e.where.removeprefix("devices.0.mobility."), e.want) for e in caught.value.errors] == [
        ("length_m", "this key, which has no default"), ("swings", "a whole number"),
        ("lenght_m", "one of kind, length_m, swings, file; did you mean length_m?")]  # fmt: skip


def test_a_model_is_taken_as_it_is() -> None:
    """From Python a section may be the model itself."""
    scenario = load("quickstart")
    sections = {name: getattr(scenario, name) for name in Scenario.model_fields}
    assert resolved(Scenario.model_validate(sections)) == resolved(scenario)
