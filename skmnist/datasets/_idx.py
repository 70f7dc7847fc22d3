"""The idx files of MNIST and similar data sets, recognized by their names."""

import os
import posixpath
import re
import struct
from collections import defaultdict

import numpy as np

from skmnist.datasets._parts import PARTS, ImageSet, join, part_of, transpose_emnist
from skmnist.datasets._stream import read_array, read_block, shortened

MAGIC = bytes([0, 0, 8, 3])  # of images

# train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, qmnist-test-labels-idx2-int ...
_NAME = re.compile(
    r"(.*?)(?:(?:train|test|t10k)[-.])?(images|labels)[-.]idx\d-(?:ubyte|int)(?:\.\w+)?",
    re.IGNORECASE,
)

_IMAGES = {MAGIC: "u1"}
# The labels of QMNIST have eight columns; the first is the class.
_LABELS = {bytes([0, 0, 8, 1]): "u1", bytes([0, 0, 12, 2]): ">i4"}


def find_idx_files(names):
    """Return the idx files of each data set as {set: {(part, role): name}}."""
    sets = defaultdict(dict)
    for name in sorted(names, key=lambda name: name.count("/")):
        folder, base = posixpath.split(name)
        if found := _NAME.fullmatch(base):
            # Kaggle's archive has train-images-idx3-ubyte/train-images-idx3-ubyte.
            if _NAME.fullmatch(posixpath.basename(folder)):
                folder = posixpath.dirname(folder)
            key = part_of(base), found[2].lower()
            sets[posixpath.join(folder, found[1])].setdefault(key, name)
    return sets


def read_idx_files(tree, subset):
    """Read the idx files of a folder or an archive."""
    sets = find_idx_files(tree.names)
    least = min(name.count("/") for name in sets)
    first, *others = [name for name in sets if name.count("/") == least]
    if others:
        found = [posixpath.basename(name).strip("-_.") or name for name in sets]
        raise ValueError(
            f"{tree.path} holds the idx files of {len(found)} data sets "
            f"({shortened(found)}); give the path of one file of images (a zip file "
            f"must be unpacked)."
        )
    parts, there = [], {part for part, _ in sets[first]}
    # "all" is what is there.
    is_one = subset == "all" and there in ({"train"}, {"test"})
    for part in there if is_one else PARTS[subset]:
        images = _find(tree, sets[first], part, "images")
        labels = _find(tree, sets[first], part, "labels")
        image_set = ImageSet(_read(tree, images, _IMAGES), _read(tree, labels, _LABELS))
        parts.append(transpose_emnist(image_set, images))
    return join(parts, tree.path)


def read_idx_images(folder, name):
    """Read one file of images, and the labels beside it if there are any."""
    labels = _labels_beside(folder, name)
    image_set = ImageSet(
        _read(folder, name, _IMAGES), labels and _read(folder, labels, _LABELS)
    )
    return transpose_emnist(join([image_set], folder.where(name)), name)


def _labels_beside(folder, name):
    names = sorted(os.listdir(folder.path or "."))
    files = find_idx_files(each for each in names if os.path.isfile(folder.where(each)))
    mine = _NAME.fullmatch(name)
    return mine and files[mine[1]].get((part_of(name), "labels"))


def _find(tree, files, part, role):
    if (part, role) not in files:
        number = 3 if role == "images" else 1
        prefix = "t10k" if part == "test" else part
        raise FileNotFoundError(
            f"{tree.path} does not have a file {prefix}-{role}-idx{number}-ubyte (with "
            f"or without .gz), but {shortened(tree.names)}."
        )
    return files[part, role]


def _read(tree, name, dtypes):
    where = tree.where(name)
    with tree.open(name) as (stream, limit):
        start = bytes(read_block(stream, 4, limit, where))
        if start not in dtypes:
            raise ValueError(
                f"{where} starts with the bytes {start.hex(' ')}; an idx file of "
                f"{'grey images of 8 bits' if dtypes is _IMAGES else 'labels'} starts "
                f"with {' or '.join(magic.hex(' ') for magic in dtypes)}."
            )
        sizes = read_block(stream, 4 * start[3], limit, where)
        shape = struct.unpack(f">{start[3]}I", sizes)
        values = read_array(stream, dtypes[start], shape, limit, where)
    if dtypes is _IMAGES:
        return values
    return (values if values.ndim == 1 else values[:, 0]).astype(np.int64)
