"""A convolutional network for handwritten digits that is a scikit-learn classifier."""

from importlib import import_module

__version__ = "0.1.0"

# Where each public name lives. Importing the package imports none of these
# rooms, so that neither Keras nor matplotlib is paid for before it is used.
_HOMES = {
    "MnistCNN": "_classifier",
    "ImageScaler": "_images",
    "make_mnist_pipeline": "_comparison",
    "load_images": "_datasets",
    "VARIANTS": "_comparison",
    "VariantComparison": "_comparison",
    "compare_variants": "_comparison",
    "make_variant_search": "_comparison",
    "save_model": "_persistence",
    "load_model": "_persistence",
    "BatchLossDisplay": "_display",
    "ComparisonDisplay": "_display",
    "ImageGridDisplay": "_display",
    "LearningRateDisplay": "_display",
    "TrainingCurveDisplay": "_display",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
