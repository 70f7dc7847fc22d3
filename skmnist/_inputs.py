"""Checks of labels, weights and pixel ranges."""

import warnings

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight


def check_classes(y, given, known):
    """Return the sorted classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    given : array-like or None
        What the caller says that the classes are.
    known : ndarray or None
        The classes of the fit that goes on.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        `known`, or else `given`, or else what `y` holds.

    Raises
    ------
    ValueError
        If `given` contradicts `known`, or if there are fewer than two classes.
    """
    classes = None if given is None else np.unique(given)
    if known is not None:
        if classes is not None and not np.array_equal(known, classes):
            raise ValueError(
                f"classes={classes.tolist()} are not those of the first call, "
                f"{known.tolist()}: leave classes out, or call fit."
            )
        return known
    if classes is None:
        classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            "MnistCNN needs samples of at least 2 classes, but y holds only one "
            f"class: {classes.tolist()[0]!r}."
        )
    return classes


def encode_labels(y, classes, what="y"):
    """Return the position of each label in the sorted `classes`.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    classes : ndarray of shape (n_classes,)
        The labels that are known.
    what : str, default="y"
        How the error message calls the labels.

    Returns
    -------
    codes : ndarray of int32 of shape (n_samples,)
        From 0.

    Raises
    ------
    ValueError
        If a label is not among the classes.
    """
    known = np.isin(y, classes)
    if not known.all():
        raise ValueError(
            f"{what} has labels that are not among the classes {classes.tolist()}: "
            f"{np.unique(y[~known]).tolist()}."
        )
    return np.searchsorted(classes, y).astype(np.int32)


def weigh_classes(class_weight, codes, classes):
    """Return the weight of each class, or None if all weigh the same."""
    if class_weight is None:
        return None
    present = np.unique(codes)
    weights = np.ones(len(classes), dtype=np.float32)
    weights[present] = compute_class_weight(
        class_weight, classes=classes[present], y=classes[codes]
    )
    return weights


def weigh_rows(sample_weight, rows, codes, class_weight):
    """Return the product of both weights for each row, or None if all are equal."""
    if sample_weight is not None:
        sample_weight = _check_sample_weight(
            sample_weight, rows, dtype=np.float32, ensure_non_negative=True
        )
    if class_weight is None:
        return sample_weight
    of_class = class_weight[codes]
    return of_class if sample_weight is None else sample_weight * of_class


def warn_nothing_held_out(fraction):
    """Warn that no class is large enough to give a validation row."""
    warnings.warn(
        f"validation_fraction={fraction:g} of each class is less than one row: nothing "
        "is held out, and the training loss is monitored.",
        UserWarning,
        stacklevel=5,
    )


def warn_unscaled(rows):
    """Warn if the pixels of the training rows go beyond 1."""
    if (largest := _largest(rows)) > 1:
        warnings.warn(
            f"X has values up to {largest:g}, but MnistCNN expects pixels from 0 to 1 "
            "and does not scale them: put an ImageScaler before it.",
            UserWarning,
            stacklevel=5,
        )


def warn_other_scale(rows_val, rows):
    """Warn if the validation rows were not scaled as the training rows were."""
    largest, largest_val = _largest(rows), _largest(rows_val)
    if largest_val > 10 * largest:
        warnings.warn(
            f"X_val has values up to {largest_val:g}, more than 10 times those of X "
            f"(up to {largest:g}): scale X_val as X was scaled.",
            UserWarning,
            stacklevel=6,
        )


def _largest(rows):
    return max(float(rows.max()), -float(rows.min()))
