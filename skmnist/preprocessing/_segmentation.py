"""Find the ink of one character on paper, in a photograph or a drawing.

One rule does not find the paper: a bold character in a tight frame wants a wide view,
the edge of a shadow a narrow one. So a few guesses at the paper are made, and the one
is taken whose ink is full and has outlines where the picture has edges. A stroke has
edges on both sides, and a shadow on one: this separates ink from a blank sheet.
"""

from functools import lru_cache
from itertools import product

import numpy as np
from PIL import Image

from skmnist.preprocessing._filters import (
    blur,
    box_of,
    brightness,
    close_strokes,
    contrast_to,
    largest_near,
    slopes_of,
    strongest,
    upper_median,
)
from skmnist.preprocessing._lines import contrast_of_lines, without_lines
from skmnist.preprocessing._pixels import border_of, full_scale
from skmnist.preprocessing._sheet import (
    EVEN,
    cut_off_frame,
    cut_out_sheet,
    find_sheet,
)
from skmnist.preprocessing._strokes import Strokes

WORKING_SIDE = 100  # pixels; larger pictures are reduced to it
SMALL_CHARACTER = 40  # pixels; a smaller one in a reduced picture is cropped first
# Pixels of even paper differ by less. A stroke is thin if it covers so many times more
# where it has not faded.
UNEVEN, THIN = 0.02, 1.6
TINY, ENLARGED = 20, 8  # pixels; a smaller picture is enlarged so many times
EVEN_BORDER = 0.8  # a border is that of the paper if such a share of it is even
# The simplest paper is taken unless another makes ink and outlines so much better.
EVEN_PAPER = 1.1
# The votes on whether the ink is light are at most 6. Below this sum, both are tried.
UNSURE = 1.6


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
    picture, reduced = _close_up(picture, reduced, scale)
    ink, coverage = _look(reduced, ink)
    if coverage is None:
        return None
    extent = box_of(coverage)
    reduction = max(picture.shape[:2]) / max(coverage.shape)
    size = max(part.stop - part.start for part in extent)
    if reduction > 1 and size < SMALL_CHARACTER:
        window = tuple(_widened(part, size, reduction) for part in extent)
        # What looked like ink from afar may be grain of the paper.
        _, coverage = _look(_reduce(picture[window]) / scale, ink)
    return None if coverage is None else coverage[box_of(coverage)]


