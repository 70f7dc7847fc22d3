"""The network that comes with the package."""

from pathlib import Path

from skmnist.persistence._model_file import open_model

_FILE = Path(__file__).with_name("pretrained.safetensors")


def load_pretrained():
    """Load a network for handwritten digits that is trained already.

    It was trained on 33,600 of the 42,000 digits of Kaggle's digit recognizer and
    reaches 99.51% on the other 8,400. A `MnistNormalizer` comes first, so that it
    takes photographs, scans and drawings of one digit each.

    Returns
    -------
    pipeline : Pipeline
        Fitted, with the steps `"normalize"`, `"scale"` and `"cnn"`. The file does not
        hold the state of the optimizer: training continues with a fresh one.

    See Also
    --------
    MnistNormalizer : What its first step takes.
    load_images : Read pictures from files.
    load_model : Open a model file of your own.

    Notes
    -----
    The page on the pretrained model in the user guide says how it was trained, on
    which data, and what it is not for.

    Examples
    --------
    >>> import numpy as np
    >>> from skmnist import load_pretrained
    >>> paper = np.full((1, 120, 90), 230, dtype=np.uint8)
    >>> paper[0, 10:110, 40:50] = 35  # a 1 in dark ink
    >>> load_pretrained().predict(paper).tolist()
    [1]
    """
    # Other versions of the libraries are tested with this file.
    pipeline, _ = open_model(_FILE, f"{_FILE} cannot be opened")
    return pipeline
