"""The package is laid out as `docs/contributing.md` draws it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skmnist"
PAGE = (ROOT / "docs" / "contributing.md").read_text()


def trees():
    """Return the two drawings: the tree of files and the floors of imports."""
    tree, floors = re.findall(r"^```text\n(.*?)^```", PAGE, re.M | re.S)
    return tree, floors


def room_of(path):
    """Return the directory of a module, or its own name at the top."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Yield the directories that a module imports from, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            if package == "skmnist" and module:
                yield module.split(".")[0]


def test_contributing_page_names_files():
    named = re.findall(r"\b_\w+\.py", trees()[0])
    assert len(named) > 30
    found = {path.name for path in PACKAGE.rglob("*.py")}
    assert set(named) <= found


def test_contributing_page_files_of_neural_network():
    named = re.findall(r"\b_\w+\.py", trees()[0])
    found = {path.name for path in (PACKAGE / "neural_network").glob("_*.py")}
    assert found - {"__init__.py"} <= set(named)


def test_imports_never_upward():
    floors = [line.split() for line in trees()[1].strip().splitlines()]
    height = {room: -i for i, rooms in enumerate(floors) for room in rooms}
    modules = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE]
    modules += [PACKAGE / "dask.py", PACKAGE / "_utils.py"]
    upward = {
        (path.name, other)
        for path in modules
        for other in imported_rooms(path)
        if other != room_of(path) and height.get(other, 0) >= height[room_of(path)]
    }
    assert upward == set()
