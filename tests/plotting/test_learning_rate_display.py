"""The learning rate per epoch."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmnist import LearningRateDisplay


def test_logarithmic_axis(history):
    rates = [1e-3] * 4 + [3e-4] * 3
    records = {"plain": history(7), "annealed_augmented": history(7, rates)}
    display = LearningRateDisplay(records).plot()
    plain, annealed = display.lines_
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylabel() == "learning rate"
    assert_array_equal(annealed.get_xdata(), np.arange(1, 8))
    assert_array_equal(annealed.get_ydata(), rates)
    # Where the lines coincide, both are visible.
    assert plain.get_linewidth() > annealed.get_linewidth()
    texts = display.figure_.legends[0].get_texts()
    assert [text.get_text() for text in texts] == ["plain", "annealed, augmented"]


def test_from_estimator(pipeline):
    display = LearningRateDisplay.from_estimator(pipeline)
    assert_allclose(display.lines_[0].get_ydata(), [0.001, 0.001])


def test_legend_of_unnamed_record(history):
    assert not LearningRateDisplay.from_history(history()).figure_.legends


def test_line_styles(history):
    display = LearningRateDisplay({str(n): history(3) for n in range(6)}).plot()
    assert len({line.get_color() for line in display.lines_}) == 6
    assert len({line.get_marker() for line in display.lines_}) == 6


def test_history_without_rates():
    with pytest.raises(ValueError, match="must hold `learning_rate`, but it is"):
        LearningRateDisplay.from_history({"loss": [1.0]})
