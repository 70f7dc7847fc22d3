"""The estimator `MnistCNN`."""

import copy
import pickle
import random
import subprocess
import sys
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import MIXED, assert_same_fit, needs_16_bits
from numpy.testing import assert_allclose, assert_array_equal
from scikeras.wrappers import BaseWrapper
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skmnist import MnistCNN, load_model, save_model
from skmnist.neural_network._keras import KerasClassifier, keras, lacks_instructions


@pytest.fixture(scope="module")
def fitted(digits, small):
    """Return an estimator after three epochs."""
    X, y, _, _ = digits
    return MnistCNN(epochs=3, random_state=0, **small).fit(X, y)


# The network


def test_model_default_layers(large_digits):
    X, y = large_digits
    cnn = MnistCNN(epochs=1, random_state=0).fit(X[:60] / 255, y[:60])
    assert cnn.model_.count_params() == 1_290_346
    kinds = [type(layer).__name__ for layer in cnn.model_.layers]
    block = ["Conv2D", "Conv2D", "MaxPooling2D", "Dropout"]
    assert kinds == [*block, *block, "Flatten", "Dense", "Dropout", "Dense"]
    sizes = [
        (layer.filters, layer.kernel_size)
        for layer in cnn.model_.layers
        if hasattr(layer, "filters")
    ]
    assert sizes == [(32, (5, 5)), (32, (5, 5)), (64, (3, 3)), (64, (3, 3))]
    rates = [layer.rate for layer in cnn.model_.layers if hasattr(layer, "rate")]
    assert rates == [0.4, 0.5, 0.5]


def test_is_keras_classifier():
    assert isinstance(MnistCNN(), KerasClassifier)
    assert isinstance(MnistCNN(), BaseWrapper)
    assert is_classifier(MnistCNN())
    for name in ("initialize", "scorer", "target_encoder", "current_epoch"):
        assert not hasattr(MnistCNN(), name)
        assert name not in dir(MnistCNN())
        assert name not in dir(MnistCNN)


def test_dir_does_not_build_the_model(digits, small):
    X, y = (part[:100] for part in digits[:2])
    cnn = MnistCNN(epochs=1, **small)
    assert "model_" not in dir(cnn)
    cnn = pickle.loads(pickle.dumps(cnn.fit(X, y)))
    before = set(vars(cnn))
    assert {"model_", "classes_", "epochs", "predict"} <= set(dir(cnn))
    assert set(vars(cnn)) == before
    assert cnn.model_.count_params()  # builds it
    assert set(vars(cnn)) > before


def test_balanced_weights_leave_rows_of_weight_0_out(digits, small):
    X, y = (part[:200] for part in digits[:2])
    weight = np.ones(200)
    weight[np.flatnonzero(y == 0)[:15]] = 0
    cnn = MnistCNN(epochs=2, class_weight="balanced", random_state=0, **small)
    without = clone(cnn).fit(X[weight > 0], y[weight > 0]).predict_proba(X)
    assert_array_equal(cnn.fit(X, y, sample_weight=weight).predict_proba(X), without)


def test_score_on_digits(digits, small):
    X, y, X_test, y_test = digits
    cnn = MnistCNN(epochs=12, anneal="one_cycle", random_state=0, **small).fit(X, y)
    assert cnn.score(X_test, y_test) > 0.93


@pytest.mark.parametrize("dtype", MIXED)
def test_dtype_mixed_precision(dtype, digits, small, tmp_path):
    X, y, X_test, y_test = digits
    cnn = MnistCNN(epochs=6, augment=True, dtype=dtype, random_state=0, **small)
    cnn.fit(X, y)
    layers = {layer.name: layer.compute_dtype for layer in cnn.model_.layers}
    assert layers["conv1a"] == layers["dense"] == dtype.removeprefix("mixed_")
    assert layers["augmentation"] == layers["softmax"] == "float32"
    assert_same_fit(clone(cnn).fit(X, y), cnn)
    proba = cnn.predict_proba(X_test)
    assert proba.dtype == np.float32
    assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert cnn.score(X_test, y_test) > 0.8
    assert {weight.dtype for weight in cnn.model_.layers[2].weights} == {"float32"}
    save_model(cnn, tmp_path / "model")
    for other in (load_model(tmp_path / "model"), pickle.loads(pickle.dumps(cnn))):
        assert_array_equal(other.predict_proba(X_test), proba)
    single = clone(cnn).set_params(dtype="float32").fit(X, y)
    assert not np.array_equal(single.predict_proba(X_test), proba)


@pytest.mark.parametrize(
    ("flags", "dtype", "lacks"),
    [
        ("fpu sse2 avx2 avx512f", "mixed_bfloat16", True),
        ("fpu avx512_bf16 avx512f", "mixed_bfloat16", False),
        ("fpu avx512_bf16 avx512f", "mixed_float16", True),
        ("fpu sse2", "float32", False),
    ],
)
def test_lacks_instructions(flags, dtype, lacks, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    assert lacks_instructions(dtype, tmp_path / "cpuinfo") == lacks
    assert not lacks_instructions(dtype, tmp_path / "missing")


@needs_16_bits
def test_dtype_none_follows_global_policy(digits, small):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=1, dtype=None, random_state=0, **small)
    usual = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        proba = cnn.fit(X, y).predict_proba(X_test)
        keras.config.set_dtype_policy("float64")
        with pytest.raises(ValueError, match="dtype=None follows.*float64"):
            clone(cnn).fit(X, y)
    finally:
        keras.config.set_dtype_policy(usual)
    mixed = clone(cnn).set_params(dtype="mixed_bfloat16").fit(X, y)
    assert_array_equal(mixed.predict_proba(X_test), proba)
    assert_array_equal(cnn.predict_proba(X_test), proba)


