"""The loss of every training batch."""

import numpy as np
import pandas as pd

from skmnist.plotting._axes import (
    GREY,
    VERMILION,
    count_from_one,
    label_log_axis,
    merge_kw,
    tidy,
)
from skmnist.plotting._record_display import RecordDisplay, series_of


class BatchLossDisplay(RecordDisplay):
    """Loss of every training batch, on a logarithmic axis.

    The raw losses are drawn in the background, and their centred moving average, over
    2% of the batches of the longest record and at least 5, in front of them. Several
    networks are drawn side by side on equal axes. The axes leave out the lowest 0.5% of
    the raw losses: on a logarithmic scale, a few batches with almost no loss would fill
    them.

    Parameters
    ----------
    records : dict of str to array-like of shape (n_batches,)
        For each name, a `batch_loss_` of `MnistCNN`: the loss of each batch.

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

    def plot(self, ax=None, *, raw_kw=None, smooth_kw=None):
        """Plot the losses and their moving average.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One axes for each record, or a single subplot, which is divided. None
            creates a new figure.
        raw_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.plot` for the raw losses.
        smooth_kw : dict, default=None
            The same for the moving average.

        Returns
        -------
        display : BatchLossDisplay
            The display itself.

        Raises
        ------
        ValueError
            If records are missing, a record is empty, or `ax` holds another number of
            axes.
        """
        records = self._read(series_of)
        self._open_panels(ax, 1, 4, "Loss of each batch")
        self.raw_, self.smooth_ = [], []
        last = max(map(len, records.values()))
        window = max(5, last // 50)
        for panel, losses in zip(self.axes_[0], records.values(), strict=True):
            self._draw_losses(panel, losses, window, raw_kw, smooth_kw)
            count_from_one(panel, last, "batch")
        self._finish_panels(ax)
        self.axes_ = self.axes_[0]
        self.axes_[0].set_ylabel("loss of the batch")
        for panel in self.axes_:
            label_log_axis(panel)
        return self

    def _draw_losses(self, ax, losses, window, raw_kw, smooth_kw):
        """Draw the losses of one network and their moving average."""
        batches = np.arange(1, len(losses) + 1)
        raw = {"label": "each batch", "color": GREY, "linewidth": 0.7, "alpha": 0.5}
        smooth = {
            "label": f"moving average of {window:,} batches",
            "color": VERMILION,
            "linewidth": 2,
            "marker": "o" if len(losses) == 1 else None,
        }
        averages = pd.Series(losses).rolling(window, min_periods=1, center=True).mean()
        self.raw_ += ax.plot(batches, losses, **merge_kw("line", raw, raw_kw))
        self.smooth_ += ax.plot(
            batches, averages, **merge_kw("line", smooth, smooth_kw)
        )
        seen = losses[losses > 0] if np.any(losses > 0) else np.ones(1)
        low, high = np.quantile(seen, 0.005), 1.25 * seen.max()
        ax.set_ylim(min(0.8 * low, high / 10), high)
        tidy(ax)
