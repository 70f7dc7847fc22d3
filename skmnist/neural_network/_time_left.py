"""The remaining time of several fits, from reports of how far each one is."""

from collections import Counter, defaultdict
from math import prod
from typing import NamedTuple

# Measured with networks from a quarter to twice the default size: what each step and
# each pixel cost besides the multiplications, how much longer batch normalization
# takes, and what a prediction takes of a training step.
_STEP, _PIXEL, _BATCH_NORM, _PREDICTION = 100_000_000, 5_000, 1.1, 0.25
_HARDLY = 0.1  # of a fit: less does not tell its pace


class Work(NamedTuple):
    """What a fit and its scoring cost, as far as that is known before.

    In multiplications of a network. With the name of a `variant` that is another
    classifier, in rows: only fits of the same variant tell how long they take.
    `network` is the name of a variant that is a network: early stopping comes at
    about the same epoch in its fits.
    """

    training: float
    scoring: float = 0.0
    variant: str = ""
    network: str = ""


class Report(NamedTuple):
    """How far a fit is: at its beginning, after a batch, trained, or scored, too."""

    name: str
    seconds: float  # of the monotonic clock, which all processes share
    fraction: float  # of the batches of all epochs
    epoch: int = 0  # 0 before the first batch, and for classifiers without epochs
    n_epochs: int = 0
    accuracy: float = 0.0
    is_trained: bool = False
    is_over: bool = False


def fit_cost(cnn, n_rows, image_shape):
    """Estimate how long a network trains, in multiplications."""
    steps = -(-n_rows // cnn.batch_size)
    return cnn.epochs * (steps * _STEP + n_rows * _row_cost(cnn, image_shape))


def scoring_cost(cnn, n_rows, image_shape):
    """Estimate how long a network predicts, in multiplications of its training."""
    n_images = n_rows * (1 + cnn.tta_copies)
    return _PREDICTION * n_images * _row_cost(cnn, image_shape)


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

    `fits` says for each fit's name its `Work`.
    """

    def __init__(self, fits):
        self.fits = fits
        self.latest = {}
        # The work of other classifiers does not show how far all fits are.
        self._lengths = {
            name: 0 if work.variant else work.training for name, work in fits.items()
        }
        self._begun = {}
        self._first = {}  # the first reports after a batch
        self._trained = {}
        self._n_at_once = 1

    def add(self, report):
        """Take a report into account."""
        name = report.name
        is_beginning = not (report.fraction or report.is_trained or report.is_over)
        if is_beginning or name not in self.latest:
            self._begun[name] = self._first[name] = report
            self._trained.pop(name, None)
        elif self._first[name].epoch == 0 < report.epoch:
            self._first[name] = report
        if report.is_trained:
            self._trained[name] = report
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
        """The fractions at which networks ended, by variant: below 1, early stopping.

        Those that were finished before, in a checkpoint, report 0.
        """
        ends = defaultdict(list)
        for name, report in self.latest.items():
            if report.fraction and (report.is_trained or report.is_over):
                ends[self.fits[name].network].append(report.fraction)
        return ends

    @property
    def _expected(self):
        """How long each fit of a network is expected to train in all, by name.

        Early stopping is expected where it came in other fits of the variant, and
        where it came in others before one of these has ended.
        """
        ends = {network: _mean(found) for network, found in self.ends.items()}
        of_others = _mean([*ends.values()]) or 1
        return {
            name: length * ends.get(self.fits[name].network, of_others)
            for name, length in self._lengths.items()
        }

    @property
    def remaining(self):
        """How long each network that is not over still trains, by name.

        0 for other classifiers.
        """
        left = self._expected
        for name, report in self.latest.items():
            length = self._lengths[name]
            left[name] = max(
                left[name] - report.fraction * length,
                _HARDLY * (1 - report.fraction) * length,
            )
            if report.is_trained:
                left[name] = 0
            if report.is_over:
                del left[name]
        return left

    @property
    def fraction(self):
        """Fraction of the work that is done."""
        if not any(self._lengths.values()):
            return self.n_over / len(self.fits)
        remaining = self.remaining
        done = max(0, 1 - sum(remaining.values()) / sum(self._expected.values()))
        return min(done, 0.99) if remaining else done  # one may be of unknown length

    @property
    def unknown(self):
        """Names of the fits that are not over, and of which nothing is known."""
        known = self._rates.keys() | {""}
        return [name for name in self.remaining if self.fits[name].variant not in known]

    def seconds(self, now):
        """Return the remaining seconds, or None while they are unknown.

        The pace is measured from the first batches of a fit, after its network was
        built and traced; epochs from a checkpoint, and those that early stopping saved,
        do not count. As many fits run at once as have so far. Fits of unknown length
        count as 0.
        """
        pace, rates, remaining = self._pace(), self._rates, self.remaining
        if not self.latest or (pace is None and any(remaining.values())):
            return None
        end = max(report.seconds for report in self.latest.values())
        building, built = self._building()
        workers = [0.0] * self._n_at_once
        # The running fits are at work already, and the others follow.
        for name in sorted(remaining, key=lambda name: name not in self.latest):
            work = self.fits[name]
            if work.variant:
                left = (work.training + work.scoring) * rates.get(work.variant, 0)
                since = self._begun.get(name)
            else:
                paced = pace(work.training) if pace else 0
                left = work.scoring * rates.get("", paced)
                since = self._trained.get(name)
                if since is None:
                    left += remaining[name] * paced
                    if name not in self._first or self._first[name].epoch == 0:
                        network = work.network or name
                        left += building if built[network] < self._n_at_once else 0
                        built[network] += 1
            if since is not None:
                left = max(0, left - (end - since.seconds))
            workers[workers.index(min(workers))] += left
        return max(0.0, max(workers) - (now - end))

    @property
    def _rates(self):
        """Seconds for each unit of work, of the scoring of networks under the name "".

        Those of other classifiers, by the name of the variant, are of the fit, too.
        """
        spent, done = Counter(), Counter()
        # Fits that were finished in an earlier run are not trained.
        for name, trained in self._trained.items():
            work, report = self.fits[name], self.latest[name]
            if report.is_over:
                begun = self._begun[name] if work.variant else trained
                spent[work.variant] += report.seconds - begun.seconds
                done[work.variant] += work.scoring + work.training * bool(work.variant)
        return {variant: spent[variant] / done[variant] for variant in +done}

    def _building(self):
        """Return how long building a network takes, and how often each was built.

        A process builds the network of a variant in its first fit, and uses it again in
        the next ones. Its first fit of all takes longer.
        """
        waits, built = [], Counter()
        for name, first in self._first.items():
            network = self.fits[name].network or name
            if first.epoch:
                if built[network] < self._n_at_once:
                    waits.append(first.seconds - self._begun[name].seconds)
                built[network] += 1
        return _mean(waits[self._n_at_once :]), built

    def _pace(self):
        """Return a function of a fit's length to seconds per unit, or None.

        Fits of about the same length are taken for the same kind of network. For
        a kind that has hardly been trained, the pace of all of them stands in.
        """
        spent, trained = Counter(), Counter()
        for name, report in self.latest.items():
            report = self._trained.get(name, report)
            first, kind = self._first[name], _kind(self._lengths[name])
            done = (report.fraction - first.fraction) * self._lengths[name]
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
