"""Write images in all formats, and check what was loaded."""

import io
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import sklearn.datasets
from PIL import Image
from sklearn.utils import Bunch

from skmnist import load_images

DIGITS = sklearn.datasets.load_digits()
PIXELS = DIGITS.data[:40].astype(np.uint8)
STACK = PIXELS.reshape(-1, 8, 8)
LABELS = DIGITS.target[:40]


def table(pixels=PIXELS, labels=LABELS, at=0):
    """Return a table in Kaggle's layout, its label column at a given place."""
    names = [f"pixel{i}" for i in range(pixels.shape[1])]
    frame = pd.DataFrame(pixels, columns=names)
    if labels is not None:
        frame.insert(at, "label", labels)
    return frame


def csv_text(frame):
    return frame.to_csv(index=False)


def idx_bytes(array, kind=8):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + (array.astype(np.uint8) if kind == 8 else array).tobytes()


def idx_files(images=STACK, labels=LABELS):
    return {
        "train-images-idx3-ubyte": idx_bytes(images[:30]),
        "train-labels-idx1-ubyte": idx_bytes(labels[:30]),
        "t10k-images-idx3-ubyte": idx_bytes(images[30:]),
        "t10k-labels-idx1-ubyte": idx_bytes(labels[30:]),
    }


def write_files(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def npz_arrays(images=STACK, labels=LABELS):
    return {
        "x_train": images[:30],
        "y_train": labels[:30],
        "x_test": images[30:],
        "y_test": labels[30:],
    }


def npy_bytes(array, **changes):
    """Return an npy file whose header claims `changes`."""
    claims = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    text = repr({**claims, **changes}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + array.tobytes()


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def encoded(picture, kind="PNG", **options):
    """Return the bytes of a picture, which is an array or Pillow's."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def parquet_bytes(images=STACK, labels=LABELS, name="label"):
    """Return a Parquet file as the Hugging Face hub has them."""
    cells = [{"bytes": encoded(image), "path": None} for image in images]
    columns = {"image": cells} | ({} if labels is None else {name: labels})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def mnist_like(n_images=10, seed=0):
    """Return light rings on dark, 20 of 28 pixels high, centred as MNIST's digits."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-13.5:14:1, -13.5:14:1]
    widths = rng.uniform(4, 10, (n_images, 1, 1))
    radius = np.sqrt((x / widths) ** 2 + (y / 10) ** 2)
    return np.where((radius < 1) & (radius > 0.7), 255, 0).astype(np.uint8)


def assert_loaded(images, pixels=PIXELS, labels=LABELS):
    assert isinstance(images, Bunch)
    assert images.data.dtype == np.uint8
    assert images.data.flags.c_contiguous
    np.testing.assert_array_equal(images.data, pixels)
    assert images.image_shape == (8, 8)
    assert images.max_value == 255
    assert str(len(pixels)) in images.DESCR
    if labels is None:
        assert images.target is None
    else:
        assert images.target.dtype == np.int64
        np.testing.assert_array_equal(images.target, labels)


def refusal(source, **options):
    """Load an invalid file; return the error message, with its hint."""
    message = error_message(source, **options)
    assert message.endswith(". Arrays can be given to fit and predict directly.")
    return message


def error_message(source, **options):
    """Load what raises a ValueError; return its message, on one line."""
    with pytest.raises(ValueError) as caught:
        load_images(source, **options)
    assert type(caught.value) is ValueError
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


MEASURE = """
import re, sys
import numpy, pandas, sklearn.datasets
from skmnist.datasets._load_images import load_images

def peak():  # of this process only; ru_maxrss starts at that of the parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

base = peak()
for path in sys.argv[1:]:
    try:
        print(load_images(path).data.shape)
    except ValueError as error:
        print(error)
print((peak() - base) / 1024)
"""


def loading_memory(*paths):
    """Load in a fresh process; return a line for each path and the peak in MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, paths)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *lines, megabytes = done.stdout.splitlines()
    return lines, float(megabytes)
