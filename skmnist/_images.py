"""Pixel rows, stacks and images: one reading of their shape, and their scaling."""

from math import isqrt
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skmnist._inputs import POSITIVE_FLOAT, warn_user
from skmnist._manual import ManualLinks

__all__ = ["ImageScaler", "as_rows", "resolve_image_shape", "validate_again"]


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


class ImageScaler(ManualLinks, CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Scale pixels to images of 32-bit floats between 0 and 1.

    Takes rows of shape (n_samples, height * width), stacks of shape (n_samples,
    height, width) and images of shape (n_samples, height, width, 1), of any
    numeric type, and gives images. It may be fitted on one form and asked in
    another. Nothing is learned from the pixels but the shape of the images.

    Parameters
    ----------
    image_shape : tuple of (int, int), default=None
        Height and width in pixels. Needed only for rows of images that are not
        square; -1 in one place is inferred.
    max_value : float, default=255
        The value of a full pixel, which becomes 1. From 1.2e-38 to 3.4e38, the
        numbers that 32-bit floats hold.

    Attributes
    ----------
    image_shape_ : tuple of (int, int)
        Height and width of the images seen in `fit`.
    n_features_in_ : int
        Height times width, whatever form the images came in.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `fit` saw a DataFrame whose names are all
        strings.

    See Also
    --------
    MnistCNN : The network that takes these images.
    make_mnist_pipeline : This scaler and the network in one pipeline.

    Notes
    -----
    There is no `get_feature_names_out`: images are no table, and with
    `sklearn.set_config(transform_output="pandas")` they stay arrays.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmnist import ImageScaler
    >>> X, _ = load_digits(return_X_y=True)
    >>> images = ImageScaler(max_value=16).fit_transform(X)
    >>> images.shape, images.dtype, float(images.max())
    ((1797, 8, 8, 1), dtype('float32'), 1.0)
    """

    _parameter_constraints = {
        "image_shape": [tuple, list, None],
        "max_value": [POSITIVE_FLOAT],
    }

    def __init__(self, image_shape=None, max_value=255):
        self.image_shape = image_shape
        self.max_value = max_value

    @with_callbacks
    def fit(self, X, y=None):
        """Learn the shape of the images, and check their pixels.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to `max_value`.
        y : None
            Ignored.

        Returns
        -------
        self : ImageScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            If `X` holds no images of one channel, or anything that is no finite
            number.

        Warns
        -----
        UserWarning
            If pixels lie outside 0 to `max_value`, or look already scaled.
        """
        self._validate_params()
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        rows, seen = as_rows(X)
        rows = validate_data(self, rows)
        self.image_shape_ = resolve_image_shape(rows.shape[1], self.image_shape, seen)
        self._check_range(rows, fitting=True)

        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes={}
        )
        return self

    def transform(self, X):
        """Scale pixels to images.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            Pixels from 0 to `max_value`.

        Returns
        -------
        images : ndarray of shape (n_samples, height, width, 1), dtype float32
            Pixels from 0 to 1, always in new memory.

        Raises
        ------
        ValueError
            If the images are not of the shape seen in `fit`, or hold anything that
            is no finite number.

        Warns
        -----
        UserWarning
            If pixels lie outside 0 to `max_value`, or look already scaled.
        """
        check_is_fitted(self, "image_shape_")
        rows, seen = as_rows(X)
        if seen is not None:
            resolve_image_shape(rows.shape[1], self.image_shape_, seen)
        rows = validate_again(self, rows)
        self._check_range(rows, fitting=False)
        images = np.empty(rows.shape, dtype=np.float32)
        np.divide(rows, np.float32(self.max_value), out=images, dtype=np.float32)
        return images.reshape(-1, *self.image_shape_, 1)

    def inverse_transform(self, X):
        """Turn images back into rows of pixels.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, 1), \
                (n_samples, height, width) or (n_samples, height * width)
            Pixels from 0 to 1.

        Returns
        -------
        rows : ndarray of shape (n_samples, height * width), dtype float32
            Pixels from 0 to `max_value`. Whole numbers that went through
            `transform` come back exactly, so that they may be cast to their own
            integer type.

        Raises
        ------
        ValueError
            If the images are not of the shape seen in `fit`, or hold anything that
            is no finite number.
        """
        check_is_fitted(self, "image_shape_")
        rows, seen = as_rows(X)
        rows = check_array(rows, dtype=np.float32, input_name="X")
        resolve_image_shape(rows.shape[1], self.image_shape_, seen)
        pixels = rows * np.float32(self.max_value)
        # Division and product may each be off by half a unit in the last place,
        # and a cast to integers would make a whole step of that.
        whole = np.rint(pixels)
        tolerance = np.float32(self.max_value) * np.finfo(np.float32).eps
        np.copyto(pixels, whole, where=np.abs(pixels - whole) <= tolerance)
        return pixels

    def _check_range(self, rows, fitting):
        low, high = rows.min(), rows.max()
        if low < 0 or high > self.max_value:
            warn_user(
                f"Pixels of X lie between {low} and {high}, outside 0 to "
                f"max_value={self.max_value}: set max_value to the value of a full "
                f"pixel.",
            )
        # One batch of dark whole-numbered images is no sign of scaling; a whole
        # training set of zeros and ones is.
        elif 0 < high <= 1 < self.max_value and (fitting or rows.dtype.kind == "f"):
            warn_user(
                f"Pixels of X look already scaled, the largest is {high}, and "
                f"max_value={self.max_value} would scale them again: pass the "
                f"pixels as they were, or set max_value=1.",
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
