"""The manual is complete, and its examples run."""

import ast
import gzip
import html
import inspect
import re
import shlex
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import skmnist
from skmnist.cli._parser import make_parser
from skmnist.model_selection._sentences import say_pair

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")])
NAMES = [name for name in skmnist.__all__ if name != "__version__"]
OBJECTS = [name for name in NAMES if callable(getattr(skmnist, name))]
CLASSES = [name for name in OBJECTS if inspect.isclass(getattr(skmnist, name))]

# Checks of numpydoc that do not apply, and why.
NOT_APPLIED = {
    "GL01": "the summary starts on the line of the quotes, as in PEP 257",
    "ES01": "a short object needs no extended summary",
    "SA01": "a See Also section is not always useful",
    "RT02": "single return values have names too, as in scikit-learn",
}
# The example of a class shows its methods.
NOT_APPLIED_TO_METHODS = {*NOT_APPLIED, "EX01"}


def own_methods(name):
    """Return the public methods of a class that this package defines."""
    cls = getattr(skmnist, name)
    return [
        f"{name}.{attribute}"
        for attribute in dir(cls)
        if not attribute.startswith("_")
        and _home(getattr(cls, attribute, None)).startswith("skmnist")
    ]


def _home(member):
    """Return the name of the module in which a method or a property was written."""
    code = member.fget if isinstance(member, property) else member
    is_code = inspect.isroutine(code)
    return (code.__module__ or "") if is_code else ""


def complaints(name, not_applied):
    return [
        f"{name}: {code} {text}"
        for code, text in validate(f"skmnist.{name}")["errors"]
        if code not in not_applied
    ]


@pytest.mark.parametrize("name", OBJECTS)
def test_docstring_of_public_name(name):
    assert complaints(name, NOT_APPLIED) == []


@pytest.mark.parametrize("name", CLASSES)
def test_docstrings_of_public_methods(name):
    methods = own_methods(name)
    assert methods
    assert [
        text for each in methods for text in complaints(each, NOT_APPLIED_TO_METHODS)
    ] == []


@pytest.mark.parametrize("name", ["MnistCNN", "ImageScaler"])
def test_docstring_defaults_equal_signature(name):
    cls = getattr(skmnist, name)
    documented = {
        parameter.name: parameter.type for parameter in ClassDoc(cls)["Parameters"]
    }
    for parameter in inspect.signature(cls).parameters.values():
        said = documented[parameter.name].partition("default=")[2]
        assert ast.literal_eval(said) == parameter.default, parameter.name


@pytest.mark.parametrize("name", ["MnistCNN", "ImageScaler"])
def test_docstring_fitted_attributes(name):
    X, y = load_digits(return_X_y=True)
    X = pd.DataFrame(X[:60] / 16).add_prefix("pixel")
    settings = {"epochs": 1, "filters": (2, 2)} if name == "MnistCNN" else {}
    if name == "ImageScaler":
        X *= 255
    estimator = getattr(skmnist, name)(**settings).fit(X, y[:60])
    learned = {
        attribute
        for attribute in vars(estimator)
        if attribute.endswith("_") and not attribute.startswith("_")
    }
    documented = {entry.name for entry in ClassDoc(type(estimator))["Attributes"]}
    assert learned and learned <= documented


def test_api_page_lists_public_names():
    page = (ROOT / "docs/api.md").read_text()
    listed = re.findall(r"^(?:   |\.\. data:: )(\w+)$", page, re.M)
    assert sorted(listed) == sorted(NAMES)


