"""Find the ink of one character on paper, in a photograph or a drawing.

The paper cannot be told from one rule: a bold character in a tight frame wants a
wide view, the edge of a shadow a narrow one. So a few guesses at the paper are made,
and the one is taken whose ink has outlines where the picture has edges.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.transform import hough_line, hough_line_peaks

from skmnist.preprocessing._pictures import full_scale

__all__ = ["find_ink"]

WORKING_SIDE = 100  # pixels; larger pictures are reduced to it
SMALL_CHARACTER = 40  # pixels; a smaller one in a reduced picture is cropped first
TINY, ENLARGED = 20, 8  # pixels; a smaller picture is enlarged so many times
SMALLEST_WITH_LINES = 48  # pixels; in a smaller picture a stroke may span as much

# Shares of the strongest contrast: ink has at least the first, and is connected with
# some of the second.
WEAK_INK, STRONG_INK = 0.35, 0.6
# Weaker than this, in shares of the brightness of the paper, is paper, too.
FAINTEST_INK = 0.1
# The steepest edges rise from paper to full ink within this share of the picture.
LONGEST_RISE = 0.13
# An outline counts by how much steeper it is, in shares of the steepest edges. That
# of ink is so on average; noise, vignettes and shadows have less.
OUTLINE_EDGE, LEAST_OUTLINE_EDGE = 0.4, 0.45


def find_ink(picture, ink="auto"):
    """Cut out the ink of one character.

    Parameters
    ----------
    picture : ndarray of shape (height, width, n_channels), dtype uint8 or float32
        From 0 to its :func:`full_scale`.
    ink : {"auto", "dark", "light"}, default="auto"
        Whether the ink is darker or lighter than the paper.

    Returns
    -------
    coverage : ndarray of shape (ink_height, ink_width), dtype float32, or None
        From 0, paper, to 1, full ink, without empty rows or columns around. None
        where no ink was found.
    """
    scale = full_scale(picture)
    ink, coverage = _look(picture, ink, scale)
    if coverage is None:
        return None
    extent = _extent(coverage)
    reduction = max(picture.shape[:2]) / max(coverage.shape)
    size = max(part.stop - part.start for part in extent)
    if reduction > 1 and size < SMALL_CHARACTER:
        window = tuple(_widened(part, size, reduction) for part in extent)
        _, closer = _look(picture[window], ink, scale)
        if closer is not None:
            coverage, extent = closer, _extent(closer)
    return coverage[extent]


def _widened(part, margin, reduction):
    start = max(0, part.start - margin)
    return slice(int(reduction * start), int(reduction * (part.stop + margin)))


def _look(picture, ink, scale):
    """Find whether the ink is dark or light, and what it covers of the picture."""
    grey = _to_grey(_reduce(picture) / scale)
    if ink == "auto":
        ink = "light" if _is_ink_light(grey) else "dark"
    # The edges of a tiny picture are those of its pixels.
    has_edges = max(picture.shape[:2]) >= TINY
    return ink, _cover(_without_lines(-grey if ink == "light" else grey), has_edges)


def _reduce(picture):
    """Reduce a large picture to the working size, and enlarge a tiny one."""
    height, width = picture.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    if max(height, width) < TINY:
        scale = ENLARGED
    elif scale >= 1:
        return picture.astype(np.float32)
    size = max(3, round(width * scale)), max(3, round(height * scale))
    filter = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    # Pillow reduces three channels at once, but only of eight bits.
    if picture.dtype == np.uint8 and picture.shape[2] == 3:
        return np.asarray(_resize(picture, size, filter), dtype=np.float32)
    channels = np.moveaxis(picture, 2, 0).astype(np.float32)
    return np.stack([_resize(channel, size, filter) for channel in channels], axis=2)


def _resize(pixels, size, filter):
    return Image.fromarray(pixels).resize(size, filter)


def _to_grey(picture):
    """Weigh the channels by how much the ink differs from the paper in each."""
    if picture.shape[2] == 1:
        return picture[..., 0]
    sample = picture[::2, ::2]
    difference = sample - _blur(sample, 8)
    difference -= np.median(difference, axis=(0, 1))
    total = difference.sum(axis=2)
    strong = np.abs(total) >= _strongest(np.abs(total), 0.01)
    signed = difference[strong] * np.sign(total[strong])[:, np.newaxis]
    weights = np.abs(signed.mean(axis=0))
    return picture @ (weights / weights.sum()) if weights.any() else picture[..., 0]


def _is_ink_light(grey):
    """Return whether the few pixels that stand out are the lighter ones."""
    step = 2 if max(grey.shape) > WORKING_SIDE // 2 else 1
    sample = grey[::step, ::step]
    skewness = 0
    # The first view is too narrow for bold strokes, the second too wide for shadows.
    for n_windows in (14, 6):
        difference = sample - _blur(sample, n_windows)
        cubes = (difference - np.median(difference)) ** 3
        skewness += cubes.sum() / (np.abs(cubes).sum() or 1)
    return skewness > 0


def _without_lines(grey):
    """Paint over the lines of ruled and squared paper, not the strokes across them."""
    side = min(grey.shape)
    if side < SMALLEST_WITH_LINES:
        return grey
    contrast = _contrast(_close(grey, 0.15), grey)
    full = _strongest(contrast)
    dark = contrast > 0.25 * full
    painted, n_lines = grey, 0
    y, x = np.indices(grey.shape)
    for axis, normal in ((0, np.pi / 2), (1, 0)):
        length = 0.8 * grey.shape[1 - axis]
        votes = hough_line(dark, normal + np.radians(np.arange(-8, 8.1, 0.5)))
        if votes[0].max() < length:
            continue
        near = np.zeros(grey.shape, dtype=bool)
        _, *lines = hough_line_peaks(
            *votes, min_distance=3, min_angle=1, threshold=length
        )
        for angle, distance in zip(*lines, strict=True):
            across = x * np.cos(angle) + y * np.sin(angle) - distance
            line = np.abs(across) < max(1.5, 0.015 * side)
            along = (line & dark).any(axis=axis)
            # The bar of a 7 may be as long, but does not end at the borders.
            if along[:4].any() and along[-4:].any():
                near |= line
        n_lines += ndimage.label(near)[1]
        # A stroke across the line is longer than the line is thick.
        thickness = [1, 1]
        thickness[axis] = _odd(0.03 * side)
        filled = ndimage.grey_closing(painted, thickness)
        painted = np.where(near, filled, painted)
    if n_lines == 1:
        # It may have been all the ink: a 1 from top to bottom.
        left = _strongest(_contrast(_close(painted, 0.15), painted))
        return painted if left > 0.4 * full else grey
    return painted


def _cover(grey, has_edges):
    """Find the coverage by ink, dark in `grey`, with the best of the guesses."""
    edges = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1)) / 8
    # The middle of a thin stroke is level, and where the picture ends is not an edge.
    edges = ndimage.maximum_filter(edges, 3)
    edges[[0, -1]] = edges[:, [0, -1]] = 0
    guesses = [
        _select(_contrast(paper, grey), edges / _brightness(paper), has_edges)
        for paper in _guess_papers(grey)
    ]
    _, strokes, coverage = max(guesses, key=lambda guess: guess[0])
    if strokes is None:
        return None
    # Strokes fade out at their edges over a pixel.
    kept = ndimage.maximum_filter(strokes, 3) & (coverage >= 0.1)
    return np.where(kept, np.minimum(coverage, 1), 0)


def _guess_papers(grey):
    """Guess the brightness of the paper: even, smooth, and with shadows."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    yield np.full_like(grey, np.median(border))
    trend = _fit_trend(grey)
    yield trend + _close(grey - trend, 0.35, mode="constant")
    yield trend + _close(grey - trend, 0.15)


