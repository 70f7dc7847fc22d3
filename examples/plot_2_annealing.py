"""
Learning-rate annealing
=======================

The learning rate says how far each batch moves the weights. A large one is quick
and restless; a small one is slow and exact. Annealing starts large and ends
small. This page shows what that does to the loss, and sets the two schedules of
:class:`~skmnist.MnistCNN` beside a constant rate.
"""

# %%
# Three networks that differ in nothing but the schedule. They see the same rows
# in the same order, from the same initial weights.

import os

from sklearn.model_selection import train_test_split

from skmnist import load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data[:6000], images.target[:6000]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)

settings = {
    "constant": {"anneal": False, "epochs": 18},
    "plateau": {"anneal": "plateau", "epochs": 18},
    "one cycle, half of the epochs": {
        "anneal": "one_cycle",
        "epochs": 9,
        "learning_rate": 0.003,
    },
}
models = {
    name: make_mnist_pipeline(
        max_value=images.max_value, random_state=0, **setting
    ).fit(X_train, y_train)
    for name, setting in settings.items()
}

# %%
# The rate at each epoch
# ----------------------
#
# ``"plateau"`` waits until the validation loss has not improved by 0.001 for
# ``anneal_patience`` epochs, then multiplies the rate by ``anneal_factor``.
# ``"one_cycle"`` (Smith, 2018) knows from the start how many epochs there are:
# it rises to ``learning_rate``, then falls along a cosine.

from skmnist import LearningRateDisplay

rates = LearningRateDisplay.from_estimators(models)

# %%
# What it does to the loss
# ------------------------
#
# Dotted lines mark the epochs from which the rate was lower; in a grey stretch it
# fell at every epoch. Once the constant rate no longer gains, its validation loss
# goes up and down; a smaller rate settles it.

from skmnist import TrainingCurveDisplay

curves = TrainingCurveDisplay.from_estimators(models)

# %%
# The loss of each batch shows the same, closer up. Note how short one cycle is.

from skmnist import BatchLossDisplay

batches = BatchLossDisplay.from_estimators(models)

# %%
# And the accuracy
# ----------------

for name, model in models.items():
    history = model["cnn"].history_
    print(
        f"{name:31}{len(history['loss']):3} epochs"
        f"  lowest validation loss {min(history['val_loss']):.4f}"
        f"  test accuracy {100 * model.score(X_test, y_test):.1f} %"
    )

# %%
# On a few hundred test images such accuracies do not tell the schedules apart.
# The example on :doc:`the three variants <plot_4_three_variants>` shows how to
# test that.
#
# **Reference.** Smith, L. N. (2018). *A disciplined approach to neural network
# hyper-parameters: Part 1.* arXiv:1803.09820.
