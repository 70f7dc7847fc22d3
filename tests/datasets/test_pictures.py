"""Pictures: folders, formats, normalization and errors."""

import errno
import os
import re
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from image_files import encoded, error_message, loading_memory, mnist_like, refusal
from PIL import Image, ImageDraw

from skmnist import ImageScaler, load_images
from skmnist.preprocessing._mnist_normalizer import MnistNormalizer

PICTURES = mnist_like()


def drawn(size=(90, 120), ink=20, paper=235, turned=0):
    """Return a grey picture of a 7, in an upper corner, as if photographed."""
    image = Image.new("L", size, paper)
    draw = ImageDraw.Draw(image)
    draw.line([(20, 20), (60, 20), (35, 80)], fill=ink, width=8)
    return image.rotate(turned, expand=True)


def normalized(image):
    return MnistNormalizer().fit_transform([np.asarray(image)])[0].ravel()


def write_pictures(folder, members):
    for name, content in members.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


# --------------------------------------------------------------------- folders


def test_pictures_class_folders(tmp_path):
    members = {f"{i % 3}/{i}.png": encoded(PICTURES[i]) for i in range(10)}
    images = load_images(write_pictures(tmp_path, members))
    order = sorted(range(10), key=lambda i: (i % 3, i))
    np.testing.assert_array_equal(images.data, PICTURES[order].reshape(10, -1))
    assert images.data.dtype == np.uint8
    assert images.data.flags.c_contiguous
    assert images.image_shape == (28, 28)
    assert images.max_value == 255
    assert images.target.dtype == np.int64
    assert images.target.tolist() == [i % 3 for i in order]
    names = [str(tmp_path / f"{i % 3}" / f"{i}.png") for i in order]
    assert images.filenames.tolist() == names
    assert "MnistNormalizer" not in images.DESCR


def test_pictures_class_names_of_text(tmp_path):
    members = {"seven/a.png": encoded(PICTURES[0]), "8/a.png": encoded(PICTURES[1])}
    images = load_images(write_pictures(tmp_path, members))
    assert images.target.tolist() == ["8", "seven"]


@pytest.mark.parametrize("top", ["", "digits/", "a/b/"])
def test_pictures_nested_top_folder(tmp_path, top):
    members = {f"{top}{i}/x/y.png": encoded(PICTURES[i]) for i in range(3)}
    images = load_images(write_pictures(tmp_path, members))
    assert images.target.tolist() == [0, 1, 2]


def test_pictures_parts_with_a_prefix(tmp_path):
    members = {
        f"mnist_{part}/{i}/a.png": encoded(PICTURES[i + 3 * (part == "test")])
        for part in ("train", "test")
        for i in range(3)
    }
    members["mnist_val/0/a.png"] = encoded(PICTURES[9])
    path = write_pictures(tmp_path, members)
    for subset, first in (("train", 0), ("test", 3)):
        images = load_images(path, subset=subset)
        assert images.target.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(images.data[0], PICTURES[first].ravel())


@pytest.mark.parametrize("top", ["", "scans/"])
def test_pictures_flat_folder(tmp_path, top):
    members = {f"{top}{i}.png": encoded(PICTURES[i]) for i in range(10)}
    images = load_images(write_pictures(tmp_path, members))
    assert images.target is None
    np.testing.assert_array_equal(images.data, PICTURES.reshape(10, -1))
    assert images.filenames[3] == str(tmp_path / f"{top}3.png")


def test_pictures_one_class(tmp_path):
    members = {f"7/{i}.png": encoded(PICTURES[i]) for i in range(3)}
    assert load_images(write_pictures(tmp_path, members)).target.tolist() == [7] * 3


def test_pictures_one_file(tmp_path):
    write_pictures(tmp_path, {"7.png": encoded(PICTURES[0])})
    images = load_images(tmp_path / "7.png")
    np.testing.assert_array_equal(images.data, PICTURES[:1].reshape(1, -1))
    assert images.target is None
    assert images.filenames.tolist() == [str(tmp_path / "7.png")]
    assert "not have a test part" in refusal(tmp_path / "7.png", subset="test")


