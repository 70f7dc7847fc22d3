"""CSV files of pixels, valid and invalid."""

import bz2
import gzip
import lzma
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from image_files import (
    DIGITS,
    LABELS,
    PIXELS,
    STACK,
    assert_loaded,
    csv_text,
    loading_memory,
    refusal,
    table,
)

from skmnist import load_images


@pytest.mark.parametrize("kind", [str, Path])
def test_csv_str_and_path(tmp_path, kind):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table()))
    assert_loaded(load_images(kind(path)))


def test_csv_without_labels(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(csv_text(table(labels=None)))
    assert_loaded(load_images(path), labels=None)


@pytest.mark.parametrize("at", [0, 5, 64])
def test_csv_label_column_position(tmp_path, at):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table(at=at)))
    assert_loaded(load_images(path))


def test_csv_label_column_name(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table().rename(columns={"label": "digit"})))
    assert_loaded(load_images(path, label_column="digit"))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_csv_compressed(tmp_path, suffix, labels):
    path = tmp_path / f"train.csv{suffix}"
    table(labels=labels).to_csv(path, index=False)
    assert_loaded(load_images(path), labels=labels)


def test_csv_wrong_extension(tmp_path):
    text = csv_text(table()).encode()
    plain, packed = tmp_path / "train.csv.gz", tmp_path / "train.csv"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    assert_loaded(load_images(plain))
    assert_loaded(load_images(packed))


def test_csv_pixel_columns_unsorted(tmp_path):
    path = tmp_path / "train.csv"
    frame = table(at=30)
    frame[sorted(frame.columns)].to_csv(path, index=False)  # pixel10 before pixel2
    assert_loaded(load_images(path))


def test_csv_pixel_numbers_from_1(tmp_path):
    path = tmp_path / "fashion.csv"
    names = {f"pixel{i}": f"pixel{i + 1}" for i in range(64)}
    table().rename(columns=names).to_csv(path, index=False)
    assert_loaded(load_images(path))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r\r\n"),
        lambda text: text.replace(",", ", "),
        lambda text: text.removesuffix("\n"),
        lambda text: text + "\n \n",
        lambda text: "\ufeff" + text,
        lambda text: re.sub(r"(\w+)", r'"\1"', text),
        lambda text: re.sub(r"\b(\d+)\b", r"\1.0", text),
        lambda text: re.sub(r"\b(\d+)\b", r"\1.000e+00", text),
        lambda text: re.sub(r"\b(\d+)\b", r"00\1", text),
    ],
    ids="crlf crcrlf spaces no-end blank-end bom quoted floats savetxt zeros".split(),
)
def test_csv_spellings(tmp_path, change):
    path = tmp_path / "train.csv"
    path.write_bytes(change(csv_text(table())).encode())
    assert_loaded(load_images(path))


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_csv_without_header(tmp_path, labels):
    path = tmp_path / "mnist_train.csv"
    table(labels=labels).to_csv(path, index=False, header=False)
    assert_loaded(load_images(path), labels=labels)


def test_csv_without_header_text_labels(tmp_path):
    path = tmp_path / "letters.csv"
    letters = np.array(list("abcdefghij"))[LABELS]
    table(labels=letters).to_csv(path, index=False, header=False)
    images = load_images(path)
    np.testing.assert_array_equal(images.data, PIXELS)
    np.testing.assert_array_equal(images.target, letters)


def test_csv_without_header_labels_last(tmp_path):
    path = tmp_path / "train.csv"
    rows = np.column_stack([np.zeros_like(PIXELS[:, :1]), PIXELS[:, 1:], LABELS])
    np.savetxt(path, rows, "%d", delimiter=",")
    assert "numbers up to 9 in its last" in refusal(path)
    # Images of zeros, with what may be in a corner.
    rows = np.column_stack([np.zeros_like(PIXELS[:, :1]), PIXELS])
    for corner in (np.zeros(len(rows)), 6 * np.arange(len(rows))):
        rows[:, -1] = corner
        np.savetxt(path, rows, "%d", delimiter=",")
        np.testing.assert_array_equal(load_images(path).data, rows[:, 1:])


