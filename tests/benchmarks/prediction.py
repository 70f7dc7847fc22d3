"""Is predict_proba as fast as the bare Keras model?

Run as ``python -m tests.benchmarks.prediction``. The model is called as a compiled
graph, with the batch size that suits it best; that size is looked for first.
"""

from time import perf_counter

import numpy as np

from tests.benchmarks._contestants import images
from tests.benchmarks._report import options, report, take_turns

SIZES = (32, 64, 128, 256, 512, 1024, 2048)


def main():
    args = options(rows=8192)
    import tensorflow

    from skmnist import MnistCNN

    X, y = images(args.rows)
    cnn = MnistCNN(epochs=1, validation_fraction=None, random_state=0)
    cnn.fit(X[:420], y[:420])
    call = tensorflow.function(cnn.model_, reduce_retracing=True)

    def bare(size):
        blocks = range(0, len(X), size)
        return np.concatenate([call(X[i : i + size]).numpy() for i in blocks])

    def speed(predict, *args):
        start = perf_counter()
        predict(*args)
        return len(X) / (perf_counter() - start)

    sizes = [size for size in SIZES if len(X) % size == 0]
    for size in sizes:
        call(X[:size])
    trials = take_turns(
        {size: lambda size=size: speed(bare, size) for size in sizes}, runs=3
    )
    best = max(sizes, key=lambda size: max(trials[size]))
    print({size: round(max(speeds)) for size, speeds in trials.items()}, "images/s")
    np.testing.assert_allclose(cnn.predict_proba(X), bare(best), atol=1e-5)
    figures = take_turns(
        {
            "predict_proba": lambda: speed(cnn.predict_proba, X),
            f"bare model, batch {best}": lambda: speed(bare, best),
        },
        args.runs,
    )
    report("prediction", figures, "≥ 0.95", "images/s", table=args.table)


if __name__ == "__main__":
    main()
