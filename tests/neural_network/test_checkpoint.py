"""An interrupted fit goes on where it stopped, to the bit."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmnist import MnistCNN
from skmnist.io._state_file import pack_state, unpack_state
from skmnist.neural_network._checkpoint import fingerprint
from skmnist.neural_network._keras import keras
from skmnist.neural_network._training_loop import Batches


class StopAfter(keras.callbacks.Callback):
    """Interrupt as Ctrl-C does, in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.n_epochs == self.epoch and batch == 3:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch, logs=None):
        self.n_epochs = epoch


def test_weights_of_64_bits_are_refused_before_the_training(digits, tmp_path):
    X, y = digits[0][:50], digits[1][:50]
    cnn = MnistCNN(checkpoint_dir=tmp_path / "points", random_state=0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        with pytest.raises(ValueError, match="policy 'float64' they are in float64"):
            cnn.fit(X, y)
    finally:
        keras.config.set_dtype_policy(before)
    assert not (tmp_path / "points").exists()


def assert_same_fit(one, other):
    assert one.history_ == other.history_
    assert_array_equal(one.batch_loss_, other.batch_loss_)
    for group in ("weights", "optimizer"):
        for name, array in getattr(one._state, group).items():
            assert_array_equal(array, getattr(other._state, group)[name], err_msg=name)


def interrupted(cnn, epoch, X, y, monkeypatch, *others):
    """Fit until the middle of an epoch, in a way that the checkpoint cannot see."""
    from skmnist.neural_network import _fit as _fitting

    make_schedule = _fitting.make_schedule
    with monkeypatch.context() as patch:
        patch.setattr(
            _fitting,
            "make_schedule",
            lambda *a, **k: [*make_schedule(*a, **k), *others, StopAfter(epoch)],
        )
        with pytest.raises(KeyboardInterrupt):
            cnn.fit(X, y)


@pytest.mark.parametrize("anneal", ["plateau", "one_cycle"])
def test_an_interrupted_fit_goes_on_to_the_same_bits(
    anneal, digits, small, tmp_path, monkeypatch
):
    X, y, _, _ = digits
    params = small | {
        "epochs": 6,
        "anneal": anneal,
        "anneal_patience": 1,
        "augment": True,
        "random_state": 0,
    }
    whole = MnistCNN(**params).fit(X, y)
    cnn = MnistCNN(checkpoint_dir=tmp_path / "new" / "folder", **params)
    for epoch in (2, 4):
        interrupted(cnn, epoch, X, y, monkeypatch)
        assert not hasattr(cnn, "classes_")
    trained = []

    class Count(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            trained.append(epoch)

    from skmnist.neural_network import _fit as _fitting

    make_schedule = _fitting.make_schedule
    monkeypatch.setattr(
        _fitting, "make_schedule", lambda *a, **k: [*make_schedule(*a, **k), Count()]
    )
    assert_same_fit(cnn.fit(X, y), whole)
    assert trained == [4, 5]
    assert_same_fit(clone(cnn).fit(X, y), whole)
    assert trained == [4, 5]
    assert_same_fit(cnn.partial_fit(X, y), whole.partial_fit(X, y))


def test_another_fit_has_another_checkpoint(digits, small, tmp_path):
    X, y, _, _ = digits
    X, y = X[:200], y[:200]
    cnn = MnistCNN(epochs=1, random_state=0, checkpoint_dir=tmp_path, **small)
    others = [
        (cnn, X, y, {}),
        (clone(cnn).set_params(random_state=1), X, y, {}),
        (clone(cnn).set_params(batch_size=20), X, y, {}),
        (clone(cnn).set_params(augment=True), X, y, {}),
        (clone(cnn).set_params(class_weight={1: 2}), X, y, {}),
        (clone(cnn).set_params(anneal=True), X, y, {}),
        (cnn, X[::-1], y[::-1], {}),
        (cnn, X, (y + 1) % 10, {}),
        (cnn, X, y, {"sample_weight": np.linspace(1, 2, 200)}),
        (cnn, X, y, {"X_val": X[:50], "y_val": y[:50]}),
    ]
    for n, (estimator, X_part, y_part, more) in enumerate(others, start=1):
        estimator.fit(X_part, y_part, **more)
        assert len(os.listdir(tmp_path)) == n
    clone(cnn).set_params(verbose=0, tta_copies=3).fit(X, y)
    assert len(os.listdir(tmp_path)) == len(others)


# For each hyperparameter, what it may be besides its value in these tests.
OTHER_VALUES = {
    **{"anneal": "one_cycle", "anneal_factor": 0.5, "anneal_patience": 2},
    **{"augment": False, "rotation_range": 90.0, "zoom_range": 0.5},
    **{"shift_range": 0.3, "epochs": 2, "batch_size": 20, "learning_rate": 0.01},
    **{"min_learning_rate": 0.004, "validation_fraction": 0.3, "filters": (8, 8)},
    **{"kernel_sizes": (1, 3), "dense_units": 16, "dropout": (0.1, 0.1, 0.4)},
    **{"image_shape": (4, 16), "class_weight": {1: 9}, "warm_start": True},
    **{"random_state": 1, "verbose": 2, "callbacks": [], "tta_copies": 1},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted({*MnistCNN().get_params()} - {"checkpoint_dir"})
)
def test_a_fit_is_never_taken_for_one_with_another_hyperparameter(
    name, digits, small, tmp_path, capsys
):
    X, y = (part[:150] for part in digits[:2])
    settings = {"anneal": True, "anneal_patience": 1, "augment": True, "epochs": 3}
    cnn = MnistCNN(**small | settings | {"random_state": 0})
    clone(cnn).set_params(checkpoint_dir=tmp_path).fit(X, y)
    assert cnn.get_params()[name] != OTHER_VALUES[name]
    cnn.set_params(**{name: OTHER_VALUES[name]})
    expected = clone(cnn).fit(X, y)
    found = cnn.set_params(checkpoint_dir=tmp_path).fit(X, y)
    assert_same_fit(found, expected)
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_a_damaged_checkpoint_or_one_of_another_version_is_passed_over(
    digits, small, tmp_path, monkeypatch
):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=2, random_state=0, checkpoint_dir=tmp_path, **small)
    whole = clone(cnn).fit(X, y)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    for damaged in (b"", content[:1000], content[:-1], b"\x80" * 1000):
        file.write_bytes(damaged)
        with pytest.warns(UserWarning, match="passed over"):
            assert_same_fit(clone(cnn).fit(X, y), whole)
        assert file.read_bytes() == content
    monkeypatch.setattr(
        "skmnist.neural_network._checkpoint.library_versions", lambda: {"keras": "1"}
    )
    with pytest.warns(UserWarning, match="it was written with"):
        assert_same_fit(clone(cnn).fit(X, y), whole)


def with_bytes(content, place, new):
    place %= len(content)
    return content[:place] + new + content[place + len(new) :]


def with_description(content, change):
    """Write other JSON with as many epochs, tensors and members as it takes."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    description = json.loads(header["__metadata__"]["skmnist"])
    change(description)
    header["__metadata__"]["skmnist"] = json.dumps(description)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[end:]


def test_damage_that_leaves_a_checkpoint_well_formed_is_passed_over(
    digits, small, tmp_path
):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(epochs=2, random_state=0, checkpoint_dir=tmp_path, **small)
    whole = clone(cnn).fit(X, y)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    digit = content.index(b'loss\\": [') + 11
    without_validation = {
        name: values
        for name, values in whole.history_.items()
        if not name.startswith("val_")
    }
    one_epoch = {name: values[:1] for name, values in whole.history_.items()}
    for damaged in (
        with_bytes(content, -400, bytes([content[-400] ^ 1])),
        with_bytes(content, digit, b"9" if content[digit] != ord("9") else b"8"),
        with_bytes(content, -4096, bytes(4096)),
        with_description(content, lambda it: it.update(history=one_epoch)),
        with_description(content, lambda it: it.update(history=without_validation)),
        with_description(content, lambda it: it.pop("checksum")),
    ):
        assert damaged != content
        file.write_bytes(damaged)
        with pytest.warns(UserWarning, match="passed over.*checksum"):
            assert_same_fit(clone(cnn).fit(X, y), whole)
        assert file.read_bytes() == content


def test_a_schedules_memory_that_cannot_be_is_passed_over(digits, small, tmp_path):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(
        epochs=2, anneal=True, random_state=0, checkpoint_dir=tmp_path, **small
    )
    whole = clone(cnn).fit(X, y)
    (file,) = tmp_path.iterdir()
    params, state, extra = unpack_state(file, lambda params: params)
    state["schedule"].pop("wait")
    file.write_bytes(pack_state(params, state, extra | {"finished": False}))
    with pytest.warns(UserWarning, match="its schedule remembers best only"):
        assert_same_fit(clone(cnn).fit(X, y), whole)


def test_a_checkpoint_that_cannot_be_read_is_passed_over(digits, small, tmp_path):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(epochs=2, random_state=0, checkpoint_dir=tmp_path, **small)
    whole = clone(cnn).fit(X, y)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.unlink()
    file.symlink_to(file)
    with pytest.warns(UserWarning, match="passed over.*symbolic links"):
        assert_same_fit(clone(cnn).fit(X, y), whole)
    assert file.read_bytes() == content


def test_more_epochs_than_a_file_can_tell_of_are_refused_at_once(digits, tmp_path):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(epochs=15_001, random_state=0, checkpoint_dir=tmp_path)
    with pytest.raises(ValueError, match="up to 15,000 epochs.*would have 15,001"):
        cnn.fit(X, y)
    assert os.listdir(tmp_path) == []


class Faster(keras.callbacks.Callback):
    """Do in the second epoch what another process does that is further on."""

    def __init__(self, file, content):
        super().__init__()
        self.file = file
        self.content = content

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.file.write_bytes(self.content)


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "further on"])
def test_a_slower_process_leaves_the_checkpoint_of_one_that_is_ahead(
    finished, digits, small, tmp_path, monkeypatch
):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(epochs=4, random_state=0, checkpoint_dir=tmp_path, **small)
    if finished:
        cnn.fit(X, y)
    else:
        interrupted(cnn, 3, X, y, monkeypatch)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.unlink()
    ahead = Faster(file, content)
    interrupted(clone(cnn), 2, X, y, monkeypatch, ahead)
    assert file.read_bytes() == content
    # What is said to be ahead but cannot be used is no obstacle,
    file.unlink()
    damaged = with_bytes(content, -400, bytes([content[-400] ^ 1]))
    interrupted(clone(cnn), 2, X, y, monkeypatch, Faster(file, damaged))
    assert file.read_bytes() not in (content, damaged)
    # whether it comes during the fit or was there before.
    file.write_bytes(content[:-1])
    with pytest.warns(UserWarning, match="passed over"):
        clone(cnn).fit(X, y)
    assert len(file.read_bytes()) > len(content) - 1
    assert os.listdir(tmp_path) == [file.name]


def test_a_checkpoint_dir_that_cannot_be_used_is_found_before_training(
    digits, small, tmp_path, monkeypatch
):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(epochs=1, random_state=0, checkpoint_dir=tmp_path / "used", **small)
    cnn.fit(X, y)
    (file,) = (tmp_path / "used").iterdir()
    (tmp_path / "folder" / file.name).mkdir(parents=True)

    def trained(*args, **kwargs):
        raise AssertionError("it trained")

    monkeypatch.setattr("skmnist.neural_network._fit.train", trained)
    for folder in (file, file / "below", "", tmp_path / "folder"):
        again = clone(cnn).set_params(checkpoint_dir=folder)
        with pytest.raises(OSError, match=r"this checkpoint_dir \(.*\): '"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the folder that is no file
                again.fit(X, y)
        assert not hasattr(again, "classes_")


def test_another_global_dtype_policy_is_another_fit(digits, small):
    X, y = (part[:150] for part in digits[:2])
    cnn = MnistCNN(epochs=1, random_state=0, **small).fit(X, y)
    batches = Batches(X, y, None, (8, 8), 50)
    usual = keras.config.dtype_policy()
    names = {fingerprint(cnn, cnn._state, batches, None)}
    try:
        keras.config.set_dtype_policy("mixed_float16")
        names.add(fingerprint(cnn, cnn._state, batches, None))
    finally:
        keras.config.set_dtype_policy(usual)
    names.add(fingerprint(cnn, cnn._state, batches, None))
    assert len(names) == 2


def test_a_checkpoint_of_another_fit_under_this_ones_name_is_passed_over(
    digits, small, tmp_path
):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=2, random_state=0, checkpoint_dir=tmp_path, **small)
    whole = clone(cnn).fit(X, y)
    (own,) = tmp_path.iterdir()
    others = [
        clone(cnn).set_params(epochs=3).fit(X, y),
        clone(cnn).set_params(random_state=1).fit(X, y),
        clone(cnn).fit(X[y < 9], y[y < 9]),
        clone(cnn).set_params(image_shape=(4, 16)).fit(X, y),
    ]
    files = set(tmp_path.iterdir()) - {own}
    assert len(files) == len(others)
    for other in files:
        own.write_bytes(other.read_bytes())
        with pytest.warns(UserWarning, match="another fit"):
            assert_same_fit(clone(cnn).fit(X, y), whole)


def test_labels_of_any_type_and_a_warm_start_have_checkpoints(digits, small, tmp_path):
    X, y, _, _ = digits
    cnn = MnistCNN(
        epochs=1, warm_start=True, random_state=0, checkpoint_dir=tmp_path, **small
    )
    again = clone(cnn)
    labels = y.astype(float)
    cnn.fit(X, labels).fit(X, labels)
    assert len(os.listdir(tmp_path)) == 2
    assert_same_fit(again.fit(X, labels).fit(X, labels), cnn)
    assert len(os.listdir(tmp_path)) == 2
    assert_array_equal(again.predict(X), cnn.predict(X))


def test_what_cannot_be_resumed_is_refused_before_training(digits, tmp_path):
    X, y, _, _ = digits
    for random_state in (None, np.random.RandomState(0)):
        cnn = MnistCNN(checkpoint_dir=tmp_path, random_state=random_state)
        with pytest.raises(ValueError, match="integer random_state"):
            cnn.fit(X, y)
    cnn = MnistCNN(checkpoint_dir=tmp_path, random_state=0, callbacks=[StopAfter(0)])
    with pytest.raises(ValueError, match="callbacks"):
        cnn.fit(X, y)
    assert os.listdir(tmp_path) == []


def test_a_search_takes_finished_fits_from_their_checkpoints(digits, small, tmp_path):
    X, y, _, _ = digits
    cnn = MnistCNN(epochs=2, random_state=0, checkpoint_dir=tmp_path, **small)
    grid = {"batch_size": [30, 60]}
    first = GridSearchCV(cnn, grid, cv=2).fit(X, y)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(written) == 5
    second = GridSearchCV(cnn, grid, cv=2).fit(X, y)
    assert {f: f.stat().st_mtime_ns for f in tmp_path.iterdir()} == written
    for name in ("mean_test_score", "split0_test_score"):
        assert_array_equal(first.cv_results_[name], second.cv_results_[name])
    assert_same_fit(first.best_estimator_, second.best_estimator_)


def test_a_killed_process_loses_one_epoch_at_most(digits, small, tmp_path):
    X, y, _, _ = digits
    params = small | {"epochs": 400, "random_state": 0, "filters": (4, 4)}
    joblib.dump((X, y, params), tmp_path / "data.joblib")
    code = f"""
import joblib
from skmnist import MnistCNN
X, y, params = joblib.load({str(tmp_path / "data.joblib")!r})
MnistCNN(checkpoint_dir={str(tmp_path / "points")!r}, **params).fit(X, y)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    points = tmp_path / "points"
    while not points.exists() or not list(points.glob("*.safetensors")):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    cnn = MnistCNN(checkpoint_dir=points, **params)
    # Fewer epochs would be another fit, so the state is read as the fit reads it.
    (file,) = points.glob("*.safetensors")
    _, state, extra = unpack_state(file, lambda params: cnn.get_params(deep=False))
    n_epochs = len(state["history"]["loss"])
    assert extra["finished"] is False
    assert 1 <= n_epochs < 400
    # One cycle apart, the first epochs do not depend on how many are to come.
    short = MnistCNN(**(params | {"epochs": n_epochs})).fit(X, y)
    assert short.history_ == state["history"]
    for name, weight in short._state.weights.items():
        assert_array_equal(weight, state["weights"][name])
