"""Remove the lines of ruled and squared paper, and of forms."""

import numpy as np
from scipy import ndimage
from skimage.transform import hough_line, hough_line_peaks

from skmnist.preprocessing._filters import (
    brightness,
    close_strokes,
    contrast_to,
    odd,
    strongest,
)

SMALLEST_WITH_LINES = 32  # pixels; in a smaller picture a stroke may span as much
FAINTEST_LINE = 0.02  # of the brightness of the paper
# The lines of a form are so near to the border, in shares of the height or width, and
# reach so far from their middle, in shares of the shorter side.
FORM_MARGIN, FORM_LINE = 0.125, 0.05


def without_lines(grey):
    """Paint over the lines of paper and of forms, not the strokes across them."""
    side = min(grey.shape)
    if side < SMALLEST_WITH_LINES:
        return grey
    paper = close_strokes(grey, 0.15)
    contrast = contrast_to(paper, grey)
    full = strongest(contrast)
    dark = contrast > 0.25 * full
    painted, n_lines = grey, 0
    form = np.zeros(grey.shape, dtype=bool)
    for axis in (0, 1):
        near = np.zeros(grey.shape, dtype=bool)
        for across in _find_lines(dark, axis):
            line = across < _reach_of_line(side)
            near |= line
            place = np.nonzero(line)[axis].mean() / grey.shape[axis]
            if abs(place - 0.5) > 0.5 - FORM_MARGIN:
                form |= across < FORM_LINE * side
        if near.any():
            n_lines += ndimage.label(near)[1]
            # A stroke across the line is longer than the line is thick.
            size = [1, 1]
            size[axis] = odd(0.03 * side)
            # What lies outside of the picture counts as paper.
            filled = ndimage.grey_closing(painted, size, mode="constant", cval=np.inf)
            painted = np.where(near, filled, painted)
    if form.any():
        # The lines of a form may be thicker, and strokes do not touch them.
        labels, _ = ndimage.label(dark, np.ones((3, 3)))
        form &= ~np.isin(labels, labels[dark & ~form])
        painted = np.where(form, np.maximum(painted, paper), painted)
    if n_lines == 1:
        # It may have been all the ink: a 1 from top to bottom.
        left = strongest(contrast_to(close_strokes(painted, 0.15), painted))
        return painted if left > 0.4 * full else grey
    return painted


def _find_lines(dark, axis):
    """Yield the distance of each pixel from each line across the picture.

    The lines run along the other axis, from border to border.
    """
    normal = (np.pi / 2, 0)[axis]
    length = 0.8 * dark.shape[1 - axis]
    votes = hough_line(dark, normal + np.radians(np.arange(-8, 8.1, 0.5)))
    if votes[0].max() < length:
        return
    y, x = np.indices(dark.shape)
    _, *lines = hough_line_peaks(*votes, min_distance=3, min_angle=1, threshold=length)
    for angle, distance in zip(*lines, strict=True):
        across = np.abs(x * np.cos(angle) + y * np.sin(angle) - distance)
        line = across < _reach_of_line(min(dark.shape))
        along = (line & dark).any(axis=axis)
        # The bar of a 7 may be as long, but does not end at the borders.
        if along[:4].any() and along[-4:].any():
            yield across


def _reach_of_line(side):
    return max(1.5, 0.015 * side)


def contrast_of_lines(painted, grey):
    """Return the contrast of the lines that were painted over, 0 if none were."""
    contrast = (painted - grey) / brightness(painted)
    # Those near the border may be of a form, and darker than the ink.
    y, x = (int(FORM_MARGIN * length) for length in grey.shape)
    contrast = contrast[y : len(grey) - y, x : grey.shape[1] - x]
    lines = contrast[contrast > FAINTEST_LINE]
    return np.quantile(lines, 0.8) if lines.size else 0
