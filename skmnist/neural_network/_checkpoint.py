"""An interrupted fit goes on: its state after every epoch, in a safe file."""

import errno
import hashlib
import os
import sys
import tempfile
from numbers import Integral

import numpy as np

from skmnist._utils import warn_user
from skmnist.io._atomic import write_atomically
from skmnist.io._json import pack_param
from skmnist.io._state_file import library_versions, pack_state, unpack_state
from skmnist.neural_network._keras import keras
from skmnist.neural_network._training_loop import TrainingState

__all__ = ["Checkpoint", "check_resumable", "fingerprint"]

_STATE = ("seed", "weights", "optimizer", "schedule", "history", "batch_loss")
# Hyperparameters that decide on nothing that a fit leaves, or all of whose effect is
# in the rows, their weights, the architecture or the state that the fit starts from.
_NOT_DECIDING = (
    *("callbacks", "checkpoint_dir", "class_weight", "image_shape", "random_state"),
    *("tta_copies", "validation_fraction", "verbose", "warm_start"),
)
# The history of as many fits into a file's header.
_MAX_EPOCHS = 15_000


def check_resumable(cnn):
    """Check that a fit with these hyperparameters can be taken up again.

    Raises
    ------
    ValueError
        If `random_state` is no integer, if there are callbacks, whose memory
        nobody but they themselves could restore, or if Keras's policy has weights
        that are not of 32 bits.
    """
    if not isinstance(cnn.random_state, Integral):
        raise ValueError(
            "checkpoint_dir needs an integer random_state, to know the same fit again."
            f" Got random_state={cnn.random_state!r}."
        )
    if cnn.callbacks:
        raise ValueError(
            "checkpoint_dir cannot be combined with callbacks, because their memory "
            f"cannot be restored. Got callbacks={cnn.callbacks!r}."
        )
    policy = keras.config.dtype_policy()
    if policy.variable_dtype != "float32":
        raise ValueError(
            "checkpoint_dir needs weights in float32, but with Keras's dtype policy "
            f"{policy.name!r} they are in {policy.variable_dtype}: choose another with "
            "keras.config.set_dtype_policy, or train without it."
        )


def fingerprint(cnn, state, batches, validation):
    """Return a name for a fit, which depends on all that decides its outcome.

    Parameters
    ----------
    cnn : MnistCNN
        The estimator in its fit, for its hyperparameters and its architecture.
    state : TrainingState
        Where the fit starts.
    batches, validation : Batches
        Training and validation rows; `validation` may be None.

    Returns
    -------
    name : str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()

    def add(array):
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8))

    settings = {
        name: pack_param(name, value)
        for name, value in cnn.get_params(deep=False).items()
        if name not in _NOT_DECIDING
    }
    memory = [sorted(part.items()) for part in (state.history, state.schedule)]
    described = (state.seed, sorted(settings.items()), cnn._architecture(), memory)
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


def _identity(path):
    """Return what a file under the same name does not share; None without a file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _progress(epochs, finished):
    """Return what is greater for a fit that is further on."""
    return finished, epochs


def _versions():
    """Return the versions of all that decides on the bits."""
    back_end = keras.config.backend()
    return library_versions() | {back_end: sys.modules[back_end].__version__}


