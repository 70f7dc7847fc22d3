"""Is predict_proba as fast as the bare Keras model?

Run as ``python -m tests.benchmarks.prediction``. The model is called as a compiled
graph, with the batch size that suits it best; that size is looked for first. Both
have predicted before the clock starts. The second row predicts one image, a hundred
times.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

SIZES = (64, 128, 256, 512, 1024, 2048)
SETUP = """
import numpy as np
import tensorflow
from skmnist import MnistCNN
from tests.benchmarks._contestants import images
X, y = images({rows})
cnn = MnistCNN(epochs=1, validation_fraction=None, random_state=0)
cnn.fit(X[:420], y[:420])
call = tensorflow.function(cnn.model_, reduce_retracing=True)
def bare(X, size):
    blocks = range(0, len(X), size)
    return np.concatenate([call(X[i : i + size]).numpy() for i in blocks])
some, one = X[:2048], X[:1]
np.testing.assert_allclose(cnn.predict_proba(some), bare(some, {size}), atol=1e-5)
cnn.predict_proba(one), bare(one, 1)
"""


def main():
    args = options(rows=8192)

    def speed(statement, size):
        setup = SETUP.format(rows=args.rows, size=size)
        return args.rows / fresh(setup, statement.format(size=size))[0]

    bare = "bare(X, {size})"
    trials = take_turns(
        {size: lambda size=size: speed(bare, size) for size in SIZES}, runs=2
    )
    best = max(SIZES, key=lambda size: max(trials[size]))
    print({size: round(max(speeds)) for size, speeds in trials.items()}, "images/s")
    figures = take_turns(
        {
            "predict_proba": lambda: speed("cnn.predict_proba(X)", best),
            f"bare model, batch {best}": lambda: speed(bare, best),
        },
        args.runs,
    )
    report("prediction", figures, "≥ 0.95", "images/s", table=args.table)

    def milliseconds(call):
        setup = SETUP.format(rows=2048, size=best)
        return 10 * fresh(setup, f"for _ in range(100): {call}")[0]

    figures = take_turns(
        {
            "predict_proba": lambda: milliseconds("cnn.predict_proba(one)"),
            "bare model": lambda: milliseconds("bare(one, 1)"),
        },
        args.runs,
    )
    report("prediction of one image", figures, "≤ 2", "ms", table=args.table)


if __name__ == "__main__":
    main()
