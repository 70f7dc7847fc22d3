"""Does load_images read Kaggle's table as fast as pandas, checks included?

Run as ``python -m tests.benchmarks.loading``. With SKMNIST_DATA set, the table is
the ``train.csv.gz`` in that folder; otherwise one of the same size is made up.
"""

import gzip
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = "import numpy, pandas, sklearn.datasets\nfrom skmnist import load_images"


def make_table(path):
    """Write 42,000 rows of 28x28 pixels, four fifths of them black, with gzip."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (42_000, 784)) * (rng.random((42_000, 784)) < 0.2)
    rows = np.column_stack([rng.integers(0, 10, 42_000), pixels])
    names = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    with gzip.open(path, "wt", compresslevel=6) as file:
        np.savetxt(file, rows, fmt="%d", delimiter=",", header=names, comments="")


def main():
    args = options(runs=7)
    with tempfile.TemporaryDirectory() as folder:
        packed, plain = Path(folder, "train.csv.gz"), Path(folder, "train.csv")
        if "SKMNIST_DATA" in os.environ:
            shutil.copy(Path(os.environ["SKMNIST_DATA"], packed.name), packed)
        else:
            make_table(packed)
        with gzip.open(packed) as source, open(plain, "wb") as target:
            shutil.copyfileobj(source, target)
        for path in (plain, packed):
            results = take_turns(
                {
                    name: lambda call=f"{name}({str(path)!r})": fresh(SETUP, call)
                    for name in ("load_images", "pandas.read_csv")
                },
                args.runs,
            )
            for index, what, unit, target in [
                (0, "loading", "s", "≤ 0.9"),
                (1, "memory of loading", "MB", "A ≤ 150 MB"),
            ]:
                figures = {
                    name: [run[index] for run in runs] for name, runs in results.items()
                }
                report(f"{what}, {path.name}", figures, target, unit, args.table)


if __name__ == "__main__":
    main()
