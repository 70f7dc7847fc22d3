"""The loss of every training batch."""

import numpy as np

from skmnist.plotting._axes import BLUE, count_from_one, label_log_axis, tidy
from skmnist.plotting._records import RecordDisplay, equalise, series_of
from skmnist.plotting._space import open_axes


class BatchLossDisplay(RecordDisplay):
    """The loss of every training batch, on a logarithmic axis.

    The raw losses lie in the background; in front of them runs their centred
    moving average, over a fiftieth of the batches of the longest record, and at
    least 5. Several networks stand side by side on equal axes. The axes leave out
    the lowest 0.5 % of the raw losses: on a logarithmic scale a few batches without
    an error would fill them.

    Parameters
    ----------
    records : dict of str to array-like of shape (n_batches,)
        For each name a `batch_loss_` of `MnistCNN`: the loss of each batch.

    Attributes
    ----------
    raw_ : list of matplotlib Line2D
        The line of the raw losses of each record.
    smooth_ : list of matplotlib Line2D
        The line of the moving average of each record.
    axes_ : ndarray of Axes of shape (n_records,)
        The axes of each record.
    ax_ : matplotlib Axes
        The axes given as a single one, otherwise the first of `axes_`.
    figure_ : matplotlib Figure
        The figure with the axes.

    See Also
    --------
    TrainingCurveDisplay : Loss and accuracy of every epoch.

    Examples
    --------
    >>> from skmnist import BatchLossDisplay
    >>> display = BatchLossDisplay.from_history([2.3, 1.9, 1.2, 1.4, 0.8, 0.5])
    >>> display.ax_.get_yscale()
    'log'
    """

    _record = "batch_loss_"

    def plot(self, ax=None):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One axes a record. For several records a single subplot is divided. None
            makes a figure.

        Returns
        -------
        display : BatchLossDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no record or one without a batch, or if `ax` holds another
            number of axes.
        """
        records = {
            name: series_of(losses, name) for name, losses in self._checked().items()
        }
        n_records = len(records)
        width = 7 if n_records == 1 else 1 + 2.7 * n_records
        space = open_axes(ax, 1, n_records, (width, 3.8))
        self.axes_ = space.panels[0]
        self.ax_ = ax if hasattr(ax, "plot") else self.axes_[0]
        self.figure_ = self.ax_.figure
        self.raw_, self.smooth_ = [], []
        last = max(map(len, records.values()))
        window = max(5, last // 50)
        for panel, losses in zip(self.axes_, records.values(), strict=True):
            self._draw_losses(panel, losses, window)
            count_from_one(panel, last, "batch", n_ticks=8 if n_records == 1 else 4)
        self.axes_[0].set_ylabel("loss of the batch")
        equalise(self.axes_)
        for panel in self.axes_:
            label_log_axis(panel)
        if n_records > 1:
            for panel in self.axes_:
                panel.label_outer()
        space.finish(
            _legend_handles(),
            ("each batch", f"moving average of {window:,} batches"),
            names=list(records),
        )
        return self

    def _draw_losses(self, ax, losses, window):
        """Draw the losses of one network and their moving average."""
        batches = np.arange(1, len(losses) + 1)
        # Thousands of losses make a band, a few need a line that can be seen.
        width, alpha = (0.5, 0.3) if len(losses) > 2000 else (1.0, 0.45)
        self.raw_ += ax.plot(
            batches,
            losses,
            color=BLUE,
            alpha=alpha,
            linewidth=width,
            label="each batch",
        )
        self.smooth_ += ax.plot(
            batches,
            moving_average(losses, window),
            color=BLUE,
            linewidth=2,
            marker="o" if len(losses) == 1 else None,
            label=f"moving average of {window:,} batches",
        )
        seen = losses[losses > 0] if np.any(losses > 0) else np.ones(1)
        low, high = np.quantile(seen, 0.005), 1.25 * seen.max()
        ax.set_ylim(min(0.8 * low, high / 10), high)
        tidy(ax)


def _legend_handles():
    """Make lines for the legend, the faint one strong enough to be seen."""
    from matplotlib.lines import Line2D

    raw = Line2D([], [], color=BLUE, alpha=0.5, linewidth=1.2)
    return raw, Line2D([], [], color=BLUE, linewidth=2)


def moving_average(values, window):
    """Average each value with its neighbours, with fewer of them at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    first = np.maximum(index - (window - 1) // 2, 0)
    last = np.minimum(index + window // 2, len(values) - 1)
    return (total[last + 1] - total[first]) / (last + 1 - first)
