"""The entry point of the command ``skmnist``, and its error handling.

The parser and the commands are imported late, so that Ctrl-C and errors end in one line
whenever they come.
"""

import contextlib
import os
import shlex
import signal
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


def main(argv=None):
    """Run the command with these arguments, or those of the process.

    Returns 0 after success, 2 after an error, 130 after Ctrl-C and 143 after SIGTERM.
    One line on the standard error stream says what happened.
    """
    try:
        with one_line_warnings(), _stopped_by_signals():
            return _run(argv)
    except SystemExit as stop:  # the parser's
        return stop.code
    except KeyboardInterrupt as stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressed twice
        words = "terminated" if stop.args else "interrupted"
        notes = getattr(stop, "__notes__", ())
        return end("; ".join([words, *notes]), 143 if stop.args else 130)
    except MemoryError:
        return end("error: not enough memory", 2)
    except (ValueError, OSError, ImportError) as error:
        if not is_sentence(error):
            raise
        return end(f"error: {describe(error)}", 2)
    finally:
        flush_output()


@contextlib.contextmanager
def _stopped_by_signals():
    """Let SIGTERM end the command as Ctrl-C does, new and empty folders removed.

    Python drops an exception that is raised while it frees an object, and with it now
    and then a Ctrl-C: it is raised again until the command ends.
    """
    received = set()

    def interruption():
        return KeyboardInterrupt(*received & {signal.SIGTERM})

    def stop(signum, frame):
        received.update({signum} - {signal.SIGALRM})
        signal.alarm(10)
        raise interruption()

    before = {
        each: signal.signal(each, stop)
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
        # A shell lets what it starts in the background ignore Ctrl-C.
        if signal.getsignal(each) is not signal.SIG_IGN
    }
    try:
        yield
    except Exception as error:
        # Libraries that are being imported turn it into other errors.
        if received:
            raise interruption() from error
        raise
    finally:
        signal.alarm(0)
        for each, handler in before.items():
            signal.signal(each, handler)


def _run(argv):
    # The command draws to files, but a notebook may have set another back end.
    os.environ["MPLBACKEND"] = "agg"
    from skmnist.cli._parser import make_parser

    parser = make_parser()
    args, others = parser.parse_known_args(argv)
    # argparse does not take up a list again after an option.
    if args.command == "predict" and not any(each.startswith("-") for each in others):
        args.data += others
    elif others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    args.typed = shlex.join(["skmnist", *(sys.argv[1:] if argv is None else argv)])
    for name in ("output", "model", "checkpoint"):
        if getattr(args, name, None):
            setattr(args, name, os.path.expanduser(getattr(args, name)))
    if hasattr(args, "rotation_range"):
        _check_hyperparameters(parser, args)
    if args.command == "predict":
        from skmnist.cli._predict import take_model

        take_model(args)
    args.progress = _shows_progress(args)
    _check_inputs(args)
    with _prepare_outputs(args):
        args.kept_before = _kept_in(getattr(args, "checkpoint", None))
        from skmnist.cli import _commands

        try:
            getattr(_commands, args.command)(args)
        except KeyboardInterrupt as stop:
            # In place of those for callers in Python.
            stop.__notes__ = list(_what_is_left(args))
            raise
    return 0


def _what_is_left(args):
    """Yield what an interrupted command has written, and how to resume it."""
    written = getattr(args, "written", None)
    if written:
        yield written
    if args.command == "compare" or (args.command == "train" and not written):
        yield _how_to_resume(args, written)
    elif args.command == "predict" and args.output:
        yield f"{args.output} was not written"


def _shows_progress(args):
    """Return whether to show progress: on terminals, for processes on this machine."""
    elsewhere = getattr(args, "scheduler", None)
    if elsewhere or getattr(args, "no_progress", True):
        return False
    return sys.stderr is not None and sys.stderr.isatty()


