"""
Your own grid, with a progress bar, and resumed
===============================================

Search over filters, dropout and the learning rate, watch the progress, stop in the
middle of a fit, and resume where it stopped.
"""

# %%
# The grid
# --------
#
# Hyperparameters are numbers, strings, booleans and tuples, so any search of
# scikit-learn takes them. With as few epochs as here, a search only ranks how fast the
# candidates learn: large networks with little dropout are ahead at first. Search with
# the number of epochs that you will train for.

import os
import tempfile

from sklearn.model_selection import GridSearchCV, train_test_split

from skmnist import load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data, images.target
if folder:
    X, y = X[:3000], y[:3000]  # a subset keeps this page fast
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)

checkpoints = tempfile.TemporaryDirectory()
model = make_mnist_pipeline(
    max_value=images.max_value,
    anneal="one_cycle",
    epochs=6,
    batch_size=16,
    dense_units=128,
    random_state=0,
    checkpoint_dir=checkpoints.name,
)
grid = {
    "cnn__filters": [(8, 16), (16, 32)],
    "cnn__dropout": [(0.4, 0.5, 0.5), (0.2, 0.25, 0.25)],
    "cnn__learning_rate": [0.001, 0.003],
}

# %%
# A search that is interrupted
# ----------------------------
#
# This scikit-learn callback counts the trained epochs, and simulates Ctrl-C before
# epoch 40. The search has 8 candidates and 3 folds, and fits the best candidate once
# more: 25 fits of 6 epochs.


class EpochCounter:
    """Count epochs, and interrupt before the next one after ``stop_after``."""

    max_propagation_depth = None  # from the search down to the network

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.n_epochs = 0

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch" and self.n_epochs == self.stop_after:
            raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        self.n_epochs += context.task_name == "epoch"

    def teardown(self, estimator, context):
        pass


search = GridSearchCV(model, grid, cv=3)
counter = EpochCounter(stop_after=39)
try:
    search.set_callbacks(counter).fit(X_train, y_train)
except KeyboardInterrupt:
    print(f"interrupted after {counter.n_epochs} epochs: 6 fits and half of the 7th")

# %%
# The same search again, with a progress bar
# ------------------------------------------
#
# ``checkpoint_dir`` holds the finished fits, recognized by the content of their data
# and parameters. They are not run again; an interrupted fit resumes after its last
# finished epoch.
#
# scikit-learn's :class:`~sklearn.callback.ProgressBar` shows how many of the fits
# are done. This page shows its final state. With ``max_propagation_depth=2`` there is
# also a bar for each fit and for its epochs.

from sklearn.callback import ProgressBar

counter = EpochCounter()
search.set_callbacks(counter, ProgressBar(max_propagation_depth=0))
search.fit(X_train, y_train)
print(f"{counter.n_epochs} epochs were left of {25 * 6}")

# %%
# The results
# -----------

import pandas as pd

table = pd.DataFrame(search.cv_results_)
table.columns = table.columns.str.replace("param_cnn__", "")
table = table.sort_values("mean_test_score")
columns = ["filters", "dropout", "learning_rate", "mean_test_score", "std_test_score"]
table[columns][::-1].round(4)

# %%
# The last ones have only begun to learn. Such a search cannot rank candidates whose
# means differ by less than their standard deviations; then choose the cheapest of them.

import matplotlib.pyplot as plt

names = [
    f"{one.filters}, {one.dropout[-1]}, {one.learning_rate}"
    for one in table.itertuples()
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
ax.grid(alpha=0.3)

# %%
print(search.best_params_)
print(f"test accuracy: {100 * search.score(X_test, y_test):.1f}%")

# %%
checkpoints.cleanup()
