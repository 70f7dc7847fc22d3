"""Load images and labels from files, folders and well-known names."""

import os
import warnings
from http.client import HTTPException
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skmnist._utils import warn_user
from skmnist.datasets._archive import ZIP, Archive, Folder
from skmnist.datasets._csv import is_table, read_csv
from skmnist.datasets._idx import MAGIC, find_idx_files, read_idx_files, read_idx_images
from skmnist.datasets._npz import holds_arrays, read_npz
from skmnist.datasets._parquet import read_parquet
from skmnist.datasets._parts import PARTS, ImageSet, choose, join, refuse_test
from skmnist.datasets._pictures import FORMATS, is_picture, read_picture, read_pictures
from skmnist.datasets._stream import expanded, opened, seekable, shortened
from skmnist.preprocessing._mnist_normalizer import NoInkError, normalizer_of


class _Options(NamedTuple):
    label_column: str
    subset: str
    normalize: object
    track: object


def load_images(source, *, label_column="label", subset="train", normalize=None):
    """Load images and their labels from a file, a folder or a well-known name.

    The format is recognized by the content of a file, not by its name. Files may be
    untrusted: nothing in them is executed, and damaged files, false sizes and pixels
    that are not integers from 0 to 255 raise an error. A compressed file may expand to
    50 times its size plus 128 MiB.

    Parameters
    ----------
    source : str or path-like
        One of

        - ``"digits"``: scikit-learn's 1,797 embedded digits of 8x8 pixels, 0 to 16;
        - ``"mnist"``: the 70,000 digits of 28x28 pixels from OpenML, which
          scikit-learn downloads once and keeps;
        - the path of a picture (PNG, JPEG, BMP, TIFF, GIF, WebP), of a folder of
          pictures, or of a folder with a subfolder of pictures for each class. Of
          an animation the first frame is read. EXIF orientation is applied;
        - the path of a CSV file, plain or compressed with gzip, bzip2 or xz: one
          image a row, columns ``pixel0``, ``pixel1`` and so on (square images) or
          ``1x1``, ``1x2`` and so on, in any order (they are sorted by their
          numbers), and optionally a label column and a column ``id``.
          Without column names, the label comes first;
        - the path of a Keras ``mnist.npz`` with ``x_train``, ``y_train``,
          ``x_test`` and ``y_test``;
        - the path of a folder with the idx files of MNIST, Fashion-MNIST,
          Kuzushiji-MNIST, QMNIST or EMNIST under their own names
          (``train-images-idx3-ubyte`` and so on), plain or compressed, or the path
          of one file of images, with the labels beside it. EMNIST's images, which
          are stored transposed, are transposed back;
        - the path of a Parquet file with a column ``image``, the bytes of pictures,
          and optionally a label column, as on the Hugging Face hub. It requires the
          extra ``parquet``;
        - the path of a zip file, or of a folder, of any of these.

        Use ``Path("digits")`` for a file named ``digits`` or ``mnist``.
    label_column : str, default="label"
        Name of the label column of a CSV or a Parquet file.
    subset : {"train", "test", "all"}, default="train"
        Which part to load of ``"mnist"``, of an npz file, or of a folder or zip file
        whose files or subfolders are named after parts (``train.csv`` and
        ``test.csv``, ``train/`` and ``test/``). Other sources have a single part, for
        which ``"train"`` and ``"all"`` are the same.
    normalize : bool or MnistNormalizer, default=None
        Whether to bring the images to MNIST's format, 28x28, light on dark and
        centred, with :class:`MnistNormalizer`, or the one that does it, such as
        ``MnistNormalizer(image_shape=(16, 16))``. By default this is done for pictures,
        unless they have one size and look like MNIST's already (up to 64x64, light on
        dark, centred, 20 of 28 pixels long), and not for images in tables or for the
        pictures of a Parquet file if they are small and of one size.

    Returns
    -------
    images : :class:`~sklearn.utils.Bunch`
        With the attributes

        - ``data``: uint8 array of shape (n_images, height * width), C-contiguous;
        - ``target``: array of shape (n_images,), int64, or str for labels that are
          not numbers; None without labels. The labels of pictures are the names of
          their folders;
        - ``filenames``: array of str of shape (n_images,), the paths of pictures;
          None for other sources;
        - ``ids``: object array of str of shape (n_images,), the column ``id`` or
          ``ImageId`` of a table; None without one;
        - ``normalized``: bool, whether :class:`MnistNormalizer` made the images;
        - ``image_shape``: tuple (height, width);
        - ``max_value``: int, the largest value that a pixel can have: 16 for
          ``"digits"``, otherwise 255;
        - ``DESCR``: str, a description of the data.

    Raises
    ------
    ValueError
        If the content is not such a set of images, or a label is missing.
    OSError
        If a file is missing or cannot be read, or if ``"mnist"`` cannot be
        downloaded.
    ImportError
        If a Parquet file is given and pyarrow is not installed.

    Warns
    -----
    UserWarning
        If files beside pictures are skipped because they are not pictures, or
        pictures beside tables of images, if a Parquet file does not have a column
        `label_column`, but others, or if ``subset="all"`` leaves out a third part,
        such as ``val/``.

    See Also
    --------
    ImageScaler : Scale the rows to the images that the network takes.
    MnistNormalizer : Bring pictures to MNIST's format.

    Examples
    --------
    >>> from skmnist import load_images
    >>> digits = load_images("digits")
    >>> digits.data.shape, digits.image_shape, digits.max_value
    ((1797, 64), (8, 8), 16)
    """
    if subset not in PARTS:
        raise ValueError(f"subset is 'train', 'test' or 'all', not {subset!r}.")
    normalizer_of(normalize)  # raises an error for what does not mean one
    try:
        return load_tracked(source, label_column, subset, normalize)
    except (ValueError, FileNotFoundError) as error:
        error.args = (f"{error} Arrays can be given to fit and predict directly.",)
        raise


