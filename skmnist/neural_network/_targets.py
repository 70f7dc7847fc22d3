"""Labels, class and sample weights, and warnings about the training data."""

from numbers import Real

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from skmnist._utils import warn_user
from skmnist.neural_network._keras import lacks_instructions


def plain_labels(y):
    """Convert pandas' nullable integers and booleans to NumPy's.

    scikit-learn 1.9 makes them floats, and predictions would be floats as well.
    """
    if hasattr(y, "iloc") and getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        y = y.iloc[:, 0]
    if hasattr(y, "isna") and np.any(y.isna()):
        raise ValueError("The labels contain NaN: leave out the rows without one.")
    dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    if dtype is None or np.dtype(dtype).kind not in "iub":
        return y
    return y.to_numpy(dtype=dtype)


def check_classes(y, given, known):
    """Return the sorted classes: `known`, or else `given`, or else what `y` holds.

    `known` are the classes of the fit that is resumed.
    """
    classes = None if given is None else np.unique(list(given))
    if known is not None:
        if classes is not None and not np.array_equal(known, classes):
            raise ValueError(
                f"classes={classes.tolist()} are not those of the first call, "
                f"{known.tolist()}: leave classes out, or call fit."
            )
        return known
    if classes is None:
        classes = np.unique(y)
    if len(classes) < 2:
        what = "y holds" if given is None else "classes names"
        found = f"only one class: {classes.tolist()[0]!r}" if len(classes) else "none"
        raise ValueError(
            f"MnistCNN needs samples of at least 2 classes, but {what} {found}."
        )
    return classes


def encode_labels(y, classes, what="y"):
    """Return the position of each label in the sorted `classes`."""
    known = np.isin(y, classes)
    if not known.all():
        raise ValueError(
            f"{what} has labels that are not among the classes {classes.tolist()}: "
            f"{np.unique(y[~known]).tolist()}."
        )
    return np.searchsorted(classes, y).astype(np.int32)


def weigh_classes(class_weight, codes, classes):
    """Return the weight of each class, or None if all are equal.

    "balanced" is computed from the labels present; a class that is absent weighs 1. A
    dict that names every class may have other keys too: parts of the data may lack
    some classes.
    """
    if class_weight is None or len(class_weight) == 0:
        return None
    weights = np.ones(len(classes))
    if class_weight == "balanced":
        present = np.unique(codes)
        weights[present] = compute_class_weight(
            class_weight, classes=classes[present], y=classes[codes]
        )
        return weights
    names = classes.tolist()
    unknown = [key for key in class_weight if key not in names]
    if unknown and any(name not in class_weight for name in names):
        raise ValueError(
            f"class_weight has keys that are not among the classes {names}: {unknown}."
        )
    for code, name in enumerate(names):
        weights[code] = class_weight.get(name, 1)
    return weights


def check_sample_weight(sample_weight, rows):
    """Return the weight of each row as float64, or None if none is given."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(len(rows), sample_weight)
    return _check_sample_weight(
        sample_weight, rows, dtype=np.float64, ensure_non_negative=True
    )


def weigh_rows(sample_weight, codes, class_weight):
    """Return the product of both weights for each row, or None if all are equal.

    Only ratios matter: the weights are divided by the largest one.
    """
    weight = None if sample_weight is None else _relative_to_largest(sample_weight)
    if class_weight is not None:
        of_class = _relative_to_largest(class_weight[codes])
        weight = of_class if weight is None else weight * of_class
    if weight is None:
        return None
    weight = _relative_to_largest(weight).astype(np.float32)
    if not weight.any():
        raise ValueError(
            "The weights of all rows are zero: the product of sample_weight and "
            "class_weight must be above zero for one row at least."
        )
    return weight


def _relative_to_largest(weight):
    return weight / (weight.max() or 1.0)


def scale_weights(weight, index):
    """Divide weights by their mean over the rows of `index`; None stays None.

    Adam's epsilon and the plateau rule's 0.001 are absolute, and so their meaning
    must not depend on whether weights sum to 1 or to the number of rows. Equal weights
    become exactly 1; all zeros stay zeros.
    """
    if weight is None:
        return None
    mean = weight[index].mean(dtype=np.float64)
    return (weight / (mean or 1.0)).astype(np.float32)


def warn_slow(dtype):
    """Warn if the processor has to emulate 16-bit floats."""
    if lacks_instructions(dtype):
        warn_user(
            f"dtype={dtype!r} is slower than 'float32' here: this processor does not "
            "have instructions for it.",
        )


def warn_unscaled(rows):
    """Warn if the pixels of the training rows go beyond 1."""
    if _largest(rows) > 1:
        warn_user(
            f"X has values from {rows.min():g} to {rows.max():g}, but MnistCNN expects "
            "pixels from 0 to 1 and does not scale them: put an ImageScaler before it.",
        )


def warn_other_scale(rows_val, rows):
    """Warn if the validation rows were not scaled as the training rows were."""
    largest, largest_val = _largest(rows), _largest(rows_val)
    if largest_val > 10 * largest:
        warn_user(
            f"X_val has values up to {largest_val:g}, more than 10 times those of X "
            f"(up to {largest:g}): scale X_val as X was scaled.",
        )


def _largest(rows):
    return max(float(rows.max()), -float(rows.min()))
