"""What several packages share: image shapes, bounds of numbers, warnings, links."""

import os
import sys
import warnings
from math import isqrt
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

# Where `sphinx-build` leaves the manual of a clone.
_BUILT = Path(__file__).parents[1] / "docs" / "_build" / "html"
# Packages whose lines are not the user's.
_CALLERS = ("skmnist", "sklearn", "joblib", "contextlib")
# What a 32-bit float can hold, without zero and what processors take for zero.
LEAST_FLOAT = float(np.finfo(np.float32).tiny)
LARGEST_FLOAT = float(np.finfo(np.float32).max)
# What Keras's back ends take for sizes and counts.
LARGEST_INT = 2**31 - 1


class Number(Interval):
    """An interval of numbers; booleans are not numbers here."""

    def is_satisfied_by(self, value):
        """Return whether a value is a number in the interval."""
        return not isinstance(value, bool) and super().is_satisfied_by(value)


POSITIVE_FLOAT = Number(Real, LEAST_FLOAT, LARGEST_FLOAT, closed="both")
NOT_NEGATIVE_FLOAT = Number(Real, 0, LARGEST_FLOAT, closed="both")


def warn_user(message):
    """Warn, and point at the user's line, also where others call this package."""
    level, frame = 1, sys._getframe()
    while frame and frame.f_globals.get("__name__", "").split(".")[0] in _CALLERS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def full_repr(estimator):
    """Return the text of an estimator with all settings, of which repr() cuts many."""
    if type(estimator).__repr__ is not BaseEstimator.__repr__:
        return repr(estimator)
    return estimator.__repr__(N_CHAR_MAX=10**6)


class ManualLinks:
    """Link an estimator's diagram to its page and its parameters in the manual.

    The environment variable ``SKMNIST_DOCS`` is the address of the manual. Without it,
    links lead to the manual that was built in the clone, if there is one.
    """

    _doc_link_module = "skmnist"

    @property
    def _doc_link_template(self):
        manual = os.environ.get("SKMNIST_DOCS")
        if manual is None and _BUILT.is_dir():
            manual = _BUILT.as_uri()
        if manual is None:
            return ""
        return manual.rstrip("/") + "/api/skmnist.{estimator_name}.html"


def display_name(name):
    """Return the name of a variant for people.

    Only the package's own is changed: in others, underscores may mean anything.
    """
    return "annealed, augmented" if name == "annealed_augmented" else str(name)


class ArrayOutputMixin:
    """For transformers to images, which a table cannot hold."""

    def set_output(self, *, transform=None):
        """Set the container of the output, which can only be an array.

        Parameters
        ----------
        transform : {"default"} or None, default=None
            Both leave the output as it is.

        Returns
        -------
        self : estimator
            The transformer.

        Raises
        ------
        ValueError
            For anything else: a table cannot hold images.
        """
        if transform not in (None, "default"):
            raise ValueError(
                f"transform={transform!r} selects a table, but {type(self).__name__} "
                "makes images of three axes or more: use transform='default'."
            )
        return self


# Shapes of images


def as_rows(X, what="X"):
    """Return images as rows of pixels, and the height and width if they are known.

    `X` may hold rows, which are returned unchanged (a DataFrame keeps its column
    names), a stack of shape (n_samples, height, width), or images of shape
    (n_samples, height, width, 1), both returned as a view if possible. Messages call
    the data `what`.
    """
    shape = _shape_of(X, what)
    if len(shape) == 1 and shape[0]:
        raise ValueError(
            f"{what} has shape {shape}, which is one image without its batch axis. "
            f"Reshape your data: give {what}[None], or {what}.to_frame().T of a Series."
        )
    if len(shape) <= 2:
        return X, None
    if len(shape) == 4 and shape[-1] != 1:
        if shape[1] == 1:
            advice = "it looks like channels first: give np.moveaxis(X, 1, -1)."
        else:
            advice = "turn colour pictures into images with MnistNormalizer first."
        raise ValueError(
            "Images must have one channel, shape (n_samples, height, width, 1), but "
            f"{what} has shape {shape}: {advice}"
        )
    if len(shape) > 4:
        raise ValueError(
            f"{what} must hold rows (n_samples, height * width), a stack (n_samples, "
            f"height, width) or images (n_samples, height, width, 1), but it has "
            f"shape {shape}."
        )
    n_samples, height, width = shape[:3]
    return np.asarray(X).reshape(n_samples, height * width), (height, width)


