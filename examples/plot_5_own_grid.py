"""
Your own grid, with progress bars, and resumed
==============================================

Search over filters, dropout and the learning rate, watch the progress, stop in
the middle, and go on where it stopped.
"""

# %%
# The grid
# --------
#
# Every hyperparameter is a number or a tuple of numbers, so any search of
# scikit-learn takes them. Short cycles are enough to rank candidates.

import os
import tempfile

from sklearn.model_selection import GridSearchCV, train_test_split

from skmnist import load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data[:3000], images.target[:3000]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)

checkpoints = tempfile.TemporaryDirectory()
model = make_mnist_pipeline(
    max_value=images.max_value,
    anneal="one_cycle",
    epochs=6,
    random_state=0,
    checkpoint_dir=checkpoints.name,
)
grid = {
    "cnn__filters": [(8, 16), (16, 32)],
    "cnn__dropout": [(0.4, 0.5, 0.5), (0.2, 0.25, 0.25)],
    "cnn__learning_rate": [0.002, 0.005],
}

# %%
# A search that is interrupted
# ----------------------------
#
# To play an interruption, this one gets only half of the grid to do. In life it
# would be a power cut, or Ctrl-C.

import time

half = {**grid, "cnn__learning_rate": [0.002]}
start = time.perf_counter()
GridSearchCV(model, half, cv=3, refit=False).fit(X_train, y_train)
print(f"half of the grid: {time.perf_counter() - start:.0f} s")

# %%
# The whole of it, with progress bars
# -----------------------------------
#
# ``checkpoint_dir`` holds the fits that were finished, recognised by the content
# of their data and parameters. They are not run again; an interrupted one goes on
# at its last finished epoch.
#
# scikit-learn's :class:`~sklearn.callback.ProgressBar` shows candidates, folds and
# epochs. The network is two levels below the search, so the bars need to reach
# that deep. On a terminal they move; this page shows how they end.

from sklearn.callback import ProgressBar

search = GridSearchCV(model, grid, cv=3)
search.set_callbacks(ProgressBar(max_propagation_depth=2))
start = time.perf_counter()
search.fit(X_train, y_train)
print(f"the whole grid, half of it done before: {time.perf_counter() - start:.0f} s")

# %%
# What it found
# -------------

import pandas as pd

table = pd.DataFrame(search.cv_results_)
table.columns = table.columns.str.replace("param_cnn__", "")
table[
    ["filters", "dropout", "learning_rate", "mean_test_score", "std_test_score"]
].sort_values("mean_test_score", ascending=False).round(4)

# %%
# Candidates whose means differ by less than their spread are not told apart by
# this search. Take the cheapest of them.

import matplotlib.pyplot as plt

table = table.sort_values("mean_test_score")
names = [
    f"{filters}, {dropout[-1]}, {rate}"
    for filters, dropout, rate in table[
        ["filters", "dropout", "learning_rate"]
    ].itertuples(index=False)
]
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.errorbar(
    100 * table["mean_test_score"],
    names,
    xerr=100 * table["std_test_score"],
    fmt="o",
    capsize=3,
)
ax.set_xlabel("accuracy over the folds (%), mean and standard deviation")
ax.set_ylabel("filters, last dropout, learning rate")
ax.grid(color="0.9")

# %%
print(search.best_params_)
print(f"test accuracy: {100 * search.score(X_test, y_test):.1f} %")

# %%
checkpoints.cleanup()
