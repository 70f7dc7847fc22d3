"""Data augmentation: random rotation, zoom and shift in one resampling."""

import math

from skmnist.neural_network._keras import keras


def affine_matrices(rotation, zoom, shift, image_shape):
    """Return transforms of shape (n, 8) for ``keras.ops.image.affine_transform``.

    The image is first magnified about its centre, then rotated counter-clockwise as
    seen on the screen, then shifted. The result maps output to input coordinates,
    which is what resampling needs, so it is the inverse of that composition.
    Rotations, of shape (n,), are in radians; zooms and shifts, of shape (n, 2), are for
    height and width, the shifts down and to the right in pixels.
    """
    ops = keras.ops
    centre_y, centre_x = (image_shape[0] - 1) / 2, (image_shape[1] - 1) / 2
    cos, sin = ops.cos(rotation), ops.sin(rotation)
    # The inverse: undo the shift, the rotation, and then the zoom.
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
    """Draw `n` transforms within the ranges of :class:`RandomAffine`."""
    rotation_range, zoom_range, shift_range = augmentation
    unit = keras.random.uniform((n, 5), -1.0, 1.0, "float32", seed=seed)
    sides = keras.ops.convert_to_tensor(image_shape, "float32")
    return affine_matrices(
        rotation=unit[:, 0] * math.radians(rotation_range),
        zoom=1.0 + unit[:, 1:3] * zoom_range,
        shift=unit[:, 3:5] * shift_range * sides,
        image_shape=image_shape,
    )


class RandomAffine(keras.layers.Layer):
    """Rotate, zoom and shift every image at random, in one resampling.

    Angles are uniform in ±`rotation_range`, in degrees. Drawn for each axis,
    magnifications are uniform in 1 ± `zoom_range`, and shifts in ±`shift_range`, a
    fraction of the side.
    """

    def __init__(self, rotation_range, zoom_range, shift_range, seed=0, **kwargs):
        # With the 8 bits of bfloat16, coordinates would be off by a part of a pixel.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.ranges = (rotation_range, zoom_range, shift_range)
        self.seed_generator = keras.random.SeedGenerator(seed, name=f"{self.name}_seed")
        # TensorFlow's resampling does not have an XLA kernel.
        self.supports_jit = keras.config.backend() != "tensorflow"
        self.built = True

    def call(self, images, training=False):
        """Transform a batch of shape (n, height, width, 1) in training only."""
        if not training:
            return images
        _, height, width, _ = images.shape
        n = keras.ops.shape(images)[0]
        shape, generator = (height, width), self.seed_generator
        transforms = draw_transforms(n, shape, self.ranges, generator)
        return resample(images, transforms)


def transform_alike(images, transform):
    """Transform all images by one transform, of shape (1, 8).

    So the prediction for an image does not depend on the images beside it.
    """
    # A copy for each image: under PyTorch, Keras 3.15.1 changes its argument.
    transforms = keras.ops.tile(transform, (len(images), 1))
    return keras.ops.convert_to_numpy(resample(images, transforms))
