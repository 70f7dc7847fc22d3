"""A JSON document and named tensors in one safetensors file that is safe to open.

Nothing in such a file is executed, imported, followed or fetched, and all of it is
checked before it is used.
"""

import hashlib
import json
import os
import reprlib

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from skmnist.io._atomic import open_regular
from skmnist.io._json import parse_json

# Enough for the names of 65,536 pixels and for thousands of epochs, and little
# enough that the most wasteful JSON of this length stays far below 200 MB.
_MAX_HEADER = 2 * 2**20
_CHECKSUM = "checksum"
_NO_CHECKSUM = "0" * hashlib.sha256().digest_size * 2


def pack_tensors(document, tensors):
    """Return the bytes of a file; the same content gives the same bytes.

    The document holds JSON's types with finite numbers; tensors are of dtype float32 or
    int64.
    """
    # safetensors ignores strides.
    tensors = {name: np.asarray(a, order="C") for name, a in tensors.items()}
    text = json.dumps(document | {_CHECKSUM: _NO_CHECKSUM}, allow_nan=False)
    document = document | {_CHECKSUM: _checksum(text, tensors)}
    # A single entry: safetensors 0.8 writes several in random order.
    data = save(tensors, {"skmnist": json.dumps(document, allow_nan=False)})
    if (length := int.from_bytes(data[:8], "little")) > _MAX_HEADER:
        raise ValueError(
            f"names of columns, labels and history would take {length} bytes in the "
            f"file's header, and at most {_MAX_HEADER} are allowed"
        )
    return data


class TensorFile:
    """An untrusted file, of which only the JSON document is loaded at first.

    Raises a FileNotFoundError, or a ValueError if it is not a safetensors file of this
    package. Its message is the second half of a sentence, in which the caller names the
    file.
    """

    def __init__(self, path):
        with open_regular(path) as (stream, size):
            length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(
                f"with {size} bytes it is not a safetensors file, or it was cut off"
            )
        if length > _MAX_HEADER:
            raise ValueError(
                f"its header takes {length} bytes, and at most {_MAX_HEADER} are read"
            )
        try:
            self._file = safe_open(os.fsdecode(path), "np")
        except SafetensorError:
            raise ValueError(
                "it is not a safetensors file, or it was cut off or damaged"
            ) from None
        except (MemoryError, OSError):  # OSError in safetensors 0.5
            raise ValueError("it needs more memory than there is") from None
        metadata = self._file.metadata() or {}
        if metadata.keys() != {"skmnist"}:
            raise ValueError("it is a safetensors file, but not one of skmnist")
        self._text = metadata["skmnist"]
        self.document = parse_json(self._text, "its description")
        self.names = set(self._file.keys())
        self.has_checksum = _CHECKSUM in self.document
        self._found_checksum = self.document.pop(_CHECKSUM, None)

    def read(self, expected):
        """Return all tensors, in the order of those expected.

        `expected` holds for each name the dtype, ``"F32"`` or ``"I64"``, and the shape.
        In a shape of one axis, None is a length that is free. Raises a ValueError if a
        name, dtype or shape differs, before memory is allocated for any, or if the
        checksum differs.
        """
        for name in sorted(self.names ^ expected.keys()):
            verb = "lacks" if name in expected else "has a surplus"
            raise ValueError(f"it {verb} tensor {reprlib.repr(name)}")
        for name, (dtype, shape) in expected.items():
            part = self._file.get_slice(name)
            found = part.get_dtype(), tuple(part.get_shape())
            if shape == (None,) and len(found[1]) == 1:
                shape = found[1]
            if found != (dtype, shape):
                raise ValueError(
                    f"tensor {name} is {reprlib.repr(found)}, but {(dtype, shape)} "
                    "follows from the parameters"
                )
        arrays = {name: self._file.get_tensor(name) for name in expected}
        if self.has_checksum:
            self._compare_checksum(arrays)
        return arrays

    def _compare_checksum(self, arrays):
        found = json.dumps(self._found_checksum)
        text = self._text.replace(found, json.dumps(_NO_CHECKSUM), 1)
        if self._found_checksum != _checksum(text, arrays):
            raise ValueError(
                "its checksum does not match its content: the file was damaged or "
                "changed"
            )


def _checksum(text, arrays):
    """Return the checksum of a document in which it is replaced by zeros."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        little = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False)
        digest.update(name.encode())
        digest.update(little.reshape(-1).view(np.uint8))
    return digest.hexdigest()
