"""The one way in which a network is trained, behind ``fit`` and ``partial_fit``."""

import threading
import weakref

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skmnist._utils import as_rows, resolve_image_shape, warn_user
from skmnist.neural_network._architecture import Architecture
from skmnist.neural_network._callback_copies import (
    as_far_as_pickled,
    copy_callback,
    list_callbacks,
)
from skmnist.neural_network._checkpoint import Checkpoint, check_resumable, fingerprint
from skmnist.neural_network._inference import block_rows
from skmnist.neural_network._keras import keras
from skmnist.neural_network._lr_schedules import make_schedule
from skmnist.neural_network._model_cache import borrow, compile_cnn, set_weights
from skmnist.neural_network._param_constraints import check_params
from skmnist.neural_network._scikeras import ScikitLearnKerasClassifier
from skmnist.neural_network._sklearn_callbacks import FitTasks
from skmnist.neural_network._targets import (
    check_classes,
    encode_labels,
    scale_weights,
    warn_nothing_held_out,
    warn_other_scale,
    warn_unscaled,
    weigh_classes,
    weigh_rows,
)
from skmnist.neural_network._training_loop import (
    Batches,
    Divergence,
    TrainingState,
    stratified_holdout,
    train,
)

__all__ = ["NetworkClassifier"]

# One for each estimator, by its identity: nothing in an estimator may be beyond
# pickling, and a subclass may compare its estimators.
_fit_locks = {}
_fit_locks_lock, _own_models_lock = threading.Lock(), threading.Lock()


def _fit_lock(estimator):
    """Return the lock that a fit of this estimator holds."""
    with _fit_locks_lock:
        if id(estimator) not in _fit_locks:
            _fit_locks[id(estimator)] = threading.RLock()
            over = weakref.finalize(estimator, _fit_locks.pop, id(estimator), None)
            over.atexit = False
        return _fit_locks[id(estimator)]


class _OwnModel:
    """Where the Keras model of one fit is kept once somebody has asked for it."""

    model = None


