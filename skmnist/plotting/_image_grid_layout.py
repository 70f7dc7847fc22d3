"""Layout and drawing of a grid of images with titles and frames."""

from math import ceil
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skmnist.plotting._axes import GREY, VERMILION, as_label, merge_kw

_FONT_SIZE = 9  # points

_GAP = 0.12  # between two images, as a part of a cell
_EDGE = 0.03  # around the grid, for the frames
_CHARACTER = 0.65 * _FONT_SIZE / 72  # width of a bold letter, in inches


class GridLayout:
    """Layout of a grid in units of a cell, with y growing downwards.

    `images`, `titles` and `wrong` are those of an `ImageGridDisplay`. With
    `n_columns=None` a row holds 5 images, and more for more than 25 images.
    """

    def __init__(self, images, titles, wrong, n_columns):
        self.images = np.asarray(images)
        if self.images.ndim != 3:
            raise ValueError(
                "`images` must have the shape (n_images, height, width), but has "
                f"{self.images.shape}: give a stack of images, or rows to "
                "`from_images`."
            )
        if n_columns is not None:
            check_scalar(n_columns, "n_columns", Integral, min_val=1)
        titles = titles or []
        n_images, height, width = self.images.shape
        self.wrong = np.zeros(n_images, bool) if wrong is None else wrong
        n_columns = n_columns or max(5, ceil(n_images**0.5))
        self.n_columns = max(1, min(n_columns, n_images))
        n_rows = ceil(n_images / self.n_columns)
        # Very flat or very tall images have oblong pixels.
        ratio = np.clip(height / width, 0.25, 4.0)
        self.width, self.height = min(1.0, 1 / ratio), min(1.0, ratio)

        longest = max((len(part) for t in titles for part in t.split("\n")), default=0)
        cell = min(max(1.0, longest * _CHARACTER), 1.5)  # inches
        characters = int(cell * min(1.0, self.width + _GAP) / _CHARACTER + 1e-6)
        self.titles = [
            "\n".join(as_label(part, characters) for part in title.split("\n"))
            for title in titles
        ]
        lines = max((title.count("\n") + 1 for title in self.titles), default=0)
        self.band = (1.25 * _FONT_SIZE * lines + 5) / 72 / cell if lines else 0.0

        right = self.n_columns * (self.width + _GAP) - _GAP + _EDGE
        bottom = n_rows * (self.band + self.height + _GAP) - _GAP + _EDGE
        self.xlim, self.ylim = (-_EDGE, right), (max(bottom, 0.0), -_EDGE)
        self.size = cell * (right + _EDGE), cell * (self.ylim[0] + _EDGE)  # inches

    def place(self, index):
        """Return left, top, width and height of an image."""
        row, column = divmod(index, self.n_columns)
        left = column * (self.width + _GAP)
        top = self.band + row * (self.band + self.height + _GAP)
        return left, top, self.width, self.height

    def scale_for(self, ax):
        """Return the factor by which fonts and lines are scaled to fit into axes."""
        box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
        return min(box.width / self.size[0], box.height / self.size[1], 1.0)

    def draw_images(self, ax, image_kw):
        """Draw the images with one brightness scale."""
        look = {"cmap": "gray", "interpolation": "nearest", **(image_kw or {})}
        if "norm" not in look and self.images.size:
            look = {"vmin": self.images.min(), "vmax": self.images.max(), **look}
        pictures = []
        for index, image in enumerate(self.images):
            left, top, width, height = self.place(index)
            extent = (left, left + width, top + height, top)
            pictures.append(ax.imshow(image, **{"extent": extent, **look}))
        return pictures

    def draw_frames(self, ax, scale, frame_kw):
        """Draw a frame around each image, bold where it is marked as wrong."""
        from matplotlib.patches import Rectangle

        frames = []
        for index, is_wrong in enumerate(self.wrong):
            left, top, *size = self.place(index)
            look = {"fill": False, "edgecolor": GREY, "linewidth": 0.6 * scale}
            if is_wrong:
                look |= {"edgecolor": VERMILION, "linewidth": 2.5 * scale}
            look = merge_kw("patch", look, frame_kw)
            frames.append(ax.add_patch(Rectangle((left, top), *size, **look)))
        return frames

    def draw_titles(self, ax, scale, text_kw):
        """Write a title above each image, bold where it is marked as wrong."""
        texts = []
        for index, title in enumerate(self.titles):
            left, top, width, _ = self.place(index)
            look = {
                "xytext": (0, 3 * scale),
                "textcoords": "offset points",
                "fontsize": _FONT_SIZE * scale,
                "horizontalalignment": "center",
            }
            if self.wrong[index]:
                look |= {"color": VERMILION, "fontweight": "bold"}
            look = merge_kw("text", look, text_kw)
            texts.append(ax.annotate(title, (left + width / 2, top), **look))
        return texts
