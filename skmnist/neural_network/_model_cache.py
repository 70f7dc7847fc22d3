"""The compiled networks that a process keeps, lent to one user at a time.

A freshly built Keras model costs seconds of tracing and leaves 13-17 MB behind
(Keras 3.15.1, TensorFlow 2.21). So one compiled network per architecture is used
again: before each use its weights, its optimizer and its seeds are set, and no
estimator ever holds it.
"""

import threading
from contextlib import contextmanager

import numpy as np

from skmnist.neural_network._architecture import Architecture, build_cnn
from skmnist.neural_network._keras import as_array, keras, without_retracing_alarm

__all__ = ["Architecture", "borrow", "compile_cnn", "set_weights"]

_MAX_IDLE = 8
# Seconds that are waited for a network of which another prediction makes use. An
# exception at the wrong moment, Ctrl-C in its return, leaves it lent for ever.
_PATIENCE = 30.0
_MOMENTS = ("momentum", "velocity")


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
        adam = self._adam = self.model.optimizer
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
        # Under mixed_float16 there are others, which scale the loss: they begin anew.
        known = {id(variable) for variable in self._optimizer.values()}
        self._others = [
            (variable, as_array(variable).copy())
            for variable in adam.variables
            if id(variable) not in known
        ]
        self._generators = [
            layer.seed_generator
            for layer in self.model.layers
            if hasattr(layer, "seed_generator")
        ]
        self._held = None
        self._loss = self.model.loss
        self._settings = self._present_settings()
        self.is_changed = False
        # One of which may keep the model, and change its weights at any time.
        self.was_shown_to_callbacks = False

    def _present_settings(self):
        """Return what a callback could change of the network, but for its numbers."""
        adam = self.model.optimizer
        # Not by `get_config`, which makes the rate a number as `as_array` must not.
        # Under mixed_float16 Keras wraps the optimizer.
        settings = vars(getattr(adam, "inner_optimizer", adam))
        return (
            adam is self._adam
            and adam.learning_rate is self._optimizer["learning_rate"]
            and self.model.loss is self._loss,
            self.model.trainable,
            self.model.run_eagerly,
            self.model.jit_compile,
            {name: value for name, value in settings.items() if name[0] != "_"},
            [(id(layer), layer.get_config()) for layer in self.model.layers],
            [
                (id(v), v.trainable, v.regularizer, v.constraint)
                for v in self.model.variables
            ],
            [_own_methods(each) for each in (self.model, adam, *self.model.layers)],
        )

    def look_for_changes(self):
        """Note whether somebody's callback has made another network of this one.

        What it was traced with stays in it even where all is set back later.
        """
        if not self.is_changed:
            self.is_changed = self._present_settings() != self._settings

    def load_weights(self, weights):
        """Set the weights, unless these very arrays are the ones in place."""
        if self.was_shown_to_callbacks or self._held is not weights:
            set_weights(self.model, weights)
            self._held = weights

    def load_optimizer(self, optimizer):
        """Set the optimizer; an empty dict is its state before the first step."""
        for name, variable in self._optimizer.items():
            variable.assign(optimizer.get(name, np.zeros(variable.shape)))
        for variable, value in self._others:
            variable.assign(value)

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
        return _as_arrays(self._weights)

    def optimizer(self):
        """Return a copy of the optimizer's state."""
        return _as_arrays(self._optimizer)

    def remember_weights(self, weights):
        """Remember which weights are in place, or with None that they may change."""
        self._held = weights


def _own_methods(of):
    """Return the methods that an object has in place of those of its class."""
    return {
        name: id(value)
        for name, value in vars(of).items()
        if callable(getattr(type(of), name, None))
    }


def _as_arrays(variables):
    return {name: as_array(variable).copy() for name, variable in variables.items()}


_idle = []  # pairs (architecture, network), the one used last at the end
_predicting = set()  # architectures of which a network is lent for a prediction
_change = threading.Condition()
_building = threading.Lock()


@contextmanager
def borrow(architecture, *, to_predict=False, unharmed_by=()):
    """Lend a network of this architecture, to nobody else meanwhile.

    Who comes while one is lent for a prediction waits for that one, up to half a
    minute: a prediction is over soon and waits for nobody. Many threads that predict
    thus share one network, instead of building networks that are dropped again. While
    one is lent for a fit, which may take hours or itself wait for a prediction,
    another is built.

    After an exception it is not taken back: what was interrupted in the middle
    is dropped with whatever Keras left half done in it. Nor is it when it was changed.

    Parameters
    ----------
    architecture : Architecture
        What is needed.
    to_predict : bool, default=False
        Whether only predictions are asked of it.
    unharmed_by : class or tuple of classes, default=()
        Exceptions after which it is taken back all the same.

    Yields
    ------
    network : CompiledNetwork
        With the weights, optimizer and seeds of whoever had it before.
    """
    mine, returned = [], []
    try:
        with _change:
            if not _change.wait_for(
                lambda: (
                    _position(architecture) is not None
                    or architecture not in _predicting
                ),
                _PATIENCE,
            ):
                _predicting.discard(architecture)
            at = _position(architecture)
            network = None if at is None else _idle.pop(at)[1]
            if to_predict and architecture not in _predicting:
                mine.append(architecture)
                _predicting.add(architecture)
        if network is None:
            with _building:
                network = CompiledNetwork(architecture)
        try:
            with without_retracing_alarm():
                yield network
        except unharmed_by:
            network.look_for_changes()
            returned.append((architecture, network))
            raise
        returned.append((architecture, network))
    finally:
        with _change:
            _predicting.difference_update(mine)
            _idle.extend(pair for pair in returned if not pair[1].is_changed)
            del _idle[:-_MAX_IDLE]
            _change.notify_all()


def _position(architecture):
    return next((i for i, (of, _) in enumerate(_idle) if of == architecture), None)
