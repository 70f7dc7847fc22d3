"""A display that is drawn again and again, on a terminal or in a notebook."""

import os
from contextlib import contextmanager
from io import StringIO
from threading import Event, Thread

from joblib.parallel import LokyBackend, get_active_backend, parallel_config
from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live


def live_display(render):
    """Return what shows the result of `render` from its `start` to its `stop`."""
    console = Console(stderr=True)
    if console.is_jupyter:
        return _CellDisplay(render)
    return Live(
        console=console,
        # "^C", which Ctrl-C shows behind the last line, must not begin another.
        get_renderable=lambda: Constrain(render(), console.width - len("^C")),
        transient=True,
    )


class _CellDisplay:
    """A display in the output of a cell. Rich's own requires ipywidgets."""

    def __init__(self, render):
        self._render = render
        self._stopped = Event()
        self._thread = Thread(target=self._refresh, daemon=True)

    def start(self):
        from IPython.display import display

        self._handle = display(self._as_html(), display_id=True)
        self._thread.start()

    def stop(self):
        from IPython.display import HTML

        self._stopped.set()
        self._thread.join()
        self._handle.update(HTML(""))

    def _refresh(self):
        while not self._stopped.wait(0.5):
            self._handle.update(self._as_html())

    def _as_html(self):
        from IPython.display import HTML

        console = Console(record=True, width=80, file=StringIO(), force_jupyter=False)
        console.print(self._render())
        code_format = "<pre>{code}</pre>"
        return HTML(console.export_html(inline_styles=True, code_format=code_format))


@contextmanager
def quiet_workers(are_quiet):
    """Start new workers of joblib without TensorFlow's log lines, which would stay."""
    active, n_jobs = get_active_backend()
    is_usual = isinstance(active, LokyBackend)
    if are_quiet and is_usual and "initializer" not in active.backend_kwargs:
        options = {"inner_max_num_threads": active.inner_max_num_threads}
        options |= active.backend_kwargs | {"initializer": _start_keras}
        with parallel_config("loky", n_jobs=n_jobs, **options):
            yield
    else:
        yield


def _start_keras():
    """Import Keras and start its devices, without messages on file descriptor 2."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        from skmnist.neural_network._keras import keras

        keras.ops.zeros(())
    finally:
        os.dup2(saved, 2)
        os.close(saved)
