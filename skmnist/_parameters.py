"""What each hyperparameter may be."""

import os
from numbers import Integral, Real

from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    StrOptions,
)

from skmnist._backend import keras
from skmnist._schedules import SCHEDULES

__all__ = ["CONSTRAINTS", "check_sequences", "list_callbacks"]

_POSITIVE_INT = Interval(Integral, 1, None, closed="left")
_FRACTION = Interval(Real, 0, 1, closed="left")

# One line for each hyperparameter of MnistCNN, in scikit-learn's own notation.
CONSTRAINTS = {
    "anneal": ["boolean", StrOptions(set(SCHEDULES))],
    "anneal_factor": [Interval(Real, 0, 1, closed="neither")],
    "anneal_patience": [_POSITIVE_INT],
    "augment": ["boolean"],
    "rotation_range": [Interval(Real, 0, 180, closed="both")],
    "zoom_range": [_FRACTION],
    "shift_range": [Interval(Real, 0, 1, closed="both")],
    "epochs": [_POSITIVE_INT],
    "batch_size": [_POSITIVE_INT],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "min_learning_rate": [Interval(Real, 0, None, closed="left")],
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
            entry.is_satisfied_by(item) and not isinstance(item, bool) for item in value
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
