"""Grids of images, their titles and marks."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm, to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from skmnist import ImageGridDisplay, MnistCNN, load_pretrained, make_mnist_pipeline


@pytest.fixture(scope="module")
def X(raw_digits):
    return raw_digits[0]


@pytest.fixture(scope="module")
def y(raw_digits):
    return raw_digits[1]


def texts_of(display):
    return [text.get_text().replace("\n", " ") for text in display.texts_]


def pixels(display):
    return np.array([image.get_array() for image in display.images_])


def marked(display):
    vermilion = to_rgba("#D55E00")
    return [frame.get_edgecolor() == vermilion for frame in display.frames_]


def test_from_images(X, y):
    display = ImageGridDisplay.from_images(X, y)
    assert_array_equal(pixels(display), X[:25].reshape(-1, 8, 8))
    assert texts_of(display) == [str(label) for label in y[:25]]
    assert display.figure_.get_suptitle() == "25 of 1,797 images"


def test_image_color_scale(X):
    for image in ImageGridDisplay.from_images(X).images_:
        assert image.get_clim() == (0.0, 16.0)
        assert image.to_rgba(np.array([0.0, 16.0]))[:, 0].tolist() == [0.0, 1.0]


def test_image_kw(X):
    inverted = ImageGridDisplay.from_images(X, image_kw={"cmap": "gray_r", "vmax": 20})
    image = inverted.images_[0]
    assert image.get_cmap().name == "gray_r" and image.get_clim() == (0.0, 20.0)
    norm = LogNorm(1, 16)
    display = ImageGridDisplay.from_images(X, image_kw={"norm": norm})
    assert display.images_[0].norm is norm


def test_frame_kw(X):
    display = ImageGridDisplay.from_images(X, frame_kw={"ec": "red", "lw": 3})
    frame = display.frames_[0]
    assert frame.get_edgecolor() == to_rgba("red") and frame.get_linewidth() == 3


@pytest.mark.parametrize("form", ["rows", "list", "frame", "stack", "images"])
def test_from_images_input_forms(X, y, form):
    forms = {
        "rows": X,
        "list": X.tolist(),
        "frame": pd.DataFrame(X, index=range(5000, 5000 + len(X))),
        "stack": X.reshape(-1, 8, 8),
        "images": X.reshape(-1, 8, 8, 1),
    }
    labels = pd.Series(y, index=y)
    display = ImageGridDisplay.from_images(forms[form], labels, n_images=7)
    assert_array_equal(pixels(display), X[:7].reshape(-1, 8, 8))
    assert texts_of(display) == [str(label) for label in y[:7]]


@pytest.mark.parametrize("shape", [(4, 16), (1, 64), (64, 1)])
def test_from_images_not_square(X, shape):
    display = ImageGridDisplay.from_images(X, image_shape=shape, n_images=12)
    assert pixels(display).shape[1:] == shape


def test_n_columns(X):
    display = ImageGridDisplay.from_images(X, n_images=6, n_columns=2)
    lefts = {image.get_extent()[0] for image in display.images_}
    tops = {image.get_extent()[3] for image in display.images_}
    assert (len(lefts), len(tops)) == (2, 3)


def test_figure_size_of_one_image(X):
    wide = ImageGridDisplay.from_images(X, n_images=5).figure_
    narrow = ImageGridDisplay.from_images(X, n_images=1).figure_
    assert narrow.get_figwidth() < wide.get_figwidth() / 2


def test_titles_in_small_axes(large_digits):
    figure, axes = plt.subplots(1, 2)
    display = ImageGridDisplay.from_images(*large_digits, ax=axes[1])
    figure.canvas.draw()
    pictures = [image.get_window_extent() for image in display.images_]
    for text, below in zip(display.texts_, pictures, strict=True):
        box = text.get_window_extent()
        assert box.y0 >= below.y1 - 1
        assert not any(box.overlaps(picture) for picture in pictures)


def test_from_predictions_wrong_ones(X, y):
    predicted = y.copy()
    predicted[[3, 7, 100]] = 0
    display = ImageGridDisplay.from_predictions(X, y, predicted)
    assert np.flatnonzero(marked(display)).tolist() == [3, 7]
    assert texts_of(display)[2:5] == ["2", "true 3, predicted 0", "4"]
    assert display.frames_[3].get_linewidth() > 2 * display.frames_[2].get_linewidth()
    assert display.texts_[3].get_fontweight() == "bold"
    assert display.figure_.get_suptitle() == "2 of 25 predictions are wrong"


def test_from_estimator(pipeline, X, y):
    display = ImageGridDisplay.from_estimator(pipeline, X[500:], y[500:], n_images=30)
    assert marked(display) == list(pipeline.predict(X[500:530]) != y[500:530])
    assert 0 < sum(marked(display)) < 30


def test_from_estimator_with_table(X, y):
    frame = pd.DataFrame(X).add_prefix("pixel")
    model = LogisticRegression(C=1e-6).fit(frame[:300], y[:300])
    assert any(marked(ImageGridDisplay.from_estimator(model, frame, y)))
    assert ImageGridDisplay.from_mistakes(model, frame, y).images_


def test_pictures_of_any_size_as_the_network_sees_them(raw_digits):
    model = load_pretrained()
    sizes = [4 + i % 3 for i in range(12)]
    pictures = [
        255 - 15 * np.kron(row.reshape(8, 8), np.ones((size, size)))
        for row, size in zip(raw_digits[0], sizes, strict=False)
    ]
    y = raw_digits[1][:12]
    display = ImageGridDisplay.from_estimator(model, pictures, y)
    assert_array_equal(pixels(display), model[0].transform(pictures))
    wrong = (model.predict(pictures) + 1) % 10
    mistakes = ImageGridDisplay.from_mistakes(model, pictures, wrong, n_images=3)
    assert pixels(mistakes).shape == (3, 28, 28)
    right = ImageGridDisplay.from_mistakes(model, pictures, model.predict(pictures))
    assert right.figure_.get_suptitle() == "0 mistakes among 12 images"


def test_from_mistakes_of_a_list_without_mistakes(X, y):
    found = LogisticRegression(max_iter=10_000).fit(X, y)
    display = ImageGridDisplay.from_mistakes(
        found, X[:9].tolist(), found.predict(X[:9])
    )
    assert display.figure_.get_suptitle() == "0 mistakes among 9 images"


@pytest.mark.parametrize("image_shape", [None, (8, -1)])
def test_from_mistakes_without_mistakes_any_shape(X, y, image_shape):
    model = LogisticRegression(max_iter=10_000).fit(X, y)
    display = ImageGridDisplay.from_mistakes(
        model, X[:9], model.predict(X[:9]), image_shape=image_shape
    )
    assert display.figure_.get_suptitle() == "0 mistakes among 9 images"


def test_image_shape_of_estimator(X, y):
    network = MnistCNN(image_shape=(4, 16), filters=(4, 8), dense_units=16, epochs=1)
    network.fit(X[:60] / 16, y[:60])
    for display in (
        ImageGridDisplay.from_estimator(network, X[:3] / 16, y[:3]),
        ImageGridDisplay.from_augmentation(network, X[:3] / 16),
    ):
        assert pixels(display).shape == (3, 4, 16)


def test_from_mistakes(pipeline, X, y):
    images, labels = X[500:900], y[500:900]
    display = ImageGridDisplay.from_mistakes(pipeline, images, labels, n_images=10)
    probability = pipeline.predict_proba(images)
    predicted = probability.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-probability.max(axis=1)[wrong])][:10]
    assert len(wrong) > 10
    assert_array_equal(pixels(display), images[worst].reshape(-1, 8, 8))
    assert texts_of(display) == [
        f"true {labels[i]}, predicted {predicted[i]} "
        f"({int(100 * probability[i].max())}%)"
        for i in worst
    ]
    assert all(marked(display))
    heading = f"The 10 worst of {len(wrong)} mistakes among 400 images"
    assert display.figure_.get_suptitle() == heading


def test_from_mistakes_without_mistakes(X, y):
    model = LogisticRegression(C=100, max_iter=900).fit(X[:200] / 16, y[:200])
    display = ImageGridDisplay.from_mistakes(model, X[:200] / 16, y[:200])
    assert display.images_ == []
    assert display.figure_.get_suptitle() == "0 mistakes among 200 images"
    display.figure_.canvas.draw()


def test_from_augmentation_ranges(X, y):
    still = MnistCNN(rotation_range=0, zoom_range=0, shift_range=0)
    images = X[:25].reshape(-1, 8, 8) / 16
    same = ImageGridDisplay.from_augmentation(still, X / 16, y)
    assert_allclose(pixels(same), images, atol=1e-5)
    assert texts_of(same) == [str(label) for label in y[:25]]

    wild = ImageGridDisplay.from_augmentation(MnistCNN(rotation_range=90), X / 16)
    mild = ImageGridDisplay.from_augmentation(MnistCNN(), X / 16)
    changes = [np.abs(pixels(each) - images).mean() for each in (mild, wild)]
    assert 0.01 < changes[0] < changes[1]


def test_from_augmentation_random_state(X):
    first, again, other = (
        pixels(ImageGridDisplay.from_augmentation(MnistCNN(), X / 16, random_state=s))
        for s in (3, 3, 4)
    )
    assert_array_equal(first, again)
    assert np.any(first != other)


def test_from_augmentation_pipeline(pipeline, X, y):
    unfitted = make_mnist_pipeline(max_value=16)
    expected = pixels(ImageGridDisplay.from_augmentation(MnistCNN(), X / 16))
    for estimator in (pipeline, unfitted):
        display = ImageGridDisplay.from_augmentation(estimator, X, y)
        assert_allclose(pixels(display), expected, atol=1e-6)
    assert not hasattr(unfitted["scale"], "image_shape_")


def test_from_augmentation_other_estimator(X):
    with pytest.raises(TypeError, match="LogisticRegression does not augment images"):
        ImageGridDisplay.from_augmentation(LogisticRegression(), X)


def test_invalid_images(X, y):
    with pytest.raises(ValueError, match="63 columns"):
        ImageGridDisplay.from_images(X[:, :63])
    with pytest.raises(ValueError, match="one channel"):
        ImageGridDisplay.from_images(np.zeros((2, 8, 8, 3)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ImageGridDisplay.from_images(X, y[:5])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ImageGridDisplay.from_predictions(X, y, y[:5])
    with pytest.raises(ValueError, match="`X` holds 0 images: give at least one"):
        ImageGridDisplay.from_images([])
    with pytest.raises(ValueError, match="`images` must have the shape"):
        ImageGridDisplay([]).plot()


def test_invalid_numbers(X):
    with pytest.raises(ValueError, match="n_images == 0, must be >= 1"):
        ImageGridDisplay.from_images(X, n_images=0)
    with pytest.raises(ValueError, match="n_columns == -1, must be >= 1"):
        ImageGridDisplay.from_images(X, n_columns=-1)
