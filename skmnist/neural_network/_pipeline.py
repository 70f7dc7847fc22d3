"""The pipeline of scaler and network."""

from sklearn.pipeline import Pipeline

from skmnist.neural_network._classifier import MnistCNN
from skmnist.preprocessing._image_scaler import ImageScaler


def make_mnist_pipeline(*, image_shape=None, max_value=255, **cnn_params):
    """Make a pipeline that scales pixels and trains the network on them.

    Parameters
    ----------
    image_shape : tuple of (int, int), default=None
        Height and width in pixels, see `ImageScaler`.
    max_value : float, default=255
        The value of a full pixel, above 0.
    **cnn_params : dict
        Hyperparameters of `MnistCNN`.

    Returns
    -------
    pipeline : Pipeline
        Unfitted, with the steps `"scale"` and `"cnn"`.

    Raises
    ------
    ValueError
        If `MnistCNN` has no such hyperparameter.

    See Also
    --------
    make_variant_search : A grid search on this pipeline.

    Examples
    --------
    >>> from skmnist import load_images, make_mnist_pipeline
    >>> digits = load_images("digits")
    >>> pipeline = make_mnist_pipeline(max_value=16, epochs=3, random_state=0)
    >>> bool(pipeline.fit(digits.data, digits.target).score(
    ...     digits.data, digits.target) > 0.7)
    True
    """
    scaler = ImageScaler(image_shape=image_shape, max_value=max_value)
    return Pipeline([("scale", scaler), ("cnn", MnistCNN().set_params(**cnn_params))])
