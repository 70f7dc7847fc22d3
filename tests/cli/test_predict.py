"""The command labels pictures, folders and tables."""

import gzip
import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from skmnist import (
    MnistCNN,
    load_images,
    load_model,
    load_pretrained,
    make_mnist_pipeline,
    save_model,
)
from skmnist.cli._main import main


def predict(*args):
    """Run the command within this process; return its status."""
    return main(["predict", *map(str, args)])


@pytest.fixture(scope="module")
def table(trained, digits8, write_csv):
    """Return a table without labels beside the trained model."""
    return write_csv(trained[0].with_name("test.csv"), digits8[0])


@pytest.fixture(scope="module")
def expected(trained, digits8):
    """Return the model's own labels of the rows of that table."""
    return load_model(trained[0]).predict(digits8[0] * np.uint8(1)).tolist()


def test_predict_output(run, trained, table, expected, tmp_path):
    output = tmp_path / "submission.csv"
    status, out, err = run("predict", "--model", trained[0], table, "--output", output)
    assert (status, out, err) == (0, f"{output} holds 400 labels.\n", "")
    lines = output.read_text().splitlines()
    assert lines == ["ImageId,Label", *(f"{i},{y}" for i, y in enumerate(expected, 1))]


@pytest.mark.parametrize("ending", [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip"])
def test_predict_output_compressed(trained, table, expected, tmp_path, ending):
    output = tmp_path / f"submission{ending}"
    assert predict(table, "--model", trained[0], "--output", output) == 0
    assert output.read_bytes()[:2] != b"Im"
    assert pd.read_csv(output)["Label"].tolist() == expected
    # Programs that unpack it may go by the name inside.
    assert b".tmp" not in output.read_bytes()
    if ending == ".csv.gz":
        assert output.read_bytes()[10:25] == b"submission.csv\0"


def test_predict_model_before_images(trained, table, expected, tmp_path):
    renamed = tmp_path / "model"  # recognised by its content
    renamed.write_bytes(trained[0].read_bytes())
    output = tmp_path / "submission.csv"
    assert predict(renamed, table, "--output", output) == 0
    assert pd.read_csv(output)["Label"].tolist() == expected


def test_predict_images_after_an_option(trained, table, expected, tmp_path):
    output = tmp_path / "submission.csv"
    options = ["--no-progress", table, "--output", output]
    assert predict(trained[0], table, *options) == 0
    assert pd.read_csv(output)["Label"].tolist() == 2 * expected


def test_predict_standard_output(capsys, trained, table, expected, digits8):
    assert predict(table, "--model", trained[0]) == 0
    lines = capsys.readouterr().out.splitlines()
    proba = load_model(trained[0]).predict_proba(digits8[0] * np.uint8(1))
    for row, line in enumerate(lines[:3], 1):
        name, label, share, _, other, other_share = line.rsplit(maxsplit=5)
        assert name == f"{table}, row {row}"
        assert int(label) == expected[row - 1]
        first, second = np.sort(proba[row - 1])[:-3:-1]
        assert share == f"{first:.1%}"
        assert other_share == f"({second:.1%})"
        assert proba[row - 1][int(other)] == second
    assert len(lines) == 400


def test_predict_several_sources(
    trained, table, expected, digits8, write_csv, tmp_path
):
    second = write_csv(tmp_path / "second.csv", digits8[0][:10])
    output = tmp_path / "out.csv"
    assert predict(table, second, "--model", trained[0], "--output", output) == 0
    found = pd.read_csv(output)
    assert found["Label"].tolist() == expected + expected[:10]
    assert found["ImageId"].tolist() == list(range(1, 411))


def test_predict_keeps_ids_of_a_table(trained, table, expected, tmp_path):
    frame = pd.read_csv(table)
    numbered, output = tmp_path / "numbered.csv", tmp_path / "out.csv"
    frame.insert(0, "id", np.arange(len(frame))[::-1])
    frame.to_csv(numbered, index=False)
    assert predict(numbered, table, "--model", trained[0], "--output", output) == 0
    found = pd.read_csv(output)
    assert found["Label"].tolist() == expected * 2
    assert found["ImageId"].tolist() == [*range(399, -1, -1), *range(1, 401)]


def test_predict_source_named_twice(trained, table, expected, tmp_path):
    output = tmp_path / "out.csv"
    assert predict(table, table, "--model", trained[0], "--output", output) == 0
    assert pd.read_csv(output)["Label"].tolist() == expected * 2


@pytest.fixture
def pictures(tmp_path, large_digits):
    """Return a folder of three pictures, and a copy of the second beside it."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for i, image in enumerate(large_digits[0][:3].reshape(-1, 28, 28)):
        Image.fromarray(image).save(folder / f"{i}.png")
    return folder, shutil.copy(folder / "1.png", tmp_path / "photo.png")


def test_predict_pictures(capsys, pictures):
    folder, photo = pictures
    assert predict(photo, folder) == 0  # with the pretrained network
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    names = [str(photo), *(f"{folder}/{i}.png" for i in range(3))]
    assert [name for name, *_ in lines] == names
    images = load_images(folder)
    # Enlarged digits are normalized already, MNIST's are taken as they are.
    model = load_pretrained()[1:] if images.normalized else load_pretrained()
    expected = model.predict(images.data).tolist()
    assert [int(y) for _, y, *_ in lines] == [expected[1], *expected]


def test_predict_names_of_rows_beside_pictures(
    pictures, large_digits, write_csv, tmp_path
):
    folder, photo = pictures
    table, output = write_csv(tmp_path / "t.csv", large_digits[0][:2]), tmp_path / "o"
    assert predict(photo, table, folder, "--output", output) == 0
    names = [str(photo), "1", "2", *(f"{folder}/{i}.png" for i in range(3))]
    assert pd.read_csv(output)["ImageId"].tolist() == names


def test_predict_names_that_control_a_terminal(capsys, pictures, tmp_path):
    folder, photo = pictures
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a\nb.png", "c\x1b[2Jd.png"):
            archive.write(photo, name)
    assert predict(tmp_path / "a.zip") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        rf"{tmp_path}/a.zip/a\nb.png",
        rf"{tmp_path}/a.zip/c\x1b[2Jd.png",
    ]


def test_predict_gif_that_starts_like_a_model(capsys, tmp_path, large_digits):
    """The ninth byte of a GIF is that of its height, 123 is a brace."""
    picture = Image.fromarray(large_digits[0][0].reshape(28, 28)).resize((123, 123))
    picture.save(tmp_path / "seven.gif")
    assert (tmp_path / "seven.gif").read_bytes()[8:9] == b"{"
    assert predict(tmp_path / "seven.gif") == 0
    assert "seven.gif" in capsys.readouterr().out


def test_predict_pictures_model_of_other_size(capsys, tmp_path, small):
    X, y = load_digits(return_X_y=True)
    model = make_mnist_pipeline(max_value=16, epochs=6, random_state=0, **small)
    save_model(model.fit(X, y % 2), tmp_path / "model.safetensors")
    for i, image in enumerate(X[:20].reshape(-1, 8, 8)):  # dark ink, in two sizes
        paper = np.pad(np.kron(image, np.ones((9 + i % 2,) * 2)), 30)
        folder = tmp_path / "scans" / str(y[i] % 2)
        folder.mkdir(parents=True, exist_ok=True)
        dark = Image.fromarray((255 - paper * (255 / 16)).astype(np.uint8))
        dark.save(folder / f"{i}.png")
    (tmp_path / "scans" / "notes.txt").write_text("of Monday")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert (
            predict(tmp_path / "scans", "--model", tmp_path / "model.safetensors") == 0
        )
    captured = capsys.readouterr()
    assert captured.err.count("were skipped") == 1
    *lines, last = captured.out.splitlines()
    assert len(lines) == 20
    assert float(last.partition("%")[0]) >= 85


@pytest.mark.parametrize("number", [1, 2, 3])
def test_predict_pictures_old_model_file(number, capsys, pictures):
    old = Path(__file__).parents[1] / "data" / f"digits-v{number}.safetensors"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*was written with")
        assert predict(*pictures, "--model", old) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_predict_pictures_output(pictures, tmp_path):
    folder, _ = pictures
    output = folder / "labels.csv"
    for _ in range(2):  # the second time, the table is in the folder
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not a picture is counted
            assert predict(folder, "--output", output) == 0
        names = [f"{folder}/{i}.png" for i in range(3)]
        assert pd.read_csv(output)["ImageId"].tolist() == names


def test_predict_accuracy_of_labelled_images(
    capsys, trained, digits8, write_csv, tmp_path
):
    X, y = digits8
    data = write_csv(tmp_path / "labelled.csv", X, y)
    output = tmp_path / "submission.csv"
    assert predict(data, "--model", trained[0], "--output", output) == 0
    share = 100 * np.mean(pd.read_csv(output)["Label"] == y)
    assert f"{share:.2f}% of the labels are those in" in capsys.readouterr().out


def test_predict_accuracy_of_float_classes(capsys, digits8, write_csv, tmp_path, small):
    X, y = digits8
    data = write_csv(tmp_path / "labelled.csv", X, y)
    model = make_mnist_pipeline(max_value=1, epochs=12, random_state=0, **small)
    save_model(model.fit(X, y.astype(float)), tmp_path / "m.safetensors")
    output = tmp_path / "out.csv"
    assert predict(data, "--model", tmp_path / "m.safetensors", "--output", output) == 0
    share = 100 * np.mean(pd.read_csv(output)["Label"] == y)
    assert share > 50
    assert f"{share:.2f}% of the labels are those in" in capsys.readouterr().out


def test_predict_folders_that_are_not_classes(capsys, pictures, tmp_path):
    folder, _ = pictures
    for writer in ("anna", "bob"):
        (tmp_path / "writers" / writer).mkdir(parents=True)
        shutil.copy(folder / "0.png", tmp_path / "writers" / writer)
    assert predict(tmp_path / "writers") == 0
    assert "of the labels" not in capsys.readouterr().out


def test_predict_parquet_of_photographs_dark_ink_model(tmp_path, capsys, small):
    import pyarrow as pa
    from pyarrow import parquet

    X, y = load_digits(return_X_y=True)
    negatives = (16 - X[:500]) * 15
    model = make_mnist_pipeline(epochs=12, random_state=0, **small)
    save_model(model.fit(negatives, y[:500]), tmp_path / "m.safetensors")
    photographs = []
    for row in X[500:540]:
        paper = np.pad(np.kron(16 - row.reshape(8, 8), np.ones((12, 12))) * 15, 20)
        paper[:20] = paper[-20:] = paper[:, :20] = paper[:, -20:] = 240
        buffer = io.BytesIO()
        Image.fromarray(paper.astype(np.uint8)).save(buffer, "PNG")
        photographs.append(buffer.getvalue())
    table = pa.table({"image": photographs, "label": y[500:540]})
    parquet.write_table(table, tmp_path / "scans.parquet")
    for source in ("scans.parquet",):
        assert predict(tmp_path / source, "--model", tmp_path / "m.safetensors") == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert float(said.split("%")[0]) > 70


def test_predict_names_that_are_not_utf8(pictures, tmp_path):
    folder, _ = pictures
    source = tmp_path / "old"
    source.mkdir()
    shutil.copy(folder / "0.png", os.fsencode(source) + b"/\xe9.png")
    output = tmp_path / "out.csv"
    assert predict(source, "--output", output) == 0
    assert pd.read_csv(output)["ImageId"].tolist() == [f"{source}/\\xe9.png"]


def test_predict_column_order(write_csv, tmp_path, small):
    X, y = load_digits(return_X_y=True)
    names = [f"pixel{i}" for i in range(64)]
    shuffled = sorted(names)  # pixel0, pixel1, pixel10, pixel11, ...
    frame = pd.DataFrame(X * 15, columns=names).astype(int)
    model = make_mnist_pipeline(epochs=4, random_state=0, **small)
    model.fit(frame[shuffled], y)
    save_model(model, tmp_path / "model.safetensors")
    expected = model.predict(frame[shuffled]).tolist()
    assert np.mean(expected == y) > 0.5
    for order in (names, shuffled, names[::-1]):
        rows = frame[order].to_numpy().tolist()
        data = write_csv(tmp_path / "test.csv", rows, names=order)
        output = tmp_path / "out.csv"
        model_file = tmp_path / "model.safetensors"
        assert predict(data, "--model", model_file, "--output", output) == 0
        assert pd.read_csv(output)["Label"].tolist() == expected


def test_predict_columns_without_numbers(refused, tmp_path, small):
    X, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(X, columns=[chr(65 + i) for i in range(64)])
    model = make_mnist_pipeline(max_value=16, epochs=1, random_state=0, **small)
    save_model(model.fit(frame, y), tmp_path / "m.safetensors")
    said = refused("predict", "digits", "--model", tmp_path / "m.safetensors")
    assert "do not number the pixels, such as 'A'" in said


def test_predict_without_model_other_size(refused, table):
    assert "the pretrained network was trained on" in refused("predict", table)


def test_predict_wrong_image_size(refused, trained, write_csv, tmp_path):
    data = write_csv(tmp_path / "test.csv", np.zeros((3, 49), int))
    output = tmp_path / "submission.csv"
    output.write_text("yesterday's")
    said = refused("predict", trained[0], data, "--output", output)
    assert "7x7" in said and "8x8" in said
    assert output.read_text() == "yesterday's"


def test_predict_output_is_input(refused, trained, table):
    model = trained[0]
    before = model.read_bytes(), table.read_bytes()
    assert "not a name for a CSV file" in refused("predict", table, "--output", model)
    link, to_model = model.with_name("link.csv"), model.with_name("model.csv")
    link.symlink_to(table)
    to_model.symlink_to(model)
    for output in (
        to_model,
        table,
        link,
        model.parent / "." / "test.csv",
        model.parent / "new" / ".." / "test.csv",
    ):
        said = refused("predict", table, "--model", model, "--output", output)
        assert "would replace what is read" in said
    assert (model.read_bytes(), table.read_bytes()) == before


def test_predict_output_in_input_folder(refused, trained, tmp_path):
    content = bytes([0, 0, 8, 3]) + bytes(12)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    output = tmp_path / "train-images-idx3-ubyte"
    said = refused("predict", tmp_path, "--model", trained[0], "--output", output)
    assert "would replace what is read" in said
    assert output.read_bytes() == content


def test_predict_output_is_linked_into_source(
    refused, trained, write_csv, tmp_path, digits8
):
    (tmp_path / "data").mkdir()
    table = write_csv(tmp_path / "raw.csv", digits8[0])
    content = table.read_bytes()
    link = tmp_path / "data" / "test.csv"
    link.symlink_to(table)
    for output in (link, table):
        args = ("predict", tmp_path / "data", "--model", trained[0], "--output", output)
        assert "would replace what is read" in refused(*args)
    assert table.read_bytes() == content


def test_outputs_beside_what_is_read_are_replaced(trained, pictures, tiny, run):
    folder = trained[0].parent
    for _ in range(2):
        model = folder / "again.safetensors"
        args = ["train", "--data", folder, *tiny, "--output", model]
        assert run(*args)[0] == 0
        output = pictures[0] / "labels.csv.zip"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is not a picture is counted
            assert predict(pictures[0], "--output", output) == 0
    output.unlink()


@pytest.mark.parametrize("source", ["folder", "idx"])
def test_predict_output_is_read_within_source(
    refused, trained, write_csv, tmp_path, source, digits8
):
    folder = tmp_path / "data"
    folder.mkdir()
    if source == "folder":
        data, output = folder, write_csv(folder / "test.csv", digits8[0])
    else:
        data = folder / "t10k-images-idx3-ubyte"
        output = folder / "t10k-labels-idx1-ubyte"
        data.write_bytes(struct.pack(">4I", 0x803, 1, 8, 8) + bytes(64))
        output.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    content = output.read_bytes()
    said = refused("predict", data, "--model", trained[0], "--output", output)
    assert "would replace what is read" in said
    assert output.read_bytes() == content


def test_predict_row_without_ink(refused, write_csv, tmp_path):
    rows = np.zeros((600, 784), dtype=int)
    rows.reshape(-1, 28, 28)[:, 5:23, 13:16] = 255
    rows[550] = 0
    table = write_csv(tmp_path / "test.csv", rows)
    said = refused("predict", table, "--output", tmp_path / "out.csv")
    assert f"{table}, row 551, does not show ink" in said
    assert "Arrays" not in said
    assert not (tmp_path / "out.csv").exists()


def test_predict_device_as_output(refused, trained, table):
    assert "/dev/null" in refused("predict", trained[0], table, "--output", "/dev/null")


def test_predict_redirected_device_as_output(trained, table, tmp_path):
    earlier = tmp_path / "all.csv"
    earlier.write_text("earlier\n")
    command = [sys.executable, "-m", "skmnist", "predict", str(trained[0]), str(table)]
    with earlier.open("a") as file:
        done = subprocess.run([*command, "--output", "/dev/stdout"], stdout=file)
    assert done.returncode == 2
    assert earlier.read_text() == "earlier\n"


def test_predict_network_without_scaler(tmp_path, small):
    X, y = load_digits(return_X_y=True)
    network = MnistCNN(epochs=2, random_state=0, **small).fit(X / 16, y)
    save_model(network, tmp_path / "model.safetensors")
    output = tmp_path / "out.csv"
    assert predict(tmp_path / "model.safetensors", "digits", "--output", output) == 0
    assert pd.read_csv(output)["Label"].tolist() == network.predict(X / 16).tolist()


def test_predict_table_with_model_of_fractions(tmp_path, small, capsys):
    """A model of pixels from 0 to 1 is not given those from 0 to 255."""
    X, y = load_digits(return_X_y=True)
    model = make_mnist_pipeline(max_value=1, epochs=2, random_state=0, **small)
    save_model(model.fit(X / 16, y), tmp_path / "model.safetensors")
    output = tmp_path / "out.csv"
    assert predict(tmp_path / "model.safetensors", "digits", "--output", output) == 0
    assert pd.read_csv(output)["Label"].tolist() == model.predict(X / 16).tolist()
    assert "warning" not in capsys.readouterr().err


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["model.joblib", "model.safetensors", "model.pkl"])
@pytest.mark.parametrize("compress", [0, 3, "gzip", "xz"])
def test_predict_pickle_without_trust(refused, tmp_path, name, compress):
    joblib.dump(Bomb(str(tmp_path / "exploded")), tmp_path / name, compress=compress)
    output = tmp_path / "out.csv"
    for args in ([tmp_path / name, "digits"], ["digits", "--model", tmp_path / name]):
        said = refused("predict", *args, "--output", output)
        assert "--trust" in said and "code" in said
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_predict_trusted_pickle(tmp_path, tiny):
    model = tmp_path / "model.joblib"
    assert main(["train", *tiny, "--output", str(model)]) == 0
    output = tmp_path / "out.csv"
    assert predict(model, "digits", "--output", output, "--trust") == 0
    X, _ = load_digits(return_X_y=True)
    expected = joblib.load(model).predict(X)
    assert pd.read_csv(output)["Label"].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\x80\x04.", pickle.dumps([1, 2]), b"\x08" + bytes(7) + b"{}"),
        gzip.compress(b"label,pixel0\n"),
    ],
)
def test_predict_not_a_model(refused, tmp_path, content):
    model = tmp_path / "model.safetensors"
    model.write_bytes(content)
    output = tmp_path / "out.csv"
    said = refused("predict", model, "digits", "--output", output, "--trust")
    assert str(model) in said
    assert not output.exists()
