"""An interrupted fit is resumed where it stopped, to the bit."""

import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
from helpers import assert_same_fit, needs_16_bits, rewrite_checkpoint
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmnist import MnistCNN, load_model, save_model
from skmnist.io._tensor_file import TensorFile
from skmnist.neural_network._keras import keras
from skmnist.neural_network._state_file import pack_state, unpack_state


class Epochs:
    """Callback of scikit-learn that counts epochs, and interrupts like Ctrl-C."""

    def __init__(self, interrupt_after=None):
        self.interrupt_after = interrupt_after
        self.n_begun = 0

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_end = setup

    def on_fit_task_begin(self, estimator, context):
        if context.task_name != "epoch":
            return
        if self.n_begun == self.interrupt_after:
            raise KeyboardInterrupt
        self.n_begun += 1


def interrupt(cnn, X, y, after):
    """Fit, and interrupt at the beginning of an epoch."""
    with pytest.raises(KeyboardInterrupt):
        clone(cnn).set_callbacks(Epochs(interrupt_after=after)).fit(X, y)


def fit_counted(cnn, X, y):
    """Fit a clone, and return it with the number of epochs that it trained."""
    epochs = Epochs()
    return clone(cnn).set_callbacks(epochs).fit(X, y), epochs.n_begun


def without_seconds(file):
    """Return the bytes that a checkpoint would have without its duration."""
    params, state, extra = unpack_state(TensorFile(file))
    del extra["seconds"]
    return pack_state(params, state, extra)


@pytest.fixture(scope="module")
def few(digits):
    return digits[0][:150], digits[1][:150]


@pytest.fixture
def cnn(small, tmp_path):
    return MnistCNN(epochs=2, random_state=0, checkpoint_dir=tmp_path, **small)


@pytest.fixture
def finished(cnn, few, tmp_path):
    """Return a finished fit and its checkpoint."""
    whole = clone(cnn).fit(*few)
    (file,) = tmp_path.iterdir()
    return whole, file


# Resuming


@pytest.mark.parametrize(
    "params",
    [
        {"anneal": "plateau", "anneal_patience": 1, "augment": True},
        {"anneal": "one_cycle", "augment": True},
        {"early_stopping": True, "batch_norm": True, "learning_rate": 0.03},
        {"label_smoothing": 0.1},
    ],
    ids=["plateau", "one_cycle", "early_stopping", "label_smoothing"],
)
def test_fit_resumed_same_bits(params, digits, small, tmp_path):
    X, y, _, _ = digits
    whole = MnistCNN(**small | params, epochs=6, random_state=0).fit(X, y)
    cnn = clone(whole).set_params(checkpoint_dir=tmp_path / "new" / "folder")
    interrupt(cnn, X, y, after=2)
    interrupt(cnn, X, y, after=2)
    again, n_trained = fit_counted(cnn, X, y)
    assert_same_fit(again, whole)
    assert n_trained == 2
    again, n_trained = fit_counted(cnn, X, y)
    assert_same_fit(again, whole)
    assert n_trained == 0
    is_over = whole.anneal == "one_cycle"
    with pytest.warns(UserWarning, match="cycle") if is_over else nullcontext():
        assert_same_fit(again.partial_fit(X, y), whole.partial_fit(X, y))


def test_fit_resumed_warm_start_and_any_labels(few, cnn, tmp_path):
    X, labels = few[0], few[1].astype("M8[D]").astype(str)
    cnn.set_params(warm_start=True)
    again = clone(cnn)
    cnn.fit(X, labels).fit(X, labels)
    assert len(os.listdir(tmp_path)) == 2
    assert_same_fit(again.fit(X, labels).fit(X, labels), cnn)
    assert len(os.listdir(tmp_path)) == 2
    assert_array_equal(again.predict(X), cnn.predict(X))


def test_fit_resumed_by_two_threads(few, cnn, tmp_path):
    whole = clone(cnn).set_params(checkpoint_dir=None).fit(*few)
    interrupt(cnn, *few, after=1)
    with ThreadPoolExecutor(2) as pool:
        fits = pool.map(lambda one: one.fit(*few), (clone(cnn), clone(cnn)))
        for fitted in fits:
            assert_same_fit(fitted, whole)
    assert len(os.listdir(tmp_path)) == 1


def test_grid_search_finished_fits(few, cnn, tmp_path):
    grid = {"batch_size": [30, 60]}
    first = GridSearchCV(cnn, grid, cv=2).fit(*few)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(written) == 5
    second = GridSearchCV(cnn, grid, cv=2).fit(*few)
    assert {f: f.stat().st_mtime_ns for f in tmp_path.iterdir()} == written
    for name in ("mean_test_score", "split0_test_score"):
        assert_array_equal(first.cv_results_[name], second.cv_results_[name])
    assert_same_fit(first.best_estimator_, second.best_estimator_)


