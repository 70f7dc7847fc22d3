"""The bridge to scikit-learn's callbacks: each epoch is a task of the fit.

A method `on_batch_end`, if a callback has one, is called after each batch.
"""

from skmnist.neural_network._keras import keras


class EpochTasks(keras.callbacks.Callback):
    """Call scikit-learn's callbacks at each epoch, as one task of the fit.

    `fitted` is the copy of the estimator that is trained. `X` and `y` are the training
    data as they were given, with the names of columns.
    """

    snapshot = None

    def __init__(self, estimator, context, fitted, X, y, weight):
        super().__init__()
        self.context = context
        self.of_batches = [
            callback.on_batch_end
            for callback in context._callbacks
            if hasattr(callback, "on_batch_end")
        ]
        self.fitted = fitted
        self.arguments = {
            "estimator": estimator,
            "X": X,
            "y": y,
            "metadata": None if weight is None else {"sample_weight": weight},
        }

    def _call(self, hook):
        # What is kept must not refer to `self`: a reference cycle would hold the
        # weights of the fit until the next garbage collection.
        return hook(**self.arguments, reconstruction_attributes=self._attributes)

    def _attributes(self):
        """Return the attributes of the estimator as if the fit were over."""
        return vars(self.fitted) | self.fitted._attributes(self.snapshot())

    def on_train_begin(self, logs=None):
        self._call(self.context.call_on_fit_task_begin)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.task = self.context.subcontext(task_name="epoch")
        self._call(self.task.call_on_fit_task_begin)

    def on_train_batch_end(self, batch, logs=None):
        for on_batch_end in self.of_batches:
            on_batch_end(
                self.context,
                epoch=self.epoch + 1,
                n_epochs=self.params["epochs"],
                batch=batch + 1,
                n_batches=self.params["steps"],
                accuracy=logs["accuracy"],
            )

    def on_epoch_end(self, epoch, logs=None):
        if self._call(self.task.call_on_fit_task_end):
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self._call(self.context.call_on_fit_task_end)
