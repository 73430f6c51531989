"""Image files of a user's own: MNIST's IDX, CIFAR-10's binary version, and NumPy archives. Nothing is unpickled."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from qflsim.errors import InputError
from qflsim.learning.classifiers import Labels

MOST_BYTE = 1 << 30
"""Longest content of a file, unpacked: five times CIFAR-10."""
IDX_IMAGES, IDX_LABELS = 0x803, 0x801
CIFAR_RECORD_BYTE = 1 + 3 * 32 * 32


class Raw(NamedTuple):
    """Images as they came."""

    pixels: npt.NDArray[Any]
    """(N, pixels)"""
    labels: Labels
    """(N,)"""


def read_mnist(folder: Path, files: tuple[str, ...], pixels: int) -> Raw:
    """The images of pairs of IDX files (images, labels), each plain or gzip, or of one `.npz`."""
    if files[0].endswith(".npz"):
        return _archive(folder, files, pixels)
    if len(files) % 2:
        raise InputError("task.data.files", f"{len(files)} files", "pairs of images and labels, or one .npz")
    parts = []
    for images, labels in zip(files[::2], files[1::2], strict=True):
        shown = _idx(folder, images, IDX_IMAGES, 3)
        told = _idx(folder, labels, IDX_LABELS, 1)
        parts.append(_checked(images, shown, told, pixels))
    return _joined(parts)


def read_cifar10(folder: Path, files: tuple[str, ...], pixels: int) -> Raw:
    """The images of `.bin` files, of a `.tar.gz` of them, or of one `.npz`."""
    if files[0].endswith(".npz"):
        return _archive(folder, files, pixels)
    parts = []
    for file in files:
        for name, content in _binaries(folder, file):
            if not content or len(content) % CIFAR_RECORD_BYTE:
                got = f"{len(content):,} byte"
                raise InputError(name, got, f"whole records of {CIFAR_RECORD_BYTE} byte (CIFAR-10, binary version)")
            records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD_BYTE)
            parts.append(_checked(name, records[:, 1:], records[:, 0], pixels))
    return _joined(parts)


def _joined(parts: list[Raw]) -> Raw:
    return Raw(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _checked(file: str, pixels: npt.NDArray[Any], labels: npt.NDArray[Any], size: int) -> Raw:
    """One file's images, or an error that tells what is wrong with them."""
    if len(pixels) != len(labels):
        raise InputError(file, f"{len(pixels)} images and {len(labels)} labels", "as many of the one as of the other")
    if not len(pixels):
        raise InputError(file, "no image", "some")
    if pixels[0].size != size:
        raise InputError(file, f"images of {pixels[0].size} numbers", f"{size} each")
    if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
        raise InputError(file, f"labels from {labels.min()} to {labels.max()}", "labels from 0 to 9")
    return Raw(pixels.reshape(len(pixels), size), labels.astype(np.int64))


def _idx(folder: Path, file: str, magic: int, axes: int) -> npt.NDArray[np.uint8]:
    """The array of an IDX file. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", file formats."""
    content = _content(folder, file)
    head = np.frombuffer(content[: 4 * (axes + 1)], ">u4").tolist() if len(content) >= 4 * (axes + 1) else []
    if not head or head[0] != magic:
        got = f"{content[:4].hex() or 'nothing'} at its start"
        raise InputError(file, got, f"{magic:08x}: an IDX file of {'images' if axes == 3 else 'labels'}")
    wanted = 4 * (axes + 1) + int(np.prod(head[1:], dtype=object))
    if len(content) != wanted:
        raise InputError(file, f"{len(content):,} byte", f"the {wanted:,} byte that its head tells of")
    return np.frombuffer(content, np.uint8, offset=4 * (axes + 1)).reshape(head[1:])


def _binaries(folder: Path, file: str) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the binaries in a file."""
    if file.endswith((".tar.gz", ".tgz")):
        members = _members(folder, file)
        if not members:
            raise InputError(file, "an archive without .bin files", "the binary version of CIFAR-10")
        yield from members
    else:
        yield file, _content(folder, file)


def _members(folder: Path, file: str) -> list[tuple[str, bytes]]:
    found, left = [], MOST_BYTE
    with _told(file), tarfile.open(folder / file, "r:gz") as archive:
        for member in archive:
            if member.size > left:
                raise InputError(file, "a longer archive", f"at most {MOST_BYTE:,} byte of images")
            left -= member.size
            stream = archive.extractfile(member) if member.isfile() and member.name.endswith(".bin") else None
            if stream is not None:
                found.append((f"{file}:{member.name}", stream.read()))
    return sorted(found)


def _content(folder: Path, file: str) -> bytes:
    with _told(file), (folder / file).open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        source: BinaryIO = gzip.GzipFile(fileobj=stream) if packed else stream  # type: ignore[assignment]
        content = source.read(MOST_BYTE + 1)
    if len(content) > MOST_BYTE:
        raise InputError(file, "a longer file", f"at most {MOST_BYTE:,} byte")
    return content


def _archive(folder: Path, files: tuple[str, ...], size: int) -> Raw:
    """The images of a NumPy archive with x_train and y_train, and perhaps x_test and y_test."""
    if len(files) != 1:
        raise InputError("task.data.files", f"{len(files)} files", "one, where it is a .npz")
    (file,) = files
    arrays = _arrays(folder, file)
    parts = []
    for part in ("train", "test"):
        pixels, labels = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
        if pixels is None or labels is None:
            if part == "train" or pixels is not None or labels is not None:
                raise InputError(file, f"arrays {', '.join(arrays) or 'none'}", f"x_{part} and y_{part}")
            continue
        if pixels.dtype.kind not in "uif" or labels.dtype.kind not in "ui" or not pixels.ndim:
            raise InputError(file, f"x_{part} of {pixels.dtype}, y_{part} of {labels.dtype}", "numbers; whole for y")
        if not np.isfinite(pixels).all():
            raise InputError(file, f"nan or inf in x_{part}", "finite numbers")
        parts.append(_checked(file, pixels, labels.reshape(-1), size))
    return _joined(parts)


def _arrays(folder: Path, file: str) -> dict[str, npt.NDArray[Any]]:
    with _told(file), zipfile.ZipFile(folder / file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTE:
            raise InputError(file, "a longer archive", f"at most {MOST_BYTE:,} byte of arrays")
    with _told(file), np.load(folder / file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name in ("x_train", "y_train", "x_test", "y_test")}


@contextmanager
def _told(file: str) -> Iterator[None]:
    """Whatever is wrong with a file, told with its name."""
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        cause = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
        raise InputError(file, cause, "a whole data file that can be read") from None
