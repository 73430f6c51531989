"""Sources: which files a scenario reads, how their bytes identify a run, and what a trace keeps of them."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qflsim.errors import InputError, InputErrors
from qflsim.learning.graphs_files import FileGraphs
from qflsim.learning.mixtures import MixedGraphs, file_families
from qflsim.scenario.load import digest, inputs, parse, world
from qflsim.scenario.schema import Scenario
from qflsim.scenario.sources import files, read, restored
from qflsim.study.replay import replay
from qflsim.study.run import run
from qflsim.trace.reader import Trace

TRIANGLE, PATH = "a b 1\nb c 2\na c 0.5\n", "a b\nb c 3\n"
FCD = '<fcd-export><timestep time="0"><vehicle id="v" x="10" y="0"/></timestep></fcd-export>'
FROM_FILE = {"kind": "file", "files": ["one.txt", "two.txt"], "holdout": ["exam.txt"], "nodes": 3, "count": 2}


def group(name: str, **fields: Any) -> dict[str, Any]:
    """Two devices that stand near the site."""
    return {"name": name, "count": 2, "mobility": {"kind": "static", "at_m": [10.0, 0.0]},
            "processor": {"kind": "simulator"}, "batch": 2, **fields}  # fmt: skip


def data(*groups: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """A run of a few trainings."""
    return {"name": "s", "stop": {"duration_s": 0.5}, "devices": list(groups),
            "task": {"kind": "qaoa", "layers": 1, "holdout": 2}, **sections}  # fmt: skip


def graphs(folder: Path) -> Path:
    """A folder with three graphs of three nodes."""
    folder.mkdir(exist_ok=True)
    (folder / "one.txt").write_text(TRIANGLE)
    (folder / "two.txt").write_text(PATH)
    (folder / "exam.txt").write_text(TRIANGLE)
    return folder


def mnist(folder: Path, seed: int = 0) -> dict[str, Any]:
    """A classification of sixty random images, in a folder's file `images.npz`."""
    rng = np.random.default_rng(seed)
    pixels, labels = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8), np.arange(60) % 2
    np.savez(folder / "images.npz", x_train=pixels, y_train=labels)
    images = {"kind": "mnist", "files": ["images.npz"], "classes": [0, 1], "features": 2, "samples": 4, "holdout": 3}
    model = {"kind": "variational", "layers": 1}
    return {**data(group("phones")), "task": {"kind": "classification", "data": images, "model": model}}


def identities(scenario: Scenario) -> tuple[str, str]:
    """Of the run, and of its world."""
    hashes = inputs(scenario)
    return digest(scenario, hashes), world(scenario, hashes)


# --- which files


def test_every_file_is_named_once(tmp_path: Path) -> None:
    """Mobility, graphs to train on and to grade, also within mixtures, in the order of the scenario."""
    cars = group("cars", mobility={"kind": "sumo-fcd", "file": "fcd.xml"}, graphs=FROM_FILE)
    cars.pop("count")
    part = {**FROM_FILE, "files": ["three.txt", "one.txt"], "holdout": [], "data_class": "other"}
    mixed = {"kind": "mixture", "of": [part, {"kind": "complete", "nodes": 3, "count": 2}]}
    scenario = parse(data(cars, group("vans", graphs=mixed)), tmp_path)
    assert files(scenario) == ["fcd.xml", "one.txt", "two.txt", "exam.txt", "three.txt"]


def test_a_task_names_its_images(tmp_path: Path) -> None:
    """The files of the images are inputs as well."""
    assert files(parse(mnist(tmp_path), tmp_path)) == ["images.npz"]
    assert files(parse(data(group("a")), tmp_path)) == []


# --- identity


def test_graphs_are_identified_by_their_bytes(tmp_path: Path) -> None:
    """Other names, same bytes: the same run. Another byte, of a graph of the exam too: another run, in the same world.

    Which file is which matters: their order is the order in which devices draw them.
    """
    ours = identities(parse(data(group("a", graphs=FROM_FILE)), graphs(tmp_path / "here")))
    there = graphs(tmp_path / "there")
    for name in ("one", "two", "exam"):
        (there / f"{name}.txt").rename(there / f"{name}-renamed.txt")
    renamed = {**FROM_FILE, "files": ["one-renamed.txt", "two-renamed.txt"], "holdout": ["exam-renamed.txt"]}
    assert identities(parse(data(group("a", graphs=renamed)), there)) == ours
    swapped = {**renamed, "files": renamed["files"][::-1]}
    assert identities(parse(data(group("a", graphs=swapped)), there))[0] != ours[0]
    for name in ("one", "exam"):
        other = graphs(tmp_path / f"other-{name}")
        (other / f"{name}.txt").write_text(TRIANGLE + "\n")
        theirs = identities(parse(data(group("a", graphs=FROM_FILE)), other))
        assert theirs[0] != ours[0]
        assert theirs[1] == ours[1]


