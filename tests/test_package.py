"""The installed package: its names, its command, and the effects of an import."""

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import skmnist

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("skmnist")
HEAVY = {"keras", "tensorflow", "scikeras", "matplotlib", "jax", "torch", "gradio"}


def run(*args, **settings):
    return subprocess.run(
        [str(arg) for arg in args],
        capture_output=True,
        text=True,
        timeout=120,
        **settings,
    )


def modules_after(code):
    """Return the packages that a new interpreter has loaded after some code."""
    done = run(sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_public_names_resolve():
    for name in skmnist.__all__:
        assert getattr(skmnist, name) is not None
    assert set(skmnist.__all__) <= set(dir(skmnist))


def test_star_import():
    names = {}
    exec("from skmnist import *", names)
    assert set(skmnist.__all__) <= set(names)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'MnistRNN'"):
        _ = skmnist.MnistRNN


def test_version_of_installed_package():
    assert version("skmnist") == skmnist.__version__


@pytest.mark.parametrize(
    "code",
    [
        "import skmnist",
        "from skmnist import load_images; load_images('digits')",
        "from skmnist import ImageScaler; ImageScaler().fit([[0, 255, 7, 9]])",
        "import skmnist.cli._main",
        "import skmnist.cli._commands",
    ],
)
def test_import_without_keras_and_matplotlib(code):
    assert not modules_after(code) & HEAVY


def test_stub_names_equal_public_names():
    """Type checkers and editors see the names of `__all__`."""
    tree = ast.parse((ROOT / "skmnist" / "__init__.pyi").read_text())
    seen = {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen.keys() == set(skmnist.__all__) - {"__version__"}
    for name, module in seen.items():
        assert getattr(import_module(f"skmnist.{module}"), name) is getattr(
            skmnist, name
        )


def test_import_changes_nothing_in_process():
    """Not settings of other libraries, the environment, signals or file descriptors."""
    code = """
import logging, os, signal, subprocess, sys, warnings
import distributed, joblib, keras, matplotlib, pandas, scipy.stats, tensorflow
import joblib._dask, joblib.parallel, sklearn.model_selection, sklearn.pipeline

def loggers():
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    return [
        (each.name, each.level, list(each.handlers), list(each.filters))
        for each in known
        if isinstance(each, logging.Logger)
    ]

def state():
    kinds = (
        keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer
    )
    return {
        "environment": dict(os.environ),
        "loggers": loggers(),
        "warnings": list(warnings.filters),
        "descriptors": [(fd, os.readlink(f"/proc/self/fd/{fd}")) for fd in (0, 1, 2)],
        "children": open(f"/proc/self/task/{os.getpid()}/children").read(),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "back ends": dict(joblib.parallel.BACKENDS),
        "custom objects": sorted(keras.saving.get_custom_objects()),
        "keras": [(k.__reduce__, vars(k).get("__deepcopy__")) for k in kinds],
        "settings": (
            keras.config.floatx(), keras.config.image_data_format(),
            keras.config.dtype_policy().name, matplotlib.get_backend(auto_select=False),
        ),
        "hooks": (sys.excepthook, warnings.showwarning, sys.stderr, sys.stdout),
    }

before = state()
import skmnist
for name in skmnist.__all__:
    getattr(skmnist, name)
import skmnist.dask
after = state()
for name in before:
    assert before[name] == after[name], (name, before[name], after[name])
"""
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_import_displays_without_matplotlib():
    names = ", ".join(name for name in skmnist.__all__ if name.endswith("Display"))
    assert not modules_after(f"from skmnist import {names}") & HEAVY


def test_help_without_tensorflow():
    # -X importtime lists on stderr what the installed command imports.
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


def test_top_level_files():
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
