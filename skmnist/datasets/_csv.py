"""CSV files with one image per row and its label in one column.

NumPy's text reader parses the rows, strictly and directly to bytes. pandas takes 8
times as much memory, and accepts ``1_0`` and ``٣`` as numbers.
"""

import codecs
import csv
import math
import re
import warnings
from collections import Counter
from functools import partial
from itertools import chain, groupby, islice

import numpy as np

from skmnist.datasets._parts import ImageSet, transpose_emnist
from skmnist.datasets._stream import refuse_format, shortened

_PIXEL = re.compile(r"(?:pixel)?(\d{1,9})", re.ASCII)
_ROW_AND_COLUMN = re.compile(r"(\d{1,9})x(\d{1,9})", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_IDS = {"id", "imageid"}
_NUMBERINGS = {*_IDS, "index", "unnamed: 0", ""}  # columns that are not of the image
_NO_LABEL = {"", "nan", "na", "n/a", "<na>", "null", "none"}
_MAX_NAMES = 4 * 2**20  # bytes
_MAX_LABEL = 100  # characters
_MOST_CLASSES = 62  # digits and letters
_CELLS_AT_ONCE = 2**20

_BAD_CELL = re.compile(r"string (.*) to float64 at row (\d+), column (\d+)", re.DOTALL)
_BAD_ROW = re.compile(r"but (\d+) were found at row (\d+)")


def read_csv(stream, limit, path, label_column):
    """Read a table from a binary stream, of which at most `limit` bytes are read."""
    first = _first_line(stream, path)
    names = _split(first)
    rows = _read_rows(stream, limit, path, 64 * len(names) + _MAX_LABEL)
    is_named = _is_header(names, label_column)
    if not is_named:
        names = _usual_names(len(names), label_column, path)
        rows = chain([first], rows)
    order, shape = _pixel_order(names, label_column, path)
    parts, labels, ids, n_rows = [], [], [], 0
    while lines := list(islice(rows, max(1, _CELLS_AT_ONCE // len(names)))):
        pixels, *texts = _parse(lines, names, label_column, n_rows, path)
        parts.append(pixels if order is None else pixels[:, order])
        labels.extend(texts[0])
        ids.extend(texts[1])
        n_rows += len(lines)
    if not parts:
        raise ValueError(f"{path} holds column names, but no rows below them.")
    images = np.concatenate(parts).reshape(n_rows, *shape)
    labels = _as_labels(labels, path) if label_column in names else None
    if not is_named and labels is not None:
        _refuse_labels_at_end(labels, images, path)
    ids = np.array([text.strip() for text in ids], dtype=object) if ids else None
    return transpose_emnist(ImageSet(images, labels, ids=ids), path)


def is_table(stream, path, label_column):
    """Return whether the first line of a stream is that of a table of images."""
    try:
        names = _split(_first_line(stream, path))
        is_named = _is_header(names, label_column)
        if is_named:
            _pixel_order(names, label_column, path)
        else:
            names = _usual_names(len(names), label_column, path)
    except (ValueError, csv.Error):
        return False
    # A few numbers are rather a note than an image.
    n_pixels = sum(_is_pixel(name, label_column) for name in names)
    return n_pixels > (1 if is_named else 15)


def _first_line(stream, path):
    line = stream.readline(_MAX_NAMES).removeprefix(codecs.BOM_UTF8)
    text = line.decode().strip()
    if not text.replace("\t", " ").isprintable():
        refuse_format(path)
    if "\t" in text or text.count(";") > text.count(","):
        raise ValueError(f"{path} has tabs or semicolons between columns: use commas.")
    if len(line) == _MAX_NAMES:
        raise ValueError(f"The first line of {path} is longer than {len(line)} bytes.")
    return text


def _split(line):
    return [name.strip() for name in next(csv.reader([line], strict=True)) or [""]]


def _is_header(names, label_column):
    """Return whether the first line holds column names rather than an image."""
    rest, filled = names[1:], list(filter(None, names))
    counted = [str(i) for i in range(len(names) + 1)]
    return (
        not filled
        or not {label_column, *_NUMBERINGS}.isdisjoint(filled)
        or not all(map(_NUMBER.fullmatch, filled[1:] or filled))
        or names == counted[:-1]
        or len(rest) > 1
        and rest in (counted[:-2], counted[1:-1])
    )


def _usual_names(n_columns, label_column, path):
    """Return names for the columns of a table without: the label comes first."""
    for names in ([label_column], []):
        n_pixels = n_columns - len(names)
        if n_pixels and math.isqrt(n_pixels) ** 2 == n_pixels:
            return names + [f"pixel{i}" for i in range(n_pixels)]
    raise ValueError(
        f"The first line of {path} holds {n_columns} numbers; without names of columns "
        "it is a label and the pixels of a square image, or the pixels alone."
    )


def _refuse_labels_at_end(labels, images, path):
    """Refuse a table whose first column is black, but whose last one numbers classes.

    The corner of a digit's image is black, or as bright as any pixel.
    """
    last = images[:, -1, -1]
    is_zero = labels.dtype.kind == "i" and not labels.any()
    if is_zero and 0 < np.ptp(last) and last.max() < _MOST_CLASSES:
        raise ValueError(
            f"{path} has 0 in each row of its first column and numbers up to "
            f"{last.max()} in its last. Without names of columns the label comes "
            "first: give the columns names, such as label and pixel0, pixel1 and so on."
        )


def _pixel_order(names, label_column, path):
    """Return the order of the pixel columns (None if sorted) and the images' shape."""
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{path} names columns twice: {shortened(doubled)}.")
    pixels = [name for name in names if _is_pixel(name, label_column)]
    numbers, shape = _pixel_numbers(pixels)
    if numbers is None:
        problem = (
            f"does not have a column {label_column!r}"
            if label_column not in names
            else f"has more than {label_column!r} and pixels"
            if pixels
            else "does not have pixels"
        )
        odd = [name for name in names if not _PIXEL.fullmatch(name)]
        seen = sorted(names, key=set(odd).__contains__, reverse=True)
        raise ValueError(
            f"{path} {problem}; its columns are {shortened(seen)}. Expected are "
            "pixel0, pixel1 and so on, or 1x1, 1x2 and so on, and the label, which "
            "label_column (--label-column) names."
        )
    order = np.argsort(numbers)
    if np.any(np.diff(numbers[order]) != 1) or numbers.min() > 1:
        raise ValueError(
            f"{path} has {len(numbers)} pixel columns whose numbers do not run from 0 "
            "(or 1) without a gap."
        )
    if math.prod(shape) != len(numbers):
        raise ValueError(
            f"{path} has {len(numbers)} pixel columns, which do not make a square "
            "image, and those named 1x1, 1x2 and so on a rectangle. If one of them is "
            "the label, name it with label_column (--label-column)."
        )
    return None if np.all(np.diff(order) == 1) else order, shape


def _is_pixel(name, label_column):
    return name != label_column and name.lower() not in _NUMBERINGS


def _pixel_numbers(names):
    """Return each pixel's place in its image, and the images' shape, or None."""
    if names and all(found := [_PIXEL.fullmatch(name) for name in names]):
        side = math.isqrt(len(names))
        return np.array([int(name[1]) for name in found]), (side, side)
    if names and all(found := [_ROW_AND_COLUMN.fullmatch(name) for name in names]):
        rows, columns = np.array([(int(name[1]), int(name[2])) for name in found]).T
        height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
        return (rows - rows.min()) * width + columns - columns.min(), (height, width)
    return None, None


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


def _parse(lines, names, label_column, n_before, path):
    """Return the pixels (in the file's order), label texts and ids of some rows."""
    try:
        pixels, *texts = _load(lines, names, label_column, "u1")
    except (ValueError, Warning):
        pixels, *texts = _parse_floats(lines, names, label_column, n_before, path)
    if len(pixels) != len(lines):
        raise ValueError(
            f"{path} has a line break inside quotes, between rows {n_before + 1} and "
            f"{n_before + len(lines)}."
        )
    return pixels.astype(np.uint8, copy=False), *texts


def _load(lines, names, label_column, dtype):
    """Return the pixels of some rows, of this dtype, and their label texts and ids."""
    id_column = next((name for name in names if name.lower() in _IDS), None)
    fields, runs = [], groupby(names, key=partial(_is_pixel, label_column=label_column))
    for is_pixel, run in runs:
        run = list(run)
        if is_pixel:
            fields.append((f"pixels{len(fields)}", dtype, (len(run),)))
            continue
        for name in run:
            known = {label_column: "label"}.get(name, "id" if name == id_column else "")
            fields.append((known or f"other{len(fields)}", object))
    with warnings.catch_warnings():
        # Before NumPy 2.3, loadtxt wraps "256" and cuts "1.5" with a warning.
        warnings.simplefilter("error")
        table = np.loadtxt(
            lines, fields, delimiter=",", comments=None, quotechar='"', ndmin=1
        )
    pixels = [table[field] for field in table.dtype.names if field.startswith("pixels")]
    texts = [table[f] if f in table.dtype.names else [] for f in ("label", "id")]
    return np.concatenate(pixels, axis=1), *texts


def _parse_floats(lines, names, label_column, n_before, path):
    """Read rows whose pixels are written as 12.0, and name the first bad cell."""
    try:
        pixels, *texts = _load(lines, names, label_column, "f8")
    except ValueError as error:
        raise ValueError(_explained(str(error), names, n_before, path)) from error
    columns = [i for i, name in enumerate(names) if _is_pixel(name, label_column)]
    bad = np.argwhere((pixels < 0) | (pixels > 255) | (pixels != np.floor(pixels)))
    if len(bad) and len(pixels) == len(lines):
        row, column = bad[0][0], columns[bad[0][1]]
        cell = repr(next(csv.reader([lines[row]]))[column])
        raise ValueError(_bad_cell(cell, row, column, names, n_before, path))
    return pixels, *texts


def _explained(message, names, n_before, path):
    """Return NumPy's message with the names of the file, the row and the column."""
    if found := _BAD_CELL.search(message):
        cell, row, column = found.groups()
        return _bad_cell(cell, int(row), int(column) - 1, names, n_before, path)
    if found := _BAD_ROW.search(message):
        n_columns, row = map(int, found.groups())
        where = f"{path}: row {n_before + row}"
        return f"{where} has {n_columns} of {len(names)} columns."
    return f"{path}: {message}"


def _bad_cell(cell, row, column, names, n_before, path):
    return (
        f"{path}: row {n_before + row + 1} holds {cell[:32]} in {names[column]!r}; a "
        "pixel is a whole number from 0 to 255."
    )


def _as_labels(texts, path):
    texts = [text.strip() for text in texts]
    for row, text in enumerate(texts, 1):
        if text.lower() in _NO_LABEL:
            raise ValueError(f"{path}: row {row} does not have a label ({text!r}).")
        if len(text) > _MAX_LABEL or not text.isprintable():
            raise ValueError(
                f"{path}: row {row} has {shortened([text])} for a label; labels are "
                f"numbers or up to {_MAX_LABEL} printable characters."
            )
    # In NumPy's array each label takes the room of the longest one.
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
            raise ValueError(
                f"{path} has the label {text}, which is not a whole number."
            )
    return np.array([int(float(text)) for text in texts], dtype=np.int64)
