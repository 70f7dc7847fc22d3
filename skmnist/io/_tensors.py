"""A safetensors file, read by somebody who does not trust it.

Its header has a greatest length, its JSON is read strictly, and each tensor's name,
dtype, shape and place is compared with what is expected and with the file's size
before memory is taken for it.
"""

import math
import reprlib

import numpy as np

from skmnist.io._json import parse_json

__all__ = ["MAX_HEADER", "check_tensors", "read_header", "read_tensors"]

# Enough for the names of 65,536 pixels and for thousands of epochs, and little
# enough that the most wasteful JSON of this length stays far below 200 MB.
MAX_HEADER = 2 * 2**20
_MAX_FILE = 4 * 2**30
_DTYPES = {"F32": "<f4", "I64": "<i8"}


def read_header(stream, size):
    """Return the header of a safetensors file, whose entries have the form they must.

    Parameters
    ----------
    stream : binary file
        At its start; afterwards directly behind the header.
    size : int
        Length of the file in bytes.

    Returns
    -------
    header : dict
        Name of each tensor to its dtype, shape and offsets; ``__metadata__``, if
        there is one, is not checked.

    Raises
    ------
    ValueError
        If the file is none of this format, or too large.
    """
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > size - 8:
        raise ValueError(f"with {size} bytes it is no safetensors file, or cut off")
    if size > _MAX_FILE:
        raise ValueError(f"it has {size} bytes, and more than {_MAX_FILE} are not read")
    if length > MAX_HEADER:
        raise ValueError(
            f"its header takes {length} bytes, and more than {MAX_HEADER} are not read"
        )
    header = parse_json(_read_exactly(stream, length), "its header")
    for name, entry in header.items():
        if name != "__metadata__":
            _check_entry(name, entry)
    return header


def check_tensors(header, expected, n_bytes):
    """Compare the tensors described with those expected and with the file's size.

    Parameters
    ----------
    header : dict
        As `read_header` gives it, without ``__metadata__``.
    expected : dict of str to (str, tuple)
        Dtype, ``"F32"`` or ``"I64"``, and shape of each tensor. In a shape of one
        axis, None is a length that is free.
    n_bytes : int
        Length of the file behind the header.

    Raises
    ------
    ValueError
        If they differ.
    """
    for name in sorted(header.keys() ^ expected.keys()):
        verb = "lacks" if name in expected else "has a surplus"
        raise ValueError(f"it {verb} tensor {reprlib.repr(name)}")
    for name, (dtype, shape) in expected.items():
        entry = header[name]
        found = (entry["dtype"], tuple(entry["shape"]))
        if shape == (None,) and len(found[1]) == 1:
            shape = found[1]
        if found != (dtype, shape):
            raise ValueError(
                f"tensor {name} is {reprlib.repr(found)}, but the hyperparameters "
                f"imply {(dtype, shape)}"
            )
    end = 0
    for name, entry in _in_file_order(header):
        itemsize = np.dtype(_DTYPES[entry["dtype"]]).itemsize
        here = [end, end + math.prod(entry["shape"]) * itemsize]
        if entry["data_offsets"] != here:
            raise ValueError(f"tensor {name} does not lie at bytes {here[0]}-{here[1]}")
        end = here[1]
    if end != n_bytes:
        raise ValueError(
            f"its tensors take {end} bytes, but {n_bytes} follow its header"
        )


def read_tensors(stream, header, may_be_infinite=()):
    """Return the tensors described, by name, in the order of the file.

    Parameters
    ----------
    stream : binary file
        Directly behind the header.
    header : dict
        As `check_tensors` has passed it.
    may_be_infinite : collection of str, default=()
        Names of tensors that may hold NaN and infinities.

    Returns
    -------
    arrays : dict of str to ndarray
        In the machine's byte order.

    Raises
    ------
    ValueError
        If another tensor holds such a value, or the file ends too early.
    """
    arrays = {}
    for name, entry in _in_file_order(header):
        start, end = entry["data_offsets"]
        data = _read_exactly(stream, end - start)
        array = np.frombuffer(data, _DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if name not in may_be_infinite and not np.isfinite(array).all():
            raise ValueError(f"tensor {name} holds values that are not finite")
        arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return arrays


def _check_entry(name, entry):
    if (
        type(entry) is not dict
        or entry.keys() != {"dtype", "shape", "data_offsets"}
        or type(entry["dtype"]) is not str
        or not _are_sizes(entry["shape"])
        or not _are_sizes(entry["data_offsets"])
        or len(entry["data_offsets"]) != 2
    ):
        raise ValueError(f"tensor {reprlib.repr(name)} is not described as it must be")


def _are_sizes(values):
    return type(values) is list and all(type(n) is int and n >= 0 for n in values)


def _in_file_order(header):
    return sorted(header.items(), key=lambda item: item[1]["data_offsets"])


def _read_exactly(stream, n_bytes):
    data = bytearray(n_bytes)
    if stream.readinto(data) != n_bytes:
        raise ValueError("it was cut off while it was read")
    return data
