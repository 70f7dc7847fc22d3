"""What joblib learns from this package: a Dask back end that outlives its workers."""

from contextlib import nullcontext

from joblib import register_parallel_backend
from joblib.parallel import get_active_backend

__all__ = ["register_dask", "sending_once"]


def register_dask():
    """Let ``joblib.parallel_config(backend="dask")`` give a `DurableBackend`.

    That holds for every parallel loop of the process: it is scikit-learn's searches
    that have to outlive a worker, and they know joblib's back ends by name only.
    """
    register_parallel_backend("dask", _durable_backend)
    # The package's names are imported on first use, which may be within the context.
    active, _ = get_active_backend()
    if type(active).__module__ == "joblib._dask":
        from skmnist.dask import DurableBackend

        active.__class__ = DurableBackend


def _durable_backend(**settings):
    try:
        from skmnist.dask import DurableBackend
    except ImportError as error:
        raise ImportError(
            'backend="dask" needs Dask: pip install "skmnist[dask]"'
        ) from error
    return DurableBackend(**settings)


def sending_once():
    """Let several loops on Dask send the same data once; leave others as they are.

    Returns
    -------
    context : context manager
        In which nobody may change these data in place.
    """
    active, _ = get_active_backend()
    return getattr(active, "keeping_data", nullcontext)()
