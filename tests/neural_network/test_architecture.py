"""The layers and weights of the network, and the augmentation."""

import math
import random

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from skmnist import MnistCNN
from skmnist.neural_network import _augmentation as _network
from skmnist.neural_network._architecture import (
    Architecture,
    build_cnn,
    initial_weights,
)
from skmnist.neural_network._augmentation import (
    RandomAffine,
    affine_matrices,
    draw_transforms,
    resample,
    transform_alike,
)
from skmnist.neural_network._keras import keras

RANGES = (10.0, 0.05, 0.05)


def as_images(n, shape=(28, 28), seed=0):
    """Return noise, in which every shift and mirroring is visible."""
    return np.random.default_rng(seed).random((n, *shape, 1), dtype=np.float32)


def scipy_affine(image, rotation, zoom, shift):
    """Zoom, rotate and shift an image with SciPy, from the definition of each.

    Coordinates are (row, column), rows run downwards; seen on the screen, the
    rotation is counter-clockwise.
    """
    cos, sin = np.cos(rotation), np.sin(rotation)
    forwards = np.array([[cos, -sin], [sin, cos]]) @ np.diag(zoom)
    backwards = np.linalg.inv(forwards)
    centre = (np.array(image.shape) - 1) / 2
    return ndimage.affine_transform(
        image,
        backwards,
        offset=centre - backwards @ (centre + shift),
        order=1,
        mode="nearest",
    )


@pytest.fixture
def drawn(monkeypatch):
    """Return a list that gets the parameters of all transforms drawn in the test."""
    calls = []

    def record(rotation, zoom, shift, image_shape):
        calls.append([np.asarray(values) for values in (rotation, zoom, shift)])
        return affine_matrices(rotation, zoom, shift, image_shape)

    monkeypatch.setattr(_network, "affine_matrices", record)
    return calls


# The augmentation


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (20, 31)])
@pytest.mark.parametrize("ranges", [RANGES, (180.0, 0.9, 1.0)])
def test_random_affine_equals_scipy(shape, ranges, drawn):
    images = as_images(64, shape)
    result = np.asarray(RandomAffine(*ranges, seed=1)(images, training=True))
    [parameters] = drawn
    for image, new, *one in zip(images, result, *parameters, strict=True):
        expected = scipy_affine(image[..., 0], *one)
        assert_allclose(new[..., 0], expected, rtol=0, atol=1e-4)


def test_resample_direction_of_each_parameter():
    image = np.zeros((1, 5, 5, 1), dtype=np.float32)
    image[0, 2, 4] = 1.0  # right of the centre

    def bright(rotation=0.0, zoom=(1.0, 1.0), shift=(0.0, 0.0)):
        floats = [np.array([value], "float32") for value in (rotation, zoom, shift)]
        result = resample(image, affine_matrices(*floats, (5, 5)))
        return np.unravel_index(np.asarray(result)[0, ..., 0].argmax(), (5, 5))

    assert bright() == (2, 4)
    assert bright(rotation=math.pi / 2) == (0, 2)  # counter-clockwise: now above
    assert bright(shift=(1.0, -2.0)) == (3, 2)  # down, and to the left
    assert bright(zoom=(1.0, 0.5)) == (2, 3)  # nearer to the centre


def test_resample_fills_with_nearest_edge():
    image = as_images(1, (4, 4))
    floats = [np.array([value], "float32") for value in (0.0, (1, 1), (2.0, 0.0))]
    result = np.asarray(resample(image, affine_matrices(*floats, (4, 4))))
    assert_allclose(result[0, :2], np.repeat(image[0, :1], 2, axis=0), atol=1e-6)
    assert_allclose(result[0, 2:], image[0, :2], atol=1e-6)


def test_draw_transforms_distribution(drawn):
    draw_transforms(20_000, (20, 40), RANGES, seed=0)
    [(rotation, zoom, shift)] = drawn
    columns = [rotation, *zoom.T, *shift.T]
    middles = [0.0, 1.0, 1.0, 0.0, 0.0]
    widths = [math.radians(10), 0.05, 0.05, 0.05 * 20, 0.05 * 40]
    for values, middle, width in zip(columns, middles, widths, strict=True):
        part = (values - middle) / width
        assert np.abs(part).max() <= 1 + 1e-4
        quarters = np.histogram(part, 4, range=(-1.001, 1.001))[0] / len(part)
        assert_allclose(quarters, 0.25, atol=0.02)
    assert_allclose(np.corrcoef(columns), np.eye(5), atol=0.05)


def test_random_affine_independent_transforms(drawn):
    layer = RandomAffine(*RANGES)
    images = np.repeat(as_images(1), 8, axis=0)
    results = [np.asarray(layer(images, training=True)) for _ in range(2)]
    assert len(np.unique(np.concatenate(results).reshape(16, -1), axis=0)) == 16


def test_random_affine_seed():
    def first_two(seed):
        layer = RandomAffine(*RANGES, seed=seed)
        return [np.asarray(layer(as_images(4), training=True)) for _ in range(2)]

    assert_array_equal(first_two(3), first_two(3))
    assert not np.array_equal(first_two(3), first_two(4))


def test_random_affine_zero_ranges():
    images = as_images(3)
    result = RandomAffine(0.0, 0.0, 0.0)(images, training=True)
    assert_allclose(np.asarray(result), images, atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"training": False}])
def test_random_affine_in_inference(settings, drawn):
    images = as_images(3)
    assert_array_equal(RandomAffine(*RANGES)(images, **settings), images)
    assert not drawn


