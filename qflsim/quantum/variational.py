"""The variational classifier's circuit: angle encoding, layers of a CZ ring with RZ and RY turns, Z measured.

    |x, a> = prod_l [prod_q RY_q(y_lq) RZ_q(z_lq)  CZ ring]  prod_q RY_q(x_q) |0>,    outputs <Z_k>, k = 0 .. K - 1.

Turns are RP(t) = e^{-itP/2}; qubit 0 is the leftmost, the highest bit. The ring comes first in a layer and RY last:
the other way round, the last ring and the last RZ would commute with what is measured and train nothing.

Why it is fast: a turn of every qubit by -pi/2 about Z, which CZ, RZ and the measurement do not see, makes RX of every
RY; and RX is diagonal between two layers of Hadamards. So the circuit is 2L times "multiply by a diagonal, then
Hadamards on all qubits", on one register for a whole batch of samples.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import get_ident
from typing import NamedTuple

import numpy as np

from qflsim.errors import InputError
from qflsim.quantum.noise import Noise
from qflsim.quantum.register import Complexes, Register
from qflsim.units import Floats

AMPLITUDES = 1 << 15
"""Amplitudes of a register: half a megabyte, past which a core's caches hold too little of it."""


class VariationalCircuit(NamedTuple):
    """The circuit for `qubits` features and `outputs` classes.

    A parameter vector is (layers, 2, qubits) laid flat: of each layer the RZ angles, then the RY angles. Features are
    (B, qubits), in radians. Any B; samples are computed in registers that fit the cache, in an order of their own.
    """

    qubits: int
    layers: int
    outputs: int
    gain: float = 8.0
    """what every <Z_k> is multiplied by in the softmax: without it the odds of two classes would end at e^2"""

    @property
    def features(self) -> int:
        """A qubit for each."""
        return self.qubits

    @property
    def parameters(self) -> int:
        """Length of the parameter vector."""
        return 2 * self.layers * self.qubits

    def start(self, rng: np.random.Generator) -> Floats:
        """Angles to begin with, uniform in [-pi/4, pi/4): near the identity the gradient does not vanish with n."""
        return rng.uniform(-np.pi / 4, np.pi / 4, self.parameters)

    def aligned(self, params: Floats, base: Floats) -> Floats:
        """The image of `params` of equal outputs that lies nearest to `base`; `params` itself among equals.

        Images: any angle plus 2 pi (the state's sign is not seen); and all RZ angles negated, jointly: all else is
        real, so that this conjugates the state. There are more, half a turn away: z_lq + pi with y_lq, y_l+1,q, ..
        negated. They are left out: only an update that moves an angle by more than pi/2 is nearer to them.
        """
        mirror = np.broadcast_to(np.array([-1.0, 1.0])[:, None], (self.layers, 2, self.qubits)).ravel()
        images = [image + 2 * np.pi * np.round((base - image) / (2 * np.pi)) for image in (params, params * mirror)]
        return min(images, key=lambda image: float(np.linalg.norm(image - base)))

    def scores(self, params: Floats, features: Floats) -> Floats:
        """The exact <Z_k> of every sample, (B, K)."""
        return z_values(self.outcomes(params, features))

    def outcomes(self, params: Floats, features: Floats) -> Floats:
        """The exact probabilities of the K output bits together, (B, 2^K); output 0 is the highest bit."""
        diagonals = self._diagonals(params)
        finals = (self._final(diagonals, batch) for batch in self._batches(features))
        return np.concatenate([self._marginals(final) for final in finals])[: len(features)]

    def pullback(self, params: Floats, features: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """The exact <Z_k>, (B, K), and the map from slopes dLoss/d<Z_k>, (B, K), to dLoss/dparams, (P,).

        One pass back through the circuit, along the states of the way forward, serves all samples of a register and
        all angles. A single register's states are kept for it; those of several are computed again, one at a time.
        """
        diagonals, batches = self._diagonals(params), list(self._batches(features))

        def forward(batch: Floats) -> tuple[Complexes, Complexes]:
            kept = np.empty((2 * self.layers, len(batch), 1 << self.qubits), dtype=np.complex128)
            return self._final(diagonals, batch, kept), kept

        alone = forward(batches[0]) if len(batches) == 1 else None
        finals = [alone[0]] if alone else (self._final(diagonals, batch) for batch in batches)
        scores = np.concatenate([z_values(self._marginals(final)) for final in finals])[: len(features)]

        def back(slopes: Floats) -> Floats:
            gradient, start = np.zeros(self.parameters), 0
            for batch in batches:
                own = np.zeros((len(batch), self.outputs))
                own[: len(slopes) - start] = slopes[start : start + len(batch)]
                gradient += self._returned(diagonals, *(alone or forward(batch)), own)
                start += len(batch)
            return gradient

        return scores, back

    def estimates(self, params: Floats, features: Floats, shots: int, noise: Noise, rng: np.random.Generator) -> Floats:
        """<Z_k> of every sample as hardware tells it, (B, K): from `shots` bit strings of the noisy circuit."""
        return sampled(measured(self.outcomes(params, features), noise), shots, rng)

    def checked(self) -> None:
        """Errors: `InputError` if there are fewer qubits than outputs."""
        if self.outputs > self.qubits:
            raise InputError("task.data.features", self.qubits, f"at least {self.outputs}: a qubit for each class")

    @property
    def memory_byte(self) -> int:
        """What a gradient needs at its peak, however many samples: registers, and states that all share."""
        registers, shared = 2 * self.layers + 5, 3 * self.layers + self.qubits / 2
        return int(16 * (registers * max(AMPLITUDES, 1 << self.qubits) + shared * (1 << self.qubits)))

    def _batches(self, features: Floats) -> Iterator[Floats]:
        """Runs of samples that share a register, filled up to a power of two with zeros."""
        most = max(1, AMPLITUDES >> self.qubits)
        for start in range(0, len(features), most):
            batch = features[start : start + most]
            empty = (1 << (len(batch) - 1).bit_length()) - len(batch)
            yield np.concatenate([batch, np.zeros((empty, self.qubits))]) if empty else batch

    def _diagonals(self, params: Floats) -> Complexes:
        """The 2L diagonals, (2L, 2^n): in turn the RZ with the ring, and the RY as RX in the Hadamard basis."""
        halves = np.exp(params.reshape(-1, self.qubits, 1) * np.array([-0.5j, 0.5j]))
        diagonals = _products(halves)
        diagonals[::2] *= _ring_signs(self.qubits)
        return diagonals

    def _final(self, diagonals: Complexes, features: Floats, kept: Complexes | None = None) -> Complexes:
        """The states at the end, (B, 2^n); in `kept`, (2L, B, 2^n), the states after each diagonal."""
        register = _register(get_ident(), len(features).bit_length() - 1, self.qubits)
        halves = features[..., None] / 2
        state = _products(np.concatenate([np.cos(halves), -1j * np.sin(halves)], axis=-1))
        for step, diagonal in enumerate(diagonals):
            turned = state if kept is None else kept[step]
            register.hadamards(np.multiply(state, diagonal, out=turned), out=state)
        return state

    def _marginals(self, state: Complexes) -> Floats:
        probabilities = state.real**2 + state.imag**2
        return np.asarray(probabilities.reshape(len(state), 1 << self.outputs, -1).sum(axis=2))

    def _returned(self, diagonals: Complexes, final: Complexes, kept: Complexes, slopes: Floats) -> Floats:
        """With |c> = sum_k slope_k Z_k |final>, taken back step by step: the derivative of e^{-itZ/2} is Im <c|Z|.>."""
        register = _register(get_ident(), len(final).bit_length() - 1, self.qubits)
        signs = _signs(self.qubits)
        costate = final * np.einsum("bk,ks->bs", slopes, signs[: self.outputs])
        product = np.empty_like(costate)
        overlaps = np.empty((len(diagonals), signs.shape[1]))
        for step in reversed(range(len(diagonals))):
            register.hadamards(costate, out=costate)
            np.multiply(np.conjugate(costate, out=product), kept[step], out=product)
            overlaps[step] = product.imag.sum(axis=0)
            costate *= diagonals[step].conj()
        # einsum and not matmul: BLAS may spread a long product over threads, which rounds otherwise.
        return np.asarray(np.einsum("ls,qs->lq", overlaps, signs)).ravel()


def z_values(outcomes: Floats) -> Floats:
    """<Z_k> of joint probabilities of K bits: (..., 2^K) -> (..., K)."""
    return np.asarray(np.einsum("...s,ks->...k", outcomes, _signs(outcomes.shape[-1].bit_length() - 1)))


def measured(outcomes: Floats, noise: Noise) -> Floats:
    """The probabilities of what is read, (B, 2^K), of ideal ones: mixed with the uniform, then each bit misread.

    In it every <Z_k> is fidelity (1 - 2 flip) times the ideal one.
    """
    size = outcomes.shape[-1]
    read: Floats = noise.fidelity * outcomes + (1 - noise.fidelity) / size
    for bit in range(size.bit_length() - 1):
        pairs = read.reshape(-1, 2, 1 << bit)
        read = np.reshape((1 - noise.flip) * pairs + noise.flip * pairs[:, ::-1], outcomes.shape)
    return read


def sampled(outcomes: Floats, shots: int, rng: np.random.Generator) -> Floats:
    """<Z_k> estimated from `shots` bit strings of each sample, (B, K). Unbiased, with variance (1 - <Z_k>^2) / shots.

    A bit string gives all K bits at once, so that the estimates of a sample are as correlated as its bits.
    """
    counts = rng.multinomial(shots, outcomes / outcomes.sum(axis=-1, keepdims=True))
    return z_values(np.asarray(counts / shots))


def shift_jacobian(params: Floats, measure: Callable[[Floats], Floats]) -> Floats:
    """d<Z_k>/dparams by parameter shift, (B, K, P), from 2P calls of `measure`: parameters -> (B, K).

    dZ/dt = [Z(t + pi/2) - Z(t - pi/2)] / 2 is exact where each angle is that of one gate e^{-itP/2}, as it is here.
    From exact values it is the derivative; from estimates of `shots` bit strings each it is unbiased, with a variance
    of at most 1 / (2 shots).
    """
    shifts = np.eye(len(params)) * (np.pi / 2)
    return np.stack([(measure(params + shift) - measure(params - shift)) / 2 for shift in shifts], axis=-1)


def _products(pairs: Complexes) -> Complexes:
    """The products of one entry of each pair, the first pair the highest bit: (G, n, 2) -> (G, 2^n)."""
    result = np.ascontiguousarray(pairs[:, 0])
    for qubit in range(1, pairs.shape[1]):
        result = (result[:, :, None] * pairs[:, None, qubit]).reshape(len(pairs), -1)
    return result


def _ring(qubits: int) -> list[tuple[int, int]]:
    """The pairs of neighbours on a ring; two qubits have one bond."""
    return [(q, (q + 1) % qubits) for q in range(qubits if qubits > 2 else qubits - 1)]


@lru_cache(maxsize=32)
def _register(thread: int, batch_wires: int, work_wires: int) -> Register:
    return Register(batch_wires + work_wires)


@lru_cache(maxsize=32)
def _signs(qubits: int) -> Floats:
    """Z of each qubit on each basis state, (n, 2^n)."""
    signs = np.ones((qubits, 1 << qubits))
    for qubit, row in enumerate(signs):
        row.reshape(1 << qubit, 2, -1)[:, 1] = -1
    return signs


@lru_cache(maxsize=32)
def _ring_signs(qubits: int) -> Floats:
    """The CZ gates of the ring on each basis state, (2^n,)."""
    ones = _signs(qubits) < 0
    signs = np.ones(1 << qubits)
    for left, right in _ring(qubits):
        signs[ones[left] & ones[right]] *= -1
    return signs
