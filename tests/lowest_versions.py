"""Print pip constraints that pin each dependency to its floor in pyproject.toml.

Use: ``python tests/lowest_versions.py > constraints.txt``
"""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def constraints(project):
    """Return ``name==floor`` for what the package and its extras run on."""
    extras = project["optional-dependencies"]
    optional = [*extras["app"], *extras["dask"], *extras["parquet"]]
    required = [*project["dependencies"], *optional]
    return [requirement.replace(">=", "==") for requirement in required]


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print(*constraints(project), sep="\n")
