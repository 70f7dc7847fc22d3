"""The command, run as people run it: as a process, with files and a terminal."""

import csv
import gzip
import inspect
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from sklearn.datasets import load_digits

from skmnist import MnistCNN, load_images, load_model, save_model
from skmnist.cli import _commands
from skmnist.cli._main import main
from skmnist.cli._parser import COMPARE_FILES, HYPERPARAMETERS, make_parser
from skmnist.neural_network._lr_schedules import SCHEDULES
from skmnist.neural_network._param_constraints import check_params

COMMAND = str(Path(sys.executable).with_name("skmnist"))
# A network that is trained in seconds; how good it is does not matter here.
TINY = ["--filters", "4", "8", "--dense-units", "16", "--epochs", "2"]
FIGURES = (
    *("accuracy", "augmented_digits", "batch_loss", "confusion_matrix", "digits"),
    *("learning_rate", "training_curves", "worst_mistakes"),
)


def run(*args, timeout=300):
    """Run the installed command; give status, standard output, standard error."""
    done = subprocess.run(
        [COMMAND, *map(str, args)], capture_output=True, text=True, timeout=timeout
    )
    return done.returncode, done.stdout, done.stderr


def write_csv(path, images, labels=None):
    """Write Kaggle's layout; `images` are rows of anything."""
    opened = gzip.open(path, "wt") if path.suffix == ".gz" else open(path, "w")
    with opened as file:
        writer = csv.writer(file)
        names = [f"pixel{i}" for i in range(len(images[0]))]
        writer.writerow(names if labels is None else ["label", *names])
        for i, row in enumerate(images):
            writer.writerow(row if labels is None else [labels[i], *row])
    return path


@pytest.fixture(scope="module")
def digits8():
    """Return rows of 8 x 8 pixels that are either 0 or 1, and labels."""
    X, y = load_digits(return_X_y=True)
    return (X[:400] > 7).astype(int), y[:400]