def load_tracked(source, label_column, subset, normalize=None, track=iter):
    """Load images as `load_images`; `track` iterates over the names of pictures."""
    named = source if isinstance(source, str) else None
    if named in ("digits", "mnist") and os.path.exists(named):
        warn_user(
            f"{named!r} names a well-known data set; for the file or folder of that "
            f"name give './{named}'."
        )
    max_value = 16 if named == "digits" else 255
    if named == "digits":
        refuse_test(subset, "'digits'")
        image_set, descr = _embedded_digits()
    elif named == "mnist":
        image_set, descr = _openml_mnist(subset)
    else:
        path = os.path.expanduser(os.fsdecode(source))
        options = _Options(label_column, subset, normalize, track)
        image_set = _read_path(path, options)
        descr = ""
    if normalize and not image_set.normalized:
        # MnistNormalizer expects pixels up to 1 or 255.
        pixels = image_set.images / np.float32(max_value)
        try:
            images = normalizer_of(normalize).transform(pixels)
        except NoInkError as error:
            raise error.in_rows(source) from error
        max_value = 255
        image_set = image_set._replace(images=images, normalized=True)
        descr = descr and f"{descr}\nHere each image went through MnistNormalizer."

    images = image_set.images
    return Bunch(
        data=np.ascontiguousarray(images).reshape(len(images), -1),
        target=image_set.labels,
        filenames=image_set.filenames,
        ids=image_set.ids,
        normalized=image_set.normalized,
        image_shape=images.shape[1:],
        max_value=max_value,
        DESCR=descr or _described(image_set, path),
    )


def _described(image_set, path):
    n_images, height, width = image_set.images.shape
    labels = "without" if image_set.labels is None else "with"
    how = ", each through MnistNormalizer" if image_set.normalized else ""
    return (
        f"{n_images} image{'s'[: n_images - 1]} of {height}x{width} pixels, {labels} "
        f"labels, from {path}{how}."
    )


def _embedded_digits():
    from sklearn import datasets

    digits = datasets.load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(int)
    return ImageSet(images, labels), digits.DESCR


def _openml_mnist(subset):
    from sklearn import datasets

    try:
        with warnings.catch_warnings():
            # About the retry. If that fails too, the error below is raised.
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
    return ImageSet(images, mnist.target[part[subset]].astype(int)), mnist.DESCR


def _read_path(path, options):
    if os.path.isdir(path):
        return _read_tree(Folder(path), options)
    with opened(path) as file:
        if file.peek(4)[:4] in ZIP:
            archive = Archive(file, path, expanded(os.path.getsize(path)))
            return _read_tree(archive, options)
    refuse_test(options.subset, path)
    folder, name = os.path.split(path)
    return _read_entry(Folder(folder), name, options)


