"""Saving and loading of models.

Untrusted files are tested in ``test_untrusted_files.py``.
"""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skmnist import ImageScaler, MnistCNN, load_model, save_model
from skmnist.neural_network._architecture import weight_shapes
from skmnist.neural_network._state_file import library_versions, pack_state

DATA = Path(__file__).parents[1] / "data"


def small_cnn(**params):
    small = {"filters": (4, 8), "dense_units": 16, "epochs": 1, "random_state": 0}
    return MnistCNN(**small | params)


def small_pipeline(**params):
    return Pipeline(
        [("scale", ImageScaler(max_value=16)), ("cnn", small_cnn(**params))]
    )


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="module")
def images(digits):
    X, y = digits
    return ImageScaler(max_value=16).fit_transform(X), y


@pytest.fixture(scope="module")
def fitted_pipeline(digits):
    return small_pipeline().fit(*digits)


@pytest.fixture(scope="module")
def fitted_cnn(images):
    return small_cnn().fit(*images)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def there_and_back(estimator, path):
    save_model(estimator, path)
    return load_model(path)


def assert_same_cnn(one, other):
    assert type(one) is type(other) is MnistCNN
    assert one.get_params() == other.get_params()
    assert one.image_shape_ == other.image_shape_
    assert one.n_features_in_ == other.n_features_in_
    assert one.history_.keys() == other.history_.keys()
    for name, values in one.history_.items():
        assert repr(values) == repr(other.history_[name])  # NaN equals NaN
    np.testing.assert_array_equal(one.batch_loss_, other.batch_loss_, strict=True)
    np.testing.assert_array_equal(one.classes_, other.classes_, strict=True)
    mine, others = one._export_state(), other._export_state()
    for group in ("weights", "optimizer"):
        assert mine[group].keys() == others[group].keys()
        for name, array in mine[group].items():
            np.testing.assert_array_equal(array, others[group][name], strict=True)
    assert mine["schedule"] == others["schedule"]
    assert mine["seed"] == others["seed"]


# Round trips


def test_save_model_pipeline(fitted_pipeline, digits, path):
    X, _ = digits
    again = there_and_back(fitted_pipeline, path)
    assert type(again) is Pipeline
    assert [name for name, _ in again.steps] == ["scale", "cnn"]
    assert repr(again) == repr(fitted_pipeline)
    assert again[0].get_params() == fitted_pipeline[0].get_params()
    assert again[0].image_shape_ == fitted_pipeline[0].image_shape_
    assert again[0].mean_ == fitted_pipeline[0].mean_
    assert again.n_features_in_ == 64
    assert_same_cnn(fitted_pipeline[-1], again[-1])
    for method in ("predict", "predict_proba", "predict_log_proba"):
        np.testing.assert_array_equal(
            getattr(again, method)(X), getattr(fitted_pipeline, method)(X), strict=True
        )


def test_save_model_classifier(fitted_cnn, images, path):
    again = there_and_back(fitted_cnn, str(path))
    assert_same_cnn(fitted_cnn, again)
    np.testing.assert_array_equal(
        again.predict_proba(images[0]), fitted_cnn.predict_proba(images[0])
    )


def test_load_model_clone_save_fit(fitted_pipeline, digits, path):
    again = there_and_back(fitted_pipeline, path)
    refitted = clone(again).fit(*digits)
    assert_same_cnn(refitted[-1], fitted_pipeline[-1])
    former = path.read_bytes()
    save_model(again, path)
    assert path.read_bytes() == former


