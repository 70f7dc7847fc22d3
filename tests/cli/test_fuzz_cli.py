"""Arguments of any kind: the command does its work, or says in one line why not.

Short by default. SKMNIST_FUZZ_EXAMPLES=2000 tries that many, other ones each time:

    SKMNIST_FUZZ_EXAMPLES=2000 python -m pytest tests/cli/test_fuzz_cli.py --timeout 0
"""

import argparse
import contextlib
import csv
import io
import re

import dask
import numpy as np
import pytest
from helpers import fuzz
from hypothesis import given
from hypothesis import strategies as st

from skmnist.cli import _hyperparameter_options
from skmnist.cli._main import main
from skmnist.cli._parser import make_parser

(COMMANDS,) = (
    action.choices
    for action in make_parser()._actions
    if isinstance(action, argparse._SubParsersAction)
)
OPTIONS = {
    name: sorted(
        action.option_strings[-1]
        for action in parser._actions
        if action.option_strings and action.dest != "help"
    )
    for name, parser in COMMANDS.items()
}
# What is there, and what is not: files in the folder in which the command runs.
FILES = ["train.csv", "test.csv", "model.safetensors", "digits", "notes.txt", "folder"]
NO_FILES = ["", ".", "..", "nowhere.csv", "folder/none.npz", "notes.txt/x", "a\0b"]
OUTPUTS = [
    *("out.safetensors", "out.joblib", "out.png", "out.svg", "out.csv", "out", "a b"),
    *(
        "notes.txt",
        "folder",
        "folder/out.png",
        "folder/out.safetensors",
        "none/out.csv",
    ),
    *("new/folder", "/proc/none", "/dev/null/x", "x" * 300 + ".png", "é\udcff.csv"),
]
# Small where a right number means work; `int` and `float` take more than digits.
NUMBERS = [
    *("0", "1", "2", "3", "-1", "+1", " 1", "1_0", "\u0663", "1.0", "0.5", "1e-3"),
    *("nan", "inf", "-0.0", "1e400", "0x1", "", "--", "two", "1,2", "9" * 5000),
]
WORDS = [
    *("holdout", "plateau", "one_cycle", "balanced", "label", "all", "test"),
    *("a:epochs=1", "b:filters=2 2", "true"),
]
TEXTS = st.text(max_size=12).filter(lambda text: "mnist" not in text)
VALUES = st.one_of(
    st.sampled_from([*FILES, *NO_FILES, *OUTPUTS]),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    TEXTS,
)
# What keeps a command that is given nothing wrong small.
SMALL = [
    *("--epochs", "1", "--batch-size", "50", "--filters", "2", "--kernel-sizes", "1"),
    *("--dropout", "0", "0", "--dense-units", "2"),
]
RIGHT = {
    "compare": ["compare", "--data", "train.csv", "--cv", "holdout", *SMALL],
    "train": ["train", "--data", "train.csv", "--output", "out.safetensors", *SMALL],
    "predict": ["predict", "model.safetensors", "test.csv", "--output", "out.csv"],
    "show": ["show", "--data", "train.csv", "--output", "out.png"],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the content of the files that are there."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (30, 16))
    names = [f"pixel{i}" for i in range(16)]

    def table(header, rows):
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        return text.getvalue().encode()

    labels = np.arange(30)[:, None] % 2
    files = {
        "train.csv": table(["label", *names], np.hstack([labels, pixels])),
        "test.csv": table(names, pixels),
        "notes.txt": b"Dear diary,\n",
    }
    folder = tmp_path_factory.mktemp("template")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        assert main(RIGHT["train"]) == 0
    return files | {"model.safetensors": (folder / "out.safetensors").read_bytes()}


@pytest.fixture(autouse=True)
def no_long_waits():
    """Let a scheduler that does not answer be given up soon."""
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        yield


@pytest.fixture(autouse=True, scope="module")
def short_trainings():
    """Train briefly where no argument says how long, so that more can be tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _hyperparameter_options, "DIGITS", {"epochs": 1, "batch_size": 128}
        )
        yield


def content_of(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def try_it(folder, files, arguments):
    """Run the command within the folder; check how it ends and what it leaves."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    before = content_of(folder)
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = main(arguments)
    lines = err.getvalue().splitlines()
    after = content_of(folder)
    assert not [path for path in after if path.name.startswith(".skmnist-")]
    assert all(line.startswith("skmnist: warning: ") for line in lines[:-1])
    if status == 0:
        assert out.getvalue()
        assert lines == [] or lines[-1].startswith("skmnist: warning: ")
        return
    assert status == 2
    assert re.fullmatch(r"skmnist: error: .+", lines[-1])
    assert after == before


@st.composite
def changes(draw, command):
    """Draw right arguments, with some changed, left out, put in or added."""
    arguments = list(RIGHT[command])
    for _ in range(draw(st.integers(1, 3))):
        action = draw(st.sampled_from(["change", "option", "option", "drop", "insert"]))
        at = draw(st.integers(1, max(1, len(arguments) - 1)))
        if action == "option":
            option = draw(st.sampled_from(OPTIONS[command]))
            arguments += [option, *draw(st.lists(VALUES, max_size=2))]
        elif action == "insert":
            arguments.insert(at, draw(VALUES))
        elif at < len(arguments):
            if action == "drop":
                del arguments[at]
            else:
                arguments[at] = draw(VALUES)
    return arguments


@pytest.mark.parametrize("command", sorted(RIGHT))
@fuzz(40)
@given(data=st.data())
def test_main_random_edits(command, data, template, tmp_path_factory):
    try_it(tmp_path_factory.mktemp("run"), template, data.draw(changes(command)))


@fuzz(40)
@given(arguments=st.lists(st.sampled_from(sorted(COMMANDS)) | VALUES, max_size=5))
def test_main_random_words(arguments, template, tmp_path_factory):
    try_it(tmp_path_factory.mktemp("run"), template, arguments)
