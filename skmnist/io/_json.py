"""Lossless conversion of plain values to JSON, and strict parsing of JSON.

Every error is a ValueError whose message is the second half of a sentence, in which
the caller names the file.
"""

import json
import math
import re
import reprlib

import numpy as np

_MAX_DIGITS = 20
_MAX_LABEL_BYTES = 16 * 2**20
_LABEL_DTYPES = re.compile(
    "u?int(8|16|32|64)|float(16|32|64)|bool|object|U(?P<width>[1-9][0-9]{0,7})"
)
_LABEL_TYPES = {"b": bool, "i": int, "u": int, "f": float, "U": str, "O": str}


# Reading


def parse_json(text, what):
    """Parse a JSON object, called `what` in errors; all its numbers are finite."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=_short_int,
            parse_float=_finite_float,
            parse_constant=_finite_float,
        )
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{what} cannot be read as JSON: {error}") from None
    if type(document) is not dict:
        raise ValueError(f"{what} is not a JSON object")
    return document


def _without_duplicates(pairs):
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name appears twice in one object")
    return members


def _short_int(digits):
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"an integer has {len(digits)} digits")
    return int(digits)


def _finite_float(digits):
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def check_members(document, names):
    """Check that a JSON object has exactly these members."""
    for name in sorted(document.keys() ^ set(names)):
        verb = "lacks" if name in names else "has a surplus"
        raise ValueError(f"its description {verb} member {reprlib.repr(name)}")


def get(document, name, kind):
    """Return a member of a JSON object, which must be of exactly this type."""
    value = document.get(name)
    if type(value) is not kind:
        raise ValueError(
            f"{name} must be of type {kind.__name__}, but it is {reprlib.repr(value)}"
        )
    return value


def get_strings(document, name, length=None):
    """Return a member of a JSON object that must be a list of strings, or null."""
    values = document.get(name)
    if values is None:
        return None
    if type(values) is not list or not _are_of(str, values):
        raise ValueError(f"{name} must hold strings, but it is {reprlib.repr(values)}")
    if length not in (None, len(values)):
        raise ValueError(f"{name} must hold {length} strings, not {len(values)}")
    return values


def _are_of(kind, values):
    return all(type(value) is kind for value in values)


# Parameters


def pack_param(name, value):
    """Convert a parameter to JSON, in which tuples are lists.

    It may be None, a boolean, a number, a string, or a tuple, list or dict of these.
    """
    if isinstance(value, tuple):
        return [_pack_scalar(name, item) for item in value]
    if isinstance(value, list):
        return {"list": [_pack_scalar(name, item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [pack_param(name, entry) for entry in value.items()]}
    return _pack_scalar(name, value)


def _pack_scalar(name, value):
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(
        f"the parameter {name} cannot be kept in a model file, because it holds "
        f"{reprlib.repr(value)}: set it to a plain value with set_params first"
    )


def unpack_param(packed):
    """Convert JSON to a parameter; the inverse of :func:`pack_param`."""
    if _is_scalar(packed):
        return packed
    if _are_scalars(packed):
        return tuple(packed)
    if type(packed) is dict and len(packed) == 1:
        ((kind, items),) = packed.items()
        if kind == "list" and _are_scalars(items):
            return items
        if kind == "dict" and type(items) is list and all(map(_is_entry, items)):
            value = dict(items)
            if len(value) == len(items):
                return value
    raise ValueError(f"a parameter holds {reprlib.repr(packed)}")


def _is_scalar(value):
    return type(value) not in (list, dict)


def _are_scalars(values):
    return type(values) is list and all(map(_is_scalar, values))


def _is_entry(item):
    return _are_scalars(item) and len(item) == 2 and type(item[1]) in (int, float)


# Numbers and labels


def pack_number(value):
    """Convert a number to JSON, in which NaN and infinities are strings."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    value = float(value)
    return value if math.isfinite(value) else str(value)


def unpack_number(packed):
    """Convert JSON to a number; the inverse of :func:`pack_number`."""
    if packed in ("nan", "inf", "-inf"):
        return float(packed)
    if type(packed) not in (int, float):
        raise ValueError(f"{reprlib.repr(packed)} is not a number")
    return packed


def pack_labels(labels):
    """Convert an array of integers, finite floats, booleans or strings to JSON."""
    values, kind = labels.tolist(), labels.dtype.kind
    width = labels.dtype.itemsize // 4
    dtype = f"U{width}" if kind == "U" else labels.dtype.name
    if (
        not _LABEL_DTYPES.fullmatch(dtype)
        or not _are_of(_LABEL_TYPES[kind], values)
        or (kind == "f" and not np.isfinite(labels).all())
    ):
        raise ValueError(
            f"the labels {reprlib.repr(values)} of dtype {labels.dtype} cannot be kept "
            "in a model file, only integers, finite floats, booleans or strings, all "
            "of one type: convert y first"
        )
    return {"dtype": dtype, "values": values}


def unpack_labels(packed):
    """Convert JSON to labels: at least two, sorted and all different."""
    dtype, values = get(packed, "dtype", str), get(packed, "values", list)
    known = _LABEL_DTYPES.fullmatch(dtype)
    if (
        not known
        or 4 * int(known["width"] or 0) * len(values) > _MAX_LABEL_BYTES
        or not _are_of(_LABEL_TYPES[np.dtype(dtype).kind], values)
    ):
        raise ValueError(f"labels are not of dtype {reprlib.repr(dtype)}")
    try:
        with np.errstate(over="raise"):
            labels = np.array(values, dtype=dtype)
    except ArithmeticError:
        raise ValueError(f"labels are too large for {dtype}") from None
    # NumPy cuts strings that are too long, drops closing nulls and rounds floats.
    if labels.tolist() != values or values != sorted(set(values)) or len(values) < 2:
        raise ValueError("labels are not two at least, sorted and all different")
    return labels
