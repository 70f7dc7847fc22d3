"""The command, run as people run it: as a process, with files and a terminal."""

import inspect
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from skmnist import RECIPES, VARIANTS, MnistCNN, load_images, load_model
from skmnist.cli._hyperparameter_options import given_hyperparameters, listed
from skmnist.cli._main import main
from skmnist.cli._parser import make_parser
from skmnist.neural_network._param_constraints import (
    HYPERPARAMETERS,
    SCHEDULES,
    check_params,
)

FILES = {
    *("comparison.csv", "history.csv", "repeats.csv"),
    *("reports.txt", "significance.csv"),
    "report.html",
    *("model.safetensors", "models/plain.safetensors", "models/annealed.safetensors"),
    "models/annealed_augmented.safetensors",
}
FIGURES = (
    *("accuracy", "augmented_digits", "batch_loss", "confusion_matrix", "digits"),
    *("learning_rate", "training_curves", "worst_mistakes"),
)


@pytest.fixture(scope="module", autouse=True)
def comparing(tmp_path_factory, program, tiny):
    """Start a comparison with two workers, which runs beside the other tests."""
    folder = tmp_path_factory.mktemp("comparison") / "new" / "results"
    options = [*tiny, "--cv", "2", "--n-jobs", "2", "--output", str(folder)]
    with subprocess.Popen(
        [program, "compare", "--reports", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, folder
        process.kill()


@pytest.fixture(scope="module")
def compared(comparing):
    """Return the folder of the comparison, and what it said."""
    process, folder = comparing
    out, err = process.communicate(timeout=300)
    return folder, (process.returncode, out, err)


# Help, arguments and file names


def test_help_and_errors_without_keras(tmp_path):
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


def test_module(run):
    words = [sys.executable, "-m", "skmnist", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
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
        ("compare --filters 4", "kernel_sizes"),
        ("compare --dropout 0.5", "dropout"),
        ("compare --anneal plateau", "--anneal"),
        ("train", "--output"),
        ("train --output model.h5", ".safetensors"),
        ("show --output sheet.txt", ".png"),
        ("predict model.safetensors", "IMAGES"),
        ("predict test.csv --output m.safetensors", "a name for a CSV file"),
        ("predict test.csv --output m.joblib", "a name for a CSV file"),
        ("predict test.csv --output labels.xlsx", "a name for a CSV file"),
        ("predict test.csv --output labels.csv.zst", "a name for a CSV file"),
        ("compare --variants a/b", "a/b"),
        ("compare --variants anealed", "'anealed' is not one of plain, annealed"),
        ("compare --variants a:epoch=3", "epoch=3"),
        ("compare --variants a:epochs=0", "'0' is not"),
        ("compare --variants a:anneal=slowly", "slowly"),
        ("compare --variants a:augment=1", "true or false"),
        ("compare --variants a:callbacks=x", "'x'"),
        ("compare --variants plain plain", "twice"),
        (f"compare --variants {'x' * 201}:", "too long"),
    ],
)
def test_wrong_argument(refused, args, named):
    assert named in refused(*args.split())


def test_recipe_switched_off_in_parts():
    options = ["--no-augment", "--no-anneal", "--no-batch-norm", "--epochs", "2"]
    args = ["train", "--output", "m.joblib", "--data", "x", "--recipe", "accurate"]
    found = given_hyperparameters(make_parser().parse_args([*args, *options]))
    changed = {"augment": False, "anneal": False, "batch_norm": False, "epochs": 2}
    assert found == RECIPES["accurate"] | changed | {"random_state": 0}


def test_hyperparameter_defaults():
    args = make_parser().parse_args(["train", "--output", "m.joblib", "--data", "x"])
    assert given_hyperparameters(args) == {"random_state": 0}


def test_hyperparameter_options():
    without = set(HYPERPARAMETERS) - set(listed())
    own_options = {"anneal", "augment", "random_state", "checkpoint_dir"}
    from_data, for_python = {"image_shape"}, {"callbacks", "verbose", "warm_start"}
    assert without == own_options | from_data | for_python


def test_switches():
    args = ["train", "--output", "m.joblib", "--data", "x", "--early-stopping"]
    params = given_hyperparameters(make_parser().parse_args([*args, "--batch-norm"]))
    assert params == {"early_stopping": True, "batch_norm": True, "random_state": 0}


def test_variants():
    args = [
        *("plain", "wide:filters=64 128,dropout=0 0 0.5,epochs=3"),
        *("a b:anneal=one_cycle,augment=true", "c:anneal=false,learning_rate=1e-2"),
    ]
    args = make_parser().parse_args(["compare", "--variants", *args])
    assert args.variants == [
        ("plain", {"anneal": False, "augment": False}),
        ("wide", {"filters": (64, 128), "dropout": (0, 0, 0.5), "epochs": 3}),
        ("a b", {"anneal": "one_cycle", "augment": True}),
        ("c", {"anneal": False, "learning_rate": 0.01}),
    ]


@pytest.mark.parametrize("name", ["wide", "lr-0.01"])
def test_variants_with_spaces(name):
    args = ["compare", "--variants", f"{name} : epochs = 3, filters = 8 16"]
    found = make_parser().parse_args(args).variants
    assert found == [(name, {"epochs": 3, "filters": (8, 16)})]


def test_names_with_an_underscore_in_front(capsys, tmp_path):
    size = "--filters 2 --kernel-sizes 3 --dropout 0 0 --dense-units 4 --epochs 1"
    args = ["compare", "--variants", "_a:", "_b:anneal=one_cycle", "--cv", "holdout"]
    assert main([*args, *size.split(), "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "report.html").exists()
    assert capsys.readouterr().err.count("error") == 0


def test_variants_in_the_spelling_of_python():
    args = "a:anneal=True,augment=False,validation_fraction=None,dtype=none"
    args = make_parser().parse_args(["compare", "--variants", args])
    expected = {"anneal": True, "augment": False, "validation_fraction": None}
    assert args.variants == [("a", expected | {"dtype": None})]


def test_variants_option_twice_and_spaces():
    args = ["--variants", "plain", "--variants", "a:epochs=2, filters=4 8"]
    args = make_parser().parse_args(["compare", *args])
    assert [name for name, _ in args.variants] == ["plain", "a"]
    assert args.variants[1][1] == {"epochs": 2, "filters": (4, 8)}
    # The default is not changed.
    assert make_parser().parse_args(["compare"]).variants == []


def test_variants_with_a_parameter_twice(capsys):
    args = ["compare", "--variants", "a:epochs=1,filters=4 8,epochs=2"]
    with pytest.raises(SystemExit):
        make_parser().parse_args(args)
    assert "sets epochs 2 times" in capsys.readouterr().err


def test_variants_named_as_known_ones_start_from_their_settings():
    args = ["annealed:epochs=5", "fast:epochs=3", "own:"]
    args = make_parser().parse_args(["compare", "--variants", *args])
    assert args.variants == [
        ("annealed", VARIANTS["annealed"] | {"epochs": 5}),
        ("fast", RECIPES["fast"] | {"epochs": 3}),
        ("own", {}),
    ]


def test_variants_override_digits_defaults():
    for variants, epochs in (
        (["a:epochs=2", "b:epochs=3"], None),
        (["a:epochs=2"], None),
    ):
        args = make_parser().parse_args(["compare", "--variants", *variants])
        assert given_hyperparameters(args).get("epochs") == epochs
    args = make_parser().parse_args(["compare", "--variants", "a:epochs=2", "plain"])
    assert given_hyperparameters(args)["epochs"] == 15


@pytest.mark.parametrize(
    ("args", "settings"),
    [
        ("", (15, 16)),
        ("--epochs 3", (3, 16)),
        ("--data train.csv", (30, 42)),
        ("--data train.csv --batch-size 9", (30, 9)),
    ],
)
def test_digits_defaults(args, settings):
    args = make_parser().parse_args(["compare", *args.split()])
    network = MnistCNN(**given_hyperparameters(args))
    assert (network.epochs, network.batch_size) == settings
    assert network.random_state == 0


def test_checkpoint_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    args = make_parser().parse_args(["compare", "--checkpoint", "points"])
    assert given_hyperparameters(args)["checkpoint_dir"] == str(tmp_path / "points")


def test_help_defaults(capsys):
    main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, each in listed().items():
        values = each.default if isinstance(each.default, tuple) else [each.default]
        shown = " ".join(map(str, values)) if each.default is not None else ""
        assert f"--{name.replace('_', '-')}" in said
        assert f"{each.help} (default: {shown}" in said or each.default in (None, False)


@pytest.mark.parametrize(
    "name", [name for name, each in listed().items() if each.default is not False]
)
def test_option_bounds(name, capsys):
    default = HYPERPARAMETERS[name].default
    several = len(default) if isinstance(default, tuple) else 0
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


def test_scheduler_without_dask(refused, monkeypatch):
    monkeypatch.setattr("skmnist.cli._main.find_spec", lambda name: None)
    said = refused("compare", "--scheduler", "tcp://127.0.0.1:8786")
    assert 'pip install "skmnist[dask]"' in said


def test_parquet_without_pyarrow(refused, tmp_path, monkeypatch):
    (tmp_path / "mnist.parquet").write_bytes(b"PAR1 and so on")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = refused("compare", "--data", tmp_path / "mnist.parquet")
    assert "requires pyarrow: pip install 'skmnist[parquet]'." in said


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "ucx://127.0.0.1:1"])
def test_scheduler_wrong_protocol(refused, tiny, address):
    said = refused("compare", *tiny, "--scheduler", address)
    assert f"no Dask scheduler responds at {address}" in said


# Bad input

BAD_DATA = {
    "missing": (None, "no file"),
    "empty": ("", "is empty"),
    "other": ("Dear diary,\ntoday\n", "columns"),
    "no label": ("digit,pixel0\n7,0\n", "'digit', 'pixel0'"),
    "only pixels": (
        "pixel0,pixel1,pixel2,pixel3\n0,0,0,0\n",
        "images of 2x2 pixels without labels: give a table with a column 'label'",
    ),
    "labels missing": ("label,pixel0\n7,0\n,0\n", "row 2 does not have a label"),
    "pixel out of range": ("label,pixel0\n7,256\n", "'256'"),
    "pixel not a number": ("label,pixel0\n7,NaN\n", "'NaN'"),
    "pixel a text": ("label,pixel0\n7,dark\n", "'dark'"),
    "cut short": ("label,pixel0,pixel1,pixel2,pixel3\n7,0,0,0,0\n3,0,0\n", "row 2"),
    "one class": ("label,pixel0\n" + "7,0\n7,9\n" * 10, "7"),
}


@pytest.mark.parametrize("command", ["compare", "train"])
@pytest.mark.parametrize("problem", BAD_DATA)
def test_bad_data(refused, tmp_path, tiny, problem, command):
    content, named = BAD_DATA[problem]
    data = tmp_path / "data.csv"
    if content is not None:
        data.write_text(content)
    before = list(tmp_path.iterdir())
    output = {"compare": "deep/results", "train": "model.safetensors"}[command]
    args = [command, "--data", data, *tiny, "--output", tmp_path / output]
    assert named in refused(*args)
    assert list(tmp_path.iterdir()) == before


def test_truncated_data(refused, tmp_path, digits8, write_csv):
    data = write_csv(tmp_path / "train.csv.gz", *digits8)
    data.write_bytes(data.read_bytes()[:-100])
    assert "cut short" in refused("compare", "--data", data)


def test_class_with_fewer_rows_than_folds(refused, tmp_path, digits8, write_csv):
    X, y = digits8
    y = np.where(np.arange(len(y)) < 2, 77, y)
    data = write_csv(tmp_path / "train.csv", X, y)
    said = refused("compare", "--data", data, "--output", tmp_path / "out")
    assert "Class 77" in said and "3 folds" in said
    assert list(tmp_path.iterdir()) == [data]


@pytest.mark.parametrize("below", ["file", "/proc"])
def test_unwritable_output_before_data_are_read(refused, tmp_path, below):
    (tmp_path / "file").touch()
    (tmp_path / "data.csv").write_text("no data\n")
    for command, name in {
        "compare": "results",
        "train": "model.safetensors",
        "show": "sheet.png",
    }.items():
        output = tmp_path / below / name
        args = [command, "--data", tmp_path / "data.csv", "--output", output]
        assert str(output.parent) in refused(*args)


def test_output_folder(refused, tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    said = refused("train", "--output", tmp_path / "model.safetensors")
    assert "model.safetensors" in said


def test_worker_process_error(run, tmp_path):
    (tmp_path / "data.csv").write_text("label,pixel0\n7,256\n")
    for args in (
        ["compare", "--data", tmp_path / "data.csv"],
        ["compare", "--output", tmp_path / "data.csv" / "results"],
    ):
        status, out, err = run(*args)
        assert (status, out) == (2, "")
        assert re.fullmatch("skmnist: error: .*data.csv.*\n", err)


def test_bug_traceback(monkeypatch):
    def fail(args):
        return int("not a number from the user", base=args)

    monkeypatch.setattr("skmnist.cli._commands.show", fail)
    with pytest.raises(TypeError):
        main(["show", "--output", "sheet.png"])


# Training and predicting


def test_train_output(trained):
    _, (status, out, err) = trained
    assert status == 0
    assert re.search(r"360 images for 2 epochs in \d+\.\d seconds", out)
    assert re.search(r"Validation accuracy: \d+\.\d\d%, on 40 held-out images", out)
    # The pixels are 0 or 1, and the file's format says 0 to 255.
    assert re.fullmatch("skmnist: warning: .* already scaled.*\n", err)


def test_train_all_rows(tmp_path, capsys, refused):
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
    refusal = refused(*args, "--validation-fraction", "0.2")
    assert "leave --validation-fraction out" in refusal


@pytest.mark.parametrize("word", ["\x85", "\n", "\x1b[31m", "\u2028"])
def test_wrong_argument_with_line_break(word, refused):
    assert ascii(word)[1:-1] in refused("train", word, "--output", "m.joblib")


def test_anneal_choices():
    parser = make_parser()
    for name in SCHEDULES:
        args = ["train", "--anneal", name, "--output", "model.safetensors"]
        assert parser.parse_args(args).anneal == name


def test_train_saves_hyperparameters(trained):
    network = load_model(trained[0])["cnn"]
    expected = {"anneal": "one_cycle", "augment": True, "filters": (4, 8)}
    assert network.get_params() == network.get_params() | expected
    assert (network.dense_units, network.epochs, network.random_state) == (16, 2, 0)


# Pictures


def test_show_raw_and_augmented(tmp_path):
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


# The comparison that was started at the beginning


def test_compare_standard_error_is_empty(compared):
    _, (status, _, err) = compared
    assert (status, err) == (0, "")


def test_compare_ends_with_table_and_verdict(compared):
    folder, (_, out, _) = compared
    assert out.isascii()
    named = f"Tables, models and figures are in {folder}."
    reports, end = out.split(f"{named}\n\n")
    assert reports == (folder / "reports.txt").read_text() + "\n"
    assert reports.count("weighted avg") == 3
    lines = end.splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) + len([named, ""]) < 24
    table = pd.read_csv(folder / "comparison.csv")
    for line, (_, row) in zip(lines[1:], table.iterrows(), strict=False):
        assert f" {row.training_accuracy:.2f} " in line
        assert f" {row.test_accuracy:.2f} " in line
    flat = " ".join(end.split())
    for sentence in pd.read_csv(folder / "significance.csv")["sentence"]:
        assert sentence in flat


def test_compare_output(compared):
    folder, _ = compared
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert files >= FILES | {f"figures/{name}.png" for name in FIGURES}
    for name in FIGURES:
        assert min(imread(folder / "figures" / f"{name}.png").shape[:2]) > 300
    history = pd.read_csv(folder / "history.csv")
    assert history.groupby("variant")["epoch"].apply(list).tolist() == [[1, 2]] * 3


def test_compare_saved_models(compared):
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
def test_compare_digits_accuracy(run, tmp_path):
    status, _, err = run("compare", "--cv", "holdout", "--output", tmp_path / "found")
    assert (status, err) == (0, "")
    table = pd.read_csv(tmp_path / "found" / "comparison.csv").set_index("model")
    assert table.test_accuracy["annealed"] >= 97
    assert table.test_accuracy["annealed_augmented"] >= 97


def test_unwritable_output_before_training(refused, tmp_path):
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "figures").touch()
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "missing" / "model")
    for args, named in (
        (["compare", "--output", tmp_path / "found"], "figures"),
        (["train", "--output", tmp_path / f"{'a' * 300}.safetensors"], "too long"),
        (["train", "--output", tmp_path / "link.safetensors"], "missing"),
    ):
        assert named in refused(*map(str, args))
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("figures", "found", "link.safetensors")
    ]


