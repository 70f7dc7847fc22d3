"""Keras's mnist.npz: four arrays, read without NumPy's pickles."""

import re

from skmnist.datasets._parts import PARTS, ImageSet, join
from skmnist.datasets._stream import read_array, shortened

_HEADER = re.compile(
    r"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)


def holds_arrays(names):
    """Return whether files are those of an npz archive, not arrays among others."""
    are_arrays = [name.endswith(".npy") for name in names]
    return any(are_arrays) and (all(are_arrays) or "x_train.npy" in names)


def read_npz(tree, subset):
    """Read the arrays of the parts in `subset` from an archive of npy files."""
    keys = [f"{axis}_{part}" for part in PARTS["all"] for axis in "xy"]
    if missing := [key for key in keys if f"{key}.npy" not in tree.names]:
        raise ValueError(
            f"{tree.path} does not have {missing[0]}: it holds "
            f"{shortened(tree.names)}, a Keras npz file holds {', '.join(keys)}."
        )
    parts = [
        ImageSet(
            _read_npy(tree, f"x_{part}", ndim=3),
            _read_npy(tree, f"y_{part}", ndim=1).astype(int),
        )
        for part in PARTS[subset]
    ]
    return join(parts, tree.path)


def _read_npy(tree, key, ndim):
    where = f"{key} in {tree.path}"
    with tree.open(f"{key}.npy") as (stream, limit):
        # NumPy's reader allocates what the header claims, without checking it.
        magic = stream.read(8)
        size = int.from_bytes(stream.read(2 if magic[6:7] == b"\1" else 4), "little")
        header = stream.read(min(size, 10_000)).decode("latin1")
        found = _HEADER.fullmatch(header)
        if not magic.startswith(b"\x93NUMPY") or not found:
            raise ValueError(f"{where} is not an array of plain numbers.")
        dtype, fortran = found[1], found[2] == "True"
        shape = tuple(int(size) for size in found[3].split(",") if size.strip())
        wanted = r"[<>|=]?u1" if ndim == 3 else r"[<>|=]?(i[1248]|u[124])"
        if len(shape) != ndim or not re.fullmatch(wanted, dtype):
            raise ValueError(
                f"{where} has dtype {dtype!r} and shape {shape}; images are uint8 of "
                "shape (n, height, width), labels are integers of shape (n,)."
            )
        if not fortran:
            return read_array(stream, dtype, shape, limit, where)
        return read_array(stream, dtype, shape[::-1], limit, where).T
