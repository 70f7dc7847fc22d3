"""Starting Keras: thread pools, silence, and the user's own classes left alone.

This is the only room that imports Keras and scikeras; the others take them from
here, so that what has to happen before and after happens once, in one order.
"""

import logging
import multiprocessing
import os
import re
import sys
import threading
from contextlib import contextmanager

import numpy as np

from skmnist.cli._log_filter import without_noise

__all__ = [
    "KerasClassifier",
    "as_array",
    "keras",
    "start_devices",
    "without_retracing_alarm",
]

# scikeras 0.13.0 replaces these in every process that imports it.
_PATCHED = {
    "Model": ("__reduce__", "__deepcopy__"),
    "losses.Loss": ("__reduce__",),
    "metrics.Metric": ("__reduce__",),
    "optimizers.Optimizer": ("__reduce__",),
}


# States of a Dask worker that does nothing any more.
_DASK_OVER = ("closing", "closed", "stopped", "failed")


def _share_cores():
    """Give TensorFlow's pools the size that this worker process was given.

    In a process that nobody started as a worker, and where the user has set
    TensorFlow's variables, nothing changes.
    """
    if given := _given_threads():
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", given)
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", given)


def _given_threads():
    """Return how many threads a worker has, as text; empty where there is no worker.

    joblib tells its workers through ``OMP_NUM_THREADS``, which TensorFlow does not
    read. Dask writes 1 there or nothing, whatever a worker was given.
    """
    dask = sys.modules.get("distributed.worker")
    # Not `get_worker`: tasks are unpickled, and so import this, outside of any task.
    workers = list(getattr(getattr(dask, "Worker", None), "_instances", ()))
    alive = [worker for worker in workers if worker.status.name not in _DASK_OVER]
    if alive:
        return str(sum(worker.state.nthreads for worker in alive))
    # OpenMP takes a list, of which the first number is that of the outermost loops.
    given = re.match(r"\s*(\d+)", os.environ.get("OMP_NUM_THREADS", ""))
    is_worker = multiprocessing.parent_process() is not None
    return given[1] if is_worker and given else ""


class _RetracingAlarm(logging.Filter):
    """Drop TensorFlow's alarm about retracing where it is known to be false.

    It counts the traces of all Keras models of a process together, and so goes
    off when several small networks are used one after the other (TensorFlow 2.21).
    """

    def __init__(self):
        super().__init__()
        self.here = threading.local()
        logging.getLogger("tensorflow").addFilter(self)

    def filter(self, record):
        off = getattr(self.here, "off", False)
        return not (off and "triggered tf.function retracing" in str(record.msg))


_alarm = _RetracingAlarm()


@contextmanager
def without_retracing_alarm():
    """Switch the alarm off in this thread; messages about other code remain."""
    before = getattr(_alarm.here, "off", False)
    _alarm.here.off = True
    try:
        yield
    finally:
        _alarm.here.off = before


_starting = threading.Lock()
_started = False


def start_devices():
    """Let Keras's back end look for its devices, in silence where there is no GPU.

    TensorFlow 2.21 does so at the first operation of a process, and complains where
    CUDA's libraries are installed and NVIDIA's driver is not. It is not done at the
    import, after which people still choose devices and let memory grow.
    """
    global _started
    with _starting:
        if _started:
            return
        if not os.path.exists("/dev/nvidiactl"):
            with without_noise():
                keras.ops.zeros(())
        _started = True


def as_array(variable):
    """Return a variable's values as an array.

    Not by Keras's own `Variable.numpy`: under JAX that one does not take the keyword
    `copy` of NumPy 2 (Keras 3.15.1). PyTorch gives none while a gradient could follow.
    """
    return np.asarray(keras.ops.stop_gradient(variable.value))


def _find(root, dotted):
    for part in dotted.split("."):
        root = getattr(root, part)
    return root


def _import_scikeras(keras):
    """Import scikeras and undo what the import changes in Keras's own classes."""
    if "scikeras" in sys.modules:  # the user's import, and so the user's wish
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier
    before = {
        (dotted, name): _find(keras, dotted).__dict__.get(name)
        for dotted, names in _PATCHED.items()
        for name in names
    }
    from scikeras.wrappers import KerasClassifier

    for (dotted, name), value in before.items():
        owner = _find(keras, dotted)
        if value is not None:
            setattr(owner, name, value)
        elif name in owner.__dict__:
            delattr(owner, name)
    return KerasClassifier


_share_cores()
if "keras" in sys.modules:
    import keras

    KerasClassifier = _import_scikeras(keras)
else:
    with without_noise():
        import keras

        KerasClassifier = _import_scikeras(keras)
