"""Resuming an interrupted fit: its state after every epoch, in a safe file."""

import hashlib
import os
import sys
import tempfile
from dataclasses import fields
from numbers import Integral
from time import perf_counter

import numpy as np

from skmnist._utils import warn_user
from skmnist.io._atomic import write_atomically
from skmnist.io._json import pack_param
from skmnist.io._tensor_file import TensorFile
from skmnist.neural_network._keras import keras
from skmnist.neural_network._param_constraints import HYPERPARAMETERS
from skmnist.neural_network._state_file import (
    library_versions,
    pack_state,
    unpack_state,
)
from skmnist.neural_network._training_state import TrainingState

_STATE = [field.name for field in fields(TrainingState)]


def check_resumable(cnn):
    """Raise a ValueError if a fit with these hyperparameters cannot be resumed."""
    if not isinstance(cnn.random_state, Integral):
        raise ValueError(
            "checkpoint_dir needs an integer random_state, to recognize the same fit. "
            f"Got random_state={cnn.random_state!r}."
        )
    if cnn.callbacks:
        raise ValueError(
            "checkpoint_dir cannot be combined with callbacks, because their state "
            f"cannot be restored. Got callbacks={cnn.callbacks!r}."
        )


def fingerprint(cnn, state, batches, validation):
    """Return a name for a fit: a hash of all that decides its outcome."""
    digest = hashlib.sha256()

    def add(array):
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8))

    described = (
        state.seed,
        sorted((name, pack_param(name, v)) for name, v in _settings(cnn).items()),
        sorted(cnn._architecture()._asdict().items()),
        sorted(state.history.items()),
        sorted(state.schedule.items()),
    )
    digest.update(repr(described).encode())
    for named in (state.weights, state.optimizer):
        for array in named.values():
            add(array)
    for part in (batches, validation):
        if part is None:
            continue
        add(part.index)
        add(part.codes)
        if part.weight is not None:
            add(part.weight)
        # Held-out rows lie in the same array as the others.
        if part is batches or part.rows is not batches.rows:
            add(part.rows)
    return digest.hexdigest()


def _settings(cnn):
    """Return the hyperparameters that affect the outcome of a fit."""
    return {
        name: value
        for name, value in cnn.get_params(deep=False).items()
        # Those of a subclass may affect anything.
        if name not in HYPERPARAMETERS or HYPERPARAMETERS[name].in_checkpoint
    }


class Checkpoint(keras.callbacks.Callback):
    """Write the state of a fit after every epoch, and find it again.

    Several processes may run the same fit at once: they write the same state, and the
    file of the last one to write stays. `name` is a fingerprint. `is_finished` says
    whether the state that `load` found is that after the last epoch, and `seconds`
    how long its epochs took.
    """

    snapshot = None

    def __init__(self, cnn, name):
        super().__init__()
        self.path = os.path.join(os.fspath(cnn.checkpoint_dir), f"{name}.safetensors")
        self.hyperparameters = {
            name: value
            for name, value in _settings(cnn).items()
            if name in HYPERPARAMETERS
        }
        self.described = {
            # To the network only the number of labels matters.
            "classes": np.arange(len(cnn.classes_)),
            "image_shape": cnn.image_shape_,
            "feature_names": None,
        }
        back_end = keras.config.backend()
        # Of the libraries that affect the bits.
        versions = library_versions() | {back_end: sys.modules[back_end].__version__}
        self.extra = {"fit": name, "versions": versions}
        self.is_finished = False
        self.seconds = 0.0
        self._start = perf_counter()

    def load(self, start):
        """Return the state that an earlier run left, or else `start`.

        A file that is damaged, unreadable or of another version is ignored with a
        warning. Raises an OSError if checkpoints cannot be written.
        """
        found = start
        try:
            found = self._read()
        except FileNotFoundError:
            pass
        except (ValueError, OSError) as error:
            warn_user(
                f"The checkpoint {self.path} is ignored, and the fit starts from the "
                f"beginning: {error}.",
            )
        if not self.is_finished:
            self._check_folder()
        return found

    def _read(self):
        """Return the state in the file, and note what is known of its fit."""
        _, found, extra = unpack_state(TensorFile(self.path))
        is_finished, seconds = extra.pop("finished", None), extra.pop("seconds", None)
        if extra.get("versions") != self.extra["versions"]:
            raise ValueError(f"it was written with {extra.get('versions')}")
        known = type(is_finished), type(seconds)
        if extra != self.extra or known != (bool, float):
            raise ValueError("it belongs to another fit")
        self.is_finished, self.seconds = is_finished, seconds
        return TrainingState(**{name: found[name] for name in _STATE})

    def _check_folder(self):
        """Raise an OSError before the training, not after its first epoch."""
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder, prefix=".skmnist-"):
                pass
        except OSError as error:
            raise OSError(
                error.errno,
                f"Checkpoints cannot be written into checkpoint_dir ({error.strerror})",
                folder,
            ) from None

    def on_epoch_end(self, epoch, logs=None):
        state = vars(self.snapshot()) | self.described
        # Early stopping, which is called before, may have set `stop_training`.
        is_last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        seconds = self.seconds + perf_counter() - self._start
        extra = self.extra | {"finished": is_last, "seconds": seconds}
        write_atomically(self.path, pack_state(self.hyperparameters, state, extra))
