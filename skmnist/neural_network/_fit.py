"""Training behind ``fit`` and ``partial_fit``: validate, split, train, assign."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from skmnist._utils import (
    as_rows,
    resolve_image_shape,
    validate_images,
    warn_if_flat,
    warn_user,
)
from skmnist.neural_network._batches import Batches, stratified_holdout
from skmnist.neural_network._checkpoint import Checkpoint, check_resumable, fingerprint
from skmnist.neural_network._early_stopping import EarlyStopping
from skmnist.neural_network._fitted import FittedNetwork
from skmnist.neural_network._inference import inference_batch_size
from skmnist.neural_network._keras import keras
from skmnist.neural_network._keras_callbacks import check_copyable, copy_callbacks
from skmnist.neural_network._lr_schedules import make_schedule
from skmnist.neural_network._model_cache import compiled_model
from skmnist.neural_network._param_constraints import CONSTRAINTS, check_params
from skmnist.neural_network._sklearn_callbacks import EpochTasks
from skmnist.neural_network._targets import (
    check_classes,
    check_sample_weight,
    encode_labels,
    plain_labels,
    scale_weights,
    warn_other_scale,
    warn_slow,
    warn_unscaled,
    weigh_classes,
    weigh_rows,
)
from skmnist.neural_network._training_loop import train
from skmnist.neural_network._training_state import TrainingState


class _LastEpoch(keras.callbacks.Callback):
    """Keep the state after the last epoch that is over, for Ctrl-C."""

    snapshot = state = None

    def on_epoch_end(self, epoch, logs=None):
        self.state = self.snapshot()


class BaseNetwork(FittedNetwork):
    """Training; the subclass has the hyperparameters.

    A fit trains a shallow copy of the estimator and swaps its attributes in at the
    end, and a prediction reads a shallow copy. So a thread that predicts or pickles
    during a fit sees the estimator either before or after it, and a failed fit leaves
    it unchanged.
    """

    def __sklearn_clone__(self):
        check_copyable(self.callbacks)
        return super().__sklearn_clone__()

    def _fit(
        self, X, y, sample_weight, X_val, y_val, *, context=None, classes=None, **kwargs
    ):
        check_params({name: getattr(self, name) for name in CONSTRAINTS})
        callbacks = copy_callbacks(self.callbacks, self)
        fitted = self._shallow_copy()
        state, *batches = fitted._validate(
            X, y, sample_weight, X_val, y_val, classes, **kwargs
        )
        last = _LastEpoch()
        state, epochs, own_callbacks = fitted._plan(state, *batches, last, **kwargs)
        if context is not None:
            own_callbacks.append(EpochTasks(self, context, fitted, X, y, sample_weight))
        try:
            with compiled_model(
                fitted._fitted_architecture, shared=not callbacks
            ) as network:
                state = train(
                    network,
                    state,
                    *batches,
                    epochs=epochs,
                    callbacks=callbacks,
                    own_callbacks=own_callbacks,
                    verbose=int(self.verbose),
                )
        except KeyboardInterrupt:
            if last.state is not None:
                self._assign(fitted, last.state, callbacks)
            raise
        return self._assign(fitted, state, callbacks)

    # Validate

    def _validate(self, X, y, sample_weight, X_val, y_val, classes, incremental=False):
        """Return the state to start from, and training and validation batches."""
        resumes = (incremental or self.warm_start) and self.__sklearn_is_fitted__()
        rows, y = self._validate_rows(X, y, reset=not resumes)
        self.classes_ = check_classes(
            y, classes, known=self.classes_ if resumes else None
        )
        codes = encode_labels(y, self.classes_)
        before = self._fitted_architecture if resumes else None
        self._fitted_architecture = self._architecture()
        warn_slow(self._fitted_architecture.dtype)
        state = self._resume(before) if resumes else self._begin()
        given = self._validate_given(X_val, y_val, rows)
        split_seed = None if incremental else state.seed
        batches = self._split(rows, codes, sample_weight, given, split_seed)
        if self.batch_norm and batches[0].batch_size == 1:
            warn_user(
                "Batches of one image have no variance, so that with batch_norm=True "
                "the network learns nothing of the images: set a larger batch_size, "
                "and give more rows."
            )
        return state, *batches

    def _validate_rows(self, X, y, reset):
        rows, seen = as_rows(X)
        rows, y = validate_data(self, rows, plain_labels(y), reset=reset)
        check_classification_targets(y)
        known = None if reset else self.image_shape_
        given = self.image_shape if known is None or self.image_shape else known
        shape = resolve_image_shape(rows.shape[1], given, seen)
        if known not in (None, shape):
            raise ValueError(
                f"image_shape={self.image_shape!r} is not that of the last fit's "
                f"images, {known}: set it back, or start again with fit and "
                "warm_start=False."
            )
        self.image_shape_ = shape
        if reset:
            warn_if_flat(seen, self.image_shape)
        warn_unscaled(rows)
        return rows, y

    def _validate_given(self, X_val, y_val, rows):
        """Return the caller's validation rows and codes, or None."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if X_val is None:
            return None
        rows_val = validate_images(self, X_val, "X_val")
        y_val = column_or_1d(plain_labels(y_val))
        check_consistent_length(rows_val, y_val)
        warn_other_scale(rows_val, rows)
        return rows_val, encode_labels(y_val, self.classes_, "y_val")

    def _begin(self):
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        shapes = self._fitted_architecture.weight_shapes()
        return TrainingState.begin(int(seed), shapes, self.learning_rate)

    def _resume(self, before):
        shapes = {name: w.shape for name, w in self._state.weights.items()}
        if shapes != self._fitted_architecture.weight_shapes():
            raise ValueError(
                "filters, kernel_sizes, dense_units or batch_norm have changed since "
                "the last fit, whose weights do not fit any more: set them back, or "
                "start again with fit and warm_start=False."
            )
        if "iterations" not in self._state.optimizer:
            warn_user(
                "The model was saved without the state of its optimizer: training "
                "continues with a fresh optimizer."
            )
        same_loss = self._fitted_architecture.label_smoothing == before.label_smoothing
        # Callbacks and the plateau rule lower the rate for good, a cycle for its fit.
        keeps_rate = bool(self.callbacks) or "wait" in self._state.schedule
        return self._state.resumed(self.learning_rate, same_loss, keeps_rate)

    # Split

    def _split(self, rows, codes, sample_weight, given, split_seed):
        """Return the training and the validation batches; the latter may be None."""
        shape = self.image_shape_
        weight = check_sample_weight(sample_weight, rows)
        # Rows of weight 0 are left out, of the validation split too.
        counted = codes if weight is None else codes[weight > 0]
        of_class = weigh_classes(self.class_weight, counted, self.classes_)
        weight = weigh_rows(weight, codes, of_class)
        index = np.arange(len(rows)) if weight is None else np.flatnonzero(weight)
        held_out = None
        if given is None and split_seed is not None:
            index, held_out = self._hold_out(codes, index, split_seed)
        self._held_out = held_out
        # Held-out rows have the scale of the training rows.
        weight = scale_weights(weight, index)
        batches = Batches(rows, codes, weight, shape, int(self.batch_size), index)
        # During training there is less memory than for prediction alone.
        n_at_once = max(1, inference_batch_size(shape) // 2)
        validation = None
        if given is not None:
            # By their own mean, which does not depend on the rows of this call.
            of_row = None if of_class is None else of_class[given[1]]
            weight_val = scale_weights(of_row, slice(None))
            validation = Batches(*given, weight_val, shape, n_at_once)
        elif held_out is not None:
            validation = Batches(rows, codes, weight, shape, n_at_once, held_out)
        return batches, validation

    def _hold_out(self, codes, index, seed):
        """Return the training rows and those held out; the latter may be None."""
        if self.validation_fraction is None:
            return index, None
        chosen = stratified_holdout(codes[index], self.validation_fraction, seed)
        if not chosen.any():
            warn_user(
                f"validation_fraction={self.validation_fraction:g} of each class is "
                "less than one row: nothing is held out, and the training loss is "
                "monitored."
            )
            return index, None
        return index[~chosen], index[chosen]

    # Train

    def _plan(self, state, batches, validation, last_epoch, incremental=False):
        """Return the state to start from, the epochs to train, and the callbacks."""
        first = state.n_epochs if incremental else 0
        last = first + 1 if incremental else int(self.epochs)
        if incremental and self.anneal == "one_cycle" and first >= self.epochs:
            warn_user(
                f"The cycle of {self.epochs} epochs is over, and the learning rate "
                f"stays at {self.min_learning_rate:g}: to train further, set "
                "anneal=False and a learning_rate."
            )
        checkpoints, self._earlier_seconds = [], 0.0
        if self.checkpoint_dir is not None and not incremental:
            check_resumable(self)
            checkpoint = Checkpoint(self, fingerprint(self, state, batches, validation))
            checkpoints.append(checkpoint)
            n_before, state = state.n_epochs, checkpoint.load(state)
            first = last if checkpoint.is_finished else state.n_epochs - n_before
            self._earlier_seconds = checkpoint.seconds
        callbacks = make_schedule(self, state.schedule)
        if self.early_stopping and not incremental:
            stopping = EarlyStopping(patience=int(self.n_iter_no_change), state=state)
            callbacks.append(stopping)
            last = first if stopping.is_over else last
        # Before a checkpoint is written: whatever comes then, the epoch is over.
        return state, range(first, last), [*callbacks, last_epoch, *checkpoints]
