"""A display that is drawn again and again, on a terminal or in a notebook."""

from io import StringIO
from threading import Event, Thread

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
