"""Do many fits fill the memory, and is the second one set up faster?

Run as ``python -m tests.benchmarks.many_fits``. The fits have two batches, so that
nearly all of their time is overhead.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

WARM_UP = 10
SETUP = """
from skmnist import MnistCNN
from skmnist.neural_network._keras import keras
from tests.benchmarks._contestants import images, keras_network
X, y = images(84)
def ours():
    MnistCNN(epochs=1, validation_fraction=None).fit(X, y)
def by_hand():
    keras_network().fit(X, y, batch_size=42, verbose=0)
for _ in range({before}):
    {fit}()
"""


def main():
    args = options(fits=40)
    n_counted = args.fits - WARM_UP

    def growth(fit):
        setup = SETUP.format(before=WARM_UP, fit=fit)
        return fresh(setup, f"for _ in range({n_counted}): {fit}()")[1] / n_counted

    megabytes = take_turns(
        {"MnistCNN": lambda: growth("ours"), "Keras": lambda: growth("by_hand")},
        args.runs,
    )
    report("memory that a fit leaves", megabytes, "A ≤ 2 MB", "MB", args.table)

    def set_up(before):
        return fresh(SETUP.format(before=before, fit="ours"), "ours()")[0]

    seconds = take_turns(
        {"second fit": lambda: set_up(1), "first fit": lambda: set_up(0)},
        args.runs,
    )
    report("set-up of a fit, with two batches", seconds, "≤ 0.25", table=args.table)


if __name__ == "__main__":
    main()
