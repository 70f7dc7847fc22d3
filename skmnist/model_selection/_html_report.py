"""The report of a comparison: one HTML file that needs neither scripts nor network."""

import base64
import os
import platform
import sys
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sklearn.base import clone

from skmnist import __version__
from skmnist._utils import display_name, full_repr
from skmnist.model_selection._figures import figure_functions
from skmnist.neural_network._progress import say_duration

# Results and durations may depend on these.
_PACKAGES = ("keras", "scikit-learn", "numpy", "scipy", "pandas", "joblib")
_DPI = 150
_MOST_PAIRS = 10  # with sentences that are not folded away


def environment():
    """Return versions and machine, as text by name."""
    from skmnist.neural_network._keras import gpus, keras

    back_end = keras.config.backend()
    versions = {"Python": platform.python_version(), "skmnist": __version__}
    versions |= {name: version(name) for name in _PACKAGES}
    versions[back_end] = sys.modules[back_end].__version__
    parts = [platform.platform(), f"{os.cpu_count()} processors"]
    if found := gpus():
        parts.append(f"{len(found)} GPU{'s' * (len(found) > 1)}")
    return {
        "versions": ", ".join(f"{name} {found}" for name, found in versions.items()),
        "machine": ", ".join(parts),
    }


def render_first_screen(comparison):
    """Return verdict, table and sentences as HTML, for a page or a notebook."""
    return _template("first_screen.html.jinja").render(_first_screen(comparison))


def draw_images(comparison):
    """Return the figures as PNG files, by name."""
    return {name: _as_png(draw) for name, draw in figure_functions(comparison).items()}


def render_report(comparison, images, command=None):
    """Return the whole report, with the images of `draw_images`, as an HTML file."""
    page = _template("report.html.jinja").render(
        _first_screen(comparison),
        figures={name: _embedded(image) for name, image in images.items()},
        pairs=list(comparison.significance_.itertuples()),
        mcnemar=list(comparison.mcnemar_.itertuples()),
        reports={name: comparison.report(name) for name in comparison.estimators_},
        repeats=list(comparison.repeats_.itertuples()),
        folds=bool(comparison.searches_),
        whole=comparison.seconds_ and say_duration(comparison.seconds_),
        of_fits=_duration_of_fits(comparison),
        settings=_settings(comparison),
        command=command,
        environment=comparison.environment_,
    )
    return page.encode(errors="backslashreplace")


def _template(name):
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["name"] = display_name
    return templates.get_template(name)


def _first_screen(comparison):
    text = comparison.as_text()
    verdict, *sentences = comparison.sentences
    n_pairs = len(comparison.significance_)
    n_shown = min(n_pairs, _MOST_PAIRS)
    return {
        "verdict": verdict,
        "sentences": sentences[:n_shown] + sentences[n_pairs:],
        "other_pairs": sentences[n_shown:n_pairs],
        "columns": list(text.columns),
        "rows": text.values.tolist(),
        "best": display_name(comparison.best_variant_),
        "caption": comparison.caption,
        "chosen_by": "cross-validation" if comparison.searches_ else "validation",
        "n_repeats": comparison.n_repeats_,
    }


def _duration_of_fits(comparison):
    """Return how long all fits took in sum."""
    seconds = comparison.repeats_["seconds"].to_numpy().sum()
    for search in comparison.searches_:
        seconds += search.n_splits_ * search.cv_results_["mean_fit_time"].sum()
    return say_duration(seconds)


def _settings(comparison):
    """Return the settings of each variant, as text by name."""
    settings = {}
    for name, pipeline in comparison.estimators_.items():
        estimator = clone(pipeline[-1])
        if "cnn" in pipeline.named_steps:
            # A folder of this machine does not help others to repeat it.
            estimator.set_params(checkpoint_dir=None)
        settings[name] = full_repr(estimator)
    return settings


def _as_png(draw):
    from matplotlib import pyplot as plt

    figure = draw().figure_
    stream = BytesIO()
    try:
        figure.savefig(stream, format="png", dpi=_DPI, bbox_inches="tight")
    finally:
        plt.close(figure)
    return stream.getvalue()


def _embedded(image):
    """Return a PNG file as a data URI, and its width in CSS pixels."""
    width = int.from_bytes(image[16:20])  # in the header of a PNG file
    return {
        "source": "data:image/png;base64," + base64.b64encode(image).decode(),
        "width": round(width * 96 / _DPI),
    }
