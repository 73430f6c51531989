"""The task of classification: what a device climbs and measures, how versions are marked, and who else is asked."""

from typing import Any

import numpy as np
import pytest

from qflsim.learning.apparatus import Apparatus
from qflsim.learning.classical import LogisticRegression
from qflsim.learning.classification import Classification, ImageObjective
from qflsim.learning.classification_models import PerceptronModel, RegressionModel, VariationalModel
from qflsim.learning.classifiers import cross_entropy, loss_and_gradient
from qflsim.learning.data import Images, Samples, pool, share
from qflsim.learning.estimators import Exact, ParameterShift, Spsa
from qflsim.learning.graphs import RegularGraphs
from qflsim.learning.holdings import batches
from qflsim.learning.optimum import optimum
from qflsim.learning.tasks import Gathered, Participant, graded, mean_marks
from qflsim.quantum.noise import Noise, Quality
from qflsim.quantum.variational import VariationalCircuit, measured, z_values
from qflsim.units import Floats
from qflsim.world.compute import Simulator, Superconducting, classifier_circuit

IMAGES = Images(classes=(0, 1, 7), features=4, samples=20, holdout=25)
TASK = Classification(data=IMAGES, model=VariationalModel(layers=2))
NOTHING = RegularGraphs()
"""Devices hold images; what their group holds of graphs is not asked."""
WHO = Participant(1, "phones", 3, 2)
IDEAL = Apparatus(Simulator())
NOISY = Apparatus(Superconducting(), Quality(4.0, 0.05, -0.1), noisy=True)


def objective(task: Classification = TASK, apparatus: Apparatus = IDEAL) -> ImageObjective:
    """Three steps on eight images each."""
    return task.objective(WHO, NOTHING, 8, 3, apparatus, Gathered())


def images(step: int) -> Samples:
    """Those of a step, by the law of holdings."""
    held = share(1, IMAGES, "phones", 3)
    rows = batches(1, "phones", 3, 2, 20, 8, 3)[step]
    return Samples(held.features[rows], held.labels[rows])


def start(task: Classification = TASK) -> Floats:
    """Parameters that favour nothing."""
    return task.first(5, ())


def seen(step: int, at: Floats, apparatus: Apparatus, task: Classification = TASK) -> tuple[VariationalCircuit, Floats]:
    """The circuit, and the probabilities of what a device reads of each image, from first principles."""
    circuit = task.classifier()
    assert isinstance(circuit, VariationalCircuit)
    turn = 1 + apparatus.quality.beta_gain if apparatus.noisy else 1.0
    noise = apparatus.noise(classifier_circuit(4, circuit.layers)) if apparatus.noisy else Noise()
    return circuit, measured(circuit.outcomes(at * turn, images(step).features * turn), noise)


# --- what a device climbs


@pytest.mark.parametrize("apparatus", [IDEAL, NOISY], ids=["ideal", "noisy"])
@pytest.mark.parametrize("step", [0, 2])
def test_the_gradient_is_that_of_minus_the_cross_entropy(step: int, apparatus: Apparatus) -> None:
    """Of what infinitely many shots read of that step's images, by the angles asked for: finite differences agree."""
    at, by = start(), 1e-5

    def value(parameters: Floats) -> float:
        circuit, read = seen(step, parameters, apparatus)
        return -cross_entropy(z_values(read), images(step).labels, circuit.gain)[0]

    slope = objective(apparatus=apparatus).gradient(step, at)
    for k in range(0, len(at), 3):
        shift = by * np.eye(len(at))[k]
        assert slope[k] == pytest.approx((value(at + shift) - value(at - shift)) / (2 * by), abs=1e-8)


