"""The accuracies of variants, their intervals and their repeats."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmnist import ComparisonDisplay, compare_variants


def legend_texts(display):
    (legend,) = display.figure_.legends
    return [text.get_text() for text in legend.get_texts()]


def test_points_at_their_values(table):
    display = ComparisonDisplay.from_table(table())
    columns = ["training_accuracy", "validation_accuracy", "test_accuracy"]
    assert list(display.points_) == columns
    for name, points in display.points_.items():
        assert_array_equal(points.get_xdata(), table()[name])
        assert_array_equal(np.rint(points.get_ydata()), [0, 1, 2])
    heights = np.concatenate([each.get_ydata() for each in display.points_.values()])
    assert len(set(heights)) == 9
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["plain", "annealed", "annealed, augmented"]
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]
    written = [text.get_text() for text in display.texts_]
    assert {"99.29", "99.80", "99.45"} <= set(written) and len(written) == 9


def test_intervals(table):
    display = ComparisonDisplay.from_table(table(cv_mean=99.2, cv_std=0.3))
    assert len(display.intervals_) == 4
    for name, bars in display.intervals_.items():
        kind = name.removesuffix("_accuracy")
        ends = [[98.9, 99.5]] * 3
        if name != "cv_mean":
            ends = table()[[f"{kind}_low", f"{kind}_high"]]
        assert_allclose([bar[:, 0] for bar in bars.get_segments()], ends)
    assert legend_texts(display) == [
        "training, 95% interval",
        "validation, 95% interval",
        "cross-validation ± std. dev.",
        "test, 95% interval",
    ]


def test_missing_values_and_columns(table):
    accuracies = table(
        training_accuracy=[np.nan, 99.9, np.nan],
        training_low=np.nan,
        validation_accuracy=np.nan,
    )
    display = ComparisonDisplay.from_table(accuracies)
    assert list(display.points_) == ["training_accuracy", "test_accuracy"]
    assert list(display.intervals_) == ["test_accuracy"]
    assert len(display.texts_) == 4
    assert np.isfinite(display.ax_.get_xlim()).all()
    display.figure_.canvas.draw()


def test_invalid_table(table):
    with pytest.raises(ValueError, match="3 rows have the columns model"):
        ComparisonDisplay.from_table(table()[["model"]])
    with pytest.raises(ValueError, match="its 0 rows"):
        ComparisonDisplay.from_table(table()[:0])


@pytest.mark.parametrize(
    "tests", [[99.29, 99.33, 99.5], [32.0, 55.5, 99.0], [97.0, 97.0, 97.0]]
)
def test_axis_start(table, tests):
    accuracies = table(
        test_accuracy=tests,
        test_low=np.subtract(tests, 1),
        test_high=np.minimum(np.add(tests, 0.5), 100),
    )
    ax = ComparisonDisplay.from_table(accuracies).ax_
    low, high = ax.get_xlim()
    assert 0 < low < min(tests) - 1 and 99.95 < high <= 100
    assert min(tests) - low < 0.7 * (high - low)
    assert ax.get_xlabel() == f"accuracy (%); the axis starts at {low:g}%"


def test_axis_from_zero(table):
    accuracies = table(training_accuracy=0.5, test_accuracy=60.0, test_low=1.0)
    ax = ComparisonDisplay.from_table(accuracies).ax_
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlabel() == "accuracy (%)"


def make_repeats(table, n_repeats):
    rows = table()[["model", "training_accuracy", "test_accuracy"]]
    lower = [
        rows.assign(repeat=r, test_accuracy=rows["test_accuracy"] - 0.01 * r)
        for r in range(n_repeats)
    ]
    return pd.concat(lower, ignore_index=True)


def test_repeats(table):
    repeats = make_repeats(table, 4)[::-1]
    display = ComparisonDisplay.from_table(table(), repeats=repeats)
    assert list(display.repeat_points_) == ["training_accuracy", "test_accuracy"]
    points = display.repeat_points_["test_accuracy"]
    means = display.points_["test_accuracy"]
    assert_array_equal(points.get_xdata(), repeats["test_accuracy"])
    rows = repeats["model"].map({"plain": 0, "annealed": 1, "annealed_augmented": 2})
    distances = points.get_ydata() - means.get_ydata()[rows]
    assert_allclose(distances, distances[0])
    assert 0 < distances[0] < 0.2
    assert points.get_markersize() < means.get_markersize()
    assert legend_texts(display).count("single repeats") == 1
    title = "Accuracy of each variant, mean of 4 repeats"
    assert display.figure_.get_suptitle() == title
    red = display.plot(repeat_kw={"c": "red"}).repeat_points_["test_accuracy"]
    assert red.get_color() == "red"


def test_single_repeat(table):
    display = ComparisonDisplay.from_table(table(), repeats=make_repeats(table, 1))
    assert not display.repeat_points_
    assert display.figure_.get_suptitle() == "Accuracy of each variant"


def test_from_comparison_and_saved_table(raw_digits, tmp_path):
    X, y = raw_digits
    small = {"filters": (4, 8), "dense_units": 16, "epochs": 1, "random_state": 0}
    comparison = compare_variants(X[:300], y[:300], cv="holdout", max_value=16, **small)
    display = ComparisonDisplay.from_comparison(comparison)
    comparison.table_.to_csv(tmp_path / "comparison.csv", index=False)
    again = ComparisonDisplay.from_table(pd.read_csv(tmp_path / "comparison.csv"))
    for each in (display, again):
        points = each.points_["test_accuracy"]
        assert_allclose(points.get_xdata(), comparison.table_["test_accuracy"])
