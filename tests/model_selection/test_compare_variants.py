"""`compare_variants` with one repeat, and `make_variant_search`."""

import pickle
import re
from itertools import combinations

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, classification_report
from sklearn.model_selection import GridSearchCV, KFold, StratifiedShuffleSplit
from sklearn.utils.validation import check_is_fitted

from skmnist import (
    VARIANTS,
    ImageScaler,
    MnistCNN,
    VariantComparison,
    compare_variants,
    make_mnist_pipeline,
    make_variant_search,
)
from skmnist.model_selection._variants import complete_search

DIGITS, LABELS = load_digits(return_X_y=True)
SMALL = {"max_value": 16, "filters": (8, 16), "dense_units": 32}
LEARNING = {**SMALL, "epochs": 6, "learning_rate": 0.005, "dropout": (0.0, 0.0, 0.0)}
QUICK = {**SMALL, "epochs": 1, "random_state": 0}
FEW = slice(0, 400)


@pytest.fixture(scope="module")
def comparison():
    return compare_variants(DIGITS, LABELS, random_state=0, **LEARNING)


@pytest.fixture(scope="module")
def holdout():
    return compare_variants(DIGITS, LABELS, cv="holdout", random_state=0, **LEARNING)


@pytest.fixture
def fits(monkeypatch):
    """Return the arguments of each call of `MnistCNN.fit`."""
    calls = []
    fit = MnistCNN.fit

    def recording(self, X, y, sample_weight=None, X_val=None, y_val=None):
        calls.append((self, X, y, X_val, y_val))
        return fit(self, X, y, sample_weight, X_val, y_val)

    monkeypatch.setattr(MnistCNN, "fit", recording)
    return calls


def settings_of(cnn):
    return {"anneal": cnn.anneal, "augment": cnn.augment}


# The pipeline and the search


def test_make_mnist_pipeline_params():
    pipeline = make_mnist_pipeline(image_shape=(4, 16), max_value=16, epochs=7)
    assert list(pipeline.named_steps) == ["scale", "cnn"]
    assert isinstance(pipeline["scale"], ImageScaler)
    assert isinstance(pipeline["cnn"], MnistCNN)
    assert pipeline["scale"].get_params() == {"image_shape": (4, 16), "max_value": 16}
    assert pipeline["cnn"].get_params() == MnistCNN(epochs=7).get_params()


@pytest.mark.parametrize(
    "make", [make_mnist_pipeline, make_variant_search, compare_variants]
)
def test_unknown_hyperparameter(make, fits):
    data = (DIGITS, LABELS) if make is compare_variants else ()
    with pytest.raises(ValueError, match=r"'epoch'.*'epochs'"):
        make(*data, epoch=3)
    assert not fits


@pytest.mark.parametrize("make", [make_variant_search, compare_variants])
@pytest.mark.parametrize("name", ["anneal", "augment"])
def test_hyperparameter_overridden_by_all_variants(make, name):
    data = (DIGITS, LABELS) if make is compare_variants else ()
    with pytest.raises(ValueError, match=f"{name}=True.*each variant sets it"):
        make(*data, **{name: True})


def test_make_variant_search_is_a_grid_search():
    search = make_variant_search(cv=2, n_jobs=1, **QUICK)
    assert type(search) is GridSearchCV
    assert not hasattr(search, "cv_results_")
    clone(search)
    search.fit(DIGITS[FEW], LABELS[FEW])
    tried = [
        {name.removeprefix("cnn__"): value for name, value in params.items()}
        for params in search.cv_results_["params"]
    ]
    assert tried == list(VARIANTS.values())
    assert search.predict(DIGITS[:3]).shape == (3,)
    assert search.best_estimator_["cnn"].random_state == 0


# The comparison with cross-validation


def test_best_estimator_accuracy(comparison, holdout):
    for found in (comparison, holdout):
        assert found.best_estimator_.score(DIGITS, LABELS) > 0.85


def test_stratified_test_set(comparison, holdout):
    for found in (comparison, holdout):
        assert found.X_test_.shape == (360, 64)
        share = np.bincount(found.y_test_) / np.bincount(LABELS)
        assert abs(share - 0.2).max() < 0.01


def test_table_equals_pipelines(comparison):
    table = comparison.table_.set_index("model")
    assert list(table.index) == list(VARIANTS) == list(comparison.estimators_)
    for name, row in table.iterrows():
        pipeline = comparison.estimators_[name]
        assert settings_of(pipeline["cnn"]) == VARIANTS[name]
        predicted = pipeline.predict(comparison.X_test_)
        np.testing.assert_array_equal(predicted, comparison.predictions_[name])
        n_right = np.sum(predicted == comparison.y_test_)
        assert row.test_accuracy == pytest.approx(100 * n_right / 360)
        history = pipeline["cnn"].history_
        last = 100 * history["val_accuracy"][-1]  # in 32 bits
        assert row.validation_accuracy == pytest.approx(last)
        assert row.seconds > 0


