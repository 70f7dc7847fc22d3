"""Equal bits with any number of processes, and the number of threads."""

import json
import os
import subprocess
import sys

import joblib

DIGITS = """
import json
import os
from sklearn.datasets import load_digits
from skmnist import MnistCNN, make_mnist_pipeline

X, y = load_digits(return_X_y=True)
X, y = X[:200], y[:200]
net = {
    "filters": (8,),
    "kernel_sizes": (3,),
    "dense_units": 16,
    "dropout": (0.2, 0.2),
    "epochs": 2,
    "batch_size": 30,
    "augment": True,
    "random_state": 0,
}
"""


def run(code, **environment):
    """Run a program in a new process and return the JSON that it prints."""
    inherited = {
        name: value for name, value in os.environ.items() if "_NUM_" not in name
    }
    finished = subprocess.run(
        [sys.executable, "-c", DIGITS + code],
        env=inherited | environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(finished.stdout)


def test_cross_validate_same_bits_with_n_jobs():
    code = """
import hashlib
from sklearn.model_selection import cross_validate

def outcomes(n_jobs):
    found = cross_validate(
        make_mnist_pipeline(max_value=16, **net),
        X,
        y,
        cv=3,
        n_jobs=n_jobs,
        return_estimator=True,
    )
    for pipeline, score in zip(found["estimator"], found["test_score"]):
        cnn = pipeline["cnn"]
        bits = hashlib.sha256(cnn.batch_loss_.tobytes())
        for name, weight in cnn._state.weights.items():
            bits.update(name.encode() + weight.tobytes())
        bits.update(pipeline.predict_proba(X).tobytes())
        yield bits.hexdigest(), cnn.history_, score

print(json.dumps([list(outcomes(n_jobs)) for n_jobs in (1, 2)]))
"""
    one, two = run(code, TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    assert two == one
    # Three folds, three networks: the comparison would see a difference.
    assert len({bits for bits, _, _ in one}) == 3


def test_worker_thread_pools():
    """In a worker, thread pools have joblib's size unless the user has set another."""
    code = """
import joblib
from pathlib import Path

def settings():
    return {name: v for name, v in os.environ.items() if "_NUM_" in name}

def threads():
    return len(list(Path("/proc/self/task").iterdir()))

# TensorFlow starts its threads with the first operation: those within operations,
# those between them, and one that runs graphs. (Only since TensorFlow 2.21 are they
# named after their pools.)
def pools(cnn):
    before = threads()
    cnn.fit(X / 16, y)
    return threads() - before - 1

def in_worker():
    (sizes,) = joblib.Parallel(n_jobs=2)([joblib.delayed(pools)(MnistCNN(**net))])
    return sizes

found = {"one job": pools(MnistCNN(**net)), "set here": settings()}
found["two jobs"] = in_worker()
os.environ["TF_NUM_INTRAOP_THREADS"] = "2"
with joblib.parallel_config(backend="loky", inner_max_num_threads=3):
    found["three threads, and two by the user"] = in_worker()
print(json.dumps(found))
"""
    cores = len(os.sched_getaffinity(0))
    share = max(joblib.cpu_count() // 2, 1)
    assert run(code) == {
        "one job": cores + cores,
        "set here": {},
        "two jobs": share + share,
        "three threads, and two by the user": 2 + 3,
    }


def test_omp_num_threads_list_in_worker():
    code = """
import joblib

def size():
    import skmnist.neural_network._keras
    return os.environ["TF_NUM_INTRAOP_THREADS"]

print(json.dumps(joblib.Parallel(n_jobs=2)([joblib.delayed(size)()])))
"""
    assert run(code, OMP_NUM_THREADS="3,1") == ["3"]


def test_given_threads_of_dask_workers_in_process():
    code = """
from distributed import LocalCluster
from skmnist.neural_network import _keras

with LocalCluster(
    n_workers=2, threads_per_worker=3, processes=False, dashboard_address=None
):
    during = _keras._given_threads()
print(json.dumps([during, _keras._given_threads()]))
"""
    assert run(code) == ["6", ""]
