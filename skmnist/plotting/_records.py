"""What the displays of training share: one record of each network."""

from collections.abc import Mapping

import numpy as np

from skmnist.plotting._reading import named, network_of, record_of


class RecordDisplay:
    """The class methods of the displays that show one record of each network."""

    _record = "history_"

    def __init__(self, records):
        self.records = records

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw what one fitted network recorded.

        Parameters
        ----------
        estimator : estimator
            A fitted or loaded `MnistCNN`, or a pipeline or a search that ends in
            one.
        name : str, default=None
            What the estimator is called in the picture. None takes the name of its
            class.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw, as in `plot`.

        Returns
        -------
        display : object of this class
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator carries no record.
        ValueError
            If `ax` is refused, as in `plot`.
        """
        name = type(network_of(estimator)).__name__ if name is None else name
        return cls.from_estimators({name: estimator}, ax=ax)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None):
        """Draw what several fitted networks recorded, to be compared.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            Fitted or loaded `MnistCNN`, or pipelines or searches that end in one,
            by the names that the picture shows.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw, as in `plot`.

        Returns
        -------
        display : object of this class
            The display, drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If an estimator carries no record.
        ValueError
            If there are no estimators, or if `ax` is refused, as in `plot`.
        """
        estimators = named(estimators)
        if not estimators:
            raise ValueError(
                "There is nothing to draw: `estimators` is empty, give one at least."
            )
        records = {
            name: record_of(estimator, cls._record)
            for name, estimator in estimators.items()
        }
        return cls(records).plot(ax=ax)

    @classmethod
    def from_history(cls, history, *, name="", ax=None):
        """Draw a record without its estimator.

        Parameters
        ----------
        history : dict of str to list of float, or array-like of shape (n_batches,)
            The attribute of a fitted `MnistCNN` that this class shows: `history_`,
            and for `BatchLossDisplay` it is `batch_loss_`.
        name : str, default=""
            What the picture calls it.
        ax : matplotlib Axes or array-like of Axes, default=None
            Where to draw, as in `plot`.

        Returns
        -------
        display : object of this class
            The display, drawn.

        Raises
        ------
        ValueError
            If the history lacks what is drawn, or if `ax` is refused, as in `plot`.
        """
        return cls({name: history}).plot(ax=ax)

    def _checked(self):
        """Return the records, of which there must be some, by their names."""
        if not isinstance(self.records, Mapping) or not self.records:
            raise ValueError(
                f"`records` must be a dict of one `{self._record}` at least by its "
                f"name, but it is {self.records!r:.50}."
            )
        return self.records


def column_of(history, key, name):
    """Return a list of a history as an array, or say that it is missing.

    Parameters
    ----------
    history : dict of str to list of float
        The history.
    key : str
        Which of its lists is wanted.
    name : str
        What the history is called.

    Returns
    -------
    values : ndarray of shape (n_epochs,)
        The list.

    Raises
    ------
    ValueError
        If the history has no such list or an empty one.
    """
    if not isinstance(history, Mapping) or key not in history:
        keys = list(history) if isinstance(history, Mapping) else []
        seen = f"only {', '.join(map(str, keys))}" if keys else "nothing of the kind"
        raise ValueError(
            f"The record {name!r} must hold `{key}`, but has {seen}: give the "
            "`history_` of a fitted MnistCNN."
        )
    return series_of(history[key], name, key)


def series_of(values, name, key="losses"):
    """Return a list of a record as an array, or say what is wrong with it.

    Parameters
    ----------
    values : array-like of shape (n_values,)
        The list.
    name : str
        What the record is called.
    key : str, default="losses"
        What the list is called.

    Returns
    -------
    values : ndarray of shape (n_values,)
        The list.

    Raises
    ------
    ValueError
        If it is no list of numbers, or an empty one.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"The {key} of the record {name!r} must be a list of one number at least, "
            f"but are {values!r:.50}: give what a fitted MnistCNN recorded."
        )
    return array


def equalise(row):
    """Give all panels of a row the same vertical limits."""
    limits = [panel.get_ylim() for panel in row]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    for panel in row:
        panel.set_ylim(low, high)
