"""The training loop: seeds, batches, epochs, and the state that they leave."""

import math
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np

from skmnist.neural_network._architecture import initial_weights
from skmnist.neural_network._early_stopping import forget_early_stopping
from skmnist.neural_network._keras import as_array, keras

__all__ = [
    "LARGEST_WEIGHT",
    "Batches",
    "Divergence",
    "TrainingState",
    "copy_seed",
    "stratified_holdout",
    "train",
]

# Weights that training makes are below the first; beyond the second it has diverged.
_ORDINARY_WEIGHT, LARGEST_WEIGHT = 1e2, 1e6

# The streams of random numbers that one seed feeds.
_WEIGHTS, _SPLIT, _EPOCH, _COPIES = range(4)


def derive_seeds(seed, stream, n=1, index=0):
    """Derive `n` independent 31-bit seeds for one use of one fit's seed."""
    sequence = np.random.SeedSequence((seed, stream, index))
    return [int(word >> 1) for word in sequence.generate_state(n)]


@dataclass
class TrainingState:
    """All that training leaves behind, and all that it needs to resume.

    Whatever is random in epoch k is a function of `seed` and k, so that two runs
    from the same state give the same bits, in one process or in two.

    Parameters
    ----------
    seed : int
        From which all other seeds are derived.
    weights : dict of str to ndarray
        Named as by :func:`weight_shapes`.
    optimizer : dict of str to ndarray
        Adam's variables; what is missing is zero.
    schedule : dict of str to number
        The memory of the learning-rate schedule and of early stopping.
    history : dict of str to list of float
        Per epoch.
    batch_loss : ndarray of float32 of shape (n_batches,)
        Over all epochs.
    best_weights : dict of str to ndarray
        With early stopping those of the best epoch so far, otherwise empty.
    """

    seed: int
    weights: dict
    optimizer: dict = field(default_factory=dict)
    schedule: dict = field(default_factory=dict)
    history: dict = field(default_factory=dict)
    batch_loss: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    best_weights: dict = field(default_factory=dict)

    @classmethod
    def begin(cls, seed, shapes, learning_rate):
        """Return the state before the first epoch."""
        (weights_seed,) = derive_seeds(seed, _WEIGHTS)
        return cls(
            seed=seed,
            weights=initial_weights(shapes, weights_seed),
            optimizer={"learning_rate": np.float32(learning_rate)},
            schedule={"learning_rate": learning_rate},
        )

    def resumed(self, learning_rate):
        """Return a copy to train further, at a new rate if it is not that of before."""
        optimizer, schedule = dict(self.optimizer), dict(self.schedule)
        forget_early_stopping(schedule)
        if schedule.get("learning_rate") != learning_rate:
            optimizer["learning_rate"] = np.float32(learning_rate)
            schedule["learning_rate"] = learning_rate
        return replace(self, optimizer=optimizer, schedule=schedule, best_weights={})

    def finished(self):
        """Return the state in which a fit ends: early stopping keeps the best epoch."""
        if not self.best_weights:
            return self
        return replace(self, weights=self.best_weights, best_weights={})

    @property
    def n_epochs(self):
        """Epochs that are over."""
        return len(self.history.get("loss", ()))


def copy_seed(seed, number):
    """Return the seed of one transformed copy at test time."""
    return derive_seeds(seed, _COPIES, index=number)[0]


def _share(n_rows, fraction):
    """Return how many of the rows of one class are held out."""
    return min(round(fraction * n_rows), n_rows - 1)


def stratified_holdout(codes, fraction, seed):
    """Choose the rows that are held out for validation.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
        Class of each row, from 0.
    fraction : float
        Each class gives ``round(fraction * count)`` rows, and keeps one at least.
    seed : int
        Seed of the fit.

    Returns
    -------
    held_out : ndarray of bool of shape (n,)
        All False if no class is large enough to give a row.
    """
    rng = np.random.default_rng(derive_seeds(seed, _SPLIT))
    held_out = np.zeros(len(codes), dtype=bool)
    order = rng.permutation(len(codes))
    for code in np.unique(codes):
        rows = order[codes[order] == code]
        held_out[rows[: _share(len(rows), fraction)]] = True
    return held_out


