"""Randomness is an argument: every stream has a name, and its draws depend on the seed and that name alone."""

import hashlib

import numpy as np


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
        path = "/".join(f"{part!r}" for part in (self.seed, *name))
        digest = hashlib.sha256(path.encode()).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
