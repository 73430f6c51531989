"""The exam of QAOA where families coincide: whatever two families have in common, each is graded."""

from pathlib import Path

import numpy as np

from qflsim.learning.graph_rivals import POOLED, graph_rivals, local_only
from qflsim.learning.graphs import CompleteGraphs, ErdosRenyiGraphs, GraphFamily, RegularGraphs
from qflsim.learning.graphs_files import FileGraphs
from qflsim.learning.mixtures import MixedGraphs
from qflsim.learning.problems import IsingProblem
from qflsim.learning.qaoa_task import Qaoa
from qflsim.learning.tasks import mean_marks

ANGLES = np.array([0.3, 0.4])


def filed(folder: Path, name: str, content: str, data_class: str) -> FileGraphs:
    """A family of one graph of three nodes."""
    (folder / name).write_text(content)
    return FileGraphs(files=(name,), nodes=3, count=1, data_class=data_class).read(folder)


def test_families_whose_held_out_graphs_coincide_are_both_graded() -> None:
    """Complete unit graphs, and Erdős-Rényi graphs of probability 1: two classes with equal marks."""
    complete, random = (
        CompleteGraphs(nodes=5, weights="unit"),
        ErdosRenyiGraphs(nodes=5, edge_probability=1.0, weights="unit"),
    )
    task = Qaoa(layers=1, holdout=3)
    for data in ((complete, random), (MixedGraphs(of=(complete, random)),)):
        marks = task.exam(1, data).marks(ANGLES)
        assert list(marks) == ["complete", "erdos-renyi-1"]
        np.testing.assert_array_equal(*marks.values())
        assert marks["complete"].shape == (3,)


def test_families_that_differ_in_fields_alone_are_both_graded(tmp_path: Path) -> None:
    """Equal couplings with fields on different nodes: two graphs of one class, or two classes, and never a lost one."""
    edges, task = "a b 1\nb c -1\na c 0.5\n", Qaoa(layers=1, problem=IsingProblem())

    def family(node: str, data_class: str) -> FileGraphs:
        return filed(tmp_path, f"{node}.txt", f"{edges}{node} {node} 1\n", data_class)

    (one, other) = (task.exam(1, (family(node, "A"),)).marks(ANGLES)["A"][0] for node in "ab")
    couplings = [family(node, "A").held_out()[0].weights for node in "ab"]
    np.testing.assert_array_equal(*couplings)
    assert one != other
    for second, expected in [("A", {"A": [one, other]}), ("B", {"A": [one], "B": [other]})]:
        marks = task.exam(1, (family("a", "A"), family("b", second))).marks(ANGLES)
        assert {name: values.tolist() for name, values in marks.items()} == expected


def test_no_graph_is_graded_twice() -> None:
    """Families that differ in how many graphs a device holds alone are graded by the same graphs, once."""
    few, many = RegularGraphs(nodes=6, count=2), RegularGraphs(nodes=6, count=5)
    marks = Qaoa(layers=1, holdout=3).exam(1, (few, many)).marks(ANGLES)
    assert {name: len(values) for name, values in marks.items()} == {"3-regular": 3}


def test_a_device_alone_is_graded_over_all_families_of_its_class() -> None:
    """Two families of one class are one baseline, the mean over the devices of both."""
    families: tuple[GraphFamily, ...] = (RegularGraphs(nodes=4, count=1), RegularGraphs(nodes=6, count=1))
    task = Qaoa(layers=1, holdout=2)
    rivals = [rival for rival in graph_rivals(task, 1, families) if rival.name.startswith("local-only")]
    assert [rival.name for rival in rivals] == ["local-only 3-regular"]
    assert len(rivals[0].arguments) == 2 * POOLED
    found = mean_marks([rivals[0].call(*arguments) for arguments in rivals[0].arguments])["3-regular"]
    each = [
        local_only(task, 1, families, family, device)["3-regular"] for family in families for device in range(POOLED)
    ]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-14)
    assert found.shape == (4,)
    names = [rival.name for rival in graph_rivals(task, 1, (*families, CompleteGraphs(nodes=4)))]
    assert len(set(names)) == len(names)
