"""What the pictures show, read off their artists."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb, to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skmnist import (
    MnistCNN,
    compare_variants,
    load_model,
    make_mnist_pipeline,
    save_model,
)
from skmnist.plotting._axes import STYLES, fold
from skmnist.plotting._batch_loss import BatchLossDisplay, moving_average
from skmnist.plotting._comparison import ComparisonDisplay
from skmnist.plotting._image_grid import ImageGridDisplay
from skmnist.plotting._learning_rate import LearningRateDisplay
from skmnist.plotting._training_curve import TrainingCurveDisplay, reductions

X, Y = load_digits(return_X_y=True)
SMALL = {"filters": (4, 8), "dense_units": 16, "epochs": 2, "random_state": 0}
LONG = "annealed_augmented_with_one_cycle_and_test_time_augmentation"


@pytest.fixture(autouse=True)
def no_windows():
    """Draw without a screen, and leave no figure behind."""
    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def pipeline():
    return make_mnist_pipeline(max_value=16, **SMALL).fit(X[:500], Y[:500])


@pytest.fixture(scope="module")
def unvalidated():
    network = MnistCNN(validation_fraction=None, **SMALL)
    return network.fit(X[:200] / 16, Y[:200])


@pytest.fixture(scope="module")
def comparison():
    return compare_variants(
        X[:600], Y[:600], cv="holdout", max_value=16, **{**SMALL, "epochs": 1}
    )


@pytest.fixture(scope="module")
def large_digits():
    """Images of 28 x 28: real MNIST where it lies at hand, else enlarged digits."""
    folder = os.environ.get("SKMNIST_DATA")
    if folder:
        rows = pd.read_csv(Path(folder) / "train.csv.gz", nrows=60).to_numpy()
        return rows[:, 1:].astype(np.uint8), rows[:, 0]
    images = np.kron(X[:60].reshape(-1, 8, 8), np.ones((1, 3, 3))) * 15.9
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint8), Y[:60]


def history(n_epochs=30, rates=None, validation=True):
    decay = np.exp(-np.arange(n_epochs) / 4)
    record = {"loss": list(0.02 + decay), "accuracy": list(0.99 - 0.3 * decay)}
    if validation:
        record |= {
            "val_loss": list(0.03 + 0.7 * decay),
            "val_accuracy": list(0.985 - 0.2 * decay),
        }
    record["learning_rate"] = [0.001] * n_epochs if rates is None else list(rates)
    return record


def table(**columns):
    return pd.DataFrame(
        {
            "model": ["plain", "annealed", "annealed_augmented"],
            "training_accuracy": [99.8, 99.95, 99.71],
            "validation_accuracy": [99.21, 99.3, 99.45],
            "test_accuracy": [99.29, 99.33, 99.5],
            "test_low": [99.08, 99.13, 99.33],
            "test_high": [99.45, 99.48, 99.63],
            "cv_mean": np.nan,
            "cv_std": np.nan,
            "seconds": 1.0,
        }
        | columns
    )


def texts_of(display):
    return [text.get_text().replace("\n", " ") for text in display.texts_]


def labels_of(lines):
    return [line.get_label() for line in lines]


def legend_texts(display):
    legends = display.figure_.legends or [display.ax_.get_legend()]
    return [text.get_text() for text in legends[0].get_texts()]


def boxes_of(artists, figure):
    """Return the corners of drawn artists, in pixels."""
    figure.canvas.draw()
    return [artist.get_window_extent() for artist in artists]


def assert_apart(boxes):
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            width = min(box.x1, other.x1) - max(box.x0, other.x0)
            height = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert width < 1 or height < 1, (box, other)


def assert_inside(boxes, figure):
    for box in boxes:
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1
        assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1


# What holds for every display

DISPLAYS = {
    "images": lambda **ax: ImageGridDisplay.from_images(X, Y, **ax),
    "curves": lambda **ax: TrainingCurveDisplay.from_history(history(), **ax),
    "batches": lambda **ax: BatchLossDisplay.from_history([2.0, 1.0, 0.5], **ax),
    "rates": lambda **ax: LearningRateDisplay.from_history(history(), **ax),
    "comparison": lambda **ax: ComparisonDisplay.from_table(table(), **ax),
}
every_display = pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)


def test_importing_the_displays_imports_neither_matplotlib_nor_keras():
    code = (
        "import sys, skmnist.plotting\n"
        "print([m for m in ('matplotlib', 'keras', 'tensorflow') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


@every_display
def test_a_display_is_drawn_in_one_new_figure_and_shown_by_nobody(draw, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("plt.show called"))
    settings = dict(matplotlib.rcParams)
    display = draw()
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ in display.figure_.axes
    assert dict(matplotlib.rcParams) == settings


@every_display
def test_a_display_draws_on_the_axes_that_it_is_given(draw):
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    display = draw(ax=axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data() and not figure.legends
    figure.canvas.draw()


@every_display
def test_plot_returns_the_display_and_draws_it_anew(draw):
    display = draw()
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@every_display
def test_a_display_can_be_written_to_a_file(draw, tmp_path):
    draw().figure_.savefig(tmp_path / "picture.png")
    assert plt.imread(tmp_path / "picture.png").std() > 0.01


def lightness(color):
    return np.dot(to_rgb(color), [0.299, 0.587, 0.114])


def test_neighbouring_lines_differ_in_colour_lightness_style_and_marker():
    for look, neighbour in zip(STYLES, STYLES[1:], strict=False):
        assert abs(lightness(look["color"]) - lightness(neighbour["color"])) > 0.1
        assert look["linestyle"] != neighbour["linestyle"]
    for kind in ("color", "marker"):
        assert len({look[kind] for look in STYLES}) == len(STYLES)


@pytest.mark.parametrize("width", [1, 5, 12, 200])
def test_a_folded_text_keeps_every_character(width):
    for text in (LONG, "true ankle boot, said sneaker (99 %)", "", "ü" * 30):
        lines = fold(text, width).split("\n")
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert "%)" not in lines


# Sheets of images


def test_a_sheet_shows_the_first_images_with_their_labels():
    display = ImageGridDisplay.from_images(X, Y)
    assert len(display.images_) == len(display.texts_) == 25
    for number, image in enumerate(display.images_):
        assert_array_equal(image.get_array(), X[number].reshape(8, 8))
        assert display.texts_[number].get_text() == str(Y[number])
    assert {image.get_clim() for image in display.images_} == {(0.0, 16.0)}


@pytest.mark.parametrize(
    "form",
    [
        X,
        X.tolist(),
        pd.DataFrame(X, index=range(5000, 5000 + len(X))),
        X.reshape(-1, 8, 8),
        X.reshape(-1, 8, 8, 1),
    ],
    ids=["rows", "list", "frame", "stack", "images"],
)
def test_a_sheet_takes_every_form_of_images(form):
    display = ImageGridDisplay.from_images(form, pd.Series(Y, index=Y), n_images=7)
    assert len(display.images_) == 7
    assert_array_equal(display.images_[6].get_array(), X[6].reshape(8, 8))
    assert texts_of(display) == [str(label) for label in Y[:7]]


def test_a_sheet_shows_large_images_too(large_digits):
    display = ImageGridDisplay.from_images(*large_digits, n_images=40)
    assert len(display.images_) == 40
    assert display.images_[0].get_array().shape == (28, 28)
    assert_apart(boxes_of([*display.images_, *display.texts_], display.figure_))


def test_a_sheet_of_few_images_is_no_wider_than_they_are():
    assert len(ImageGridDisplay.from_images(X[:3]).images_) == 3
    wide = ImageGridDisplay.from_images(X, n_images=5)
    narrow = ImageGridDisplay.from_images(X, n_images=1)
    assert narrow.figure_.get_figwidth() < wide.figure_.get_figwidth() / 3
    assert wide.texts_ == []


@pytest.mark.parametrize("shape", [(4, 16), (1, 64), (64, 1)])
def test_images_that_are_not_square_keep_to_their_cells(shape):
    display = ImageGridDisplay.from_images(X, Y, image_shape=shape, n_images=12)
    assert display.images_[0].get_array().shape == shape
    boxes = boxes_of([*display.images_, *display.texts_], display.figure_)
    assert_apart(boxes)
    assert_inside(boxes, display.figure_)


def test_the_number_of_columns_can_be_chosen():
    display = ImageGridDisplay.from_images(X, n_images=6).plot(n_columns=2)
    lefts = {image.get_extent()[0] for image in display.images_}
    tops = {image.get_extent()[3] for image in display.images_}
    assert (len(lefts), len(tops)) == (2, 3)


def test_what_is_no_set_of_images_is_refused():
    with pytest.raises(ValueError, match="63 columns"):
        ImageGridDisplay.from_images(X[:, :63])
    with pytest.raises(ValueError, match="one channel"):
        ImageGridDisplay.from_images(np.zeros((2, 8, 8, 3)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ImageGridDisplay.from_images(X, Y[:5])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ImageGridDisplay.from_predictions(X, Y, Y[:5])


def marked(display):
    return [frame.get_linewidth() > 1 for frame in display.frames_]


def test_exactly_the_wrong_predictions_are_marked():
    said = Y.copy()
    said[[3, 7, 100]] = 0
    display = ImageGridDisplay.from_predictions(X, Y, said)
    assert np.flatnonzero(marked(display)).tolist() == [3, 7]
    assert texts_of(display)[2:5] == ["2", "true 3, said 0", "4"]
    wrong, right = display.frames_[3], display.frames_[2]
    assert wrong.get_edgecolor() == to_rgba("#D55E00") != right.get_edgecolor()
    assert display.texts_[3].get_fontweight() == "bold"


def test_an_estimators_own_predictions_are_shown(pipeline):
    display = ImageGridDisplay.from_estimator(pipeline, X[500:], Y[500:], n_images=30)
    assert marked(display) == list(pipeline.predict(X[500:530]) != Y[500:530])
    assert 0 < sum(marked(display)) < 30


def test_the_image_shape_of_a_network_is_known():
    network = MnistCNN(image_shape=(4, 16), **{**SMALL, "epochs": 1})
    network.fit(X[:60] / 16, Y[:60])
    display = ImageGridDisplay.from_estimator(network, X[:3] / 16, Y[:3])
    assert display.images_[0].get_array().shape == (4, 16)


def test_the_worst_mistakes_come_first_and_say_how_sure_they_were(pipeline):
    images, labels = X[500:900], Y[500:900]
    display = ImageGridDisplay.from_mistakes(pipeline, images, labels, n_images=10)
    probability = pipeline.predict_proba(images)
    said = probability.argmax(axis=1)
    wrong = np.flatnonzero(said != labels)
    worst = wrong[np.argsort(-probability.max(axis=1)[wrong])][:10]
    assert len(wrong) > 10
    for image, text, index in zip(
        display.images_, texts_of(display), worst, strict=True
    ):
        assert_array_equal(image.get_array().ravel(), images[index])
        sure = int(100 * probability[index].max())
        assert text == f"true {labels[index]}, said {said[index]} ({sure} %)"
    assert all(marked(display))
    assert display.ax_.get_title() == (
        f"the 10 worst of {len(wrong)} mistakes among 400 images"
    )


def test_the_worst_mistakes_of_a_perfect_classifier_are_none():
    forest = RandomForestClassifier(n_estimators=20, random_state=0).fit(X, Y)
    display = ImageGridDisplay.from_mistakes(forest, X, Y)
    assert display.images_ == []
    assert display.ax_.get_title() == "no mistakes among 1,797 images"
    display.figure_.canvas.draw()


def test_a_table_stays_a_table_for_the_estimator():
    frame = pd.DataFrame(X).add_prefix("pixel")
    forest = RandomForestClassifier(n_estimators=3, random_state=0)
    forest.fit(frame[:300], Y[:300])
    ImageGridDisplay.from_estimator(forest, frame, Y)
    assert ImageGridDisplay.from_mistakes(forest, frame, Y).images_


@pytest.mark.parametrize("on_given_axes", [False, True])
def test_long_class_names_cover_neither_images_nor_each_other(on_given_axes):
    names = np.array([f"a rather long name of a class, {i}" for i in range(10)])
    model = LogisticRegression(max_iter=500).fit(X[:300] / 16, names[Y[:300]])
    ax = plt.subplots(figsize=(4, 3))[1] if on_given_axes else None
    display = ImageGridDisplay.from_mistakes(model, X / 16, names[Y], ax=ax)
    boxes = boxes_of([*display.images_, *display.texts_], display.figure_)
    assert len(boxes) == 30
    assert_apart(boxes)
    assert_inside(boxes, display.figure_)


# Augmented images


def pixels(display):
    return np.array([image.get_array() for image in display.images_])


def test_augmented_images_are_transformed_by_the_networks_own_settings():
    still = MnistCNN(rotation_range=0, zoom_range=0, shift_range=0)
    images = X[:25].reshape(-1, 8, 8) / 16
    same = ImageGridDisplay.from_augmentation(still, X / 16, Y)
    assert_allclose(pixels(same), images, atol=1e-5)
    assert texts_of(same) == [str(label) for label in Y[:25]]

    wild = ImageGridDisplay.from_augmentation(MnistCNN(rotation_range=90), X / 16)
    mild = ImageGridDisplay.from_augmentation(MnistCNN(), X / 16)
    changes = [np.abs(pixels(each) - images).mean() for each in (mild, wild)]
    assert 0.01 < changes[0] < changes[1]


def test_the_seed_decides_on_the_augmented_images():
    first, again, other = (
        pixels(ImageGridDisplay.from_augmentation(MnistCNN(), X / 16, random_state=s))
        for s in (3, 3, 4)
    )
    assert_array_equal(first, again)
    assert np.any(first != other)


def test_a_pipeline_scales_what_it_shows_augmented_fitted_or_not(pipeline):
    unfitted = make_mnist_pipeline(max_value=16, **SMALL)
    expected = pixels(ImageGridDisplay.from_augmentation(MnistCNN(), X / 16))
    for estimator in (pipeline, unfitted):
        display = ImageGridDisplay.from_augmentation(estimator, X, Y)
        assert_allclose(pixels(display), expected, atol=1e-6)
    assert not hasattr(unfitted["scale"], "image_shape_")


def test_rows_are_shown_augmented_in_the_shape_that_a_fitted_network_learned():
    stack = X.reshape(-1, 8, 8)[:60, 2:6] / 16  # 32 pixels, no square
    cnn = MnistCNN(**SMALL).fit(stack, Y[:60])
    shown = [
        pixels(ImageGridDisplay.from_augmentation(cnn, images))
        for images in (stack, stack.reshape(-1, 32))
    ]
    assert shown[0].shape == (25, 4, 8)
    assert_array_equal(*shown)


def test_an_estimator_without_augmentation_is_refused():
    with pytest.raises(TypeError, match="LogisticRegression has no augmentation"):
        ImageGridDisplay.from_augmentation(LogisticRegression(), X)


# Loss and accuracy per epoch


def test_curves_show_the_history_in_percent(pipeline):
    display = TrainingCurveDisplay.from_estimator(pipeline)
    record = pipeline["cnn"].history_
    loss, accuracy = display.axes_[:, 0]
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    for panel, metric, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        for line, key in zip(panel.lines, (metric, f"val_{metric}"), strict=True):
            assert_array_equal(line.get_xdata(), [1, 2])
            assert_allclose(line.get_ydata(), scale * np.array(record[key]))
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy (%)")
    assert loss.get_xlabel() == accuracy.get_xlabel() == "epoch"
    assert loss.get_title(loc="left") == "MnistCNN"
    assert legend_texts(display) == ["training", "validation"]


def test_curves_without_validation_show_training_alone(unvalidated):
    display = TrainingCurveDisplay.from_estimator(unvalidated, name="all rows")
    assert [labels_of(ax.lines) for ax in display.axes_.flat] == [["training"]] * 2
    assert legend_texts(display) == ["training"]
    assert display.axes_[0, 0].get_title(loc="left") == "all rows"


def test_training_and_validation_can_be_told_apart_in_grey():
    display = TrainingCurveDisplay.from_history(history())
    training, validation = display.ax_.lines
    tones = [lightness(line.get_color()) for line in (training, validation)]
    assert abs(tones[0] - tones[1]) > 0.15
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()


def test_several_estimators_stand_side_by_side_on_equal_axes():
    records = {
        "plain": history(30),
        "annealed": history(20, validation=False),
        LONG: {**history(30), "loss": list(np.linspace(9, 1, 30))},
    }
    display = TrainingCurveDisplay(records).plot()
    assert display.axes_.shape == (2, 3)
    for row in display.axes_:
        assert len({panel.get_ylim() for panel in row}) == 1
        assert len({panel.get_xlim() for panel in row}) == 1
        assert row[0].get_ylim()[1] >= max(
            line.get_ydata().max() for panel in row for line in panel.lines
        )
    assert len(display.figure_.legends) == 1
    assert legend_texts(display) == ["training", "validation"]


@pytest.mark.parametrize("n_epochs", [1, 2, 7, 30])
def test_epochs_are_numbered_in_whole_numbers(n_epochs):
    display = TrainingCurveDisplay.from_history(history(n_epochs))
    display.figure_.canvas.draw()
    for ax in display.axes_.flat:
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == round(tick) >= 1 for tick in ticks)
        shown = [label.get_text() for label in ax.get_xticklabels()]
        assert {f"{tick:.0f}" for tick in ticks} <= set(shown)
        assert low < 1 and high > n_epochs


def test_the_epochs_after_a_reduction_of_the_rate_are_marked():
    rates = [1e-3] * 4 + [3e-4] * 3 + [9e-5] * 3
    display = TrainingCurveDisplay.from_history(history(10, rates))
    for ax in display.axes_.flat:
        marks = [
            line.get_xdata()[0]
            for line in ax.lines
            if line.get_label() not in ("training", "validation")
        ]
        assert marks == [5, 8]
    assert "learning rate reduced" in legend_texts(display)


def test_a_rate_that_falls_at_every_epoch_is_a_shaded_stretch():
    rates = [1e-4, 1e-3, 2e-3, 1e-3, 5e-4, 1e-4]
    display = TrainingCurveDisplay.from_history(history(6, rates))
    for ax in display.axes_.flat:
        assert len(ax.lines) == 2
        (span,) = ax.patches
        assert span.get_x() == 3.5 and span.get_x() + span.get_width() == 6.5
    assert "learning rate falling at every epoch" in legend_texts(display)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([], []),
        ([1.0], []),
        ([1.0, 1.0, 0.99999999], []),
        ([1.0, 0.5, 0.5, 0.2], [(2, 2), (4, 4)]),
        ([1.0, 2.0, 1.0, 0.5, 0.5, 0.1], [(3, 4), (6, 6)]),
    ],
)
def test_stretches_of_falling_rates_are_found(rates, expected):
    assert reductions(rates) == expected


def test_the_rate_that_annealing_reduced_is_marked():
    network = MnistCNN(
        anneal=True, anneal_patience=1, learning_rate=1e-6, min_learning_rate=1e-9
    ).set_params(**{**SMALL, "epochs": 4})
    network.fit(X[:200] / 16, Y[:200])
    rates = network.history_["learning_rate"]
    display = TrainingCurveDisplay.from_estimator(network)
    falls = 1 + np.flatnonzero(np.diff(rates) < 0) + 1
    assert len(falls) and falls[0] == reductions(rates)[0][0]
    assert len(display.ax_.lines) + len(display.ax_.patches) > 2


def test_single_axes_are_divided_and_too_few_are_refused():
    figure, axes = plt.subplots(1, 3)
    display = TrainingCurveDisplay.from_history(history(), ax=axes[0])
    assert len(figure.axes) == 5
    assert not axes[0].axison and display.ax_ is axes[0]
    given = TrainingCurveDisplay.from_history(history(), ax=axes[1:])
    assert list(given.axes_.flat) == list(axes[1:])
    with pytest.raises(ValueError, match="draws on 2 axes, but `ax` holds 3"):
        TrainingCurveDisplay.from_history(history(), ax=axes)
    with pytest.raises(ValueError, match="is divided only if it is a subplot"):
        TrainingCurveDisplay.from_history(history(), ax=figure.add_axes((0, 0, 1, 1)))


def test_estimators_are_named_by_the_dict_or_counted(pipeline, unvalidated):
    def titles(estimators):
        display = TrainingCurveDisplay.from_estimators(estimators)
        return [ax.get_title(loc="left") for ax in display.axes_[0]]

    assert titles({"a": pipeline, "b": unvalidated}) == ["a", "b"]
    assert titles([pipeline, unvalidated]) == ["MnistCNN 1", "MnistCNN 2"]


def test_a_search_shows_its_best_network():
    search = GridSearchCV(MnistCNN(**{**SMALL, "epochs": 1}), {"epochs": [1]}, cv=2)
    search.fit(X[:100] / 16, Y[:100])
    display = BatchLossDisplay.from_estimator(search)
    best = search.best_estimator_
    assert_array_equal(display.raw_[0].get_ydata(), best.batch_loss_)


@pytest.mark.parametrize(
    "display", [TrainingCurveDisplay, BatchLossDisplay, LearningRateDisplay]
)
def test_estimators_without_a_record_are_refused(display):
    with pytest.raises(NotFittedError, match=r"MnistCNN has no `\w+`: give a fitted"):
        display.from_estimator(make_mnist_pipeline())
    with pytest.raises(NotFittedError, match="LogisticRegression has no"):
        display.from_estimators({"other": LogisticRegression().fit(X[:50], Y[:50])})
    with pytest.raises(ValueError, match="`estimators` is empty"):
        display.from_estimators([])


def saved_with_joblib(estimator, folder):
    joblib.dump(estimator, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def saved_as_model(estimator, folder):
    save_model(estimator, folder / "model.safetensors")
    return load_model(folder / "model.safetensors")


@pytest.mark.parametrize("through", [saved_with_joblib, saved_as_model])
def test_a_loaded_model_shows_what_the_saved_one_shows(through, pipeline, tmp_path):
    loaded = through(pipeline, tmp_path)
    for display in (TrainingCurveDisplay, BatchLossDisplay, LearningRateDisplay):
        before = display.from_estimator(pipeline).figure_.axes
        after = display.from_estimator(loaded).figure_.axes
        for ax, other in zip(before, after, strict=True):
            for line, same in zip(ax.lines, other.lines, strict=True):
                assert_array_equal(line.get_xydata(), same.get_xydata())
    mistakes = [
        ImageGridDisplay.from_mistakes(model, X[500:700], Y[500:700])
        for model in (pipeline, loaded)
    ]
    assert texts_of(mistakes[0]) == texts_of(mistakes[1])


# The learning rate


def test_the_rate_of_every_epoch_stands_on_a_logarithmic_axis(pipeline):
    rates = [1e-3] * 4 + [3e-4] * 3
    display = LearningRateDisplay({"plain": history(7), LONG: history(7, rates)}).plot()
    plain, annealed = display.lines_
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylabel() == "learning rate"
    assert_array_equal(annealed.get_xdata(), np.arange(1, 8))
    assert_array_equal(annealed.get_ydata(), rates)
    assert plain.get_linewidth() > annealed.get_linewidth()
    assert [text.replace("\n", "") for text in legend_texts(display)] == ["plain", LONG]

    own = LearningRateDisplay.from_estimator(pipeline)
    assert_allclose(own.lines_[0].get_ydata(), [0.001, 0.001])


def test_a_record_without_a_name_needs_no_legend():
    display = LearningRateDisplay.from_history(history())
    assert not display.figure_.legends


# The loss per batch


def test_batch_losses_lie_behind_their_moving_average(pipeline):
    display = BatchLossDisplay.from_estimator(pipeline)
    losses = pipeline["cnn"].batch_loss_
    (raw,), (smooth,) = display.raw_, display.smooth_
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_xlabel() == "batch"
    assert_array_equal(raw.get_ydata(), losses)
    assert_array_equal(raw.get_xdata(), np.arange(1, len(losses) + 1))
    assert np.std(np.diff(smooth.get_ydata())) < np.std(np.diff(losses))
    order = display.ax_.lines.index
    assert order(raw) < order(smooth) and raw.get_alpha() < 0.5
    assert raw.get_linewidth() < smooth.get_linewidth()
    assert legend_texts(display) == ["each batch", "moving average of 5 batches"]


@pytest.mark.parametrize("n_values", [1, 2, 5, 23])
@pytest.mark.parametrize("window", [1, 4, 5])
def test_the_moving_average_is_the_mean_of_the_neighbours(n_values, window):
    values = np.random.default_rng(0).random(n_values)
    expected = [
        values[max(0, i - (window - 1) // 2) : i + window // 2 + 1].mean()
        for i in range(n_values)
    ]
    assert_allclose(moving_average(values, window), expected)


def test_batches_without_loss_do_not_stretch_the_axis():
    losses = np.r_[np.geomspace(2, 0.01, 999), 0.0]
    display = BatchLossDisplay.from_history(losses)
    low, high = display.ax_.get_ylim()
    assert 0.001 < low < 0.01 and 2 < high < 3
    display.figure_.canvas.draw()
    BatchLossDisplay.from_history([0.0, 0.0]).figure_.canvas.draw()


def test_the_batches_of_several_networks_stand_on_equal_axes():
    rng = np.random.default_rng(0)
    records = {"plain": rng.random(300), "other": 9 * rng.random(500), LONG: [1.0]}
    display = BatchLossDisplay(records).plot()
    assert display.axes_.shape == (3,)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in display.axes_}) == 1
    assert display.axes_[0].get_xlim()[1] > 500
    assert display.axes_[0].get_ylim()[1] > 8


# The comparison


def test_every_accuracy_is_a_point_at_its_value():
    display = ComparisonDisplay.from_table(table())
    columns = ["training_accuracy", "validation_accuracy", "test_accuracy"]
    assert list(display.points_) == columns
    for name, points in display.points_.items():
        assert_array_equal(points.get_xdata(), table()[name])
        assert_array_equal(np.rint(points.get_ydata()), [0, 1, 2])
    ys = np.concatenate([points.get_ydata() for points in display.points_.values()])
    assert len(set(ys)) == 9
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == table()["model"].tolist()
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]
    written = [text.get_text() for text in display.ax_.texts]
    assert {"99.29", "99.80", "99.45"} <= set(written) and len(written) == 9


def test_intervals_are_drawn_where_the_table_has_them():
    display = ComparisonDisplay.from_table(table())
    assert list(display.intervals_) == ["test_accuracy"]
    for segment, row in zip(
        display.intervals_["test_accuracy"].get_segments(),
        table().itertuples(),
        strict=True,
    ):
        assert_allclose(segment[:, 0], [row.test_low, row.test_high])
    assert legend_texts(display) == ["training", "validation", "test, 95 % interval"]

    richer = table(
        cv_mean=[99.0, 99.1, 99.2],
        cv_std=[0.1, 0.2, 0.3],
        training_low=[99.7, 99.9, 99.6],
        training_high=[99.9, 99.97, 99.8],
    )
    display = ComparisonDisplay.from_table(richer)
    segments = display.intervals_["cv_mean"].get_segments()
    assert_allclose(
        [segment[:, 0] for segment in segments],
        [[98.9, 99.1], [98.9, 99.3], [98.9, 99.5]],
    )
    assert {"training, 95 % interval", "cross-validation ± std. dev."} <= set(
        legend_texts(display)
    )


@pytest.mark.parametrize(
    "tests", [[99.29, 99.33, 99.5], [32.0, 55.5, 99.0], [97.0, 97.0, 97.0]]
)
def test_the_axis_starts_below_every_mark_and_says_where(tests):
    accuracies = table(
        test_accuracy=tests,
        test_low=np.subtract(tests, 1),
        test_high=np.minimum(np.add(tests, 0.5), 100),
    )
    ax = ComparisonDisplay.from_table(accuracies).ax_
    low, high = ax.get_xlim()
    assert 0 < low < min(tests) - 1 and high > 99.95
    assert min(tests) - low < 0.7 * (high - low)
    assert ax.get_xlabel() == f"accuracy (%); the axis starts at {low:g} %, not at 0"
    assert max(ax.get_xticks()) <= 100


def test_an_axis_from_zero_makes_no_words():
    accuracies = table(training_accuracy=0.5, test_accuracy=60.0, test_low=1.0)
    ax = ComparisonDisplay.from_table(accuracies).ax_
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlabel() == "accuracy (%)"


def test_what_was_not_measured_is_left_out():
    display = ComparisonDisplay.from_table(
        table(training_accuracy=[np.nan, 99.9, np.nan], validation_accuracy=np.nan)
    )
    assert list(display.points_) == ["training_accuracy", "test_accuracy"]
    assert len(display.ax_.texts) == 4
    with pytest.raises(ValueError, match="3 rows have the columns model"):
        ComparisonDisplay.from_table(table()[["model"]])
    with pytest.raises(ValueError, match="its 0 rows"):
        ComparisonDisplay.from_table(table()[:0])


def test_a_real_comparison_is_shown_and_so_is_its_saved_table(comparison, tmp_path):
    display = ComparisonDisplay.from_comparison(comparison)
    comparison.table_.to_csv(tmp_path / "comparison.csv", index=False)
    again = ComparisonDisplay.from_table(pd.read_csv(tmp_path / "comparison.csv"))
    for each in (display, again):
        points = each.points_["test_accuracy"]
        assert_allclose(points.get_xdata(), comparison.table_["test_accuracy"])
    curves = TrainingCurveDisplay.from_estimators(comparison.estimators_)
    titles = [ax.get_title(loc="left") for ax in curves.axes_[0]]
    assert titles == list(comparison.estimators_)


def measured(**columns):
    """Return a table with an interval of each of the three accuracies."""
    intervals = {
        "training_low": [99.75, 99.91, 99.6],
        "training_high": [99.9, 99.98, 99.8],
        "validation_low": [99.0, 99.14, 99.3],
        "validation_high": [99.4, 99.48, 99.6],
    }
    return table(**intervals | columns)


def test_all_three_accuracies_show_their_intervals_and_the_legend_says_so():
    display = ComparisonDisplay.from_table(measured())
    for kind in ("training", "validation", "test"):
        segments = display.intervals_[f"{kind}_accuracy"].get_segments()
        ends = measured()[[f"{kind}_low", f"{kind}_high"]]
        assert_allclose([segment[:, 0] for segment in segments], ends)
    assert legend_texts(display) == ["training", "validation", "test"]
    (legend,) = display.figure_.legends
    assert legend.get_title().get_text() == "points with 95 % intervals"
    for handle in legend.get_lines():
        assert handle.get_linestyle() == "-" and handle.get_linewidth() > 2


def test_intervals_that_were_not_measured_are_left_out():
    some = measured(
        validation_accuracy=np.nan,
        validation_low=np.nan,
        validation_high=np.nan,
        training_low=[np.nan, 99.91, np.nan],
        training_high=[np.nan, 99.98, np.nan],
    )
    display = ComparisonDisplay.from_table(some)
    assert list(display.intervals_) == ["training_accuracy", "test_accuracy"]
    assert np.isfinite(display.ax_.get_xlim()).all()
    display.figure_.canvas.draw()


# In the space of given axes

NAMES = {
    "one": ["plain"],
    "three": ["plain", "one cycle, half of the dropout", "annealed_augmented"],
    "long": [f"{LONG}_{number}" for number in range(3)],
}


def history_of(names):
    return {
        name: history(10, np.linspace(1e-3, 1e-4 * (1 + number), 10))
        for number, name in enumerate(names)
    }


ROOMY = {
    "curves": lambda names: TrainingCurveDisplay(history_of(names)),
    "batches": lambda names: BatchLossDisplay(dict.fromkeys(names, [2.0, 1.0, 0.1])),
    "rates": lambda names: LearningRateDisplay(history_of(names)),
    "comparison": lambda names: ComparisonDisplay(
        measured()[: len(names)].assign(model=names)
    ),
}


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("make", ROOMY.values(), ids=ROOMY)
def test_names_and_legend_lie_in_the_figure_and_on_nothing(make, names, layout):
    figure, ax = plt.subplots(layout=layout)
    make(names).plot(ax=ax)
    panels = [each for each in figure.axes if each.axison]
    titles = [panel._left_title for panel in panels if panel._left_title.get_text()]
    patches = [panel.patch for panel in panels]
    legend, *boxes = boxes_of([ax.get_legend(), *titles, *patches], figure)
    ax.get_legend().set_in_layout(False)
    # With their tick labels, their titles and the words beside them.
    wholes = [panel.get_tightbbox() for panel in panels]
    assert_inside([legend, *wholes], figure)
    assert_apart(boxes)
    for whole in wholes:
        assert_apart([legend, whole])


def test_a_display_keeps_away_from_the_neighbours_of_its_axes():
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    axes[0].plot([1, 2])
    before = axes[0].get_position().bounds
    display = ComparisonDisplay.from_table(measured(), ax=axes[1])
    assert axes[0].get_position().bounds == before
    labels = display.ax_.get_yticklabels()
    for box in boxes_of(labels, figure):
        assert box.x0 >= axes[0].bbox.x1


def test_axes_that_are_drawn_on_again_do_not_shrink_again():
    _, ax = plt.subplots()
    display = ComparisonDisplay.from_table(table(), ax=ax)
    before = ax.get_position().bounds
    display.plot(ax=ax)
    assert_allclose(ax.get_position().bounds, before, atol=0.01)


def test_axes_that_are_no_subplot_keep_their_legend_in_the_figure():
    figure = plt.figure()
    display = ComparisonDisplay.from_table(table(), ax=figure.add_axes((0, 0, 1, 1)))
    artists = [*display.ax_.get_yticklabels(), display.ax_.get_legend()]
    assert_inside(boxes_of(artists, figure), figure)


# Names as they were given


def assert_unparsed(name, figure):
    from matplotlib.text import Text

    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if "$" in text.get_text()]
    assert name in [text.get_text().replace("\n", " ") for text in texts]
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize("on_given_axes", [False, True])
@pytest.mark.parametrize("kind", ROOMY)
def test_dollar_signs_in_names_are_shown_as_such(kind, on_given_axes):
    ax = plt.subplots()[1] if on_given_axes else None
    name = "cost $5 and $6"
    figure = ROOMY[kind]([name, "other"]).plot(ax=ax).figure_
    assert_unparsed(name, figure)


def test_dollar_signs_in_the_heading_of_a_sheet_are_shown_as_such():
    images = X[:3].reshape(-1, 8, 8)
    display = ImageGridDisplay(images, heading="cost $5 and $6").plot()
    assert_unparsed("cost $5 and $6", display.figure_)


@pytest.mark.parametrize("on_given_axes", [False, True])
def test_names_that_start_with_an_underscore_stand_in_the_legend(on_given_axes):
    ax = plt.subplots()[1] if on_given_axes else None
    display = LearningRateDisplay(history_of(["_first", "second"])).plot(ax=ax)
    assert legend_texts(display) == ["_first", "second"]


# What is refused


@pytest.mark.parametrize(
    "display", [TrainingCurveDisplay, BatchLossDisplay, LearningRateDisplay]
)
def test_records_that_hold_nothing_are_refused_in_a_sentence(display):
    with pytest.raises(ValueError, match="one `.*` at least by its name, but it is {}"):
        display({}).plot()
    with pytest.raises(ValueError, match="`estimators` is empty, give one at least"):
        display.from_estimators({})
    with pytest.raises(ValueError, match="The .*record 'x' must .*fitted MnistCNN"):
        display.from_history({}, name="x")
    empty = dict.fromkeys(("loss", "accuracy", "learning_rate"), [])
    if display is BatchLossDisplay:
        empty = []
    with pytest.raises(ValueError, match="one number at least, but are"):
        display.from_history(empty)
    assert not plt.get_fignums()


def test_records_that_lack_a_list_or_an_epoch_are_refused():
    with pytest.raises(ValueError, match="`learning_rate`, but has only loss"):
        LearningRateDisplay.from_history({"loss": [1.0]})
    with pytest.raises(ValueError, match="`accuracy`, but has only loss"):
        TrainingCurveDisplay.from_history({"loss": [1.0]})
    with pytest.raises(ValueError, match=r"lengths differ \(loss 2, accuracy 1\)"):
        TrainingCurveDisplay.from_history({"loss": [1.0, 0.5], "accuracy": [0.5]})


def test_several_axes_for_a_single_panel_are_refused():
    _, axes = plt.subplots(1, 2)
    for draw in (DISPLAYS["images"], DISPLAYS["rates"], DISPLAYS["comparison"]):
        with pytest.raises(ValueError, match=r"1 axes, but `ax` holds 2: give 1\.$"):
            draw(ax=axes)


@pytest.mark.parametrize("number", [0, -1])
def test_sheets_of_no_images_are_refused(number):
    network = MnistCNN()
    calls = [
        lambda **n: ImageGridDisplay.from_images(X, **n),
        lambda **n: ImageGridDisplay.from_predictions(X, Y, Y, **n),
        lambda **n: ImageGridDisplay.from_estimator(network, X, Y, **n),
        lambda **n: ImageGridDisplay.from_mistakes(network, X, Y, **n),
        lambda **n: ImageGridDisplay.from_augmentation(network, X, **n),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=f"n_images == {number}, must be >= 1"):
            call(n_images=number)
    with pytest.raises(ValueError, match=f"n_columns == {number}, must be >= 1"):
        ImageGridDisplay.from_images(X).plot(n_columns=number)


def test_sheets_whose_parts_do_not_match_are_refused():
    with pytest.raises(ValueError, match="`X` holds 0 images: give one at least"):
        ImageGridDisplay.from_images([])
    with pytest.raises(ValueError, match="`images` must have the shape"):
        ImageGridDisplay([]).plot()
    images = X[:3].reshape(-1, 8, 8)
    with pytest.raises(ValueError, match="`titles` .* holds 2 for 3 images: give 3"):
        ImageGridDisplay(images, titles=["a", "b"]).plot()


# Small beauties


def test_markers_are_as_large_in_every_panel():
    records = {"short": history(5), "long": history(60)}
    display = TrainingCurveDisplay(records).plot()
    sizes = {line.get_markersize() for ax in display.axes_.flat for line in ax.lines}
    assert len(sizes) == 1


@pytest.mark.parametrize("n_batches", [60, 200, 5000])
def test_batches_count_from_one_and_their_faint_line_shows_in_the_legend(n_batches):
    losses = np.geomspace(2, 0.1, n_batches)
    display = BatchLossDisplay.from_history(losses)
    assert min(display.ax_.get_xticks()) >= 1
    faint = display.figure_.legends[0].get_lines()[0]
    assert faint.get_linewidth() >= 1 and faint.get_alpha() >= 0.5


def test_titles_break_only_where_their_panels_end():
    records = dict.fromkeys(("plain", "one cycle, half of the dropout"), history())
    display = TrainingCurveDisplay(records).plot()
    titles = [ax.get_title(loc="left") for ax in display.axes_[0]]
    assert titles == list(records)


# Long names, few and many variants


@pytest.mark.parametrize("n_variants", [1, 3, 5])
@pytest.mark.parametrize(
    "display", [TrainingCurveDisplay, BatchLossDisplay, LearningRateDisplay]
)
def test_long_names_overlap_with_nothing(display, n_variants):
    names = [f"{LONG}_{number}" for number in range(n_variants)]
    record = [1.0, 0.5] if display is BatchLossDisplay else history()
    figure = display(dict.fromkeys(names, record)).plot().figure_
    titles = [ax._left_title for ax in figure.axes]
    legend = figure.legends[0]
    axes = [ax.patch for ax in figure.axes]
    boxes = boxes_of(
        [text for text in titles if text.get_text()] + [*axes, legend], figure
    )
    assert_inside(boxes, figure)
    assert_apart(boxes)
    assert all(box.height > 90 for box in boxes_of(axes, figure))


@pytest.mark.parametrize("n_variants", [1, 3, 7])
def test_long_names_of_variants_overlap_with_nothing(n_variants):
    row = table(cv_mean=99.0, cv_std=0.1)[:1]
    rows = pd.concat([row.assign(model=f"{LONG} {i}") for i in range(n_variants)])
    display = ComparisonDisplay.from_table(rows)
    figure, ax = display.figure_, display.ax_
    artists = [*ax.get_yticklabels(), *ax.texts, ax.patch, figure.legends[0]]
    boxes = boxes_of(artists, figure)
    assert_inside(boxes, figure)
    assert_apart(boxes)
