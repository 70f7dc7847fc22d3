"""Is an epoch as fast as one of skorch with PyTorch?

Run as ``python -m tests.benchmarks.peers``, with the extra ``bench``. Both kinds
of memory layout compete for PyTorch, and the faster one is reported. All are
warmed up with two batches before the clock starts.
"""

from statistics import median

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = """
from tests.benchmarks._contestants import images
X, y = images({rows})
{imports}
estimator = {estimator}
estimator.fit(X[:84], y[:84])
"""
OURS = (
    "from skmnist import MnistCNN",
    "MnistCNN(epochs=1, validation_fraction=None)",
)
IMPORT = (
    "from tests.benchmarks._contestants import skorch_network\n"
    "X = X.reshape(-1, 1, 28, 28)"
)


def main():
    args = options(rows=8400)
    contestants = {
        "MnistCNN": OURS,
        "skorch": (IMPORT, "skorch_network()"),
        "skorch, channels last": (IMPORT, "skorch_network(channels_last=True)"),
    }

    def measure(imports, estimator):
        setup = SETUP.format(rows=args.rows, imports=imports, estimator=estimator)
        return fresh(setup, "estimator.fit(X, y)")[0]

    seconds = take_turns(
        {
            name: lambda contestant=contestant: measure(*contestant)
            for name, contestant in contestants.items()
        },
        args.runs,
    )
    ours = {"MnistCNN": seconds.pop("MnistCNN")}
    best = min(seconds, key=lambda name: median(seconds[name]))
    figures = ours | {best: seconds[best]}
    report("an epoch, against PyTorch", figures, "≤ 1.00", table=args.table)


if __name__ == "__main__":
    main()
