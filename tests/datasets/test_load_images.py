"""What may be relied on when images are loaded, and what is refused."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
import urllib.request
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
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


def idx_bytes(array):
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


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


def write_npz(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


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
    """Load what is to be refused; return the one sentence that says why."""
    with pytest.raises(ValueError) as caught:
        load_images(source, **options)
    assert type(caught.value) is ValueError
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


# --------------------------------------------------------------- named sources


def test_embedded_digits_are_bytes_from_0_to_16():
    images = load_images("digits")
    assert images.data.dtype == np.uint8
    assert images.data.flags.c_contiguous
    assert images.data.shape == (1797, 64)
    assert images.image_shape == (8, 8)
    assert images.max_value == images.data.max() == 16
    np.testing.assert_array_equal(images.data, DIGITS.data)
    np.testing.assert_array_equal(images.target, DIGITS.target)
    assert load_images("digits", subset="all").data.shape == (1797, 64)


@pytest.mark.parametrize(
    ("subset", "rows"),
    [
        ("train", slice(60_000)),
        ("test", slice(60_000, 70_000)),
        ("all", slice(70_000)),
    ],
)
def test_mnist_comes_from_openml_with_integer_labels(monkeypatch, subset, rows):
    pixels = np.broadcast_to(np.arange(70_000)[:, None] % 251, (70_000, 784))
    labels = (np.arange(70_000) % 10).astype(str).astype(object)

    def fetch_openml(name, *, as_frame, parser, **options):
        assert (name, as_frame, parser) == ("mnist_784", False, "auto")
        return Bunch(data=pixels, target=labels, DESCR="about MNIST")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    images = load_images("mnist", subset=subset)
    assert images.data.dtype == np.uint8
    assert images.image_shape == (28, 28)
    assert images.max_value == 255
    assert images.DESCR == "about MNIST"
    np.testing.assert_array_equal(images.data, pixels[rows])
    np.testing.assert_array_equal(images.target, np.arange(70_000)[rows] % 10)


def test_offline_mnist_names_what_to_use_instead(monkeypatch, tmp_path, recwarn):
    # Port 9 of this machine answers nobody, so the real download fails at once.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr(urllib.request, "_opener", None)
    with pytest.raises(OSError, match="could not be downloaded") as caught:
        load_images("mnist")
    for name in ("refused", "'digits'", "train.csv", "mnist.npz", "idx"):
        assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not recwarn


def test_path_of_a_file_called_like_a_named_source_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").write_text(csv_text(table()))
    assert_loaded(load_images(Path("digits")))
    assert load_images("digits").data.shape == (1797, 64)


def test_unknown_subset_is_refused():
    assert "'validation'" in refusal("digits", subset="validation")


def test_sources_of_one_part_have_no_test_part(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table()))
    packed = write_npz(tmp_path / "train.zip", {"train.csv": path.read_bytes()})
    for source in ("digits", path, packed):
        assert "no test part" in refusal(source, subset="test")
    assert_loaded(load_images(path, subset="all"))


def test_source_that_is_no_path_is_a_type_error():
    with pytest.raises(TypeError):
        load_images(3)


# ------------------------------------------------------------------ CSV, taken


@pytest.mark.parametrize("kind", [str, Path])
def test_labelled_table_is_read_from_a_str_or_a_path(tmp_path, kind):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table()))
    assert_loaded(load_images(kind(path)))


def test_table_without_labels_has_no_target(tmp_path):
    path = tmp_path / "test.csv"
    path.write_text(csv_text(table(labels=None)))
    assert_loaded(load_images(path), labels=None)


@pytest.mark.parametrize("at", [0, 5, 64])
def test_label_column_may_stand_anywhere(tmp_path, at):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table(at=at)))
    assert_loaded(load_images(path))


def test_label_column_may_have_another_name(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table().rename(columns={"label": "digit"})))
    assert_loaded(load_images(path, label_column="digit"))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_compressed_tables_are_read(tmp_path, suffix, labels):
    path = tmp_path / f"train.csv{suffix}"
    table(labels=labels).to_csv(path, index=False)
    assert_loaded(load_images(path), labels=labels)


def test_format_is_found_by_content_not_by_name(tmp_path):
    text = csv_text(table()).encode()
    plain, packed = tmp_path / "train.csv.gz", tmp_path / "train.csv"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    assert_loaded(load_images(plain))
    assert_loaded(load_images(packed))


def test_pixel_columns_are_put_in_the_order_of_their_numbers(tmp_path):
    path = tmp_path / "train.csv"
    frame = table(at=30)
    frame[sorted(frame.columns)].to_csv(path, index=False)  # pixel10 before pixel2
    assert_loaded(load_images(path))


def test_pixel_numbers_may_start_at_1(tmp_path):
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
def test_other_spellings_of_the_same_table_read_the_same(tmp_path, change):
    path = tmp_path / "train.csv"
    path.write_bytes(change(csv_text(table())).encode())
    assert_loaded(load_images(path))


def test_one_row_and_one_pixel_are_enough(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("pixel0\n7\n")
    images = load_images(path)
    assert images.data.tolist() == [[7]]
    assert images.image_shape == (1, 1)
    path.write_text("label,pixel0\n-3,255\n")
    images = load_images(path)
    assert images.data.tolist() == [[255]]
    assert images.target.tolist() == [-3]


def test_rows_of_several_pieces_keep_their_order(tmp_path):
    # 70,000 rows of 16 pixels are more than the reader takes at once.
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (70_000, 16), dtype=np.uint8)
    labels = rng.integers(-1000, 1000, 70_000)
    path = tmp_path / "train.csv"
    table(pixels, labels, at=3).to_csv(path, index=False)
    images = load_images(path)
    np.testing.assert_array_equal(images.data, pixels)
    np.testing.assert_array_equal(images.target, labels)


def test_every_value_of_a_pixel_survives(tmp_path):
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
def test_labels_are_integers_or_else_text(tmp_path, labels, expected):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table(PIXELS[:4], labels)), encoding="utf-8")
    images = load_images(path)
    assert images.target.tolist() == expected
    assert images.target.dtype.kind in "iU"


@pytest.fixture(scope="module", params=["train", "test"])
def kaggle_table(request, tmp_path_factory):
    """Real MNIST in Kaggle's layout if it is at hand, else digits made as large."""
    labelled = request.param == "train"
    if "SKMNIST_DATA" in os.environ:
        path = Path(os.environ["SKMNIST_DATA"], f"{request.param}.csv.gz")
        return path, 42_000 if labelled else 18_000, labelled
    path = tmp_path_factory.mktemp("kaggle") / f"{request.param}.csv.gz"
    blown_up = np.kron(DIGITS.images[:600], np.ones((3, 3))).astype(np.uint8) * 15
    pixels = np.pad(blown_up, ((0, 0), (2, 2), (2, 2))).reshape(600, 784)
    table(pixels, DIGITS.target[:600] if labelled else None).to_csv(path, index=False)
    return path, 600, labelled


