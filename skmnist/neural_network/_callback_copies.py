"""Copies of Keras's callbacks: one for each fit, and what of it can be pickled."""

import copy
import io
import pickle

from skmnist.neural_network._keras import keras
from skmnist.neural_network._param_constraints import refuse

__all__ = ["as_far_as_pickled", "copy_callback", "list_callbacks"]


def copy_callback(callback, estimator):
    """Return a copy of a callback, for one fit of an estimator."""
    try:
        # One that knows its estimator goes on to know this very one.
        return copy.deepcopy(callback, {id(estimator): estimator})
    except Exception as error:
        raise ValueError(
            f"callbacks are copied for each fit, and {type(callback).__name__} cannot "
            f"be copied ({error}): let it hold no locks, files or generators."
        ) from error


def as_far_as_pickled(callback, estimator):
    """Return a callback, or a copy without the attributes that cannot be pickled.

    A callback that has run may hold what it worked with: Keras's `CSVLogger` keeps
    its closed file.
    """
    if _can_be_pickled(callback, estimator):
        return callback
    copied = object.__new__(type(callback))
    vars(copied).update(
        {
            name: value
            for name, value in vars(callback).items()
            if _can_be_pickled(value, estimator)
        }
    )
    return copied


class _Trial(pickle.Pickler):
    """Pickle all but an estimator, which is being pickled already."""

    def __init__(self, estimator):
        super().__init__(io.BytesIO())
        self.estimator = estimator

    def persistent_id(self, value):
        return "estimator" if value is self.estimator else None


def _can_be_pickled(value, estimator):
    try:
        _Trial(estimator).dump(value)
    except Exception:
        return False
    return True


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
