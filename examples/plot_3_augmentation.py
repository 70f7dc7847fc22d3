"""
Data augmentation
=================

A digit that is turned by 8 degrees is the same digit. With ``augment=True`` the
network never sees the same image twice: each is rotated, zoomed and shifted at random
in every epoch. This page shows the augmented images, the gain in accuracy, and whether
the gain is real.
"""

# %%
# Augmented images
# ----------------

import os

from sklearn.model_selection import train_test_split

from skmnist import ImageGridDisplay, load_images, make_mnist_pipeline

folder = os.environ.get("SKMNIST_DATA")
images = load_images(f"{folder}/train.csv.gz" if folder else "digits")
X, y = images.data, images.target
if folder:
    X, y = X[:6000], y[:6000]  # a subset keeps this page fast
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.7, stratify=y, random_state=0
)

plain = make_mnist_pipeline(
    max_value=images.max_value,
    anneal="one_cycle",
    learning_rate=0.003,
    epochs=40,
    dropout=(0.2, 0.25, 0.25),
    random_state=0,
)
sheet = ImageGridDisplay.from_images(X_train, y_train, n_images=10)

# %%
# The same ten with the default ranges: up to 10 degrees of rotation, 5% of zoom
# on each axis, and shifts of 5% of each side.

sheet = ImageGridDisplay.from_augmentation(plain, X_train, y_train, n_images=10)

# %%
# Ranges that are too large for digits. Look at such images before you train: if you
# cannot read them, the network cannot learn from them.

wild = make_mnist_pipeline(
    max_value=images.max_value, rotation_range=90, shift_range=0.3
)
sheet = ImageGridDisplay.from_augmentation(wild, X_train, y_train, n_images=10)

# %%
# The gain
# --------
#
# Augmentation helps most with few images, so these networks get less than a third of
# the rows. It also needs epochs: for a short training it does more harm than good.

from sklearn.base import clone

augmented = clone(plain).set_params(cnn__augment=True)
models = {"plain": plain, "augmented": augmented}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name:10} test accuracy {100 * model.score(X_test, y_test):.2f}%")

# %%
# Without augmentation the training loss goes to zero: the network memorizes its
# images. With augmentation it stays higher, because every image is new.

from skmnist import TrainingCurveDisplay

curves = TrainingCurveDisplay.from_estimators(models)

# %%
# Is the gain real?
# -----------------
#
# Most test images are right for both networks. Only those matter that one network has
# right and the other wrong. Without a real difference, they would be split as by coin
# tosses: that is McNemar's exact test (1947).

from scipy.stats import binomtest

right = {name: model.predict(X_test) == y_test for name, model in models.items()}
only_plain = int((right["plain"] & ~right["augmented"]).sum())
only_augmented = int((~right["plain"] & right["augmented"]).sum())
print(f"right only without augmentation: {only_plain}")
print(f"right only with augmentation:    {only_augmented}")
if only_plain + only_augmented:
    p = binomtest(only_augmented, only_plain + only_augmented).pvalue
    print(f"p = {p:.3f}")

# %%
# A large p-value does not mean that augmentation does nothing. It means that these
# test images cannot tell. :func:`~skmnist.compare_variants` does this test and more:
# see :doc:`the three variants <plot_4_three_variants>`.
#
# **Reference.** McNemar, Q. (1947). Note on the sampling error of the difference
# between correlated proportions or percentages. *Psychometrika* 12, 153–157.
