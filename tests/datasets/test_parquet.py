"""Parquet files of pictures, as on the Hugging Face hub."""

import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_files import (
    LABELS,
    STACK,
    assert_loaded,
    encoded,
    loading_memory,
    parquet_bytes,
    refusal,
)

from skmnist import load_images


def write(path, columns):
    pq.write_table(pa.table(columns), path)
    return path


def cells(images=STACK):
    return [{"bytes": encoded(image), "path": f"{i}"} for i, image in enumerate(images)]


@pytest.mark.parametrize("name", ["train.parquet", "train.csv"])
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labelled", "unlabelled"])
def test_parquet_images_and_labels(tmp_path, name, labels):
    path = tmp_path / name
    path.write_bytes(parquet_bytes(labels=labels))
    assert_loaded(load_images(path), labels=labels)
    assert "not have a test part" in refusal(path, subset="test")


def test_parquet_label_column(tmp_path):
    path = tmp_path / "train.parquet"
    path.write_bytes(parquet_bytes(name="digit"))
    assert_loaded(load_images(path, label_column="digit"))
    with pytest.warns(UserWarning, match="no column 'label'.*digit"):
        assert_loaded(load_images(path), labels=None)


def test_parquet_label_types(tmp_path):
    for labels in (LABELS.astype(np.uint8), LABELS.astype(np.int32)):
        path = write(tmp_path / "a", {"image": cells(), "label": labels})
        assert_loaded(load_images(path))
    text = [f"class {label}" for label in LABELS]
    for kind in (pa.string(), pa.large_string()):
        path = write(tmp_path / "b", {"image": cells(), "label": pa.array(text, kind)})
        assert load_images(path).target.tolist() == text
    categories = pa.array(text).dictionary_encode()
    path = write(tmp_path / "c", {"image": cells(), "label": categories})
    assert load_images(path).target.tolist() == text


def test_parquet_bytes_without_a_struct(tmp_path):
    content = [encoded(image) for image in STACK]
    path = write(tmp_path / "a", {"image": content, "label": LABELS})
    assert_loaded(load_images(path))


def test_parquet_order_of_many_row_groups(tmp_path):
    images = np.arange(300, dtype=np.uint16).view(np.uint8).reshape(300, 1, 2)
    table = pa.table({"image": cells(images), "label": np.arange(300)})
    pq.write_table(table, tmp_path / "a", row_group_size=70)
    loaded = load_images(tmp_path / "a")
    np.testing.assert_array_equal(loaded.data, images.reshape(300, 2))
    np.testing.assert_array_equal(loaded.target, np.arange(300))


def test_parquet_pictures_of_different_sizes(tmp_path):
    pictures = [
        np.kron(255 - 15 * STACK[i], np.ones((i, i), np.uint8)) for i in (9, 12)
    ]
    path = write(tmp_path / "a", {"image": cells(pictures), "label": [1, 2]})
    images = load_images(path)
    assert images.image_shape == (28, 28)
    assert "MnistNormalizer" in images.DESCR
    assert "72x72" in refusal(path, normalize=False)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"text": ["a"], "label": [1]}, "'text', 'label'.*Arrays can be given"),
        (
            {"image": [[1.0, 2.0]], "label": [1]},
            "'image' holds list<.*column 'image' with the bytes",
        ),
        ({"image": [{"path": "a.png"}], "label": [1]}, "column 'image' with the bytes"),
        ({"image": cells(STACK[:1]), "label": [1.5]}, "type double"),
        ({"image": cells(STACK[:2]), "label": [1, None]}, "1 rows? do(es)? not"),
        (
            {"image": [*cells(STACK[:1]), {"bytes": None, "path": "x"}]},
            "row 2 does not",
        ),
        ({"image": [*cells(STACK[:1]), None]}, "row 2 does not"),
        ({"image": [b"rubbish"], "label": [1]}, "row 1 is a damaged picture"),
        ({"image": pa.array([], pa.binary())}, "does not have rows"),
    ],
)
def test_parquet_invalid(tmp_path, columns, words):
    path = write(tmp_path / "train.parquet", columns)
    message = refusal(path)
    assert str(path) in message
    assert re.search(words, message)


def test_parquet_label_of_another_name(tmp_path):
    columns = {"image": cells(STACK[:2]), "class": [1, 2]}
    path = write(tmp_path / "train.parquet", columns)
    with pytest.warns(UserWarning, match="no column 'label'.*class.*label_column"):
        assert load_images(path).target is None
    assert load_images(path, label_column="class").target.tolist() == [1, 2]


@pytest.mark.parametrize("name", ["image", "label"])
def test_parquet_doubled_columns(tmp_path, name):
    columns = {"image": cells(STACK[:2]), "label": [1, 2]}
    arrays = [pa.array(columns[each]) for each in ("image", "label", name)]
    table = pa.Table.from_arrays(arrays, ["image", "label", name])
    pq.write_table(table, tmp_path / "train.parquet")
    assert f"has 2 columns {name!r}" in refusal(tmp_path / "train.parquet")


def test_parquet_truncated(tmp_path):
    content = parquet_bytes()
    path = tmp_path / "train.parquet"
    for length in range(4, len(content), len(content) // 40):
        path.write_bytes(content[:length])
        assert "damaged" in refusal(path)


def test_parquet_bombs(tmp_path):
    # Many rows or many bytes in a few kilobytes.
    picture = encoded(STACK[0])
    many = (
        pa.array([picture]).dictionary_encode().take(pa.array(np.zeros(400_000, int)))
    )
    large = pa.array([bytes(2**20)] * 200)
    paths = []
    for name, column in [("many", many), ("large", large)]:
        pq.write_table(
            pa.table({"image": column}),
            tmp_path / name,
            compression="zstd",
            use_dictionary=name == "many",
            store_schema=False,
        )
        assert (tmp_path / name).stat().st_size < 2**20
        paths.append(tmp_path / name)
    for path in paths:
        assert "more than its file can hold" in refusal(path)
    _, megabytes = loading_memory(*paths)
    assert megabytes < 250


def test_parquet_without_pyarrow(tmp_path):
    path = tmp_path / "train.parquet"
    path.write_bytes(parquet_bytes())
    code = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from skmnist import load_images\n"
        "try:\n"
        "    load_images(sys.argv[1])\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "skmnist[parquet]" in done.stdout
    assert done.stdout.count("\n") == 1
