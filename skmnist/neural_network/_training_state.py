"""The state of a training, and the seeds of everything random in it."""

from dataclasses import dataclass, field, replace

import numpy as np

from skmnist.neural_network._architecture import initial_weights
from skmnist.neural_network._early_stopping import EarlyStopping

# The streams of random numbers that one seed feeds.
_WEIGHTS, _SPLIT, _EPOCH, _COPIES = range(4)


def _derive_seeds(seed, stream, n=1, index=0):
    """Derive `n` independent 31-bit seeds for one use of one fit's seed."""
    sequence = np.random.SeedSequence((seed, stream, index))
    return [int(word >> 1) for word in sequence.generate_state(n)]


@dataclass
class TrainingState:
    """Everything that is needed to resume training.

    All randomness in epoch k is a function of `seed` and k, so that two runs from the
    same state give the same bits, in one process or in two.
    """

    seed: int
    weights: dict  # arrays, named as by `weight_shapes`
    optimizer: dict = field(default_factory=dict)  # Adam's arrays; missing ones are 0
    # Numbers, the memory of the learning-rate schedule and of early stopping.
    schedule: dict = field(default_factory=dict)
    history: dict = field(default_factory=dict)  # lists with a number for each epoch
    batch_loss: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    best_weights: dict = field(default_factory=dict)  # of early stopping, or empty

    @classmethod
    def begin(cls, seed, shapes, learning_rate):
        """Return the state before the first epoch."""
        (weights_seed,) = _derive_seeds(seed, _WEIGHTS)
        return cls(
            seed=seed,
            weights=initial_weights(shapes, weights_seed),
            optimizer={"learning_rate": np.float32(learning_rate)},
            schedule={"learning_rate": learning_rate},
        )

    def resumed(self, learning_rate, same_loss, keeps_rate):
        """Return a copy to train further, with a new learning rate if it changed.

        Without `keeps_rate`, the training begins at the learning rate in any case.
        Losses with other smoothing of the labels cannot be compared with those before.
        """
        optimizer, schedule = dict(self.optimizer), dict(self.schedule)
        forgotten = EarlyStopping.remembered if same_loss else schedule.keys()
        for name in set(forgotten) - {"learning_rate"}:
            schedule.pop(name, None)
        if schedule.get("learning_rate") != learning_rate or not keeps_rate:
            optimizer["learning_rate"] = np.float32(learning_rate)
            schedule["learning_rate"] = learning_rate
        return replace(self, optimizer=optimizer, schedule=schedule, best_weights={})

    def finished(self):
        """Return the final state of a fit: with early stopping, of the best epoch."""
        if not self.best_weights:
            return self
        return replace(self, weights=self.best_weights, best_weights={})

    @property
    def n_epochs(self):
        """Number of completed epochs."""
        return len(self.history.get("loss", ()))


def copy_seed(seed, number):
    """Return the seed of one transformed copy at test time."""
    return _derive_seeds(seed, _COPIES, index=number)[0]


def epoch_seeds(seed, epoch, n):
    """Return the seed that shuffles an epoch, and `n` seeds of its random layers."""
    shuffle_seed, *layer_seeds = _derive_seeds(seed, _EPOCH, n=1 + n, index=epoch)
    return shuffle_seed, layer_seeds


def split_generator(seed):
    """Return the generator that decides which rows are held out."""
    return np.random.default_rng(_derive_seeds(seed, _SPLIT))
