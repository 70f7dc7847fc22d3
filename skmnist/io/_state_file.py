"""The state of a fitted network as one safetensors file that is safe to open.

Nothing in such a file is executed, imported, followed or fetched. Reading believes
nothing that the file says of itself: the JSON of its description is read strictly, and
its tensors must be those that the hyperparameters imply. A checksum tells damage that
leaves a file well formed; against an author's ill will it does nothing, and need not.
"""

import hashlib
import io
import json
import math
import reprlib
from importlib.metadata import version

import numpy as np
from safetensors.numpy import save

from skmnist import __version__
from skmnist._utils import resolve_image_shape
from skmnist.io._atomic import open_regular
from skmnist.io._json import (
    check_members,
    get,
    pack_labels,
    pack_number,
    pack_param,
    parse_json,
    unpack_image_shape,
    unpack_labels,
    unpack_number,
    unpack_param,
)
from skmnist.io._tensors import MAX_HEADER, check_tensors, read_header, read_tensors

__all__ = ["library_versions", "pack_state", "unpack_state"]

_FORMAT_VERSION = 2
_MEMBERS = (
    *("format_version", "params", "classes", "image_shape", "feature_names"),
    *("history", "schedule", "seed", "extra"),
)
# Format 1 began without it.
_CHECKSUM = "checksum"
_NO_CHECKSUM = "0" * hashlib.sha256().digest_size * 2
_GROUPS = ("weights", "optimizer")
_COUNTER = "optimizer/iterations"
_HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


def pack_state(params, state, extra):
    """Write a network's state into the bytes of one safetensors file.

    The same state gives the same bytes.

    Parameters
    ----------
    params : dict
        Hyperparameters, as ``MnistCNN.get_params(deep=False)`` gives them.
    state : dict
        As ``MnistCNN._export_state`` gives it.
    extra : dict
        Whatever else belongs into the file, of JSON's types with finite numbers.

    Returns
    -------
    data : bytes
        The content of the file.

    Raises
    ------
    ValueError
        If a hyperparameter, the labels or the amount of text do not fit in.
    """
    document = {
        "format_version": _FORMAT_VERSION,
        "params": {name: pack_param(name, value) for name, value in params.items()},
        "classes": pack_labels(state["classes"]),
        "image_shape": [int(side) for side in state["image_shape"]],
        "feature_names": state["feature_names"],
        "history": {
            name: [pack_number(value) for value in state["history"][name]]
            for name in sorted(state["history"], key=_HISTORY.index)
        },
        "schedule": {
            name: pack_number(value) for name, value in state["schedule"].items()
        },
        "seed": int(state["seed"]),
        "extra": extra,
        _CHECKSUM: _NO_CHECKSUM,
    }
    tensors = {"batch_loss": state["batch_loss"]}
    for group in _GROUPS:
        tensors |= {f"{group}/{name}": a for name, a in state[group].items()}
    # Some of Keras's back ends count in 32 bits.
    tensors[_COUNTER] = np.asarray(tensors[_COUNTER], dtype=np.int64)
    # safetensors reads the memory as it lies, whatever the strides.
    tensors = {name: np.asarray(a, order="C") for name, a in tensors.items()}
    text = json.dumps(document, allow_nan=False)
    document[_CHECKSUM] = _checksum(text, tensors)
    # One entry only: safetensors 0.8 writes several in a random order.
    data = save(tensors, {"skmnist": json.dumps(document, allow_nan=False)})
    if (length := int.from_bytes(data[:8], "little")) > MAX_HEADER:
        raise ValueError(
            f"names of columns, labels and history would take {length} bytes in the "
            f"file's header, and only {MAX_HEADER} may be taken"
        )
    return data


def unpack_state(source, complete_params, *, needs_checksum=False):
    """Read a network's state from a file that nobody vouches for.

    Parameters
    ----------
    source : str, path-like or bytes
        A file, or the content of one.
    complete_params : callable
        Is given the hyperparameters read, a dict of plain values, and returns all
        hyperparameters. It must raise ValueError if a name is unknown or a value
        not allowed.
    needs_checksum : bool, default=False
        Whether to refuse a file without a checksum, which the first ones have not.

    Returns
    -------
    params : dict
        What `complete_params` returned.
    state : dict
        What ``MnistCNN._import_state`` takes.
    extra : dict
        As it was given to :func:`pack_state`. Only its being JSON was checked.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If anything in the file is not exactly as it should be. It says what, in the
        second half of a sentence, in which the caller names the file.
    """
    try:
        if isinstance(source, bytes):
            stream = io.BytesIO(source)
            return _unpack(stream, len(source), complete_params, needs_checksum)
        with open_regular(source) as (stream, size):
            return _unpack(stream, size, complete_params, needs_checksum)
    except MemoryError:
        raise ValueError("it needs more memory than there is") from None


def library_versions():
    """Return the versions of skmnist, Keras and scikit-learn that are installed."""
    others = {name: version(name) for name in ("keras", "scikit-learn")}
    return {"skmnist": __version__} | others


