"""Compare every bit that training leaves with that of another revision.

    python -m tests.same_bits             # with the last tag, or HEAD without a tag
    python -m tests.same_bits REVISION

The package of that revision and the one in the working tree train the same small
networks, in processes of one thread, and hashes of all results are compared.
`reopened` is the model file of the revision, opened and saved again by the working
tree. Each also resumes a checkpoint of the other. The exit code is 1 if anything but
the bytes of model files differs; a change of their format may change those.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open
from sklearn.datasets import load_digits
from sklearn.pipeline import Pipeline

import skmnist

ROOT = Path(__file__).parents[1]
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
NETWORK = {
    **{"filters": (4, 8), "kernel_sizes": (3, 3), "dense_units": 16},
    **{"dropout": (0.1,) * 3, "learning_rate": 0.005, "epochs": 3, "random_state": 0},
}
# With this high rate the loss stagnates, and the rule acts within these epochs.
PLATEAU = {"anneal": "plateau", "anneal_patience": 1, "learning_rate": 0.1, "epochs": 6}
INTERRUPTED = {"anneal": "one_cycle", "augment": True}


def network(**changes):
    return skmnist.MnistCNN(**(NETWORK | changes))


def fit_in_parts(X, y):
    cnn = network(**PLATEAU)
    for rows, labels in zip(np.array_split(X, 10), np.array_split(y, 10), strict=True):
        cnn.partial_fit(rows, labels, classes=range(10))
    return cnn


SETTINGS = {
    "plain": lambda X, y: network().fit(X, y),
    "plateau": lambda X, y: network(**PLATEAU).fit(X, y),
    "one cycle": lambda X, y: network(anneal="one_cycle").fit(X, y),
    "augmented": lambda X, y: network(augment=True).fit(X, y),
    "sample_weight": lambda X, y: network().fit(X, y, sample_weight=y % 3),
    "class_weight": lambda X, y: network(class_weight={0: 5.0, 7: 0.5}).fit(X, y),
    "balanced": lambda X, y: network(class_weight="balanced").fit(X, y),
    "X_val": lambda X, y: network().fit(X[99:], y[99:], X_val=X[:99], y_val=y[:99]),
    "no validation": lambda X, y: network(validation_fraction=None).fit(X, y),
    "warm_start": lambda X, y: network(warm_start=True).fit(X[:99], y[:99]).fit(X, y),
    "10 x partial_fit": fit_in_parts,
    "tta_copies": lambda X, y: network(tta_copies=3).fit(X, y),
    "one-row images": lambda X, y: network(image_shape=(1, 64)).fit(X, y),
    "pipeline": lambda X, y: skmnist.make_mnist_pipeline(max_value=1, **NETWORK).fit(
        X, y.astype(str)
    ),
    "uninterrupted": lambda X, y: network(**INTERRUPTED).fit(X, y),
}


class Epochs:
    """Callback of scikit-learn that counts epochs, and stops the fit after some."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.n_done = 0

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context):
        self.n_done += context.task_name == "epoch"
        return self.n_done == self.stop_after


def hashes(model, X, path):
    """Save a model, and return a hash of each result of its fit."""
    skmnist.save_model(model, path)
    with safe_open(path, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        description = json.loads(file.metadata()["skmnist"])
    cnn = model["cnn"] if isinstance(model, Pipeline) else model
    found = {
        "weights": {k: v for k, v in tensors.items() if k[:8] == "weights/"},
        "optimizer": {k: v for k, v in tensors.items() if k[:8] != "weights/"},
        "schedule": [description["schedule"], description["seed"]],
        "history_": cnn.history_,
        "batch_loss_": cnn.batch_loss_,
        "predict_proba": model.predict_proba(X),
        "file bytes": np.fromfile(path, np.uint8),
    }
    return {name: digest(value) for name, value in found.items()}


def digest(value):
    """Return the SHA-256 of nested dicts and lists of numbers and arrays."""

    def describe(array):
        return [array.dtype.str, array.shape, array.tobytes().hex()]

    text = json.dumps(value, sort_keys=True, default=describe)
    return sha256(text.encode()).hexdigest()


def train(X, y, own, other):
    """Train every setting, and leave its file and a checkpoint of one epoch."""
    cnn = network(**INTERRUPTED, checkpoint_dir=own / "checkpoints")
    cnn.set_callbacks(Epochs(stop_after=1)).fit(X, y)
    return {name: hashes(fit(X, y), X, own / name) for name, fit in SETTINGS.items()}


def reopen(X, y, own, other):
    models = {name: skmnist.load_model(other / name) for name in SETTINGS}
    return {name: hashes(model, X, own / name) for name, model in models.items()}


def resume(X, y, own, other):
    epochs = Epochs()
    cnn = network(**INTERRUPTED, checkpoint_dir=other / "checkpoints")
    cnn.set_callbacks(epochs).fit(X, y)
    start = "resumed" if epochs.n_done < NETWORK["epochs"] else "restarted"
    return {start: hashes(cnn, X, own / "resumed")}


def work(step, own, other):
    """Run one step with the package in the folder `own`, and print the result."""
    if not Path(skmnist.__file__).is_relative_to(own):
        sys.exit(f"imported {skmnist.__file__} instead of the package in {own}")
    X, y = load_digits(return_X_y=True)
    X, y = (X[:600] / 16).astype(np.float32), y[:600]
    print(json.dumps(globals()[step](X, y, Path(own), Path(other))))


def run(step, own, other):
    """Run one step in a new process."""
    # -P: the folders of the tests must not hide modules of the same name.
    command = [sys.executable, "-P", __file__, "--work", step, own, other]
    env = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(own)}
    return json.loads(subprocess.check_output(command, env=env))


def compare(old, new):
    """Return a table of fits and quantities that says which are equal."""
    before, now = run("train", old, new), run("train", new, old)
    reopened = run("reopen", new, old)
    rows = {name: equal(before[name], found) for name, found in now.items()}
    for name, row in rows.items():
        # Files of an older format may lack something, so that bytes may differ after
        # reopening if they differ between the files.
        of_file = equal(reopened[name], now[name]) | {"file bytes": True}
        row["reopened"] = all(of_file.values())
    for way, own, other in (("by new", new, old), ("by old", old, new)):
        for start, found in run("resume", own, other).items():
            rows[f"{start} {way}"] = equal(before["uninterrupted"], found)
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.map({True: "equal", False: "DIFFERENT"}.get).fillna("-")


def equal(one, two):
    return {name: one[name] == two[name] for name in one}


def main():
    git = partial(subprocess.check_output, cwd=ROOT)
    tags = git(["git", "tag", "--sort=-creatordate", "--merged"], text=True)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("revision", nargs="?", default=[*tags.split(), "HEAD"][0])
    revision = parser.parse_args().revision
    archive = git(["git", "archive", revision, "skmnist"])
    print(f"old: {revision}, new: the working tree", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "old"), Path(folder, "new")
        tarfile.open(fileobj=io.BytesIO(archive)).extractall(old, filter="data")
        new.mkdir()
        (new / "skmnist").symlink_to(ROOT / "skmnist")
        table = compare(old, new)
    print(table.to_string())
    sys.exit(int("DIFFERENT" in table.drop(columns="file bytes").to_numpy()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
