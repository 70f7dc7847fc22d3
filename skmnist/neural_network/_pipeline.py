"""The pipeline of normalizer, scaler and network."""

from sklearn.pipeline import Pipeline

from skmnist.neural_network._classifier import MnistCNN
from skmnist.preprocessing._image_scaler import ImageScaler
from skmnist.preprocessing._mnist_normalizer import normalizer_of


def make_mnist_pipeline(
    *, image_shape=None, max_value=255, normalize=False, **cnn_params
):
    """Make a pipeline that scales pixels and trains the network on them.

    Parameters
    ----------
    image_shape : tuple of (int, int), default=None
        Height and width in pixels, see `ImageScaler`.
    max_value : float, default=255
        The largest value that a pixel can have, above 0. Ignored with `normalize`.
    normalize : bool or MnistNormalizer, default=False
        Whether a `MnistNormalizer` comes first, for photographs and scans of one
        character each, or a copy of the given one. It is a step like any other: a
        search may set its parameters, or the step itself to ``"passthrough"``.
    **cnn_params : dict
        Hyperparameters of `MnistCNN`.

    Returns
    -------
    pipeline : Pipeline
        Unfitted, with the steps `"scale"` and `"cnn"`, and with `normalize` a first
        step `"normalize"`.

    Raises
    ------
    ValueError
        If `MnistCNN` does not have such a hyperparameter, or `normalize` is something
        else.

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
    normalizer = normalizer_of(normalize)
    largest = max_value if normalizer is None else 255
    steps = [
        ("scale", ImageScaler(image_shape=image_shape, max_value=largest)),
        ("cnn", MnistCNN().set_params(**cnn_params)),
    ]
    if normalizer is not None:
        if image_shape is not None:
            normalizer.set_params(image_shape=image_shape)
        steps.insert(0, ("normalize", normalizer))
    return Pipeline(steps)