class Batches:
    """Rows of images, gathered batch by batch: the data are never copied whole.

    All batches of an epoch have one size, so that the network is traced once. The
    last one is filled up with the first rows of the epoch at weight 0, so that the
    statistics of batch normalization are those of a whole batch.

    Parameters
    ----------
    rows : ndarray of shape (n, height * width)
        Pixels of any numeric dtype.
    codes : ndarray of int of shape (n,)
        Class of each row, from 0.
    weight : ndarray of float of shape (n,) or None
        Sample weights, whose mean over the rows that train is 1.
    image_shape : tuple of int
        Height and width.
    batch_size : int
        Rows a batch.
    index : ndarray of int, default=None
        The rows that take part; None for all.
    """

    def __init__(self, rows, codes, weight, image_shape, batch_size, index=None):
        self.rows = rows
        self.codes = codes
        self.weight = weight
        self.index = np.arange(len(rows)) if index is None else index
        self.batch_size = min(batch_size, len(self.index))
        self.shape = (self.batch_size, *image_shape, 1)

    def __len__(self):
        return -(-len(self.index) // self.batch_size)

    def __iter__(self):
        return self.in_order(self.index)

    def shuffled(self, seed):
        """Iterate over all batches in a seeded order."""
        return self.in_order(np.random.default_rng(seed).permutation(self.index))

    def in_order(self, order):
        """Yield ``(images, codes, loss_weight, n_rows, total_weight)``.

        ``loss_weight`` makes the mean over the batch the mean over its real rows.
        """
        size = self.batch_size
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            n = len(chosen)
            weight = np.ones(n) if self.weight is None else self.weight[chosen]
            total = float(weight.sum())
            filled = np.zeros(size, dtype=np.float32)
            filled[:n] = weight * (size / n)
            if n < size:
                chosen = np.concatenate([chosen, order[: size - n]])
            images = self.rows[chosen].astype(np.float32, copy=False)
            yield images.reshape(self.shape), self.codes[chosen], filled, n, total


def _present_rate(model):
    """Return the learning rate, the shortest decimal that stands for the float32."""
    return float(str(np.float32(model.optimizer.learning_rate)))


def _append(history, logs):
    """Add an epoch to the history; what an epoch did not measure is NaN.

    Keys that callbacks have added to the logs belong into it, if they are numbers.
    """
    n_before = len(history.get("loss", ()))
    logs = {name: float(value) for name, value in logs.items() if _is_number(value)}
    for name in {**history, **logs}:
        values = history.setdefault(name, [math.nan] * n_before)
        values.append(logs.get(name, math.nan))


def _is_number(value):
    return isinstance(value, Real) or (hasattr(value, "shape") and value.shape == ())


class _Means:
    """Running means of loss and accuracy over the batches of an epoch."""

    def __init__(self):
        self.loss = self.correct = self.n = self.weight = 0.0

    def add(self, logs, n, weight):
        self.loss += logs["loss"] * n
        self.n += n
        self.correct += logs["accuracy"] * weight
        self.weight += weight

    def logs(self, prefix=""):
        return {
            f"{prefix}loss": self.loss / self.n,
            f"{prefix}accuracy": self.correct / self.weight if self.weight else 0.0,
        }


def _evaluate(model, batches, hooks):
    means = _Means()
    hooks.on_test_begin()
    for step, (images, codes, loss_weight, n, weight) in enumerate(batches):
        hooks.on_test_batch_begin(step)
        logs = model.test_on_batch(images, codes, loss_weight, return_dict=True)
        means.add(logs, n, weight)
        hooks.on_test_batch_end(step, means.logs())
    hooks.on_test_end(means.logs())
    return means.logs("val_")


class Divergence(ValueError):
    """Numbers beyond all use came out of a step; nothing was interrupted in it."""


def _divergence(what, value, epoch, model):
    return Divergence(
        f"The {what} became {value:.3g} in epoch {epoch + 1} at a learning rate of "
        f"{_present_rate(model):.3g}: choose a smaller learning_rate, and scale the "
        "pixels to 0-1, with ImageScaler."
    )


def _check_weights(model, images, epoch):
    """Refuse weights that the last step has made useless: its loss is from before it.

    With weights of an ordinary size nothing can overflow. Only for larger ones some
    images are predicted.
    """
    weights = (as_array(v) for v in model.trainable_variables)
    largest = np.max([(w.max(), -w.min()) for w in weights])
    if largest <= _ORDINARY_WEIGHT:
        return
    if not largest <= LARGEST_WEIGHT:
        raise _divergence("largest weight", largest, epoch, model)
    if not np.isfinite(model.predict_on_batch(images)).all():
        raise _divergence("probability of a class", math.nan, epoch, model)


class _Record(keras.callbacks.Callback):
    """Keep an epoch's logs as the callbacks before it have left them."""

    logs = None

    def on_epoch_end(self, epoch, logs=None):
        self.logs = logs


def train(
    network,
    state,
    batches,
    validation,
    *,
    epochs,
    callbacks,
    own_callbacks,
    verbose,
):
    """Train for some epochs from a state, and return the state that this leaves.

    Parameters
    ----------
    network : CompiledModel
        Its present content is overwritten.
    state : TrainingState
        Where to start; left as it is, but for `schedule` and `best_weights`, the
        memory of `own_callbacks`.
    batches, validation : Batches
        Training and validation rows; `validation` may be None.
    epochs : range
        The epochs to train. Only the callbacks and the progress bar see the numbers;
        there may be none.
    callbacks : list of keras.callbacks.Callback
        The user's, called as ``keras.Model.fit`` calls them.
    own_callbacks : list of keras.callbacks.Callback
        Called after those of the user, at the end of an epoch when the history has
        it. Their attribute `snapshot` is set to a function that returns the present
        state.
    verbose : int
        0, 1 or 2, as in ``keras.Model.fit``.

    Returns
    -------
    state : TrainingState
        Weights, optimizer, schedule and history after the last epoch.

    Raises
    ------
    Divergence
        If the loss or `val_loss` becomes infinite or NaN, or a weight useless.
    """
    model = network.model
    network.load(state)
    history = {name: list(values) for name, values in state.history.items()}
    batch_loss = list(state.batch_loss)

    def snapshot():
        return replace(
            state,
            weights=network.weights(),
            optimizer=network.optimizer(),
            schedule=dict(state.schedule),
            best_weights=dict(state.best_weights),
            history={name: list(values) for name, values in history.items()},
            batch_loss=np.asarray(batch_loss, dtype=np.float32),
        )

    for callback in own_callbacks:
        callback.snapshot = snapshot
    described = {"epochs": epochs.stop, "steps": len(batches), "model": model}
    record = _Record()
    hooks = keras.callbacks.CallbackList(
        [*callbacks, record],
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        **described,
    )
    own = keras.callbacks.CallbackList(own_callbacks, **described)
    model.stop_training = False
    hooks.on_train_begin()
    own.on_train_begin()
    logs = {}
    for epoch in epochs:
        hooks.on_epoch_begin(epoch)
        own.on_epoch_begin(epoch)
        shuffle_seed, *seeds = derive_seeds(
            state.seed,
            _EPOCH,
            n=1 + network.n_generators,
            index=len(history.get("loss", ())),
        )
        network.seed(seeds)
        means = _Means()
        for step, (images, codes, loss_weight, n, weight) in enumerate(
            batches.shuffled(shuffle_seed)
        ):
            hooks.on_train_batch_begin(step)
            own.on_train_batch_begin(step)
            logs = model.train_on_batch(images, codes, loss_weight, return_dict=True)
            if not math.isfinite(logs["loss"]):
                raise _divergence("training loss", logs["loss"], epoch, model)
            batch_loss.append(logs["loss"])
            means.add(logs, n, weight)
            hooks.on_train_batch_end(step, means.logs())
            own.on_train_batch_end(step, means.logs())
            if model.stop_training:
                break
        logs = means.logs()
        if validation is not None:
            logs |= _evaluate(model, validation, hooks)
            if not math.isfinite(logs["val_loss"]):
                raise _divergence("val_loss", logs["val_loss"], epoch, model)
        _check_weights(model, images, epoch)
        logs["learning_rate"] = _present_rate(model)
        hooks.on_epoch_end(epoch, logs)
        _append(history, record.logs)
        own.on_epoch_end(epoch, record.logs)
        if model.stop_training:
            break
    hooks.on_train_end(logs)
    own.on_train_end(logs)
    return snapshot()
