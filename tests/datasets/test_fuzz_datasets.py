"""Damaged and hostile data files: images or a ValueError, nothing else.

A short run by default; SKMNIST_FUZZ_EXAMPLES=100000 sets the number of cases for
each test, and lifts the fixed seed.
"""

import bz2
import gzip
import io
import lzma
import struct
import warnings
import zipfile

import numpy as np
import pytest
from helpers import fuzz
from hypothesis import given
from hypothesis import strategies as st
from image_files import encoded, parquet_bytes

from skmnist import load_images

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 2, 2), dtype=np.uint8)
LABELS = np.arange(6, dtype=np.uint8)
CSV = "label,pixel0,pixel1,pixel2,pixel3\n" + "".join(
    ",".join(map(str, [label, *image.ravel()])) + "\n"
    for label, image in zip(LABELS, IMAGES, strict=True)
)
PACK = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: zipped({"train.csv": content}),
}
CELLS = st.sampled_from(
    "0 00 255 256 -1 -0 1.0 1.5 1e2 1e999 nan inf None label pixel0 pixel9 x é "
    '"1" "1 1" ""1 + . 1_0 0x1 99999999999999999999 \ufeff \0 \x1f \x85 \u2028 ٣'.split(
        " "
    )
    + ["", "\n", "\r", "\r\n", ",", '"', "a" * 200, "1" * 5000, ",1" * 300, "1\n" * 300]
)


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def idx(array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


@st.composite
def mutated(draw, content):
    """Cut, repeat, overwrite or insert a few stretches of bytes."""
    content = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 8) | st.integers(0, 500))
        new = draw(
            st.just(b"")
            | st.binary(max_size=12)
            | st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 8, b"9" * 20])
            | st.integers(0, 20).map(lambda n, part=content[start:end]: part * n)
        )
        content[start:end] = new
    return bytes(content)


def assert_answer_or_refusal(path, **options):
    try:
        images = load_images(path, **options)
    except (ValueError, OSError) as error:
        assert type(error) in (ValueError, FileNotFoundError)
        assert "\n" not in str(error)
        return
    height, width = images.image_shape
    assert images.data.dtype == np.uint8
    assert images.data.flags.c_contiguous
    assert images.data.shape == (len(images.data), height * width)
    assert images.data.size > 0
    if images.target is not None:
        assert images.target.shape == (len(images.data),)
        assert images.target.dtype.kind in "iU"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("pack", PACK)
@fuzz(100)
@given(data=st.data())
def test_csv_random_damage(place, pack, data):
    content = data.draw(mutated(PACK[pack](data.draw(mutated(CSV.encode())))))
    path = place / f"{pack}.csv"
    path.write_bytes(content)
    assert_answer_or_refusal(path)


@fuzz(100)
@given(
    rows=st.lists(
        st.lists(CELLS | st.integers(0, 255).map(str), min_size=5, max_size=5),
        max_size=4,
    ),
    names=st.permutations("label pixel0 pixel1 pixel2 pixel3".split()),
    end=st.sampled_from(["\n", "\r\n", "\r", ""]),
    label=st.sampled_from(["label", "pixel0", "", "digit"]),
)
def test_csv_random_cells(place, rows, names, end, label):
    text = end.join(",".join(row) for row in [names, *rows])
    path = place / "cells.csv"
    path.write_bytes(text.encode())
    assert_answer_or_refusal(path, label_column=label)


@fuzz(100)
@given(cells=st.lists(CELLS, min_size=5, max_size=5), row=st.integers(0, 7))
def test_csv_one_random_row(place, cells, row):
    lines = CSV.splitlines()
    lines.insert(row, ",".join(cells))
    path = place / "row.csv"
    path.write_bytes("\n".join(lines).encode())
    assert_answer_or_refusal(path)
    try:
        images = load_images(path)
    except ValueError:
        return
    kept = images.data.tolist()
    for image in IMAGES.reshape(-1, 4).tolist():
        assert image in kept


