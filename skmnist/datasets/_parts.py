"""The images that a reader returns, and the parts of a data set."""

import os
import posixpath
import re
from typing import NamedTuple

import numpy as np

from skmnist._utils import warn_user
from skmnist.datasets._stream import shortened

PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}

# Where a word starts in a name such as "mnist_train" or "mnistTrain".
WORD = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_PART = re.compile(WORD + "((?i:train|test|t10k))")
_SHARD = re.compile(r"\d+-of-\d+")
_EMNIST = re.compile(
    r"emnist[-_ ](balanced|byclass|bymerge|digits|letters|mnist)[-_ ](train|test)"
)


class ImageSet(NamedTuple):
    """Images of shape (n, height, width), with labels, file names and ids."""

    images: np.ndarray
    labels: np.ndarray | None = None
    filenames: np.ndarray | None = None
    ids: np.ndarray | None = None
    normalized: bool = False


def refuse_test(subset, source):
    """Raise a ValueError if the test part of a source without one is wanted."""
    if subset == "test":
        raise ValueError(
            f"{source} does not have a test part; 'mnist', npz files and folders or "
            "zip files with train and test parts have one."
        )


def part_of(name):
    """Return the part in a file's name: "train", "test" or None."""
    found = _PART.findall(name)
    if not found:
        return None
    return "train" if found[-1].lower() == "train" else "test"


def choose(names, subset, path):
    """Return the names of the tables for each part in `subset`."""
    # Kaggle's archives may have sign_train.csv and sign_train/sign_train.csv.
    names = [name for name in names if _raised(name) not in names]
    if len(names) == 1 or len({_SHARD.sub("", name) for name in names}) == 1:
        refuse_test(subset, path)
        return [names]
    chosen = []
    for part in PARTS[subset]:
        mine = [name for name in names if part_of(name) == part]
        if len({_SHARD.sub("", name) for name in mine}) != 1 or (
            len(mine) > 1 and not _SHARD.search(mine[0])
        ):
            unpacked = "" if os.path.isdir(path) else ", after unpacking the zip file"
            raise ValueError(
                f"{path} holds {len(names)} files ({shortened(names)}), of which "
                f"{shortened(mine) or 'none'} can be its {part} part; give one of "
                f"them{unpacked}."
            )
        chosen.append(mine)
    if subset == "all":
        warn_of_rest(names, [name for mine in chosen for name in mine], "tables", path)
    return chosen


def _raised(name):
    """Return the path of a file out of a folder of its name; None without one."""
    folder, base = posixpath.split(name)
    above, last = posixpath.split(folder)
    return posixpath.join(above, base) if last and base.startswith(f"{last}.") else None


def warn_of_rest(names, chosen, what, path):
    """Warn if the files of "all" parts are not all that are there."""
    n_others = len(names) - len(chosen)
    if n_others:
        warn_user(
            f"{n_others} of the {len(names)} {what} in {path} are in neither part, "
            "train or test, and were skipped: give their own path to read them."
        )


def join(parts, path):
    """Join parts into one set of images."""
    first = parts[0]
    for part in parts:
        n_labels = None if part.labels is None else len(part.labels)
        if (
            part.images.shape[1:] != first.images.shape[1:]
            or n_labels not in (None, len(part.images))
            or (part.labels is None) != (first.labels is None)
        ):
            shapes = " and ".join(str(part.images.shape) for part in parts)
            counts = " and ".join(
                "none" if part.labels is None else str(part.labels.shape)
                for part in parts
            )
            raise ValueError(
                f"{path} does not fit together: images of shape {shapes}, labels of "
                f"shape {counts}. Where one part has no labels, give subset='train' or "
                f"'test' (--subset)."
            )
    if len(parts) == 1:
        return first
    return ImageSet(
        *(
            None if any(each is None for each in values) else np.concatenate(values)
            for values in list(zip(*parts, strict=True))[:-1]
        ),
        normalized=any(part.normalized for part in parts),
    )


def transpose_emnist(image_set, name):
    """Transpose EMNIST's images, which are stored column by column."""
    if not _EMNIST.match(os.path.basename(name).lower()):
        return image_set
    return image_set._replace(images=image_set.images.transpose(0, 2, 1))