def test_load_model_fresh_process_same_bits(fitted_pipeline, digits, path, tmp_path):
    X, _ = digits
    save_model(fitted_pipeline, path)
    np.save(tmp_path / "X.npy", X)
    program = (
        "import sys, numpy as np; from skmnist import load_model, save_model;"
        "model = load_model('model.safetensors');"
        "np.save('proba.npy', model.predict_proba(np.load('X.npy')));"
        "save_model(model, 'again.safetensors')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(
        np.load(tmp_path / "proba.npy"), fitted_pipeline.predict_proba(X), strict=True
    )
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "params",
    [
        {"anneal": "plateau", "anneal_patience": 1, "learning_rate": 0.01},
        {"anneal": "one_cycle", "epochs": 4},
        {"augment": True},
        {"batch_norm": True},
        {"label_smoothing": 0.1},
    ],
    ids=lambda params: next(iter(params)),
)
def test_partial_fit_of_loaded_model_same_bits(images, path, params):
    X, y = images
    cnn = small_cnn(**params).partial_fit(X, y, X_val=X, y_val=y)
    again = there_and_back(cnn, path)
    for estimator in (cnn, again):
        estimator.partial_fit(X, y, X_val=X, y_val=y)
        estimator.partial_fit(X, y, X_val=X, y_val=y)
    assert_same_cnn(cnn, again)
    assert len(again.history_["loss"]) == 3
    np.testing.assert_array_equal(cnn.predict_proba(X), again.predict_proba(X))


def test_warm_start_of_loaded_model_same_bits(images, path):
    cnn = small_cnn(warm_start=True).fit(*images)
    again = there_and_back(cnn, path)
    assert_same_cnn(cnn.fit(*images), again.fit(*images))
    assert len(again.history_["loss"]) == 2


@pytest.mark.parametrize(
    "dtype",
    ["int64", "int8", "uint16", "float64", "float32", "bool", "U7", "object"],
)
def test_save_model_label_dtypes(images, path, dtype):
    X, y = images
    if dtype == "bool":
        labels = y > 4
    elif dtype == "object":
        labels = np.array([f"digit é{digit}" for digit in y], dtype=object)
    elif dtype == "U7":
        labels = np.array([f"no. {digit}" for digit in y], dtype=dtype)
    else:
        labels = y.astype(dtype)
    cnn = small_cnn().fit(X, labels)
    again = there_and_back(cnn, path)
    assert_same_cnn(cnn, again)
    np.testing.assert_array_equal(again.predict(X), cnn.predict(X), strict=True)
    assert again.score(X, labels) == cnn.score(X, labels)


def test_save_model_feature_names(digits, path):
    X, y = digits
    frame = pd.DataFrame(X, columns=[f'pixel "{n}" ü' for n in range(64)])
    pipeline = small_pipeline().fit(frame, y)
    again = there_and_back(pipeline, path)
    np.testing.assert_array_equal(
        again.feature_names_in_, pipeline.feature_names_in_, strict=True
    )
    np.testing.assert_array_equal(
        again.predict_proba(frame), pipeline.predict_proba(frame)
    )
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.rename(columns={'pixel "0" ü': "other"}))

    cnn = small_cnn().fit(frame / 16, y)
    again = there_and_back(cnn, path)
    np.testing.assert_array_equal(
        again.feature_names_in_, cnn.feature_names_in_, strict=True
    )


def test_save_model_parameter_types(images, path):
    params = {
        "warm_start": np.bool_(True),
        "anneal_factor": np.float64(0.1) + 0.2,
        "batch_size": np.int64(50),
        "filters": [4, np.int32(8)],
        "kernel_sizes": (3, 3),
        "dropout": (0.1, 0.2, 0.30000000000000004),
        "image_shape": (4, 16),
        "class_weight": {**dict.fromkeys(range(9), 1.0), np.int64(9): 0.1},
        "validation_fraction": None,
        "random_state": 7,
        "callbacks": [],
    }
    X, y = images
    cnn = small_cnn(**params).fit(X.reshape(-1, 64), y)
    again = there_and_back(cnn, path)
    assert_same_cnn(cnn, again)
    assert type(again.filters) is list
    assert type(again.dropout) is tuple
    assert again.image_shape_ == (4, 16)
    assert "val_loss" not in again.history_


def test_save_model_class_weight_of_strings(images, path):
    X, y = images
    weight = {"even": 1.0, "odd": 2}
    cnn = small_cnn(class_weight=weight).fit(X, np.where(y % 2, "odd", "even"))
    assert there_and_back(cnn, path).class_weight == weight


