"""The network: pure functions of shapes and numbers, on any Keras back end."""

import math
from typing import NamedTuple

import numpy as np

from skmnist.neural_network._augmentation import RandomAffine
from skmnist.neural_network._batch_norm import FusedBatchNormalization
from skmnist.neural_network._keras import keras

_POOL = 2
# NumPy counts the bytes of an array in 63 bits. No memory is that large anyway.
_MOST_WEIGHTS = 2**48
# Keras's epsilon, and a momentum for as few batches as an epoch of MNIST has.
_BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-3}
_STATISTICS = ("moving_mean", "moving_variance")
_INITIAL = {"bias": 0, "beta": 0, "moving_mean": 0, "gamma": 1, "moving_variance": 1}


class Architecture(NamedTuple):
    """What a network is built from, and the smoothing of the labels in its loss."""

    image_shape: tuple
    n_classes: int
    filters: tuple
    kernel_sizes: tuple
    dense_units: int
    dropout: tuple
    batch_norm: bool = False
    augmentation: tuple | None = None
    dtype: str = "float32"
    label_smoothing: float = 0.0

    def weight_shapes(self):
        """Return the name and shape of each weight."""
        return weight_shapes(*self[:5], self.batch_norm)


def _blocks(filters, kernel_sizes):
    return enumerate(zip(filters, kernel_sizes, strict=True), start=1)


def weight_shapes(
    image_shape, n_classes, filters, kernel_sizes, dense_units, batch_norm=False
):
    """Return the name and shape of each weight of `build_cnn`, in the layers' order."""
    shapes, channels = {}, 1

    def add(name, kernel_shape, normalized):
        shapes[f"{name}/kernel"] = kernel_shape
        if normalized:
            for part in ("gamma", "beta", *_STATISTICS):
                shapes[f"{name}_norm/{part}"] = kernel_shape[-1:]
        else:
            shapes[f"{name}/bias"] = kernel_shape[-1:]

    height, width = image_shape
    for block, (n_filters, size) in _blocks(filters, kernel_sizes):
        add(f"conv{block}a", (size, size, channels, n_filters), batch_norm)
        add(f"conv{block}b", (size, size, n_filters, n_filters), batch_norm)
        channels = n_filters
        height, width = -(-height // _POOL), -(-width // _POOL)
    add("dense", (height * width * channels, dense_units), batch_norm)
    add("softmax", (dense_units, n_classes), False)
    return shapes


def trainable_shapes(shapes):
    """Return the shapes of the weights that the optimizer changes."""
    return {
        name: shape for name, shape in shapes.items() if not name.endswith(_STATISTICS)
    }


def build_cnn(architecture):
    """Build the uncompiled network, from (n, height, width, 1) to (n, n_classes).

    The dtype of the architecture names Keras's policy for the layers; the augmentation
    and the softmax always have 32 bits. Every random layer has its own seed, so that
    building one draws nothing from Python's or Keras's global generators.
    """
    dtype, dropout = architecture.dtype, architecture.dropout
    layers = keras.layers
    stack = [keras.Input((*architecture.image_shape, 1), dtype="float32", name="image")]
    if architecture.augmentation is not None:
        stack.append(RandomAffine(*architecture.augmentation, name="augmentation"))

    def activated(layer, name, *args, pools=(), **kwargs):
        """Add a layer with weights, a ReLU, and what pools its images.

        With batch normalization, which comes before the ReLU, the pooling does so too:
        the maxima are the same, and the ReLU has a quarter of the pixels.
        """
        glorot = keras.initializers.GlorotUniform(seed=0)
        kwargs |= {"dtype": dtype, "kernel_initializer": glorot, "name": name}
        if not architecture.batch_norm:
            stack.extend([layer(*args, activation="relu", **kwargs), *pools])
            return
        normalization = FusedBatchNormalization(
            axis=-1, **_BATCH_NORM, dtype=dtype, name=f"{name}_norm"
        )
        relu = layers.Activation("relu", dtype=dtype, name=f"{name}_relu")
        stack.extend([layer(*args, use_bias=False, **kwargs), normalization])
        stack.extend([*pools, relu])

    def dropped(rate, name):
        stack.append(layers.Dropout(rate, seed=0, dtype=dtype, name=name))

    # The default of data_format is a setting of the process, which model files do not
    # hold.
    images = {"padding": "same", "data_format": "channels_last"}
    for block, (n_filters, size) in _blocks(
        architecture.filters, architecture.kernel_sizes
    ):
        # Padding keeps odd edges and one-row images.
        pool = layers.MaxPooling2D(_POOL, **images, dtype=dtype, name=f"pool{block}")
        activated(layers.Conv2D, f"conv{block}a", n_filters, size, **images)
        activated(
            layers.Conv2D, f"conv{block}b", n_filters, size, pools=[pool], **images
        )
        dropped(dropout[block - 1], f"dropout{block}")
    stack.append(
        layers.Flatten(data_format="channels_last", dtype=dtype, name="flatten")
    )
    activated(layers.Dense, "dense", architecture.dense_units)
    dropped(dropout[-1], "dropout_dense")
    stack.append(
        layers.Dense(
            architecture.n_classes,
            activation="softmax",
            kernel_initializer=keras.initializers.GlorotUniform(seed=0),
            dtype="float32",
            name="softmax",
        )
    )
    model = keras.Sequential(stack, name="mnist_cnn")
    # Keras scales the loss if the policy of the model requires it.
    model.dtype_policy = dtype
    return model


def initial_weights(shapes, seed):
    """Draw the weights that a training starts from, the same on every Keras back end.

    Kernels are uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010,
    Keras's default).
    """
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        part = name.partition("/")[2]
        if part in _INITIAL:
            weights[name] = np.full(shape, _INITIAL[part], dtype=np.float32)
            continue
        if math.prod(shape) > _MOST_WEIGHTS:
            raise MemoryError(f"{name} would have {math.prod(shape)} weights")
        receptive = math.prod(shape[:-2])
        limit = math.sqrt(6.0 / (receptive * (shape[-2] + shape[-1])))
        weights[name] = rng.uniform(-limit, limit, shape).astype(np.float32)
    return weights
