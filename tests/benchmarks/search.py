"""What do two processes, and the fast recipe, gain in a grid search on two cores?

Run as ``python -m tests.benchmarks.search``. Twelve candidates on the embedded
digits in three folds; starting the workers counts. Then the three variants in three
folds on MNIST, in two processes: with the epochs, batches, rate and schedule of
``RECIPES["fast"]``, and as the notebook trains them (30 epochs, batches of 42) by
scikeras, with Keras's layers for random rotation, zoom and shift. ``--variants 0``
leaves these out: they take an hour.
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
VARIANTS_SETUP = """
from sklearn.model_selection import GridSearchCV
from tests.benchmarks._contestants import images, scikeras_variants
from skmnist import RECIPES, VARIANTS, MnistCNN
X, y = images({rows})
fast = RECIPES["fast"]
ours = [
    {{
        name: [value]
        for name, value in (fast | variant).items()
        if name != "anneal"
    }} | {{"anneal": ["one_cycle" if variant["anneal"] else False]}}
    for variant in VARIANTS.values()
]
def search(estimator, grid):
    GridSearchCV(estimator, grid, cv=3, n_jobs=2, refit=False).fit(X, y)
"""


def main():
    args = options(epochs=10, rows=4_200, variants=1)
    setup = SETUP.format(epochs=args.epochs)
    seconds = take_turns(
        {
            f"n_jobs={n}": lambda call=f"search({n})": fresh(setup, call)[0]
            for n in (2, 1)
        },
        args.runs,
    )
    report("a search of 12 candidates", seconds, "≤ 0.75", table=args.table)
    if not args.variants:
        return
    setup = VARIANTS_SETUP.format(rows=args.rows)
    calls = {
        "fast": "search(MnistCNN(random_state=0), ours)",
        "notebook, scikeras": "search(*scikeras_variants())",
    }
    seconds = take_turns(
        {name: lambda call=call: fresh(setup, call)[0] for name, call in calls.items()},
        args.runs,
    )
    question = f"a search of three variants ({args.rows:,} rows)"
    report(question, seconds, "≤ 0.15", table=args.table)


if __name__ == "__main__":
    main()
