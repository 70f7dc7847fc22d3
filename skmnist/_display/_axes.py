"""What the displays share in drawing: colours, words, axes and legends."""

from math import ceil
from textwrap import wrap

import numpy as np

# The palette that Okabe and Ito published for colour-blind readers (Color
# Universal Design, 2008). Neighbours differ in lightness, line style and marker
# as well, so that they can be told apart in grey print.
BLUE, ORANGE, VERMILION = "#0072B2", "#E69F00", "#D55E00"
STYLES = (
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": ORANGE, "linestyle": "--", "marker": "s"},
    {"color": "#000000", "linestyle": "-.", "marker": "^"},
    {"color": "#56B4E9", "linestyle": "-", "marker": "D"},
    {"color": "#009E73", "linestyle": ":", "marker": "P"},
    {"color": "#CC79A7", "linestyle": "-.", "marker": "X"},
    {"color": VERMILION, "linestyle": "--", "marker": "v"},
)


def style(index):
    """Return colour, line style and marker of the line with this number."""
    return STYLES[index % len(STYLES)]


def fold(text, width):
    """Break a text into lines of about `width` characters.

    Names break after an underscore too, and a number stays with its percent sign.
    """
    glued = text.replace(" %", "\xa0%").replace("_", "_\N{ZERO WIDTH SPACE} ")
    lines = "\n".join(wrap(glued, max(1, int(width)))) or text
    return (
        lines.replace("_\N{ZERO WIDTH SPACE} ", "_")
        .replace("\N{ZERO WIDTH SPACE}", "")
        .replace("\xa0%", " %")
    )


def open_axes(ax, n_rows, n_columns, size):
    """Find or make the axes to draw on.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
        None makes a figure. One Axes where several are needed is the space in
        which they are laid out.
    n_rows, n_columns : int
        How the axes are laid out.
    size : tuple of (float, float)
        Width and height in inches of a figure that is made here.

    Returns
    -------
    axes : ndarray of Axes of shape (n_rows, n_columns)
        The axes to draw on.
    made : bool
        Whether their figure was made here.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=size, squeeze=False, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.05)
        return axes, True
    axes = np.array(ax, dtype=object)
    wanted = n_rows * n_columns
    if axes.ndim == 0 and wanted > 1:
        axes = _divide(ax, n_rows, n_columns)
    if axes.size != wanted:
        raise ValueError(
            f"This display draws on {wanted} axes, but `ax` holds {axes.size}: give "
            f"{wanted}, or a single one, which is divided."
        )
    return axes.reshape(n_rows, n_columns), False


def _divide(ax, n_rows, n_columns):
    """Lay a grid of axes out in the space of one, as scikit-learn does."""
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "A single `ax` is divided only if it is a subplot: make it with "
            "`plt.subplots()`, or give one Axes for each panel."
        )
    ax.set_axis_off()
    grid = place.subgridspec(n_rows, n_columns)
    return np.array([ax.figure.add_subplot(part) for part in grid], dtype=object)


def tidy(ax):
    """Leave of the frame what carries a scale, and lay a faint grid behind."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def count_from_one(ax, last, label, n_ticks="auto"):
    """Let the horizontal axis show whole numbers from 1 to the last."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    margin = max(0.5, 0.02 * last)
    ax.set_xlim(1 - margin, last + margin)
    ax.xaxis.set_major_locator(
        MaxNLocator(n_ticks, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    ax.set_xlabel(label)


def label_log_axis(ax):
    """Turn the vertical axis logarithmic, with plain numbers where it is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def place_legend(panels, made, **inside):
    """Put one legend for some axes below a figure of ours, else inside the first."""
    entries = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    labels, handles = list(entries), list(entries.values())
    figure = panels[0].get_figure()
    if not made:
        legend = panels[0].legend(
            handles, labels, fontsize="small", framealpha=0.8, **inside
        )
        legend.set_in_layout(False)
        return
    lines = [line for label in labels for line in label.split("\n")]
    inches = 0.65 + 0.068 * max(map(len, lines))
    columns = max(1, min(len(labels), int(figure.get_figwidth() // inches)))
    # The more of it the legend takes, the higher is the figure.
    figure.set_figheight(
        figure.get_figheight() + 0.18 * (ceil(len(lines) / columns) - 1)
    )
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        fontsize="small",
        frameon=False,
    )
