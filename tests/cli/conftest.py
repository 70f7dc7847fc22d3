"""How the tests run the command, and data for it."""

import csv
import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from skmnist.cli._main import main

COMMAND = str(Path(sys.executable).with_name("skmnist"))


@pytest.fixture(scope="session")
def program():
    """Return the path of the installed command."""
    return COMMAND


@pytest.fixture(scope="session")
def tiny():
    """Return options of a network that is trained in seconds, however well."""
    return ["--filters", "4", "8", "--dense-units", "16", "--epochs", "2"]


@pytest.fixture(scope="session")
def run():
    """Return a function that gives status, standard output and standard error."""

    def run(*args, timeout=300, **settings):
        done = subprocess.run(
            [COMMAND, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=timeout,
            **settings,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def refused(capsys):
    """Return a function that runs the command here and returns its complaint."""

    def refused(*args):
        status = main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        assert (status, out) == (2, "")
        assert re.fullmatch(r"skmnist: error: .+\n", err)
        return err

    return refused


@pytest.fixture(scope="session")
def write_csv():
    """Return a function that writes Kaggle's layout, compressed if its name says so."""

    def write_csv(path, images, labels=None, names=None):
        opened = gzip.open(path, "wt") if path.suffix == ".gz" else open(path, "w")
        with opened as file:
            writer = csv.writer(file)
            names = names or [f"pixel{i}" for i in range(len(images[0]))]
            writer.writerow(names if labels is None else ["label", *names])
            for i, row in enumerate(images):
                writer.writerow(row if labels is None else [labels[i], *row])
        return path

    return write_csv


@pytest.fixture(scope="session")
def digits8():
    """Return rows of 8 x 8 pixels that are either 0 or 1, and labels."""
    X, y = load_digits(return_X_y=True)
    return (X[:400] > 7).astype(int), y[:400]


@pytest.fixture(scope="session")
def trained(tmp_path_factory, digits8, run, write_csv, tiny):
    """Return the model file that `skmnist train` wrote, and what it said."""
    folder = tmp_path_factory.mktemp("training")
    data = write_csv(folder / "train.csv.gz", *digits8)
    model = folder / "model.safetensors"
    spoken = run(
        *("train", "--data", data, "--anneal", "one_cycle", "--augment", *tiny),
        *("--output", model),
    )
    return model, spoken
