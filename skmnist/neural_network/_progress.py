"""Progress and remaining time of several fits, with a line for each running one.

Batches report to a file, to which any process of this machine can append.
"""

import contextlib
import json
import os
import tempfile
import time
from collections import Counter
from math import prod
from typing import NamedTuple

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from skmnist.neural_network._live_display import live_display

_INTERVAL = 0.1  # seconds between two reports of a fit
_FEW = 8  # fits that are shown at once
# Measured with networks from a quarter to twice the default size: what each step and
# each pixel cost besides the multiplications, and how much longer batch normalization
# takes.
_STEP, _PIXEL, _BATCH_NORM = 100_000_000, 5_000, 1.1
_HARDLY = 0.1  # of a fit: less does not tell its pace


class Report(NamedTuple):
    """How far a fit is: at its beginning, after one of its batches, or at its end."""

    name: str
    seconds: float  # of the monotonic clock, which all processes share
    fraction: float  # of the batches of all epochs
    epoch: int = 0  # 0 before the first batch, and for classifiers without epochs
    n_epochs: int = 0
    accuracy: float = 0.0
    is_over: bool = False


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
        if _is_variant(context):
            self.fraction, self.reported = 0.0, -_INTERVAL
            self._append(context, 0)

    def on_fit_task_end(self, estimator, context):
        """Report the end of the fit of a network or another classifier."""
        if context.estimator_name == "MnistCNN" and context.task_name == "fit":
            self._append(context.parent or context, self.fraction, is_over=True)
        elif _is_variant(context) and type(estimator[-1]).__name__ != "MnistCNN":
            self._append(context, 1, is_over=True)

    def on_batch_end(self, context, *, epoch, n_epochs, batch, n_batches, accuracy):
        """Report a batch and the running accuracy; all numbers count from 1."""
        self.fraction = ((epoch - 1) * n_batches + batch) / (n_epochs * n_batches)
        if time.monotonic() - self.reported >= _INTERVAL:
            self.reported = time.monotonic()
            task = context.parent or context
            self._append(task, self.fraction, epoch, n_epochs, accuracy)

    def _append(self, task, *values, **others):
        report = Report(self.names[task.task_id], time.monotonic(), *values, **others)
        # A worker on another machine cannot show its progress.
        with contextlib.suppress(FileNotFoundError), open(self.path, "a") as file:
            file.write(json.dumps(report) + "\n")


def _is_variant(context):
    """Return whether a task is the fit of the pipeline of a variant."""
    return context.source_estimator_name == "VariantFits"


