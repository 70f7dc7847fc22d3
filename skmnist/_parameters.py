"""What each hyperparameter may be."""

import os
from numbers import Integral, Real

from sklearn.utils._param_validation import (
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

from skmnist._backend import keras
from skmnist._inputs import (
    LARGEST_FLOAT,
    LARGEST_INT,
    MOST_COPIES,
    NOT_NEGATIVE_FLOAT,
    POSITIVE_FLOAT,
    Number,
)
from skmnist._schedules import SCHEDULES

__all__ = ["CONSTRAINTS", "check_averaging", "check_sequences", "list_callbacks"]

_POSITIVE_INT = Number(Integral, 1, LARGEST_INT, closed="both")
_FRACTION = Number(Real, 0, 1, closed="left")
# A kernel of 257 x 257 aborts the process (TensorFlow 2.21 on a CPU).
_KERNEL_SIDE = Number(Integral, 1, 255, closed="both")

# One line for each hyperparameter of MnistCNN, in scikit-learn's own notation.
CONSTRAINTS = {
    "anneal": ["boolean", StrOptions(set(SCHEDULES))],
    "anneal_factor": [Number(Real, 0, 1, closed="neither")],
    "anneal_patience": [_POSITIVE_INT],
    "augment": ["boolean"],
    "rotation_range": [Number(Real, 0, 180, closed="both")],
    "zoom_range": [_FRACTION],
    "shift_range": [Number(Real, 0, 1, closed="both")],
    "epochs": [_POSITIVE_INT],
    "batch_size": [_POSITIVE_INT],
    "learning_rate": [POSITIVE_FLOAT],
    "min_learning_rate": [NOT_NEGATIVE_FLOAT],
    "validation_fraction": [Number(Real, 0, 1, closed="neither"), None],
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
    "tta_copies": [Number(Integral, 0, MOST_COPIES, closed="both")],
}


def refuse(name, value, allowed):
    """Raise scikit-learn's error for a wrong hyperparameter."""
    raise InvalidParameterError(
        f"The {name!r} parameter of MnistCNN must {allowed}. Got {value!r} instead."
    )


def check_sequences(cnn):
    """Check the entries of the hyperparameters that are tuples or a dict."""
    for name, allowed, entry in (
        ("filters", "hold positive integers", _POSITIVE_INT),
        ("kernel_sizes", "hold integers from 1 to 255", _KERNEL_SIDE),
        ("dropout", "hold fractions from 0 up to, but not, 1", _FRACTION),
    ):
        value = getattr(cnn, name)
        if not value or not all(entry.is_satisfied_by(item) for item in value):
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
    if isinstance(cnn.class_weight, dict) and not all(
        NOT_NEGATIVE_FLOAT.is_satisfied_by(weight)
        for weight in cnn.class_weight.values()
    ):
        refuse(
            "class_weight",
            cnn.class_weight,
            f"hold numbers from 0 to {LARGEST_FLOAT:.2g}",
        )


def check_averaging(cnn):
    """Check the hyperparameters that predictions read; they may change after `fit`."""
    names = ("tta_copies", "rotation_range", "zoom_range", "shift_range")
    validate_parameter_constraints(
        {name: CONSTRAINTS[name] for name in names},
        {name: getattr(cnn, name) for name in names},
        caller_name="MnistCNN",
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
