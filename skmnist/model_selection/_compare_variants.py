"""The comparison of variants: splits, searches, fits."""

import sys
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from functools import partial
from numbers import Integral
from time import perf_counter

import numpy as np
import pandas as pd
from joblib.parallel import get_active_backend
from sklearn.base import clone
from sklearn.utils import (
    _safe_indexing,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils._param_validation import (
    HasMethods,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import check_classification_targets

from skmnist._utils import Number, full_repr
from skmnist.model_selection._splits import Split, held_out_ratio, split_rows
from skmnist.model_selection._variant_comparison import VariantComparison
from skmnist.model_selection._variant_fits import VariantFits
from skmnist.model_selection._variants import (
    complete_search,
    make_variant_search,
    variant_pipeline,
)
from skmnist.neural_network._keras import keras
from skmnist.neural_network._live_display import quiet_workers
from skmnist.neural_network._progress import TrainingProgress
from skmnist.neural_network._recipes import VARIANTS
from skmnist.neural_network._targets import plain_labels
from skmnist.neural_network._time_left import Work, fit_cost, scoring_cost

_CONSTRAINTS = {
    "cv": [
        Number(Integral, 2, None, closed="left"),
        HasMethods(["split", "get_n_splits"]),
        StrOptions({"holdout"}),
    ],
    "repeats": [Number(Integral, 1, None, closed="left")],
}


def compare_variants(
    X,
    y,
    *,
    variants=VARIANTS,
    repeats=1,
    cv=3,
    test_size=0.2,
    n_jobs=None,
    random_state=None,
    image_shape=None,
    max_value=255,
    progress=False,
    **cnn_params,
):
    """Compare variants of the network, and other classifiers, on the same splits.

    A stratified test set is put aside. On the rest, the development part, the
    variants are cross-validated as by a grid search, and each is fitted once on all
    of it and measured on the test set. The best variant is chosen without the test
    set: by the mean over the folds, the earlier one of two that are equal.

    With `cv="holdout"`, folds are left out. As many rows as for the test are put
    aside for validation, given to `fit` as `X_val` and `y_val`. Each variant is
    trained exactly once on what is left, and the validation accuracy chooses.

    With `repeats`, all of this is repeated with other splits and seeds, and the
    variants are compared over the repeats. `cv="holdout"` suits that best, since
    each repeat then costs one fit a variant.

    Parameters
    ----------
    X : array-like of shape (n_samples, height * width), \
            (n_samples, height, width) or (n_samples, height, width, 1)
        Pixels from 0 to `max_value`.
    y : array-like of shape (n_samples,)
        Labels.
    variants : dict of str to dict or classifier, default=VARIANTS
        For each name hyperparameters of `MnistCNN`, or a classifier, such as
        ``SVC()`` or a Pipeline, which gets rows of pixels from 0 to 1 and the seed
        of the repeat wherever it has a `random_state`.
    repeats : int, default=1
        How many times the rows are split and the variants fitted. Repeat r, from
        0, takes `random_state` + r for its split and its networks, so that a longer
        comparison begins with the repeats of a shorter one, and finds their fits in
        `checkpoint_dir`.
    cv : int, cross-validation splitter or "holdout", default=3
        The folds; an int of at least 2 is the number of stratified folds.
    test_size : float or int, default=0.2
        Rows for the test: a fraction between 0 and 1, or a number of rows, at least
        that of the classes.
    n_jobs : int, default=None
        Number of fits that run at once, of all repeats, variants and folds.
    random_state : int, RandomState instance or None, default=None
        Controls the splits and the networks. All variants of a repeat get the same
        seed, and so start from the same weights. Pass an int for the same results at
        each call.
    image_shape : tuple of (int, int), default=None
        Height and width in pixels, see `ImageScaler`.
    max_value : float, default=255
        The largest value that a pixel can have, above 0.
    progress : bool, default=False
        Whether to show the progress of the networks and the remaining time on the
        standard error stream. Workers must run on this machine.
    **cnn_params : dict
        Hyperparameters of `MnistCNN` that all variants share. A variant may set
        them otherwise.

    Returns
    -------
    comparison : VariantComparison
        Accuracies, fitted pipelines and tests of the differences.

    Raises
    ------
    ValueError
        Before any training, if the labels are missing, of one class only or too
        few of one class for the splits, if `variants`, `repeats` or `cv` are not as
        described, if `MnistCNN` does not have a hyperparameter, or if `checkpoint_dir`
        is given without an integer `random_state`.

    See Also
    --------
    make_variant_search : The search alone.
    ComparisonDisplay : A picture of the accuracies.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skmnist import compare_variants, load_images
    >>> digits = load_images("digits")
    >>> comparison = compare_variants(
    ...     digits.data[:600], digits.target[:600], cv="holdout", repeats=2,
    ...     variants={"network": {}, "neighbours": KNeighborsClassifier()},
    ...     max_value=16, filters=(4, 8), dense_units=16, epochs=1, random_state=0)
    >>> comparison.repeats_["model"].tolist()
    ['network', 'neighbours', 'network', 'neighbours']
    """
    start = perf_counter()
    y = _check_labels(y)
    check_consistent_length(X, y)
    validate_parameter_constraints(
        _CONSTRAINTS, {"cv": cv, "repeats": repeats}, caller_name="compare_variants"
    )
    seed = _first_seed(random_state)
    make_search = partial(
        make_variant_search,
        variants,
        n_jobs=n_jobs,
        image_shape=image_shape,
        max_value=max_value,
        **cnn_params,
    )
    template = make_search(random_state=seed).estimator
    is_kept = _is_kept([cnn_params, *variants.values()], random_state)
    call = _describe_call(
        variants,
        **{"repeats": repeats, "cv": cv, "test_size": test_size, "random_state": seed},
        **{"image_shape": image_shape, "max_value": max_value, **cnn_params},
    )
    with warnings.catch_warnings():
        # Raise errors about X now; the fits will warn.
        warnings.simplefilter("ignore")
        image_shape = clone(template["scale"]).fit(X).image_shape_
    splits = [
        split_rows(X, y, cv, test_size, Split(repeat, repeats, seed + repeat))
        for repeat in range(repeats)
    ]
    n_folds = [len(folds) for _, folds in splits]
    if len(set(n_folds)) > 1:
        raise ValueError(
            f"cv must make as many folds in each repeat, but makes {n_folds}: {cv!r}."
        )
    in_folds = [
        (fold, name) for _, folds in splits for name in variants for fold in folds
    ]
    as_a_whole = [(split, name) for split, _ in splits for name in variants]
    fits = [
        (split, name, variant_pipeline(variants[name], template, split.seed))
        for split, name in in_folds + as_a_whole
    ]
    said = [split.fit_name(name) for split, name, _ in fits]
    works = [_work(*fit, image_shape) for fit in fits]
    if progress:
        _name_dashboard()
        keras.ops.zeros(())  # TensorFlow's messages come before the display
    shown = TrainingProgress(
        dict(zip(said, works, strict=True)),
        shown=progress,
        early_stopping=any(
            pipeline.get_params().get("cnn__early_stopping") for *_, pipeline in fits
        ),
    )
    with (
        quiet_workers(progress),
        warnings.catch_warnings(),
        shown,
        _with_note_on_resuming(is_kept),
    ):
        # Other classifiers do not report their progress.
        warnings.filterwarnings("ignore", ".* does not support callbacks")
        all_fits = VariantFits(n_jobs, cnn_params.get("checkpoint_dir"))
        all_fits.set_callbacks(*shown.callbacks(said)).fit(X, y, fits)
    (first, _), *_ = splits
    results = all_fits.results_
    of_folds, of_wholes = results[: len(in_folds)], results[len(in_folds) :]
    searches = [
        complete_search(
            make_search(
                cv=[(fold.train, fold.test) for fold in folds], random_state=split.seed
            ),
            [fit for fit in of_folds if fit["repeat"] == split.repeat],
        )
        for split, folds in splits
        if folds
    ]
    return VariantComparison(
        of_wholes,
        _safe_indexing(X, first.test),
        y[first.test],
        searches=searches,
        test_to_train=held_out_ratio([fold for _, folds in splits for fold in folds]),
        call=call,
        seconds=perf_counter() - start,
    )


def _work(split, name, pipeline, image_shape):
    """Return what a fit and its scoring cost."""
    n_rows, n_scored = len(split.train), len(split.test)
    if split.fold is None:
        n_scored += n_rows + (0 if split.validation is None else len(split.validation))
    if "cnn" not in pipeline.named_steps:
        return Work(n_rows, n_scored, name)
    cnn = pipeline["cnn"]
    return Work(
        fit_cost(cnn, n_rows, image_shape),
        scoring_cost(cnn, n_scored, image_shape),
        network=name,
    )


def _describe_call(variants, **arguments):
    """Write the call in Python, without folders of this machine."""
    shown = ", ".join(
        f"{name!r}: {_settings(v) if isinstance(v, Mapping) else full_repr(v)}"
        for name, v in variants.items()
    )
    others = [f"{name}={value!r}" for name, value in _settings(arguments).items()]
    return f"compare_variants(X, y, {', '.join([f'variants={{{shown}}}', *others])})"


def _settings(params):
    return {name: v for name, v in params.items() if name != "checkpoint_dir"}


@contextmanager
def _with_note_on_resuming(is_kept):
    """Add a note to Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(
            "The same call resumes from the epochs and fits that checkpoint_dir holds."
            if is_kept
            else "With checkpoint_dir and an integer random_state, the same call "
            "resumes after the last finished epoch."
        )
        raise


def _name_dashboard():
    """On Dask, say where to watch the workers."""
    active, _ = get_active_backend()
    if client := getattr(active, "client", None):
        print(f"Watch the workers at {client.dashboard_link}", file=sys.stderr)


def _first_seed(random_state):
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _is_kept(settings, random_state):
    """Return whether there are checkpoints, which must be found again."""
    is_kept = any(isinstance(s, Mapping) and s.get("checkpoint_dir") for s in settings)
    if is_kept and not isinstance(random_state, Integral):
        raise ValueError(
            "checkpoint_dir needs an integer random_state, to recognize the same fits. "
            f"Got random_state={random_state!r}."
        )
    return is_kept


def _check_labels(y):
    if y is None:
        raise ValueError("y is None: the comparison needs the label of each image.")
    n_missing = int(np.sum(pd.isna(np.asarray(y, dtype=object))))
    if n_missing:
        raise ValueError(f"y misses {n_missing} of its {len(y)} labels: drop the rows.")
    y = column_or_1d(plain_labels(y))
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y must hold at least two classes, but it holds only "
            f"{', '.join(map(str, classes)) or 'none'}."
        )
    return y