def test_save_model_pandas_nullable_integers(images, path):
    X, y = images
    cnn = small_cnn().fit(X, pd.Series(y, dtype="Int64"))
    again = there_and_back(cnn, path)
    assert_same_cnn(cnn, again)
    assert again.predict(X[:5]).tolist() == cnn.predict(X[:5]).tolist()


def test_save_model_history_with_nan_inf_and_other_names(images, path):
    cnn = small_cnn(validation_fraction=None).fit(*images)
    cnn.partial_fit(*images, X_val=images[0], y_val=images[1])
    state = cnn._export_state()
    more = {"f1": [0.1, 0.2], "val_accuracy": [float("inf"), -float("inf")]}
    history = state["history"] | more
    cnn = small_cnn()._import_state(state | {"history": history})
    again = there_and_back(cnn, path)
    assert np.isnan(again.history_["val_loss"][0])
    assert again.history_["f1"] == [0.1, 0.2]
    assert_same_cnn(cnn, again)


# Without the optimizer


def test_save_model_without_optimizer(fitted_pipeline, digits, path):
    save_model(fitted_pipeline, path)
    whole = path.stat().st_size
    save_model(fitted_pipeline, path, optimizer=False)
    assert path.stat().st_size < whole / 2
    again = load_model(path)
    X, _ = digits
    np.testing.assert_array_equal(
        again.predict_proba(X), fitted_pipeline.predict_proba(X), strict=True
    )
    assert again[-1].history_ == fitted_pipeline[-1].history_
    former = path.read_bytes()
    save_model(again, path)
    assert path.read_bytes() == former


def test_partial_fit_without_optimizer_state(images, path):
    cnn = small_cnn(anneal=True, learning_rate=0.01).fit(*images)
    rate = cnn.history_["learning_rate"][-1]
    save_model(cnn, path, optimizer=False)
    again = load_model(path)
    with pytest.warns(UserWarning, match="fresh optimizer") as caught:
        again.partial_fit(*images)
    assert [warning.filename for warning in caught] == [__file__]
    assert again.history_["learning_rate"] == [rate, rate]
    assert again.history_["loss"][1] < again.history_["loss"][0]
    again.partial_fit(*images)  # without the warning
    there_and_back(again, path).partial_fit(*images)


def test_save_model_pipeline_settings(fitted_pipeline, path):
    pipeline = Pipeline(
        [("one", fitted_pipeline[0]), ("two", fitted_pipeline[1])],
        transform_input=["X_val"],
        verbose=True,
    )
    again = there_and_back(pipeline, path)
    assert [name for name, _ in again.steps] == ["one", "two"]
    assert again.transform_input == ["X_val"]
    assert again.verbose is True


def test_load_model_negative_images_warning(fitted_pipeline, digits, path):
    again = there_and_back(fitted_pipeline, path)
    with pytest.warns(UserWarning, match="negative"):
        again.predict(16 - digits[0])


def test_save_model_without_folders(images, path, tmp_path):
    cnn = small_cnn(checkpoint_dir=str(tmp_path / "here")).fit(*images)
    again = there_and_back(cnn, path)
    assert again.checkpoint_dir is None
    assert again.get_params() == cnn.get_params() | {"checkpoint_dir": None}
    assert b"here" not in path.read_bytes()


def test_load_model_file_overwritten_later(fitted_cnn, images, path):
    again = there_and_back(fitted_cnn, path)
    path.write_bytes(b"")
    np.testing.assert_array_equal(
        again.predict_proba(images[0]), fitted_cnn.predict_proba(images[0])
    )


def test_save_model_plain_safetensors(fitted_cnn, path):
    from safetensors.numpy import load_file

    save_model(fitted_cnn, path)
    tensors = load_file(path)
    weights = fitted_cnn._export_state()["weights"]
    assert {f"weights/{name}" for name in weights} <= tensors.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(tensors[f"weights/{name}"], array)


# Models that cannot be saved


