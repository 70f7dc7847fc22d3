"""Output of a comparison: tables, reports, models and figures in a folder."""

import os
import re
from functools import partial
from textwrap import fill, wrap

import joblib
import pandas as pd

from skmnist._utils import display_name
from skmnist.io._atomic import write_atomically
from skmnist.model_selection._html_report import render_report
from skmnist.persistence._model_file import save_model

_WIDTH = 79
# With the line that names the folder, an empty one and the shell's prompt: 24.
_LINES = 21
_MOST_ROWS = 12  # of the table; in a longer one, names are shortened to a line each
_MOST_VARIANTS = 10


def as_text(comparison):
    """Return table and sentences as text for a terminal of 24 x 80.

    Of many pairs only as many have their sentence as there is room for.
    """
    verdict, *sentences = comparison.sentences
    n_pairs = len(comparison.significance_)
    notes = map(_wrap, sentences[n_pairs:])
    notes = [each.replace("repeats=5", "--repeats 5") for each in notes]
    start = [_table(comparison), "", _wrap(verdict)]
    n_lines = _LINES - _count_lines([*start, *notes])
    pairs = _say_pairs(sentences[:n_pairs], n_lines)
    return "\n".join([*start, *pairs, *notes])


def _say_pairs(sentences, n_lines):
    """Return as many sentences as there is room for."""
    said = []
    for sentence in map(_wrap, sentences):
        n_left = len(sentences) - len(said)
        if _count_lines([*said, sentence]) + (n_left > 1) > n_lines:
            return [*said, f"More pairs ({n_left}) are printed with --reports."]
        said.append(sentence)
    return said


def _count_lines(texts):
    return len("\n".join(texts).split("\n")) if texts else 0


def _table(comparison):
    """Return the table of the best variants and its caption."""
    text = comparison.as_text()
    n_left_out = len(text) - _MOST_VARIANTS
    if n_left_out > 0:
        # Of equal ones the first is the best.
        ranks = comparison.chosen_by_.rank(ascending=False, method="first")
        text = text[(ranks <= _MOST_VARIANTS).to_numpy()]
    return "\n".join(
        [
            *_rows(text),
            *[f"({n_left_out} more with --reports.)"] * (n_left_out > 0),
            "",
            _wrap(comparison.caption),
        ]
    )


def _rows(text):
    """Return the lines of a table, whose names are broken into lines or shortened."""
    names = ["model", *text.pop("model")]
    numbers = text.to_string(index=False).splitlines()
    width = min(max(map(len, names)), _WIDTH - 1 - len(numbers[0]))
    n_lines = sum(len(wrap(name, width, subsequent_indent="  ")) for name in names)
    if n_lines > _MOST_ROWS:
        half = (width - 3) // 2
        names = [n if len(n) <= width else f"{n[:half]}...{n[-half:]}" for n in names]
    lines = []
    for name, of_name in zip(names, numbers, strict=True):
        first, *rest = wrap(name, width, subsequent_indent="  ")
        lines += [f"{first:{width}} {of_name}", *rest]
    return lines


def reports(comparison):
    """Return precision, recall and F1 of each class, and what each pair says."""
    parts = [
        f"{display_name(name)}, on the test set\n\n{comparison.report(name)}"
        for name in comparison.estimators_
    ]
    table = comparison.as_text()
    if len(table) > _MOST_VARIANTS:
        parts.append("\n".join([*_rows(table), ""]))
    return "\n".join([*parts, *map(_wrap, comparison.significance_["sentence"])])


def _wrap(text):
    """Break a text into lines, but not within "p = 0.1"."""
    glued = re.sub(r" (?=[=<])|(?<=[=<]) ", "\xa0", text)
    return fill(glued, _WIDTH).replace("\xa0", " ")


def write_tables(comparison, folder):
    """Write the tables and the reports of a comparison into a folder that exists."""
    history = pd.concat(
        [
            pd.DataFrame(first).assign(variant=name)
            for name, (first, *_) in comparison.histories_.items()
        ]
    )
    history = history.rename_axis("epoch").reset_index()
    history["epoch"] += 1
    order = ["variant", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    history = history.reindex(columns=[*order, "learning_rate"])
    for name, content in {
        "comparison.csv": comparison.table_.to_csv(index=False),
        "repeats.csv": comparison.repeats_.to_csv(index=False),
        "significance.csv": comparison.significance_.to_csv(index=False),
        "reports.txt": reports(comparison),
        "history.csv": history.to_csv(index=False),
    }.items():
        content = content.encode(errors="backslashreplace")
        write_atomically(os.path.join(folder, name), content)


def write_models(comparison, folder):
    """Save the best network, and in `models` all variants."""
    scores = comparison.chosen_by_[list(comparison.histories_)]
    best = comparison.best_variant_
    best = best if best in scores else scores.idxmax()
    model = os.path.join(folder, "model.safetensors")
    save_model(comparison.estimators_[best], model)
    for name, pipeline in comparison.estimators_.items():
        path = os.path.join(folder, "models", name)
        if name in comparison.histories_:
            save_model(pipeline, f"{path}.safetensors")
        else:
            write_atomically(f"{path}.joblib", partial(joblib.dump, pipeline))


def write_report(comparison, draw, folder, command):
    """Write the report with the images that `draw()` returns."""
    report = render_report(comparison, draw(), command)
    write_atomically(os.path.join(folder, "report.html"), report)


def write_figures(draw, folder):
    """Write the images that `draw()` returns into the folder `figures`."""
    for name, image in draw().items():
        write_atomically(os.path.join(folder, "figures", f"{name}.png"), image)


def save_figure(draw, path):
    """Call a function that returns a display, and write its figure to a file."""
    from matplotlib import pyplot as plt

    figure = draw().figure_
    kind = os.path.splitext(path)[1][1:].lower()
    try:
        write_atomically(path, partial(figure.savefig, format=kind, dpi=150))
    finally:
        plt.close(figure)
