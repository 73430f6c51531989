"""Job times follow from the calibration rows, and so does what spoils a circuit."""

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.errors import InputError
from qflsim.units import to_ns
from qflsim.world.calibrations import ION_TRAP, SUPERCONDUCTING
from qflsim.world.compute import (
    Circuit,
    IonTrap,
    Processor,
    Simulator,
    Superconducting,
    classifier_circuit,
    energy_j,
    qaoa_circuit,
)

PROCESSORS: list[Processor] = [Superconducting(), IonTrap(), Simulator()]


def cubic(layers: int) -> Circuit:
    """A cubic graph on ten nodes (a few need four colours)."""
    return qaoa_circuit(10, 15, 4, layers)


def complete(layers: int) -> Circuit:
    """The complete graph on ten nodes."""
    return qaoa_circuit(10, 45, 9, layers)


@pytest.mark.parametrize(("layers", "circuit_s", "job_s"), [(1, 2.552e-6, 0.253), (3, 4.536e-6, 0.255)])
def test_torino_as_published(layers: int, circuit_s: float, job_s: float) -> None:
    """The reference times of 1,000 shots, which omit |+⟩: it adds one pulse of 32 ns."""
    law = Superconducting(preset="torino")
    plus_s = SUPERCONDUCTING["torino"].one_qubit_s
    assert law.circuit_s(cubic(layers)) - plus_s == pytest.approx(circuit_s, rel=1e-12)
    assert law.job_s(1, 1000, cubic(layers)) - 1000 * plus_s == pytest.approx(job_s, abs=5e-4)
    assert SUPERCONDUCTING["torino"].repetition_s / law.shot_s(cubic(layers)) > 0.98


@pytest.mark.parametrize(("layers", "without_plus_s"), [(1, 14.7), (3, 43.5)])
def test_aria_as_published(layers: int, without_plus_s: float) -> None:
    """The reference times of 1,000 shots omit |+⟩, which adds ten gates: 14.7 s becomes 16.05 s."""
    plus_s = 10 * ION_TRAP["aria"].one_qubit_s
    assert IonTrap().job_s(1, 1000, cubic(layers)) == pytest.approx(without_plus_s + 1000 * plus_s, rel=1e-12)
    assert IonTrap().job_s(1, 1000, cubic(1)) == pytest.approx(16.05, rel=1e-12)


def test_an_exact_gradient() -> None:
    """Fifty circuits at p = 1: 12.6 s on torino, 12 min on aria (without |+⟩)."""
    plus_s = 50 * 1000 * 10 * ION_TRAP["aria"].one_qubit_s
    assert Superconducting().job_s(50, 1000, cubic(1)) == pytest.approx(12.6, abs=0.05)
    assert (IonTrap().job_s(50, 1000, cubic(1)) - plus_s) / 60 == pytest.approx(12, abs=0.3)


def test_jobs_of_a_round() -> None:
    """Two SPSA steps: batch 4 of 1,000 shots on torino, batch 2 of 30 shots on aria, batch 4 on a simulator."""
    assert Superconducting().job_s(16, 1000, cubic(3)) == pytest.approx(4.07, abs=0.01)
    assert IonTrap().job_s(8, 30, complete(3)) == pytest.approx(29.6, abs=0.1)
    assert Simulator().job_s(16, 1000, cubic(3)) == pytest.approx(0.80, abs=0.005)


@pytest.mark.parametrize("law", PROCESSORS, ids=lambda law: law.kind)
def test_a_job_is_the_sum_of_its_circuits(law: Processor) -> None:
    """Time is linear in circuits, affine in shots and in layers, and no smaller for a larger graph."""
    one_s = law.job_s(1, 10, cubic(2))
    assert law.job_s(7, 10, cubic(2)) == pytest.approx(7 * one_s, rel=1e-12)
    shots_s = [law.job_s(1, shots, cubic(2)) for shots in (1, 2, 3)]
    assert shots_s[2] - shots_s[1] == pytest.approx(shots_s[1] - shots_s[0], rel=1e-9)
    layers_s = [law.circuit_s(cubic(layers)) for layers in (0, 1, 2)]
    assert layers_s[2] - layers_s[1] == pytest.approx(layers_s[1] - layers_s[0], rel=1e-9)
    assert law.circuit_s(complete(2)) >= law.circuit_s(cubic(2))


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
    """The largest graph fits, one node more is the user's mistake, and the way out is told."""
    assert (law.room, law.qpus(most)) == (most, 1)
    with pytest.raises(InputError, match=rf'{most + 1} qubits on {law.label}; want at most {most} .*kind = "split"'):
        law.qpus(most + 1)


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


