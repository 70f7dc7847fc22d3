"""Parallel loops on Dask workers, of which some are killed."""

import contextlib
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from skmnist import (
    compare_variants,
    load_model,
    make_mnist_pipeline,
    make_variant_search,
)
from skmnist.dask import DurableDaskBackend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# Each fit has one thread everywhere.
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# Workers may not respond for that long while they start TensorFlow.
PATIENCE = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "600s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "1800s",
}
NETWORK = {
    **{"filters": (4, 8), "kernel_sizes": (3, 3), "dense_units": 16, "epochs": 8},
    **{"learning_rate": 0.003, "anneal_patience": 1, "max_value": 16},
}
OPTIONS = {"cv": 2, "random_state": 0, **NETWORK}
# The same for the command, which has another default batch size for the digits.
ARGUMENTS = [
    *("--cv", "2", "--filters", "4", "8", "--kernel-sizes", "3", "3"),
    *("--dense-units", "16", "--epochs", "8", "--learning-rate", "0.003"),
    *("--anneal-patience", "1", "--batch-size", "42"),
]
IN_ONE_PROCESS = f"""
import pickle, sys
from sklearn.datasets import load_digits
from skmnist import compare_variants, make_variant_search
X, y = load_digits(return_X_y=True)
X = X.astype("uint8")
outcome = {{
    2: compare_variants(X, y, **{OPTIONS}),
    "holdout": compare_variants(X, y, **{OPTIONS | {"cv": "holdout"}}),
    "search": make_variant_search(**{OPTIONS}).set_params(refit=False).fit(X, y),
}}
pickle.dump(outcome, open(sys.argv[1], "wb"))
"""


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X.astype("uint8"), y


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return the results of one process, with folds and without."""
    file = tmp_path_factory.mktemp("alone") / "outcome"
    subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, str(file)],
        env=os.environ | ONE_THREAD,
        check=True,
    )
    return pickle.loads(file.read_bytes())


class Cluster:
    """A scheduler and two workers of one thread each, on the loopback."""

    def __init__(self, folder, environment=ONE_THREAD, options=()):
        self.environment, self.options = environment, options
        self.folder, self.file = folder, folder / "scheduler.json"
        self.scheduler, self.workers, self.client = None, {}, None

    def __enter__(self):
        with open(self.folder / "log.txt", "w") as self.log:
            address = ["--host", "127.0.0.1", "--port", "0"]
            self.scheduler = self._start(
                "scheduler", *address, "--dashboard-address", "127.0.0.1:0"
            )
            # A nanny would replace a dead worker.
            alone = ["--no-nanny", "--no-dashboard", "--nthreads", "1"]
            alone += self.options
            self.workers = {
                name: self._start("worker", *alone, "--name", name) for name in "ab"
            }
        while not self.file.exists():
            time.sleep(0.1)
        self.client = Client(scheduler_file=str(self.file))
        self.client.wait_for_workers(2, timeout=300)
        self.address = self.client.scheduler.address
        return self

    def _start(self, kind, *options):
        return subprocess.Popen(
            [sys.executable, "-m", "dask", kind, *options]
            + ["--scheduler-file", str(self.file)],
            env=os.environ | PATIENCE | self.environment,
            cwd=self.folder,
            stderr=self.log,
        )

    def __exit__(self, *_):
        self.client.close()
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def killing_a_worker(self, n_before):
        """Kill worker a in the middle of a fit, when so many fits have begun."""
        (victim,) = (
            address
            for address, worker in self.client.scheduler_info()["workers"].items()
            if worker["name"] == "a"
        )
        over, begun = threading.Event(), set()

        def watch():
            while not over.wait(0.05):
                fits = {
                    address: [key for key in keys if key.startswith("_fit")][:1]
                    for address, keys in self.client.processing().items()
                }
                begun.update(*fits.values())
                if len(begun) >= n_before and fits[victim]:
                    self.workers["a"].send_signal(signal.SIGKILL)
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        assert self.workers["a"].poll() == -signal.SIGKILL
        assert self.workers["b"].poll() is None

    def count_bytes(self):
        """Start counting the bytes that each worker receives."""

        def count():
            from tornado.iostream import IOStream

            def counting(stream, buffer, read=IOStream.read_from_fd):
                n_bytes = read(stream, buffer)
                IOStream.n_received += n_bytes or 0
                return n_bytes

            if not hasattr(IOStream, "n_received"):
                IOStream.read_from_fd = counting
            IOStream.n_received = 0

        self.client.run(count)

    def running(self, **settings):
        """Run joblib's loops on this cluster."""
        return joblib.parallel_config(
            backend=DurableDaskBackend(client=self.client, **settings)
        )

    def received(self):
        """Return how many bytes each worker has received."""

        def read():
            from tornado.iostream import IOStream

            return IOStream.n_received

        return list(self.client.run(read).values())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def doomed(tmp_path):
    """Return a cluster for one test, which may kill workers."""
    with Cluster(tmp_path) as cluster:
        yield cluster


