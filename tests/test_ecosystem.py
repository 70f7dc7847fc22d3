"""scikit-learn's meta-estimators and tools work with the network, on real digits."""

import copy

import joblib
import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import randint
from sklearn import set_config
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import estimator_html_repr

from skmnist import MnistCNN, make_mnist_pipeline
from skmnist.neural_network._keras import keras

# Accuracy about 85% after a third of a second; chance is 10%.
NET = {
    "filters": (8,),
    "kernel_sizes": (3,),
    "dense_units": 32,
    "dropout": (0.1, 0.1),
    "epochs": 3,
    "batch_size": 20,
    "learning_rate": 0.01,
    "random_state": 0,
}
LEARNED = 0.7
RATES = {"cnn__learning_rate": [1e-7, 0.01]}


def make_net(**changes):
    return MnistCNN(**(NET | changes))


def make_pipeline_of_net(**changes):
    return make_mnist_pipeline(max_value=16, **(NET | changes))


@pytest.fixture(scope="module")
def pixels(digits):
    """Return unscaled digits: 500 rows to train on, 500 to test on."""
    X, y, _, _ = digits
    X = np.rint(X * 16).astype(np.uint8)
    return X[:500], y[:500], X[500:], y[500:]


@pytest.fixture(scope="module")
def two_classes(pixels):
    """Return the same digits, labelled by whether they have a closed loop."""
    X, y, X_test, y_test = pixels
    loop = [
        np.where(np.isin(part, (0, 6, 8, 9)), "loop", "open") for part in (y, y_test)
    ]
    return X, loop[0], X_test, loop[1]


@pytest.fixture(scope="module")
def pipeline(pixels):
    """Return a fitted pipeline."""
    return make_pipeline_of_net().fit(*pixels[:2])


@pytest.fixture
def no_windows():
    """Plot without a screen, and close all figures."""
    matplotlib.use("agg")
    yield
    plt.close("all")


def assert_proba(proba, n_samples, n_classes=10):
    assert proba.shape == (n_samples, n_classes)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


# Searches and cross-validation


def assert_found_the_rate_that_learns(search, pixels):
    _, _, X_test, y_test = pixels
    assert search.best_params_["cnn__learning_rate"] == 0.01
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == scores.max() > LEARNED
    hopeless = np.asarray(search.cv_results_["param_cnn__learning_rate"]) < 1e-6
    assert (scores[hopeless] < 0.4).all()
    assert_array_equal(search.classes_, np.arange(10))
    assert search.score(X_test, y_test) > LEARNED
    assert_proba(search.predict_proba(X_test), len(X_test))
    best = search.best_estimator_
    assert_array_equal(search.predict(X_test), best.predict(X_test))
    assert best["cnn"].learning_rate == 0.01


def test_grid_search_learning_rate(pixels):
    X, y, X_test, _ = pixels
    search = GridSearchCV(make_pipeline_of_net(), RATES, cv=2).fit(X, y)
    assert_found_the_rate_that_learns(search, pixels)
    assert search.n_features_in_ == 64
    # The refitted network equals one that is fitted with the best hyperparameters.
    alone = make_pipeline_of_net(learning_rate=0.01).fit(X, y)
    assert_array_equal(search.predict_proba(X_test), alone.predict_proba(X_test))


def test_randomized_search_learning_rate(pixels):
    X, y, _, _ = pixels
    # Yields NumPy's integers.
    space = RATES | {"cnn__dense_units": randint(32, 33), "cnn__augment": [False]}
    search = RandomizedSearchCV(
        make_pipeline_of_net(), space, n_iter=2, cv=2, random_state=0
    ).fit(X, y)
    assert_found_the_rate_that_learns(search, pixels)


