"""What several packages share: image shapes, warnings, links to the documentation."""

import os
import sys
import warnings
from math import isqrt
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

# Where `sphinx-build` leaves the manual of a clone.
_BUILT = Path(__file__).parents[1] / "docs" / "_build" / "html"


class ManualLinks:
    """Link an estimator's diagram to its page and its parameters in the manual.

    The environment variable ``SKMNIST_DOCS`` is the address of the manual. Without
    it, the one that was built in the clone is linked to, if there is one.
    """

    _doc_link_module = "skmnist"

    @property
    def _doc_link_template(self):
        manual = os.environ.get("SKMNIST_DOCS")
        if manual is None and _BUILT.is_dir():
            manual = _BUILT.as_uri()
        if manual is None:
            return ""
        return manual.rstrip("/") + "/api/{estimator_module}.{estimator_name}.html"


def as_rows(X):
    """Lay images out as one row of pixels each.

    Parameters
    ----------
    X : array-like
        Rows of shape (n_samples, height * width), a stack of shape
        (n_samples, height, width), or images of shape
        (n_samples, height, width, 1).

    Returns
    -------
    rows : array-like of shape (n_samples, height * width)
        `X` itself where it has at most two axes (a DataFrame keeps its column
        names this way), otherwise an array, a view of `X` where that is possible.
    seen : tuple of (int, int) or None
        Height and width of the images; None where `X` holds rows, which do not
        tell.

    Raises
    ------
    ValueError
        If `X` has more than four axes, or a last axis of four that is not 1.
    """
    shape = tuple(X.shape if hasattr(X, "shape") else np.asarray(X).shape)
    if len(shape) <= 2:
        return X, None
    if len(shape) == 4 and shape[-1] != 1:
        raise ValueError(
            f"Images must have one channel, shape (n_samples, height, width, 1), "
            f"but X has shape {shape}: turn colour into grey first."
        )
    if len(shape) > 4:
        raise ValueError(
            f"X must hold rows (n_samples, height * width), a stack (n_samples, "
            f"height, width) or images (n_samples, height, width, 1), but it has "
            f"shape {shape}."
        )
    n_samples, height, width = shape[:3]
    return np.asarray(X).reshape(n_samples, height * width), (height, width)


def resolve_image_shape(n_features, image_shape=None, seen=None, what="X"):
    """Find the height and the width of images from all that is known of them.

    Parameters
    ----------
    n_features : int
        Number of pixels of an image, the number of columns of its row.
    image_shape : tuple of (int, int), default=None
        Height and width as the user gave them; -1 in one place is inferred. None
        takes `seen`, or a square.
    seen : tuple of (int, int), default=None
        Height and width as read off a stack of images.
    what : str, default="X"
        How error messages call the data.

    Returns
    -------
    image_shape : tuple of (int, int)
        Height and width, whose product is `n_features`.

    Raises
    ------
    ValueError
        If `image_shape` is no pair of sizes or contradicts the data, or if nothing
        but `n_features` is known and it is no square number.
    """
    if image_shape is None:
        side = isqrt(n_features)
        if seen is None and side * side != n_features:
            raise ValueError(
                f"{what} has {n_features} columns, which make no square image: "
                + _advice(what, one_too_many=n_features == side * side + 1)
            )
        return seen or (side, side)

    are_whole = all(
        isinstance(n, Integral) and not isinstance(n, bool) for n in image_shape
    )
    # Plain numbers, since those of NumPy overflow.
    given = tuple(int(n) for n in image_shape) if are_whole else ()
    if len(given) != 2 or not all(n >= 1 or n == -1 for n in given) or max(given) < 1:
        raise ValueError(
            f"image_shape must be (height, width), two positive integers of which "
            f"one may be -1 to be inferred, but it is {image_shape!r}."
        )
    known = abs(given[0] * given[1])
    if -1 in given:
        fits, one_too_many = n_features % known == 0, n_features % known == 1
    else:
        fits, one_too_many = n_features == known, n_features == known + 1
    if not fits:
        raise ValueError(
            f"{what} has {n_features} columns, which contradict "
            f"image_shape={given}: " + _advice(what, one_too_many)
        )
    height, width = (int(n) if n != -1 else n_features // known for n in given)
    if seen is not None and seen != (height, width):
        raise ValueError(
            f"{what} holds images of shape {tuple(seen)}, but "
            f"{(height, width)} is expected: resize the images, or fit on images "
            f"of that shape with a fitting image_shape."
        )
    return height, width


def validate_again(estimator, rows):
    """Check rows as scikit-learn does after a fit, with advice on one column too many.

    Parameters
    ----------
    estimator : estimator
        A fitted one.
    rows : array-like
        What :func:`as_rows` gave.

    Returns
    -------
    rows : ndarray of shape (n_samples, n_features)
        As :func:`sklearn.utils.validation.validate_data` gives them.

    Raises
    ------
    ValueError
        If the rows are not like those seen in `fit`.
    """
    try:
        return validate_data(estimator, rows, reset=False)
    except ValueError as error:
        if np.shape(rows)[1:] != (estimator.n_features_in_ + 1,):
            raise
        words = str(error).rstrip(".\n")
        raise ValueError(f"{words}: {_advice('X', one_too_many=True)}") from None


def _advice(what, one_too_many):
    if one_too_many:
        return f"is the label column still in {what}?"
    return "set image_shape=(height, width) to the size of the images."


# What a 32-bit float can hold, without zero and what processors take for zero.
LEAST_FLOAT = float(np.finfo(np.float32).tiny)


LARGEST_FLOAT = float(np.finfo(np.float32).max)


# What Keras's back ends take for sizes and counts.
LARGEST_INT = 2**31 - 1


# Packages whose lines are not the user's.
_CALLERS = ("skmnist", "sklearn", "joblib", "contextlib")


class Number(Interval):
    """An interval of numbers, of which a boolean is none."""

    def is_satisfied_by(self, value):
        """Return whether a value is a number in the interval."""
        return not isinstance(value, bool) and super().is_satisfied_by(value)


POSITIVE_FLOAT = Number(Real, LEAST_FLOAT, LARGEST_FLOAT, closed="both")


NOT_NEGATIVE_FLOAT = Number(Real, 0, LARGEST_FLOAT, closed="both")


def display_name(name):
    """Write the name of a variant as people do: "annealed, augmented"."""
    return name.replace("_", ", ")


def warn_user(message):
    """Warn, and point at the user's line, also where others call this package."""
    level, frame = 1, sys._getframe()
    while frame and frame.f_globals.get("__name__", "").split(".")[0] in _CALLERS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