def _close_up(picture, reduced, scale):
    """Crop a drawing or a scan on even paper, and keep thin strokes from fading.

    Return the picture and what it is reduced to.
    """
    reduction = max(picture.shape[:2]) / max(reduced.shape[:2])
    if reduction <= 1 or np.ptp(border_of(reduced), axis=0).max() > UNEVEN:
        return picture, reduced
    differs = _difference(reduced) > UNEVEN
    if not differs.any():
        return picture, reduced
    extent = box_of(differs)
    size = max(part.stop - part.start for part in extent)
    if size < WORKING_SIDE // 2:
        window = tuple(_widened(part, 1 + size // 2, reduction) for part in extent)
        picture = picture[window]
        reduced = _reduce(picture) / scale
    block = min(max(picture.shape[:2]) // WORKING_SIDE, *picture.shape[:2])
    if block > 1:
        thick = _reduce(_thicken(picture, block)) / scale
        of_thick, of_reduced = _difference(thick), _difference(reduced)
        half = strongest(of_thick) / 2
        if np.mean(of_thick > half) > THIN * np.mean(of_reduced > half):
            reduced = thick
    return picture, reduced


def _difference(picture):
    """Return how much each pixel differs from the paper, that of the border."""
    paper = upper_median(border_of(picture), axis=0)
    return np.abs(picture - paper).max(axis=2)


def _thicken(picture, block):
    """Reduce each block of pixels to the one that differs most from the paper."""
    height, width = (length // block for length in picture.shape[:2])
    whole = picture[: height * block, : width * block]
    blocks = whole.reshape(height, block, width, block, -1)
    # One axis after the other, which is faster.
    low, high = blocks.min(axis=1).min(axis=2), blocks.max(axis=1).max(axis=2)
    paper = upper_median(border_of(picture), axis=0).astype(np.float32)
    return np.where(high - paper > paper - low, high, low)


def _widened(part, margin, reduction):
    start = max(0, part.start - margin)
    return slice(int(reduction * start), int(reduction * (part.stop + margin)))


def _look(picture, ink):
    """Find whether the ink is dark or light, and what it covers of the picture."""
    grey = _to_grey(picture)
    votes = {"dark": -UNSURE, "light": UNSURE}.get(ink)
    votes = _vote_for_light(grey) if votes is None else votes
    scores, coverages = {}, {}
    for ink, is_possible in ("dark", votes < UNSURE), ("light", votes > -UNSURE):
        if is_possible:
            # Light ink on dark paper is looked at as its negative.
            seen = 1 - grey if ink == "light" else grey
            painted = without_lines(seen)
            weakest = contrast_of_lines(painted, seen)
            scores[ink], coverages[ink] = _cover(painted, weakest)
    ink = "light" if votes > 0 else "dark"
    # A blank sheet is not searched for the other ink.
    if len(scores) == 2 and scores[ink] > 0:
        votes += np.log((1 + scores["light"]) / (1 + scores["dark"]))
        ink = "light" if votes > 0 else "dark"
    return ink, coverages[ink]


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
    difference = sample - blur(sample, 8)
    difference -= upper_median(difference.reshape(-1, difference.shape[2]), axis=0)
    total = difference.sum(axis=2)
    strong = np.abs(total) >= strongest(np.abs(total), 0.01)
    signed = difference[strong] * np.sign(total[strong])[:, np.newaxis]
    weights = np.abs(signed.mean(axis=0))
    return picture @ (weights / weights.sum()) if weights.any() else picture[..., 0]


def _vote_for_light(grey):
    """Tell whether the pixels that stand out near edges are the lighter ones.

    The sum of four votes from -1 to 1, or of six where the border is even.
    """
    slopes, steepness = slopes_of(grey)
    step = 2 if max(grey.shape) > WORKING_SIDE // 2 else 1
    sample, slopes = grey[::step, ::step], slopes[:, ::step, ::step]
    # Reflections of light fade out, and must not count.
    weights = largest_near(steepness)[::step, ::step] ** 2
    # Nor should shadows, which have an edge on one side. The slopes of strokes cancel
    # out, but not near bold ones, so that votes without this count, too.
    steepness = steepness[::step, ::step]
    flow = blur(np.dstack([*slopes, steepness]) * steepness[..., np.newaxis], 12)
    left = np.hypot(flow[..., 0], flow[..., 1]) / np.maximum(flow[..., 2], 1e-12)
    weights = weights, weights * (1 - left) ** 4
    # The first view is too narrow for bold strokes, the second too wide for shadows.
    differences = [sample - blur(sample, n_windows) for n_windows in (20, 6)]
    differences = [difference - upper_median(difference) for difference in differences]
    border = border_of(grey)
    paper = upper_median(border)
    if np.mean(np.abs(border - paper) < EVEN) > EVEN_BORDER:
        differences.append(sample - paper)
    votes = [np.multiply(*pair) for pair in product(weights, differences)]
    return sum(vote.sum() / (np.abs(vote).sum() or 1) for vote in votes)


def _cover(grey, weakest):
    """Score the best of the guesses, and return its coverage by ink, dark in `grey`.

    0 and None where no guess shows a character. Ink that has less than the `weakest`
    contrast is what is left of the paper's lines.
    """
    papers = list(_guess_papers(grey))
    slopes, steepness = slopes_of(grey)
    brightest = brightness(np.maximum(papers[0], papers[1]))
    slopes, steepness = slopes / brightest, steepness / brightest
    # The middle of a thin stroke is level.
    edges = largest_near(steepness)
    guesses = [
        Strokes(contrast_to(paper, grey), slopes, steepness, edges) for paper in papers
    ]
    steepest = max(guess.steepest for guess in guesses)
    if steepest == 0:
        return 0, None
    scores = [guess.choose(steepest) for guess in guesses]
    scores[0] *= EVEN_PAPER
    score, best = max(scores), guesses[np.argmax(scores)]
    if score <= 0 or not best.is_one_character() or best.contrast() < weakest:
        return 0, None
    # Strokes fade out at their edges over a pixel.
    kept = largest_near(best.chosen) & (best.coverage >= 0.1)
    return score, np.where(kept, best.coverage, 0)


def _guess_papers(grey):
    """Guess the brightness of the paper: even, smooth, and with shadows."""
    yield np.full_like(grey, upper_median(border_of(grey)))
    trend = _fit_trend(grey)
    yield trend + close_strokes(grey - trend, 0.35)
    # A trend does not follow the edge of a shadow, and would slope beside it.
    yield close_strokes(grey, 0.15)


def _fit_trend(grey):
    """Fit a polynomial of second degree to the paper, leaving the outliers out."""
    terms = _polynomial_terms(grey.shape)
    step = max(1, max(grey.shape) // 24)
    sample, values = terms[::step, ::step].reshape(-1, 6), grey[::step, ::step].ravel()
    kept = np.ones(len(values), dtype=bool)
    for _ in range(3):
        # By the normal equations, which are faster and precise enough, and with a
        # little on the diagonal, since few terms may be kept.
        kept_terms = sample[kept].T
        products = kept_terms @ kept_terms.T + np.float32(1e-5) * np.eye(6, dtype="f4")
        weights = np.linalg.solve(products, kept_terms @ values[kept])
        residuals = values - sample @ weights
        residuals = np.abs(residuals - upper_median(residuals))
        kept = residuals <= 3 * upper_median(residuals) + 0.008
    return terms @ weights


@lru_cache(8)
def _polynomial_terms(shape):
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=2)
