"""The network: pure functions of shapes and numbers, on any Keras back end."""

import math

import numpy as np

from skmnist._backend import keras, start_devices

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


def affine_matrices(rotation, zoom, shift, image_shape):
    """Compose a zoom, a rotation and a shift about the image's centre.

    The image is first magnified, then rotated counter-clockwise as seen on the
    screen, then shifted. The result maps output to input coordinates, which is
    what resampling needs, so it is the inverse of that composition.

    Parameters
    ----------
    rotation : tensor of shape (n,)
        Angles in radians.
    zoom : tensor of shape (n, 2)
        Magnification of the rows (height) and of the columns (width); 1 keeps.
    shift : tensor of shape (n, 2)
        Shift down and to the right, in pixels.
    image_shape : tuple of int
        Height and width.

    Returns
    -------
    transforms : tensor of shape (n, 8)
        Projective transforms in the order that
        ``keras.ops.image.affine_transform`` takes: x is the column.
    """
    ops = keras.ops
    centre_y, centre_x = (image_shape[0] - 1) / 2, (image_shape[1] - 1) / 2
    cos, sin = ops.cos(rotation), ops.sin(rotation)
    # Rows of the inverse: undo the shift, the rotation, and then the zoom.
    xx, xy = cos / zoom[:, 1], -sin / zoom[:, 1]
    yx, yy = sin / zoom[:, 0], cos / zoom[:, 0]
    moved_y, moved_x = centre_y + shift[:, 0], centre_x + shift[:, 1]
    zero = ops.zeros_like(rotation)
    return ops.stack(
        [
            *(xx, xy, centre_x - xx * moved_x - xy * moved_y),
            *(yx, yy, centre_y - yx * moved_x - yy * moved_y),
            *(zero, zero),
        ],
        axis=1,
    )


def resample(images, transforms):
    """Resample images once, bilinearly, the nearest edge filling what is outside."""
    return keras.ops.image.affine_transform(
        images,
        transforms,
        interpolation="bilinear",
        fill_mode="nearest",
        data_format="channels_last",
    )


def draw_transforms(n, image_shape, augmentation, seed):
    """Draw transforms at random.

    Parameters
    ----------
    n : int or scalar tensor
        How many.
    image_shape : tuple of int
        Height and width.
    augmentation : tuple of float
        ``(rotation_range, zoom_range, shift_range)`` as :class:`RandomAffine` has them.
    seed : int or keras.random.SeedGenerator
        Source of the random numbers.

    Returns
    -------
    transforms : tensor of shape (n, 8)
        As :func:`affine_matrices` gives them.
    """
    rotation_range, zoom_range, shift_range = augmentation
    unit = keras.random.uniform((n, 5), -1.0, 1.0, "float32", seed=seed)
    sides = keras.ops.convert_to_tensor(image_shape, "float32")
    return affine_matrices(
        rotation=unit[:, 0] * math.radians(rotation_range),
        zoom=1.0 + unit[:, 1:3] * zoom_range,
        shift=unit[:, 3:5] * shift_range * sides,
        image_shape=image_shape,
    )


@keras.saving.register_keras_serializable(package="skmnist")
class RandomAffine(keras.layers.Layer):
    """Rotate, zoom and shift every image at random, in one resampling.

    Parameters
    ----------
    rotation_range : float
        Angles are uniform in ±`rotation_range`, in degrees.
    zoom_range : float
        Magnification, drawn for each axis, is uniform in 1 ± `zoom_range`.
    shift_range : float
        Shifts, drawn for each axis, are uniform in ±`shift_range`, a fraction of
        the side.
    seed : int
        Seed of the layer's own generator.
    **kwargs : dict
        Passed to :class:`keras.layers.Layer`.
    """

    def __init__(self, rotation_range, zoom_range, shift_range, seed=0, **kwargs):
        start_devices()
        # In the 8 bits of a bfloat16 a coordinate would be off by a part of a pixel.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.rotation_range = rotation_range
        self.zoom_range = zoom_range
        self.shift_range = shift_range
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed, name=f"{self.name}_seed")
        # TensorFlow's resampling has no XLA kernel.
        self.supports_jit = keras.config.backend() != "tensorflow"
        self.built = True

    def call(self, images, training=False):
        """Transform a batch of shape (n, height, width, 1) in training only."""
        if not training:
            return images
        _, height, width, _ = images.shape
        n = keras.ops.shape(images)[0]
        ranges = (self.rotation_range, self.zoom_range, self.shift_range)
        transforms = draw_transforms(n, (height, width), ranges, self.seed_generator)
        return resample(images, transforms)

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape

    def get_config(self):
        """Return the arguments that rebuild the layer."""
        return super().get_config() | {
            "rotation_range": self.rotation_range,
            "zoom_range": self.zoom_range,
            "shift_range": self.shift_range,
            "seed": self.seed,
        }


def transform_alike(images, transform):
    """Transform all images in the same way.

    One transform for all makes the answer for an image independent of the images
    that come with it.

    Parameters
    ----------
    images : ndarray of float32 of shape (n, height, width, 1)
        Pixels.
    transform : tensor of shape (1, 8)
        As :func:`draw_transforms` gives it.

    Returns
    -------
    copies : ndarray of float32 of shape (n, height, width, 1)
        The transformed images.
    """
    # A copy for each image: under PyTorch Keras 3.15.1 writes into what it gets.
    transforms = keras.ops.tile(transform, (len(images), 1))
    return keras.ops.convert_to_numpy(resample(images, transforms))


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