@pytest.mark.parametrize("model", [RegressionModel(), PerceptronModel(parameters=24)])
def test_classical_models_climb_the_same_way(model: Any) -> None:
    """Their gradient is that of minus the mean cross-entropy; noise and gains of processors do not touch them."""
    task = TASK.model_copy(update={"model": model})
    at, held = start(task) + 0.1, images(1)
    classifier = task.classifier()

    def value(parameters: Floats) -> float:
        return -cross_entropy(classifier.scores(parameters, held.features), held.labels, classifier.gain)[0]

    differences = [(value(at + d) - value(at - d)) / 2e-5 for d in 1e-5 * np.eye(len(at))]
    for apparatus in (IDEAL, NOISY):
        np.testing.assert_allclose(objective(task, apparatus).gradient(1, at), differences, atol=1e-8)
    assert objective(task).runs(1) == []


@pytest.mark.parametrize("apparatus", [IDEAL, NOISY], ids=["ideal", "noisy"])
def test_many_shots_show_what_is_climbed(apparatus: Apparatus) -> None:
    """Measured loss and shifted gradient tend to the exact ones, noise included, as the shots grow.

    A device that turns s times too far shifts s times too far as well, so that a slope it measures is
    sin(s pi / 2) / s times that of its loss.
    """
    at, rng, device = start(), np.random.default_rng(3), objective(apparatus=apparatus)
    circuit, read = seen(0, at, apparatus)
    loss = -cross_entropy(z_values(read), images(0).labels, circuit.gain)[0]
    assert device.measured(0, at, 10**14, rng) == pytest.approx(loss, abs=1e-5)
    turn = 1 + apparatus.quality.beta_gain if apparatus.noisy else 1.0
    shown = device.shifted(0, at, 10**14, rng) * turn / np.sin(turn * np.pi / 2)
    np.testing.assert_allclose(shown, device.gradient(0, at), atol=1e-5)


def scores_spread(step: int, at: Floats, task: Classification) -> tuple[float, float, float]:
    """Exact loss, and of minus the loss in one shot to first and second order: its variance, and its mean's offset.

    To first order the loss is linear in the scores, whose covariance in one shot is that of the read bits; to second
    order half the trace of curvature times covariance is left.
    """
    circuit, read = seen(step, at, IDEAL, task)
    scores, labels, gain = z_values(read), images(step).labels, circuit.gain
    loss, slopes = cross_entropy(scores, labels, gain)
    signs = z_values(np.eye(read.shape[1]))
    shares = np.exp(gain * scores) / np.exp(gain * scores).sum(axis=1, keepdims=True)
    variance = offset = 0.0
    for image in range(len(labels)):
        apart = signs - scores[image]
        covariance = np.einsum("s,sk,sl->kl", read[image], apart, apart)
        curvature = gain**2 * (np.diag(shares[image]) - np.outer(shares[image], shares[image])) / len(labels)
        variance += slopes[image] @ covariance @ slopes[image]
        offset -= np.trace(curvature @ covariance) / 2
    return -loss, variance, offset


@pytest.mark.parametrize("shots", [1, 40, 100])
def test_the_spread_of_a_measured_loss_falls_with_the_shots(shots: int) -> None:
    """Where the loss is nearly linear in the scores (a small gain), its variance is that of one shot / H.

    H = 1, 40 and 100, within five standard errors of the sample's own.
    """
    task = TASK.model_copy(update={"model": VariationalModel(layers=2, gain=0.05)})
    at, rng = start(task), np.random.default_rng(shots)
    exact, variance, _ = scores_spread(0, at, task)
    device = objective(task)
    shown = np.array([device.measured(0, at, shots, rng) for _ in range(1500)])
    assert abs(shown.mean() - exact) < 5 * np.sqrt(variance / shots / 1500) + 0.05**2
    spread = shown - shown.mean()
    error = np.sqrt(((spread**4).mean() - shown.var() ** 2) / 1500)
    assert abs(shown.var(ddof=1) - variance / shots) < 5 * error


