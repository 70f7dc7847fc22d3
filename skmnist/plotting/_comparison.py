"""The accuracies of variants side by side."""

import numpy as np

from skmnist.plotting._axes import BLUE, ORANGE, fold, tidy
from skmnist.plotting._space import open_axes

# Column of the table, columns of its interval's ends or of its spread, legend, look.
_SERIES = {
    "training_accuracy": (
        ("training_low", "training_high"),
        "training",
        {"color": ORANGE, "marker": "^", "markersize": 7},
    ),
    "validation_accuracy": (
        ("validation_low", "validation_high"),
        "validation",
        {"color": "#56B4E9", "marker": "s", "markersize": 6},
    ),
    "cv_mean": (
        ("cv_std",),
        "cross-validation",
        {"color": "#009E73", "marker": "D", "markersize": 6},
    ),
    "test_accuracy": (
        ("test_low", "test_high"),
        "test",
        {"color": BLUE, "marker": "o", "markersize": 8},
    ),
}


_INTERVAL = ", 95 % interval"
_CHARACTER = 0.085  # width of a letter of a variant's name, in inches


class ComparisonDisplay:
    """Training, validation and test accuracy of variants, with their intervals.

    The horizontal axis starts where the differences can be seen, and its label
    says so. The accuracy of each point stands at the right edge.

    Parameters
    ----------
    table : DataFrame of shape (n_variants, n_columns)
        The `table_` of a `VariantComparison`: a row a variant with its name in
        `model`, and in percent `test_accuracy`, `training_accuracy` and
        `validation_accuracy`, each drawn with an interval where the table has its
        ends (such as `test_low` and `test_high`), and the mean `cv_mean` and
        standard deviation `cv_std` over the folds. Columns that are missing or
        hold only NaN are left out.

    Attributes
    ----------
    points_ : dict of str to matplotlib Line2D
        The points by the column that they show.
    intervals_ : dict of str to matplotlib LineCollection
        The intervals by the column of their points.
    ax_ : matplotlib Axes
        The axes with the points.
    figure_ : matplotlib Figure
        The figure with the axes.

    See Also
    --------
    VariantComparison : The outcome that is shown.
    TrainingCurveDisplay : How the variants came there.

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
    'accuracy (%); the axis starts at 96 %, not at 0'
    """

    def __init__(self, table):
        self.table = table

    @classmethod
    def from_comparison(cls, comparison, *, ax=None):
        """Draw the outcome of a comparison.

        Parameters
        ----------
        comparison : VariantComparison
            What `compare_variants` returned.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ComparisonDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `ax` holds several axes.
        """
        return cls.from_table(comparison.table_, ax=ax)

    @classmethod
    def from_table(cls, table, *, ax=None):
        """Draw the table of a comparison, such as one read from a file.

        Parameters
        ----------
        table : DataFrame of shape (n_variants, n_columns)
            A row a variant, with the columns of `VariantComparison.table_`.
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ComparisonDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the table has no variant or none of the columns, or if `ax` holds
            several axes.
        """
        return cls(table).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the points and their intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None makes a figure.

        Returns
        -------
        display : ComparisonDisplay
            The display itself.

        Raises
        ------
        ValueError
            If the table has no variant or none of the columns, or if `ax` holds
            several axes.
        """
        shown = [name for name in _SERIES if self._values(name) is not None]
        if not shown or "model" not in self.table:
            columns = ", ".join(map(str, self.table.columns)) or "none at all"
            raise ValueError(
                "The table must hold `model` and accuracies such as "
                f"`test_accuracy`, but its {len(self.table)} rows have the columns "
                f"{columns}: give the `table_` of a comparison."
            )
        n_variants = len(self.table)
        height = 1.1 + n_variants * (0.22 * len(shown) + 0.25)
        space = open_axes(ax, 1, 1, (7.2, height))
        self.ax_ = space.panels[0, 0]
        self.figure_ = self.ax_.figure

        tidy(self.ax_)
        self.points_, self.intervals_ = {}, {}
        step = min(0.24, 0.72 / len(shown))
        heights = step * (np.arange(len(shown)) - (len(shown) - 1) / 2)
        for name, offset in zip(shown, heights, strict=True):
            self._draw_series(name, np.arange(n_variants) + offset)
        # Long names take a third of narrow axes, at most.
        self._name_rows(min(24, max(8, int(space.width / 3 / _CHARACTER))))
        self._start_where_differences_show()
        space.finish(*self._legend_entries())
        return self

    def _values(self, name):
        """Return a column as floats, or None if there is nothing in it."""
        if name not in self.table:
            return None
        values = self.table[name].to_numpy(dtype=float)
        return values if np.isfinite(values).any() else None

    def _ends(self, name):
        """Return the ends of the intervals, or None if the table has none."""
        ends = [self._values(column) for column in _SERIES[name][0]]
        if any(end is None for end in ends):
            return None
        if len(ends) == 1:
            mean = self._values(name)
            return mean - ends[0], mean + ends[0]
        return tuple(ends)

    def _draw_series(self, name, rows):
        """Draw one point a variant, its interval and, at the edge, its value."""
        values, ends = self._values(name), self._ends(name)
        _, label, look = _SERIES[name]
        if ends is not None:
            self.intervals_[name] = self.ax_.hlines(
                rows, *ends, color=look["color"], linewidth=2.5
            )
        self.points_[name] = self.ax_.plot(
            values,
            rows,
            label=label,
            linestyle="",
            markeredgecolor="black",
            markeredgewidth=0.6,
            clip_on=False,
            zorder=3,
            **look,
        )[0]
        for row, value in zip(rows, values, strict=True):
            if np.isfinite(value):
                self.ax_.annotate(
                    f"{value:.2f}",
                    (1, row),
                    xycoords=self.ax_.get_yaxis_transform(),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize="small",
                    fontweight="bold" if name == "test_accuracy" else "normal",
                )

    def _legend_entries(self):
        """Return handles, labels and a heading, which says what the lines are."""
        from matplotlib.lines import Line2D

        handles, labels = [], []
        for name in self.points_:
            columns, label, look = _SERIES[name]
            line = {
                "linestyle": "-" if name in self.intervals_ else "",
                "linewidth": 2.5,
            }
            edge = {"markeredgecolor": "black", "markeredgewidth": 0.6}
            handles.append(Line2D([], [], **line, **edge, **look))
            if name in self.intervals_:
                label += " ± std. dev." if len(columns) == 1 else _INTERVAL
            labels.append(label)
        if len(labels) > 1 and all(label.endswith(_INTERVAL) for label in labels):
            labels = [label.removesuffix(_INTERVAL) for label in labels]
            return handles, labels, "points with 95 % intervals"
        return handles, labels, None

    def _name_rows(self, width):
        """Write the variants beside their rows, in lines of so many characters."""
        names = [fold(name, width) for name in self.table["model"]]
        self.ax_.set_yticks(range(len(names)), names, parse_math=False)
        self.ax_.set_ylim(len(names) - 0.5, -0.5)
        self.ax_.tick_params(axis="y", length=0)
        self.ax_.grid(visible=False, axis="y")
        for boundary in range(1, len(names)):
            self.ax_.axhline(boundary - 0.5, color="0.85", linewidth=0.8)

    def _start_where_differences_show(self):
        """Let the axis begin just below the lowest mark, and say so."""
        from matplotlib.ticker import MaxNLocator

        marks = [self._values(name) for name in self.points_]
        marks += [end for name in self.intervals_ for end in self._ends(name)]
        low, high = np.nanmin(marks), np.nanmax(marks)
        margin = 0.04 * max(high - low, 0.5)
        ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low - margin, high)
        start = max(0.0, ticks[ticks <= low - margin].max())
        end = high + margin
        self.ax_.set_xlim(start, end)
        self.ax_.set_xticks(ticks[(ticks >= start) & (ticks <= min(end, 100))])
        where = f"; the axis starts at {start:g} %, not at 0" if start > 0 else ""
        self.ax_.set_xlabel(f"accuracy (%){where}")
