"""A comparison over several splits and seeds."""

import shutil
import subprocess
import sys
from threading import Barrier

import numpy as np
import pandas as pd
import pytest
from helpers import rewrite_checkpoint
from joblib import parallel_config
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skmnist import compare_variants
from skmnist.model_selection._paired_tests import corrected_interval
from skmnist.model_selection._tables import _compare_repeats, make_table

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:600], LABELS[:600]
VARIANTS = {"network": {}, "one_cycle": {"anneal": "one_cycle"}, "svm": SVC()}
NETWORK = {"filters": (4, 8), "kernel_sizes": (3, 3), "dense_units": 32, "epochs": 4}
OPTIONS = {
    **NETWORK,
    **{"variants": VARIANTS, "max_value": 16, "learning_rate": 0.01},
    **{"dropout": (0.0, 0.0, 0.0), "random_state": 5},
}
N_REPEATS = 4


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="module")
def single(points):
    return compare_variants(
        DIGITS, LABELS, cv="holdout", checkpoint_dir=points, **OPTIONS
    )


@pytest.fixture(scope="module")
def repeated(points, single):
    """Return a longer comparison after `single`, and the files that it wrote."""
    before = {file: file.stat().st_mtime_ns for file in points.iterdir()}
    found = compare_variants(
        *(DIGITS, LABELS),
        cv="holdout",
        repeats=N_REPEATS,
        checkpoint_dir=points,
        **OPTIONS,
    )
    after = {file: file.stat().st_mtime_ns for file in points.iterdir()}
    assert all(after[file] == written for file, written in before.items())
    assert (len(before), len(after)) == (3, 3 * N_REPEATS)
    return found


@pytest.mark.parametrize("cv", ["holdout", 2])
def test_progress_with_variant_that_is_a_search(cv):
    svm = make_pipeline(StandardScaler(), SVC())
    search = GridSearchCV(svm, {"svc__C": [1, 9]}, cv=2)
    found = compare_variants(
        *(DIGITS, LABELS),
        cv=cv,
        progress=True,
        **OPTIONS | {"variants": {"network": {}, "svm": search}, "epochs": 1},
    )
    scores = found.estimators_["svm"][-1].cv_results_["mean_test_score"]
    assert np.all(scores > 0.5)


def test_first_repeat_equals_one_repeat(single, repeated):
    of_first = repeated.repeats_.query("repeat == 0")
    pd.testing.assert_frame_equal(
        of_first.drop(columns="seconds"), single.repeats_.drop(columns="seconds")
    )
    for name, predicted in single.predictions_.items():
        np.testing.assert_array_equal(repeated.predictions_[name], predicted)
    np.testing.assert_array_equal(repeated.X_test_, single.X_test_)


def test_seconds_of_fits_from_checkpoints(single, points, tmp_path):
    """They are those of the training, not of the reading."""
    copies = shutil.copytree(points, tmp_path / "points")
    for file in copies.glob("*.safetensors"):
        rewrite_checkpoint(file, lambda state, extra: extra.update(seconds=1000.0))
    again = compare_variants(
        DIGITS, LABELS, cv="holdout", checkpoint_dir=copies, **OPTIONS
    )
    first, found = (result.repeats_["seconds"].to_numpy() for result in (single, again))
    assert (first > 0).all() and (first[:2] < 1000).all()
    assert (found[:2] > 1000).all() and (found[:2] < 1060).all()
    assert found[2] == first[2]  # of the support vector machine


def test_nullable_labels_stay_integers():
    y = pd.Series(LABELS, dtype="Int64")
    options = OPTIONS | {"epochs": 1, "variants": {"network": {}}}
    for labels in (y, y.to_frame()):
        found = compare_variants(DIGITS, labels, cv="holdout", **options)
        assert found.predictions_["network"].dtype.kind == "i"
    labels[:3] = pd.NA
    with pytest.raises(ValueError, match="y misses 3 of its 600 labels"):
        compare_variants(DIGITS, labels, cv="holdout", **options)