def test_random_affine_serialization():
    layer = RandomAffine(20.0, 0.1, 0.2, seed=5, name="turn")
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(
        config, custom_objects={"RandomAffine": RandomAffine}
    )
    assert type(again) is RandomAffine
    assert again.get_config() == layer.get_config()
    images = as_images(2)
    assert_array_equal(again(images, training=True), layer(images, training=True))


def test_transform_alike():
    images = as_images(3)
    seven, eight = (
        draw_transforms(1, images.shape[1:3], RANGES, seed) for seed in (7, 8)
    )
    copies = transform_alike(images, seven)
    assert copies.dtype == np.float32
    assert not np.allclose(copies, images, atol=0.01)
    assert_array_equal(transform_alike(images[1:2], seven)[0], copies[1])
    assert not np.array_equal(transform_alike(images, eight), copies)


# The augmentation inside the estimator


def test_augment_not_in_validation_or_prediction(digits, small):
    X, y, X_val, y_val = (part[:120] for part in digits)
    strong = {"augment": True, "rotation_range": 180.0, "shift_range": 0.5}
    cnn = MnistCNN(epochs=2, random_state=0, **strong, **small)
    cnn.fit(X, y, X_val=X_val, y_val=y_val)
    bare = build_cnn(Architecture((8, 8), 10, **_sizes(cnn)))
    bare.set_weights(list(cnn._state.weights.values()))
    proba = bare.predict(X_val.reshape(-1, 8, 8, 1), verbose=0)
    assert_allclose(cnn.predict_proba(X_val), proba, atol=1e-6)
    loss = -np.log(proba[np.arange(len(y_val)), y_val]).mean()
    assert cnn.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_augment_differs_between_epochs(digits, small):
    X, y = (part[:42] for part in digits[:2])
    # Without dropout and without steps, only the augmentation changes the loss.
    still = {"dropout": (0.0, 0.0, 0.0), "learning_rate": 1e-12}

    def losses(augment):
        cnn = MnistCNN(
            augment=augment,
            epochs=3,
            validation_fraction=None,
            random_state=0,
            **(small | still),
        )
        return cnn.fit(X, y).batch_loss_

    plain, augmented = losses(False), losses(True)
    assert_allclose(plain, plain[0], rtol=1e-5)
    differences = np.abs(np.subtract.outer(augmented, augmented))
    assert differences[~np.eye(3, dtype=bool)].min() > 1e-4 * plain[0]


# The network


def _sizes(cnn):
    names = ("filters", "kernel_sizes", "dense_units", "dropout")
    return {name: getattr(cnn, name) for name in names}


@pytest.mark.parametrize("augmentation", [None, RANGES])
@pytest.mark.parametrize(
    ("image_shape", "n_classes", "filters", "kernel_sizes", "dense_units"),
    [
        ((28, 28), 10, (32, 64), (5, 3), 384),
        ((8, 8), 2, (4,), (3,), 16),
        ((7, 13), 3, (2, 3, 4), (5, 3, 1), 8),
        ((1, 5), 4, (3, 2), (2, 4), 1),
    ],
)
def test_weight_shapes_equal_model(
    image_shape, n_classes, filters, kernel_sizes, dense_units, augmentation
):
    architecture = Architecture(
        image_shape,
        n_classes,
        filters,
        kernel_sizes,
        dense_units,
        dropout=(0.0,) * (len(filters) + 1),
        augmentation=augmentation,
    )
    model = build_cnn(architecture)
    shapes = architecture.weight_shapes()
    assert list(shapes.items()) == [
        (weight.path.split("/", 1)[-1], tuple(weight.shape))
        for weight in model.trainable_variables
    ]
    assert model.output_shape == (None, n_classes)
    proba = np.asarray(model(as_images(3, image_shape)))
    assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)


def test_build_cnn_global_random_state(small):
    sizes = {name: small[name] for name in small if name != "learning_rate"}

    def draws(build):
        keras.utils.set_random_seed(0)
        if build:
            model = build_cnn(Architecture((8, 8), 10, **sizes, augmentation=RANGES))
            model(as_images(2, (8, 8)), training=True)
            initial_weights({"dense/kernel": (3, 4)}, seed=1)
        seeded = keras.initializers.RandomUniform(0, 1)  # takes a global seed
        return [
            random.random(),
            np.random.random(),
            np.asarray(keras.random.uniform((3,))).tolist(),
            np.asarray(seeded((3,))).tolist(),
        ]

    states = random.getstate(), np.random.get_state()
    assert draws(build=True) == draws(build=False)
    random.setstate(states[0])
    np.random.set_state(states[1])


def test_initial_weights_glorot_uniform():
    sizes = (28, 28), 10, (32, 64), (5, 3), 384
    shapes = Architecture(*sizes, dropout=(0.4, 0.5, 0.5)).weight_shapes()
    weights = initial_weights(shapes, seed=0)
    assert {name: weight.shape for name, weight in weights.items()} == shapes
    for name, weight in weights.items():
        assert weight.dtype == np.float32
        if name.endswith("/bias"):
            assert not weight.any()
            continue
        *window, n_in, n_out = weight.shape
        limit = math.sqrt(6 / (math.prod(window) * (n_in + n_out)))
        assert np.abs(weight).max() <= limit
        assert weight.std() == pytest.approx(limit / math.sqrt(3), rel=0.05)
    for name, weight in initial_weights(shapes, seed=0).items():
        assert_array_equal(weight, weights[name])
    other = initial_weights(shapes, seed=1)["softmax/kernel"]
    assert not np.array_equal(other, weights["softmax/kernel"])
