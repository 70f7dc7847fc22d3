"""Output of a comparison: tables, reports, models and figures in a folder."""

import os
import re
from functools import partial
from textwrap import fill

import joblib
import pandas as pd

from skmnist._utils import display_name
from skmnist.io._atomic import write_atomically
from skmnist.model_selection._drawings import drawings
from skmnist.persistence._model_file import save_model

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
    sentences = sentences.replace("with repeats=5", "with --repeats 5")
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
        f"{display_name(name)}, on the test set\n\n{comparison.report(name)}"
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
    history = pd.concat(
        [
            pd.DataFrame(pipeline["cnn"].history_).assign(variant=name)
            for name, pipeline in _networks(comparison).items()
        ]
    )
    history = history.rename_axis("epoch").reset_index()
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
    """Save the best network, and in `models` all variants."""
    best = _best_network(comparison)
    save_model(best, os.path.join(folder, "model.safetensors"))
    for name, pipeline in comparison.estimators_.items():
        path = os.path.join(folder, "models", name)
        if name in _networks(comparison):
            save_model(pipeline, f"{path}.safetensors")
        else:
            write_atomically(f"{path}.joblib", partial(joblib.dump, pipeline))


def _networks(comparison):
    """Return the pipelines of the variants that are networks."""
    return {
        name: pipeline
        for name, pipeline in comparison.estimators_.items()
        if "cnn" in pipeline.named_steps
    }


def _best_network(comparison):
    networks = _networks(comparison)
    return networks[comparison.chosen_by_[list(networks)].idxmax()]


def write_figures(comparison, folder):
    """Draw the figures of the report into the existing folder `figures`."""
    for name, draw in drawings(comparison).items():
        save_figure(draw, os.path.join(folder, "figures", f"{name}.png"))


def save_figure(draw, path):
    """Call a function that returns a display, and write its figure to a file."""
    from matplotlib import pyplot as plt

    figure = draw().figure_
    kind = os.path.splitext(path)[1][1:].lower()
    try:
        write_atomically(path, partial(figure.savefig, format=kind, dpi=150))
    finally:
        plt.close(figure)
