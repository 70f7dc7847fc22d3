"""What the displays read: estimators, their records, and images."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skmnist._utils import as_rows, resolve_image_shape


def network_of(estimator):
    """Return the last step of a pipeline or of a search's best one, or an estimator."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def named(estimators):
    """Return estimators by name; those of a list are numbered."""
    if isinstance(estimators, Mapping):
        return dict(estimators)
    return {
        f"{type(network_of(estimator)).__name__} {number}": estimator
        for number, estimator in enumerate(estimators, start=1)
    }


def record_of(network, attribute):
    """Return an attribute that a fitted network recorded in training."""
    if not hasattr(network, attribute):
        raise NotFittedError(
            f"{type(network).__name__} does not have `{attribute}`: give a fitted "
            "MnistCNN, or a fitted pipeline or search that ends in one."
        )
    return getattr(network, attribute)


def images_of(X, image_shape):
    """Return images of shape (n_samples, height, width)."""
    if len(X) == 0:
        return np.zeros((0, 1, 1))
    rows, seen = as_rows(X)
    rows = check_array(rows, input_name="X")
    return rows.reshape(-1, *resolve_image_shape(rows.shape[1], image_shape, seen))


def images_for(estimator, X, image_shape):
    """Return images as an estimator sees them: normalized, if it begins with that.

    Without an `image_shape` they have the estimator's, if it has one.
    """
    if image_shape is None:
        image_shape = getattr(network_of(estimator), "image_shape_", None)
    estimator = getattr(estimator, "best_estimator_", estimator)
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else None
    if hasattr(first, "box_size"):  # a MnistNormalizer
        X = first.transform(X) if len(X) else X
    return images_of(X, image_shape)


def augment_images(estimator, X, seed):
    """Augment images as a network does.

    The steps of a pipeline before the network are applied, and fitted if necessary.
    """
    network = network_of(estimator)
    if not hasattr(network, "_augment_images"):
        raise TypeError(
            f"{type(network).__name__} does not augment images: give an MnistCNN, or "
            "a pipeline that ends in one."
        )
    estimator = getattr(estimator, "best_estimator_", estimator)
    for _, step in getattr(estimator, "steps", [])[:-1]:
        if step in (None, "passthrough"):
            continue
        try:
            check_is_fitted(step)
        except NotFittedError:
            step = clone(step).fit(X)
        X = step.transform(X)
    return network._augment_images(X, seed)


def check_images(X, n_images, *labels):
    """Check that there are images, as many labels, and that `n_images` is positive."""
    check_scalar(n_images, "n_images", Integral, min_val=1)
    check_consistent_length(X, *labels)
    if len(X) == 0:
        raise ValueError("`X` holds 0 images: give at least one.")
