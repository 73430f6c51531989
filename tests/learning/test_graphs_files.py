"""Graphs from files: what is read, what is refused and where, and that a trace can stand in for the files."""

import os
import pickle
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from qflsim.errors import InputError
from qflsim.learning.graphs_files import LARGEST_BYTE, FileGraphs
from qflsim.streams import Streams

TRIANGLE = "# three\n a b 2\n\nb c\t-1.5e0 # signed\r\nc a\nc c 0.25\n"
GRAPHML = """<?xml version="1.0"?>
<g:graphml xmlns:g="http://graphml.graphdrawing.org/xmlns">
<g:key id="d0" for="edge" attr.name="weight" attr.type="double"><g:default>3</g:default></g:key>
<g:key id="d1" for="edge" attr.name="colour" attr.type="string"><g:default>red</g:default></g:key>
<g:graph edgedefault="undirected"><g:desc>named</g:desc>
<g:edge source="b" target="a"><g:data key="d0"> 2.0 </g:data><g:data key="d1">blue</g:data></g:edge>
<g:node id="a"><g:data key="d0">7</g:data></g:node><g:node id="b"/><g:node id="c"/>
<g:edge source="c" target="b"/>
</g:graph></g:graphml>
"""


def family(folder: Path, *texts: str | bytes, suffix: str = ".edges", **changes: Any) -> FileGraphs:
    """The family of files with these contents, read."""
    for number, text in enumerate(texts):
        (folder / f"g{number}{suffix}").write_bytes(text if isinstance(text, bytes) else text.encode())
    files = tuple(f"g{number}{suffix}" for number in range(len(texts)))
    return FileGraphs(**{"files": files, "nodes": 3, **changes}).read(folder)


def test_an_edge_list_is_read_as_it_says(tmp_path: Path) -> None:
    """Names in order, comments, a weight of 1 where none stands, a linear term; then divided by the RMS."""
    read = family(tmp_path, TRIANGLE, count=1)
    assert read.terms == (((0, 1, 2.0), (0, 2, 1.0), (1, 2, -1.5), (2, 2, 0.25)),)
    graph = read.draw(Streams(1).named("any"))
    scale = np.sqrt((4 + 1 + 2.25 + 0.0625) / 4)
    np.testing.assert_allclose(graph.weights * scale, [[0, 2, 1], [2, 0, -1.5], [1, -1.5, 0]])
    np.testing.assert_allclose(graph.fields * scale, [0, 0, 0.25])
    assert (graph.edges, graph.colour_layers, graph.data_class) == (3, 3, "file")


def test_graphml_is_read_as_it_says(tmp_path: Path) -> None:
    """Prefixes, other data, the default weight, edges before their nodes."""
    assert family(tmp_path, GRAPHML, suffix=".graphml").terms == (((0, 1, 2.0), (0, 2, 3.0)),)


