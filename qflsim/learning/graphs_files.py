"""Graphs read from files: edge lists and GraphML, bounded and checked, with the line of what is wrong."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self, TypeAlias
from xml.parsers import expat

import numpy as np
from pydantic import Field, PrivateAttr

from qflsim.errors import InputError
from qflsim.learning.graphs import Held, Instance, Nodes, instance, reached
from qflsim.model import Model

LARGEST_BYTE = 1 << 20
LONGEST_LABEL = 64
DEEPEST = 16
LEAST_WEIGHT, GREATEST_WEIGHT = 1e-9, 1e12
GRAPHML = (".graphml", ".xml")

Term: TypeAlias = tuple[int, int, float]
"""An edge (u, v, weight), u < v; or a linear term (u, u, weight)."""
File = Annotated[str, Field(pattern=r"^[^\x00]+$", max_length=1024)]


class FileGraphs(Model):
    """Graphs read from files, of which each device holds some drawn at random, with replacement.

    An edge list has a line `u v` or `u v weight` for each edge, any words as names of nodes, and `#` before comments; a
    line `u u weight` is a linear term. GraphML (by the suffix `.graphml` or `.xml`) is undirected; the weight of an
    edge is its datum of the attr.name "weight". Without a weight it is 1. All graphs have `nodes` nodes. Weights are
    divided by their root mean square, as in every family; negative ones are couplings, which suit Ising problems only.

    The exam grades the graphs of the `holdout` files, each once; without such files those that devices train on.

    Source: GraphML, http://graphml.graphdrawing.org/specification.html.
    """

    kind: Literal["file"] = "file"
    files: Annotated[tuple[File, ...], Field(min_length=1, max_length=256)]
    holdout: Annotated[tuple[File, ...], Field(max_length=256)] = ()
    nodes: Nodes = 10
    count: Held = 16
    data_class: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=26)] = "file"
    disconnected: bool = False
    """Whether graphs in several pieces are welcome."""
    _terms: tuple[tuple[Term, ...], ...] = PrivateAttr(default=())

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that is read, as the scenario names it."""
        return self.files + self.holdout

    def read(self, folder: Path) -> Self:
        """The family with its files read. Errors: an `InputError` that names the file and line of what is wrong."""
        return self._with(tuple(self._graph(folder / file, file) for file in self.paths))

    @property
    def terms(self) -> tuple[tuple[Term, ...], ...]:
        """The terms of the graph of each file of `paths`: all that was read, and plain enough for any table."""
        return self._terms

    def with_terms(self, terms: Sequence[Sequence[Sequence[float]]], where: str) -> Self:
        """The family with what `terms` once gave in place of its files; an `InputError` at `where` for anything else.

        Whole numbers may come back as floats.
        """
        if len(terms) != len(self.paths):
            raise InputError(where, f"{len(terms)} graphs", f"{len(self.paths)}, one for each file")
        checked = []
        for graph in terms:
            for u, v, weight in graph:
                if not (0 <= u <= v < self.nodes and LEAST_WEIGHT <= abs(weight) <= GREATEST_WEIGHT):
                    raise InputError(where, f"the term {u}, {v}, {weight}", f"a term of a graph of {self.nodes} nodes")
            checked.append(tuple((int(u), int(v), float(weight)) for u, v, weight in graph))
        return self._with(tuple(checked))

    def draw(self, rng: np.random.Generator) -> Instance:
        """One of the graphs read, each as likely."""
        assert self._terms, "read the files first"
        return self._instance(self._terms[int(rng.integers(len(self.files)))])

    def held_out(self) -> tuple[Instance, ...]:
        """The graphs that grade a version, each once."""
        assert self._terms, "read the files first"
        return tuple(map(self._instance, self._terms[len(self.files) if self.holdout else 0 :]))

    def _with(self, terms: tuple[tuple[Term, ...], ...]) -> Self:
        family = self.model_copy()
        family._terms = terms
        return family

    def _instance(self, terms: tuple[Term, ...]) -> Instance:
        weights = np.zeros((self.nodes, self.nodes))
        for u, v, weight in terms:
            weights[u, v] = weights[v, u] = weight
        fields = weights.diagonal().copy()
        np.fill_diagonal(weights, 0)
        return instance(weights, fields, self.data_class)

    def _graph(self, path: Path, file: str) -> tuple[Term, ...]:
        reading = _Reading(file, self.nodes)
        if file.lower().endswith(GRAPHML):
            _GraphMl(reading).feed(_bytes(path, file))
        else:
            _edge_list(reading, _bytes(path, file))
        return reading.graph(self.disconnected)