def old_times_s(preset: str, edges: int, colours: int, layers: int) -> tuple[float, float]:
    """One circuit on ten qubits, layer by layer: superconducting, and on ions."""
    made, ion = SUPERCONDUCTING[preset], ION_TRAP["aria"]
    layer_s = colours * (2 * made.two_qubit_s + 3 * made.one_qubit_s) + 2 * made.one_qubit_s
    mixer_s = 10 * ion.one_qubit_s
    ion_s = mixer_s + layers * (edges * (ion.two_qubit_s + 2 * ion.one_qubit_s) + mixer_s) + ion.readout_s
    return made.one_qubit_s + layers * layer_s + made.readout_s, ion_s


@pytest.mark.parametrize("preset", sorted(SUPERCONDUCTING))
def test_qaoa_takes_its_layers_one_after_another(preset: str) -> None:
    """Counting a circuit's layers and adding up the times of its layers is the same to the nanosecond of every job."""
    for edges, colours, layers in [(15, 3, 1), (15, 4, 3), (15, 5, 2), (45, 9, 11), (0, 0, 4)]:
        circuit = qaoa_circuit(10, edges, colours, layers)
        law = Superconducting.model_validate({"preset": preset})
        for shots in (1, 30, 1000):
            superconducting_s, ion_s = old_times_s(preset, edges, colours, layers)
            assert to_ns(law.job_s(2, shots, circuit)) == to_ns(2 * shots * (250e-6 + superconducting_s))
            assert to_ns(IonTrap().job_s(2, shots, circuit)) == to_ns(2 * shots * ion_s)


@pytest.mark.parametrize(
    ("qubits", "ring", "colours"), [(1, 0, 0), (2, 1, 1), (3, 3, 3), (4, 4, 2), (7, 7, 3), (8, 8, 2)]
)
def test_a_ring_of_gates_has_two_or_three_colours(qubits: int, ring: int, colours: int) -> None:
    """An even cycle is coloured with two, an odd one with three; two qubits share one gate."""
    circuit = classifier_circuit(qubits, 5)
    assert circuit == Circuit(qubits, 0, 6, cz_gates=5 * ring, cz_layers=5 * colours)


def test_a_classifier_by_hand() -> None:
    """Four qubits, two layers: encoding and two rotations, four layers of CZ of two gates each."""
    made, ion, circuit = SUPERCONDUCTING["torino"], ION_TRAP["aria"], classifier_circuit(4, 2)
    expected_s = 6 * made.one_qubit_s + 4 * made.two_qubit_s + made.readout_s
    assert Superconducting().circuit_s(circuit) == pytest.approx(expected_s, rel=1e-12)
    ion_s = 12 * ion.one_qubit_s + 8 * (ion.two_qubit_s + 2 * ion.one_qubit_s) + ion.readout_s
    assert IonTrap().circuit_s(circuit) == pytest.approx(ion_s, rel=1e-12)
    assert Simulator().circuit_s(circuit) == pytest.approx(48e-3 + 20 * 16 * 10e-9, rel=1e-12)


def test_exposure_by_hand() -> None:
    """Torino, cubic, p = 1: 75 pulses, 30 CZ; ten qubits, each of which waits for 376 ns of 1,024."""
    exposure = Superconducting().exposure(cubic(1))
    assert exposure[1:4] == (10, 75, 30)
    assert exposure.idle_s == pytest.approx((10 * 1024e-9 - 75 * 32e-9 - 2 * 30 * 68e-9) / 10, rel=1e-9)
    assert exposure.link == 1.0


def test_ions_wait_while_others_have_their_gates() -> None:
    """One qubit alone never waits; of two, each waits through the other's one-qubit gates and through no pair's."""
    ion = ION_TRAP["aria"]
    assert IonTrap().exposure(Circuit(1, 1, 3)).idle_s == pytest.approx(0.0, abs=1e-15)
    assert IonTrap().exposure(Circuit(2, 1, 3)).idle_s == pytest.approx(4 * ion.one_qubit_s, rel=1e-9)
    more = IonTrap().exposure(Circuit(2, 1, 3, cz_gates=5)).idle_s
    assert more == pytest.approx((4 + 5) * ion.one_qubit_s, rel=1e-9)


@pytest.mark.parametrize("law", PROCESSORS, ids=lambda law: law.kind)
def test_energy_is_power_times_time(law: Processor) -> None:
    """A job of 2 s draws twice the power; a superconductor's 50 kJ, a simulator's 30 J."""
    assert energy_j(law, 2.0, 10) == 2 * law.power_w
    assert energy_j(Superconducting(), 2.0, 10) == 50e3
    assert energy_j(Simulator(), 2.0, 10) == 30.0