class NetworkClassifier(ScikitLearnKerasClassifier):
    """Training and the state that it leaves; a subclass has the hyperparameters.

    A fit works on a draft of the estimator and replaces all attributes at once, and a
    prediction works on a snapshot of them. So threads, and whoever pickles, find the
    estimator as it was before the fit or as it is after it.
    """

    def _snapshot(self):
        """Return an estimator that has what this one has at this moment."""
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

    def _fit_in_turn(self, *args):
        """Fit with scikit-learn's callbacks, after the fits of other threads."""
        with _fit_lock(self):
            return self._fit_with_callbacks(*args)

    @with_callbacks
    def _fit_with_callbacks(self, *args):
        context = self._init_callback_context(max_subtasks=self.epochs)
        return self._fit(*args, context=context)

    def _fit(self, *args, **kwargs):
        """Fit as `_learn` does, one thread after the other; all of it or nothing."""
        with _fit_lock(self):
            draft = self._snapshot()
            before = dict(vars(draft))
            draft._learn(self, *args, **kwargs)
            after = vars(draft)
            changed = {
                name: value
                for name, value in after.items()
                if name not in before or value is not before[name]
            }
            gone = before.keys() - after.keys()
            # What was set meanwhile, say by set_params, stays.
            merged = dict(vars(self)) | changed
            self.__dict__ = {k: v for k, v in merged.items() if k not in gone}
        return self

    def _learn(
        self,
        estimator,
        X,
        y,
        sample_weight,
        X_val,
        y_val,
        incremental=False,
        classes=None,
        context=None,
    ):
        check_params(self.get_params(deep=False))
        callbacks = [
            copy_callback(each, estimator) for each in list_callbacks(self.callbacks)
        ]
        goes_on = (incremental or self.warm_start) and self.__sklearn_is_fitted__()
        rows, y = self._check_training_data(X, y, reset=not goes_on)
        self.classes_ = check_classes(
            y, classes, known=self.classes_ if goes_on else None
        )
        codes = encode_labels(y, self.classes_)
        state = self._resume() if goes_on else self._begin()
        batches, validation = self._make_batches(
            rows,
            codes,
            sample_weight,
            self._check_validation_data(X_val, y_val, rows),
            split_seed=None if incremental else state.seed,
        )
        tasks = context and FitTasks(
            estimator,
            context,
            lambda state: vars(self) | self._attributes(state),
            X=X,
            y=y,
            weight=sample_weight,
        )
        state = self._train(state, batches, validation, callbacks, tasks, incremental)
        vars(self).update(self._attributes(state), callbacks_=callbacks)

    def _check_training_data(self, X, y, reset):
        rows, seen = as_rows(X)
        rows, y = validate_data(self, rows, y, reset=reset)
        check_classification_targets(y)
        known = None if reset else self.image_shape_
        given = self.image_shape if known is None or self.image_shape else known
        shape = resolve_image_shape(rows.shape[1], given, seen)
        if known not in (None, shape):
            raise ValueError(
                f"image_shape={self.image_shape!r} is not that of the last fit's "
                f"images, {known}: set it back, or begin anew with fit and "
                "warm_start=False."
            )
        self.image_shape_ = shape
        warn_unscaled(rows)
        return rows, y

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
        if "iterations" not in self._state.optimizer:
            warn_user(
                "The model was saved without the state of its optimizer: training "
                "continues with a fresh optimizer."
            )
        return self._state.with_rate(self.learning_rate)

    def _architecture(self):
        # Plain numbers: NumPy's would overflow, and make equal networks different keys.
        return Architecture(
            image_shape=self.image_shape_,
            n_classes=len(self.classes_),
            filters=tuple(map(int, self.filters)),
            kernel_sizes=tuple(map(int, self.kernel_sizes)),
            dense_units=int(self.dense_units),
            dropout=tuple(map(float, self.dropout)),
            augmentation=self._augmentation() if self.augment else None,
            dtype=keras.config.dtype_policy().name,
        )

    def _augmentation(self):
        ranges = (self.rotation_range, self.zoom_range, self.shift_range)
        return tuple(map(float, ranges))

    def _make_batches(self, rows, codes, sample_weight, given, split_seed):
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
        n_at_once = max(1, block_rows(shape) // 2)
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

        For fits without sample weights; one that went on has held out none.
        """
        codes = encode_labels(y, self.classes_)
        of_class = weigh_classes(self.class_weight, codes, self.classes_)
        taking_part = np.ones(len(codes)) if of_class is None else of_class[codes]
        index = np.flatnonzero(taking_part)
        if self.validation_fraction is None:
            return index[:0]
        seed = self._state.seed
        return index[stratified_holdout(codes[index], self.validation_fraction, seed)]

    def _train(self, state, batches, validation, callbacks, tasks, incremental):
        first_epoch = state.n_epochs if incremental else 0
        last_epoch = first_epoch + 1 if incremental else int(self.epochs)
        hooks = [tasks] if tasks else []
        if self.checkpoint_dir is not None and not incremental:
            checkpoint, state, first_epoch = self._find_checkpoint(
                state, batches, validation
            )
            hooks.append(checkpoint)
        schedule = make_schedule(self, first_epoch=first_epoch, memory=state.schedule)
        with borrow(self._architecture(), unharmed_by=Divergence) as network:
            network.was_shown_to_callbacks |= bool(callbacks)
            state = train(
                network,
                state,
                batches,
                validation,
                first_epoch=first_epoch,
                last_epoch=last_epoch,
                callbacks=[*callbacks, *schedule, *hooks],
                verbose=int(self.verbose),
            )
        for callback in callbacks:
            # Not by set_model, which a callback may have made its own.
            callback._model = None
        return state

    def _find_checkpoint(self, start, batches, validation):
        """Return the checkpoint of this fit, where it stands and its next epoch."""
        check_resumable(self)
        name = fingerprint(self, start, batches, validation)
        checkpoint = Checkpoint(self, name)
        found = checkpoint.load(start)
        if found is None:
            return checkpoint, start, 0
        done = found.n_epochs - start.n_epochs
        return checkpoint, found, self.epochs if checkpoint.is_finished else done

    def _attributes(self, state):
        """Return the attributes of an estimator that is fitted as far as `state`."""
        return {
            "_state": state,
            # Predictions are those of this network, whatever set_params does later.
            "_fitted_architecture": self._architecture(),
            "_own_model": _OwnModel(),
            "history_": state.history,
            "batch_loss_": state.batch_loss,
        }

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_state")

    def __getstate__(self):
        state = super().__getstate__()
        if "_own_model" in state:
            state = state | {"_own_model": _OwnModel()}
        if "callbacks_" in state:
            copies = [as_far_as_pickled(each, self) for each in state["callbacks_"]]
            state = state | {"callbacks_": copies}
        return state

    @property
    def model_(self):
        """The estimator's own Keras model, a copy built on first use."""
        fitted = self._snapshot()
        if not fitted.__sklearn_is_fitted__():
            raise AttributeError("This MnistCNN is not fitted yet and has no model_.")
        own = fitted._own_model
        with _own_models_lock:
            if own.model is None:
                model = compile_cnn(fitted._fitted_architecture)
                set_weights(model, fitted._state.weights)
                own.model = model
        return own.model

    def _export_state(self):
        fitted = self._snapshot()
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
        vars(self).update(self._attributes(TrainingState(**state)), callbacks_=[])
        return self
