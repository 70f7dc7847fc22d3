"""Base class of the displays that show a record of each network's training."""

import numpy as np

from skmnist.plotting._axes import add_legend, as_label, open_axes
from skmnist.plotting._reading import named, network_of, record_of


class RecordDisplay:
    """Class methods of the displays that show a record of each network."""

    _record = "history_"

    def __init__(self, records):
        self.records = records

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **kwargs):
        """Plot what a fitted network recorded in training.

        Parameters
        ----------
        estimator : estimator
            A fitted or loaded `MnistCNN`, or a pipeline or a search that ends in
            one.
        name : str, default=None
            Name of the estimator in the plot. None takes the name of its class.
        ax : matplotlib Axes or array-like of Axes, default=None
            Axes to plot on, as in `plot`.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : object of this class
            The display, plotted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator does not have a record.
        """
        name = type(network_of(estimator)).__name__ if name is None else name
        return cls.from_estimators({name: estimator}, ax=ax, **kwargs)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None, **kwargs):
        """Plot what several fitted networks recorded, side by side.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            Fitted or loaded `MnistCNN`, or pipelines or searches that end in one,
            by their names in the plot.
        ax : matplotlib Axes or array-like of Axes, default=None
            Axes to plot on, as in `plot`.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : object of this class
            The display, plotted.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If an estimator does not have a record.
        ValueError
            If `estimators` is empty.
        """
        networks = {name: network_of(one) for name, one in named(estimators).items()}
        if not networks:
            raise ValueError("`estimators` is empty, give at least one.")
        return cls._from_networks(networks).plot(ax=ax, **kwargs)

    @classmethod
    def _from_networks(cls, networks):
        return cls(
            {name: record_of(one, cls._record) for name, one in networks.items()}
        )

    @classmethod
    def from_history(cls, history, *, name="", ax=None, **kwargs):
        """Plot a record without its estimator.

        Parameters
        ----------
        history : dict of str to list of float, or array-like of shape (n_batches,)
            The attribute of a fitted `MnistCNN` that this class shows: `history_`,
            and for `BatchLossDisplay` it is `batch_loss_`.
        name : str, default=""
            Name of the record in the plot.
        ax : matplotlib Axes or array-like of Axes, default=None
            Axes to plot on, as in `plot`.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : object of this class
            The display, plotted.

        Raises
        ------
        ValueError
            If the history lacks the values to plot.
        """
        return cls({name: history}).plot(ax=ax, **kwargs)

    def _read(self, read):
        """Return the result of a function for each record, by name."""
        if not self.records:
            raise ValueError(
                f"`records` is empty: give at least one `{self._record}` by its name."
            )
        return {name: read(record, name) for name, record in self.records.items()}

    def _open_panels(self, ax, n_rows, height, title):
        """Open a column of axes for each record, with its name above the first.

        In a new figure, the name of a single record is part of the figure's title.
        """
        names = list(map(str, self.records))
        if ax is None and len(names) == 1:
            title, names = ": ".join(filter(None, [title, as_label(*names, 60)])), []
        n_records = len(self.records)
        figsize = (max(6.4, 1 + 2.7 * n_records), height)
        self.axes_ = open_axes(ax, (n_rows, n_records), figsize, title)
        self.ax_ = ax if hasattr(ax, "plot") else self.axes_[0, 0]
        self.figure_ = self.ax_.figure
        for panel, name in zip(self.axes_[0], names, strict=False):
            panel.set_title(as_label(name, 28), fontsize="medium")

    def _finish_panels(self, ax):
        """Give the panels of a row the same vertical limits, and add the legend.

        Inner labels are left out, unless the user laid out the axes.
        """
        for row in self.axes_:
            lows, highs = zip(*(panel.get_ylim() for panel in row), strict=True)
            for panel in row:
                panel.set_ylim(min(lows), max(highs))
        if ax is None or np.size(ax) < self.axes_.size:
            for panel in self.axes_.flat:
                panel.label_outer()
        add_legend(self.axes_, outside=ax is None)


def column_of(history, key, name):
    """Return a list of a history as an array; raise a ValueError without it."""
    if key not in history:
        raise ValueError(
            f"The record {name!r} must hold `{key}`, but it is {history!r:.60}: give "
            "the `history_` of a fitted MnistCNN."
        )
    return series_of(history[key], name)


def series_of(values, name):
    """Return a list of a record as an array; raise a ValueError if it is not one."""
    array = np.asarray(values)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"The record {name!r} must hold lists of at least one number, but holds "
            f"{values!r:.60}: give what a fitted MnistCNN recorded."
        )
    return array
