"""Plain values as JSON that comes back exactly, and JSON that is read strictly."""

import json
import math
import re
import reprlib

import numpy as np

__all__ = [
    "check_members",
    "get",
    "pack_labels",
    "pack_number",
    "pack_param",
    "parse_json",
    "unpack_image_shape",
    "unpack_labels",
    "unpack_number",
    "unpack_param",
]

_MAX_DEPTH = 16
_MAX_DIGITS = 20
_MAX_LABEL_BYTES = 16 * 2**20
# 4096 x 4096: a network that halves its images often enough has small weights for
# images of any size.
_MAX_PIXELS = 2**24
# A text without an end counts as one too: each of its quotes would start a new search.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NOT_FINITE = ("nan", "inf", "-inf")


def parse_json(data, what):
    """Parse JSON that nobody vouches for.

    Parameters
    ----------
    data : str, bytes or bytearray
        The text; bytes must be UTF-8.
    what : str
        How error messages call the text.

    Returns
    -------
    document : dict
        All numbers in it are finite.

    Raises
    ------
    ValueError
        If the text is no JSON object, is nested more than 16 deep, names a member
        twice, or holds a number that is not finite or has more than 20 digits.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        _check_depth(text)
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=_short_int,
            parse_float=_finite_float,
            parse_constant=_finite_float,
        )
    except ValueError as error:
        raise ValueError(f"{what} cannot be read as JSON: {error}") from None
    if type(document) is not dict:
        raise ValueError(f"{what} is no JSON object")
    return document


def _check_depth(text):
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")


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
    """Refuse a JSON object that has not exactly these members."""
    for name in sorted(document.keys() ^ set(names)):
        verb = "lacks" if name in names else "has a surplus"
        raise ValueError(f"its description {verb} member {reprlib.repr(name)}")


def get(document, name, kind):
    """Return a member of a JSON object, which must be of a type exactly."""
    value = document.get(name)
    if type(value) is not kind:
        raise ValueError(
            f"{name} is to be of type {kind.__name__}, but it is {reprlib.repr(value)}"
        )
    return value


def pack_param(name, value):
    """Turn a parameter into JSON, in which tuples are lists.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        Its value: None, a boolean, a number, a text, or a tuple, list or dict of
        such.

    Returns
    -------
    packed : object
        What :func:`unpack_param` turns back into an equal value.

    Raises
    ------
    ValueError
        If `value` is anything else; names the parameter.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, tuple):
        return [pack_param(name, item) for item in value]
    if isinstance(value, list):
        return {"list": pack_param(name, tuple(value))}
    if isinstance(value, dict):
        return {"dict": pack_param(name, tuple(value.items()))}
    raise ValueError(
        f"the parameter {name} cannot be kept in a model file, because it holds "
        f"{reprlib.repr(value)}: set it to a plain value with set_params first"
    )


def unpack_param(packed):
    """Turn JSON back into a parameter; the inverse of :func:`pack_param`."""
    if type(packed) is list:
        return tuple(unpack_param(item) for item in packed)
    if type(packed) is not dict:
        return packed
    ((kind, items),) = packed.items() if len(packed) == 1 else ((None, None),)
    if type(items) is list and kind == "list":
        return [unpack_param(item) for item in items]
    if type(items) is list and kind == "dict" and all(map(_is_entry, items)):
        value = dict(items)
        if len(value) == len(items):
            return value
    raise ValueError(f"a parameter holds {reprlib.repr(packed)}")


def _is_entry(item):
    return (
        type(item) is list
        and len(item) == 2
        and type(item[0]) in (bool, int, float, str)
        and type(item[1]) in (int, float)
    )


def pack_number(value):
    """Turn a number into JSON, which knows none that is not finite."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    value = float(value)
    return value if math.isfinite(value) else str(value)


def unpack_number(packed):
    """Turn JSON back into a number; the inverse of :func:`pack_number`."""
    if type(packed) is str and packed in _NOT_FINITE:
        return float(packed)
    if type(packed) not in (int, float):
        raise ValueError(f"{reprlib.repr(packed)} stands where a number should")
    return packed


def pack_labels(labels):
    """Turn class labels into JSON.

    Parameters
    ----------
    labels : ndarray of shape (n_classes,)
        Integers, booleans or texts.

    Returns
    -------
    packed : dict
        What :func:`unpack_labels` turns back into the same array.

    Raises
    ------
    ValueError
        If the labels are of any other type.
    """
    kind, values = labels.dtype.kind, labels.tolist()
    if kind in "iub":
        dtype = labels.dtype.name
    elif kind == "U":
        dtype = f"U{labels.dtype.itemsize // 4}"
    elif kind == "O" and all(isinstance(label, str) for label in values):
        dtype = "object"
    else:
        raise ValueError(
            f"labels of dtype {labels.dtype} cannot be kept in a model file, only "
            f"integers, booleans and texts: give y another type and fit again"
        )
    return {"dtype": dtype, "values": values}


def unpack_labels(packed):
    """Turn JSON back into labels: two at least, sorted and all different."""
    dtype, values = get(packed, "dtype", str), get(packed, "values", list)
    if dtype in _INTEGERS:
        limits = np.iinfo(dtype)
        fits = all(type(v) is int and limits.min <= v <= limits.max for v in values)
    elif dtype == "bool":
        fits = all(type(v) is bool for v in values)
    elif match := re.fullmatch(r"U([1-9][0-9]{0,7})", dtype):
        fits = 4 * int(match[1]) * len(values) <= _MAX_LABEL_BYTES
        fits = fits and all(type(v) is str for v in values)
    else:
        fits = dtype == "object" and all(type(v) is str for v in values)
    if not fits:
        raise ValueError(f"labels are not of dtype {reprlib.repr(dtype)}")
    labels = np.array(values, dtype=dtype)
    # A width that is too small cuts texts, and NumPy drops closing null characters.
    if labels.tolist() != values or values != sorted(set(values)) or len(values) < 2:
        raise ValueError("labels are not two at least, sorted and all different")
    return labels


def unpack_image_shape(packed):
    """Turn JSON back into height and width."""
    if len(packed) != 2 or not all(type(n) is int and n >= 1 for n in packed):
        raise ValueError(f"image_shape is {reprlib.repr(packed)}")
    if packed[0] * packed[1] > _MAX_PIXELS:
        raise ValueError(
            f"its images have {packed[0]} x {packed[1]} pixels, and more than "
            f"{_MAX_PIXELS} are not allowed in a file"
        )
    return tuple(packed)
