"""The network that comes with the package."""

from pathlib import Path

from skmnist.persistence._model_file import open_model

_FILE = Path(__file__).with_name("pretrained.safetensors")


def load_pretrained():
    """Load a pretrained network for handwritten digits.

    It was trained on 33,600 of the 42,000 digits of Kaggle's digit recognizer and
    reaches an accuracy of 99.52% on the other 8,400. A `MnistNormalizer` comes first,
    so that it takes photographs, scans and drawings of one digit each.

    Returns
    -------
    pipeline : Pipeline
        Fitted, with the steps `"normalize"`, `"scale"` and `"cnn"`. It does not include
        the state of the optimizer: training continues with a fresh one.

    See Also
    --------
    MnistNormalizer : Its first step.
    load_images : Read pictures from files.
    load_model : Load a model that you saved.

    Notes
    -----
    The page on the pretrained model in the user guide describes its training, its
    data and its limits.

    Examples
    --------
    >>> import numpy as np
    >>> from skmnist import load_pretrained
    >>> paper = np.full((1, 120, 90), 230, dtype=np.uint8)
    >>> paper[0, 10:110, 40:50] = 35  # a 1 in dark ink
    >>> load_pretrained().predict(paper).tolist()
    [1]
    """
    # Without `load_model`'s warning: the tests cover other versions of the libraries.
    pipeline, _ = open_model(_FILE, f"{_FILE} cannot be opened")
    return pipeline
