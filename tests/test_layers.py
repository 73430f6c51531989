"""The order of imports, one door per library, and the house limits on files."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "qflsim"
ORDER = ["errors", "units", "model", "streams", "terms", "records", "world", "radio", "quantum", "learning", "security",
         "allocation", "sim", "trace", "scenario", "study", "cli", "__init__", "__main__"]  # fmt: skip
DOORS = {
    "simpy": {"sim", "study/bench", "study/bench_world"},
    "networkx": {"world", "quantum", "learning/graphs", "allocation"},
    "pennylane_lightning": {"quantum/register"},
    "pennylane": {"quantum/circuits", "quantum/qnodes"},
    "sklearn": {"learning/data"},
    "threadpoolctl": {"learning/data", "learning/optimum"},
    "h5py": {"trace"},
    "pyarrow": {"study/export"},
    "tqdm": {"study"},
    "typer": {"cli"},
    "matplotlib": {f"study/plots{of}" for of in ("", "_style", "_learning", "_delays", "_fairness", "_places")},
    "dask": {"study/executors"},
}
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> list[str]:
    """Full dotted names that a file imports."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down_and_each_library_has_one_door(path: Path) -> None:
    """A law cannot know who is simulating it."""
    module = path.relative_to(ROOT).with_suffix("").as_posix()
    here = module.split("/")[0]
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "qflsim" and rest and rest[0] in ORDER and here != "__init__":
            assert ORDER.index(rest[0]) <= ORDER.index(here), f"{module} imports {name}, which stands above it"
        doors = DOORS.get(top)
        assert doors is None or here in doors or module in doors, f"{module} imports {top}; only {doors} may"


def test_files_are_short() -> None:
    """Median at most 150 lines, none above 350."""
    lengths = sorted(len(path.read_text().splitlines()) for path in FILES)
    assert lengths[-1] <= 350
    assert lengths[len(lengths) // 2] <= 150


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    """The first statement of each file is a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text()))
