"""Images and labels from the files in which people keep them.

Such files may come from strangers. Nothing in them is executed or unpickled, a
size that a file claims is held against the bytes that are really there before
memory is taken for it, and what is no image leaves as a ``ValueError``.
"""

import bz2
import csv
import errno
import gzip
import io
import lzma
import math
import os
import re
import stat
import struct
import warnings
import zipfile
import zlib
from contextlib import contextmanager
from http.client import HTTPException

import numpy as np

from skmnist.datasets._csv import read_names, read_pixel_csv, refuse_format, shortened

_PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}

# The magic bytes decide how a file is opened, since names get lost on the way.
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
_ZIP = (b"PK\3\4", b"PK\5\6")
_PIECE = 2**18  # bytes read at once

_NPY_HEADER = re.compile(
    r"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\),? ?\}\s*"
)


def load_images(source, *, label_column="label", subset="train"):
    """Load images and their labels from a file, a folder or a well-known name.

    How a file is read depends on its first bytes, not on its name. Files may come
    from strangers: nothing in them is executed, and damaged files, lying sizes and
    pixels that are no whole numbers from 0 to 255 are refused. One compressed file
    may expand to 50 times its size and 128 MiB more.

    Parameters
    ----------
    source : str or path-like
        One of

        - ``"digits"``: scikit-learn's 1,797 embedded digits of 8x8 pixels, 0 to 16;
        - ``"mnist"``: the 70,000 digits of 28x28 pixels from OpenML, which
          scikit-learn downloads once and keeps;
        - the path of a CSV file in Kaggle's layout, plain or compressed with gzip,
          bzip2, xz or zip: one line of column names, one square image a row,
          columns ``pixel0``, ``pixel1`` and so on in any order (they are put in
          the order of their numbers), and a label column or none;
        - the path of a Keras ``mnist.npz`` with ``x_train``, ``y_train``,
          ``x_test`` and ``y_test``;
        - the path of a folder with the idx files ``train-images-idx3-ubyte``,
          ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
          ``t10k-labels-idx1-ubyte``, plain or with ``.gz``.

        A file that is really called ``digits`` or ``mnist`` is read with
        ``Path("digits")``.
    label_column : str, default="label"
        Name of the label column of a CSV file, wherever it stands.
    subset : {"train", "test", "all"}, default="train"
        Which part of ``"mnist"``, an npz file or an idx folder is loaded. The
        other sources have one part, which ``"train"`` and ``"all"`` both name.

    Returns
    -------
    images : :class:`~sklearn.utils.Bunch`
        With the attributes

        - ``data``: uint8 array of shape (n_images, height * width), C-contiguous;
        - ``target``: array of shape (n_images,): int64, or str for labels that are
          no numbers; None for a CSV file without a label column;
        - ``image_shape``: tuple (height, width);
        - ``max_value``: int, the largest value that a pixel can have: 16 for
          ``"digits"``, otherwise 255;
        - ``DESCR``: str, what was loaded and from where.

    Raises
    ------
    ValueError
        If the content is no such set of images, or a label is missing.
    OSError
        If a file is missing or cannot be read, or if ``"mnist"`` cannot be
        downloaded.

    See Also
    --------
    ImageScaler : Turn the rows into the images that the network takes.

    Examples
    --------
    >>> from skmnist import load_images
    >>> digits = load_images("digits")
    >>> digits.data.shape, digits.image_shape, digits.max_value
    ((1797, 64), (8, 8), 16)
    """
    if subset not in _PARTS:
        raise ValueError(f"subset is 'train', 'test' or 'all', not {subset!r}.")
    named = source if isinstance(source, str) else None
    if named == "digits":
        _refuse_test(subset, "'digits'")
        from sklearn import datasets

        digits = datasets.load_digits()
        images, labels = digits.images.astype(np.uint8), digits.target.astype(int)
        descr = digits.DESCR
    elif named == "mnist":
        images, labels, descr = _openml_mnist(subset)
    else:
        path = os.path.expanduser(os.fsdecode(source))
        read = _read_folder if os.path.isdir(path) else _read_file
        images, labels = read(path, label_column, subset)
        descr = (
            f"{len(images)} images of {images.shape[1]}x{images.shape[2]} pixels, "
            f"{'without' if labels is None else 'with'} labels, from {path}."
        )
    from sklearn.utils import Bunch  # late: a file that is no data needs no second

    return Bunch(
        data=np.ascontiguousarray(images).reshape(len(images), -1),
        target=labels,
        image_shape=images.shape[1:],
        max_value=16 if named == "digits" else 255,
        DESCR=descr,
    )


