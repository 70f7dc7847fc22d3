"""
An ensemble for Kaggle
======================

An ensemble of five networks, test-time augmentation, and a submission file for
Kaggle.
"""

# %%
# Soft voting
# -----------
#
# Networks that differ only in the seed make different mistakes. Averaging their
# probabilities ("soft voting") can remove some of them.

import os

from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import train_test_split

from skmnist import load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data, images.target
if folder:
    X, y = X[:4000], y[:4000]  # a subset keeps this page fast
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)


def make_ensemble(**settings):
    """Make five voters that differ in the seed."""
    voters = [
        make_mnist_pipeline(
            max_value=images.max_value,
            anneal="one_cycle",
            augment=True,
            epochs=10,
            learning_rate=0.003,
            dropout=(0.2, 0.25, 0.25),
            random_state=seed,
            **settings,
        )
        for seed in range(5)
    ]
    names = [f"seed {seed}" for seed in range(5)]
    return VotingClassifier(list(zip(names, voters, strict=True)), voting="soft")


ensemble = make_ensemble().fit(X_train, y_train)

for name, member in ensemble.named_estimators_.items():
    print(f"{name}: {100 * member.score(X_test, y_test):.2f}%")
print(f"all five: {100 * ensemble.score(X_test, y_test):.2f}%")

# %%
# Test-time augmentation
# ----------------------
#
# With ``tta_copies`` each network averages its predictions for an image and that many
# transformed copies of it. The copies are seeded, so that predictions are repeatable.
# Training is not affected, so it can be switched on afterwards.

for member in ensemble.estimators_:
    member.set_params(cnn__tta_copies=8)
print(f"all five, with 8 copies: {100 * ensemble.score(X_test, y_test):.2f}%")

# %%
# On the digits of 8×8 pixels the copies do not raise the accuracy, and prediction takes
# nine times as long. On MNIST the copies and the ensemble gain a few hundredths of a
# point each: see :doc:`choosing hyperparameters </hyperparameters>`. Measure the effect
# on your images before you use it; the submission below does not.

# %%
# Mistakes of the ensemble
# ------------------------

from skmnist import ImageGridDisplay

mistakes = ImageGridDisplay.from_mistakes(ensemble, X_test, y_test)

# %%
# submission.csv
# --------------
#
# The networks above were evaluated on the test rows, and so not trained on them. Those
# for Kaggle are trained on all labelled rows. With ``validation_fraction=None`` nothing
# is held out for validation either, since one cycle does not use the validation loss.
# Use all rows that you have; on real MNIST this page is limited to 4,000.

final = make_ensemble(validation_fraction=None).fit(X, y)

# %%
# Kaggle's ``test.csv`` does not have labels; :func:`~skmnist.load_images` returns
# ``target=None`` for it. Without that file, this page predicts its own test rows, to
# show the format.

import pandas as pd

unlabelled = load_images(f"{folder}/test.csv.gz").data if folder else X_test
submission = pd.DataFrame({"Label": final.predict(unlabelled)})
submission.index = pd.RangeIndex(1, len(submission) + 1, name="ImageId")
submission.to_csv("submission.csv")
submission.head()

# %%
# The same for a single network, from the command line::
#
#     skmnist train --data train.csv --all-rows --anneal one_cycle --augment \
#         --epochs 10 --learning-rate 0.003 --dropout 0.2 0.25 0.25 \
#         --output model.safetensors
#     skmnist predict model.safetensors test.csv --output submission.csv
