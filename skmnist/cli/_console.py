"""How the command speaks: one line for an error, one for a warning."""

import contextlib
import os
import signal
import sys
import traceback
import warnings

__all__ = ["begin_worker", "describe", "end", "is_sentence", "one_line_warnings", "say"]

# ValueErrors of these packages are sentences for the user; those of others are bugs.
_SPEAKERS = ("skmnist", "sklearn", "joblib")


def say(text):
    """Print a text; a reader who has closed the pipe is not an error."""
    # Labels and file names may hold what the terminal cannot show.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with _readers_may_leave():
        print(text.encode(encoding, "backslashreplace").decode(encoding))
    flush_output()


def flush_output():
    """Write out what was printed; a reader who has closed the pipe is not an error."""
    with _readers_may_leave():
        if sys.stdout is not None:
            sys.stdout.flush()


@contextlib.contextmanager
def _readers_may_leave():
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end(words, status):
    """Say how the command ended, and return its status."""
    with contextlib.suppress(OSError):
        print(f"skmnist: {words}", file=sys.stderr, flush=True)
    return status


def is_sentence(error):
    """Tell an error that speaks to the user from a bug."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return isinstance(error, OSError) or package in _SPEAKERS


def describe(error):
    """Say in one line what an error says."""
    if isinstance(error, OSError) and error.filename is not None:
        return _one_line(f"{os.fsdecode(error.filename)}: {error.strerror}")
    return _one_line(error)


@contextlib.contextmanager
def one_line_warnings():
    """Show each warning once, in one line, without Python's source lines."""
    with warnings.catch_warnings():
        warnings.showwarning = _Warnings().show
        yield


def begin_worker():
    """Let a worker process speak as the command does, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.showwarning = _Warnings().show
    from skmnist.cli._log_filter import start_keras

    start_keras()


class _Warnings:
    def __init__(self):
        self.seen = set()

    def show(self, message, category, filename, lineno, file=None, line=None):
        text = _one_line(message)
        if text not in self.seen:
            self.seen.add(text)
            print(f"skmnist: warning: {text}", file=sys.stderr)


def _one_line(text):
    return " ".join(str(text).split())
