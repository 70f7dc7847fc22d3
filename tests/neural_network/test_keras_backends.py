"""The package uses Keras only, and so runs on Keras's other back ends."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import skmnist
from skmnist import load_model, make_mnist_pipeline, save_model

PACKAGE = Path(skmnist.__file__).parent
BACK_ENDS = {"tensorflow", "tf_keras", "jax", "jaxlib", "torch", "openvino"}

NET = {
    "filters": (8, 8),
    "kernel_sizes": (3, 3),
    "dense_units": 32,
    "dropout": (0.1, 0.1, 0.1),
    "epochs": 3,
    "batch_size": 20,
    "learning_rate": 0.01,
    "random_state": 0,
}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem
)
def test_modules_import_no_backend(path):
    """Neither at the top, nor in a function, nor by name."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module)
        elif isinstance(node, ast.Call) and node.args:
            named = getattr(node.func, "id", getattr(node.func, "attr", None))
            if named in ("import_module", "__import__"):
                imported.add(getattr(node.args[0], "value", None))
    roots = {str(name).split(".")[0] for name in imported}
    assert roots & BACK_ENDS == set()


PRELUDE = f"""
import json
import pickle
import warnings

warnings.simplefilter("error")

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from skmnist import MnistCNN, load_model, make_mnist_pipeline, save_model
from skmnist.neural_network._keras import keras, lacks_instructions

for dtype in ("mixed_bfloat16", "mixed_float16"):
    if lacks_instructions(dtype):
        warnings.filterwarnings("ignore", f"dtype='{{dtype}}' is slower", UserWarning)
assert keras.backend.backend() == "jax"
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X, y, X_test, y_test = X[:500], y[:500], X[1000:], y[1000:]
net = {NET!r}

def same_fit(one, other):
    return one.history_ == other.history_ and all(
        np.array_equal(weight, other._state.weights[name])
        for name, weight in one._state.weights.items()
    )
"""


def under_jax(code, *arguments):
    """Run a program under JAX, and return the JSON on its last line."""
    finished = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.slow
def test_jax_fit_same_bits(tmp_path):
    code = """
import sys

cnn = MnistCNN(**net).fit(X, y)
proba = cnn.predict_proba(X_test)
again = clone(cnn).fit(X, y)
other = clone(cnn).set_params(random_state=1).fit(X, y)
unpickled = pickle.loads(pickle.dumps(cnn))
same_answers = np.array_equal(again.predict_proba(X_test), proba)
np.savez(sys.argv[1], *cnn._state.weights.values())
print(json.dumps({
    "score": cnn.score(X_test, y_test),
    "sums": float(np.abs(proba.sum(axis=1) - 1).max()),
    "again": same_fit(again, cnn) and same_answers,
    "other": same_fit(other, cnn),
    "unpickled": np.array_equal(unpickled.predict_proba(X_test), proba),
    "continued": same_fit(unpickled.partial_fit(X, y), cnn.partial_fit(X, y)),
    "model_": float(np.abs(
        again.model_.predict(X_test.reshape(-1, 8, 8, 1), verbose=0) - proba
    ).max()),
}))
"""
    outcomes = [under_jax(code, tmp_path / f"{k}.npz") for k in range(2)]
    assert outcomes[0] == outcomes[1]
    outcome = outcomes[0]
    assert outcome.pop("score") > 0.7
    assert outcome.pop("sums") < 1e-5
    assert outcome.pop("model_") < 1e-5
    assert outcome.pop("other") is False
    assert outcome == {"again": True, "unpickled": True, "continued": True}
    one, other = (np.load(tmp_path / f"{k}.npz") for k in range(2))
    assert one.files == other.files != []
    for name in one.files:
        assert_array_equal(one[name], other[name])


@pytest.mark.slow
def test_jax_augment_anneal_and_checkpoint(tmp_path):
    code = """
import sys

known = {"X_val": X_test, "y_val": y_test}
net |= {"augment": True, "anneal": "one_cycle"}
whole = MnistCNN(**net).fit(X, y, **known)
parts = MnistCNN(**net)
for _ in range(net["epochs"]):
    parts.partial_fit(X, y, **known)
averaging = pickle.loads(pickle.dumps(whole)).set_params(tta_copies=3)
averaged = averaging.predict_proba(X_test)
points = MnistCNN(checkpoint_dir=sys.argv[1], **net)
rates = whole.history_["learning_rate"]
print(json.dumps({
    "score": whole.score(X_test, y_test),
    "averaged": averaging.score(X_test, y_test),
    "change": float(np.abs(averaged - whole.predict_proba(X_test)).max()),
    "in parts": same_fit(parts, whole),
    "averages": np.array_equal(averaged, averaging.predict_proba(X_test)),
    "checkpoint": same_fit(points.fit(X, y, **known), whole),
    "resumed": same_fit(clone(points).fit(X, y, **known), whole),
    "rates": len(set(rates)) == len(rates),
    "weighted": clone(whole).fit(X, y, sample_weight=np.where(y == 8, 1e4, 1e-3))
    .predict(X_test).tolist().count(8) > 0.9 * len(X_test),
    "precisions": all(
        same_fit(*(MnistCNN(dtype=dtype, **net).fit(X[:60], y[:60]) for _ in range(2)))
        for dtype in ("mixed_bfloat16", "mixed_float16")
    ),
}))
"""
    outcome = under_jax(code, tmp_path / "points")
    assert outcome.pop("score") > 0.6
    assert outcome.pop("averaged") > 0.6
    assert outcome.pop("change") > 0.01
    assert outcome == dict.fromkeys(outcome, True)
    assert len(list((tmp_path / "points").iterdir())) == 1


def test_load_model_under_other_backend(digits, tmp_path):
    X, y, X_test, y_test = digits
    here = make_mnist_pipeline(max_value=16, **NET).fit(X[:500] * 16, y[:500])
    save_model(here, tmp_path / "tensorflow.safetensors")
    np.save(tmp_path / "X.npy", X_test * 16)
    code = """
import sys

folder = sys.argv[1]
pixels = np.load(f"{folder}/X.npy")
brought = load_model(f"{folder}/tensorflow.safetensors")
np.save(f"{folder}/brought.npy", brought.predict_proba(pixels))
own = make_mnist_pipeline(max_value=16, **net).fit(X * 16, y)
save_model(own, f"{folder}/jax.safetensors")
np.save(f"{folder}/own.npy", own.predict_proba(pixels))
epochs = len(brought["cnn"].partial_fit(X, y).history_["loss"])
print(json.dumps([epochs, brought.score(X_test * 16, y_test)]))
"""
    epochs, score = under_jax(code, tmp_path)
    assert epochs == 4
    assert score > 0.7
    proba = here.predict_proba(X_test * 16)
    assert_allclose(np.load(tmp_path / "brought.npy"), proba, atol=1e-4)
    back = load_model(tmp_path / "jax.safetensors")
    proba = back.predict_proba(X_test * 16)
    assert_allclose(np.load(tmp_path / "own.npy"), proba, atol=1e-4)
    assert back.score(X_test * 16, y_test) > 0.7
    back["cnn"].partial_fit(X[:500], y[:500])
    assert len(back["cnn"].history_["loss"]) == 4
