"""What the displays of training share: one record of each network."""

from skmnist._display._reading import named, network_of, record_of


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
        """
        estimators = named(estimators)
        if not estimators:
            raise ValueError("There is nothing to draw: `estimators` is empty.")
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
        """
        return cls({name: history}).plot(ax=ax)


def equalise(row):
    """Give all panels of a row the same vertical limits."""
    limits = [panel.get_ylim() for panel in row]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    for panel in row:
        panel.set_ylim(low, high)
