"""The loss of every training batch."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from skmnist import BatchLossDisplay, MnistCNN


def test_from_estimator(pipeline):
    display = BatchLossDisplay.from_estimator(pipeline)
    losses = pipeline["cnn"].batch_loss_
    (raw,), (smooth,) = display.raw_, display.smooth_
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_xlabel() == "batch"
    assert_array_equal(raw.get_ydata(), losses)
    assert_array_equal(raw.get_xdata(), np.arange(1, len(losses) + 1))
    order = display.ax_.lines.index
    assert order(raw) < order(smooth) and raw.get_linewidth() < smooth.get_linewidth()
    texts = display.figure_.legends[0].get_texts()
    assert [text.get_text() for text in texts] == [
        "each batch",
        "moving average of 5 batches",
    ]


def test_from_estimator_with_search(raw_digits):
    X, y = raw_digits
    network = MnistCNN(filters=(4, 8), dense_units=16)
    search = GridSearchCV(network, {"epochs": [1]}, cv=2).fit(X[:100] / 16, y[:100])
    display = BatchLossDisplay.from_estimator(search)
    best = search.best_estimator_
    assert_array_equal(display.raw_[0].get_ydata(), best.batch_loss_)


@pytest.mark.parametrize(("n_batches", "window"), [(1, 5), (3, 5), (40, 5), (350, 7)])
def test_moving_average_of_neighbours(n_batches, window):
    losses = np.random.default_rng(0).random(n_batches)
    display = BatchLossDisplay.from_history(losses)
    half = window // 2
    expected = [
        losses[max(0, i - half) : i + half + 1].mean() for i in range(n_batches)
    ]
    assert_allclose(display.smooth_[0].get_ydata(), expected)


def test_batch_loss_missing_values():
    losses = np.r_[np.geomspace(2, 0.01, 999), 0.0]
    display = BatchLossDisplay.from_history(losses)
    low, high = display.ax_.get_ylim()
    assert 0.001 < low < 0.01 and 2 < high < 3
    display.figure_.canvas.draw()
    BatchLossDisplay.from_history([0.0, 0.0]).figure_.canvas.draw()


def test_several_records():
    rng = np.random.default_rng(0)
    records = {"plain": rng.random(300), "other": 9 * rng.random(500), "one": [1.0]}
    display = BatchLossDisplay(records).plot()
    assert display.axes_.shape == (3,)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in display.axes_}) == 1
    assert display.ax_.get_xlim()[1] > 500 and display.ax_.get_ylim()[1] > 8
    assert [ax.get_title() for ax in display.axes_] == list(records)
