"""Named sources, paths, and common behaviour of all sources."""

import io
import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from image_files import (
    DIGITS,
    assert_loaded,
    csv_text,
    error_message,
    npz_arrays,
    refusal,
    table,
    write_zip,
)
from sklearn.utils import Bunch

from skmnist import load_images


def test_load_images_digits():
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
def test_load_images_mnist_from_openml(monkeypatch, subset, rows):
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


def test_load_images_mnist_offline(monkeypatch, tmp_path, recwarn):
    # Nothing listens on port 9 of this machine: the real download fails at once.
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


def test_load_images_path_named_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").write_text(csv_text(table()))
    assert_loaded(load_images(Path("digits")))
    assert_loaded(load_images("./digits"))
    with pytest.warns(UserWarning, match=r"well-known data set.*give '\./digits'"):
        assert load_images("digits").data.shape == (1797, 64)


def test_load_images_unknown_subset():
    assert "'validation'" in error_message("digits", subset="validation")


def test_load_images_subset_of_one_part(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table()))
    packed = write_zip(tmp_path / "train.zip", {"train.csv": path.read_bytes()})
    for source in ("digits", path, packed):
        assert "not have a test part" in error_message(source, subset="test")
    assert_loaded(load_images(path, subset="all"))


def test_load_images_source_not_a_path():
    with pytest.raises(TypeError):
        load_images(3)


def test_load_images_imports():
    code = (
        "import sys\n"
        "from skmnist import load_images\n"
        "load_images('digits')\n"
        "assert not {'keras', 'tensorflow', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_load_images_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.csv.*'digits'"):
        load_images(tmp_path / "nothing.csv")
    with pytest.raises(FileNotFoundError, match="'digitz'"):
        load_images("digitz")
    with pytest.raises(FileNotFoundError):
        load_images("")
    assert "null" in error_message("train\0.csv")


def test_load_images_path_below_a_file(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(csv_text(table()))
    with pytest.raises(OSError):
        load_images(path / "train.csv")


def test_load_images_devices_and_pipes(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        assert not stat.S_ISREG(path.stat().st_mode)
        assert "neither a file nor a folder" in refusal(path)


def test_load_images_result_is_writable(tmp_path):
    path = tmp_path / "mnist.npz"
    buffer = io.BytesIO()
    np.savez(buffer, **npz_arrays())
    path.write_bytes(buffer.getvalue())
    images = load_images(path)
    images.data[0, 0] = images.target[0] = 1
    assert images.data[0, 0] == images.target[0] == 1