def _refuse_test(subset, source):
    if subset == "test":
        raise ValueError(
            f"{source} has no test part; 'mnist', npz files and idx folders have one."
        )


def _openml_mnist(subset):
    from sklearn import datasets

    try:
        with warnings.catch_warnings():
            # A retry warns; if it fails too, the error below says all of it.
            warnings.simplefilter("ignore")
            mnist = datasets.fetch_openml(
                "mnist_784", version=1, as_frame=False, parser="auto", n_retries=1
            )
    except (OSError, HTTPException, ValueError) as error:
        raise ConnectionError(
            f"'mnist' could not be downloaded from OpenML ({error}): use 'digits', "
            "or the path of a train.csv, an mnist.npz or a folder of idx files."
        ) from error
    part = {"train": slice(60_000), "test": slice(60_000, None), "all": slice(None)}
    images = mnist.data[part[subset]].astype(np.uint8).reshape(-1, 28, 28)
    return images, mnist.target[part[subset]].astype(int), mnist.DESCR


@contextmanager
def _opened(path):
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"There is no file {path!r}; a source is 'digits', 'mnist' or a path."
        ) from error
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is neither a file nor a folder.")
    with open(path, "rb", _PIECE) as file, _damage_named(path):
        if not file.peek(1):
            raise ValueError(f"{path} is empty.")
        yield file


@contextmanager
def _damage_named(path):
    try:
        yield
    except OSError as error:
        # Damaged data bring OSErrors too: without a number, or a seek before 0.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise ValueError(f"{path} is damaged ({error}).") from error
    except MemoryError as error:
        raise ValueError(f"{path} asks for more memory than there is.") from error
    except UnicodeDecodeError as error:
        refuse_format(path, error)
    except _DAMAGE as error:
        raise ValueError(
            f"{path} is damaged, cut short or encrypted ({error})."
        ) from error


@contextmanager
def _unpacked(file):
    """Decompress if need be; yield a stream and how many bytes it may give."""
    start, size = file.peek(6), os.fstat(file.fileno()).st_size
    for magic, decompress in _DECOMPRESS.items():
        if start.startswith(magic):
            with io.BufferedReader(decompress(file), _PIECE) as stream:
                yield stream, _expanded(size)
            return
    yield file, size


def _expanded(size):
    return 50 * size + 128 * 2**20


def _read_file(path, label_column, subset):
    with _opened(path) as file:
        if file.peek(4)[:4] in _ZIP:
            with zipfile.ZipFile(file) as archive:
                return _read_archive(archive, path, label_column, subset)
        _refuse_test(subset, path)
        with _unpacked(file) as (stream, limit):
            return read_pixel_csv(stream, limit, path, label_column)


def column_names(source):
    """Return the names of the columns of a table that `load_images` has read."""
    with _opened(os.path.expanduser(os.fsdecode(source))) as file:
        if file.peek(4)[:4] in _ZIP:
            with zipfile.ZipFile(file) as archive, _only_table(archive) as stream:
                return read_names(stream, source)
        with _unpacked(file) as (stream, _):
            return read_names(stream, source)


def _only_table(archive):
    (name,) = _entries(archive)
    return io.BufferedReader(archive.open(name), _PIECE)


def _entries(archive):
    # Folders are entries too, and macOS adds files of its own.
    return [n for n in archive.namelist() if not re.search("^__MACOSX/|/$", n)]


def _read_archive(archive, path, label_column, subset):
    limit = _expanded(os.path.getsize(path))
    names = _entries(archive)
    if any(name.endswith(".npy") for name in names):
        return _join(_npz_parts(archive, limit, path, subset), path)
    if len(names) != 1:
        raise ValueError(
            f"{path} holds {len(names)} files ({shortened(names)}); give one of them."
        )
    _refuse_test(subset, path)
    with _only_table(archive) as stream:
        return read_pixel_csv(stream, limit, path, label_column)


def _join(parts, path):
    """Join the (images, labels) of the parts that were asked for."""
    images, labels = zip(*parts, strict=True)
    for some, their in parts:
        if some.shape[1:] != images[0].shape[1:] or len(some) != len(their):
            raise ValueError(
                f"{path} does not fit together: images of shape "
                f"{' and '.join(str(part.shape) for part in images)}, labels of shape "
                f"{' and '.join(str(part.shape) for part in labels)}."
            )
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(images), np.concatenate(labels)


