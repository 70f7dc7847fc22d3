"""Records, tables and networks that the tests of the displays share."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

from skmnist import make_mnist_pipeline


@pytest.fixture(autouse=True)
def no_windows():
    """Plot without a screen, and close all figures."""
    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def raw_digits():
    """Return 1,797 digits as rows of 64 values from 0 to 16, and their labels."""
    return load_digits(return_X_y=True)


@pytest.fixture(scope="session")
def pipeline(raw_digits):
    """Return a pipeline that was trained for two epochs on the first 500 digits."""
    X, y = raw_digits
    model = make_mnist_pipeline(
        max_value=16, filters=(4, 8), dense_units=16, epochs=2, random_state=0
    )
    return model.fit(X[:500], y[:500])


@pytest.fixture(scope="session")
def history():
    """Return a function that makes a history as `MnistCNN` records it."""

    def make(n_epochs=30, rates=None):
        decay = np.exp(-np.arange(n_epochs) / 4)
        return {
            "loss": list(0.02 + decay),
            "accuracy": list(0.99 - 0.3 * decay),
            "val_loss": list(0.03 + 0.7 * decay),
            "val_accuracy": list(0.985 - 0.2 * decay),
            "learning_rate": [0.001] * n_epochs if rates is None else list(rates),
        }

    return make


@pytest.fixture(scope="session")
def table():
    """Return a function that makes the table of a comparison of three variants."""

    def make(**columns):
        accuracies = {
            "model": ["plain", "annealed", "annealed_augmented"],
            "training_accuracy": [99.8, 99.95, 99.71],
            "training_low": [99.75, 99.91, 99.6],
            "training_high": [99.9, 99.98, 99.8],
            "validation_accuracy": [99.21, 99.3, 99.45],
            "validation_low": [99.0, 99.14, 99.3],
            "validation_high": [99.4, 99.48, 99.6],
            "test_accuracy": [99.29, 99.33, 99.5],
            "test_low": [99.08, 99.13, 99.33],
            "test_high": [99.45, 99.48, 99.63],
            "cv_mean": np.nan,
            "cv_std": np.nan,
        }
        return pd.DataFrame(accuracies | columns)

    return make
