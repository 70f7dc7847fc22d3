"""What the command takes: its sub-commands, their options and the bounds of these.

Help and wrong arguments must not cost the seconds that Keras takes to import, so the
hyperparameters of `MnistCNN` are listed here once more, with their defaults.
"""

import argparse
import math

from skmnist import __version__

__all__ = [
    "AUGMENTATION",
    "COMPARE_FILES",
    "DIGITS",
    "HYPERPARAMETERS",
    "SCHEDULES",
    "make_parser",
]

# What `compare` leaves in its folder, as `_report.py` writes it.
COMPARE_FILES = (
    *("comparison.csv", "history.csv", "reports.txt", "significance.csv"),
    *("model.safetensors", "figures/accuracy.png", "figures/augmented_digits.png"),
    *("figures/batch_loss.png", "figures/confusion_matrix.png", "figures/digits.png"),
    *("figures/learning_rate.png", "figures/training_curves.png"),
    *("figures/worst_mistakes.png", "models/annealed.safetensors"),
    *("models/annealed_augmented.safetensors", "models/plain.safetensors"),
)
# The names in `_schedules.py`.
SCHEDULES = ("plateau", "one_cycle")


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message):
        # Arguments may hold what breaks lines.
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
        self.exit(2, f"skmnist: error: {shown} (try {self.prog} --help)\n")


def _checked(kind, fits, words):
    """Make a function that turns a text into a value, or says what it should be."""

    def parse(text):
        try:
            value = kind(text)
            if fits(value):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not {words}")

    return parse


def _ending(*suffixes):
    def fits(path):
        return path.lower().endswith(suffixes)

    *others, last = suffixes
    words = f"a file name ending in {', '.join(others)} or {last}"
    return _checked(str, fits, words)


def _whole_or_real(text):
    return int(text) if text.isdigit() else float(text)


_POSITIVE_INT = _checked(
    int, lambda n: 1 <= n < 2**31, f"a whole number from 1 to {2**31 - 1}"
)
_KERNEL_SIDE = _checked(int, lambda n: 1 <= n <= 255, "a whole number from 1 to 255")
_COUNT = _checked(int, lambda n: 0 <= n <= 10_000, "a whole number from 0 to 10000")
_POSITIVE = _checked(float, lambda x: 0 < x < math.inf, "a number above 0")
_NOT_NEGATIVE = _checked(float, lambda x: 0 <= x < math.inf, "a number of at least 0")
_INSIDE = _checked(float, lambda x: 0 < x < 1, "a number between 0 and 1")
_BELOW_ONE = _checked(float, lambda x: 0 <= x < 1, "a number from 0 up to, but not, 1")
_FRACTION = _checked(float, lambda x: 0 <= x <= 1, "a number from 0 to 1")
_ANGLE = _checked(float, lambda x: 0 <= x <= 180, "a number from 0 to 180")
_SEED = _checked(int, lambda n: 0 <= n < 2**32, "a whole number from 0 to 4294967295")
_JOBS = _checked(int, lambda n: n != 0, "a whole number other than 0")
_TEST_SIZE = _checked(
    _whole_or_real,
    lambda size: 0 < size < 1 or (size >= 1 and isinstance(size, int)),
    "a fraction between 0 and 1 or a whole number of rows",
)
_CV = _checked(
    lambda text: text if text == "holdout" else int(text),
    lambda cv: cv == "holdout" or cv >= 2,
    "'holdout' or a whole number of at least 2",
)
_BALANCED = _checked(str, lambda text: text == "balanced", "'balanced'")
_NOT_EMPTY = _checked(str, bool, "a name")

# Each hyperparameter: its default, how its text is read, the name of the value in the
# help (a list for several values), what it means.
AUGMENTATION = {
    "rotation_range": (10.0, _ANGLE, "DEGREES", "largest rotation to either side"),
    "zoom_range": (0.05, _BELOW_ONE, "FRACTION", "largest zoom along each axis"),
    "shift_range": (0.05, _FRACTION, "FRACTION", "largest shift, of each side"),
}
_TRAINING = {
    "epochs": (30, _POSITIVE_INT, "N", "passes over the training rows"),
    "batch_size": (42, _POSITIVE_INT, "N", "images in one step of training"),
    "learning_rate": (0.001, _POSITIVE, "RATE", "first rate (one_cycle: highest)"),
    "anneal_factor": (0.3, _INSIDE, "FACTOR", "what annealing multiplies the rate by"),
    "anneal_patience": (2, _POSITIVE_INT, "N", "epochs without progress before that"),
    "min_learning_rate": (1e-5, _NOT_NEGATIVE, "RATE", "where annealing stops"),
    "validation_fraction": (0.1, _INSIDE, "FRACTION", "part of the rows to hold out"),
    "class_weight": (None, _BALANCED, "balanced", "let all classes weigh the same"),
}  # fmt: skip
_NETWORK = {
    "filters": ((32, 64), _POSITIVE_INT, ["N"], "filters of each block"),
    "kernel_sizes": ((5, 3), _KERNEL_SIDE, ["N"], "side of their kernels, in pixels"),
    "dense_units": (384, _POSITIVE_INT, "N", "units of the dense layer"),
    "dropout": ((0.4, 0.5, 0.5), _BELOW_ONE, ["FRACTION"],
                "after each block and after the dense layer"),
    "tta_copies": (0, _COUNT, "N", "transformed copies to average predictions over"),
}  # fmt: skip
HYPERPARAMETERS = _TRAINING | AUGMENTATION | _NETWORK
# The embedded digits are few: with smaller steps, and more of them in an epoch, the
# annealing does not end before the network has learnt them.
DIGITS = {"epochs": 15, "batch_size": 16}


