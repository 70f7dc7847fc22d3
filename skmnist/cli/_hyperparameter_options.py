"""Options for the hyperparameters, and the conversion of their values."""

import argparse
import os
import re
from collections import Counter
from numbers import Integral

from sklearn.utils._param_validation import Interval, StrOptions

from skmnist.neural_network._param_constraints import HYPERPARAMETERS
from skmnist.neural_network._recipes import RECIPES, VARIANTS

# There are few embedded digits: smaller batches make more steps per epoch, so that
# annealing does not stop the training too early.
DIGITS = {"epochs": 15, "batch_size": 16}
_LONGEST_NAME = 200  # bytes


def checked(kind, fits, words):
    """Return a function that converts a text, or raises an error with `words`."""

    def parse(text):
        try:
            value = kind(text)
            if fits(value):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not {words}")

    return parse


def within(constraint):
    """Return a function that converts a text to a value that a constraint allows."""
    whole = isinstance(constraint, Interval) and constraint.type is Integral
    kind = str if isinstance(constraint, StrOptions) else int if whole else float
    return checked(kind, constraint.is_satisfied_by, constraint)


_BOOLEAN = checked(
    lambda text: {"true": True, "false": False}.get(text.lower()),
    lambda value: value is not None,
    "true or false",
)


def _reader(each):
    """Return a function that converts a text to a value or entry of a parameter."""
    allowed = [each.entries] if isinstance(each.default, tuple) else each.constraints
    readers = [within(c) for c in allowed if isinstance(c, Interval | StrOptions)]
    if "boolean" in allowed:
        readers.append(_BOOLEAN)

    def read(text):
        problems = []
        for reader in readers:
            try:
                return reader(text)
            except argparse.ArgumentTypeError as problem:
                problems.append(str(problem).removeprefix(f"{text!r} is not "))
        words = " or ".join(problems) or "a value that the command line can give"
        raise argparse.ArgumentTypeError(f"{text!r} is not {words}")

    return read


def variant(text):
    """Return name and hyperparameters of ``NAME:param=value,...``.

    Spaces separate the entries of a tuple, as in ``wide:filters=64 128,epochs=10``. The
    name of a variant or a recipe stands for its settings, which the others override.
    """
    name, colon, settings = text.partition(":")
    name = name.strip()
    if not re.fullmatch(r"\w[\w .+-]*", name):
        raise argparse.ArgumentTypeError(
            f"{text!r} does not begin with a name: letters, digits and _, then also "
            "spaces and . + -"
        )
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise argparse.ArgumentTypeError(
            f"the name {name[:40]!r}... is too long: models are saved under it"
        )
    known = VARIANTS | RECIPES
    if not colon and name not in known:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one of {', '.join(known)}: write {name}:PARAM=VALUE,... "
            f"for others, and {name}: for the default settings"
        )
    own = [_setting(each) for each in map(str.strip, settings.split(",")) if each]
    for parameter, count in Counter(parameter for parameter, _ in own).items():
        if count > 1:
            raise argparse.ArgumentTypeError(
                f"{text!r} sets {parameter} {count} times: leave one of them"
            )
    return name, known.get(name, {}) | dict(own)


def _setting(text):
    name, _, value = map(str.strip, text.partition("="))
    each = HYPERPARAMETERS.get(name)
    if each is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} does not begin with one of {', '.join(HYPERPARAMETERS)} (spaces "
            "separate several numbers of one, as in 'filters=64 128')"
        )
    if value.lower() == "none" and None in each.constraints:
        return name, None
    read = _reader(each)
    several = isinstance(each.default, tuple)
    return name, tuple(map(read, value.split())) if several else read(value)


def listed(*groups):
    """Return the hyperparameters with options, of these groups or of all."""
    return {
        name: each
        for name, each in HYPERPARAMETERS.items()
        if each.group and (not groups or each.group in groups)
    }


def given_hyperparameters(args):
    """Return the hyperparameters that the arguments of a sub-command set."""
    params = {}
    if args.data == "digits" and hasattr(args, "epochs"):
        variants = [settings for _, settings in getattr(args, "variants", ())]
        params = {
            name: value
            for name, value in DIGITS.items()
            if not variants or not all(name in settings for settings in variants)
        }
    params |= RECIPES.get(getattr(args, "recipe", None), {})
    for name in HYPERPARAMETERS:
        if (given := getattr(args, name, None)) is not None:
            params[name] = tuple(given) if isinstance(given, list) else given
    if getattr(args, "checkpoint", None) is not None:
        # Workers on other machines have other working directories.
        params["checkpoint_dir"] = os.path.abspath(args.checkpoint)
    return params


def add_hyperparameters(parser, *groups):
    """Add an option for each hyperparameter of these groups, or of all."""
    for title in dict.fromkeys(each.group for each in listed(*groups).values()):
        group = parser.add_argument_group(title)
        for name, each in listed(title).items():
            _add_hyperparameter(group, f"--{name.replace('_', '-')}", name, each)


def _add_hyperparameter(group, option, name, each):
    # None for options that were not given.
    if "boolean" in each.constraints:
        group.add_argument(
            option, action=argparse.BooleanOptionalAction, help=each.help
        )
        return
    several = isinstance(each.default, tuple)
    shown = " ".join(map(str, each.default)) if several else each.default
    if name in DIGITS:
        shown = f"{shown}, for digits {DIGITS[name]}"
    group.add_argument(
        option,
        type=_reader(each),
        metavar=each.metavar,
        nargs="+" if several else None,
        help=each.help if shown is None else f"{each.help} (default: {shown})",
    )