class Checkpoint(keras.callbacks.Callback):
    """Write the state of a fit after every epoch, and find it again.

    Parameters
    ----------
    cnn : MnistCNN
        The estimator in its fit; its `checkpoint_dir` is the folder.
    name : str
        As :func:`fingerprint` gives it.
    """

    snapshot = None

    def __init__(self, cnn, name):
        super().__init__()
        self.path = os.path.join(os.fspath(cnn.checkpoint_dir), f"{name}.safetensors")
        # What class weights do stands in the sample weights; no file names a folder.
        self.hyperparameters = cnn.get_params(deep=False) | {
            "checkpoint_dir": None,
            "class_weight": None,
            "callbacks": None,
        }
        self.described = {
            # Labels do not matter to the network, only their number does.
            "classes": np.arange(len(cnn.classes_)),
            "image_shape": cnn.image_shape_,
            "feature_names": None,
        }
        self.is_finished = False
        self.n_done = 0
        self.unusable = None

    def load(self, start):
        """Return the state that an earlier run left, or None.

        A file that is damaged, unreadable or of another version is passed over with a
        warning.

        Parameters
        ----------
        start : TrainingState
            Where the fit starts that the file must belong to.

        Raises
        ------
        ValueError
            If there would be more epochs than a file can tell of.
        OSError
            If there is still something to train, and no checkpoint of it can be
            written.
        """
        n_epochs = start.n_epochs + self.hyperparameters["epochs"]
        if n_epochs > _MAX_EPOCHS:
            raise ValueError(
                f"checkpoint_dir keeps fits of up to {_MAX_EPOCHS:,} epochs, but this "
                f"one would have {n_epochs:,}: train for less, or without it."
            )
        self.start = start
        found, identity = None, _identity(self.path)
        try:
            found, self.is_finished = self._read()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (ValueError, OSError) as error:
            self.unusable = identity
            warn_user(
                f"The checkpoint {self.path} is passed over and the fit begins anew: "
                f"{error}.",
            )
        if not self.is_finished:
            self._try_to_write()
        return found

    def _read(self):
        """Return the state in the file, and whether its fit had come to its end."""
        _, found, extra = unpack_state(
            self.path, lambda _: self.hyperparameters, needs_checksum=True
        )
        n_epochs = len(found["history"]["loss"]) - self.start.n_epochs
        if (
            len(found["classes"]) != len(self.described["classes"])
            or found["image_shape"] != self.described["image_shape"]
            or found["seed"] != self.start.seed
            or not 0 < n_epochs <= self.hyperparameters["epochs"]
        ):
            raise ValueError("it belongs to another fit")
        if extra.get("versions") != _versions():
            raise ValueError(f"it was written with {extra.get('versions')}")
        if extra.get("finished") not in (True, False):
            raise ValueError("it does not say whether the fit had come to its end")
        state = TrainingState(**{name: found[name] for name in _STATE})
        return state, extra["finished"]

    def _write(self, finished):
        state = vars(self.snapshot()) | self.described
        extra = {"finished": finished, "versions": _versions()}
        progress = _progress(len(state["history"]["loss"]), finished)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        write_atomically(
            self.path,
            pack_state(self.hyperparameters, state, extra),
            unless=lambda: self._is_overtaken(progress),
        )

    def _is_overtaken(self, progress):
        """Tell whether another process has come further with the same fit.

        Whoever comes first leaves the same bits, so that nothing is lost. The file
        that `load` passed over does not count, whatever it says of itself.
        """
        if _identity(self.path) == self.unusable:
            return False
        try:
            found, is_finished = self._read()
        except (OSError, ValueError):
            return False
        return _progress(found.n_epochs, is_finished) > progress

    def _try_to_write(self):
        """Find out before the training, not after its first epoch."""
        folder = os.path.dirname(self.path)
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder, prefix=".skmnist-"):
                pass
            if os.path.isdir(self.path):
                raise IsADirectoryError(errno.EISDIR, f"{self.path} is a folder")
        except OSError as error:
            raise OSError(
                error.errno,
                f"No checkpoint can be written into this checkpoint_dir "
                f"({error.strerror})",
                folder,
            ) from None

    def on_epoch_end(self, epoch, logs=None):
        self.n_done = epoch + 1
        if self.n_done < self.params["epochs"]:
            self._write(finished=False)

    def on_train_end(self, logs=None):
        # A fit that one of scikit-learn's callbacks stopped is not at its end.
        if self.n_done == self.params["epochs"]:
            self._write(finished=True)
