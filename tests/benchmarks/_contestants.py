"""The data, and the network of `MnistCNN` as others write it."""

import os
from pathlib import Path

import numpy as np


def pixels(n_rows):
    """Return uint8 rows of 28 x 28 pixels and labels: MNIST if it is available.

    Without SKMNIST_DATA, the embedded digits are enlarged and repeated.
    """
    from skmnist import load_images

    if folder := os.environ.get("SKMNIST_DATA"):
        data = load_images(Path(folder, "train.csv.gz"))
        rows, labels = data.data, data.target
    else:
        data = load_images("digits")
        stack = np.kron(data.data.reshape(-1, 8, 8), np.ones((3, 3))) * (255 / 16)
        stack = np.pad(stack, ((0, 0), (2, 2), (2, 2)))
        rows, labels = stack.reshape(-1, 784).astype(np.uint8), data.target
    chosen = np.arange(n_rows) % len(rows)
    return rows[chosen], labels[chosen]


def images(n_rows):
    """Return the same as float32 images between 0 and 1, and labels."""
    rows, labels = pixels(n_rows)
    return (rows / np.float32(255)).reshape(-1, 28, 28, 1), labels


def keras_network(augment=False):
    """Return the network written in Keras, compiled."""
    import keras
    from keras import layers

    transforms = [
        layers.RandomRotation(10 / 360, fill_mode="nearest"),
        layers.RandomZoom(0.05, 0.05, fill_mode="nearest"),
        layers.RandomTranslation(0.05, 0.05, fill_mode="nearest"),
    ]
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *(transforms if augment else []),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.4),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(384, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.001),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def scikeras_variants():
    """Return the network behind scikeras, and the notebook's variants as a grid."""
    import keras
    from scikeras.wrappers import KerasClassifier

    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.3, patience=2, min_lr=1e-5
    )
    estimator = KerasClassifier(
        keras_network, augment=False, epochs=30, batch_size=42, verbose=0
    )
    return estimator, [
        {"callbacks": [None], "augment": [False]},
        {"callbacks": [[plateau]], "augment": [False]},
        {"callbacks": [[plateau]], "augment": [True]},
    ]


def skorch_network(channels_last=False):
    """Return the network in PyTorch behind skorch, for one epoch per fit."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    layout = torch.channels_last if channels_last else torch.contiguous_format

    class Network(nn.Sequential):
        def forward(self, batch):
            return super().forward(batch.to(memory_format=layout))

    def module():
        return Network(
            *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU()),
            *(nn.Conv2d(32, 32, 5, padding=2), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Dropout(0.4)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Dropout(0.5), nn.Flatten()),
            *(nn.Linear(3136, 384), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(384, 10),
        ).to(memory_format=layout)

    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        batch_size=42,
        max_epochs=1,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
