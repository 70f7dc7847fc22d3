"""Variants: hyperparameters of the network and other classifiers, and their checks."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    PredefinedSplit,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skmnist import (
    MnistCNN,
    compare_variants,
    make_mnist_pipeline,
    make_variant_search,
)
from skmnist.model_selection._figures import figure_functions

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:500], LABELS[:500]
NETWORK = {"filters": (4, 8), "kernel_sizes": (3, 3), "dense_units": 16}
QUICK = {**NETWORK, "max_value": 16, "epochs": 1, "random_state": 3}


@pytest.mark.parametrize("shape", [(-1, 64), (-1, 8, 8), (-1, 8, 8, 1)])
def test_classifier_variant_scaled_rows(shape):
    found = compare_variants(
        DIGITS.reshape(shape), LABELS, variants={"svm": SVC()}, cv="holdout", **QUICK
    )
    train, test = train_test_split(
        np.arange(500), test_size=0.2, stratify=LABELS, random_state=3
    )
    train, _ = train_test_split(
        train, test_size=100, stratify=LABELS[train], random_state=3
    )
    alone = SVC().fit(DIGITS[train].astype("float32") / 16, LABELS[train])
    expected = alone.predict(DIGITS[test].astype("float32") / 16)
    np.testing.assert_array_equal(found.predictions_["svm"], expected)
    assert found.table_["test_accuracy"][0] > 90


def test_classifier_variant_seed_of_repeat():
    forest = RandomForestClassifier(5)
    variants = {"forest": forest, "scaled": make_pipeline(StandardScaler(), forest)}
    found = compare_variants(DIGITS, LABELS, variants=variants, cv="holdout", **QUICK)
    assert found.estimators_["forest"]["classifier"].random_state == 3
    assert found.estimators_["scaled"]["classifier"][-1].random_state == 3
    assert forest.random_state is None


def test_classifier_variants_with_folds():
    variants = {"network": {"anneal": True}, "neighbours": KNeighborsClassifier(3)}
    found = compare_variants(DIGITS, LABELS, variants=variants, cv=2, **QUICK)
    assert found.best_variant_ == "neighbours"
    assert found.search_.best_index_ == 1
    np.testing.assert_array_equal(
        found.search_.predict(found.X_test_), found.predictions_["neighbours"]
    )
    assert found.table_["cv_mean"].notna().all()
    assert found.table_["validation_accuracy"].isna().tolist() == [False, True]
    assert len(found.histories_["network"][0]["loss"]) == 1


@pytest.mark.parametrize("cv", [2, "holdout"])
def test_variant_with_own_scoring_measured_by_accuracy(cv):
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3]}, cv=2)
    search.set_params(scoring="neg_log_loss")
    variants = {"alone": KNeighborsClassifier(3), "searched": search}
    found = compare_variants(DIGITS, LABELS, variants=variants, cv=cv, **QUICK)
    alone, searched = (
        part.drop(columns=["model", "seconds"]).reset_index(drop=True)
        for _, part in found.repeats_.groupby("model")
    )
    assert alone.equals(searched)
    assert found.chosen_by_["alone"] == found.chosen_by_["searched"] > 0.9


@pytest.mark.parametrize(("cv", "fold"), [("holdout", ""), (3, ", fold 1 of 3")])
def test_failing_variant_named(cv, fold):
    variants = {"svm": SVC(), "too_many": KNeighborsClassifier(2000)}
    with pytest.raises(ValueError, match=f"^too_many, repeat 1{fold}: .*n_neighbors"):
        compare_variants(DIGITS, LABELS, variants=variants, cv=cv, repeats=2, **QUICK)


def test_failing_variant_named_by_a_worker():
    variants = {"too_many": KNeighborsClassifier(2000)}
    with pytest.raises(ValueError, match=r"^too_many, fold [123] of 3: .*n_neighbors"):
        compare_variants(DIGITS, LABELS, variants=variants, n_jobs=2, **QUICK)


class Failing(KNeighborsClassifier):
    def fit(self, X, y):
        raise RuntimeError("no neighbours today")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_other_errors_name_the_variant_in_a_note(n_jobs):
    variants = {"svm": SVC(), "failing": Failing()}
    said = r"^no neighbours today\nIt was raised in the fit of failing, fold \d of 3\.$"
    with pytest.raises(RuntimeError, match=said):
        compare_variants(DIGITS, LABELS, variants=variants, n_jobs=n_jobs, **QUICK)


def test_own_seed_kept_in_search_without_seed():
    forest = RandomForestClassifier(5, random_state=5)
    search = make_variant_search({"forest": forest}, max_value=16, cv=2)
    (grid,) = search.param_grid
    assert grid["cnn"][0]["classifier"].random_state == 5


@pytest.mark.parametrize("where", ["shared", "of a variant"])
def test_checkpoints_need_seed(where, tmp_path):
    shared = QUICK | {"random_state": None}
    variants = {"net": {}}
    if where == "shared":
        shared["checkpoint_dir"] = tmp_path
    else:
        variants["net"]["checkpoint_dir"] = tmp_path
    with pytest.raises(ValueError, match="needs an integer random_state.*None"):
        compare_variants(DIGITS, LABELS, variants=variants, **shared)


def test_call_without_folders_and_with_all_settings(tmp_path):
    svm = make_pipeline(*(StandardScaler() for _ in range(25)), SVC(C=3.25))
    variants = {"net": {"checkpoint_dir": tmp_path}, "other": {}, "svm": svm}
    found = compare_variants(
        *(DIGITS[:200], LABELS[:200]),
        variants=variants,
        cv="holdout",
        checkpoint_dir=tmp_path,
        **QUICK,
    )
    assert str(tmp_path) not in found.call_ and "checkpoint_dir" not in found.call_
    assert "scaler-15" not in repr(svm) and "scaler-15" in found.call_
    names = {"compare_variants": lambda X, y, **call: call, "X": 0, "y": 0, "SVC": SVC}
    names |= {"Pipeline": Pipeline, "StandardScaler": StandardScaler}
    call = eval(found.call_, names)
    assert call["variants"]["net"] == {} and call["filters"] == (4, 8)
    assert call["variants"]["svm"][-1].C == 3.25


@pytest.mark.parametrize("kept", [False, True])
def test_interruption_says_how_to_go_on(kept, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(MnistCNN, "_fit", interrupt)
    settings = QUICK | ({"checkpoint_dir": tmp_path} if kept else {})
    with pytest.raises(KeyboardInterrupt) as caught:
        compare_variants(DIGITS, LABELS, variants={"net": {}}, **settings)
    (note,) = caught.value.__notes__
    assert note.startswith("The same call resumes" if kept else "With checkpoint_dir")


def test_splitter_of_all_rows():
    folds = PredefinedSplit(np.arange(500) % 2)
    with pytest.raises(ValueError, match="cv must split the 400 rows.*Predefined"):
        compare_variants(DIGITS, LABELS, variants={"svm": SVC()}, cv=folds, **QUICK)


def test_mistakes_are_those_of_the_predictions():
    """A classifier with another threshold than the most probable class."""
    even = LABELS % 2 == 0
    rare = FixedThresholdClassifier(LogisticRegression(), threshold=0.97)
    found = compare_variants(
        DIGITS, even, variants={"rare": rare}, cv="holdout", **QUICK
    )
    n_wrong = int((found.predictions_["rare"] != found.y_test_).sum())
    probable = found.best_estimator_.predict_proba(found.X_test_).argmax(axis=1)
    assert n_wrong != (probable != found.y_test_).sum()
    display = figure_functions(found)["worst_mistakes"]()
    assert f"{n_wrong} mistakes among" in display.figure_.get_suptitle()
    plt.close(display.figure_)


def test_variant_overrides_shared_hyperparameter():
    variants = {"short": {}, "long": {"epochs": 2}}
    search = make_variant_search(variants, max_value=16, epochs=1)
    assert search.param_grid == [{}, {"cnn__epochs": [2]}]
    found = compare_variants(DIGITS, LABELS, variants=variants, cv="holdout", **QUICK)
    n_epochs = {name: len(of[0]["loss"]) for name, of in found.histories_.items()}
    assert n_epochs == {"short": 1, "long": 2}


def test_hyperparameter_overridden_by_all_networks():
    variants = {"a": {"epochs": 1}, "b": {"epochs": 2}, "svm": SVC()}
    with pytest.raises(ValueError, match="epochs=1 has no effect.*each variant"):
        compare_variants(DIGITS, LABELS, variants=variants, **QUICK)


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ({}, "at least one name.*but it is {}"),
        ([SVC()], "variants must be a dict"),
        ({"": {}}, "a text that is not empty, but it is ''"),
        ({3: {}}, "a text that is not empty, but it is 3"),
        ({"long": {"epoch": 3}}, "'long' cannot be trained: .*'epoch'.*'epochs'"),
        ({"long": {"epochs": 0}}, "'long' cannot be trained: .*'epochs'.*Got 0"),
        ({"deep": {"filters": (4, 4, 4)}}, "'deep' cannot be trained: .*kernel_sizes"),
        ({"a": {"random_state": 1}}, "'a' sets random_state.*share one seed"),
        ({"line": LinearRegression()}, "'line' must be .*LinearRegression()"),
        ({"svm": SVC}, r"'svm' must be .*such as SVC\(\), but it is <class"),
        ({"svm": "SVC"}, "'svm' must be .* but it is 'SVC'"),
        ({"net": MnistCNN()}, "'net' is a MnistCNN with the network.*as a dict"),
        ({"net": make_mnist_pipeline()}, "'net' is a Pipeline with the network"),
        ({"net": {}, "svm": SVC(C=-1)}, "'svm' cannot be trained: .*'C'.*Got -1"),
        (
            {"all": make_pipeline(StandardScaler(), SVC(kernel="curved"))},
            "'all' cannot be trained: .*'kernel'.*Got 'curved'",
        ),
    ],
)
def test_invalid_variants(variants, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        compare_variants(
            DIGITS, LABELS, variants=variants, checkpoint_dir=tmp_path, **QUICK
        )
    with pytest.raises(ValueError, match=message):
        make_variant_search(variants)
    assert not list(tmp_path.iterdir())
