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
from skmnist.neural_network._architecture import Architecture
from skmnist.neural_network._batches import Batches, stratified_holdout
from skmnist.neural_network._checkpoint import Checkpoint, check_resumable, fingerprint
from skmnist.neural_network._early_stopping import EarlyStopping
from skmnist.neural_network._inference import inference_batch_size
from skmnist.neural_network._keras import keras, standard_settings
from skmnist.neural_network._keras_callbacks import check_copyable, copy_callbacks
from skmnist.neural_network._keras_classifier import ScikitLearnKerasClassifier
from skmnist.neural_network._lr_schedules import make_schedule
from skmnist.neural_network._model_cache import CompiledModel, compiled_model
from skmnist.neural_network._param_constraints import (
    CONSTRAINTS,
    DTYPES,
    check_params,
)
from skmnist.neural_network._sklearn_callbacks import EpochTasks
from skmnist.neural_network._targets import (
    check_classes,
    encode_labels,
    plain_labels,
    scale_weights,
    warn_nothing_held_out,
    warn_other_scale,
    warn_slow,
    warn_unscaled,
    weigh_classes,
    weigh_rows,
)
from skmnist.neural_network._training_loop import train
from skmnist.neural_network._training_state import TrainingState

__all__ = ["BaseNetwork"]


class _LastEpoch(keras.callbacks.Callback):
    """Keep the state after the last epoch that is over, for Ctrl-C."""

    snapshot = state = None

    def on_epoch_end(self, epoch, logs=None):
        self.state = self.snapshot()


