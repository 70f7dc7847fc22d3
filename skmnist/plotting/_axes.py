"""What the displays share in drawing: colours, words and axes."""

from textwrap import wrap

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
    text = str(text)
    glued = text.replace(" %", "\xa0%").replace("_", "_\N{ZERO WIDTH SPACE} ")
    lines = "\n".join(wrap(glued, max(1, int(width)))) or text
    return (
        lines.replace("_\N{ZERO WIDTH SPACE} ", "_")
        .replace("\N{ZERO WIDTH SPACE}", "")
        .replace("\xa0%", " %")
    )


def tidy(ax):
    """Leave of the frame what carries a scale, and lay a faint grid behind."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)


def count_from_one(ax, last, label, n_ticks="auto"):
    """Let the horizontal axis show whole numbers from 1 to the last."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    class FromOne(MaxNLocator):
        def tick_values(self, vmin, vmax):
            ticks = super().tick_values(vmin, vmax)
            return ticks[ticks >= 1]

    margin = max(0.5, 0.02 * last)
    ax.set_xlim(1 - margin, last + margin)
    ax.xaxis.set_major_locator(
        FromOne(n_ticks, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
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


def cell_of(place, figure):
    """Return left, bottom, right and top of what a subplot has for itself.

    Of the gaps to its neighbours the one at the left is its own, since labels stand
    there, and half of those above and below. At the rim of the figure it has all.

    Parameters
    ----------
    place : matplotlib SubplotSpec
        The subplot.
    figure : matplotlib Figure or SubFigure
        Its figure.

    Returns
    -------
    edges : tuple of float
        The edges, as parts of the figure.
    """
    grid = place.get_gridspec()
    bottoms, tops, lefts, rights = grid.get_grid_positions(figure)
    left, bottom, right, top = 0.0, 0.0, 1.0, 1.0
    if hasattr(grid, "get_topmost_subplotspec"):
        left, bottom, right, top = cell_of(grid.get_topmost_subplotspec(), figure)
    rows, columns = place.rowspan, place.colspan
    if columns.start > 0:
        left = rights[columns.start - 1]
    if columns.stop < grid.ncols:
        right = rights[columns.stop - 1]
    if rows.start > 0:
        top = (bottoms[rows.start - 1] + tops[rows.start]) / 2
    if rows.stop < grid.nrows:
        bottom = (bottoms[rows.stop - 1] + tops[rows.stop]) / 2
    return left, bottom, right, top


def fold_into(text, words, room):
    """Write words into a text, broken into lines that fit into a width.

    Parameters
    ----------
    text : matplotlib Text
        Where to write them.
    words : str
        What to write.
    room : float
        The width, in pixels.
    """
    text.set_text(words)
    parts = words.split("; ")
    # `fold` counts a place to break after an underscore as two characters.
    longest = len(words) + 2 * words.count("_")
    for width in range(longest, 0, -1):
        if text.get_window_extent().width <= room:
            return
        text.set_text(";\n".join(fold(part, width) for part in parts))