def test_accuracy_with_class_weight():
    few = np.flatnonzero((LABELS == 0) | ((LABELS == 1) & (np.arange(1797) % 6 == 0)))
    X, y = DIGITS[few], LABELS[few]
    for weight in ("balanced", {0: 1.0, 1: 0.0}):
        options = QUICK | {"class_weight": weight, "validation_fraction": 0.3}
        found = compare_variants(X, y, cv=2, test_size=0.3, **options)
        for row in found.table_.itertuples():
            # The number of correct rows is an integer.
            counts = np.bincount(y) - np.bincount(found.y_test_)
            if weight != "balanced":
                counts[1] = 0
            n_rows = sum(round(0.3 * count) for count in counts)
            n_right = row.validation_accuracy / 100 * n_rows
            assert n_right == pytest.approx(round(n_right), abs=1e-9)
            test = stats.binomtest(round(n_right), n_rows)
            low = test.proportion_ci(method="wilson").low
            assert row.validation_low == pytest.approx(100 * low)


def test_nan_in_any_row_before_training(monkeypatch):
    monkeypatch.setattr("skmnist.neural_network._fit.train", None)
    X = DIGITS.astype(float)
    X[7] = np.nan
    for seed in range(3):  # the row may be in any part
        with pytest.raises(ValueError, match="NaN"):
            compare_variants(X, LABELS, cv=2, **QUICK | {"random_state": seed})


def test_holdout_test_size_too_large():
    with pytest.raises(ValueError, match="test_size=0.6 takes 1079 of 1797 rows, and"):
        compare_variants(DIGITS, LABELS, cv="holdout", test_size=0.6, **QUICK)


def test_wilson_intervals_of_one_repeat(comparison, holdout):
    # A tenth of each class of the 1,437 rows, held out by the network.
    counts = np.bincount(LABELS) - np.bincount(comparison.y_test_)
    n_held_out = sum(round(0.1 * count) for count in counts)
    for found, n_rows in (
        (comparison, {"training": 1437, "validation": n_held_out, "test": 360}),
        (holdout, {"training": 1077, "validation": 360, "test": 360}),
    ):
        for _, row in found.table_.iterrows():
            for name, n in n_rows.items():
                n_right = row[f"{name}_accuracy"] / 100 * n
                assert n_right == pytest.approx(round(n_right), abs=1e-3)
                test = stats.binomtest(round(n_right), n)
                bounds = 100 * np.array(test.proportion_ci(method="wilson"))
                assert_allclose([row[f"{name}_low"], row[f"{name}_high"]], bounds)


def test_training_accuracy_on_development_part(comparison):
    tested = {image.tobytes() for image in comparison.X_test_}
    development = np.array([image.tobytes() not in tested for image in DIGITS])
    assert development.sum() == 1437
    for row in comparison.table_.itertuples():
        score = comparison.estimators_[row.model].score(
            DIGITS[development], LABELS[development]
        )
        assert row.training_accuracy == pytest.approx(100 * score)


def test_cv_mean_equals_search(comparison):
    results = comparison.search_.cv_results_
    table = comparison.table_
    np.testing.assert_allclose(table.cv_mean, 100 * results["mean_test_score"])
    np.testing.assert_allclose(table.cv_std, 100 * results["std_test_score"])
    assert comparison.search_.n_splits_ == 3


def test_search_equals_fitted_search(comparison):
    expected = make_variant_search(cv=comparison.search_.cv, random_state=0, **LEARNING)
    expected.set_params(refit=False).fit(DIGITS, LABELS)
    found = vars(comparison.search_)
    assert {"best_estimator_", "refit_time_"} == found.keys() - vars(expected).keys()
    assert vars(expected).keys() - found.keys() == {"_checked_cv_orig"}
    for name in (
        "best_index_",
        "best_params_",
        "best_score_",
        "n_splits_",
        "multimetric_",
    ):
        assert found[name] == getattr(expected, name)
    assert repr(found["scorer_"]) == repr(expected.scorer_)
    results, others = found["cv_results_"], expected.cv_results_
    assert results.keys() == others.keys()
    for name, values in results.items():
        if "_time" in name:
            assert np.all(values > 0)
        else:
            np.testing.assert_array_equal(values, others[name])


