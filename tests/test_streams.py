"""Named streams: what a name draws depends on the seed and the name alone, for ever."""

import hashlib
import pickle

import numpy as np
import pytest

from qflsim.streams import Streams


@pytest.mark.parametrize("name", [("walkers", 12, "mobility"), ("site", "mast", 0), ("site/mast", 0), ()])
@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_a_stream_is_philox_under_the_hash_of_its_name(seed: int, name: tuple[str | int, ...]) -> None:
    """The key is the first 128 bits of SHA-256 of seed and name, little-endian, and nothing else goes in."""
    path = "/".join(map(repr, (seed, *name)))
    key = int.from_bytes(hashlib.sha256(path.encode()).digest()[:16], "little")
    plain = np.random.Generator(np.random.Philox(key=key))
    rng = Streams(seed).named(*name)
    assert rng.random(9).tolist() == plain.random(9).tolist()
    assert rng.standard_normal(3).tolist() == plain.standard_normal(3).tolist()


def test_old_draws_stay() -> None:
    """A number of one stream as it was drawn first: traces of old versions are reproduced only as long as it stays."""
    assert Streams(7).named("fading", 3).integers(2**32) == 2436282391


def test_names_and_seeds_draw_apart_and_asking_twice_begins_anew() -> None:
    """Parts that look alike are told apart: 1 from "1", and a slash inside a part from one between two."""
    streams = Streams(7)
    names: list[tuple[str | int, ...]] = [("a", 1), ("a", "1"), ("a/1",), ("a",), (1, "a")]
    firsts = [streams.named(*name).random() for name in names]
    assert len({*firsts, Streams(8).named("a").random()}) == 6
    assert [streams.named(*name).random() for name in reversed(names)] == firsts[::-1]


def test_a_generator_travels_between_processes() -> None:
    """One that was pickled goes on where it stood."""
    rng = Streams(7).named("a")
    rng.random(5)
    other = pickle.loads(pickle.dumps(rng))
    assert other.random(5).tolist() == rng.random(5).tolist()
