"""How much of the machine's computing power does training use?

Run as ``python -m tests.benchmarks.machine_limit``. Counted are the multiplications
and additions of the layers with weights, forwards and backwards (the images need
no gradient), against a product of two 4096 x 4096 matrices of float32 in NumPy.
"""

from math import prod

from skmnist.neural_network._architecture import weight_shapes
from tests.benchmarks._report import fresh, options, report, take_turns

SIDE = 4096
FIT = """
from skmnist import MnistCNN
from tests.benchmarks._contestants import images
X, y = images({rows})
cnn = MnistCNN(epochs=1, validation_fraction=None, batch_size={batch_size})
cnn.fit(X[:2 * {batch_size}], y[:2 * {batch_size}])
"""
PRODUCT = f"""
import numpy
matrix = numpy.random.default_rng(0).random(({SIDE}, {SIDE}), dtype="float32")
matrix @ matrix
"""


def flop_per_image():
    """Count the floating-point operations of one training step for one image."""
    total = 0
    shapes = weight_shapes((28, 28), 10, (32, 64), (5, 3), 384)
    for name, shape in shapes.items():
        if name.endswith("/kernel"):
            pixels = {"conv1": 28 * 28, "conv2": 14 * 14}.get(name[:5], 1)
            passes = 2 if name.startswith("conv1a") else 3
            total += passes * 2 * pixels * prod(shape)
    return total


def main():
    args = options(rows=7680)

    def fit(batch_size):
        setup = FIT.format(rows=args.rows, batch_size=batch_size)
        return args.rows * flop_per_image() / fresh(setup, "cnn.fit(X, y)")[0] / 1e9

    def multiply(n=5):
        statement = f"for _ in range({n}): matrix @ matrix"
        return n * 2 * SIDE**3 / fresh(PRODUCT, statement)[0] / 1e9

    rates = take_turns(
        {
            "fit, batch 42": lambda: fit(42),
            "SGEMM": multiply,
            "fit, batch 256": lambda: fit(256),
        },
        args.runs,
    )
    for name in ("fit, batch 42", "fit, batch 256"):
        figures = {"fit": rates[name], "SGEMM": rates["SGEMM"]}
        question = f"the machine's limit, {name.partition(', ')[2]}"
        report(question, figures, "reported", "GFLOP/s", table=args.table)


if __name__ == "__main__":
    main()
