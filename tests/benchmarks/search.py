"""Does a grid search gain from two processes on two cores?

Run as ``python -m tests.benchmarks.search``. Twelve candidates on the embedded
digits in three folds; starting the workers counts.
"""

from tests.benchmarks._report import fresh, options, report, take_turns

SETUP = """
from sklearn.model_selection import GridSearchCV
from skmnist import MnistCNN, load_images
digits = load_images("digits")
grid = {{
    "learning_rate": [0.0005, 0.001, 0.002],
    "anneal": [False, True],
    "batch_size": [42, 84],
}}
def search(n_jobs):
    cnn = MnistCNN(epochs={epochs}, random_state=0)
    candidates = GridSearchCV(cnn, grid, cv=3, n_jobs=n_jobs, refit=False)
    candidates.fit(digits.data / 16, digits.target)
"""


def main():
    args = options(epochs=10)
    setup = SETUP.format(epochs=args.epochs)
    seconds = take_turns(
        {
            f"n_jobs={n}": lambda call=f"search({n})": fresh(setup, call)[0]
            for n in (2, 1)
        },
        args.runs,
    )
    report("a search of 12 candidates", seconds, "≤ 0.75", table=args.table)


if __name__ == "__main__":
    main()
