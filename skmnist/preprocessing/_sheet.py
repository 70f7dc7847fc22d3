"""Cut off what surrounds the paper: a frame, or what a sheet lies on."""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.filters import threshold_multiotsu

from skmnist.preprocessing._filters import upper_median
from skmnist.preprocessing._pixels import border_of

# A sheet fills such a share of the picture, more of it if it is blank or cut off by a
# side of the picture.
LEAST, LEAST_BLANK, LEAST_CUT_OFF, MOST = 0.04, 0.1, 0.15, 0.9
# It is as large as the quadrilateral of its corners, to such a share, and fills so much
# of the smallest rectangle around it; less than all where it is seen from the side.
QUADRILATERAL, RECTANGULAR = 0.92, 0.84
CUT_OFF = 0.35  # of a side; only one is reached over more
LONGEST = 1.8  # times as long as wide; a bold 1 is longer
# In one of its channels it differs by so much from what it lies on, along such shares
# of its outline: within a few pixels, unlike light that fades, and on the whole.
STEP, WITH_EDGE, ALL_AROUND = 0.07, 0.92, 0.8
# Ink differs by so much from it. More than such a share of it is not ink, and less at
# its edges.
INK, MOST_INK, MOST_INK_IN_RIM = 0.12, 0.35, 0.15
# A character reaches over such a share of the shorter side; the dot of a zero does not.
CHARACTER = 0.35
# There is place for such a circle beside it, in shares of the shorter side, also where
# it is filled as MNIST's images are. The strokes of a bold 0 or 8, which may be as
# rectangular, are narrower.
EMPTY = 0.25
MARGIN = 0.03  # of the shorter side, which the edge of the sheet may take
LARGEST = 400  # pixels; a larger sheet is reduced
# Pixels are alike within this share of full brightness; what differs by so much is
# clear.
EVEN, CLEAR = 0.06, 0.15
# A row belongs to a frame if such a share of it is alike, and the frame ends where such
# a share of all pixels around differs.
FRAME, FRAME_STEP = 0.98, 0.9
LEAST_INK = 0.005  # of the pixels in a frame
SMALLEST, SAMPLE = 20, 100  # pixels of a picture in a frame, and how many are looked at
_COS, _SIN = (trig(np.radians(np.arange(90))) for trig in (np.cos, np.sin))
_TURNS = np.array([[_COS, _SIN], [-_SIN, _COS]])


