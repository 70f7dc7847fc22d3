"""The hyperparameter `callbacks`: Keras callbacks, copied for each fit."""

import copy

from skmnist.neural_network._keras import keras
from skmnist.neural_network._param_constraints import refuse


def copy_callbacks(callbacks, estimator):
    """Return the callbacks of one fit, copied or made by the given functions.

    References to the estimator are not copied.
    """
    if callbacks is None:
        return []
    if not isinstance(callbacks, (list, tuple)):
        callbacks = [callbacks]
    return [_copy(callback, estimator) for callback in callbacks]


def _copy(callback, estimator):
    made = callback
    if isinstance(callback, keras.callbacks.Callback):
        made = _deep_copy(callback, {id(estimator): estimator})
    elif callable(callback):
        made = callback()
    if not isinstance(made, keras.callbacks.Callback):
        refuse(
            "callbacks",
            callback,
            "hold instances of keras.callbacks.Callback, or callables that return one",
        )
    if isinstance(made, keras.callbacks.BackupAndRestore):
        raise ValueError(
            "callbacks holds a BackupAndRestore, which restores the weights of an "
            "interrupted fit but not its epochs: set checkpoint_dir instead."
        )
    return made


def _deep_copy(callback, memo=None):
    try:
        return copy.deepcopy(callback, memo)
    except Exception as error:
        name = type(callback).__name__
        raise ValueError(
            f"callbacks are copied for each fit, and {name} cannot be copied "
            f"({error}): give {name} itself, or a function that makes one, instead of "
            "an instance."
        ) from error


def check_copyable(callbacks):
    """Raise a ValueError if a callback cannot be copied."""
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        _deep_copy(callback)
