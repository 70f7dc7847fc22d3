"""Label smoothing, by the formula and by what it does."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmnist import MnistCNN, load_model, save_model

SMOOTHING = 0.2
NET = {
    "filters": (4,),
    "kernel_sizes": (3,),
    "dense_units": 16,
    "dropout": (0.0, 0.0),
    "label_smoothing": SMOOTHING,
    "random_state": 0,
}
# The smallest rate of 32 bits: the weights stay as they are.
AT_REST = {"learning_rate": 1.2e-38, "epochs": 1}


def smoothed_loss(proba, codes, weight=None):
    """Return the weighted mean of the cross-entropy with smoothed labels."""
    n_classes = proba.shape[1]
    labels = np.eye(n_classes)[codes] * (1 - SMOOTHING) + SMOOTHING / n_classes
    losses = -(labels * np.log(proba.astype(np.float64))).sum(axis=1)
    return np.average(losses, weights=weight)


def test_losses_follow_formula(digits):
    X, y, X_val, y_val = digits
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    cnn = MnistCNN(**NET, **AT_REST, batch_size=50)
    cnn.fit(X, y, sample_weight=weight, X_val=X_val, y_val=y_val)
    history = cnn.history_
    expected = smoothed_loss(cnn.predict_proba(X), y, weight)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-4)
    expected = smoothed_loss(cnn.predict_proba(X_val), y_val)
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-4)
    # The accuracy is that of the labels as they are.
    assert history["val_accuracy"][0] == pytest.approx(cnn.score(X_val, y_val))


def test_batch_losses_and_class_weights(digits):
    X, y = digits[:2]
    balance = {code: 1 + code for code in range(10)}
    cnn = MnistCNN(**NET, **AT_REST, validation_fraction=None, class_weight=balance)
    cnn.partial_fit(X, y)
    assert cnn.history_["loss"][0] == pytest.approx(cnn.batch_loss_.mean(), rel=0.1)
    expected = smoothed_loss(cnn.predict_proba(X), y, 1 + y)
    assert cnn.history_["loss"][0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("labels", [np.array(["a", "b"]), np.array([False, True])])
def test_two_classes_of_any_kind(digits, labels):
    X, y = digits[:2]
    cnn = MnistCNN(**NET, **AT_REST, batch_size=50, validation_fraction=None)
    cnn.fit(X, labels[y % 2])
    expected = smoothed_loss(cnn.predict_proba(X), y % 2)
    assert cnn.history_["loss"][0] == pytest.approx(expected, rel=1e-4)


def test_probabilities_are_less_extreme(digits):
    X, y, X_test, y_test = digits
    settings = NET | {"epochs": 15, "batch_size": 20, "learning_rate": 0.005}
    smoothed = MnistCNN(**settings).fit(X, y)
    plain = MnistCNN(**settings | {"label_smoothing": 0.0}).fit(X, y)
    most = 1 - SMOOTHING + SMOOTHING / 10
    assert smoothed.score(X_test, y_test) > 0.9
    assert smoothed.predict_proba(X).max(axis=1).mean() == pytest.approx(most, abs=0.05)
    assert plain.predict_proba(X).max(axis=1).mean() > 0.97


def test_files_keep_it_and_training_goes_on(digits, tmp_path):
    X, y = digits[:2]
    cnn = MnistCNN(**NET, epochs=1, warm_start=True, batch_size=50).fit(X, y)
    save_model(cnn, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.label_smoothing == SMOOTHING
    assert_array_equal(cnn.fit(X, y).batch_loss_, loaded.fit(X, y).batch_loss_)


def test_change_between_warm_fits_acts(digits):
    X, y = digits[:2]
    settings = NET | AT_REST | {"warm_start": True, "validation_fraction": None}
    cnn = MnistCNN(**settings, batch_size=50).fit(X, y)
    cnn.set_params(label_smoothing=0.0).fit(X, y)
    proba = cnn.predict_proba(X)
    losses = [smoothed_loss(proba, y), -np.log(proba[np.arange(len(y)), y]).mean()]
    assert_allclose(cnn.history_["loss"], losses, rtol=1e-4)


def test_change_between_warm_fits_restarts_plateau(digits):
    X, y = digits[:2]
    cnn = MnistCNN(**NET | {"label_smoothing": 0.0, "learning_rate": 0.003})
    cnn.set_params(anneal=True, warm_start=True, epochs=4).fit(X, y)
    best = cnn._state.schedule["best"]
    cnn.set_params(label_smoothing=0.5, epochs=3).fit(X, y)
    # A smoothed loss is larger than any before, which does not mean a plateau.
    assert cnn._state.schedule["best"] == min(cnn.history_["val_loss"][4:]) > best
    assert cnn.history_["learning_rate"] == [np.float32(0.003).item()] * 7 or (
        cnn.history_["learning_rate"] == [0.003] * 7
    )


def test_keras_loads_a_copy_without_skmnist_classes(digits, tmp_path):
    import keras

    X, y = digits[:2]
    cnn = MnistCNN(**NET, epochs=1, batch_size=50).fit(X, y)
    cnn.model_.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    images = X[:5].reshape(-1, 8, 8, 1).astype(np.float32)
    assert_allclose(copy.predict_on_batch(images), cnn.predict_proba(X[:5]), atol=1e-6)
    assert copy.loss.label_smoothing == SMOOTHING


@pytest.mark.parametrize("value", [1.0, -0.1, np.nan, "0.1", None, True])
def test_invalid_value(digits, value):
    with pytest.raises(ValueError, match="'label_smoothing' parameter of MnistCNN"):
        MnistCNN(**NET | {"label_smoothing": value}).fit(*digits[:2])
