"""Fits of other classifiers are found again in `checkpoint_dir`."""

import importlib
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skmnist import compare_variants

# Columns of a larger table are not contiguous in memory.
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:400], LABELS[:400]
FOREST = {"forest": RandomForestClassifier(20)}


def compare(folder, X=DIGITS, y=LABELS, **options):
    return compare_variants(
        X,
        y,
        **{"variants": FOREST, "cv": 2, "max_value": 16, "random_state": 0} | options,
        checkpoint_dir=folder,
    )


def assert_found_again(longer, first):
    """The first repeat took, to the last digit, as long as it did then."""
    pd.testing.assert_frame_equal(
        longer.repeats_.query("repeat == 0"), first.repeats_, check_exact=True
    )
    for name in ("mean_fit_time", "std_score_time", "split1_test_score"):
        assert_array_equal(
            longer.search_.cv_results_[name], first.search_.cv_results_[name]
        )
    assert_array_equal(longer.predictions_["forest"], first.predictions_["forest"])
    model = longer.estimators_["forest"]
    assert_array_equal(model.predict(first.X_test_), first.predictions_["forest"])


def test_longer_comparison_under_another_name_with_workers(tmp_path):
    first = compare(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    variants = {"svm": SVC(), "trees": RandomForestClassifier(20)}
    longer = compare(tmp_path, variants=variants, repeats=2, n_jobs=2)
    assert len(list(tmp_path.iterdir())) == 3 + 3 + 2 * 3
    again = compare(tmp_path, repeats=2)
    assert len(list(tmp_path.iterdir())) == 3 + 3 + 2 * 3
    assert_found_again(again, first)
    of_trees = longer.repeats_.query("model == 'trees'").reset_index(drop=True)
    columns = ["test_accuracy", "seconds", "seed"]
    pd.testing.assert_frame_equal(
        of_trees[columns], again.repeats_[columns], check_exact=True
    )
    # The pipelines of its first repeat were not kept as those of a second one.
    second = compare(tmp_path, random_state=1)
    assert_array_equal(
        second.estimators_["forest"].predict(second.X_test_),
        second.predictions_["forest"],
    )


@pytest.mark.parametrize("layout", [np.asfortranarray, np.ndarray.tolist])
def test_same_pixels_in_other_memory(tmp_path, layout):
    first = compare(tmp_path)
    assert_found_again(compare(tmp_path, layout(DIGITS)), first)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"X": np.where(np.arange(64) == 20, 16 - DIGITS, DIGITS)},
        {"X": pd.DataFrame(DIGITS).add_prefix("p")},
        {"y": LABELS[::-1]},
        {"variants": {"forest": RandomForestClassifier(21)}},
        {"max_value": 17},
        {"random_state": 1},
        {"cv": "holdout"},
    ],
)
def test_another_fit_is_not_found(tmp_path, change):
    compare(tmp_path)
    changed = compare(tmp_path, **change)
    assert len(list(tmp_path.iterdir())) == 3 + (1 if "cv" in change else 3)
    without = compare(None, **change)
    pd.testing.assert_frame_equal(
        changed.repeats_.drop(columns="seconds"),
        without.repeats_.drop(columns="seconds"),
    )
    names = getattr(changed.estimators_["forest"]["scale"], "feature_names_in_", None)
    assert (names is not None) == isinstance(change.get("X"), pd.DataFrame)


@pytest.mark.parametrize("content", [b"", b"no pickle", None])
def test_damaged_result(tmp_path, content):
    first = compare(tmp_path)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.warns(UserWarning, match="is ignored, and the fit runs again") as said:
        repaired = compare(tmp_path)
    assert len(said) == 3
    pd.testing.assert_frame_equal(
        repaired.repeats_.drop(columns="seconds"),
        first.repeats_.drop(columns="seconds"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_found_again(compare(tmp_path), repaired)


def test_classifier_that_cannot_be_pickled(tmp_path):
    same = FunctionTransformer(lambda X: X)
    found = compare(tmp_path, variants={"svm": make_pipeline(same, SVC())})
    assert found.repeats_["test_accuracy"].item() > 80
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "edited"),
    [
        ("def left(X):\n    return X[:, :30]", "def left(X):\n    return X[:, :8]"),
        (
            "from sklearn.svm import SVC\n\nclass Mine(SVC):\n    pass\n\n"
            "class Left(Mine):\n    pass",
            "from sklearn.svm import SVC\n\nclass Mine(SVC):\n"
            "    def predict(self, X):\n        return super().predict(0 * X)\n\n"
            "class Left(Mine):\n    pass",
        ),
    ],
)
def test_edited_code_of_the_user(tmp_path, monkeypatch, request, code, edited):
    monkeypatch.syspath_prepend(tmp_path)
    file, kept = tmp_path / "own_features.py", tmp_path / "kept"
    file.write_text(code)
    module = importlib.import_module("own_features")
    request.addfinalizer(lambda: sys.modules.pop("own_features"))

    def run(folder):
        own = (
            make_pipeline(FunctionTransformer(module.left), SVC())
            if hasattr(module, "left")
            else module.Left()
        )
        compared = compare(folder, variants={"own": own}, cv="holdout")
        return compared.repeats_["test_accuracy"].item()

    before = run(kept)
    assert run(kept) == before
    assert len(list(kept.iterdir())) == 1
    file.write_text(edited)
    importlib.reload(module)
    assert run(kept) == run(None) < before - 10
    assert len(list(kept.iterdir())) == 2


def test_code_without_a_source(tmp_path):
    code = """
from sklearn.datasets import load_digits
from sklearn.svm import SVC
from skmnist import compare_variants

class Own(SVC):
    pass

print(compare_variants(*load_digits(return_X_y=True), variants={"own": Own()},
    cv="holdout", max_value=16, random_state=0, checkpoint_dir="kept").sentences[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"cwd": tmp_path, "capture_output": True, "text": True, "check": True},
    )
    assert done.stdout.startswith("own reaches 9")
    assert not (tmp_path / "kept").exists()
