"""Bring tables, pictures and drawings to the images that a model was trained on."""

import re

import numpy as np


def load(path):
    """Open a model file that cannot run code; None is the pretrained network."""
    from skmnist.persistence._model_file import load_model
    from skmnist.persistence._pretrained import load_pretrained

    return load_pretrained() if path is None else load_model(path)


class ModelInput:
    """A model, and what it needs to read tables, pictures and drawings.

    `normalizer` makes images of pictures, where the size of the images is known.
    """

    def __init__(self, model, path):
        from sklearn.pipeline import Pipeline

        from skmnist.neural_network._classifier import MnistCNN
        from skmnist.preprocessing._image_scaler import ImageScaler
        from skmnist.preprocessing._mnist_normalizer import MnistNormalizer

        self.model, self.name = model, path or "the pretrained network"
        self._names = getattr(model, "feature_names_in_", None)
        self._ranks = None if self._names is None else _ranks(self._names, self.name)
        # What takes images that are normalized already.
        self._network = network = getattr(model, "best_estimator_", model)
        steps = [network]
        if isinstance(network, Pipeline):
            steps = [step for step in network if step != "passthrough"]
        self.image_shape = getattr(steps[-1], "image_shape_", None)
        self.normalizer = None
        self.has_other_normalizer = False
        if isinstance(steps[0], MnistNormalizer):
            self.normalizer, self._network = steps.pop(0), network[1:]
            self.has_other_normalizer = repr(self.normalizer) != "MnistNormalizer()"
        elif self.image_shape is not None:
            # Digits of 8x8 and 16x16, but not MNIST's, are known to be without margins.
            box_size = 28 if min(self.image_shape) < 28 else 20
            self.normalizer = MnistNormalizer(self.image_shape, box_size)
        self._is_scaled = isinstance(steps[0], MnistCNN)
        self._max_value = 1 if self._is_scaled else getattr(steps[0], "max_value", 255)
        # Model files of formats 1 and 2 do not have the mean.
        is_scaler = isinstance(steps[0], ImageScaler)
        self.dark_ink = is_scaler and getattr(steps[0], "mean_", 0) > 0.5

    def of_table(self, images, source):
        """Return a classifier, and its rows for what `load_images` read."""
        shape = self.image_shape or images.image_shape
        if tuple(shape) != tuple(images.image_shape):
            seen, trained = ("x".join(map(str, s)) for s in (images.image_shape, shape))
            raise ValueError(
                f"{source} holds images of {seen} pixels, but {self.name} was trained "
                f"on images of {trained}: give pictures as files, which are scaled, or "
                "--model for a model of that size"
            )
        rows = images.data
        # Tables hold integers, and those of black and white pixels are 0 and 1.
        if self._is_scaled or (self._max_value == 1 and rows.max() > 1):
            rows = rows.astype("float32") / images.max_value
        return self.model, self._in_order(rows)

    def of_pictures(self, images):
        """Return a classifier, and its rows for images of light ink, 0 to 255."""
        rows = images.reshape(len(images), -1)
        rows = 255 - rows if self.dark_ink else rows
        rows = rows * np.float32(self._max_value / 255)
        return self._network, self._in_order(rows)

    def _in_order(self, rows):
        """Sort pixels, in the order of their numbers, as the columns of the model."""
        if self._names is None:
            return rows
        import pandas as pd

        return pd.DataFrame(rows[:, self._ranks], columns=self._names)


def _ranks(names, model):
    """Return where each column of a model is among the pixels in order."""
    numbers = [tuple(map(int, re.findall(r"\d+", name))) for name in names]
    if len(set(numbers)) < len(names):
        raise ValueError(
            f"{model} was trained on columns whose names do not number the pixels, "
            f"such as {names[0]!r}: call its predict in Python, with a DataFrame"
        )
    return np.argsort(sorted(range(len(names)), key=numbers.__getitem__))
