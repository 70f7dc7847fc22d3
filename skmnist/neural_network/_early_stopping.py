"""Early stopping that can be resumed."""

import math

from skmnist.neural_network._keras import keras

# Of the loss; the plateau rule has the same.
MIN_DELTA = 0.001


class EarlyStopping(keras.callbacks.Callback):
    """Stop when the loss has not improved for some epochs, and keep the best weights.

    The best epoch is that of the lowest loss. Only a loss that is lower by 0.001 than
    at the last improvement counts as one, so that small steps add up.
    ``state.schedule`` and ``state.best_weights`` are changed in place.
    """

    # The members of the memory, with the least value of those that count epochs.
    remembered = {
        "best_loss": None,
        "improved_loss": None,
        "best_epoch": 1,
        "epochs_without_improvement": 0,
    }
    snapshot = None

    def __init__(self, *, patience, state):
        super().__init__()
        self.patience = patience
        self.memory = state.schedule
        self.best_weights = state.best_weights

    @property
    def is_over(self):
        """Whether the fit has stopped."""
        return self.memory.get("epochs_without_improvement", 0) >= self.patience

    def on_epoch_end(self, epoch, logs=None):
        loss = logs.get("val_loss", logs["loss"])
        waited = self.memory.get("epochs_without_improvement", 0) + 1
        if loss < self.memory.get("improved_loss", math.inf) - MIN_DELTA:
            waited = 0
            self.memory["improved_loss"] = loss
        self.memory["epochs_without_improvement"] = waited
        if loss < self.memory.get("best_loss", math.inf):
            state = self.snapshot()
            self.memory |= {"best_loss": loss, "best_epoch": state.n_epochs}
            self.best_weights |= state.weights
        if self.is_over:
            self.model.stop_training = True
