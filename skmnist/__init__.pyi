# What editors and type checkers read: the module loads these on first use.
from .datasets._load_images import load_images as load_images
from .model_selection._compare_variants import compare_variants as compare_variants
from .model_selection._variant_comparison import VariantComparison as VariantComparison
from .model_selection._variants import make_variant_search as make_variant_search
from .neural_network._classifier import MnistCNN as MnistCNN
from .neural_network._pipeline import make_mnist_pipeline as make_mnist_pipeline
from .neural_network._recipes import RECIPES as RECIPES
from .neural_network._recipes import VARIANTS as VARIANTS
from .persistence._model_file import load_model as load_model
from .persistence._model_file import save_model as save_model
from .persistence._pretrained import load_pretrained as load_pretrained
from .plotting._batch_loss import BatchLossDisplay as BatchLossDisplay
from .plotting._comparison import ComparisonDisplay as ComparisonDisplay
from .plotting._image_grid import ImageGridDisplay as ImageGridDisplay
from .plotting._learning_rate import LearningRateDisplay as LearningRateDisplay
from .plotting._training_curve import TrainingCurveDisplay as TrainingCurveDisplay
from .preprocessing._image_scaler import ImageScaler as ImageScaler
from .preprocessing._mnist_normalizer import MnistNormalizer as MnistNormalizer

__version__: str
