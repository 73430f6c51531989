"""What the model of a classification task, and classical ones, reach without federation, in the same exam."""

from typing import TYPE_CHECKING

import numpy as np

from qflsim.learning.classifiers import loss_and_gradient
from qflsim.learning.data import Samples, share
from qflsim.learning.optimum import optimum
from qflsim.learning.tasks import Marks, Rival
from qflsim.units import Floats

if TYPE_CHECKING:
    from qflsim.learning.classification import Classification

POOLED, STEPS = 8, 60
CENTRALISED = f"centralised ({POOLED} devices)"


def classification_rivals(task: "Classification", seed: int) -> list[Rival]:
    """The baselines: "local-only", the mean over 8 devices that train the model alone; and the "centralised" model and
    its classical shadows, each trained on the images of all 8 devices pooled.

    Training means full-batch descent with exact noise-free gradients (L-BFGS, at most 60 steps) from version 0.
    """
    models = {"": task, **task.shadows(())}
    return [
        Rival("local-only", local_only, [(task, seed, device) for device in range(POOLED)]),
        *(Rival(f"{CENTRALISED} {name}".strip(), centralised, [(model, seed)]) for name, model in models.items()),
    ]


def local_only(task: "Classification", seed: int, device: int) -> Marks:
    """The marks of a device that trains alone."""
    return _marks(task, seed, share(seed, task.data, "baselines", device))


def centralised(task: "Classification", seed: int) -> Marks:
    """The marks of one training on all devices' images."""
    shares = (share(seed, task.data, "baselines", device) for device in range(POOLED))
    features, labels = zip(*shares, strict=True)
    return _marks(task, seed, Samples(np.concatenate(features), np.concatenate(labels)))


def _marks(task: "Classification", seed: int, images: Samples) -> Marks:
    model = task.classifier()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        return loss_and_gradient(model, parameters, *images)

    return task.exam(seed, ()).marks(optimum(loss, task.first(seed, ()), STEPS))