def test_kaggle_files_load_as_pandas_reads_them(kaggle_table):
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
    """42,000 rows of 28x28 pixels: real ones if they are at hand, else noise."""
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


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_42000_rows_take_at_most_150_megabytes(large_table, tmp_path, packed):
    path = large_table
    if packed:
        path = tmp_path / "train.csv.gz"
        path.write_bytes(gzip.compress(large_table.read_bytes(), compresslevel=1))
    shapes, megabytes = loading_memory(path)
    assert shapes == ["(42000, 784)"]
    # The result alone takes 31: less would mean that nothing was measured.
    assert 30 < megabytes < 150


def test_loading_imports_neither_keras_nor_matplotlib():
    code = (
        "import sys\n"
        "from skmnist import load_images\n"
        "load_images('digits')\n"
        "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- CSV, refused


def test_missing_file_is_named_and_so_are_the_other_sources(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.csv.*'digits'"):
        load_images(tmp_path / "nothing.csv")
    with pytest.raises(FileNotFoundError, match="'digitz'"):
        load_images("digitz")
    with pytest.raises(FileNotFoundError):
        load_images("")
    assert "null" in refusal("train\0.csv")


def test_path_below_a_file_is_an_os_error(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table()))
    with pytest.raises(OSError):
        load_images(path / "train.csv")


def test_devices_and_pipes_are_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert not stat.S_ISREG(path.stat().st_mode)
        assert "neither a file nor a folder" in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"label,pixel0\n", "no rows"),
        (b"label,pixel0", "no rows"),
        (b"label,pixel0\n\n\n", "no rows"),
        (b"\n", "'nothing'|nothing"),
        (b"label\n1\n", "no pixels"),
        (b"1,0,0,0,0\n1,0,0,0,0\n", "names of the columns"),
        (b"a,b\n1,2\n", "no column 'label'.*'a', 'b'"),
        (b"label;pixel0\n1;2\n", "no column 'label'.*'label;pixel0'"),
        (b"digit,pixel0\n1,2\n", "no column 'label'.*'digit', 'pixel0'"),
        (b"id,label,pixel0\n1,2,3\n", "more than 'label' and pixels.*'id'"),
        (b"label,pixel0,label\n1,2,3\n", "twice: 'label'"),
        (b"pixel0,pixel0\n1,2\n", "twice: 'pixel0'"),
        (b"pixel0,pixel1,pixel2,pixel02\n1,2,3,4\n", "gap"),
        (b"pixel0,pixel1,pixel2,pixel4\n1,2,3,4\n", "gap"),
        (b"pixel2,pixel3,pixel4,pixel5\n1,2,3,4\n", "gap"),
        (b"pixel0,pixel1,pixel2\n1,2,3\n", "3 pixel columns, which is no square"),
        (b"label\tpixel0\n1\t2\n", "CSV file of UTF-8 text"),
        ("label,pixel0\n1,2\n".encode("utf-16"), "CSV file of UTF-8 text"),
        (b"label,pixel0\n\xe9,2\n", "CSV file of UTF-8 text"),
        (bytes(range(256)) * 9, "CSV file of UTF-8 text"),
        (b"\0" * 999, "CSV file of UTF-8 text"),
        (b"\x93NUMPY\1\0v\0{'descr'", "CSV file of UTF-8 text"),
        (b"label,pixel0\n1,2\n\n1,2\n", "blank line"),
        (b'label,pixel0\n1,"2\n3"\n', "cut short"),
        (b'label,pixel0\n"a\nb",2\n', "cut short"),
        (b"label,pixel0\r1,2\r", "CSV file of UTF-8 text"),
        (b"pixel0," * 2**20, "longer than"),
        (b'label,"pixel0\n1,2\n', "cut short"),
    ],
)
def test_what_is_no_table_of_images_is_refused(tmp_path, content, words):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    message = refusal(path)
    assert str(path) in message
    assert re.search(words, message)