def cut_off_frame(picture, scale):
    """Cut off a frame of one colour on all four sides, as scans and screenshots have.

    It is even, and what it encloses differs from it all around, and is paper with ink.
    """
    channel = picture[..., picture.shape[2] // 2]
    sides = channel[0], channel[-1], channel[:, 0], channel[:, -1]
    colour, tolerance = upper_median(np.concatenate(sides)), EVEN * scale
    low, high = colour - tolerance, colour + tolerance
    if any(np.mean((side >= low) & (side <= high)) <= FRAME for side in sides):
        return picture
    alike = (channel >= low) & (channel <= high)
    window = []
    for axis in (0, 1):
        inner = np.flatnonzero(alike.mean(axis=1 - axis) <= FRAME)
        if not len(inner):
            return picture
        window.append(slice(inner[0], inner[-1] + 1))
    seen = alike[tuple(window)]
    is_long = max(seen.shape) > LONGEST * min(seen.shape)
    if is_long or min(seen.shape) < SMALLEST or border_of(seen).mean() > 1 - FRAME_STEP:
        return picture
    # The edge of the frame may be blurred over a pixel.
    window = tuple(slice(part.start + 1, part.stop - 1) for part in window)
    inside = channel[window].astype(np.float32)
    paper = upper_median(inside)
    is_paper = np.abs(upper_median(border_of(inside)) - paper) < CLEAR * scale
    # Not near its ends, where a stroke that is all there is may be round.
    y, x = (length // 8 for length in inside.shape)
    middle = inside[y : -y or None, x : -x or None]
    has_ink = np.mean(np.abs(middle - paper) > CLEAR * scale) > LEAST_INK
    step = 1 + max(inside.shape) // SAMPLE
    is_empty = np.abs(inside - paper)[::step, ::step] < CLEAR * scale
    room, widest_ink = _widest(is_empty), _widest(~is_empty)
    # What a bold 0 encloses is wider than its strokes.
    has_room = room > max(EMPTY * min(is_empty.shape), widest_ink)
    return picture[window] if is_paper and has_ink and has_room else picture


def find_sheet(picture):
    """Return the corners (row, column) of a sheet, or None where none is seen.

    `picture` is small, of shape (height, width, n_channels), from 0 to 1. The corners
    are in shares of the height and the width, clockwise.
    """
    channels = np.ascontiguousarray(np.moveaxis(picture, 2, 0))
    found = [
        (match, corners)
        for view in _views(channels)
        for part in _bright_parts(view)
        for match, corners in _fit_sheet(part, channels)
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
    differences = [colour - upper_median(border_of(colour)) for colour in colours]
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


def _fit_sheet(part, channels):
    """Yield how well its corners describe a part, and the corners, if it is a sheet."""
    border = part[0], part[-1], part[:, 0], part[:, -1]
    sides = np.array([np.count_nonzero(side) / side.size for side in border])
    if np.sum(sides > CUT_OFF) > 1:
        return
    if sides.any() and part.mean() < LEAST_CUT_OFF:
        return
    corners, lengths = _fit_corners(part)
    if part.sum() < (1 - MOST_INK) * RECTANGULAR * np.prod(lengths):
        return
    filled = ndimage.binary_fill_holes(part)
    area = filled.sum()
    of_corners = abs(np.linalg.det(corners[2:] - corners[:2])) / 2  # of its diagonals
    match = min(area, of_corners) / max(area, of_corners)
    is_rectangular = area > RECTANGULAR * np.prod(lengths)
    is_long = max(lengths) > LONGEST * min(lengths)
    if match < QUADRILATERAL or not is_rectangular or is_long:
        return
    if _is_sheet(part, filled, channels, min(lengths)):
        yield match, corners


def _is_sheet(part, filled, channels, length):
    """Return whether a part is a sheet on something else.

    `filled` is the part with what it encloses, and `length` its shorter side.
    """
    paper = upper_median(channels[:, part], axis=1)
    differences = channels - paper[:, np.newaxis, np.newaxis]
    inside = ndimage.binary_erosion(filled, iterations=3)
    ink = inside & (np.abs(differences.mean(axis=0)) > INK)
    rim = inside & ~ndimage.binary_erosion(inside, iterations=2)
    is_full = np.sum(ink) > MOST_INK * np.sum(filled)
    is_full |= np.sum(ink & rim) > MOST_INK_IN_RIM * np.sum(rim)
    if is_full or _widest(filled & ~ink) < EMPTY * length:
        return False
    differs = np.abs(differences).max(axis=0) > STEP
    near = ndimage.binary_dilation(filled, iterations=3)
    near &= ~ndimage.binary_dilation(filled)
    changes = ndimage.morphological_gradient(channels, (1, 7, 7)).max(axis=0)
    if np.sum(near & (changes > STEP)) < WITH_EDGE * np.sum(near):
        return False
    differs_around = np.sum(near & differs) > ALL_AROUND * np.sum(near)
    is_large = part.mean() > LEAST_BLANK or _extent(ink) > CHARACTER * length
    return differs_around and is_large and border_of(differs).mean() > 0.5


def _widest(mask):
    """Return the diameter of the largest circle in a mask."""
    return 2 * ndimage.distance_transform_edt(np.pad(mask, 1)).max()


def _extent(mask):
    rows, columns = np.nonzero(mask)
    return max(np.ptp(rows), np.ptp(columns)) + 1 if rows.size else 0


def _fit_corners(part):
    """Return four corners, and the side lengths of the smallest rectangle around."""
    rows = np.flatnonzero(part.any(axis=1))
    left = part[rows].argmax(axis=1)
    right = part.shape[1] - part[rows, ::-1].argmax(axis=1)
    ends = [(row, column) for row in (rows, rows + 1) for column in (left, right)]
    points = np.concatenate([np.column_stack(end) for end in ends])
    points = points[ConvexHull(points).vertices]
    turned = points @ _TURNS
    low, lengths = turned.min(axis=1), np.ptp(turned, axis=1)
    best = np.argmin(np.prod(lengths, axis=0))
    y, x = (turned[..., best] - low[:, np.newaxis, best]) / lengths[:, np.newaxis, best]
    corners = points[
        [np.argmin(y + x), np.argmax(x - y), np.argmax(y + x), np.argmin(x - y)]
    ]
    return corners, lengths[:, best]


def cut_out_sheet(picture, corners):
    """Cut a sheet out, without its edges, and turn it upright by the least angle."""
    corners = corners * picture.shape[:2]
    # Begin at the upper left.
    corners = np.roll(corners, -np.argmin(corners.sum(axis=1)), axis=0)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    width, height = (sides[:2] + sides[2:]) / 2
    reduction = max(1, round(max(height, width) / LARGEST))
    margin = max(1, MARGIN * min(height, width))
    y, x = margin / height, margin / width
    upper_left, lower_left, lower_right, upper_right = (
        _interpolate(corners, *place)[::-1] / reduction
        for place in ((y, x), (1 - y, x), (1 - y, 1 - x), (y, 1 - x))
    )
    size = tuple(round((n - 2 * margin) / reduction) for n in (width, height))
    quad = *upper_left, *lower_left, *lower_right, *upper_right
    channels = [
        Image.fromarray(channel)
        .reduce(reduction)
        .transform(size, Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
        for channel in np.moveaxis(picture.astype(np.float32), 2, 0)
    ]
    return np.stack(channels, axis=2)


def _interpolate(corners, y, x):
    """Return the point at the fractions y and x of the way down and to the right."""
    upper_left, upper_right, lower_right, lower_left = corners
    upper = (1 - x) * upper_left + x * upper_right
    lower = (1 - x) * lower_left + x * lower_right
    return (1 - y) * upper + y * lower
