"""The package as it is installed: its names, its command, what an import costs."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import skmnist

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("skmnist")
HEAVY = {"keras", "tensorflow", "scikeras", "matplotlib", "jax", "torch"}


def run(*args, **settings):
    return subprocess.run(
        [str(arg) for arg in args],
        capture_output=True,
        text=True,
        timeout=120,
        **settings,
    )


def modules_after(code):
    """Return the packages that a fresh interpreter has loaded after some code."""
    done = run(sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_every_public_name_resolves():
    for name in skmnist.__all__:
        assert getattr(skmnist, name) is not None
    assert set(skmnist.__all__) <= set(dir(skmnist))


def test_a_star_import_gives_the_public_names():
    names = {}
    exec("from skmnist import *", names)
    assert set(skmnist.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'MnistRNN'"):
        _ = skmnist.MnistRNN


def test_the_installed_version_is_the_one_in_the_package():
    assert version("skmnist") == skmnist.__version__


@pytest.mark.parametrize(
    "code",
    [
        "import skmnist",
        "from skmnist import load_images; load_images('digits')",
        "from skmnist import ImageScaler; ImageScaler().fit([[0, 255, 7, 9]])",
        "import skmnist.cli._main",
    ],
)
def test_an_import_loads_no_network_library_and_no_plots(code):
    assert not modules_after(code) & HEAVY


def test_displays_load_matplotlib_only_to_plot():
    names = ", ".join(name for name in skmnist.__all__ if name.endswith("Display"))
    assert not modules_after(f"from skmnist import {names}") & HEAVY


def test_help_does_not_wait_for_tensorflow():
    # -X importtime lists on stderr what the installed command itself imports.
    done = run(sys.executable, "-X", "importtime", COMMAND, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: skmnist ")
    imported = {
        line.rpartition("|")[2].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "skmnist" in imported
    assert not imported & HEAVY


def test_the_top_level_is_what_a_reader_expects():
    ignored = {
        line.strip("/")
        for line in (ROOT / ".gitignore").read_text().splitlines()
        if line.startswith("/")
    }
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert names - ignored == {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "docs",
        "examples",
        "pyproject.toml",
        "skmnist",
        "tests",
    }
