"""The loss of classifiers, and every model's gradient against finite differences."""

import numpy as np
import pytest

from qflsim.learning.classical import LogisticRegression, Perceptron
from qflsim.learning.classifiers import Classifier, cross_entropy, loss_and_gradient
from qflsim.quantum.variational import VariationalCircuit

MODELS: list[Classifier] = [LogisticRegression(4, 3), Perceptron(4, 5, 3), VariationalCircuit(4, 2, 3)]


def test_equal_scores_lose_the_logarithm_of_their_number() -> None:
    """Without knowledge the loss is log K, and the slopes are those of equal shares."""
    loss, slopes = cross_entropy(np.full((2, 4), 0.3), np.array([0, 2]), gain=3.0)
    assert loss == pytest.approx(np.log(4), abs=1e-15)
    np.testing.assert_allclose(slopes * 2 / 3, [[-0.75, 0.25, 0.25, 0.25], [0.25, 0.25, -0.75, 0.25]], atol=1e-15)


def test_the_loss_sees_differences_alone_and_has_no_overflow() -> None:
    """A number added to all scores of a sample changes nothing, and huge scores stay finite."""
    scores, labels = np.array([[0.1, -0.4], [2.0, 1.0]]), np.array([1, 0])
    assert cross_entropy(scores + 7, labels)[0] == pytest.approx(cross_entropy(scores, labels)[0], abs=1e-14)
    assert cross_entropy(scores * 1e6, labels)[0] == pytest.approx(0.5e6 / 2, rel=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_gradients_are_those_of_finite_differences(model: Classifier) -> None:
    """Central differences of the loss, at random parameters; their error is about 1e-10."""
    rng = np.random.default_rng(3)
    params = rng.normal(size=model.parameters) / 2
    features, labels = rng.uniform(0, np.pi, (7, 4)), rng.integers(0, 3, 7)
    loss, gradient = loss_and_gradient(model, params, features, labels)
    assert loss == pytest.approx(cross_entropy(model.scores(params, features), labels, model.gain)[0], abs=1e-14)
    steps = np.eye(model.parameters) * 1e-5
    ends = [[loss_and_gradient(model, params + sign * step, features, labels)[0] for sign in (1, -1)] for step in steps]
    np.testing.assert_allclose(gradient, np.diff(ends, axis=1)[:, 0] / -2e-5, atol=2e-8)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_starts_are_drawn_from_the_stream_given(model: Classifier) -> None:
    """Equal streams give equal parameters, as many as told, and what is aligned already stays."""
    first, second = (model.start(np.random.default_rng(9)) for _ in range(2))
    assert first.shape == (model.parameters,)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(model.aligned(first, first), first)
