"""joblib's Dask back end, so that nothing is lost with a worker and no loop hangs.

Imported only where that back end is used, since Dask is an extra.
"""

from contextlib import contextmanager
from uuid import uuid4

import dask
import joblib
from dask.sizeof import sizeof
from joblib._dask import DaskDistributedBackend

__all__ = ["DurableBackend"]

# Larger arguments are sent apart from the tasks. joblib's own limit.
_LARGE = 1000


class DurableBackend(DaskDistributedBackend):
    """Run tasks on Dask's workers, which may die meanwhile.

    joblib 1.6 scatters large arguments: one copy of each, which Dask cannot make
    again. When the worker that holds it dies, the loop waits for ever, as it does
    when Dask gives a task up. Here a large argument is the result of a task of its
    own. Dask hands it on from worker to worker, and repeats the task where that
    result is lost.

    Parameters
    ----------
    scheduler_host : str, default=None
        Address of the scheduler; None takes the current client's.
    scatter : list or tuple, default=None
        Arguments that are sent once for all loops. Nobody may change them in place.
    **settings : dict
        Further ones of `DaskDistributedBackend`.
    """

    # Of the class, since `register_dask` makes objects of it without `__init__`.
    _scattered = {}
    _sent = {}
    _keeps_data = False

    def __init__(self, scheduler_host=None, scatter=None, **settings):
        super().__init__(scheduler_host, **settings)
        if not isinstance(scatter, list | tuple | None):
            raise TypeError(
                f"scatter must be a list or a tuple, but it is a "
                f"{type(scatter).__name__}."
            )
        self._scattered = {id(value): self._submit(value) for value in scatter or ()}

    @contextmanager
    def keeping_data(self):
        """Send large arguments once for all loops in this context.

        Nobody may change one of them in place meanwhile.
        """
        self._sent, self._keeps_data = {}, True
        try:
            yield
        finally:
            self._sent, self._keeps_data = {}, False

    def start_call(self):
        """Begin a loop."""
        self._running = set()
        if not self._keeps_data:
            self._sent = {}

    def stop_call(self):
        """End a loop; let the workers drop what was sent to them."""
        if not self._keeps_data:
            self._sent = {}

    def effective_n_jobs(self, n_jobs):
        """Return how many tasks may run at once: never one.

        For one, joblib would run the loop in the calling process, where the number
        of threads, and with it the last bits of a fit, may be another.
        """
        return max(2, super().effective_n_jobs(n_jobs))

    def submit(self, func, callback=None):
        """Submit a batch of calls, and tell `callback` about its end."""
        calls = [
            (
                function,
                [self._send(value) for value in args],
                {name: self._send(value) for name, value in kwargs.items()},
            )
            for function, args, kwargs in func.items
        ]
        name = dask.utils.funcname(calls[0][0])
        future = self.client.submit(
            _do, calls, key=f"{name}-{uuid4().hex}", **self.submit_kwargs
        )
        self._running.add(future)
        future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    def _send(self, value):
        """Return what stands for a large value, which is sent once."""
        if sizeof(value) <= _LARGE:
            return value
        if id(value) in self._scattered:
            return self._scattered[id(value)][1]
        if id(value) not in self._sent:
            self._sent[id(value)] = self._submit(value)
        return self._sent[id(value)][1]

    def _submit(self, value):
        """Return a value, whose id nothing else can then have, and its future."""
        # Dask warns of large values within tasks; this is where they belong.
        with dask.config.set(
            {"distributed.admin.large-graph-warning-threshold": "1 TB"}
        ):
            return value, self.client.submit(_same, value)

    def retrieve_result_callback(self, future):
        """Return what a batch returned, or raise what it raised, or what Dask says."""
        self._running.discard(future)
        return future.result()

    def abort_everything(self, ensure_ready=True):
        """Let the workers drop what nobody waits for any more."""
        self.client.cancel(list(self._running))
        self._running.clear()


def _do(calls):
    with joblib.parallel_config(backend="dask"):
        return [function(*args, **kwargs) for function, args, kwargs in calls]


def _same(value):
    return value