@given(st.integers(2, 12), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_what_networkx_writes_is_read(tmp_path_factory: pytest.TempPathFactory, nodes: int, seed: int) -> None:
    """Random weighted connected graphs in both formats keep every weight; nodes keep their order in GraphML."""
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("nx")
    graph = nx.compose(nx.path_graph(nodes), nx.gnp_random_graph(nodes, 0.5, seed=seed))
    for u, v in graph.edges:
        graph.edges[u, v]["weight"] = float(rng.normal() + 3)
    nx.write_graphml(graph, folder / "g.graphml")
    nx.write_weighted_edgelist(graph, folder / "g.txt")
    ours = FileGraphs(files=("g.graphml", "g.txt"), nodes=nodes).read(folder)
    want = sorted((min(u, v), max(u, v), w) for u, v, w in graph.edges.data("weight"))
    assert list(ours.terms[0]) == want
    assert sorted(w for *_, w in ours.terms[1]) == sorted(w for *_, w in want)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", "g0.edges", "without edges"),
        ("# nothing\n", "g0.edges", "without edges"),
        ("a a 1\n", "g0.edges", "without edges"),
        ("a b\nb\n", "g0.edges:2", "a line of 1 words; want `u v`"),
        ("a b 1 2\n", "g0.edges:1", "a line of 4 words"),
        ("a b nan\n", "g0.edges:1", "the weight 'nan'"),
        ("a b\nb c inf", "g0.edges:2", "the weight 'inf'"),
        ("a b 0", "g0.edges:1", "the weight '0'"),
        ("a b 1_0", "g0.edges:1", "the weight '1_0'"),
        ("a b x", "g0.edges:1", "the weight 'x'"),
        ("a b -1e300", "g0.edges:1", "the weight '-1e300'"),
        ("a b\nc c\n", "g0.edges:2", "from 'c' to itself"),
        ("a b\nb c\nb a 2\n", "g0.edges:3", "'b' and 'a' again, after line 1"),
        ("a b\nc d\n", "g0.edges:2", "'d', node number 4; want a graph of nodes = 3"),
        ("a b\n", "g0.edges", "a graph of 2 nodes; want nodes = 3"),
        ("a b\nc c 1\n", "g0.edges", "in pieces: no path from 'a' to 'c'; want .*disconnected = true"),
        ("a " + "b" * 65, "g0.edges:1", "a name of 1 to 64 characters"),
        (b"a b\n\xff c\n", "g0.edges:2", "not UTF-8"),
        ("a b\n" + " " * LARGEST_BYTE, "g0.edges", "more than 1048576 bytes"),
    ],
)
def test_mistakes_of_edge_lists_are_told_with_their_line(
    tmp_path: Path, text: str | bytes, place: str, words: str
) -> None:
    """What stands there, and what was wanted."""
    with pytest.raises(InputError, match=words) as caught:
        family(tmp_path, text)
    assert caught.value.where == place


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('<?xml version="1.0"?>', '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>', 1, "document type declaration"),
        ("<g:graph ", "<g:hyperedge/><g:graph ", 5, "<hyperedge>"),
        ("undirected", "directed", 5, "a directed graph"),
        ('target="b"', 'target="b" directed="true"', 8, "a directed graph"),
        ('target="b"', "", 8, "a <edge> without target"),
        ('"c" target="b"/>', '"c" target="b"><g:data>1</g:data></g:edge>', 8, "a <data> without key"),
        (" 2.0 ", "NaN", 6, "the weight 'NaN'"),
        (" 2.0 ", "", 6, "the weight ''"),
        ('<g:node id="b"/>', '<g:node id="a"/>', 7, "a second node 'a'"),
        ('<g:node id="b"/>', "<g:node/>", 7, "a <node> without id"),
        ('<g:node id="c"/>', "", None, "an edge to 'c'; want a <node>"),
        ("</g:graph>", "</g:graph><g:graph/>", 9, "a second graph"),
        ('<g:node id="c"/>', '<g:node id="c"><g:graph/></g:node>', 7, "a second graph"),
        ("</g:graph>", "", 9, "broken XML"),
        ("<g:desc>", "<g:desc>" + "<x>" * 20, 5, "<x> 16 deep"),
        ('version="1.0"', 'version="1.0" encoding="ebcdic"', 1, "broken XML|encoding"),
        ('<g:graphml xmlns', '<g:gexf xmlns', 2, "<gexf> 0 deep"),
        (GRAPHML, "a b\n", 1, "broken XML"),
        (GRAPHML, "", 1, "broken XML"),
    ],
)  # fmt: skip
def test_mistakes_of_graphml_are_told_with_their_line(
    tmp_path: Path, old: str, new: str, line: int | None, words: str
) -> None:
    """One change to a good file each: XML that is broken, no graph, a graph of another sort; entities are not read."""
    assert old in GRAPHML
    text = GRAPHML.replace(old, new)
    with pytest.raises(InputError, match=words) as caught:
        family(tmp_path, text, suffix=".graphml")
    assert caught.value.where == (f"g0.graphml:{line}" if line else "g0.graphml")


