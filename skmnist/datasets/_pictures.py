"""Pictures of one character each, as files of PNG, JPEG and similar formats."""

import io
import os
import re
import warnings

import numpy as np

from skmnist.datasets._parts import (
    PARTS,
    WORD,
    ImageSet,
    part_of,
    refuse_test,
    warn_of_rest,
)
from skmnist.datasets._stream import one_line, read_all, shortened
from skmnist.preprocessing._mnist_normalizer import (
    NoInkError,
    normalizer_of,
    say_no_ink,
)

_STARTS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",  # JPEG
    b"II*\0",  # TIFF
    b"MM\0*",
    b"GIF87a",
    b"GIF89a",
)
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP")
_INTEGER = re.compile(r"-?\d{1,15}", re.ASCII)
_PART = re.compile(
    WORD + "(?i:train(?:ing)?|test(?:s|ing)?|t10k|val(?:id(?:ation)?)?|dev|"
    "eval(?:uation)?|extra|holdout)(?![a-z])"
)
_SMALL = 64  # pixels; larger pictures are not kept as they are
_INK = 0.3 * 255  # light enough for a stroke


def is_picture(start):
    """Return whether a file with these first 16 bytes is a picture."""
    return (
        start.startswith(_STARTS)
        or (start[:4], start[8:12]) == (b"RIFF", b"WEBP")
        or (start[:2], start[6:10]) == (b"BM", bytes(4))
    )


def read_pictures(tree, names, subset, normalize, track):
    """Read pictures of a folder or an archive, labelled by their folders.

    `track` iterates over the names, and may show the progress.
    """
    parts = [_labelled(names, tree.path) for names in _split(names, subset, tree.path)]
    names = [name for part, _ in parts for name in part]
    labels = _as_labels([label for _, part in parts for label in part], tree.path)
    contents = ((tree.where(name), _content(tree, name)) for name in track(names))
    images, normalized = as_images(contents, normalize, looks_like_mnist)
    filenames = np.array([tree.where(name) for name in names])
    return ImageSet(images, labels, filenames, normalized=normalized)


def read_picture(stream, limit, path, normalize):
    """Read one picture, which does not have a label."""
    contents = [(path, read_all(stream, limit, path))]
    images, normalized = as_images(contents, normalize, looks_like_mnist)
    return ImageSet(images, None, np.array([path]), normalized=normalized)


def _content(tree, name):
    with tree.open(name) as (stream, limit):
        return read_all(stream, limit, tree.where(name))


def _split(names, subset, path):
    """Return the names for each part in `subset`, from its folder train or test."""
    depth = _depth(names)
    tops = {_folder(name, depth) for name in names}
    is_part = [bool(top and _PART.search(top)) for top in tops]
    if len(tops) == 1 or not all(is_part):
        are_nested = all(_folder(name, depth + 1) for name in names)
        if len(tops) > 1 and any(is_part) and are_nested:
            raise ValueError(
                f"{path} has the folders {shortened(sorted(tops))} with folders in "
                f"them, of which not all are parts of a data set: give one of them."
            )
        refuse_test(subset, path)
        return [names]
    parts = []
    for part in PARTS[subset]:
        mine = [top for top in tops if part_of(top) == part]
        # Kaggle's MNIST as JPG has trainingSample beside trainingSet.
        whole = [top for top in mine if "sample" not in top.lower()]
        mine = whole if len(whole) == 1 else mine
        if len(mine) != 1:
            unpacked = "" if os.path.isdir(path) else ", after unpacking the zip file"
            raise ValueError(
                f"{path} has the folders {shortened(sorted(tops))}, of which "
                f"{len(mine)} can be its {part} part; give one of them{unpacked}."
            )
        parts.append([name for name in names if _folder(name, depth) == mine[0]])
    if subset == "all":
        warn_of_rest(names, [name for mine in parts for name in mine], "pictures", path)
    return parts


def _labelled(names, path):
    """Return names, and the class of each: its folder, or None."""
    depth = _depth(names)
    labels = [_folder(name, depth) for name in names]
    if None in labels and any(labels):
        stray = names[labels.index(None)]
        raise ValueError(
            f"{path} holds pictures beside folders of pictures, such as {stray!r}: "
            "give a folder with a subfolder for each class, or one of pictures only."
        )
    return names, labels


def _depth(names):
    """Return the depth of the class folders; a lone one counts if it is a number."""
    depth = 0
    while len(tops := {_folder(name, depth) for name in names}) == 1:
        (top,) = tops
        holds_pictures = any(_folder(name, depth + 1) is None for name in names)
        if top is None or (_INTEGER.fullmatch(top) and holds_pictures):
            break
        depth += 1
    return depth


def _folder(name, depth):
    """Return the folder at a depth of a file's path, or None."""
    folders = name.split("/")[:-1]
    return folders[depth] if len(folders) > depth else None


