"""Data and sizes that several tests share."""

import gzip
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

# Tests that a shell starts in the background ignore Ctrl-C, and so do their child
# processes, some of which are tested with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A network that learns the digits in a second.
SMALL = {
    "filters": (8, 16),
    "kernel_sizes": (3, 3),
    "dense_units": 32,
    "dropout": (0.1, 0.1, 0.1),
    "learning_rate": 0.005,
}


@pytest.fixture(scope="session")
def small():
    """Return hyperparameters of a small network."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def digits():
    """Return scaled training and test digits: X, y, X_test, y_test."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    for array in (X, y):
        array.flags.writeable = False
    return X[:1000], y[:1000], X[1000:], y[1000:]


@pytest.fixture(scope="session")
def large_digits():
    """Return 28 x 28 digits as uint8 rows and labels: MNIST if it is available.

    Without it, the embedded digits are enlarged to that size.
    """
    if folder := os.environ.get("SKMNIST_DATA"):
        with gzip.open(Path(folder) / "train.csv.gz", "rt") as file:
            next(file)
            table = np.array(
                [np.fromstring(next(file), sep=",", dtype=int) for _ in range(3000)]
            )
        return table[:, 1:].astype(np.uint8), table[:, 0]
    X, y = load_digits(return_X_y=True)
    images = np.kron(X.reshape(-1, 8, 8), np.ones((3, 3))) * (255 / 16)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return images.reshape(len(images), -1).astype(np.uint8), y
