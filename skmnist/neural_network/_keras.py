"""The only import of Keras and scikeras, and what has to be done before and after."""

import multiprocessing
import os
import re
import sys
from contextlib import contextmanager

import numpy as np

# The names of 16-bit instructions, of Intel and AMD, then of Arm.
_INSTRUCTIONS = {
    "mixed_bfloat16": {"avx512_bf16", "amx_bf16", "bf16"},
    "mixed_float16": {"avx512_fp16", "amx_fp16", "fphp"},
}
# States of a Dask worker that does not run tasks any more.
_DASK_OVER = ("closing", "closed", "stopped", "failed")
# Keras's defaults; `keras.json` and functions can change them for a whole process.
_STANDARD = {
    "image_data_format": "channels_last",
    "floatx": "float32",
    "epsilon": 1e-7,
}
_process = None  # the one that has used networks


def _given_threads():
    """Return the number of threads of a worker as text, empty outside of workers.

    joblib sets ``OMP_NUM_THREADS`` in its workers, which TensorFlow does not read.
    Dask sets it to 1 or not at all, regardless of the worker's threads.
    """
    dask = sys.modules.get("distributed.worker")
    # Not `get_worker`: this is imported when a task is unpickled, outside of any task.
    workers = list(getattr(getattr(dask, "Worker", None), "_instances", ()))
    alive = [worker for worker in workers if worker.status.name not in _DASK_OVER]
    if alive:
        return str(sum(worker.state.nthreads for worker in alive))
    # OpenMP takes a list; its first number is for the outermost loops.
    given = re.match(r"\s*(\d+)", os.environ.get("OMP_NUM_THREADS", ""))
    is_worker = multiprocessing.parent_process() is not None
    return given[1] if is_worker and given else ""


def _import_scikeras():
    """Import scikeras and undo what its import (0.13.0) changes in Keras's classes."""
    kinds = keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.Optimizer
    names = ("__reduce__", "__deepcopy__")
    before = {(kind, name): vars(kind).get(name) for kind in kinds for name in names}
    from scikeras.wrappers import KerasClassifier

    for (kind, name), value in before.items():
        if value is not None:
            setattr(kind, name, value)
        elif name in vars(kind):
            delattr(kind, name)
    return KerasClassifier


def as_array(variable):
    """Return the values of a variable as an array.

    Not with Keras's `Variable.numpy`: under JAX it does not take the keyword `copy` of
    NumPy 2 (Keras 3.15.1), and under PyTorch it fails where gradients are recorded.
    """
    return np.asarray(keras.ops.stop_gradient(variable.value))


@contextmanager
def standard_settings():
    """Build and run networks under Keras's default settings.

    Layers, losses, metrics and optimizers depend on settings of the process, which
    worker processes and model files do not inherit. Only changed settings are touched.
    Raises a RuntimeError where networks do not work: in TensorFlow's graph mode, and in
    a forked process whose parent has used one.
    """
    _refuse_fork()
    _refuse_graph_mode()
    config = keras.config
    wanted = _STANDARD | {"dtype_policy": keras.DTypePolicy("float32")}
    found = {name: getattr(config, name)() for name in wanted}
    changed = [name for name in wanted if found[name] != wanted[name]]
    try:
        for name in changed:
            getattr(config, f"set_{name}")(wanted[name])
        yield
    finally:
        for name in changed:
            getattr(config, f"set_{name}")(found[name])


def _refuse_fork():
    global _process
    if _process not in (None, os.getpid()):
        raise RuntimeError(
            "MnistCNN was used before this process was forked from its parent, and "
            "TensorFlow hangs after a fork: start processes with "
            "multiprocessing.get_context('spawn') or with joblib's loky."
        )
    _process = os.getpid()


def _refuse_graph_mode():
    tf = sys.modules.get("tensorflow")
    if keras.config.backend() == "tensorflow" and not tf.executing_eagerly():
        raise RuntimeError(
            "MnistCNN needs TensorFlow's eager execution, but this code runs in graph "
            "mode: leave tf.Graph, tf.function and disable_eager_execution out."
        )


def gpus():
    """Return the GPUs that Keras may compute on, as ``"gpu:0"``, in a list."""
    if keras.config.backend() == "torch":  # for which Keras 3.15.1 lists no devices
        return [f"gpu:{i}" for i in range(sys.modules["torch"].cuda.device_count())]
    # Naming the kind is an error under JAX where it is missing.
    devices = map(str.lower, keras.distribution.list_devices())
    return [device for device in devices if device.startswith("gpu")]


def lacks_instructions(dtype, cpu_info="/proc/cpuinfo"):
    """Return whether the processor has to emulate a precision.

    False where there is a GPU, or where the processor cannot be looked up.
    """
    wanted = _INSTRUCTIONS.get(dtype)
    if not wanted or gpus():
        return False
    try:
        with open(cpu_info) as file:
            flags = {word for line in file for word in line.split()}
    except OSError:
        return False
    return not flags & wanted


def circumstances():
    """Return a hashable key of what a model depends on besides its architecture."""
    back_end = keras.config.backend()
    if back_end != "tensorflow":
        return (back_end,)
    tf = sys.modules["tensorflow"]
    strategy, device = tf.distribute.get_strategy(), tf.zeros(()).device
    return back_end, strategy, device, tf.config.functions_run_eagerly()


# In a worker process, TensorFlow takes no more threads than that was given, unless the
# user has set its variables.
if _given := _given_threads():
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", _given)
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", _given)
import keras  # noqa: E402  after the number of threads is set

KerasClassifier = _import_scikeras()