def test_a_key_of_graphml_is_for_all_unless_it_says_otherwise(tmp_path: Path) -> None:
    """Without `for` it counts; one for nodes does not, and then every edge weighs 1."""
    for domain, weights in (("", (2.0, 3.0)), ('for="node"', (1.0, 1.0))):
        text = GRAPHML.replace('id="d0" for="edge"', f'id="d0" {domain}')
        assert tuple(w for *_, w in family(tmp_path, text, suffix=".graphml").terms[0]) == weights


def test_a_loop_in_graphml_needs_a_weight(tmp_path: Path) -> None:
    """With one, even a default, it is a linear term; without, a mistake."""
    loop = GRAPHML.replace(
        '<g:edge source="c" target="b"/>', '<g:edge source="c" target="b"/><g:edge source="c" target="c"/>'
    )
    assert family(tmp_path, loop, suffix=".graphml").terms[0][2] == (2, 2, 3.0)
    with pytest.raises(InputError, match="'c' to itself"):
        family(tmp_path, loop.replace("<g:default>3</g:default>", ""), suffix=".graphml")


def test_pieces_are_welcome_when_asked_for(tmp_path: Path) -> None:
    """A node that has a linear term alone."""
    read = family(tmp_path, "a b\nc c 1\n", disconnected=True)
    assert read.terms == (((0, 1, 1.0), (2, 2, 1.0)),)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """Missing ones, folders, and pipes, on which reading would wait for ever."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("absent", "no such file"), ("folder", "not a regular file"), ("pipe", "not a regular file")):
        with pytest.raises(InputError, match=words):
            FileGraphs(files=(name,)).read(tmp_path)
    for files in ((), ("a\0b",), ("a",) * 257):
        with pytest.raises(ValidationError):
            FileGraphs(files=files)


def test_devices_draw_all_files_and_the_exam_its_own(tmp_path: Path) -> None:
    """Each of three files a third of the time, within five errors; held-out files once each, and never drawn."""
    texts = [f"a b {k}\nb c 1" for k in (1, 2, 3, 4, 5)]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}").write_text(text)
    read = FileGraphs(files=("0", "1", "2"), holdout=("3", "4"), nodes=3).read(tmp_path)
    assert read.paths == ("0", "1", "2", "3", "4")
    rng = Streams(2).named("files")
    ratios = [g.weights[0, 1] / g.weights[1, 2] for g in (read.draw(rng) for _ in range(900))]
    counts = np.unique(np.round(ratios), return_counts=True)
    np.testing.assert_array_equal(counts[0], [1, 2, 3])
    assert np.abs(counts[1] - 300).max() < 5 * np.sqrt(900 * 2 / 9)
    assert [round(g.weights[0, 1] / g.weights[1, 2]) for g in read.held_out()] == [4, 5]
    shared = FileGraphs(files=("0", "1"), nodes=3).read(tmp_path)
    assert [round(g.weights[0, 1] / g.weights[1, 2]) for g in shared.held_out()] == [1, 2]


def test_terms_stand_in_for_the_files(tmp_path: Path) -> None:
    """What was read, put back, is the same family, also after a trip to another process; other terms are another."""
    read = family(tmp_path, TRIANGLE, "a b\nb c")
    section = FileGraphs.model_validate_json(read.model_dump_json(), strict=False)
    again = section.with_terms([[(float(u), v, w) for u, v, w in graph] for graph in read.terms], "trace")
    assert again == read == pickle.loads(pickle.dumps(read))
    assert len({again, read}) == 1
    assert section != read
    assert family(tmp_path, TRIANGLE, "a b\nb c 2") != read


@pytest.mark.parametrize(
    ("terms", "words"),
    [([], "0 graphs; want 1"), ([[(0, 3, 1.0)]], "0, 3, 1.0"), ([[(1, 0, 1.0)]], "1, 0"), ([[(0, 1, np.nan)]], "nan"),
     ([[(-1, 1, 1.0)]], "-1, 1")],
)  # fmt: skip
def test_terms_that_no_file_gave_are_refused(terms: Any, words: str) -> None:
    """A trace may come from anybody."""
    with pytest.raises(InputError, match=words):
        FileGraphs(files=("a",), nodes=3).with_terms(terms, "trace")