def test_fit_image_sizes(small):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    for shape in ((1, 1), (1, 9), (5, 3), (7, 7)):
        X = rng.random((60, *shape))
        cnn = MnistCNN(epochs=1, augment=True, image_shape=shape, **small).fit(X, y)
        assert cnn.image_shape_ == shape
        assert cnn.n_features_in_ == shape[0] * shape[1]
        assert cnn.predict(X).shape == (60,)


# Forms of the input


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_fit_input_forms_and_dtypes(dtype, digits, small):
    X, y, _, _ = digits
    X = (X[:200] > 0.5).astype(dtype)
    y = y[:200]
    reference = MnistCNN(epochs=1, random_state=0, **small)
    proba = reference.fit(X.astype("float32"), y).predict_proba(X.astype("float32"))
    stack = X.reshape(-1, 8, 8)
    forms = {
        "rows": X,
        "fortran": np.asfortranarray(X),
        "list": X.tolist(),
        "stack": stack,
        "images": stack[..., np.newaxis],
    }
    for name, form in forms.items():
        cnn = MnistCNN(epochs=1, random_state=0, **small).fit(form, y)
        assert cnn.n_features_in_ == 64
        assert cnn.image_shape_ == (8, 8)
        for other in forms.values():
            assert_array_equal(cnn.predict_proba(other), proba, err_msg=name)


def test_fit_feature_names(digits, small):
    X, y, _, _ = digits
    frame = pd.DataFrame(X[:200], columns=[f"pixel{i}" for i in range(64)])
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(frame, y[:200])
    assert cnn.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        cnn.predict(frame.rename(columns={"pixel3": "dot3"}))


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([3, 70, -5], np.int64),
        (["no", "maybe", "yes"], "U"),
        ([False, True], bool),
        ([0, 1], np.uint8),
    ],
)
def test_predict_label_dtypes(labels, dtype, digits, small):
    X, y, _, _ = digits
    given = np.array(labels)[y % len(labels)]
    if dtype != "U":
        given = given.astype(dtype)
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, given)
    predicted = cnn.predict(X[:50])
    assert predicted.dtype == given.dtype
    assert_array_equal(cnn.classes_, np.unique(given))
    proba = cnn.predict_proba(X[:50])
    assert proba.shape == (50, len(labels))
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert_array_equal(cnn.classes_[proba.argmax(axis=1)], predicted)
    assert_allclose(cnn.predict_log_proba(X[:50]), np.log(proba))


def test_predict_proba_one_sample(fitted, digits):
    assert fitted.predict_proba(digits[2][:1]).shape == (1, 10)


def test_predict_proba_independent_of_batch(fitted, digits):
    X_test = digits[2]
    alone = np.vstack([fitted.predict_proba(x[np.newaxis]) for x in X_test[:20]])
    assert_allclose(alone, fitted.predict_proba(X_test)[:20], atol=1e-6)


def test_fit_predict_invalid_images(fitted, digits, small):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=1, **small)
    with pytest.raises(ValueError, match="one channel"):
        cnn.fit(np.zeros((20, 8, 8, 3)), y[:20])
    with pytest.raises(ValueError, match="63 columns.*do not make a square"):
        cnn.fit(X[:, :63], y)
    with pytest.raises(ValueError, match="65 columns.*label column still in X"):
        cnn.fit(np.column_stack([X, y]), y)
    with pytest.raises(ValueError, match="contradict"):
        clone(cnn).set_params(image_shape=(4, 8)).fit(X, y)
    with pytest.raises(ValueError, match="0 sample"):
        fitted.predict(X[:0])
    with pytest.raises(ValueError, match="64 features"):
        fitted.predict(X[:, :36])
    with pytest.raises(ValueError, match=r"\(4, 16\)"):
        fitted.predict(X.reshape(-1, 4, 16))
    with pytest.raises(NotFittedError):
        cnn.predict(X)
    assert not hasattr(cnn, "model_")


def test_fit_image_shape_of_rows(digits, small):
    X, y, _, _ = digits
    X, y = X[:100, :48], y[:100]
    for shape in ((6, 8), (-1, 8), (6, -1)):
        cnn = MnistCNN(epochs=1, image_shape=shape, random_state=0, **small)
        assert cnn.fit(X, y).image_shape_ == (6, 8)


