"""Kaggle's table of digits: column names, then one square image a row.

NumPy's text reader takes the regular rows: in C, strictly, and straight to bytes.
Rows that it refuses are read once more in Python, which says what is wrong.
"""

import codecs
import csv
import math
import re
import warnings
from collections import Counter
from functools import lru_cache
from itertools import islice

import numpy as np

_PIXEL = re.compile(r"pixel(\d{1,9})", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_PIXEL_VALUES = frozenset(range(256))
_NO_LABEL = {"", "nan", "na", "n/a", "<na>", "null", "none"}
_MAX_NAMES = 4 * 2**20  # bytes
_MAX_LABEL = 100  # characters
_CELLS_AT_ONCE = 2**20


def read_pixel_csv(stream, limit, path, label_column):
    """Read images (n, side, side) and labels, or None, from a binary stream.

    Of the stream at most `limit` bytes are read; `path` is for messages only.
    """
    names = read_names(stream, path)
    at = names.index(label_column) if label_column in names else None
    order, side = _pixel_order(names, label_column, path)
    rows = _read_rows(stream, limit, path, 64 * len(names) + _MAX_LABEL)
    parts, labels, n_rows = [], [], 0
    while lines := list(islice(rows, max(1, _CELLS_AT_ONCE // len(names)))):
        pixels, texts = _parse(lines, names, at, n_rows, path)
        parts.append(pixels if order is None else pixels[:, order])
        labels.extend(texts)
        n_rows += len(lines)
    if not parts:
        raise ValueError(f"{path} holds column names, but no rows below them.")
    images = np.concatenate(parts).reshape(n_rows, side, side)
    return images, None if at is None else _as_labels(labels, path)


def read_names(stream, path):
    line = stream.readline(_MAX_NAMES).removeprefix(codecs.BOM_UTF8)
    text = line.decode().strip()
    if not text.isprintable():
        refuse_format(path)
    if len(line) == _MAX_NAMES:
        raise ValueError(f"The first line of {path} is longer than {len(line)} bytes.")
    names = [name.strip() for name in next(csv.reader([text], strict=True), [])]
    if all(_NUMBER.fullmatch(name) for name in names):
        raise ValueError(
            f"The first line of {path} holds {shortened(names) or 'nothing'}, not the "
            "names of the columns: label, pixel0, pixel1 and so on."
        )
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{path} names columns twice: {shortened(doubled)}.")
    return names


def _pixel_order(names, label_column, path):
    """Return the order that sorts the pixel columns, or None, and the images' side."""
    pixels = [name for name in names if name != label_column]
    others = [name for name in pixels if not _PIXEL.fullmatch(name)]
    if others or not pixels:
        problem = (
            f"has no column {label_column!r}"
            if label_column not in names
            else f"has more than {label_column!r} and pixels"
            if others
            else "has no pixels"
        )
        seen = sorted(names, key=set(others).__contains__, reverse=True)
        raise ValueError(
            f"{path} {problem}; its columns are {shortened(seen)}. Expected are "
            "pixel0, pixel1 and so on, and the label, which label_column names."
        )
    numbers = np.array([int(_PIXEL.fullmatch(name)[1]) for name in pixels])
    order = np.argsort(numbers)
    if np.any(np.diff(numbers[order]) != 1) or numbers.min() > 1:
        raise ValueError(
            f"{path} has {len(numbers)} pixel columns whose numbers do not run from 0 "
            "(or 1) without a gap."
        )
    side = math.isqrt(len(numbers))
    if side**2 != len(numbers):
        raise ValueError(
            f"{path} has {len(numbers)} pixel columns, which is no square number: "
            "only square images are read from a CSV file."
        )
    return None if np.all(np.diff(order) == 1) else order, side


def _read_rows(stream, limit, path, longest):
    n_bytes = 0
    while line := stream.readline(longest):
        n_bytes += len(line)
        if n_bytes > limit:
            raise ValueError(f"{path} expands to more than {limit} bytes.")
        if len(line) == longest and not line.endswith(b"\n"):
            raise ValueError(f"{path} has a row of more than {longest} bytes.")
        if line.isspace():
            # Blank lines may only follow the last row, and not for ever.
            if stream.read(longest).strip() or stream.read(1):
                raise ValueError(f"{path} has a blank line between its rows.")
            return
        yield line.rstrip(b"\r\n").decode()


def _parse(lines, names, at, n_before, path):
    """Return the pixels (in the file's order) and the label texts of some rows."""
    n_pixels = len(names) - (at is not None)
    first = n_pixels if at is None else at
    fields = [("before", "u1", (first,)), ("after", "u1", (n_pixels - first,))]
    if at is not None:
        fields.insert(1, ("label", object))
    try:
        with warnings.catch_warnings():
            # Before NumPy 2.3, loadtxt wraps "256" and cuts "1.5" with a warning.
            warnings.simplefilter("error")
            table = np.loadtxt(
                lines, fields, delimiter=",", comments=None, quotechar='"', ndmin=1
            )
    except (ValueError, Warning):
        table = ()
    if len(table) != len(lines):  # refused, or a line break inside quotes
        return _parse_slowly(lines, names, at, n_before, path)
    pixels = np.concatenate([table["before"], table["after"]], axis=1)
    return pixels, [] if at is None else table["label"]


def _parse_slowly(lines, names, at, n_before, path):
    """Parse what NumPy cannot: take 12.0 for 12, and name the first bad cell."""
    pixel_names = [name for i, name in enumerate(names) if i != at]
    pixels, labels = np.empty((len(lines), len(pixel_names)), np.uint8), []
    for i, line in enumerate(lines):
        cells = next(csv.reader([line], strict=True))
        where = f"{path}: row {n_before + i + 1}"
        if len(cells) != len(names):
            raise ValueError(f"{where} has {len(cells)} of {len(names)} columns.")
        if at is not None:
            labels.append(cells.pop(at))
        values = [_pixel(cell) for cell in cells]
        if None in values:
            bad = values.index(None)
            raise ValueError(
                f"{where} holds {shortened([cells[bad]])} in {pixel_names[bad]!r}; a "
                "pixel is a whole number from 0 to 255."
            )
        pixels[i] = values
    return pixels, labels


@lru_cache(1024)
def _pixel(text):
    text = text.strip()
    value = float(text) if _NUMBER.fullmatch(text) else -1
    return int(value) if value in _PIXEL_VALUES else None


def _as_labels(texts, path):
    texts = [text.strip() for text in texts]
    for row, text in enumerate(texts, 1):
        if text.lower() in _NO_LABEL:
            raise ValueError(f"{path}: row {row} has no label ({text!r}).")
        if len(text) > _MAX_LABEL or not text.isprintable():
            raise ValueError(
                f"{path}: row {row} has {shortened([text])} for a label; labels are "
                f"numbers or up to {_MAX_LABEL} printable characters."
            )
    # NumPy gives each label the room of the longest one.
    room = 4 * max(map(len, texts), default=0) * len(texts)
    if room > 50 * sum(map(len, texts)) + 2**27:
        raise ValueError(
            f"{path} has {len(texts)} labels of very different lengths, which would "
            f"take {room} bytes: use shorter ones."
        )
    kinds = set(texts)
    if not all(_NUMBER.fullmatch(text) for text in kinds):
        return np.array(texts)
    for text in kinds:
        if not float(text).is_integer() or abs(float(text)) >= 2**53:
            raise ValueError(f"{path} has the label {text}, which is no whole number.")
    return np.array([int(float(text)) for text in texts], dtype=np.int64)


def shortened(names):
    """Show at most the first six names, each cut to 30 characters."""
    shown = ", ".join(repr(name[:30]) for name in names[:6])
    return shown if len(names) <= 6 else f"{shown} ... ({len(names)} in all)"


def refuse_format(path, reason=None):
    raise ValueError(
        f"{path} is none of the files that can be read: a CSV file of UTF-8 text, a "
        "Keras npz file, or a folder of idx files."
    ) from reason
