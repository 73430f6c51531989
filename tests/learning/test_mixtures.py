"""Mixtures: shares between all alike and one family a device, and what belongs together in one."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from qflsim.learning.graphs import CompleteGraphs, RegularGraphs, SherringtonKirkpatrick
from qflsim.learning.graphs_files import FileGraphs
from qflsim.learning.holdings import data_class, held_out, local_graphs
from qflsim.learning.mixtures import MixedGraphs, components, file_families, loaded
from qflsim.streams import Streams

PARTS = (RegularGraphs(nodes=6, count=12), CompleteGraphs(nodes=6, count=12),
         SherringtonKirkpatrick(nodes=6, count=12))  # fmt: skip


def mixture(alpha: float, **changes: Any) -> MixedGraphs:
    """A mixture of three families."""
    return MixedGraphs(**{"of": PARTS, "alpha": alpha, **changes})


def classes(family: MixedGraphs, devices: int, region: str = "") -> list[Counter[str]]:
    """How many graphs of each family each device holds."""
    return [Counter(g.data_class for g in local_graphs(1, "cars", d, family, region)) for d in range(devices)]


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0])
def test_shares_have_the_moments_of_dirichlet(alpha: float) -> None:
    """Mean 1/3, variance 2 / (9 (3 alpha + 1)), within five standard errors; each device's shares sum to 1."""
    rng = Streams(3).named("shares")
    shares = np.array([mixture(alpha).shares(rng) for _ in range(4000)])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    for sample, want in ((shares[:, 0], 1 / 3), ((shares[:, 0] - 1 / 3) ** 2, 2 / 9 / (3 * alpha + 1))):
        assert abs(sample.mean() - want) < 5 * sample.std(ddof=1) / np.sqrt(len(sample))


def test_a_small_alpha_gives_each_device_one_family() -> None:
    """Every device's graphs are of one family, and every family has devices."""
    held = classes(mixture(1e-3), 40)
    assert all(len(device) == 1 for device in held)
    assert {next(iter(device)) for device in held} == {"3-regular", "complete", "sherrington-kirkpatrick"}


def test_a_great_alpha_makes_devices_alike() -> None:
    """Each family's count over devices varies as in independent draws of equal chance, within five errors."""
    counts = np.array([device["complete"] for device in classes(mixture(1e6), 300)])
    variance = 12 * (1 / 3) * (2 / 3)
    assert abs(counts.mean() - 4) < 5 * np.sqrt(variance / 300)
    assert abs(counts.var(ddof=1) - variance) < 5 * variance * np.sqrt(2 / 299)


def test_a_region_shares_its_shares() -> None:
    """With a small alpha devices of one region hold the same family, but not the same graphs; regions differ."""
    family = mixture(1e-3, by="region")
    regions = {region: classes(family, 6, region) for region in "abcdefgh"}
    for devices in regions.values():
        assert len({next(iter(device)) for device in devices}) == 1
    assert len({next(iter(devices[0])) for devices in regions.values()}) > 1
    one, other = (local_graphs(1, "cars", device, family, "a")[0].weights for device in (0, 1))
    assert (one != other).any()


def test_the_class_of_a_device_is_that_of_most_of_its_graphs() -> None:
    """Of equally many, the one that it holds first."""
    rng = Streams(1).named("any")
    sparse, dense = PARTS[0].draw(rng), PARTS[1].draw(rng)
    assert data_class([sparse, dense, dense]) == "complete"
    assert data_class([sparse, dense]) == "3-regular"
    assert data_class([dense, sparse]) == "complete"


def test_the_exam_has_graphs_of_every_component() -> None:
    """Each from its own stream, as if its family stood alone."""
    assert components(mixture(1.0)) == PARTS
    assert components(PARTS[1]) == (PARTS[1],)
    for part in components(mixture(1.0)):
        papers = held_out(1, part, 3)
        assert [graph.data_class for graph in papers] == [part.data_class] * 3


def test_a_mixture_is_read_from_plain_data() -> None:
    """As a scenario has it, and back."""
    plain = {
        "kind": "mixture",
        "alpha": 0.5,
        "of": [{"kind": "regular", "degree": 3, "nodes": 8}, {"kind": "complete", "nodes": 8}],
    }
    read = MixedGraphs.model_validate(plain)
    assert read.of == (RegularGraphs(nodes=8), CompleteGraphs(nodes=8))
    assert MixedGraphs.model_validate(read.model_dump(mode="json")) == read
    assert (read.nodes, read.count) == (8, 16)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ([{"kind": "regular"}], "at least 2"),
        ([{"kind": "regular"}, {"kind": "complete", "nodes": 8}], "same nodes, not 10, 8"),
        ([{"kind": "regular"}, {"kind": "complete", "count": 8}], "same count, not 16, 8"),
        ([{"kind": "regular"}, {"kind": "mixture", "of": []}], "mixture"),
        ([{"kind": "regular"}, {"kind": "complete", "degree": 3}], "degree"),
        ([{"kind": "regular"}, {"degree": 3}], "kind"),
    ],
)
def test_what_does_not_mix_is_refused(of: list[dict[str, Any]], words: str) -> None:
    """Other numbers of nodes or graphs, mixtures within mixtures, mistakes inside."""
    with pytest.raises(ValidationError, match=words):
        MixedGraphs.model_validate({"of": of})


def test_files_within_a_mixture_are_read(tmp_path: Path) -> None:
    """Its hooks name them, and the rest stays as it is."""
    (tmp_path / "g").write_text("a b\nb c\n")
    files = FileGraphs(files=("g",), nodes=3, count=2, data_class="map")
    family = MixedGraphs(of=(files, CompleteGraphs(nodes=3, count=2)))
    assert [part.paths for part in file_families(family)] == [("g",)]
    assert file_families(PARTS[0]) == ()
    read = loaded(family, tmp_path)
    assert components(read) == (files.read(tmp_path), CompleteGraphs(nodes=3, count=2))
    assert loaded(files, tmp_path) == files.read(tmp_path)
    assert loaded(PARTS[0], tmp_path) is PARTS[0]
    assert {g.data_class for d in range(9) for g in local_graphs(1, "cars", d, read)} == {"map", "complete"}
    assert [g.data_class for g in held_out(1, files.read(tmp_path), 24)] == ["map"]
