"""Choose the strokes of one character among what may be ink."""

from itertools import islice, product

import numpy as np
from scipy import ndimage
from skimage.measure import euler_number

from skmnist.preprocessing._filters import (
    box_of,
    largest_near,
    strongest,
    upper_median,
)

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
# those of a shadow's edge do not. This share of them may be left over, and more where
# steep ones count more, which light that fades on the other side does not make up for.
MOST_IMBALANCE, MOST_STEEP_IMBALANCE = 0.25, 0.5
# What is still wider, in heights, is a line of the paper. What has a longer outline,
# in lengths of the character, or more parts or holes is squares or noise.
WIDEST, LONGEST_OUTLINE, MOST_PARTS, MOST_HOLES = 3.5, 10, 7, 8
LONG = 3  # times as long as wide
SHORTEST_OUTLINE = 8  # pixels; what has a shorter one is a speck
UNDERLINE = 0.08  # of the length of the character; what is wide and so far below
# A frame has a character of such a share of its size in it, of strokes longer than the
# second share, and nearly all of its ink is at least so far from its middle, in shares
# of the way to its sides.
LEAST_IN_FRAME, LEAST_STROKE, AROUND, NEARLY_ALL = 0.3, 0.06, 0.65, 0.95
MOST_PAIRS = 50  # of strokes; more are a pattern of the paper
SMALL_GAP = 6  # pixels; grain in a stroke, and not a hole
DASHES = 4  # pixels; as near are those of a dashed line at least