def local_targets(page):
    """Return the local files that a page links to, as written there."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)\s#]*)(?:#[\w-]*)?\)", text)
    return {target for target in targets if target and "://" not in target}


def exists(page, target):
    if target.startswith("gallery/"):  # made from the examples by the build
        example = ROOT / "examples" / target.removeprefix("gallery/")
        return example.with_suffix(".py").exists() or example.name == "index"
    path = page.parent / target
    return path.exists() or path.with_suffix(".md").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_local_links(page):
    assert {
        target for target in local_targets(page) if not exists(page, target)
    } == set()


def test_local_targets_of_readme():
    found = local_targets(ROOT / "README.md")
    assert {"docs/getting_started.md", "examples/", "LICENSE"} <= found


@pytest.mark.parametrize("page", ["README.md", "docs/full_run.md"])
def test_headline_is_the_output_of_the_full_run(page):
    results, text = ROOT / "docs/results/full_run", (ROOT / page).read_text()
    flat, lines = " ".join(text.split()), text.splitlines()
    for row in pd.read_csv(results / "comparison.csv").itertuples():
        start = re.compile(rf"(\| )?{row.model.replace('_', ', ')} +(\| )?\d")
        (line,) = filter(start.match, lines)
        values = (row.training_accuracy, row.validation_accuracy, row.test_accuracy)
        shown = [f"{value:.2f}" for value in (*values, row.test_low, row.test_high)]
        assert re.findall(r"\d+\.\d\d", line)[:5] == shown
    repeats = pd.read_csv(results / "repeats.csv")["repeat"].nunique()
    assert repeats >= 3
    for pair in pd.read_csv(results / "significance.csv").itertuples():
        assert pair.sentence in flat
        assert pair.sentence == say_pair(pair, repeats)
    command = flat[flat.index("skmnist compare --data train.csv.gz") :].split("```")[0]
    recorded = (results / "report.html").read_text()
    assert " ".join(command.replace("\\", "").split()) in html.unescape(recorded)


def test_reliability_page_names_tests():
    page = (ROOT / "docs/reliability.md").read_text()
    named = re.findall(r"`((?:\w+/)?test_\w+\.py)`", page)
    assert len(named) > 10
    assert {name for name in named if not (ROOT / "tests" / name).exists()} == set()


def python_of(page):
    """Return the Python of a page; what needs more machines is marked `not run`."""
    blocks = re.findall(
        r"^(<!-- not run -->\n\n)?```python\n(.*?)^```",
        page.read_text(),
        re.M | re.S,
    )
    return [code for mark, code in blocks if not mark]


def test_readme_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = python_of(ROOT / "README.md")
    assert len(code.splitlines()) <= 12
    names = {}
    exec(code, names)
    assert names["model"].score(names["X_test"], names["y_test"]) > 0.9
    assert "test accuracy: 0.9" in capsys.readouterr().out
    assert (tmp_path / "model.safetensors").exists()


def write_idx(folder, X, y, data_set="", pack=bytes):
    folder.mkdir()
    for name, values in {"images-idx3": X, "labels-idx1": y.astype(np.uint8)}.items():
        header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        path = folder / f"{data_set}train-{name}-ubyte{'.gz' * (pack is not bytes)}"
        path.write_bytes(pack(header + values.tobytes()))


def write_scans(folder, X, y):
    for i, (image, label) in enumerate(zip(X, y, strict=True)):
        scan = np.pad(255 - np.kron(image, np.ones((9, 9), np.uint8)), 9, mode="edge")
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(scan).save(folder / str(label) / f"{i}.png")


def test_page_commands():
    commands = [
        line
        for page in PAGES
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S)
        for line in block.replace("\\\n", "").splitlines()
        if line.startswith("skmnist ")
    ]
    assert {line.split()[1] for line in commands} == {
        "compare",
        "draw",
        "predict",
        "show",
        "train",
    }
    for line in commands:
        make_parser().parse_args(shlex.split(line)[1:])


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Create a folder with small versions of the files that the pages use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    X, y = load_digits(return_X_y=True)
    X = (X * 15).astype(np.uint8)
    pixels = pd.DataFrame(X).add_prefix("pixel")
    pixels[:300].to_csv("test.csv", index=False)
    pixels.insert(0, "label", y)
    pixels.to_csv("train.csv", index=False)  # enough rows for a recipe
    pixels[:300].to_csv("fashion-mnist_train.csv", index=False)
    X = X[:300]
    images = X.reshape(-1, 8, 8)
    write_idx(tmp_path / "fashion-mnist", images, y[:300])
    write_idx(tmp_path / "gzip", images, y[:300], "emnist-letters-", gzip.compress)
    write_scans(tmp_path / "scans", images[:5], y[:5])
    model = skmnist.make_mnist_pipeline(epochs=1, filters=(2, 2), random_state=0)
    model.fit(X[:200], y[:200])
    return {
        **{name: getattr(skmnist, name) for name in skmnist.__all__},
        "model": model,
        "search": GridSearchCV(model, {"cnn__dense_units": [4]}, cv=2),
        "X": X,
        "y": y[:300],
        "X_train": X[:200],
        "y_train": y[:200],
        "X_val": X[200:250],
        "y_val": y[200:250],
        "X_test": X[250:],
        "y_test": y[250:300],
    }


# These pages train dozens of networks.
SLOW_PAGES = {"comparison.md", "hyperparameters.md"}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=[pytest.mark.slow] if page.name in SLOW_PAGES else [],
            id=page.name,
        )
        for page in PAGES
        if page.name != "README.md" and python_of(page)
    ],
)
def test_page_python(page, workplace):
    for code in python_of(page):
        exec(compile(code, page.name, "exec"), workplace)
