"""Folders and zip files, as they are downloaded."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from image_files import (
    LABELS,
    PIXELS,
    STACK,
    assert_loaded,
    csv_text,
    encoded,
    idx_files,
    loading_memory,
    mnist_like,
    npz_arrays,
    parquet_bytes,
    refusal,
    table,
    write_zip,
)

from skmnist import load_images


def test_zip_damaged(tmp_path):
    path = tmp_path / "train.zip"
    content = write_zip(path, {"train.csv": csv_text(table())}).read_bytes()
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


@pytest.fixture
def digit_recognizer():
    """Return the files of Kaggle's competition."""
    return {
        "sample_submission.csv": "ImageId,Label\n1,0\n",
        "test.csv": csv_text(table(PIXELS[30:], None)),
        "train.csv": csv_text(table(PIXELS[:30], LABELS[:30])),
    }


def test_zip_of_kaggle_competition(tmp_path, digit_recognizer):
    path = write_zip(tmp_path / "digit-recognizer.zip", digit_recognizer)
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(path, subset="test"), PIXELS[30:], None)
    assert "does not fit together" in refusal(path, subset="all")


def test_folder_of_kaggle_competition(tmp_path, digit_recognizer):
    for name, content in digit_recognizer.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert_loaded(load_images(tmp_path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(tmp_path, subset="test"), PIXELS[30:], None)


def test_zip_of_train_and_test_tables(tmp_path):
    members = {
        "mnist/mnist_train.csv": csv_text(table(PIXELS[:30], LABELS[:30])),
        "mnist/mnist_test.csv": csv_text(table(PIXELS[30:], LABELS[30:])),
    }
    path = write_zip(tmp_path / "archive.zip", members)
    assert_loaded(load_images(path, subset="all"))
    assert_loaded(load_images(path, subset="test"), PIXELS[30:], LABELS[30:])


def test_zip_of_tables_and_folders_of_their_names(tmp_path):
    members = {
        "sign_test.csv": csv_text(table(PIXELS[30:], LABELS[30:])),
        "sign_train.csv": csv_text(table(PIXELS[:30], LABELS[:30])),
    }
    members |= {f"{name[:-4]}/{name}": text for name, text in members.items()}
    path = write_zip(tmp_path / "archive.zip", members)
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(path, subset="test"), PIXELS[30:], LABELS[30:])
    assert_loaded(load_images(path, subset="all"))


def test_zip_of_one_table(tmp_path):
    text = csv_text(table())
    members = {"data/": "", "data/train.csv": text, "__MACOSX/data/._train.csv": "x"}
    path = write_zip(tmp_path / "sub.zip", members)
    assert_loaded(load_images(path))
    assert "not have a test part" in refusal(path, subset="test")
    path = write_zip(tmp_path / "a.zip", {"train.csv.gz": gzip.compress(text.encode())})
    assert_loaded(load_images(path))
    (tmp_path / "twice.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert "twice.gz is a zip file in a folder or in" in refusal(tmp_path / "twice.gz")


def test_zip_of_several_tables(tmp_path):
    text = csv_text(table())
    path = write_zip(tmp_path / "a.zip", {"ada.csv": text, "bob.csv": text})
    assert "'ada.csv', 'bob.csv'" in refusal(path)
    members = {"a-train.csv": text, "b-train.csv": text, "a-test.csv": text}
    path = write_zip(tmp_path / "b.zip", members)
    assert "'a-train.csv', 'b-train.csv'" in refusal(path)
    assert_loaded(load_images(path, subset="test"))


def test_zip_of_three_parts(tmp_path):
    text = csv_text(table())
    members = dict.fromkeys(["train.csv", "test.csv", "extra.csv"], text)
    path = write_zip(tmp_path / "a.zip", members)
    assert_loaded(load_images(path))
    with pytest.warns(UserWarning, match="1 of the 3 tables in .* in neither part"):
        images = load_images(path, subset="all")
    assert len(images.data) == 2 * len(load_images(path).data)


def test_zip_of_one_bad_table(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"train.csv": "label,pixel0\n1,256\n"})
    assert "a.zip/train.csv: row 1 holds '256'" in refusal(path)
    path = write_zip(tmp_path / "b.zip", {"train.csv": "label,other\n1,256\n"})
    assert "'other'" in refusal(path)


def test_zip_of_nothing_readable(tmp_path):
    path = write_zip(tmp_path / "none.zip", {})
    assert "0 files" in refusal(path)
    path = write_zip(tmp_path / "text.zip", {"a.txt": "a", "b.txt": "b"})
    assert "'a.txt', 'b.txt'" in refusal(path)
    assert "Arrays can be given" in refusal(path)
    (tmp_path / "folder").mkdir()
    assert "0 files" in refusal(tmp_path / "folder")


