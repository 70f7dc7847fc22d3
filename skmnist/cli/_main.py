"""The command ``skmnist``: its way in, and its way out when something is wrong."""

import contextlib
import os
import stat
import sys
import tempfile
from importlib.util import find_spec

from skmnist.cli._console import (
    describe,
    end,
    flush_output,
    is_sentence,
    one_line_warnings,
)
from skmnist.cli._parser import COMPARE_FILES, HYPERPARAMETERS, make_parser

__all__ = ["main"]


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    status : int
        0 after success, 2 after an error, of which one line on the standard error
        stream speaks, 130 after an interruption.
    """
    try:
        with one_line_warnings():
            return _run(argv)
    except SystemExit as stop:  # the parser's
        return stop.code
    except KeyboardInterrupt:
        return end("interrupted", 130)
    except MemoryError:
        return end("error: there is not enough memory for this", 2)
    except (ValueError, OSError) as error:
        if not is_sentence(error):
            raise
        return end(f"error: {describe(error)}", 2)
    finally:
        flush_output()


def _run(argv):
    parser = make_parser()
    args = parser.parse_args(argv)
    _check_together(parser, args)
    for name in ("output", "model", "checkpoint"):
        if getattr(args, name, None):
            setattr(args, name, os.path.expanduser(getattr(args, name)))
    args.progress = _shows_progress(args)
    _check_inputs(args)
    with _prepare_outputs(args):
        from skmnist.cli import _commands

        getattr(_commands, args.command)(args)
    return 0


def _check_together(parser, args):
    """Check that options fit together which are sound by themselves."""
    if not hasattr(args, "filters"):
        return
    default, *_ = HYPERPARAMETERS["validation_fraction"]
    if getattr(args, "all_rows", False) and args.validation_fraction != default:
        parser.error("--all-rows holds nothing out: leave --validation-fraction out")
    n_blocks = len(args.filters)
    if len(args.kernel_sizes) != n_blocks or len(args.dropout) != n_blocks + 1:
        parser.error(
            f"--filters has {n_blocks} values, --kernel-sizes {len(args.kernel_sizes)} "
            f"and --dropout {len(args.dropout)}: the first two need the same number, "
            "--dropout one more"
        )


def _shows_progress(args):
    """Progress is for people, and comes from processes of this machine."""
    wanted = not getattr(args, "no_progress", True) and not getattr(
        args, "scheduler", None
    )
    return wanted and sys.stderr is not None and sys.stderr.isatty()


def _check_inputs(args):
    """Check that the files to read exist, before anything slow is imported."""
    sources = [args.data] if args.data not in ("digits", "mnist") else []
    if args.command == "predict":
        sources.insert(0, args.model)
    for source in sources:
        if not os.path.exists(os.path.expanduser(source)):
            raise FileNotFoundError(f"there is no file or folder {source!r}")
    if getattr(args, "scheduler", None) and not find_spec("distributed"):
        raise ValueError('--scheduler needs Dask: pip install "skmnist[dask]"')


@contextlib.contextmanager
def _prepare_outputs(args):
    """Check that the results can be written, and take new folders back on failure."""
    folders = []
    if getattr(args, "checkpoint", None):
        folders.append(os.path.expanduser(args.checkpoint))
    files = []
    if args.command == "compare":
        if args.output is not None:
            parts = ("", "figures", "models")
            folders += [os.path.join(args.output, part) for part in parts]
            files = [os.path.join(args.output, name) for name in COMPARE_FILES]
    else:
        _check_replaceable(args.output)
        _try_to_write(os.path.dirname(os.path.realpath(args.output)))
    made = []
    try:
        for folder in folders:
            _make_folder(folder, made)
            _try_to_write(folder)
        for file in files:
            _check_replaceable(file)
        yield
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # what is not empty stays
                os.rmdir(folder)
        raise


def _check_replaceable(path):
    """Refuse what is no file, and names that the system does not take."""
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OSError(f"cannot write {path!r}: {error.strerror}") from None
    if not is_file:
        raise OSError(f"{path!r} exists, and is no file that can be replaced")


def _make_folder(folder, made):
    """Make a folder and those above it, and note in `made` which were missing."""
    above = os.path.dirname(os.path.abspath(folder))
    if not os.path.isdir(above):
        _make_folder(above, made)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise OSError(f"{folder!r} is no folder") from None
    except OSError as error:
        raise OSError(f"cannot make the folder {folder!r}: {error.strerror}") from None
    else:
        made.append(folder)


def _try_to_write(folder):
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".skmnist-"):
            pass
    except OSError as error:
        raise OSError(
            f"cannot write into the folder {folder!r}: {error.strerror}"
        ) from None
