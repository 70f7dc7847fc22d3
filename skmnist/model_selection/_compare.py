"""Three ways to train, and the comparison of them."""

import warnings
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    check_cv,
    train_test_split,
)
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skmnist._joblib import sending_once
from skmnist.model_selection._variant_comparison import VariantComparison
from skmnist.model_selection._variant_fits import VariantFits
from skmnist.neural_network._pipeline import make_mnist_pipeline

__all__ = [
    "VARIANTS",
    "VariantComparison",
    "compare_variants",
    "make_mnist_pipeline",
    "make_variant_search",
]

VARIANTS = {
    "plain": {"anneal": False, "augment": False},
    "annealed": {"anneal": True, "augment": False},
    "annealed_augmented": {"anneal": True, "augment": True},
}


def make_variant_search(
    *, cv=3, n_jobs=None, image_shape=None, max_value=255, **cnn_params
):
    """Make a grid search over the three ways to train.

    Parameters
    ----------
    cv : int or cross-validation splitter, default=3
        The folds; an int of 2 or more for so many stratified ones.
    n_jobs : int, default=None
        Number of fits that run at once, as in scikit-learn.
    image_shape : tuple of (int, int), default=None
        Height and width in pixels, see `ImageScaler`.
    max_value : float, default=255
        The value of a full pixel, above 0.
    **cnn_params : dict
        Hyperparameters of `MnistCNN` that all variants share.

    Returns
    -------
    search : GridSearchCV
        Unfitted. Row i of its `cv_results_` is the i-th of `VARIANTS`.

    Raises
    ------
    ValueError
        If `MnistCNN` has no such hyperparameter, or the variants set it.

    See Also
    --------
    compare_variants : The search, with a test set and tests of the differences.

    Examples
    --------
    >>> from skmnist import make_variant_search
    >>> search = make_variant_search(max_value=16, epochs=5)
    >>> len(search.param_grid)
    3
    """
    for name in cnn_params.keys() & VARIANTS["plain"].keys():
        raise ValueError(
            f"{name}={cnn_params[name]!r} cannot be given here, because each variant "
            f"sets it: {VARIANTS}."
        )
    return GridSearchCV(
        make_mnist_pipeline(image_shape=image_shape, max_value=max_value, **cnn_params),
        [
            _as_step({key: [value] for key, value in settings.items()})
            for settings in VARIANTS.values()
        ],
        cv=cv,
        n_jobs=n_jobs,
    )


