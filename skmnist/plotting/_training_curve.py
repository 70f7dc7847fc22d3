"""Loss and accuracy per epoch."""

import numpy as np

from skmnist.plotting._axes import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    count_from_one,
    merge_kw,
    tidy,
)
from skmnist.plotting._record_display import RecordDisplay, column_of

_CURVES = {
    "": {"label": "training", "color": ORANGE, "linestyle": "--", "marker": "s"},
    "val_": {"label": "validation", "color": BLUE, "marker": "o"},
}


class TrainingCurveDisplay(RecordDisplay):
    """Loss and accuracy of every epoch, in training and in validation.

    Thin vertical lines mark the first epoch after each reduction of the learning
    rate; a shaded range marks consecutive epochs with a falling rate. A dotted line
    marks the epoch whose weights early stopping kept. Several networks are drawn side
    by side on equal axes.

    Training loss and accuracy are the means that Keras computes during an epoch, while
    the weights change, with dropout and augmentation. Those of the validation are
    computed at the end of the epoch, without either, and are often better for that
    reason alone.

    Parameters
    ----------
    records : dict of str to dict
        For each name, a `history_` of `MnistCNN`: lists of one number per epoch with
        the keys `loss`, `accuracy` and optionally `val_loss`, `val_accuracy` and
        `learning_rate`.
    best_epochs : dict of str to int, default=None
        For some of these names, the epoch whose weights were kept, counted from 1.
        The class methods take it from the attribute `best_epoch_` of estimators that
        have it.

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

    def __init__(self, records, *, best_epochs=None):
        super().__init__(records)
        self.best_epochs = best_epochs

    @classmethod
    def _from_networks(cls, networks):
        display = super()._from_networks(networks)
        display.best_epochs = {
            name: getattr(network, "best_epoch_", None)
            for name, network in networks.items()
        }
        return display

    def plot(self, ax=None, *, line_kw=None, mark_kw=None):
        """Plot loss and accuracy.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            Two axes for each record, first those of the losses, then those of the
            accuracies, or a single subplot, which is divided. None creates a new
            figure.
        line_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.plot` for the curves.
        mark_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.axvline` for the marked epochs.

        Returns
        -------
        display : TrainingCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If records are missing, a record is empty, its lists differ in length, or
            `ax` holds another number of axes.
        """
        records = self._read(_columns_of)
        self._open_panels(ax, 2, 5.6, "Loss and accuracy of each epoch")
        n_epochs = max(len(history["loss"]) for history in records.values())
        # Markers are smaller for long records.
        size = 5 if n_epochs <= 12 else 3.2
        for panels, (name, history) in zip(self.axes_.T, records.items(), strict=True):
            best = (self.best_epochs or {}).get(name)
            for panel, metric in zip(panels, ("loss", "accuracy"), strict=True):
                _draw_curves(panel, history, metric, size, line_kw)
                _mark_epochs(panel, history, best, mark_kw)
                count_from_one(panel, n_epochs, "epoch")
                tidy(panel)
        self.axes_[0, 0].set_ylabel("loss")
        self.axes_[1, 0].set_ylabel("accuracy (%)")
        self._finish_panels(ax)
        return self


def _columns_of(history, name):
    """Return the lists of a history to plot, as arrays of equal length."""
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


def _draw_curves(ax, history, metric, size, line_kw):
    """Draw one metric of training and validation."""
    scale = 100 if metric == "accuracy" else 1
    epochs = np.arange(1, len(history[metric]) + 1)
    for prefix, look in _CURVES.items():
        if prefix + metric in history:
            look = merge_kw("line", {**look, "markersize": size}, line_kw)
            ax.plot(epochs, scale * history[prefix + metric], **look)


def _mark_epochs(ax, history, best, mark_kw):
    """Mark reductions of the learning rate, and the best epoch."""
    for first, last in reductions(history.get("learning_rate", [])):
        if first == last:
            look = {"label": "learning rate reduced", "color": GREY, "linewidth": 0.8}
            ax.axvline(first, **merge_kw("line", look, mark_kw))
        else:
            look = {"label": "learning rate falling", "color": GREY, "alpha": 0.2}
            ax.axvspan(first - 0.5, last + 0.5, linewidth=0, zorder=0, **look)
    if best is not None:
        look = {"label": "best epoch", "color": GREEN, "linestyle": ":", "linewidth": 2}
        ax.axvline(best, **merge_kw("line", look, mark_kw))


def reductions(learning_rates):
    """Return first and last of consecutive epochs with falling rates, from 1."""
    rates = np.asarray(learning_rates, dtype=float)
    # A relative step below float32's resolution is not a reduction.
    epochs = np.flatnonzero(rates[1:] < rates[:-1] * (1 - 1e-6)) + 2
    runs = np.split(epochs, np.flatnonzero(np.diff(epochs) > 1) + 1)
    return [(int(run[0]), int(run[-1])) for run in runs if run.size]
