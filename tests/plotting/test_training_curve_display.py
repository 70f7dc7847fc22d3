"""Curves of loss and accuracy, and marked epochs."""

import joblib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from skmnist import (
    MnistCNN,
    TrainingCurveDisplay,
    load_model,
    make_mnist_pipeline,
    save_model,
)


def legend_texts(display):
    (legend,) = display.figure_.legends
    return [text.get_text() for text in legend.get_texts()]


def lines_of(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def test_from_estimator(pipeline):
    display = TrainingCurveDisplay.from_estimator(pipeline)
    record = pipeline["cnn"].history_
    loss, accuracy = display.axes_[:, 0]
    for panel, metric, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        for line, key in zip(panel.lines, (metric, f"val_{metric}"), strict=True):
            assert_array_equal(line.get_xdata(), [1, 2])
            assert_allclose(line.get_ydata(), scale * np.array(record[key]))
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy (%)")
    assert accuracy.get_xlabel() == "epoch"
    assert legend_texts(display) == ["training", "validation"]
    title = "Loss and accuracy of each epoch: MnistCNN"
    assert display.figure_.get_suptitle() == title


def test_history_without_validation(history):
    record = {key: history()[key] for key in ("loss", "accuracy")}
    display = TrainingCurveDisplay.from_history(record)
    assert [len(ax.lines) for ax in display.axes_.flat] == [1, 1]
    assert legend_texts(display) == ["training"]


def test_several_records(history):
    high = {**history(30), "loss": list(np.linspace(9, 1, 30))}
    display = TrainingCurveDisplay({"a": history(20), "b": high}).plot()
    assert display.axes_.shape == (2, 2)
    assert [ax.get_title() for ax in display.axes_[0]] == ["a", "b"]
    for row in display.axes_:
        assert len({(panel.get_xlim(), panel.get_ylim()) for panel in row}) == 1
    assert display.axes_[0, 0].get_ylim()[1] >= 9
    assert legend_texts(display) == ["training", "validation"]


def test_estimators_as_list(pipeline):
    display = TrainingCurveDisplay.from_estimators([pipeline, pipeline])
    titles = [ax.get_title() for ax in display.axes_[0]]
    assert titles == ["MnistCNN 1", "MnistCNN 2"]


@pytest.mark.parametrize("n_epochs", [1, 2, 7, 30])
def test_epoch_ticks(history, n_epochs):
    display = TrainingCurveDisplay.from_history(history(n_epochs))
    display.figure_.canvas.draw()
    for ax in display.axes_.flat:
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == round(tick) >= 1 for tick in ticks)
        assert low < 1 and high > n_epochs


def test_reductions_of_learning_rate(history):
    rates = [1e-3] * 4 + [3e-4] * 3 + [9e-5] * 3
    display = TrainingCurveDisplay.from_history(history(10, rates))
    for ax in display.axes_.flat:
        marks = lines_of(ax, "learning rate reduced")
        assert [line.get_xdata()[0] for line in marks] == [5, 8]
    assert "learning rate reduced" in legend_texts(display)


def test_learning_rate_falling_at_every_epoch(history):
    rates = [1e-4, 1e-3, 2e-3, 1e-3, 5e-4, 1e-4]
    display = TrainingCurveDisplay.from_history(history(6, rates))
    for ax in display.axes_.flat:
        (span,) = ax.patches
        assert (span.get_x(), span.get_x() + span.get_width()) == (3.5, 6.5)
    assert "learning rate falling" in legend_texts(display)


def test_reductions_ignore_rounding(history):
    rates = [1e-3, 1e-3, 1e-3 * (1 - 1e-8), 2e-3]
    display = TrainingCurveDisplay.from_history(history(4, rates))
    assert legend_texts(display) == ["training", "validation"]


def test_best_epoch(history):
    records = {"stopped": history(12), "full": history(30)}
    display = TrainingCurveDisplay(records, best_epochs={"stopped": 7}).plot()
    for stopped, full in display.axes_:
        (mark,) = lines_of(stopped, "best epoch")
        assert mark.get_xdata()[0] == 7 and mark.get_linestyle() == ":"
        assert not lines_of(full, "best epoch")
    assert "best epoch" in legend_texts(display)


def test_best_epoch_of_early_stopping(raw_digits):
    X, y = raw_digits
    network = MnistCNN(
        filters=(4, 8),
        dense_units=16,
        epochs=4,
        early_stopping=True,
        validation_fraction=0.2,
        random_state=0,
    )
    network.fit(X[:200] / 16, y[:200])
    display = TrainingCurveDisplay.from_estimator(network)
    (mark,) = lines_of(display.ax_, "best epoch")
    assert mark.get_xdata()[0] == network.best_epoch_


def test_line_kw_and_mark_kw(history):
    rates = [1e-3] * 4 + [3e-4] * 6
    display = TrainingCurveDisplay.from_history(
        history(10, rates), line_kw={"ms": 11}, mark_kw={"c": "red"}
    )
    for ax in display.axes_.flat:
        training, validation, mark = ax.lines
        assert training.get_markersize() == validation.get_markersize() == 11
        assert mark.get_color() == "red"


def test_given_axes(history):
    figure, axes = plt.subplots(1, 3)
    display = TrainingCurveDisplay.from_history(history(), ax=axes[0], name="plain")
    assert len(figure.axes) == 5
    assert not axes[0].axison and display.ax_ is axes[0]
    assert display.axes_[0, 0].get_title() == "plain"
    given = TrainingCurveDisplay.from_history(history(), ax=axes[1:])
    assert list(given.axes_.flat) == list(axes[1:])
    assert [ax.get_ylabel() for ax in axes[1:]] == ["loss", "accuracy (%)"]
    with pytest.raises(ValueError, match="draws on 2 axes, but `ax` holds 3"):
        TrainingCurveDisplay.from_history(history(), ax=axes)
    with pytest.raises(ValueError, match="give 2, or one subplot made by"):
        TrainingCurveDisplay.from_history(history(), ax=figure.add_axes((0, 0, 1, 1)))


def test_loaded_model(pipeline, tmp_path):
    joblib.dump(pipeline, tmp_path / "model.joblib")
    save_model(pipeline, tmp_path / "model.safetensors")
    before = TrainingCurveDisplay.from_estimator(pipeline)
    for loaded in (
        joblib.load(tmp_path / "model.joblib"),
        load_model(tmp_path / "model.safetensors"),
    ):
        after = TrainingCurveDisplay.from_estimator(loaded)
        for ax, other in zip(before.axes_.flat, after.axes_.flat, strict=True):
            for line, same in zip(ax.lines, other.lines, strict=True):
                assert_array_equal(line.get_xydata(), same.get_xydata())


def test_estimators_without_record():
    with pytest.raises(NotFittedError, match="MnistCNN does not have `history_`"):
        TrainingCurveDisplay.from_estimator(make_mnist_pipeline())
    with pytest.raises(NotFittedError, match="LogisticRegression does not have"):
        TrainingCurveDisplay.from_estimators({"other": LogisticRegression()})


def test_invalid_history():
    with pytest.raises(ValueError, match="'x' must hold `accuracy`, but it is"):
        TrainingCurveDisplay.from_history({"loss": [1.0]}, name="x")
    with pytest.raises(ValueError, match=r"lengths differ \(loss 2, accuracy 1\)"):
        TrainingCurveDisplay.from_history({"loss": [1.0, 0.5], "accuracy": [0.5]})
