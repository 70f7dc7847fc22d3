"""The pipeline of normalizer, scaler and network, as a whole."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skmnist import MnistNormalizer, load_model, make_mnist_pipeline, save_model


@pytest.fixture(scope="module")
def drawings():
    """Return digits as dark drawings on light paper, 40 pixels high and off centre."""
    digits = load_digits()
    images = digits.images[:300]
    enlarged = np.kron(images, np.ones((4, 4)))
    paper = np.full((len(images), 48, 60), 235, dtype=np.uint8)
    paper[:, 4:36, 20:52] -= (enlarged * 12).astype(np.uint8)
    return paper, digits.target[:300]


@pytest.fixture(scope="module")
def fitted(drawings, small):
    pipeline = make_mnist_pipeline(
        normalize=True, epochs=8, max_value=16, random_state=0, **small
    )
    return pipeline.fit(*drawings)


def test_normalize_steps(fitted):
    assert list(fitted.named_steps) == ["normalize", "scale", "cnn"]
    assert fitted["cnn"].image_shape_ == (28, 28)
    assert fitted["scale"].max_value == 255


def test_normalize_by_a_given_normalizer():
    given = MnistNormalizer(ink="dark", box_size=18)
    step = make_mnist_pipeline(normalize=given)["normalize"]
    assert step is not given
    assert step.get_params() == given.get_params()
    step = make_mnist_pipeline(normalize=given, image_shape=(32, 32))["normalize"]
    assert step.get_params() == given.get_params() | {"image_shape": (32, 32)}
    with pytest.raises(ValueError, match="or a MnistNormalizer, not 'dark'"):
        make_mnist_pipeline(normalize="dark")


def test_normalize_drawings_of_any_size(fitted, drawings):
    X, y = drawings
    assert fitted.score(X, y) > 0.9
    cropped = [picture[:40, 10:] for picture in X[:20]]
    light = [255 - picture for picture in X[20:40]]
    assert (fitted.predict(cropped + light) == y[:40]).mean() > 0.8


def test_normalize_in_model_file(fitted, drawings, tmp_path):
    save_model(fitted, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert isinstance(loaded, Pipeline)
    assert isinstance(loaded["normalize"], MnistNormalizer)
    assert loaded["scale"].mean_ == fitted["scale"].mean_
    assert_array_equal(
        loaded.predict_proba(drawings[0]), fitted.predict_proba(drawings[0])
    )


def test_normalize_in_grid_search(drawings, small, tmp_path):
    X, y = drawings[0][:, 4:36, 20:52], drawings[1]
    search = GridSearchCV(
        make_mnist_pipeline(
            normalize=True, image_shape=(32, 32), epochs=1, random_state=0, **small
        ),
        {"normalize": ["passthrough", MnistNormalizer(image_shape=(32, 32))]},
        cv=2,
    ).fit(X[:100], y[:100])
    assert len(search.cv_results_["params"]) == 2
    for step in ("passthrough", MnistNormalizer(image_shape=(32, 32))):
        pipeline = search.best_estimator_.set_params(normalize=step).fit(X, y)
        save_model(pipeline, tmp_path / "model.safetensors")
        loaded = load_model(tmp_path / "model.safetensors")
        assert_array_equal(loaded.predict(X[:50]), pipeline.predict(X[:50]))