@pytest.mark.slow
def test_fit_killed_process_loses_one_epoch(digits, small, tmp_path):
    X, y, _, _ = digits
    params = small | {"epochs": 400, "random_state": 0, "filters": (4, 4)}
    joblib.dump((X, y, params), tmp_path / "data.joblib")
    points = tmp_path / "points"
    code = f"""
import joblib
from skmnist import MnistCNN
X, y, params = joblib.load({str(tmp_path / "data.joblib")!r})
MnistCNN(checkpoint_dir={str(points)!r}, **params).fit(X, y)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    while not points.exists() or not list(points.glob("*.safetensors")):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Fewer epochs would be another fit, so the state is read as the fit reads it.
    (file,) = points.glob("*.safetensors")
    _, state, extra = unpack_state(TensorFile(file))
    n_epochs = len(state["history"]["loss"])
    assert extra["finished"] is False
    assert 1 <= n_epochs < 400
    # Except with one cycle, the first epochs do not depend on the number of epochs.
    short = MnistCNN(**(params | {"epochs": n_epochs})).fit(X, y)
    assert short.history_ == state["history"]
    for name, weight in short._state.weights.items():
        assert_array_equal(weight, state["weights"][name])


# Checkpoints of other fits


def test_fit_checkpoint_of_other_fits(few, cnn, tmp_path):
    X, y = few
    cnn.set_params(epochs=1)
    others = [
        (cnn, X, y, {}),
        (clone(cnn).set_params(random_state=1), X, y, {}),
        (clone(cnn).set_params(batch_size=20), X, y, {}),
        (clone(cnn).set_params(class_weight={1: 2}), X, y, {}),
        (clone(cnn).set_params(image_shape=(4, 16)), X, y, {}),
        (cnn, X[::-1], y[::-1], {}),
        (cnn, X, (y + 1) % 10, {}),
        (cnn, X, y, {"sample_weight": np.linspace(1, 2, len(X))}),
        (cnn, X, y, {"X_val": X[:50], "y_val": y[:50]}),
    ]
    for n, (estimator, X_part, y_part, more) in enumerate(others, start=1):
        estimator.fit(X_part, y_part, **more)
        assert len(os.listdir(tmp_path)) == n
    clone(cnn).set_params(verbose=0, tta_copies=3).fit(X, y)
    assert len(os.listdir(tmp_path)) == len(others)


# For each hyperparameter, another value than in these tests.
OTHER_VALUES = {
    **{"anneal": "one_cycle", "anneal_factor": 0.5, "anneal_patience": 2},
    **{"augment": False, "rotation_range": 90.0, "zoom_range": 0.5},
    **{"shift_range": 0.3, "epochs": 2, "batch_size": 20, "learning_rate": 0.01},
    **{"min_learning_rate": 0.004, "validation_fraction": 0.3, "filters": (8, 8)},
    **{"kernel_sizes": (1, 3), "dense_units": 16, "dropout": (0.1, 0.1, 0.4)},
    **{"image_shape": (4, 16), "class_weight": {1: 9}, "warm_start": True},
    **{"random_state": 1, "verbose": 2, "callbacks": [], "tta_copies": 1},
    **{"early_stopping": False, "n_iter_no_change": 1, "batch_norm": True},
    **{"dtype": "mixed_bfloat16", "label_smoothing": 0.1},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted({*MnistCNN().get_params()} - {"checkpoint_dir"})
)
def test_fit_checkpoint_other_hyperparameter(name, few, small, tmp_path):
    settings = {"anneal": True, "anneal_patience": 1, "augment": True, "epochs": 3}
    settings |= {"early_stopping": True, "n_iter_no_change": 2}
    cnn = MnistCNN(**small | settings | {"random_state": 0})
    clone(cnn).set_params(checkpoint_dir=tmp_path).fit(*few)
    assert cnn.get_params()[name] != OTHER_VALUES[name]
    cnn.set_params(**{name: OTHER_VALUES[name]})
    expected = clone(cnn).fit(*few)
    found = cnn.set_params(checkpoint_dir=tmp_path).fit(*few)
    assert_same_fit(found, expected)
    X, _ = few
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


@needs_16_bits
@pytest.mark.parametrize("batch_norm", [False, True])
def test_fit_checkpoint_keeps_scale_of_loss(batch_norm, few, small, tmp_path):
    settings = {"dtype": "mixed_float16", "batch_norm": batch_norm, "epochs": 3}
    cnn = MnistCNN(**small | settings | {"batch_size": 2, "random_state": 0})
    whole = clone(cnn).fit(*few)
    # Steps were dropped, and the scale was lowered.
    assert whole._state.optimizer["iterations"] < 3 * 67
    assert 0 < whole._state.optimizer["dynamic_scale"] < 2**15
    cnn.set_params(checkpoint_dir=tmp_path)
    interrupt(cnn, *few, after=2)
    found, n_epochs = fit_counted(cnn, *few)
    assert n_epochs == 1
    assert_same_fit(found, whole)
    save_model(found, tmp_path / "model")
    assert_same_fit(load_model(tmp_path / "model"), whole)
    parts = clone(cnn).set_params(validation_fraction=None, checkpoint_dir=None)
    for _ in range(3):
        parts.partial_fit(*few)
    assert_same_fit(parts, clone(parts).fit(*few))


def test_fit_checkpoint_renamed_from_other_fit(few, cnn, finished, tmp_path):
    whole, own = finished
    clone(cnn).set_params(epochs=3).fit(*few)
    (other,) = {*tmp_path.iterdir()} - {own}
    other.replace(own)
    with pytest.warns(UserWarning, match="ignored.*belongs to another fit"):
        assert_same_fit(clone(cnn).fit(*few), whole)


# Files that cannot be used


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:1000],
        lambda content: content[:-1],
        lambda content: b"\x80" * 1000,
        lambda content: content[:-400] + bytes([content[-400] ^ 1]) + content[-399:],
        lambda content: content[:-4096] + bytes(4096),
        lambda content: content.replace(rb"\"seed\": ", rb"\"seed\": 1"),
    ],
    ids=["empty", "start", "cut", "other", "bit", "zeros", "seed"],
)
def test_fit_checkpoint_damaged(damage, few, cnn, finished):
    whole, file = finished
    content = without_seconds(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match="is ignored, and the fit starts from the beg"):
        assert_same_fit(clone(cnn).fit(*few), whole)
    assert without_seconds(file) == content


def test_fit_checkpoint_of_other_versions(few, cnn, finished):
    whole, file = finished
    rewrite_checkpoint(file, lambda state, extra: extra["versions"].update(keras="1.0"))
    with pytest.warns(UserWarning, match="ignored.*it was written with .*keras.*1.0"):
        assert_same_fit(clone(cnn).fit(*few), whole)


def test_fit_checkpoint_impossible_schedule(few, cnn, tmp_path):
    cnn.set_params(anneal=True)
    whole = clone(cnn).fit(*few)
    (file,) = tmp_path.iterdir()
    rewrite_checkpoint(file, lambda state, extra: state["schedule"].pop("wait"))
    with pytest.warns(UserWarning, match="its schedule remembers best only"):
        assert_same_fit(clone(cnn).fit(*few), whole)


def test_fit_checkpoint_unreadable(few, cnn, finished):
    whole, file = finished
    content = without_seconds(file)
    file.unlink()
    file.symlink_to(file)
    with pytest.warns(UserWarning, match="ignored.*symbolic links"):
        assert_same_fit(clone(cnn).fit(*few), whole)
    assert without_seconds(file) == content


# Errors before the training, which would take too long for a test

MANY = 1_000_000


def test_fit_checkpoint_dir_not_writable(few, cnn, tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below", ""):
        cnn.set_params(checkpoint_dir=folder, epochs=MANY)
        with pytest.raises(OSError, match=r"into checkpoint_dir \(.*\): '"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the folder that is a file
                cnn.fit(*few)
        assert not hasattr(cnn, "classes_")


def test_fit_checkpoint_not_resumable(few, cnn, tmp_path):
    for random_state in (None, np.random.RandomState(0)):
        other = clone(cnn).set_params(random_state=random_state, epochs=MANY)
        with pytest.raises(ValueError, match="integer random_state"):
            other.fit(*few)
    stop = keras.callbacks.EarlyStopping()
    with pytest.raises(ValueError, match="cannot be combined with callbacks"):
        cnn.set_params(callbacks=[stop], epochs=MANY).fit(*few)
    assert os.listdir(tmp_path) == []


def test_checkpoint_holds_the_seconds_of_all_runs(cnn, few, tmp_path):
    def seconds():
        (file,) = tmp_path.iterdir()
        _, _, extra = unpack_state(TensorFile(file))
        return extra["seconds"]

    interrupt(cnn, *few, after=1)
    first = seconds()
    assert first > 0
    (file,) = tmp_path.iterdir()
    rewrite_checkpoint(file, lambda state, extra: extra.update(seconds=100.0))
    fit_counted(cnn, *few)
    assert 100 < seconds() < 100 + 60


def test_checkpoint_seconds_include_the_epochs(cnn, few, tmp_path):
    class Begins(Epochs):
        seconds = ()

        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "epoch":
                self.seconds += (time.perf_counter(),)

    begins = Begins()
    start = time.perf_counter()
    clone(cnn).set_params(epochs=4).set_callbacks(begins).fit(*few)
    whole = time.perf_counter() - start
    (file,) = tmp_path.iterdir()
    _, _, extra = unpack_state(TensorFile(file))
    first, *_, last = begins.seconds
    assert last - first < extra["seconds"] < whole
