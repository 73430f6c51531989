"""The notebooks: they run from top to bottom, what they find is asserted, and they ship as they were written."""

import ast
import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_S = 60
ABSOLUTE = re.compile(r"""["'\s(=](?:[/\\](?:home|tmp|work|root|usr|var|mnt|opt|Users)\b|~/|[A-Z]:\\)""")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    """A notebook, which is one by its format."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def asserts(cell: NotebookNode) -> bool:
    """Whether a cell is Python that states something. Magics are left out."""
    if cell.cell_type != "code" or cell.source.startswith("%%"):
        return False
    code = "\n".join(line for line in cell.source.splitlines() if not line.startswith(("%", "!")))
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(code)))


def test_there_are_notebooks() -> None:
    """A moved folder must not make the tests below pass for want of notebooks."""
    stories = {"01_first_run", "02_mobility", "03_replay", "04_stragglers", "05_own_model"}
    assert stories <= {path.stem for path in NOTEBOOKS}


@every_notebook
def test_they_ship_without_outputs(path: Path) -> None:
    """No output, no execution count, no name of somebody's kernel; the ids of cells are not drawn anew."""
    book = read(path)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert all(not cell.metadata for cell in book.cells)
    assert book.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in book.cells}) == len(book.cells)


@every_notebook
def test_they_name_no_place_of_one_machine(path: Path) -> None:
    """No cell holds an absolute path."""
    for cell in read(path).cells:
        assert not ABSOLUTE.search(f" {cell.source}"), cell.source


@pytest.mark.parametrize("source", ['open("/opt/me/t.h5")', "see /mnt/t.h5", "cd ~/t", "open('C:\\t')"])
def test_absolute_paths_are_recognised(source: str) -> None:
    """The pattern above finds what it is meant to find, and no division or address."""
    assert ABSOLUTE.search(f" {source}")
    assert not ABSOLUTE.search("x / home, folder / 'a.h5', https://example.org/home, 2/tmp")


@every_notebook
def test_their_findings_are_asserted(path: Path) -> None:
    """Beside each heading of a finding, before or after it, stands a code cell that asserts; there is one at least."""
    cells = read(path).cells
    found = [k for k, cell in enumerate(cells)
             if cell.cell_type == "markdown" and re.search(r"^#+ .*\bfinding", cell.source, re.I | re.M)]  # fmt: skip
    assert found
    for k in found:
        beside = [cells[j] for j in (k - 1, k + 1) if 0 <= j < len(cells)]
        assert any(asserts(cell) for cell in beside), cells[k].source


@pytest.mark.slow
@every_notebook
def test_they_run(path: Path, tmp_path: Path) -> None:
    """From top to bottom in a folder of its own, within a minute; nothing is left beside the notebook."""
    before = sorted(FOLDER.iterdir())
    (tmp_path / "temporary").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path / "temporary"))
        client = NotebookClient(read(path), timeout=LONGEST_S, kernel_name="python3",
                                resources={"metadata": {"path": str(tmp_path)}})  # fmt: skip
        began = time.monotonic()
        client.execute()
    assert time.monotonic() - began < LONGEST_S
    assert sorted(FOLDER.iterdir()) == before
    code = [cell for cell in client.nb.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    pictures = [out for cell in code for out in cell.outputs if "image/png" in out.get("data", {})]
    assert pictures, "a story with figures"
