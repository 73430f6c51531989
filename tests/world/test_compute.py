"""Job times follow from the calibration rows."""

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.errors import InputError
from qflsim.world.compute import ION_TRAP, SUPERCONDUCTING, IonTrap, Processor, Simulator, Superconducting

CUBIC = (10, 15, 4)
"""Qubits, edges and colours of a cubic graph on ten nodes (a few need four colours)."""
COMPLETE = (10, 45, 9)
PROCESSORS: list[Processor] = [Superconducting(), IonTrap(), Simulator()]


@pytest.mark.parametrize(("layers", "circuit_s", "job_s"), [(1, 2.552e-6, 0.253), (3, 4.536e-6, 0.255)])
def test_torino_as_published(layers: int, circuit_s: float, job_s: float) -> None:
    """The reference times of 1,000 shots, which omit |+⟩: it adds one pulse of 32 ns."""
    law = Superconducting(preset="torino")
    plus_s = SUPERCONDUCTING["torino"].one_qubit_s
    assert law.circuit_s(*CUBIC, layers) - plus_s == pytest.approx(circuit_s, rel=1e-12)
    assert law.job_s(1, 1000, *CUBIC, layers) - 1000 * plus_s == pytest.approx(job_s, abs=5e-4)
    assert SUPERCONDUCTING["torino"].repetition_s / law.shot_s(*CUBIC, layers) > 0.98


@pytest.mark.parametrize(("layers", "without_plus_s"), [(1, 14.7), (3, 43.5)])
def test_aria_as_published(layers: int, without_plus_s: float) -> None:
    """The reference times of 1,000 shots omit |+⟩, which adds ten gates: 14.7 s becomes 16.05 s."""
    plus_s = 10 * ION_TRAP["aria"].one_qubit_s
    assert IonTrap().job_s(1, 1000, *CUBIC, layers) == pytest.approx(without_plus_s + 1000 * plus_s, rel=1e-12)
    assert IonTrap().job_s(1, 1000, *CUBIC, 1) == pytest.approx(16.05, rel=1e-12)


def test_an_exact_gradient() -> None:
    """Fifty circuits at p = 1: 12.6 s on torino, 12 min on aria (without |+⟩)."""
    plus_s = 50 * 1000 * 10 * ION_TRAP["aria"].one_qubit_s
    assert Superconducting().job_s(50, 1000, *CUBIC, 1) == pytest.approx(12.6, abs=0.05)
    assert (IonTrap().job_s(50, 1000, *CUBIC, 1) - plus_s) / 60 == pytest.approx(12, abs=0.3)


def test_jobs_of_a_round() -> None:
    """Two SPSA steps: batch 4 of 1,000 shots on torino, batch 2 of 30 shots on aria, batch 4 on a simulator."""
    assert Superconducting().job_s(16, 1000, *CUBIC, 3) == pytest.approx(4.07, abs=0.01)
    assert IonTrap().job_s(8, 30, *COMPLETE, 3) == pytest.approx(29.6, abs=0.1)
    assert Simulator().job_s(16, 1000, *CUBIC, 3) == pytest.approx(0.80, abs=0.005)


@pytest.mark.parametrize("law", PROCESSORS, ids=lambda law: law.kind)
def test_a_job_is_the_sum_of_its_circuits(law: Processor) -> None:
    """Time is linear in circuits, affine in shots and in layers, and no smaller for a larger graph."""
    one_s = law.job_s(1, 10, *CUBIC, 2)
    assert law.job_s(7, 10, *CUBIC, 2) == pytest.approx(7 * one_s, rel=1e-12)
    shots_s = [law.job_s(1, shots, *CUBIC, 2) for shots in (1, 2, 3)]
    assert shots_s[2] - shots_s[1] == pytest.approx(shots_s[1] - shots_s[0], rel=1e-9)
    layers_s = [law.circuit_s(*CUBIC, layers) for layers in (0, 1, 2)]
    assert layers_s[2] - layers_s[1] == pytest.approx(layers_s[1] - layers_s[0], rel=1e-9)
    assert law.circuit_s(*COMPLETE, 2) >= law.circuit_s(*CUBIC, 2)


@pytest.mark.parametrize("preset", sorted(SUPERCONDUCTING))
def test_every_preset_has_plausible_columns(preset: str) -> None:
    """T2 <= 2 T1; gates are shorter than the readout and far shorter than T1; errors are ordered."""
    law = Superconducting.model_validate({"preset": preset})
    made = law.calibration
    assert law.label == preset
    assert made.t2_s <= 2 * made.t1_s
    assert made.one_qubit_s < made.two_qubit_s < made.readout_s < made.t1_s
    assert made.one_qubit_error < made.two_qubit_error < made.readout_error
    assert made.repetition_s == 250e-6


@pytest.mark.parametrize(("law", "most"), [(Superconducting(), 133), (IonTrap(), 25), (Simulator(), 30)])
def test_a_graph_that_does_not_fit_is_refused(law: Processor, most: int) -> None:
    """The largest graph fits, one node more is the user's mistake."""
    law.circuit_s(most, 2 * most, 4, 1)
    with pytest.raises(InputError, match=law.label):
        law.job_s(1, 1, most + 1, 2 * most, 4, 1)


@pytest.mark.parametrize("kind", [Superconducting, IonTrap, Simulator])
def test_waits_are_exponential(kind: type[Superconducting] | type[IonTrap] | type[Simulator]) -> None:
    """A reserved slot never waits; a queue's waits have its mean, and a spread equal to it."""
    rng = np.random.default_rng(11)
    assert kind().queue_s(rng) == 0.0
    waits_s = np.array([kind(queue_mean_s=6.0).queue_s(rng) for _ in range(4000)])
    assert abs(waits_s.mean() - 6.0) < 5 * waits_s.std() / np.sqrt(4000)
    # The relative standard error of an exponential's standard deviation is sqrt(2 / n).
    assert abs(waits_s.std() / 6.0 - 1) < 5 * np.sqrt(2 / 4000)


@pytest.mark.parametrize("fields", [{"preset": "osprey"}, {"queue_mean_s": -1.0}, {"compile_s": True}, {"kind": "x"}])
def test_bad_parameters_are_refused(fields: dict[str, object]) -> None:
    """Unknown presets and kinds, negative times and booleans."""
    with pytest.raises(ValidationError):
        Superconducting.model_validate(fields)
