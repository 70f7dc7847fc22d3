"""The rows that each repeat of a comparison trains and is measured on."""

from copy import copy
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedKFold, check_cv, train_test_split
from sklearn.utils import _safe_indexing

from skmnist._utils import display_name


class Split(NamedTuple):
    """The rows of one repeat, or of one of its folds, by number, and its seed."""

    repeat: int
    n_repeats: int
    seed: int
    train: np.ndarray | None = None
    test: np.ndarray | None = None
    # Rows given to the network as X_val; None leaves the validation to it.
    validation: np.ndarray | None = None
    fold: str | None = None  # its name

    def fit_name(self, variant):
        """Return the name of the fit of a variant."""
        repeat = f"repeat {self.repeat + 1}" if self.n_repeats > 1 else None
        return ", ".join(filter(None, [display_name(variant), repeat, self.fold]))


def split_rows(X, y, cv, test_size, split):
    """Choose the rows of one repeat, and of its folds: a split and a list of them."""
    holdout = isinstance(cv, str)
    _check_counts(y, 3 if holdout else 2, "the split into parts needs")
    train, test = train_test_split(
        np.arange(len(y)), test_size=test_size, stratify=y, random_state=split.seed
    )
    if not holdout:
        pairs = _fold(X, y, cv, train, split.seed)
        folds = [
            split._replace(train=part, test=rest, fold=f"fold {i} of {len(pairs)}")
            for i, (part, rest) in enumerate(pairs, 1)
        ]
        return split._replace(train=train, test=test), folds
    if len(test) >= len(train):
        raise ValueError(
            f"test_size={test_size} takes {len(test)} of {len(y)} rows, and as "
            "many again are needed for validation: make it smaller."
        )
    train, validation = train_test_split(
        train, test_size=len(test), stratify=y[train], random_state=split.seed
    )
    return split._replace(train=train, test=test, validation=validation), []


def _fold(X, y, cv, rows, seed):
    """Split rows into folds: pairs of rows to train on and to test on."""
    labels = y[rows]
    folds = check_cv(cv, labels, classifier=True)
    if isinstance(folds, StratifiedKFold):
        n_folds = folds.get_n_splits()
        _check_counts(
            labels, n_folds, f"{n_folds} folds of what the test set leaves need"
        )
    if getattr(folds, "random_state", 0) is None:
        folds = copy(folds)
        folds.random_state = seed
    parts = list(folds.split(_safe_indexing(X, rows), labels))
    if any(np.max(np.concatenate(part), initial=0) >= len(rows) for part in parts):
        raise ValueError(
            f"cv must split the {len(rows)} rows that the test set leaves, but its "
            f"folds have row numbers beyond them: {cv!r}."
        )
    return [(rows[train], rows[test]) for train, test in parts]


def held_out_ratio(folds):
    """Return the ratio of test to training rows in folds; None without folds."""
    ratios = [len(fold.test) / len(fold.train) for fold in folds]
    return float(np.mean(ratios)) if ratios else None


def _check_counts(y, least, need):
    classes, counts = np.unique(y, return_counts=True)
    rarest = counts.argmin()
    if counts[rarest] < least:
        raise ValueError(
            f"Class {classes[rarest]} has {counts[rarest]} of {len(y)} rows, but "
            f"{need} at least {least} of each class: add rows or leave the class out."
        )
