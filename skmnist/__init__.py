"""A convolutional network for handwritten digits that is a scikit-learn classifier."""

from importlib import import_module

__version__ = "0.1.0"

# The module of each public name. They are imported on first use, and Keras and
# matplotlib with them.
_MODULES = {
    "MnistCNN": "neural_network._classifier",
    "ImageScaler": "preprocessing._image_scaler",
    "MnistNormalizer": "preprocessing._mnist_normalizer",
    "RECIPES": "neural_network._recipes",
    "make_mnist_pipeline": "neural_network._pipeline",
    "load_images": "datasets._load_images",
    "VARIANTS": "neural_network._recipes",
    "VariantComparison": "model_selection._variant_comparison",
    "compare_variants": "model_selection._compare_variants",
    "make_variant_search": "model_selection._variants",
    "save_model": "persistence._model_file",
    "load_model": "persistence._model_file",
    "load_pretrained": "persistence._pretrained",
    "BatchLossDisplay": "plotting._batch_loss",
    "ComparisonDisplay": "plotting._comparison",
    "ImageGridDisplay": "plotting._image_grid",
    "LearningRateDisplay": "plotting._learning_rate",
    "TrainingCurveDisplay": "plotting._training_curve",
}

__all__ = ["__version__", *_MODULES]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_MODULES})
