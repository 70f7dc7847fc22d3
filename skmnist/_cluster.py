"""joblib's Dask back end, so that nothing is lost with a worker and no loop hangs.

Imported only where that back end is active, since Dask is an extra.
"""

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
    backend : DaskDistributedBackend
        The back end of ``joblib.parallel_config(backend="dask")``, for its client
        and its settings.
    """

    def __init__(self, backend):
        super().__init__(
            client=backend.client,
            wait_for_workers_timeout=backend.wait_for_workers_timeout,
            **backend.submit_kwargs,
        )
        self._sent = {}
        self._running = set()

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
        if id(value) not in self._sent:
            # Dask warns of large values within tasks; this is where they belong.
            with dask.config.set(
                {"distributed.admin.large-graph-warning-threshold": "1 TB"}
            ):
                # The reference keeps the id from being used again.
                self._sent[id(value)] = value, self.client.submit(_same, value)
        return self._sent[id(value)][1]

    def retrieve_result_callback(self, future):
        """Return what a batch returned, or raise what it raised, or what Dask says."""
        self._running.discard(future)
        return future.result()

    def abort_everything(self, ensure_ready=True):
        """Let the workers drop what nobody waits for any more."""
        self.client.cancel(list(self._running))
        self._running.clear()


def _do(calls):
    # Nothing in a fit is parallel; another loop on the cluster could wait for itself.
    with joblib.parallel_config(backend="sequential"):
        return [function(*args, **kwargs) for function, args, kwargs in calls]


def _same(value):
    return value