def test_images_are_identified_by_their_bytes(tmp_path: Path) -> None:
    """Moved and renamed they are the same run; with one pixel changed another, in the same world."""
    scenario = mnist(tmp_path)
    ours = identities(parse(scenario, tmp_path))
    (tmp_path / "images.npz").rename(tmp_path / "moved.npz")
    scenario["task"]["data"]["files"] = ["moved.npz"]
    assert identities(parse(scenario, tmp_path)) == ours
    with np.load(tmp_path / "moved.npz") as archive:
        pixels, labels = archive["x_train"], archive["y_train"]
    pixels[0, 0, 0] ^= 1
    np.savez(tmp_path / "moved.npz", x_train=pixels, y_train=labels)
    theirs = identities(parse(scenario, tmp_path))
    assert (theirs[0] != ours[0], theirs[1] == ours[1]) == (True, True)


# --- what is read


def test_what_is_read_is_what_devices_hold(tmp_path: Path) -> None:
    """Graphs by group, mixtures with the files of their parts, and the task with its files found."""
    part = {**FROM_FILE, "data_class": "other"}
    mixed = {"kind": "mixture", "of": [part, {"kind": "complete", "nodes": 3, "count": 2}]}
    scenario = parse(data(group("a", graphs=FROM_FILE), group("b", graphs=mixed), group("c")), graphs(tmp_path))
    sources = read(scenario)
    assert list(sources.graphs) == ["a", "b", "c"]
    assert sources.tracks == {}
    family, mixture = sources.graphs["a"], sources.graphs["b"]
    assert isinstance(family, FileGraphs)
    assert isinstance(mixture, MixedGraphs)
    assert family.terms[1] == ((0, 1, 1.0), (1, 2, 3.0))
    assert file_families(mixture)[0].terms == family.terms
    assert sources.terms == {"a": [family.terms], "b": [family.terms]}
    np.testing.assert_allclose(family.held_out()[0].weights[0, 1] / family.held_out()[0].weights[0, 2], 2)


def test_restored_sources_are_those_that_were_read(tmp_path: Path) -> None:
    """From the terms alone, with the files gone."""
    scenario = parse(data(group("a", graphs=FROM_FILE)), graphs(tmp_path / "here"))
    sources = read(scenario)
    shutil.rmtree(tmp_path / "here")
    again = restored(scenario, {}, sources.terms, {}, "t.h5")
    assert again == sources
    with pytest.raises(InputError, match=r"one\.txt"):
        read(scenario)


@pytest.mark.parametrize("kind", ["graphs", "mixture"])
def test_a_trace_needs_no_graph_file(tmp_path: Path, kind: str) -> None:
    """Moved elsewhere, with scenario and graphs gone, a run on graphs from files replays bit by bit."""
    home, away = graphs(tmp_path / "home"), tmp_path / "away"
    held: dict[str, Any] = FROM_FILE
    if kind == "mixture":
        held = {"kind": "mixture", "of": [FROM_FILE, {"kind": "complete", "nodes": 3, "count": 2}], "alpha": 0.5}
    path = run(parse(data(group("a", graphs=held)), home), home / "t.h5").path
    away.mkdir()
    shutil.move(path, away / "t.h5")
    shutil.rmtree(home)
    trace = Trace(away / "t.h5")
    assert "ratio/file" in set(trace.evaluations["metric"])
    assert replay(trace).held == "exact"


def test_a_trace_says_which_images_it_needs(tmp_path: Path) -> None:
    """Images are too large to come along: beside the trace they are found again, without them it is told which."""
    path = run(parse(mnist(tmp_path), tmp_path), tmp_path / "t.h5").path
    assert replay(Trace(path)).held == "exact"
    known = hashlib.sha256((tmp_path / "images.npz").read_bytes()).hexdigest()
    (tmp_path / "images.npz").unlink()
    with pytest.raises(InputError, match=rf"^images\.npz: got no such file; want the one with SHA-256 {known}"):
        replay(Trace(path))


def test_images_are_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace that was moved elsewhere replays where its images are; elsewhere it does not."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    path = shutil.move(run(parse(mnist(home), home), home / "t.h5").path, away / "t.h5")
    monkeypatch.chdir(home)
    assert replay(Trace(path)).held == "exact"
    monkeypatch.chdir(away)
    with pytest.raises(InputError, match=r"images\.npz: got no such file"):
        replay(Trace(path))


