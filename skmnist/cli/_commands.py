"""The subcommands."""

import contextlib
import os
import sys
import tempfile
from concurrent.futures import BrokenExecutor, CancelledError
from functools import cache, partial
from time import perf_counter

import numpy as np

from skmnist.cli._console import begin_worker, say, track_steps
from skmnist.cli._draw import draw
from skmnist.cli._log_filter import start_keras
from skmnist.cli._predict import predict
from skmnist.datasets._load_images import load_tracked
from skmnist.io._atomic import write_atomically
from skmnist.neural_network._recipes import VARIANTS

# Keras, scikit-learn's model selection and matplotlib are imported in the functions, so
# that unreadable files raise an error before.

__all__ = ["compare", "draw", "predict", "show", "train"]


def compare(args):
    """Compare ways to train."""
    variants = _variants(args)
    images = _load_labelled(args)
    start_keras()
    from skmnist.cli import _report as report
    from skmnist.model_selection._compare_variants import compare_variants
    from skmnist.model_selection._html_report import draw_images

    with _workers(args):
        comparison = compare_variants(
            images.data,
            images.target,
            variants=variants,
            repeats=args.repeats,
            cv=args.cv,
            test_size=args.test_size,
            n_jobs=args.n_jobs,
            image_shape=images.image_shape,
            max_value=images.max_value,
            progress=args.progress,
            **args.params,
        )
    if args.reports:
        say(report.reports(comparison))
    if args.output is None:
        say(report.as_text(comparison))
        return
    args.written = f"the results are only in part in {args.output}"
    draw_once = cache(partial(draw_images, comparison))
    written = [
        partial(report.write_tables, comparison, args.output),
        partial(report.write_report, comparison, draw_once, args.output, args.typed),
        partial(report.write_models, comparison, args.output),
        partial(report.write_figures, draw_once, args.output),
    ]
    try:
        _run_all(track_steps("Writing", args.progress, written))
    except Exception:
        say(report.as_text(comparison))
        raise
    say(f"Tables, models and figures are in {args.output}.\n")
    say(report.as_text(comparison))


def _variants(args):
    from sklearn.svm import SVC

    named = [*(args.variants or VARIANTS.items())]
    if args.baseline:
        named.append(("support vector machine", SVC()))
    if len(dict(named)) < len(named):
        raise ValueError("--variants names the same variant twice: rename one")
    return dict(named)


def train(args):
    """Train one network and save it."""
    images = _load_labelled(args)
    start_keras()
    import joblib

    from skmnist.neural_network._pipeline import make_mnist_pipeline
    from skmnist.neural_network._progress import TrainingProgress
    from skmnist.neural_network._time_left import Work
    from skmnist.persistence._model_file import save_model

    params = args.params | ({"validation_fraction": None} if args.all_rows else {})
    pipeline = make_mnist_pipeline(
        image_shape=images.image_shape, max_value=images.max_value, **params
    )
    start = perf_counter()
    with TrainingProgress(
        {"network": Work(1)}, args.progress, pipeline["cnn"].early_stopping
    ) as progress:
        pipeline.set_callbacks(*progress.callbacks(["network"]))
        pipeline.fit(images.data, images.target)
    seconds = perf_counter() - start
    pipeline.set_callbacks()
    if args.output.lower().endswith(".joblib"):
        write_atomically(args.output, partial(joblib.dump, pipeline))
    else:
        save_model(pipeline, args.output)
    args.written = f"the model is in {args.output}"
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
        percent = f"{100 * accuracy:.2f}%"
        say(f"Validation accuracy: {percent}, on {n_validated:,} held-out images.")


def show(args):
    """Draw a grid of images."""
    images = _pick(_load(args), args.random_state)
    from skmnist.cli._report import save_figure
    from skmnist.plotting._image_grid import ImageGridDisplay

    if args.augment:
        start_keras()
        from skmnist.neural_network._pipeline import make_mnist_pipeline

        pipeline = make_mnist_pipeline(
            image_shape=images.image_shape,
            max_value=images.max_value,
            **args.params,
        )
        draw = partial(
            ImageGridDisplay.from_augmentation, pipeline, random_state=args.random_state
        )
    else:
        draw = partial(ImageGridDisplay.from_images, image_shape=images.image_shape)
    save_figure(partial(draw, images.data, images.target), args.output)
    say(f"{args.output} shows {len(images.data)} images.")


def _load(args):
    images = load_tracked(args.data, args.label_column, args.subset)
    if getattr(args, "max_value", None) is not None:
        images.max_value = args.max_value
    return images


def _load_labelled(args):
    images = _load(args)
    if images.target is None:
        height, width = images.image_shape
        raise ValueError(
            f"{args.data} holds images of {height}x{width} pixels without labels: give "
            f"a table with a column {args.label_column!r}, or pictures in a folder for "
            "each class"
        )
    return images


def _pick(images, seed, n_picked=25):
    """Pick random images, since many files are sorted by label."""
    rng = np.random.default_rng(seed)
    n_images = len(images.data)
    rows = np.sort(rng.choice(n_images, min(n_images, n_picked), replace=False))
    target = None if images.target is None else images.target[rows]
    return type(images)(**images | {"data": images.data[rows], "target": target})


@contextlib.contextmanager
def _workers(args):
    """Run the fits on Dask if the user wants it."""
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
        with (
            _warnings_of_workers(args.progress) as path,
            joblib.parallel_config("loky", initializer=partial(begin_worker, path)),
        ):
            yield
    except BrokenExecutor as error:
        raise ChildProcessError(
            "a worker process was killed, perhaps for lack of memory: give fewer "
            "--n-jobs"
        ) from error


@contextlib.contextmanager
def _warnings_of_workers(are_kept):
    """Yield a file for the warnings of workers, and show them in the end, or None."""
    if not are_kept:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="skmnist-") as folder:
        path = os.path.join(folder, "warnings")
        try:
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError), open(path) as file:
                sys.stderr.write("".join(dict.fromkeys(file)))


@contextlib.contextmanager
def _cluster(address):
    """Connect to a Dask scheduler."""
    from distributed import Client, KilledWorker

    try:
        client = Client(address)
    except Exception as error:  # depends on the protocol
        raise ConnectionError(
            f"no Dask scheduler responds at {address}: {error}"
        ) from error
    with client:
        print(f"Watch the workers at {client.dashboard_link}", file=sys.stderr)
        try:
            yield client
        except (CancelledError, KilledWorker) as error:
            raise ConnectionError(
                f"the workers of {address} were lost: {error}"
            ) from error


def _run_all(steps):
    """Run all steps even if some fail, then raise the first error."""
    errors = []
    for step in steps:
        try:
            step()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
