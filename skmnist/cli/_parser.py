"""The subcommands and their options."""

import argparse
import os
from numbers import Integral

from sklearn.utils._param_validation import Interval

from skmnist import __version__
from skmnist._utils import POSITIVE_FLOAT
from skmnist.cli._console import printable
from skmnist.cli._hyperparameter_options import (
    add_hyperparameters,
    checked,
    variant,
    within,
)
from skmnist.neural_network._param_constraints import SCHEDULES
from skmnist.neural_network._recipes import RECIPES


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are a single line."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message):
        # Arguments may hold line breaks.
        shown = printable(message)
        self.exit(2, f"skmnist: error: {shown} (try {self.prog} --help)\n")


def _ending(*suffixes):
    def fits(path):
        return path.lower().endswith(suffixes)

    *others, last = suffixes
    words = f"a file name ending in {', '.join(others)} or {last}"
    return checked(str, fits, words)


def _whole_or_real(text):
    return int(text) if text.isdigit() else float(text)


_SEED = within(Interval(Integral, 0, 2**32 - 1, closed="both"))
_POSITIVE_INT = within(Interval(Integral, 1, None, closed="left"))
_JOBS = checked(int, lambda n: n != 0, "a whole number other than 0")
_TEST_SIZE = checked(
    _whole_or_real,
    lambda size: 0 < size < 1 or (size >= 1 and isinstance(size, int)),
    "a fraction between 0 and 1 or a whole number of rows",
)
_CV = checked(
    lambda text: text if text == "holdout" else int(text),
    lambda cv: cv == "holdout" or cv >= 2,
    "'holdout' or a whole number of at least 2",
)
_NOT_EMPTY = checked(str, bool, "a name")
# Names of files that may be models; those of the first kind can run code.
PICKLED = (".joblib", ".pkl", ".pickle")
MODELS = (".safetensors", *PICKLED)
# Of a CSV file, as pandas names them.
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip"}


def _is_csv(path):
    """Return whether a name suits a CSV file; models named by mistake are kept."""
    root, ending = os.path.splitext(path.lower())
    if ending in COMPRESSIONS:
        ending = os.path.splitext(root)[1]
    return path and ending in ("", ".csv", ".txt")


def make_parser():
    """Return the parser of the command and its subcommands."""
    parser = _Parser(
        prog="skmnist",
        description="Train a convolutional network on images of handwritten digits, "
        "and find out which way to train it is best.",
        epilog="skmnist COMMAND --help lists the options of a command.",
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}"
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    _add_compare(commands)
    _add_train(commands)
    _add_predict(commands)
    _add_show(commands)
    _add_draw(commands)
    return parser


def _add_command(commands, name, summary, description):
    return commands.add_parser(
        name, help=summary, description=f"{summary.capitalize()}. {description}"
    )


def _add_compare(commands):
    parser = _add_command(
        commands,
        "compare",
        "compare ways to train",
        "The network is trained plain, with learning-rate annealing, and with "
        "annealing and augmentation, or as --variants says. Prints the accuracies, and "
        "whether the differences could be chance.",
    )
    _add_data(parser)
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--variants",
        type=variant,
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME:PARAM=VALUE,...",
        help="the variants to compare: hyperparameters of the network, such as "
        "'wide:filters=64 128,epochs=10'; the name of one of the three ways or of a "
        "recipe (fast, accurate) stands for its settings",
    )
    group.add_argument(
        "--baseline",
        action="store_true",
        help="also compare with a support vector machine (scikit-learn's SVC)",
    )
    group.add_argument(
        "--repeats",
        type=_POSITIVE_INT,
        default=1,
        metavar="N",
        help="repeat everything with other splits and seeds (default: %(default)s)",
    )
    group.add_argument(
        "--cv",
        type=_CV,
        default=3,
        metavar="N|holdout",
        help="folds of the cross-validation, or holdout: train each way once, on 60%% "
        "of the rows, and validate on 20%% (default: %(default)s)",
    )
    group.add_argument(
        "--test-size",
        type=_TEST_SIZE,
        default=0.2,
        metavar="SIZE",
        help="fraction or number of rows for the test (default: %(default)s)",
    )
    group.add_argument(
        "--n-jobs",
        type=_JOBS,
        metavar="N",
        help="fits that run at once, -1 for one per core (default: 1)",
    )
    group.add_argument(
        "--scheduler",
        type=_NOT_EMPTY,
        metavar="ADDRESS",
        help="train on the workers of this Dask scheduler, such as tcp://host:8786",
    )
    _add_run(parser)
    parser.add_argument(
        "--output",
        type=_NOT_EMPTY,
        metavar="DIR",
        help="write report.html, tables, models and figures to this folder",
    )
    parser.add_argument(
        "--reports",
        action="store_true",
        help="also print precision and recall of each class",
    )
    add_hyperparameters(parser)


