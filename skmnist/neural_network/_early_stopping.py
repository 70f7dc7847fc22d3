"""Early stopping, with a memory that checkpoints keep."""

import math

from skmnist.neural_network._keras import keras

# Of the loss; the plateau rule has the same.
MIN_DELTA = 0.001


class EarlyStopping(keras.callbacks.Callback):
    """Stop when the loss has not improved for some epochs, and keep the best weights.

    As scikit-learn's `MLPClassifier` counts: the best epoch is that of the lowest
    loss, and an epoch counts as an improvement if it is lower than the best one before
    by 0.001. The memory, ``state.schedule``, and ``state.best_weights`` are changed in
    place. `first_epoch` is the next epoch of the fit.
    """

    # What each member of the memory may be, given the number of epochs that are over.
    remembered = {
        "best_loss": lambda loss, n_epochs: True,
        "best_epoch": lambda epoch, n_epochs: (
            type(epoch) is int and 1 <= epoch <= n_epochs
        ),
        "epochs_without_improvement": lambda wait, n_epochs: (
            type(wait) is int and 0 <= wait <= n_epochs
        ),
    }
    snapshot = None

    def __init__(self, *, patience, state, first_epoch):
        super().__init__()
        self.patience = patience
        self.memory = state.schedule
        self.best_weights = state.best_weights
        self.n_before = state.n_epochs - first_epoch

    @property
    def is_over(self):
        """Whether the memory says that the fit has stopped."""
        return self.memory.get("epochs_without_improvement", 0) >= self.patience

    def on_epoch_end(self, epoch, logs=None):
        loss = logs.get("val_loss", logs["loss"])
        best = self.memory.get("best_loss", math.inf)
        waited = self.memory.get("epochs_without_improvement", 0) + 1
        self.memory["epochs_without_improvement"] = (
            0 if loss < best - MIN_DELTA else waited
        )
        if loss < best:
            self.memory |= {"best_loss": loss, "best_epoch": self.n_before + epoch + 1}
            self.best_weights |= self.snapshot().weights
        if self.is_over:
            self.model.stop_training = True


def forget_early_stopping(memory):
    """Remove from the memory of a fit what early stopping has left there."""
    for name in EarlyStopping.remembered:
        memory.pop(name, None)