@pytest.mark.parametrize(
    "names",
    [("train", "test"), ("trainingSet", "testSet"), ("mnistTrain", "mnistTest")],
)
def test_pictures_train_and_test_folders(tmp_path, names):
    members = {
        f"data/{part}/{i % 2}/{i}.png": encoded(PICTURES[i])
        for part, rows in zip(names, [range(6), range(6, 10)], strict=True)
        for i in rows
    }
    write_pictures(tmp_path, members)
    train, test = load_images(tmp_path), load_images(tmp_path, subset="test")
    assert train.target.tolist() == [0, 0, 0, 1, 1, 1]
    assert test.target.tolist() == [0, 0, 1, 1]
    together = load_images(tmp_path, subset="all")
    np.testing.assert_array_equal(together.data, [*train.data, *test.data])
    assert together.target.tolist() == [*train.target, *test.target]


def test_pictures_with_samples_of_both_parts(tmp_path):
    """Kaggle's MNIST as JPG."""
    members = {
        f"{part}/{part}/{folder}{i}.png": encoded(PICTURES[i])
        for part, folder, i in [
            ("trainingSet", "0/", 0),
            ("trainingSet", "1/", 1),
            ("trainingSample", "0/", 2),
            ("testSet", "", 3),
            ("testSample", "", 4),
        ]
    }
    write_pictures(tmp_path, members)
    for subset, rows, labels in ("train", [0, 1], [0, 1]), ("test", [3], None):
        images = load_images(tmp_path, subset=subset)
        np.testing.assert_array_equal(images.data, PICTURES[rows].reshape(-1, 784))
        assert (images.target is None) == (labels is None)
        assert labels is None or images.target.tolist() == labels