def test_few_shots_look_worse_than_the_truth() -> None:
    """The loss is convex in the scores: what shots show of it is too pessimistic on average, by an offset / H."""
    at, rng, device = start(), np.random.default_rng(4), objective()
    exact, variance, offset = scores_spread(0, at, TASK)
    for shots in (400, 4000):
        shown = np.array([device.measured(0, at, shots, rng) for _ in range(4000)])
        error = np.sqrt(variance / shots / 4000)
        assert abs(shown.mean() - exact - offset / shots) < 5 * error
        if shots == 400:
            assert shown.mean() < exact - 5 * error


def test_estimators_use_the_shots_that_they_are_given() -> None:
    """A gradient by shift rule scatters with 1 / H: at H = 40 its variance is 2.5 times that at H = 100."""
    at, device = start(), objective(TASK.model_copy(update={"model": VariationalModel(layers=2, gain=0.05)}))
    variances = []
    for shots in (40, 100):
        rng = np.random.default_rng(shots)
        found = np.array([ParameterShift().gradient(device, 0, at, shots, rng) for _ in range(60)])
        variances.append(found.var(axis=0).mean())
    # 16 angles, 60 estimates each: the ratio's standard error is about sqrt(2 x 2 / (60 x 16)).
    assert variances[0] / variances[1] == pytest.approx(2.5, rel=5 * np.sqrt(4 / 960))


# --- what is charged


def test_an_image_is_a_circuit() -> None:
    """As many as the batch; by shift rule two for each angle and one for the scores."""
    (run,) = objective().runs(0)
    assert (run.circuit, run.copies, run.shifts()) == (classifier_circuit(4, 2), 8, 8 * (2 * 16 + 1))
    assert [rule.circuits(run) for rule in (Exact(), Spsa(), ParameterShift())] == [16, 16, 8 * 33]
    assert TASK.qubits(NOTHING) == 4


# --- the exam


def test_marks_are_right_or_wrong() -> None:
    """Each held-out image is marked 1 where its class has the highest score; classes go by their own names."""
    at, exam = start(), pool(1, IMAGES).exam
    marks = TASK.exam(1, ()).marks(at)
    assert list(marks) == ["0", "1", "7"]
    assert all(set(values) <= {0.0, 1.0} and len(values) == 25 for values in marks.values())
    scores = TASK.classifier().scores(at, exam.features)
    expected = [(scores[exam.labels == k].argmax(axis=1) == k).mean() for k in range(3)]
    assert [values.mean() for values in marks.values()] == pytest.approx(expected)
    grades = graded(marks, shares=TASK.marks_shares)
    assert grades["mean"].mean == pytest.approx(np.mean(expected))
    assert 0 < grades["0"].half_width < 0.2


def test_measured_marks_tend_to_the_noise_free_ones() -> None:
    """With many shots every image is marked as without noise; with few, images near the border fall either way."""
    exam, rng = TASK.exam(1, ()), np.random.default_rng(6)
    at = trained()
    free = np.concatenate(list(exam.marks(at).values()))
    assert free.mean() > 0.8
    np.testing.assert_array_equal(exam.measured(NOTHING, IDEAL, at, 10**9, rng), free)
    noisy = Apparatus(Superconducting(), noisy=True)
    means = [
        np.mean([exam.measured(NOTHING, noisy, at, shots, rng).mean() for _ in range(40)]) for shots in (1, 40, 100)
    ]
    # A mean over 40 x 75 marks has a standard error of less than 0.01.
    assert means[0] < means[1] - 0.05
    assert means[1] < means[2] + 0.05
    assert means[2] == pytest.approx(free.mean(), abs=0.1)


def trained() -> Floats:
    """Parameters after some steps of exact ascent on a device's images."""
    at, device = start(), TASK.objective(WHO, NOTHING, 20, 40, IDEAL, Gathered())
    for step in range(40):
        at = at + 0.1 * device.gradient(step, at)
    return at


