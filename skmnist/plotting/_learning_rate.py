"""The learning rate per epoch."""

import numpy as np

from skmnist.plotting._axes import (
    STYLES,
    add_legend,
    as_label,
    count_from_one,
    label_log_axis,
    merge_kw,
    open_axes,
    tidy,
)
from skmnist.plotting._record_display import RecordDisplay, column_of


class LearningRateDisplay(RecordDisplay):
    """Learning rate of every epoch, on a logarithmic axis.

    Parameters
    ----------
    records : dict of str to dict
        For each name, a `history_` of `MnistCNN` with the key `learning_rate`: one
        positive number per epoch. One cycle changes the rate with every batch; the
        number is the rate of the epoch's last batch.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        The line of each record.
    ax_ : matplotlib Axes
        The axes with the lines.
    figure_ : matplotlib Figure
        The figure with the axes.

    See Also
    --------
    TrainingCurveDisplay : Loss and accuracy of every epoch.

    Examples
    --------
    >>> from skmnist import LearningRateDisplay
    >>> history = {"learning_rate": [0.001, 0.001, 0.0003]}
    >>> display = LearningRateDisplay.from_history(history, name="annealed")
    >>> display.ax_.get_yscale()
    'log'
    """

    def plot(self, ax=None, *, line_kw=None):
        """Plot the learning rates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        line_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.plot` for the lines.

        Returns
        -------
        display : LearningRateDisplay
            The display itself.

        Raises
        ------
        ValueError
            If records are missing, a record lacks learning rates, or `ax` holds
            several axes.
        """
        records = self._read(lambda each, name: column_of(each, "learning_rate", name))
        axes = open_axes(ax, (1, 1), (6.4, 4), "Learning rate of each epoch")
        self.ax_ = axes[0, 0]
        self.figure_ = self.ax_.figure
        self.lines_ = []
        # The first lines are wider, so that all are visible where they coincide.
        widths = np.linspace(1.5 + min(1.5 * (len(records) - 1), 6), 1.5, len(records))
        for index, (name, rates) in enumerate(records.items()):
            look = {
                "label": as_label(name, 60),
                "linewidth": widths[index],
                "markersize": widths[index] + 2.4,
                "drawstyle": "steps-post",
                **STYLES[index % len(STYLES)],
            }
            self.lines_ += self.ax_.plot(
                np.arange(1, len(rates) + 1), rates, **merge_kw("line", look, line_kw)
            )
        self.ax_.margins(y=0.1)
        label_log_axis(self.ax_)
        self.ax_.set_ylabel("learning rate")
        count_from_one(self.ax_, max(map(len, records.values())), "epoch")
        tidy(self.ax_)
        if any(records):
            add_legend(axes, outside=ax is None)
        return self
