"""Compiled models are reused, and no use affects the next."""

import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmnist import MnistCNN
from skmnist.neural_network._keras import keras


class Meddler(keras.callbacks.Callback):
    """Change the network when training begins, and optionally undo it."""

    def __init__(self, do, undo=None):
        super().__init__()
        self.do, self.undo = do, undo

    def on_train_begin(self, logs=None):
        self.do(self.model)

    def on_train_end(self, logs=None):
        if self.undo:
            self.undo(self.model)


def freeze(model, trainable=False):
    model.layers[0].trainable = trainable


def compile_anew(model):
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")


def change_adam(model):
    model.optimizer.beta_1 = 0.5
    model.optimizer.clipnorm = 0.01


def follow_a_schedule(model):
    model.optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(0.1, 5)


def penalise(model, penalty=1.0):
    model.layers[0].kernel.regularizer = keras.regularizers.L2(penalty)


def constrain(model):
    model.layers[0].kernel.constraint = keras.constraints.MaxNorm(0.1)


def hold_one_variable(model):
    model.layers[0].kernel.trainable = False


def triple_the_loss(model):
    of_keras = model.compute_loss
    model.compute_loss = lambda *args, **kwargs: 3 * of_keras(*args, **kwargs)


def halve_a_layer(model):
    of_keras = model.layers[0].call
    model.layers[0].call = lambda *args, **kwargs: of_keras(*args, **kwargs) / 2


def no_dropout(model, rate=0.0):
    model.get_layer("dropout1").rate = rate


@pytest.mark.parametrize(
    "meddling",
    [
        [freeze],
        [freeze, lambda model: freeze(model, True)],
        [compile_anew],
        [change_adam],
        [follow_a_schedule],
        [penalise],
        [constrain],
        [hold_one_variable],
        [triple_the_loss],
        [halve_a_layer],
        [no_dropout],
        [no_dropout, lambda model: no_dropout(model, 0.1)],
    ],
)
def test_fit_after_callback_changed_model(digits, small, meddling):
    X, y, X_test, _ = (part[:100] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small)
    alone = cnn.fit(X, y).predict_proba(X_test)
    meddled = MnistCNN(**cnn.get_params() | {"callbacks": [Meddler(*meddling)]})
    try:
        meddled.fit(X, y)
    except (ValueError, KeyError):  # of Keras, about another optimizer
        pass
    assert_array_equal(cnn.fit(X, y).predict_proba(X_test), alone)


def test_predict_proba_after_model_changed(digits, small):
    X, y = (part[:200] for part in digits[:2])
    kept = []
    cnn = MnistCNN(epochs=1, random_state=0, callbacks=[Meddler(kept.append)], **small)
    expected = cnn.fit(X, y).predict_proba(X)
    for variable in kept[0].trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))
    assert_array_equal(cnn.predict_proba(X), expected)


class KeepEpochs:
    """A callback of scikit-learn that keeps the fitted estimator of each epoch."""

    def __init__(self):
        self.kept = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.kept.append(fitted_estimator)


def test_predict_proba_of_epoch_before_divergence(digits, small):
    X, y, X_test, _ = (part[:100] for part in digits)
    keep = KeepEpochs()
    growing = {"epochs": 60, "learning_rate": 2e6, "anneal": "one_cycle"}
    net = {"filters": (8,), "kernel_sizes": (3,), "dropout": (0.0, 0.0)}
    cnn = MnistCNN(random_state=0, **small | net | growing).set_callbacks(keep)
    with pytest.raises(ValueError, match="choose a smaller learning_rate"):
        cnn.fit(X, y)
    last = keep.kept[-1]
    # In one batch, since bits may depend on the size of the batch.
    expected = pickle.loads(pickle.dumps(last)).model_.predict_on_batch(
        X_test.reshape(-1, 8, 8, 1)
    )
    assert_array_equal(last.predict_proba(X_test), expected)


def test_predict_proba_tta_copies_creates_no_variables(digits, small, monkeypatch):
    X, y = (part[:100] for part in digits[:2])
    cnn = MnistCNN(epochs=1, tta_copies=3, **small).fit(X, y)
    cnn.predict(X)
    made = []
    init = keras.Variable.__init__
    monkeypatch.setattr(
        keras.Variable,
        "__init__",
        lambda self, *args, **kwargs: made.append(self) or init(self, *args, **kwargs),
    )
    cnn.predict(X)
    assert not made


