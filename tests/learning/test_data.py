"""Images as angles: nothing leaks from the exam, shares are a device's own, files are read and mistakes told."""

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from qflsim.errors import InputError
from qflsim.learning.data import Images, _principal, pool, share

RNG = np.random.default_rng(0)
COUNT = 60
LABELS = np.arange(COUNT, dtype=np.uint8) % 3
SMALL = {"classes": (0, 1, 2), "features": 3, "holdout": 5, "samples": 10}


def idx(magic: int, array: np.ndarray) -> bytes:
    """An IDX file."""
    return np.array([magic, *array.shape], ">u4").tobytes() + array.astype(np.uint8).tobytes()


MNIST = RNG.integers(0, 256, (COUNT, 28, 28))
CIFAR = RNG.integers(0, 256, (COUNT, 3072), dtype=np.uint8)
RECORDS = np.hstack([LABELS[:, None], CIFAR]).tobytes()


def mnist(folder: Path, images: bytes | None = None, labels: bytes | None = None) -> Images:
    """MNIST-like files in a folder, as they should be unless given."""
    (folder / "images").write_bytes(idx(0x803, MNIST) if images is None else images)
    (folder / "labels").write_bytes(idx(0x801, LABELS) if labels is None else labels)
    return Images(kind="mnist", files=("images", "labels"), **SMALL)


def archive(folder: Path, **arrays: np.ndarray) -> Images:
    """A NumPy archive of MNIST's shape in a folder."""
    with (folder / "some.npz").open("wb") as stream:
        np.savez(stream, **arrays)
    return Images(kind="mnist", files=("some.npz",), **SMALL)


def test_the_exam_is_even_and_apart() -> None:
    """The exam has `holdout` images of each class, the rest are to train on, and together they are all digits."""
    data = Images(classes=(3, 8), features=4)
    found = pool(1, data)
    assert np.bincount(found.exam.labels).tolist() == [30, 30]
    digits = load_digits().target
    assert np.bincount(found.train.labels).tolist() == [np.sum(digits == 3) - 30, np.sum(digits == 8) - 30]
    both = np.concatenate([found.train.features, found.exam.features])
    assert len(np.unique(both[np.all((both > 0) & (both < np.pi), axis=1)], axis=0)) > 300
    assert pool(2, data).exam.features.tolist() != found.exam.features.tolist()


def test_angles_fill_their_range_about_the_middle() -> None:
    """Features lie in [0, pi]; unclipped ones have mean pi/2 and standard deviation (pi/2)/2.5 on what is trained."""
    features = pool(1, Images(features=6)).train.features
    assert features.min() >= 0
    assert features.max() <= np.pi
    np.testing.assert_allclose(features.mean(axis=0), np.pi / 2, atol=0.02)
    np.testing.assert_allclose(features.std(axis=0), np.pi / 5, rtol=0.02)


def test_principal_components_are_scikit_learns() -> None:
    """The same directions, up to the sign, which is such that the greatest entry is positive."""
    pixels = load_digits().data
    mean, components = _principal(pixels, 5)
    reference = PCA(5, svd_solver="full").fit(pixels)
    np.testing.assert_allclose(mean, reference.mean_, atol=1e-12)
    np.testing.assert_allclose(np.abs(np.sum(components * reference.components_, axis=1)), 1, atol=1e-10)
    assert np.all(components[np.arange(5), np.abs(components).argmax(axis=1)] > 0)


def test_the_bits_do_not_depend_on_the_threads_of_a_process() -> None:
    """Processes with one and two threads of BLAS find the same components of images large enough to share out."""
    code = ("from qflsim.learning.data import _principal; import hashlib, numpy; "
            "found = _principal(numpy.random.default_rng(0).normal(size=(400, 784)), 6)[1]; "
            "print(hashlib.sha256(found.tobytes()).hexdigest())")  # fmt: skip
    told = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path), "OPENBLAS_NUM_THREADS": n},
                       capture_output=True, text=True, check=True).stdout
        for n in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


