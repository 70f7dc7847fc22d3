"""Fitted models do not depend on settings of the process, or raise an error."""

import multiprocessing
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmnist import ImageGridDisplay, MnistCNN, load_model, save_model
from skmnist.neural_network._keras import keras

SETTINGS = {
    "image_data_format": "channels_first",
    "floatx": "float16",
    "epsilon": 1e-3,
}
# What networks are used for, besides training them.
USES = [
    lambda cnn, X: cnn.predict(X),
    lambda cnn, X: cnn.model_.predict_on_batch(X.reshape(-1, 8, 8, 1)),
    lambda cnn, X: ImageGridDisplay.from_augmentation(cnn, X),
]


@pytest.fixture(params=[*SETTINGS, "floatx64", "dtype_policy"])
def unusual(request):
    """Return a function that changes a setting, which is restored after the test."""
    config = keras.config
    name = request.param.removesuffix("64")
    usual = getattr(config, name)()
    value = {"floatx64": "float64", "dtype_policy": "float16"}.get(
        request.param, SETTINGS.get(name)
    )
    yield lambda: getattr(config, f"set_{name}")(value)
    getattr(config, f"set_{name}")(usual)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_fit_predict_unusual_setting(batch_norm, unusual, digits, small, tmp_path):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(
        epochs=2, augment=True, batch_norm=batch_norm, random_state=0, **small
    )
    expected = clone(cnn).fit(X, y)
    proba = expected.predict_proba(X_test)
    save_model(expected, tmp_path / "usual")
    unusual()
    cnn.fit(X, y)
    assert_array_equal(cnn.predict_proba(X_test), proba)
    assert_array_equal(expected.predict_proba(X_test), proba)
    loaded = load_model(tmp_path / "usual")
    assert_array_equal(loaded.predict_proba(X_test), proba)
    save_model(cnn, tmp_path / "unusual")
    assert (tmp_path / "usual").read_bytes() == (tmp_path / "unusual").read_bytes()
    model = pickle.loads(pickle.dumps(cnn)).model_
    images = X_test.reshape(-1, 8, 8, 1).astype(np.float32)
    assert_allclose(model(images), proba, atol=1e-6)


def test_load_model_trained_with_channels_first(digits, small, tmp_path):
    X, y, X_test, _ = (part[:300] for part in digits)
    cnn = MnistCNN(epochs=2, random_state=0, **small)
    keras.config.set_image_data_format("channels_first")
    try:
        proba = cnn.fit(X, y).predict_proba(X_test)
        joblib.dump(cnn, tmp_path / "model.joblib")
        np.save(tmp_path / "rows.npy", X_test)
    finally:
        keras.config.set_image_data_format("channels_last")
    code = (
        "import sys, joblib, numpy as np; folder = sys.argv[1]; "
        "rows = np.load(folder + '/rows.npy'); "
        "proba = joblib.load(folder + '/model.joblib').predict_proba(rows); "
        "np.save(folder + '/proba.npy', proba)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert_allclose(np.load(tmp_path / "proba.npy"), proba, atol=1e-6)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_fit_in_distribution_strategy(batch_norm, digits, small):
    X, y, X_test, _ = (part[:100] for part in digits)
    cnn = MnistCNN(epochs=1, batch_norm=batch_norm, random_state=0, **small)
    outside = cnn.fit(X, y).predict_proba(X_test)
    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        assert_allclose(cnn.fit(X, y).predict_proba(X_test), outside, atol=1e-6)
    assert_array_equal(cnn.fit(X, y).predict_proba(X_test), outside)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_fit_eagerly_after_traced_fit(batch_norm, digits, small):
    X, y, X_test, _ = (part[:50] for part in digits)
    cnn = MnistCNN(epochs=1, batch_norm=batch_norm, random_state=0, **small)
    traced = cnn.fit(X, y).predict_proba(X_test)
    tf.config.run_functions_eagerly(True)
    try:
        assert_allclose(cnn.fit(X, y).predict_proba(X_test), traced, atol=1e-5)
    finally:
        tf.config.run_functions_eagerly(False)


def test_fit_in_graph_mode(digits, small):
    X, y = (part[:50] for part in digits[:2])
    cnn = MnistCNN(epochs=1, **small).fit(X, y)
    with tf.Graph().as_default():
        for use in (lambda cnn, X: clone(cnn).fit(X, y), *USES):
            with pytest.raises(RuntimeError, match="eager execution.*tf.Graph"):
                use(cnn, X)
    assert cnn.model_.predict_on_batch(X.reshape(-1, 8, 8, 1)).shape == (50, 10)


@pytest.mark.parametrize("use", USES)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork")
def test_use_in_forked_process(use, digits, small):
    X, y = (part[:50] for part in digits[:2])
    cnn = MnistCNN(epochs=1, **small).fit(X, y)
    fork = multiprocessing.get_context("fork")
    receiving, sending = fork.Pipe(duplex=False)

    def work():
        try:
            use(cnn, X)
        except RuntimeError as error:
            sending.send(str(error))

    process = fork.Process(target=work)
    process.start()
    try:
        assert receiving.poll(60)
        assert "get_context('spawn')" in receiving.recv()
    finally:
        process.kill()
        process.join()
