"""Early stopping, and interruption by Ctrl-C."""

import os
import signal

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmnist import MnistCNN, load_model, save_model
from skmnist.neural_network._keras import keras

STOPPING = {"early_stopping": True, "n_iter_no_change": 2, "epochs": 60}


@pytest.fixture(scope="module")
def stopped(digits, small):
    X, y = (part[:300] for part in digits[:2])
    return MnistCNN(random_state=0, **STOPPING, **small).fit(X, y)


def expected_stop(losses, patience, min_delta=0.001):
    """Return the number of the last and of the best epoch by the documented rule."""
    best, best_epoch, improved, waited = np.inf, 0, np.inf, 0
    for epoch, loss in enumerate(losses, 1):
        waited += 1
        if loss < improved - min_delta:
            improved, waited = loss, 0
        if loss < best:
            best, best_epoch = loss, epoch
        if waited == patience:
            return epoch, best_epoch
    return len(losses), best_epoch


def test_early_stopping_small_steps_add_up(digits, small):
    X, y = (part[:300] for part in digits[:2])
    params = small | STOPPING | {"learning_rate": 3e-5, "n_iter_no_change": 4}
    cnn = MnistCNN(random_state=0, **params | {"epochs": 12}).fit(X, y)
    steps = -np.diff(cnn.history_["val_loss"])
    assert np.all((0 < steps) & (steps < 0.001))
    assert len(steps) == 11


def test_early_stopping_epoch_and_weights(stopped, digits, small):
    X, y, X_test, _ = (part[:300] for part in digits)
    losses = stopped.history_["val_loss"]
    assert (len(losses), stopped.best_epoch_) == expected_stop(losses, 2)
    assert stopped.best_epoch_ < len(losses) < 60
    best = MnistCNN(random_state=0, epochs=stopped.best_epoch_, **small).fit(X, y)
    assert_array_equal(best.predict_proba(X_test), stopped.predict_proba(X_test))
    assert not hasattr(best, "best_epoch_")


def test_early_stopping_in_model_file(stopped, digits, tmp_path):
    save_model(stopped, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert_array_equal(
        loaded.predict_proba(digits[2]), stopped.predict_proba(digits[2])
    )
    assert loaded.best_epoch_ == stopped.best_epoch_
    assert loaded.history_ == stopped.history_


class Interrupt(keras.callbacks.Callback):
    """Press Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch, batch=2):
        super().__init__()
        self.epoch, self.batch, self.now = epoch, batch, None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, self.batch):
            os.kill(os.getpid(), signal.SIGINT)


def test_early_stopping_resumed_from_checkpoint(stopped, digits, tmp_path):
    X, y, X_test, _ = (part[:300] for part in digits)
    cnn = clone(stopped).set_params(checkpoint_dir=tmp_path)
    n_stop = len(stopped.history_["loss"])

    class Stop:
        """A callback of scikit-learn that stops after some epochs."""

        n = 0

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            self.n += context.task_name == "epoch"
            return self.n == stopped.best_epoch_ + 1

    first = clone(cnn).set_callbacks(Stop()).fit(X, y)
    assert len(first.history_["loss"]) == stopped.best_epoch_ + 1 <= n_stop
    for _ in range(2):  # resumed, and then found finished
        again = clone(cnn).fit(X, y)
        assert again.history_ == stopped.history_
        assert again.best_epoch_ == stopped.best_epoch_
        assert_array_equal(again.predict_proba(X_test), stopped.predict_proba(X_test))


def test_early_stopping_in_search_and_warm_start(digits, small):
    X, y = (part[:200] for part in digits[:2])
    cnn = MnistCNN(random_state=0, **small | STOPPING | {"epochs": 8})
    search = GridSearchCV(cnn, {"n_iter_no_change": [1, 8]}, cv=2).fit(X, y)
    assert search.best_estimator_.best_epoch_ <= 8
    cnn.set_params(warm_start=True, n_iter_no_change=1).fit(X, y)
    n_first = len(cnn.history_["loss"])
    cnn.fit(X, y)
    assert len(cnn.history_["loss"]) > n_first
    assert cnn.best_epoch_ > n_first
    cnn.partial_fit(X, y)
    assert not hasattr(cnn, "best_epoch_")


def test_fit_ctrl_c_keeps_last_epoch(digits, small):
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=9, random_state=0, callbacks=[Interrupt(3)], **small)
    with pytest.raises(KeyboardInterrupt):
        cnn.fit(X, y)
    three = MnistCNN(epochs=3, random_state=0, **small).fit(X, y)
    assert cnn.history_ == three.history_
    assert_array_equal(cnn.batch_loss_, three.batch_loss_)
    assert_array_equal(cnn.predict_proba(X_test), three.predict_proba(X_test))
    assert_array_equal(
        cnn.set_params(callbacks=None).partial_fit(X, y).predict_proba(X_test),
        three.partial_fit(X, y).predict_proba(X_test),
    )


@pytest.mark.parametrize("place", ["callback", "checkpoint"])
def test_fit_ctrl_c_when_an_epoch_is_over(place, digits, small, tmp_path, monkeypatch):
    """What is done after an epoch may take as long as the epoch."""
    X, y, X_test, _ = (part[:200] for part in digits)
    cnn = MnistCNN(epochs=9, random_state=0, **small)
    n_calls = 0

    def interrupt_second():
        nonlocal n_calls
        n_calls += 1
        if n_calls == 2:
            raise KeyboardInterrupt

    class Stop:
        """A callback of scikit-learn."""

        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                interrupt_second()

    if place == "callback":
        cnn.set_callbacks(Stop())
    else:
        cnn.set_params(checkpoint_dir=tmp_path)
        sync = os.fsync

        def interrupted(descriptor):
            sync(descriptor)
            if os.path.isfile(f"/proc/self/fd/{descriptor}"):
                interrupt_second()

        monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cnn.fit(X, y)
    two = MnistCNN(epochs=2, random_state=0, **small).fit(X, y)
    assert cnn.history_ == two.history_
    assert_array_equal(cnn.predict_proba(X_test), two.predict_proba(X_test))


def test_fit_ctrl_c_in_first_epoch(digits, small):
    X, y, X_test, _ = (part[:200] for part in digits)
    interrupt = Interrupt(0)
    cnn = MnistCNN(epochs=2, random_state=0, callbacks=[interrupt], **small)
    with pytest.raises(KeyboardInterrupt):
        cnn.fit(X, y)
    assert not hasattr(cnn, "classes_")
    cnn.set_params(callbacks=None).fit(X, y)
    before = cnn.predict_proba(X_test)
    with pytest.raises(KeyboardInterrupt):
        cnn.set_params(callbacks=[interrupt], random_state=1).fit(X, y)
    assert_array_equal(cnn.predict_proba(X_test), before)


def test_grid_search_ctrl_c(digits, small):
    X, y = (part[:200] for part in digits[:2])
    cnn = MnistCNN(epochs=3, random_state=0, callbacks=[Interrupt(1)], **small)
    search = GridSearchCV(cnn, {"learning_rate": [0.001, 0.01]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
