"""The images that devices classify: reduced to a few angles, split for an exam, shared out unevenly."""

from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, PrivateAttr, model_validator

from qflsim.errors import InputError
from qflsim.learning.classifiers import Labels
from qflsim.learning.data_files import Raw, read_cifar10, read_mnist
from qflsim.model import Model, Positive
from qflsim.streams import Streams
from qflsim.units import Floats

PIXELS = {"digits": 8 * 8, "mnist": 28 * 28, "cifar10": 3 * 32 * 32}
FITTED = 1_500
"""Most images that principal components are computed from."""
REACH = 2.5
"""Standard deviations of a feature from its mean to the ends of the range of angles."""


class Images(Model):
    """Images of some `classes`, each as `features` angles in [0, pi], for devices with `samples` of them each.

    "digits": the 1,797 hand-written digits of 8 x 8 pixels of scikit-learn (UCI optical recognition, test part).
    "mnist": from `files` in the format of its authors (IDX, plain or gzip: images and labels in turn) or one `.npz`.
    "cifar10": from `files` in its binary version (`.bin`, or one `.tar.gz` of them) or one `.npz`; never from pickles.
    A `.npz` holds x_train and y_train and perhaps x_test and y_test. All files' images make one pool.

    Of each class `holdout` images, drawn by seed, are the exam, which no device trains on. A device draws its class
    proportions from Dirichlet(alpha, .., alpha) and its images without repetition, from a stream of its own: alpha
    -> infinity is even, alpha -> 0 one class a device; and another device never moves its data.
    """

    kind: Literal["digits", "mnist", "cifar10"] = "digits"
    files: tuple[Annotated[str, Field(pattern=r"^[^\x00]+$")], ...] = ()
    classes: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    features: Annotated[int, Field(ge=1, le=24)] = 10
    samples: Annotated[int, Field(ge=1, le=100_000)] = 32
    alpha: Positive = 1.0
    holdout: Annotated[int, Field(ge=1, le=10_000)] = 30
    _hashes: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ValueError("classes: want two or more different ones")
        if min(self.classes) < 0 or max(self.classes) > 9:
            raise ValueError("classes: want numbers from 0 to 9")
        if (self.kind == "digits") != (not self.files):
            raise ValueError("files: want none for digits, which come along, and some for mnist and cifar10")
        return self

    def found(self, folder: Path) -> Self:
        """The same with its files found in a folder, as they are now: should one change later, it is not taken."""
        paths = [(folder / file).resolve() for file in self.files]
        data = self.model_copy(update={"files": tuple(map(str, paths))})
        data._hashes = tuple(_hash(path, file) for path, file in zip(paths, self.files, strict=True))
        return data

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of each file as it was found."""
        return self._hashes


def _hash(path: Path, file: str) -> str:
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(file, error.strerror or str(error), "a data file that can be read") from None


class Samples(NamedTuple):
    """Features and their labels."""

    features: Floats
    """(N, features), angles in [0, pi]"""
    labels: Labels
    """(N,), positions in `classes`"""


class Pool(NamedTuple):
    """All images of a run: those to train on, and the exam's."""

    train: Samples
    exam: Samples


@lru_cache(maxsize=4)
def pool(seed: int, data: Images) -> Pool:
    """The images of a run, the same in any process.

    Principal components are those of at most `FITTED` images to train on, the sign of each such that its entry of
    greatest size is positive. With c the projection of an image less the mean and s its standard deviation over all
    images to train on, its angle is (pi / 2) (1 + clip(c / (2.5 s), -1, 1)). Nothing is fitted to the exam.

    Errors: `InputError` where a file is missing or broken, or a class has too few images for exam and devices.
    """
    raw = _raw(data)
    rng = Streams(seed).named("data", "split")
    train, exam = [], []
    for name in data.classes:
        rows = rng.permutation(np.flatnonzero(raw.labels == name))
        if len(rows) < data.holdout + data.samples:
            want = f"at least holdout + samples = {data.holdout} + {data.samples}"
            raise InputError("task.data", f"{len(rows)} images of class {name}", want)
        exam.append(rows[: data.holdout])
        train.append(rows[data.holdout :])
    pixels = raw.pixels[np.concatenate(train)]
    fitted = rng.permutation(len(pixels))[:FITTED]
    mean, components = _principal(pixels[fitted].astype(np.float64), data.features)
    projected = _projected(pixels, mean, components)
    spread = projected.std(axis=0)
    if spread.min() <= 1e-9 * spread.max() or spread.max() == 0:
        rank = int(np.sum(spread > 1e-9 * spread.max()))
        raise InputError("task.data.features", data.features, f"at most {rank}: the images differ in no more ways")
    held_out = _projected(raw.pixels[np.concatenate(exam)], mean, components)
    labels, exam_labels = (np.repeat(np.arange(len(part)), [len(rows) for rows in part]) for part in (train, exam))
    return Pool(Samples(_angles(projected / spread), labels), Samples(_angles(held_out / spread), exam_labels))


def share(seed: int, data: Images, group: str, index: int) -> Samples:
    """The images of a device, (samples, features): a function of the seed, the data, and its group and index."""
    train = pool(seed, data).train
    rng = Streams(seed).named(group, index, "data")
    proportions = rng.dirichlet(np.full(len(data.classes), data.alpha))
    counts = rng.multinomial(data.samples, proportions)
    rows = [
        rng.choice(np.flatnonzero(train.labels == label), count, replace=False) for label, count in enumerate(counts)
    ]
    chosen = np.concatenate(rows)
    return Samples(train.features[chosen], train.labels[chosen])


def _raw(data: Images) -> Raw:
    if data.kind == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Raw(digits.data, digits.target.astype(np.int64))
    read = read_mnist if data.kind == "mnist" else read_cifar10
    raw = read(Path(), data.files, PIXELS[data.kind])
    for file, known in zip(data.files, data.hashes, strict=False):
        if _hash(Path(file), file) != known:
            raise InputError(file, "other bytes than when the run began", "a file that nobody changes meanwhile")
    return raw


def _principal(pixels: Floats, count: int) -> tuple[Floats, Floats]:
    """The mean image and the `count` directions of greatest variance, (count, pixels), strongest first."""
    from threadpoolctl import threadpool_limits

    if count > min(pixels.shape):
        raise InputError("task.data.features", count, f"at most {min(pixels.shape)}, the pixels or the images")
    mean = pixels.mean(axis=0)
    with threadpool_limits(1):  # more threads round otherwise, and processes have different numbers of them
        components = np.linalg.svd(pixels - mean, full_matrices=False)[2][:count]
    strongest = np.abs(components).argmax(axis=1)
    return mean, components * np.sign(components[np.arange(count), strongest])[:, None]


def _projected(pixels: npt.NDArray[np.uint8] | Floats, mean: Floats, components: Floats) -> Floats:
    """The components of images, in blocks so that they are never all in memory as floats."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        parts = [(pixels[at : at + FITTED] - mean) @ components.T for at in range(0, len(pixels), FITTED)]
    return np.concatenate(parts)


def _angles(features: Floats) -> Floats:
    return np.pi / 2 * (1 + np.clip(features / REACH, -1, 1))