def _as_labels(labels, path):
    if None not in labels:
        are_integers = all(map(_INTEGER.fullmatch, set(labels)))
        return np.array(labels, dtype=np.int64 if are_integers else None)
    if any(labels):
        raise ValueError(
            f"Only one part of {path} has a folder for each class: give "
            "subset='train' or 'test' (--subset), or the folder of one part."
        )
    return None


def as_images(contents, normalize, is_mnist):
    """Return images of one size, from pairs (name, bytes of a picture).

    With normalize=None they are not changed if they are small and of one size and
    `is_mnist` is true for the stack.
    """
    if normalize is False:
        return _of_one_size(contents), False
    pictures = []
    for name, content in contents:
        picture = decode(content, name)
        large = normalize or max(picture.shape[:2]) > _SMALL
        # At once, so that only one photograph is in memory.
        image = _normalize(name, picture, normalize) if large else picture
        pictures.append((name, image, large))
    if not any(large for *_, large in pictures):
        greys = [as_grey(picture) for _, picture, _ in pictures]
        if len({grey.shape for grey in greys}) == 1 and is_mnist(np.array(greys)):
            return np.array(greys), False
    images = [
        picture if large else _normalize(name, picture, normalize)
        for name, picture, large in pictures
    ]
    names = [name for name, *_ in pictures]
    blank = [n for n, image in zip(names, images, strict=True) if image is None]
    if blank:
        raise ValueError(say_no_ink("", blank))
    return np.array(images), True


def _of_one_size(contents):
    greys = []
    for name, content in contents:
        grey = as_grey(decode(content, name))
        if greys and grey.shape != greys[0].shape:
            sizes = [
                f"{width}x{height}" for height, width in (greys[0].shape, grey.shape)
            ]
            raise ValueError(
                f"{name} has {sizes[1]} pixels, a picture before it {sizes[0]}: omit "
                f"normalize=False to bring all to 28x28."
            )
        greys.append(grey)
    return np.array(greys)


def _normalize(name, picture, normalize):
    """Return the image of a picture, None where ink is not found."""
    try:
        return normalizer_of(normalize or True).transform([picture])[0]
    except NoInkError:
        return None
    except ValueError as error:
        raise ValueError(str(error).replace("Picture 0 of X", name)) from error


def decode(content, name):
    """Return a picture as uint8 (h, w, 3 or 4), or as uint8 or uint16 (h, w)."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            # For some other formats, Pillow starts programs.
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _as_array(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{name} is too large a picture: {error}") from error
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{name} is a damaged picture, or of a kind that Pillow cannot read."
        ) from error
    except Exception as error:  # decoders raise many on damaged bytes
        raise ValueError(f"{name} is a damaged picture ({one_line(error)}).") from error


def _as_array(image):
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in "IF":  # 32 bits, with unknown values of black and white
        values = np.asarray(image, dtype=float)
        if not np.isfinite(values).all():
            raise ValueError("with pixels that are NaN or infinite")
        return np.interp(values, (values.min(), values.max()), (0, 255)).astype("u1")
    if image.has_transparency_data:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def as_grey(picture):
    """Return a picture as uint8 (h, w), by its luminance."""
    from PIL import Image

    if picture.dtype == np.uint16:
        return np.rint(picture / 257).astype(np.uint8)
    if picture.ndim == 2:
        return picture
    image = Image.fromarray(picture)
    if picture.shape[2] == 4:
        # Transparent pixels are paper, of the opposite brightness of the ink.
        opaque = picture[picture[..., 3] > 127][:, :3]
        paper = "white" if opaque.size and opaque.mean() < 128 else "black"
        image = Image.alpha_composite(Image.new("RGBA", image.size, paper), image)
    return np.asarray(image.convert("L"))


def looks_like_mnist(images):
    """Return whether images are light on dark, centred, and as large as MNIST's.

    In each of MNIST's images the centre of mass is within a pixel of the middle, and
    the digit is 20 of 28 pixels long.
    """
    n_images, height, side = images.shape
    edges = [images[:, [0, -1]], images[:, :, [0, -1]]]
    border = np.concatenate([e.reshape(n_images, -1) for e in edges], axis=1)
    if height != side or (np.median(border, axis=1) > _INK).any():
        return False
    ink = images > _INK
    is_usual = np.zeros(n_images, dtype=bool)
    is_inked = ink.any(axis=(1, 2))
    lengths, offsets = [], []
    for axis in (1, 2):
        profile = images[is_inked].sum(axis=axis, dtype=np.int64)
        middle = profile @ np.arange(side) / profile.sum(axis=1)
        offsets.append(np.abs(middle - (side - 1) / 2))
        hit = ink[is_inked].any(axis=axis)
        lengths.append(side - hit.argmax(axis=1) - hit[:, ::-1].argmax(axis=1))
    length, offset = np.max(lengths, axis=0) / side, np.max(offsets, axis=0) / side
    is_usual[is_inked] = (0.6 < length) & (length < 0.8) & (offset < 1.5 / 28)
    return bool(is_usual.mean() >= 0.9)
