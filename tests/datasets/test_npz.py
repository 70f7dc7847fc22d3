"""Keras npz files, valid and invalid."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_files import (
    LABELS,
    PIXELS,
    STACK,
    assert_loaded,
    loading_memory,
    npy_bytes,
    npz_arrays,
    refusal,
    write_zip,
)

from skmnist import load_images


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_subsets(tmp_path, save):
    path = tmp_path / "mnist.npz"
    save(path, **npz_arrays())
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    assert_loaded(load_images(str(path), subset="test"), PIXELS[30:], LABELS[30:])
    assert_loaded(load_images(path, subset="all"))


def test_npz_fortran_order_and_integers(tmp_path):
    path = tmp_path / "mnist.npz"
    images = np.asfortranarray(STACK[:, ::-1])
    arrays = npz_arrays(images, LABELS.astype(">i2"))
    np.savez(path, **{**arrays, "x_train": np.asfortranarray(arrays["x_train"])})
    expected = images.reshape(-1, 64)
    assert_loaded(load_images(path, subset="all"), expected, LABELS)


def test_npz_rectangular_images(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, **npz_arrays(PIXELS.reshape(-1, 4, 16)))
    images = load_images(path, subset="all")
    assert images.image_shape == (4, 16)
    np.testing.assert_array_equal(images.data, PIXELS)


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_npz_missing_array(tmp_path, key):
    path = tmp_path / "mnist.npz"
    arrays = npz_arrays()
    arrays["other"] = arrays.pop(key)
    np.savez(path, **arrays)
    message = refusal(path)
    assert f"does not have {key}" in message
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
def test_npz_wrong_arrays(tmp_path, arrays):
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    assert str(path) in refusal(path)


def test_npz_parts_of_different_sizes(tmp_path):
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


def test_npz_pickles_not_opened(tmp_path):
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
    assert "not an array" in refusal(write_zip(path, members))
    path.write_bytes(pickle.dumps(Trap(sprung)))
    assert "not in a format that can be read" in refusal(path)
    assert not sprung.exists()


GOOD = npz_arrays()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an array"),
        (b"\x93NUMPY", "not an array"),
        (b"\x93NUMPY\1\0\xff\xff", "not an array"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff", "not an array"),
        (npy_bytes(GOOD["x_train"])[:60], "not an array"),
        (npy_bytes(GOOD["x_train"])[:200], "cut short"),
        (b"rubbish" * 99, "not an array"),
        (npy_bytes(GOOD["x_train"], shape=(31, 8, 8)), "cut short"),
        (npy_bytes(GOOD["x_train"], shape=(29, 8, 8)), "more bytes"),
        (npy_bytes(GOOD["x_train"], shape=(2**17, 2**15, 2**15)), "can hold"),
        (npy_bytes(GOOD["x_train"], shape=(10**17, 10**17, 10**17)), "can hold"),
        (npy_bytes(GOOD["x_train"], shape=(10**30, 8, 8)), "not an array"),
        (npy_bytes(GOOD["x_train"], shape=(-30, 8, 8)), "not an array"),
        (npy_bytes(GOOD["x_train"], shape=(30.0, 8, 8)), "not an array"),
        (npy_bytes(GOOD["x_train"], shape="x"), "not an array"),
        (npy_bytes(GOOD["x_train"], descr="<u2"), "dtype '<u2'"),
        (npy_bytes(GOOD["x_train"], descr="|S1"), "dtype '|S1'"),
        (npy_bytes(GOOD["x_train"], descr="|O"), "dtype '|O'"),
        (npy_bytes(GOOD["x_train"], descr=[("a", "|u1")]), "not an array"),
        (npy_bytes(GOOD["x_train"], fortran_order="False"), "not an array"),
    ],
)
def test_npz_lying_headers(tmp_path, content, words):
    members = {f"{key}.npy": npy_bytes(array) for key, array in GOOD.items()}
    path = write_zip(tmp_path / "mnist.npz", members)
    assert_loaded(load_images(path), PIXELS[:30], LABELS[:30])
    message = refusal(write_zip(path, {**members, "x_train.npy": content}))
    assert "x_train" in message
    assert words in message


def test_npz_truncated(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **npz_arrays())
    content = path.read_bytes()
    for length in range(4, len(content), len(content) // 50):
        path.write_bytes(content[:length])
        assert "damaged" in refusal(path)


def test_npz_bomb_memory(tmp_path):
    # 512 MB of zeros in 2 MB, with a true header.
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
