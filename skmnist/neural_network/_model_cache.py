"""A cache of compiled Keras models, which no estimator holds.

A new Keras model takes seconds to trace and leaks 13-17 MB (Keras 3.15.1, TensorFlow
2.21). So models are reused, and their weights, optimizer and seeds set before each use.
"""

import threading
from contextlib import contextmanager

import numpy as np

from skmnist.neural_network._adam import FusedAdam
from skmnist.neural_network._architecture import build_cnn
from skmnist.neural_network._keras import (
    as_array,
    circumstances,
    keras,
    standard_settings,
)

_MAX_MODELS = 8
_MOMENTS = ("momentum", "velocity")
_LOSS_SCALE = ("step_counter", "dynamic_scale")  # under mixed_float16


class CompiledModel:
    """A compiled Keras model with its state as plain, named arrays.

    With `exported` its optimizer is Keras's own, which Keras's files can name.
    """

    def __init__(self, architecture, exported=False):
        self._smoothing = architecture.label_smoothing
        self._n_classes = architecture.n_classes
        self.model = build_cnn(architecture)
        losses, metrics = keras.losses, keras.metrics
        if self._smoothing:
            loss = losses.CategoricalCrossentropy(
                label_smoothing=self._smoothing, dtype="float32"
            )
            accuracy = metrics.CategoricalAccuracy
        else:
            loss = losses.SparseCategoricalCrossentropy(dtype="float32")
            accuracy = metrics.SparseCategoricalAccuracy
        # Without batch normalization, the bits of trained weights are Keras's.
        fused = architecture.batch_norm and not exported
        optimizer = FusedAdam() if fused else keras.optimizers.Adam()
        if architecture.dtype == "mixed_float16":
            # Keras would wrap it, but leave it out of its own files.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        self.model.compile(
            optimizer=optimizer,
            loss=loss,
            weighted_metrics=[accuracy("accuracy", dtype="float32")],
        )
        adam = self.model.optimizer
        adam.build(self.model.trainable_variables)
        self._weights = {
            f"{layer.name}/{weight.name}": weight
            for layer in self.model.layers
            for weight in layer.weights
        }
        self._optimizer = self._name_optimizer(adam)
        self.generators = [
            layer.seed_generator
            for layer in self.model.layers
            if hasattr(layer, "seed_generator")
        ]
        self._loaded = None

    def _name_optimizer(self, adam):
        """Name Adam's variables; Keras names its moments after their weight's path."""
        variables = {variable.name: variable for variable in adam.variables}
        named = {"iterations": adam.iterations, "learning_rate": adam.learning_rate}
        named |= {name: variables[name] for name in _LOSS_SCALE if name in variables}
        return named | {
            f"{name}/{moment}": variables[f"{weight.path.replace('/', '_')}_{moment}"]
            for name, weight in self._weights.items()
            if weight.trainable
            for moment in _MOMENTS
        }

    def load_weights(self, weights):
        """Set the weights, unless these very arrays are the ones in place."""
        if self._loaded is not weights:
            for name, variable in self._weights.items():
                variable.assign(weights[name])
            self._loaded = weights

    def load(self, state):
        """Set weights and optimizer; missing entries of the latter are initial."""
        self.load_weights(state.weights)
        self._loaded = None
        for name, variable in self._optimizer.items():
            if name in state.optimizer:
                variable.assign(state.optimizer[name])
            elif name == "dynamic_scale":
                variable.assign(self.model.optimizer.initial_scale)
            else:
                variable.assign(np.zeros(variable.shape))

    def targets(self, codes):
        """Return labels as the loss takes them; Keras smooths one-hot vectors only."""
        if not self._smoothing:
            return codes
        return (codes[:, None] == np.arange(self._n_classes)).astype(np.float32)

    def seed(self, seeds):
        """Set the generators of dropout and augmentation."""
        for generator, seed in zip(self.generators, seeds, strict=True):
            generator.state.assign([seed, 0])

    def weights(self):
        """Return a copy of the weights."""
        return _as_arrays(self._weights)

    def optimizer(self):
        """Return a copy of the optimizer's state."""
        return _as_arrays(self._optimizer)


def _as_arrays(variables):
    return {name: as_array(variable).copy() for name, variable in variables.items()}


_models = []  # pairs of key and model; the one used last is at the end
_lock = threading.Lock()


@contextmanager
def compiled_model(architecture, *, shared=True):
    """Take a compiled model out of the cache, or build one, and put it back.

    Its weights, optimizer and seeds are arbitrary. It is not put back after an
    exception, which may leave a model half changed, or with `shared=False`, for fits
    with Keras callbacks, which may change or keep it. Raises a RuntimeError as
    `standard_settings` does.
    """
    with standard_settings():
        key = (architecture, *circumstances())
        model = (shared and _take(key)) or CompiledModel(architecture)
        yield model
    if shared:
        with _lock:
            _models.append((key, model))
            del _models[:-_MAX_MODELS]


def _take(key):
    with _lock:
        for i in reversed(range(len(_models))):
            if _models[i][0] == key:
                return _models.pop(i)[1]
    return None
