"""A sweep: a batch of QAOA circuits run forward through their layers, and back for the derivatives.

A layer multiplies by the phases e^{-i g C}, changes to the basis in which the mixer is diagonal, multiplies by the
mixers e^{-i b M}, and changes back. Both changes are real, so the way back carries the conjugate of the costate: it
meets the same phases and mixers as the way forward, and nothing is conjugated. With |c> = C |final> taken back and
d = i conj|c>, the derivative by the angle of a diagonal generator O is

    2 Im <c| O |s> = -2 Re sum_z O_z d_z s_z = 2 sum_z O_z (Im d_z Im s_z - Re d_z Re s_z),

one real product of the arrays, imaginary parts beside real ones, and its inner product with -O, O, -O, O .. (`signed`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, reduce
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np

from qflsim.quantum.register import Complexes, Precision, Register
from qflsim.units import Floats

AMPLITUDES = 1 << 14
"""Amplitudes of a register, unless one graph has more: longer ones leave a core's caches, shorter ones await calls."""
DOT_LENGTH = 1 << 12
"""Longest inner product left to BLAS, which would split longer ones over threads and so round them otherwise."""
LEVELS = 1 << 11
"""Most distinct whole numbers whose phases are looked up: the table stays in a core's first cache."""
BUFFERED = 16
"""Elements that numpy may gather in a buffer: by default it copies what it broadcasts, at the cost of two gates."""


class _Space(NamedTuple):
    """The register and arrays of a batch. Fresh pages would cost more than the gates, so a thread keeps its own."""

    register: Register
    layers: Complexes
    """the phases, the states after the cost, and those in the mixer's basis, (3, p, amplitudes)"""
    states: Complexes
    """(2, amplitudes)"""
    reals: Floats
    """(4, amplitudes)"""
    places: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
    """(amplitudes,)"""


@lru_cache(maxsize=4)
def _space(thread: int, layers: int, amplitudes: int, precision: Precision) -> _Space:
    real, complex_ = DTYPES[precision]
    return _Space(
        Register(amplitudes.bit_length() - 1, precision),
        np.empty((3, layers, amplitudes), dtype=complex_),
        np.empty((2, amplitudes), dtype=complex_),
        np.empty((4, amplitudes), dtype=real),
        np.empty(amplitudes, dtype=np.intp),
    )


DTYPES: dict[Precision, tuple[Any, Any]] = {"double": (np.float64, np.complex128), "single": (np.float32, np.complex64)}


