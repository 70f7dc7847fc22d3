"""The figures of a comparison, for its report and for a folder."""

from functools import partial

import numpy as np

from skmnist._utils import display_name

__all__ = ["drawings"]


def drawings(comparison):
    """Return functions without arguments that draw a comparison, by name.

    Each returns a display. The data are those of the first repeat's test set; what
    needs a network, or probabilities, is left out where there are none.
    """
    from skmnist.plotting._batch_loss import BatchLossDisplay
    from skmnist.plotting._comparison import ComparisonDisplay
    from skmnist.plotting._image_grid import ImageGridDisplay
    from skmnist.plotting._learning_rate import LearningRateDisplay
    from skmnist.plotting._training_curve import TrainingCurveDisplay

    best, data = comparison.best_estimator_, (comparison.X_test_, comparison.y_test_)
    found = {
        "accuracy": partial(
            ComparisonDisplay.from_table,
            comparison.table_,
            repeats=comparison.repeats_,
        ),
        "confusion_matrix": partial(_draw_confusion, comparison),
    }
    if hasattr(best, "predict_proba"):
        found["worst_mistakes"] = partial(ImageGridDisplay.from_mistakes, best, *data)
    networks = {
        name: pipeline
        for name, pipeline in comparison.estimators_.items()
        if "cnn" in pipeline.named_steps
    }
    if networks:
        augmented = [each for each in networks.values() if each["cnn"].augment]
        network = [*augmented, *networks.values()][0]
        shape = network["cnn"].image_shape_
        found |= {
            "training_curves": partial(TrainingCurveDisplay.from_estimators, networks),
            "learning_rate": partial(LearningRateDisplay.from_estimators, networks),
            "batch_loss": partial(BatchLossDisplay.from_estimators, networks),
            "digits": partial(ImageGridDisplay.from_images, *data, image_shape=shape),
            "augmented_digits": partial(
                ImageGridDisplay.from_augmentation, network, *data
            ),
        }
    return found


def _draw_confusion(comparison):
    from matplotlib import pyplot as plt
    from sklearn.metrics import ConfusionMatrixDisplay

    labels = np.unique(comparison.y_test_)
    side = min(2 + 0.36 * len(labels), 40)  # inches
    _, ax = plt.subplots(figsize=(side, side), layout="constrained")
    display = ConfusionMatrixDisplay.from_predictions(
        comparison.y_test_,
        comparison.predictions_[comparison.best_variant_],
        cmap="Blues",
        colorbar=False,
        xticks_rotation="vertical" if max(map(len, map(str, labels))) > 3 else 0,
        ax=ax,
    )
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        label.set_parse_math(False)
    for text in display.text_.flat:
        if text.get_text() == "0":  # so that the mistakes stand out
            text.set_text("")
    title = f"{display_name(comparison.best_variant_)}, test set"
    ax.set_title(title, fontsize="medium", parse_math=False)
    return display