def _read_block(stream, size, limit, where):
    """Read exactly `size` bytes; memory grows with what really arrives."""
    if size > limit:
        raise ValueError(f"{where} claims {size} bytes, more than its file can hold.")
    block = bytearray()
    while len(block) < size:
        piece = stream.read(min(size - len(block), _PIECE))
        if not piece:
            raise ValueError(
                f"{where} is cut short: {len(block)} of {size} bytes are there."
            )
        block += piece
    return block


def _read_array(stream, dtype, shape, limit, where):
    """Read the rest of `stream` as one array of this dtype and shape."""
    if 0 in shape:
        raise ValueError(f"{where} is empty: its shape is {shape}.")
    dtype = np.dtype(dtype)
    block = _read_block(stream, math.prod(shape) * dtype.itemsize, limit, where)
    if stream.read(1):
        raise ValueError(f"{where} holds more bytes than its shape {shape} needs.")
    return np.frombuffer(block, dtype).reshape(shape)


def _read_folder(path, label_column, subset):
    parts = []
    for part in _PARTS[subset]:
        prefix = "t10k" if part == "test" else part
        images = _read_idx(path, f"{prefix}-images", 3)
        parts.append((images, _read_idx(path, f"{prefix}-labels", 1).astype(int)))
    return _join(parts, path)


def _read_idx(folder, stem, ndim):
    # Some archives spell the ending "-idx3-ubyte", others ".idx3-ubyte".
    names = [f"{stem}{dot}idx{ndim}-ubyte{gz}" for dot in "-." for gz in ("", ".gz")]
    held = os.listdir(folder)
    name = next((name for name in names if name in held), None)
    if name is None:
        raise FileNotFoundError(
            f"The folder {folder} has no file {names[0]} (with or without .gz), but "
            f"{shortened(sorted(held)) or 'nothing'}."
        )
    path = os.path.join(folder, name)
    with _opened(path) as file, _unpacked(file) as (stream, limit):
        start = bytes(_read_block(stream, 4, limit, path))
        if start != bytes([0, 0, 8, ndim]):
            raise ValueError(
                f"{path} starts with the bytes {start.hex(' ')}; an idx file of "
                f"unsigned bytes in {ndim} dimensions (images: grey, 8 bits a pixel) "
                f"starts with 00 00 08 {ndim:02}."
            )
        sizes = _read_block(stream, 4 * ndim, limit, path)
        return _read_array(stream, "u1", struct.unpack(f">{ndim}I", sizes), limit, path)


def _npz_parts(archive, limit, path, subset):
    keys = [f"{axis}_{part}" for part in _PARTS["all"] for axis in "xy"]
    names = archive.namelist()
    if missing := [key for key in keys if f"{key}.npy" not in names]:
        raise ValueError(
            f"{path} has no {missing[0]}: it holds {shortened(names)}, a Keras npz "
            f"file holds {', '.join(keys)}."
        )
    return [
        (
            _read_npy(archive, f"x_{part}", limit, path, ndim=3),
            _read_npy(archive, f"y_{part}", limit, path, ndim=1).astype(int),
        )
        for part in _PARTS[subset]
    ]


def _read_npy(archive, key, limit, path, ndim):
    where = f"{key} in {path}"
    with archive.open(f"{key}.npy") as stream:
        # NumPy's own reader takes the memory that a header asks for unchecked.
        magic = stream.read(8)
        size = int.from_bytes(stream.read(2 if magic[6:7] == b"\1" else 4), "little")
        header = stream.read(min(size, 10_000)).decode("latin1")
        found = _NPY_HEADER.fullmatch(header)
        if not magic.startswith(b"\x93NUMPY") or not found:
            raise ValueError(f"{where} is no array of plain numbers.")
        dtype, fortran = found[1], found[2] == "True"
        shape = tuple(int(size) for size in found[3].split(",") if size.strip())
        wanted = r"[<>|=]?u1" if ndim == 3 else r"[<>|=]?(i[1248]|u[124])"
        if len(shape) != ndim or not re.fullmatch(wanted, dtype):
            raise ValueError(
                f"{where} has dtype {dtype!r} and shape {shape}; images are uint8 of "
                "shape (n, height, width), labels are integers of shape (n,)."
            )
        if not fortran:
            return _read_array(stream, dtype, shape, limit, where)
        return _read_array(stream, dtype, shape[::-1], limit, where).T