class Sweep:
    """Circuits of `layers` layers on G states of 2^m amplitudes, `shape`, both powers of two.

    With `tilts`, (m,), qubit v starts as RY(t_v)|0> and its mixer is sin t_v X + cos t_v Z, the same for all states:
    pi / 2 is the plain |+> and X. `mixers`, (p, 2^m) or (p, G, 2^m), are set before it runs, and so are the phases.
    """

    def __init__(
        self, shape: tuple[int, int], layers: int, precision: Precision = "double", tilts: Floats | None = None
    ) -> None:
        graphs, size = shape
        space = _space(get_ident(), layers, graphs * size, precision)
        self.real = space.reals.dtype
        self.phases, self.phased, self.mixing = space.layers.reshape(3, layers, *shape)
        self._state, self._costate = space.states.reshape(2, *shape)
        self._scratch = space.reals[:2].reshape(2, *shape)
        self._places = space.places.reshape(shape)
        self._signed = space.reals[2:].reshape(graphs, 2 * size)
        self._register, self._tilts = space.register, tilts
        self.mixers: Complexes = self.phases
        self._start: Complexes | float = size**-0.5
        if tilts is not None:
            self._start = product_state(tilts).astype(self._state.dtype)

    def set_phases(self, values: Floats, gammas: Floats) -> None:
        """The phases of every layer to e^{-i g C}. `values`: C, (G, 2^m); `gammas`: (p,).

        Few whole values are looked up. For others, with t = tan(x / 2), e^{ix} = (1 - t^2 + 2it) / (1 + t^2): one
        tangent, which numpy has in SIMD, in place of a sine and a cosine, which it has not; exact to an ulp or two.
        """
        levels = self._levels(values)
        if levels is not None:
            phases = np.exp(-1j * np.multiply.outer(gammas, levels)).astype(self.phases.dtype)
            for layer, row in enumerate(phases):
                np.take(row, self._places, out=self.phases[layer], mode="clip")
            return
        for layer, gamma in enumerate(gammas):
            self.set_layer(layer, values, gamma)

    def set_layer(self, layer: int, values: Floats, gamma: float = 1.0) -> None:
        """The phases of one layer to e^{-i g C}, by tangents."""
        tangents, scale = self._scratch
        np.multiply(values, float(gamma) / -2, out=tangents)  # an np.float64 would widen single precision
        np.tan(tangents, out=tangents)
        np.multiply(tangents, tangents, out=scale)
        scale += 1
        np.divide(2, scale, out=scale)
        np.subtract(scale, 1, out=self.phases[layer].real)
        np.multiply(scale, tangents, out=self.phases[layer].imag)

    def _levels(self, values: Floats) -> Floats | None:
        """If all values are whole and few, their levels; the place of each among them is kept. None otherwise."""
        whole = self._scratch[0]
        if not np.array_equal(values[0], np.rint(values[0], out=whole[0])):
            return None
        lowest, highest = float(values.min()), float(values.max())
        if highest - lowest >= LEVELS or not np.array_equal(values, np.rint(values, out=whole)):
            return None
        np.copyto(self._places, np.subtract(values, lowest, out=whole), casting="unsafe")
        return np.arange(lowest, highest + 1)

    def forward(self) -> Complexes:
        """The final states, (G, 2^m). Keeps, of each layer, the states after the cost, and in the mixer's basis."""
        for layer in range(len(self.phases)):
            np.multiply(self.phases[layer], self._state if layer else self._start, out=self.phased[layer])
            self.into_mixer_basis(self.phased[layer], out=self.mixing[layer])
            np.multiply(self.mixing[layer], self.mixers[layer], out=self._state)
            self.out_of_mixer_basis(self._state, out=self._state)
        return self._state

    def backward(self, observable: Floats) -> Iterator[tuple[int, Floats, Floats]]:
        """The layers from the last to the first, each with two products of costate and state, (G, 2^(m+1)).

        The first is taken in the mixer's basis, the second after the cost: `row_dots` with the `signed` diagonal of a
        generator is its derivative. `observable`: (G, 2^m). Uses up what `forward` has kept, and runs once.
        """
        costate, real = self._costate, self.real
        np.multiply(observable, self._state.imag, out=costate.real)
        np.multiply(observable, self._state.real, out=costate.imag)
        for layer in reversed(range(len(self.phases))):
            mixing, phased = self.mixing[layer].view(real), self.phased[layer].view(real)
            self.into_mixer_basis(costate, out=costate)
            costate *= self.mixers[layer]
            mixing *= costate.view(real)
            self.out_of_mixer_basis(costate, out=costate)
            phased *= costate.view(real)
            yield layer, mixing, phased
            if layer > 0:
                costate *= self.phases[layer]

    def probabilities(self) -> Floats:
        """|amplitude|^2 of the final states, (G, 2^m), in scratch space."""
        squares, others = self._scratch
        np.multiply(self._state.real, self._state.real, out=squares)
        np.multiply(self._state.imag, self._state.imag, out=others)
        return np.add(squares, others, out=squares)

    def distributions(self) -> Floats:
        """The same in double precision, each row divided by its sum, and in space of its own."""
        whole = self.probabilities().astype(np.float64)
        whole /= whole.sum(axis=1, keepdims=True)
        return whole

    def signed(self, values: Floats) -> Floats:
        """A diagonal as `row_dots` wants it beside a product, (G, 2^(m+1)), in scratch space."""
        return signed(values, out=self._signed)

    def into_mixer_basis(self, states: Complexes, out: Complexes) -> None:
        """Changes the basis of all states to that in which the mixer is diagonal."""
        if self._tilts is None:
            self._register.hadamards(states, out=out)
        else:
            self._register.tilts(states, (-self._tilts).tolist(), out=out)

    def out_of_mixer_basis(self, states: Complexes, out: Complexes) -> None:
        """Changes the basis back."""
        if self._tilts is None:
            self._register.hadamards(states, out=out)
        else:
            self._register.tilts(states, self._tilts.tolist(), out=out)


def signed(values: Floats, out: Floats) -> Floats:
    """Each value twice, first negated."""
    np.negative(values, out=out[..., 0::2])
    out[..., 1::2] = values
    return out


def row_dots(left: Floats, right: Floats) -> Floats:
    """The inner product of each row, (G,), in double precision. `left`: (G, length); `right`: the same or (length,)."""
    length = min(left.shape[1], DOT_LENGTH)
    parts = np.vecdot(left.reshape(len(left), -1, length), right.reshape(*right.shape[:-1], -1, length))
    return np.asarray(parts.sum(axis=1, dtype=np.float64))


def product_state(tilts: Floats) -> Floats:
    """The amplitudes of prod_v RY(t_v)|0>, (2^m,), qubit v on bit v. `tilts`: (m,)."""
    pairs = np.stack([np.cos(tilts / 2), np.sin(tilts / 2)], axis=1)
    return np.asarray(reduce(lambda state, pair: np.multiply.outer(pair, state).reshape(-1), pairs, np.ones(1)))


def batches(values: Floats, most: int | None = None) -> Iterator[Floats]:
    """Runs of graphs that share a register, filled up to a power of two with empty graphs. `values`: (G, 2^m)."""
    most = most or max(1, AMPLITUDES // values.shape[1])
    for start in range(0, len(values), most):
        batch = values[start : start + most]
        empty = (1 << (len(batch) - 1).bit_length()) - len(batch)
        yield np.concatenate([batch, np.zeros((empty, values.shape[1]), values.dtype)]) if empty else batch


@contextmanager
def narrow_buffers() -> Iterator[None]:
    """Within it numpy broadcasts without copying (see `BUFFERED`)."""
    with np.errstate():
        np.setbufsize(BUFFERED)
        yield