def test_csv_without_header_bad_pixel(tmp_path):
    path = tmp_path / "mnist_train.csv"
    table(PIXELS.astype(int) + 250).to_csv(path, index=False, header=False)
    assert "row 1 holds" in refusal(path)


def test_csv_pixel_names_of_row_and_column(tmp_path):
    names = [f"{row}x{column}" for row in range(1, 9) for column in range(1, 9)]
    pixels = [f"pixel{i}" for i in range(64)]
    frame = table(at=30).rename(columns=dict(zip(pixels, names, strict=True)))
    path = tmp_path / "mnist_train.csv"
    frame.to_csv(path, index=False)
    assert_loaded(load_images(path))
    frame[sorted(frame.columns)].to_csv(path, index=False)
    assert_loaded(load_images(path))


def test_csv_rectangular_images(tmp_path):
    names = [f"{row}x{column}" for row in range(4) for column in range(16)]
    path = tmp_path / "wide.csv"
    table().set_axis(["label", *names], axis=1).to_csv(path, index=False)
    images = load_images(path)
    assert images.image_shape == (4, 16)
    np.testing.assert_array_equal(images.data, PIXELS)


def test_csv_without_names_with_commas_at_the_ends(tmp_path):
    rows = csv_text(table()).splitlines()[1:]
    path = tmp_path / "train.csv"
    path.write_text("".join(f"{row},\n" for row in rows))
    assert "holds 66 numbers; without names of columns it is a label" in refusal(path)


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
@pytest.mark.parametrize("scale", [1, 3])
def test_csv_columns_named_by_numbers(tmp_path, labels, scale):
    pixels = np.repeat(PIXELS, scale**2, axis=1)
    frame = pd.DataFrame(pixels)
    if labels is not None:
        frame.insert(0, "label", labels)
    path = tmp_path / "pandas.csv"
    frame.to_csv(path, index=False)
    np.testing.assert_array_equal(load_images(path).data, pixels)
    if labels is not None:
        frame.rename(columns={"label": "digit"}).to_csv(path, index=False)
        assert "'digit'" in refusal(path)


@pytest.mark.parametrize("name", ["id", "ImageId", ""])
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_csv_id_column(tmp_path, name, labels):
    frame = table(labels=labels)
    frame.insert(0, name, np.arange(1000, 1040))
    path = tmp_path / "kannada.csv"
    ids = [str(i) for i in range(1000, 1040)] if name else None
    for columns in (frame.columns, frame.columns[::-1]):
        frame[columns].to_csv(path, index=False)
        images = load_images(path)
        assert_loaded(images, labels=labels)
        assert (images.ids if ids is None else images.ids.tolist()) == ids


def test_csv_id_column_of_text(tmp_path):
    frame = table()
    frame.insert(5, "id", [f"scan {i}" for i in range(40)])
    path = tmp_path / "scans.csv"
    frame.to_csv(path, index=False)
    images = load_images(path)
    assert_loaded(images)
    assert images.ids.tolist() == frame["id"].tolist()


def test_csv_ids_of_two_parts(tmp_path):
    for part, start in (("train", 0), ("test", 40)):
        frame = table()
        frame.insert(0, "id", np.arange(start, start + 40))
        frame.to_csv(tmp_path / f"{part}.csv", index=False)
    ids = load_images(tmp_path, subset="all").ids
    assert ids.tolist() == [str(i) for i in range(80)]
    table().to_csv(tmp_path / "test.csv", index=False)
    assert load_images(tmp_path, subset="all").ids is None


def test_csv_emnist_orientation(tmp_path):
    transposed = STACK.transpose(0, 2, 1).reshape(-1, 64)
    for name in ("emnist_digits_train.csv", "emnist-digits-train.csv"):
        path = tmp_path / name
        table(transposed).to_csv(path, index=False, header=False)
        assert_loaded(load_images(path))
    other = path.rename(tmp_path / "my-digits-train.csv")
    np.testing.assert_array_equal(load_images(other).data, transposed)


