"""The state of a fitted network as a file, for saved models and for checkpoints."""

import math
import reprlib
from importlib.metadata import version

import numpy as np

from skmnist import __version__
from skmnist._utils import LARGEST_FLOAT, resolve_image_shape
from skmnist.io._json import (
    check_members,
    get,
    get_strings,
    pack_labels,
    pack_number,
    pack_param,
    unpack_labels,
    unpack_number,
    unpack_param,
)
from skmnist.io._tensor_file import pack_tensors
from skmnist.neural_network._architecture import trainable_shapes, weight_shapes
from skmnist.neural_network._lr_schedules import check_memory
from skmnist.neural_network._param_constraints import HYPERPARAMETERS, check_params
from skmnist.neural_network._training_loop import LARGEST_WEIGHT

# Early files of format 1 lack the checksum; format 3 may lack the optimizer.
_FORMAT_VERSION = 3
_MEMBERS = (
    *("format_version", "params", "classes", "image_shape", "feature_names"),
    *("history", "schedule", "seed", "extra"),
)
_HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
_GROUPS = ("weights", "best_weights", "optimizer")
_COUNTER = "optimizer/iterations"
# Of Keras's LossScaleOptimizer.
_SCALE, _STEPS = "optimizer/dynamic_scale", "optimizer/step_counter"
_RATE = "optimizer/learning_rate"
_NOT_NEGATIVE = ("/velocity", "/moving_variance", _COUNTER, _RATE, _SCALE, _STEPS)
# 4096 x 4096: a network that halves its images often enough has small weights for
# images of any size.
_MAX_PIXELS = 2**24


def library_versions():
    """Return the versions of skmnist, Keras and scikit-learn that are installed."""
    others = {name: version(name) for name in ("keras", "scikit-learn")}
    return {"skmnist": __version__} | others


def pack_state(params, state, extra):
    """Return the bytes of a file; the same state gives the same bytes.

    Hyperparameters that are left out are read as their defaults. `state` is what
    ``MnistCNN._export_state`` returns, `extra` anything else of JSON's types.
    """
    document = {
        "format_version": _FORMAT_VERSION,
        "params": {name: pack_param(name, value) for name, value in params.items()},
        "classes": pack_labels(state["classes"]),
        "image_shape": [int(side) for side in state["image_shape"]],
        "feature_names": state["feature_names"],
        "history": _pack_history(state["history"]),
        "schedule": {
            name: pack_number(value) for name, value in state["schedule"].items()
        },
        "seed": int(state["seed"]),
        "extra": extra,
    }
    tensors = {"batch_loss": state["batch_loss"]}
    for group in _GROUPS:
        tensors |= {f"{group}/{name}": a for name, a in state[group].items()}
    for counter in tensors.keys() & {_COUNTER, _STEPS}:
        # Some of Keras's back ends count in 32 bits.
        tensors[counter] = np.asarray(tensors[counter], dtype=np.int64)
    return pack_tensors(document, tensors)


def unpack_state(file):
    """Read hyperparameters, state and extra from an untrusted :class:`TensorFile`.

    Everything but `extra` is validated. Raises a ValueError if anything in the file is
    not exactly as it should be; its message is the second half of a sentence, in which
    the caller names the file.
    """
    document = file.document
    _check_format(file)
    params = _unpack_params(get(document, "params", dict))
    classes = unpack_labels(get(document, "classes", dict))
    image_shape = _unpack_image_shape(document, params)
    history = _unpack_history(get(document, "history", dict))
    n_epochs = len(history["loss"])
    schedule = get(document, "schedule", dict)
    schedule = {name: unpack_number(value) for name, value in schedule.items()}
    check_memory(schedule, n_epochs)
    seed = get(document, "seed", int)
    if not 0 <= seed < 2**31:
        raise ValueError("its seed is not an integer of 31 bits")
    extra = get(document, "extra", dict)

    # Long tuples would take memory before their tensors are found to be missing.
    if len(params["filters"]) > len(file.names):
        raise ValueError("it has fewer tensors than its hyperparameters imply")
    expected = _expected_tensors(params, image_shape, len(classes), file.names)
    arrays = file.read(expected)
    _check_values(arrays)
    if len(arrays["batch_loss"]) < n_epochs:
        raise ValueError("its history has more epochs than batches")
    state = {
        "classes": classes,
        "image_shape": image_shape,
        "feature_names": get_strings(document, "feature_names", math.prod(image_shape)),
        "history": history,
        "schedule": schedule,
        "seed": seed,
        "batch_loss": arrays["batch_loss"],
    }
    state |= {group: _members(group, arrays) for group in _GROUPS}
    return params, state, extra


