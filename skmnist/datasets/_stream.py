"""Open, decompress and read untrusted files, with limits on memory.

Sizes that a file claims are checked against the bytes that it holds, and damage is
raised as a ``ValueError``.
"""

import bz2
import csv
import errno
import gzip
import io
import lzma
import math
import os
import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager

import numpy as np

CHUNK_SIZE = 2**18  # bytes read at once

# Compression is recognized by magic bytes, since names may be changed.
_DECOMPRESS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_DAMAGE = (
    EOFError,
    RuntimeError,
    csv.Error,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def opened(path):
    """Open a regular file; errors of damaged data name its path."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"No such file: {path!r}. A source is 'digits', 'mnist' or a path."
        ) from error
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is neither a file nor a folder.")
    with open(path, "rb", CHUNK_SIZE) as file, damage_named(path):
        yield file


@contextmanager
def damage_named(path):
    """Turn the various errors of damaged data into a ValueError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        # Damaged data raise OSErrors too: without a number, or for a seek before 0.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{path} is damaged ({one_line(error)}).") from error
    except MemoryError as error:
        raise ValueError(f"{path} needs more memory than there is.") from error
    except UnicodeDecodeError as error:
        refuse_format(path, error)
    except _DAMAGE as error:
        raise ValueError(
            f"{path} is damaged, cut short or encrypted ({one_line(error)})."
        ) from error


@contextmanager
def unpacked(file):
    """Yield a stream of the file's bytes, decompressed if need be."""
    start = file.peek(6)
    for magic, decompress in _DECOMPRESS.items():
        if start.startswith(magic):
            with io.BufferedReader(decompress(file), CHUNK_SIZE) as stream:
                yield stream
            return
    yield file


def expanded(size):
    """Return to how many bytes a file of `size` bytes may expand."""
    return 50 * size + 128 * 2**20


def read_block(stream, size, limit, where):
    """Read exactly `size` bytes, allocating only what is really there."""
    if size > limit:
        raise ValueError(f"{where} claims {size} bytes, more than its file can hold.")
    block = bytearray()
    while len(block) < size:
        piece = stream.read(min(size - len(block), CHUNK_SIZE))
        if not piece:
            raise ValueError(
                f"{where} is cut short: {len(block)} of {size} bytes are there."
            )
        block += piece
    return block


def read_array(stream, dtype, shape, limit, where):
    """Read the rest of `stream` as one array of this dtype and shape."""
    if 0 in shape:
        raise ValueError(f"{where} is empty: its shape is {shape}.")
    dtype = np.dtype(dtype)
    block = read_block(stream, math.prod(shape) * dtype.itemsize, limit, where)
    if stream.read(1):
        raise ValueError(f"{where} holds more bytes than its shape {shape} needs.")
    return np.frombuffer(block, dtype).reshape(shape)


def read_all(stream, limit, where):
    """Read the rest of `stream`, at most `limit` bytes."""
    block = bytearray()
    while piece := stream.read(CHUNK_SIZE):
        block += piece
        if len(block) > limit:
            raise ValueError(f"{where} expands to more than {limit} bytes.")
    return bytes(block)


def seekable(stream, limit, where):
    """Return a seekable file: the stream itself, or a copy in memory."""
    if isinstance(getattr(stream, "raw", None), io.FileIO):
        return stream
    return io.BytesIO(read_all(stream, limit, where))


def one_line(error):
    """Return an error's message on one line."""
    return " ".join(str(error).split()).rstrip(".")


def shortened(names):
    """Show at most the first six names, each cut to 30 characters."""
    shown = ", ".join(repr(name[:30]) for name in names[:6])
    return shown if len(names) <= 6 else f"{shown} ... ({len(names)} in all)"


def refuse_format(path, reason=None):
    """Raise the ValueError for content that is not recognized."""
    raise ValueError(
        f"{path} is not in a format that can be read: a CSV file of UTF-8 text, a "
        "Keras npz file, idx files, a Parquet file, pictures (PNG, JPEG, BMP, TIFF, "
        f"GIF, WebP), or a zip file or a folder of these."
    ) from reason
