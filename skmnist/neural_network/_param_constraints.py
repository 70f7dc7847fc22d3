"""The table of hyperparameters: default, constraint, and help of the command's option.

Free of Keras, so that the command's help costs none of the seconds of its import.
"""

import os
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple

from sklearn.utils._param_validation import (
    HasMethods,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

from skmnist._utils import (
    LARGEST_INT,
    NOT_NEGATIVE_FLOAT,
    POSITIVE_FLOAT,
    Number,
)

SCHEDULES = ("plateau", "one_cycle")
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")

_POSITIVE_INT = Number(Integral, 1, LARGEST_INT, closed="both")
_FRACTION = Number(Real, 0, 1, closed="left")
_FRACTION_OR_ONE = Number(Real, 0, 1, closed="both")
_PROPER_FRACTION = Number(Real, 0, 1, closed="neither")
_HALF_TURN = Number(Real, 0, 180, closed="both")
# A kernel of 257 x 257 aborts the process (TensorFlow 2.21 on a CPU).
_KERNEL_SIDE = Number(Integral, 1, 255, closed="both")
# A model file may set it, and each copy takes as long as a prediction.
_COPIES = Number(Integral, 0, 10_000, closed="both")


class Hyperparameter(NamedTuple):
    """One hyperparameter of `MnistCNN`."""

    default: Any
    constraints: list
    # The command's option: the name of its value, help, its group ("" for no option).
    metavar: str = ""
    help: str = ""
    group: str = ""
    # What each entry of a tuple, or each value of a dict, must be.
    entries: Number | None = None
    # Whether the name of a checkpoint depends on it. False if it does not affect the
    # trained network, or only through the rows, their weights, the architecture or the
    # initial state, on which the name depends anyway.
    in_checkpoint: bool = True


_training = partial(Hyperparameter, group="training")
_augmentation = partial(Hyperparameter, group="augmentation")
_network = partial(Hyperparameter, group="network")
_unlisted = partial(Hyperparameter, in_checkpoint=False)

# One line for each hyperparameter, with its constraints in scikit-learn's notation.
HYPERPARAMETERS = {
    "anneal": Hyperparameter(False, ["boolean", StrOptions(set(SCHEDULES))]),
    "anneal_factor": _training(
        0.3, [_PROPER_FRACTION], "FACTOR", "what annealing multiplies the rate by"
    ),
    "anneal_patience": _training(
        2, [_POSITIVE_INT], "N", "epochs without progress before that"
    ),
    "augment": Hyperparameter(False, ["boolean"]),
    "rotation_range": _augmentation(
        10.0, [_HALF_TURN], "DEGREES", "largest rotation to either side"
    ),
    "zoom_range": _augmentation(
        0.05, [_FRACTION], "FRACTION", "largest zoom along each axis"
    ),
    "shift_range": _augmentation(
        0.05, [_FRACTION_OR_ONE], "FRACTION", "largest shift, of each side"
    ),
    "early_stopping": _training(
        False,
        ["boolean"],
        help="stop when the validation loss does not improve, and keep the best epoch",
    ),
    "n_iter_no_change": _training(
        5, [_POSITIVE_INT], "N", "epochs without progress before early stopping"
    ),
    "epochs": _training(30, [_POSITIVE_INT], "N", "passes over the training rows"),
    "batch_size": _training(42, [_POSITIVE_INT], "N", "images in one step of training"),
    "learning_rate": _training(
        0.001, [POSITIVE_FLOAT], "RATE", "first rate (one_cycle: highest)"
    ),
    "min_learning_rate": _training(
        1e-5, [NOT_NEGATIVE_FLOAT], "RATE", "where annealing stops"
    ),
    "label_smoothing": _training(
        0.0,
        [_FRACTION],
        "FRACTION",
        "label smoothing: probability shared among all classes",
    ),
    "validation_fraction": _training(
        0.1,
        [_PROPER_FRACTION, None],
        "FRACTION",
        "part of the rows to hold out",
        in_checkpoint=False,
    ),
    "filters": _network(
        (32, 64), [tuple, list], "N", "filters of each block", entries=_POSITIVE_INT
    ),
    "kernel_sizes": _network(
        (5, 3),
        [tuple, list],
        "N",
        "side of their kernels, in pixels",
        entries=_KERNEL_SIDE,
    ),
    "dense_units": _network(384, [_POSITIVE_INT], "N", "units of the dense layer"),
    "dropout": _network(
        (0.4, 0.5, 0.5),
        [tuple, list],
        "FRACTION",
        "after each block and after the dense layer",
        entries=_FRACTION,
    ),
    "batch_norm": _network(
        False, ["boolean"], help="batch normalization before each activation"
    ),
    "dtype": _network(
        "float32",
        [StrOptions(set(DTYPES)), None],
        "DTYPE",
        "float32, or mixed_bfloat16 or mixed_float16 for mixed precision",
    ),
    "image_shape": _unlisted(None, [tuple, list, None]),
    "class_weight": _training(
        None,
        [dict, StrOptions({"balanced"}), None],
        "balanced",
        "let all classes weigh the same",
        entries=NOT_NEGATIVE_FLOAT,
        in_checkpoint=False,
    ),
    "warm_start": _unlisted(False, ["boolean"]),
    "random_state": _unlisted(None, ["random_state"]),
    "verbose": _unlisted(0, ["verbose"]),
    "callbacks": _unlisted(
        None, [list, tuple, HasMethods("on_epoch_end"), callable, None]
    ),
    "checkpoint_dir": _unlisted(None, [str, os.PathLike, None]),
    "tta_copies": _network(
        0,
        [_COPIES],
        "N",
        "transformed copies to average predictions over",
        in_checkpoint=False,
    ),
}
CONSTRAINTS = {name: each.constraints for name, each in HYPERPARAMETERS.items()}
# Predictions read these, and they may change after `fit`.
_OF_PREDICTIONS = ("tta_copies", "rotation_range", "zoom_range", "shift_range")


def refuse(name, value, allowed):
    """Raise scikit-learn's error for an invalid hyperparameter."""
    raise InvalidParameterError(
        f"The {name!r} parameter of MnistCNN must {allowed}. Got {value!r} instead."
    )


def check_params(params):
    """Check all hyperparameters, the entries of tuples and dicts included."""
    validate_parameter_constraints(CONSTRAINTS, params, caller_name="MnistCNN")
    for name, each in HYPERPARAMETERS.items():
        if each.entries is not None:
            _check_entries(name, params[name], each.entries)
    filters, kernel_sizes, dropout = (
        params[name] for name in ("filters", "kernel_sizes", "dropout")
    )
    if len(kernel_sizes) != len(filters):
        refuse("kernel_sizes", kernel_sizes, f"have as many entries as {filters=}")
    if len(dropout) != len(filters) + 1:
        refuse(
            "dropout",
            dropout,
            f"have one entry for each of {filters=} and one for the dense layer",
        )


def _check_entries(name, value, entries):
    values = value.values() if isinstance(value, dict) else value
    if value is None or isinstance(value, str):
        return
    if not all(entries.is_satisfied_by(item) for item in values):
        refuse(name, value, f"have entries of which each is {entries}")
    if not value and not isinstance(value, dict):
        refuse(name, value, "have at least one entry")


def check_averaging(params):
    """Check the hyperparameters that predictions read; they may change after `fit`."""
    validate_parameter_constraints(
        {name: CONSTRAINTS[name] for name in _OF_PREDICTIONS},
        {name: params[name] for name in _OF_PREDICTIONS},
        caller_name="MnistCNN",
    )
