"""Scaling of pixels, in rows, stacks or images."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skmnist._utils import (
    POSITIVE_FLOAT,
    ArrayOutputMixin,
    ManualLinks,
    as_rows,
    refuse_other_shape,
    resolve_image_shape,
    validate_images,
    warn_if_flat,
    warn_user,
)


class ImageScaler(
    ArrayOutputMixin, ManualLinks, CallbackSupportMixin, TransformerMixin, BaseEstimator
):
    """Scale pixels to images of 32-bit floats between 0 and 1.

    Takes rows of shape (n_samples, height * width), stacks of shape (n_samples,
    height, width) and images of shape (n_samples, height, width, 1), of any
    numeric type, and returns images; `fit` and `transform` may be given different
    forms. `fit` learns the shape of the images and, for a warning, their mean
    brightness.

    Parameters
    ----------
    image_shape : tuple of (int, int), default=None
        Height and width in pixels. Needed only for rows of images that are not
        square; -1 in one place is inferred.
    max_value : float, default=255
        The largest value that a pixel can have, which becomes 1. From 1.2e-38 to
        3.4e38, the range of 32-bit floats.

    Attributes
    ----------
    image_shape_ : tuple of (int, int)
        Height and width of the images seen in `fit`.
    mean_ : float
        Mean brightness of the pixels seen in `fit`, from 0 to 1. `transform` warns of
        images that look like their negative.
    n_features_in_ : int
        Height times width, for all forms of the input.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where `fit` saw a DataFrame whose names are all
        strings.

    See Also
    --------
    MnistCNN : The network that takes these images.
    make_mnist_pipeline : This scaler and the network in one pipeline.

    Notes
    -----
    `get_feature_names_out` does not exist: images are not a table, and with
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
            If `X` does not hold images of one channel, or holds anything that is not a
            finite number.

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
        warn_if_flat(seen, self.image_shape)
        self._is_in_range(rows, fitting=True)
        self.mean_ = float(rows.mean() / self.max_value)

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
            is not a finite number.

        Warns
        -----
        UserWarning
            If pixels lie outside 0 to `max_value`, look already scaled, or look like
            the negative of those seen in `fit`.
        """
        check_is_fitted(self, "image_shape_")
        rows = validate_images(self, X)
        if self._is_in_range(rows, fitting=False):
            self._check_ink(rows)
        images = np.empty(rows.shape, dtype=np.float32)
        np.divide(rows, np.float32(self.max_value), out=images, dtype=np.float32)
        return images.reshape(-1, *self.image_shape_, 1)

    def inverse_transform(self, X):
        """Convert images to rows of pixels.

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
            is not a finite number.
        """
        check_is_fitted(self, "image_shape_")
        rows, seen = as_rows(X)
        refuse_other_shape(self, seen)
        rows = check_array(rows, dtype=np.float32, input_name="X")
        if rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} columns, but ImageScaler was fitted on images "
                f"of {self.n_features_in_} pixels."
            )
        pixels = rows * np.float32(self.max_value)
        # Division and product may each be off by half a unit in the last place,
        # and a cast to integers would make a whole step of that.
        whole = np.rint(pixels)
        tolerance = np.float32(self.max_value) * np.finfo(np.float32).eps
        np.copyto(pixels, whole, where=np.abs(pixels - whole) <= tolerance)
        return pixels

    def _is_in_range(self, rows, fitting):
        """Return whether the pixels fit `max_value`, and warn otherwise."""
        low, high = rows.min(), rows.max()
        if low < 0 or high > self.max_value:
            warn_user(
                f"Pixels of X lie between {low} and {high}, outside 0 to "
                f"max_value={self.max_value}: set max_value to the value of a full "
                f"pixel.",
            )
            return False
        # One batch of dark whole-numbered images is not a sign of scaling; a whole
        # training set of zeros and ones is.
        if 0 < high <= 1 < self.max_value and (fitting or rows.dtype.kind == "f"):
            warn_user(
                f"Pixels of X look already scaled, the largest is {high}, and "
                f"max_value={self.max_value} would scale them again: pass the "
                f"pixels as they were, or set max_value=1.",
            )
            return False
        return True

    def _check_ink(self, rows):
        """Warn if images look like the negative of those seen in `fit`."""
        # Files of formats 1 and 2 do not hold the mean.
        known = getattr(self, "mean_", 0.5) - 0.5
        found = float(rows.mean() / self.max_value) - 0.5
        # Paper in a photograph is often grey, but brighter than half.
        bright = float((rows > self.max_value / 2).mean()) - 0.5
        is_far = max(abs(found) * 2, abs(bright) * 4 / 3) > abs(known)
        # However grey and uneven the paper is, its border is free of ink.
        inner = np.zeros(self.image_shape_, dtype=bool)
        inner[1:-1, 1:-1] = True
        sample = rows[:: 1 + len(rows) // 1000, ~inner.ravel()] / self.max_value - 0.5
        sign = np.sign(-known)
        most, border = np.quantile(sign * sample, [0.2, 0.5])
        is_around = most > -0.35 and border - sign * found > 0.02
        # Large shapes are bright on the whole, but the border is that of `fit`.
        is_negative = is_far and found * known < 0 and border > -0.25
        if is_negative or (is_around and abs(known) > 0.15):
            dark, light = "dark ink on light paper", "light ink on dark paper"
            seen, expected = (dark, light) if sign > 0 else (light, dark)
            warn_user(
                f"Pixels of X look like the negative of those seen in fit, {seen} "
                f"instead of {expected}: give max_value - X, or what MnistNormalizer "
                "makes of photographs and scans.",
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
