"""A Dask back end of joblib that survives the loss of workers (``skmnist[dask]``)."""

from uuid import uuid4

import cloudpickle
import dask
from dask.sizeof import sizeof
from joblib._dask import DaskDistributedBackend
from toolz import identity

__all__ = ["DurableDaskBackend"]

# Larger arguments are sent separately from the tasks. joblib has the same limit.
_LARGE = 1000


class DurableDaskBackend(DaskDistributedBackend):
    """Run joblib's parallel loops on Dask workers, of which some may die.

    joblib's own "dask" back end (1.6) scatters one copy of each large argument, which
    Dask cannot recompute: when the worker that holds it dies, the loop hangs.
    Here each large argument is the result of a task, which Dask runs again if its
    result is lost.

    Parameters
    ----------
    scheduler_host : str, default=None
        Address of the scheduler, where `client` is None.
    scatter : list or tuple, default=None
        Arguments that are sent once for all loops. They must not be changed in
        place during that time.
    client : distributed.Client, default=None
        The client; None takes the current one.
    **settings : dict
        Further settings of joblib's back end, such as `wait_for_workers_timeout` in
        seconds, and arguments of `Client.submit`, such as `resources`.

    Raises
    ------
    TypeError
        If `scatter` is not a list or a tuple.
    ValueError
        If there is neither a client nor an address.

    Examples
    --------
    >>> import joblib
    >>> from distributed import Client
    >>> from skmnist.dask import DurableDaskBackend
    >>> with (
    ...     Client(processes=False, n_workers=1, dashboard_address=None) as client,
    ...     joblib.parallel_config(backend=DurableDaskBackend(client=client)),
    ... ):
    ...     joblib.Parallel()(joblib.delayed(abs)(number) for number in (-1, 2))
    [1, 2]
    """

    def __init__(self, scheduler_host=None, scatter=None, client=None, **settings):
        super().__init__(scheduler_host, client=client, **settings)
        if not isinstance(scatter, list | tuple | None):
            raise TypeError(
                f"scatter must be a list or a tuple, but it is a "
                f"{type(scatter).__name__}."
            )
        self._scattered = {id(value): self._submit(value) for value in scatter or ()}
        self._sent = {}

    def get_nested_backend(self):
        """Return the back end of loops within loops."""
        return DurableDaskBackend(client=self.client), -1

    def __reduce__(self):
        return DurableDaskBackend, ()

    def start_call(self):
        """Start a loop."""
        self._running = set()

    def stop_call(self):
        """End a loop; let the workers drop what was sent to them."""
        self._sent = {}

    def effective_n_jobs(self, n_jobs):
        """Return how many tasks may run at once; one worker thread counts as two.

        With one, joblib would run the loop in the calling process, where the number
        of threads, and so the last bits of a fit, may differ.
        """
        n_threads = super().effective_n_jobs(n_jobs)
        return 2 if n_threads == 1 else n_threads

    def submit(self, func, callback=None):
        """Submit a batch of calls, and call `callback` at its end."""
        sent = []
        calls = [
            (
                function,
                [self._send(value, sent) for value in args],
                {name: self._send(value, sent) for name, value in kwargs.items()},
            )
            for function, args, kwargs in func.items
        ]
        # Unpickled within the task, where a failed import is an error of the task and
        # does not stop the worker. The scheduler imports nothing.
        pickled = cloudpickle.dumps(calls)
        name = dask.utils.funcname(calls[0][0])
        future = self.client.submit(
            _make_runner(),
            *(pickled, sent),
            key=f"{name}-{uuid4().hex}",
            **self.submit_kwargs,
        )
        self._running.add(future)
        future.add_done_callback(callback)
        return future

    def _send(self, value, sent):
        """Return a value, or its place in the list of those sent separately."""
        found = self._scattered.get(id(value)) or self._sent.get(id(value))
        if found is None:
            if sizeof(value) <= _LARGE:
                return False, value
            found = self._sent[id(value)] = self._submit(value)
        sent.append(found[1])
        return True, len(sent) - 1

    def _submit(self, value):
        """Return a value, so that nothing else can get its id, and its future."""
        # Dask warns of large values within tasks.
        with dask.config.set(
            {"distributed.admin.large-graph-warning-threshold": "1 TB"}
        ):
            key = f"argument-{uuid4().hex}"
            return value, self.client.submit(identity, value, key=key)

    def retrieve_result_callback(self, future):
        """Return what a batch returned, or raise what it or Dask raised."""
        self._running.discard(future)
        return future.result()

    def abort_everything(self, ensure_ready=True):
        """Cancel what still runs."""
        self.client.cancel(list(self._running))
        self._running.clear()


def _make_runner():
    """Return the function that runs a batch of calls on a worker.

    A local function is pickled by value, so that workers without this package can run
    what does not need it.
    """

    def run(pickled, sent):
        import cloudpickle
        import joblib

        try:
            from skmnist.dask import DurableDaskBackend
        except ImportError:
            backend = "dask"
        else:
            backend = DurableDaskBackend()

        def find(argument):
            is_sent, value = argument
            return sent[value] if is_sent else value

        with joblib.parallel_config(backend=backend):
            return [
                function(*map(find, args), **{k: find(v) for k, v in kwargs.items()})
                for function, args, kwargs in cloudpickle.loads(pickled)
            ]

    return run