def _read_tree(tree, options):
    """Read the files of a folder or an archive as one data set."""
    if holds_arrays(tree.names):
        return read_npz(tree, options.subset)
    if find_idx_files(tree.names):
        return read_idx_files(tree, options.subset)
    kinds = {name: _kind_in(tree, name, options.label_column) for name in tree.names}
    tables = [name for name, kind in kinds.items() if kind in ("csv", "parquet")]
    pictures = [name for name, kind in kinds.items() if kind == "picture"]
    if tables:
        _warn_of_others(tree, tables, "tables of images", pictures)
        chosen = choose(tables, options.subset, tree.path)
        parts = [_read_entry(tree, name, options) for names in chosen for name in names]
        return join(parts, tree.path)
    if pictures:
        others = [name for name, kind in kinds.items() if kind != "picture"]
        remark = f" Pictures are {', '.join(FORMATS)}."
        _warn_of_others(tree, pictures, "pictures", others, remark)
        return read_pictures(
            tree, pictures, options.subset, options.normalize, options.track
        )
    known = [name for name, kind in kinds.items() if kind or len(kinds) == 1]
    if len(known) == 1:
        return _read_entry(tree, known[0], options)
    if not kinds:
        raise ValueError(f"{tree.path} holds 0 files.")
    for name in kinds:
        with tree.open(name) as (stream, _):
            _refuse_unreadable(stream, tree.where(name))
    raise ValueError(
        f"{tree.path} holds {len(kinds)} files ({shortened(tree.names)}), "
        "which are not idx files, tables of pixels, Parquet files or pictures that "
        f"belong together: give one of them."
    )


def _warn_of_others(tree, read, what, others, remark=""):
    if others:
        warn_user(
            f"{len(others)} of the {len(read) + len(others)} files in {tree.path} are "
            f"not {what} and were skipped: {shortened(others)}.{remark}"
        )


def is_read(file, source, label_column):
    """Return whether a file that exists is read where a source is loaded."""
    is_folder = os.path.isdir(source)
    tree = Folder(source if is_folder else os.path.dirname(source))
    for name in tree.names if is_folder else os.listdir(tree.path or "."):
        where = tree.where(name)
        if not (os.path.isfile(where) and os.path.samefile(file, where)):
            continue
        # The labels of an idx file are read from beside it.
        if find_idx_files([name]):
            return True
        if is_folder and (kind := _kind_in(tree, name, label_column)):
            others = (each for each in tree.names if each != name)
            # A zip file is read if it is the only file that can be.
            return kind != "zip" or not any(
                _kind_in(tree, other, label_column) for other in others
            )
    return False


def _kind_in(tree, name, label_column):
    with tree.open(name) as (stream, _):
        kind = _kind(stream)
        if kind == "csv" and not is_table(stream, name, label_column):
            return None
        return kind


def _kind(stream):
    """Return the format of a stream, by its first bytes."""
    start = stream.peek(16)[:16]
    if start[:4] in ZIP:
        return "zip"
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:4] == MAGIC:
        return "idx"
    return "picture" if is_picture(start) else "csv"


def _refuse_unreadable(stream, path):
    """Name what many have in place of pictures that can be read."""
    start = stream.peek(12)
    is_pdf = start.startswith(b"%PDF")
    if is_pdf or start[4:8] == b"ftyp":
        what = "a PDF document" if is_pdf else "a HEIC or AVIF picture, or a film"
        raise ValueError(
            f"{path} is {what}, which cannot be read: save it as JPEG or PNG."
        )


def _read_entry(tree, name, options):
    """Read one file, a data set or a part of one."""
    path, (label_column, subset, normalize, _) = tree.where(name), options
    with tree.open(name) as (stream, limit):
        if not stream.peek(1):
            raise ValueError(f"{path} is empty.")
        _refuse_unreadable(stream, path)
        match _kind(stream):
            case "zip":
                archive = Archive(seekable(stream, limit, path), path, limit)
                if not holds_arrays(archive.names):
                    raise ValueError(
                        f"{path} is a zip file in a folder or in another archive: "
                        f"unpack it and give its own path."
                    )
                return read_npz(archive, subset)
            case "parquet":
                file = seekable(stream, limit, path)
                return read_parquet(file, limit, path, label_column, normalize)
            case "idx":
                return read_idx_images(tree, name)
            case "picture":
                return read_picture(stream, limit, path, normalize)
            case _:
                return read_csv(stream, limit, path, label_column)
