"""Does the recipe "fast" reach the accuracy of 30 plateau epochs?

Run as ``python -m tests.benchmarks.fewer_epochs --checkpoint DIR``. It takes the
better part of a day on one core, and resumes after an interruption. With each
seed the rows are split 60/20/20 as ``compare_variants(cv="holdout")`` splits them,
and both ways train on the same rows, with augmentation. The test rows are used
when both are trained. ``--dtype mixed_bfloat16`` trains the few epochs in mixed
precision, and the 30 still in 32 bits.
"""

import json

from sklearn.base import clone
from sklearn.model_selection import train_test_split

from skmnist import RECIPES, VARIANTS, make_mnist_pipeline
from tests.benchmarks._contestants import pixels
from tests.benchmarks._report import options, report_means

WAYS = {
    "fast": RECIPES["fast"],
    "plateau": VARIANTS["annealed_augmented"],
}


def accuracy(settings, seed, n_rows, folder):
    """Train on 60% of the rows and return the accuracy on 20% of them, in percent."""
    X, y = pixels(n_rows)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=seed
    )
    X, X_val, y, y_val = train_test_split(
        X, y, test_size=len(y_test), stratify=y, random_state=seed
    )
    pipeline = make_mnist_pipeline(
        random_state=seed, checkpoint_dir=folder or None, **settings
    )
    X_val = clone(pipeline["scale"]).fit(X).transform(X_val)
    pipeline.fit(X, y, cnn__X_val=X_val, cnn__y_val=y_val)
    return 100 * pipeline.score(X_test, y_test)


def main():
    args = options(seeds=3, first=0, rows=42_000, checkpoint="", dtype="float32")
    found = {way: [] for way in WAYS}
    for seed in range(args.first, args.first + args.seeds):
        for way, settings in WAYS.items():
            dtype = args.dtype if way == "fast" else "float32"
            settings = settings | {"dtype": dtype}
            found[way].append(accuracy(settings, seed, args.rows, args.checkpoint))
            print(json.dumps({"seed": seed, "way": way, "test": found[way][-1]}))
    figures = dict(zip(("fast", "plateau, 30 epochs"), found.values(), strict=True))
    question = f"accuracy of the fast recipe, {RECIPES['fast']['epochs']} epochs"
    if args.dtype != "float32":
        question += f", {args.dtype}"
    report_means(question, figures, "≥ −0.05 points", table=args.table)


if __name__ == "__main__":
    main()
