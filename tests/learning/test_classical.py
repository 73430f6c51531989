"""Classical baselines: the optimum of another library, sizes, exact values."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression as Reference

from qflsim.learning.classical import LogisticRegression, Perceptron, centred
from qflsim.learning.classifiers import loss_and_gradient
from qflsim.learning.data import Images, share


def test_logistic_regression_has_scikit_learns_optimum() -> None:
    """The mean loss plus a ridge on W has one minimum: both find the same probabilities there."""
    samples = share(1, Images(classes=(0, 3, 8), features=4, samples=90, alpha=1e6), "phones", 0)
    model, ridge = LogisticRegression(4, 3), 1e-2

    def penalised(params: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = loss_and_gradient(model, params, *samples)
        weights = np.append(params[:-3], np.zeros(3))
        return loss + ridge / 2 * weights @ weights, gradient + ridge * weights

    found = minimize(penalised, model.start(np.random.default_rng(0)), jac=True, tol=1e-12, options={"maxiter": 2000})
    inputs = centred(samples.features)
    reference = Reference(C=1 / (ridge * len(samples.labels)), tol=1e-10, max_iter=5000).fit(inputs, samples.labels)
    scores = model.scores(found.x, samples.features)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, reference.predict_proba(inputs), atol=1e-5)


@pytest.mark.parametrize(("features", "classes", "most"), [(4, 2, 24), (10, 10, 60), (6, 10, 36), (3, 2, 14)])
def test_a_perceptron_is_as_large_as_allowed(features: int, classes: int, most: int) -> None:
    """It has at most as many parameters as wanted, and with one hidden unit more it would have more."""
    model = Perceptron.of_size(features, classes, most)
    assert model.parameters <= most < model._replace(hidden=model.hidden + 1).parameters


def test_a_perceptron_has_a_hidden_unit_at_least() -> None:
    """A count too small for one is exceeded, since no unit would learn nothing."""
    assert Perceptron.of_size(10, 10, 5).hidden == 1


def test_a_perceptron_by_hand() -> None:
    """One unit: w tanh(u x + a) + b, in the order told, of a feature that stands at x between the ends of its range."""
    feature = np.array([[np.pi / 2 * (1 + 0.8)]])
    value = Perceptron(1, 1, 2).scores(np.array([0.5, 0.1, 2.0, -3.0, 0.3, 0.4]), feature)
    np.testing.assert_allclose(value, [[2 * np.tanh(0.5) + 0.3, -3 * np.tanh(0.5) + 0.4]], atol=1e-15)


def test_angles_are_centred() -> None:
    """The range of angles, [0, pi], becomes [-1, 1]."""
    np.testing.assert_allclose(centred(np.array([0.0, np.pi / 2, np.pi])), [-1, 0, 1], atol=1e-15)