def test_fit_unscaled_pixels_warning(digits, small):
    X, y, _, _ = digits
    with pytest.warns(UserWarning, match="ImageScaler"):
        MnistCNN(epochs=1, **small).fit(X[:50] * 16, y[:50])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"epochs": 0}, "'epochs' parameter of MnistCNN must be.*Got 0"),
        ({"anneal": "cosine"}, "'anneal'.*one_cycle.*Got 'cosine'"),
        ({"augment": 1.5}, "'augment'"),
        ({"learning_rate": -1}, "'learning_rate'.*Got -1"),
        ({"learning_rate": 1e39}, r"'learning_rate'.*3.4.*e\+38.*Got 1e\+39"),
        ({"learning_rate": 1e-300}, "'learning_rate'.*1.1.*e-38.*Got 1e-300"),
        ({"min_learning_rate": 1e39}, r"'min_learning_rate'.*Got 1e\+39"),
        ({"batch_size": True}, "'batch_size'.*an int in the range.*Got True"),
        ({"dense_units": True}, "'dense_units'.*Got True"),
        ({"epochs": True}, "'epochs'.*Got True"),
        ({"tta_copies": True}, "'tta_copies'.*Got True"),
        ({"anneal_patience": True}, "'anneal_patience'.*Got True"),
        ({"filters": (True, 8)}, r"'filters'.*Got \(True, 8\)"),
        ({"validation_fraction": 1.0}, "'validation_fraction'.*Got 1.0"),
        ({"filters": (0, 8)}, r"'filters'.*Got \(0, 8\)"),
        ({"filters": ()}, r"'filters'.*Got \(\)"),
        ({"kernel_sizes": (3,)}, "'kernel_sizes'.*as many entries as filters"),
        ({"dropout": (0.1, 0.1)}, "'dropout'.*one entry for each"),
        ({"dropout": (0.1, 0.1, 1.0)}, "'dropout'.*range.*0.0, 1.0"),
        ({"class_weight": "even"}, "'class_weight'"),
        ({"class_weight": {0: -1}}, r"'class_weight'.*in the range.*Got \{0: -1\}"),
        ({"class_weight": {0: float("nan")}}, "'class_weight'.*in the range.*nan"),
        ({"class_weight": {0: float("inf")}}, "'class_weight'.*in the range.*inf"),
        ({"class_weight": {0: None}}, "'class_weight'.*in the range.*None"),
        ({"class_weight": {0: "2"}}, "'class_weight'.*in the range.*'2'"),
        ({"class_weight": {0: 1e39}}, "'class_weight'.*in the range.*1e.39"),
        ({"callbacks": ["stop"]}, "'callbacks'.*keras.callbacks.Callback"),
        ({"random_state": "seed"}, "'random_state'"),
        ({"tta_copies": -1}, "'tta_copies'"),
    ],
)
def test_fit_invalid_hyperparameter(params, message, digits):
    X, y, _, _ = digits
    cnn = MnistCNN(**params)
    with pytest.raises(ValueError, match=message):
        cnn.fit(X, y)
    assert not vars(cnn).keys() & {"classes_", "n_features_in_", "_state"}


def test_fit_numpy_scalars(digits, small):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=2, random_state=0, anneal=True, **small)
    expected = clone(cnn).set_params(augment=True).fit(X, y)
    cnn.set_params(
        anneal=np.True_,
        augment=np.True_,
        epochs=np.int64(2),
        anneal_factor=np.float32(0.3),
    )
    assert_same_fit(cnn.fit(X, y), expected)
    assert cnn.set_params(anneal=np.False_).fit(X, y).history_["loss"]


def test_fit_numpy_integers_as_sizes(digits, small):
    X, y, X_test, _ = digits
    cnn = MnistCNN(epochs=1, random_state=0, tta_copies=1, **small)
    expected = cnn.fit(X, y)
    sizes = {
        "filters": tuple(np.array(small["filters"])),
        "kernel_sizes": [np.uint8(3), np.int64(3)],
        "dense_units": np.int64(32),
        "batch_size": np.uint8(42),
        "epochs": np.uint8(1),
    }
    numpys = clone(cnn).set_params(**sizes).fit(X, y)
    assert_same_fit(numpys, expected)
    assert numpys._fitted_architecture == expected._fitted_architecture
    assert type(numpys._fitted_architecture.dense_units) is int
    proba = expected.predict_proba(X_test)
    numpys.set_params(tta_copies=np.uint8(1))
    assert_array_equal(numpys.predict_proba(X_test), proba)
    many = copy.deepcopy(numpys).set_params(tta_copies=np.uint8(255))
    assert_allclose(many.predict_proba(X_test[:2]).sum(axis=1), 1, rtol=1e-5)


# Side effects


def test_fit_changes_no_argument_or_global_state(digits, small):
    import tensorflow as tf
    from tensorflow.python.framework import config as tf_config

    X, y, _, _ = (np.array(part) for part in digits)
    weight = np.linspace(0, 2, len(y))
    class_weight = {0: 2.0}
    stopping = keras.callbacks.EarlyStopping(monitor="loss", restore_best_weights=True)
    tf.random.set_seed(1)
    keras.utils.set_random_seed(1)

    def snapshot():
        return (
            X.copy(),
            y.copy(),
            weight.copy(),
            dict(class_weight),
            {k: v for k, v in vars(stopping).items() if k != "monitor_op"},
            random.getstate(),
            np.random.get_state()[1].tolist(),
            tf.random.get_global_generator().state.numpy().tolist(),
            tf_config.is_op_determinism_enabled(),
            keras.src.backend.common.global_state.get_global_attribute("rng_seed"),
        )

    before = snapshot()
    cnn = MnistCNN(
        epochs=2,
        augment=True,
        random_state=0,
        class_weight=class_weight,
        callbacks=[stopping],
        **small,
    )
    cnn.fit(X, y, sample_weight=weight)
    cnn.partial_fit(X, y, sample_weight=weight)
    cnn.predict(X)
    with pytest.raises(ValueError, match="became"):
        clone(cnn).set_params(learning_rate=1e30).fit(X, y)
    for old, new in zip(before, snapshot(), strict=True):
        np.testing.assert_equal(new, old)


