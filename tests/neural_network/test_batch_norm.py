"""Batch normalization: its statistics are part of the state."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import MIXED, needs_16_bits
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmnist import MnistCNN, load_model, save_model
from skmnist.neural_network._batch_norm import FusedBatchNormalization

PARTS = ("gamma", "beta", "moving_mean", "moving_variance")


@pytest.fixture(scope="module")
def normalized(digits, small):
    X, y = (part[:500] for part in digits[:2])
    cnn = MnistCNN(epochs=6, batch_norm=True, augment=True, random_state=0, **small)
    return cnn.fit(X, y)


def test_batch_norm_layers(normalized):
    names = [layer.name for layer in normalized.model_.layers]
    pools = {"conv1b": ["pool1"], "conv2b": ["pool2"]}
    for name in ("conv1a", "conv1b", "conv2a", "conv2b", "dense"):
        at = names.index(name)
        following = [f"{name}_norm", *pools.get(name, []), f"{name}_relu"]
        assert names[at + 1 : at + 1 + len(following)] == following
        assert not normalized.model_.get_layer(name).use_bias
    assert normalized.model_.get_layer("softmax").use_bias


def test_batch_norm_score(normalized, digits):
    assert normalized.score(digits[2], digits[3]) > 0.8


def test_batch_norm_same_bits_and_inference_statistics(normalized, digits):
    X, y, X_test, _ = digits
    again = clone(normalized).fit(X[:500], y[:500])
    proba = normalized.predict_proba(X_test)
    assert_array_equal(again.predict_proba(X_test), proba)
    # Not statistics of the batch: a single image has the same probabilities.
    assert_allclose(normalized.predict_proba(X_test[:1]), proba[:1], atol=1e-6)


def test_batch_norm_in_files_pickles_and_checkpoints(normalized, digits, tmp_path):
    X, y, X_test, _ = digits
    proba = normalized.predict_proba(X_test)
    save_model(normalized, tmp_path / "model")
    for other in (
        load_model(tmp_path / "model"),
        pickle.loads(pickle.dumps(normalized)),
        clone(normalized).set_params(checkpoint_dir=tmp_path).fit(X[:500], y[:500]),
        clone(normalized).set_params(checkpoint_dir=tmp_path).fit(X[:500], y[:500]),
    ):
        assert_array_equal(other.predict_proba(X_test), proba)
        other.set_params(checkpoint_dir=None).partial_fit(X[:100], y[:100])
    mine = pickle.loads(pickle.dumps(normalized)).partial_fit(X[:100], y[:100])
    assert_array_equal(other.predict_proba(X_test), mine.predict_proba(X_test))


def test_batch_norm_statistics_with_small_last_batch(digits, small):
    """Moving means after one epoch are those of whole batches of training rows."""
    X, y = (part[:85] for part in digits[:2])
    cnn = MnistCNN(
        epochs=1,
        batch_norm=True,
        batch_size=42,
        validation_fraction=None,
        learning_rate=1e-30,
        random_state=0,
        **{k: v for k, v in small.items() if k != "learning_rate"},
    )
    # 85 rows are two whole batches and one row; at this rate weights do not move.
    first = cnn.fit(X, y).model_.get_layer("conv1a_norm")
    images = X.reshape(-1, 8, 8, 1)
    features = np.asarray(cnn.model_.get_layer("conv1a")(images))
    kept = 0.9**3
    expected = features.mean(axis=(0, 1, 2)) * (1 - kept)
    spread = features.mean(axis=(1, 2)).std(axis=0) / np.sqrt(42)
    difference = np.abs(np.asarray(first.moving_mean) - expected)
    assert (difference < 4 * spread * (1 - kept)).all()


def test_batch_norm_partial_fit_ten_times_equals_fit(digits, small):
    X, y, X_test, _ = (part[:200] for part in digits)
    params = {"batch_norm": True, "validation_fraction": None, "random_state": 0}
    whole = MnistCNN(epochs=10, **params, **small).fit(X, y)
    parts = MnistCNN(**params, **small)
    for _ in range(10):
        parts.partial_fit(X, y)
    assert_array_equal(parts.predict_proba(X_test), whole.predict_proba(X_test))


@pytest.mark.parametrize("dtype", ["float32", *MIXED])
def test_batch_norm_with_weights_dtype_and_tta(dtype, digits, small):
    X, y, X_test, y_test = (part[:500] for part in digits)
    params = {"epochs": 5, "batch_norm": True, "tta_copies": 3, "dtype": dtype}
    cnn = MnistCNN(**params, random_state=0, **small)
    cnn.fit(X, y, sample_weight=np.linspace(0, 2, len(X)))
    assert cnn.score(X_test, y_test) > 0.6
    for part in PARTS:
        (found,) = (
            w for w in cnn.model_.weights if w.path.endswith(f"dense_norm/{part}")
        )
        assert found.dtype == "float32"


def test_warm_start_changed_batch_norm(digits, small):
    X, y = (part[:100] for part in digits[:2])
    cnn = MnistCNN(epochs=1, warm_start=True, random_state=0, **small).fit(X, y)
    with pytest.raises(ValueError, match="batch_norm have changed"):
        cnn.set_params(batch_norm=True).fit(X, y)


@pytest.mark.parametrize("dtype", ["float32", *MIXED])
@pytest.mark.parametrize("shape", [(42, 8, 8, 5), (3, 1, 1, 5), (42, 5), (2, 5)])
def test_fused_batch_norm_equals_keras(dtype, shape):
    """Results, gradients and averages of a step of training, and a prediction."""
    rng = np.random.default_rng(0)
    images = rng.normal(1, 3, shape).astype(np.float32)
    scale, shift = rng.normal(size=(2, 5))
    steps = []
    for kind in (keras.layers.BatchNormalization, FusedBatchNormalization):
        layer = kind(momentum=0.9, dtype=dtype)
        layer.build(shape)
        layer.gamma.assign(scale)
        layer.beta.assign(shift)
        with tf.GradientTape() as tape:
            inputs = tf.Variable(images)
            outputs = tf.cast(layer(inputs, training=True), "float32")
            loss = tf.reduce_mean(outputs**2 * tf.range(5.0))
        gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        averages = [layer.moving_mean.value, layer.moving_variance.value]
        predicted = tf.cast(layer(images, training=False), "float32")
        steps.append([outputs, *gradients, *averages, predicted])
    tolerance = 1e-5 if dtype == "float32" else 3e-2
    for keras_part, part in zip(*steps, strict=True):
        assert_allclose(part, keras_part, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rows", [slice(1), slice(20)])
def test_batch_norm_warns_of_batches_of_one_image(rows, digits, small):
    X, y = (part[rows] for part in digits[:2])
    cnn = MnistCNN(batch_norm=True, random_state=0, **small | {"batch_size": 1})
    with pytest.warns(UserWarning, match="one image.*set a larger batch_size"):
        cnn.partial_fit(X, y, classes=range(10))


def test_batch_norm_statistics_not_finite(digits, small):
    X, y = digits[0][:60] * np.float32(1e19), digits[1][:60]
    cnn = MnistCNN(batch_norm=True, epochs=1, random_state=0, **small)
    with (
        pytest.warns(UserWarning, match="does not scale"),
        pytest.raises(ValueError, match="variance became inf in epoch 1"),
    ):
        cnn.fit(X, y)
    assert not hasattr(cnn, "history_")


@needs_16_bits
def test_keras_file_of_mixed_float16_keeps_optimizer(digits, small, tmp_path):
    X, y = (part[:60] for part in digits[:2])
    cnn = MnistCNN(dtype="mixed_float16", epochs=2, random_state=0, **small).fit(X, y)
    cnn.model_.save(tmp_path / "model.keras")
    optimizer = keras.saving.load_model(tmp_path / "model.keras").optimizer
    for name in ("iterations", "dynamic_scale"):
        assert getattr(optimizer, name) == cnn._state.optimizer[name]