class Strokes:
    """What may be strokes of ink for a guess at the paper."""

    def __init__(self, contrast, slopes, steepness, edges):
        full = strongest(contrast)
        self.steepest = 0
        noise = upper_median(np.abs(np.diff(contrast[::2])))
        if full < FAINTEST_INK + TIMES_NOISE * noise:
            return
        self.full = full
        self.coverage = np.minimum(contrast / full, 1)
        ink = self.coverage > WEAK_INK
        self.labels, self.n_strokes = ndimage.label(ink, np.ones((3, 3)))
        boxes = ndimage.find_objects(self.labels)
        self.starts, self.stops = np.moveaxis(
            [[(part.start, part.stop) for part in box] for box in boxes], 2, 0
        )
        self.lengths = self.stops - self.starts
        beside_paper = largest_near(~ink)
        beside_paper[[0, -1]] = beside_paper[:, [0, -1]] = True
        outline = ink & beside_paper
        self.edges = np.where(outline, edges, 0)
        least = LEAST_STEEPNESS * min(1, FAINT / full)
        self.outlines = self._total(outline)
        around = largest_near(self.labels)
        self.is_ink = self._total(self.coverage > STRONG_INK) > 0
        self.is_ink &= self._total(self.edges) > least * self.outlines
        is_beside = self._are_along_a_side()
        for weights, most in (1, MOST_IMBALANCE), (steepness, MOST_STEEP_IMBALANCE):
            left = np.hypot(*(self._total(weights * part, around) for part in slopes))
            is_balanced = left < most * self._total(weights * steepness, around)
            self.is_ink &= is_balanced | is_beside
        if self.is_ink.any():
            self.steepest = strongest(self.edges[self._pixels(self.is_ink)], 0.02)

    def _total(self, weights, labels=None):
        """Sum up over each stroke."""
        labels = self.labels if labels is None else labels
        return np.bincount(labels.ravel(), weights.ravel(), self.n_strokes + 1)[1:]

    def _are_along_a_side(self):
        """Return which are long, and lie along a side of the picture, as a 1 may.

        They have an edge on one side, as shadows do, which reach a corner.
        """
        n_rows, n_columns = self.labels.shape
        (tops, lefts), (bottoms, rights) = self.starts.T, self.stops.T
        heights, widths = self.lengths.T
        is_beside = (lefts == 0) ^ (rights == n_columns)
        return is_beside & (tops > 0) & (bottoms < n_rows) & (heights > LONG * widths)

    def _pixels(self, strokes):
        return np.concatenate([[False], strokes])[self.labels]

    def choose(self, steepest):
        """Choose the strokes of the character, and score them.

        By their outlines, and by how full the ink is: it is uneven where the guess at
        the paper is wrong.
        """
        if self.steepest == 0:
            return 0
        edges = self._total(np.minimum(self.edges / steepest, 1))
        scores = np.where(self.is_ink, edges - OUTLINE_EDGE * self.outlines, 0)
        heights, widths = self.lengths.T
        is_wide = widths > WIDEST * heights
        frames = self._frames(np.where(is_wide, 0, scores))
        of_frames = scores[frames].sum()
        scores[frames] = 0
        main = np.argmax(np.where(is_wide, 0, scores))
        amounts = self._total(self.coverage)
        may_belong = (scores > 0) & (amounts > 0.04 * amounts[main])
        chosen = np.arange(self.n_strokes) == main
        n_chosen = 0
        # The bar of a 5 may be apart, and a dry pen leaves a row of dashes.
        while n_chosen < chosen.sum():
            n_chosen = chosen.sum()
            start, stop = self._extent(chosen)
            size, below = max(stop - start), self.starts[:, 0] - stop[0]
            gaps = np.maximum(self.starts - stop, start - self.stops)
            is_near = gaps.max(axis=1) < max(0.3 * size, DASHES)
            # What is so far below underlines a digit.
            is_near &= ~(is_wide & (below > UNDERLINE * size))
            chosen |= may_belong & is_near
        self.chosen = self._pixels(chosen)
        if scores[main] <= 0 or is_wide[main]:
            return 0
        score = of_frames + scores[chosen].sum()
        return score * self.coverage[self.chosen].mean()

    def _frames(self, scores):
        """Return the strokes around the character: boxes, circles, combs of forms."""
        main = np.argmax(scores)
        strokes = list(np.flatnonzero(scores > 0))
        frames = []
        # The frame may have the longest outline.
        while self._are_around([main], inner := self._inside(main, strokes)):
            frames.append(main)
            main = max(inner, key=scores.__getitem__)
        others = [s for s in strokes if s not in [*frames, main]]
        left = [s for s in others if self.starts[s, 1] < self.starts[main, 1]]
        right = [s for s in others if self.stops[s, 1] > self.stops[main, 1]]
        pairs = map(list, product(left, right))
        for group in (others, *islice(pairs, MOST_PAIRS)):
            if self._are_around(group, [main]) and not self._are_dashes(
                group, main, others
            ):
                frames += group
        return list(set(frames))

    def _extent(self, strokes):
        return self.starts[strokes].min(axis=0), self.stops[strokes].max(axis=0)

    def _inside(self, frame, strokes):
        """Return those of the strokes that another one may have on three sides."""
        is_inside = np.all(self.stops < self.stops[frame], axis=1)
        is_inside &= self.starts[:, 1] > self.starts[frame, 1]
        # A 0 is not a frame of specks.
        longest = self.lengths.max(axis=1)
        is_inside &= longest > LEAST_STROKE * longest[frame]
        return [s for s in strokes if is_inside[s]]

    def _are_around(self, strokes, inner):
        """Return whether strokes enclose others on three sides at least."""
        if not strokes or not inner:
            return False
        (start, stop), (first, last) = self._extent(strokes), self._extent(inner)
        if (
            start[1] >= first[1]
            or np.any(stop <= last)
            or max(last - first) < LEAST_IN_FRAME * max(stop - start)
        ):
            return False
        # The distance from the middle, where 1 is that of the sides.
        places = np.argwhere(np.isin(self.labels, np.add(strokes, 1)))
        distances = np.hypot(*((2 * places + 1 - start - stop) / (stop - start)).T)
        return np.mean(distances > AROUND) > NEARLY_ALL

    def _are_dashes(self, group, main, others):
        """Return whether what is around continues the character, or other strokes."""
        beside_main = self._near([main])
        beside_group = self._near(group) - {*group, main}
        return len(beside_main & {*group}) > 1 or bool(beside_group & {*others})

    def _near(self, strokes):
        """Return those within a few pixels of some strokes."""
        near = np.isin(self.labels, np.add(strokes, 1))
        for _ in range(DASHES):
            near = largest_near(near)
        return {*(np.unique(self.labels[near]) - 1).tolist()}

    def contrast(self):
        """Return the typical contrast of the chosen strokes."""
        return self.full * np.median(self.coverage[self.chosen])

    def is_one_character(self):
        """Tell a character from the lines of paper and from noise."""
        # Paper around it keeps what is outside of it together.
        chosen = np.pad(self.chosen[box_of(self.chosen)], DASHES)
        # Chalk and pencil leave gaps where what they draw on is rough.
        gaps, _ = ndimage.label(~chosen)
        is_small = np.bincount(gaps.ravel()) <= SMALL_GAP
        is_small[0] = False
        filled = chosen | is_small[gaps]
        parts_less_holes = euler_number(filled)
        if parts_less_holes >= MOST_PARTS:
            # Those of a dashed line are one.
            joined = ndimage.binary_closing(filled, np.ones((3, 3)), DASHES // 2)
            parts_less_holes = euler_number(joined)
        length = np.sum(filled & largest_near(~filled))
        size = max(chosen.shape) - 2 * DASHES
        return (
            length >= SHORTEST_OUTLINE
            and length < LONGEST_OUTLINE * size
            and -MOST_HOLES < parts_less_holes < MOST_PARTS
        )
