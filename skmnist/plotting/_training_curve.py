"""Loss and accuracy per epoch."""

import numpy as np

from skmnist.plotting._axes import BLUE, ORANGE, count_from_one, tidy
from skmnist.plotting._records import RecordDisplay, column_of, equalise
from skmnist.plotting._space import open_axes


class TrainingCurveDisplay(RecordDisplay):
    """Loss and accuracy per epoch, in training and in validation.

    Vertical lines mark the first epoch after each reduction of the learning rate;
    a shaded stretch marks epochs that each had a lower rate than the one before.
    Several networks stand side by side on equal axes.

    The training figures are those that Keras takes while it trains: means over an
    epoch in which the weights still change and dropout and augmentation are on. The
    validation figures are taken at the end of the epoch without them, and are often
    the better ones for that reason alone.

    Parameters
    ----------
    records : dict of str to dict
        For each name a `history_` of `MnistCNN`: lists of one number an epoch with
        the keys `loss`, `accuracy` and, where there are such, `val_loss`,
        `val_accuracy`, `learning_rate`.

    Attributes
    ----------
    axes_ : ndarray of Axes of shape (2, n_records)
        The axes of the losses and, below, those of the accuracies.
    ax_ : matplotlib Axes
        The axes given as a single one, otherwise the first of `axes_`.
    figure_ : matplotlib Figure
        The figure with the axes.

    See Also
    --------
    BatchLossDisplay : The loss of every batch.
    LearningRateDisplay : The learning rate of every epoch.

    Examples
    --------
    >>> from skmnist import TrainingCurveDisplay
    >>> history = {
    ...     "loss": [1.2, 0.5, 0.4], "accuracy": [0.60, 0.85, 0.89],
    ...     "val_loss": [0.6, 0.4, 0.3], "val_accuracy": [0.81, 0.89, 0.93],
    ...     "learning_rate": [0.001, 0.001, 0.0003],
    ... }
    >>> display = TrainingCurveDisplay.from_history(history)
    >>> [ax.get_ylabel() for ax in display.axes_.flat]
    ['loss', 'accuracy (%)']
    """

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Two axes a record: those of the losses, then those of the accuracies. A
            single subplot is divided. None makes a figure.

        Returns
        -------
        display : TrainingCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there is no record or one without an epoch, if its lists differ in
            length, or if `ax` holds another number of axes.
        """
        records = {
            name: _columns_of(history, name)
            for name, history in self._checked().items()
        }
        n_records = len(records)
        if n_records == 1:
            space = open_axes(ax, 1, 2, (8, 3.4))
        else:
            space = open_axes(ax, 2, n_records, (1 + 2.7 * n_records, 5.2))
        self.axes_ = space.panels.reshape(2, n_records)
        self.ax_ = ax if hasattr(ax, "plot") else self.axes_.flat[0]
        self.figure_ = self.ax_.figure

        n_epochs = max(len(history["loss"]) for history in records.values())
        for panels, history in zip(self.axes_.T, records.values(), strict=True):
            for panel, metric, scale in zip(
                panels, ("loss", "accuracy"), (1, 100), strict=True
            ):
                _draw_metric(panel, history, metric, scale, n_epochs)
                count_from_one(panel, n_epochs, "epoch")
        for row, label in zip(self.axes_, ("loss", "accuracy (%)"), strict=True):
            row[0].set_ylabel(label)
            equalise(row)
        if n_records > 1:
            for panel in self.axes_.flat:
                panel.label_outer()
        space.finish(*_legend_entries(self.axes_[0]), names=list(records))
        return self


def _columns_of(history, name):
    """Return the lists of a history that are drawn, as arrays of equal length."""
    columns = {key: column_of(history, key, name) for key in ("loss", "accuracy")}
    for key in ("val_loss", "val_accuracy", "learning_rate"):
        if key in history:
            columns[key] = column_of(history, key, name)
    if len(set(map(len, columns.values()))) > 1:
        lengths = ", ".join(f"{key} {len(each)}" for key, each in columns.items())
        raise ValueError(
            f"The record {name!r} must hold one number an epoch in each list, but "
            f"their lengths differ ({lengths}): give a `history_` as it was recorded."
        )
    return columns


def _legend_entries(panels):
    """Return handles and labels of all panels, each label once."""
    entries = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return list(entries.values()), list(entries)


def _draw_metric(ax, history, metric, scale, longest):
    """Draw one metric of training and validation, and where the rate was reduced.

    The longest record decides on the size of the markers.
    """
    epochs = np.arange(1, len(history[metric]) + 1)
    size = 5 if longest <= 12 else 3.2
    for key, label, look in (
        (metric, "training", {"color": ORANGE, "linestyle": "--", "marker": "s"}),
        (f"val_{metric}", "validation", {"color": BLUE, "marker": "o"}),
    ):
        if key in history:
            look = {"label": label, "markersize": size, **look}
            ax.plot(epochs, scale * history[key], **look)
    for first, last in reductions(history.get("learning_rate", [])):
        if first == last:
            look = {"color": "0.35", "linestyle": ":", "linewidth": 1.3}
            ax.axvline(first, label="learning rate reduced", **look)
        else:
            label = "learning rate falling at every epoch"
            ax.axvspan(first - 0.5, last + 0.5, color="0.9", zorder=0, label=label)
    tidy(ax)


def reductions(learning_rates):
    """List the stretches of epochs, counted from 1, that each had a lower rate."""
    rates = np.asarray(learning_rates, dtype=float)
    # A relative step below float32's resolution is no reduction.
    epochs = np.flatnonzero(rates[1:] < rates[:-1] * (1 - 1e-6)) + 2
    runs = np.split(epochs, np.flatnonzero(np.diff(epochs) > 1) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs if run.size]
