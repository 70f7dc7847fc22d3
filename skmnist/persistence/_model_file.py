"""Saving and loading fitted models, in files that are safe to open."""

import os
import re
import reprlib
from contextlib import contextmanager

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skmnist._utils import resolve_image_shape, warn_user
from skmnist.io._atomic import write_atomically
from skmnist.io._json import (
    check_members,
    get,
    get_strings,
    pack_number,
    pack_param,
    unpack_number,
    unpack_param,
)
from skmnist.io._tensor_file import TensorFile
from skmnist.preprocessing._image_scaler import ImageScaler
from skmnist.preprocessing._mnist_normalizer import MnistNormalizer

# `skmnist.neural_network` is imported where it is used: importing Keras takes seconds,
# and is not needed to refuse a file.

_MEMBERS = {
    "classifier": ("kind", "versions"),
    "pipeline": (
        *("kind", "versions", "steps", "transform_input", "verbose"),
        *("normalizer", "scaler", "scaler_feature_names", "scaler_mean"),
    ),
}
# Versions are printed, on terminals too.
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,49}")


def save_model(estimator, path, *, optimizer=True):
    """Save a fitted model to a file that is safe to open.

    The file is in the safetensors format and holds the weights, the state of the
    optimizer and of the learning-rate schedule, the history, the labels and the
    hyperparameters, so that training can be continued. It is written atomically.

    Parameters
    ----------
    estimator : MnistCNN or Pipeline
        A fitted `MnistCNN`, or a fitted pipeline of an `ImageScaler` and a
        `MnistCNN`, optionally with a `MnistNormalizer` before them. Instances of
        subclasses are refused, because the file does not hold code.
    path : str or path-like
        The file to write, usually named ``*.safetensors``. An existing file is
        replaced.
    optimizer : bool, default=True
        Whether to save the optimizer's state, two thirds of the file. Without it,
        predictions are the same, and training can be continued with a fresh
        optimizer.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If `estimator` is not fitted.
    TypeError
        If `estimator` is neither a `MnistCNN` nor a pipeline.
    ValueError
        If a pipeline has other steps, a parameter is not a plain value (`callbacks`, a
        `RandomState`), the labels are not integers, finite floats, booleans or
        strings, or the weights are not finite.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : Open such a file.

    Notes
    -----
    Not saved are `callbacks_`, what was set with `set_output`, `set_callbacks` and the
    methods for metadata requests, and the folders `checkpoint_dir` of the network and
    `memory` of a pipeline, which may not exist on another machine.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_digits
    >>> from skmnist import load_model, make_mnist_pipeline, save_model
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_mnist_pipeline(
    ...     max_value=16, filters=(4, 8), dense_units=16, epochs=1, random_state=0
    ... ).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     save_model(model, path)
    ...     again = load_model(path)
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    cnn, extra = _describe(estimator)
    params = cnn.get_params(deep=False) | {
        "checkpoint_dir": None,
        # None follows a policy that other processes may not have set.
        "dtype": cnn._fitted_architecture.dtype,
    }
    state = cnn._export_state()
    if not optimizer:
        rate = state["optimizer"]["learning_rate"]
        state = state | {"optimizer": {"learning_rate": rate}}

    from skmnist.neural_network._state_file import pack_state

    failed = "This model cannot be saved"
    with _explained(failed):
        data = pack_state(params, state, extra)
    # A file that cannot be opened again does not replace another.
    write_atomically(path, data, check=lambda written: open_model(written, failed))


def load_model(path):
    """Load a model from a file, which may be untrusted.

    The network is rebuilt by this package's code from numbers and strings, each of
    which is checked before use. Nothing in the file is executed, imported, followed or
    fetched. Loading takes up to twice as much memory as the size of the file, and at
    most some 80 MB for its JSON. This does not make the predictions trustworthy: test
    an untrusted model before you rely on it.

    A checksum detects a file that was damaged, on a disk or in transfer. Early files of
    format 1 do not have one, and are loaded without that check.

    Parameters
    ----------
    path : str or path-like
        A file written by :func:`save_model`.

    Returns
    -------
    estimator : MnistCNN or Pipeline
        The saved model. On the same kind of machine its predictions are the same to
        the bit, and `partial_fit` continues from where the training stopped.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If it is not a complete, unaltered model file, or is of a newer format. The
        message says what is wrong.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If the file was written with other versions of skmnist, Keras or scikit-learn.

    See Also
    --------
    save_model : Save a model; see the example there.

    Examples
    --------
    >>> import os, tempfile
    >>> from skmnist import load_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     with open(path, "wb") as file:
    ...         n_bytes = file.write(b"a pickle, perhaps")
    ...     load_model(path)
    Traceback (most recent call last):
    ValueError: ...model.safetensors cannot be opened as a model file of skmnist: \
    with 17 bytes it is not a safetensors file, or it was cut off.
    """
    path = os.fsdecode(path)
    estimator, versions = open_model(
        path, f"{path} cannot be opened as a model file of skmnist"
    )
    from skmnist.neural_network._state_file import library_versions

    differences = [
        f"{name} {versions[name]} (here {here})"
        for name, here in library_versions().items()
        if versions[name] != here
    ]
    if differences:
        warn_user(
            f"{path} was written with {', '.join(differences)}; compare its "
            "predictions with known ones before you rely on them.",
        )
    return estimator


@contextmanager
def _explained(beginning):
    """Put the beginning of a sentence before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        reason = str(error)[:400].rstrip(".")
        raise ValueError(f"{beginning}: {reason}.") from None