def make_parser():
    """Make the parser of the command and its sub-commands."""
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
    return parser


def _add_command(commands, name, summary, description):
    return commands.add_parser(
        name, help=summary, description=f"{summary.capitalize()}. {description}"
    )


def _add_compare(commands):
    parser = _add_command(
        commands,
        "compare",
        "compare three ways to train",
        "The network is trained plain, with learning-rate annealing, and with "
        "annealing and augmentation. Printed are the accuracies, a report for each "
        "class, and whether the differences could be chance.",
    )
    _add_data(parser)
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--cv",
        type=_CV,
        default=3,
        metavar="N|holdout",
        help="folds of the cross-validation, or holdout: train each way once, on 60 "
        "percent of the rows, and validate on 20 percent (default: %(default)s)",
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
        help="trainings that run at once, -1 for one a core (default: 1)",
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
        help="leave tables, reports, models and figures in this folder",
    )
    _add_hyperparameters(parser)


def _add_train(commands):
    parser = _add_command(
        commands,
        "train",
        "train a network and save it",
        "Part of the rows is held out to tell the accuracy, but with --all-rows.",
    )
    _add_data(parser)
    group = parser.add_argument_group("way of training")
    group.add_argument(
        "--anneal",
        nargs="?",
        const="plateau",
        default=False,
        choices=SCHEDULES,
        help="plateau: lower the learning rate when the validation loss stops to "
        "fall; one_cycle: one warm-up and one decay, for few epochs (default: neither; "
        "--anneal alone is plateau)",
    )
    group.add_argument(
        "--augment",
        action="store_true",
        help="transform the training images at random at every epoch",
    )
    group.add_argument(
        "--all-rows",
        action="store_true",
        help="hold nothing out, for a model that is to be used: train it without this "
        "first, to know its accuracy",
    )
    _add_run(parser)
    parser.add_argument(
        "--output",
        type=_ending(".safetensors", ".joblib"),
        required=True,
        metavar="MODEL",
        help="file to write: .safetensors, which is safe to open, or .joblib",
    )
    _add_hyperparameters(parser)


def _add_predict(commands):
    parser = _add_command(
        commands,
        "predict",
        "label images with a saved network",
        "Writes a CSV file with the columns ImageId, counted from 1, and Label.",
    )
    parser.add_argument(
        "model", type=_NOT_EMPTY, metavar="MODEL", help="file that train wrote"
    )
    parser.add_argument(
        "data",
        type=_NOT_EMPTY,
        metavar="IMAGES",
        help="test.csv or anything else that --data of train takes; if it has labels, "
        "they are compared with the predictions",
    )
    _add_source_details(parser, subset="all")
    parser.add_argument(
        "--output",
        type=_NOT_EMPTY,
        required=True,
        metavar="CSV",
        help="file to write, such as submission.csv",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a .joblib file, too, which can run any code: only one of your own",
    )


def _add_show(commands):
    parser = _add_command(
        commands,
        "show",
        "draw a sheet of 5 x 5 images",
        "The images are picked at random.",
    )
    _add_data(parser)
    parser.add_argument(
        "--augment",
        action="store_true",
        help="show them as the network sees them in training with --augment",
    )
    _add_seed(parser)
    parser.add_argument(
        "--output",
        type=_ending(".png", ".jpg", ".svg", ".pdf"),
        required=True,
        metavar="PICTURE",
        help="file to write: .png, .jpg, .svg or .pdf",
    )
    _add_group(parser, "augmentation", AUGMENTATION)


def _add_data(parser):
    parser.add_argument(
        "--data",
        type=_NOT_EMPTY,
        default="digits",
        metavar="digits|mnist|PATH",
        help="digits: the 1,797 that scikit-learn ships; mnist: 70,000 from OpenML; or "
        "a train.csv as Kaggle lays it out, plain or compressed, an mnist.npz or a "
        "folder of idx files (default: %(default)s)",
    )
    _add_source_details(parser)
    parser.add_argument(
        "--max-value",
        type=_POSITIVE,
        metavar="N",
        help="value of a full pixel (default: 16 for digits, otherwise 255)",
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
        help="part of mnist, of an npz file or of an idx folder (default: %(default)s)",
    )


def _add_run(parser):
    _add_seed(parser)
    parser.add_argument(
        "--checkpoint",
        type=_NOT_EMPTY,
        metavar="DIR",
        help="keep in this folder what is needed to go on after an interruption",
    )
    parser.add_argument(
        "--no-progress", action="store_true", help="show no progress bars"
    )


def _add_seed(parser):
    parser.add_argument(
        "--random-state",
        type=_SEED,
        default=0,
        metavar="SEED",
        help="the same seed gives the same outcome (default: %(default)s)",
    )


def _add_hyperparameters(parser):
    _add_group(parser, "training", _TRAINING)
    _add_group(parser, "augmentation", AUGMENTATION)
    _add_group(parser, "network", _NETWORK)


def _add_group(parser, title, options):
    group = parser.add_argument_group(title)
    for name, (default, parse, metavar, meaning) in options.items():
        several = isinstance(metavar, list)
        shown = " ".join(map(str, default)) if several else default
        if name in DIGITS:
            shown, default = f"{default}, for digits {DIGITS[name]}", None
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=parse,
            default=default,
            metavar=metavar[0] if several else metavar,
            nargs="+" if several else None,
            help=meaning if shown is None else f"{meaning} (default: {shown})",
        )
