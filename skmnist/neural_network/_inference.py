"""Asking a network: images in blocks, and copies of them transformed at random."""

import numpy as np

from skmnist.neural_network._augmentation import (
    RandomAffine,
    draw_transforms,
    transform_alike,
)
from skmnist.neural_network._training_loop import copy_seed

__all__ = ["augment_rows", "average_answers", "block_rows"]

# Pixels in one block of prediction, 512 images of 28 x 28, and its most images: twice
# as many would be 2 % faster and take 80 MB more.
_BLOCK_PIXELS, _BLOCK_ROWS = 512 * 28 * 28, 4096


def block_rows(image_shape):
    """Return how many images are asked about at once."""
    height, width = image_shape
    return max(1, min(_BLOCK_ROWS, _BLOCK_PIXELS // (height * width)))


def _blocks(rows, image_shape):
    """Yield the images of each block of rows."""
    size = block_rows(image_shape)
    for start in range(0, len(rows), size):
        block = np.asarray(rows[start : start + size], dtype=np.float32)
        yield block.reshape(-1, *image_shape, 1)


def average_answers(model, rows, image_shape, *, n_copies, augmentation, seed):
    """Average a model's answers over images and transformed copies of them.

    Parameters
    ----------
    model : keras.Model
        With probabilities for its output.
    rows : ndarray of shape (n, height * width)
        Pixels.
    image_shape : tuple of int
        Height and width.
    n_copies : int
        How many copies of each image besides itself.
    augmentation : tuple of float
        ``(rotation_range, zoom_range, shift_range)``.
    seed : int
        That of the fit.

    Returns
    -------
    proba : ndarray of float32 of shape (n, n_classes)
        The means.
    """
    transforms = [
        draw_transforms(1, image_shape, augmentation, copy_seed(seed, number))
        for number in range(n_copies)
    ]

    def average(images):
        proba = model.predict_on_batch(images)
        for transform in transforms:
            proba = proba + model.predict_on_batch(transform_alike(images, transform))
        return proba / (1 + n_copies)

    return np.concatenate([average(images) for images in _blocks(rows, image_shape)])


def augment_rows(rows, image_shape, augmentation, seed):
    """Transform images at random, each in its own way, as training does.

    Parameters
    ----------
    rows : ndarray of shape (n, height * width)
        Pixels.
    image_shape : tuple of int
        Height and width.
    augmentation : tuple of float
        As for :func:`average_answers`.
    seed : int
        Which transforms.

    Returns
    -------
    images : ndarray of float32 of shape (n, height, width, 1)
        The transformed images.
    """
    layer = RandomAffine(*augmentation, seed=seed)
    return np.concatenate(
        [
            np.asarray(layer(images, training=True))
            for images in _blocks(rows, image_shape)
        ]
    )
