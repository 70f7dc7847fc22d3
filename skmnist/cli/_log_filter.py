"""A filter for the log lines of TensorFlow's start.

A separate process filters them, so that the last lines are shown if TensorFlow aborts
the process, for example on an unsupported processor.
"""

import logging
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

# Lines of TensorFlow 2.21 with any log level: absl's notice, messages of levels I and
# W, and those of level E about parts of CUDA that are missing without a GPU, and about
# an optimization of dropout that is left out on one.
_NOISE = (
    r"^(WARNING: All log messages before absl::InitializeLog"
    r"|[IW]0000 00:00:"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+: [IW] "
    r"|(E0000 00:00:|[0-9]{4}-[0-9]{2}-[0-9]{2} .{0,20} E )"
    r".*(cuInit|Unable to register cu|layout failed)"
    r"|To enable the following instructions:)"
)


def start_keras():
    """Import Keras and start its devices, without TensorFlow's log lines.

    TensorFlow looks for its devices at the first operation of a process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Of many networks in one process it says that they are traced too often.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _signals_at_the_end(), without_noise():
        from skmnist.neural_network._keras import keras

        keras.ops.zeros(())


@contextmanager
def _signals_at_the_end():
    """Delay Ctrl-C and SIGTERM: within an import, their exception can get lost."""
    came = []
    before = {
        signum: signal.signal(signum, lambda signum, frame: came.append(signum))
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def without_noise():
    """Filter the output to file descriptor 2."""
    if sys.stderr is None:  # the process was started without one
        yield
        return
    with subprocess.Popen(
        ["grep", "--line-buffered", "--text", "-vE", _NOISE],
        stdin=subprocess.PIPE,
        stdout=2,
        start_new_session=True,  # Ctrl-C is not meant for it
    ) as grep:
        saved = os.dup(2)
        os.dup2(grep.stdin.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
