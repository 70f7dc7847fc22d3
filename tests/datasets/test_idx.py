"""idx files of MNIST and similar data sets."""

import gzip
import re
import struct

import numpy as np
import pytest
from image_files import (
    LABELS,
    PIXELS,
    STACK,
    assert_loaded,
    csv_text,
    idx_bytes,
    idx_files,
    loading_memory,
    refusal,
    table,
    write_files,
)

from skmnist import load_images


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_folder(tmp_path, suffix, dot):
    for name, content in idx_files().items():
        name = name.replace("-idx", f"{dot}idx") + suffix
        (tmp_path / name).write_bytes(gzip.compress(content) if suffix else content)
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    test = load_images(str(tmp_path), subset="test")
    assert_loaded(test, PIXELS[30:], LABELS[30:])
    assert_loaded(load_images(tmp_path, subset="all"))


def test_idx_kaggle_folder_beside_file(tmp_path):
    # Kaggle's archive holds each file twice, once in a folder of its own name.
    for name, content in idx_files().items():
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(content)
    assert_loaded(load_images(tmp_path, subset="all"))
    for name, content in idx_files().items():
        (tmp_path / name.replace("-idx", ".idx")).write_bytes(content)
    assert_loaded(load_images(tmp_path, subset="all"))


def test_idx_nested_folder(tmp_path):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    write_files(tmp_path / "MNIST" / "raw", idx_files())
    (tmp_path / "README.md").write_text("digits")
    assert_loaded(load_images(tmp_path, subset="all"))


def qmnist_files(labels=LABELS):
    """QMNIST's labels have eight columns of 32 bits: class, writer and so on."""
    rows = np.stack([labels, *[np.arange(len(labels))] * 7], axis=1).astype(">i4")
    return {
        f"qmnist-{part}-{name}": content
        for part, cut in [("train", slice(30)), ("test", slice(30, None))]
        for name, content in [
            ("images-idx3-ubyte", idx_bytes(STACK[cut])),
            ("labels-idx2-int", idx_bytes(rows[cut], kind=12)),
        ]
    }


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_qmnist(tmp_path, suffix):
    for name, content in qmnist_files().items():
        content = gzip.compress(content) if suffix else content
        (tmp_path / f"{name}{suffix}").write_bytes(content)
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    test = load_images(tmp_path, subset="test")
    assert_loaded(test, PIXELS[30:], LABELS[30:])


def emnist_files(name="letters", images=STACK, labels=LABELS):
    files = idx_files(images.transpose(0, 2, 1), labels)
    return {
        f"emnist-{name}-{file.replace('t10k', 'test')}.gz": gzip.compress(content)
        for file, content in files.items()
    }


def test_idx_emnist_orientation(tmp_path):
    write_files(tmp_path, emnist_files())
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(tmp_path, subset="all"))


def test_idx_several_data_sets(tmp_path):
    write_files(tmp_path, emnist_files())
    write_files(tmp_path, emnist_files("digits", STACK[::-1], LABELS[::-1]))
    message = refusal(tmp_path)
    assert "2 data sets ('emnist-digits', 'emnist-letters')" in message
    assert "one file of images" in message
    for name, step in [("letters", 1), ("digits", -1)]:
        path = tmp_path / f"emnist-{name}-train-images-idx3-ubyte.gz"
        images = load_images(path)
        assert_loaded(images, PIXELS[::step][:30], LABELS[::step][:30])


def test_idx_one_file_of_images(tmp_path):
    write_files(tmp_path, idx_files())
    path = tmp_path / "t10k-images-idx3-ubyte"
    assert_loaded(load_images(path), PIXELS[30:], LABELS[30:])
    assert "not have a test part" in refusal(path, subset="test")
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    assert_loaded(load_images(path), PIXELS[30:], None)
    assert_loaded(load_images(path.rename(tmp_path / "digits")), PIXELS[30:], None)


def test_idx_one_file_beside_folder_of_that_name(tmp_path, monkeypatch):
    write_files(tmp_path, idx_files())
    (tmp_path / "t10k-labels-idx1-ubyte").rename(tmp_path / "t10k-labels.idx1-ubyte")
    (tmp_path / "t10k-labels-idx1-ubyte").mkdir()
    monkeypatch.chdir(tmp_path)
    assert_loaded(load_images("t10k-images-idx3-ubyte"), PIXELS[30:], LABELS[30:])


def test_idx_one_file_of_labels(tmp_path):
    write_files(tmp_path, idx_files())
    assert "can be read" in refusal(tmp_path / "t10k-labels-idx1-ubyte")


def test_idx_missing_part(tmp_path):
    files = idx_files()
    del files["t10k-images-idx3-ubyte"]
    write_files(tmp_path, files)
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    with pytest.raises(FileNotFoundError, match="t10k-images"):
        load_images(tmp_path, subset="all")


@pytest.mark.parametrize(
    ("prefix", "rows"), [("train", slice(30)), ("t10k", slice(30, None))]
)
def test_idx_all_of_one_part(tmp_path, prefix, rows):
    files = {n: f for n, f in idx_files().items() if n.startswith(prefix)}
    write_files(tmp_path, files)
    assert_loaded(load_images(tmp_path, subset="all"), PIXELS[rows], LABELS[rows])


IMAGES = idx_files()["train-images-idx3-ubyte"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cut short"),
        (IMAGES[:3], "claims|cut short"),
        (IMAGES[:10], "claims|cut short"),
        (IMAGES[:-1], "cut short"),
        (IMAGES + b"\0", "more bytes"),
        (b"\0\0\x08\1" + IMAGES[4:], "00 00 08 03"),
        (b"\0\0\x0b\3" + IMAGES[4:], "00 00 0b 03"),
        (b"\0\0\x08\4" + IMAGES[4:], "grey"),
        (b"\3\x08\0\0" + IMAGES[4:], "00 00 08 03"),
        (csv_text(table()).encode(), "00 00 08 03"),
        (IMAGES[:4] + struct.pack(">3I", 31, 8, 8) + IMAGES[16:], "cut short"),
        (IMAGES[:4] + struct.pack(">3I", 29, 8, 8) + IMAGES[16:], "more bytes"),
        (IMAGES[:4] + struct.pack(">3I", 0, 8, 8), "is empty"),
        (IMAGES[:4] + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1), "is empty"),
        (IMAGES[:4] + struct.pack(">3I", *[2**32 - 1] * 3), "claims"),
        (IMAGES[:4] + struct.pack(">3I", 15, 8, 16) + IMAGES[16:], "fit together"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_idx_lying_headers(tmp_path, content, words, packed):
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


def test_idx_unequal_numbers(tmp_path):
    files = idx_files()
    files["train-labels-idx1-ubyte"] = idx_bytes(LABELS[:29])
    write_files(tmp_path, files)
    assert "does not fit together" in refusal(tmp_path)


def test_idx_truncated_gzip(tmp_path):
    write_files(tmp_path, idx_files())
    (tmp_path / "train-images-idx3-ubyte").unlink()
    content = gzip.compress(IMAGES)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for length in range(2, len(content), 17):
        path.write_bytes(content[:length])
        assert str(path) in refusal(tmp_path)


def test_idx_bomb_memory(tmp_path):
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


def test_idx_empty_folder_instead_of_file(tmp_path):
    write_files(tmp_path, idx_files())
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte").mkdir()
    with pytest.raises(FileNotFoundError, match="a file train-images-idx3-ubyte"):
        load_images(tmp_path)
