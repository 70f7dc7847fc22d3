"""The same bits however many processes there are, and no thread too many."""

import json
import os
import subprocess
import sys

import joblib
import pytest

NET = """
from sklearn.datasets import load_digits
from skmnist import MnistCNN, make_mnist_pipeline

X, y = load_digits(return_X_y=True)
X, y = X[:300], y[:300]
net = {
    "filters": (8, 8),
    "kernel_sizes": (3, 3),
    "dense_units": 16,
    "dropout": (0.2, 0.2, 0.2),
    "epochs": 2,
    "batch_size": 30,
    "augment": True,
    "random_state": 0,
}
"""


def run(code, **environment):
    """Run a program in a process of its own and return the JSON that it prints."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_NUM_THREADS") and not name.startswith("TF_NUM_")
    }
    finished = subprocess.run(
        [sys.executable, "-c", NET + code],
        env=inherited | environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(finished.stdout)


ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

FOLDS = """
import hashlib, json, os
from sklearn.model_selection import cross_validate

def folds(n_jobs):
    found = cross_validate(
        make_mnist_pipeline(max_value=16, **net),
        X,
        y,
        cv=4,
        n_jobs=n_jobs,
        return_estimator=True,
    )
    outcome = hashlib.sha256()
    for pipeline in found["estimator"]:
        cnn = pipeline["cnn"]
        outcome.update(repr(cnn.history_).encode())
        outcome.update(cnn.batch_loss_.tobytes())
        for name, weight in cnn._state.weights.items():
            outcome.update(name.encode() + weight.tobytes())
        outcome.update(pipeline.predict_proba(X).tobytes())
    return outcome.hexdigest(), found["test_score"].tolist()
"""


def test_one_job_and_two_give_the_same_bits_in_any_process():
    """Hashes are seeded by the process, and workers are processes too."""
    code = FOLDS + "print(json.dumps([folds(1), folds(2), folds(1)]))"
    first, *others = run(code, PYTHONHASHSEED="1", **ONE_THREAD)
    assert others == [first, first]
    assert len(set(first[1])) > 1
    code = FOLDS + "print(json.dumps(folds(None)))"
    assert run(code, PYTHONHASHSEED="2", **ONE_THREAD) == first


POOLS = """
import json, os
from pathlib import Path
import joblib
import numpy as np

def threads():
    names = [
        path.joinpath("comm").read_text().strip()
        for path in Path("/proc/self/task").iterdir()
    ]
    inter = names.count("tf_Compute")
    return len(names) - inter - names.count("tf_graph_runner"), inter

# The threads that TensorFlow starts with its first operation.
def pools(cnn):
    before, running = threads()
    cnn.fit(X / 16, y)
    after, inter = threads()
    return os.getpid(), None if running else (after - before, inter)

def in_workers():
    tasks = joblib.Parallel(n_jobs=2)(
        joblib.delayed(pools)(MnistCNN(**net)) for _ in range(6)
    )
    found = {pid: sizes for pid, sizes in tasks if sizes is not None}
    return sorted(found.values())
"""


def test_pools_have_the_size_that_was_given_and_one_job_has_all_cores():
    code = """
environment = dict(os.environ)
alone = pools(MnistCNN(**net))[1]
assert {k: v for k, v in os.environ.items() if "_NUM_" in k} == {
    k: v for k, v in environment.items() if "_NUM_" in k
}
shared = in_workers()
with joblib.parallel_config(backend="loky", inner_max_num_threads=3):
    given = in_workers()
print(json.dumps([alone, shared, given]))
"""
    alone, shared, given = run(POOLS + code)
    cores = len(os.sched_getaffinity(0))
    assert alone == [cores, cores]
    share = max(joblib.cpu_count() // 2, 1)
    assert 1 <= len(shared) <= 2
    assert all(sizes == [share, share] for sizes in shared)
    assert 1 <= len(given) <= 2
    assert all(sizes == [3, 3] for sizes in given)


def test_the_users_own_size_of_a_pool_wins_in_workers():
    found = run(POOLS + "print(json.dumps(in_workers()))", TF_NUM_INTRAOP_THREADS="3")
    share = max(joblib.cpu_count() // 2, 1)
    assert all(sizes == [3, share] for sizes in found)
    assert found
