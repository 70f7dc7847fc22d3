"""Progress and remaining time of several fits, with a line for each running one.

Batches report to a file, to which any process of this machine can append.
"""

import contextlib
import json
import os
import tempfile
import time

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skmnist.neural_network._live_display import live_display
from skmnist.neural_network._time_left import Report, TimeLeft

_INTERVAL = 0.1  # seconds between two reports of a fit
_FEW = 8  # fits that are shown at once


class BatchReports:
    """Append how far each classifier is to a file: a callback of scikit-learn.

    `names` are those of the fits, by the `task_id` of the pipeline or network.
    """

    # To the network in a pipeline, not into variants that are searches.
    max_propagation_depth = 2

    def __init__(self, path, names):
        self.path = path
        self.names = names
        self.reported = -_INTERVAL
        self.fraction = 0.0

    def setup(self, estimator, context):
        """Do nothing before the outermost fit."""

    def teardown(self, estimator, context):
        """Do nothing after the outermost fit."""

    def on_fit_task_begin(self, estimator, context):
        """Report the beginning of the fit of a variant."""
        if context is _fit_task(context) and context.parent is not None:
            self.fraction, self.reported = 0.0, -_INTERVAL
            self._append(context)

    def on_fit_task_end(self, estimator, context):
        """Report that a fit ended, or that its scoring did, too."""
        if context is _fit_task(context):
            self._append(context, is_over=True)
        elif context.source_estimator_name == "VariantFits":
            self._append(context, is_trained=True)

    def on_batch_end(self, context, *, epoch, n_epochs, batch, n_batches, accuracy):
        """Report a batch and the running accuracy; all numbers count from 1."""
        self.fraction = ((epoch - 1) * n_batches + batch) / (n_epochs * n_batches)
        if time.monotonic() - self.reported >= _INTERVAL:
            self.reported = time.monotonic()
            self._append(context, epoch=epoch, n_epochs=n_epochs, accuracy=accuracy)

    def _append(self, context, **values):
        name = self.names[_fit_task(context).task_id]
        report = Report(name, time.monotonic(), self.fraction, **values)
        # A worker on another machine cannot show its progress.
        with contextlib.suppress(FileNotFoundError), open(self.path, "a") as file:
            file.write(json.dumps(report) + "\n")


def _fit_task(context):
    """Return the task of a variant's fit and scoring, or that of a single fit.

    None for the task that all variants belong to.
    """
    below = None
    while context.parent is not None:
        below, context = context, context.parent
    return below if context.estimator_name == "VariantFits" else context


class TrainingProgress:
    """Show the progress of several fits on the standard error stream.

    A context manager, which clears its output at the end. `fits` says for each fit's
    name its `Work`.
    """

    def __init__(self, fits, shown=True, early_stopping=False):
        self.left = TimeLeft(fits)
        self.shown = shown
        self.early_stopping = early_stopping

    def __enter__(self):
        if self.shown:
            self._folder = tempfile.TemporaryDirectory(prefix="skmnist-")
            self.path = os.path.join(self._folder.name, "reports")
            self._reports = open(self.path, "a+")
            self._live = live_display(self._render)
            self._live.start()
        return self

    def __exit__(self, *raised):
        if self.shown:
            self._live.stop()
            self._reports.close()
            self._folder.cleanup()

    def callbacks(self, names):
        """Return callbacks for an estimator whose parallel fits have these names."""
        return [BatchReports(self.path, list(names))] if self.shown else []

    def refresh(self):
        """Read the reports since the last call."""
        # A report is appended in one step, so that all lines are complete.
        for line in self._reports:
            self.left.add(Report(*json.loads(line)))

    def say_left(self):
        """Return the remaining time in words; nothing before the first batches."""
        if not self.left.latest:
            return "starting"
        seconds, has_unknown = self.left.seconds(time.monotonic()), self.left.unknown
        if seconds is None:
            return ""
        if seconds < 1 and not any(self.left.remaining.values()):
            return "unknown time left" if has_unknown else ""
        about, may_stop = "about", self.early_stopping and not self.left.ends
        if bool(has_unknown) != may_stop:
            about = "more than" if has_unknown else "at most"
        return f"{about} {say_duration(seconds)} left"

    def _render(self):
        self.refresh()
        running = Table.grid(padding=(0, 2))
        running.add_column(overflow="fold")
        running.add_column(no_wrap=True)
        for report in self.left.running[-_FEW:]:
            name = Text(report.name)  # without markup
            running.add_row(name, _say_how_far(report))
        n_hidden = len(self.left.running) - _FEW
        more = [Text(f"and {n_hidden} more")] * (n_hidden > 0)
        return Group(self._whole(), running, *more)

    def _whole(self):
        n_fits = len(self.left.fits)
        whole = Table.grid(padding=(0, 2), expand=True)
        whole.add_column(no_wrap=True)
        whole.add_column(ratio=1)
        whole.add_column(no_wrap=True)
        whole.add_row(
            "Training" if n_fits == 1 else f"{self.left.n_over} of {n_fits} fits",
            ProgressBar(total=1, completed=self.left.fraction),
            f"{self.left.fraction:4.0%}  {self.say_left()}",
        )
        return whole


def _say_how_far(report):
    if report.is_trained:
        return "trained, predicting"
    if report.epoch == 0:
        return ""
    epoch = f"epoch {report.epoch} of {report.n_epochs}"
    return f"{epoch}, accuracy {report.accuracy:.1%}"


def say_duration(seconds):
    """Format a duration in its two largest units."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {seconds:02} s"
    return f"{seconds} s"
