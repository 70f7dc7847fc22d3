"""What a comparison leaves behind: tables, reports, models and pictures in a folder."""

import os
import re
from functools import partial
from textwrap import fill

import numpy as np
import pandas as pd

from skmnist.io._atomic import write_atomically
from skmnist.persistence._model_file import save_model
from skmnist.plotting._batch_loss import BatchLossDisplay
from skmnist.plotting._comparison import ComparisonDisplay
from skmnist.plotting._image_grid import ImageGridDisplay
from skmnist.plotting._learning_rate import LearningRateDisplay
from skmnist.plotting._training_curve import TrainingCurveDisplay

__all__ = [
    "as_text",
    "reports",
    "save_figure",
    "write_figures",
    "write_models",
    "write_tables",
]

_WIDTH = 79


def as_text(comparison):
    """Return table and sentences as text for a terminal of 80 columns."""
    sentences = "\n".join(map(_wrap, comparison.sentences))
    return f"{_table(comparison)}\n\n{sentences}"


def _table(comparison):
    text = comparison.as_text()
    width = max(map(len, text["model"]))
    text["model"] = text["model"].str.ljust(width)
    lines = text.rename(columns={"model": "model".ljust(width)}).to_string(index=False)
    return f"{lines}\n\n{_wrap(comparison.caption)}"


def reports(comparison):
    """Return precision, recall and F1 of each class, for each variant."""
    return "\n".join(
        f"{name}, on the test set\n\n{comparison.report(name)}"
        for name in comparison.estimators_
    )


def _wrap(text):
    """Break a text into lines, but not within "p = 0.1"."""
    glued = re.sub(r" (?=[=<])|(?<=[=<]) ", "\xa0", text)
    return fill(glued, _WIDTH).replace("\xa0", " ")


def write_tables(comparison, folder):
    """Write the tables, the reports and the fitted pipelines of a comparison.

    Parameters
    ----------
    comparison : VariantComparison
        The comparison.
    folder : str
        Where to write; exists.
    """
    networks = {name: pipe["cnn"] for name, pipe in comparison.estimators_.items()}
    history = pd.concat(
        [
            pd.DataFrame(network.history_).assign(variant=name).rename_axis("epoch")
            for name, network in networks.items()
        ]
    )
    history = history.reset_index()
    history["epoch"] += 1
    order = ["variant", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    history = history.reindex(columns=[*order, "learning_rate"])
    for name, content in {
        "comparison.csv": comparison.table_.to_csv(index=False),
        "significance.csv": comparison.significance_.to_csv(index=False),
        "reports.txt": reports(comparison),
        "history.csv": history.to_csv(index=False),
    }.items():
        write_atomically(os.path.join(folder, name), content.encode())


def write_models(comparison, folder):
    """Save the best fitted pipeline, and in `models` those of all variants."""
    save_model(comparison.best_estimator_, os.path.join(folder, "model.safetensors"))
    os.makedirs(os.path.join(folder, "models"), exist_ok=True)
    for name, pipeline in comparison.estimators_.items():
        save_model(pipeline, os.path.join(folder, "models", f"{name}.safetensors"))


def write_figures(comparison, images, folder):
    """Draw the pictures of a comparison into a folder.

    Parameters
    ----------
    comparison : VariantComparison
        The comparison.
    images : Bunch
        The images of the sheets, in the form in which `load_images` returns them.
    folder : str
        Where to write: into `figures`, which is made.
    """
    X, y = images.data, images.target
    estimators, best = comparison.estimators_, comparison.best_estimator_
    folder = os.path.join(folder, "figures")
    os.makedirs(folder, exist_ok=True)
    for name, draw in {
        "digits": partial(
            ImageGridDisplay.from_images, X, y, image_shape=images.image_shape
        ),
        "augmented_digits": partial(ImageGridDisplay.from_augmentation, best, X, y),
        "training_curves": partial(TrainingCurveDisplay.from_estimators, estimators),
        "batch_loss": partial(BatchLossDisplay.from_estimators, estimators),
        "learning_rate": partial(LearningRateDisplay.from_estimators, estimators),
        "accuracy": partial(ComparisonDisplay.from_comparison, comparison),
        "confusion_matrix": partial(_draw_confusion, comparison),
        "worst_mistakes": partial(
            ImageGridDisplay.from_mistakes, best, comparison.X_test_, comparison.y_test_
        ),
    }.items():
        save_figure(draw, os.path.join(folder, f"{name}.png"))


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
        if text.get_text() == "0":  # the mistakes should catch the eye
            text.set_text("")
    ax.set_title(f"{comparison.best_variant_}, test set", fontsize="medium")
    return display


def save_figure(draw, path):
    """Call a function that returns a display, and write its figure to a file."""
    from matplotlib import pyplot as plt

    figure = draw().figure_
    kind = os.path.splitext(path)[1][1:].lower()
    try:
        write_atomically(path, partial(figure.savefig, format=kind, dpi=150))
    finally:
        plt.close(figure)
