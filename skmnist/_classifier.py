"""The estimator."""

import copy
import warnings
from dataclasses import replace

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skmnist._images import as_rows, resolve_image_shape
from skmnist._inputs import (
    CONSTRAINTS,
    check_sequences,
    encode_labels,
    list_callbacks,
    warn_nothing_held_out,
    warn_other_scale,
    warn_unscaled,
    weigh_classes,
    weigh_rows,
)
from skmnist._network import RandomAffine, transform_alike
from skmnist._pool import Architecture, borrow, compile_cnn, set_weights
from skmnist._schedules import make_schedule
from skmnist._scikeras import ScikitLearnKerasClassifier
from skmnist._training import (
    Batches,
    FitTasks,
    TrainingState,
    copy_seed,
    stratified_holdout,
    train,
)

__all__ = ["MnistCNN"]

# Pixels in one block of prediction, 256 images of 28 x 28, and its most images.
_BLOCK_PIXELS, _BLOCK_ROWS = 256 * 28 * 28, 4096


def _block_rows(image_shape):
    """Return how many images one block of prediction holds."""
    height, width = image_shape
    return max(1, min(_BLOCK_ROWS, _BLOCK_PIXELS // (height * width)))


class MnistCNN(ScikitLearnKerasClassifier):
    """Convolutional network for small grey images such as handwritten digits.

    DOCSTRING
    """

    _parameter_constraints: dict = CONSTRAINTS

    def __init__(
        self,
        *,
        anneal=False,
        anneal_factor=0.3,
        anneal_patience=2,
        min_learning_rate=1e-5,
        augment=False,
        rotation_range=10.0,
        zoom_range=0.05,
        shift_range=0.05,
        epochs=30,
        batch_size=42,
        learning_rate=0.001,
        validation_fraction=0.1,
        filters=(32, 64),
        kernel_sizes=(5, 3),
        dense_units=384,
        dropout=(0.4, 0.5, 0.5),
        image_shape=None,
        class_weight=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        callbacks=None,
        checkpoint_dir=None,
        tta_copies=0,
    ):
        self.anneal = anneal
        self.anneal_factor = anneal_factor
        self.anneal_patience = anneal_patience
        self.min_learning_rate = min_learning_rate
        self.augment = augment
        self.rotation_range = rotation_range
        self.zoom_range = zoom_range
        self.shift_range = shift_range
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.filters = filters
        self.kernel_sizes = kernel_sizes
        self.dense_units = dense_units
        self.dropout = dropout
        self.image_shape = image_shape
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.tta_copies = tta_copies

    # Training

    @with_callbacks
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        """Train the network."""
        context = self._init_callback_context(max_subtasks=self.epochs)
        return self._fit(X, y, sample_weight, X_val, y_val, context=context)

    def partial_fit(
        self, X, y, classes=None, sample_weight=None, X_val=None, y_val=None
    ):
        """Train one epoch more."""
        return self._fit(
            X, y, sample_weight, X_val, y_val, incremental=True, classes=classes
        )

    def _fit(
        self,
        X,
        y,
        sample_weight,
        X_val,
        y_val,
        incremental=False,
        classes=None,
        context=None,
    ):
        before = dict(vars(self))
        try:
            self._validate_params()
            check_sequences(self)
            callbacks = copy.deepcopy(list_callbacks(self.callbacks))
            goes_on = (incremental or self.warm_start) and self.__sklearn_is_fitted__()
            rows, y = self._check_training_data(X, y, reset=not goes_on)
            codes = self._check_labels(y, classes, reset=not goes_on)
            state = self._resume() if goes_on else self._begin()
            batches, validation = self._make_batches(
                rows,
                codes,
                sample_weight,
                self._check_validation_data(X_val, y_val, rows),
                split_seed=None if incremental else state.seed,
            )
            tasks = context and FitTasks(
                self, context, self._attributes, X=rows, y=y, weight=sample_weight
            )
            state = self._train(
                state, batches, validation, callbacks, tasks, incremental
            )
            vars(self).update(self._attributes(state), callbacks_=callbacks)
        except BaseException:
            # Whatever the reason, the estimator stays what it was before.
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _check_training_data(self, X, y, reset):
        rows, seen = as_rows(X)
        rows, y = validate_data(self, rows, y, reset=reset)
        check_classification_targets(y)
        given = self.image_shape if reset else self.image_shape_
        self.image_shape_ = resolve_image_shape(rows.shape[1], given, seen)
        warn_unscaled(rows)
        return rows, y

    def _check_labels(self, y, classes, reset):
        given = None if classes is None else np.unique(classes)
        if reset:
            self.classes_ = np.unique(y) if given is None else given
        elif given is not None and not np.array_equal(self.classes_, given):
            raise ValueError(
                f"classes={given.tolist()} are not those of the first call, "
                f"{self.classes_.tolist()}: leave classes out, or call fit."
            )
        if len(self.classes_) < 2:
            raise ValueError(
                "MnistCNN needs samples of at least 2 classes, but y holds only one "
                f"class: {self.classes_.tolist()[0]!r}."
            )
        return encode_labels(y, self.classes_)

    def _check_validation_data(self, X_val, y_val, rows):
        """Return the caller's validation rows and codes, or None."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if X_val is None:
            return None
        rows_val, seen = as_rows(X_val)
        rows_val, y_val = validate_data(self, rows_val, y_val, reset=False)
        resolve_image_shape(rows_val.shape[1], self.image_shape_, seen, "X_val")
        warn_other_scale(rows_val, rows)
        return rows_val, encode_labels(y_val, self.classes_, "y_val")

    def _begin(self):
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        shapes = self._architecture().weight_shapes()
        return TrainingState.begin(int(seed), shapes, self.learning_rate)

    def _resume(self):
        shapes = {name: w.shape for name, w in self._state.weights.items()}
        if shapes != self._architecture().weight_shapes():
            raise ValueError(
                "filters, kernel_sizes or dense_units have changed since the last fit, "
                "and its weights do not fit any more: set them back, or begin anew "
                "with fit and warm_start=False."
            )
        return self._state.with_rate(self.learning_rate)

    def _architecture(self):
        return Architecture(
            image_shape=self.image_shape_,
            n_classes=len(self.classes_),
            filters=tuple(self.filters),
            kernel_sizes=tuple(self.kernel_sizes),
            dense_units=self.dense_units,
            dropout=tuple(self.dropout),
            augmentation=self._augmentation() if self.augment else None,
        )

    def _augmentation(self):
        return (self.rotation_range, self.zoom_range, self.shift_range)

    def _make_batches(self, rows, codes, sample_weight, given, split_seed):
        """Return the training and the validation batches; the latter may be None."""
        shape = self.image_shape_
        of_class = weigh_classes(self.class_weight, codes, self.classes_)
        weight = weigh_rows(sample_weight, rows, codes, of_class)
        # A row of weight 0 takes no part, in the validation split neither.
        index = np.arange(len(rows)) if weight is None else np.flatnonzero(weight)
        validation = None
        if given is not None:
            weight_val = None if of_class is None else of_class[given[1]]
            validation = Batches(*given, weight_val, shape, _block_rows(shape))
        elif split_seed is not None and self.validation_fraction is not None:
            held_out = stratified_holdout(
                codes[index], self.validation_fraction, split_seed
            )
            if held_out.any():
                validation = Batches(
                    rows, codes, weight, shape, _block_rows(shape), index[held_out]
                )
                index = index[~held_out]
            else:
                warn_nothing_held_out(self.validation_fraction)
        return (
            Batches(rows, codes, weight, shape, self.batch_size, index),
            validation,
        )

    def _train(self, state, batches, validation, callbacks, tasks, incremental):
        first_epoch = state.n_epochs if incremental else 0
        schedule = make_schedule(self, first_epoch=first_epoch, memory=state.schedule)
        with borrow(self._architecture()) as network:
            state = train(
                network,
                state,
                batches,
                validation,
                epochs=1 if incremental else self.epochs,
                callbacks=[*callbacks, *schedule, *([tasks] if tasks else [])],
                first_epoch=first_epoch,
                verbose=int(self.verbose),
            )
        for callback in callbacks:
            callback.set_model(None)
        return state

    # State

    def _attributes(self, state):
        """Return the attributes of an estimator that is fitted as far as `state`."""
        return {
            "_state": state,
            "_own_model": None,
            "history_": state.history,
            "batch_loss_": state.batch_loss,
        }

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_state")

    def __getstate__(self):
        state = super().__getstate__()
        return state | {"_own_model": None} if "_own_model" in state else state

    @property
    def model_(self):
        """The estimator's own Keras model, a copy built on first use."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError("This MnistCNN is not fitted yet and has no model_.")
        if self._own_model is None:
            model = compile_cnn(self._architecture())
            set_weights(model, self._state.weights)
            self._own_model = model
        return self._own_model

    def _export_state(self):
        return vars(self._state) | {
            "classes": self.classes_,
            "image_shape": self.image_shape_,
            "feature_names": list(getattr(self, "feature_names_in_", [])) or None,
        }

    def _import_state(self, state):
        state = dict(state)
        self.classes_ = state.pop("classes")
        self.image_shape_ = tuple(state.pop("image_shape"))
        self.n_features_in_ = self.image_shape_[0] * self.image_shape_[1]
        if (names := state.pop("feature_names")) is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        vars(self).update(self._attributes(TrainingState(**state)), callbacks_=[])
        return self

    # Prediction

    def predict_proba(self, X):
        """Return the probability of each class."""
        check_is_fitted(self)
        rows, seen = as_rows(X)
        rows = validate_data(self, rows, reset=False)
        resolve_image_shape(rows.shape[1], self.image_shape_, seen)
        proba = np.empty((len(rows), len(self.classes_)), dtype=np.float32)
        with borrow(self._architecture()) as network:
            network.load_weights(self._state.weights)
            for start, images in self._blocks(rows, self.image_shape_):
                proba[start : start + len(images)] = self._average(
                    network.model, images
                )
        return proba

    def _average(self, model, images):
        """Average over the images themselves and their transformed copies."""
        proba = model.predict_on_batch(images)
        for number in range(self.tta_copies):
            seed = copy_seed(self._state.seed, number)
            copies = transform_alike(images, self._augmentation(), seed)
            proba = proba + model.predict_on_batch(copies)
        return proba / (1 + self.tta_copies)

    def _blocks(self, rows, image_shape):
        """Yield the start of each block of rows, and its images."""
        height, width = image_shape
        size = _block_rows(image_shape)
        for start in range(0, len(rows), size):
            block = np.asarray(rows[start : start + size], dtype=np.float32)
            yield start, block.reshape(-1, height, width, 1)

    def predict(self, X):
        """Return the most probable class of each image."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _augment_images(self, X, seed):
        """Transform images at random as `augment=True` does in training."""
        rows, seen = as_rows(X)
        rows = np.asarray(rows)
        shape = resolve_image_shape(rows.shape[1], self.image_shape, seen)
        layer = RandomAffine(*self._augmentation(), seed=seed)
        return np.concatenate(
            [
                np.asarray(layer(images, training=True))
                for _, images in self._blocks(rows, shape)
            ]
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
