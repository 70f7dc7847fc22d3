"""Find the sheet of paper in a photograph that shows what it lies on, too."""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.filters import threshold_multiotsu

from skmnist.preprocessing._pixels import border_of

# A sheet fills such a share of the picture, more of it if it is blank or cut off by a
# side of the picture, and such a share of the smallest rectangle around it.
LEAST, LEAST_BLANK, LEAST_CUT_OFF, MOST, RECTANGULAR = 0.04, 0.1, 0.15, 0.9, 0.88
CUT_OFF = 0.35  # of a side; only one is reached over more
LONGEST = 2.2  # times as long as wide
# In one of its channels it differs by so much from what it lies on, along such a share
# of its edge.
STEP, ALL_AROUND = 0.07, 0.8
# Ink differs by so much from it. More than such a share of it is not ink.
INK, MOST_INK = 0.12, 0.35
# A character reaches over such a share of the shorter side; the dot of a zero does not.
CHARACTER = 0.35
# There is place for such a circle beside it, in shares of the shorter side. The strokes
# of a bold 0 or 8, which may be as rectangular, are narrower.
EMPTY = 0.35
MARGIN = 0.03  # of the shorter side, which the edge of the sheet may take
LARGEST = 400  # pixels; a larger sheet is reduced
_ANGLES = np.radians(np.arange(90))


def find_sheet(picture):
    """Return the corners (row, column) of a sheet, or None where none is seen.

    `picture` is small, of shape (height, width, n_channels), from 0 to 1. The corners
    are those of a rectangle in shares of the height and the width, clockwise.
    """
    channels = np.ascontiguousarray(np.moveaxis(picture, 2, 0))
    found = [
        (rectangularity, corners)
        for view in _views(channels)
        for part in _bright_parts(view)
        for rectangularity, corners in _fit_rectangle(part, channels)
    ]
    if not found:
        return None
    _, corners = max(found, key=lambda item: item[0])
    return corners / picture.shape[:2]


def _views(channels):
    """Yield ways to look at a picture in which a sheet may be the brighter part."""
    grey = channels.mean(axis=0)
    yield grey
    # How much the colour or, without colours, the brightness differs from the border.
    colours = channels / (grey + 0.1) if len(channels) > 1 else channels
    differences = [colour - np.median(border_of(colour)) for colour in colours]
    yield np.sqrt(sum(difference**2 for difference in differences))


def _bright_parts(view):
    """Yield the two largest bright parts of a view for each of two thresholds."""
    levels = np.rint(63 * (view - view.min()) / (np.ptp(view) or 1)).astype(np.uint8)
    try:
        thresholds = threshold_multiotsu(hist=np.bincount(levels.ravel()))
    except ValueError:  # fewer levels than three
        return
    for threshold in thresholds:
        labels, _ = ndimage.label(levels > threshold)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        for label in np.argsort(sizes)[-2:]:
            if LEAST < sizes[label] / view.size < MOST:
                yield labels == label


def _fit_rectangle(part, channels):
    """Yield how rectangular a part is and the corners of its rectangle, if a sheet."""
    border = part[0], part[-1], part[:, 0], part[:, -1]
    sides = np.array([np.count_nonzero(side) / side.size for side in border])
    if np.sum(sides > CUT_OFF) > 1:
        return
    if sides.any() and part.mean() < LEAST_CUT_OFF:
        return
    corners, lengths = _smallest_rectangle(part)
    if part.sum() < (1 - MOST_INK) * RECTANGULAR * np.prod(lengths):
        return
    filled = ndimage.binary_fill_holes(part)
    rectangularity = filled.sum() / np.prod(lengths)
    if rectangularity < RECTANGULAR or max(lengths) > LONGEST * min(lengths):
        return
    paper = np.median(channels[:, part], axis=1)
    differences = channels - paper[:, np.newaxis, np.newaxis]
    inside = ndimage.binary_erosion(filled, iterations=3)
    ink = inside & (np.abs(differences.mean(axis=0)) > INK)
    if ink.sum() > MOST_INK * filled.sum() or not has_room(filled & ~ink, min(lengths)):
        return
    has_character = _extent(ink) > CHARACTER * min(lengths)
    differs = np.abs(differences).max(axis=0) > STEP
    near = ndimage.binary_dilation(filled, iterations=4)
    near &= ~ndimage.binary_dilation(filled)
    if differs[near].mean() > ALL_AROUND and np.median(border_of(differs)):
        is_sheet = has_character or part.mean() > LEAST_BLANK
    else:  # a box drawn around a character on the same paper
        rim = filled & ~ndimage.binary_erosion(filled, iterations=5)
        is_sheet = has_character and not sides.any() and not (rim & ink).any()
    if is_sheet:
        yield rectangularity, corners


def has_room(is_empty, length=None):
    """Return whether there is place for a circle, as beside the ink of a sheet."""
    length = min(is_empty.shape) if length is None else length
    radius = ndimage.distance_transform_edt(np.pad(is_empty, 1)).max()
    return 2 * radius > EMPTY * length


def _extent(mask):
    rows, columns = np.nonzero(mask)
    return max(np.ptp(rows), np.ptp(columns)) + 1 if rows.size else 0


def _smallest_rectangle(part):
    """Return the corners and the side lengths of the smallest rectangle around."""
    rows = np.flatnonzero(part.any(axis=1))
    left = part[rows].argmax(axis=1)
    right = part.shape[1] - part[rows, ::-1].argmax(axis=1)
    ends = [(row, column) for row in (rows, rows + 1) for column in (left, right)]
    points = np.concatenate([np.column_stack(end) for end in ends])
    points = points[ConvexHull(points).vertices]
    cos, sin = np.cos(_ANGLES), np.sin(_ANGLES)
    turns = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
    turned = points @ turns
    low, high = turned.min(axis=1), turned.max(axis=1)
    best = np.argmin(np.prod(high - low, axis=1))
    (top, left), (bottom, right) = low[best], high[best]
    corners = [[top, left], [top, right], [bottom, right], [bottom, left]]
    return corners @ turns[best].T, high[best] - low[best]


def cut_out_sheet(picture, corners):
    """Cut a sheet out, without its edges, and turn it upright by the least angle."""
    corners = corners * picture.shape[:2]
    # The first corner is the one that is the nearest to the upper left.
    corners = np.roll(corners, -np.argmin(corners.sum(axis=1)), axis=0)
    height, width = (np.linalg.norm(corners[i] - corners[0]) for i in (3, 1))
    reduction = max(1, round(max(height, width) / LARGEST))
    margin = max(1, MARGIN * min(height, width))
    inner = 1 - 2 * margin / np.array([height, width])
    down, right = (corners[3] - corners[0]) / 2, (corners[1] - corners[0]) / 2
    centre = corners.mean(axis=0)
    upper_left, lower_left, lower_right, upper_right = (
        (centre + y * inner[0] * down + x * inner[1] * right)[::-1] / reduction
        for y, x in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )
    size = round(inner[1] * width / reduction), round(inner[0] * height / reduction)
    quad = *upper_left, *lower_left, *lower_right, *upper_right
    channels = [
        Image.fromarray(channel)
        .reduce(reduction)
        .transform(size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
        for channel in np.moveaxis(picture.astype(np.float32), 2, 0)
    ]
    return np.stack(channels, axis=2)
