"""What the sub-commands do, once their arguments are known to be sound."""

import contextlib
import csv
import io
import os
import sys
from concurrent.futures import BrokenExecutor, CancelledError
from functools import partial
from time import perf_counter

import numpy as np

from skmnist.cli._console import begin_worker, say
from skmnist.cli._parser import AUGMENTATION, DIGITS, HYPERPARAMETERS
from skmnist.datasets._csv import shortened
from skmnist.datasets._load_images import column_names, load_images
from skmnist.io._atomic import open_regular, write_atomically

# Keras, scikit-learn's model selection and matplotlib are imported in the functions:
# files that cannot be read are refused before that time is spent.

__all__ = ["compare", "predict", "show", "train"]

# How files begin that Python's pickle wrote, plain or compressed by joblib.
_PICKLES = (
    *(b"\x80", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\0\0", b"\x04\x22M"),
    *(b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),
)


def compare(args):
    """Compare the three ways to train."""
    images = _load_labelled(args)
    from skmnist.cli._report import as_text, write_figures, write_models, write_tables
    from skmnist.model_selection._compare_variants import compare_variants

    with _workers(args), _bars_on_stderr(args):
        comparison = compare_variants(
            images.data,
            images.target,
            cv=args.cv,
            test_size=args.test_size,
            n_jobs=args.n_jobs,
            image_shape=images.image_shape,
            max_value=images.max_value,
            progress=args.progress,
            **_cnn_params(args),
        )
    if args.output is None:
        say(as_text(comparison))
        return
    picked = _pick(images, args.random_state)
    _do_all(
        partial(write_tables, comparison, args.output),
        partial(say, as_text(comparison)),
        partial(write_models, comparison, args.output),
        partial(write_figures, comparison, picked, args.output),
    )
    say(f"\nAll of this, models and figures are in {args.output}.")


def train(args):
    """Train one network and save it."""
    images = _load_labelled(args)
    import joblib

    from skmnist.neural_network._pipeline import make_mnist_pipeline
    from skmnist.persistence._model_file import save_model

    params = _cnn_params(args) | {"anneal": args.anneal, "augment": args.augment}
    if args.all_rows:
        params["validation_fraction"] = None
    pipeline = make_mnist_pipeline(
        image_shape=images.image_shape, max_value=images.max_value, **params
    )
    if args.progress:
        from sklearn.callback import ProgressBar

        pipeline.set_callbacks(ProgressBar(max_propagation_depth=1))
    start = perf_counter()
    with _bars_on_stderr(args):
        pipeline.fit(images.data, images.target)
    seconds = perf_counter() - start
    pipeline.set_callbacks()
    if args.output.lower().endswith(".joblib"):
        write_atomically(args.output, partial(joblib.dump, pipeline))
    else:
        save_model(pipeline, args.output)
    _say_how_it_trained(pipeline, images, seconds)
    say(f"The model is in {args.output}.")


def _say_how_it_trained(pipeline, images, seconds):
    from skmnist.model_selection._variant_fits import score_held_out

    n_epochs = len(pipeline["cnn"].history_["loss"])
    accuracy, n_validated = score_held_out(pipeline, images.data, images.target)
    say(
        f"Trained on {len(images.data) - n_validated:,} images for {n_epochs} "
        f"epoch{'s' * (n_epochs != 1)} in {seconds:.1f} seconds."
    )
    if n_validated:
        percent = f"{100 * accuracy:.2f} %"
        say(f"Validation accuracy: {percent}, on {n_validated:,} held-out images.")


def predict(args):
    """Label images with a saved network."""
    pickled = _is_pickle(args.model)
    if pickled and not args.trust:
        raise ValueError(
            f"{args.model} is a pickle, and opening a pickle can run any code that its "
            "author put into it: add --trust if the file is your own, or train with "
            "--output MODEL.safetensors"
        )
    images = _load(args)
    model = _open_pickle(args.model) if pickled else _open_safely(args.model)
    _check_image_size(model, images, args)
    from skmnist.neural_network._classifier import MnistCNN

    pixels = images.data
    if isinstance(model, MnistCNN):  # without the scaler that trained with it
        pixels = pixels.astype("float32") / images.max_value
    labels = model.predict(pixels)
    _write_submission(labels, args.output)
    say(f"{args.output} holds {len(labels):,} labels.")
    if images.target is not None:
        same = labels.astype(str) == images.target.astype(str)
        say(f"{100 * same.mean():.2f} % of them are those in {args.data}.")


def show(args):
    """Draw a sheet of images."""
    images = _pick(_load(args), args.random_state)
    from skmnist.cli._report import save_figure
    from skmnist.plotting._image_grid import ImageGridDisplay

    if args.augment:
        from skmnist.neural_network._pipeline import make_mnist_pipeline

        pipeline = make_mnist_pipeline(
            image_shape=images.image_shape,
            max_value=images.max_value,
            **{name: getattr(args, name) for name in AUGMENTATION},
        )
        draw = partial(
            ImageGridDisplay.from_augmentation, pipeline, random_state=args.random_state
        )
    else:
        draw = partial(ImageGridDisplay.from_images, image_shape=images.image_shape)
    save_figure(partial(draw, images.data, images.target), args.output)
    say(f"{args.output} shows {len(images.data)} images.")


def _load(args):
    images = load_images(args.data, label_column=args.label_column, subset=args.subset)
    if getattr(args, "max_value", None) is not None:
        images.max_value = args.max_value
    return images


def _load_labelled(args):
    images = _load(args)
    if images.target is None:
        names = column_names(args.data)
        raise ValueError(
            f"{args.data} has no labels: there is no column {args.label_column!r}, and "
            f"all of its {len(names)} columns are pixels: {shortened(names)}"
        )
    return images


def _pick(images, seed, n_picked=25):
    """Pick images at random, since many files are sorted by label."""
    rng = np.random.default_rng(seed)
    n_images = len(images.data)
    rows = np.sort(rng.choice(n_images, min(n_images, n_picked), replace=False))
    target = None if images.target is None else images.target[rows]
    return type(images)(**images | {"data": images.data[rows], "target": target})


def _cnn_params(args):
    """Return the hyperparameters in scikit-learn's form."""
    params = {name: default for name, (default, *_) in HYPERPARAMETERS.items()}
    if args.data == "digits":
        params |= DIGITS
    for name in HYPERPARAMETERS:
        if (given := getattr(args, name)) is not None:
            params[name] = tuple(given) if isinstance(given, list) else given
    if args.checkpoint is not None:
        # Workers elsewhere have working folders of their own.
        params["checkpoint_dir"] = os.path.abspath(os.path.expanduser(args.checkpoint))
    return params | {"random_state": args.random_state}


@contextlib.contextmanager
def _workers(args):
    """Let the trainings run where the user wants them."""
    import joblib

    if args.scheduler is not None:
        from skmnist.dask import DurableDaskBackend

        with (
            _cluster(args.scheduler) as client,
            joblib.parallel_config(backend=DurableDaskBackend(client=client)),
        ):
            yield
        return
    try:
        with joblib.parallel_config(backend="loky", initializer=begin_worker):
            yield
    except BrokenExecutor as error:
        raise ChildProcessError(
            "a worker process was killed, perhaps for want of memory: give fewer "
            "--n-jobs"
        ) from error


@contextlib.contextmanager
def _cluster(address):
    """Connect to a Dask scheduler."""
    from distributed import Client, KilledWorker

    try:
        client = Client(address)
    except Exception as error:  # which ones it raises is each protocol's choice
        raise ConnectionError(
            f"no Dask scheduler answers at {address}: {error}"
        ) from error
    with client:
        print(f"Watch the workers at {client.dashboard_link}", file=sys.stderr)
        try:
            yield client
        except (CancelledError, KilledWorker) as error:
            raise ConnectionError(
                f"the workers of {address} were lost: {error}"
            ) from error


def _bars_on_stderr(args):
    """Keep progress bars out of the standard output, which may go to a file."""
    if args.progress:
        return contextlib.redirect_stdout(sys.stderr)
    return contextlib.nullcontext()


def _do_all(*steps):
    """Do each step whatever becomes of the others, then raise what was raised."""
    with contextlib.ExitStack() as stack:
        for step in reversed(steps):
            stack.callback(step)


def _is_pickle(path):
    """Tell by its content, or at least by its name, a file that can run code."""
    try:
        with open_regular(path) as (stream, _):
            start = stream.read(9)
    except ValueError as error:
        raise ValueError(f"{path} cannot be opened as a model: {error}") from None
    if start.endswith(b"{"):  # the ninth byte of every safetensors file
        return False
    named = path.lower().endswith((".joblib", ".pkl", ".pickle"))
    return named or start.startswith(_PICKLES)


def _open_safely(path):
    from skmnist.persistence._model_file import load_model

    return load_model(path)


def _open_pickle(path):
    import joblib

    from skmnist.neural_network._classifier import MnistCNN  # noqa: F401  keeps TensorFlow silent

    try:
        model = joblib.load(path)
    except Exception as error:  # which ones a pickle raises is its author's choice
        raise ValueError(
            f"{path} cannot be opened as a pickle ({type(error).__name__}: {error})"
        ) from error
    if not hasattr(model, "predict"):
        raise ValueError(f"{path} holds no model but a {type(model).__name__}")
    return model


def _check_image_size(model, images, args):
    network = getattr(model, "best_estimator_", model)
    network = network[-1] if hasattr(network, "steps") else network
    expected = tuple(getattr(network, "image_shape_", images.image_shape))
    if expected != images.image_shape:
        seen, trained = (
            f"{height}x{width}" for height, width in (images.image_shape, expected)
        )
        raise ValueError(
            f"{args.data} holds images of {seen} pixels, but {args.model} was trained "
            f"on images of {trained}"
        )


def _write_submission(labels, path):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["ImageId", "Label"])
    writer.writerows(enumerate(labels.tolist(), 1))
    write_atomically(path, text.getvalue().encode())
