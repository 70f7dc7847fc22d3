"""Pictures of images, of training and of comparisons, in scikit-learn's way."""

from skmnist._display._batch_loss import BatchLossDisplay
from skmnist._display._comparison import ComparisonDisplay
from skmnist._display._image_grid import ImageGridDisplay
from skmnist._display._learning_rate import LearningRateDisplay
from skmnist._display._training_curve import TrainingCurveDisplay

__all__ = [
    "BatchLossDisplay",
    "ComparisonDisplay",
    "ImageGridDisplay",
    "LearningRateDisplay",
    "TrainingCurveDisplay",
]
