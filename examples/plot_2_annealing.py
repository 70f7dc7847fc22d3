"""
Learning-rate annealing
=======================

The learning rate controls how far each batch moves the weights. A large one is fast
and noisy; a small one is slow and precise. Annealing starts large and ends
small. This page shows its effect on the loss, and sets the two schedules of
:class:`~skmnist.MnistCNN` beside a constant rate.
"""

# %%
# Three networks with the same initial weights, trained on the same rows. They differ
# in the schedule; the last one has half of the epochs and a higher peak. A quarter of
# the rows is held out for a reliable validation loss. Small batches and little dropout
# make training with a constant rate noisy.

import os

from sklearn.model_selection import train_test_split

from skmnist import load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data, images.target
if folder:
    X, y = X[:6000], y[:6000]  # a subset keeps this page fast
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)

settings = {
    "constant": {"anneal": False, "epochs": 24},
    "plateau": {"anneal": "plateau", "epochs": 24},
    "one cycle, half of the epochs": {
        "anneal": "one_cycle",
        "epochs": 12,
        "learning_rate": 0.003,
    },
}
models = {
    name: make_mnist_pipeline(
        max_value=images.max_value,
        batch_size=16,
        dropout=(0.1, 0.1, 0.2),
        validation_fraction=0.25,
        random_state=0,
        **setting,
    ).fit(X_train, y_train)
    for name, setting in settings.items()
}

# %%
# The rate at each epoch
# ----------------------
#
# ``"plateau"`` waits until the validation loss has not improved by 0.001 for
# ``anneal_patience`` epochs, then multiplies the rate by ``anneal_factor``.
# ``"one_cycle"`` (Smith, 2018) is planned for a number of epochs: the rate rises to
# ``learning_rate``, then falls along a cosine. It changes with every batch; the plot
# shows the rate of each epoch's last batch.

from skmnist import LearningRateDisplay

rates = LearningRateDisplay.from_estimators(models)

# %%
# The effect on the loss
# ----------------------
#
# Thin lines mark the epochs from which the rate was lower; in a grey range it fell in
# every epoch. The axes of the losses end at 0.4, to show the last epochs. With a
# constant rate the validation loss fluctuates to the end. With the smaller rates it
# settles.

from skmnist import TrainingCurveDisplay

curves = TrainingCurveDisplay.from_estimators(models)
for ax in curves.axes_[0]:
    ax.set_ylim(0, 0.4)

# %%
# The loss of each training batch, closer up.

from skmnist import BatchLossDisplay

batches = BatchLossDisplay.from_estimators(models)

# %%
# In numbers
# ----------

import pandas as pd

rows = {}
for name, model in models.items():
    loss = pd.Series(model["cnn"].history_["val_loss"])
    rows[name] = {
        "epochs": len(loss),
        "lowest": loss.min(),
        "last": loss.iloc[-1],
        "spread of the last 4": loss[-4:].max() - loss[-4:].min(),
        "test accuracy (%)": 100 * model.score(X_test, y_test),
    }
pd.DataFrame(rows).T.astype({"epochs": int}).round(3)

# %%
# With half of the epochs, one cycle ends near the last loss of ``"plateau"``.
# Its lowest loss is not the lowest of the three; it saves half of the epochs.
# On a few hundred test images such accuracies do not tell the schedules apart.
# The example on :doc:`the three variants <plot_4_three_variants>` shows how to
# test that.
#
# **Reference.** Smith, L. N. (2018). *A disciplined approach to neural network
# hyper-parameters: Part 1.* arXiv:1803.09820.