def fit_cost(cnn, n_rows, image_shape):
    """Estimate how long a network trains, in multiplications."""
    steps = -(-n_rows // cnn.batch_size)
    return cnn.epochs * (steps * _STEP + n_rows * _row_cost(cnn, image_shape))


def _row_cost(cnn, image_shape):
    cost, channels = _PIXEL * prod(image_shape), 1
    for n_filters, size in zip(cnn.filters, cnn.kernel_sizes, strict=True):
        of_pixel = size**2 * n_filters * (channels + n_filters)
        cost += prod(image_shape) * of_pixel
        image_shape, channels = [-(-side // 2) for side in image_shape], n_filters
    cost += prod(image_shape) * channels * cnn.dense_units
    return cost * (_BATCH_NORM if cnn.batch_norm else 1)


def _mean(numbers):
    """Return the mean of a list of numbers, or 0 if it is empty."""
    return sum(numbers) / len(numbers) if numbers else 0


def _kind(length):
    return f"{length:.2g}"


class TimeLeft:
    """Completed work, and the time that the rest takes at the same pace.

    `fits` says for each fit's name how long it takes, in any unit; 0 if unknown.
    """

    def __init__(self, fits):
        self.fits = fits
        self.latest = {}
        self._begun = {}
        self._first = {}  # the first reports after a batch
        self._n_at_once = 1

    def add(self, report):
        """Take a report into account."""
        name, is_beginning = report.name, not (report.fraction or report.is_over)
        if is_beginning or name not in self.latest:
            self._begun[name] = self._first[name] = report
        elif self._first[name].epoch == 0 < report.epoch:
            self._first[name] = report
        self.latest[name] = report
        self._n_at_once = max(self._n_at_once, len(self.running))

    @property
    def running(self):
        """The latest reports of the running fits."""
        return [report for report in self.latest.values() if not report.is_over]

    @property
    def n_over(self):
        """Number of fits that have ended."""
        return len(self.latest) - len(self.running)

    @property
    def ends(self):
        """The fractions at which networks ended, less than 1 by early stopping.

        Those that were finished before, in a checkpoint, report 0.
        """
        reports = (r for r in self.latest.values() if r.is_over and self.fits[r.name])
        return [report.fraction for report in reports if report.fraction]

    @property
    def _expected_end(self):
        """The fraction of its epochs that a network is expected to train."""
        return _mean(self.ends) or 1

    @property
    def remaining(self):
        """How long each fit that is not over still takes, by name.

        Early stopping is expected where it came so far.
        """
        end = self._expected_end
        left = {name: length * end for name, length in self.fits.items()}
        for name, report in self.latest.items():
            rest = 1 - report.fraction
            left[name] = self.fits[name] * max(end - report.fraction, _HARDLY * rest)
            if report.is_over:
                del left[name]
        return left

    @property
    def fraction(self):
        """Fraction of the work that is done."""
        if not any(self.fits.values()):
            return self.n_over / len(self.fits)
        remaining = self.remaining
        expected = self._expected_end * sum(self.fits.values())
        done = max(0, 1 - sum(remaining.values()) / expected)
        return min(done, 0.99) if remaining else done  # one may be of unknown length

    def seconds(self, now):
        """Return the remaining seconds, or None while they are unknown.

        The pace is measured from the first batches of a fit, after its network was
        built and traced; epochs from a checkpoint, and those that early stopping saved,
        do not count. As many fits run at once as have so far.
        """
        pace = self._pace()
        if pace is None:
            return None
        waits = [
            first.seconds - self._begun[name].seconds
            for name, first in self._first.items()
            if first.epoch
        ]
        # The first fit of a process takes longer: it starts TensorFlow.
        building = _mean(waits[self._n_at_once :] or waits)
        # Between two fits of a worker, the first is scored. The last is scored, too.
        starts = sorted(report.seconds for report in self._begun.values())
        ends = sorted(r.seconds for r in self.latest.values() if r.is_over)
        gaps = zip(starts[self._n_at_once :], ends, strict=False)
        scoring = _mean([start - end for start, end in gaps])
        workers = [0.0] * self._n_at_once
        for worker in range(len(self.running), self._n_at_once):
            workers[worker] = scoring
        # The running fits are at work already, and the others follow.
        for name, work in sorted(
            self.remaining.items(), key=lambda item: item[0] not in self.latest
        ):
            seconds = work * pace(self.fits[name]) + scoring
            if work and (name not in self._first or not self._first[name].epoch):
                seconds += building
            workers[workers.index(min(workers))] += seconds
        end = max(report.seconds for report in self.latest.values())
        return max(0.0, max(workers) - (now - end))

    def _pace(self):
        """Return a function of a fit's length to seconds per unit, or None.

        Fits of about the same length are taken for the same kind of network. For
        a kind that has hardly been trained, the pace of all of them stands in.
        """
        spent, trained = Counter(), Counter()
        for name, report in self.latest.items():
            first, kind = self._first[name], _kind(self.fits[name])
            done = (report.fraction - first.fraction) * self.fits[name]
            if done > 0:
                spent[kind] += report.seconds - first.seconds
                trained[kind] += done
        if not trained.total():
            return None
        of_all = spent.total() / trained.total()

        def pace(length):
            weight = _HARDLY * length or 1
            kind = _kind(length)
            return (spent[kind] + weight * of_all) / (trained[kind] + weight)

        return pace


class TrainingProgress:
    """Show the progress of several fits on the standard error stream.

    A context manager, which clears its output at the end. `fits` says for each fit's
    name how long it takes at most, in any unit; 0 if unknown.
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
        seconds, remaining = self.left.seconds(time.monotonic()), self.left.remaining
        if seconds is None or not remaining:
            return ""
        # Other classifiers do not report their progress.
        has_others = not all(self.left.fits[name] for name in remaining)
        if not any(remaining.values()):
            return "unknown time left" if has_others else ""
        about, may_stop = "about", self.early_stopping and not self.left.ends
        if has_others != may_stop:
            about = "more than" if has_others else "at most"
        return f"{about} {say_duration(seconds)} left"

    def _render(self):
        self.refresh()
        running = Table.grid(padding=(0, 2))
        running.add_column(overflow="fold")
        running.add_column(no_wrap=True)
        for report in self.left.running[-_FEW:]:
            epoch = f"epoch {report.epoch} of {report.n_epochs}"
            accuracy = f"accuracy {report.accuracy:.1%}"
            name = Text(report.name)  # without markup
            running.add_row(name, f"{epoch}, {accuracy}" * (report.epoch > 0))
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


def say_duration(seconds):
    """Format a duration in its two largest units."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {seconds:02} s"
    return f"{seconds} s"
