"""
Quick start: fit, score, look
=============================

Train a network on handwritten digits, score it, see which digits it confuses,
and look at its worst mistakes. The network is a scikit-learn classifier, so all
of this is scikit-learn as you know it.
"""

# %%
# The images
# ----------
#
# :func:`~skmnist.load_images` returns rows of pixels, labels, and the shape and
# range of the images. Replace ``"digits"`` by the name of your own ``train.csv``.

import os

from sklearn.model_selection import train_test_split

from skmnist import ImageGridDisplay, load_images

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data, images.target
if folder:
    X, y = X[:6000], y[:6000]  # a subset keeps this page fast
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
print(X_train.shape, X_train.dtype, images.image_shape, "0 to", images.max_value)

# %%
sheet = ImageGridDisplay.from_images(X_train, y_train)

# %%
# Fit and score
# -------------
#
# The pipeline scales the pixels to 0–1 and trains the network. The same
# ``random_state`` gives the same network.

from skmnist import make_mnist_pipeline

model = make_mnist_pipeline(max_value=images.max_value, epochs=15, random_state=0)
model.fit(X_train, y_train)
print(f"test accuracy: {100 * model.score(X_test, y_test):.1f}%")

# %%
# A classification report, as for any classifier.

from sklearn.metrics import classification_report

print(classification_report(y_test, model.predict(X_test)))

# %%
# Which digits are confused?
# --------------------------

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

fig, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
matrix = ConfusionMatrixDisplay.from_estimator(
    model, X_test, y_test, ax=ax, cmap="Blues", colorbar=False
)

# %%
# The worst mistakes
# ------------------
#
# These are the wrong predictions with the highest probability. Some of them are hard
# for people, too.

mistakes = ImageGridDisplay.from_mistakes(model, X_test, y_test)

# %%
# How training went
# -----------------
#
# Loss and accuracy after each epoch. The validation rows were held out by ``fit``.

from skmnist import TrainingCurveDisplay

curves = TrainingCurveDisplay.from_estimator(model)

# %%
# Save the model
# --------------
#
# The file holds everything that is needed to predict, or to continue training.
# Loading it does not run code from the file.

import tempfile
from pathlib import Path

from skmnist import load_model, save_model

with tempfile.TemporaryDirectory() as keep:
    path = Path(keep) / "model.safetensors"
    save_model(model, path)
    print(f"{path.stat().st_size / 1e6:.1f} MB")
    again = load_model(path)

print((again.predict(X_test) == model.predict(X_test)).all())
