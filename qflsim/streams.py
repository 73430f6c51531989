"""Randomness is an argument: every stream has a name, and its draws depend on the seed and that name alone."""

import hashlib
from struct import Struct
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

_KEY = Struct("<2Q")


class _Key(ISeedSequence):
    """A Philox key as it stands; given as `key=` it would cost three times as much, for entropy that nobody uses."""

    __slots__ = ("_words",)

    def __init__(self, words: tuple[Any, ...]) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """The two words of the key: a Philox generator asks for no others."""
        assert n_words == len(self._words)
        return self._words


class Streams:
    """The named random streams of one seed.

    A stream is a Philox counter generator whose 128-bit key is taken from the SHA-256 of (seed, name). Hence a new
    stream never moves an old draw, whatever the order in which streams are asked for; and asking twice for the same
    name gives the same numbers again.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def named(self, *name: str | int) -> np.random.Generator:
        """The generator of this name, at its start. The parts of a name say whose it is and what for."""
        path = "/".join(map(repr, (self.seed, *name)))
        words = _KEY.unpack_from(hashlib.sha256(path.encode()).digest())
        return np.random.Generator(np.random.Philox(_Key(words)))  # type: ignore[arg-type]  # the stub knows one sequence alone