def test_csv_one_row_one_pixel(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("pixel0\n7\n")
    images = load_images(path)
    assert images.data.tolist() == [[7]]
    assert images.image_shape == (1, 1)
    path.write_text("label,pixel0\n-3,255\n")
    images = load_images(path)
    assert images.data.tolist() == [[255]]
    assert images.target.tolist() == [-3]


def test_csv_order_of_many_rows(tmp_path):
    # 70,000 rows of 16 pixels are more than the reader parses at once.
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (70_000, 16), dtype=np.uint8)
    labels = rng.integers(-1000, 1000, 70_000)
    path = tmp_path / "train.csv"
    table(pixels, labels, at=3).to_csv(path, index=False)
    images = load_images(path)
    np.testing.assert_array_equal(images.data, pixels)
    np.testing.assert_array_equal(images.target, labels)


def test_csv_pixel_values(tmp_path):
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 64)
    path = tmp_path / "values.csv"
    table(pixels, None).to_csv(path, index=False)
    assert_loaded(load_images(path), pixels, None)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["A", "b", "é", "10"], ["A", "b", "é", "10"]),
        (["a, b", 'say "c"', "x", "y"], ["a, b", 'say "c"', "x", "y"]),
        (["7", " 8", "-9", "300"], [7, 8, -9, 300]),
        (["7.0", "8.0", "1e1", "0.0"], [7, 8, 10, 0]),
        (["True", "False", "True", "1"], ["True", "False", "True", "1"]),
    ],
)
def test_csv_label_types(tmp_path, labels, expected):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table(PIXELS[:4], labels)), encoding="utf-8")
    images = load_images(path)
    assert images.target.tolist() == expected
    assert images.target.dtype.kind in "iU"


@pytest.fixture(scope="module", params=["train", "test"])
def kaggle_table(request, tmp_path_factory):
    """Real MNIST in Kaggle's layout if it is available, else enlarged digits."""
    labelled = request.param == "train"
    if "SKMNIST_DATA" in os.environ:
        path = Path(os.environ["SKMNIST_DATA"], f"{request.param}.csv.gz")
        return path, 42_000 if labelled else 18_000, labelled
    path = tmp_path_factory.mktemp("kaggle") / f"{request.param}.csv.gz"
    blown_up = np.kron(DIGITS.images[:600], np.ones((3, 3))).astype(np.uint8) * 15
    pixels = np.pad(blown_up, ((0, 0), (2, 2), (2, 2))).reshape(600, 784)
    table(pixels, DIGITS.target[:600] if labelled else None).to_csv(path, index=False)
    return path, 600, labelled


def test_csv_equals_pandas(kaggle_table):
    path, n_rows, labelled = kaggle_table
    images = load_images(path)
    assert images.data.shape == (n_rows, 784)
    assert images.image_shape == (28, 28)
    frame = pd.read_csv(path)
    if labelled:
        labels = frame.pop("label")
        np.testing.assert_array_equal(images.target, labels)
        assert set(images.target) == set(range(10))
    else:
        assert images.target is None
    np.testing.assert_array_equal(images.data, frame.to_numpy())