def test_halving_grid_search_learning_rate(pixels):
    X, y, _, _ = pixels
    rates = {"cnn__learning_rate": [1e-8, 1e-7, 0.01]}
    search = HalvingGridSearchCV(
        make_pipeline_of_net(),
        rates,
        resource="n_samples",
        min_resources=160,
        factor=3,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [160, 480]
    assert search.n_candidates_ == [3, 1]
    assert search.best_params_ == {"cnn__learning_rate": 0.01}
    assert search.score(*pixels[2:]) > LEARNED


def test_cross_validate_scores_per_fold(pixels):
    X, y, _, _ = pixels
    found = cross_validate(
        make_pipeline_of_net(),
        X,
        y,
        cv=2,
        scoring=["accuracy", "neg_log_loss"],
        return_train_score=True,
        return_estimator=True,
        return_indices=True,
    )
    assert found["test_accuracy"].shape == (2,)
    assert (found["test_accuracy"] > LEARNED - 0.1).all()
    assert (found["test_neg_log_loss"] > np.log(0.25)).all()
    for fold, estimator in enumerate(found["estimator"]):
        for part in ("train", "test"):
            rows = found["indices"][part][fold]
            score = estimator.score(X[rows], y[rows])
            assert found[f"{part}_accuracy"][fold] == score


def test_cross_val_predict(pixels):
    X, y, _, _ = pixels
    proba = cross_val_predict(
        make_pipeline_of_net(), X, y, cv=2, method="predict_proba"
    )
    assert_proba(proba, len(X))
    assert accuracy_score(y, proba.argmax(axis=1)) > LEARNED - 0.1
    labels = cross_val_predict(make_pipeline_of_net(), X, y, cv=2)
    assert_array_equal(labels, proba.argmax(axis=1))


def test_cross_val_score_sorted_labels(pixels):
    X, y, _, _ = pixels
    order = np.argsort(y, kind="stable")
    scores = cross_val_score(make_pipeline_of_net(), X[order], y[order], cv=3)
    shuffled = cross_val_score(make_pipeline_of_net(), X, y, cv=3)
    assert scores.mean() > LEARNED
    assert scores.mean() == pytest.approx(shuffled.mean(), abs=0.12)


def test_learning_curve(pixels):
    X, y, _, _ = pixels
    sizes, train_scores, test_scores = learning_curve(
        make_pipeline_of_net(), X, y, train_sizes=[40, 250], cv=2
    )
    assert sizes.tolist() == [40, 250]
    assert train_scores.shape == test_scores.shape == (2, 2)
    small, large = test_scores.mean(axis=1)
    assert small + 0.1 < large
    assert large > LEARNED - 0.1


def test_validation_curve(pixels):
    X, y, _, _ = pixels
    train_scores, test_scores = validation_curve(
        make_pipeline_of_net(),
        X,
        y,
        param_name="cnn__learning_rate",
        param_range=RATES["cnn__learning_rate"],
        cv=2,
    )
    assert train_scores.shape == test_scores.shape == (2, 2)
    hopeless, good = test_scores.mean(axis=1)
    assert hopeless < 0.4 < LEARNED - 0.1 < good


# Ensembles and other estimators around it


def test_voting_classifier_soft(pixels):
    X, y, X_test, y_test = pixels
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    voting = VotingClassifier(
        [("cnn", make_pipeline_of_net()), ("linear", linear)], voting="soft"
    ).fit(X, y)
    parts = [part.predict_proba(X_test) for part in voting.estimators_]
    assert_allclose(voting.predict_proba(X_test), np.mean(parts, axis=0), rtol=1e-5)
    assert_array_equal(voting.classes_, np.arange(10))
    assert voting.score(X_test, y_test) > 0.8


def test_stacking_classifier(pixels):
    X, y, X_test, y_test = pixels
    stacking = StackingClassifier(
        [("cnn", make_pipeline_of_net()), ("bayes", GaussianNB())],
        LogisticRegression(max_iter=200),
        cv=2,
    ).fit(X, y)
    assert stacking.stack_method_ == ["predict_proba", "predict_proba"]
    meta = stacking.transform(X_test)
    assert meta.shape == (500, 20)
    alone = stacking.estimators_[0].predict_proba(X_test)
    assert_allclose(meta[:, :10], alone, rtol=1e-6)
    assert stacking.score(X_test, y_test) > LEARNED


def test_calibrated_classifier_frozen_and_unfitted(pipeline, pixels):
    X, y, X_test, y_test = pixels
    for estimator in (FrozenEstimator(pipeline), make_pipeline_of_net()):
        calibrated = CalibratedClassifierCV(estimator, cv=2, ensemble=False)
        calibrated.fit(X, y)
        assert_proba(calibrated.predict_proba(X_test), len(X_test))
        assert_array_equal(calibrated.classes_, np.arange(10))
        assert calibrated.score(X_test, y_test) > LEARNED


def test_one_vs_rest_classifier(pixels):
    X, y, X_test, y_test = pixels
    few, few_test = y < 3, y_test < 3
    one_vs_rest = OneVsRestClassifier(make_pipeline_of_net(batch_size=10))
    one_vs_rest.fit(X[few], y[few])
    assert len(one_vs_rest.estimators_) == 3
    for network in one_vs_rest.estimators_:
        assert_array_equal(network.classes_, [0, 1])
    assert_proba(one_vs_rest.predict_proba(X_test), len(X_test), n_classes=3)
    assert one_vs_rest.score(X_test[few_test], y_test[few_test]) > 0.85


def test_tuned_threshold_classifier(two_classes):
    X, y, X_test, y_test = two_classes
    # Few loops, so that the threshold of 0.5 is not the best one.
    some = (y == "open") | (np.arange(len(y)) % 4 == 0)
    tuned = TunedThresholdClassifierCV(
        make_pipeline_of_net(), scoring="balanced_accuracy", cv=2
    ).fit(X[some], y[some])
    assert_array_equal(tuned.classes_, ["loop", "open"])
    positive = tuned.predict_proba(X_test)[:, 1]
    assert 0.5 < tuned.best_threshold_ < 1
    expected = np.where(positive >= tuned.best_threshold_, "open", "loop")
    assert_array_equal(tuned.predict(X_test), expected)
    untuned = balanced_accuracy_score(y_test, tuned.estimator_.predict(X_test))
    score = balanced_accuracy_score(y_test, tuned.predict(X_test))
    assert score > max(untuned, 0.8)


def test_frozen_estimator(pipeline, pixels):
    X, y, X_test, _ = pixels
    proba = pipeline.predict_proba(X_test)
    frozen = clone(FrozenEstimator(pipeline)).fit(X[::-1], y)
    assert_array_equal(frozen.predict_proba(X_test), proba)
    assert frozen.estimator is pipeline
    assert is_classifier(frozen)


# Estimators that take rows only, or do not take pipelines


def test_bagging_classifier(pixels):
    X, y, X_test, y_test = pixels
    bagging = BaggingClassifier(make_net(), n_estimators=3, random_state=0)
    bagging.fit(X / 16, y)
    seeds = {network.random_state for network in bagging.estimators_}
    assert len(seeds) == 3
    parts = [network.predict_proba(X_test / 16) for network in bagging.estimators_]
    proba = bagging.predict_proba(X_test / 16)
    assert_allclose(proba, np.mean(parts, axis=0), rtol=1e-5)
    assert bagging.score(X_test / 16, y_test) > LEARNED


def test_ada_boost_classifier(pixels):
    X, y, X_test, y_test = pixels
    boosting = AdaBoostClassifier(make_net(), n_estimators=3, random_state=0)
    boosting.fit(X / 16, y)
    assert len(boosting.estimators_) == 3
    assert (boosting.estimator_errors_ < 0.5).all()
    assert_proba(boosting.predict_proba(X_test / 16), len(X_test))
    assert boosting.score(X_test / 16, y_test) > LEARNED


def test_self_training_classifier(pixels):
    X, y, X_test, y_test = pixels
    partly = np.where(np.arange(len(y)) < 350, y, -1)
    training = SelfTrainingClassifier(make_net(epochs=6), threshold=0.9, max_iter=2)
    training.fit(X / 16, partly)
    assert_array_equal(training.classes_, np.arange(10))
    own = training.labeled_iter_ > 0
    assert own.sum() > 20
    assert accuracy_score(y[own], training.transduction_[own]) > 0.8
    assert training.score(X_test / 16, y_test) > LEARNED


def test_permutation_importance(pipeline, pixels):
    _, _, X_test, y_test = pixels
    X, y = X_test[:100] / 16, y_test[:100]
    found = permutation_importance(
        pipeline["cnn"], X, y, n_repeats=2, random_state=0, scoring="accuracy"
    )
    assert found.importances.shape == (64, 2)
    blank = np.ptp(X, axis=0) == 0
    assert blank.any()
    assert (found.importances_mean[blank] == 0).all()
    assert found.importances_mean.max() > 0.03


# Displays


def test_confusion_matrix_display(pipeline, pixels, no_windows):
    _, _, X_test, y_test = pixels
    display = ConfusionMatrixDisplay.from_estimator(pipeline, X_test, y_test)
    expected = confusion_matrix(y_test, pipeline.predict(X_test))
    assert_array_equal(display.confusion_matrix, expected)
    assert_array_equal(display.display_labels, np.arange(10))
    assert np.trace(expected) / len(y_test) == pipeline.score(X_test, y_test) > LEARNED


def test_roc_curve_display(two_classes, no_windows):
    X, y, X_test, y_test = two_classes
    pipeline = make_pipeline_of_net().fit(X, y)
    display = RocCurveDisplay.from_estimator(pipeline, X_test, y_test)
    positive = pipeline.predict_proba(X_test)[:, 1]
    area = roc_auc_score(y_test == "open", positive)
    assert np.mean(display.roc_auc) == pytest.approx(area)
    assert area > 0.9


# Copies, representations, configuration


def test_clone_fitted_pipeline(pipeline, pixels):
    X, y, X_test, _ = pixels
    copied = clone(pipeline)
    assert copied["cnn"].get_params() == pipeline["cnn"].get_params()
    assert copied["scale"].get_params() == pipeline["scale"].get_params()
    with pytest.raises(NotFittedError):
        copied.predict(X_test)
    learned = [name for name in vars(copied["cnn"]) if name.endswith("_")]
    assert learned == []
    proba = copied.fit(X, y).predict_proba(X_test)
    assert_array_equal(proba, pipeline.predict_proba(X_test))


def test_deepcopy_fitted_pipeline(pipeline, pixels):
    X, y, X_test, _ = pixels
    proba = pipeline.predict_proba(X_test)
    copied = copy.deepcopy(pipeline)
    assert_array_equal(copied.predict_proba(X_test), proba)
    copied["cnn"].partial_fit(X / 16, y)
    assert len(copied["cnn"].history_["loss"]) == 4
    assert len(pipeline["cnn"].history_["loss"]) == 3
    assert (copied.predict_proba(X_test) != proba).any()
    assert_array_equal(pipeline.predict_proba(X_test), proba)


def test_copy_with_callbacks_that_hold_files(pixels, tmp_path):
    X, y = pixels[0][:200] / 16, pixels[1][:200]
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    stopping = keras.callbacks.EarlyStopping(monitor="loss")
    cnn = make_net(epochs=2, callbacks=[logger, stopping]).fit(X, y)
    proba = cnn.predict_proba(X)
    joblib.dump(cnn, tmp_path / "cnn.joblib")
    for copied in (copy.deepcopy(cnn), joblib.load(tmp_path / "cnn.joblib")):
        assert_array_equal(copied.predict_proba(X), proba)
        copied.partial_fit(X, y)
    found = cross_validate(cnn, X, y, cv=2, n_jobs=2, return_estimator=True)
    assert [len(one.history_["loss"]) for one in found["estimator"]] == [2, 2]


def test_set_config_pandas_output(pipeline, pixels):
    X, y, X_test, _ = pixels
    before = pipeline.predict_proba(X_test)
    set_config(transform_output="pandas")
    try:
        fitted = make_pipeline_of_net().fit(X, y)
        proba = fitted.predict_proba(X_test)
        scaled = fitted["scale"].transform(X_test)
    finally:
        set_config(transform_output="default")
    assert_array_equal(proba, before)
    assert isinstance(scaled, np.ndarray)
    assert scaled.shape == (500, 8, 8, 1)


def test_estimator_html_repr(pipeline):
    fresh = make_pipeline_of_net(anneal="one_cycle")
    for estimator, state in ((fresh, "Not fitted"), (pipeline, "Fitted")):
        html = estimator_html_repr(estimator)
        assert f"<span>{state}</span>" in html
        for text in ("Pipeline", "ImageScaler", "MnistCNN", "learning_rate"):
            assert text in html
    assert "&#x27;one_cycle&#x27;" in estimator_html_repr(fresh)


def test_repr_changed_only():
    assert repr(MnistCNN(epochs=3, augment=True)) == "MnistCNN(augment=True, epochs=3)"
    assert repr(MnistCNN()) == "MnistCNN()"