def test_next_repeats_equal_next_seeds(repeated, points):
    found = compare_variants(
        *(DIGITS, LABELS),
        cv="holdout",
        checkpoint_dir=points,
        **OPTIONS | {"random_state": 7},
    )
    third = repeated.repeats_.query("repeat == 2").drop(columns=["repeat", "seconds"])
    pd.testing.assert_frame_equal(
        third.reset_index(drop=True),
        found.repeats_.drop(columns=["repeat", "seconds"]),
    )


def test_interval_of_validation_accuracy_takes_its_number_of_rows():
    rows = {"n_training": 100, "n_validation": 10, "n_test": 25}
    accuracies = np.array([0.90, 0.93, 0.94])
    fits = [
        {"model": "a", "training": x, "validation": x, "test": x, "seconds": 1} | rows
        for x in accuracies
    ]
    (row,) = make_table(fits, np.full((3, 1, 1), np.nan)).itertuples()
    for part, ratio in (("validation", 0.1), ("test", 0.25)):
        _, *bounds = corrected_interval(100 * accuracies, ratio)
        found = [getattr(row, f"{part}_{end}") for end in ("low", "high")]
        assert_allclose(found, bounds)


def test_repeats_table(repeated):
    table = repeated.repeats_
    assert table["repeat"].tolist() == list(np.repeat(range(N_REPEATS), 3))
    assert table["model"].tolist() == N_REPEATS * list(VARIANTS)
    assert table["seed"].tolist() == list(np.repeat(range(5, 5 + N_REPEATS), 3))
    assert len(set(table.query("model == 'svm'")["test_accuracy"])) > 1
    for name in ("training_accuracy", "validation_accuracy", "test_accuracy"):
        assert table[name].between(50, 100).all()


def of_variant(repeated, name, column="test_accuracy"):
    return repeated.repeats_.query("model == @name")[column].to_numpy()


def test_mean_and_interval_by_formula(repeated):
    assert repeated.table_["model"].tolist() == list(VARIANTS)
    for row in repeated.table_.itertuples():
        values = of_variant(repeated, row.model)
        assert row.test_accuracy == pytest.approx(values.mean())
        error = np.sqrt((1 / N_REPEATS + 120 / 360) * values.var(ddof=1))
        half = stats.t.ppf(0.975, N_REPEATS - 1) * error
        expected = np.clip([values.mean() - half, values.mean() + half], 0, 100)
        assert_allclose([row.test_low, row.test_high], expected)


def test_significance_by_formula(repeated):
    pairs = repeated.significance_
    p_values = []
    for pair in pairs.itertuples():
        d = of_variant(repeated, pair.variant) - of_variant(repeated, pair.baseline)
        assert pair.mean_difference == pytest.approx(d.mean())
        error = np.sqrt((1 / N_REPEATS + 120 / 360) * d.var(ddof=1))
        t = stats.t(N_REPEATS - 1)
        half = t.ppf(0.975) * error
        assert_allclose(
            [pair.mean_low, pair.mean_high], [d.mean() - half, d.mean() + half]
        )
        p_values.append(2 * t.sf(abs(d.mean() / error)))
    assert_allclose(pairs["repeats_p"], p_values)
    assert pairs["repeats_p_holm"].min() == pytest.approx(min(1, 3 * min(p_values)))
    assert (pairs["repeats_p_holm"] >= pairs["repeats_p"]).all()


def test_mcnemar_in_each_repeat(single, repeated):
    tests = repeated.mcnemar_
    assert tests["repeat"].tolist() == list(np.repeat(range(N_REPEATS), 3))
    columns = ["variant", "baseline", "difference", "gained", "lost"]
    columns += ["mcnemar_p", "mcnemar_p_holm"]
    first = tests.query("repeat == 0")[columns]
    pd.testing.assert_frame_equal(first, single.significance_[columns])
    pd.testing.assert_frame_equal(first, repeated.significance_[columns])
    for test in tests.itertuples():
        ours, theirs = (
            of_variant(repeated, name)[test.repeat]
            for name in (test.variant, test.baseline)
        )
        assert test.difference == pytest.approx(ours - theirs)


