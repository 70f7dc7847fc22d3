"""What `MnistNormalizer` promises."""

import io
import os
import pickle
import subprocess
import sys
import time
from collections import deque
from itertools import product

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    check_valid_tag_types,
)
from sklearn.utils.validation import check_is_fitted

from skmnist.preprocessing._mnist_normalizer import MnistNormalizer

WHITE, BLACK = 255, 0
# Polylines from (0, 0) to (1, 1), y downwards; "5" has a bar of its own.
STROKES = {
    1: [[(0.5, 0), (0.5, 1)]],
    4: [[(0.3, 0), (0.1, 0.65), (0.9, 0.65)], [(0.65, 0.35), (0.65, 1)]],
    5: [
        [(0.2, 0.12), (0.2, 0.5), (0.7, 0.5), (0.8, 0.75), (0.5, 1), (0.1, 0.92)],
        [(0.3, 0), (0.9, 0)],
    ],
    7: [[(0, 0), (1, 0), (0.4, 1)]],
}


def draw(
    digit,
    size=(160, 120),
    box=(40, 30, 110, 130),
    pen=9,
    paper=(235, 235, 230),
    ink=(30, 30, 35),
):
    """Draw a digit in strokes: uint8 (height, width, 3). `size` is (width, height)."""
    return np.asarray(_stroke(_sheet(size, paper), digit, box, pen, ink).convert("RGB"))


def _sheet(size, paper):
    return Image.new("RGB", size[::-1], paper)


def _stroke(image, digit, box, pen, ink):
    left, top, right, bottom = box
    pencil = ImageDraw.Draw(image)
    for stroke in STROKES[digit]:
        points = [
            (left + x * (right - left), top + y * (bottom - top)) for x, y in stroke
        ]
        pencil.line(points, fill=ink, width=pen, joint="curve")
        for x, y in points:
            r = pen / 2
            pencil.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    return image


def normalize(picture, **parameters):
    """Normalize one picture."""
    return MnistNormalizer(**parameters).transform([picture])[0]