def test_best_variant_equals_search(comparison):
    search, best = comparison.search_, comparison.best_variant_
    assert search.best_params_ == {f"cnn__{k}": v for k, v in VARIANTS[best].items()}
    assert comparison.best_estimator_ is comparison.estimators_[best]
    check_is_fitted(search)
    seconds = comparison.table_.set_index("model").seconds[best]
    assert search.refit_time_ == seconds
    np.testing.assert_array_equal(
        search.predict(comparison.X_test_), comparison.predictions_[best]
    )


def test_number_of_fits_with_folds(fits):
    found = compare_variants(DIGITS[FEW], LABELS[FEW], cv=2, **QUICK)
    assert [len(X) for _, X, *_ in fits] == [160] * 6 + [320] * 3
    assert [settings_of(cnn) for cnn, *_ in fits[6:]] == list(VARIANTS.values())
    assert all(X_val is None for *_, X_val, _ in fits)
    assert len(found.y_test_) == 80


def test_splitter_as_cv(fits):
    cv = StratifiedShuffleSplit(4, train_size=100, test_size=150, random_state=0)
    found = compare_variants(DIGITS[FEW], LABELS[FEW], cv=cv, **QUICK)
    assert found.search_.n_splits_ == 4
    scores = np.array(
        [found.search_.cv_results_[f"split{i}_test_score"] for i in range(4)]
    )
    d = scores[:, 2] - scores[:, 0]
    t = d.mean() / np.sqrt((1 / 4 + 150 / 100) * d.var(ddof=1))
    pair = found.significance_.query("variant == 'annealed_augmented'").iloc[0]
    assert pair.ttest_p == pytest.approx(2 * stats.t.sf(abs(t), 3))


# Holdout


def test_holdout_parts(fits):
    X = DIGITS.reshape(-1, 8, 8)
    found = compare_variants(X, LABELS, cv="holdout", **QUICK)
    assert found.search_ is None
    assert [settings_of(cnn) for cnn, *_ in fits] == list(VARIANTS.values())
    for _, X_train, y_train, X_val, y_val in fits:
        assert (len(X_train), len(X_val), len(found.X_test_)) == (1077, 360, 360)
        assert X_val.shape == (360, 8, 8, 1) and X_val.dtype == np.float32
        assert X_train.max() == X_val.max() == 1
        share = np.bincount(y_val) / np.bincount(LABELS)
        assert abs(share - 0.2).max() < 0.01
        parts = [*(16 * X_train[..., 0]), *(16 * X_val[..., 0]), *found.X_test_]
        assert {p.astype(np.uint8).tobytes() for p in parts} == {
            image.astype(np.uint8).tobytes() for image in X
        }
        assert len(y_train) + len(y_val) + len(found.y_test_) == len(LABELS)


def test_holdout_best_by_validation(holdout):
    table = holdout.table_.set_index("model")
    for name, pipeline in holdout.estimators_.items():
        last = pipeline["cnn"].history_["val_accuracy"][-1]
        assert table.validation_accuracy[name] == pytest.approx(100 * last, abs=1e-4)
    assert holdout.best_variant_ == table.validation_accuracy.idxmax()
    assert table[["cv_mean", "cv_std"]].isna().all(axis=None)
    untested = holdout.significance_[["cv_difference", "ttest_p", "ttest_p_holm"]]
    assert untested.isna().all(axis=None)


def test_holdout_with_metadata_routing(fits):
    with config_context(enable_metadata_routing=True):
        found = compare_variants(DIGITS[FEW], LABELS[FEW], cv="holdout", **QUICK)
        found.best_estimator_.predict(DIGITS[:2])
    assert [len(X_val) for *_, X_val, _ in fits] == [80] * 3
    check_is_fitted(clone(found.best_estimator_).fit(DIGITS[FEW], LABELS[FEW]))


# Significance