@pytest.fixture(scope="module", autouse=True)
def comparing(tmp_path_factory):
    """Start a comparison with two workers, which goes on beside the other tests."""
    folder = tmp_path_factory.mktemp("comparison") / "new" / "results"
    options = [*TINY, "--cv", "2", "--n-jobs", "2", "--output", str(folder)]
    with subprocess.Popen(
        [COMMAND, "compare", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, folder
        process.kill()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits8):
    """Return the model file that `skmnist train` wrote, and what it said."""
    folder = tmp_path_factory.mktemp("training")
    data = write_csv(folder / "train.csv.gz", *digits8)
    model = folder / "model.safetensors"
    spoken = run(
        *("train", "--data", data, "--anneal", "one_cycle", "--augment", *TINY),
        *("--output", model),
    )
    return model, spoken


@pytest.fixture(scope="module")
def compared(comparing):
    """Return the folder of the comparison, and what it said."""
    process, folder = comparing
    out, err = process.communicate(timeout=300)
    return folder, (process.returncode, out, err)


def refused(capsys, *args):
    """Run the command within this process, and return its one line of complaint."""
    status = main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert re.fullmatch(r"skmnist: error: .+\n", err)
    return err


# Help, arguments and file names


def test_help_and_simple_errors_come_without_keras(tmp_path):
    no_data = tmp_path / "notes.txt"
    no_data.write_text("Dear diary,\n")
    calls = [
        (0, ["--help"]),
        (0, ["--version"]),
        *((0, [name, "--help"]) for name in ("compare", "train", "predict", "show")),
        (2, ["compare", "--epochs", "none"]),
        (2, ["train", "--output", "model.txt"]),
        (2, ["compare", "--data", "missing.csv"]),
        (2, ["predict", "missing.safetensors", "digits", "--output", "out.csv"]),
        (2, ["train", "--output", str(no_data / "model.safetensors")]),
        (2, ["compare", "--data", str(no_data), "--output", str(tmp_path / "out")]),
    ]
    script = """
        import json, sys
        from skmnist.cli._main import main
        calls = json.loads(sys.argv[1])
        assert [main(args) for _, args in calls] == [status for status, _ in calls]
        heavy = {"keras", "tensorflow", "matplotlib", "scikeras"}
        assert not heavy & sys.modules.keys()
    """
    subprocess.run(
        [sys.executable, "-c", inspect.cleandoc(script), json.dumps(calls)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert list(tmp_path.iterdir()) == [no_data]


def test_the_module_is_the_same_program():
    asked = [sys.executable, "-m", "skmnist", "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert (0, done.stdout, done.stderr) == run("--version")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ("", "COMMAND"),
        ("learn", "learn"),
        ("compare --epoch 3", "--epoch"),
        ("compare extra", "extra"),
        ("compare --cv 1", "--cv"),
        ("compare --cv leave-one-out", "--cv"),
        ("compare --test-size 0", "--test-size"),
        ("compare --test-size 1.5", "--test-size"),
        ("compare --n-jobs 0", "--n-jobs"),
        ("compare --random-state -1", "--random-state"),
        ("compare --subset some", "--subset"),
        ("compare --filters 4", "--kernel-sizes"),
        ("compare --dropout 0.5", "--dropout"),
        ("compare --anneal plateau", "--anneal"),
        ("train", "--output"),
        ("train --output model.h5", ".safetensors"),
        ("show --output sheet.txt", ".png"),
        ("predict model.safetensors", "IMAGES"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(capsys, args, named):
    assert named in refused(capsys, *args.split())


def test_the_options_are_the_hyperparameters_of_the_estimator(capsys):
    parameters = inspect.signature(MnistCNN).parameters
    defaults = {name: p.default for name, p in parameters.items()}
    listed = {name: default for name, (default, *_) in HYPERPARAMETERS.items()}
    assert defaults == defaults | listed
    own_options = {"anneal", "augment", "random_state", "checkpoint_dir", "image_shape"}
    for_python = {"callbacks", "verbose", "warm_start"}
    assert defaults.keys() - listed.keys() == own_options | for_python


@pytest.mark.parametrize(
    ("args", "settings"),
    [
        ("", (15, 16)),
        ("--epochs 3", (3, 16)),
        ("--data train.csv", (30, 42)),
        ("--data train.csv --batch-size 9", (30, 9)),
    ],
)
def test_the_embedded_digits_have_settings_of_their_own(args, settings):
    args = make_parser().parse_args(["compare", *args.split()])
    network = MnistCNN(**_commands._cnn_params(args))
    assert (network.epochs, network.batch_size) == settings
    assert (network.filters, network.random_state) == ((32, 64), 0)


def test_workers_elsewhere_get_the_whole_path_of_the_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("points", "~/points", tmp_path / "points"):
        args = make_parser().parse_args(["compare", "--checkpoint", str(given)])
        found = _commands._cnn_params(args)["checkpoint_dir"]
        assert found == str(tmp_path / "points")


def test_the_help_names_every_default(capsys):
    main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, (default, _, metavar, meaning) in HYPERPARAMETERS.items():
        values = default if isinstance(metavar, list) else [default]
        shown = " ".join(map(str, values)) if default is not None else ""
        assert f"--{name.replace('_', '-')}" in said
        assert f"{meaning} (default: {shown}" in said or default is None


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_the_command_allows_what_the_estimator_allows(name, capsys):
    default, _, metavar, _ = HYPERPARAMETERS[name]
    several = len(default) if isinstance(metavar, list) else 0
    for text in ("-1", "0", "1", "2", "0.5", "180", "181", "1e3", "balanced"):
        option = f"--{name.replace('_', '-')}"
        args = ["compare", "--data", "missing.csv", option, *[text] * (several or 1)]
        main(args)
        accepted = "missing.csv" in capsys.readouterr().err
        try:
            value = float(text)
        except ValueError:
            value = text
        whole = isinstance(default, int) or (several and isinstance(default[0], int))
        if whole and "." not in text and "e" not in text and text != "balanced":
            value = int(value)
        network = MnistCNN(**{name: (value,) * several if several else value})
        try:
            check_params(network.get_params(deep=False))
        except ValueError:
            assert not accepted, text
        else:
            assert accepted, text


def test_a_missing_extra_is_named(capsys, monkeypatch):
    monkeypatch.setattr("skmnist.cli._main.find_spec", lambda name: None)
    said = refused(capsys, "compare", "--scheduler", "tcp://127.0.0.1:8786")
    assert 'pip install "skmnist[dask]"' in said


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "ucx://127.0.0.1:1"])
def test_an_address_that_makes_no_client_is_refused_in_one_line(capsys, address):
    said = refused(capsys, "compare", *TINY, "--scheduler", address)
    assert f"no Dask scheduler answers at {address}" in said


def test_a_reader_who_leaves_is_no_error_without_a_buffer_either():
    reading, writing = os.pipe()
    os.close(reading)
    program = "from skmnist.cli._console import say; say('one'); say('two')"
    done = subprocess.run(
        [sys.executable, "-u", "-c", program], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nobody_is_there_to_read_the_output():
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [COMMAND, "compare", "--help"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


# Bad input

BAD_DATA = {
    "missing": (None, "no file"),
    "empty": ("", "is empty"),
    "other": ("Dear diary,\ntoday\n", "columns"),
    "no names": ("7,0,0,0,0\n", "names of the columns"),
    "no label": ("digit,pixel0\n7,0\n", "'digit', 'pixel0'"),
    "only pixels": ("pixel0,pixel1,pixel2,pixel3\n0,0,0,0\n", "no column 'label'"),
    "labels missing": ("label,pixel0\n7,0\n,0\n", "row 2 has no label"),
    "pixel out of range": ("label,pixel0\n7,256\n", "'256'"),
    "pixel not a number": ("label,pixel0\n7,NaN\n", "'NaN'"),
    "pixel a text": ("label,pixel0\n7,dark\n", "'dark'"),
    "cut short": ("label,pixel0,pixel1,pixel2,pixel3\n7,0,0,0,0\n3,0,0\n", "row 2"),
    "one class": ("label,pixel0\n" + "7,0\n7,9\n" * 10, "7"),
}


@pytest.mark.parametrize("command", ["compare", "train"])
@pytest.mark.parametrize("problem", BAD_DATA)
def test_bad_data_end_in_one_line_and_nothing_is_left(
    capsys, tmp_path, problem, command
):
    content, named = BAD_DATA[problem]
    data = tmp_path / "data.csv"
    if content is not None:
        data.write_text(content)
    before = list(tmp_path.iterdir())
    output = {"compare": "deep/results", "train": "model.safetensors"}[command]
    args = [command, "--data", data, *TINY, "--output", tmp_path / output]
    assert named in refused(capsys, *args)
    assert list(tmp_path.iterdir()) == before


def test_a_truncated_file_is_refused(capsys, tmp_path, digits8):
    data = write_csv(tmp_path / "train.csv.gz", *digits8)
    data.write_bytes(data.read_bytes()[:-100])
    assert "cut short" in refused(capsys, "compare", "--data", data)


def test_a_class_with_fewer_rows_than_folds_is_refused(capsys, tmp_path, digits8):
    X, y = digits8
    y = np.where(np.arange(len(y)) < 2, 77, y)
    data = write_csv(tmp_path / "train.csv", X, y)
    said = refused(capsys, "compare", "--data", data, "--output", tmp_path / "out")
    assert "Class 77" in said and "3 folds" in said
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize("below", ["file", "/proc"])
def test_an_output_that_cannot_be_written_is_found_before_the_data_are_read(
    capsys, tmp_path, below
):
    (tmp_path / "file").touch()
    (tmp_path / "data.csv").write_text("no data\n")
    for command, name in {
        "compare": "results",
        "train": "model.safetensors",
        "show": "sheet.png",
    }.items():
        output = tmp_path / below / name
        args = [command, "--data", tmp_path / "data.csv", "--output", output]
        assert str(output.parent) in refused(capsys, *args)


def test_a_folder_is_not_replaced_by_a_file(capsys, tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    said = refused(capsys, "train", "--output", tmp_path / "model.safetensors")
    assert "model.safetensors" in said


def test_the_process_ends_in_one_line_without_traceback(tmp_path):
    (tmp_path / "data.csv").write_text("label,pixel0\n7,256\n")
    for args in (
        ["compare", "--data", tmp_path / "data.csv"],
        ["compare", "--output", tmp_path / "data.csv" / "results"],
    ):
        status, out, err = run(*args)
        assert (status, out) == (2, "")
        assert re.fullmatch("skmnist: error: .*data.csv.*\n", err)


def test_an_error_that_nobody_foresaw_keeps_its_traceback(monkeypatch):
    def fail(args):
        return int("not a number from the user", base=args)

    monkeypatch.setattr("skmnist.cli._commands.show", fail)
    with pytest.raises(TypeError):
        main(["show", "--output", "sheet.png"])


# Training and predicting


def test_train_tells_accuracy_and_time_and_warns_in_one_line(trained):
    _, (status, out, err) = trained
    assert status == 0
    assert re.search(r"360 images for 2 epochs in \d+\.\d seconds", out)
    assert re.search(r"Validation accuracy: \d+\.\d\d %, on 40 held-out images", out)
    # The pixels are 0 or 1, and the file's format says 0 to 255.
    assert re.fullmatch("skmnist: warning: .* already scaled.*\n", err)


def test_a_model_can_be_trained_on_all_rows(tmp_path, capsys):
    output = tmp_path / "model.safetensors"
    size = "--filters 2 --kernel-sizes 3 --dropout 0 0 --dense-units 4 --epochs 1"
    args = ["train", *size.split(), "--all-rows", "--output", str(output)]
    assert main(args) == 0
    said = capsys.readouterr().out
    assert "Trained on 1,797 images for 1 epoch in" in said
    assert "Validation" not in said
    network = load_model(output)["cnn"]
    assert network.validation_fraction is None
    assert "val_loss" not in network.history_
    refusal = refused(capsys, *args, "--validation-fraction", "0.2")
    assert "leave --validation-fraction out" in refusal


@pytest.mark.parametrize("word", ["\x85", "\n", "\x1b[31m", "\u2028"])
def test_a_wrong_argument_breaks_no_line(word, capsys):
    assert ascii(word)[1:-1] in refused(capsys, "train", word, "--output", "m.joblib")


def test_the_command_knows_every_schedule():
    parser = make_parser()
    for name in SCHEDULES:
        args = ["train", "--anneal", name, "--output", "model.safetensors"]
        assert parser.parse_args(args).anneal == name


def test_the_saved_model_has_the_settings_that_were_asked_for(trained):
    network = load_model(trained[0])["cnn"]
    expected = {"anneal": "one_cycle", "augment": True, "filters": (4, 8)}
    assert network.get_params() == network.get_params() | expected
    assert (network.dense_units, network.epochs, network.random_state) == (16, 2, 0)


@pytest.fixture(scope="module")
def submitted(trained, digits8):
    """Return the table that `skmnist predict` wrote for unlabelled rows."""
    model, _ = trained
    data = write_csv(model.with_name("test.csv"), digits8[0])
    output = model.with_name("submission.csv")
    spoken = run("predict", model, data, "--output", output)
    return output, spoken


@pytest.mark.filterwarnings("ignore:Pixels of X look already scaled")
def test_predict_writes_what_kaggle_wants(trained, submitted, digits8):
    output, (status, out, _) = submitted
    assert status == 0 and "400 labels" in out
    lines = output.read_text().splitlines()
    assert lines[0] == "ImageId,Label"
    labels = load_model(trained[0]).predict(digits8[0])
    assert lines[1:] == [f"{i},{label}" for i, label in enumerate(labels, 1)]


@pytest.mark.filterwarnings("ignore:Pixels of X look already scaled")
def test_predict_ignores_labels_but_compares_with_them(
    capsys, trained, submitted, digits8, tmp_path
):
    X, y = digits8
    data = write_csv(tmp_path / "labelled.csv", X, y)
    assert main(["predict", str(trained[0]), str(data), "--output", "/dev/null"]) == 2
    capsys.readouterr()
    output = tmp_path / "submission.csv"
    assert main(["predict", str(trained[0]), str(data), "--output", str(output)]) == 0
    assert output.read_bytes() == submitted[0].read_bytes()
    share = 100 * np.mean(pd.read_csv(output)["Label"] == y)
    assert f"{share:.2f} %" in capsys.readouterr().out


def test_images_of_another_size_are_refused(capsys, trained, tmp_path):
    data = write_csv(tmp_path / "test.csv", np.zeros((3, 49), int))
    output = tmp_path / "submission.csv"
    output.write_text("yesterday's")
    said = refused(capsys, "predict", trained[0], data, "--output", output)
    assert "7x7" in said and "8x8" in said
    assert output.read_text() == "yesterday's"


def test_a_network_without_scaler_gets_scaled_pixels(capsys, tmp_path, small):
    X, y = load_digits(return_X_y=True)
    network = MnistCNN(epochs=2, random_state=0, **small).fit(X / 16, y)
    save_model(network, tmp_path / "model.safetensors")
    output = tmp_path / "out.csv"
    model = str(tmp_path / "model.safetensors")
    assert main(["predict", model, "digits", "--output", str(output)]) == 0
    assert pd.read_csv(output)["Label"].tolist() == network.predict(X / 16).tolist()


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["model.joblib", "model.safetensors", "model.pkl"])
@pytest.mark.parametrize("compress", [0, 3, "gzip", "xz"])
def test_a_pickle_is_not_opened_without_trust(capsys, tmp_path, name, compress):
    joblib.dump(Bomb(str(tmp_path / "exploded")), tmp_path / name, compress=compress)
    output = tmp_path / "out.csv"
    said = refused(capsys, "predict", tmp_path / name, "digits", "--output", output)
    assert "--trust" in said and "code" in said
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_trusted_pickle_is_opened(capsys, tmp_path):
    model = tmp_path / "model.joblib"
    assert main(["train", *TINY, "--output", str(model)]) == 0
    output = tmp_path / "out.csv"
    args = ["predict", str(model), "digits", "--output", str(output), "--trust"]
    assert main(args) == 0
    X, _ = load_digits(return_X_y=True)
    expected = joblib.load(model).predict(X)
    assert pd.read_csv(output)["Label"].tolist() == expected.tolist()


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04.", pickle.dumps([1, 2]), b"\x08" + bytes(7) + b"{}"]
)
def test_what_is_no_model_is_refused(capsys, tmp_path, content):
    model = tmp_path / "model.safetensors"
    model.write_bytes(content)
    output = tmp_path / "out.csv"
    args = ["predict", model, "digits", "--output", output, "--trust"]
    assert str(model) in refused(capsys, *args)
    assert not output.exists()


# Pictures


def test_show_draws_the_same_digits_raw_and_augmented(capsys, tmp_path):
    pictures = {}
    for name, options in {"raw": [], "augmented": ["--augment"]}.items():
        path = tmp_path / f"{name}.png"
        assert main(["show", *options, "--output", str(path)]) == 0
        pictures[name] = imread(path)
    raw, augmented = pictures.values()
    assert raw.shape == augmented.shape
    assert 0 < np.mean(raw != augmented) < 0.6
    assert main(["show", "--output", str(tmp_path / "sheet.svg")]) == 0
    assert (tmp_path / "sheet.svg").read_bytes().startswith(b"<?xml")


# Progress and interruption


def test_progress_goes_to_the_terminal_and_ctrl_c_ends_in_one_line(tmp_path):
    reading, writing = os.openpty()
    options = [*TINY, "--cv", "holdout", "--output", str(tmp_path / "results")]
    with subprocess.Popen(
        [COMMAND, "compare", *options, "--epochs", "500"],
        stdout=subprocess.PIPE,
        stderr=writing,
        start_new_session=True,
    ) as process:
        os.close(writing)
        seen = b""
        deadline = time.monotonic() + 300
        while not re.search(rb"MnistCNN.* [1-9]\d?%", seen):
            assert time.monotonic() < deadline, seen.decode()
            seen += os.read(reading, 4096)
        os.killpg(process.pid, signal.SIGINT)
        while part := _read_terminal(reading):
            seen += part
        assert process.stdout.read() == b""
        assert process.wait() == 130
    os.close(reading)
    assert seen.endswith(b"skmnist: interrupted\r\n")
    assert b"Traceback" not in seen
    assert not list(tmp_path.iterdir())


def _read_terminal(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux says so when the other side is closed
        return b""


# The comparison that was started at the beginning


def test_compare_is_silent_on_standard_error_workers_included(compared):
    _, (status, _, err) = compared
    assert (status, err) == (0, "")


def test_compare_prints_table_reports_and_sentences_in_80_columns(compared):
    folder, (_, out, _) = compared
    assert out.isascii()
    assert max(map(len, out.splitlines()[:-1])) < 80  # the last names the folder
    table = pd.read_csv(folder / "comparison.csv").set_index("model")
    for name, row in table.iterrows():
        numbers = rf" +{row.training_accuracy:.2f} .* {row.test_accuracy:.2f} "
        assert re.search(rf"^{name}{numbers}", out, re.MULTILINE)
    assert (folder / "reports.txt").read_text() in out
    assert out.count("weighted avg") == 3
    flat = " ".join(out.split())
    for sentence in pd.read_csv(folder / "significance.csv")["sentence"]:
        assert sentence in flat


def test_compare_leaves_tables_models_and_pictures(compared):
    folder, _ = compared
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert files == set(COMPARE_FILES)
    for name in FIGURES:
        assert min(imread(folder / "figures" / f"{name}.png").shape[:2]) > 300
    history = pd.read_csv(folder / "history.csv")
    assert history.groupby("variant")["epoch"].apply(list).tolist() == [[1, 2]] * 3


def test_the_models_of_a_comparison_are_those_of_its_table(compared):
    folder, _ = compared
    table = pd.read_csv(folder / "comparison.csv").set_index("model")
    best = table["cv_mean"].idxmax()
    digits = load_images("digits")
    proba = {
        name: load_model(folder / name).predict_proba(digits.data[:50])
        for name in ("model.safetensors", f"models/{best}.safetensors")
    }
    assert np.array_equal(*proba.values())
    for name in table.index:
        network = load_model(folder / "models" / f"{name}.safetensors")["cnn"]
        assert network.history_["val_accuracy"][-1] * 100 == pytest.approx(
            table.validation_accuracy[name]
        )


@pytest.mark.slow
def test_with_annealing_the_embedded_digits_are_learnt(tmp_path):
    status, _, err = run("compare", "--cv", "holdout", "--output", tmp_path / "found")
    assert (status, err) == (0, "")
    table = pd.read_csv(tmp_path / "found" / "comparison.csv").set_index("model")
    assert table.test_accuracy["annealed"] >= 97
    assert table.test_accuracy["annealed_augmented"] >= 97


def test_outputs_that_cannot_be_written_are_found_before_the_training(capsys, tmp_path):
    (tmp_path / "found" / "comparison.csv").mkdir(parents=True)
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "missing" / "model")
    for args, named in (
        (["compare", "--output", tmp_path / "found"], "comparison.csv"),
        (["train", "--output", tmp_path / f"{'a' * 300}.safetensors"], "too long"),
        (["train", "--output", tmp_path / "link.safetensors"], "missing"),
    ):
        assert named in refused(capsys, *map(str, args))
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("comparison.csv", "found", "link.safetensors")
    ]


def test_labels_may_look_like_formulas(tmp_path, digits8):
    X, y = digits8
    labels = [f"US$ {label}$^" for label in y]
    data = write_csv(tmp_path / "train.csv", X * 255, labels)
    args = [*TINY, "--cv", "holdout", "--output", tmp_path / "found"]
    status, _, err = run("compare", "--data", data, *args)
    assert (status, err) == (0, "")


def test_a_table_without_labels_is_refused_with_its_columns(tmp_path):
    for suffix in (".csv", ".csv.gz"):
        path = tmp_path / f"test{suffix}"
        write_csv(path, np.zeros((20, 64), int))
        status, _, error = run(
            "train", "--data", path, "--output", tmp_path / "m.safetensors"
        )
        assert status == 2
        assert "no column 'label'" in error
        assert "64 columns are pixels: 'pixel0', 'pixel1'" in error


def test_a_tilde_is_the_home_folder_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    status, _, error = run("show", "--output", "~/sheet.png")
    assert (status, error) == (0, "")
    assert (tmp_path / "sheet.png").exists()
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    arguments = ("--output", "~/labels.csv")
    status, _, error = run("predict", "~/model.safetensors", "digits", *arguments)
    assert status == 2
    assert "cannot be opened as a model" in error