def compare_variants(
    X,
    y,
    *,
    cv=3,
    test_size=0.2,
    n_jobs=None,
    random_state=None,
    image_shape=None,
    max_value=255,
    progress=False,
    **cnn_params,
):
    """Compare the three ways to train, and test whether they differ.

    A stratified test set is put aside. On the rest, the development part, a grid
    search cross-validates the variants; then each is fitted once on all of the
    development part and measured on the test set. The best variant is chosen
    without the test set: by the mean over the folds, the earlier one of `VARIANTS`
    where two are equal.

    With `cv="holdout"` there is no search. As many rows as for the test are put
    aside for validation, given to `fit` as `X_val` and `y_val`. Each variant is
    trained exactly once on what is left, and the validation accuracy chooses.

    Parameters
    ----------
    X : array-like of shape (n_samples, height * width), \
            (n_samples, height, width) or (n_samples, height, width, 1)
        Pixels from 0 to `max_value`.
    y : array-like of shape (n_samples,)
        Labels.
    cv : int, cross-validation splitter or "holdout", default=3
        The folds; an int of 2 or more for so many stratified ones.
    test_size : float or int, default=0.2
        Rows for the test: a fraction between 0 and 1, or a number from that of the
        classes upwards.
    n_jobs : int, default=None
        Number of fits that run at once, in the search and after it.
    random_state : int, RandomState instance or None, default=None
        Decides on the split and on the networks. All variants get the same seed,
        and so start from the same weights. An int gives the same outcome at each
        call.
    image_shape : tuple of (int, int), default=None
        Height and width in pixels, see `ImageScaler`.
    max_value : float, default=255
        The value of a full pixel, above 0.
    progress : bool, default=False
        Whether to show scikit-learn's progress bars on the standard output.
        Workers must run on this machine.
    **cnn_params : dict
        Hyperparameters of `MnistCNN` that all variants share.

    Returns
    -------
    comparison : VariantComparison
        Accuracies, fitted pipelines and tests of the differences.

    Raises
    ------
    ValueError
        Before any training, if the labels are missing, of one class only or too
        few of one class for the splits, if `cv` is none of the above, or if
        `MnistCNN` has no such hyperparameter.

    See Also
    --------
    make_variant_search : The search alone.
    ComparisonDisplay : A picture of the accuracies.

    Examples
    --------
    >>> from skmnist import compare_variants, load_images
    >>> digits = load_images("digits")
    >>> comparison = compare_variants(
    ...     digits.data[:600], digits.target[:600], cv="holdout", max_value=16,
    ...     filters=(4, 8), dense_units=16, epochs=1, random_state=0)
    >>> comparison.table_["model"].tolist()
    ['plain', 'annealed', 'annealed_augmented']
    """
    y = _check_labels(y)
    holdout = _check_cv(cv) == "holdout"
    if isinstance(random_state, Integral):
        seed = int(random_state)
    else:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    search = make_variant_search(
        cv=3 if holdout else cv,
        n_jobs=n_jobs,
        image_shape=image_shape,
        max_value=max_value,
        random_state=seed,
        **cnn_params,
    )

    with warnings.catch_warnings():
        # What can be found wrong in X is found now; the fits warn of the rest.
        warnings.simplefilter("ignore")
        clone(search.estimator["scale"]).fit(X)
    _check_counts(y, 3 if holdout else 2, "the split into parts needs")
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=test_size, stratify=y, random_state=seed
    )
    if holdout:
        if len(y_test) >= len(y_train):
            raise ValueError(
                f"test_size={test_size} takes {len(y_test)} of {len(y)} rows, and as "
                "many again are needed for validation: make it smaller."
            )
        X_train, X_val, y_train, y_val = train_test_split(
            X_train,
            y_train,
            test_size=len(y_test),
            stratify=y_train,
            random_state=seed,
        )
        scaler = clone(search.estimator["scale"]).fit(X_train)
        validation = (scaler.transform(X_val), y_val)
        test_to_train = None
    else:
        validation = None
        test_to_train = _measure_folds(cv, X_train, y_train)
        search.set_params(refit=False, error_score="raise")

    pipelines = {
        name: clone(search.estimator).set_params(**_as_step(settings))
        for name, settings in VARIANTS.items()
    }
    fits = VariantFits(pipelines, n_jobs=n_jobs)
    with sending_once():
        if not holdout:
            _show_progress(search, progress).fit(X_train, y_train).set_callbacks()
        _show_progress(fits, progress).fit(X_train, y_train, X_test, validation)
    comparison = VariantComparison(
        fits.results_,
        X_test,
        y_test,
        search=None if holdout else search,
        test_to_train=test_to_train,
    )
    if not holdout:
        # The best variant is fitted already, so that the search need not do it.
        search.set_params(refit=True).best_estimator_ = comparison.best_estimator_
        best = comparison.table_["model"] == comparison.best_variant_
        search.refit_time_ = float(comparison.table_["seconds"][best].item())
    return comparison


def _as_step(params):
    return {f"cnn__{name}": value for name, value in params.items()}


def _show_progress(estimator, progress):
    if progress:
        estimator.set_callbacks(ProgressBar(max_propagation_depth=2))
    return estimator


def _check_cv(cv):
    is_name = isinstance(cv, str)
    if (
        (is_name and cv == "holdout")
        or (isinstance(cv, Integral) and cv >= 2)
        or (hasattr(cv, "split") and hasattr(cv, "get_n_splits"))
    ):
        return cv if is_name else "folds"
    raise ValueError(
        f"cv must be an integer of at least 2, a cross-validation splitter or "
        f"'holdout', but it is {cv!r}."
    )


def _check_labels(y):
    y = column_or_1d(y)
    n_missing = int(pd.isna(y).sum())
    if n_missing:
        raise ValueError(f"y misses {n_missing} of its {len(y)} labels: drop the rows.")
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y must hold at least two classes, but it holds only "
            f"{', '.join(map(str, classes)) or 'none'}."
        )
    return y


def _check_counts(y, least, need):
    classes, counts = np.unique(y, return_counts=True)
    rarest = counts.argmin()
    if counts[rarest] < least:
        raise ValueError(
            f"Class {classes[rarest]} has {counts[rarest]} of {len(y)} rows, but "
            f"{need} at least {least} of each class: add rows or leave the class out."
        )


def _measure_folds(cv, X, y):
    """Check that there can be folds; give rows tested for each row trained on."""
    folds = check_cv(cv, y, classifier=True)
    if isinstance(folds, StratifiedKFold):
        n_folds = folds.get_n_splits()
        _check_counts(y, n_folds, f"{n_folds} folds of what the test set leaves need")
    sizes = [(len(test), len(train)) for train, test in folds.split(X, y)]
    return float(np.mean([n_test / n_train for n_test, n_train in sizes]))
