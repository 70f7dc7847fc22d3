"""
An ensemble for Kaggle
======================

Five networks that vote, each of them averaged over slightly changed copies of
every test image, and the file that Kaggle wants.
"""

# %%
# Five networks, one vote
# -----------------------
#
# Networks that differ in nothing but the seed make different mistakes. Averaging
# their probabilities ("soft voting") removes many of them.

import os

from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import train_test_split

from skmnist import load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data[:6000], images.target[:6000]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)


def network(seed):
    """Make one of the voters."""
    return make_mnist_pipeline(
        max_value=images.max_value,
        anneal="one_cycle",
        augment=True,
        epochs=12,
        learning_rate=0.003,
        dropout=(0.2, 0.25, 0.25),
        random_state=seed,
    )


ensemble = VotingClassifier(
    [(f"seed {seed}", network(seed)) for seed in range(5)], voting="soft"
)
ensemble.fit(X_train, y_train)

for name, member in ensemble.named_estimators_.items():
    print(f"{name}: {100 * member.score(X_test, y_test):.2f} %")
print(f"all five: {100 * ensemble.score(X_test, y_test):.2f} %")

# %%
# Test-time augmentation
# ----------------------
#
# With ``tta_copies`` each network looks at an image and at that many transformed
# copies of it, and averages. The copies are seeded: asked twice, it answers the
# same. Training is not concerned, so it can be switched on afterwards.

for member in ensemble.estimators_:
    member.set_params(cnn__tta_copies=8)
print(f"all five, with 8 copies: {100 * ensemble.score(X_test, y_test):.2f} %")

# %%
# What the five do not agree on
# -----------------------------

from skmnist import ImageGridDisplay

mistakes = ImageGridDisplay.from_mistakes(ensemble, X_test, y_test)

# %%
# submission.csv
# --------------
#
# Kaggle's ``test.csv`` has no labels; :func:`~skmnist.load_images` gives
# ``target=None`` for it. For a real submission train on all labelled rows first.

import tempfile
from pathlib import Path

import pandas as pd

unlabelled = load_images(f"{folder}/test.csv.gz").data[:1000] if folder else X_test
submission = pd.DataFrame({"Label": ensemble.predict(unlabelled)})
submission.index = pd.RangeIndex(1, len(submission) + 1, name="ImageId")
with tempfile.TemporaryDirectory() as keep:
    submission.to_csv(Path(keep) / "submission.csv")
submission.head()

# %%
# For one network the command does all of that::
#
#     skmnist train --data train.csv --augment --output model.safetensors
#     skmnist predict model.safetensors test.csv --output submission.csv
