"""What do augmentation and batch normalization add to an epoch?

Run as ``python -m tests.benchmarks.epoch_cost``. The network is traced before the
clock starts.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = """
from skmnist import MnistCNN
from tests.benchmarks._contestants import images
X, y = images({rows})
cnn = MnistCNN({setting}, epochs=1, validation_fraction=None)
cnn.fit(X[:84], y[:84])
"""
QUESTIONS = {
    "augment": ("an epoch with augmentation", "≤ 1.05"),
    "batch_norm": ("an epoch with batch normalization", "≤ 1.10"),
}


def main():
    args = options(rows=8400)

    def measure(setting):
        setup = SETUP.format(rows=args.rows, setting=setting)
        return fresh(setup, "cnn.fit(X, y)")[0]

    for name, (question, target) in QUESTIONS.items():
        settings = [f"{name}=True", f"{name}=False"]
        seconds = take_turns(
            {setting: lambda setting=setting: measure(setting) for setting in settings},
            args.runs,
        )
        report(question, seconds, target, table=args.table)


if __name__ == "__main__":
    main()