def test_long_lists_of_columns_are_shortened(tmp_path):
    path = tmp_path / "train.csv"
    table().rename(columns={"label": "d" * 99}).to_csv(path, index=False)
    message = refusal(path)
    assert "(65 in all)" in message
    assert len(message) < len(str(path)) + 350


BAD_PIXELS = ["256", "-1", "1000", "99999999999999999999", "12.5", "1e3", "nan", ""]
BAD_PIXELS += ["inf", "abc", "True", "0x1", "1_0", "٣", "--1", "1 2", "\0", "1\x002"]


@pytest.mark.parametrize("cell", BAD_PIXELS)
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_cell_that_is_no_pixel_is_named(tmp_path, cell, labels):
    frame = table(labels=labels).astype(object)
    frame.loc[22, "pixel5"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame), encoding="utf-8")
    message = refusal(path)
    assert "row 23 " in message
    assert "'pixel5'" in message
    assert repr(cell) in message
    assert "0 to 255" in message


def test_bad_pixel_far_down_is_named_by_its_row(tmp_path):
    pixels = np.zeros((70_000, 16), dtype=int)
    pixels[69_998, 2] = 256
    path = tmp_path / "train.csv"
    table(pixels, np.zeros(70_000, int)).to_csv(path, index=False)
    assert "row 69999 holds '256' in 'pixel2'" in refusal(path)


