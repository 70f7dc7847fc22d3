"""What the networks that a process keeps promise to their users."""

import gc
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skmnist import MnistCNN
from skmnist.neural_network import _model_cache as _pool
from skmnist.neural_network._architecture import Architecture
from skmnist.neural_network._keras import keras
from skmnist.neural_network._model_cache import borrow

TINY = Architecture(
    image_shape=(2, 2),
    n_classes=2,
    filters=(1,),
    kernel_sizes=(1,),
    dense_units=1,
    dropout=(0.0, 0.0),
    augmentation=None,
)


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    """Give each test an empty pool, and the list of what idles in it."""
    networks = []
    monkeypatch.setattr(_pool, "_idle", networks)
    return networks


def tiny(dense_units):
    return TINY._replace(dense_units=dense_units)


def test_a_network_that_came_back_is_lent_again():
    with borrow(TINY) as first:
        pass
    with borrow(TINY) as second:
        assert second is first


def test_another_architecture_is_another_network():
    with borrow(TINY) as first:
        pass
    for other in (tiny(2), TINY._replace(dropout=(0.0, 0.5))):
        with borrow(other) as second:
            assert second is not first


def test_a_network_is_lent_to_one_user_at_a_time(idle):
    with borrow(TINY):  # so that there is one that all would like to have
        pass
    n_users = 4
    together = threading.Barrier(n_users)
    lent = []

    def use():
        with borrow(TINY) as network:
            together.wait(timeout=60)
            lent.append(network)
            together.wait(timeout=60)

    threads = [threading.Thread(target=use) for _ in range(n_users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(set(map(id, lent))) == n_users
    assert {id(network) for _, network in idle} == set(map(id, lent))


def test_at_most_eight_idle_and_the_one_used_longest_ago_goes_first(idle):
    networks = {}
    for dense_units in range(1, 9):
        with borrow(tiny(dense_units)) as networks[dense_units]:
            pass
    with borrow(tiny(1)), borrow(tiny(9)):  # 1 is used again, 2 is now the oldest
        pass
    assert len(idle) == 8
    for dense_units in (1, 3, 4, 5, 6, 7, 8):
        with borrow(tiny(dense_units)) as network:
            assert network is networks[dense_units]
    with borrow(tiny(2)) as network:
        assert network is not networks[2]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_exception_a_network_is_not_taken_back(error, idle):
    with pytest.raises(error), borrow(TINY) as first:
        raise error
    assert not idle
    with borrow(TINY) as second:
        assert second is not first


def test_the_dtype_policy_decides_too():
    with borrow(TINY) as first:
        pass
    with borrow(TINY._replace(dtype="mixed_bfloat16")) as second:
        assert second is not first
        (convolution, *_) = second.model.layers
        assert convolution.compute_dtype == "bfloat16"


def under_policy(name, do, *args):
    """Call under one of Keras's policies, which each thread has for itself."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        return do(*args)
    finally:
        keras.config.set_dtype_policy(before)


def test_a_network_answers_with_the_arithmetic_that_it_was_trained_with(digits, small):
    X, y, X_test, _ = (part[:300] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small)
    single = cnn.fit(X, y).predict_proba(X_test)
    expected = under_policy(
        "mixed_bfloat16", lambda: cnn.fit(X, y).predict_proba(X_test)
    )
    assert not np.array_equal(single, expected)
    assert_array_equal(cnn.predict_proba(X_test), expected)
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(cnn.predict_proba, X_test).result(timeout=120)
    assert_array_equal(found, expected)
    assert_array_equal(
        cnn.model_.predict(X_test.reshape(-1, 8, 8, 1), verbose=0), expected
    )


class Meddler(keras.callbacks.Callback):
    """Do something to the network when training begins, and perhaps undo it."""

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
def test_what_a_callback_does_to_a_network_stays_in_that_fit(
    digits, small, idle, meddling
):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small)
    alone = cnn.fit(X, y).predict_proba(X_test)
    for known in (True, False):  # was such a network there, and traced, before?
        if not known:
            idle.clear()
        meddled = MnistCNN(**cnn.get_params() | {"callbacks": [Meddler(*meddling)]})
        try:
            meddled.fit(X, y)
        except ValueError:  # Keras's own, about an optimizer that does not fit
            pass
        assert_array_equal(cnn.fit(X, y).predict_proba(X_test), alone)


def test_a_network_that_a_callback_keeps_answers_for_nobody(digits, small):
    X, y = (part[:200] for part in digits[:2])
    kept = []
    cnn = MnistCNN(epochs=1, random_state=0, callbacks=[Meddler(kept.append)], **small)
    expected = cnn.fit(X, y).predict_proba(X)
    for variable in kept[0].trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))
    assert_array_equal(cnn.predict_proba(X), expected)


class KeepEpochs:
    """A callback of scikit-learn that keeps what was fitted at each epoch's end."""

    def __init__(self):
        self.kept = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.kept.append(fitted_estimator)


def test_what_was_kept_before_a_divergence_answers_with_its_own_weights(digits, small):
    X, y, X_test, _ = (part[:100] for part in digits)
    keep = KeepEpochs()
    growing = {"epochs": 60, "learning_rate": 2e6, "anneal": "one_cycle"}
    net = {"filters": (8,), "kernel_sizes": (3,), "dropout": (0.0, 0.0)}
    cnn = MnistCNN(random_state=0, **small | net | growing).set_callbacks(keep)
    with pytest.raises(ValueError, match="choose a smaller learning_rate"):
        cnn.fit(X, y)
    last = keep.kept[-1]
    expected = pickle.loads(pickle.dumps(last)).model_.predict(
        X_test.reshape(-1, 8, 8, 1), verbose=0
    )
    assert_array_equal(last.predict_proba(X_test), expected)


def test_a_network_that_never_comes_back_is_not_waited_for_for_ever(
    digits, small, idle, monkeypatch
):
    """As after a Ctrl-C between a prediction's end and the return of its network."""
    X, y, X_test, _ = (part[:100] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    proba = cnn.predict_proba(X_test)
    idle.clear()
    monkeypatch.setattr(_pool, "_predicting", {cnn._fitted_architecture})
    monkeypatch.setattr(_pool, "_PATIENCE", 0.5)
    for _ in range(2):
        assert_array_equal(cnn.predict_proba(X_test), proba)
    assert not _pool._predicting


def test_callbacks_that_only_look_on_leave_the_network_to_others(digits, small, idle):
    X, y = (part[:84] for part in digits[:2])
    stop = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
    cnn = MnistCNN(epochs=2, anneal=True, callbacks=[stop], **small).fit(X, y)
    (before,) = idle
    cnn.fit(X, y)
    assert [before] == idle


def test_a_fit_that_diverges_leaves_its_network_to_others(digits, small, idle):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small)
    alone = cnn.fit(X, y).predict_proba(X_test)
    (before,) = idle
    for rate in (1e30, 1e10):
        with pytest.raises(ValueError, match="choose a smaller learning_rate"):
            MnistCNN(**cnn.get_params()).set_params(learning_rate=rate).fit(X, y)
    assert [before] == idle
    assert_array_equal(cnn.fit(X, y).predict_proba(X_test), alone)


def test_copies_at_test_time_leave_no_variables(digits, small, monkeypatch):
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


def test_the_scale_of_the_loss_in_16_bits_begins_anew():
    with borrow(TINY._replace(dtype="mixed_float16")) as network:
        adam = network.model.optimizer
        adam.dynamic_scale.assign(2.0)
        adam.step_counter.assign(7)
        network.load_optimizer({})
        assert float(adam.dynamic_scale) == adam.initial_scale > 2
        assert int(adam.step_counter) == 0


def test_who_asks_during_a_fit_gets_the_old_answers_or_the_new(digits, small):
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
    for copy, labels in seen:
        old = copy.classes_.dtype.kind == "i"
        assert_array_equal(copy.predict_proba(X), before if old else after)
        old = labels.dtype.kind == "i"
        assert_array_equal(labels, codes if old else fitted.predict(X))
    assert_array_equal(cnn.predict_proba(X), after)


def test_threads_that_train_one_estimator_train_it_in_turns(digits, small):
    X, y = (part[:84] for part in digits[:2])
    together, alone = (MnistCNN(random_state=0, **small) for _ in range(2))
    classes = np.arange(10)
    together.partial_fit(X, y, classes)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: together.partial_fit(X, y), range(6)))
    for _ in range(7):
        alone.partial_fit(X, y, classes)
    assert together.history_ == alone.history_
    assert_array_equal(together.predict_proba(X), alone.predict_proba(X))