def test_a_share_is_a_devices_own() -> None:
    """It is a function of seed, group and index, without repetition; another device has another."""
    data = Images(features=5, samples=40)
    mine = share(1, data, "phones", 3)
    other = share(1, data, "phones", 4)
    np.testing.assert_array_equal(mine.features, share(1, data, "phones", 3).features)
    assert mine.features.shape == (40, 5)
    assert mine.features.tolist() != other.features.tolist()
    train = pool(1, data).train
    for row, label in zip(*mine, strict=True):
        assert label in train.labels[np.all(train.features == row, axis=1)]


def test_alpha_goes_from_one_class_to_even_shares() -> None:
    """alpha -> 0 leaves a device one class, alpha -> infinity draws the classes evenly (chi-squared, five sigma)."""
    lone = [share(1, Images(alpha=1e-9), "phones", index).labels for index in range(40)]
    assert all(len(set(labels)) == 1 for labels in lone)
    assert len({labels[0] for labels in lone}) > 5
    even = np.sum(
        [np.bincount(share(1, Images(alpha=1e9), "phones", i).labels, minlength=10) for i in range(50)], axis=0
    )
    expected = 50 * 32 / 10
    assert np.sum((even - expected) ** 2 / expected) < 9 + 5 * np.sqrt(2 * 9)


def test_idx_files_plain_and_packed_are_the_same(tmp_path: Path) -> None:
    """Gzip is told by its content, and the images are those of the archive with the same arrays."""
    plain = pool(1, mnist(tmp_path).found(tmp_path))
    assert len(plain.train.labels) == COUNT - 15
    packed = tmp_path / "packed"
    packed.mkdir()
    data = mnist(packed, gzip.compress(idx(0x803, MNIST)), gzip.compress(idx(0x801, LABELS)))
    np.testing.assert_array_equal(pool(1, data.found(packed)).train.features, plain.train.features)
    halves = {"x_train": MNIST[:40], "y_train": LABELS[:40], "x_test": MNIST[40:], "y_test": LABELS[40:]}
    archived = pool(1, archive(tmp_path, **halves).found(tmp_path))
    np.testing.assert_array_equal(archived.train.features, plain.train.features)


def test_cifar_records_and_archives_of_them_are_the_same(tmp_path: Path) -> None:
    """The binary version, as files and as a packed archive of files in the order of their names."""
    (tmp_path / "all.bin").write_bytes(RECORDS)
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archived:
        for name, content in (("b/2.bin", RECORDS[30 * 3073 :]), ("b/readme", b"?"), ("b/1.bin", RECORDS[: 30 * 3073])):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archived.addfile(entry, io.BytesIO(content))
    whole, parts = (
        pool(1, Images(kind="cifar10", files=(name,), **SMALL).found(tmp_path)) for name in ("all.bin", "all.tar.gz")
    )
    np.testing.assert_array_equal(whole.exam.features, parts.exam.features)
    assert whole.exam.features.shape == (15, 3)


