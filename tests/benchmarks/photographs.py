"""How many photographs, scans and drawings of digits does the pretrained network read?

Run as ``python -m tests.benchmarks.photographs train.csv [--seed S] [--each N]``. The
file is the ``train.csv`` of Kaggle's digit recognizer. It takes five minutes on one
core. The pictures are synthetic: the rows that ``docs/train_pretrained.py`` held out
are enlarged, or drawn again along their middle lines with another pen. Each picture is
predicted on its own. Blank pictures should be refused.
"""

import argparse
import io
import os
from functools import partial

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from scipy import ndimage
from skimage.morphology import skeletonize
from sklearn.model_selection import train_test_split

from skmnist import load_images, load_pretrained

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
PENS = [(35, 33, 38), (38, 52, 140), (190, 40, 45), (30, 120, 60)]
PENCILS = [(80, 80, 83), (100, 100, 104)]
CHALK = [(238, 238, 230), (240, 225, 150), (235, 190, 195)]
WHITE = [(238, 236, 230), (246, 246, 246), (243, 236, 218), (228, 233, 240)]
COLOURED = [(250, 228, 110), (250, 175, 195), (165, 205, 240), (178, 138, 98)]
NOTES = [*COLOURED[:3], (190, 230, 150), (240, 240, 236)]
BOARDS = [(45, 75, 60), (36, 60, 46), (42, 43, 46)]
DESKS = [(120, 80, 50), (185, 145, 105), (128, 128, 130), (55, 42, 36), (38, 38, 42)]
PAINT = [(0, 0, 0), (237, 28, 36), (63, 72, 204), (34, 150, 76), (136, 0, 21)]
PAGES = [(255, 255, 255), (255, 255, 255), (255, 242, 0), (190, 230, 245)]
LINES = [(140, 160, 205), (150, 165, 190), (160, 160, 160), (150, 190, 170)]
PIXELS_PER_MM = 1240 / 210  # at 150 dpi
LOOPS = {0: 1, 6: 1, 8: 2, 9: 1}
BOLD, THIN, DEEP, SOFT = (0.1, 0.18), (0.02, 0.035), (0.3, 0.6), (0.08, 0.3)
BOARD = {"tints": BOARDS, "pens": CHALK, "grain": 0.06, "speckle": 0.3}


