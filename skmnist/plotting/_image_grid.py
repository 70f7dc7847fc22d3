"""A sheet of images with their labels."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_consistent_length

from skmnist.plotting._axes import VERMILION
from skmnist.plotting._reading import (
    augment_images,
    check_images,
    image_shape_of,
    images_of,
    pick,
)
from skmnist.plotting._sheet import FONT_SIZE, Sheet
from skmnist.plotting._space import open_axes


class ImageGridDisplay:
    """A sheet of images with their labels, the wrongly predicted ones marked.

    Make it with `from_images`, `from_predictions`, `from_estimator`,
    `from_mistakes` or `from_augmentation`.

    Parameters
    ----------
    images : array-like of shape (n_images, height, width)
        The images, dark where their values are high.
    titles : list of str, default=None
        What stands above each image. None leaves it out.
    wrong : array-like of bool of shape (n_images,), default=None
        Which images get a bold coloured frame and title. None marks none.
    heading : str, default=None
        What stands above the sheet.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The pictures, row by row.
    texts_ : list of matplotlib Text
        Their titles.
    frames_ : list of matplotlib Rectangle
        Their frames.
    ax_ : matplotlib Axes
        The axes with the sheet.
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
    def from_images(cls, X, y=None, *, image_shape=None, n_images=25, ax=None):
        """Draw the first images of a set.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, in any range of values.
        y : array-like of shape (n_samples,), default=None
            Their labels. None leaves them out.
        image_shape : tuple of (int, int), default=None
            Height and width. Needed only for rows of images that are not square.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `X` holds no images of one channel, or not as many as `y` labels, or if
            `n_images` is below 1.
        """
        check_images(X, n_images)
        check_consistent_length(X, y)
        y = None if y is None else np.asarray(y)
        images = images_of(pick(X, slice(n_images)), image_shape)
        titles = None if y is None else [f"{label}" for label in y[:n_images]]
        return cls(images, titles=titles).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, X, y_true, y_pred, *, image_shape=None, n_images=25, ax=None
    ):
        """Draw the first images of a set with what was predicted for them.

        Parameters
        ----------
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, in any range of values.
        y_true : array-like of shape (n_samples,)
            Their labels.
        y_pred : array-like of shape (n_samples,)
            The predicted labels. Those that differ are marked.
        image_shape : tuple of (int, int), default=None
            Height and width. Needed only for rows of images that are not square.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `X` holds no images of one channel, or not as many as there are
            labels, or if `n_images` is below 1.
        """
        check_images(X, n_images)
        check_consistent_length(X, y_true, y_pred)
        y_true, y_pred = np.asarray(y_true)[:n_images], np.asarray(y_pred)[:n_images]
        wrong = y_true != y_pred
        titles = [
            f"true {true}, said {said}" if differs else f"{true}"
            for true, said, differs in zip(y_true, y_pred, wrong, strict=True)
        ]
        images = images_of(pick(X, slice(n_images)), image_shape)
        return cls(images, titles=titles, wrong=wrong).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, image_shape=None, n_images=25, ax=None):
        """Draw the first images of a set with what an estimator says of them.

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
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` holds no images of one channel, or not as many as `y` labels, or if
            `n_images` is below 1.
        """
        check_images(X, n_images)
        check_consistent_length(X, y)
        X = pick(X, slice(n_images))
        return cls.from_predictions(
            X,
            np.asarray(y)[:n_images],
            estimator.predict(X),
            image_shape=image_shape_of(estimator, image_shape),
            n_images=n_images,
            ax=ax,
        )

    @classmethod
    def from_mistakes(cls, estimator, X, y, *, image_shape=None, n_images=15, ax=None):
        """Draw the worst mistakes: those of which an estimator is surest.

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
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn. Percentages are rounded down.

        Raises
        ------
        AttributeError
            If the estimator has no `predict_proba`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` holds no images of one channel, or not as many as `y` labels, or if
            `n_images` is below 1.
        """
        check_images(X, n_images)
        check_consistent_length(X, y)
        probability = estimator.predict_proba(X)
        said = estimator.classes_[np.argmax(probability, axis=1)]
        surety = np.max(probability, axis=1)
        y = np.asarray(y)
        mistakes = np.flatnonzero(said != y)
        worst = mistakes[np.argsort(-surety[mistakes], kind="stable")][:n_images]
        titles = [
            f"true {y[index]}, said {said[index]} ({int(100 * surety[index])} %)"
            for index in worst
        ]
        number = f"{len(mistakes):,}" if len(mistakes) else "no"
        heading = f"{number} mistake{'s' * (len(mistakes) != 1)}"
        if len(worst) < len(mistakes):
            heading = f"the {len(worst)} worst of {heading}"
        display = cls(
            images_of(pick(X, worst), image_shape_of(estimator, image_shape)),
            titles=titles,
            wrong=np.ones(len(worst), dtype=bool),
            heading=f"{heading} among {len(y):,} images",
        )
        return display.plot(ax=ax)

    @classmethod
    def from_augmentation(
        cls, estimator, X, y=None, *, n_images=25, random_state=0, ax=None
    ):
        """Draw images as a network sees them in training with `augment=True`.

        Parameters
        ----------
        estimator : MnistCNN or Pipeline
            The network, or a pipeline that ends in one, fitted or not. Its own
            `rotation_range`, `zoom_range` and `shift_range` count, whatever its
            `augment` is.
        X : array-like of shape (n_samples, height * width), \
                (n_samples, height, width) or (n_samples, height, width, 1)
            The images, as the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            Their labels. None leaves them out.
        n_images : int, default=25
            How many images to show, at most; 1 or more.
        random_state : int, default=0
            Seed of the random transformations.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ImageGridDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator does not end in an `MnistCNN`.
        ValueError
            If `X` holds no images of one channel, or not as many as `y` labels, or if
            `n_images` is below 1.
        """
        check_images(X, n_images)
        check_consistent_length(X, y)
        return cls.from_images(
            augment_images(estimator, pick(X, slice(n_images)), random_state),
            None if y is None else np.asarray(y)[:n_images],
            n_images=n_images,
            ax=ax,
        )

    def plot(self, ax=None, *, n_columns=None):
        """Draw the sheet.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.
        n_columns : int, default=None
            Images in a row, 1 or more. None takes 5, and more for more than 25
            images.

        Returns
        -------
        display : ImageGridDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `images` is no stack of images, if `titles` or `wrong` differ from it in
            length, if `n_columns` is below 1, or if `ax` holds several axes.
        """
        images = self._checked_images()
        if n_columns is not None:
            check_scalar(n_columns, "n_columns", Integral, min_val=1)
        sheet = Sheet(images.shape, self.titles, self.heading, n_columns)
        space = open_axes(ax, 1, 1, sheet.size)
        self.ax_ = space.panels[0, 0]
        self.figure_ = self.ax_.figure
        scale = 1.0 if space.made else sheet.scale_for(self.ax_)

        wrong = np.zeros(len(images), bool) if self.wrong is None else self.wrong
        limits = (images.min(), images.max()) if images.size else (0, 1)
        self.images_, self.texts_, self.frames_ = [], [], []
        for index, image in enumerate(images):
            self._draw_image(sheet.place(index), image, limits)
            self._draw_frame(sheet.place(index), wrong[index], scale)
            if self.titles is not None:
                title = sheet.titles[index]
                self._draw_title(sheet.place(index), title, wrong[index], scale)
        self.ax_.set(xlim=sheet.xlim, ylim=sheet.ylim, aspect="equal")
        self.ax_.set_axis_off()
        if self.heading:
            self.ax_.set_title(self.heading, fontsize="medium", parse_math=False)
        return self

    def _checked_images(self):
        """Return the images, with as many titles and marks as there are of them."""
        images = np.asarray(self.images)
        if images.ndim != 3:
            raise ValueError(
                "`images` must have the shape (n_images, height, width), but has "
                f"{images.shape}: give a stack of images, or rows to `from_images`."
            )
        for name in ("titles", "wrong"):
            values = getattr(self, name)
            if values is not None and len(values) != len(images):
                raise ValueError(
                    f"`{name}` must hold one entry an image, but holds {len(values)} "
                    f"for {len(images)} images: give {len(images)}."
                )
        return images

    def _draw_image(self, place, image, limits):
        left, top, width, height = place
        picture = self.ax_.imshow(
            image,
            cmap="gray_r",
            vmin=limits[0],
            vmax=limits[1],
            extent=(left, left + width, top + height, top),
            interpolation="nearest",
        )
        self.images_.append(picture)

    def _draw_frame(self, place, wrong, scale):
        from matplotlib.patches import Rectangle

        left, top, width, height = place
        frame = Rectangle(
            (left, top),
            width,
            height,
            fill=False,
            edgecolor=VERMILION if wrong else "0.75",
            linewidth=(2.5 if wrong else 0.6) * scale,
        )
        self.frames_.append(self.ax_.add_patch(frame))

    def _draw_title(self, place, title, wrong, scale):
        left, top, width, _ = place
        text = self.ax_.annotate(
            title,
            (left + width / 2, top),
            xytext=(0, 3 * scale),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=FONT_SIZE * scale,
            color=VERMILION if wrong else "black",
            fontweight="bold" if wrong else "normal",
            parse_math=False,
        )
        self.texts_.append(text)