def test_predict_during_concurrent_fit(digits, small):
    X, y = (part[:300] for part in digits[:2])
    few = y < 5
    cnn = MnistCNN(epochs=3, random_state=0, **small).fit(X[few], y[few])
    codes = cnn.predict(X)
    names = np.array([f"class {9 - label}" for label in y])
    fitted = MnistCNN(**cnn.get_params()).fit(X, names)
    before, after = cnn.predict_proba(X), fitted.predict_proba(X)
    seen = []
    with ThreadPoolExecutor(1) as thread:
        fit = thread.submit(cnn.fit, X, names)
        while not fit.done():
            seen.append((pickle.loads(pickle.dumps(cnn)), cnn.predict(X)))
    assert len(seen) > 3
    for pickled, labels in seen:
        old = pickled.classes_.dtype.kind == "i"
        assert_array_equal(pickled.predict_proba(X), before if old else after)
        old = labels.dtype.kind == "i"
        assert_array_equal(labels, codes if old else fitted.predict(X))
    assert_array_equal(cnn.predict_proba(X), after)


def test_model_in_threads(digits, small):
    X, y = (part[:84] for part in digits[:2])
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    with ThreadPoolExecutor(4) as threads:
        models = list(threads.map(lambda _: cnn.model_, range(4)))
    assert len(set(map(id, models))) == 1
    assert cnn.fit(X, y).model_ is not models[0]


@pytest.fixture
def calls(monkeypatch):
    """Return a list that grows whenever Python runs through a convolution.

    A traced network runs without Python.
    """
    log = []
    call = keras.layers.Conv2D.call

    def noted(self, inputs):
        log.append(self.name)
        return call(self, inputs)

    monkeypatch.setattr(keras.layers.Conv2D, "call", noted)
    return log


def test_fit_same_architecture_not_traced_again(digits, small, calls):
    X, y, X_test, _ = digits

    def fit(rows, seed):
        cnn = MnistCNN(epochs=1, augment=True, random_state=seed, **small)
        cnn.set_params(dropout=(0.01, 0.02, 0.03))  # which no other test has
        return cnn.fit(X[rows], y[rows]).predict_proba(X_test[:50])

    first = fit(slice(0, 200), seed=0)
    assert calls
    calls.clear()
    second = fit(slice(200, 400), seed=1)
    assert not calls
    assert not np.array_equal(first, second)


def test_fit_same_architecture_again(digits, small):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=2, augment=True, random_state=0, **small)
    fresh = cnn.fit(X, y).predict_proba(X_test)
    MnistCNN(epochs=1, augment=True, random_state=1, **small).fit(X[::-1], y[::-1])
    again = cnn.fit(X, y).predict_proba(X_test)
    assert_array_equal(again, fresh)


def test_fit_reference_cycles(digits, small, tmp_path):
    X, y = (part[:42].copy() for part in digits[:2])
    gc.disable()  # so that reference cycles stay
    try:
        cnn = MnistCNN(epochs=2, anneal=True, random_state=0, **small)
        cnn.set_params(checkpoint_dir=tmp_path)
        left = [weakref.ref(cnn.fit(X, y)), weakref.ref(X)]
        del cnn, X
        assert [reference() for reference in left] == [None, None]
    finally:
        gc.enable()


def test_predict_proba_in_threads(digits, small):
    X, y, X_test, _ = (part[:300] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    expected = cnn.predict_proba(X_test)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(cnn.predict_proba, [X_test] * 20):
            assert_array_equal(found, expected)


def test_predict_during_long_prediction(digits, small):
    X, y = (part[:84] for part in digits[:2])
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    averaging = copy.deepcopy(cnn).set_params(tta_copies=20)
    many = np.tile(X, (400, 1))
    with ThreadPoolExecutor(1) as thread:
        long = thread.submit(averaging.predict, many)
        cnn.predict(X[:1])
        assert not long.done()
        assert len(long.result()) == len(many)