def test_measured_marks_are_those_of_the_angles_that_a_device_makes() -> None:
    """A device that turns a third too far marks images as their scores at angles and features a third greater say."""
    exam, rng, at = TASK.exam(1, ()), np.random.default_rng(7), trained()
    far = Apparatus(Superconducting(), Quality(1.0, 0.0, 1 / 3), noisy=True)
    features, labels = pool(1, IMAGES).exam
    expected = TASK.classifier().scores(at * 4 / 3, features * 4 / 3).argmax(axis=1) == labels
    shown = exam.measured(NOTHING, far, at, 10**9, rng)
    np.testing.assert_array_equal(shown, expected)
    assert (shown != np.concatenate(list(exam.marks(at).values()))).any()


def test_a_classical_model_is_not_measured() -> None:
    """What a device measures of it is what it is."""
    task = TASK.model_copy(update={"model": RegressionModel()})
    exam, at = task.exam(1, ()), np.random.default_rng(0).standard_normal(15)
    shown = exam.measured(NOTHING, NOISY, at, 1, np.random.default_rng(1))
    np.testing.assert_array_equal(shown, np.concatenate(list(exam.marks(at).values())))


# --- rivals


def test_rivals_train_without_federation() -> None:
    """Local-only, and the model and its shadows centralised, all better than guessing; more images serve better.

    Logistic regression on two classes of digits is nearly always right.
    """
    told = {
        r.name: graded(mean_marks([r.call(*a) for a in r.arguments]), shares=True)["mean"].mean
        for r in TASK.rivals(1, ())
    }
    pooled = "centralised (8 devices)"
    regression, perceptron = f"{pooled} logistic regression (15 weights)", f"{pooled} perceptron (11 weights)"
    assert list(told) == ["local-only", pooled, regression, perceptron]
    assert told["local-only"] < told[pooled]
    assert told[regression] > 0.95
    assert min(told.values()) > 0.6


def test_the_centralised_model_has_all_devices_images() -> None:
    """Its marks are those of the optimum on the images of eight devices together, found here by itself.

    On digits that are hard to tell apart, where those of one device alone lead elsewhere.
    """
    hard = Images(classes=(1, 8, 9), features=4, samples=20)
    model, exam = LogisticRegression(4, 3), pool(1, hard).exam
    held = [share(1, hard, "baselines", device) for device in range(8)]

    def marks(images: Samples) -> Floats:
        at = optimum(lambda at: loss_and_gradient(model, at, *images), np.zeros(15), 60)
        return np.asarray(model.scores(at, exam.features).argmax(axis=1) == exam.labels, dtype=float)

    rivals = {rival.name: rival for rival in TASK.model_copy(update={"data": hard}).rivals(1, ())}
    rival = rivals["centralised (8 devices) logistic regression (15 weights)"]
    (arguments,) = rival.arguments
    found = np.concatenate(list(rival.call(*arguments).values()))
    np.testing.assert_array_equal(found, marks(Samples(*map(np.concatenate, zip(*held, strict=True)))))
    assert (found != marks(held[0])).any()


def test_shadows_are_classical_and_no_larger() -> None:
    """Logistic regression, and the widest perceptron of at most as many parameters, each named with its size.

    A neuron more on 4 features and 3 classes takes 8 weights more. A classical model casts none.
    """
    shadows = TASK.shadows(())
    logistic, perceptron = shadows.values()
    assert isinstance(logistic, Classification)
    assert isinstance(perceptron, Classification)
    assert logistic.data == perceptron.data == IMAGES
    sizes = [logistic.classifier().parameters, perceptron.classifier().parameters]
    assert list(shadows) == [f"logistic regression ({sizes[0]} weights)", f"perceptron ({sizes[1]} weights)"]
    assert sizes[0] == 4 * 3 + 3
    assert TASK.classifier().parameters - 8 < sizes[1] <= TASK.classifier().parameters
    assert all(shadow.shadows(()) == {} for shadow in shadows.values())