def _unpack(stream, size, complete_params, needs_checksum):
    header = read_header(stream, size)
    text = _own_metadata(header)
    document = parse_json(text, "its description")
    is_first = _check_version(document) == 1
    has_checksum = needs_checksum or not is_first or _CHECKSUM in document
    check_members(document, (*_MEMBERS, _CHECKSUM) if has_checksum else _MEMBERS)

    params = complete_params(
        {k: unpack_param(v) for k, v in get(document, "params", dict).items()}
    )
    classes = unpack_labels(get(document, "classes", dict))
    image_shape = unpack_image_shape(get(document, "image_shape", list))
    if params["image_shape"] is not None:
        resolve_image_shape(
            math.prod(image_shape), params["image_shape"], image_shape, "the model"
        )
    state = {
        "classes": classes,
        "image_shape": image_shape,
        "feature_names": _unpack_names(document, math.prod(image_shape)),
        "history": _unpack_history(get(document, "history", dict)),
        "seed": get(document, "seed", int),
    }
    n_epochs = len(state["history"]["loss"])
    state["schedule"] = _unpack_schedule(get(document, "schedule", dict), n_epochs)
    if not 0 <= state["seed"] < 2**31:
        raise ValueError("its seed is no integer of 31 bits")
    extra = get(document, "extra", dict)

    # Long tuples cost memory before their tensors are seen to be missing.
    if len(params["filters"]) > len(header):
        raise ValueError("it has fewer tensors than its hyperparameters imply")
    expected = _expected_tensors(params, image_shape, len(classes))
    check_tensors(header, expected, size - stream.tell())
    # The losses are a record; nothing is computed from them.
    arrays = read_tensors(stream, header, may_be_infinite=["batch_loss"])
    _check_values(arrays)
    if has_checksum:
        _check_checksum(get(document, _CHECKSUM, str), text, arrays)
    if len(arrays["batch_loss"]) < n_epochs:
        raise ValueError("its history has more epochs than batches")
    for group in _GROUPS:
        names = [name for name in expected if name.startswith(f"{group}/")]
        state[group] = {name.removeprefix(f"{group}/"): arrays[name] for name in names}
    return params, state | {"batch_loss": arrays["batch_loss"]}, extra


def _check_values(arrays):
    """Check that the tensors hold what training can have left."""
    # Late, because importing Keras takes seconds.
    from skmnist.neural_network._training_loop import LARGEST_WEIGHT

    def check(name, low, high):
        # The extremes, since a comparison would take a second array of that size.
        if arrays[name].min() < low or arrays[name].max() > high:
            raise ValueError(f"tensor {name} holds values beyond {low:g} to {high:g}")

    check(_COUNTER, 0, 2**53)
    check("optimizer/learning_rate", 0, np.inf)
    for name in arrays:
        if name.startswith("weights/"):
            check(name, -LARGEST_WEIGHT, LARGEST_WEIGHT)
        elif name.endswith("/velocity"):
            check(name, 0, np.inf)


def _checksum(text, arrays):
    """Return the checksum of a description that holds zeros in its place."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name in sorted(arrays):
        little = np.ascontiguousarray(
            arrays[name], arrays[name].dtype.newbyteorder("<")
        )
        digest.update(name.encode())
        digest.update(little.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _check_checksum(found, text, arrays):
    described = text.replace(json.dumps(found), json.dumps(_NO_CHECKSUM), 1)
    if found != _checksum(described, arrays):
        raise ValueError(
            "its content is not what was written, for its checksum differs: the file "
            "was damaged or changed"
        )


# What the description holds besides the hyperparameters


def _check_version(document):
    found = get(document, "format_version", int)
    if found > _FORMAT_VERSION:
        raise ValueError(
            f"it has format version {found}, and skmnist {__version__} knows "
            f"none above {_FORMAT_VERSION}: upgrade skmnist"
        )
    if found < 1:
        raise ValueError(f"there is no format version {found}")
    return found


def _unpack_names(document, n_features):
    if document.get("feature_names") is None:
        return None
    names = get(document, "feature_names", list)
    if len(names) != n_features or not all(type(name) is str for name in names):
        raise ValueError(f"feature_names are no {n_features} texts")
    return names


def _unpack_history(packed):
    if packed.keys() not in (set(_HISTORY), {n for n in _HISTORY if n[:4] != "val_"}):
        raise ValueError(f"its history has the members {reprlib.repr(list(packed))}")
    history = {
        name: [float(unpack_number(value)) for value in get(packed, name, list)]
        for name in packed
    }
    lengths = {len(values) for values in history.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("its history does not cover the same epochs throughout")
    return history


def _unpack_schedule(packed, n_epochs):
    # Late, because importing Keras takes seconds.
    from skmnist.neural_network._lr_schedules import check_memory

    memory = {name: unpack_number(value) for name, value in packed.items()}
    check_memory(memory, n_epochs)
    return memory


def _own_metadata(header):
    metadata = header.pop("__metadata__", None)
    text = metadata.get("skmnist") if type(metadata) is dict else None
    if type(text) is not str or len(metadata) != 1:
        raise ValueError("it is a safetensors file, but not one of skmnist")
    return text


def _expected_tensors(params, image_shape, n_classes):
    """Return dtype and shape of each tensor; None is a length that is free."""
    # Importing Keras takes seconds, which a file that is no model need not cost.
    from skmnist.neural_network._architecture import weight_shapes

    shapes = weight_shapes(
        image_shape,
        n_classes,
        params["filters"],
        params["kernel_sizes"],
        params["dense_units"],
    )
    expected = {f"weights/{name}": ("F32", shape) for name, shape in shapes.items()}
    expected |= {
        f"optimizer/{name}/{moment}": ("F32", shape)
        for name, shape in shapes.items()
        for moment in ("momentum", "velocity")
    }
    return expected | {
        _COUNTER: ("I64", ()),
        "optimizer/learning_rate": ("F32", ()),
        "batch_loss": ("F32", (None,)),
    }
