"""``skmnist predict``: label pictures, folders and tables."""

import os
import warnings
from functools import partial
from itertools import count

import numpy as np

from skmnist.cli._console import printable, say, track_steps
from skmnist.cli._log_filter import start_keras
from skmnist.cli._model_input import ModelInput, load
from skmnist.cli._parser import COMPRESSIONS, MODELS, PICKLED
from skmnist.datasets._load_images import load_tracked
from skmnist.io._atomic import open_regular, write_atomically
from skmnist.preprocessing._mnist_normalizer import NoInkError

# First bytes of pickles, and of files that joblib compressed.
_PICKLE = b"\x80"
_COMPRESSED = (
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\0\0", b"\x04\x22M"),
    *(b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
)
# Images between two steps of the progress bar, as many as MnistCNN predicts at once.
_STEP = 512


def take_model(args):
    """Use the first of the images as the model if it is one and none is given."""
    if args.model is None and _is_model(args.data[0]):
        args.model = os.path.expanduser(args.data.pop(0))
        if not args.data:
            raise ValueError(
                f"IMAGES to label with {args.model} are missing: name pictures, "
                "folders or tables"
            )


def predict(args):
    """Label images, and print the labels or write them to a file."""
    pickled = args.model is not None and _is_pickle(args.model)
    if pickled and not args.trust:
        raise ValueError(
            f"{args.model} is a pickle, and opening a pickle can run any code that its "
            "author put into it: add --trust if the file is your own, or train with "
            "--output MODEL.safetensors"
        )
    track = partial(track_steps, "Reading", args.progress)
    options = (args.label_column, args.subset)
    loaded = [(s, load_tracked(s, *options, track=track)) for s in args.data]
    start_keras()
    model = _open_pickle(args.model) if pickled else load(args.model)
    model_input = ModelInput(model, args.model)
    sources = [_rows(model_input, *each, options, track) for each in loaded]
    if args.output is None:
        labels = _print_labels(model, sources, loaded, args.progress)
    else:
        labels = _call_in_blocks("predict", sources, args.progress)
        _write_labels(labels, loaded, args.output)
        say(f"{args.output} holds {len(labels):,} label{'s' * (len(labels) != 1)}.")
    _compare_with_known(labels, loaded, getattr(model, "classes_", labels))


def _start_of(path):
    try:
        with open_regular(path) as (stream, _):
            return stream.read(9)
    except ValueError as error:
        raise ValueError(f"{path} cannot be opened as a model: {error}") from None


def _is_safetensors(start):
    # The length of the description, which begins with a brace.
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < 2**32


def _is_model(path):
    """Return whether a file is a model, by its name or its content."""
    if path.lower().endswith(MODELS):
        return True
    start = _start_of(path) if os.path.isfile(path) else b""
    return _is_safetensors(start) or start.startswith(_PICKLE)


def _is_pickle(path):
    """Return whether a file can run code, by its content or its name."""
    start = _start_of(path)
    if _is_safetensors(start):
        return False
    named = path.lower().endswith(PICKLED)
    return named or start.startswith((_PICKLE, *_COMPRESSED))


def _open_pickle(path):
    import joblib

    try:
        model = joblib.load(path)
    except Exception as error:  # a pickle can raise any
        raise ValueError(
            f"{path} cannot be opened as a pickle ({type(error).__name__}: {error})"
        ) from error
    if not hasattr(model, "predict"):
        raise ValueError(f"{path} does not hold a model but a {type(model).__name__}")
    return model


def _rows(model_input, source, images, options, track):
    """Return a source, a classifier, and its rows for the images of the source."""
    is_table = images.filenames is None and not images.normalized
    if is_table or model_input.normalizer is None:
        return source, *model_input.of_table(images, source)
    if (
        model_input.has_other_normalizer
        or images.image_shape != model_input.image_shape
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about skipped files, a second time
            images = load_tracked(source, *options, model_input.normalizer, track)
    return source, *model_input.of_pictures(images.data)


def _call_in_blocks(method, sources, progress):
    """Call a method of classifiers for the rows of each source."""
    blocks = [
        (source, getattr(model, method), rows[start : start + _STEP], start)
        for source, model, rows in sources
        for start in range(0, len(rows), _STEP)
    ]
    return np.concatenate(
        [
            _call_for_block(*block)
            for block in track_steps("Predicting", progress, blocks)
        ]
    )


def _call_for_block(source, call, rows, start):
    try:
        return call(rows)
    except NoInkError as error:
        raise error.in_rows(source, start) from error


def _print_labels(model, sources, loaded, progress):
    if not hasattr(model, "predict_proba"):
        raise ValueError("the model does not predict probabilities: add --output CSV")
    proba = _call_in_blocks("predict_proba", sources, progress)
    best, second = np.argsort(-proba, axis=1, kind="stable")[:, :2].T
    names = [
        printable(name or f"{source}, row {row}")
        for source, images in loaded
        for row, name in enumerate(_file_names(images), 1)
    ]
    width, rank = max(map(len, names)), np.arange(len(names))
    labels = model.classes_[best]
    lines = zip(
        *(names, labels, proba[rank, best]),
        *(model.classes_[second], proba[rank, second]),
        strict=True,
    )
    say(
        "\n".join(
            f"{name:{width}}  {label}  {p:6.1%}  runner-up {other} ({q:.1%})"
            for name, label, p, other, q in lines
        )
    )
    return labels


def _file_names(images):
    """Return the name of each picture, None for each row of a table."""
    return [None] * len(images.data) if images.filenames is None else images.filenames


def _write_labels(labels, loaded, path):
    import pandas as pd

    numbers, ids = count(1), []
    for _, images in loaded:
        if images.ids is not None:
            ids.extend(images.ids)
            continue
        for name in _file_names(images):
            # Old zip files leave names that are not UTF-8.
            name = name and os.fsencode(name).decode(errors="backslashreplace")
            ids.append(name or next(numbers))
    table = pd.DataFrame({"ImageId": ids, "Label": labels})
    name, ending = os.path.splitext(os.path.basename(path))
    how = {"method": COMPRESSIONS.get(ending.lower())}
    # Otherwise the name of a temporary file.
    if ending.lower() == ".zip":
        how["archive_name"] = name
    elif ending.lower() == ".gz":
        how["filename"] = name
    write_atomically(
        path, partial(table.to_csv, index=False, mode="wb", compression=how)
    )


def _compare_with_known(labels, loaded, classes):
    """Say how many labels are right, for sources whose labels are classes."""
    start, classes = 0, _as_text(classes)
    for source, images in loaded:
        found = labels[start : start + len(images.data)]
        start += len(images.data)
        if images.target is None:
            continue
        known = _as_text(images.target)
        if np.isin(known, classes).any():  # folders may be named after writers
            same = _as_text(found) == known
            say(f"{100 * same.mean():.2f}% of the labels are those in {source}.")


def _as_text(labels):
    labels = np.asarray(labels)
    if labels.dtype.kind in "bf":  # classes may be 3.0 where the table has 3
        labels = labels.astype(np.int64)
    return labels.astype(str)