class _Reading:
    """One graph on its way in: its nodes by name, and its terms with the lines that they stand in."""

    def __init__(self, file: str, most: int) -> None:
        self.file, self._most = file, most
        self.nodes: dict[str, int] = {}
        self._terms: dict[tuple[int, int], tuple[float, int]] = {}

    def fail(self, line: int, got: str, want: str) -> NoReturn:
        """The mistake of a line."""
        raise InputError(f"{self.file}:{line}", got, want)

    def node(self, line: int, name: str) -> int:
        """The number of a node, in the order in which they are first named."""
        if not 0 < len(name) <= LONGEST_LABEL:
            self.fail(line, f"a node named {name[:80]!r}", f"a name of 1 to {LONGEST_LABEL} characters")
        if name not in self.nodes and len(self.nodes) == self._most:
            self.fail(line, f"{name!r}, node number {self._most + 1}", f"a graph of nodes = {self._most}")
        return self.nodes.setdefault(name, len(self.nodes))

    def term(self, line: int, one: str, other: str, weight: str | None) -> None:
        """An edge, of weight 1 if nothing is said; or a linear term, if it ends where it starts."""
        u, v = sorted((self.node(line, one), self.node(line, other)))
        if u == v and weight is None:
            self.fail(line, f"an edge from {one!r} to itself", "edges between two nodes, or a linear term's weight")
        if (u, v) in self._terms:
            self.fail(line, f"{one!r} and {other!r} again, after line {self._terms[u, v][1]}", "each edge once")
        self._terms[u, v] = (self._number(line, weight) if weight is not None else 1.0, line)

    def _number(self, line: int, text: str) -> float:
        try:
            value = float(text) if "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if not LEAST_WEIGHT <= abs(value) <= GREATEST_WEIGHT:
            want = f"a number of {LEAST_WEIGHT:g} to {GREATEST_WEIGHT:g}, or the negative of one"
            self.fail(line, f"the weight {text[:80]!r}", want)
        return value

    def graph(self, disconnected: bool) -> tuple[Term, ...]:
        """What was read, in order; a mistake if it is no graph of as many nodes as wanted, in one piece if wanted."""
        if not any(u != v for u, v in self._terms):
            raise InputError(self.file, "a graph without edges", "an edge list (lines `u v weight`), or GraphML")
        if len(self.nodes) != self._most:
            raise InputError(self.file, f"a graph of {len(self.nodes)} nodes", f"nodes = {self._most}, or change that")
        weights = np.zeros((self._most, self._most))
        for u, v in self._terms:
            weights[u, v] = weights[v, u] = 1
        if not disconnected and not reached(weights).all():
            names = list(self.nodes)
            got = f"a graph in pieces: no path from {names[0]!r} to {names[int(reached(weights).argmin())]!r}"
            raise InputError(self.file, got, "a connected graph, or disconnected = true")
        return tuple((u, v, weight) for (u, v), (weight, _) in sorted(self._terms.items()))


