"""Checks of what `fit` is given: hyperparameters, labels, weights, pixel ranges."""

import os
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
)
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from skmnist._backend import keras
from skmnist._schedules import SCHEDULES

__all__ = ["CONSTRAINTS"]

_POSITIVE_INT = Interval(Integral, 1, None, closed="left")
_FRACTION = Interval(Real, 0, 1, closed="left")

# One line for each hyperparameter of MnistCNN, in scikit-learn's own notation.
CONSTRAINTS = {
    "anneal": ["boolean", StrOptions(set(SCHEDULES))],
    "anneal_factor": [Interval(Real, 0, 1, closed="neither")],
    "anneal_patience": [_POSITIVE_INT],
    "min_learning_rate": [Interval(Real, 0, None, closed="left")],
    "augment": ["boolean"],
    "rotation_range": [Interval(Real, 0, 180, closed="both")],
    "zoom_range": [_FRACTION],
    "shift_range": [Interval(Real, 0, 1, closed="both")],
    "epochs": [_POSITIVE_INT],
    "batch_size": [_POSITIVE_INT],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
    "filters": [tuple, list],
    "kernel_sizes": [tuple, list],
    "dense_units": [_POSITIVE_INT],
    "dropout": [tuple, list],
    "image_shape": [tuple, list, None],
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "callbacks": [list, tuple, keras.callbacks.Callback, None],
    "checkpoint_dir": [str, os.PathLike, None],
    "tta_copies": [Interval(Integral, 0, None, closed="left")],
}


def refuse(name, value, allowed):
    """Raise scikit-learn's error for a wrong hyperparameter."""
    raise InvalidParameterError(
        f"The {name!r} parameter of MnistCNN must {allowed}. Got {value!r} instead."
    )


def check_sequences(cnn):
    """Check the entries and the lengths of the hyperparameters that are tuples."""
    for name, allowed, entry in (
        ("filters", "hold positive integers", _POSITIVE_INT),
        ("kernel_sizes", "hold positive integers", _POSITIVE_INT),
        ("dropout", "hold fractions from 0 up to, but not, 1", _FRACTION),
    ):
        value = getattr(cnn, name)
        if not value or not all(
            entry.is_satisfied_by(item) and not isinstance(item, bool)
            for item in value
        ):
            refuse(name, value, allowed)
    if len(cnn.kernel_sizes) != len(cnn.filters):
        refuse(
            "kernel_sizes",
            cnn.kernel_sizes,
            f"have as many entries as filters={cnn.filters!r}",
        )
    if len(cnn.dropout) != len(cnn.filters) + 1:
        refuse(
            "dropout",
            cnn.dropout,
            f"have one entry for each of filters={cnn.filters!r} and one for the "
            "dense layer",
        )


def list_callbacks(callbacks):
    """Return the hyperparameter `callbacks` as a list, its entries checked."""
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.Callback):
        return [callbacks]
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            refuse("callbacks", callback, "hold instances of keras.callbacks.Callback")
    return list(callbacks)


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