class BaseNetwork(ScikitLearnKerasClassifier):
    """Training and what it leaves; the subclass has the hyperparameters.

    A fit trains a shallow copy of the estimator and swaps its attributes in at the
    end, and a prediction reads a shallow copy. So a thread that predicts or pickles
    meanwhile sees the estimator before the fit or after it, and a failed fit leaves
    it as it was.
    """

    _parameter_constraints: dict = CONSTRAINTS

    def _shallow_copy(self):
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __sklearn_clone__(self):
        check_copyable(self.callbacks)
        return super().__sklearn_clone__()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_state")

    def __getstate__(self):
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("_model", "callbacks_")}

    def _fit(
        self, X, y, sample_weight, X_val, y_val, *, context=None, classes=None, **kwargs
    ):
        check_params({name: getattr(self, name) for name in CONSTRAINTS})
        callbacks = copy_callbacks(self.callbacks, self)
        fitted = self._shallow_copy()
        state, *batches = fitted._validate(
            X, y, sample_weight, X_val, y_val, classes, **kwargs
        )
        state, epochs, own_callbacks = fitted._plan(state, *batches, **kwargs)
        if context is not None:
            own_callbacks.append(
                EpochTasks(self, context, fitted._as_fitted, X, y, sample_weight)
            )
        last = _LastEpoch()
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
                    own_callbacks=[*own_callbacks, last],
                    verbose=int(self.verbose),
                )
        except KeyboardInterrupt:
            if last.state is not None:
                self._assign(fitted, last.state, callbacks)
            raise
        return self._assign(fitted, state, callbacks)

    def _assign(self, fitted, state, callbacks):
        """Swap the attributes of a fitted copy in, all at once."""
        for name in ("_model", "best_epoch_"):
            vars(fitted).pop(name, None)
        vars(fitted).update(fitted._attributes(state), callbacks_=callbacks)
        # Parameters that were set meanwhile stay.
        self.__dict__ = vars(fitted) | self.get_params(deep=False)
        return self

    def _attributes(self, state):
        """Return the attributes of an estimator that is fitted as far as `state`."""
        state = state.finished()
        attributes = {
            "_state": state,
            # What users do to these does not change how training continues.
            "history_": {name: list(each) for name, each in state.history.items()},
            "batch_loss_": state.batch_loss.copy(),
        }
        if "best_epoch" in state.schedule:
            attributes["best_epoch_"] = state.schedule["best_epoch"]
        return attributes

    def _as_fitted(self, state):
        """Return all attributes of an estimator that is fitted as far as `state`."""
        return vars(self) | self._attributes(state)

    # Validate

    def _validate(self, X, y, sample_weight, X_val, y_val, classes, incremental=False):
        """Return the state to start from, and training and validation batches."""
        resumes = (incremental or self.warm_start) and self.__sklearn_is_fitted__()
        rows, y = self._validate_rows(X, y, reset=not resumes)
        self.classes_ = check_classes(
            y, classes, known=self.classes_ if resumes else None
        )
        codes = encode_labels(y, self.classes_)
        self._fitted_architecture = self._architecture()
        warn_slow(self._fitted_architecture.dtype)
        state = self._resume() if resumes else self._begin()
        given = self._validate_given(X_val, y_val, rows)
        split_seed = None if incremental else state.seed
        return state, *self._split(rows, codes, sample_weight, given, split_seed)

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
                f"images, {known}: set it back, or train anew with fit and "
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

    def _architecture(self):
        # Plain numbers: NumPy's would overflow, and make equal networks different keys.
        return Architecture(
            image_shape=self.image_shape_,
            n_classes=len(self.classes_),
            filters=tuple(map(int, self.filters)),
            kernel_sizes=tuple(map(int, self.kernel_sizes)),
            dense_units=int(self.dense_units),
            dropout=tuple(map(float, self.dropout)),
            batch_norm=bool(self.batch_norm),
            augmentation=self._augmentation() if self.augment else None,
            dtype=self._dtype(),
        )

    def _augmentation(self):
        ranges = (self.rotation_range, self.zoom_range, self.shift_range)
        return tuple(map(float, ranges))

    def _dtype(self):
        if self.dtype is not None:
            return self.dtype
        policy = keras.config.dtype_policy().name
        if policy not in DTYPES:
            raise ValueError(
                f"dtype=None follows Keras's dtype policy, which is {policy!r}, but "
                f"networks train with weights of 32 bits: set dtype to one of {DTYPES}."
            )
        return policy

    def _begin(self):
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        shapes = self._fitted_architecture.weight_shapes()
        return TrainingState.begin(int(seed), shapes, self.learning_rate)

    def _resume(self):
        shapes = {name: w.shape for name, w in self._state.weights.items()}
        if shapes != self._fitted_architecture.weight_shapes():
            raise ValueError(
                "filters, kernel_sizes, dense_units or batch_norm have changed since "
                "the last fit, whose weights do not fit any more: set them back, or "
                "train anew with fit and warm_start=False."
            )
        if "iterations" not in self._state.optimizer:
            warn_user(
                "The model was saved without the state of its optimizer: training "
                "continues with a fresh optimizer."
            )
        return self._state.resumed(self.learning_rate)

    # Split

    def _split(self, rows, codes, sample_weight, given, split_seed):
        """Return the training and the validation batches; the latter may be None."""
        shape = self.image_shape_
        of_class = weigh_classes(self.class_weight, codes, self.classes_)
        weight = weigh_rows(sample_weight, rows, codes, of_class)
        # A row of weight 0 takes no part, in the validation split neither.
        index = np.arange(len(rows)) if weight is None else np.flatnonzero(weight)
        held_out = None
        if given is None and split_seed is not None:
            index, held_out = self._hold_out(codes, index, split_seed)
        # Rows that are held out keep the scale of those that train.
        weight = scale_weights(weight, index)
        batches = Batches(rows, codes, weight, shape, int(self.batch_size), index)
        # Beside training there is less room in memory than for a prediction alone.
        n_at_once = max(1, inference_batch_size(shape) // 2)
        validation = None
        if given is not None:
            # A scale of their own, so that no part of the data decides on it.
            of_row = None if of_class is None else of_class[given[1]]
            weight_val = scale_weights(of_row, slice(None))
            validation = Batches(*given, weight_val, shape, n_at_once)
        elif held_out is not None:
            validation = Batches(rows, codes, weight, shape, n_at_once, held_out)
        return batches, validation

    def _hold_out(self, codes, index, seed):
        """Return the rows that train and those held out; the latter may be None."""
        if self.validation_fraction is None:
            return index, None
        chosen = stratified_holdout(codes[index], self.validation_fraction, seed)
        if not chosen.any():
            warn_nothing_held_out(self.validation_fraction)
            return index, None
        return index[~chosen], index[chosen]

    def _rows_held_out(self, y):
        """Return the indices of the rows that `fit` held out, given these labels.

        For fits without sample weights that did not resume another.
        """
        codes = encode_labels(y, self.classes_)
        of_class = weigh_classes(self.class_weight, codes, self.classes_)
        taking_part = np.ones(len(codes)) if of_class is None else of_class[codes]
        index = np.flatnonzero(taking_part)
        if self.validation_fraction is None:
            return index[:0]
        seed = self._state.seed
        return index[stratified_holdout(codes[index], self.validation_fraction, seed)]

    # Train

    def _plan(self, state, batches, validation, incremental=False):
        """Return where to start, the epochs to train, and what happens at each."""
        first = state.n_epochs if incremental else 0
        last = first + 1 if incremental else int(self.epochs)
        checkpoints = []
        if self.checkpoint_dir is not None and not incremental:
            checkpoint, state, first = self._find_checkpoint(state, batches, validation)
            checkpoints.append(checkpoint)
        callbacks = make_schedule(self, first_epoch=first, memory=state.schedule)
        if self.early_stopping and not incremental:
            stopping = EarlyStopping(
                patience=int(self.n_iter_no_change), state=state, first_epoch=first
            )
            callbacks.append(stopping)
            last = first if stopping.is_over else last
        return state, range(first, last), callbacks + checkpoints

    def _find_checkpoint(self, start, batches, validation):
        """Return the checkpoint of this fit, where it stands and its next epoch."""
        check_resumable(self)
        name = fingerprint(self, start, batches, validation)
        checkpoint = Checkpoint(self, name)
        state = checkpoint.load(start)
        done = state.n_epochs - start.n_epochs
        return checkpoint, state, int(self.epochs) if checkpoint.is_finished else done

    # What others read of a fitted estimator

    @property
    def model_(self):
        """A Keras model of the estimator's own, built on first use."""
        fitted = self._shallow_copy()
        if not fitted.__sklearn_is_fitted__():
            raise AttributeError(
                "This MnistCNN is not fitted yet: model_ exists after fit."
            )
        if not hasattr(fitted, "_model"):
            with standard_settings():
                built = CompiledModel(fitted._fitted_architecture)
                built.load(fitted._state)
            return vars(self).setdefault("_model", built.model)
        return fitted._model

    def _export_state(self):
        fitted = self._shallow_copy()
        return vars(fitted._state) | {
            "classes": fitted.classes_,
            "image_shape": fitted.image_shape_,
            "feature_names": list(getattr(fitted, "feature_names_in_", [])) or None,
        }

    def _import_state(self, state):
        state = dict(state)
        self.classes_ = state.pop("classes")
        self.image_shape_ = tuple(state.pop("image_shape"))
        self.n_features_in_ = self.image_shape_[0] * self.image_shape_[1]
        if (names := state.pop("feature_names")) is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        self._fitted_architecture = self._architecture()
        return self._assign(self, TrainingState(**state), [])