def test_save_model_unfitted(fitted_pipeline, path):
    for estimator in (
        small_cnn(),
        small_pipeline(),
        Pipeline([("scale", ImageScaler()), ("cnn", fitted_pipeline[-1])]),
    ):
        with pytest.raises(NotFittedError):
            save_model(estimator, path)
    assert not path.exists()


def test_save_model_other_estimators(fitted_pipeline, digits, path):
    class Special(MnistCNN):
        pass

    search = GridSearchCV(small_pipeline(), {"cnn__epochs": [1]}, cv=2).fit(*digits)
    for estimator, match in (
        (RandomForestClassifier(), "not RandomForestClassifier"),
        (Special(), "not Special"),
        ("model", "not str"),
        (search, "not GridSearchCV: save its best_estimator_"),
    ):
        with pytest.raises(TypeError, match=match):
            save_model(estimator, path)
    for steps, match in (
        ([("m", MinMaxScaler()), ("cnn", fitted_pipeline[-1])], "m: MinMaxScaler"),
        ([("s", fitted_pipeline[0]), ("f", RandomForestClassifier())], "f: RandomFor"),
        ([("s", fitted_pipeline[0]), ("cnn", Special())], "cnn: Special"),
        ([("s", "passthrough"), ("cnn", fitted_pipeline[-1])], "s: passthrough"),
        ([("cnn", fitted_pipeline[-1])], "has the steps cnn: MnistCNN"),
    ):
        with pytest.raises(ValueError, match=match):
            save_model(Pipeline(steps), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callbacks", [keras.callbacks.EarlyStopping()]),
        ("random_state", np.random.RandomState(0)),
        ("learning_rate", float("inf")),
        ("class_weight", {0: object()}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_save_model_parameter_not_plain(fitted_cnn, path, name, value):
    cnn = small_cnn(**{name: value})._import_state(fitted_cnn._export_state())
    with pytest.raises(ValueError, match=f"cannot be saved.* {name} cannot be kept"):
        save_model(cnn, path)
    assert not path.exists()


def test_save_model_labels_of_other_types(fitted_cnn, path):
    state = fitted_cnn._export_state()
    for labels, match in (
        (np.arange(10).astype("M8[D]"), r"of dtype datetime64\[D\] cannot be kept"),
        (np.array([1, 2.0, *"abcdefgh"], dtype=object), r"\[1, 2.0, 'a', .*cannot be"),
        (
            np.array([*range(9), np.inf]),
            "float64 cannot be kept.*only integers, finite",
        ),
        (np.arange(10).astype("complex"), "of dtype complex128 cannot be kept"),
    ):
        cnn = small_cnn()._import_state(state | {"classes": labels})
        with pytest.raises(ValueError, match=match):
            save_model(cnn, path)
    assert not path.exists()


def test_save_model_weights_not_finite(fitted_cnn, path):
    path.write_bytes(b"former")
    state = fitted_cnn._export_state()
    weights = dict(state["weights"], **{"dense/bias": np.full(16, np.nan, "float32")})
    cnn = small_cnn()._import_state(state | {"weights": weights})
    with pytest.raises(
        ValueError, match="weights/dense/bias holds values that are not"
    ):
        save_model(cnn, path)
    assert path.read_bytes() == b"former"


def test_save_model_sizes_changed_since_fit(fitted_cnn, path):
    cnn = small_cnn()._import_state(fitted_cnn._export_state())
    cnn.set_params(dense_units=17)
    with pytest.raises(ValueError, match="dense/kernel.*follows from the parameters"):
        save_model(cnn, path)
    cnn.set_params(dense_units=16, image_shape=(2, 32))
    with pytest.raises(ValueError, match=r"\(8, 8\)"):
        save_model(cnn, path)


def test_save_model_too_much_text(digits, path):
    X, y = digits
    frame = pd.DataFrame(X / 16, columns=[f"{n}" * 40_000 for n in range(64)])
    cnn = small_cnn().fit(frame, y)
    with pytest.raises(ValueError, match="names of columns.* would take"):
        save_model(cnn, path)


def test_save_model_missing_folder(fitted_cnn, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_model(fitted_cnn, tmp_path / "nowhere" / "model.safetensors")


def test_load_model_missing_file(path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        load_model(path)


# Damage


def test_load_model_any_bit_flipped(fitted_cnn, path):
    save_model(fitted_cnn, path)
    content = path.read_bytes()
    for bit in np.random.default_rng(0).choice(8 * len(content), 300, replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be opened as a model file"):
            load_model(path)


def test_load_model_checksum(fitted_cnn, path):
    save_model(fitted_cnn, path)
    content = path.read_bytes()
    loss = content.index(b'loss\\": [') + 11
    weight = content.rindex(fitted_cnn._state.weights["dense/bias"].tobytes())
    for place in (loss, weight):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checksum does not match its content"):
            load_model(path)


# Limits


def test_load_model_most_tta_copies(fitted_cnn, path):
    cnn = small_cnn(tta_copies=10_000)._import_state(fitted_cnn._export_state())
    assert there_and_back(cnn, path).tta_copies == 10_000
    cnn.set_params(tta_copies=10_001)
    with pytest.raises(
        ValueError, match=r"'tta_copies'.*range \[0, 10000\]\. Got 10001"
    ):
        save_model(cnn, path)


def test_load_model_largest_images(path):
    depth, side = 41, 2**40
    cnn = small_cnn(
        filters=(1,) * depth,
        kernel_sizes=(1,) * depth,
        dropout=(0.0,) * (depth + 1),
        dense_units=1,
    )
    shapes = weight_shapes((side, side), 10, cnn.filters, cnn.kernel_sizes, 1)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    moments = {
        f"{name}/{moment}": zero
        for name, zero in zeros.items()
        for moment in ("momentum", "velocity")
    }
    state = {
        "classes": np.arange(10),
        "image_shape": (side, side),
        "feature_names": None,
        "history": {"loss": [1.0], "accuracy": [0.1], "learning_rate": [0.001]},
        "schedule": {},
        "seed": 0,
        "weights": zeros,
        "best_weights": {},
        "optimizer": moments
        | {"iterations": np.int64(1), "learning_rate": np.float32(0.001)},
        "batch_loss": np.ones(1, np.float32),
    }
    extra = {"kind": "classifier", "versions": library_versions()}
    path.write_bytes(pack_state(cnn.get_params(deep=False), state, extra))
    with pytest.raises(ValueError, match="pixels, and more than 16777216 are not"):
        load_model(path)


def test_save_model_scaler_contradicts_network(fitted_pipeline, path):
    scaler = clone(fitted_pipeline[0]).set_params(image_shape=(-1, 8))
    scaler.fit(np.zeros((1, 64)))
    pipeline = Pipeline([("scale", scaler), ("cnn", fitted_pipeline[1])])
    assert there_and_back(pipeline, path)[0].image_shape == (-1, 8)
    scaler.set_params(image_shape=(4, 16))
    with pytest.raises(ValueError, match=r"\(8, 8\), which contradict.*\(4, 16\)"):
        save_model(pipeline, path)


# Versions


def description_of(path):
    """Return the JSON of a model file."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"]["skmnist"])


def change_description(path, change):
    """Rewrite the JSON of a model file as format 1 had it; `change` edits it."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    description = json.loads(header["__metadata__"]["skmnist"])
    del description["checksum"]
    description["format_version"] = 1
    change(description)
    header["__metadata__"]["skmnist"] = json.dumps(description)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])


def test_load_model_other_library_versions(fitted_cnn, images, path):
    save_model(fitted_cnn, path)

    def change(description):
        description["extra"]["versions"] |= {"keras": "3.99.0", "scikit-learn": "2.7"}

    change_description(path, change)
    here = library_versions()
    with pytest.warns(
        UserWarning, match=r"keras 3\.99\.0 \(here .*, scikit-learn 2\.7 \(here"
    ) as caught:
        again = load_model(path)
    (warning,) = caught
    assert f"keras 3.99.0 (here {here['keras']})" in str(warning.message)
    assert warning.filename == __file__
    np.testing.assert_array_equal(
        again.predict_proba(images[0]), fitted_cnn.predict_proba(images[0])
    )


def test_load_model_newer_format(fitted_cnn, path):
    save_model(fitted_cnn, path)
    change_description(path, lambda it: it.update(format_version=4, news="unknown"))
    with pytest.raises(ValueError, match="format version 4.* upgrade skmnist"):
        load_model(path)


def test_load_model_newer_parameter(fitted_cnn, path):
    save_model(fitted_cnn, path)
    change_description(path, lambda it: it["params"].pop("tta_copies"))
    assert load_model(path).tta_copies == 0


# One file of each version of the format. It and its predictions were written once, in
# the root of the repository, for version N by
#   python -c "from tests.persistence.test_save_model import write_example as w; w(N)"
# Never replace one of a released version: add a file for each new version instead.


def write_example(version):
    X, y = load_digits(return_X_y=True)
    names = [f"pixel{n}" for n in range(64)]
    model = small_pipeline(
        **{"filters": (8, 16), "epochs": 8, "anneal": True, "batch_size": 20},
        **{"dropout": (0.1, 0.1, 0.1), "batch_norm": version >= 3},
    ).fit(pd.DataFrame(X, columns=names), y)
    # The first two formats always hold the optimizer.
    path = DATA / f"digits-v{version}.safetensors"
    save_model(model, path, optimizer=version < 3)
    proba = model.predict_proba(pd.DataFrame(X[:100], columns=names))
    expected = {
        "test_accuracy": model.score(pd.DataFrame(X, columns=names), y),
        "labels": model.classes_[proba.argmax(axis=1)].tolist(),
        "proba": np.round(proba, 6).astype(float).tolist(),
        "history": model[-1].history_,
        "n_batches": len(model[-1].batch_loss_),
    }
    text = json.dumps(expected)
    (DATA / f"digits-v{version}.json").write_text(text + "\n")


def test_example_file_of_present_format(fitted_cnn, path):
    save_model(fitted_cnn, path)
    today = description_of(path)
    example = description_of(DATA / f"digits-v{today['format_version']}.safetensors")
    assert example.keys() == today.keys()
    assert example["params"].keys() == today["params"].keys()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_load_model_example_of_each_format(version):
    example = DATA / f"digits-v{version}.safetensors"
    assert example.stat().st_size < 200_000
    expected = json.loads(example.with_suffix(".json").read_text())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* was written with ", UserWarning)
        model = load_model(example)
    has_optimizer = "iterations" in model[-1]._state.optimizer
    assert has_optimizer == (version < 3)
    assert [name for name, _ in model.steps] == ["scale", "cnn"]
    assert model[0].max_value == 16
    X, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(X, columns=model.feature_names_in_)
    assert list(frame.columns) == [f"pixel{n}" for n in range(64)]
    proba = model.predict_proba(frame[:100])
    np.testing.assert_allclose(proba, expected["proba"], atol=1e-4)
    assert model.predict(frame[:100]).tolist() == expected["labels"]
    assert model.score(frame, y) == pytest.approx(expected["test_accuracy"], abs=2e-3)
    assert model[-1].history_ == expected["history"]
    assert len(model[-1].batch_loss_) == expected["n_batches"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*fresh optimizer", UserWarning)
        cnn = model[-1].partial_fit(model[0].transform(frame), y)
    assert len(cnn.history_["loss"]) == len(expected["history"]["loss"]) + 1
    assert cnn.batch_loss_[-90:].mean() < 1.0


# Environment


def test_load_model_unknown_keras_backend(fitted_cnn, path):
    save_model(fitted_cnn, path)
    program = "import sys; from skmnist import load_model; load_model(sys.argv[1])"
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=os.environ | {"KERAS_BACKEND": "theano"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "theano" in run.stderr.splitlines()[-1]
    assert "cannot be opened" not in run.stderr