def test_a_fit_that_fails_takes_nothing_back_that_another_did(digits, small):
    X, y = (part[:84] for part in digits[:2])
    cnn = MnistCNN(random_state=0, **small).partial_fit(X, y, np.arange(10))
    begun, done = threading.Event(), threading.Event()

    class Failing:
        """A table that is asked for its rows at length, in vain."""

        def __array__(self, *args, **kwargs):
            begun.set()
            done.wait(timeout=1)
            raise RuntimeError("no rows")

    with ThreadPoolExecutor(2) as threads:
        failing = threads.submit(cnn.fit, Failing(), y)
        assert begun.wait(timeout=60)
        cnn.set_params(batch_size=20)
        other = threads.submit(cnn.partial_fit, X, y)
        done.set()
        other.result(timeout=120)
        assert failing.exception(timeout=60) is not None
    assert len(cnn.history_["loss"]) == 2
    assert cnn.batch_size == 20


def test_threads_that_ask_for_the_model_get_the_same_one(digits, small):
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


def test_the_second_fit_of_the_same_shapes_traces_nothing(digits, small, calls):
    X, y, X_test, _ = digits

    def fit(rows, seed):
        cnn = MnistCNN(epochs=1, augment=True, random_state=seed, **small)
        return cnn.fit(X[rows], y[rows]).predict_proba(X_test[:50])

    first = fit(slice(0, 200), seed=0)
    assert calls
    calls.clear()
    second = fit(slice(200, 400), seed=1)
    assert not calls
    assert not np.array_equal(first, second)


