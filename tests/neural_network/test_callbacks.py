"""scikit-learn's callbacks see every epoch."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV

from skmnist import MnistCNN, make_mnist_pipeline
from skmnist.neural_network._keras import keras

EPOCHS = 3
NET = {
    "filters": (8,),
    "kernel_sizes": (3,),
    "dense_units": 16,
    "dropout": (0.1, 0.1),
    "epochs": EPOCHS,
    "batch_size": 30,
    "learning_rate": 0.01,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def few(digits):
    """Return scaled digits: X, y."""
    return digits[0][:300], digits[1][:300]


class Recorder:
    """A callback that records tasks, and the fitted estimator at the end of each."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.fitted = {}
        self.given = {}

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.events.append(f"end {context.task_name} {context.task_id}")
        self.fitted[context.task_name, context.task_id] = fitted_estimator
        self.given = {"X": X, "y": y, "metadata": metadata}
        return context.task_name == "epoch" and context.task_id == self.stop_after


def record(X, y, stop_after=None, sample_weight=None, **changes):
    recorder = Recorder(stop_after)
    cnn = MnistCNN(**(NET | changes)).set_callbacks(recorder)
    return cnn.fit(X, y, sample_weight=sample_weight), recorder


def test_callbacks_task_per_epoch(few):
    _, recorder = record(*few)
    epochs = [f"{what} epoch {k}" for k in range(EPOCHS) for what in ("begin", "end")]
    assert recorder.events == [
        *("setup", "begin fit 0", *epochs, "end fit 0", "teardown")
    ]


def test_callbacks_data_and_metadata(few):
    X, y = few
    weight = np.linspace(1, 2, len(y))
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    _, recorder = record(frame, y, sample_weight=weight)
    assert recorder.given["X"] is frame
    assert_array_equal(recorder.given["y"], y)
    assert recorder.given["metadata"].keys() == {"sample_weight"}
    assert recorder.given["metadata"]["sample_weight"] is weight
    _, recorder = record(*few)
    assert recorder.given["metadata"] is None


def test_callbacks_fitted_estimator_of_each_epoch(few):
    X, y = few
    changes = {"anneal": True, "anneal_patience": 1, "augment": True}
    cnn, recorder = record(X, y, **changes)
    for k in range(EPOCHS):
        seen = recorder.fitted["epoch", k]
        shorter = MnistCNN(**(NET | changes | {"epochs": k + 1})).fit(X, y)
        assert_array_equal(seen.predict_proba(X), shorter.predict_proba(X))
        assert seen.history_ == shorter.history_
        assert_array_equal(seen.batch_loss_, shorter.batch_loss_)
        # It is a complete estimator, which can continue training.
        assert_array_equal(
            clone_state(seen).partial_fit(X, y).predict_proba(X),
            shorter.partial_fit(X, y).predict_proba(X),
        )
    whole = recorder.fitted["fit", 0]
    assert_array_equal(whole.predict_proba(X), cnn.predict_proba(X))
    assert len(cnn.history_["loss"]) == EPOCHS


def clone_state(cnn):
    return clone(cnn).set_callbacks()._import_state(cnn._export_state())


def test_callbacks_stop_training(few):
    X, y = few
    stopped, recorder = record(X, y, stop_after=1, epochs=40)
    two = MnistCNN(**(NET | {"epochs": 2})).fit(X, y)
    assert len(stopped.history_["loss"]) == 2
    assert_array_equal(stopped.predict_proba(X), two.predict_proba(X))
    assert recorder.events[-3:] == ["end epoch 1", "end fit 0", "teardown"]