def test_import_restores_keras_classes():
    code = """
import keras
kinds = keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer
before = [(kind.__reduce__, getattr(kind, '__deepcopy__', None)) for kind in kinds]
from skmnist import MnistCNN
after = [(kind.__reduce__, getattr(kind, '__deepcopy__', None)) for kind in kinds]
assert before == after, (before, after)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# Reproducibility


def test_fit_same_bits_in_two_processes(fitted, digits, small, tmp_path):
    X, y, X_test, _ = digits
    again = MnistCNN(epochs=3, random_state=0, **small).fit(X, y)
    assert_same_fit(again, fitted)
    assert_array_equal(again.predict_proba(X_test), fitted.predict_proba(X_test))
    joblib.dump((X, y, small), tmp_path / "data.joblib")
    code = f"""
import joblib
from skmnist import MnistCNN
X, y, small = joblib.load({str(tmp_path / "data.joblib")!r})
cnn = MnistCNN(epochs=3, random_state=0, **small).fit(X, y)
joblib.dump(cnn, {str(tmp_path / "cnn.joblib")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert_same_fit(joblib.load(tmp_path / "cnn.joblib"), fitted)


def test_random_state_int_none_instance(digits, small):
    X, y = (part[:200] for part in digits[:2])

    def fit(random_state):
        return MnistCNN(epochs=1, random_state=random_state, **small).fit(X, y)

    def differ(one, other):
        return not np.array_equal(one.batch_loss_, other.batch_loss_)

    assert differ(fit(0), fit(1))
    assert differ(fit(None), fit(None))
    state = np.random.RandomState(0)
    first, second = fit(state), fit(state)
    assert differ(first, second)
    assert_same_fit(first, fit(np.random.RandomState(0)))


# Validation


def test_stratified_holdout(digits, small):
    from skmnist.neural_network._batches import stratified_holdout

    codes = np.repeat([0, 1, 2, 3], [100, 15, 4, 1])
    held_out = stratified_holdout(codes, 0.1, seed=3)
    assert np.bincount(codes[held_out], minlength=4).tolist() == [10, 2, 0, 0]
    assert_array_equal(held_out, stratified_holdout(codes, 0.1, seed=3))
    assert (held_out != stratified_holdout(codes, 0.1, seed=4)).any()
    most = stratified_holdout(codes, 0.99, seed=3)
    assert np.bincount(codes[~most], minlength=4).min() == 1


def test_validation_fraction(digits, small):
    X, y, _, _ = digits
    seen = []

    class Count(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(self.params["steps"])

    cnn = MnistCNN(epochs=1, batch_size=10, callbacks=Count(), random_state=0, **small)
    cnn.fit(X, y)
    n_held_out = sum(round(0.1 * int(n)) for n in np.bincount(y))
    assert seen == [-(-(len(y) - n_held_out) // 10)]
    assert {"val_loss", "val_accuracy"} <= cnn.history_.keys()
    cnn.set_params(validation_fraction=None).fit(X, y)
    assert seen[1] == 100
    assert cnn.history_.keys() == {"loss", "accuracy", "learning_rate"}


def test_validation_fraction_too_few_rows(digits, small):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=6, anneal=True, anneal_patience=1, random_state=0, **small)
    with pytest.warns(UserWarning, match="the training loss is monitored"):
        cnn.fit(X[:20], y[:20])
    assert "val_loss" not in cnn.history_


def test_fit_validation_set(digits, small):
    X, y, X_test, y_test = digits
    cnn = MnistCNN(epochs=2, random_state=0, **small)
    cnn.fit(X, y, X_val=X_test.reshape(-1, 8, 8), y_val=y_test)
    assert cnn.history_["val_accuracy"][-1] == pytest.approx(
        cnn.score(X_test, y_test), abs=1e-6
    )
    expected = cnn.model_.evaluate(
        X_test.reshape(-1, 8, 8, 1), y_test, verbose=0, return_dict=True
    )
    assert cnn.history_["val_loss"][-1] == pytest.approx(expected["loss"], rel=1e-4)
    with pytest.raises(ValueError, match=r"y_val has labels.*\[11\]"):
        cnn.fit(X, y, X_val=X_test, y_val=np.full(len(y_test), 11))
    with pytest.raises(ValueError, match="together"):
        cnn.fit(X, y, X_val=X_test)
    with pytest.warns(UserWarning, match="more than 10 times"):
        cnn.fit(X, y, X_val=X_test * 16, y_val=y_test)


# History and weights


def test_batch_loss(digits, small):
    X, y, _, _ = digits
    means = []

    class RunningMeans(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            means.append(logs["loss"])

    cnn = MnistCNN(
        epochs=1,
        batch_size=30,
        validation_fraction=None,
        callbacks=RunningMeans(),
        random_state=0,
        **small,
    ).fit(X, y)
    n = np.full(34, 30.0)
    n[-1] = 1000 - 33 * 30
    assert cnn.batch_loss_.shape == (34,)
    assert_allclose(np.cumsum(cnn.batch_loss_ * n) / np.cumsum(n), means, rtol=1e-6)
    assert cnn.history_["loss"] == [pytest.approx(means[-1])]


def test_sample_weight_zero_rows(digits, small):
    X, y, _, _ = digits
    keep = np.arange(len(y)) % 3 > 0
    weighted = MnistCNN(epochs=2, random_state=0, **small)
    weighted.fit(X, y, sample_weight=keep)
    assert_same_fit(weighted, clone(weighted).fit(X[keep], y[keep]))


def test_sample_and_class_weight_by_formula(digits, small):
    X, y, _, _ = digits
    weight = np.random.default_rng(0).uniform(0.5, 3, len(y))
    one_step = {"epochs": 1, "batch_size": len(y), "validation_fraction": None}
    cnn = MnistCNN(random_state=0, **one_step, **(small | {"dropout": (0, 0, 0)}))
    start = clone(cnn).set_params(learning_rate=1e-12).fit(X, y)
    cnn.fit(X, y, sample_weight=weight)
    own = -np.log(start.predict_proba(X)[np.arange(len(y)), y])
    expected = np.average(own, weights=weight)
    assert cnn.batch_loss_[0] == pytest.approx(expected, rel=1e-5)
    cnn.set_params(class_weight={3: 5.0}).fit(X, y)
    expected = np.average(own, weights=np.where(y == 3, 5.0, 1.0))
    assert cnn.batch_loss_[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("constant", [0.001, 1.0, 3, 1e-40, 1e300])
def test_sample_weight_constant(constant, digits, small):
    X, y = (part[:200] for part in digits[:2])
    cnn = MnistCNN(epochs=2, random_state=0, **small)
    expected = clone(cnn).fit(X, y)
    assert_same_fit(cnn.fit(X, y, sample_weight=np.full(200, constant)), expected)
    if constant < 1e38:
        cnn.set_params(class_weight=dict.fromkeys(range(10), constant))
        assert_same_fit(cnn.fit(X, y, X_val=X, y_val=y), _fit_with(expected, X, y))


def _fit_with(cnn, X, y):
    return clone(cnn).fit(X, y, X_val=X, y_val=y)


def test_sample_weight_scaled(digits, small):
    X, y = (part[:200] for part in digits[:2])
    weight = np.random.default_rng(0).uniform(0.5, 3, 200)
    uneven = {3: 5.0, 4: 0.1}
    cnn = MnistCNN(epochs=2, random_state=0, class_weight=uneven, **small)
    expected = clone(cnn).fit(X, y, sample_weight=weight)
    for factor in (2.0**-9, 2.0**-200, 2.0**20):
        assert_same_fit(cnn.fit(X, y, sample_weight=weight * factor), expected)
    with_val = _fit_with(cnn, X, y)
    cnn.fit(X, y, sample_weight=np.full(200, 1 / 200), X_val=X, y_val=y)
    assert_same_fit(cnn, with_val)


def test_plateau_with_tiny_sample_weight(digits, small):
    X, y = (part[:300] for part in digits[:2])
    cnn = MnistCNN(epochs=3, anneal=True, anneal_patience=1, random_state=0, **small)
    cnn.fit(X, y, sample_weight=np.full(300, 1e-5))
    assert len(set(cnn.history_["learning_rate"])) == 1


def test_val_loss_scale_with_sample_weight(digits, small):
    X, y, _, _ = digits
    weight = np.where(y < 5, 0.002, 0.01)
    cnn = MnistCNN(epochs=1, random_state=0, **(small | {"learning_rate": 1e-12}))
    cnn.fit(X, y, sample_weight=weight)
    assert cnn.history_["val_loss"][0] == pytest.approx(2.3, abs=0.4)


def test_class_weight_effect(digits, small):
    X, y, X_test, _ = digits
    few = np.flatnonzero((y == 8) | (y == 1))
    y_two = y[few]
    cnn = MnistCNN(epochs=2, random_state=0, class_weight={8: 1e3}, **small)
    only_eights = cnn.fit(X[few], y_two).predict(X_test)
    assert (only_eights == 8).mean() > 0.9
    balanced = MnistCNN(epochs=2, random_state=0, class_weight="balanced", **small)
    assert balanced.fit(X[few], y_two).score(X[few], y_two) > 0.8


def test_sample_weight_invalid(digits, small):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=1, **small)
    with pytest.raises(ValueError, match="zero"):
        cnn.fit(X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="[Nn]egative"):
        cnn.fit(X, y, sample_weight=np.where(y == 1, -1, 1))
    with pytest.raises(ValueError, match="NaN"):
        cnn.fit(X, y, sample_weight=np.nan)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_class_weight_times_sample_weight_zero(method, digits, small):
    X, y, _, _ = digits
    none = dict.fromkeys(range(10), 0)
    cnn = MnistCNN(epochs=1, class_weight=none, **small)
    with pytest.raises(ValueError, match="weights of all rows are zero.*class_weight"):
        getattr(cnn, method)(X, y)
    cnn.set_params(class_weight=none | {1: 2})
    with pytest.raises(ValueError, match="weights of all rows are zero"):
        getattr(cnn, method)(X, y, sample_weight=y == 2)
    assert not hasattr(cnn, "classes_")


def test_class_weight_unknown_key(digits, small):
    X, y = (part[:200] for part in digits[:2])
    cnn = MnistCNN(epochs=1, class_weight={3: 2, 11: 5}, **small)
    with pytest.raises(ValueError, match=r"class_weight has keys.*: \[11\]"):
        cnn.fit(X, y)
    # As in scikit-learn, a fold may lack a class if all others are named.
    cnn.set_params(class_weight=dict.fromkeys(range(12), 2)).fit(X, y)


def test_partial_fit_class_weight_of_missing_class(digits, small):
    X, y, _, _ = digits
    X_val, y_val = X[y > 7][:40], y[y > 7][:40]
    few = np.flatnonzero(y < 5)[:100]
    still = small | {"learning_rate": 1e-12}
    cnn = MnistCNN(random_state=0, class_weight={8: 4.0, 9: 1.0}, **still)
    cnn.partial_fit(X[few], y[few], classes=range(10), X_val=X_val, y_val=y_val)
    own = -np.log(cnn.predict_proba(X_val)[np.arange(40), y_val])
    expected = np.average(own, weights=np.where(y_val == 8, 4.0, 1.0))
    assert cnn.history_["val_loss"] == [pytest.approx(expected, rel=1e-5)]
    cnn.set_params(warm_start=True, epochs=1).fit(X[few], y[few])
    assert len(cnn.history_["loss"]) == 2


# partial_fit, warm_start and the fitted state


@pytest.mark.parametrize("anneal", ["plateau", "one_cycle"])
def test_partial_fit_ten_times_equals_fit(anneal, digits, small, tmp_path):
    X, y, X_test, y_test = digits
    cnn = MnistCNN(
        epochs=10,
        anneal=anneal,
        anneal_patience=1,
        augment=True,
        random_state=0,
        **(small | {"learning_rate": 0.05}),
    )
    whole = clone(cnn).fit(X, y, X_val=X_test, y_val=y_test)
    assert len(set(whole.history_["learning_rate"])) > 2
    for _ in range(10):
        cnn.partial_fit(X, y, X_val=X_test, y_val=y_test)
        joblib.dump(cnn, tmp_path / "cnn.joblib")
        cnn = joblib.load(tmp_path / "cnn.joblib")
    assert_same_fit(cnn, whole)
    last = cnn.history_["learning_rate"][-1]
    if anneal == "one_cycle":
        assert last == pytest.approx(1e-5)
        with pytest.warns(UserWarning, match="The cycle of 10 epochs is over"):
            cnn.partial_fit(X, y)
        assert cnn.history_["learning_rate"][-1] == last
        assert np.isnan(cnn.history_["val_loss"][-1])


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean"])
def test_predict_nullable_labels(dtype, digits, small, tmp_path):
    X, y = digits[0][:100], digits[1][:100]
    labels = pd.Series(y > 4 if dtype == "boolean" else y, dtype=dtype)
    cnn = MnistCNN(epochs=1, random_state=0, **small)
    cnn.fit(X, labels, X_val=X[:50], y_val=labels[:50])
    assert cnn.classes_.dtype == labels.dtype.numpy_dtype
    save_model(cnn, tmp_path / "model")
    predicted = load_model(tmp_path / "model").predict(X)
    assert predicted.dtype == labels.dtype.numpy_dtype
    assert_array_equal(predicted, cnn.predict(X))


@pytest.mark.parametrize("dtype", ["Int64", "string", "Float64"])
def test_fit_missing_labels(dtype, digits, small):
    X, labels = digits[0][:6], pd.Series([1, 2, None] * 2, dtype=dtype)
    with pytest.raises(ValueError, match="labels contain NaN: leave out the rows"):
        MnistCNN(**small).fit(X, labels)


def test_partial_fit_empty_classes(digits, small):
    with pytest.raises(ValueError, match="at least 2 classes, but classes names none"):
        MnistCNN(**small).partial_fit(digits[0][:10], digits[1][:10], classes=[])


def test_partial_fit_missing_classes(digits, small):
    X, y, _, _ = digits
    few = y < 5
    cnn = MnistCNN(random_state=0, **small)
    cnn.partial_fit(X[few], y[few], classes=set(range(10)))
    assert cnn.predict_proba(X).shape == (len(y), 10)
    cnn.partial_fit(X, y)
    assert len(cnn.history_["loss"]) == 2
    with pytest.raises(ValueError, match="not those of the first call"):
        cnn.partial_fit(X, y, classes=range(11))
    with pytest.raises(ValueError, match="not among the classes"):
        cnn.partial_fit(X, y + 1)
    assert len(cnn.history_["loss"]) == 2


def test_warm_start(fitted, digits, small):
    X, y, _, _ = digits
    warm = MnistCNN(epochs=2, warm_start=True, random_state=0, **small).fit(X, y)
    warm.set_params(epochs=1).fit(X, y)
    assert_same_fit(warm, fitted)
    assert len(warm.batch_loss_) == len(fitted.batch_loss_)
    with pytest.raises(ValueError, match="filters, kernel_sizes, dense_units or"):
        warm.set_params(dense_units=7).fit(X, y)
    warm.set_params(dense_units=32)
    for shape in ((3, 5), (4, 16), (4, -1)):
        with pytest.raises(ValueError, match="image_shape"):
            warm.set_params(image_shape=shape).fit(X, y)
        with pytest.raises(ValueError, match="image_shape"):
            warm.partial_fit(X, y)
    warm.set_params(image_shape=(8, -1)).partial_fit(X, y)
    warm.set_params(image_shape=None, warm_start=False, epochs=1).fit(X, y)
    assert len(warm.history_["loss"]) == 1


def test_callbacks_not_copyable(digits, small):
    class Locked(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    X, y = (part[:60] for part in digits[:2])
    cnn = MnistCNN(epochs=1, callbacks=[Locked()], **small)
    search = GridSearchCV(cnn, {"epochs": [1]}, cv=2)
    for fit in (lambda: cnn.fit(X, y), lambda: clone(cnn), lambda: search.fit(X, y)):
        with pytest.raises(ValueError, match="Locked cannot be copied.*function that"):
            fit()
    for factory in (Locked, lambda: Locked()):
        made = MnistCNN(epochs=1, callbacks=[factory], **small).fit(X, y).callbacks_
        assert [type(each) for each in made] == [Locked]


def test_callbacks_backup_and_restore(digits, small, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(ValueError, match="BackupAndRestore.*checkpoint_dir"):
        MnistCNN(epochs=2, callbacks=[backup], **small).fit(*digits[:2])


def test_history_copied_and_logged_by_callbacks(digits, small):
    class Log(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["twice"] = 2 * logs["loss"]

    X, y = (part[:84] for part in digits[:2])
    params = {"anneal": "one_cycle", "epochs": 4, "random_state": 0, **small}
    cnn, other = (MnistCNN(callbacks=Log, **params) for _ in range(2))
    cnn.partial_fit(X, y, np.arange(10))
    assert cnn.history_["twice"] == [2 * cnn.history_["loss"][0]]
    cnn.history_.clear()
    cnn.batch_loss_[:] = 0
    cnn.partial_fit(X, y)
    for _ in range(2):
        other.partial_fit(X, y, np.arange(10))
    assert cnn.history_ == other.history_
    assert_array_equal(cnn.batch_loss_, other.batch_loss_)


def test_model_optimizer_state(digits, small):
    X, y = (part[:84] for part in digits[:2])
    cnn = MnistCNN(epochs=2, random_state=0, **small).fit(X, y)
    optimizer = cnn.model_.optimizer
    assert float(optimizer.learning_rate) == pytest.approx(small["learning_rate"])
    assert int(optimizer.iterations) == len(cnn.batch_loss_)


@pytest.mark.parametrize(
    "sizes", [{"dense_units": 2**31 - 1}, {"filters": (2**31 - 1, 2**31 - 1)}]
)
def test_fit_network_too_large_for_memory(sizes, digits):
    with pytest.raises(MemoryError):
        MnistCNN(**sizes).fit(*digits[:2])


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 2**31}, {"anneal_patience": 10**20}, {"tta_copies": 10001}]
)
def test_fit_numbers_too_large_for_model_file(wrong, digits):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MnistCNN(**wrong).fit(*digits[:2])


def test_predict_proba_after_set_params(fitted, digits, small, tmp_path):
    X_test = digits[2]
    proba = fitted.predict_proba(X_test)
    for cnn in (
        copy.deepcopy(fitted),
        clone(fitted)._import_state(fitted._export_state()),
    ):
        cnn.set_params(
            filters=(3,),
            kernel_sizes=(1,),
            dense_units=7,
            dropout=(0, 0),
            augment=True,
            image_shape=(4, 16),
        )
        joblib.dump(cnn, tmp_path / "cnn.joblib")
        for one in (cnn, joblib.load(tmp_path / "cnn.joblib")):
            assert_array_equal(one.predict_proba(X_test), proba)
            assert one.model_.count_params() == fitted.model_.count_params()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tta_copies": -1}, "'tta_copies' parameter of MnistCNN must be.*Got -1"),
        ({"tta_copies": 2.5}, "'tta_copies'.*Got 2.5"),
        ({"tta_copies": 1, "rotation_range": 200}, "'rotation_range'.*Got 200"),
    ],
)
def test_predict_proba_invalid_tta_copies(params, message, fitted, digits):
    cnn = copy.deepcopy(fitted).set_params(**params)
    with pytest.raises(ValueError, match=message):
        cnn.predict_proba(digits[2][:2])


def test_callbacks_early_stopping_best_weights(digits, small):
    X, y, X_test, y_test = digits
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=1, restore_best_weights=True
    )
    cnn = MnistCNN(
        epochs=50,
        callbacks=[stopping],
        random_state=0,
        **(small | {"learning_rate": 0.02}),
    ).fit(X, y, X_val=X_test, y_val=y_test)
    losses = cnn.history_["val_loss"]
    assert 2 < len(losses) < 50
    proba = cnn.predict_proba(X_test)[np.arange(len(y_test)), y_test]
    assert -np.log(np.maximum(proba, 1e-7)).mean() == pytest.approx(
        min(losses), rel=1e-4
    )
    assert cnn.callbacks == [stopping]
    assert cnn.callbacks_[0] is not stopping
    assert cnn.callbacks_[0].stopped_epoch == len(losses) - 1


def test_predict_after_failed_fit(fitted, digits):
    X, y, X_test, _ = digits
    cnn = copy.deepcopy(fitted)
    before = cnn.predict_proba(X_test)

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    cnn.set_params(callbacks=Interrupt())
    with pytest.raises(KeyboardInterrupt):
        cnn.fit(X, (y + 1) * 2)
    assert_array_equal(cnn.predict_proba(X_test), before)
    assert_same_fit(cnn, fitted)
    cnn.set_params(callbacks=None, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"loss became .* epoch 1 at a learning rate"):
        cnn.fit(X, y)
    assert_array_equal(cnn.predict_proba(X_test), before)


@pytest.mark.parametrize("params", [{}, {"validation_fraction": None}])
def test_fit_divergence_in_last_step(params, fitted, digits, small):
    X, y, X_test, _ = digits
    cnn = copy.deepcopy(fitted)
    before = cnn.predict_proba(X_test)
    cnn.set_params(learning_rate=1e30, batch_size=10_000, epochs=1, **params)
    message = r"became (nan|1.*e\+30) in epoch {} at a learning rate of 1e\+30"
    with pytest.raises(ValueError, match=message.format(1)):
        cnn.fit(X, y)
    with pytest.raises(ValueError, match=message.format(4)):
        cnn.partial_fit(X, y)
    assert_same_fit(cnn, fitted)
    assert_array_equal(cnn.predict_proba(X_test), before)


# The Keras model, threads and pickles


def test_model_not_shared_or_pickled(fitted, digits, tmp_path):
    X, y, X_test, _ = digits
    other = clone(fitted).fit(X, y)
    proba = fitted.predict_proba(X_test)
    assert other.model_ is not fitted.model_
    assert_allclose(
        fitted.model_.predict(X_test.reshape(-1, 8, 8, 1), verbose=0), proba, atol=1e-6
    )
    other.model_.set_weights([w * 0 for w in other.model_.get_weights()])
    other.set_params(epochs=1).fit(X[::-1], y[::-1])
    assert_array_equal(fitted.predict_proba(X_test), proba)
    joblib.dump(fitted, tmp_path / "cnn.joblib")
    loaded = joblib.load(tmp_path / "cnn.joblib")
    assert "_model" not in vars(loaded)
    assert_array_equal(loaded.predict_proba(X_test), proba)


def test_fit_and_predict_in_threads(fitted, digits, small):
    X, y, X_test, _ = digits
    proba = fitted.predict_proba(X_test)
    failures = []

    def work(number):
        try:
            if number % 2:
                cnn = MnistCNN(epochs=2, random_state=0, **small).fit(X, y)
                assert_same_fit(cnn.partial_fit(X, y), expected)
            else:
                for _ in range(20):
                    assert_array_equal(fitted.predict_proba(X_test), proba)
        except BaseException as error:
            failures.append(error)

    expected = MnistCNN(epochs=2, random_state=0, **small).fit(X, y).partial_fit(X, y)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_predict_proba_tta_copies(fitted, digits):
    X_test, y_test = digits[2], digits[3]
    plain = fitted.predict_proba(X_test)
    averaging = copy.deepcopy(fitted).set_params(tta_copies=4)
    averaged = averaging.predict_proba(X_test)
    assert np.abs(averaged - plain).max() > 0.01
    assert_array_equal(averaged, averaging.predict_proba(X_test))
    assert_allclose(averaged[5:9], averaging.predict_proba(X_test[5:9]), atol=1e-6)
    assert averaging.score(X_test, y_test) > 0.5


def test_joblib_dump_load_in_fresh_process(fitted, digits, small, tmp_path):
    from sklearn.model_selection import GridSearchCV

    from skmnist import make_mnist_pipeline

    X, y, X_test, _ = digits
    pipeline = make_mnist_pipeline(max_value=1, epochs=1, random_state=0, **small)
    search = GridSearchCV(pipeline, {"cnn__augment": [False, True]}, cv=2)
    models = {
        "alone": fitted,
        "pipeline": pipeline.fit(X, y),
        "search": search.fit(X[:300], y[:300]),
    }
    joblib.dump((models, X_test), tmp_path / "models.joblib")
    code = f"""
import joblib
models, X_test = joblib.load({str(tmp_path / "models.joblib")!r})
found = {{name: model.predict_proba(X_test) for name, model in models.items()}}
joblib.dump(found, {str(tmp_path / "found.joblib")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    for name, proba in joblib.load(tmp_path / "found.joblib").items():
        assert_array_equal(proba, models[name].predict_proba(X_test), err_msg=name)


# Subclasses, and callbacks that refer to their estimator


class Remembering(MnistCNN):
    """Predict with `model_`, and keep the last probabilities."""

    def predict_proba(self, X):
        self.last_proba_ = self.model_.predict_on_batch(np.reshape(X, (-1, 8, 8, 1)))
        self.models_ = {*getattr(self, "models_", ()), id(self.model_)}
        return self.last_proba_


def test_predict_calls_overridden_predict_proba(digits, small):
    X, y, X_test, _ = (part[:100] for part in digits)
    cnn = Remembering(epochs=1, random_state=0, **small).fit(X, y)
    for _ in range(3):
        labels = cnn.predict(X_test)
    assert_array_equal(labels, cnn.classes_[cnn.last_proba_.argmax(axis=1)])
    assert len(cnn.models_) == 1


class Comparable(MnistCNN):
    """Compare equal if the hyperparameters are equal, and so lack a hash."""

    def __eq__(self, other):
        return type(self) is type(other) and self.get_params() == other.get_params()


def test_fit_subclass_with_eq(digits, small):
    X, y = digits[0][:100], digits[1][:100]
    cnn = Comparable(epochs=1, random_state=0, **small).fit(X, y)
    assert cnn.partial_fit(X, y) == Comparable(epochs=1, random_state=0, **small)


class Halving(keras.callbacks.Callback):
    """Change a hyperparameter of the estimator."""

    estimator = None

    def on_train_begin(self, logs=None):
        rate = self.estimator.learning_rate / 2
        self.estimator.set_params(learning_rate=rate)


def test_callbacks_referring_to_estimator(digits, small):
    X, y, X_test, _ = (part[:100] for part in digits)
    halving = Halving()
    cnn = MnistCNN(epochs=1, random_state=0, callbacks=halving, **small)
    halving.estimator = cnn
    cnn.set_params(learning_rate=0.016)
    sizes = [len(pickle.dumps(cnn.fit(X, y))) for _ in range(4)]
    assert cnn.learning_rate == 0.001
    assert max(sizes) < 1.01 * min(sizes)
    copied = pickle.loads(pickle.dumps(cnn))
    assert_array_equal(copied.predict_proba(X_test), cnn.predict_proba(X_test))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_warning_stacklevel(method, digits, small):
    X, y = digits[0][:100], digits[1][:100]
    cnn = MnistCNN(epochs=1, random_state=0, **small)
    with pytest.warns(UserWarning, match="does not scale them") as seen:
        getattr(cnn, method)(X * 16, y)
    assert [warning.filename for warning in seen] == [__file__]
