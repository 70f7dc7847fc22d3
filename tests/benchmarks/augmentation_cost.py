"""What does augmentation add to an epoch?

Run as ``python -m tests.benchmarks.augmentation_cost``. The network is traced
before the clock starts.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = """
from skmnist import MnistCNN
from tests.benchmarks._contestants import images
X, y = images({rows})
cnn = MnistCNN(augment={augment}, epochs=1, validation_fraction=None)
cnn.fit(X[:84], y[:84])
"""


def main():
    args = options(rows=8400)

    def measure(augment):
        setup = SETUP.format(rows=args.rows, augment=augment)
        return fresh(setup, "cnn.fit(X, y)")[0]

    seconds = take_turns(
        {
            "augment=True": lambda: measure(True),
            "augment=False": lambda: measure(False),
        },
        args.runs,
    )
    report("an epoch with augmentation", seconds, "≤ 1.05", table=args.table)


if __name__ == "__main__":
    main()
