"""Where the images of a sheet lie, and how their titles break into lines."""

from math import ceil

import numpy as np

from skmnist.plotting._axes import fold

FONT_SIZE = 9  # points

_GAP = 0.12  # between two images, as a part of a cell
_EDGE = 0.03  # around the sheet, for the frames
_CHARACTER = 0.65 * FONT_SIZE / 72  # width of a bold letter, in inches


class Sheet:
    """The layout of a sheet in units of a cell, with y growing downwards.

    Parameters
    ----------
    shape : tuple of (int, int, int)
        Number, height and width of the images.
    titles : list of str or None
        What stands above each image.
    heading : str or None
        What stands above the sheet.
    n_columns : int or None
        Images in a row. None takes 5, and more for more than 25 images.
    """

    def __init__(self, shape, titles, heading, n_columns):
        n_images, height, width = shape
        n_columns = n_columns or max(5, ceil(n_images**0.5))
        self.n_columns = max(1, min(n_columns, n_images))
        n_rows = ceil(n_images / self.n_columns)
        # Very flat or very tall images are drawn with oblong pixels.
        ratio = np.clip(height / width, 0.25, 4.0)
        self.width, self.height = min(1.0, 1 / ratio), min(1.0, ratio)

        self.titles = [] if titles is None else list(titles)
        cell = max(1.0, _inches(self.titles))
        if cell > 1.3:
            parts = [part for title in self.titles for part in title.split(", ")]
            cell = min(max(1.0, _inches(parts)), 1.5)
        characters = round(cell * min(1.0, self.width + _GAP) / _CHARACTER, 6)
        self.titles = [_break(title, characters) for title in self.titles]
        lines = max((title.count("\n") + 1 for title in self.titles), default=0)
        self.band = (1.25 * FONT_SIZE * lines + 5) / 72 / cell if lines else 0.0

        right = self.n_columns * (self.width + _GAP) - _GAP + _EDGE
        bottom = n_rows * (self.band + self.height + _GAP) - _GAP + _EDGE
        self.xlim, self.ylim = (-_EDGE, right), (max(bottom, 0.0), -_EDGE)
        self.size = (
            max(cell * (right + _EDGE), 0.09 * len(heading or "")) + 0.2,
            cell * (self.ylim[0] + _EDGE) + (0.45 if heading else 0.2),
        )

    def place(self, index):
        """Return left, top, width and height of an image."""
        row, column = divmod(index, self.n_columns)
        left = column * (self.width + _GAP)
        top = self.band + row * (self.band + self.height + _GAP)
        return left, top, self.width, self.height

    def scale_for(self, ax):
        """Return by what to multiply type and lines for them to fit into axes."""
        ax.set_axis_off()
        # Only now does the figure's layout, if it has one, give the axes their size.
        ax.figure.canvas.figure.draw_without_rendering()
        box, dpi = ax.get_window_extent(), ax.figure.dpi
        return min(box.width / dpi / self.size[0], box.height / dpi / self.size[1], 1.0)


def _inches(texts):
    """Return how wide the longest text is in bold type."""
    return _CHARACTER * max(map(len, texts), default=0)


def _break(title, characters):
    """Break a title that is too long for one line, after its commas first."""
    if len(title) <= characters:
        return title
    return ",\n".join(fold(part, characters) for part in title.split(", "))