@fuzz(100)
@given(data=st.data(), subset=st.sampled_from(["train", "test", "all"]))
def test_npz_random_damage(place, data, subset):
    members = {
        f"{axis}_{part}.npy": npy(IMAGES if axis == "x" else LABELS)
        for axis in "xy"
        for part in ("train", "test")
    }
    victim = data.draw(st.sampled_from(sorted(members)))
    members[victim] = data.draw(mutated(members[victim]))
    path = place / "mnist.npz"
    path.write_bytes(data.draw(mutated(zipped(members)) | st.just(zipped(members))))
    assert_answer_or_refusal(path, subset=subset)


@fuzz(100)
@given(
    shape=st.lists(st.integers(-(2**70), 2**70) | st.integers(0, 6), max_size=5),
    dtype=st.sampled_from(["|u1", "<u2", "|O", "<f8", "|V0", "<U9", ">i8", "x", "|b1"]),
    order=st.sampled_from(["True", "False", "0", "(" * 500]),
    key=st.sampled_from(["x_train", "y_train"]),
)
def test_npz_random_headers(place, shape, dtype, order, key):
    claims = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': "
    text = f"{claims}({', '.join(map(str, shape))}{',' * (len(shape) == 1)}), }}\n"
    head = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()
    members = {
        f"{axis}_{part}.npy": npy(IMAGES if axis == "x" else LABELS)
        for axis in "xy"
        for part in ("train", "test")
    }
    members[f"{key}.npy"] = head + IMAGES.tobytes()
    path = place / "claims.npz"
    path.write_bytes(zipped(members))
    assert_answer_or_refusal(path)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@fuzz(100)
@given(data=st.data())
def test_idx_random_damage(place, packed, data):
    folder = place / f"idx-{packed}"
    folder.mkdir(exist_ok=True)
    for name, array in [("images-idx3", IMAGES), ("labels-idx1", LABELS)]:
        content = data.draw(mutated(idx(array)))
        if packed:
            content = data.draw(mutated(gzip.compress(content)))
        suffix = ".gz" if packed else ""
        (folder / f"train-{name}-ubyte{suffix}").write_bytes(content)
    assert_answer_or_refusal(folder)


DRAWN = np.kron(np.eye(10, dtype=np.uint8), np.full((9, 9), 255, np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"])
@fuzz(100)
@given(data=st.data(), normalize=st.sampled_from([None, False]))
def test_pictures_random_damage(place, kind, data, normalize):
    folder = place / f"pictures-{kind}"
    folder.mkdir(exist_ok=True)
    (folder / "good").write_bytes(encoded(DRAWN))
    (folder / "bad").write_bytes(data.draw(mutated(encoded(DRAWN, kind))))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* and were skipped")
        assert_answer_or_refusal(folder, normalize=normalize)


@fuzz(100)
@given(data=st.data())
def test_parquet_random_damage(place, data):
    path = place / "train.parquet"
    path.write_bytes(data.draw(mutated(parquet_bytes(IMAGES, LABELS))))
    assert_answer_or_refusal(path)


@fuzz(100)
@given(data=st.data())
def test_zip_random_damage(place, data):
    members = {
        "train.csv": CSV.encode(),
        "train.parquet": parquet_bytes(IMAGES, LABELS),
        "0/a.png": encoded(DRAWN),
        "1/a.png": encoded(DRAWN[:, ::-1]),
        "train-images-idx3-ubyte": idx(IMAGES),
        "train-labels-idx1-ubyte": idx(LABELS),
    }
    kept = data.draw(st.lists(st.sampled_from(sorted(members)), unique=True))
    content = zipped({name: data.draw(mutated(members[name])) for name in kept})
    path = place / "many.zip"
    path.write_bytes(data.draw(mutated(content) | st.just(content)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* and were skipped")
        assert_answer_or_refusal(path)


@fuzz(100)
@given(
    content=st.binary(max_size=3000),
    start=st.sampled_from(
        [
            b"",
            b"PK\3\4",
            b"PK\5\6",
            b"\x1f\x8b",
            b"\x1f\x8b\x08\0",
            b"BZh9",
            b"\xfd7zXZ\0",
            b"\x93NUMPY\1\0",
            b"label,pixel0\n",
            b"\0\0\x08\3",
            b"PAR1",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"II*\0",
            b"GIF89a",
        ]
    ),
)
def test_load_images_random_bytes(place, content, start):
    path = place / "rubbish"
    path.write_bytes(start + content)
    assert_answer_or_refusal(path)