@pytest.fixture(scope="module")
def large_table(tmp_path_factory):
    """42,000 rows of 28x28 pixels, real ones if available, else noise."""
    path = tmp_path_factory.mktemp("large") / "train.csv"
    if "SKMNIST_DATA" in os.environ:
        real = Path(os.environ["SKMNIST_DATA"], "train.csv.gz")
        path.write_bytes(gzip.decompress(real.read_bytes()))
        return path
    rng = np.random.default_rng(0)
    shape = (2_000, 784)
    pixels = rng.integers(0, 256, shape) * (rng.random(shape) < 0.2)
    head, _, rows = csv_text(table(pixels, np.arange(2_000) % 10)).partition("\n")
    path.write_text(f"{head}\n{rows * 21}")
    return path


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_csv_memory_of_42000_rows(large_table, tmp_path, packed):
    path = large_table
    if packed:
        path = tmp_path / "train.csv.gz"
        path.write_bytes(gzip.compress(large_table.read_bytes(), compresslevel=1))
    shapes, megabytes = loading_memory(path)
    assert shapes == ["(42000, 784)"]
    # The result alone takes 31 MB: less would mean a wrong measurement.
    assert 30 < megabytes < 150


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"label,pixel0\n", "no rows"),
        (b"label,pixel0", "no rows"),
        (b"label,pixel0\n\n\n", "no rows"),
        (b"\n", "columns are ''"),
        (b"label\n1\n", "does not have pixels"),
        (b"1,0,0\n1,0,0\n", "holds 3 numbers.*Arrays can be given"),
        (b"a,b\n1,2\n", "not have a column 'label'.*'a', 'b'"),
        (b"digit,pixel0\n1,2\n", "not have a column 'label'.*'digit', 'pixel0'"),
        (b"x,label,pixel0\n1,2,3\n", "more than 'label' and pixels.*'x'"),
        (b"1x1,1x2,2x1\n1,2,3\n", "3 pixel columns, .* rectangle"),
        (b"1x1,1x1\n1,2\n", "twice: '1x1'"),
        (b"label,pixel0,label\n1,2,3\n", "twice: 'label'"),
        (b"pixel0,pixel0\n1,2\n", "twice: 'pixel0'"),
        (b"pixel0,pixel1,pixel2,pixel02\n1,2,3,4\n", "gap"),
        (b"pixel0,pixel1,pixel2,pixel4\n1,2,3,4\n", "gap"),
        (b"pixel2,pixel3,pixel4,pixel5\n1,2,3,4\n", "gap"),
        (
            b"pixel0,pixel1,pixel2\n1,2,3\n",
            "3 pixel columns, which do not make a square",
        ),
        (b"label\tpixel0\n1\t2\n", "tabs or semicolons between columns: use commas"),
        (b"label;pixel0\n1;2\n", "tabs or semicolons between columns: use commas"),
        ("label,pixel0\n1,2\n".encode("utf-16"), "CSV file of UTF-8 text"),
        (b"label,pixel0\n\xe9,2\n", "CSV file of UTF-8 text"),
        (bytes(range(256)) * 9, "CSV file of UTF-8 text"),
        (b"\0" * 999, "CSV file of UTF-8 text"),
        (b"\x93NUMPY\1\0v\0{'descr'", "CSV file of UTF-8 text"),
        (b"label,pixel0\n1,2\n\n1,2\n", "blank line"),
        (b'label,pixel0\n1,"2\n3"\n', "line break inside quotes"),
        (b'label,pixel0\n"a\nb",2\n', "line break inside quotes"),
        (b"label,pixel0\r1,2\r", "CSV file of UTF-8 text"),
        (b"pixel0," * 2**20, "longer than"),
        (b'label,"pixel0\n1,2\n', "cut short"),
    ],
)
def test_csv_not_a_table_of_images(tmp_path, content, words):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    message = refusal(path)
    assert str(path) in message
    assert re.search(words, message)


def test_csv_long_list_of_columns(tmp_path):
    path = tmp_path / "train.csv"
    table().rename(columns={"label": "d" * 99}).to_csv(path, index=False)
    message = refusal(path)
    assert "(65 in all)" in message
    assert len(message) < len(str(path)) + 350


BAD_PIXELS = ["256", "-1", "1000", "99999999999999999999", "12.5", "1e3", "nan", ""]
BAD_PIXELS += ["inf", "abc", "True", "0x1", "1_0", "٣", "--1", "1 2", "\0", "1\x002"]


@pytest.mark.parametrize("cell", BAD_PIXELS)
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_csv_bad_pixel(tmp_path, cell, labels):
    frame = table(labels=labels).astype(object)
    frame.loc[22, "pixel5"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame), encoding="utf-8")
    message = refusal(path)
    assert "row 23 " in message
    assert "'pixel5'" in message
    assert repr(cell) in message
    assert "0 to 255" in message