def test_callbacks_teardown_after_exception(few):
    class Break(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    recorder = Recorder()
    cnn = MnistCNN(callbacks=Break(), **NET).set_callbacks(recorder)
    with pytest.raises(KeyboardInterrupt):
        cnn.fit(*few)
    assert recorder.events[-1] == "teardown"
    assert not hasattr(cnn, "_callback_fit_ctx")
    assert cnn.set_params(callbacks=None).fit(*few).score(*few) > 0.5


def scores_per_epoch(monitor):
    rows = monitor.get_logs().data
    return [row["accuracy"] for row in rows if row["task_name"] == "epoch"]


def test_scoring_monitor_per_epoch(few):
    X, y = few
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    for form in (X, frame, X.reshape(-1, 8, 8)):
        monitor = ScoringMonitor(scoring="accuracy")
        cnn = MnistCNN(**NET).set_callbacks(monitor).fit(form, y)
        scores = scores_per_epoch(monitor)
        assert len(scores) == EPOCHS
        assert scores[-1] == cnn.score(form, y) > 0.5
        assert scores[0] < scores[-1]


def test_scoring_monitor_sample_weight(few):
    X, y = few
    weight = np.where(y < 5, 3.0, 1.0)
    monitor = ScoringMonitor(scoring="accuracy")
    cnn = MnistCNN(**NET).set_callbacks(monitor).fit(X, y, sample_weight=weight)
    assert scores_per_epoch(monitor)[-1] == cnn.score(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        cnn.fit(X, y)
    assert scores_per_epoch(monitor)[-1] == cnn.score(X, y)


def test_scoring_monitor_in_pipeline_and_search(few):
    X, y = few
    pipeline = make_mnist_pipeline(max_value=16, **NET)
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline["cnn"].set_callbacks(monitor)
    pipeline.fit(X * 16, y)
    scores = scores_per_epoch(monitor)
    assert len(scores) == EPOCHS
    assert scores[-1] == pipeline.score(X * 16, y)
    GridSearchCV(pipeline, {"cnn__augment": [False, True]}, cv=2).fit(X * 16, y)
    # Two candidates on two folds, and the refit.
    assert len(scores_per_epoch(monitor)) == 5 * EPOCHS


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_progress_bar_of_grid_search(n_jobs, few, capfd):
    X, y = few
    search = GridSearchCV(
        make_mnist_pipeline(max_value=16, **NET),
        {"cnn__learning_rate": [1e-7, 0.01]},
        cv=2,
        n_jobs=n_jobs,
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=2)).fit(X * 16, y)
    assert search.best_params_ == {"cnn__learning_rate": 0.01}
    shown, complained = capfd.readouterr()
    # Of the workers, where TensorFlow logs some lines at import.
    assert "Warning" not in complained and "Traceback" not in complained
    fits = re.findall(r"candidate-split-evaluation \| Pipeline - fit #(\d)", shown)
    assert sorted(fits) == ["0", "1", "2", "3"]
    bars = [line for line in shown.splitlines() if "MnistCNN - fit" in line]
    assert len(bars) == 5
    assert len([line for line in shown.splitlines() if "ImageScaler" in line]) == 5
    assert all("100%" in line for line in shown.splitlines())


def test_progress_bar_advances_per_epoch(few, monkeypatch):
    from sklearn.callback import _progressbar

    advances = []

    class Watched(_progressbar.RichTask):
        @property
        def progress(self):
            value = super().progress
            if self.total == EPOCHS:
                advances.append(value)
            return value

    monkeypatch.setattr(_progressbar, "RichTask", Watched)
    MnistCNN(**NET).set_callbacks(ProgressBar()).fit(*few)
    assert advances == pytest.approx([1 / 3, 2 / 3, 1])


class Noting(keras.callbacks.Callback):
    """Record the calls of a Keras callback."""

    def __init__(self, stop_after=None):
        super().__init__()
        self.stop_after = stop_after
        self.called = []

    def set_model(self, model):
        super().set_model(model)
        self.n_params = model.count_params()

    def on_train_batch_end(self, batch, logs=None):
        self.called.append("batch")
        if batch + 1 == self.stop_after:
            self.model.stop_training = True

    def on_test_begin(self, logs=None):
        self.called.append("test")

    def on_test_batch_end(self, batch, logs=None):
        self.called.append(logs["loss"])

    def on_test_end(self, logs=None):
        self.called.append("tested")


def test_keras_callbacks_in_validation(few):
    X, y = few
    cnn = MnistCNN(**NET | {"epochs": 2, "callbacks": Noting()}).fit(X, y)
    called = cnn.callbacks_[0].called
    assert called.count("test") == called.count("tested") == 2
    first = called.index("test")
    assert called[first + 2] == "tested"
    assert called[first + 1] == pytest.approx(cnn.history_["val_loss"][0])


def test_keras_callbacks_stop_within_epoch(few):
    X, y = few
    cnn = MnistCNN(**NET | {"callbacks": [Noting(stop_after=2)]}).fit(X, y)
    assert cnn.callbacks_[0].called.count("batch") == 2 == len(cnn.batch_loss_)
    assert len(cnn.history_["loss"]) == 1
