"""The training loop over epochs and batches."""

import math
from dataclasses import replace
from numbers import Real

import numpy as np

from skmnist.neural_network._keras import as_array, keras
from skmnist.neural_network._training_state import epoch_seeds

# Usual weights are below the first; beyond the second, training has diverged.
_ORDINARY_WEIGHT, LARGEST_WEIGHT = 1e2, 1e6


def _present_rate(model):
    """Return the learning rate as the shortest decimal of the float32."""
    return float(str(np.float32(model.optimizer.learning_rate)))


def _append(history, logs):
    """Add an epoch to the history; what was not measured in an epoch is NaN.

    Numbers that callbacks have added to the logs are included.
    """
    n_before = len(history.get("loss", ()))
    logs = {
        name: float(value)
        for name, value in logs.items()
        if isinstance(value, Real) or getattr(value, "shape", None) == ()
    }
    for name in {**history, **logs}:
        values = history.setdefault(name, [math.nan] * n_before)
        values.append(logs.get(name, math.nan))


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


def _evaluate(network, batches, hooks):
    model, means = network.model, _Means()
    hooks.on_test_begin()
    for step, (images, codes, loss_weight, n, weight) in enumerate(batches):
        hooks.on_test_batch_begin(step)
        targets = network.targets(codes)
        logs = model.test_on_batch(images, targets, loss_weight, return_dict=True)
        means.add(logs, n, weight)
        hooks.on_test_batch_end(step, means.logs())
    hooks.on_test_end(means.logs())
    return means.logs("val_")


def _divergence(what, value, epoch, model):
    """Return the error for numbers that are infinite, NaN or far too large."""
    return ValueError(
        f"The {what} became {value:.3g} in epoch {epoch + 1} at a learning rate of "
        f"{_present_rate(model):.3g}: choose a smaller learning_rate, and scale the "
        "pixels to 0-1, with ImageScaler."
    )


def _check_weights(model, images, epoch):
    """Raise an error if the last step diverged, whose loss is from before it.

    Weights of ordinary size cannot overflow. For larger ones, a batch is predicted.
    """
    for statistic in model.non_trainable_variables:
        if not np.isfinite(as_array(statistic)).all():
            raise _divergence(statistic.name, math.inf, epoch, model)
    weights = (as_array(v) for v in model.trainable_variables)
    largest = np.max([(w.max(), -w.min()) for w in weights])
    if largest <= _ORDINARY_WEIGHT:
        return
    if not largest <= LARGEST_WEIGHT:
        raise _divergence("largest weight", largest, epoch, model)
    if not np.isfinite(model.predict_on_batch(images)).all():
        raise _divergence("probability of a class", math.nan, epoch, model)


class _Record(keras.callbacks.Callback):
    """Add each epoch to the history, after the user's callbacks have seen its logs."""

    def __init__(self, history):
        super().__init__()
        self.history = history

    def on_epoch_end(self, epoch, logs=None):
        # Keras sorts the names; ours come first, in their own order.
        ours = {name: logs[name] for name in self.names if name in logs}
        _append(self.history, ours | logs)


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
    """Train for the range `epochs` from a state, and return the state after them.

    Overwrites the content of `network`; `state` stays as it is, but for `schedule` and
    `best_weights`, the memory of `own_callbacks`. These are called after those of the
    user, when the history has the epoch; their `snapshot` returns the present state.
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
    record = _Record(history)
    hooks = keras.callbacks.CallbackList(
        [*callbacks, record, *own_callbacks],
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=epochs.stop,
        steps=len(batches),
        model=model,
    )
    model.stop_training = False
    hooks.on_train_begin()
    logs = {}
    for epoch in epochs:
        hooks.on_epoch_begin(epoch)
        n_done = len(history.get("loss", ()))
        shuffle_seed, seeds = epoch_seeds(state.seed, n_done, len(network.generators))
        network.seed(seeds)
        means = _Means()
        for step, (images, codes, loss_weight, n, weight) in enumerate(
            batches.shuffled(shuffle_seed)
        ):
            hooks.on_train_batch_begin(step)
            targets = network.targets(codes)
            logs = model.train_on_batch(images, targets, loss_weight, return_dict=True)
            if not math.isfinite(logs["loss"]):
                raise _divergence("training loss", logs["loss"], epoch, model)
            batch_loss.append(logs["loss"])
            means.add(logs, n, weight)
            hooks.on_train_batch_end(step, means.logs())
            if model.stop_training:
                break
        logs = means.logs()
        if validation is not None:
            logs |= _evaluate(network, validation, hooks)
            if not math.isfinite(logs["val_loss"]):
                raise _divergence("val_loss", logs["val_loss"], epoch, model)
        _check_weights(model, images, epoch)
        logs["learning_rate"] = _present_rate(model)
        record.names = list(logs)
        hooks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    hooks.on_train_end(logs)
    return snapshot()