def open_model(path, failed):
    """Return the model in a file, and the versions that it was written with."""
    with _explained(failed):
        file = TensorFile(path)
    # Outside of the `with`: an error of this import is not due to the file.
    from skmnist.neural_network._classifier import MnistCNN
    from skmnist.neural_network._state_file import library_versions, unpack_state

    with _explained(failed):
        params, state, extra = unpack_state(file)
        kind = get(extra, "kind", str)
        if kind not in _MEMBERS:
            raise ValueError(f"it does not hold a model but {reprlib.repr(kind)}")
        if kind == "pipeline":
            # Files of formats 1 and 2 do not have them.
            extra = {"normalizer": None, "scaler_mean": None} | extra
        check_members(extra, _MEMBERS[kind])
        versions = get(extra, "versions", dict)
        check_members(versions, library_versions())
        for name in versions:
            if not _VERSION.fullmatch(get(versions, name, str)):
                raise ValueError(f"the version of {name} is not one")
        model = MnistCNN(**params)._import_state(state)
        if kind == "pipeline":
            model = _rebuild_pipeline(extra, model)
    return model, versions


def _describe(estimator):
    """Return the network of a fitted model, and the rest of the file's description."""
    from skmnist.neural_network._classifier import MnistCNN
    from skmnist.neural_network._state_file import library_versions

    extra = {"kind": "classifier", "versions": library_versions()}
    if type(estimator) is MnistCNN:
        check_is_fitted(estimator)
        return estimator, extra
    if type(estimator) is not Pipeline:
        name = type(estimator).__name__
        advice = ": save its best_estimator_" * hasattr(estimator, "best_estimator_")
        raise TypeError(
            "Only a MnistCNN, or a Pipeline of an ImageScaler and a MnistCNN, can be "
            f"saved, not {name}{advice}."
        )
    named = [pair for pair in estimator.steps if pair[1] not in (None, "passthrough")]
    steps = [step for _, step in named]
    kinds = [type(step) for step in steps]
    if kinds not in ([ImageScaler, MnistCNN], [MnistNormalizer, ImageScaler, MnistCNN]):
        found = ", ".join(
            f"{name}: {step if isinstance(step, str) else type(step).__name__}"
            for name, step in estimator.steps
        )
        raise ValueError(
            "Only pipelines of an ImageScaler and a MnistCNN, optionally after a "
            f"MnistNormalizer, can be saved; this one has the steps {found}."
        )
    for step in steps:
        check_is_fitted(step)
    *normalizers, scaler, cnn = steps
    inputs = estimator.transform_input
    names = getattr(scaler, "feature_names_in_", None)
    mean = getattr(scaler, "mean_", None)
    extra |= {
        "kind": "pipeline",
        "steps": [name for name, _ in named],
        "transform_input": inputs and list(inputs),
        "verbose": bool(estimator.verbose),
        "normalizer": _pack_params(normalizers[0]) if normalizers else None,
        "scaler": _pack_params(scaler),
        "scaler_feature_names": None if names is None else names.tolist(),
        "scaler_mean": None if mean is None else pack_number(mean),
    }
    return cnn, extra


def _pack_params(step):
    params = step.get_params(deep=False)
    return {name: pack_param(name, value) for name, value in params.items()}


def _rebuild_step(kind, packed):
    params = {name: unpack_param(value) for name, value in packed.items()}
    for name in params.keys() - set(kind._get_param_names()):
        raise ValueError(
            f"{kind.__name__} does not have a parameter {reprlib.repr(name)}"
        )
    step = kind(**params)
    step._validate_params()
    return step


def _rebuild_pipeline(extra, cnn):
    scaler = _rebuild_step(ImageScaler, get(extra, "scaler", dict))
    scaler.image_shape_ = resolve_image_shape(
        cnn.n_features_in_, scaler.image_shape, cnn.image_shape_, "the network"
    )
    scaler.n_features_in_ = cnn.n_features_in_
    names = get_strings(extra, "scaler_feature_names", scaler.n_features_in_)
    if names is not None:
        scaler.feature_names_in_ = np.array(names, dtype=object)
    if extra["scaler_mean"] is not None:
        scaler.mean_ = float(unpack_number(extra["scaler_mean"]))
    steps = [scaler, cnn]
    if extra["normalizer"] is not None:
        normalizer = _rebuild_step(MnistNormalizer, get(extra, "normalizer", dict))
        steps.insert(0, normalizer.fit(None))
    get(extra, "steps", list)  # which may not be null
    names = get_strings(extra, "steps", length=len(steps))
    pipeline = Pipeline(
        list(zip(names, steps, strict=True)),
        transform_input=get_strings(extra, "transform_input"),
        verbose=get(extra, "verbose", bool),
    )
    pipeline._validate_names(names)
    return pipeline
