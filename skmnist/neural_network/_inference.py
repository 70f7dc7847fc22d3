"""Batched inference, with test-time augmentation."""

import numpy as np

from skmnist.neural_network._augmentation import (
    RandomAffine,
    draw_transforms,
    transform_alike,
)
from skmnist.neural_network._training_state import copy_seed

# At most 512 images of 28 x 28 pixels, or 4096 small ones: twice as many would be 2%
# faster and take 80 MB more.
_BATCH_PIXELS, _BATCH_ROWS = 512 * 28 * 28, 4096


def inference_batch_size(image_shape):
    """Return how many images are predicted at once."""
    height, width = image_shape
    return max(1, min(_BATCH_ROWS, _BATCH_PIXELS // (height * width)))


def _batches(rows, image_shape):
    """Yield rows as batches of images."""
    size = inference_batch_size(image_shape)
    for start in range(0, len(rows), size):
        batch = np.asarray(rows[start : start + size], dtype=np.float32)
        yield batch.reshape(-1, *image_shape, 1)


def predict_in_batches(model, rows, image_shape, *, n_copies, augmentation, seed):
    """Return the probabilities of images, averaged over transformed copies of them.

    `augmentation` holds the three ranges of :class:`RandomAffine`.
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

    return np.concatenate([average(images) for images in _batches(rows, image_shape)])


def augment_rows(rows, image_shape, augmentation, seed):
    """Transform images at random, each in its own way, as training does."""
    layer = RandomAffine(*augmentation, seed=seed)
    return np.concatenate(
        [
            np.asarray(layer(images, training=True))
            for images in _batches(rows, image_shape)
        ]
    )