@pytest.mark.parametrize(
    ("images", "labels", "told"),
    [
        (b"", None, "images: got nothing at its start; want 00000803"),
        (idx(0x801, LABELS), None, "images: got 00000801 at its start"),
        (idx(0x803, MNIST)[:-1], None, "images: got 47,055 byte; want the 47,056"),
        (gzip.compress(idx(0x803, MNIST))[:-30], None, "images: got Compressed file ended"),
        (None, idx(0x801, LABELS[1:]), "images: got 60 images and 59 labels"),
        (None, idx(0x801, LABELS + 9), "labels from 9 to 11"),
        (idx(0x803, MNIST[:, :20]), None, "images of 560 numbers; want 784"),
        (idx(0x803, MNIST[:0]), idx(0x801, LABELS[:0]), "images: got no image; want some"),
        (idx(0x803, MNIST[:0]), None, "images: got 0 images and 60 labels"),
        (np.array([0x803, 1 << 31, 1 << 31, 1 << 31], ">u4").tobytes(), None, "byte that its head tells of"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_idx_files(tmp_path: Path, images: bytes | None, labels: bytes | None, told: str) -> None:
    """The file, what it holds, and what was wanted."""
    with pytest.raises(InputError, match=told):
        pool(1, mnist(tmp_path, images, labels).found(tmp_path))


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x_train": MNIST}, "arrays x_train; want x_train and y_train"),
        ({"x_train": np.where(MNIST == 7, np.nan, MNIST), "y_train": LABELS}, "nan or inf in x_train"),
        ({"x_train": np.array([{}] * COUNT), "y_train": LABELS}, "allow_pickle"),
        ({"x_train": MNIST, "y_train": LABELS * 0.5}, "y_train of float64"),
        ({"x_train": MNIST[:0], "y_train": LABELS[:0]}, "no image"),
        ({"x_train": MNIST, "y_train": LABELS, "x_test": MNIST[:0], "y_test": LABELS[:0]}, "no image"),
    ],
)
def test_what_is_wrong_with_archives(tmp_path: Path, arrays: dict[str, np.ndarray], told: str) -> None:
    """Missing arrays, numbers that are none, pickled objects, labels that are not whole, no image at all."""
    with pytest.raises(InputError, match=f"some.npz: got .*{told}"):
        pool(1, archive(tmp_path, **arrays).found(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.bin", RECORDS[:-1], "a.bin: got 184,379 byte; want whole records of 3073"),
        ("a.tar.gz", b"nonsense", "a.tar.gz: got .*; want a whole data file"),
        ("a.npz", b"nonsense", "a.npz: got File is not a zip file"),
        (None, b"", "a.bin: got No such file or directory"),
    ],
)
def test_what_is_wrong_with_cifar_files(tmp_path: Path, name: str | None, content: bytes, told: str) -> None:
    """Truncated records, archives that are none, no file."""
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        pool(1, Images(kind="cifar10", files=(name or "a.bin",), **SMALL).found(tmp_path))


def test_a_class_needs_images(tmp_path: Path) -> None:
    """A class without images, or with too few for exam and devices, is told."""
    data = mnist(tmp_path).model_copy(update={"classes": (0, 7)})
    with pytest.raises(InputError, match="0 images of class 7; want at least holdout \\+ samples = 5 \\+ 10"):
        pool(1, data.found(tmp_path))


def test_features_end_with_what_differs(tmp_path: Path) -> None:
    """Images that differ in two ways have two features."""
    flat = np.zeros((COUNT, 784))
    flat[:, :2] = RNG.normal(size=(COUNT, 2))
    with pytest.raises(InputError, match=r"task\.data\.features: got 3; want at most 2"):
        pool(1, archive(tmp_path, x_train=flat, y_train=LABELS).found(tmp_path))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"classes": (1,)}, "two or more"),
        ({"classes": (1, 1)}, "different"),
        ({"classes": (1, 10)}, "from 0 to 9"),
        ({"kind": "mnist"}, "files"),
        ({"files": ("a",)}, "files"),
        ({"samples": 0}, "greater than or equal to 1"),
    ],
)
def test_sections_that_make_no_sense_are_refused(fields: dict[str, object], told: str) -> None:
    """Classes, files and numbers fit together."""
    with pytest.raises(ValidationError, match=told):
        Images(**fields)  # type: ignore[arg-type]


def test_a_file_that_changes_is_not_taken(tmp_path: Path) -> None:
    """Who found it before is refused the new bytes; who finds it now has them, in the same process, and only them."""
    before = mnist(tmp_path).found(tmp_path)
    old = pool(1, before)
    other = (MNIST + 1) % 256
    after = mnist(tmp_path, images=idx(0x803, other)).found(tmp_path)
    assert after.files == before.files
    assert after.hashes[1] == before.hashes[1]
    assert after.hashes[0] == hashlib.sha256(idx(0x803, other)).hexdigest() != before.hashes[0]
    new = pool(1, after)
    assert (new.train.features != old.train.features).any()
    there = tmp_path / "there"
    there.mkdir()
    np.testing.assert_array_equal(
        new.train.features, pool(1, mnist(there, images=idx(0x803, other)).found(there)).train.features
    )
    pool.cache_clear()
    with pytest.raises(InputError, match="images: got other bytes than when the run began"):
        pool(1, before)
    with pytest.raises(InputError, match="images: got other bytes than when the run began"):
        share(1, pickle.loads(pickle.dumps(before)), "phones", 0)
