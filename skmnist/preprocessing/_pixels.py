"""Reading of pictures in various forms, as pixels from 0."""

import os
import re
from numbers import Real

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

FORMS = (
    "an array (n, height, width) or (n, height, width, 3 or 4), or a list of arrays "
    "and Pillow images of any sizes"
)


# Cubic enlargement makes pixels that are above full brightness, up to so many times.
_OVERSHOOT = 1.2
# What is cut out of its background is paper if it fills so much of its box: where a
# part of it differs in brightness, which is ink, and where none does.
_PAPER, _BLANK = 0.45, 0.75
_INK, _CONTRAST, _EVEN = 0.02, 0.25, 0.05


def read_pixels(X, image_shape, ink):
    """Yield the pixels of each picture of a batch, of shape (height, width, 1 or 3).

    They are uint8 or float32, from 0 to their :func:`full_scale`. `X` is as
    :meth:`MnistNormalizer.transform` takes it; rows are images of `image_shape`.
    Transparent pixels become paper, of the other brightness than `ink`.
    """
    for position, picture in enumerate(_split(X, image_shape)):
        try:
            pixels = _as_pixels(picture, ink)
        except ValueError as error:
            raise ValueError(f"Picture {position} of X {error}") from error
        except OSError as error:  # Pillow reads a file late
            raise ValueError(
                f"Picture {position} of X cannot be decoded: {error}."
            ) from error
        yield pixels


def full_scale(pixels):
    """Return what full brightness is: the largest pixel, or the next of the usual."""
    largest = pixels.max()
    # scikit-learn has digits of 16 levels; cameras and scanners have 8 to 16 bits.
    scales = [1, 16, *(2**bits - 1 for bits in range(8, 17))]
    above = 1 if pixels.dtype == np.uint8 else _OVERSHOOT
    usual = next((scale for scale in scales if above * scale >= largest), 0)
    return np.float32(max(usual, largest))


def border_of(pixels):
    """Return the outermost rows and columns of a picture, one after the other."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _split(X, image_shape):
    """Return pictures as a list of what each is, or as one array of all."""
    if isinstance(X, Image.Image):
        raise ValueError("X is one picture: give [X], a list of pictures.")
    X = [X] if isinstance(X, str | os.PathLike) else X
    _refuse_unsorted(getattr(X, "columns", ()))
    is_list = not hasattr(X, "shape") or getattr(X, "dtype", None) == np.object_
    if is_list and not np.iterable(X):
        raise ValueError(f"X is {X!r}: give {FORMS}.")
    X = list(X) if is_list else X
    if not is_list or (X and np.ndim(X[0]) == 1):
        return _split_array(np.asarray(X), image_shape)
    if len(X) == 0:
        raise ValueError(f"X does not hold a picture: give {FORMS}.")
    return X


def _refuse_unsorted(columns):
    """Refuse a table whose columns number its pixels, but in another order."""
    numbers = [tuple(map(int, re.findall(r"\d+", str(name)))) for name in columns]
    for name, number, after in zip(columns[1:], numbers, numbers[1:], strict=False):
        if 0 < len(number) == len(after) and after < number:
            raise ValueError(
                f"X has the column {name!r} in a wrong place, since images are read "
                "row by row: sort the columns by the numbers of the pixels."
            )


def _split_array(X, image_shape):
    height, width = image_shape
    if X.ndim == 2 and X.shape[1] == height * width:
        X = X.reshape(-1, height, width)
    if X.ndim == 2 and X.shape[1] == height * width + 1:
        raise ValueError(f"X has shape {X.shape}: is the label column still in X?")
    if X.ndim == 2:
        raise ValueError(
            f"X has shape {X.shape}: give X[None] if it is one picture, or "
            "X.reshape(-1, height, width) if it holds pictures as rows."
        )
    if X.shape == (height * width,) or (X.ndim == 3 and X.shape[2] in (1, 3, 4)):
        in_colour = " in colour" * (X.shape[-1] in (3, 4))
        raise ValueError(
            f"X has shape {X.shape}, which is one picture{in_colour}: give X[None]."
        )
    if X.ndim not in (3, 4) or len(X) == 0:
        raise ValueError(f"X has shape {X.shape}: give {FORMS}.")
    return X


def _as_pixels(picture, ink):
    if isinstance(picture, Image.Image):
        picture = _as_array(picture)
    try:
        pixels = np.asarray(picture)
    except ValueError:
        raise ValueError("has rows of different lengths.") from None
    if pixels.dtype == object and all(isinstance(n, Real) for n in pixels.flat):
        pixels = pixels.astype(np.float64)
    if isinstance(picture, str | os.PathLike):
        raise ValueError(f"is {str(picture)!r}: read files with load_images.")
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        is_first = pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4)
        raise ValueError(
            f"has shape {np.shape(picture)}, but (height, width) or (height, width, "
            "3 or 4) is expected"
            + (": give np.moveaxis(picture, 0, -1)." if is_first else ".")
        )
    if min(pixels.shape[:2]) < 3:
        raise ValueError(f"has shape {pixels.shape}, which is too small for a digit.")
    if pixels.dtype.kind not in "buif":
        raise ValueError(f"has the dtype {pixels.dtype}, but numbers are expected.")
    if pixels.dtype != np.uint8:
        with np.errstate(over="ignore"):  # what overflows is refused below
            pixels = pixels.astype(np.float32)
        if not np.isfinite(pixels).all():
            raise ValueError("has pixels that are NaN, infinite or above 3.4e38.")
        if pixels.min() < 0:
            raise ValueError(
                f"has negative pixels, the smallest is {pixels.min():g}: subtract it, "
                "so that 0 is black."
            )
    if pixels.shape[2] == 4 and pixels[..., 3].min() < full_scale(pixels):
        return _composite(pixels, ink)
    return pixels[..., :3]


def _as_array(image):
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":  # of 16 or 32 bits, which RGBA would cut off
        return np.asarray(image)
    if image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    if image.mode in ("1", "L"):
        return np.asarray(image)
    return np.asarray(image.convert("RGB"))


def _composite(pixels, ink):
    """Lay a picture with transparency on paper that its ink differs from."""
    colour, alpha = np.split(pixels / full_scale(pixels), [3], axis=2)
    brightness, opaque = colour.mean(axis=2), alpha[..., 0] > 0.5
    mean = np.average(brightness, weights=alpha[..., 0] + 1e-6)
    paper = {"dark": 1.0, "light": 0.0}.get(ink, float(mean < 0.5))
    if opaque.any():
        (top, bottom), (left, right) = (
            np.flatnonzero(opaque.any(axis=axis))[[0, -1]] for axis in (1, 0)
        )
        box = opaque[top : bottom + 1, left : right + 1]
        is_long = max(box.shape) > 2 * min(box.shape)  # such as a 1
        edge = opaque & ~ndimage.binary_erosion(opaque, iterations=2)
        outside = np.median(brightness[edge])
        is_even = np.median(np.abs(brightness[edge] - outside)) < _EVEN
        has_ink = (np.abs(brightness[opaque] - outside) > _CONTRAST).mean() > _INK
        is_full = box.mean() > (_PAPER if has_ink else _BLANK)
        # Strokes have one brightness, or leave much of their box transparent; what
        # else was cut out is paper.
        if (has_ink and is_even) or (is_full and not is_long):
            paper = outside
    return colour * alpha + paper * (1 - alpha)