def _fit_trend(grey):
    """Fit a polynomial of second degree to the paper, leaving the outliers out."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in grey.shape)
    y, x = np.meshgrid(y, x, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=2)
    step = max(1, max(grey.shape) // 24)
    sample, values = terms[::step, ::step].reshape(-1, 6), grey[::step, ::step].ravel()
    kept = np.ones(len(values), dtype=bool)
    for _ in range(3):
        weights = np.linalg.lstsq(sample[kept], values[kept])[0]
        residuals = values - sample @ weights
        residuals = np.abs(residuals - np.median(residuals))
        kept = residuals <= 3 * np.median(residuals) + 0.008
    return terms @ weights


def _select(contrast, slopes, has_edges):
    """Select the strokes of the character, and score them by their outlines.

    Returns the score, the pixels of the strokes, and the coverage of all pixels; for
    paper without ink a score of minus infinity.
    """
    full, steepest = _strongest(contrast), _strongest(slopes, 0.003)
    noise = np.median(np.abs(np.diff(contrast)))
    longest_rise = LONGEST_RISE * min(contrast.shape)
    is_blurred = has_edges and full > steepest * longest_rise
    if full < FAINTEST_INK + 3 * noise or is_blurred:
        return -np.inf, None, None
    coverage, edges = contrast / full, np.minimum(slopes / steepest, 1)
    ink = apply_hysteresis_threshold(coverage, WEAK_INK, STRONG_INK)
    labels, n_strokes = ndimage.label(ink, np.ones((3, 3)))
    outline = ink & ~ndimage.minimum_filter(ink, 3, mode="constant")

    def total(weights):
        return np.bincount(labels.ravel(), weights.ravel(), n_strokes + 1)[1:]

    lengths = total(outline)
    scores = total(np.where(outline, edges, 0)) - OUTLINE_EDGE * lengths
    main = np.argmax(scores)
    least = (LEAST_OUTLINE_EDGE - OUTLINE_EDGE) * lengths[main]
    if has_edges and scores[main] < least:
        return -np.inf, None, None
    boxes, amounts = ndimage.find_objects(labels), total(np.minimum(coverage, 1))
    reach = 0.3 * max(part.stop - part.start for part in boxes[main])
    strokes = [
        stroke
        for stroke in np.flatnonzero((scores > 0) & (amounts > 0.04 * amounts[main]))
        if stroke == main or _gap(boxes[stroke], boxes[main]) < reach
    ]
    return scores[strokes].sum(), np.isin(labels, np.array(strokes) + 1), coverage


def _gap(box, other):
    return max(
        max(a.start - b.stop, b.start - a.stop) for a, b in zip(box, other, strict=True)
    )


def _contrast(paper, grey):
    """Contrast of ink to paper, independent of the light that falls on both."""
    contrast = (paper - grey) / _brightness(paper)
    return contrast - np.median(contrast[::2, ::2])


def _brightness(paper):
    # Paper may be black, and is negative under light ink.
    return np.abs(paper) + 0.1


def _close(grey, share, mode="reflect"):
    """Fill dark strokes narrower than a share of the picture's shorter side."""
    width = _odd(share * min(grey.shape))
    # With mode="constant", what lies outside of the picture is ignored.
    wide = ndimage.maximum_filter(grey, width, mode=mode, cval=-np.inf)
    return ndimage.minimum_filter(wide, width, mode=mode, cval=np.inf)


def _blur(picture, n_windows):
    sigma = max(picture.shape[:2]) / n_windows
    return ndimage.gaussian_filter(
        picture, sigma, mode="nearest", truncate=2.5, axes=(0, 1)
    )


def _strongest(values, share=0.0015):
    """The value that a share of the pixels reach, six at least."""
    rank = min(max(6, int(share * values.size)), values.size)
    return np.partition(values, -rank, axis=None)[-rank]


def _odd(length):
    return max(3, int(length)) | 1


def _extent(coverage):
    return ndimage.find_objects((coverage > 0).astype(np.uint8))[0]
