"""Random hyperparameters raise a ValueError or make a network that predicts.

Short by default. SKMNIST_FUZZ_EXAMPLES=2000 tries that many, new ones in each run:

    export SKMNIST_FUZZ_EXAMPLES=2000
    python -m pytest tests/neural_network/test_fuzz_parameters.py --timeout 0
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import fuzz
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from skmnist import ImageScaler, MnistCNN, load_model, save_model

RNG = np.random.default_rng(0)
X = RNG.random((40, 16), dtype=np.float32)
Y = np.tile(["one", "two"], 20)

# Not used for sizes and epochs, which may really be that large.
HUGE = st.sampled_from([10**12, 2**31, 2**63, 10**30])
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.floats(width=64),
    st.sampled_from([0.0, -0.0, 1.0, 1e-300, 1e300, float("nan"), float("inf")]),
    st.sampled_from([np.float32(0.5), np.int64(2), np.bool_(True), np.float64("nan")]),
    st.booleans(),
)
SCALARS = st.one_of(
    NUMBERS,
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["plateau", "one_cycle", "balanced", "3", b"3", 1j, object, "\0"]),
    st.builds(object),
)
SEQUENCES = st.one_of(
    st.lists(SCALARS, max_size=4),
    st.lists(NUMBERS, max_size=4).map(tuple),
    st.sets(st.integers(-1, 3), max_size=3),
    st.just(np.array([2, 3])),
    st.just(np.zeros((2, 2))),
    st.dictionaries(SCALARS.filter(lambda key: key == key), SCALARS, max_size=3),
)
ANYTHING = st.one_of(SCALARS, SEQUENCES)

# Valid values; few where each one is another network to compile.
RIGHT = {
    "anneal": st.sampled_from([False, True, "plateau", "one_cycle"]),
    "anneal_factor": st.floats(0.01, 0.99),
    "anneal_patience": st.integers(1, 10**18),
    "min_learning_rate": st.floats(0, 1e300),
    "augment": st.booleans(),
    "rotation_range": st.sampled_from([0, 180.0]),
    "zoom_range": st.sampled_from([0.0, 0.999]),
    "shift_range": st.sampled_from([0.0, 1]),
    "epochs": st.integers(1, 2),
    "batch_size": st.one_of(st.integers(1, 50), HUGE),
    "learning_rate": st.floats(0, 1e300, exclude_min=True),
    "label_smoothing": st.sampled_from([0, 0.5]),
    "validation_fraction": st.one_of(st.none(), st.floats(1e-300, 0.99)),
    "filters": st.sampled_from([(2,), [2]]),
    "kernel_sizes": st.sampled_from([(1,), (9,)]),
    "dense_units": st.sampled_from([1, 3]),
    "dropout": st.sampled_from([(0.0, 0.0), (0.99, 0.99)]),
    "image_shape": st.sampled_from([None, (4, 4), [2, 8], (1, 16), (-1, 8), (2, -1)]),
    "class_weight": st.sampled_from([None, "balanced", {"one": 2}, {"one": 0.0}]),
    "warm_start": st.booleans(),
    "random_state": st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    "verbose": st.sampled_from([0, 1, 2, True]),
    "callbacks": st.sampled_from([None, [], ()]),
    "checkpoint_dir": st.sampled_from([None, "points", Path("new") / "points"]),
    "tta_copies": st.integers(0, 2),
}
# Valid for huge numbers, which would take too long here.
SMALL_ONLY = {"epochs", "tta_copies", "dense_units", "filters", "kernel_sizes"}
BASE = {
    **{"epochs": 1, "filters": (2,), "kernel_sizes": (1,), "dense_units": 3},
    **{"dropout": (0.0, 0.0), "random_state": 0},
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@st.composite
def hyperparameters(draw):
    """Draw valid and other values for some names."""
    names = draw(st.lists(st.sampled_from(sorted(RIGHT)), unique=True, max_size=4))
    params = {name: draw(RIGHT[name]) for name in names}
    for name in draw(st.lists(st.sampled_from(sorted(RIGHT)), unique=True, max_size=2)):
        params[name] = draw(ANYTHING if name in SMALL_ONLY else ANYTHING | HUGE)
    return params


@fuzz(60)
@given(params=hyperparameters())
def test_fit_random_hyperparameters(folder, params):
    cnn = MnistCNN(**BASE | params)
    before = {name: (id(v), repr(v)) for name, v in vars(cnn).items()}
    clone(cnn)
    with warnings.catch_warnings():
        # Warnings of libraries are errors.
        warnings.filterwarnings("ignore", "validation_fraction=.* is less than one row")
        warnings.filterwarnings("ignore", "The checkpoint .* is ignored")
        try:
            cnn.fit(X, Y)
        except ValueError as error:
            assert str(error)
            assert vars(cnn).keys() == before.keys()
            return
        finally:
            for name, described in before.items():
                value = getattr(cnn, name)
                assert (id(value), repr(value)) == described
            assert not list(folder.rglob(".skmnist-*"))
    proba = cnn.predict_proba(X)
    assert proba.shape == (40, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert set(cnn.predict(X)) <= {"one", "two"}
    assert len(cnn.history_["loss"]) == cnn.epochs
    save_model(cnn, folder / "model.safetensors")
    again = load_model(folder / "model.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), proba)


@fuzz(60)
@given(
    image_shape=st.one_of(RIGHT["image_shape"], ANYTHING),
    max_value=st.one_of(NUMBERS, ANYTHING, HUGE),
)
def test_image_scaler_random_parameters(image_shape, max_value):
    scaler = ImageScaler(image_shape=image_shape, max_value=max_value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            images = scaler.fit_transform(X)
        except ValueError as error:
            assert str(error)
            assert not hasattr(scaler, "image_shape_")
            return
    assert images.shape[0] == 40
    assert images.shape[1] * images.shape[2] == 16
    assert images.dtype == np.float32
