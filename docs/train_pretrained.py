"""Train the network that `load_pretrained` loads.

    python docs/train_pretrained.py train.csv pretrained.safetensors

The first file is the ``train.csv`` of Kaggle's digit recognizer. About 25 minutes of
one core.
"""

import sys

from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from skmnist import (
    RECIPES,
    MnistNormalizer,
    load_images,
    make_mnist_pipeline,
    save_model,
)

# A small network needs less dropout. One prediction of each image is enough here.
SIZE = {
    "filters": (32, 48),
    "kernel_sizes": (5, 3),
    "dense_units": 96,
    "dropout": (0.1, 0.15, 0.2),
    "tta_copies": 0,
}

source, target = sys.argv[1:]
images = load_images(source)
X, X_test, y, y_test = train_test_split(
    images.data, images.target, test_size=0.2, stratify=images.target, random_state=0
)
pipeline = make_mnist_pipeline(random_state=0, **RECIPES["accurate"] | SIZE)
pipeline.fit(X, y)
print(
    f"accuracy on {len(y_test):,} rows held out: {pipeline.score(X_test, y_test):.4f}"
)
# MNIST's rows are normalized already, so that only new pictures need the first step.
normalizer = MnistNormalizer().fit(X)
save_model(
    Pipeline([("normalize", normalizer), *pipeline.steps]), target, optimizer=False
)
