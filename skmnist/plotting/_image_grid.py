"""A grid of images with their labels."""

import numpy as np
from sklearn.utils import _safe_indexing

from skmnist.plotting._axes import open_axes
from skmnist.plotting._image_grid_layout import GridLayout
from skmnist.plotting._reading import (
    augment_images,
    check_images,
    images_for,
    images_of,
)


class ImageGridDisplay:
    """A grid of images with their labels, in which wrong predictions are marked.

    Create it with `from_images`, `from_predictions`, `from_estimator`,
    `from_mistakes` or `from_augmentation`.

    Parameters
    ----------
    images : array-like of shape (n_images, height, width)
        The images. High values are drawn light, so that MNIST's are light on dark, as
        the network sees them. `image_kw={"cmap": "gray_r"}` of `plot` inverts them.
    titles : list of str, default=None
        Title above each image. None omits them.
    wrong : array-like of bool of shape (n_images,), default=None
        Which images get a bold coloured frame and title. None marks none.
    heading : str, default=None
        Title of the grid.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The pictures, row by row.
    texts_ : list of matplotlib Text
        Their titles.
    frames_ : list of matplotlib Rectangle
        Their frames.
    ax_ : matplotlib Axes
        The axes with the grid.
    figure_ : matplotlib Figure
        The figure with the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmnist import ImageGridDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = ImageGridDisplay.from_images(X, y)
    >>> len(display.images_), display.texts_[3].get_text()
    (25, '3')
    """

    def __init__(self, images, *, titles=None, wrong=None, heading=None):
        self.images = images
        self.titles = titles
        self.wrong = wrong
        self.heading = heading

    @classmethod
    def from_images(
        cls, X, y=None, *, image_shape=None, n_images=25, ax=None, **kwargs
    ):
        """Plot the first images of a set.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, in any range of values.
        y : array-like of shape (n_samples,), default=None
            Their labels. None omits them.
        image_shape : tuple of (int, int), default=None
            Height and width. Needed only for rows of images that are not square.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ImageGridDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If images and labels differ in number, or if `n_images` is below 1.
        """
        check_images(X, n_images, y)
        images = images_of(_safe_indexing(X, slice(n_images)), image_shape)
        heading = f"{len(images):,} of {len(X):,} images"
        display = cls(images, titles=_titles(y, n_images), heading=heading)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls, X, y_true, y_pred, *, image_shape=None, n_images=25, ax=None, **kwargs
    ):
        """Plot the first images of a set with their labels and predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, in any range of values.
        y_true : array-like of shape (n_samples,)
            Their labels.
        y_pred : array-like of shape (n_samples,)
            The predicted labels. Wrong ones are marked.
        image_shape : tuple of (int, int), default=None
            Height and width. Needed only for rows of images that are not square.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ImageGridDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If images and labels differ in number, or if `n_images` is below 1.
        """
        check_images(X, n_images, y_true, y_pred)
        y_true, y_pred = np.asarray(y_true)[:n_images], np.asarray(y_pred)[:n_images]
        wrong = y_true != y_pred
        titles = [
            f"true {true},\npredicted {predicted}" if differs else f"{true}"
            for true, predicted, differs in zip(y_true, y_pred, wrong, strict=True)
        ]
        images = images_of(_safe_indexing(X, slice(n_images)), image_shape)
        heading = f"{wrong.sum():,} of {len(images):,} predictions are wrong"
        display = cls(images, titles=titles, wrong=wrong, heading=heading)
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, image_shape=None, n_images=25, ax=None, **kwargs
    ):
        """Plot the first images of a set with the predictions of an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier of any kind.
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Their labels.
        image_shape : tuple of (int, int), default=None
            Height and width. None takes the estimator's, or a square.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ImageGridDisplay
            The display, plotted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If images and labels differ in number, or if `n_images` is below 1.
        """
        check_images(X, n_images, y)
        X = _safe_indexing(X, slice(n_images))
        return cls.from_predictions(
            images_for(estimator, X, image_shape),
            np.asarray(y)[:n_images],
            np.ravel(estimator.predict(X)),
            n_images=n_images,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_mistakes(
        cls, estimator, X, y, *, image_shape=None, n_images=15, ax=None, **kwargs
    ):
        """Plot the wrong predictions with the highest probability.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with `predict_proba`.
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Their labels.
        image_shape : tuple of (int, int), default=None
            Height and width. None takes the estimator's, or a square.
        n_images : int, default=15
            How many mistakes to show, at most; 1 or more.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ImageGridDisplay
            The display, plotted. Percentages are rounded down.

        Raises
        ------
        AttributeError
            If the estimator does not have `predict_proba`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If images and labels differ in number, or if `n_images` is below 1.
        """
        check_images(X, n_images, y)
        # Not the most probable class where the estimator has another threshold.
        predicted = np.ravel(estimator.predict(X))
        is_class = predicted[:, np.newaxis] == estimator.classes_
        highest = (estimator.predict_proba(X) * is_class).max(axis=1)
        y = np.asarray(y)
        mistakes = np.flatnonzero(predicted != y)
        worst = mistakes[np.argsort(-highest[mistakes], kind="stable")][:n_images]
        titles = [
            f"true {y[i]},\npredicted {predicted[i]} ({int(100 * highest[i])}%)"
            for i in worst
        ]
        heading = f"{len(mistakes):,} mistake{'s' * (len(mistakes) != 1)}"
        if len(worst) < len(mistakes):
            heading = f"The {len(worst)} worst of {heading}"
        display = cls(
            images_for(estimator, _safe_indexing(X, worst), image_shape),
            titles=titles,
            wrong=np.ones(len(worst), dtype=bool),
            heading=f"{heading} among {len(y):,} images",
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_augmentation(
        cls, estimator, X, y=None, *, n_images=25, random_state=0, ax=None, **kwargs
    ):
        """Plot images as they are augmented in training with `augment=True`.

        Parameters
        ----------
        estimator : MnistCNN or Pipeline
            The network, or a pipeline that ends in one, fitted or not. Its
            `rotation_range`, `zoom_range` and `shift_range` are used, also with
            `augment=False`.
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, as the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            Their labels. None omits them.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        random_state : int, default=0
            Seed of the random transformations.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ImageGridDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            If the estimator is not a `MnistCNN` or a pipeline that ends in one.
        ValueError
            If images and labels differ in number, or if `n_images` is below 1.
        """
        check_images(X, n_images, y)
        X = augment_images(estimator, _safe_indexing(X, slice(n_images)), random_state)
        display = cls(
            images_of(X, None), titles=_titles(y, n_images), heading="Augmented images"
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, ax=None, *, n_columns=None, image_kw=None, frame_kw=None, text_kw=None
    ):
        """Plot the grid.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        n_columns : int, default=None
            Images in a row, 1 or more. None takes 5, and more for more than 25
            images.
        image_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.imshow` for the images. By
            default the lowest value of the grid is black and the highest white.
        frame_kw : dict, default=None
            Keyword arguments of `matplotlib.patches.Rectangle` for their frames.
        text_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.annotate` for their titles.

        Returns
        -------
        display : ImageGridDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `images` is not a stack of images, if `n_columns` is below 1, or if
            `ax` holds several axes.
        """
        heading = self.heading or ""
        sheet = GridLayout(self.images, self.titles, self.wrong, n_columns)
        width = max(sheet.size[0], 0.1 * len(heading)) + 0.2
        height = sheet.size[1] + (0.5 if heading else 0.2)
        self.ax_ = open_axes(ax, (1, 1), (width, height), heading)[0, 0]
        self.figure_ = self.ax_.figure
        scale = 1.0
        if ax is not None:
            self.ax_.set_title(heading, fontsize="medium")
            scale = sheet.scale_for(self.ax_)
        self.images_ = sheet.draw_images(self.ax_, image_kw)
        self.frames_ = sheet.draw_frames(self.ax_, scale, frame_kw)
        self.texts_ = sheet.draw_titles(self.ax_, scale, text_kw)
        self.ax_.set(xlim=sheet.xlim, ylim=sheet.ylim, aspect="equal")
        self.ax_.set_axis_off()
        return self


def _titles(y, n_images):
    return None if y is None else list(map(str, np.asarray(y)[:n_images]))