def _check_hyperparameters(parser, args):
    from skmnist.cli._hyperparameter_options import given_hyperparameters
    from skmnist.neural_network._param_constraints import HYPERPARAMETERS, check_params

    if getattr(args, "all_rows", False) and args.validation_fraction is not None:
        parser.error("--all-rows holds nothing out: leave --validation-fraction out")
    args.params = given_hyperparameters(args)
    check_params({k: each.default for k, each in HYPERPARAMETERS.items()} | args.params)


def _how_to_resume(args, written):
    folder = args.checkpoint
    if folder is None:
        return "nothing was saved. " * (not written) + (
            "With --checkpoint DIR, the same command resumes after the last finished "
            "epoch"
        )
    kept = _kept_in(folder)
    if not kept:
        return f"no epoch was finished, and nothing was saved in {folder}"
    if kept == args.kept_before:
        return f"no further epoch was finished, and nothing was added to {folder}"
    return f"the same command resumes after the last finished epoch, from {folder}"


def _kept_in(folder):
    """Return when each file with finished epochs or fits in a folder was written."""
    if folder is None:
        return {}
    kept = {}
    for name in os.listdir(folder):
        if name.endswith((".safetensors", ".joblib")):
            with contextlib.suppress(FileNotFoundError):  # temporary
                kept[name] = os.stat(os.path.join(folder, name)).st_mtime_ns
    return kept


def _check_inputs(args):
    """Check that the files to read exist, before anything slow is imported."""
    named = [args.data] if isinstance(args.data, str) else args.data
    paths = [os.path.expanduser(p) for p in named if p not in ("digits", "mnist")]
    if getattr(args, "model", None):
        paths.insert(0, args.model)
    for path in paths:
        if not os.path.exists(path):
            raise FileNotFoundError(f"no file or folder {path!r} was found")
        label_column = getattr(args, "label_column", "label")
        if args.output and _would_replace(args.output, path, label_column):
            raise ValueError(
                f"--output {args.output} would replace what is read: give another name"
            )
    if getattr(args, "scheduler", None) and not find_spec("distributed"):
        raise ValueError('--scheduler needs Dask: pip install "skmnist[dask]"')
    if args.command == "draw" and not find_spec("gradio"):
        raise ValueError('draw needs Gradio: pip install "skmnist[app]"')


def _would_replace(output, path, label_column):
    output = os.path.realpath(output)  # where it will be written
    if not os.path.isfile(output):
        return False
    if os.path.samefile(output, path):
        return True
    from skmnist.datasets._load_images import is_read

    return is_read(output, path, label_column)


@contextlib.contextmanager
def _prepare_outputs(args):
    """Check that the results can be written, and remove new folders on failure."""
    folders = [getattr(args, "checkpoint", None)]
    if args.command == "compare" and args.output is not None:
        folders += [os.path.join(args.output, p) for p in ("", "figures", "models")]
    elif args.output is not None:
        _check_replaceable(args.output)
        _try_to_write(os.path.dirname(os.path.realpath(args.output)))
    made = []
    try:
        for folder in filter(None, folders):
            _make_folder(folder, made)
            _try_to_write(folder)
        yield
    except BaseException:
        for folder in reversed(made):
            with contextlib.suppress(OSError):  # not empty
                os.rmdir(folder)
        raise


def _check_replaceable(path):
    """Check that the path of an output file is valid."""
    try:
        # What /dev/stdout was redirected to would be replaced, not written to.
        is_file = stat.S_ISREG(os.stat(path).st_mode) and path[:5] != "/dev/"
    except FileNotFoundError:
        return
    except OSError as error:
        raise OSError(f"cannot write {path!r}: {error.strerror}") from None
    if not is_file:
        raise OSError(f"{path!r} exists, and is not a file that can be replaced")


def _make_folder(folder, made):
    """Make a folder and its parents, and append the new ones to `made`."""
    above = os.path.dirname(os.path.abspath(folder))
    if not os.path.isdir(above):
        _make_folder(above, made)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise OSError(f"{folder!r} is not a folder") from None
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
