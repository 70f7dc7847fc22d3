"""Common behaviour of all displays: figures, axes, styles and names."""

from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.cbook import is_math_text
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Text

from skmnist import (
    BatchLossDisplay,
    ComparisonDisplay,
    ImageGridDisplay,
    LearningRateDisplay,
    TrainingCurveDisplay,
)

NAMES = ["plain", "annealed", "annealed_augmented"]
LONG_NAMES = [
    "annealed_augmented_with_one_cycle_and_test_time_augmentation",
    "annealed and augmented with one cycle and test-time augmentation",
]


@pytest.fixture
def makers(history, table, raw_digits):
    """Return a function for each kind of display that makes it for some names."""
    X, _ = raw_digits
    rates = np.geomspace(1e-3, 1e-4, 10)

    def images(names):
        return ImageGridDisplay(
            X[: len(names)].reshape(-1, 8, 8),
            titles=names,
            wrong=[True] + [False] * (len(names) - 1),
            heading="Some images",
        )

    return {
        "images": images,
        "curves": lambda names: TrainingCurveDisplay(
            {name: history(10, rates) for name in names}, best_epochs={names[0]: 7}
        ),
        "batches": lambda names: BatchLossDisplay(dict.fromkeys(names, [2.0, 1, 0.1])),
        "rates": lambda names: LearningRateDisplay(
            {name: history(10, rates / n) for n, name in enumerate(names, start=1)}
        ),
        "comparison": lambda names: ComparisonDisplay(
            table().iloc[[0] * len(names)].assign(model=names)
        ),
    }


@pytest.fixture(params=["images", "curves", "batches", "rates", "comparison"])
def make(request, makers):
    return makers[request.param]


def unseen_texts(ax):
    """Return the texts of axes that are not drawn, of ticks outside the limits."""
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not (ax.axison and low <= tick.get_loc() <= high):
                yield from (tick.label1, tick.label2)


def shown_texts(figure):
    """Draw a figure, and return its texts."""
    figure.canvas.draw()
    unseen = {text for ax in figure.axes for text in unseen_texts(ax)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in unseen
    ]


def overlap(box, other):
    width = min(box.x1, other.x1) - max(box.x0, other.x0)
    height = min(box.y1, other.y1) - max(box.y0, other.y0)
    return min(width, height) > 1


def test_plot_own_figure(make):
    settings = dict(matplotlib.rcParams)
    display = make(NAMES).plot()
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ in display.figure_.axes
    assert display.figure_.get_suptitle()
    assert dict(matplotlib.rcParams) == settings


def test_plot_given_axes(make):
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    display = make(NAMES).plot(ax=axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()
    assert not figure.legends and not figure.get_suptitle()
    figure.canvas.draw()


def test_plot_again(make):
    display = make(NAMES)
    first = display.plot().figure_
    assert display.plot() is display
    assert display.figure_ is not first


@pytest.mark.parametrize("kind", ["images", "rates", "comparison"])
def test_plot_several_axes_for_one(makers, kind):
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="draws on 1 axes, but `ax` holds 2: give 1"):
        makers[kind](NAMES).plot(ax=axes)


@pytest.mark.parametrize("n_names", [1, 3, 7])
@pytest.mark.parametrize("name", LONG_NAMES, ids=["underscores", "spaces"])
def test_plot_long_names(make, name, n_names):
    figure = make([f"{name}_{number}" for number in range(n_names)]).plot().figure_
    texts = shown_texts(figure)
    boxes = [text.get_window_extent() for text in texts]
    for box in boxes:
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1
        assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1
    for (text, box), (other, its) in combinations(zip(texts, boxes, strict=True), 2):
        assert not overlap(box, its), (text, other)
    for ax in figure.axes:
        if ax.axison:
            assert min(ax.bbox.height, ax.bbox.width) > 90
            assert not any(overlap(ax.bbox, box) for box in boxes)


def lightness(color):
    return np.dot(to_rgb(color), [0.299, 0.587, 0.114])


@pytest.mark.parametrize(
    "style", ["default", "dark_background", "ggplot", "seaborn-v0_8"]
)
def test_plot_styles(make, style):
    with plt.style.context(style):
        figure = make(NAMES).plot().figure_
        page = lightness(figure.get_facecolor())
        for text in shown_texts(figure):
            assert abs(lightness(text.get_color()) - page) > 0.3, text
        for ax in figure.axes:
            ground = lightness(ax.get_facecolor())
            for line in ax.lines:
                assert abs(lightness(line.get_color()) - ground) > 0.2, line


@pytest.mark.parametrize(
    ("kind", "keyword", "artists"),
    [
        ("images", "text_kw", "texts_"),
        ("batches", "raw_kw", "raw_"),
        ("batches", "smooth_kw", "smooth_"),
        ("rates", "line_kw", "lines_"),
        ("comparison", "errorbar_kw", "points_"),
        ("comparison", "text_kw", "texts_"),
    ],
)
def test_plot_keywords_override_defaults(makers, kind, keyword, artists):
    drawn = getattr(makers[kind](NAMES).plot(**{keyword: {"c": "red"}}), artists)
    drawn = list(drawn.values()) if isinstance(drawn, dict) else drawn
    assert drawn and {to_rgba(each.get_color()) for each in drawn} == {to_rgba("red")}


def test_plot_variant_names(make):
    texts = [text.get_text() for text in shown_texts(make(NAMES).plot().figure_)]
    texts = [text.replace("\n", " ") for text in texts]
    assert {"plain", "annealed", "annealed, augmented"} <= set(texts)


def test_plot_dollar_signs_in_names(make):
    figure = make(["cost $5 and $6", "other"]).plot().figure_
    texts = [text.get_text() for text in shown_texts(figure) if "$5" in text.get_text()]
    assert texts and not any(map(is_math_text, texts))


@pytest.mark.parametrize(
    "display", [TrainingCurveDisplay, BatchLossDisplay, LearningRateDisplay]
)
def test_plot_empty_records(display):
    with pytest.raises(ValueError, match="`records` is empty: give at least one"):
        display({}).plot()
    with pytest.raises(ValueError, match="`estimators` is empty, give at least one"):
        display.from_estimators({})
    empty = dict.fromkeys(("loss", "accuracy", "learning_rate"), [])
    with pytest.raises(ValueError, match="'x' must hold lists of at least one number"):
        display.from_history([] if display is BatchLossDisplay else empty, name="x")
    assert not plt.get_fignums()