def _shape_of(X, what):
    if isinstance(X, str | os.PathLike):
        raise ValueError(f"{what} is {str(X)!r}: read files with load_images.")
    try:
        shape = tuple(X.shape if hasattr(X, "shape") else np.asarray(X).shape)
    except ValueError:  # NumPy's, about sequences of different lengths
        shape = None
    holds_arrays = shape is not None and len(shape) == 1 and np.ndim(next(iter(X), 0))
    if shape is None or holds_arrays:
        raise ValueError(
            f"{what} holds {len(X)} separate arrays: give one array, np.stack(X) where "
            "all have one size, or what MnistNormalizer makes of pictures of "
            "different sizes."
        )
    return shape


def resolve_image_shape(n_features, image_shape=None, seen=None, what="X"):
    """Return height and width of images, whose product is `n_features`.

    `image_shape` is the user's, in which one number may be -1, and `seen` that of a
    stack of images; both may be None. Without either, images are square.
    """
    if image_shape is None:
        side = isqrt(n_features)
        if seen is None and side * side != n_features:
            raise ValueError(
                f"{what} has {n_features} columns, which do not make a square image: "
                + _advice(what, one_too_many=n_features == side * side + 1)
            )
        return seen or (side, side)
    given = _given_shape(image_shape)
    known = abs(given[0] * given[1])
    surplus = n_features % known if -1 in given else n_features - known
    if surplus:
        raise ValueError(
            f"{what} has {n_features} columns, which contradict "
            f"image_shape={given}: " + _advice(what, one_too_many=surplus == 1)
        )
    height, width = (n if n != -1 else n_features // known for n in given)
    if seen not in (None, (height, width)):
        raise ValueError(
            f"{what} holds images of shape {tuple(seen)}, which contradict "
            f"image_shape={given}: " + _advice(what, False)
        )
    return height, width


def _given_shape(image_shape):
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
    return given


def _advice(what, one_too_many):
    if one_too_many:
        return f"is the label column still in {what}?"
    return (
        "set image_shape=(height, width) to the size of the images, or give "
        f"{what}[None] if it is a single image."
    )


def warn_if_flat(seen, image_shape):
    """Warn in a fit where a stack looks like rows with a third axis of length 1."""
    if seen is None or image_shape is not None or min(seen) > 1:
        return
    side = isqrt(max(seen))
    if side > 1 and side * side == max(seen):
        warn_user(
            f"X is taken for images of {seen[0]}x{seen[1]} pixels, but it looks like "
            f"rows of {side}x{side} images: give X.reshape(len(X), -1), or set "
            f"image_shape={seen} if the images are what X says."
        )


def validate_images(estimator, X, what="X"):
    """Validate images that are given to a fitted estimator, and return them as rows."""
    known, shape = tuple(estimator.image_shape_), _shape_of(X, what)
    is_one = shape[:2] == known and shape[2:] in ((), (1,))
    # A batch of as many rows as an image is high would have the features of one.
    if is_one and known[0] * known[1] != np.prod(shape[1:]):
        raise ValueError(
            f"{what} has shape {shape}, which is one image without its batch axis: "
            f"give {what}[None]."
        )
    if len(shape) == 3 and shape[2] in (3, 4) and shape[1:] != known:
        raise ValueError(
            f"{what} has shape {shape}, which looks like one picture in colour: give "
            f"what MnistNormalizer(image_shape={known}) makes of [{what}]."
        )
    rows, seen = as_rows(X, what)
    refuse_other_shape(estimator, seen, what)
    try:
        return validate_data(estimator, rows, reset=False)
    except ValueError as error:
        n_features = np.shape(rows)[1:]
        if n_features in ((), (estimator.n_features_in_,)):
            raise
        advice = (
            f"a row needs a value for each pixel of a {known[0]}x{known[1]} image. For "
            f"pictures of other sizes use MnistNormalizer, with [{what}] for one."
        )
        if n_features == (estimator.n_features_in_ + 1,):
            advice = f"is the label column still in {what}?"
        words = str(error).rstrip(".\n")
        raise ValueError(f"{words}: {advice}") from None


def refuse_other_shape(estimator, seen, what="X"):
    """Raise ValueError if a stack has not the image shape of a fitted estimator."""
    known = tuple(estimator.image_shape_)
    if seen not in (None, known):
        raise ValueError(
            f"{what} holds images of shape {seen}, but {type(estimator).__name__} was "
            f"fitted on images of shape {known}: bring them to that size, with "
            f"MnistNormalizer(image_shape={known}) if they show one digit each."
        )
