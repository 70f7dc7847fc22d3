"""How much accuracy do test-time augmentation and an ensemble of five gain?

Run as ``python -m tests.benchmarks.voting_accuracy --checkpoint DIR``. It takes some
hours on one core, and resumes after an interruption. With each seed, 20% of the rows
are held out for the test. ``RECIPES["accurate"]`` trains five networks that differ only
in their seeds on all others; the result for one network is the mean of the five.
``--dtype mixed_bfloat16`` trains in mixed precision.
"""

import json
from statistics import mean

import numpy as np
from sklearn.model_selection import train_test_split

from skmnist import RECIPES, make_mnist_pipeline
from tests.benchmarks._contestants import pixels
from tests.benchmarks._report import interval, options, report_means

N_VOTERS = 5
COPIES = RECIPES["accurate"]["tta_copies"]


def split(seed, n_rows):
    """Return the rows to train on, those of the test, and the labels of both."""
    X, y = pixels(n_rows)
    return train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)


def probabilities(seed, voter, n_rows, folder, dtype):
    """Train a voter; return what it says about the test rows, without copies and with.

    Returns an array of shape (2, n_test, n_classes).
    """
    X, X_test, y, _ = split(seed, n_rows)
    pipeline = make_mnist_pipeline(
        random_state=N_VOTERS * seed + voter,
        checkpoint_dir=folder or None,
        dtype=dtype,
        **RECIPES["accurate"],
    ).fit(X, y)
    return np.array(
        [
            pipeline.set_params(cnn__tta_copies=n).predict_proba(X_test)
            for n in (0, COPIES)
        ]
    )


def accuracies(said, y):
    """Return percentages of one network, with copies, of all voters, and with both.

    Parameters
    ----------
    said : ndarray of shape (n_voters, 2, n_test, n_classes)
        What :func:`probabilities` gives for each voter.
    y : ndarray of shape (n_test,)
        The labels, which are the numbers of the columns.
    """
    alone = 100 * (said.argmax(axis=-1) == y).mean(axis=(0, 2))
    voting = 100 * (said.mean(axis=0).argmax(axis=-1) == y).mean(axis=1)
    return dict(
        zip(
            ["one", f"one, {COPIES} copies", "five", f"five, {COPIES} copies"],
            [*alone.tolist(), *voting.tolist()],
            strict=True,
        )
    )


def main():
    args = options(seeds=3, rows=42_000, checkpoint="", dtype="float32")
    found = []
    for seed in range(args.seeds):
        said = [
            probabilities(seed, voter, args.rows, args.checkpoint, args.dtype)
            for voter in range(N_VOTERS)
        ]
        y_test = split(seed, args.rows)[3]
        found.append(accuracies(np.array(said), y_test))
        print(json.dumps({"seed": seed, **found[-1]}))
    ways = {way: [turn[way] for turn in found] for way in found[0]}
    for way, values in ways.items():
        low, high = interval(values)
        print(f"{way}: {mean(values):.2f} ({low:.2f}-{high:.2f})")
    _, one, _, most = ways
    report_means(
        f"accuracy, trained on 80% of the rows, {args.dtype}",
        {name: ways[name] for name in (most, one)},
        "A 99.68%, B 99.60%",
        table=args.table,
    )


if __name__ == "__main__":
    main()
