"""Hyperparameters that go together, with a name. Free of Keras."""

__all__ = ["RECIPES", "VARIANTS"]

VARIANTS = {
    "plain": {"anneal": False, "augment": False},
    "annealed": {"anneal": True, "augment": False},
    "annealed_augmented": {"anneal": True, "augment": True},
}

# Both were chosen by validation rows of MNIST: docs/hyperparameters.md.
RECIPES = {
    "fast": {
        "anneal": "one_cycle",
        "augment": True,
        "kernel_sizes": (3, 3),
        "batch_norm": True,
        "epochs": 5,
        "batch_size": 64,
        "learning_rate": 0.004,
        "dropout": (0.1, 0.15, 0.3),
    },
    "accurate": {
        "anneal": "one_cycle",
        "augment": True,
        "rotation_range": 15.0,
        "zoom_range": 0.15,
        "shift_range": 0.1,
        "filters": (32, 64, 128),
        "kernel_sizes": (3, 3, 3),
        "dropout": (0.2, 0.2, 0.2, 0.3),
        "batch_norm": True,
        "epochs": 30,
        "batch_size": 64,
        "learning_rate": 0.003,
        "label_smoothing": 0.1,
        "validation_fraction": None,
        "tta_copies": 8,
    },
}