def test_images_with_other_bytes_are_others(tmp_path: Path) -> None:
    """A second run in the same process takes what the file holds then, and replays; the first does not any more."""
    scenario = parse({**mnist(tmp_path), "stop": {"duration_s": 60.0, "versions": 1}}, tmp_path)
    first = run(scenario, tmp_path / "first.h5")
    known = inputs(scenario)["images.npz"]
    mnist(tmp_path, seed=1)
    second = run(scenario, tmp_path / "second.h5")
    found = inputs(scenario)["images.npz"]
    assert first.header["digest"] != second.header["digest"]
    assert (first.params(1) != second.params(1)).any()
    assert replay(second).held == "exact"
    with pytest.raises(InputError, match=rf"^images\.npz: got a file with SHA-256 {found}; want the one with {known}"):
        replay(first)
    mnist(tmp_path)
    assert replay(first).held == "exact"


# --- what is refused


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a b nan\n", "nan"),
        ("a b 1\nb b\n", "b"),
        ("a b 1\na b 2\n", "twice"),
        ("", "edge"),
        ("a b\nc d\n", "node"),
        (None, "No such file"),
    ],
)
def test_broken_graphs_are_told_before_anything_starts(tmp_path: Path, content: str | None, told: str) -> None:
    """With the file's name; nothing is simulated, and no trace is left."""
    folder = graphs(tmp_path / "g")
    if content is None:
        (folder / "two.txt").unlink()
    else:
        (folder / "two.txt").write_text(content)
    with pytest.raises(InputError, match=r"two\.txt"):
        run(parse(data(group("a", graphs=FROM_FILE)), folder), tmp_path / "t.h5")
    assert not (tmp_path / "t.h5").exists()


def test_graphs_that_do_not_suit_the_problem_are_told(tmp_path: Path) -> None:
    """Linear terms are no cut: the problem is named, before anything starts."""
    (graphs(tmp_path) / "two.txt").write_text("a a 1\na b\nb c\n")
    scenario = parse(data(group("a", graphs=FROM_FILE)), tmp_path)
    with pytest.raises(InputError, match="linear terms"):
        read(scenario)


def test_a_trace_of_other_graphs_is_no_source(tmp_path: Path) -> None:
    """Terms for another number of files, or of graphs of another size, are told with the trace's name."""
    scenario = parse(data(group("a", graphs=FROM_FILE)), graphs(tmp_path))
    for terms in ({}, {"a": [[[[0, 1, 1.0]]]]}, {"a": [[[[0, 9, 1.0]]] * 3]}):
        with pytest.raises(InputError, match=r"t\.h5"):
            restored(scenario, {}, terms, {}, "t.h5")


def test_sections_that_do_not_go_together_are_told() -> None:
    """Graphs beside images; circuits larger than their processor, and those of images where they would be split."""
    images = {"kind": "classification", "data": {"classes": [0, 1], "features": 2}}
    split = {"kind": "split", "of": {"kind": "superconducting"}, "qubits": 1}
    parse(data(group("a", processor={**split, "qubits": 2}), task=images), Path())
    parse(data(group("a", processor={**split, "qubits": 5})), Path())
    for wrong, told in [
        (data(group("a", processor=split), task=images), r"devices\.a: circuits that fit one QPU"),
        (data(group("a", graphs={"kind": "complete"}), task=images), "devices.a.graphs"),
        (
            data(group("a", processor={"kind": "ion-trap"}, graphs={"kind": "complete", "nodes": 26})),
            'at most 25 qubits, or kind = "split"',
        ),
        (data(group("a"), task={"kind": "qaoa", "layers": 0}), "task.layers"),
        (data(group("a"), task={"kind": "qaoa", "start": "fixed", "layers": 12}), "1 to 11 layers"),
        (data(group("a", shots=0)), "shots"),
        (data(group("a", processor={"kind": "superconducting", "preset": "none"})), "preset"),
    ]:
        with pytest.raises(InputErrors, match=told):
            parse(wrong, Path())


@pytest.mark.parametrize(
    ("task", "gradient", "told"),
    [
        ({"kind": "qaoa", "tail": 0.5}, "parameter-shift", "plain circuits"),
        ({"kind": "qaoa", "warm_start": 0.2}, "parameter-shift", "plain circuits"),
        ({"kind": "qaoa", "multi_angle": True}, "parameter-shift", "plain circuits"),
        ({"kind": "classification", "model": {"kind": "perceptron"}}, "spsa", "classical model"),
        ({"kind": "classification", "model": {"kind": "logistic-regression"}}, "parameter-shift", "classical model"),
    ],
)
def test_estimators_that_do_not_suit_the_task_are_told_before_anything_starts(
    tmp_path: Path, task: dict[str, Any], gradient: str, told: str
) -> None:
    """A scenario with one can be read, but not run; with exact gradients it can."""
    scenario = parse(data(group("a"), task=task, training={"gradient": {"kind": gradient}}), tmp_path)
    with pytest.raises(InputError, match=rf"training\.gradient: .*{told}"):
        run(scenario, tmp_path / "t.h5")
    assert not (tmp_path / "t.h5").exists()
    read(parse(data(group("a"), task=task), tmp_path))
