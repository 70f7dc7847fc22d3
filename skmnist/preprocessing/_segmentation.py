"""Find the ink of one character on paper, in a photograph or a drawing.

The paper cannot be told from one rule: a bold character in a tight frame wants a
wide view, the edge of a shadow a narrow one. So a few guesses at the paper are made,
and the one is taken whose ink has outlines where the picture has edges. A stroke has
edges on both sides, and a shadow on one: this tells ink from a blank sheet.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.measure import euler_number
from skimage.transform import hough_line, hough_line_peaks

from skmnist.preprocessing._pixels import border_of, full_scale
from skmnist.preprocessing._sheet import (
    EVEN,
    cut_off_frame,
    cut_out_sheet,
    find_sheet,
)

WORKING_SIDE = 100  # pixels; larger pictures are reduced to it
SMALL_CHARACTER = 40  # pixels; a smaller one in a reduced picture is cropped first
TINY, ENLARGED = 20, 8  # pixels; a smaller picture is enlarged so many times
SMALLEST_WITH_LINES = 32  # pixels; in a smaller picture a stroke may span as much

# Shares of the strongest contrast: ink has at least the first, and somewhere the
# second.
WEAK_INK, STRONG_INK = 0.35, 0.6
# Ink is darker than paper by this share of the paper's brightness, and by so many
# times the difference of two neighbours, which is noise.
FAINTEST_INK, TIMES_NOISE = 0.1, 8
# An outline counts by how much steeper it is than this share of the steepest.
OUTLINE_EDGE = 0.4
# An outline rises by so much per pixel, in shares of the brightness of the paper. It
# may be more blurred where the ink is more than faint.
LEAST_STEEPNESS, FAINT = 0.06, 0.4
# Ink is left as steeply as it is entered, so that the slopes around it cancel out;
# those of a shadow's edge do not. This share of them may be left over.
MOST_IMBALANCE = 0.25
FAINTEST_LINE = 0.02  # of the brightness of the paper
# The lines of a form are so near to the border, in shares of the height or width, and
# reach so far from their middle, in shares of the shorter side.
FORM_MARGIN, FORM_LINE = 0.125, 0.05
# What is still wider, in heights, is a line of the paper. What has a longer outline,
# in lengths of the character, or more parts or holes is squares or noise.
WIDEST, LONGEST_OUTLINE, MOST_PARTS, MOST_HOLES = 3.5, 8.5, 7, 8
SHORTEST_OUTLINE = 8  # pixels; what has a shorter one is a speck
UNDERLINE = 0.08  # of the length of the character; what is wide and so far below
SMALL_GAP = 6  # pixels; grain in a stroke, and not a hole
EVEN_BORDER = 0.8  # a border is that of the paper if such a share of it is even
# The simplest paper is taken unless another makes the outlines so much better.
EVEN_PAPER = 1.2


def find_ink(picture, ink):
    """Return the coverage by ink of one character, or None where no ink was found.

    `picture` has the shape (height, width, n_channels) and values from 0 to its
    :func:`full_scale`. The coverage is float32, from 0 for paper to 1 for full ink,
    without empty rows or columns around.
    """
    scale = full_scale(picture)
    picture = cut_off_frame(picture, scale)
    reduced = _reduce(picture) / scale
    # In smaller pictures, a piece of a bold stroke may look like a sheet.
    if max(picture.shape[:2]) >= WORKING_SIDE:
        sheet = find_sheet(reduced)
        if sheet is not None:
            picture = cut_out_sheet(picture, sheet)
            reduced = _reduce(picture) / scale
    ink, coverage = _look(reduced, ink)
    if coverage is None:
        return None
    extent = _extent(coverage)
    reduction = max(picture.shape[:2]) / max(coverage.shape)
    size = max(part.stop - part.start for part in extent)
    if reduction > 1 and size < SMALL_CHARACTER:
        window = tuple(_widened(part, size, reduction) for part in extent)
        # What looked like ink from afar may be grain of the paper.
        _, coverage = _look(_reduce(picture[window]) / scale, ink)
    return None if coverage is None else coverage[_extent(coverage)]


def _widened(part, margin, reduction):
    start = max(0, part.start - margin)
    return slice(int(reduction * start), int(reduction * (part.stop + margin)))


def _look(picture, ink):
    """Find whether the ink is dark or light, and what it covers of the picture."""
    grey = _to_grey(picture)
    if ink == "auto":
        ink = "light" if _is_ink_light(grey) else "dark"
    # Light ink on dark paper is looked at as its negative.
    grey = 1 - grey if ink == "light" else grey
    painted = _without_lines(grey)
    return ink, _cover(painted, _contrast_of_lines(painted, grey))


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
        channels = [Image.fromarray(picture)]
    else:
        channels = map(Image.fromarray, np.moveaxis(picture, 2, 0).astype(np.float32))
    # In two steps, which is faster.
    resized = [c.resize(size, filter, reducing_gap=2) for c in channels]
    return np.dstack(resized).astype(np.float32)


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
    """Return whether the few pixels that stand out near edges are the lighter ones."""
    steepness = np.hypot(*(ndimage.sobel(grey, axis) for axis in (0, 1)))
    # Where the picture ends is not an edge.
    steepness[[0, -1]] = steepness[:, [0, -1]] = 0
    step = 2 if max(grey.shape) > WORKING_SIDE // 2 else 1
    sample = grey[::step, ::step]
    # Reflections of light fade out, and must not count.
    weights = _largest_near(steepness)[::step, ::step] ** 2
    # The first view is too narrow for bold strokes, the second too wide for shadows.
    differences = [sample - _blur(sample, n_windows) for n_windows in (20, 6)]
    differences = [difference - _median(difference) for difference in differences]
    border = border_of(grey)
    paper = np.median(border)
    if np.mean(np.abs(border - paper) < EVEN) > EVEN_BORDER:
        differences.append(sample - paper)
    votes = [weights * difference for difference in differences]
    return sum(vote.sum() / (np.abs(vote).sum() or 1) for vote in votes) > 0


def _without_lines(grey):
    """Paint over the lines of paper and of forms, not the strokes across them."""
    side = min(grey.shape)
    if side < SMALLEST_WITH_LINES:
        return grey
    paper = _close(grey, 0.15)
    contrast = _contrast(paper, grey)
    full = _strongest(contrast)
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
            size[axis] = _odd(0.03 * side)
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
        left = _strongest(_contrast(_close(painted, 0.15), painted))
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


def _contrast_of_lines(painted, grey):
    """Return the contrast of the lines that were painted over, 0 if none were."""
    contrast = (painted - grey) / _brightness(painted)
    # Those near the border may be of a form, and darker than the ink.
    y, x = (int(FORM_MARGIN * length) for length in grey.shape)
    contrast = contrast[y : len(grey) - y, x : grey.shape[1] - x]
    lines = contrast[contrast > FAINTEST_LINE]
    return np.quantile(lines, 0.8) if lines.size else 0


def _cover(grey, weakest):
    """Find the coverage by ink, dark in `grey`, with the best of the guesses.

    Ink that has less than the `weakest` contrast is what is left of the paper's lines.
    """
    papers = list(_guess_papers(grey))
    slopes = np.stack([ndimage.sobel(grey, axis) for axis in (0, 1)]) / 8
    slopes /= _brightness(np.maximum(papers[0], papers[1]))
    # Where the picture ends is not an edge.
    slopes[:, [0, -1]] = slopes[:, :, [0, -1]] = 0
    steepness = np.hypot(*slopes)
    # The middle of a thin stroke is level.
    edges = _largest_near(steepness)
    guesses = [
        _Strokes(_contrast(paper, grey), slopes, steepness, edges) for paper in papers
    ]
    steepest = max(guess.steepest for guess in guesses)
    if steepest == 0:
        return None
    scores = [guess.choose(steepest) for guess in guesses]
    scores[0] *= EVEN_PAPER
    best = guesses[np.argmax(scores)]
    if max(scores) <= 0 or not best.is_one_character() or best.contrast() < weakest:
        return None
    # Strokes fade out at their edges over a pixel.
    kept = _largest_near(best.chosen) & (best.coverage >= 0.1)
    return np.where(kept, best.coverage, 0)


def _guess_papers(grey):
    """Guess the brightness of the paper: even, smooth, and with shadows."""
    yield np.full_like(grey, np.median(border_of(grey)))
    trend = _fit_trend(grey)
    yield trend + _close(grey - trend, 0.35)
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
        # By the normal equations, which are faster and precise enough.
        kept_terms = sample[kept].T
        weights = np.linalg.lstsq(kept_terms @ kept_terms.T, kept_terms @ values[kept])[
            0
        ]
        residuals = values - sample @ weights
        residuals = np.abs(residuals - _median(residuals))
        kept = residuals <= 3 * _median(residuals) + 0.008
    return terms @ weights


class _Strokes:
    """What may be strokes of ink for a guess at the paper."""

    def __init__(self, contrast, slopes, steepness, edges):
        full = _strongest(contrast)
        self.steepest = 0
        noise = _median(np.abs(np.diff(contrast[::2])))
        if full < FAINTEST_INK + TIMES_NOISE * noise:
            return
        self.full = full
        self.coverage = np.minimum(contrast / full, 1)
        ink = self.coverage > WEAK_INK
        self.labels, self.n_strokes = ndimage.label(ink, np.ones((3, 3)))
        self.inside = _labelled(self.labels)
        self.boxes = ndimage.find_objects(self.labels)
        outline = ink & _largest_near(~np.pad(ink, 1))[1:-1, 1:-1]
        self.edges = np.where(outline, edges, 0)
        least = LEAST_STEEPNESS * min(1, FAINT / full)
        self.lengths = self._total(outline, self.inside)
        around = _labelled(_largest_near(self.labels))
        imbalance = np.hypot(*(self._total(slope, around) for slope in slopes))
        self.is_ink = (
            (self._total(self.coverage > STRONG_INK, self.inside) > 0)
            & (imbalance < MOST_IMBALANCE * self._total(steepness, around))
            & (self._total(self.edges, self.inside) > least * self.lengths)
        )
        if self.is_ink.any():
            self.steepest = _strongest(self.edges[self._pixels(self.is_ink)], 0.02)

    def _total(self, weights, labelled):
        """Sum up over each stroke."""
        labels, where = labelled
        return np.bincount(labels, weights.ravel()[where], self.n_strokes + 1)[1:]

    def _pixels(self, strokes):
        return np.insert(strokes, 0, False)[self.labels]

    def choose(self, steepest):
        """Choose the strokes of the character, and score them by their outlines."""
        if self.steepest == 0:
            return 0
        edges = self._total(np.minimum(self.edges / steepest, 1), self.inside)
        scores = np.where(self.is_ink, edges - OUTLINE_EDGE * self.lengths, 0)
        is_wide = [w > WIDEST * h for h, w in map(_lengths, self.boxes)]
        main = np.argmax(np.where(is_wide, 0, scores))
        amounts = self._total(self.coverage, self.inside)
        box = self.boxes[main]
        size, bottom = max(_lengths(box)), box[0].stop
        is_near = np.array([_gap(other, box) < 0.3 * size for other in self.boxes])
        # The bar of a 5 may be apart, but what is so far below underlines a digit.
        below = np.array([other[0].start - bottom for other in self.boxes])
        is_near &= ~(np.array(is_wide) & (below > UNDERLINE * size))
        chosen = (scores > 0) & (amounts > 0.04 * amounts[main]) & is_near
        self.chosen = self._pixels(chosen)
        return scores[chosen].sum() if scores[main] > 0 and not is_wide[main] else 0

    def contrast(self):
        """Return the typical contrast of the chosen strokes."""
        return self.full * np.median(self.coverage[self.chosen])

    def is_one_character(self):
        """Tell a character from the lines of paper and from noise."""
        # Chalk and pencil leave gaps where what they draw on is rough.
        gaps, _ = ndimage.label(~self.chosen)
        is_small = np.bincount(gaps.ravel()) <= SMALL_GAP
        is_small[0] = False
        filled = self.chosen | is_small[gaps]
        length = np.sum(filled & _largest_near(~filled))
        parts_less_holes = euler_number(filled)
        return (
            length >= SHORTEST_OUTLINE
            and length < LONGEST_OUTLINE * max(_lengths(_extent(filled)))
            and -MOST_HOLES < parts_less_holes < MOST_PARTS
        )


def _labelled(labels):
    """Return the labels above 0, and where they are in the ravelled array."""
    where = np.flatnonzero(labels)
    return labels.ravel()[where], where


def _largest_near(values):
    """Return the largest of each pixel and its eight neighbours.

    Several times as fast as SciPy's filters are for so small a window.
    """
    tall = values.copy()
    np.maximum(tall[1:], values[:-1], out=tall[1:])
    np.maximum(tall[:-1], values[1:], out=tall[:-1])
    largest = tall.copy()
    np.maximum(largest[:, 1:], tall[:, :-1], out=largest[:, 1:])
    np.maximum(largest[:, :-1], tall[:, 1:], out=largest[:, :-1])
    return largest


def _lengths(box):
    return [part.stop - part.start for part in box]


def _gap(box, other):
    return max(
        max(a.start - b.stop, b.start - a.stop) for a, b in zip(box, other, strict=True)
    )


def _contrast(paper, grey):
    """Contrast of ink to paper, independent of the light that falls on both."""
    contrast = (paper - grey) / _brightness(paper)
    return contrast - _median(contrast[::2, ::2])


def _brightness(paper):
    # Paper may be black.
    return np.abs(paper) + 0.1


def _close(grey, share):
    """Fill dark strokes narrower than a share of the picture's shorter side."""
    width = _odd(share * min(grey.shape))
    return -_largest_within(-_largest_within(grey, width), width)


def _largest_within(values, width):
    """Return the largest value in a square window around each pixel.

    Twice as fast as SciPy's filter is for pictures as small as these.
    """
    for _ in range(2):
        outside = np.full((width // 2, values.shape[1]), -np.inf, np.float32)
        values = np.concatenate([outside, values, outside])
        reached = 1
        while reached < width:
            step = min(reached, width - reached)
            values = np.maximum(values[step:], values[:-step])
            reached += step
        values = values.T
    return values


def _blur(picture, n_windows):
    sigma = max(picture.shape[:2]) / n_windows
    return ndimage.gaussian_filter(
        picture, sigma, mode="nearest", truncate=2.5, axes=(0, 1)
    )


def _median(values):
    """Return the upper of the two middle values, which takes half of the time."""
    middle = values.size // 2
    return np.partition(values, middle, axis=None)[middle]


def _strongest(values, share=0.0015):
    """The value that a share of the pixels reach, six at least."""
    rank = min(max(6, int(share * values.size)), values.size)
    return np.partition(values, -rank, axis=None)[-rank]


def _odd(length):
    return max(3, int(length)) | 1


def _extent(coverage):
    return ndimage.find_objects((coverage > 0).astype(np.uint8))[0]
