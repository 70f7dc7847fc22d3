"""Holding back what TensorFlow writes to file descriptor 2 while it starts.

As a program, this module passes on all lines of its input that are no such noise. It
is a process of its own, so that the last words of a process that TensorFlow ends are
heard too.
"""

import os
import re
import subprocess
import sys
from contextlib import contextmanager, suppress

__all__ = ["without_noise"]

# What TensorFlow 2.21 writes, whatever the log level: absl's notice, its own messages
# of level I and W, and those of level E which speak of parts of CUDA that a machine
# without a GPU does not have.
_NOISE = re.compile(
    rb"^(WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]0000 00:00:"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IW] "
    rb"|(E0000 00:00:|\d{4}-\d\d-\d\d .{,20} E ).*(cuInit|Unable to register cu)"
    rb"|To enable the following instructions:)"
)
# Seconds. Longer only where a process that was started meanwhile goes on writing.
_PATIENCE = 5


@contextmanager
def without_noise():
    """Pass what goes to file descriptor 2 through the filter, in this context."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        saved = os.dup(2)
    except OSError:  # a process without a standard error stream
        yield
        return
    sieve = _start_filter()
    if sieve is None:
        os.close(saved)
        yield
        return
    _flush()
    os.dup2(sieve.stdin.fileno(), 2)
    try:
        yield
    finally:
        _flush()
        os.dup2(saved, 2)
        os.close(saved)
        sieve.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            sieve.wait(_PATIENCE)


def _start_filter():
    """Return the filter's process, or None where none can be started."""
    with suppress(OSError):
        if sys.executable and os.path.exists(__file__):
            return subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is not meant for it
            )
    return None


def _flush():
    if sys.stderr is not None:
        sys.stderr.flush()


def _pass_on():
    for line in sys.stdin.buffer:
        if not _NOISE.match(line):
            os.write(2, line)


if __name__ == "__main__":
    _pass_on()