class Writer:
    """Writes digits of one class."""

    def __init__(self, rng, rows, label):
        self.rng, self.rows, self.label = rng, rows[label], label

    def enlarged(self, side):
        """Return the ink of a row, 0 to 1, with a longer side of `side` pixels."""
        return fitted(self.rng.choice(self.rows).reshape(28, 28) / 255, side)

    def __call__(self, side, pen=None, broken=False):
        """Return the ink of a digit, drawn again if there is a pen.

        The width of the pen is a share of `side`.
        """
        work = int(np.clip(side, 160, 500))
        while True:
            ink = np.pad(self.enlarged(work), work // 4)
            ink = ndimage.gaussian_filter(ink, work / 60)
            if pen is None:
                return fitted(np.clip((ink - 0.4) * work / 30 + 0.5, 0, 1), side)
            line = skeletonize(ink > 0.4)
            away = ndimage.distance_transform_edt(~line)
            # A filled loop becomes a line, and the blur closes a small one: it should
            # be open under a slightly wider pen.
            found = n_holes(ink > 0.4)
            drawn = n_holes(away < (pen / 2 + 0.015) * work)
            if drawn == found == LOOPS.get(self.label, found):
                break
        if broken:
            line = in_pieces(self.rng, line, pen * work)
            away = ndimage.distance_transform_edt(~line)
        return fitted(np.clip(pen * work / 2 + 0.5 - away, 0, 1), side)


def nothing(side, pen=None):
    """Write nothing, for blank pictures."""
    return np.zeros((side, side))


def n_holes(mask):
    return ndimage.label(~np.pad(mask, 1))[1] - 1


def fitted(ink, side):
    """Crop to the ink, and resize to a longer side of `side` pixels."""
    rows, columns = np.nonzero(ink > 0.1)
    ink = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.clip(
        resized(ink, [max(2, n * side // max(ink.shape)) for n in ink.shape]), 0, 1
    )


def resized(values, shape):
    image = Image.fromarray(np.asarray(values, dtype=np.float32))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BICUBIC))


def in_pieces(rng, line, width):
    """Break a line into dots or dashes."""
    points = np.argwhere(line)
    dotted = rng.random() < 0.5
    step = width * (rng.uniform(1.3, 1.7) if dotted else rng.uniform(3, 5))
    chosen, away = [rng.integers(len(points))], np.inf
    # The farthest point comes next, which spaces them evenly along the line.
    while True:
        away = np.minimum(away, np.hypot(*(points - points[chosen[-1]]).T))
        if away.max() < step:
            break
        chosen.append(away.argmax())
    kept = points[chosen] if dotted else points[away > width * rng.uniform(0.9, 1.2)]
    pieces = np.zeros_like(line)
    pieces[tuple(kept.T)] = True
    return pieces


def enclosing(rng, draw, outline, side, pen=None):
    """Write a digit and an outline around it, which it does not touch."""
    share = rng.uniform(0.42, 0.54) if outline == "circle" else rng.uniform(0.5, 0.65)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    thick = rng.uniform(0.03, 0.07)
    if outline == "circle":
        turn = 2 * np.arctan2(y, x) + rng.uniform(0, 6)
        away = np.hypot(y, x) * (1 + rng.uniform(0, 0.06) * (1 + np.cos(turn)))
    else:
        away = np.maximum(abs(y), abs(x))
    line = np.clip((thick / 2 - abs(away - 0.98 + thick / 2)) * side / 2 + 0.5, 0, 1)
    if outline == "comb":
        line *= y > rng.uniform(-0.8, 0.2)
    digit = draw(round(share * side), pen)
    return np.maximum(line, place(rng, digit, line.shape, 0.45))


def place(rng, ink, shape, margin=0.08):
    """Put ink somewhere into a picture; `margin` is a share of the free space."""
    picture = np.zeros(shape, dtype=np.float32)
    free = np.subtract(shape, ink.shape)
    y, x = (free * rng.uniform(margin, 1 - margin, 2)).astype(int)
    picture[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return picture


def some_shape(rng, low=150, high=525):
    """Return a height and a width, of which the shorter is in this range."""
    short = np.exp(rng.uniform(np.log(low), np.log(high)))
    shape = (int(short), int(short * rng.choice([1, 4 / 3, 4 / 3, 3 / 2])))
    return shape[:: rng.choice([-1, 1])]


def colour(rng, choice):
    return np.float32(rng.choice(choice)) / 255


def texture(rng, shape, scales):
    """Return noise of mean 0 and deviation 1, with grains of `scales` pixels."""
    coarse = [max(2, int(n / scale)) for n, scale in zip(shape, scales, strict=True)]
    noise = resized(rng.standard_normal(coarse, dtype=np.float32), shape)
    return noise / noise.std()


def sheet(rng, shape, choice, grain=0.012, scales=None):
    scales = scales or [max(1, max(shape) / 300)] * 2
    paper = 1 + grain * texture(rng, shape, scales)
    return colour(rng, choice) * paper[..., None]


def cover(picture, ink, ink_colour):
    return picture + ink[..., None] * (ink_colour - picture)


def distances(rng, shape, pitch, tilt):
    """Return how far each pixel is from the nearest of parallel lines."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    across = np.float32(y * np.cos(tilt) + x * np.sin(tilt) + rng.uniform(0, pitch))
    return abs((across + pitch / 2) % pitch - pitch / 2)


def rule(rng, picture, lines, side):
    """Draw lines, squares or dots, whose pitch suits a digit of `side` pixels."""
    shape, tilt = picture.shape[:2], rng.uniform(-0.06, 0.06)
    pitch = side * rng.uniform(*(0.4, 1.2) if lines == "ruled" else (0.3, 0.9))
    thick = max(1, side * rng.uniform(0.008, 0.015))
    away = distances(rng, shape, pitch, tilt)
    if lines != "ruled":
        upright = distances(rng, shape, pitch, tilt + np.pi / 2)
        squared = lines == "squared"
        away = np.minimum(away, upright) if squared else np.hypot(away, upright) - thick
    line = np.clip(thick / 2 + 0.5 - away, 0, 1)
    return cover(picture, rng.uniform(0.5, 0.8) * line, colour(rng, LINES))


def write(
    rng,
    draw,
    shape=None,
    tints=WHITE,
    pens=PENS,
    pen=None,
    lines=None,
    share=(0.3, 0.8),
    grain=0.012,
    opacity=(0.85, 1),
    speckle=0.08,
    margin=0.08,
):
    """Return a sheet with a digit in even light, and the digit's ink."""
    shape = shape or some_shape(rng)
    side = int(min(rng.uniform(*share) * shape[0], 0.9 * shape[1]))
    if pen:
        pen = rng.uniform(*pen)
    elif rng.random() < 0.75:
        pen = rng.uniform(0.04, 0.1)
    ink = place(rng, draw(side, pen), shape, margin)
    picture = sheet(rng, shape, tints, grain)
    if lines:
        picture = rule(rng, picture, lines, side)
    grains = texture(rng, shape, [max(1.2, side / 150)] * 2)
    drawn = ink * np.clip(rng.uniform(*opacity) * (1 - speckle * abs(grains)), 0, 1)
    return cover(picture, drawn, colour(rng, pens) * rng.uniform(0.9, 1.15)), ink


def shadow(rng, picture, ink, dark, edge):
    """Darken one side of a straight line across the digit; `edge` is its softness."""
    shape = np.array(ink.shape)
    # The middle of the ink; without ink, all pixels count.
    at = np.argwhere(ink >= ink.max() / 2).mean(axis=0)
    at += rng.uniform(-0.08, 0.08, 2) * shape
    turn, width = rng.uniform(0, 2 * np.pi), rng.uniform(*edge) * min(shape)
    y, x = np.ogrid[: shape[0], : shape[1]]
    across = (y - at[0]) * np.sin(turn) + (x - at[1]) * np.cos(turn)
    shade = rng.uniform(*dark) * np.clip(across / max(1, width) + 0.5, 0, 1)
    return picture * (1 - shade[..., None])


def lamp(rng, picture, ink):
    """Add the reflection of a lamp, whose saturated middle is off the strokes."""
    free = ndimage.distance_transform_edt(ink < 0.1)
    radius = min(rng.uniform(0.06, 0.14) * min(ink.shape), free.max())
    at = rng.choice(np.argwhere(free >= radius))
    y, x = np.ogrid[: ink.shape[0], : ink.shape[1]]
    away = np.hypot(y - at[0], x - at[1]) / radius
    return picture + np.exp(-(away**3))[..., None]


def shoot(rng, picture):
    """Take a photograph, in uneven light, with blur and noise."""
    height, width = picture.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    turn, falloff = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.08)
    slope = rng.uniform(0.03, 0.15) * (np.cos(turn) * x + np.sin(turn) * y)
    light = 1 + slope + slope.min() - falloff * (x**2 + y**2)
    light = np.float32(rng.uniform(0.78, 1) * light)
    balance = np.float32([rng.uniform(0.95, 1.05), 1, rng.uniform(0.88, 1.05)])
    picture = picture * light[..., None] * balance
    blur = rng.uniform(0.3, max(0.8, 0.0015 * min(height, width)))
    noise = rng.standard_normal((height, width, 1), dtype=np.float32)
    picture = np.asarray(as_image(picture).filter(ImageFilter.GaussianBlur(blur)))
    return jpeg(
        rng, as_image(picture / np.float32(255) + rng.uniform(0.004, 0.02) * noise)
    )


def as_image(picture):
    return Image.fromarray(np.uint8(np.clip(picture, 0, 1) * 255))


def jpeg(rng, image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(40, 96)))
    return Image.open(file)


def photograph(rng, draw, dark=None, edge=(0.002, 0.008), reflection=False, **how):
    picture, ink = write(rng, draw, **how)
    if dark:
        picture = shadow(rng, picture, ink, dark, edge)
    if reflection:
        picture = lamp(rng, picture, ink)
    return shoot(rng, picture)


def broken(rng, draw):
    return photograph(rng, partial(draw, broken=True), pen=(0.035, 0.06))


def enclosed(rng, draw, outline):
    """Photograph a digit with an outline around it, or take the negative of that."""
    drawn = partial(enclosing, rng, draw, outline)
    image = photograph(rng, drawn, pen=(0.06, 0.12), share=(0.5, 0.85))
    return ImageOps.invert(image) if rng.random() < 0.5 else image


def form_cell(rng, draw):
    """Write into a cell of a form, with printed lines on one to four sides."""
    shape = some_shape(rng, 60, 300)
    picture, ink = write(rng, draw, shape, share=(0.45, 0.7), margin=0.35)
    grey, thick = rng.uniform(0.1, 0.6), max(1, min(shape) // rng.integers(40, 80))
    for k in rng.permutation(4)[: rng.integers(1, 5)]:
        clear = np.rot90(ink, k).any(axis=1).argmax()
        start = int(clear * rng.uniform(0, 0.35))
        np.rot90(picture, k)[start : start + thick] = grey
    return shoot(rng, picture)


def desk(rng, shape):
    wood = [1, shape[1] / 8] if rng.random() < 0.6 else [2, 2]
    return sheet(rng, shape, DESKS, 0.1, wood)


def note_on_desk(rng, draw):
    shape = some_shape(rng, 220)
    side = int(min(shape) * rng.uniform(0.5, 0.7))
    note, _ = write(rng, draw, (side, side), tints=NOTES, share=(0.5, 0.8))
    turn = rng.uniform(-30, 30)
    note = as_image(note).convert("RGBA")
    note = note.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    picture = as_image(desk(rng, shape))
    at = [int(rng.uniform(0, n)) for n in np.subtract(picture.size, note.size)]
    picture.paste(note, tuple(at), note)
    return shoot(rng, np.asarray(picture) / np.float32(255))


def page_edge(rng, draw):
    """Photograph a page of which one edge is in view, and the desk behind it."""
    picture, ink = write(rng, draw, share=(0.3, 0.6))
    shape = ink.shape
    y, x = (np.arange(n) - n / 2 for n in shape)
    inked, edges = np.argwhere(ink > 0.1) - np.array(shape) / 2, []
    for side in range(4):
        turn = side * np.pi / 2 + rng.uniform(-0.1, 0.1)
        normal = np.array([np.sin(turn), np.cos(turn)])
        border = shape[1 - side % 2] / 2
        edges.append((border - (inked @ normal).max(), border, normal))
    free, border, normal = max(edges, key=lambda edge: edge[0])
    across = y[:, None] * normal[0] + x * normal[1]
    beyond = np.clip(across - border + free * rng.uniform(0.3, 0.7), 0, 1)
    return shoot(rng, cover(picture, beyond, desk(rng, shape)))


def canvas(rng, draw):
    """Enlarge a row as the canvas of a drawing program, with a margin around it."""
    side = int(rng.uniform(100, 400))
    ink = draw.enlarged(int(side * rng.uniform(0.7, 0.95)))
    ink, dark = place(rng, ink, (side, side), 0.3), rng.random() < 0.5
    margin = 255 if dark else rng.choice([0, 128, 160])
    widths = (side * rng.uniform(0.1, 0.4, (2, 2))).astype(int)
    pixels = np.pad(255 * (ink if dark else 1 - ink), widths, constant_values=margin)
    return Image.fromarray(pixels.astype(np.uint8))


def flat(rng, draw):
    """Return the ink of a drawing, with a pen for screens."""
    shape = some_shape(rng, 80)
    side = int(rng.uniform(0.4, 0.85) * min(shape))
    return place(rng, draw(side, rng.uniform(0.04, 0.14)), shape)


def drawing_program(rng, draw):
    ink = (flat(rng, draw) > 0.5).astype(np.float32)
    page = np.ones((*ink.shape, 3)) * colour(rng, PAGES)
    return as_image(cover(page, ink, colour(rng, PAINT)))


def transparent(rng, draw):
    ink = flat(rng, draw)
    colours = np.ones((*ink.shape, 3)) * colour(rng, [*PAINT, (255, 255, 255)])
    if rng.random() < 0.5:
        colours[ink == 0] = 0
    return as_image(np.dstack([colours, ink]))


def fax(rng, draw):
    picture, ink = write(rng, draw, pens=PENS[:2])
    white = picture.mean(axis=2) + 0.05 * rng.standard_normal(ink.shape) > 0.55
    white[rng.random(ink.shape) < rng.uniform(0.001, 0.004)] = False
    return Image.fromarray(white)


def scanned_page(rng, draw):
    """Scan a page of A4 at 150 dpi."""
    side = rng.uniform(15, 60) * PIXELS_PER_MM
    ink = draw(int(side), rng.uniform(0.5, 1) * PIXELS_PER_MM / side)
    ink = place(rng, ink, (1754, 1240))
    page = sheet(rng, ink.shape, WHITE[:2], 0.004)[..., 0]
    page += ink * (rng.uniform(0.1, 0.35) - page)
    page = as_image(page).filter(ImageFilter.GaussianBlur(0.5))
    return jpeg(rng, page)


def small(rng, draw):
    lines, height = rng.choice([None, "ruled"]), int(rng.integers(28, 61))
    shape = (height, int(height * rng.choice([3 / 4, 1, 4 / 3])))
    return photograph(rng, draw, shape=shape, lines=lines, share=(0.55, 0.8), pen=BOLD)


def telephone(rng, draw):
    shape = [(1500, 2000), (2000, 1500)][rng.integers(2)]
    return photograph(rng, draw, shape=shape, lines=rng.choice([None, "ruled"]))


KINDS = {
    "plain paper": photograph,
    "ruled paper": partial(photograph, lines="ruled"),
    "squared paper": partial(photograph, lines="squared"),
    "dotted paper": partial(photograph, lines="dotted"),
    "coloured paper": partial(photograph, tints=COLOURED),
    "pencil": partial(photograph, pens=PENCILS, opacity=(0.6, 0.85), speckle=0.3),
    "thin strokes": partial(photograph, pen=THIN),
    "bold marker": partial(photograph, pen=BOLD),
    "a light shadow": partial(photograph, dark=(0.1, 0.25), edge=(0.002, 0.2)),
    "a deep shadow with a sharp edge": partial(photograph, dark=DEEP),
    "a deep shadow with a soft edge": partial(photograph, dark=DEEP, edge=SOFT),
    "thin strokes in a deep shadow": partial(photograph, pen=THIN, dark=DEEP),
    "chalk on a board": partial(photograph, pen=(0.05, 0.12), **BOARD),
    "chalk on a board, with a shadow": partial(
        photograph, pen=(0.05, 0.12), dark=DEEP, edge=(0.005, 0.3), **BOARD
    ),
    "whiteboard with the reflection of a lamp": partial(
        photograph, tints=WHITE[1:2], pen=(0.05, 0.12), grain=0.004, reflection=True
    ),
    "cell of a form": form_cell,
    "in a circle": partial(enclosed, outline="circle"),
    "in a box": partial(enclosed, outline="box"),
    "in a comb": partial(enclosed, outline="comb"),
    "dashes or dots": broken,
    "note on a desk": note_on_desk,
    "edge of the page in view": page_edge,
    "canvas with a margin": canvas,
    "drawing program": drawing_program,
    "transparent PNG": transparent,
    "fax with specks": fax,
    "28 to 60 pixels high": small,
    "page of A4, scanned": scanned_page,
    "telephone, 1500x2000": telephone,
}
BLANK = {
    "plain": photograph,
    "ruled": partial(photograph, lines="ruled"),
    "squared": partial(photograph, lines="squared"),
    "a soft shadow": partial(photograph, dark=DEEP, edge=SOFT),
    "a sharp shadow": partial(photograph, dark=DEEP),
    "note on a desk": note_on_desk,
}


def held_out(source):
    """Return the rows that the pretrained network has not seen, for each class."""
    images = load_images(source)
    X, y = images.data, images.target
    _, X, _, y = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    return [X[y == label] for label in range(10)]


def predict(network, image):
    """Return the label of a picture, or None if it is refused."""
    try:
        return network.predict([image])[0]
    except ValueError as error:
        if "does not show ink" not in str(error):
            raise
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=160)
    args = parser.parse_args()
    # TensorFlow reads them when it is imported, with the network.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    rows, network, counts = held_out(args.source), load_pretrained(), []
    print(f"| kind | read right, of {args.each} | wrong | refused |\n|---|---|---|---|")
    for number, (name, make) in enumerate(KINDS.items()):
        rng = np.random.default_rng([args.seed, number])
        right = refused = 0
        for i in range(args.each):
            said = predict(network, make(rng, Writer(rng, rows, i % 10)))
            right += said == i % 10
            refused += said is None
        wrong = args.each - right - refused
        counts.append([right, wrong, refused])
        print(f"| {name} | {right} | {wrong} | {refused} |", flush=True)
    totals = np.sum(counts, axis=0)
    print("| all, of {:,} | {:,} | {:,} | {:,} |".format(totals.sum(), *totals))
    print(f"\n| blank | read as a digit, of {args.each} |\n|---|---|")
    for number, (name, make) in enumerate(BLANK.items(), start=len(KINDS)):
        rng = np.random.default_rng([args.seed, number])
        said = [predict(network, make(rng, nothing)) for _ in range(args.each)]
        print(f"| {name} | {args.each - said.count(None)} |", flush=True)


if __name__ == "__main__":
    main()
