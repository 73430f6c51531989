"""The page that describes the format of traces, `FORMAT.md`, made of the definitions of the tables."""

import ast
import inspect
from collections.abc import Iterator
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from qflsim import terms
from qflsim.records import Record
from qflsim.terms import label
from qflsim.trace import layout
from qflsim.trace.columns import meanings
from qflsim.trace.schema_prose import ATTRIBUTES, ENDING, OPENING, TEXTS, TOTALS
from qflsim.trace.tables import TABLES, enums, row_dtype, units
from qflsim.units import FOREVER_NS, NEVER_NS

PAGE = Path(__file__).with_name("FORMAT.md")
HOW = 'python -c "from qflsim.trace.schema_page import write; write()"'
_ANGLES = 2
"""Any length of angle vectors but one, to tell them from numbers."""


def write() -> None:
    """Write the page anew, in its place beside this file."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page as Markdown."""
    laid_out = [line for line in (layout.__doc__ or "").splitlines() if line.startswith("|")]
    parts = [
        OPENING.format(format=layout.FORMAT, how=HOW, layout="\n".join(laid_out), never=NEVER_NS, forever=FOREVER_NS),
        "## Attributes of the root\n",
        *_listed(("attribute", "type", "meaning"), ATTRIBUTES),
        "\n## /texts\n\nUTF-8 strings, each with its SHA-256 in hexadecimal digits as the attribute `sha256`.\n",
        *_listed(("text", "meaning"), TEXTS),
        "\n## /totals\n\nAttributes; a run that was killed has none.\n",
        *_listed(("attribute", "type", "meaning"), TOTALS),
        "\n## /tables\n\nAll of them are there in every trace; those that a scenario leaves out are empty.",
    ]
    for name, record in TABLES.items():
        parts += [f"\n### {name}\n\n{inspect.cleandoc(record.__doc__ or '')}\n", *_columns(name, record)]
    parts.append("\n## Enumerations\n\nStored on one byte; a data frame has the last name.")
    for kind in sorted({kind for record in TABLES.values() for kind in enums(record).values()}, key=_name):
        parts += [f"\n### {kind.__name__}\n\n{inspect.cleandoc(kind.__doc__ or '')}\n", *_members(kind)]
    return "\n".join(parts) + ENDING


def _columns(table: str, record: type[Record]) -> Iterator[str]:
    dtype, unit_of, named = row_dtype(record, _ANGLES), units(record), enums(record)
    means = meanings(table)
    rows = [(f"`{column}`", named[column].__name__ if column in named else _type(dtype[column]),
             unit_of.get(column, ""), means[column]) for column in record._fields]  # fmt: skip
    return _listed(("column", "type", "unit", "meaning"), rows)


def _type(dtype: np.dtype[Any]) -> str:
    text = h5py.check_string_dtype(dtype)
    if text is not None:
        return f"UTF-8, {text.length} bytes"
    return "float64, one a parameter" if dtype.shape else str(dtype)


def _members(kind: type[IntEnum]) -> Iterator[str]:
    said = member_docs(kind)
    rows = [(str(m.value), f"`{m.name}`", f"`{label(m)}`", said[m.name]) for m in kind]
    return _listed(("value", "name", "in a data frame", "meaning"), rows)


def member_docs(kind: type[IntEnum]) -> dict[str, str]:
    """What the string below each member of an enumeration says, as its source has it."""
    tree = ast.parse(inspect.getsource(terms))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    said = {}
    for member, below in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(below, ast.Expr):
            assert isinstance(member.targets[0], ast.Name)
            said[member.targets[0].id] = str(ast.literal_eval(below.value))
    return said


def _name(kind: type[IntEnum]) -> str:
    return kind.__name__


def _listed(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
