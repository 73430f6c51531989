"""The standard figures of a run: one file each, as a paper takes them."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from qflsim.errors import InputError
from qflsim.study.findings import Findings, Source
from qflsim.study.folders import check_room, filled
from qflsim.study.plots_delays import phases, staleness, stragglers, survival
from qflsim.study.plots_fairness import fairness
from qflsim.study.plots_learning import metric, target
from qflsim.study.plots_places import gantt, map_of_uploads
from qflsim.study.plots_style import Missing, styled
from qflsim.trace.placing import check_free, publish, write_hidden
from qflsim.trace.reader import Trace

__all__ = ["FIGURES", "FORMATS", "Drawn", "Missing", "fairness", "gantt", "map_of_uploads", "metric", "phases", "plot",
           "save", "staleness", "stragglers", "survival", "target"]  # fmt: skip

FORMATS = ("pdf", "png")
FIGURES: dict[str, Callable[[Source], Figure]] = {
    "metric": metric,
    "target": target,
    "fairness": fairness,
    "stragglers": stragglers,
    "stragglers-groups": partial(stragglers, by="group"),
    "phases": phases,
    "survival": survival,
    "staleness": staleness,
    "gantt": gantt,
    "map": map_of_uploads,
}
"""The standard figures by the names of their files. Each is a function of a trace, or of the `Findings` that several
share; in a notebook that has said `%matplotlib inline` the figure shows."""
PNG_DOTS_PER_IN = 200
_SILENT = {"pdf": ("CreationDate", "Creator", "Producer"), "png": ("Software",)}


class Drawn(NamedTuple):
    """What was drawn: the files, and why others were not."""

    files: tuple[Path, ...]
    skipped: dict[str, str]
    """by the name of the figure, what the trace lacks"""


def plot(trace: Trace, folder: Path, kind: str = "pdf", force: bool = False) -> Drawn:
    """Draw the standard figures into a folder, which is made if need be: `metric.pdf`, `target.pdf` ...

    PDF is vectors with embedded fonts (TrueType), PNG has 200 dots an inch. A figure that the trace cannot give is
    skipped, with the reason. Nothing is drawn, and `InputError` raised, if a file is there already (unless `force`).
    """
    if kind not in FORMATS:
        raise InputError("--format", kind, f"one of {', '.join(FORMATS)}")
    paths = {name: folder / f"{name}.{kind}" for name in FIGURES}
    check_room(folder, paths.values(), force=force)
    found = Findings(trace)
    files, skipped = [], {}
    with filled(folder):
        for name, draw in FIGURES.items():
            try:
                save(draw(found), paths[name], force)
            except Missing as missing:
                skipped[name] = str(missing).removeprefix(f"{trace.path}: ")
            else:
                files.append(paths[name])
    return Drawn(tuple(files), skipped)


def save(figure: Figure, path: Path, force: bool = False) -> None:
    """Write a figure as what the path's ending says, PDF or PNG; the same figure gives the same bytes.

    `InputError` if the ending is another, or the file is there already (unless `force`).
    """
    check_path(path, force)
    kind = path.suffix[1:].lower()
    image = io.BytesIO()
    with styled():
        figure.savefig(image, format=kind, dpi=PNG_DOTS_PER_IN, metadata=dict.fromkeys(_SILENT[kind]))
    publish(write_hidden(path.parent, image.getvalue()), path, force=force)


def check_path(path: Path, force: bool = False) -> None:
    """`InputError` if no figure can be saved there, before any is drawn."""
    if path.suffix[1:].lower() not in FORMATS:
        raise InputError(
            str(path), f"the ending {path.suffix!r}", "one of " + ", ".join(f".{kind}" for kind in FORMATS)
        )
    check_free(path, force=force)