@pytest.mark.parametrize("at", [0, 5, 64])
@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "None", "  "])
def test_missing_label_is_refused(tmp_path, at, cell):
    frame = table(at=at).astype(object)
    frame.loc[7, "label"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame))
    assert "row 8 has no label" in refusal(path)


@pytest.mark.parametrize("cell", ["0.5", "-2.25", "1e300", "9007199254740993"])
def test_number_that_is_no_integer_is_no_label(tmp_path, cell):
    frame = table().astype(object)
    frame.loc[7, "label"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame))
    assert cell in refusal(path)


@pytest.mark.parametrize("cell", ["x" * 101, "a\0b", "\x1b[31m"])
def test_label_that_nobody_could_print_is_refused(tmp_path, cell):
    frame = table().astype(object)
    frame.loc[7, "label"] = cell
    path = tmp_path / "train.csv"
    path.write_text(csv_text(frame))
    message = refusal(path)
    assert "row 8" in message
    assert message.isprintable()


def test_one_long_label_does_not_make_room_for_all_others(tmp_path):
    path = tmp_path / "train.csv"
    rows = "a,0\n" * 400_000
    path.write_text(f"label,pixel0\n{rows}{'b' * 100},0\n")
    assert "labels of very different lengths" in refusal(path)
    path.write_text(f"label,pixel0\n{rows}{'b' * 80},0\n")
    assert len(load_images(path).target) == 400_001


@pytest.mark.parametrize("row", ["1,2,3", "1,2,3,4,5,6", "1", "1,2,3,4,5,", "x" * 999])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_ragged_rows_are_refused(tmp_path, row, place):
    rows = ["1,2,3,4,5", "1,2,3,4,5"]
    rows.insert(place, row)
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["label,pixel0,pixel1,pixel2,pixel3", *rows]))
    assert re.search(f"row {place + 1} has|row of more than", refusal(path))


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_truncated_or_damaged_compressed_tables_are_refused(tmp_path, compress):
    content = compress(csv_text(table()).encode())
    path = tmp_path / "train.csv.packed"
    for length in range(6, len(content) - 1, 37):
        path.write_bytes(content[:length])
        assert str(path) in refusal(path)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0x5A
    path.write_bytes(damaged)
    assert str(path) in refusal(path)