def test_pictures_only_one_part_has_classes(tmp_path):
    members = {f"train/{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    members |= {"test/a.png": encoded(PICTURES[0]), "test/b.png": encoded(PICTURES[1])}
    write_pictures(tmp_path, members)
    assert load_images(tmp_path).target.tolist() == [0, 1, 2]
    assert load_images(tmp_path, subset="test").target is None
    message = refusal(tmp_path, subset="all")
    assert "Only one part" in message and "--subset" in message


@pytest.mark.parametrize("other", ["val", "validation", "dev", "eval", "extra"])
def test_pictures_third_part(tmp_path, other):
    members = {
        f"{part}/{i % 2}/{i}.png": encoded(PICTURES[i])
        for part in ("train", "test", other)
        for i in range(4)
    }
    write_pictures(tmp_path, members)
    assert load_images(tmp_path).target.tolist() == [0, 0, 1, 1]
    with pytest.warns(UserWarning, match="4 of the 12 pictures in .* neither part"):
        images = load_images(tmp_path, subset="all")
    assert images.target.tolist() == [0, 0, 1, 1] * 2


def test_pictures_parts_beside_other_folders(tmp_path):
    """Names of parts are not taken for labels where folders lie in them."""
    members = {
        f"{part}/{i % 2}/{i}.png": encoded(PICTURES[i])
        for part in ("train", "queries")
        for i in range(4)
    }
    write_pictures(tmp_path, members)
    message = refusal(tmp_path)
    assert "'queries', 'train'" in message and "give one of them" in message
    # A class may have the name of a part.
    for folder in ("train", "car"):
        write_pictures(tmp_path / "toys", {f"{folder}/a.png": encoded(PICTURES[0])})
    assert load_images(tmp_path / "toys").target.tolist() == ["car", "train"]


def test_pictures_beside_class_folders(tmp_path):
    members = {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    write_pictures(tmp_path, members | {"sheet.png": encoded(PICTURES[0])})
    assert "'sheet.png'" in refusal(tmp_path)


def test_pictures_unreadable_files_skipped(tmp_path):
    members = {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    others = {"README.md": b"digits", "0/notes.txt": b"", "1/scan.png": b"not one"}
    hidden = {".DS_Store": b"x", "0/Thumbs.db": b"x", "0/.a.png": b"x"}
    write_pictures(tmp_path, members | others | hidden)
    with pytest.warns(UserWarning, match="3 of the 6 files .* skipped") as caught:
        images = load_images(tmp_path)
    assert len(caught) == 1
    for name in others:
        assert name in str(caught[0].message)
    assert caught[0].filename == __file__
    assert len(images.data) == 3


@pytest.mark.parametrize(
    "others",
    [
        {"count.txt": b"10"},
        {"0/a.txt": b"7", "1/a.txt": b"3"},
        {"note.txt": b"0,7"},
        {"0/a.txt": b"0"},
        {"0/a.txt": b"label,1\n3,1"},
        {"features.npy": b"\x93NUMPY"},
    ],
)
def test_pictures_beside_notes_of_numbers(tmp_path, others):
    members = {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    write_pictures(tmp_path, members | others)
    with pytest.warns(UserWarning, match="not pictures and were skipped"):
        images = load_images(tmp_path)
    assert images.target.tolist() == [0, 1, 2]


def test_pictures_beside_a_picture_that_is_not_read(tmp_path):
    members = {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    write_pictures(tmp_path, members | {"1/IMG_1.HEIC": b"\0\0\0\x24ftypheic"})
    with pytest.warns(UserWarning, match="IMG_1.HEIC'. Pictures are PNG, JPEG, BMP"):
        images = load_images(tmp_path)
    assert images.target.tolist() == [0, 1, 2]


def test_pictures_beside_a_table(tmp_path):
    table = b"label,pixel0,pixel1,pixel2,pixel3\n1,2,3,4,5\n"
    members = {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    write_pictures(tmp_path, members | {"train.csv": table})
    with pytest.warns(UserWarning, match="3 of the 4 .* not tables of images and were"):
        images = load_images(tmp_path)
    assert images.data.tolist() == [[2, 3, 4, 5]]


def test_pictures_links_in_a_circle(tmp_path):
    write_pictures(tmp_path, {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)})
    (tmp_path / "0" / "round").symlink_to(tmp_path)
    (tmp_path / "2" / "b.png").symlink_to(tmp_path / "1" / "a.png")
    assert load_images(tmp_path).target.tolist() == [0, 1, 2, 2]


def test_pictures_linked_class_folders(tmp_path):
    members = {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)}
    write_pictures(tmp_path / "scans", members)
    write_pictures(tmp_path / "elsewhere", {"b.png": encoded(PICTURES[3])})
    (tmp_path / "scans" / "3").symlink_to(tmp_path / "elsewhere")
    images = load_images(tmp_path / "scans")
    assert images.target.tolist() == [0, 1, 2, 3]


def test_pictures_links_to_folders_inside(tmp_path):
    """The real path counts, wherever the link comes in the order of names."""
    write_pictures(tmp_path, {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)})
    (tmp_path / "0" / "more").symlink_to(tmp_path / "2")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x").symlink_to(tmp_path / "1")
    (tmp_path / ".round").symlink_to(tmp_path / ".round")
    assert load_images(tmp_path).target.tolist() == [0, 1, 2]


def test_pictures_writers_named_like_parts(tmp_path):
    for writer in ("Tom", "Valerie", "Devin"):
        write_pictures(
            tmp_path / writer, {f"{i}/a.png": encoded(PICTURES[i]) for i in range(2)}
        )
    assert set(load_images(tmp_path).target) == {"Tom", "Valerie", "Devin"}


def test_pictures_link_to_a_missing_file(tmp_path):
    write_pictures(tmp_path, {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)})
    (tmp_path / "1" / "b.png").symlink_to(tmp_path / "missing.png")
    with pytest.raises(FileNotFoundError, match=r"1/b\.png"):
        load_images(tmp_path)


def test_pictures_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    write_pictures(tmp_path, {f"{i}/a.png": encoded(PICTURES[i]) for i in range(3)})
    scandir = os.scandir

    def refuse_one(path):
        if str(path).endswith("/1"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_one)
    with pytest.raises(PermissionError, match="/1"):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC or AVIF picture.*as JPEG or PNG"),
        (b"%PDF-1.7\n", "is a PDF document.*as JPEG or PNG"),
    ],
)
def test_pictures_formats_of_telephones_and_scanners(tmp_path, start, words):
    (tmp_path / "7").write_bytes(start + bytes(100))
    assert re.search(words, refusal(tmp_path / "7"))


# --------------------------------------------------------------------- formats