def test_compare_one_output_that_cannot_be_written(run, tmp_path, tiny):
    (tmp_path / "report.html").mkdir()
    args = ["--cv", "holdout", "--output", tmp_path]
    status, out, err = run("compare", *tiny, *args)
    assert status != 0
    assert "report.html" in err
    assert "Tables, models and figures" not in out
    assert out.startswith("model ")
    assert (tmp_path / "comparison.csv").is_file()
    assert (tmp_path / "figures" / "accuracy.png").is_file()


def test_compare_dollar_signs_in_labels(run, tmp_path, digits8, tiny, write_csv):
    X, y = digits8
    labels = [f"US$ {label}$^" for label in y]
    data = write_csv(tmp_path / "train.csv", X * 255, labels)
    args = [*tiny, "--cv", "holdout", "--output", tmp_path / "found"]
    status, _, err = run("compare", "--data", data, *args)
    assert (status, err) == (0, "")


def test_train_without_labels(run, tmp_path, write_csv):
    for suffix in (".csv", ".csv.gz"):
        path = tmp_path / f"test{suffix}"
        write_csv(path, np.zeros((20, 64), int))
        status, _, error = run(
            "train", "--data", path, "--output", tmp_path / "m.safetensors"
        )
        assert status == 2
        assert "holds images of 8x8 pixels without labels" in error
        assert "a column 'label'" in error


def test_tilde_expansion(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    status, _, error = run("show", "--output", "~/sheet.png")
    assert (status, error) == (0, "")
    assert (tmp_path / "sheet.png").exists()
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    arguments = ("--output", "~/labels.csv")
    status, _, error = run("predict", "~/model.safetensors", "digits", *arguments)
    assert status == 2
    assert "cannot be opened as a model" in error
