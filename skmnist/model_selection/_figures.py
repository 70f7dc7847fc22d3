"""The figures of a comparison, for its report and for a folder."""

from functools import partial
from types import SimpleNamespace

import numpy as np
from sklearn.utils import _safe_indexing

from skmnist._utils import display_name
from skmnist.plotting._axes import BLUE, GREY, as_label, open_axes, tidy
from skmnist.plotting._batch_loss import BatchLossDisplay
from skmnist.plotting._comparison import ComparisonDisplay
from skmnist.plotting._image_grid import ImageGridDisplay
from skmnist.plotting._learning_rate import LearningRateDisplay
from skmnist.plotting._reading import images_of
from skmnist.plotting._training_curve import TrainingCurveDisplay


def figure_functions(comparison):
    """Return functions without arguments that draw a comparison, by name.

    Each returns a display, or what has its `figure_`. The data are those of the first
    repeat's test set; what needs a network is left out of other comparisons.
    """
    best, data = comparison.best_estimator_, (comparison.X_test_, comparison.y_test_)
    shape = best["scale"].image_shape_
    found = {
        "accuracy": partial(ComparisonDisplay.from_comparison, comparison),
        "confusion_matrix": partial(_draw_confusion, comparison),
        "digits": partial(ImageGridDisplay.from_images, *data, image_shape=shape),
    }
    if len(comparison.significance_):
        found["differences"] = partial(_draw_differences, comparison)
    if hasattr(best, "predict_proba"):
        draw = partial(ImageGridDisplay.from_mistakes, best, *data, image_shape=shape)
    else:
        draw = partial(_draw_mistakes, comparison, shape)
    found["worst_mistakes"] = draw
    networks = {name: comparison.estimators_[name] for name in comparison.histories_}
    if networks:
        augmented = [each for each in networks.values() if each["cnn"].augment]
        network = [*augmented, *networks.values()][0]
        found |= {
            "training_curves": partial(TrainingCurveDisplay.from_estimators, networks),
            "learning_rate": partial(LearningRateDisplay.from_estimators, networks),
            "batch_loss": partial(BatchLossDisplay.from_estimators, networks),
            "augmented_digits": partial(
                ImageGridDisplay.from_augmentation, network, *data
            ),
        }
    return found


def _draw_differences(comparison):
    """Draw a point a pair with its 95% interval, and a line at zero."""
    pairs, kind = comparison.significance_, "difference"
    title = "Differences in test accuracy"
    if comparison.n_repeats_ > 1:
        kind, title = "mean", f"{title}, mean of {comparison.n_repeats_} repeats"
    columns = ["mean_difference" if kind == "mean" else kind]
    columns += [f"{kind}_low", f"{kind}_high"]
    points, low, high = pairs[columns].to_numpy().T
    lengths = np.array([points - low, high - points])
    names = [
        f"{as_label(pair.variant, 30)} \N{MINUS SIGN} {as_label(pair.baseline, 30)}"
        for pair in pairs.itertuples()
    ]
    size = (6.4, 1.3 + 0.2 * sum(name.count("\n") + 1.4 for name in names))
    ax = open_axes(None, (1, 1), size, title)[0, 0]
    tidy(ax)
    ax.grid(visible=False, axis="y")
    ax.axvline(0, color=GREY, linewidth=1)
    look = {"color": BLUE, "marker": "o", "linestyle": "", "elinewidth": 2.5}
    ax.errorbar(points, range(len(pairs)), xerr=lengths, **look)
    ax.set_yticks(range(len(pairs)), names)
    ax.set_ylim(len(pairs) - 0.5, -0.5)
    ax.set_xlabel("difference in points, 95% interval")
    return SimpleNamespace(figure_=ax.figure)


def _draw_mistakes(comparison, image_shape):
    """Draw the mistakes of a classifier that does not tell probabilities."""
    X, y, best = comparison.X_test_, comparison.y_test_, comparison.best_estimator_
    predicted = comparison.predictions_[comparison.best_variant_]
    wrong = np.flatnonzero(predicted != y)
    if hasattr(best, "decision_function"):
        scores = np.asarray(best.decision_function(X))
        if scores.ndim == 1 or scores.shape[1] != len(best.classes_):
            scores = np.abs(scores)  # of two classes, or of pairs
        scores = scores.reshape(len(y), -1).max(axis=1)
        wrong = wrong[np.argsort(-scores[wrong], kind="stable")]
    worst = wrong[:15]
    heading = f"{len(wrong):,} mistake{'s' * (len(wrong) != 1)}"
    if len(worst) < len(wrong):
        heading = f"{len(worst)} of {heading}"
    return ImageGridDisplay(
        images_of(_safe_indexing(X, worst), image_shape),
        titles=[f"true {y[i]},\npredicted {predicted[i]}" for i in worst],
        wrong=np.ones(len(worst), dtype=bool),
        heading=f"{heading} among {len(y):,} images",
    ).plot()


def _draw_confusion(comparison):
    from matplotlib import pyplot as plt
    from sklearn.metrics import ConfusionMatrixDisplay

    labels = np.unique(comparison.y_test_)
    side = min(2 + 0.36 * len(labels), 40)  # inches
    _, ax = plt.subplots(figsize=(side, side), layout="constrained")
    display = ConfusionMatrixDisplay.from_predictions(
        comparison.y_test_,
        comparison.predictions_[comparison.best_variant_],
        cmap="Blues",
        colorbar=False,
        xticks_rotation="vertical" if max(map(len, map(str, labels))) > 3 else 0,
        ax=ax,
    )
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        label.set_parse_math(False)
    for text in display.text_.flat:
        if text.get_text() == "0":  # so that the mistakes stand out
            text.set_text("")
    title = f"{display_name(comparison.best_variant_)}, test set"
    ax.set_title(title, fontsize="medium", parse_math=False)
    return display
