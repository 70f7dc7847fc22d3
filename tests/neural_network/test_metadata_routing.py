"""Metadata routing of sample weights and validation sets."""

import warnings

import numpy as np
import pytest
from helpers import assert_same_fit
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline

from skmnist import ImageScaler, MnistCNN, make_mnist_pipeline

NET = {
    "filters": (8,),
    "kernel_sizes": (3,),
    "dense_units": 16,
    "dropout": (0.1, 0.1),
    "epochs": 2,
    "batch_size": 30,
    "learning_rate": 0.01,
    "random_state": 0,
}


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def pixels(digits):
    """Return unscaled digits: X, y, X_val, y_val."""
    X, y, X_val, y_val = digits
    X, X_val = (np.rint(part * 16).astype(np.uint8) for part in (X, X_val))
    return X[:300], y[:300], X_val[:290], y_val[:290]


def make_net(**requests):
    return MnistCNN(**NET).set_fit_request(**requests)


def make_routed_pipeline(**requests):
    return Pipeline(
        [("scale", ImageScaler(max_value=16)), ("cnn", make_net(**requests))],
        transform_input=["X_val"],
    )


def assert_validated_on(cnn, X_val, y_val):
    """Assert that exactly this validation set was used."""
    found = cnn.history_["val_accuracy"][-1]
    assert found == pytest.approx(cnn.score(X_val, y_val), abs=1e-6)
    log_loss = -np.log(cnn.predict_proba(X_val)[np.arange(len(y_val)), y_val])
    assert cnn.history_["val_loss"][-1] == pytest.approx(log_loss.mean(), rel=1e-4)


def test_fit_metadata_not_requested(pixels):
    X, y, X_val, y_val = pixels
    asked = {"X_val": X_val, "y_val": y_val}
    with pytest.raises(UnsetMetadataPassedError, match="X_val"):
        Pipeline([("cnn", MnistCNN(**NET))]).fit(X / 16, y, **asked)
    declined = Pipeline([("cnn", make_net(X_val=False, y_val=False))])
    with pytest.raises(TypeError, match="X_val"):
        declined.fit(X / 16, y, **asked)
    requests = MnistCNN().set_fit_request(sample_weight=True).get_metadata_routing()
    assert requests.fit.requests == {
        "sample_weight": True,
        "X_val": None,
        "y_val": None,
    }
    assert requests.partial_fit.requests.keys() == {
        *("classes", "sample_weight", "X_val", "y_val")
    }


def test_grid_search_sample_weight_and_validation_set(pixels):
    X, y, X_val, y_val = pixels
    X, X_val = X / 16, X_val / 16
    weight = np.where(y < 5, 1.0, 0.0)
    net = make_net(sample_weight=True, X_val=True, y_val=True)
    net.set_score_request(sample_weight=True).set_params(epochs=4, batch_size=10)
    search = GridSearchCV(net, {"learning_rate": [1e-7, 0.01]}, cv=2)
    search.fit(X, y, sample_weight=weight, X_val=X_val, y_val=y_val)
    assert search.best_params_ == {"learning_rate": 0.01}
    best = search.best_estimator_
    assert_validated_on(best, X_val, y_val)
    alone = clone(net).fit(X, y, sample_weight=weight, X_val=X_val, y_val=y_val)
    assert_same_fit(best, alone)
    # Rows of weight 0 were not used for training or scoring.
    assert best.predict(X_val).max() < 5
    assert search.best_score_ > 0.6


def test_pipeline_transforms_validation_set(pixels):
    X, y, X_val, y_val = pixels
    weight = np.linspace(0.5, 1.5, len(y))
    asked = {"sample_weight": weight, "X_val": X_val, "y_val": y_val}
    pipeline = make_routed_pipeline(sample_weight=True, X_val=True, y_val=True)
    cnn = clone(pipeline).fit(X, y, **asked)["cnn"]
    assert_validated_on(cnn, X_val / 16, y_val)
    scaled = np.float32(X_val) / 16
    alone = MnistCNN(**NET).fit(X / 16, y, **(asked | {"X_val": scaled}))
    assert_same_fit(cnn, alone)

    search = GridSearchCV(pipeline, {"cnn__epochs": [1, 2]}, cv=2)
    pipeline["cnn"].set_score_request(sample_weight=True)
    search.fit(X, y, **asked)
    assert_validated_on(search.best_estimator_["cnn"], X_val / 16, y_val)
    assert search.best_params_ == {"cnn__epochs": 2}
    assert_same_fit(search.best_estimator_["cnn"], alone)


def test_cross_validate_slices_validation_set_of_equal_length(pixels):
    X, y, X_val, y_val = pixels
    X, X_val = X[:290], X_val / 16
    y = y[:290]
    net = make_net(X_val=True, y_val=True)
    folds = KFold(2)

    def fit_folds(X_val, y_val):
        asked = {"X_val": X_val, "y_val": y_val}
        return cross_validate(
            net, X / 16, y, cv=folds, params=asked, return_estimator=True
        )["estimator"]

    assert len(X_val) == len(X)
    for (train, _), cnn in zip(folds.split(X), fit_folds(X_val, y_val), strict=True):
        assert_validated_on(cnn, X_val[train], y_val[train])
    # As in the guide: with one row less it is not split.
    for cnn in fit_folds(X_val[:-1], y_val[:-1]):
        assert_validated_on(cnn, X_val[:-1], y_val[:-1])


def test_pipeline_unscaled_validation_set_warning(pixels):
    X, y, X_val, y_val = pixels
    asked = {"X_val": X_val, "y_val": y_val}
    pipeline = make_routed_pipeline(X_val=True, y_val=True)
    pipeline.set_params(transform_input=None)
    with pytest.warns(UserWarning, match="X_val has values up to 16.*scale X_val"):
        pipeline.fit(X, y, **asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline.set_params(transform_input=["X_val"]).fit(X, y, **asked)


def test_pipeline_step_prefix_without_routing(pixels):
    X, y, X_val, y_val = pixels
    with config_context(enable_metadata_routing=False):
        pipeline = make_mnist_pipeline(max_value=16, **NET).fit(
            X, y, cnn__X_val=X_val / 16, cnn__y_val=y_val
        )
    assert_validated_on(pipeline["cnn"], X_val / 16, y_val)
