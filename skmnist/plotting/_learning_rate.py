"""The learning rate per epoch."""

import numpy as np

from skmnist.plotting._axes import count_from_one, label_log_axis, style, tidy
from skmnist.plotting._records import RecordDisplay, column_of
from skmnist.plotting._space import open_axes


class LearningRateDisplay(RecordDisplay):
    """The learning rate of every epoch, on a logarithmic axis.

    Parameters
    ----------
    records : dict of str to dict
        For each name a `history_` of `MnistCNN` with the key `learning_rate`: one
        positive number an epoch. One cycle changes the rate with every batch; the
        number is the rate of the epoch's last one.

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
    TrainingCurveDisplay : What the rate did to loss and accuracy.

    Examples
    --------
    >>> from skmnist import LearningRateDisplay
    >>> history = {"learning_rate": [0.001, 0.001, 0.0003]}
    >>> display = LearningRateDisplay.from_history(history, name="annealed")
    >>> display.ax_.get_yscale()
    'log'
    """

    def plot(self, ax=None):
        """Draw the rates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : LearningRateDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no record or one without learning rates, or if `ax` holds
            several axes.
        """
        records = {
            name: column_of(history, "learning_rate", name)
            for name, history in self._checked().items()
        }
        space = open_axes(ax, 1, 1, (6.4, 3.8))
        self.ax_ = space.panels[0, 0]
        self.figure_ = self.ax_.figure
        self.lines_ = []
        # Lines that lie on each other stay visible: the first ones are wider.
        widths = np.linspace(1.5 + min(2.2 * (len(records) - 1), 6), 1.5, len(records))
        for index, (name, rates) in enumerate(records.items()):
            self.lines_ += self.ax_.plot(
                np.arange(1, len(rates) + 1),
                rates,
                label=str(name),
                linewidth=widths[index],
                markersize=widths[index] + 2.4,
                drawstyle="steps-post",
                **style(index),
            )
        self.ax_.margins(y=0.1)
        label_log_axis(self.ax_)
        self.ax_.set_ylabel("learning rate")
        n_epochs = max(len(line.get_xdata()) for line in self.lines_)
        count_from_one(self.ax_, n_epochs, "epoch")
        tidy(self.ax_)
        shown = any(map(str, records))
        space.finish(*((self.lines_, list(records)) if shown else ()))
        return self
