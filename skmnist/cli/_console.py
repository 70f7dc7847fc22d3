"""Output of the command: one line for each error and warning."""

import contextlib
import os
import signal
import sys
import time
import traceback
import warnings
from threading import Thread

# ValueErrors of these packages are sentences for the user; those of others are bugs.
_OWN_PACKAGES = ("skmnist", "sklearn", "joblib")


def say(text):
    """Print a text; a closed pipe is not an error."""
    # Labels and file names may hold characters that the terminal cannot show.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with _ignoring_closed_pipes():
        print(text.encode(encoding, "backslashreplace").decode(encoding))
    flush_output()


def flush_output():
    """Flush the standard output; a closed pipe is not an error."""
    with _ignoring_closed_pipes():
        if sys.stdout is not None:
            sys.stdout.flush()


@contextlib.contextmanager
def _ignoring_closed_pipes():
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def track_steps(description, is_shown, steps):
    """Iterate over a list, with a progress bar."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        steps, description, console=console, transient=True, disable=not is_shown
    )


def end(words, status):
    """Print a last line to the standard error stream, and return the status."""
    with contextlib.suppress(OSError):
        print(f"skmnist: {words}", file=sys.stderr, flush=True)
    return status


def is_sentence(error):
    """Return whether an error is a message to the user rather than a bug."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return isinstance(error, OSError) or package in _OWN_PACKAGES


def describe(error):
    """Return the message of an error in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return _one_line(f"{os.fsdecode(error.filename)}: {error.strerror}")
    return _one_line(error)


@contextlib.contextmanager
def one_line_warnings():
    """Show each warning once, in one line, without Python's source lines."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_once()
        yield


def begin_worker(path):
    """Set up warnings and Keras in a worker process, which ends with its parent.

    Warnings are appended to the file `path`, if it is not None, so that they do not
    break the display of the progress.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # left to the parent
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    warnings.showwarning = _show_once(path)
    from skmnist.cli._log_filter import start_keras

    start_keras()


def _end_with(parent):
    while os.getppid() == parent:  # that of an orphan is another one
        time.sleep(1)
    os._exit(1)


def _show_once(path=None):
    """Return what shows each warning once, on standard error or in a file."""
    seen = set()

    def show(message, *where):
        line = f"skmnist: warning: {_one_line(message)}"
        if line not in seen:
            seen.add(line)
            to = open(path, "a") if path else contextlib.nullcontext(sys.stderr)
            with to as file:
                print(line, file=file)

    return show


def _one_line(text):
    """Return a text in one line, without characters that control a terminal."""
    return printable(" ".join(str(text).split()))


def printable(text):
    """Escape what is not printable; names in archives may hold anything."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