def test_csv_bad_pixel_far_down(tmp_path):
    pixels = np.zeros((70_000, 16), dtype=int)
    pixels[69_998, 2] = 256
    path = tmp_path / "train.csv"
    table(pixels, np.zeros(70_000, int)).to_csv(path, index=False)
    assert "row 69999 holds '256' in 'pixel2'" in refusal(path)


@pytest.mark.parametrize("at", [0, 5, 64])
@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "None", "  "])
def test_csv_missing_label(tmp_path, at, cell):
    frame = table(at=at).astype(object)
    frame.loc[7, "label"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame))
    assert "row 8 does not have a label" in refusal(path)


@pytest.mark.parametrize("cell", ["0.5", "-2.25", "1e300", "9007199254740993"])
def test_csv_fractional_label(tmp_path, cell):
    frame = table().astype(object)
    frame.loc[7, "label"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame))
    assert cell in refusal(path)


@pytest.mark.parametrize("cell", ["x" * 101, "a\0b", "\x1b[31m"])
def test_csv_unprintable_label(tmp_path, cell):
    frame = table().astype(object)
    frame.loc[7, "label"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame))
    message = refusal(path)
    assert "row 8" in message
    assert message.isprintable()


def test_csv_one_long_label(tmp_path):
    path = tmp_path / "train.csv"
    rows = "a,0\n" * 400_000
    path.write_text(f"label,pixel0\n{rows}{'b' * 100},0\n")
    assert "labels of very different lengths" in refusal(path)
    path.write_text(f"label,pixel0\n{rows}{'b' * 80},0\n")
    assert len(load_images(path).target) == 400_001


@pytest.mark.parametrize("row", ["1,2,3", "1,2,3,4,5,6", "1", "1,2,3,4,5,", "x" * 999])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_csv_ragged_rows(tmp_path, row, place):
    rows = ["1,2,3,4,5", "1,2,3,4,5"]
    rows.insert(place, row)
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows]))
    assert re.search(f"row {place + 1} has|row of more than", refusal(path))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_csv_damaged_compression(tmp_path, compress):
    content = compress(csv_text(table()).encode())
    path = tmp_path / "train.csv.packed"
    for length in range(6, len(content) - 1, 37):
        path.write_bytes(content[:length])
        assert str(path) in refusal(path)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0x5A
    path.write_bytes(damaged)
    assert str(path) in refusal(path)


def test_csv_compression_bombs(tmp_path):
    names = ",".join(f"pixel{i}" for i in range(784)).encode() + b"\n"
    black = b",".join([b"0"] * 784) + b"\n"
    paths = []
    for head in (b"", names):
        for piece in (b"\0", b"0", b",", b"\n", b'"', b"pixel0,", black):
            # A gigabyte in one megabyte: gzip files can be concatenated.
            block = gzip.compress(piece * (2**20 // len(piece)))
            path = tmp_path / f"{len(paths)}.csv.gz"
            path.write_bytes(gzip.compress(head) + block * 1024)
            paths.append(path)
    messages, megabytes = loading_memory(*paths)
    assert len(messages) == len(paths)
    for path, message in zip(paths, messages, strict=True):
        assert str(path) in message
    assert megabytes < 250


def test_csv_xz_dictionary_too_large(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**20}]
    text = csv_text(table()).encode()
    content = bytearray(lzma.compress(text, check=lzma.CHECK_CRC32, filters=filters))
    end = 12 + 4 * content[12]  # of the block header, whose checksum follows
    content[content.index(b"\x21\1", 12) + 2] = 40  # a dictionary of 4 GB
    content[end : end + 4] = struct.pack("<I", zlib.crc32(content[12:end]))
    path = tmp_path / "train.csv.xz"
    path.write_bytes(content)
    assert_loaded(load_images(path))  # the memory is reserved, but not used
    code = (
        "import resource, sys\n"
        "from skmnist import load_images\n"
        "load_images('digits')\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))\n"
        "try:\n"
        "    load_images(sys.argv[1])\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, check=True
    )
    assert b"more memory than there is" in done.stdout