def test_significance_by_hand(comparison):
    found = comparison.significance_
    pairs = list(combinations(VARIANTS, 2))
    assert list(zip(found.baseline, found.variant, strict=True)) == pairs
    scores = np.array(
        [comparison.search_.cv_results_[f"split{i}_test_score"] for i in range(3)]
    )
    right = {
        name: predicted == comparison.y_test_
        for name, predicted in comparison.predictions_.items()
    }
    for row in found.itertuples():
        ours, theirs = right[row.variant], right[row.baseline]
        assert row.difference == pytest.approx(100 * (ours.mean() - theirs.mean()))
        b, c = np.sum(ours & ~theirs), np.sum(theirs & ~ours)
        assert (row.gained, row.lost) == (b, c)
        tail = stats.binom.cdf(min(b, c), b + c, 0.5)
        assert row.mcnemar_p == pytest.approx(min(2 * tail, 1))
        names = list(VARIANTS)
        d = scores[:, names.index(row.variant)] - scores[:, names.index(row.baseline)]
        assert row.cv_difference == pytest.approx(100 * d.mean())
        if d.std() > 0:
            t = d.mean() / np.sqrt((1 / 3 + 1 / 2) * d.var(ddof=1))
            assert row.ttest_p == pytest.approx(2 * stats.t.sf(abs(t), 2), rel=0.01)
    for name in ("mcnemar_p", "ttest_p"):
        smallest = found[name].idxmin()
        corrected = found[f"{name}_holm"]
        assert corrected[smallest] == pytest.approx(min(1, 3 * found[name][smallest]))
        assert (corrected >= found[name]).all()


# Representations


def test_report_equals_classification_report(comparison):
    for name, predicted in comparison.predictions_.items():
        expected = classification_report(
            comparison.y_test_, predicted, digits=4, zero_division=0
        )
        assert comparison.report(name) == expected
    assert comparison.report() == comparison.report(comparison.best_variant_)
    with pytest.raises(ValueError, match="one of plain, annealed.*'anneald'"):
        comparison.report("anneald")


def test_repr(comparison, holdout):
    for found in (comparison, holdout):
        lines = repr(found).splitlines()
        names = ["plain", "annealed", "annealed, augmented"]
        assert [line[:19].strip() for line in lines[1:4]] == names
        assert lines[-len(found.sentences) :] == found.sentences
        assert "nan" not in repr(found)
    for text in (repr, VariantComparison._repr_html_):
        assert "folds" in text(comparison) and "folds" not in text(holdout)


def test_pickle(comparison):
    again = pickle.loads(pickle.dumps(comparison))
    pd.testing.assert_frame_equal(again.table_, comparison.table_)
    predicted = again.best_estimator_.predict(again.X_test_)
    np.testing.assert_array_equal(predicted, again.predictions_[again.best_variant_])
    assert repr(again) == repr(comparison)


# Data and seeds


def test_dataframe_and_text_labels(fits):
    names = np.array(["zero", "one", "two", "three", "four"] + list("56789"))
    frame = pd.DataFrame(DIGITS[FEW]).add_prefix("pixel")
    texts = pd.Series(names[LABELS[FEW]], index=frame.index[::-1])
    found = compare_variants(frame, texts, cv="holdout", **QUICK)
    assert set(found.predictions_["plain"]) <= set(names)
    assert isinstance(found.X_test_, pd.DataFrame)
    accuracy = accuracy_score(
        found.y_test_, found.estimators_["plain"].predict(found.X_test_)
    )
    assert found.table_.test_accuracy[0] == pytest.approx(100 * accuracy)
    assert "three" in found.report("plain")


def test_image_shape():
    found = compare_variants(
        DIGITS[FEW], LABELS[FEW], cv="holdout", image_shape=(4, -1), **QUICK
    )
    assert found.best_estimator_["cnn"].image_shape_ == (4, 16)


def test_random_state_int(fits):
    X, y = DIGITS[FEW].copy(), LABELS[FEW].copy()
    runs = [compare_variants(X, y, cv="holdout", **QUICK) for _ in range(2)]
    tables = [run.table_.drop(columns="seconds") for run in runs]
    pd.testing.assert_frame_equal(*tables)
    pd.testing.assert_frame_equal(runs[0].significance_, runs[1].significance_)
    assert {cnn.random_state for cnn, *_ in fits} == {0}
    np.testing.assert_array_equal(X, DIGITS[FEW])
    np.testing.assert_array_equal(y, LABELS[FEW])


def test_random_state_instance_and_none(fits):
    for random_state in (np.random.RandomState(0), np.random.RandomState(0), None):
        params = {**QUICK, "random_state": random_state}
        compare_variants(DIGITS[FEW], LABELS[FEW], cv="holdout", **params)
    seeds = [cnn.random_state for cnn, *_ in fits]
    assert seeds[:3] == [seeds[0]] * 3 == seeds[3:6]
    assert seeds[6:] == [seeds[6]] * 3 and seeds[6] != seeds[0]


# Invalid input


def fewer(label, n_rows):
    """Return the digits with only so many rows of one label."""
    rows = np.flatnonzero(LABELS == label)[n_rows:]
    return np.delete(DIGITS, rows, axis=0), np.delete(LABELS, rows)


