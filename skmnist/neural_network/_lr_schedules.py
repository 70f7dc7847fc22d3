"""Learning-rate schedules: Keras callbacks whose memory is a plain dict."""

import math
import reprlib

from skmnist.neural_network._early_stopping import MIN_DELTA, EarlyStopping
from skmnist.neural_network._keras import keras

_WARM_UP = 0.3
_START_DIVISOR = 25.0


class Plateau(keras.callbacks.Callback):
    """Multiply the rate by a factor when the loss has stopped improving.

    The rule of :class:`keras.callbacks.ReduceLROnPlateau`, which is reset at each call
    of ``Model.fit`` (Keras 3.15.1) and so would never act across calls of
    ``partial_fit``. Here the memory is changed in place, and kept by the estimator.
    """

    # The members of the memory, with the least value of those that count epochs.
    remembered = {"best": None, "wait": 0}

    def __init__(self, cnn, memory):
        super().__init__()
        self.factor, self.patience = cnn.anneal_factor, cnn.anneal_patience
        self.min_learning_rate = min(cnn.min_learning_rate, cnn.learning_rate)
        self.memory = memory

    def on_epoch_end(self, epoch, logs=None):
        loss = logs.get("val_loss", logs["loss"])
        best = self.memory.get("best")
        if best is None or loss < best - MIN_DELTA:
            self.memory.update(best=loss, wait=0)
            return
        self.memory["wait"] += 1
        if self.memory["wait"] >= self.patience:
            rate = float(self.model.optimizer.learning_rate)
            if rate > self.min_learning_rate:
                rate = max(rate * self.factor, self.min_learning_rate)
                self.model.optimizer.learning_rate = rate
            self.memory["wait"] = 0


class OneCycle(keras.callbacks.Callback):
    """Warm up once to the peak, then follow a half cosine down to the end.

    Over the first 30% of all steps the rate rises along a half cosine from 1/25
    of the peak to the peak; over the others it falls along a half cosine to
    `min_learning_rate` (Smith, 2018, arXiv:1803.09820; the cosine and the 1/25
    have become usual since). After the last step the rate stays constant.
    """

    def __init__(self, cnn):
        super().__init__()
        self.epochs, self.learning_rate = cnn.epochs, cnn.learning_rate
        self.min_learning_rate = min(cnn.min_learning_rate, cnn.learning_rate)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        progress = (self.epoch + (batch + 1) / self.params["steps"]) / self.epochs
        self.model.optimizer.learning_rate = self.rate_at(min(progress, 1.0))

    def rate_at(self, progress):
        """Return the rate at a part of the cycle, from 0 to 1."""
        peak = self.learning_rate
        if progress < _WARM_UP:
            return _half_cosine(peak / _START_DIVISOR, peak, progress / _WARM_UP)
        done = (progress - _WARM_UP) / (1.0 - _WARM_UP)
        return _half_cosine(peak, self.min_learning_rate, done)


def _half_cosine(start, end, part):
    return end + (start - end) * (1.0 + math.cos(math.pi * part)) / 2.0


def check_memory(memory, n_epochs):
    """Check the memory of schedules as a file holds it, after so many epochs.

    The schedule may have been changed since it was written, so that the members of any
    schedule are allowed.
    """
    # `TrainingState` remembers the initial learning rate, with any schedule.
    groups = [{"learning_rate": None}, Plateau.remembered, EarlyStopping.remembered]
    for name in memory.keys() - {name for group in groups for name in group}:
        raise ValueError(f"no schedule remembers {reprlib.repr(name)}")
    for group in groups:
        known = [name for name in group if name in memory]
        if known and len(known) < len(group):
            raise ValueError(f"its schedule remembers {' and '.join(known)} only")
        for name in known:
            value, least = memory[name], group[name]
            is_valid = name != "learning_rate" or 0 < value < math.inf
            if least is not None:
                is_valid = type(value) is int and least <= value <= n_epochs
            if not is_valid:
                raise ValueError(
                    f"its schedule remembers {name}={reprlib.repr(value)} after "
                    f"{n_epochs} epochs"
                )


def make_schedule(cnn, memory):
    """Return the callback that `cnn.anneal` names, in a list that may be empty."""
    if cnn.anneal == "one_cycle":
        return [OneCycle(cnn)]
    return [Plateau(cnn, memory)] if cnn.anneal else []
