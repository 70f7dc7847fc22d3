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