def difference(image, other):
    """Difference of two images, in shares of their ink, but for a pixel of shift.

    Half a pixel of shift makes up to 0.3, another digit 0.5 and more.
    """
    image, other = image.astype(float), other.astype(float)
    shifted = [
        np.roll(other, (dy, dx), axis=(0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    ]
    return min(np.abs(image - o).sum() for o in shifted) / (image + other).sum()


# What comes out


@pytest.mark.parametrize("digit", STROKES)
@pytest.mark.parametrize("size", [(90, 80), (320, 240), (1600, 1200)])
def test_transform_output_format(digit, size):
    height, width = size
    box = (0.2 * width, 0.3 * height, 0.5 * width, 0.8 * height)
    image = normalize(draw(digit, size, box, pen=max(3, height // 25)))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() == 255
    assert np.median(image) == 0
    rows, columns = np.nonzero(image > 25)
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    assert_array_equal(np.round(ndimage.center_of_mass(image) - np.array(13.5)), 0)


@pytest.mark.parametrize(
    ("image_shape", "box_size", "box"),
    [
        ((28, 28), 14, (14, 14)),
        ((56, 56), 20, (40, 40)),
        ((8, 8), 20, (40 / 7, 40 / 7)),
        ((14, 28), 20, (10, 20)),
        ([32, 32], 28, (32, 32)),
    ],
)
def test_image_shape_scales_box_size(image_shape, box_size, box):
    image = normalize(draw(4), image_shape=image_shape, box_size=box_size)
    assert image.shape == tuple(image_shape)
    rows, columns = np.nonzero(image > 25)
    lengths = np.array([np.ptp(rows) + 1, np.ptp(columns) + 1])
    assert np.all(lengths <= np.ceil(box))
    assert np.any(lengths >= np.floor(box))


@pytest.mark.parametrize("ratio", [0.3, 1, 2.5])
def test_aspect_ratio(ratio):
    picture = draw(7, (300, 300), (20, 20, 20 + 100 * ratio, 120), pen=6)
    rows, columns = np.nonzero(normalize(picture, image_shape=(112, 112)) > 64)
    expected = (100 * ratio + 6) / 106
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(expected, rel=0.07)


def test_box_size_equal_to_image_size():
    image = normalize(draw(7), box_size=28)
    rows, columns = np.nonzero(image)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 28


# What goes in


def test_transform_input_forms():
    grey = draw(4)[..., 0].copy()
    expected = normalize(grey)
    colour = np.repeat(grey[..., np.newaxis], 3, axis=2)
    opaque = np.dstack([colour, np.full_like(grey, 255)])
    sixteen = grey.astype(np.uint16) * 257
    pictures = {
        "channel": grey[..., np.newaxis],
        "colour": colour,
        "opaque": opaque,
        "uint16": sixteen,
        "12 bits": sixteen // 16,
        "9 bits": sixteen // 128,
        "int": grey.astype(int),
        "float": grey / 255,
        "large float": grey.astype(float),
        "list": grey.tolist(),
        "fortran": np.asfortranarray(grey),
        "L": Image.fromarray(grey),
        "LA": Image.fromarray(grey).convert("LA"),
        "RGB": Image.fromarray(colour),
        "RGBA": Image.fromarray(opaque),
        "CMYK": Image.fromarray(colour).convert("CMYK"),
        "P": Image.fromarray(grey).convert("P"),
        "I;16": Image.fromarray(sixteen),
        "I": Image.fromarray(grey).convert("I"),
        "F": Image.fromarray(grey).convert("F"),
    }
    for form, picture in pictures.items():
        assert difference(normalize(picture), expected) < 0.02, form
    assert difference(normalize(grey > 128), expected) < 0.1
    assert difference(normalize(Image.fromarray(grey > 128)), expected) < 0.1


def test_transform_array_or_list():
    pictures = np.stack([draw(digit) for digit in STROKES])
    images = MnistNormalizer().transform(pictures)
    assert images.shape == (4, 28, 28)
    assert_array_equal(MnistNormalizer().transform(list(pictures)), images)
    greys = pictures[..., 0]
    assert_array_equal(
        MnistNormalizer().transform(greys), MnistNormalizer().transform(list(greys))
    )


@pytest.mark.parametrize("full", [1.0, 16.0, 255.0])
@pytest.mark.parametrize("ink", [0.0, 1.0])
def test_pixels_above_full_brightness(full, ink):
    """Cubic enlargement leaves pixels a tenth above full brightness."""
    picture = draw(4, paper=(255,) * 3, ink=(0,) * 3)[..., 0] / 255
    picture = np.abs(picture - ink) * full
    expected = MnistNormalizer().transform([picture])
    picture[5, 5] = 1.1 * full
    found = MnistNormalizer().transform([picture])
    assert np.abs(found.astype(int) - expected).mean() < 3


def test_transform_other_sequences():
    pictures = [draw(4), draw(7, size=(90, 130))]
    expected = MnistNormalizer().transform(pictures)
    for X in (pd.Series(pictures, index=[5, 3]), deque(pictures)):
        assert_array_equal(MnistNormalizer().transform(X), expected)


def test_transform_truncated_file(tmp_path):
    Image.fromarray(draw(4)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "a.png") as picture,
        pytest.raises(ValueError, match="Picture 1 of X cannot be decoded"),
    ):
        MnistNormalizer().transform([draw(4), picture])


def test_transform_different_sizes():
    pictures = [
        draw(4),
        Image.fromarray(draw(5, (300, 200), (60, 60, 140, 200))),
        draw(7)[..., 0],
    ]
    images = MnistNormalizer().transform(pictures)
    for picture, image in zip(pictures, images, strict=True):
        assert_array_equal(normalize(picture), image)


def test_transform_mnist_rows():
    images = MnistNormalizer().transform([draw(digit) for digit in STROKES])
    normalizer = MnistNormalizer()
    assert_array_equal(
        normalizer.transform(images.reshape(-1, 784)), normalizer.transform(images)
    )


def test_transform_does_not_change_its_input():
    picture = draw(4)
    before = picture.copy()
    picture.flags.writeable = False
    normalize(picture)
    assert_array_equal(picture, before)


def test_transform_exif_orientation():
    upright = Image.fromarray(draw(4))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    turned.info["exif"] = exif.tobytes()
    assert difference(normalize(turned), normalize(upright)) < 0.02


@pytest.mark.parametrize("ink", [BLACK, WHITE, 60, 200])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels(ink, mode):
    opacity = 255 - draw(4, paper=(255, 255, 255), ink=(0, 0, 0))[..., 0]
    # Under full transparency there may be any colour.
    under = np.where(opacity > 0, ink, 255 - ink).astype(np.uint8)
    layers = [Image.fromarray(under), Image.fromarray(opacity)]
    picture = Image.merge("LA", layers)
    if mode != "LA":
        picture = picture.convert("RGBA")
    if mode == "P":
        picture = picture.quantize()
    assert difference(normalize(picture), normalize(draw(4))) < 0.02


@pytest.mark.parametrize(("ink", "grey"), [("dark", 180), ("light", 60)])
def test_transparent_pixels_of_given_ink(ink, grey):
    opacity = 255 - draw(4, paper=(255, 255, 255), ink=(0, 0, 0))[..., 0]
    layers = [Image.new("L", opacity.shape[::-1], grey), Image.fromarray(opacity)]
    picture = Image.merge("LA", layers)
    assert difference(normalize(picture, ink=ink), normalize(draw(4))) < 0.02


def test_transparent_corners():
    picture = Image.fromarray(draw(4)).convert("RGBA")
    opacity = Image.new("L", picture.size, 0)
    corner = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(opacity).rounded_rectangle(corner, radius=25, fill=255)
    picture.putalpha(opacity)
    assert difference(normalize(picture), normalize(draw(4))) < 0.05


# Ink and paper


@pytest.mark.parametrize("digit", STROKES)
def test_ink_auto(digit):
    dark = draw(digit)
    assert difference(normalize(255 - dark), normalize(dark)) < 0.03
    assert_array_equal(normalize(dark, ink="dark"), normalize(dark))
    assert_array_equal(normalize(255 - dark, ink="light"), normalize(255 - dark))


def test_difference_of_digits():
    images = [normalize(draw(digit)) for digit in STROKES]
    for image in images:
        assert sorted(difference(image, other) for other in images)[1] > 0.5


@pytest.mark.parametrize("resampling", ["NEAREST", "BILINEAR", "BICUBIC"])
@pytest.mark.parametrize("side", [8, 64, 150])
def test_ink_of_coarse_digits_in_negative(resampling, side):
    levels = np.round(load_digits().images[:60] * (255 / 16)).astype(np.uint8)
    filter = Image.Resampling[resampling]
    pictures = [
        np.asarray(Image.fromarray(image).resize((side, side), filter))
        for image in levels
    ]
    light = MnistNormalizer().transform(pictures)
    dark = MnistNormalizer().transform([255 - picture for picture in pictures])
    changes = [difference(*pair) for pair in zip(light, dark, strict=True)]
    assert np.mean(np.array(changes) < 0.02) >= 0.98


@pytest.mark.parametrize(("times", "size"), [(4, (48, 60)), (10, (100, 120))])
def test_ink_of_coarse_digits_on_paper(times, size):
    """In squares as large, pieces of strokes and of paper are rectangular."""
    for image in load_digits().images[[*range(202, 210), 406, 694, 1372, 1626, 1760]]:
        picture = np.full(size, 235, np.uint8)
        top, left = size[0] // 10, size[1] // 4
        window = np.s_[top : top + 8 * times, left : left + 8 * times]
        picture[window] -= np.kron(12 * image, np.ones((times, times))).astype(np.uint8)
        without_paper = 255 - 12 * np.kron(image, np.ones((8, 8)))
        assert difference(normalize(picture), normalize(without_paper)) < 0.2


def test_ink_dark_or_light():
    # Beside the dark digit, a lighter one, a little fainter.
    image = _stroke(_sheet((160, 260), (110, 110, 110)), 4, (20, 30, 90, 130), 9, 10)
    image = _stroke(image, 7, (150, 30, 220, 130), 9, (200, 200, 200))
    dark, light = (normalize(image, ink=ink) for ink in ("dark", "light"))
    assert difference(dark, normalize(draw(4))) < 0.3
    assert difference(light, normalize(draw(7))) < 0.3


@pytest.mark.parametrize(
    "ink", [(190, 30, 35), (30, 50, 160), (20, 110, 50), (120, 120, 120)]
)
@pytest.mark.parametrize("lines", ["ruled", "squared"])
@pytest.mark.parametrize("angle", [0, 4])
def test_ruled_paper(ink, lines, angle):
    sheet = _sheet((600, 600), (240, 238, 230))
    pencil = ImageDraw.Draw(sheet)
    for at in range(0, 600, 30):
        pencil.line((0, at, 600, at), fill=(150, 165, 200), width=2)
        if lines == "squared":
            pencil.line((at, 0, at, 600), fill=(150, 165, 200), width=2)
    sheet = sheet.rotate(angle, Image.Resampling.BICUBIC).crop((200, 180, 440, 420))
    picture = _stroke(sheet, 4, (80, 60, 170, 190), 9, ink)
    expected = draw(4, (240, 240), (80, 60, 170, 190))
    assert difference(normalize(picture), normalize(expected)) < 0.3


# Lines of a cell of a form: (left, top, right, bottom) of a picture of 160x200 pixels.
CELL_LINES = {
    "left": (3, 0, 7, 199),
    "top": (0, 4, 159, 8),
    "right": (153, 0, 157, 199),
    "bottom": (0, 194, 159, 199),
}


@pytest.mark.parametrize(
    "sides", [("bottom",), ("left", "bottom"), ("left", "right"), tuple(CELL_LINES)]
)
@pytest.mark.parametrize("ink", [(30, 30, 35), (170, 40, 40)])
@pytest.mark.parametrize("digit", STROKES)
def test_cell_of_a_form(digit, ink, sides):
    cell = _sheet((200, 160), (238, 234, 220))
    for side in sides:
        ImageDraw.Draw(cell).rectangle(CELL_LINES[side], fill=(40, 40, 40))
    with pytest.raises(ValueError, match="Picture 0 of X does not show ink"):
        normalize(cell)
    picture = _stroke(cell, digit, (50, 50, 110, 150), 9, ink)
    expected = draw(digit, (200, 160), (50, 50, 110, 150))
    assert difference(normalize(picture), normalize(expected)) < 0.3


@pytest.mark.parametrize("light", ["slope", "vignette", "shadow", "corner"])
def test_uneven_light(light):
    picture = draw(5, (240, 300), (90, 50, 190, 200))
    y, x = np.mgrid[-1:1:240j, -1:1:300j]
    brightness = {
        "slope": 0.7 + 0.3 * x,
        "vignette": 1 - 0.35 * (x**2 + y**2),
        "shadow": np.where(x + 0.3 * y < 0, 0.6, 1.0),
        "corner": np.where(x + y > 0.9, 0.55, 1.0),
    }[light]
    shaded = (picture * brightness[..., np.newaxis]).astype(np.uint8)
    assert difference(normalize(shaded), normalize(picture)) < 0.3


@pytest.mark.parametrize(("pen", "most"), [(4, 7), (9, 5), (30, 1)])
def test_sharp_edge_of_a_deep_shadow(pen, most):
    y, x = np.mgrid[-1:1:240j, -1:1:300j]
    failed = []
    for digit, direction in product(STROKES, [10, 60, 130, 200, 290, 340]):
        picture = draw(digit, (240, 300), (90, 50, 190, 200), pen, ink=(100, 60, 125))
        angle = np.radians(direction)
        depth = x * np.cos(angle) + y * np.sin(angle)
        shade = np.where(depth + 0.12 > 0, 0.5, 1 - 0.1 * (x**2 + y**2))
        shaded = (picture * shade[..., np.newaxis]).astype(np.uint8)
        try:
            is_alike = difference(normalize(shaded), normalize(picture)) < 0.3
        except ValueError:
            is_alike = False
        if not is_alike:
            failed.append((digit, direction))
    # Those with strokes along the edge, or with thin ones across it.
    assert len(failed) <= most, failed


@pytest.mark.parametrize("ink", ["dark", "light"])
@pytest.mark.parametrize("place", [(0.2, 0.3), (0.5, 0.5), (0.9, 0.8)])
@pytest.mark.parametrize("radius", [0.15, 0.3])
def test_reflection_of_light(radius, place, ink):
    picture = draw(5, (240, 300), (90, 50, 190, 200), paper=(140, 140, 143))
    y, x = np.mgrid[0:1:240j, 0:1:300j]
    distance = np.hypot(y - place[0], x - place[1])
    reflected = picture + 110 * np.exp(-((distance / radius) ** 2))[..., np.newaxis]
    picture, reflected = (
        np.clip(pixels if ink == "dark" else 255 - pixels, 0, 255).astype(np.uint8)
        for pixels in (picture, reflected)
    )
    assert difference(normalize(reflected), normalize(picture)) < 0.3


@pytest.mark.parametrize("digit", STROKES)
@pytest.mark.parametrize(
    ("paper", "ink"), [((30, 50, 40), (225, 225, 220)), ((235, 232, 228), (90, 90, 95))]
)
def test_grainy_strokes(paper, ink, digit):
    place = {"size": (300, 260), "box": (80, 60, 180, 200)}
    strokes = draw(digit, **place, pen=22, paper=(0, 0, 0), ink=(255, 255, 255)) / 255
    rng = np.random.default_rng(digit)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, strokes.shape[:2]), 1.2)
    grain = np.clip(0.7 + 0.35 * grain / grain.std(), 0.1, 1)[..., np.newaxis]
    chalk = paper + strokes * grain * np.subtract(ink, paper)
    expected = draw(digit, **place, pen=22)
    assert difference(normalize(chalk.astype(np.uint8)), normalize(expected)) < 0.3


def test_specks():
    picture = draw(4, (240, 240), (80, 60, 170, 190)).copy()
    for y, x in [(10, 12), (200, 30), (60, 220), (230, 200), (120, 20), (20, 140)]:
        picture[y : y + 3, x : x + 3] = 30
    expected = normalize(draw(4, (240, 240), (80, 60, 170, 190)))
    assert difference(normalize(picture), expected) < 0.02


@pytest.mark.parametrize("n_specks", [15, 90])
def test_specks_in_a_zero(n_specks):
    rng = np.random.default_rng(0)
    paper = Image.new("1", (120, 120), 1)
    ImageDraw.Draw(paper).ellipse((30, 20, 90, 100), outline=0, width=4)
    expected = normalize(paper)
    for _ in range(10):
        speckled = np.array(paper)
        speckled[tuple(rng.integers(0, 120, (2, n_specks)))] = False
        # Those that touch the outline can move it by half a pixel.
        assert difference(normalize(speckled), expected) < 0.3


@pytest.mark.parametrize("pen", [3, 8, 16])
@pytest.mark.parametrize("width", [0.6, 0.9, 1.1])
def test_thin_round_eight(width, pen):
    paper = Image.new("L", (400, 400), WHITE)
    for top, bottom, radius in ((60, 200, 0.95), (200 - pen, 340, 1)):
        half = 140 * width * radius
        box = (200 - half, top, 200 + half, bottom)
        ImageDraw.Draw(paper).ellipse(box, outline=BLACK, width=pen)
    image = normalize(paper)
    holes, n_holes = ndimage.label(image < 100)
    assert n_holes == 3  # with what is around it
    rows, columns = np.nonzero(image > 60)
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(width, abs=0.1)


def test_noise():
    rng = np.random.default_rng(0)
    picture = draw(4, (240, 240), (80, 60, 170, 190), ink=(110, 110, 110))
    noisy = np.clip(picture + rng.normal(0, 12, picture.shape), 0, 255)
    assert difference(normalize(noisy), normalize(picture)) < 0.15


@pytest.mark.parametrize("gap", [4, 10])
def test_separate_strokes(gap):
    bar = STROKES[5][1]
    (left, y), (right, _) = bar
    scale = 140
    raised = [(left, y - gap / scale), (right, y - gap / scale)]
    sheet = _sheet((260, 220), (240, 240, 240))
    picture = _stroke(sheet, 5, (60, 60, 160, 200), 9, (40, 40, 40))
    points = [(60 + x * 100, 60 + y * scale) for x, y in raised]
    ImageDraw.Draw(picture).line(points, fill=(40, 40, 40), width=9)
    rows = np.nonzero(normalize(picture).any(axis=1))[0]
    with_bar = np.asarray(picture)
    extent = np.nonzero((with_bar[..., 0] < 128).any(axis=1))[0]
    assert np.ptp(rows) + 1 == 20
    # The bar is in the image: the first rows hold ink over the bar's length.
    image = normalize(picture)
    bar_columns = np.count_nonzero(image[rows[0] + 1] > 100)
    assert bar_columns >= 0.5 * 60 * 20 / (np.ptp(extent) + 1)


def _line_below(picture, gap, thickness=7):
    """Draw a line `gap` pixels below a digit that ends in row 190."""
    top = 190 + thickness // 2 + gap
    place = (60, top, 170, top + thickness)
    ImageDraw.Draw(picture).rectangle(place, fill=(40, 40, 40))
    return picture


@pytest.mark.parametrize("gap", [15, 30, 50])
@pytest.mark.parametrize("digit", STROKES)
def test_underlined_digit(digit, gap):
    place = _sheet((260, 220), (240, 240, 240)), digit, (80, 50, 150, 190), 7, (40,) * 3
    plain = normalize(_stroke(*place))
    assert difference(normalize(_line_below(_stroke(*place), gap)), plain) < 0.02


def test_stroke_at_the_bottom_that_is_not_connected():
    image = _sheet((260, 220), (240, 240, 240))
    arc = [(75, 80), (95, 55), (130, 50), (150, 80), (120, 140), (80, 182)]
    ImageDraw.Draw(image).line(arc, fill=(40, 40, 40), width=9, joint="curve")
    rows = np.nonzero(normalize(_line_below(image, gap=3)) > 100)[0]
    # The bar of the 2 is the longest row.
    assert np.bincount(rows).argmax() >= rows.max() - 1


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_digit_at_border(side):
    picture = draw(4, (240, 240), (80, 60, 170, 190))
    rows, columns = np.nonzero(picture[..., 0] < 128)
    crop = {
        "left": picture[:, columns.min() :],
        "right": picture[:, : columns.max() + 1],
        "top": picture[rows.min() :],
        "bottom": picture[: rows.max() + 1],
    }[side]
    assert difference(normalize(crop), normalize(picture)) < 0.1


def test_digit_fills_picture():
    digits = load_digits()
    large = np.kron(digits.images[:60], np.ones((8, 8)))
    images = MnistNormalizer().transform(large)
    rows = images.any(axis=2)
    assert np.all(rows.sum(axis=1) == 20)


def test_small_digit_in_large_picture():
    box = (700, 300, 760, 390)
    picture = draw(4, (1200, 1600), box, pen=7)
    closely = draw(4, (200, 200), (60, 50, 120, 140), pen=7)
    assert difference(normalize(picture), normalize(closely)) < 0.2


# Refusals


FRAMES = {"black": 0.1, "white": 0.1, (120, 60, 40): 0.02}


@pytest.mark.parametrize("colour", FRAMES)
@pytest.mark.parametrize("digit", STROKES)
def test_transform_leaves_frame_out(digit, colour):
    size = (200, 160)
    paper = Image.fromarray(np.full((*size, 3), (205, 200, 190), np.uint8))
    picture = _stroke(paper, digit, (45, 50, 115, 150), 9, (50, 50, 60))
    framed = ImageOps.expand(picture, round(FRAMES[colour] * 200), colour)
    assert difference(normalize(framed), normalize(picture)) < 0.1


@pytest.mark.parametrize(
    ("paper", "frame"), [(BLACK, WHITE), (WHITE, BLACK), (BLACK, 128), (WHITE, 128)]
)
def test_transform_canvas_of_mnist_in_a_page(large_digits, paper, frame):
    digits = MnistNormalizer().transform(large_digits[0][:60])
    canvases = 255 - digits if paper else digits
    canvases = canvases.repeat(8, axis=1).repeat(8, axis=2)
    expected = MnistNormalizer().transform(canvases)
    for width in (20, 60):
        around = ((0, 0), (width, width), (width, 2 * width))
        framed = np.pad(canvases, around, constant_values=frame)
        images = MnistNormalizer().transform(framed)
        for image, whole in zip(images, expected, strict=True):
            assert difference(image, whole) < 0.3


DESKS = {"dark": (60, 45, 40), "light": (190, 188, 184), "wooden": (150, 105, 60)}
NOTES = {"white": (240, 240, 235), "yellow": (245, 230, 120), "blue": (110, 165, 215)}


def photograph_note(note, desk, angle, place=(90, 60)):
    """Photograph a note on a desk, with grain and a shadow: uint8 (300, 400, 3)."""
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.normal(size=(300, 400, 1)), (1, 20, 0))
    picture = Image.fromarray(
        np.clip(DESKS[desk] + 8 * grain / grain.std(), 0, 255).astype(np.uint8)
    )
    mask = Image.new("L", note.size, 255)
    note, mask = (
        layer.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        for layer in (note, mask)
    )
    shadow = Image.new("L", picture.size, 255)
    shadow.paste(150, (place[0] + 5, place[1] + 6), mask)
    shadow = ndimage.gaussian_filter(np.asarray(shadow, float), 5)[..., np.newaxis]
    picture = Image.fromarray((np.asarray(picture) * shadow / 255).astype(np.uint8))
    picture.paste(note, place, mask)
    noisy = np.asarray(picture) + rng.normal(0, 2, (300, 400, 3))
    return np.clip(ndimage.gaussian_filter(noisy, (0.7, 0.7, 0)), 0, 255).astype("u1")


@pytest.mark.parametrize("angle", [-20, 0, 9])
@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("desk", DESKS)
def test_transform_note_on_a_desk(desk, note, angle):
    for digit in STROKES:
        sheet = _stroke(
            _sheet((150, 140), NOTES[note]), digit, (45, 35, 95, 115), 8, (30, 30, 60)
        )
        picture = photograph_note(sheet, desk, angle)
        assert difference(normalize(picture), normalize(sheet)) < 0.3
        grey = picture[..., 1] if note != "blue" else picture[..., 0]
        assert difference(normalize(grey), normalize(sheet)) < 0.3


@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("desk", DESKS)
def test_transform_blank_note_on_a_desk(desk, note):
    picture = photograph_note(_sheet((150, 140), NOTES[note]), desk, 9)
    with pytest.raises(ValueError, match="Picture 0 of X does not show ink"):
        normalize(picture)


def test_transform_large_photograph_of_a_note():
    sheet = _stroke(_sheet((150, 140), WHITE), 5, (45, 35, 95, 115), 8, BLACK)
    large = Image.fromarray(photograph_note(sheet, "wooden", 9)).resize((2400, 1800))
    assert difference(normalize(large), normalize(sheet)) < 0.3


@pytest.mark.parametrize("digit", STROKES)
def test_transform_note_from_the_side(digit):
    sheet = _stroke(_sheet((150, 140), WHITE), digit, (45, 35, 95, 115), 8, BLACK)
    picture = Image.fromarray(photograph_note(sheet, "wooden", 7))
    # Its upper edge is further away.
    seen = (-50, 0, 0, 300, 400, 300, 450, 0)
    picture = picture.transform(picture.size, Image.Transform.QUAD, seen, fillcolor=90)
    assert difference(normalize(picture), normalize(sheet)) < 0.4


def _surround(picture, frame, width):
    """Draw around a digit at (115, 90, 185, 210)."""
    pencil = ImageDraw.Draw(picture)
    left, top, right, bottom = 55, 50, 250, 245
    lines = {
        "turned box": [[(75, 40), (262, 70), (230, 257), (43, 225)] * 2],
        "comb": [[(left, 150), (left, bottom), (right, bottom), (right, 150)]],
        "ticks": [[(x, 180), (x, bottom)] for x in (left, right)],
        "corners": [
            [(x + dx, y), (x, y), (x, y + dy)]
            for x, dx in ((left, 30), (right, -30))
            for y, dy in ((top, 30), (bottom, -30))
        ],
    }
    for line in lines.get(frame, []):
        pencil.line(line, BLACK, width)
    if frame == "box":
        pencil.rectangle((left, top, right, bottom), outline=BLACK, width=width)
    if frame in ("circle", "open circle"):
        start = 290 if frame == "open circle" else 240
        pencil.arc((left, top, right, bottom), start, 600, BLACK, width)


@pytest.mark.parametrize("ink", ["dark", "light"])
@pytest.mark.parametrize("width", [2, 7])
@pytest.mark.parametrize(
    "frame",
    ["box", "turned box", "circle", "open circle", "comb", "ticks", "corners"],
)
@pytest.mark.parametrize("digit", STROKES)
def test_transform_frame_around_a_digit(digit, frame, width, ink):
    """As on forms, and where answers are circled."""
    picture = Image.fromarray(draw(digit, (300, 300), (115, 90, 185, 210), 11))
    framed = picture.copy()
    _surround(framed, frame, width)
    if ink == "light":
        framed = ImageOps.invert(framed)
    assert difference(normalize(framed), normalize(picture)) < 0.3


def test_transform_box_around_broken_strokes():
    """None of the parts of the digit is as large as what a frame has in it."""
    picture = Image.fromarray(draw(1, (300, 300), (115, 90, 185, 210), 11))
    framed = picture.copy()
    _surround(framed, "box", 7)
    for sheet, y in product((picture, framed), (115, 145, 175)):
        ImageDraw.Draw(sheet).rectangle((130, y, 170, y + 6), (235, 235, 230))
    assert difference(normalize(framed), normalize(picture)) < 0.3


def _dashed(paths, dash, gap, radius):
    """Draw points along lines, with gaps of some pixels, and without them."""
    sheets = [Image.new("L", (300, 300), WHITE) for _ in range(2)]
    for path in paths:
        steps = np.hypot(*np.diff(path, axis=0).T)
        along = np.concatenate([[0], np.cumsum(steps)])
        places = np.arange(0, along[-1], 1)
        x, y = (np.interp(places, along, values) for values in path.T)
        for number, (x0, y0) in enumerate(zip(x, y, strict=True)):
            spot = (x0 - radius, y0 - radius, x0 + radius, y0 + radius)
            for sheet, is_dashed in zip(sheets, (False, True), strict=True):
                if not is_dashed or number % (dash + gap + 2 * radius) < dash:
                    ImageDraw.Draw(sheet).ellipse(spot, fill=BLACK)
    return sheets


def _ring(x, y, radius):
    angles = np.linspace(0, 2 * np.pi, 200)
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


@pytest.mark.parametrize(
    ("dash", "gap", "radius"),
    [(50, 6, 5), (30, 6, 4), (20, 7, 5), (1, 6, 5)],
)
@pytest.mark.parametrize(
    "paths",
    [
        [_ring(150, 150, 90)],
        [_ring(150, 100, 45), _ring(150, 200, 55)],
        [np.array([[90, 60], [200, 60], [140, 240]])],
        [np.array([[150, 50], [150, 250]])],
    ],
    ids=[0, 8, 7, 1],
)
def test_transform_dashed_strokes(paths, dash, gap, radius):
    """No part of a digit that a dry pen or a row of dots has drawn is left out."""
    sizes = []
    for sheet in _dashed(paths, dash, gap, radius):
        places = np.argwhere(normalize(sheet) > 40)
        sizes.append(np.ptp(places, axis=0))
    assert np.abs(sizes[0] - sizes[1]).max() <= 2


@pytest.mark.parametrize("shape", [(3, 5000), (5000, 4), (15, 3000)])
def test_transform_strip_with_a_line(shape):
    """A strip is not a digit, and reduced by less than it is narrow."""
    strip = np.full(shape, WHITE, np.uint8)
    strip[tuple(slice(length // 3, length - length // 3) for length in shape)] = BLACK
    with pytest.raises(ValueError, match="Picture 0 of X does not show ink"):
        normalize(strip)


@pytest.mark.parametrize("paper", [WHITE, BLACK])
@pytest.mark.parametrize("n_turns", [0, 2])
def test_transform_stroke_along_a_side(n_turns, paper):
    """A 1 at the border of its picture has an edge on one side only."""
    picture = np.full((300, 240), paper, np.uint8)
    picture[70:230, :24] = WHITE - paper
    image = normalize(np.rot90(picture, n_turns))
    lengths = [np.ptp(places) + 1 for places in np.nonzero(image)]
    assert sorted(lengths) == [3, 20]


# The base of the 2 is not level, and Pillow draws it thinner.
TWO = [(4, 3.5), (5.5, 1.5), (7.5, 1.2), (9.5, 1.5), (11, 3.5), (10, 6), (4, 13.2)]
TWO += [(11.5, 13)]


def _draw_two(side, pen, paper=WHITE):
    image = Image.new("L", (side, side), paper)
    points = [(x * side / 15, y * side / 15) for x, y in TWO]
    ImageDraw.Draw(image).line(points, fill=WHITE - paper, width=pen)
    return np.asarray(image)


@pytest.mark.parametrize("paper", [WHITE, BLACK])
@pytest.mark.parametrize(
    ("side", "pen"), [(400, 2), (600, 1), (600, 3), (1000, 1), (2000, 2), (3000, 4)]
)
def test_transform_thin_strokes(side, pen, paper):
    """Strokes of a pixel or two neither vanish nor lose a part in a large drawing."""
    image = normalize(_draw_two(side, pen, paper)).astype(float)
    expected = normalize(_draw_two(300, 9)).astype(float)
    # Thin strokes that are shifted by a pixel are alike if both are blurred.
    image, expected = (ndimage.gaussian_filter(each, 1) for each in (image, expected))
    assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.8
    assert np.sum(image[21:24].max(axis=0) > 40) >= 9  # columns of the base


@pytest.mark.parametrize("side", [1000, 2400])
def test_transform_small_digit_on_a_large_scan(side):
    """A digit is read wherever it is on the page, and however small."""
    page = Image.new("RGB", (side, int(1.4 * side)), (248, 248, 245))
    length = side // 20 + 10
    left, top = side - 2 * length, side // 10
    box = (left, top, left + 0.7 * length, top + length)
    image = normalize(_stroke(page, 4, box, max(2, length // 25), (30, 40, 120)))
    expected = normalize(draw(4, pen=6))
    assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.75


def test_transform_many_dots_soon():
    """That they are not a frame is found without trying all pairs of them."""
    picture = draw(1, (400, 400), (190, 100, 210, 300), 20).copy()
    for y, x in np.ndindex(25, 25):
        picture[16 * y + 4 : 16 * y + 12, 16 * x + 4 : 16 * x + 12] = BLACK
    durations = []
    for _ in range(3):
        start = time.thread_time()
        assert normalize(picture).any()
        durations.append(time.thread_time() - start)
    # In one of them Python may collect the garbage of earlier tests.
    assert min(durations) < 1  # second; took ten by all pairs


@pytest.mark.parametrize("paper", [WHITE, BLACK])
@pytest.mark.parametrize("holes", [1, 2])
def test_transform_bold_rectangular_digit(holes, paper):
    """A 0 and an 8 as on a display are not sheets with something on them."""
    picture = Image.new("L", (120, 160), paper)
    pencil = ImageDraw.Draw(picture)
    pencil.rectangle((30, 30, 89, 129), fill=255 - paper)
    for top, bottom in [(45, 114)] if holes == 1 else [(45, 71), (88, 114)]:
        pencil.rectangle((45, top, 74, bottom), fill=paper)
    ink = normalize(picture) > 128
    n_outside_and_holes = ndimage.label(~ink)[1]
    assert n_outside_and_holes == 1 + holes


def test_transform_takes_no_stroke_for_a_frame():
    # All that the margin encloses is the stroke, with round ends.
    for margin in (20, 60):
        picture = Image.new("L", (20 + 2 * margin, 120 + 2 * margin), 235)
        stroke = (margin, margin, margin + 20, margin + 120)
        ImageDraw.Draw(picture).rounded_rectangle(stroke, radius=10, fill=40)
        ink = normalize(picture) > 128
        height, width = (np.ptp(np.flatnonzero(ink.any(axis=a))) + 1 for a in (1, 0))
        assert (height, width) == (20, pytest.approx(4, abs=1))


@pytest.mark.parametrize("paper", [240, 215, 20])
def test_transform_card_on_transparency(paper):
    ink = 40 if paper > 100 else 230
    card = Image.new("L", (160, 200), paper)
    card = _stroke(card, 5, (50, 60, 110, 140), 9, ink)
    opacity = Image.new("L", card.size, 0)
    ImageDraw.Draw(opacity).ellipse((8, 8, 152, 192), fill=255)
    cut = Image.merge("LA", (card, opacity)).convert("RGBA")
    assert difference(normalize(cut), normalize(card)) < 0.1


@pytest.mark.parametrize("paper", [255, 190, 25])
@pytest.mark.parametrize("shape", ["disc", "square", "contour"])
@pytest.mark.parametrize("digit", STROKES)
def test_transform_sticker_in_much_transparency(digit, shape, paper):
    ink = 10 if paper > 100 else 240
    card = _stroke(
        Image.new("L", (300, 300), paper), digit, (110, 100, 190, 200), 9, ink
    )
    opacity = Image.new("L", card.size, 0)
    if shape == "contour":
        _stroke(opacity, digit, (110, 100, 190, 200), 35, 255)
    else:
        drawing = ImageDraw.Draw(opacity)
        outline = drawing.ellipse if shape == "disc" else drawing.rectangle
        outline((75, 75, 225, 225), fill=255)
    cut = Image.merge("LA", (card, opacity)).convert("RGBA")
    assert difference(normalize(cut), normalize(card)) < 0.1


@pytest.mark.parametrize("ink", [0, 255])
def test_transform_straight_stroke_on_transparency(ink):
    """A 1 fills its box, as a blank card does."""
    opacity = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(opacity).line((100, 40, 100, 160), fill=255, width=14)
    drawn = Image.merge("LA", (Image.new("L", opacity.size, ink), opacity))
    plain = 255 - np.asarray(opacity)
    assert difference(normalize(drawn), normalize(plain)) < 0.02


def test_transform_blank_sticker():
    opacity = Image.new("L", (300, 300), 0)
    ImageDraw.Draw(opacity).ellipse((75, 75, 225, 225), fill=255)
    cut = Image.merge("LA", (Image.new("L", opacity.size, 250), opacity))
    with pytest.raises(ValueError, match="Picture 0 .*ink"):
        normalize(cut)


@pytest.mark.parametrize("digit", [4, 5])
def test_transform_strokes_of_changing_brightness(digit):
    shades = np.tile(np.linspace(0, 150, 130, dtype=np.uint8)[:, None], (1, 100))
    blank = Image.new("L", (100, 130), 0)
    opacity = _stroke(blank, digit, (25, 25, 75, 105), 9, 255)
    cut = Image.merge("LA", (Image.fromarray(shades), opacity))
    plain = 255 - np.asarray(opacity)
    assert difference(normalize(cut), normalize(plain)) < 0.4


@pytest.mark.parametrize("ink", ["dark", "light"])
@pytest.mark.parametrize("digit", STROKES)
def test_transform_bold_ink_in_a_narrow_margin(digit, ink):
    margin = 4 + 17
    picture = Image.new("L", (100, 130), 240)
    box = (margin, margin, 100 - margin, 130 - margin)
    pixels = np.asarray(_stroke(picture, digit, box, 34, 30))
    pixels = pixels if ink == "dark" else 255 - pixels
    assert_array_equal(normalize(pixels), normalize(pixels, ink=ink))


def test_transform_names_of_files():
    for X in ("photo.jpg", ["photo.jpg"]):
        with pytest.raises(ValueError, match="photo.jpg.*load_images"):
            MnistNormalizer().transform(X)


def test_transform_16_bits_with_transparent_grey():
    pixels = draw(4)[..., 0].astype(np.uint16) * 257
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", transparency=3)
    assert_array_equal(normalize(Image.open(file)), normalize(pixels))


BLANKS = {
    "white": np.full((100, 100), 255, np.uint8),
    "black": np.zeros((100, 100, 3), np.uint8),
    "transparent": np.zeros((100, 100, 4), np.uint8),
    "slope": np.tile(np.linspace(120, 220, 100), (100, 1)),
    "speck": np.pad(np.zeros((2, 2)), 49, constant_values=255),
    "noise": np.random.default_rng(0).normal(200, 6, (200, 200)),
}


@pytest.mark.parametrize("blank", BLANKS)
def test_transform_picture_without_ink(blank):
    with pytest.raises(ValueError, match="Picture 2 of X does not show ink"):
        MnistNormalizer().transform([draw(4), draw(5), BLANKS[blank], draw(7)])


def test_transform_names_all_pictures_without_ink():
    blank = BLANKS["noise"]
    with pytest.raises(ValueError, match="Pictures 0, 2 of X do not show ink.*'dark'"):
        MnistNormalizer(ink="dark").transform([blank, draw(4), blank])
    with pytest.raises(ValueError, match="18, 19 and 2 more of X do not") as caught:
        MnistNormalizer().transform([blank] * 22)
    # As from a worker process.
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_transform_array_of_objects():
    batch = np.stack([draw(4), draw(5)])
    assert_array_equal(
        MnistNormalizer().transform(batch.astype(object)),
        MnistNormalizer().transform(batch.astype(float)),
    )


def test_transform_rows_with_labels():
    with pytest.raises(ValueError, match="is the label column still in X"):
        MnistNormalizer().transform(np.zeros((5, 785)))


def test_transform_columns_in_another_order():
    pictures = pd.DataFrame(draw(4)[:28, :28, 0].reshape(1, -1)).add_prefix("pixel")
    assert MnistNormalizer(ink="dark").fit(pictures)
    squares = [f"{row}x{column}" for row in range(28) for column in range(28)]
    for columns in (pictures.columns, squares, [f"V{i}" for i in range(784)]):
        table = pictures.set_axis(columns, axis=1)
        table.iloc[0] = normalize(draw(7)).ravel()
        assert MnistNormalizer().transform(table).shape == (1, 28, 28)
        as_text = table[sorted(table.columns)]
        for wrong in (table[table.columns[::-1]], as_text):
            with pytest.raises(ValueError, match="sort the columns by the numbers"):
                MnistNormalizer().transform(wrong)


def blank_sheet(kind, seed):
    """Photograph paper without a digit: uint8 (height, width, 3).

    `kind` names what is seen: "ruled" or "squared" lines, a "shadow", a "board".
    """
    rng = np.random.default_rng(seed)
    height, width = np.exp(rng.uniform(np.log(80), np.log(500), 2)).astype(int)
    height = np.clip(height, width // 2, 2 * width)
    y, x = np.mgrid[:height, :width]
    angle = np.radians(rng.normal(0, 3))
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    paper, ink = ((235, 232, 220), (140, 155, 195))
    if "board" in kind:
        paper, ink = ((25, 60, 45), (110, 125, 115))
    lines = np.zeros((height, width))
    pitch = rng.uniform(0.08, 0.25) * min(height, width)
    thickness = max(1, 0.008 * min(height, width))
    for distance in [across] * ("ruled" in kind) + [along, across] * (
        "squared" in kind
    ):
        offset = np.abs((distance + rng.uniform(0, pitch)) % pitch - pitch / 2)
        lines = np.maximum(lines, np.clip(thickness / 2 + 0.5 - offset, 0, 1))
    light = 1 - 0.3 * (x / width - rng.uniform()) ** 2
    if "shadow" in kind:
        direction = rng.uniform(0, 2 * np.pi)
        side = (x - width * rng.uniform(0.2, 0.8)) * np.cos(direction)
        side += (y - height * rng.uniform(0.2, 0.8)) * np.sin(direction)
        blur = max(0.7, rng.uniform(0, 0.05) * min(height, width))
        light -= rng.uniform(0.1, 0.4) * ndimage.gaussian_filter(1.0 * (side > 0), blur)
    lines = rng.uniform(0.4, 0.9) * lines[..., np.newaxis]
    sheet = (np.array(paper) * (1 - lines) + np.array(ink) * lines) * light[..., None]
    noise = rng.normal(0, rng.uniform(0, 5), sheet.shape)
    photograph = io.BytesIO()
    sheet = Image.fromarray(np.clip(sheet + noise, 0, 255).astype(np.uint8))
    sheet.save(photograph, "JPEG", quality=80)
    return np.asarray(Image.open(photograph))


@pytest.mark.parametrize(
    "kind",
    ["plain", "ruled", "squared", "shadow", "shadow ruled", "shadow squared", "board"]
    + ["board ruled", "board squared", "board shadow"],
)
def test_picture_without_ink_by_kind(kind):
    found = []
    for seed in range(15):
        try:
            normalize(blank_sheet(kind, seed))
        except ValueError as error:
            assert "Picture 0 of X does not show ink" in str(error)
        else:
            found.append(seed)
    # A few squares across a shadow are not told from a digit.
    assert len(found) <= ("shadow" in kind), found


@pytest.mark.parametrize(
    "kind", ["plain", "ruled", "squared", "shadow", "shadow ruled"]
)
def test_digit_on_sheet_by_kind(kind):
    changes = []
    for seed in range(10):
        sheet = Image.fromarray(blank_sheet(kind, seed))
        scale = min(sheet.size)
        middle = np.array(sheet.size) / 2
        box = (*(middle - 0.25 * scale), *(middle + 0.25 * scale))
        ink = (40, 40, 45) if "shadow" in kind else (130, 130, 135)
        picture = _stroke(sheet, 4, box, max(3, int(0.06 * scale)), ink)
        plain = draw(4, sheet.size[::-1], box, max(3, int(0.06 * scale)))
        changes.append(difference(normalize(picture), normalize(plain)))
    assert np.median(changes) < 0.2
    assert np.max(changes) < 0.4


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "does not hold a picture"),
        (np.empty((0, 28, 28)), r"has shape \(0, 28, 28\)"),
        (draw(4), r"one picture in colour: give X\[None\]"),
        (draw(4)[..., :1], r"which is one picture: give X\[None\]"),
        (np.zeros(784), r"which is one picture: give X\[None\]"),
        (np.moveaxis(draw(4), -1, 0)[None], r"give np.moveaxis\(picture, 0, -1\)"),
        (draw(4)[..., 0], r"give X\[None\] if it is one picture"),
        (Image.fromarray(draw(4)), r"give \[X\]"),
        (np.ones((5, 100)), r"X.reshape\(-1, height, width\)"),
        (np.ones(5), r"has shape \(5,\): give an array"),
        (np.ones((2, 1, 28, 28)), r"Picture 0 of X has shape \(1, 28, 28\)"),
        ([draw(4), draw(5)[..., :2]], "Picture 1 of X has shape"),
        ([np.ones((2, 50))], "too small"),
        (None, "X is None: give an array"),
        (5, "X is 5: give an array"),
        ([draw(4), [[0, 1, 0], [0]]], "Picture 1 of X has rows of different lengths"),
        ([draw(4), np.full((9, 9), "a")], "Picture 1 of X has the dtype <U1"),
        ([draw(4) - 128.0], "Picture 0 of X has negative pixels"),
        ([draw(4), np.full((9, 9), np.nan)], "Picture 1 of X has pixels that are NaN"),
        ([np.full((9, 9), np.inf)], "infinite"),
        ([np.full((9, 9), 1e300)], "above 3.4e38"),
    ],
)
def test_transform_invalid_pictures(X, message):
    with pytest.raises(ValueError, match=message):
        MnistNormalizer().transform(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ink": "blue"}, "ink"),
        ({"box_size": 0}, "box_size"),
        ({"box_size": 29}, "box_size"),
        ({"box_size": True}, "box_size"),
        ({"image_shape": 28}, "image_shape"),
        ({"image_shape": (28,)}, "image_shape"),
        ({"image_shape": (28, 28, 1)}, "image_shape"),
        ({"image_shape": (28, 2)}, "image_shape"),
        ({"image_shape": (28.0, 28)}, "image_shape"),
    ],
)
def test_invalid_parameters(parameters, message):
    normalizer = MnistNormalizer(**parameters)
    with pytest.raises(ValueError, match=message):
        normalizer.fit([draw(4)])
    with pytest.raises(ValueError, match=message):
        normalizer.transform([draw(4)])


# As scikit-learn's transformers


@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_get_params_invariance,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
        check_valid_tag_types,
    ],
)
def test_scikit_learn_check(check):
    check("MnistNormalizer", MnistNormalizer())


def test_fit_stateless():
    normalizer = MnistNormalizer()
    check_is_fitted(normalizer)
    assert not normalizer.__sklearn_tags__().requires_fit
    before = dict(vars(normalizer))
    assert normalizer.fit([draw(4)]) is normalizer
    assert vars(normalizer) == before
    assert not hasattr(normalizer, "inverse_transform")


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_fit_transform_global_pandas_output(output):
    with sklearn.config_context(transform_output=output):
        assert isinstance(MnistNormalizer().fit_transform([draw(4)]), np.ndarray)


def test_pipeline_with_classifier():
    pictures, labels = [], np.tile(range(10), 3)
    for size in (40, 56, 72):
        font = ImageFont.load_default(size)
        for digit in range(10):
            image = Image.new("L", (3 * size, 2 * size), 230)
            ImageDraw.Draw(image).text((20, 10), str(digit), fill=40, font=font)
            pictures.append(image)
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    pipeline = make_pipeline(MnistNormalizer(), flatten, KNeighborsClassifier(1))
    pipeline = clone(pipeline).fit(pictures[10:], labels[10:])
    assert pipeline.score(pictures[:10], labels[:10]) == 1
    pipeline.set_params(mnistnormalizer__box_size=16)
    assert pipeline.fit(pictures, labels).score(pictures, labels) == 1


def test_transform_normalized_images(large_digits):
    """What has MNIST's form already hardly changes.

    MNIST's own digits are read where they are at hand.
    """
    rows, labels = (array[:200] for array in large_digits)
    once = MnistNormalizer().transform(rows)
    twice = MnistNormalizer().transform(once)
    changes = [difference(*pair) for pair in zip(once, twice, strict=True)]
    assert np.mean(changes) < 0.03
    if "SKMNIST_DATA" in os.environ:
        rows_change = [
            difference(row.reshape(28, 28), image)
            for row, image in zip(rows, once, strict=True)
        ]
        assert np.median(rows_change) < 0.05
    neighbours = KNeighborsClassifier(1).fit(once[60:].reshape(-1, 784), labels[60:])
    scores = [
        neighbours.score(images[:60].reshape(-1, 784), labels[:60])
        for images in (once, twice)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.04)


def test_import_without_image_libraries():
    code = (
        "import sys, skmnist.preprocessing._mnist_normalizer;"
        "assert not {'skimage', 'PIL', 'keras'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