def _add_train(commands):
    parser = _add_command(
        commands,
        "train",
        "train a network and save it",
        "Part of the rows is held out to measure the accuracy, except with --all-rows.",
    )
    _add_data(parser)
    group = parser.add_argument_group("way of training")
    group.add_argument(
        "--recipe",
        choices=RECIPES,
        help="hyperparameters that go together, for images like MNIST's; other "
        "options override it. accurate holds nothing out without "
        "--validation-fraction",
    )
    group.add_argument(
        "--anneal",
        nargs="?",
        const="plateau",
        choices=SCHEDULES,
        help="plateau: lower the learning rate when the validation loss stops "
        "falling; one_cycle: one warm-up and one decay, for few epochs (default: "
        "neither; --anneal alone is plateau)",
    )
    group.add_argument(
        "--no-anneal",
        dest="anneal",
        action="store_const",
        const=False,
        help="keep the learning rate of a --recipe constant",
    )
    group.add_argument(
        "--augment",
        action=argparse.BooleanOptionalAction,
        help="transform the training images at random at every epoch",
    )
    group.add_argument(
        "--all-rows",
        action="store_true",
        help="train on all rows, for a final model: first train without this option to "
        "measure the accuracy",
    )
    _add_run(parser)
    parser.add_argument(
        "--output",
        type=_ending(".safetensors", ".joblib"),
        required=True,
        metavar="MODEL",
        help="file to write: .safetensors, which is safe to open, or .joblib",
    )
    add_hyperparameters(parser)


def _add_predict(commands):
    parser = _add_command(
        commands,
        "predict",
        "label images with a saved network",
        "Prints a line for each image: its name, the label, its probability and the "
        "runner-up. With --output, writes a CSV file with the columns ImageId and "
        "Label instead; ImageId is the name of a picture or the id in a table, and "
        "otherwise counts from 1.",
    )
    parser.add_argument(
        "data",
        nargs="+",
        type=_NOT_EMPTY,
        metavar="IMAGES",
        help="pictures, folders of them, test.csv, or anything else that --data of "
        "train takes; labels in them are compared with the predictions",
    )
    parser.add_argument(
        "--model",
        type=_NOT_EMPTY,
        metavar="MODEL",
        help="file that train wrote, which may also come before IMAGES (default: a "
        "pretrained network for digits of 28x28 pixels)",
    )
    _add_source_details(parser, subset="all")
    parser.add_argument(
        "--output",
        type=checked(
            str, _is_csv, "a name for a CSV file, such as labels.csv or labels.csv.gz"
        ),
        metavar="CSV",
        help="file to write, such as submission.csv; compressed if the name ends in "
        ".gz, .bz2, .xz or .zip",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="also open .joblib files, which can run any code: use only your own",
    )
    _add_no_progress(parser)


def _add_show(commands):
    parser = _add_command(
        commands,
        "show",
        "draw a grid of 5 x 5 images",
        "The images are picked at random.",
    )
    _add_data(parser)
    parser.add_argument(
        "--augment",
        action="store_true",
        help="transform them as train does with --augment",
    )
    _add_seed(parser)
    parser.add_argument(
        "--output",
        type=_ending(".png", ".jpg", ".svg", ".pdf"),
        required=True,
        metavar="PICTURE",
        help="file to write: .png, .jpg, .svg or .pdf",
    )
    add_hyperparameters(parser, "augmentation")


def _add_draw(commands):
    parser = _add_command(
        commands,
        "draw",
        "read digits that are drawn in the browser",
        "Serves a page to this machine only. At the end of each stroke it shows the "
        "drawing as the network sees it, and the probabilities. Needs the extra app.",
    )
    parser.add_argument(
        "--model",
        type=_NOT_EMPTY,
        metavar="MODEL",
        help=".safetensors file that train wrote (default: a pretrained network for "
        "digits)",
    )
    parser.add_argument(
        "--port",
        type=within(Interval(Integral, 0, 65535, closed="both")),
        default=7860,
        metavar="N",
        help="port of the page, 0 for one that is free (default: %(default)s)",
    )
    parser.set_defaults(data=[], output=None)


def _add_data(parser):
    parser.add_argument(
        "--data",
        type=_NOT_EMPTY,
        default="digits",
        metavar="digits|mnist|PATH",
        help="digits: the 1,797 that scikit-learn ships; mnist: 70,000 from OpenML; or "
        "a CSV file in Kaggle's layout, a folder with a subfolder of pictures for each "
        "class, an mnist.npz, idx files, Parquet, or a zip file of these "
        "(default: %(default)s)",
    )
    _add_source_details(parser)
    parser.add_argument(
        "--max-value",
        type=within(POSITIVE_FLOAT),
        metavar="N",
        help="largest value that a pixel can have (default: 16 for digits, else 255)",
    )


def _add_source_details(parser, subset="train"):
    parser.add_argument(
        "--label-column",
        default="label",
        metavar="NAME",
        help="column of a CSV file that holds the labels (default: %(default)s)",
    )
    parser.add_argument(
        "--subset",
        choices=["train", "test", "all"],
        default=subset,
        help="which rows of a source with training and test parts "
        "(default: %(default)s)",
    )


def _add_run(parser):
    _add_seed(parser)
    parser.add_argument(
        "--checkpoint",
        type=_NOT_EMPTY,
        metavar="DIR",
        help="save every epoch in this folder, so that the same command resumes "
        "after an interruption",
    )
    _add_no_progress(parser)


def _add_no_progress(parser):
    parser.add_argument(
        "--no-progress", action="store_true", help="do not show progress"
    )


def _add_seed(parser):
    parser.add_argument(
        "--random-state",
        type=_SEED,
        default=0,
        metavar="SEED",
        help="the same seed gives the same result (default: %(default)s)",
    )
