"""Soak test: fit, predict, pickle and delete many times, and measure what grows.

    python -m tests.soak                            # 300 fits
    python -m tests.soak --fits 60 --every 10

Six image sizes take turns, every other one with annealing. After each
fit four threads predict at once, the network is pickled, and the copy predicts, too.
From the 30th fit on, memory may grow by 0.5 MB per fit, and the numbers of open files
and threads must not grow. The exit code is 1 if they do.
"""

import argparse
import gc
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
import psutil
from sklearn.datasets import load_digits

from skmnist import MnistCNN

SHAPES = [(8, 8), (28, 28), (1, 64), (16, 12), (7, 5), (20, 20)]
WARM_UP = 30
MAX_GROWTH = 0.5
N_THREADS = 4


def images_of(shape, n_rows=300):
    """Return digits cut or repeated to another size, and their labels."""
    X, y = load_digits(return_X_y=True)
    images = (X[:n_rows] / 16).astype(np.float32).reshape(n_rows, 8, 8)
    if shape == (1, 64):
        return images.reshape(n_rows, 1, 64), y[:n_rows]
    rows, columns = (np.arange(side) * 8 // max(side, 8) for side in shape)
    return images[:, rows][:, :, columns], y[:n_rows]


def one_round(number, threads):
    """Fit a network, predict in every way, pickle and delete it."""
    shape = SHAPES[number % len(SHAPES)]
    X, y = images_of(shape)
    cnn = MnistCNN(
        filters=(4, 8),
        kernel_sizes=(3, 3),
        dense_units=16,
        epochs=2,
        anneal=bool(number % 2),
        random_state=number,
    ).fit(X, y)
    proba = cnn.predict_proba(X)
    copy = pickle.loads(pickle.dumps(cnn))
    for network in (cnn, copy):
        for found in threads.map(network.predict_proba, [X] * N_THREADS):
            np.testing.assert_array_equal(found, proba)
    if number % 10 == 0:
        np.testing.assert_allclose(
            cnn.model_.predict_on_batch(X[..., None]), proba, atol=1e-5
        )


class Meter:
    """Resources of the process: memory in MB, open files, threads."""

    def __init__(self):
        self.process = psutil.Process()

    def read(self):
        gc.collect()
        return (
            self.process.memory_info().rss / 1e6,
            self.process.num_fds(),
            self.process.num_threads(),
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=300)
    parser.add_argument("--every", type=int, default=10, help="fits between lines")
    options = parser.parse_args()

    meter, start, seen = Meter(), perf_counter(), {}
    print("fits  seconds   memory/MB   open files   threads", flush=True)
    with ThreadPoolExecutor(N_THREADS) as threads:
        for number in range(1, options.fits + 1):
            one_round(number, threads)
            if number % options.every == 0 or number in (1, WARM_UP, options.fits):
                seen[number] = memory, files, n_threads = meter.read()
                print(
                    f"{number:4}  {perf_counter() - start:7.0f}   {memory:9.1f}   "
                    f"{files:10}   {n_threads:7}",
                    flush=True,
                )
    base = seen[min(WARM_UP, options.fits)]
    last = seen[options.fits]
    growth = (last[0] - base[0]) / max(1, options.fits - WARM_UP)
    print(
        f"From fit {min(WARM_UP, options.fits)} on: {growth:.3f} MB a fit, "
        f"{last[1] - base[1]:+} open files, {last[2] - base[2]:+} threads."
    )
    return int(growth > MAX_GROWTH or last[1] > base[1] or last[2] > base[2])


if __name__ == "__main__":
    sys.exit(main())
