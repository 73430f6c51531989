"""Damages copies of traces in ways that depend only on their numbers, reads each as users do, and says what came of it.

A program of its own, for a library in C may crash: `mutants.py FOLDER FIRST LAST [thorough]`. The folder holds three
whole traces (`*.h5`), of which the second is a journal, which takes longest. Each file first tells its number, then a
line of JSON.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from qflsim.errors import InputError
from qflsim.study.replay import recorded_scenario
from qflsim.study.report import summary
from qflsim.study.stragglers import stragglers
from qflsim.trace.reader import Trace, recover
from qflsim.trace.tables import TABLES

MOST_ADDRESS_BYTE = 1 << 33
KINDS = ["bits", "bit", "run", "cut", "zeros", "twice", "swapped", "noise", "number", "tail"]


def mutant(whole: bytes, number: int) -> tuple[str, bytes]:
    """The whole file, damaged in the way of this number. Most damage falls where there is anything but zeros."""
    rng = np.random.default_rng(number)
    data = np.frombuffer(whole, np.uint8).copy()
    filled = np.flatnonzero(data)
    kind = KINDS[rng.integers(len(KINDS))]

    def place() -> int:
        return int(rng.choice(filled) if rng.random() < 0.85 else rng.integers(len(data)))

    def length(most: int) -> int:
        return int(2 ** rng.uniform(0, np.log2(min(most, len(data)))))

    start, other, size = place(), place(), length(1 << 14)
    if kind == "bit":
        data[start] ^= 1 << rng.integers(8)
    elif kind == "bits":
        for _ in range(rng.integers(2, 100)):
            data[place()] ^= 1 << rng.integers(8)
    elif kind == "run":
        data[start : start + size] = rng.integers(256)
    elif kind == "noise":
        data[start : start + size] = rng.integers(0, 256, len(data[start : start + size]), np.uint8)
    elif kind == "cut":
        data = data[: place()]
    elif kind == "zeros":
        data[start : start + size] = 0
    elif kind == "twice":
        data = np.concatenate([data[: start + size], data[start : start + size], data[start + size :]])
    elif kind == "tail":
        data = np.concatenate([data, rng.integers(0, 256, size, np.uint8)])
    elif kind == "swapped":
        size = min(size, abs(start - other), len(data) - max(start, other))
        one, two = data[start : start + size].copy(), data[other : other + size].copy()
        data[start : start + size], data[other : other + size] = two, one
    else:  # a number such as lengths and addresses are
        extreme = rng.choice(np.array([0, 1, 255, 2**15, 2**31 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**64 - 1], "u8"))
        value = np.array([extreme]).view(np.uint8)[: rng.choice([1, 2, 4, 8])]
        data[start : start + len(value)] = value[: len(data) - start]
    return kind, data.tobytes()


def told(path: Path, out: Path, whole: dict[str, Any], *, thorough: bool) -> str:
    """What reading it all came to: what was refused first, or "whole". AssertionError for an answer that is wrong."""
    refused: list[tuple[str, InputError]] = []

    def attempt(name: str, question: Any) -> Any:
        try:
            return question()
        except InputError as error:
            refused.append((name, error))
            return None

    trace = attempt("opening", lambda: Trace(path))
    if trace is None:
        return _outcome(path, refused, "refused")
    header = attempt("header", lambda: trace.header)
    assert header in (None, whole["header"]), header
    status = attempt("status", lambda: trace.status)
    assert status in (None, whole["status"]), status
    rows = attempt("rows", lambda: trace.rows) or {}
    assert all(count <= len(whole[name]) for name, count in rows.items())
    for name in TABLES:
        table = attempt("tables", lambda name=name: trace.table(name))
        if table is not None:
            assert table.tobytes() == whole[name][: len(table)].tobytes(), name
            assert len(table) == rows.get(name, len(table)), name
    for question in (recorded_scenario, summary, stragglers) if thorough else ():
        attempt(question.__name__, lambda question=question: question(trace))
    attempt("recover", lambda: recover(path, out, force=True))
    if "recover" not in dict(refused):
        again = Trace(out)
        for name in TABLES:
            assert again.table(name).tobytes() == trace.table(name).tobytes(), name
    return _outcome(path, refused, "whole" if sum(rows.values()) == whole["rows"] else "an earlier commit")


def _outcome(path: Path, refused: list[tuple[str, InputError]], otherwise: str) -> str:
    for _, error in refused:
        assert error.where.startswith(str(path)), error
        assert len(str(error)) < 1000, error
    return "some parts refused" if refused and otherwise != "refused" else otherwise


def read(path: Path) -> dict[str, Any]:
    """All that a whole trace says."""
    trace = Trace(path)
    tables: dict[str, Any] = {name: trace.table(name) for name in TABLES}
    return {**tables, "header": trace.header, "status": trace.status, "rows": sum(trace.rows.values())}


def say(line: str) -> None:
    """Tells it at once, for the next file may be the end."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path, first: int, last: int, *, thorough: bool) -> None:
    """Each of these files."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bases = sorted(folder.glob("*.h5"))
    contents, wholes = [base.read_bytes() for base in bases], [read(base) for base in bases]
    path, out = folder / f"mutant-{first}", folder / f"recovered-{first}"
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESS_BYTE, MOST_ADDRESS_BYTE))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, last):
        say(str(number))
        which = number % 3 if thorough or number % 12 == 1 else number % 2 * 2
        kind, content = mutant(contents[which], number)
        path.write_bytes(content)
        began = time.perf_counter()
        try:
            outcome = told(path, out, wholes[which], thorough=thorough)
        except Exception as error:
            outcome = f"{type(error).__name__}: {str(error)[:300]}"
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
        took_s = time.perf_counter() - began
        line = {"base": bases[which].stem, "kind": kind, "outcome": outcome, "grown_mib": grown_kib / 1024}
        say(json.dumps({**line, "took_s": took_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), thorough="thorough" in sys.argv)
