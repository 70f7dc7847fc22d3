"""
Your own handwriting
====================

"99% on the test set, wrong on my own digits": a photographed digit is dark on light,
larger than 28×28 pixels and somewhere on the paper, and MNIST's digits are not. This
page brings photographs to MNIST's format, and labels them with the pretrained network.
"""

# %%
# Photographs
# -----------
#
# Read your own photographs with ``load_images("photo.jpg")`` or
# ``load_images("scans/")``. This page renders its pictures, so that it runs anywhere:
# handwritten digits in blue ink on ruled paper, with a shadow across the picture.

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from skmnist import MnistNormalizer, load_pretrained

digits = load_digits()
INK, PAPER, LINES = np.array([[40, 60, 150], [235, 230, 215], [150, 175, 205]])


def photograph(image, seed):
    """Return an RGB picture of a digit on ruled paper."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(260, 340, size=2)
    stroke = Image.fromarray((image * 15).astype(np.uint8))
    stroke = np.asarray(stroke.resize((150, 150), Image.Resampling.BICUBIC)) / 255
    stroke = np.clip((stroke - 0.35) * 4, 0, 1)  # as sharp as a pen
    paper = np.tile(PAPER, (height, width, 1)).astype(float)
    paper[rng.integers(20, 50) :: 60] = LINES
    top, left = rng.integers(20, height - 170), rng.integers(20, width - 170)
    where = paper[top : top + 150, left : left + 150]
    where += stroke[..., None] * (INK - where)
    y, x = np.mgrid[:height, :width]
    light = np.where(x + rng.uniform(-0.5, 0.5) * y > width / 2, 1.0, 0.72)
    light = light * (1 - 0.25 * (x / width) * (y / height))
    noisy = paper * light[..., None] + rng.normal(0, 3, paper.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


rows = [0, 11, 2, 13, 4, 15, 6, 17]
pictures = [photograph(digits.images[row], seed=row) for row in rows]
written = digits.target[rows]

# %%
# The normalized images
# ---------------------
#
# :class:`~skmnist.MnistNormalizer` separates the ink from the paper in any light,
# drops the ruled lines, scales the ink to a box of 20×20 pixels and moves its centre of
# mass to the middle of 28×28, as LeCun and others did for MNIST in 1998.

images = MnistNormalizer().fit_transform(pictures)
model = load_pretrained()  # a pipeline that begins with the same step
proba = model.predict_proba(pictures)

figure, axes = plt.subplots(2, len(rows), figsize=(9, 3.4), layout="constrained")
for column, (above, below) in enumerate(axes.T):
    above.imshow(pictures[column])
    below.imshow(images[column], cmap="gray")
    below.set_title(
        f"{proba[column].argmax()} ({proba[column].max():.0%})", y=-0.35, fontsize=11
    )
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("photograph")
axes[1, 0].set_ylabel("normalized")
figure.suptitle("Photographs, normalized images and predictions")

# %%
# Accuracy
# --------

many = range(200)
pictures = [photograph(digits.images[row], seed=row) for row in many]
right = model.predict(pictures) == digits.target[:200]
print(f"{right.sum()} of {len(right)} predictions are correct.")

# %%
# Without the normalizer the same network makes far more mistakes, even if the
# pictures are reduced to the right size:

small = [
    np.asarray(Image.fromarray(picture).convert("L").resize((28, 28)))
    for picture in pictures
]
guesses = model[1:].predict(255 - np.array(small))
print(f"Inverted by hand: {(guesses == digits.target[:200]).sum()} of {len(right)}.")

# %%
# Training with pictures
# ----------------------
#
# ``make_mnist_pipeline(normalize=True)`` puts the same step before your own network,
# for letters or other signs; a grid search can set ``normalize__box_size`` or skip the
# step with ``"passthrough"``, and :func:`~skmnist.save_model` saves it.