class _GraphMl:
    """One pass over GraphML: what expat finds in it, told to a reading."""

    def __init__(self, reading: _Reading) -> None:
        self._reading = reading
        self._path: list[str] = []
        self._declared: set[str] = set()
        self._weight_key = self._key = self._text = ""
        self._default: str | None = None
        self._edge: tuple[int, str, str] = (0, "", "")
        self._weight: str | None = None
        # With a separator a tag comes with its namespace, whatever prefix the file chose for it.
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, data: bytes) -> None:
        """Read all of it."""
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            self._reading.fail(error.lineno, f"broken XML ({expat.ErrorString(error.code)})", "GraphML")
        except (LookupError, ValueError) as error:
            self._fail(f"an encoding that cannot be read ({error})", "UTF-8")
        for name in self._reading.nodes:
            if name not in self._declared:
                raise InputError(self._reading.file, f"an edge to {name!r}", "a <node> for each end of an edge")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(" ")[2]
        if len(self._path) == DEEPEST or tag == "hyperedge" or (not self._path and tag != "graphml"):
            self._fail(f"<{tag[:80]}> {len(self._path)} deep", "GraphML (<graphml>) with edges between two nodes")
        if tag == "graph" and ("graph" in self._path or self._declared):
            self._fail("a second graph", "one graph a file")
        if attributes.get("edgedefault") == "directed" or (tag == "edge" and attributes.get("directed") == "true"):
            self._fail("a directed graph", "undirected edges")
        self._path.append(tag)
        self._text = ""
        if tag in ("key", "data"):
            self._key = self._attribute(tag, attributes, "id" if tag == "key" else "key")
        if tag == "key" and attributes.get("attr.name") == "weight" and attributes.get("for", "all") in ("edge", "all"):
            self._weight_key = self._key
        elif tag == "node":
            self._declare(self._attribute(tag, attributes, "id"))
        elif tag == "edge":
            ends = self._attribute(tag, attributes, "source"), self._attribute(tag, attributes, "target")
            self._edge, self._weight = (self._parser.CurrentLineNumber, *ends), self._default

    def _end(self, tag: str) -> None:
        tag = self._path.pop()
        about_weight = self._weight_key != "" and self._key == self._weight_key
        if about_weight and tag == "default":
            self._default = self._text.strip()
        elif about_weight and tag == "data":
            self._weight = self._text.strip()
        elif tag == "edge":
            self._reading.term(*self._edge, self._weight)

    def _characters(self, text: str) -> None:
        self._text += text

    def _doctype(self, *declaration: object) -> None:
        self._fail("a document type declaration", "XML without one: entities are not read")

    def _declare(self, name: str) -> None:
        if name in self._declared:
            self._fail(f"a second node {name!r}", "each node once")
        self._reading.node(self._parser.CurrentLineNumber, name)
        self._declared.add(name)

    def _attribute(self, tag: str, attributes: dict[str, str], key: str) -> str:
        if key not in attributes:
            self._fail(f"a <{tag}> without {key}", f"<{tag} {key}=...>")
        return attributes[key]

    def _fail(self, got: str, want: str) -> NoReturn:
        self._reading.fail(self._parser.CurrentLineNumber, got, want)


def _edge_list(reading: _Reading, data: bytes) -> None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reading.fail(data.count(b"\n", 0, error.start) + 1, "a byte that is not UTF-8", "an edge list in UTF-8")
    for line, content in enumerate(text.split("\n"), 1):
        words = content.partition("#")[0].split()
        if len(words) in (2, 3):
            reading.term(line, words[0], words[1], words[2] if len(words) == 3 else None)
        elif words:
            reading.fail(line, f"a line of {len(words)} words", "`u v` or `u v weight`")


def _bytes(path: Path, file: str) -> bytes:
    want = f"a file of graphs in {path.parent}"
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise InputError(file, "not a regular file", want)
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTE + 1)
    except FileNotFoundError:
        raise InputError(file, "no such file", want) from None
    except OSError as error:
        raise InputError(file, error.strerror or str(error), "a file that can be read") from None
    if len(data) > LARGEST_BYTE:
        raise InputError(file, f"more than {LARGEST_BYTE} bytes", "one graph, of at most 1 MiB")
    return data
