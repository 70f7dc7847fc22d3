"""What a fitted network holds and does: its state, its Keras model, predictions."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmnist._utils import as_rows, resolve_image_shape, validate_images
from skmnist.neural_network._architecture import Architecture
from skmnist.neural_network._inference import augment_rows, predict_in_batches
from skmnist.neural_network._keras import keras, standard_settings
from skmnist.neural_network._keras_classifier import ScikitLearnKerasClassifier
from skmnist.neural_network._model_cache import CompiledModel, compiled_model
from skmnist.neural_network._param_constraints import (
    CONSTRAINTS,
    DTYPES,
    check_averaging,
)
from skmnist.neural_network._training_state import TrainingState


class FittedNetwork(ScikitLearnKerasClassifier):
    """Everything but training; the subclasses train and have the hyperparameters."""

    _parameter_constraints: dict = CONSTRAINTS

    def _shallow_copy(self):
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_state")

    def __getstate__(self):
        state = super().__getstate__()
        return {k: v for k, v in state.items() if k not in ("_model", "callbacks_")}

    def _assign(self, fitted, state, callbacks):
        """Swap the attributes of a fitted copy in, all at once."""
        for name in ("_model", "best_epoch_"):
            vars(fitted).pop(name, None)
        vars(fitted).update(fitted._attributes(state), callbacks_=callbacks)
        # Parameters that were set in the meantime are kept.
        self.__dict__ = vars(fitted) | self.get_params(deep=False)
        return self

    def _attributes(self, state):
        """Return the attributes of an estimator that is fitted as far as `state`."""
        state = state.finished()
        attributes = {
            "_state": state,
            # Copies, so that changing them does not change how training continues.
            "history_": {name: list(each) for name, each in state.history.items()},
            "batch_loss_": state.batch_loss.copy(),
        }
        if "best_epoch" in state.schedule:
            attributes["best_epoch_"] = state.schedule["best_epoch"]
        return attributes

    # Networks that the hyperparameters describe

    def _architecture(self):
        # NumPy's numbers would overflow, and be other keys of the same network.
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
            label_smoothing=float(self.label_smoothing),
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

    # Predictions

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to 1.

        Returns
        -------
        proba : ndarray of float32 of shape (n_samples, n_classes)
            Rows sum to 1, columns follow `classes_`.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the images do not have the shape seen in `fit`, or if `tta_copies` or a
            range of the transformations was set to an invalid value.
        """
        fitted = self._shallow_copy()
        check_is_fitted(fitted)
        check_averaging(vars(fitted))
        rows, shape = validate_images(fitted, X), fitted.image_shape_
        with compiled_model(fitted._fitted_architecture) as network:
            network.load_weights(fitted._state.weights)
            return predict_in_batches(
                network.model,
                rows,
                shape,
                n_copies=int(fitted.tta_copies),
                augmentation=fitted._augmentation(),
                seed=fitted._state.seed,
            )

    def predict(self, X):
        """Return the most probable class of each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to 1.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            With the dtype of `classes_`.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            As in `predict_proba`.
        """
        fitted = self._shallow_copy()
        # A subclass's `predict_proba` may set attributes, which a copy would lose.
        is_overridden = type(self).predict_proba is not FittedNetwork.predict_proba
        codes = (self if is_overridden else fitted).predict_proba(X).argmax(axis=1)
        return fitted.classes_[codes]

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to 1.

        Returns
        -------
        log_proba : ndarray of float32 of shape (n_samples, n_classes)
            Minus infinity where a probability is 0.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            As in `predict_proba`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    # What others read of a fitted estimator

    def _augment_images(self, X, seed):
        """Transform images at random as `augment=True` does in training."""
        rows, seen = as_rows(X)
        rows = np.asarray(rows)
        known = getattr(self, "image_shape_", self.image_shape)
        shape = resolve_image_shape(rows.shape[1], known, seen)
        with standard_settings():
            return augment_rows(rows, shape, self._augmentation(), seed)

    @property
    def model_(self):
        """A separate Keras model, built on first access."""
        fitted = self._shallow_copy()
        if not fitted.__sklearn_is_fitted__():
            raise AttributeError(
                "This MnistCNN instance is not fitted yet: call fit before model_."
            )
        with standard_settings():
            if hasattr(fitted, "_model"):
                return fitted._model
            built = CompiledModel(fitted._fitted_architecture, exported=True)
            built.load(fitted._state)
        return vars(self).setdefault("_model", built.model)

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