def test_table_of_one_repeat(single):
    columns = ["mean_difference", "mean_low", "mean_high", "repeats_p"]
    assert single.significance_[columns].isna().all(axis=None)
    assert "Other seeds were not tried" in single.sentences[-1]


def test_best_variant_by_mean_validation_accuracy(repeated):
    means = repeated.repeats_.groupby("model")["validation_accuracy"].mean()
    assert repeated.chosen_by_.to_dict() == pytest.approx(means.to_dict())
    assert repeated.best_variant_ == means.idxmax()


def test_repr_with_repeats(repeated):
    text = repr(repeated)
    assert "Mean accuracy over 4 repeats in percent." in text
    assert "one_cycle gains" in text or "over one_cycle" in text
    assert "Other seeds were not tried" not in text
    assert "nan" not in text


def test_histories_of_all_repeats(repeated):
    assert set(repeated.histories_) == {"network", "one_cycle"}
    for histories in repeated.histories_.values():
        assert [len(history["loss"]) for history in histories] == N_REPEATS * [4]


def compare_neighbors(classifier, **options):
    variants = {"3": classifier(3), "1": classifier(1)}
    options |= {"variants": variants, "max_value": 16, "random_state": 0}
    return compare_variants(DIGITS, LABELS, repeats=3, **options)


def test_repeats_with_folds():
    found = compare_neighbors(KNeighborsClassifier, cv=4)
    scores = np.array(
        [
            [search.cv_results_[f"split{i}_test_score"] for i in range(4)]
            for search in found.searches_
        ]
    )
    assert scores.shape == (3, 4, 2)
    assert_allclose(found.table_["cv_mean"], 100 * scores.mean(axis=(0, 1)))
    d = (scores[..., 1] - scores[..., 0]).ravel()
    t = d.mean() / np.sqrt((1 / 12 + 1 / 3) * d.var(ddof=1))
    p = 2 * stats.t.sf(abs(t), 11)
    assert found.significance_["ttest_p"][0] == pytest.approx(p, rel=0.02)
    assert (
        found.best_variant_ == found.table_["model"][found.table_["cv_mean"].idxmax()]
    )


MEETING = Barrier(12)


class MeetingNeighbors(KNeighborsClassifier):
    """Wait in `fit` until all folds of three repeats of two variants are there."""

    def fit(self, X, y):
        if len(X) == 240:
            MEETING.wait(timeout=60)
        return super().fit(X, y)


def test_n_jobs_of_folds_and_repeats():
    with parallel_config("threading"):
        found = compare_neighbors(MeetingNeighbors, cv=2, n_jobs=12)
    assert found.repeats_["cv_mean"].notna().all()


@pytest.mark.parametrize("repeats", [0, -1, 1.5, True, "2"])
def test_repeats_invalid(repeats):
    with pytest.raises(
        ValueError, match=r"'repeats' parameter .* int in the range \[1, inf"
    ):
        compare_variants(DIGITS, LABELS, repeats=repeats, **OPTIONS)


def test_n_jobs_equals_one_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
import os
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from skmnist import compare_variants

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    found = [
        compare_variants(
            X[:400], y[:400], cv="holdout", repeats=2, max_value=16, filters=(4, 8),
            dense_units=16, epochs=1, random_state=0, n_jobs=n_jobs, progress=True,
            variants={"network": {}, "forest": RandomForestClassifier(5)},
        ).repeats_.drop(columns="seconds")
        for n_jobs in (2, None)
    ]
    print("same" if found[0].equals(found[1]) else found)
"""
    )
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "same\n"


def test_interval_of_difference_within_100_points():
    rows = {"n_test": 20, "n_training": 60}
    fits = [
        {"model": model, "test": accuracy} | rows
        for model, accuracies in {"a": (0.9, 1.0, 0.9), "b": (0.1, 0.8, 0.4)}.items()
        for accuracy in accuracies
    ]
    pair = _compare_repeats(fits, "a", "b")
    assert pair["mean_difference"] == pytest.approx(50)
    assert -100 < pair["mean_low"] < 0 and pair["mean_high"] == 100
