"""The network: pure functions of shapes and numbers, on any Keras back end."""

import math
from typing import NamedTuple

import numpy as np

from skmnist.neural_network._augmentation import (
    RandomAffine,
    draw_transforms,
    transform_alike,
)
from skmnist.neural_network._keras import keras, start_devices

__all__ = [
    "RandomAffine",
    "build_cnn",
    "draw_transforms",
    "initial_weights",
    "transform_alike",
    "weight_shapes",
]

_POOL = 2
# NumPy counts the bytes of an array in 63 bits. So many fit into no memory anyway.
_MOST_WEIGHTS = 2**48


def _layer_sizes(filters, kernel_sizes):
    """Names and sizes of the convolutions: two per block."""
    for block, (n_filters, kernel_size) in enumerate(
        zip(filters, kernel_sizes, strict=True), start=1
    ):
        for letter in "ab":
            yield f"conv{block}{letter}", n_filters, kernel_size


def weight_shapes(image_shape, n_classes, filters, kernel_sizes, dense_units):
    """Return the name and shape of each weight, by arithmetic alone.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width.
    n_classes : int
        Units of the last layer.
    filters, kernel_sizes : sequence of int
        Filters and side of the kernels of each block of two convolutions.
    dense_units : int
        Units of the hidden dense layer.

    Returns
    -------
    shapes : dict of str to tuple of int
        In the order of ``build_cnn(...).trainable_variables``.
    """
    shapes, channels = {}, 1
    (height, width) = image_shape
    for name, n_filters, size in _layer_sizes(filters, kernel_sizes):
        shapes[f"{name}/kernel"] = (size, size, channels, n_filters)
        shapes[f"{name}/bias"] = (n_filters,)
        channels = n_filters
    for _ in filters:
        height, width = -(-height // _POOL), -(-width // _POOL)
    flat = height * width * channels
    for name, n_in, n_out in (
        ("dense", flat, dense_units),
        ("softmax", dense_units, n_classes),
    ):
        shapes[f"{name}/kernel"] = (n_in, n_out)
        shapes[f"{name}/bias"] = (n_out,)
    return shapes


def build_cnn(
    image_shape,
    n_classes,
    *,
    filters,
    kernel_sizes,
    dense_units,
    dropout,
    augmentation=None,
    dtype="float32",
):
    """Build the uncompiled network.

    Every random layer has a seed of its own, so that building one draws nothing
    from Python's or Keras's global generators.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width of the single-channel images.
    n_classes : int
        Units of the softmax.
    filters, kernel_sizes : sequence of int
        One entry for each block of two convolutions and a max-pooling.
    dense_units : int
        Units of the hidden dense layer.
    dropout : sequence of float
        Dropped fraction after each block, and after the dense layer.
    augmentation : tuple of float or None, default=None
        ``(rotation_range, zoom_range, shift_range)`` of a first
        :class:`RandomAffine` layer; None leaves it out.
    dtype : str, default="float32"
        Name of Keras's policy for the layers. The augmentation and the softmax have
        32 bits all the same.

    Returns
    -------
    model : keras.Sequential
        Input ``(n, height, width, 1)``, output probabilities ``(n, n_classes)``.
    """
    start_devices()
    layers = keras.layers
    stack = [keras.Input((*image_shape, 1), name="image")]
    if augmentation is not None:
        stack.append(RandomAffine(*augmentation, name="augmentation"))

    def weighted(layer, name, *args, **kwargs):
        initializer = keras.initializers.GlorotUniform(seed=0)
        kwargs = {"dtype": dtype, "kernel_initializer": initializer} | kwargs
        stack.append(layer(*args, name=name, **kwargs))

    def dropped(rate, name):
        stack.append(layers.Dropout(rate, seed=0, dtype=dtype, name=name))

    for name, n_filters, size in _layer_sizes(filters, kernel_sizes):
        weighted(
            layers.Conv2D,
            name,
            n_filters,
            size,
            padding="same",
            activation="relu",
            data_format="channels_last",
        )
        if name.endswith("b"):
            block = name.removeprefix("conv").removesuffix("b")
            # Padding keeps odd edges and one-row images; even sides are unaffected.
            stack.append(
                layers.MaxPooling2D(
                    _POOL,
                    padding="same",
                    data_format="channels_last",
                    dtype=dtype,
                    name=f"pool{block}",
                )
            )
            dropped(dropout[int(block) - 1], f"dropout{block}")
    stack.append(layers.Flatten(dtype=dtype, name="flatten"))
    weighted(layers.Dense, "dense", dense_units, activation="relu")
    dropped(dropout[-1], "dropout_dense")
    weighted(layers.Dense, "softmax", n_classes, activation="softmax", dtype="float32")
    model = keras.Sequential(stack, name="mnist_cnn")
    # Keras decides by the model's own policy whether the loss has to be scaled.
    model.dtype_policy = dtype
    return model


def initial_weights(shapes, seed):
    """Draw the weights that a training starts from.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        As :func:`weight_shapes` gives them.
    seed : int
        The same seed gives the same weights on every Keras back end.

    Returns
    -------
    weights : dict of str to ndarray of float32
        Kernels uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010,
        Keras's default), biases zero.
    """
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        if name.endswith("/bias"):
            weights[name] = np.zeros(shape, dtype=np.float32)
            continue
        if math.prod(shape) > _MOST_WEIGHTS:
            raise MemoryError(f"{name} would have {math.prod(shape)} weights")
        receptive = math.prod(shape[:-2])
        limit = math.sqrt(6.0 / (receptive * (shape[-2] + shape[-1])))
        weights[name] = rng.uniform(-limit, limit, shape).astype(np.float32)
    return weights


class Architecture(NamedTuple):
    """All that decides which network is built."""

    image_shape: tuple
    n_classes: int
    filters: tuple
    kernel_sizes: tuple
    dense_units: int
    dropout: tuple
    augmentation: tuple | None
    # Of Keras's policy. Keras 3.15 keeps that for each thread by itself, so that it
    # must not be asked for again where the network is used.
    dtype: str = "float32"

    def weight_shapes(self):
        """Return the name and shape of each weight."""
        return weight_shapes(
            self.image_shape,
            self.n_classes,
            self.filters,
            self.kernel_sizes,
            self.dense_units,
        )
