"""The variational circuit: against a plain QNode, its symmetries, exact limits, and the statistics of shots."""

import tracemalloc
from typing import Any

import numpy as np
import pennylane as qml
import pytest

from qflsim.errors import InputError
from qflsim.quantum.noise import Noise
from qflsim.quantum.variational import (
    AMPLITUDES,
    VariationalCircuit,
    _signs,
    measured,
    sampled,
    shift_jacobian,
    z_values,
)
from qflsim.units import Floats


def plain(circuit: VariationalCircuit) -> Any:
    """The same circuit as a QNode, gate by gate, on `lightning.qubit`."""
    n = circuit.qubits

    @qml.qnode(qml.device("lightning.qubit", wires=n), diff_method="adjoint")
    def node(features: Any, params: Any) -> Any:
        angles = params.reshape(circuit.layers, 2, n)
        for wire in range(n):
            qml.RY(features[wire], wire)
        for about_z, about_y in angles:
            for wire in range(n if n > 2 else n - 1):
                qml.CZ((wire, (wire + 1) % n))
            for wire in range(n):
                qml.RZ(about_z[wire], wire)
                qml.RY(about_y[wire], wire)
        return [qml.expval(qml.PauliZ(k)) for k in range(circuit.outputs)]

    return node


def drawn(circuit: VariationalCircuit, samples: int, seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """Random parameters, features and slopes."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, np.pi, (samples, circuit.qubits))
    return rng.uniform(-4, 4, circuit.parameters), features, rng.normal(size=(samples, circuit.outputs))


@pytest.mark.parametrize(
    "circuit", [VariationalCircuit(1, 2, 1), VariationalCircuit(2, 2, 2), VariationalCircuit(3, 1, 2),
                VariationalCircuit(4, 3, 2), VariationalCircuit(5, 2, 5)])  # fmt: skip
def test_values_and_gradient_are_those_of_the_plain_circuit(circuit: VariationalCircuit) -> None:
    """Every <Z_k> of every sample, and the gradient of a weighted sum of them, by PennyLane's adjoint method."""
    params, features, slopes = drawn(circuit, samples=3)
    node = plain(circuit)

    def weighted(angles: Any) -> Any:
        return sum(qml.math.sum(qml.math.stack(node(x, angles)) * s) for x, s in zip(features, slopes, strict=True))

    scores, back = circuit.pullback(params, features)
    np.testing.assert_allclose(scores, [node(x, params) for x in features], atol=1e-12)
    np.testing.assert_allclose(circuit.scores(params, features), scores, atol=1e-15)
    wanted = qml.grad(weighted)(qml.numpy.array(params, requires_grad=True))
    np.testing.assert_allclose(back(slopes), wanted, atol=1e-12)


def test_a_batch_longer_than_a_register_is_the_sum_of_its_samples() -> None:
    """Any number of samples works: each alone gives the same values, and the gradients add."""
    circuit = VariationalCircuit(10, 1, 2)
    samples = 2 * (AMPLITUDES >> 10) + 5
    params, features, slopes = drawn(circuit, samples)
    scores, back = circuit.pullback(params, features)
    alone = [circuit.pullback(params, features[at : at + 1]) for at in range(samples)]
    np.testing.assert_allclose(scores, np.concatenate([part[0] for part in alone]), atol=1e-13)
    np.testing.assert_allclose(circuit.scores(params, features), scores, atol=1e-13)
    added = sum(part[1](slopes[at : at + 1]) for at, part in enumerate(alone))
    np.testing.assert_allclose(back(slopes), added, atol=1e-11)


def test_one_layer_on_one_qubit_by_hand() -> None:
    """RY(x), RZ(a), RY(b): <Z> = cos x cos b - sin x cos a sin b, by Bloch's sphere."""
    x, a, b = 0.7, 0.4, -1.1
    value = VariationalCircuit(1, 1, 1).scores(np.array([a, b]), np.array([[x]]))
    assert value[0, 0] == pytest.approx(np.cos(x) * np.cos(b) - np.sin(x) * np.cos(a) * np.sin(b), abs=1e-15)


def test_no_angle_is_without_effect() -> None:
    """With an output on every qubit, each derivative is far from zero at generic angles."""
    circuit = VariationalCircuit(4, 3, 4)
    params, features, slopes = drawn(circuit, samples=8)
    assert np.abs(circuit.pullback(params, features)[1](slopes)).min() > 1e-3


@pytest.mark.parametrize("qubits", [2, 3, 4])
def test_parameter_shift_is_the_derivative(qubits: int) -> None:
    """The two-term rule of exact values, contracted with slopes, is the gradient of the reverse pass."""
    circuit = VariationalCircuit(qubits, 2, 2)
    params, features, slopes = drawn(circuit, samples=3)
    jacobian = shift_jacobian(params, lambda angles: circuit.scores(angles, features))
    assert jacobian.shape == (3, 2, circuit.parameters)
    gradient = circuit.pullback(params, features)[1](slopes)
    np.testing.assert_allclose(np.einsum("bkp,bk->p", jacobian, slopes), gradient, atol=1e-13)


def test_images_have_equal_outputs() -> None:
    """A full turn of any angle, all RZ negated, and the half turns passed on to what follows change no output."""
    circuit = VariationalCircuit(4, 3, 3)
    params, features, _ = drawn(circuit, samples=5)
    angles = params.reshape(3, 2, 4)
    turned, mirrored, passed_on = angles.copy(), angles.copy(), angles.copy()
    turned[1, 0, 2] += 2 * np.pi
    mirrored[:, 0] *= -1
    passed_on[1, 0, 2] += np.pi
    passed_on[1:, 1, 2] *= -1
    for image in (turned, mirrored, passed_on):
        np.testing.assert_allclose(
            circuit.scores(image.ravel(), features), circuit.scores(params, features), atol=1e-13
        )


def test_an_image_is_aligned_back_and_the_nearest_stays() -> None:
    """Full turns and the mirror image come back to the base, and what is near already is not touched."""
    circuit = VariationalCircuit(3, 2, 2)
    base, features, _ = drawn(circuit, samples=4)
    near = base + np.random.default_rng(3).uniform(-0.1, 0.1, len(base))
    np.testing.assert_array_equal(circuit.aligned(near, base), near)
    far = near.reshape(2, 2, 3) + 2 * np.pi * np.arange(-6, 6).reshape(2, 2, 3)
    far[:, 0] *= -1
    back = circuit.aligned(far.ravel(), base)
    np.testing.assert_allclose(back, near, atol=1e-13)
    np.testing.assert_allclose(circuit.scores(back, features), circuit.scores(far.ravel(), features), atol=1e-12)


def test_noise_has_exact_limits() -> None:
    """None leaves the distribution, full mixing makes it uniform, certain flips negate, and both scale every <Z_k>."""
    circuit = VariationalCircuit(3, 2, 2)
    params, features, _ = drawn(circuit, samples=4)
    outcomes = circuit.outcomes(params, features)
    scores = circuit.scores(params, features)
    np.testing.assert_allclose(outcomes.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_array_equal(measured(outcomes, Noise()), outcomes)
    np.testing.assert_allclose(measured(outcomes, Noise(fidelity=0.0)), 0.25, atol=1e-15)
    np.testing.assert_allclose(measured(outcomes, Noise(flip=1.0)), outcomes[:, ::-1], atol=1e-15)
    noisy = z_values(measured(outcomes, Noise(fidelity=0.8, flip=0.05)))
    np.testing.assert_allclose(noisy, 0.8 * 0.9 * scores, atol=1e-14)


def test_misread_bits_are_independent() -> None:
    """A certain outcome of two bits is read with the products of each bit's chances."""
    certain = np.array([[0.0, 1.0, 0.0, 0.0]])
    read = measured(certain, Noise(flip=0.1))
    np.testing.assert_allclose(read, [[0.9 * 0.1, 0.9 * 0.9, 0.1 * 0.1, 0.1 * 0.9]], atol=1e-15)


def test_estimates_are_unbiased_with_the_variance_of_bits() -> None:
    """Over many repetitions of H shots the mean is <Z_k>, the variance (1 - <Z_k>^2) / H, the covariance of bits."""
    circuit, shots, repeats = VariationalCircuit(3, 2, 2), 40, 20_000
    params, features, _ = drawn(circuit, samples=1)
    outcomes = circuit.outcomes(params, features)
    values = z_values(outcomes)[0]
    draws = sampled(np.repeat(outcomes, repeats, axis=0), shots, np.random.default_rng(5))
    errors = draws - values
    variance = (1 - values**2) / shots
    assert np.all(np.abs(errors.mean(axis=0)) < 5 * np.sqrt(variance / repeats))
    squares = errors**2
    assert np.all(np.abs(squares.mean(axis=0) - variance) < 5 * squares.std(axis=0) / np.sqrt(repeats))
    together = (outcomes[0] @ [1, -1, -1, 1] - values.prod()) / shots
    products = errors.prod(axis=1)
    assert abs(together) > 20 * products.std() / np.sqrt(repeats)  # else independent bits would pass as well
    assert abs(products.mean() - together) < 5 * products.std() / np.sqrt(repeats)


def test_one_shot_gives_signs() -> None:
    """With H = 1 every estimate is +1 or -1, and equal generators give equal estimates."""
    circuit = VariationalCircuit(4, 1, 2)
    params, features, _ = drawn(circuit, samples=50)
    first, second = (circuit.estimates(params, features, 1, Noise(), np.random.default_rng(2)) for _ in range(2))
    assert set(first.ravel()) == {-1.0, 1.0}
    np.testing.assert_array_equal(first, second)


def test_shift_gradient_of_shots_has_its_variance() -> None:
    """Each entry of the jacobian scatters by [(1 - f+^2) + (1 - f-^2)] / (4 H), and bias stays however many shots."""
    circuit, shots, repeats = VariationalCircuit(2, 1, 1), 25, 4000
    params, features, _ = drawn(circuit, samples=1)
    rows = np.repeat(features, repeats, axis=0)
    rng, noise = np.random.default_rng(7), Noise(fidelity=0.7)
    draws = shift_jacobian(params, lambda angles: circuit.estimates(angles, rows, shots, noise, rng))[:, 0]
    shifts = np.eye(len(params)) * np.pi / 2
    ends = 0.7 * np.array(
        [[circuit.scores(params + s, features), circuit.scores(params - s, features)] for s in shifts]
    )
    ends = ends.reshape(len(params), 2)
    variance = np.sum(1 - ends**2, axis=1) / (4 * shots)
    assert variance.max() <= 1 / (2 * shots)
    errors = draws - (ends[:, 0] - ends[:, 1]) / 2
    assert np.all(np.abs(errors.mean(axis=0)) < 5 * np.sqrt(variance / repeats))
    squares = errors**2
    assert np.all(np.abs(squares.mean(axis=0) - variance) < 5 * squares.std(axis=0) / np.sqrt(repeats))


@pytest.mark.parametrize(("qubits", "layers"), [(10, 3), (15, 1), (15, 6)])
def test_memory_is_as_told(qubits: int, layers: int) -> None:
    """What a gradient of several registers allocates is within a fifth of what is told, less Lightning's own state."""
    circuit = VariationalCircuit(qubits, layers, 2)
    params, features, slopes = drawn(circuit, samples=3 * (AMPLITUDES >> qubits))
    _signs.cache_clear()
    tracemalloc.start()
    circuit.pullback(params, features)[1](slopes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + 16 * AMPLITUDES == pytest.approx(circuit.memory_byte, rel=0.2)


def test_more_classes_than_qubits_are_refused() -> None:
    """Each class needs a qubit of its own."""
    VariationalCircuit(4, 1, 4).checked()
    with pytest.raises(InputError, match="got 4; want at least 10"):
        VariationalCircuit(4, 1, 10).checked()