def _check_format(file):
    found = get(file.document, "format_version", int)
    if found > _FORMAT_VERSION:
        raise ValueError(
            f"it has format version {found}, and skmnist {__version__} reads versions "
            f"up to {_FORMAT_VERSION}: upgrade skmnist"
        )
    if found < 1:
        raise ValueError(f"its format version is {found}")
    check_members(file.document, _MEMBERS)
    if found > 1 and not file.has_checksum:
        raise ValueError("its description lacks member 'checksum'")


def _unpack_params(packed):
    params = {name: unpack_param(value) for name, value in packed.items()}
    for name in params.keys() - HYPERPARAMETERS.keys():
        raise ValueError(f"MnistCNN does not have a parameter {reprlib.repr(name)}")
    # Parameters that are newer than the file have their defaults.
    params = {name: each.default for name, each in HYPERPARAMETERS.items()} | params
    check_params(params)
    if params["callbacks"]:
        raise ValueError("callbacks are code, which a file does not hold")
    if params["checkpoint_dir"] is not None:
        raise ValueError("checkpoint_dir names a folder, which a file may not choose")
    return params


def _unpack_image_shape(document, params):
    shape = get(document, "image_shape", list)
    if len(shape) != 2 or not all(type(n) is int and n >= 1 for n in shape):
        raise ValueError(f"image_shape is {reprlib.repr(shape)}")
    n_pixels = math.prod(shape)
    if n_pixels > _MAX_PIXELS:
        raise ValueError(
            f"its images have {n_pixels} pixels, and more than {_MAX_PIXELS} are not "
            "allowed in a file"
        )
    if params["image_shape"] is not None:
        resolve_image_shape(n_pixels, params["image_shape"], tuple(shape), "the model")
    return tuple(shape)


def _pack_history(history):
    names = [name for name in _HISTORY if name in history]
    names += sorted(history.keys() - names)
    return {name: [pack_number(value) for value in history[name]] for name in names}


def _unpack_history(packed):
    history = {
        name: [float(unpack_number(value)) for value in get(packed, name, list)]
        for name in packed
    }
    lengths = {len(values) for values in history.values()}
    if not history.keys() >= {"loss", "accuracy", "learning_rate"}:
        raise ValueError(f"its history has the members {reprlib.repr(list(packed))}")
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("its history does not cover the same epochs throughout")
    return history


def _expected_tensors(params, image_shape, n_classes, names):
    """Return dtype and shape of each tensor; None is a length that is free."""
    weights = weight_shapes(
        image_shape,
        n_classes,
        params["filters"],
        params["kernel_sizes"],
        params["dense_units"],
        params["batch_norm"],
    )
    shapes = {f"weights/{name}": shape for name, shape in weights.items()}
    # Only in checkpoints with early stopping.
    if any(name.startswith("best_weights/") for name in names):
        shapes |= {f"best_weights/{name}": shape for name, shape in weights.items()}
    # Left out by save_model(optimizer=False).
    if _COUNTER in names:
        shapes |= {
            f"optimizer/{name}/{moment}": shape
            for name, shape in trainable_shapes(weights).items()
            for moment in ("momentum", "velocity")
        }
    expected = {name: ("F32", shape) for name, shape in shapes.items()}
    if _COUNTER in names:
        expected[_COUNTER] = ("I64", ())
    # Of fits with dtype="mixed_float16".
    if _SCALE in names:
        expected |= {_SCALE: ("F32", ()), _STEPS: ("I64", ())}
    return expected | {_RATE: ("F32", ()), "batch_loss": ("F32", (None,))}


def _check_values(arrays):
    """Check that the values of the tensors are possible after training."""
    for name, array in arrays.items():
        if name == "batch_loss":  # not used in computations
            continue
        is_weight = name.startswith(("weights/", "best_weights/"))
        is_trained = is_weight and "/moving_" not in name
        high = LARGEST_WEIGHT if is_trained else LARGEST_FLOAT
        if name in (_COUNTER, _STEPS):
            high = 2**53
        low = 0 if name.endswith(_NOT_NEGATIVE) else -high
        # Comparing all values would take a second array of that size.
        if not (low <= array.min() and array.max() <= high):
            raise ValueError(
                f"tensor {name} holds values that are not from {low:g} to {high:g}"
            )


def _members(group, arrays):
    return {
        name.removeprefix(f"{group}/"): array
        for name, array in arrays.items()
        if name.startswith(f"{group}/")
    }
