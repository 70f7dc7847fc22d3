"""Axes, legends, colours and names of the displays."""

from math import ceil, prod
from textwrap import wrap

import numpy as np

from skmnist._utils import display_name

# Colours of Okabe and Ito's palette for colour-blind readers (Color Universal Design,
# 2008) that contrast with white and with black. Neighbours also differ in lightness,
# line style and marker, for grey print.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PINK, VERMILION, SKY = "#CC79A7", "#D55E00", "#56B4E9"
STYLES = (
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": ORANGE, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": PINK, "linestyle": "-", "marker": "D"},
    {"color": VERMILION, "linestyle": ":", "marker": "P"},
    {"color": SKY, "linestyle": "--", "marker": "X"},
)
GREY = "0.5"  # visible on light and on dark backgrounds

_BREAK = "\N{ZERO WIDTH SPACE}"
_HANDLE, _CHARACTER, _LINE = 0.65, 0.07, 0.17  # sizes in a legend, in inches


def open_axes(ax, shape, figsize, title):
    """Return an array of axes to draw on, in a new figure or as given.

    `shape` holds the number of rows and columns; a single subplot is divided into
    them. `figsize`, in inches, and `title` are those of a new figure.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            *shape, figsize=figsize, squeeze=False, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # inches
        figure.suptitle(title, wrap=True)
        return axes
    axes = np.array(ax, dtype=object).ravel()
    if axes.size == 1 < prod(shape) and axes[0].get_subplotspec() is not None:
        axes[0].set_axis_off()
        grid = axes[0].get_subplotspec().subgridspec(*shape)
        axes = grid.subplots(squeeze=False)
    if axes.size != prod(shape):
        raise ValueError(
            f"This display draws on {prod(shape)} axes, but `ax` holds {axes.size}: "
            f"give {prod(shape)}, or one subplot made by `plt.subplots`."
        )
    return axes.reshape(shape)


def add_legend(axes, outside):
    """Add a legend with each label once: below the axes, or inside the last ones."""
    entries = {}
    for panel in axes.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if not outside:
        legend = axes.flat[-1].legend(entries.values(), entries, fontsize="small")
        legend.set_in_layout(False)  # so that a wide one does not shrink the axes
        return
    figure = axes.flat[0].figure
    lines = [line for label in entries for line in label.split("\n")]
    width = _HANDLE + _CHARACTER * max(map(len, lines))
    n_columns = max(1, min(int(figure.get_figwidth() / width), len(entries)))
    more = ceil(len(lines) / n_columns) - 1
    figure.set_figheight(figure.get_figheight() + _LINE * more)
    figure.legend(
        entries.values(),
        entries,
        loc="outside lower center",
        ncols=n_columns,
        fontsize="small",
        frameon=False,
    )


def merge_kw(artist, defaults, given):
    """Return keyword arguments of a line, patch or text; given ones take precedence."""
    from matplotlib import cbook, lines, patches, text

    kinds = {"line": lines.Line2D, "patch": patches.Patch, "text": text.Text}
    return {**defaults, **cbook.normalize_kwargs(given, kinds[artist])}


def as_label(name, width):
    """Wrap a name to lines of at most `width` characters.

    Lines may break after an underscore. Dollar signs are escaped.
    """
    text = display_name(name).replace("_", f"_{_BREAK} ")
    lines = "\n".join(wrap(text, width))
    lines = lines.replace(f"{_BREAK} ", "").replace(_BREAK, "").replace("$", r"\$")
    # Legends leave out what begins with an underscore.
    return _BREAK + lines if lines.startswith("_") else lines


def tidy(ax):
    """Hide the frame but for the axes with a scale, and draw a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)


def count_from_one(ax, last, label):
    """Let the horizontal axis show integers from 1 to `last`."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlim(0.5, last + 0.5 + 0.02 * last)
    ax.xaxis.set_major_locator(
        MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlabel(label)


def label_log_axis(ax):
    """Make the vertical axis logarithmic, with plain numbers if its range is small."""
    from matplotlib.ticker import LogLocator

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high < 100 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("")
