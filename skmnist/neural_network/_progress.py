"""Progress and remaining time of several fits, with a line for each running one.

Batches report to a file, to which any process of this machine can append.
"""

import json
import os
import tempfile
import time
from math import prod
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

_INTERVAL = 0.1  # seconds between two reports of a fit
_FEW = 8  # fits that are shown at once
# Measured with networks from a quarter to twice the default size: what each pixel costs
# besides the multiplications, and how much longer batch normalization takes.
_PIXEL, _BATCH_NORM = 10_000, 1.1


class Report(NamedTuple):
    """How far a fit is, after one of its batches or at its end."""

    name: str
    seconds: float  # of the monotonic clock, which all processes share
    fraction: float  # of the batches of all epochs, 1 at the end
    epoch: int = 0
    n_epochs: int = 0
    accuracy: float = 0.0


class BatchReports:
    """Append how far each `MnistCNN` is to a file: a callback of scikit-learn.

    `names` are those of the fits, by the `task_id` of the pipeline or network.
    """

    max_propagation_depth = None

    def __init__(self, path, names):
        self.path = path
        self.names = names
        self.reported = -_INTERVAL

    def setup(self, estimator, context):
        """Do nothing before the outermost fit."""

    def teardown(self, estimator, context):
        """Do nothing after the outermost fit."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing at the beginning of a task."""

    def on_fit_task_end(self, estimator, context):
        """Report the end of the fit of a network."""
        if context.estimator_name == "MnistCNN" and context.task_name == "fit":
            self._append(context, fraction=1)

    def on_batch_end(self, context, *, epoch, n_epochs, batch, n_batches, accuracy):
        """Report a batch and the running accuracy; all numbers count from 1."""
        if time.monotonic() - self.reported >= _INTERVAL:
            self.reported = time.monotonic()
            done = (epoch - 1) * n_batches + batch
            self._append(
                context,
                fraction=done / (n_epochs * n_batches),
                epoch=epoch,
                n_epochs=n_epochs,
                accuracy=accuracy,
            )

    def _append(self, context, **values):
        task = context if context.parent is None else context.parent
        report = Report(self.names[task.task_id], time.monotonic(), **values)
        with open(self.path, "a") as file:
            file.write(json.dumps(report) + "\n")


def row_cost(cnn, image_shape):
    """Estimate the multiplications of a prediction, by which training times compare."""
    cost, channels = _PIXEL * prod(image_shape), 1
    for n_filters, size in zip(cnn.filters, cnn.kernel_sizes, strict=True):
        of_pixel = size**2 * n_filters * (channels + n_filters)
        cost += prod(image_shape) * of_pixel
        image_shape, channels = [-(-side // 2) for side in image_shape], n_filters
    cost += prod(image_shape) * channels * cnn.dense_units
    return cost * (_BATCH_NORM if cnn.batch_norm else 1)


class TimeLeft:
    """Completed work, and the time that the rest takes at the same pace.

    `fits` says for each fit's name how long it takes, in any unit.
    """

    def __init__(self, fits):
        self.fits = fits
        self.latest = {}
        self._first = {}

    def add(self, report):
        """Take a report into account."""
        self._first.setdefault(report.name, report)
        self.latest[report.name] = report

    @property
    def running(self):
        """The latest reports of the running fits."""
        return [report for report in self.latest.values() if report.fraction < 1]

    @property
    def n_over(self):
        """Number of fits that have ended."""
        return len(self.latest) - len(self.running)

    @property
    def fraction(self):
        """Fraction of the work that is done."""
        done = sum(self.fits[name] * r.fraction for name, r in self.latest.items())
        return done / sum(self.fits.values())

    def seconds(self, now):
        """Return the remaining seconds, or None while they are unknown.

        The pace is measured from the first report, after the network was built and
        traced; epochs from a checkpoint do not count.
        """
        trained = sum(
            self.fits[name] * (report.fraction - self._first[name].fraction)
            for name, report in self.latest.items()
        ) / sum(self.fits.values())
        if trained <= 0:
            return None
        start = min(report.seconds for report in self._first.values())
        end = max(report.seconds for report in self.latest.values())
        left = (1 - self.fraction) * (end - start) / trained
        return max(0.0, left - (now - end))


class TrainingProgress:
    """Show the progress of several fits on the standard error stream.

    A context manager, which clears its output at the end. `fits` says for each fit's
    name how long it takes, in any unit.
    """

    def __init__(self, fits, shown=True):
        self.left = TimeLeft(fits)
        self.shown = shown and bool(fits)

    def __enter__(self):
        if self.shown:
            self._folder = tempfile.TemporaryDirectory(prefix="skmnist-")
            self.path = os.path.join(self._folder.name, "reports")
            self._reports = open(self.path, "a+")
            self._live = Live(
                console=Console(stderr=True),
                get_renderable=self._render,
                transient=True,
            )
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

    def _render(self):
        self.refresh()
        running = Table.grid(padding=(0, 2))
        running.add_column(no_wrap=True, overflow="ellipsis")
        running.add_column(no_wrap=True)
        for report in self.left.running[-_FEW:]:
            running.add_row(
                report.name,
                f"epoch {report.epoch} of {report.n_epochs}, "
                f"accuracy {report.accuracy:.1%}",
            )
        return Group(self._whole(), running)

    def _whole(self):
        n_fits = len(self.left.fits)
        whole = Table.grid(padding=(0, 2), expand=True)
        whole.add_column(no_wrap=True)
        whole.add_column(ratio=1)
        whole.add_column(no_wrap=True)
        seconds = self.left.seconds(time.monotonic())
        whole.add_row(
            "Training" if n_fits == 1 else f"{self.left.n_over} of {n_fits} fits",
            ProgressBar(total=1, completed=self.left.fraction),
            f"{self.left.fraction:4.0%}  "
            + ("" if seconds is None else f"about {say_duration(seconds)} left"),
        )
        return whole


def say_duration(seconds):
    """Format a duration in its two largest units."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {seconds:02} s"
    return f"{seconds} s"
