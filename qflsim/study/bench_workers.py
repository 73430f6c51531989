"""Benches of `--workers`: whole runs of the command, each with two processes that train beside none."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from qflsim.study.measuring import Figure, best_s

GRAPHS = '{ kind = "regular", degree = 3, nodes = 12, count = 16 }'
TRAINING_BOUND = {
    "devices.walkers.graphs": GRAPHS,
    "devices.walkers.batch": 16,
    "devices.walkers.shots": 10,
    "training.steps": 100,
    "stop.duration_s": 120.0,
}
"""What makes training nearly all of the quickstart's work: a task takes about 0.3 s in place of 1 ms."""


def workers() -> list[Figure]:
    """A run that is bound by its training, and the quickstart as it is, in which training is next to nothing."""
    return [_beside_inline("workers, long tasks", TRAINING_BOUND), _beside_inline("workers, 1 ms tasks", {})]


def _beside_inline(name: str, overrides: dict[str, object]) -> Figure:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "qflsim", "run", "quickstart", "--force", "-o", str(Path(folder) / "trace.h5")]
        for place, value in overrides.items():
            command += ["--set", f"{place}={value}"]

        def wall_s(count: int) -> float:
            words = [*command, "--workers", str(count)]
            return best_s(lambda: subprocess.run(words, check=True, capture_output=True), repeats=1)

        rounds = [(wall_s(1), wall_s(2)) for _ in range(2)]  # by turns, for what else the machine does comes and goes
    inline_s, two_s = map(min, zip(*rounds, strict=True))
    return Figure(name, two_s, "s", inline_s, "one process", inline_s / two_s)
