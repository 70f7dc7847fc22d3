"""The accuracies of variants side by side."""

import numpy as np

from skmnist.plotting._axes import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    add_legend,
    as_label,
    merge_kw,
    open_axes,
    tidy,
)

# Label, colour, marker and its size by the column of the table.
_SERIES = {
    "training_accuracy": ("training", ORANGE, "^", 7),
    "validation_accuracy": ("validation", SKY, "s", 6),
    "cv_mean": ("cross-validation", GREEN, "D", 6),
    "test_accuracy": ("test", BLUE, "o", 8),
}


class ComparisonDisplay:
    """Training, validation and test accuracy of variants, with their intervals.

    The horizontal axis starts just below the lowest accuracy, and its label says
    so. The values are written at the right edge.

    Parameters
    ----------
    table : DataFrame of shape (n_variants, n_columns)
        The `table_` of a `VariantComparison`: one row per variant with its name in
        `model`, and in percent `test_accuracy`, `training_accuracy` and
        `validation_accuracy`, each drawn with an interval if the table has its ends
        (such as `test_low` and `test_high`), and the mean `cv_mean` and standard
        deviation `cv_std` over the folds. Columns that are missing or hold only NaN
        are left out.
    repeats : DataFrame of shape (n_variants * n_repeats, n_columns), default=None
        The accuracies of several repeats, of which the table holds the means: one row
        per fit with the columns `model`, `repeat` and some of `training_accuracy`,
        `validation_accuracy` and `test_accuracy`, in percent. They are drawn as small
        points beside the mean. A single repeat equals the mean and is not drawn.

    Attributes
    ----------
    points_ : dict of str to matplotlib Line2D
        The points, by column.
    intervals_ : dict of str to matplotlib LineCollection
        The intervals, by column.
    repeat_points_ : dict of str to matplotlib Line2D
        The points of the repeats, by column.
    texts_ : list of matplotlib Text
        The accuracies at the right edge.
    ax_ : matplotlib Axes
        The axes with the points.
    figure_ : matplotlib Figure
        The figure with the axes.

    See Also
    --------
    VariantComparison : The result that is shown.
    TrainingCurveDisplay : Loss and accuracy of every epoch.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmnist import ComparisonDisplay
    >>> table = pd.DataFrame({
    ...     "model": ["plain", "annealed"], "test_accuracy": [98.3, 98.9],
    ...     "test_low": [96.4, 97.2], "test_high": [99.2, 99.6],
    ... })
    >>> display = ComparisonDisplay.from_table(table)
    >>> display.ax_.get_xlabel()
    'accuracy (%); the axis starts at 96%'
    """

    def __init__(self, table, *, repeats=None):
        self.table = table
        self.repeats = repeats

    @classmethod
    def from_comparison(cls, comparison, *, ax=None, **kwargs):
        """Plot the result of a comparison.

        Parameters
        ----------
        comparison : VariantComparison
            The result of `compare_variants`.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ComparisonDisplay
            The display, plotted.
        """
        table, repeats = comparison.table_, comparison.repeats_
        return cls.from_table(table, repeats=repeats, ax=ax, **kwargs)

    @classmethod
    def from_table(cls, table, *, repeats=None, ax=None, **kwargs):
        """Plot the table of a comparison, such as one read from a file.

        Parameters
        ----------
        table : DataFrame of shape (n_variants, n_columns)
            One row per variant, with the columns of `VariantComparison.table_`.
        repeats : DataFrame of shape (n_variants * n_repeats, n_columns), default=None
            One row per fit of several repeats, as in the description of the class.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **kwargs : dict
            Other keyword arguments of `plot`.

        Returns
        -------
        display : ComparisonDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the table is empty or lacks the columns, or if `ax` holds several axes.
        """
        return cls(table, repeats=repeats).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, errorbar_kw=None, repeat_kw=None, text_kw=None):
        """Plot the points and their intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        errorbar_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.errorbar` for the points with
            their intervals.
        repeat_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.plot` for the points of the
            repeats.
        text_kw : dict, default=None
            Keyword arguments of `matplotlib.axes.Axes.annotate` for the accuracies at
            the right edge.

        Returns
        -------
        display : ComparisonDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the table is empty or lacks the columns, or if `ax` holds several axes.
        """
        shown = [name for name in _SERIES if self._values(name) is not None]
        if not shown or "model" not in self.table:
            columns = ", ".join(map(str, self.table.columns)) or "none at all"
            raise ValueError(
                "The table must hold `model` and accuracies such as "
                f"`test_accuracy`, but its {len(self.table)} rows have the columns "
                f"{columns}: give the `table_` of a comparison."
            )
        rows = np.arange(len(self.table))
        figsize = (6.4, 1.5 + len(rows) * (0.22 * len(shown) + 0.25))
        axes = open_axes(ax, (1, 1), figsize, self._title())
        self.ax_ = axes[0, 0]
        self.figure_ = self.ax_.figure
        tidy(self.ax_)
        self.points_, self.intervals_, self.repeat_points_ = {}, {}, {}
        self.texts_ = []
        step = min(0.24, 0.72 / len(shown))
        for number, name in enumerate(shown):
            heights = rows + step * (number - (len(shown) - 1) / 2)
            self._draw_points(name, heights, errorbar_kw)
            self._draw_repeats(name, heights + 0.45 * step, repeat_kw)
            self._write_values(name, heights, text_kw)
        self._name_rows()
        self._start_where_differences_show()
        add_legend(axes, outside=ax is None)
        return self

    def _title(self):
        if self._n_repeats() < 2:
            return "Accuracy of each variant"
        return f"Accuracy of each variant, mean of {self._n_repeats()} repeats"

    def _n_repeats(self):
        return 1 if self.repeats is None else self.repeats["repeat"].nunique()

    def _values(self, name):
        """Return a column as floats, or None if it is missing or empty."""
        if name not in self.table:
            return None
        values = self.table[name].to_numpy(dtype=float)
        return values if np.isfinite(values).any() else None

    def _lengths(self, name):
        """Return the lengths of the intervals to either side, or None."""
        kind, values = name.removesuffix("_accuracy"), self._values(name)
        low, high = self._values(f"{kind}_low"), self._values(f"{kind}_high")
        if name == "cv_mean":
            return self._values("cv_std")
        if low is None or high is None:
            return None
        return np.maximum([values - low, high - values], 0)  # of rounded values too

    def _draw_points(self, name, heights, errorbar_kw):
        """Draw the point of each variant with its interval."""
        label, color, marker, size = _SERIES[name]
        lengths = self._lengths(name)
        if lengths is not None:
            label += " ± std. dev." if name == "cv_mean" else ", 95% interval"
        look = {"label": label, "color": color, "marker": marker, "markersize": size}
        look |= {"linestyle": "", "elinewidth": 2.5, "clip_on": False, "zorder": 3}
        look = merge_kw("line", look, errorbar_kw)
        self.points_[name], _, bars = self.ax_.errorbar(
            self._values(name), heights, xerr=lengths, **look
        )
        if bars:
            self.intervals_[name] = bars[0]

    def _draw_repeats(self, name, heights, repeat_kw):
        """Draw a small point for each repeat, below the mean."""
        if self._n_repeats() < 2 or name not in self.repeats:
            return
        look = {"color": GREY, "linestyle": "", "marker": ".", "markersize": 5}
        if not self.repeat_points_:
            look["label"] = "single repeats"
        look = merge_kw("line", look, repeat_kw)
        rows = dict(zip(self.table["model"], heights, strict=True))
        heights = self.repeats["model"].map(rows)
        (self.repeat_points_[name],) = self.ax_.plot(
            self.repeats[name], heights, **look
        )

    def _write_values(self, name, heights, text_kw):
        """Write the accuracies at the right edge."""
        look = {
            "xycoords": self.ax_.get_yaxis_transform(),
            "xytext": (6, 0),
            "textcoords": "offset points",
            "verticalalignment": "center",
            "fontsize": "small",
            "fontweight": "bold" if name == "test_accuracy" else "normal",
        }
        look = merge_kw("text", look, text_kw)
        for height, value in zip(heights, self._values(name), strict=True):
            if np.isfinite(value):
                text = self.ax_.annotate(f"{value:.2f}", (1, height), **look)
                self.texts_.append(text)

    def _name_rows(self):
        """Write the names of the variants, and separate their rows by lines."""
        names = [as_label(name, 24) for name in self.table["model"]]
        self.ax_.set_yticks(range(len(names)), names)
        self.ax_.set_ylim(len(names) - 0.5, -0.5)
        self.ax_.tick_params(axis="y", length=0)
        self.ax_.grid(visible=False, axis="y")
        for boundary in range(1, len(names)):
            self.ax_.axhline(boundary - 0.5, color=GREY, alpha=0.4, linewidth=0.8)

    def _start_where_differences_show(self):
        """Start the axis at the half percent below the lowest mark, and label it so."""
        low, high = self.ax_.get_xlim()
        start = max(0.0, np.floor(2 * low) / 2)
        self.ax_.set_xlim(start, min(high, max(100, self.ax_.dataLim.x1)))
        where = f"; the axis starts at {start:g}%" if start > 0 else ""
        self.ax_.set_xlabel(f"accuracy (%){where}")
