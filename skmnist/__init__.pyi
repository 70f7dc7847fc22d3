# What editors and type checkers read: the module loads these on first use.
from skmnist.datasets._load_images import load_images
from skmnist.model_selection._compare_variants import (
    compare_variants,
)
from skmnist.model_selection._variant_comparison import (
    VariantComparison,
)
from skmnist.model_selection._variants import (
    make_variant_search,
)
from skmnist.neural_network._classifier import MnistCNN
from skmnist.neural_network._pipeline import make_mnist_pipeline
from skmnist.neural_network._recipes import RECIPES, VARIANTS
from skmnist.persistence._model_file import (
    load_model,
    save_model,
)
from skmnist.persistence._pretrained import load_pretrained
from skmnist.plotting._batch_loss import BatchLossDisplay
from skmnist.plotting._comparison import ComparisonDisplay
from skmnist.plotting._image_grid import ImageGridDisplay
from skmnist.plotting._learning_rate import LearningRateDisplay
from skmnist.plotting._training_curve import (
    TrainingCurveDisplay,
)
from skmnist.preprocessing._image_scaler import ImageScaler
from skmnist.preprocessing._mnist_normalizer import MnistNormalizer

__version__: str

__all__ = [
    "__version__",
    "BatchLossDisplay",
    "ComparisonDisplay",
    "ImageGridDisplay",
    "ImageScaler",
    "LearningRateDisplay",
    "MnistCNN",
    "MnistNormalizer",
    "RECIPES",
    "TrainingCurveDisplay",
    "VARIANTS",
    "VariantComparison",
    "compare_variants",
    "load_images",
    "load_model",
    "load_pretrained",
    "make_mnist_pipeline",
    "make_variant_search",
    "save_model",
]
