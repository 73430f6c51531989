"""The parameter-shift rule for QAOA: gradients from energies that a quantum computer can measure.

An angle that many gates share is no eigenphase of one generator with two eigenvalues, so the two-term rule fails on it;
it holds for every single gate, and the chain rule sums them. With S = +-1 the rule for e^{-i x S} is
dE/dx = E(x + pi/4) - E(x - pi/4): a gate of coupling J turns by x = g J, and that of a mixer by x = b.
Source: M. Schuld, V. Bergholm, C. Gogolin, J. Izaac, N. Killoran, arXiv 1811.11184.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from qflsim.quantum.ising import Ising, spin
from qflsim.quantum.multiangle import expanded, folded, gate_costs, gate_mixers, mixer_sign
from qflsim.quantum.register import Complexes, Register
from qflsim.quantum.sweep import AMPLITUDES, Sweep
from qflsim.units import Floats

Measure: TypeAlias = Callable[[int, Floats], Floats]
"""The measured energies, (R,), of circuits of the graph of this number, given their distributions, (R, 2^m)."""


def shifted_circuits(ising: Ising, layers: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """How many circuits one gradient runs, (G,): 2p (couplings + fields + n), zero ones not counted."""
    nodes = ising.fields.shape[-1]
    gates = np.count_nonzero(np.triu(ising.couplings), axis=(-2, -1)) + np.count_nonzero(ising.fields, axis=-1)
    return np.asarray(2 * layers * (gates + nodes))


def shifted_gradients(ising: Ising, angles: Floats, measure: Measure, scales: Floats | None = None) -> Floats:
    """The derivatives of the measured energy by the plain angles of each graph, (G, 2p). `angles`: (2p,).

    `measure` is called graph by graph, layer by layer, gate by gate (each shifted up, then down), for several circuits
    at once: exact energies give the exact gradient, energies of samples an unbiased one. `scales`, (2p,): what a device
    makes of each angle, and so of the shift by which it learns the slope: sin(s pi/2) in place of s times the gradient
    where it is, for a scale s.
    """
    scales = np.ones(len(angles)) if scales is None else scales
    nodes = ising.fields.shape[-1]
    fields = bool(np.any(ising.fields))
    gates, turns = (expanded(each, nodes, fields) for each in (angles * scales, scales * (np.pi / 4)))
    graphs = [Ising(*parts) for parts in zip(*ising, strict=True)]
    slopes = [_slopes(graph, gates, turns, fields, number, measure) for number, graph in enumerate(graphs)]
    return folded(np.stack(slopes), nodes)


class _Gate(NamedTuple):
    column: int
    strength: float
    """What the angle is multiplied by."""
    mixer: bool
    signs: Floats
    """Its generator, +-1, (2^m,): on assignments, or in the mixer's basis."""


def _gates(ising: Ising, fields: bool) -> list[_Gate]:
    """Every gate of a layer that does something, in the order of multi-angle columns."""
    nodes = len(ising.fields)
    spins = [spin(vertex, nodes, not fields) for vertex in range(nodes)]
    pairs = [(ising.couplings[u, v], spins[u] * spins[v]) for u, v in zip(*np.triu_indices(nodes, 1), strict=True)]
    if fields:
        pairs += list(zip(ising.fields, spins, strict=True))
    gates = [_Gate(column, float(j), False, signs) for column, (j, signs) in enumerate(pairs) if j != 0]
    mixers = [_Gate(vertex - nodes, 1.0, True, mixer_sign(vertex, nodes, not fields)) for vertex in range(nodes)]
    return gates + mixers


def _slopes(ising: Ising, angles: Floats, turns: Floats, fields: bool, number: int, measure: Measure) -> Floats:
    """The derivatives of one graph by every gate's angle, (p, width)."""
    slopes = np.zeros(angles.shape)
    circuit, gates = _Circuit(ising, angles, fields), _gates(ising, fields)
    at_once = max(1, AMPLITUDES // (2 * circuit.size))
    for layer in range(len(angles)):
        for start in range(0, len(gates), at_once):
            part = gates[start : start + at_once]
            by = turns[layer, [gate.column for gate in part]]
            measured = measure(number, circuit.shifted(layer, part, by)).reshape(-1, 2)
            for gate, (up, down) in zip(part, measured, strict=True):
                slopes[layer, gate.column] = gate.strength * (up - down)
    return slopes


class _Circuit:
    """The circuit of one graph, whose states before each gate are kept, so that a shifted one starts at its gate."""

    def __init__(self, ising: Ising, angles: Floats, fields: bool) -> None:
        self.mixers = gate_mixers(angles, len(ising.fields), not fields)
        self.size = self.mixers.shape[1]
        sweep = Sweep((1, self.size), len(angles))
        for layer, exponents in enumerate(gate_costs(ising, angles, whole=fields)):
            sweep.set_layer(layer, exponents[None])
        sweep.mixers = self.mixers
        sweep.forward()
        self.phases, self.phased, self.mixing = (a[:, 0].copy() for a in (sweep.phases, sweep.phased, sweep.mixing))

    def shifted(self, layer: int, gates: list[_Gate], by: Floats) -> Floats:
        """The distributions of the circuits with each gate shifted up, then down, (2 len(gates), 2^m)."""
        states = np.zeros((1 << (2 * len(gates) - 1).bit_length(), self.size), dtype=np.complex128)
        register = Register(states.size.bit_length() - 1)
        rows = states[: 2 * len(gates)]
        mixers = np.array([gate.mixer for gate in gates for _ in "+-"])
        turns = _turns(gates, by)
        rows[:] = self.phased[layer]
        np.multiply(rows, turns, out=rows, where=~mixers[:, None])
        register.hadamards(states, out=states)
        rows[mixers] = self.mixing[layer] * turns[mixers]
        states *= self.mixers[layer]
        register.hadamards(states, out=states)
        for later in range(layer + 1, len(self.phases)):
            states *= self.phases[later]
            register.hadamards(states, out=states)
            states *= self.mixers[later]
            register.hadamards(states, out=states)
        chances = rows.real**2 + rows.imag**2
        return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def _turns(gates: list[_Gate], by: Floats) -> Complexes:
    """e^{-i s x}, then e^{+i s x}, of each gate and its x, (2 len(gates), 2^m)."""
    signs = np.stack([gate.signs for gate in gates])
    up = np.cos(by)[:, None] - 1j * np.sin(by)[:, None] * signs
    return np.stack([up, up.conj()], axis=1).reshape(-1, signs.shape[1])