def test_damaged_zip_files_are_refused(tmp_path):
    path = tmp_path / "train.zip"
    content = write_npz(path, {"train.csv": csv_text(table())}).read_bytes()
    for length in range(6, len(content) - 1, 37):
        path.write_bytes(content[:length])
        assert "damaged" in refusal(path)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0x5A
    path.write_bytes(damaged)
    assert "damaged" in refusal(path)
    encrypted = bytearray(content)
    encrypted[6] |= 1
    encrypted[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(encrypted)
    assert "encrypted" in refusal(path)


def test_zip_files_hold_one_table(tmp_path):
    text = csv_text(table())
    path = write_npz(tmp_path / "a.zip", {"train.csv": text, "test.csv": text})
    assert "'train.csv', 'test.csv'" in refusal(path)
    path = write_npz(tmp_path / "none.zip", {})
    assert "0 files" in refusal(path)
    members = {"data/": "", "data/train.csv": text, "__MACOSX/data/._train.csv": "x"}
    path = write_npz(tmp_path / "sub.zip", members)
    assert_loaded(load_images(path))
    (tmp_path / "twice.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert "none of the files" in refusal(tmp_path / "twice.gz")


def test_compressed_bombs_are_refused_in_little_memory(tmp_path):
    names = ",".join(f"pixel{i}" for i in range(784)).encode() + b"\n"
    black = b",".join([b"0"] * 784) + b"\n"
    paths = []
    for head in (b"", names):
        for piece in (b"\0", b"0", b",", b"\n", b'"', b"pixel0,", black):
            # A gigabyte out of one megabyte: gzip joins its parts by itself.
            block = gzip.compress(piece * (2**20 // len(piece)))
            path = tmp_path / f"{len(paths)}.csv.gz"
            path.write_bytes(gzip.compress(head) + block * 1024)
            paths.append(path)
    messages, megabytes = loading_memory(*paths)
    assert len(messages) == len(paths)
    for path, message in zip(paths, messages, strict=True):
        assert str(path) in message
    assert megabytes < 250


def test_file_that_asks_for_too_much_memory_is_refused(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**20}]
    text = csv_text(table()).encode()
    content = bytearray(lzma.compress(text, check=lzma.CHECK_CRC32, filters=filters))
    end = 12 + 4 * content[12]  # of the block header, whose checksum follows
    content[content.index(b"\x21\1", 12) + 2] = 40  # a dictionary of 4 GB
    content[end : end + 4] = struct.pack("<I", zlib.crc32(content[12:end]))
    path = tmp_path / "train.csv.xz"
    path.write_bytes(content)
    assert_loaded(load_images(path))  # the memory is asked for, but not used
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


# ------------------------------------------------------------------------- npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_keras_npz_files_are_read(tmp_path, save):
    path = tmp_path / "mnist.npz"
    save(path, **npz_arrays())
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(str(path), subset="test"), PIXELS[30:], LABELS[30:])
    assert_loaded(load_images(path, subset="all"))


def test_npz_arrays_in_fortran_order_and_other_integers_are_read(tmp_path):
    path = tmp_path / "mnist.npz"
    images = np.asfortranarray(STACK[:, ::-1])
    arrays = npz_arrays(images, LABELS.astype(">i2"))
    np.savez(path, **{**arrays, "x_train": np.asfortranarray(arrays["x_train"])})
    expected = images.reshape(-1, 64)
    assert_loaded(load_images(path, subset="all"), expected, LABELS)


def test_rectangular_images_keep_height_and_width(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, **npz_arrays(PIXELS.reshape(-1, 4, 16)))
    images = load_images(path, subset="all")
    assert images.image_shape == (4, 16)
    np.testing.assert_array_equal(images.data, PIXELS)


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_npz_without_one_of_its_arrays_is_refused(tmp_path, key):
    path = tmp_path / "mnist.npz"
    arrays = npz_arrays()
    arrays["other"] = arrays.pop(key)
    np.savez(path, **arrays)
    message = refusal(path)
    assert f"no {key}" in message
    assert "'other.npy'" in message


def with_train(images=None, labels=None):
    arrays = npz_arrays()
    if images is not None:
        arrays["x_train"] = images
    if labels is not None:
        arrays["y_train"] = labels
    return arrays


@pytest.mark.parametrize(
    "arrays",
    [
        with_train(images=np.zeros((30, 8, 8, 3), np.uint8)),
        with_train(images=np.zeros((30, 8, 8), np.uint16)),
        with_train(images=np.zeros((30, 8, 8), np.float32)),
        with_train(images=np.zeros((30, 8, 8), bool)),
        with_train(images=np.zeros((30, 64), np.uint8)),
        with_train(images=np.zeros((29, 8, 8), np.uint8)),
        with_train(images=np.zeros((0, 8, 8), np.uint8), labels=np.zeros(0, int)),
        with_train(images=np.zeros((30, 0, 8), np.uint8)),
        with_train(images=np.zeros((), np.uint8)),
        with_train(labels=np.zeros((30, 1), int)),
        with_train(labels=np.zeros(30)),
        with_train(labels=np.zeros(30, np.uint64)),
        with_train(labels=np.zeros(30, "U3")),
        with_train(labels=np.zeros(30, "M8[s]")),
        with_train(labels=np.zeros(30, [("a", "u1"), ("b", "u1")])),
    ],
    ids=lambda arrays: (
        f"{arrays['x_train'].dtype}{arrays['x_train'].shape}"
        f"{arrays['y_train'].dtype.kind}{arrays['y_train'].shape}"
    ),
)
def test_npz_arrays_that_are_no_images_with_labels_are_refused(tmp_path, arrays):
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    assert str(path) in refusal(path)


def test_parts_of_different_image_sizes_do_not_join(tmp_path):
    path = tmp_path / "mnist.npz"
    arrays = npz_arrays()
    np.savez(path, **{**arrays, "x_test": np.zeros((10, 9, 9), np.uint8)})
    assert "does not fit together" in refusal(path, subset="all")
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickles_in_npz_files_are_never_opened(tmp_path):
    sprung = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists()  # the trap works
    sprung.unlink()
    path = tmp_path / "mnist.npz"
    traps = np.array([Trap(sprung)] * 30, dtype=object)
    np.savez(path, **with_train(labels=traps))
    assert "'|O'" in refusal(path)
    np.savez(path, **with_train(images=traps.reshape(30, 1, 1)))
    assert "'|O'" in refusal(path)
    members = {f"{key}.npy": pickle.dumps(Trap(sprung)) for key in npz_arrays()}
    assert "no array" in refusal(write_npz(path, members))
    path.write_bytes(pickle.dumps(Trap(sprung)))
    assert "none of the files" in refusal(path)
    assert not sprung.exists()


GOOD = npz_arrays()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no array"),
        (b"\x93NUMPY", "no array"),
        (b"\x93NUMPY\1\0\xff\xff", "no array"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", "no array"),
        (npy_bytes(GOOD["x_train"])[:60], "no array"),
        (npy_bytes(GOOD["x_train"])[:200], "cut short"),
        (b"rubbish" * 99, "no array"),
        (npy_bytes(GOOD["x_train"], shape=(31, 8, 8)), "cut short"),
        (npy_bytes(GOOD["x_train"], shape=(29, 8, 8)), "more bytes"),
        (npy_bytes(GOOD["x_train"], shape=(2**17, 2**15, 2**15)), "can hold"),
        (npy_bytes(GOOD["x_train"], shape=(10**17, 10**17, 10**17)), "can hold"),
        (npy_bytes(GOOD["x_train"], shape=(10**30, 8, 8)), "no array"),
        (npy_bytes(GOOD["x_train"], shape=(-30, 8, 8)), "no array"),
        (npy_bytes(GOOD["x_train"], shape=(30.0, 8, 8)), "no array"),
        (npy_bytes(GOOD["x_train"], shape="x"), "no array"),
        (npy_bytes(GOOD["x_train"], descr="<u2"), "dtype '<u2'"),
        (npy_bytes(GOOD["x_train"], descr="|S1"), "dtype '|S1'"),
        (npy_bytes(GOOD["x_train"], descr="|O"), "dtype '|O'"),
        (npy_bytes(GOOD["x_train"], descr=[("a", "|u1")]), "no array"),
        (npy_bytes(GOOD["x_train"], fortran_order="False"), "no array"),
    ],
)
def test_npz_headers_that_lie_are_refused(tmp_path, content, words):
    members = {f"{key}.npy": npy_bytes(array) for key, array in GOOD.items()}
    path = write_npz(tmp_path / "mnist.npz", members)
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    message = refusal(write_npz(path, {**members, "x_train.npy": content}))
    assert "x_train" in message
    assert words in message


def test_truncated_npz_files_are_refused(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **npz_arrays())
    content = path.read_bytes()
    for length in range(4, len(content), len(content) // 50):
        path.write_bytes(content[:length])
        assert "damaged" in refusal(path)


def test_npz_bombs_take_little_memory(tmp_path):
    # 512 MB of zeros in 2 MB, honestly declared.
    path = tmp_path / "mnist.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key, array in {**npz_arrays(), "x_train": STACK[:0]}.items():
            with archive.open(f"{key}.npy", "w") as file:
                if key != "x_train":
                    file.write(npy_bytes(array))
                    continue
                file.write(npy_bytes(array, shape=(2**9, 2**10, 2**10)))
                for _ in range(2**9):
                    file.write(bytes(2**20))
    assert path.stat().st_size < 4 * 2**20
    (message,), megabytes = loading_memory(path)
    assert "more than its file can hold" in message
    assert megabytes < 50


# ------------------------------------------------------------------------- idx


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_folders_of_idx_files_are_read(tmp_path, suffix, dot):
    for name, content in idx_files().items():
        name = name.replace("-idx", f"{dot}idx") + suffix
        (tmp_path / name).write_bytes(gzip.compress(content) if suffix else content)
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    test = load_images(str(tmp_path), subset="test")
    assert_loaded(test, PIXELS[30:], LABELS[30:])
    assert_loaded(load_images(tmp_path, subset="all"))


def test_folder_without_idx_files_says_what_it_holds(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte .*nothing"):
        load_images(tmp_path)
    (tmp_path / "train.csv").write_text(csv_text(table()))
    with pytest.raises(FileNotFoundError, match="'train.csv'"):
        load_images(tmp_path)


def test_only_the_idx_files_of_the_subset_are_needed(tmp_path):
    files = idx_files()
    del files["t10k-images-idx3-ubyte"]
    write_files(tmp_path, files)
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    with pytest.raises(FileNotFoundError, match="t10k-images"):
        load_images(tmp_path, subset="all")


IMAGES = idx_files()["train-images-idx3-ubyte"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (IMAGES[:3], "claims|cut short"),
        (IMAGES[:10], "claims|cut short"),
        (IMAGES[:-1], "cut short"),
        (IMAGES + b"\0", "more bytes"),
        (b"\0\0\x08\1" + IMAGES[4:], "00 00 08 03"),
        (b"\0\0\x0b\3" + IMAGES[4:], "00 00 0b 03"),
        (b"\0\0\x08\4" + IMAGES[4:], "grey"),
        (b"\3\x08\0\0" + IMAGES[4:], "00 00 08 03"),
        (csv_text(table()).encode(), "00 00 08 03"),
        (IMAGES[:4] + struct.pack(">3I", 31, 8, 8) + IMAGES[16:], "claims"),
        (IMAGES[:4] + struct.pack(">3I", 29, 8, 8) + IMAGES[16:], "more bytes"),
        (IMAGES[:4] + struct.pack(">3I", 0, 8, 8), "is empty"),
        (IMAGES[:4] + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "is empty"),
        (IMAGES[:4] + struct.pack(">3I", *[2**32 - 1] * 3), "claims"),
        (IMAGES[:4] + struct.pack(">3I", 15, 8, 16) + IMAGES[16:], "fit together"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_idx_files_that_lie_are_refused(tmp_path, content, words, packed):
    write_files(tmp_path, idx_files())
    path = tmp_path / "train-images-idx3-ubyte"
    if packed:
        path.unlink()
        path = path.with_name(f"{path.name}.gz")
        content = gzip.compress(content)
        words = f"{words}|cut short"
    path.write_bytes(content)
    message = refusal(tmp_path)
    assert str(tmp_path) in message
    assert re.search(words, message)


def test_idx_images_and_labels_must_be_as_many(tmp_path):
    files = idx_files()
    files["train-labels-idx1-ubyte"] = idx_bytes(LABELS[:29])
    write_files(tmp_path, files)
    assert "does not fit together" in refusal(tmp_path)


def test_truncated_packed_idx_files_are_refused(tmp_path):
    write_files(tmp_path, idx_files())
    (tmp_path / "train-images-idx3-ubyte").unlink()
    content = gzip.compress(IMAGES)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for length in range(2, len(content), 17):
        path.write_bytes(content[:length])
        assert str(path) in refusal(tmp_path)


def test_idx_bombs_take_little_memory(tmp_path):
    zeros = gzip.compress(bytes(2**20)) * 1024
    folders = []
    for n_images in (2**32 - 1, 1_000_000, 30):
        folder = tmp_path / str(n_images)
        folder.mkdir()
        write_files(folder, idx_files())
        (folder / "train-images-idx3-ubyte").unlink()
        header = b"\0\0\x08\3" + struct.pack(">3I", n_images, 28, 28)
        path = folder / "train-images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(header) + zeros)
        folders.append(folder)
    messages, megabytes = loading_memory(*folders)
    assert "more than its file can hold" in messages[0]
    assert "more than its file can hold" in messages[1]
    assert "more bytes" in messages[2]
    assert megabytes < 50


def test_folder_in_place_of_an_idx_file_is_refused(tmp_path):
    write_files(tmp_path, idx_files())
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    assert "neither a file" in refusal(tmp_path)


def test_results_can_be_written_to(tmp_path):
    path = tmp_path / "mnist.npz"
    buffer = io.BytesIO()
    np.savez(buffer, **npz_arrays())
    path.write_bytes(buffer.getvalue())
    images = load_images(path)
    images.data[0, 0] = images.target[0] = 1
    assert images.data[0, 0] == images.target[0] == 1
