"""Devices that hold graphs of several families, each in shares of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qflsim.errors import InputError
from qflsim.learning.graphs import (
    CompleteGraphs,
    ErdosRenyiGraphs,
    GraphFamily,
    Instance,
    RegularGraphs,
    SherringtonKirkpatrick,
    WattsStrogatzGraphs,
)
from qflsim.learning.graphs_files import FileGraphs
from qflsim.model import Model
from qflsim.units import Floats

Part = Annotated[
    RegularGraphs | CompleteGraphs | ErdosRenyiGraphs | WattsStrogatzGraphs | SherringtonKirkpatrick | FileGraphs,
    Field(discriminator="kind"),
]


class MixedGraphs(Model):
    """Graphs of several families, which every device, or every region, holds in shares of its own.

    The shares are drawn from a symmetric Dirichlet distribution: their mean is 1 / k for each of k families and their
    variance (k - 1) / (k^2 (k alpha + 1)). So a great `alpha` makes all devices alike, and a small one gives each
    device graphs of one family. Each graph's family is then drawn by those shares. The device's data class is that of
    most of its graphs; the exam has held-out graphs of every family.

    Source: T.-M. H. Hsu, H. Qi, M. Brown, arXiv 1909.06335, who split labels in this way.
    """

    kind: Literal["mixture"] = "mixture"
    of: Annotated[tuple[Part, ...], Field(min_length=2, max_length=16)]
    alpha: Annotated[float, Field(ge=1e-3, le=1e6)] = 1.0
    by: Literal["device", "region"] = "device"

    @model_validator(mode="after")
    def _alike(self) -> Self:
        for what in ("nodes", "count"):
            numbers = [getattr(part, what) for part in self.of]
            if len(set(numbers)) > 1:
                raise ValueError(f"of: families with the same {what}, not {', '.join(map(str, numbers))}")
        return self

    @property
    def nodes(self) -> int:
        return self.of[0].nodes

    @property
    def count(self) -> int:
        """How many graphs a device holds in all."""
        return self.of[0].count

    @property
    def data_class(self) -> str:
        return "mixture"

    def shares(self, rng: np.random.Generator) -> Floats:
        """The shares of one device or region, (k,), which sum to 1."""
        return rng.dirichlet(np.full(len(self.of), self.alpha))

    def draw(self, rng: np.random.Generator, shares: Floats | None = None) -> Instance:
        """One graph of a device with these shares; of the whole population, where all families count alike, if None."""
        return self.of[int(rng.choice(len(self.of), p=shares))].draw(rng)


def components(family: GraphFamily) -> tuple[GraphFamily, ...]:
    """The families that a family's graphs come from, each with a data class of its own: what an exam grades."""
    return family.of if isinstance(family, MixedGraphs) else (family,)


def file_families(family: GraphFamily) -> tuple[FileGraphs, ...]:
    """Those of a family's components that are read from files."""
    return tuple(part for part in components(family) if isinstance(part, FileGraphs))


def loaded(family: GraphFamily, folder: Path) -> GraphFamily:
    """The family with its files read, whose paths are relative to `folder`; errors as in `FileGraphs.read`."""
    if isinstance(family, FileGraphs):
        return family.read(folder)
    if isinstance(family, MixedGraphs):
        return family.model_copy(update={"of": tuple(loaded(part, folder) for part in family.of)})
    return family


def with_terms(family: GraphFamily, terms: Sequence[Sequence[Sequence[Sequence[float]]]], where: str) -> GraphFamily:
    """The family with what a run once read in place of its files, a list for each of `file_families`."""
    wanted = file_families(family)
    if len(terms) != len(wanted):
        raise InputError(where, f"graphs of {len(terms)} families", f"those of {len(wanted)}")
    if isinstance(family, FileGraphs):
        return family.with_terms(terms[0], where)
    if isinstance(family, MixedGraphs):
        left = iter(terms)
        parts = [part.with_terms(next(left), where) if isinstance(part, FileGraphs) else part for part in family.of]
        return family.model_copy(update={"of": tuple(parts)})
    return family