def assert_same_outcome(found, expected):
    for name in ("table_", "significance_"):
        one, other = (
            getattr(outcome, name).drop(columns="seconds", errors="ignore")
            for outcome in (found, expected)
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert found.best_variant_ == expected.best_variant_
    for name, pipeline in found.estimators_.items():
        assert_same_network(pipeline["cnn"], expected.estimators_[name]["cnn"])


def assert_same_network(found, expected):
    assert found.history_ == expected.history_
    for group in ("weights", "optimizer"):
        for name, array in getattr(found._state, group).items():
            other = getattr(expected._state, group)[name]
            assert_array_equal(array, other, err_msg=name)


def test_compare_variants_equals_one_process(cluster, digits, alone):
    with cluster.running():
        for cv in (2, "holdout"):
            found = compare_variants(*digits, **OPTIONS | {"cv": cv})
            assert_same_outcome(found, alone[cv])


def test_compare_variants_names_dashboard(cluster, digits, capfd):
    with cluster.running():
        compare_variants(*digits, progress=True, **OPTIONS)
    page = cluster.client.dashboard_link
    assert f"Watch the workers at {page}" in capfd.readouterr().err


def test_compare_variants_sends_data_once(doomed, digits):
    # Enough rows to outweigh everything else that is sent.
    X, y = (np.repeat(part, 20, axis=0) for part in digits)
    options = OPTIONS | {"epochs": 1, "batch_size": 1000}
    # It drops the copy of a worker that waits for a slower one.
    doomed.client.amm.stop()
    doomed.count_bytes()
    with doomed.running():
        make_variant_search(**options).set_params(refit=False).fit(X, y)
        n_data = X.nbytes + y.nbytes
        assert all(n_data < n < 1.5 * once(X, y) for n in doomed.received())
        doomed.count_bytes()
        compare_variants(X, y, **options)
    # Nine fits in two loops. The last three send the rows of their split, too.
    assert all(n_data < n < 2 * once(X, y) for n in doomed.received())


def once(X, y):
    """Return the bytes of the data and of the numbers of the rows of each fold."""
    return X.nbytes + y.nbytes + 2 * 8 * len(y)


def test_search_equals_one_process(cluster, digits, alone):
    with cluster.running():
        search = make_variant_search(**OPTIONS).fit(*digits)
    # The refit runs in the calling process, with its number of threads.
    assert_same_search(search, alone["search"])


def test_make_variant_search_worker_killed(doomed, digits, alone):
    search = make_variant_search(**OPTIONS).set_params(refit=False)
    with doomed.killing_a_worker(3), doomed.running():
        search.fit(*digits)
    assert_same_search(search, alone["search"])


def test_grid_search_worker_killed(doomed, digits, alone):
    own = make_mnist_pipeline(random_state=0, **NETWORK)
    search = GridSearchCV(
        own, make_variant_search().param_grid, cv=2, n_jobs=-1, refit=False
    )
    with doomed.killing_a_worker(3), doomed.running():
        search.fit(*digits)
    assert_same_search(search, alone["search"])


def test_scatter_worker_killed(doomed, digits, alone):
    X, y = digits
    context = doomed.running(scatter=[X])
    own = make_mnist_pipeline(random_state=0, **NETWORK)
    with doomed.killing_a_worker(2), context:
        scores = cross_val_score(own, X, y, cv=2)
    plain = alone["search"].cv_results_
    assert_array_equal(scores, [plain[f"split{i}_test_score"][0] for i in range(2)])


@pytest.mark.parametrize("chosen", [None, "3"])
def test_worker_threads(chosen, tmp_path, digits):
    names = ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
    assert not set(names) & set(os.environ)
    environment = {} if chosen is None else {names[0]: chosen}
    model = make_mnist_pipeline(**NETWORK | {"epochs": 1})
    with Cluster(tmp_path, environment) as cluster:
        with cluster.running():
            cross_val_score(model, *digits, cv=4)
        found = cluster.client.run(lambda: [os.environ.get(name) for name in names])
    assert list(found.values()) == 2 * [[chosen or "1", "1"]]


def test_data_changed_between_loops(cluster):
    # One context, one array, two contents.
    y = np.arange(300) % 2
    X = np.tile(y[:, np.newaxis], 4).astype(float)
    with cluster.running():
        assert cross_val_score(KNeighborsClassifier(), X, y, cv=2).min() == 1
        X[:] = 0
        assert cross_val_score(KNeighborsClassifier(), X, y, cv=2).max() < 0.6


def test_nested_loops(cluster, digits):
    X, y = digits
    voters = [(f"{i}", make_mnist_pipeline(random_state=i, **NETWORK)) for i in (0, 1)]
    voting = VotingClassifier(voters, voting="soft")
    with cluster.running():
        scores = cross_val_score(voting, X, y, cv=3, error_score="raise")
    assert scores.min() > 0.5


def assert_same_search(search, expected):
    for name, values in expected.cv_results_.items():
        if "time" not in name:
            assert_array_equal(search.cv_results_[name], values, err_msg=name)
    assert search.best_params_ == expected.best_params_


@pytest.mark.parametrize("cv", [2, "holdout"])
def test_compare_variants_worker_killed(cv, doomed, digits, alone):
    n_before = 4 if cv == 2 else 2
    with doomed.killing_a_worker(n_before), doomed.running():
        found = compare_variants(*digits, **OPTIONS | {"cv": cv})
    assert_same_outcome(found, alone[cv])


def test_cli_compare_worker_killed(doomed, tmp_path, alone):
    folder = tmp_path / "results"
    terminal, other_end = os.openpty()  # where progress bars would be shown
    process = subprocess.Popen(
        [sys.executable, "-m", "skmnist", "compare", *ARGUMENTS]
        + ["--scheduler", doomed.address, "--output", str(folder)]
        + ["--checkpoint", str(tmp_path / "points")],
        stdout=subprocess.PIPE,
        stderr=other_end,
    )
    os.close(other_end)
    page = doomed.client.dashboard_link
    assert b"bokeh.min.js" in urllib.request.urlopen(page).read()
    with doomed.killing_a_worker(4):
        process.communicate()
    said = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert process.returncode == 0
    # Dask may log the lost worker, but progress bars are left out.
    first, *others = said.splitlines()
    assert re.fullmatch(r"Watch the workers at http://127\.0\.0\.1:\d+/status", first)
    assert all(" - distributed." in line for line in others)
    for name in ("table", "significance"):
        file = {"table": "comparison"}.get(name, name) + ".csv"
        found = pd.read_csv(folder / file)
        # Through text and the same parser, so that rounding is the same.
        text = getattr(alone[2], f"{name}_").to_csv(index=False)
        expected = pd.read_csv(io.StringIO(text))
        pd.testing.assert_frame_equal(
            found.drop(columns="seconds", errors="ignore"),
            expected.drop(columns="seconds", errors="ignore"),
            check_exact=True,
        )
    for name, pipeline in alone[2].estimators_.items():
        found = load_model(folder / "models" / f"{name}.safetensors")
        assert_same_network(found["cnn"], pipeline["cnn"])


class Parcel:
    """Hold a large array, but report a small size to Dask; count its pickles."""

    n_pickled = 0

    def __init__(self):
        self.array = np.ones(100_000)

    def __sizeof__(self):
        return 100

    def __reduce__(self):
        Parcel.n_pickled += 1
        return np.array, (self.array,)


def test_scatter_object_of_small_reported_size(cluster):
    parcel = Parcel()
    with cluster.running(scatter=[parcel]):
        sums = joblib.Parallel()(joblib.delayed(np.sum)(parcel) for _ in range(100))
    assert sums == 100 * [100_000]
    assert Parcel.n_pickled < 10


def test_scatter_must_be_a_list(cluster):
    with pytest.raises(TypeError, match="scatter must be a list or a tuple.* ndarray"):
        DurableDaskBackend(client=cluster.client, scatter=np.ones(3))


def test_wait_for_workers_timeout_without_workers():
    with (
        Client(processes=False, n_workers=0, dashboard_address=None) as client,
        joblib.parallel_config(
            backend=DurableDaskBackend(client=client, wait_for_workers_timeout=0)
        ),
        pytest.raises(RuntimeError, match="no active worker"),
    ):
        joblib.Parallel()(joblib.delayed(abs)(number) for number in range(3))


def test_workers_without_this_package(tmp_path, digits):
    hide = tmp_path / "hide.py"
    hide.write_text("import sys\nsys.modules['skmnist'] = None\n")
    with Cluster(tmp_path, options=["--preload", str(hide)]) as cluster:
        with cluster.running():
            found = cross_val_score(KNeighborsClassifier(), *digits, cv=4)
            with pytest.raises(ImportError, match="skmnist"):
                cross_val_score(make_mnist_pipeline(), *digits, error_score="raise")
    assert_array_equal(found, cross_val_score(KNeighborsClassifier(), *digits, cv=4))


def test_import_joblib_backends():
    program = """
from joblib.parallel import BACKENDS
import joblib._dask
before = dict(BACKENDS)
from skmnist import MnistCNN, compare_variants
import skmnist.dask
print(BACKENDS == before)
"""
    said = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert said.stdout.split() == ["True"]
