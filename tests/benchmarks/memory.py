"""How much memory does the pipeline take, against Keras by hand?

Run as ``python -m tests.benchmarks.memory``. One epoch on uint8 rows; the
increase of the peak is measured from a process that holds the libraries and the rows.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = """
from skmnist import make_mnist_pipeline
from skmnist.neural_network._keras import keras
from tests.benchmarks._contestants import keras_network, pixels
rows, y = pixels({rows})
def ours():
    make_mnist_pipeline(epochs=1, validation_fraction=None).fit(rows, y)
def by_hand():
    X = rows.reshape(-1, 28, 28, 1).astype("float32")
    X /= 255
    keras_network().fit(X, y, batch_size=42, verbose=0)
"""


def main():
    args = options(rows=33_600)
    setup = SETUP.format(rows=args.rows)
    megabytes = take_turns(
        {
            "pipeline": lambda: fresh(setup, "ours()")[1],
            "Keras": lambda: fresh(setup, "by_hand()")[1],
        },
        args.runs,
    )
    report("memory of a fit", megabytes, "≤ 1.1", "MB", table=args.table)


if __name__ == "__main__":
    main()
