"""What the files of a scenario say: tracks, graphs and images, read once before a run."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeAlias

from qflsim.errors import InputError
from qflsim.learning.graphs import GraphFamily
from qflsim.learning.mixtures import file_families, loaded, with_terms
from qflsim.learning.tasks import Task
from qflsim.scenario.schema import Scenario
from qflsim.world.mobility_files import MobilityFile
from qflsim.world.tracks import Track

Tracks: TypeAlias = Mapping[str, tuple[tuple[str, Track], ...]]
"""For each group that is read from a file, its devices' names and tracks."""
Terms: TypeAlias = Mapping[str, Sequence[Sequence[Sequence[Sequence[float]]]]]
"""For each group with graphs from files, for each of its families, the terms of each file's graph."""


class Sources(NamedTuple):
    """All that was read, after which a run needs no file but those of images."""

    tracks: Tracks
    graphs: Mapping[str, GraphFamily]
    """what the devices of each group hold"""
    task: Task

    @property
    def terms(self) -> Terms:
        """The graphs that were read, as plain data."""
        found = {group: [part.terms for part in file_families(family)] for group, family in self.graphs.items()}
        return {group: families for group, families in found.items() if families}


def read(scenario: Scenario) -> Sources:
    """Reads all files, and sees whether task and data suit one another. Errors: `InputError` at the first mistake."""
    folder, until_s = scenario.folder, scenario.stop.duration_s
    moving = [(group.name, group.mobility) for group in scenario.devices]
    tracks = {name: law.read(folder, until_s) for name, law in moving if isinstance(law, MobilityFile)}
    graphs = {group.name: loaded(group.holds, scenario.folder) for group in scenario.devices}
    return _checked(scenario, tracks, graphs, folder)


def restored(scenario: Scenario, tracks: Tracks, terms: Terms, hashes: Mapping[str, str], where: str) -> Sources:
    """The sources of a run whose tracks and graphs a trace holds; `where` is told in an `InputError`.

    Files of images are too large for a trace: they must all lie where the scenario says, seen from the trace's folder
    or all from here, with the bytes that they had.
    """
    graphs = {g.name: with_terms(g.holds, terms.get(g.name, ()), where) for g in scenario.devices}
    beside = all((scenario.folder / file).is_file() for file in scenario.task.files)
    folder = scenario.folder if beside else Path()
    for file in scenario.task.files:
        if not (folder / file).is_file():
            raise InputError(file, "no such file", f"the one with SHA-256 {hashes.get(file)}, which no trace holds")
    sources = _checked(scenario, tracks, graphs, folder)
    for file, found in zip(scenario.task.files, sources.task.hashes, strict=True):
        if found != hashes.get(file):
            raise InputError(file, f"a file with SHA-256 {found}", f"the one with {hashes.get(file)}, as in the run")
    return sources


def _checked(scenario: Scenario, tracks: Tracks, graphs: Mapping[str, GraphFamily], folder: Path) -> Sources:
    task = scenario.task.loaded(folder)
    task.check(scenario.seed, tuple(graphs.values()), scenario.training.gradient)
    return Sources(tracks, graphs, task)


def files(scenario: Scenario) -> list[str]:
    """Every file that the scenario reads, as it names them, each once."""
    mobility = [g.mobility.file for g in scenario.devices if isinstance(g.mobility, MobilityFile)]
    graphs = chain.from_iterable(part.paths for g in scenario.devices for part in file_families(g.holds))
    return list(dict.fromkeys([*mobility, *graphs, *scenario.task.files]))