@pytest.mark.parametrize("folder", ["", "MNIST/raw/"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_zip_of_idx_files(tmp_path, folder, suffix):
    members = {
        f"{folder}{name}{suffix}": gzip.compress(content) if suffix else content
        for name, content in idx_files().items()
    }
    path = write_zip(tmp_path / "archive.zip", members)
    assert_loaded(load_images(path, subset="all"))
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])


def test_zip_of_idx_files_without_a_part(tmp_path):
    members = {n: content for n, content in idx_files().items() if "t10k" not in n}
    path = write_zip(tmp_path / "archive.zip", members)
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    with pytest.raises(FileNotFoundError, match="does not have a file t10k") as error:
        load_images(path, subset="test")
    assert "damaged" not in str(error.value)


def test_zip_of_idx_files_and_folders_of_that_name(tmp_path):
    members = {}
    for name, content in idx_files().items():
        members[f"{name}/{name}"] = members[name.replace("-idx", ".idx")] = content
    path = write_zip(tmp_path / "archive.zip", members)
    assert_loaded(load_images(path, subset="all"))


def test_zip_of_npz(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, **npz_arrays())
    path = write_zip(tmp_path / "mnist.zip", {"mnist.npz": buffer.getvalue()})
    assert_loaded(load_images(path, subset="all"))


@pytest.mark.parametrize("name", ["{}.parquet", "mnist/{}-00000-of-00001.parquet"])
def test_zip_of_parquet_files(tmp_path, name):
    members = {
        "README.md": "digits",
        name.format("train"): parquet_bytes(STACK[:30], LABELS[:30]),
        name.format("test"): parquet_bytes(STACK[30:], LABELS[30:]),
    }
    path = write_zip(tmp_path / "mnist.zip", members)
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(path, subset="all"))


def test_folder_of_parquet_shards(tmp_path):
    for i in range(4):
        cut = slice(10 * i, 10 * i + 10)
        content = parquet_bytes(STACK[cut], LABELS[cut])
        (tmp_path / f"train-{i:05}-of-00004.parquet").write_bytes(content)
    assert_loaded(load_images(tmp_path))


def test_zip_of_picture_folders(tmp_path):
    pictures = mnist_like()
    members = {
        f"digits/{i % 3}/{i}.png": encoded(picture)
        for i, picture in enumerate(pictures)
    }
    hidden = {"__MACOSX/digits/0/._0.png": "x", "digits/.DS_Store": "x"}
    path = write_zip(tmp_path / "digits.zip", members | hidden)
    images = load_images(path)
    order = sorted(range(10), key=lambda i: (i % 3, i))
    np.testing.assert_array_equal(images.data, pictures[order].reshape(10, -1))
    assert images.target.tolist() == [i % 3 for i in order]
    assert images.filenames[0] == str(path / "digits/0/0.png")


def test_zip_with_backslashes(tmp_path):
    pictures = mnist_like()[:3]
    members = {f"digits\\{i}\\a.png": encoded(x) for i, x in enumerate(pictures)}
    path = write_zip(tmp_path / "a.zip", members | {"digits\\0\\Thumbs.db": "x"})
    images = load_images(path)
    assert images.target.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(images.data, pictures.reshape(3, -1))


def test_zip_in_a_zip(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {"train.csv": csv_text(table())})
    path = write_zip(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    assert "outer.zip/inner.zip is a zip file in a folder or" in refusal(path)


def test_zip_with_paths_outside(tmp_path):
    members = {"../../out.csv": "x", "train.csv": csv_text(table())}
    (tmp_path / "a").mkdir()
    path = write_zip(tmp_path / "a" / "b.zip", members)
    assert_loaded(load_images(path))
    assert not list(tmp_path.rglob("out.csv"))


def test_zip_bombs(tmp_path):
    names = ["train.csv", "mnist.npz", "train.parquet", "picture.png"]
    starts = [b"label,pixel0\n", b"PK\3\4", b"PAR1", b"\x89PNG\r\n\x1a\n"]
    paths = []
    for name, start in zip(names, starts, strict=True):
        path = tmp_path / f"{name}.zip"
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
            file.open(name, "w", force_zip64=True) as member,
        ):
            member.write(start)
            for _ in range(2**9):
                member.write(bytes(2**20))
        paths.append(path)
    messages, megabytes = loading_memory(*paths)
    assert len(messages) == len(paths)
    for path, message in zip(paths, messages, strict=True):
        assert str(path) in message
    assert megabytes < 500
