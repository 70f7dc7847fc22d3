"""The compiled networks that a process keeps, lent to one user at a time.

A freshly built Keras model costs seconds of tracing and leaves 13-17 MB behind
(Keras 3.15.1, TensorFlow 2.21). So one compiled network per architecture is used
again: before each use its weights, its optimizer and its seeds are set, and no
estimator ever holds it.
"""

import threading
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from skmnist._backend import keras, without_retracing_alarm
from skmnist._network import build_cnn, weight_shapes

__all__ = ["Architecture", "borrow", "compile_cnn", "set_weights"]

_MAX_IDLE = 8
_MOMENTS = ("momentum", "velocity")


class Architecture(NamedTuple):
    """All that decides which network is built."""

    image_shape: tuple
    n_classes: int
    filters: tuple
    kernel_sizes: tuple
    dense_units: int
    dropout: tuple
    augmentation: tuple | None

    def weight_shapes(self):
        """Return the name and shape of each weight."""
        return weight_shapes(
            self.image_shape,
            self.n_classes,
            self.filters,
            self.kernel_sizes,
            self.dense_units,
        )


def compile_cnn(architecture):
    """Build the network of an architecture and compile it for training."""
    model = build_cnn(**architecture._asdict())
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def set_weights(model, weights):
    """Set the weights of a network from named arrays."""
    for variable, value in zip(
        model.trainable_variables, weights.values(), strict=True
    ):
        variable.assign(value)


class CompiledNetwork:
    """A compiled Keras model with its state as plain, named arrays.

    Parameters
    ----------
    architecture : Architecture
        What to build.
    """

    def __init__(self, architecture):
        self.model = compile_cnn(architecture)
        self._weights = dict(
            zip(
                architecture.weight_shapes(),
                self.model.trainable_variables,
                strict=True,
            )
        )
        adam = self.model.optimizer
        self._optimizer = {
            "iterations": adam.iterations,
            "learning_rate": adam.learning_rate,
        }
        # Keras names Adam's moments after the path of their variable.
        moments = {variable.name: variable for variable in adam.variables}
        for name, variable in self._weights.items():
            for moment in _MOMENTS:
                self._optimizer[f"{name}/{moment}"] = moments[
                    f"{variable.path.replace('/', '_')}_{moment}"
                ]
        self._generators = [
            layer.seed_generator
            for layer in self.model.layers
            if hasattr(layer, "seed_generator")
        ]
        self._held = None

    def load_weights(self, weights):
        """Set the weights, unless these very arrays are the ones in place."""
        if self._held is not weights:
            set_weights(self.model, weights)
            self._held = weights

    def load_optimizer(self, optimizer):
        """Set the optimizer; an empty dict is its state before the first step."""
        for name, variable in self._optimizer.items():
            variable.assign(optimizer.get(name, np.zeros(variable.shape)))

    def seed(self, seeds):
        """Set the generators of the dropouts and the augmentation."""
        for generator, seed in zip(self._generators, seeds, strict=False):
            generator.state.assign([seed, 0])

    @property
    def n_generators(self):
        """How many seeds one epoch takes."""
        return len(self._generators)

    def weights(self):
        """Return a copy of the weights."""
        self._held = _as_arrays(self._weights)
        return self._held

    def optimizer(self):
        """Return a copy of the optimizer's state."""
        return _as_arrays(self._optimizer)

    def training_begins(self):
        """Forget which weights are in place: they are about to change."""
        self._held = None


def _as_arrays(variables):
    # Not Keras's own `Variable.numpy`: under JAX that one does not take the keyword
    # `copy` of NumPy 2 (Keras 3.15.1).
    values = {name: np.asarray(v.value) for name, v in variables.items()}
    return {name: value.copy() for name, value in values.items()}


_idle = []  # pairs (key, network), the one used last at the end
_predicting = set()  # keys of which a network is lent for a prediction
_change = threading.Condition()
_building = threading.Lock()


@contextmanager
def borrow(architecture, *, to_predict=False):
    """Lend a network of this architecture, to nobody else meanwhile.

    Who comes while one is lent for a prediction waits for that one: a prediction is
    over soon and waits for nobody. Many threads that predict thus share one network,
    instead of building networks that are dropped again. While one is lent for a fit,
    which may take hours or itself wait for a prediction, another is built.

    After an exception it is not taken back: what was interrupted in the middle
    is dropped with whatever Keras left half done in it.

    Parameters
    ----------
    architecture : Architecture
        What is needed.
    to_predict : bool, default=False
        Whether only predictions are asked of it.

    Yields
    ------
    network : CompiledNetwork
        With the weights, optimizer and seeds of whoever had it before.
    """
    key = (architecture, keras.config.dtype_policy().name)
    mine, returned = [], []
    try:
        with _change:
            _change.wait_for(
                lambda: _position(key) is not None or key not in _predicting
            )
            at = _position(key)
            network = None if at is None else _idle.pop(at)[1]
            if to_predict and key not in _predicting:
                mine.append(key)
                _predicting.add(key)
        if network is None:
            with _building:
                network = CompiledNetwork(architecture)
        with without_retracing_alarm():
            yield network
        returned.append((key, network))
    finally:
        with _change:
            _idle.extend(returned)
            del _idle[:-_MAX_IDLE]
            _predicting.difference_update(mine)
            _change.notify_all()


def _position(key):
    return next((i for i, (k, _) in enumerate(_idle) if k == key), None)