def test_a_used_network_leaves_no_trace_in_the_next_fit(digits, small, idle):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=2, augment=True, random_state=0, **small)
    fresh = cnn.fit(X, y).predict_proba(X_test)
    MnistCNN(epochs=1, augment=True, random_state=1, **small).fit(X[::-1], y[::-1])
    assert len(idle) == 1
    again = cnn.fit(X, y).predict_proba(X_test)
    assert_array_equal(again, fresh)


def test_a_fit_leaves_nothing_to_the_garbage_collector(digits, small, tmp_path):
    X, y = (part[:42].copy() for part in digits[:2])
    gc.disable()  # what refers to itself stays
    try:
        cnn = MnistCNN(epochs=2, anneal=True, random_state=0, **small)
        cnn.set_params(checkpoint_dir=tmp_path)
        left = [weakref.ref(cnn.fit(X, y)), weakref.ref(X)]
        del cnn, X
        assert [reference() for reference in left] == [None, None]
    finally:
        gc.enable()


def test_threads_that_predict_take_turns_with_one_network(digits, small, idle):
    X, y, X_test, _ = (part[:300] for part in digits)
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    expected = cnn.predict_proba(X_test)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(cnn.predict_proba, [X_test] * 40):
            assert_array_equal(found, expected)
    assert len(idle) == 1


def test_a_prediction_does_not_wait_for_a_fit():
    with borrow(TINY) as of_the_fit, borrow(TINY, to_predict=True) as other:
        assert other is not of_the_fit


def test_who_comes_during_a_prediction_waits_for_it_even_if_it_fails():
    lent = []

    def use(to_predict):
        with borrow(TINY, to_predict=to_predict) as network:
            lent.append(network)

    for to_predict in (True, False):
        thread = threading.Thread(target=use, args=[to_predict])
        with pytest.raises(ValueError), borrow(TINY, to_predict=True) as failed:
            thread.start()
            thread.join(timeout=0.5)
            assert thread.is_alive() and not lent
            raise ValueError
        thread.join(timeout=60)
        assert lent.pop() is not failed