FORMATS = ["PNG", "BMP", "TIFF", "GIF", "WEBP"]


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures_lossless_formats(tmp_path, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    members = {f"{i}.x": encoded(PICTURES[i], kind, **options) for i in range(10)}
    images = load_images(write_pictures(tmp_path, members))
    np.testing.assert_array_equal(images.data, PICTURES.reshape(10, -1))


def test_pictures_with_a_few_negatives(tmp_path):
    members = {f"{i}.png": encoded(PICTURES[i % 10]) for i in range(19)}
    members["19.png"] = encoded(255 - PICTURES[0])
    images = load_images(write_pictures(tmp_path, members))
    assert images.normalized
    at = [os.path.basename(name) for name in images.filenames]
    original, negative = (
        images.data[at.index(f"{i}.png")].astype(int) for i in (0, 19)
    )
    assert np.abs(original - negative).mean() < 4


def test_pictures_of_telephones_only(tmp_path):
    content = b"\0\0\0\x18ftypheic" + bytes(100)
    write_pictures(tmp_path, {"a.heic": content, "b.heic": content})
    assert "HEIC" in refusal(tmp_path) and "JPEG" in refusal(tmp_path)


def test_table_normalize(tmp_path):
    path = tmp_path / "digits.csv"
    digits = load_images("digits")
    columns = [f"pixel{i}" for i in range(64)]
    pd.DataFrame(15 * digits.data[:20], columns=columns).to_csv(path, index=False)
    images = load_images(path, normalize=True)
    assert images.image_shape == (28, 28)
    assert "20 images of 28x28" in images.DESCR and "MnistNormalizer" in images.DESCR


def test_pictures_jpeg(tmp_path):
    members = {f"{i}.JPG": encoded(PICTURES[i], "JPEG", quality=95) for i in range(10)}
    images = load_images(write_pictures(tmp_path, members))
    assert "MnistNormalizer" not in images.DESCR
    difference = images.data.astype(int) - PICTURES.reshape(10, -1)
    assert np.abs(difference).mean() < 5


@pytest.mark.parametrize("name", ["a.PNG", "a.jpg", "a.csv", "a"])
def test_pictures_wrong_extension(tmp_path, name):
    write_pictures(tmp_path, {name: encoded(PICTURES[0])})
    for source in (tmp_path, tmp_path / name):
        images = load_images(source)
        np.testing.assert_array_equal(images.data, PICTURES[:1].reshape(1, -1))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("1", "TIFF"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("CMYK", "TIFF"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
        ("I", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_pictures_modes(tmp_path, mode, kind):
    # Black and white alone, which every mode can hold.
    if mode in ("I;16", "I", "F"):
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(PICTURES[0].astype(dtype) * dtype(257))
    else:
        image = Image.fromarray(PICTURES[0]).convert(mode)
    options = {"lossless": True} if kind == "WEBP" else {}
    write_pictures(tmp_path, {"a": encoded(image, kind, **options)})
    for normalize in (None, False):
        images = load_images(tmp_path / "a", normalize=normalize)
        np.testing.assert_array_equal(images.data[0], PICTURES[0].ravel())
        assert images.data.dtype == np.uint8


def test_pictures_cmyk_jpeg(tmp_path):
    image = Image.fromarray(PICTURES[0]).convert("CMYK")
    write_pictures(tmp_path, {"a": encoded(image, "JPEG", quality=95)})
    images = load_images(tmp_path / "a", normalize=False)
    assert np.abs(images.data[0].astype(int) - PICTURES[0].ravel()).mean() < 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_pictures_16_bits(tmp_path, kind):
    levels = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28) * 83
    write_pictures(tmp_path, {"a": encoded(levels, kind)})
    images = load_images(tmp_path / "a", normalize=False)
    np.testing.assert_array_equal(images.data[0], np.rint(levels / 257).ravel())


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("normalize", [None, True, False])
def test_pictures_with_pixels_that_are_not_finite(tmp_path, value, normalize):
    levels = PICTURES[0].astype(np.float32)
    levels[0, 0] = value
    write_pictures(tmp_path, {"a": encoded(levels, "TIFF")})
    with pytest.raises(ValueError, match="is a damaged picture.*NaN or infinite"):
        load_images(tmp_path / "a", normalize=normalize)


def with_alpha(ink, opaque=PICTURES[0]):
    picture = np.zeros((28, 28, 4), np.uint8)
    picture[..., :3], picture[..., 3] = ink, opaque
    return picture


@pytest.mark.parametrize("ink", [255, 0])
def test_pictures_transparency(tmp_path, ink):
    write_pictures(tmp_path, {"a": encoded(with_alpha(ink))})
    expected = PICTURES[0] if ink else 255 - PICTURES[0]
    images = load_images(tmp_path / "a", normalize=False)
    np.testing.assert_array_equal(images.data[0], expected.ravel())
    images = load_images(tmp_path / "a")  # light on dark
    assert images.data[0, 0] == 0
    assert images.data.max() > 200


def test_pictures_palette_with_transparency(tmp_path):
    image = Image.fromarray(np.uint8(PICTURES[0] > 0))
    image.putpalette([10, 200, 30, 255, 255, 255])
    write_pictures(tmp_path, {"a": encoded(image, transparency=0)})
    images = load_images(tmp_path / "a", normalize=False)
    np.testing.assert_array_equal(images.data[0], PICTURES[0].ravel())


def test_pictures_first_frame_of_an_animation(tmp_path):
    frames = [Image.fromarray(picture) for picture in PICTURES]
    for kind in ("GIF", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encoded(
            frames[0], kind, save_all=True, append_images=frames[1:], **options
        )
        write_pictures(tmp_path, {kind: content})
        images = load_images(tmp_path / kind)
        np.testing.assert_array_equal(images.data, PICTURES[:1].reshape(1, -1))


@pytest.mark.parametrize(
    ("orientation", "turned"), [(1, 0), (3, 180), (6, 90), (8, 270)]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_exif_orientation(tmp_path, orientation, turned, kind):
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(np.kron(PICTURES[0], np.uint8([[1, 1]])))
    image.paste(255, (0, 0, 8, 8))  # one corner
    content = encoded(image.rotate(turned, expand=True), kind, exif=exif)
    write_pictures(tmp_path, {"a": content})
    images = load_images(tmp_path / "a", normalize=False)
    assert images.image_shape == (28, 56)
    difference = images.data[0].reshape(28, 56).astype(int) - np.asarray(image)
    assert np.abs(difference).mean() < 12


# --------------------------------------------------------------- normalization


def test_pictures_different_sizes(tmp_path):
    photo, small = drawn(), drawn((70, 90))
    members = {"7/a.png": encoded(photo), "7/b.png": encoded(small)}
    members["7/c.png"] = encoded(PICTURES[0])
    images = load_images(write_pictures(tmp_path, members))
    assert "each through MnistNormalizer" in images.DESCR
    expected = [normalized(photo), normalized(small), normalized(PICTURES[0])]
    np.testing.assert_array_equal(images.data, expected)


@pytest.mark.parametrize(
    "pictures",
    [
        255 - PICTURES,  # dark on light
        np.roll(PICTURES, 4, axis=2),  # not centred
        PICTURES[:, 4:-4, 4:-4],  # fills its frame
        np.pad(PICTURES, ((0, 0), (6, 6), (6, 6))),  # smaller than the box
        np.kron(PICTURES, np.ones((1, 4, 4), np.uint8)),  # large
    ],
    ids=["dark", "moved", "close", "far", "large"],
)
def test_pictures_unlike_mnist(tmp_path, pictures):
    members = {f"{i}.png": encoded(picture) for i, picture in enumerate(pictures)}
    images = load_images(write_pictures(tmp_path, members))
    assert images.image_shape == (28, 28)
    expected = [normalized(picture) for picture in pictures]
    np.testing.assert_array_equal(images.data, expected)
    as_they_are = load_images(tmp_path, normalize=False)
    np.testing.assert_array_equal(as_they_are.data, pictures.reshape(10, -1))
    assert as_they_are.image_shape == pictures.shape[1:]


def test_pictures_normalize_true(tmp_path):
    members = {f"{i}.png": encoded(PICTURES[i]) for i in range(10)}
    images = load_images(write_pictures(tmp_path, members), normalize=True)
    np.testing.assert_array_equal(images.data, [normalized(p) for p in PICTURES])


def test_pictures_normalize_normalizer(tmp_path):
    normalizer = MnistNormalizer((16, 12), box_size=28)
    write_pictures(tmp_path, {f"{i}.png": encoded(PICTURES[i]) for i in range(5)})
    images = load_images(tmp_path, normalize=normalizer)
    assert images.image_shape == (16, 12)
    expected = normalizer.transform(list(PICTURES[:5])).reshape(5, -1)
    np.testing.assert_array_equal(images.data, expected)


def test_pictures_normalize_false_different_sizes(tmp_path):
    write_pictures(tmp_path, {"a": encoded(PICTURES[0]), "b": encoded(drawn())})
    message = refusal(tmp_path, normalize=False)
    for words in (str(tmp_path / "b"), "90x120", "28x28", "Arrays can be given"):
        assert words in message


def test_pictures_normalize_table(tmp_path):
    images = load_images("digits", normalize=True)
    assert "each image went through MnistNormalizer" in images.DESCR
    assert images.image_shape == (28, 28)
    assert images.max_value == 255
    expected = MnistNormalizer().fit_transform(
        load_images("digits").data[:5].reshape(-1, 8, 8) / np.float32(16)
    )
    np.testing.assert_array_equal(images.data[:5], expected.reshape(5, -1))


def test_pictures_normalize_unknown(tmp_path):
    for unknown in ("yes", ImageScaler()):
        assert f"not {unknown!r}" in error_message("digits", normalize=unknown)


def test_pictures_without_ink(tmp_path):
    write_pictures(tmp_path, {"a": encoded(drawn()), "b": encoded(drawn(ink=235))})
    assert refusal(tmp_path).startswith(f"{tmp_path / 'b'} does not show ink")
    write_pictures(tmp_path, {"c": encoded(drawn(ink=235, size=(50, 50)))})
    paths = f"{tmp_path / 'b'}, {tmp_path / 'c'}"
    assert refusal(tmp_path).startswith(f"{paths} do not show ink")


def test_rows_without_ink(tmp_path):
    rows = np.zeros((4, 784), dtype=int)
    rows[[0, 2]] = 255 * np.pad(np.ones((20, 3), int), ((4, 4), (12, 13))).ravel()
    table = tmp_path / "test.csv"
    np.savetxt(table, rows, "%d", delimiter=",")
    said = refusal(table, normalize=True)
    assert said.startswith(f"{table}, rows 2, 4, do not show ink")


# --------------------------------------------------------------------- refused


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"])
def test_pictures_damaged(tmp_path, kind):
    content = encoded(drawn(), kind)
    write_pictures(tmp_path, {"7/a": encoded(drawn()), "7/b": content})
    for length in (20, len(content) // 3, len(content) // 2):
        (tmp_path / "7/b").write_bytes(content[:length])
        message = refusal(tmp_path)
        assert str(tmp_path / "7/b") in message
        assert "damaged" in message


def test_pictures_too_small(tmp_path):
    dot = encoded(np.zeros((1, 1), np.uint8))
    write_pictures(tmp_path, {"a.png": encoded(drawn()), "b.png": dot})
    message = refusal(tmp_path)
    assert f"{tmp_path / 'b.png'} has shape (1, 1, 1), which is too small" in message


def png_header(width, height):
    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


def test_pictures_decompression_bombs(tmp_path):
    sizes = [(10_000, 10_000), (50_000, 50_000), (2**31 - 1, 2**31 - 1)]
    for i, size in enumerate(sizes):
        (tmp_path / f"{i}.png").write_bytes(png_header(*size))
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        message = refusal(path)
        assert str(path) in message
        assert "too large a picture" in message
    _, megabytes = loading_memory(*paths)
    assert megabytes < 60


def test_pictures_memory_of_photographs(tmp_path):
    # 80 photographs of 3 MB each.
    large = encoded(drawn().resize((1000, 1000)).convert("RGB"))
    write_pictures(tmp_path, {f"{i}.png": large for i in range(80)})
    _, megabytes = loading_memory(tmp_path)
    assert megabytes < 200


def test_pictures_postscript_not_opened(tmp_path):
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    write_pictures(tmp_path, {"a.eps": content, "b.eps": content})
    assert "'a.eps', 'b.eps'" in refusal(tmp_path)
    assert "Arrays can be given" in refusal(tmp_path / "a.eps")