ONE_CLASS = np.zeros(len(LABELS), int)
MISSING = np.where(LABELS == 3, np.nan, LABELS)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ((DIGITS, ONE_CLASS), {}, "at least two classes.*only 0"),
        ((DIGITS, MISSING), {}, "misses 183 of its 1797 labels"),
        ((DIGITS, None), {}, "y is None: the comparison needs"),
        ((DIGITS, LABELS + 0.5), {}, "Unknown label type"),
        ((DIGITS, LABELS[:-1]), {}, "inconsistent numbers of samples"),
        (fewer(7, 1), {}, "Class 7 has 1 of .* at least 2 of each"),
        (fewer(7, 2), {"cv": "holdout"}, "Class 7 has 2 of .* at least 3 of each"),
        (fewer(7, 5), {"cv": 5}, "Class 7 has 4 of .* 5 folds .* at least 5 of each"),
        ((DIGITS, LABELS), {"test_size": 5}, "test_size = 5.*number of classes"),
        (
            (DIGITS, LABELS),
            {"cv": 1},
            "'cv' parameter of compare_variants must .*'holdout'.* Got 1 ",
        ),
        ((DIGITS, LABELS), {"cv": "hold-out"}, "'cv' parameter .* Got 'hold-out'"),
        ((DIGITS, LABELS), {"cv": None}, "'cv' parameter .* Got None"),
        ((DIGITS, LABELS), {"cv": 2.5}, "'cv' parameter .* Got 2.5"),
        ((DIGITS, LABELS), {"random_state": "0"}, "seed"),
        ((DIGITS[:, :63], LABELS), {}, "63 columns, which do not make a square"),
        ((DIGITS[:, :63], LABELS), {"cv": "holdout"}, "63 columns, which do not make"),
        ((DIGITS, LABELS), {"image_shape": (9, 8)}, r"image_shape=\(9, 8\)"),
    ],
)
def test_bad_input_before_training(data, options, message, fits):
    with pytest.raises(ValueError, match=message):
        compare_variants(*data, **{**QUICK, **options})
    assert not fits


# Progress


def test_progress(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    # Long enough to be shown, although its network is compiled already.
    long = QUICK | {"epochs": 40}
    found = compare_variants(DIGITS[FEW], LABELS[FEW], cv=2, progress=True, **long)
    out, err = capsys.readouterr()
    assert out == ""
    assert "of 9 fits" in err
    assert re.search(r"(plain|annealed), fold [12] of 2 .*epoch \d+ of 40", err)
    assert not hasattr(found.search_, "_skl_callbacks")
    assert not hasattr(found.best_estimator_, "_skl_callbacks")


def test_no_output_without_progress(capfd):
    compare_variants(DIGITS[FEW], LABELS[FEW], cv="holdout", **QUICK)
    assert capfd.readouterr().out == ""


class GrowingFolds(KFold):
    """Make a fold more at each call."""

    n_calls = 0

    def split(self, X, y=None, groups=None):
        GrowingFolds.n_calls += 1
        return list(super().split(X, y, groups))[: self.n_calls]


def test_folds_that_differ_between_repeats(fits):
    few, labels = DIGITS[FEW], LABELS[FEW]
    with pytest.raises(ValueError, match=r"as many folds in each repeat.* \[1, 2\]"):
        compare_variants(few, labels, cv=GrowingFolds(5), repeats=2, **QUICK)
    assert fits == []


def test_search_keeps_the_first_of_a_tie():
    """Though the mean of the same three accuracies depends on their order."""
    scores = [0.2, 0.3, 0.1], [0.1, 0.2, 0.3]
    assert np.mean(scores[0]) < np.mean(scores[1])
    fits = [
        {"test": score, "seconds": 1.0, "scoring_seconds": 0.1}
        for score in np.ravel(scores)
    ]
    search = make_variant_search({"one": {}, "other": {"epochs": 1}}, cv=[(), (), ()])
    assert complete_search(search, fits).best_index_ == 0
    assert search.best_params_ == {}


def test_splitter_without_seed_follows_random_state():
    folds = KFold(2, shuffle=True)
    one, other = (
        compare_variants(DIGITS[FEW], LABELS[FEW], cv=folds, **QUICK) for _ in range(2)
    )
    assert one.table_["cv_mean"].tolist() == other.table_["cv_mean"].tolist()
    assert folds.random_state is None


def test_annealed_is_plain_with_shared_callbacks():
    options = QUICK | {"epochs": 2, "callbacks": [keras.callbacks.TerminateOnNaN()]}
    found = compare_variants(DIGITS[FEW], LABELS[FEW], cv="holdout", **options)
    assert "the training is that of plain" in " ".join(found.sentences)
