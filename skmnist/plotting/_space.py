"""The space of a display: a figure of its own, or axes that it was given."""

from math import ceil

import numpy as np

from skmnist.plotting._axes import cell_of, fold, fold_into

_PAD = 0.05  # between the parts of a display, in inches
_CHARACTER = 0.068  # width of a letter of small type, in inches
_HANDLE = 0.65  # width of a legend's handle with the gaps around it, in inches
_LEAST = 0.2  # what decorations leave of given axes, as a part of them


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
    space : Space
        The axes to draw on, as `panels` of shape (n_rows, n_columns).

    Raises
    ------
    ValueError
        If `ax` holds neither one Axes nor as many as are needed, or a single one
        that is no subplot where several are needed.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=size, squeeze=False, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.05)
        return Space(axes, made=True)
    axes = np.array(ax, dtype=object)
    wanted = n_rows * n_columns
    single = axes.ndim == 0 or wanted == axes.size == 1
    if axes.ndim == 0:
        ax = axes.item()
    if single and wanted > 1:
        axes = _divide(ax, n_rows, n_columns)
    if axes.size != wanted:
        raise ValueError(
            f"This display draws on {wanted} axes, but `ax` holds {axes.size}: give "
            + (f"{wanted}, or a single one, which is divided." if wanted > 1 else "1.")
        )
    axes = axes.reshape(n_rows, n_columns)
    owner = (ax if axes.size > 1 else axes[0, 0]) if single else None
    return Space(axes, owner)


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


class Space:
    """The space in which a display draws, titles its panels and puts its legend.

    Parameters
    ----------
    panels : ndarray of Axes of shape (n_rows, n_columns)
        The axes to draw on.
    owner : matplotlib Axes, default=None
        The single axes given, whose space holds all that is drawn. None stands for
        a figure made for the display, and for several axes given.
    made : bool, default=False
        Whether the figure was made for the display.
    """

    def __init__(self, panels, owner=None, made=False):
        self.panels = panels
        self.owner = owner
        self.made = made
        self.figure = panels[0, 0].figure
        self.legend = None

    @property
    def width(self):
        """The width that the display may take, in inches."""
        if self.owner is None:
            return self.figure.bbox.width / self.figure.dpi
        return self._cell().width / self.figure.dpi

    def finish(self, handles=(), labels=(), heading=None, *, names=()):
        """Write titles and a legend where there is room for them.

        Parameters
        ----------
        handles : sequence of matplotlib artists
            What the legend explains. None at all leaves the legend out.
        labels : sequence of str
            What it says of them.
        heading : str, default=None
            What stands above the legend.
        names : sequence of str
            The titles of the first panels.
        """
        if names or self.owner is not None:
            self._lay_out()
        self._write_titles(names)
        if len(handles):
            self._place_legend(handles, labels, heading)
        if self.owner is not None:
            self._fold_axis_labels()
            self._fit()

    def _write_titles(self, names):
        """Write a name above a panel, or a single one above the whole row."""
        for panel, name in zip(self.panels[0], names, strict=False):
            end = self.panels[0, -1] if len(names) == 1 else panel
            title = panel.set_title("", fontsize="medium", loc="left", parse_math=False)
            fold_into(title, str(name), 0.98 * (end.bbox.x1 - panel.bbox.x0))

    def _fold_axis_labels(self):
        """Break the labels below the panels that are wider than these."""
        for panel in self.panels.flat:
            label = panel.xaxis.label
            fold_into(label, label.get_text(), panel.bbox.width)

    def _place_legend(self, handles, labels, heading):
        """Put the legend below the panels, or into the first of several given."""
        if self.owner is not None and self.panels.size > 1 and self._is_constrained():
            self._add_legend_row()
        room = self._legend_room()
        labels = [
            fold(label, min(70, (room - _HANDLE) / _CHARACTER)) for label in labels
        ]
        lines = [line for label in labels for line in label.split("\n")]
        widest = _HANDLE + _CHARACTER * max(map(len, lines))
        columns = max(1, min(len(labels), int(room // widest)))
        look = {"ncols": columns, "fontsize": "small", "title_fontsize": "small"}
        where = self.panels[0, 0] if self.owner is None else self.owner
        if self.made:
            # The more of it the legend takes, the higher is the figure.
            more = ceil(len(lines) / columns) - 1 + (heading is not None)
            self.figure.set_figheight(self.figure.get_figheight() + 0.18 * more)
            where = self.figure
            look |= {"loc": "outside lower center", "frameon": False}
        elif self.owner is None:
            look |= {"loc": "best", "framealpha": 0.8}
        else:
            look |= {"loc": "upper center", "frameon": False, "borderaxespad": 0}
        # Matplotlib hides a label that starts with an underscore: names come later.
        numbers = [str(number) for number in range(len(labels))]
        self.legend = where.legend(handles, numbers, title=heading, **look)
        for text, label in zip(self.legend.get_texts(), labels, strict=True):
            text.set_text(label)
            text.set_parse_math(False)
        if self.owner is not None:
            self._hang_legend()
        elif not self.made:
            self.legend.set_in_layout(False)

    def _add_legend_row(self):
        """Move the owner below the panels, where a constrained layout leaves room."""
        place = self._place()
        rows = place.subgridspec(2, 1, height_ratios=(1, 1e-3))
        rows.place = place
        self.owner.set_subplotspec(rows[1])
        self._move_panels(rows[0].subgridspec(*self.panels.shape))
        self._lay_out()

    def _legend_room(self):
        """Return how wide the legend may be, in inches."""
        if self.made:
            return self.figure.get_figwidth()
        if self.owner is None:
            return self.panels[0, 0].bbox.width / self.figure.dpi
        return self._extent().width / self.figure.dpi

    def _hang_legend(self):
        """Let the legend hang below all that the panels carry."""
        from matplotlib.transforms import ScaledTranslation

        box, extent, dpi = self.owner.bbox, self._extent(), self.figure.dpi
        shift = ScaledTranslation(
            ((extent.x0 + extent.x1) - (box.x0 + box.x1)) / 2 / dpi,
            -max(0.0, box.y0 - extent.y0) / dpi - _PAD,
            self.figure.dpi_scale_trans,
        )
        self.legend.set_bbox_to_anchor((0.5, 0), self.owner.transAxes + shift)

    def _lay_out(self):
        """Give the panels the places that they have without titles and legend."""
        if self.figure.get_layout_engine() is not None:
            self.figure.canvas.figure.draw_without_rendering()
        if self.owner is not None:
            self._fit()

    def _fit(self):
        """Shrink panels until what they carry lies in the space of the owner."""
        if self._is_constrained():
            return
        place = self._place()
        # Smaller panels may get other tick labels.
        for _ in range(2):
            box = self._shrunk()
            if place is None:
                self.owner.set_position(_in_figure(box, self.figure))
            else:
                self._move_to(place, box)
            if self.legend is not None:
                self._hang_legend()

    def _is_constrained(self):
        """Return whether the figure itself makes room for what the panels carry."""
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        engine = self.figure.get_layout_engine()
        return self._place() and isinstance(engine, ConstrainedLayoutEngine)

    def _place(self):
        """Return the subplot that the owner was before a display shrank it."""
        spec = self.owner.get_subplotspec()
        return spec and getattr(spec.get_gridspec(), "place", spec)

    def _whole(self):
        """Return the box of the owner before a display shrank it, in pixels."""
        place = self._place()
        if place is None:
            return self.owner.get_position().transformed(self.figure.transSubfigure)
        return place.get_position(self.figure).transformed(self.figure.transSubfigure)

    def _cell(self):
        """Return the box that the owner has for itself with its labels, in pixels."""
        from matplotlib.transforms import Bbox

        place = self._place()
        edges = (0, 0, 1, 1) if place is None else cell_of(place, self.figure)
        return Bbox.from_extents(*edges).transformed(self.figure.transSubfigure)

    def _extents(self):
        """Return the boxes of the panels with all that they carry but the legend."""
        if self.legend is not None:
            self.legend.set_in_layout(False)
        boxes = [
            panel.get_tightbbox(for_layout_only=True) for panel in self.panels.flat
        ]
        if self.legend is not None:
            self.legend.set_in_layout(True)
        return boxes

    def _extent(self):
        from matplotlib.transforms import Bbox

        return Bbox.union(self._extents())

    def _shrunk(self):
        """Return the box of the panels with which nothing leaves the cell."""
        from matplotlib.transforms import Bbox

        box, extent = self.owner.bbox, self._extent()
        whole, cell = self._whole(), self._cell()
        pad = _PAD * self.figure.dpi
        below = box.y0 - extent.y0 + pad
        if self.legend is not None:
            below += self.legend.get_window_extent().height + pad
        x0 = max(whole.x0, cell.x0 + box.x0 - extent.x0 + pad)
        y0 = max(whole.y0, cell.y0 + below)
        x1 = min(whole.x1, cell.x1 - (extent.x1 - box.x1) - pad)
        y1 = min(whole.y1, cell.y1 - (extent.y1 - box.y1) - pad)
        x0 = min(x0, whole.x1 - _LEAST * whole.width)
        y0 = min(y0, whole.y1 - _LEAST * whole.height)
        x1 = max(x1, x0 + _LEAST * whole.width)
        y1 = max(y1, y0 + _LEAST * whole.height)
        return Bbox.from_extents(x0, y0, x1, y1)

    def _move_to(self, place, box):
        """Move owner and panels to a box within a subplot, which they remain."""
        whole = self._whole()
        # Margins inside the subplot outlast what the figure does to its layout.
        frame = place.subgridspec(
            3,
            3,
            wspace=0,
            hspace=0,
            width_ratios=_parts(whole.x0, box.x0, box.x1, whole.x1),
            height_ratios=_parts(-whole.y1, -box.y1, -box.y0, -whole.y0),
        )
        frame.place = place
        gaps = self._gaps(box)
        self.owner.set_subplotspec(frame[1, 1])
        if self.panels.size > 1:
            grid = frame[1, 1].subgridspec(
                *self.panels.shape, hspace=gaps[0], wspace=gaps[1]
            )
            self._move_panels(grid)

    def _move_panels(self, grid):
        for panel, part in zip(self.panels.flat, grid, strict=True):
            panel.set_subplotspec(part)

    def _gaps(self, box):
        """Return the gaps between rows and between columns, as parts of a panel."""
        inner = np.array([panel.bbox.extents for panel in self.panels.flat])
        outer = np.array([extent.extents for extent in self._extents()])
        left, low, right, high = np.moveaxis(
            np.maximum([1, 1, -1, -1] * (inner - outer), 0).reshape(
                *self.panels.shape, 4
            ),
            -1,
            0,
        )
        rows = (low[:-1] + high[1:]).max(initial=0)
        columns = (right[:, :-1] + left[:, 1:]).max(initial=0)
        pad = 2 * _PAD * self.figure.dpi
        return tuple(
            _gap(size, number, gap + pad)
            for size, number, gap in zip(
                (box.height, box.width), self.panels.shape, (rows, columns), strict=True
            )
        )


def _gap(size, number, gap):
    """Return a gap between panels as a part of a panel's size."""
    panel = max((size - (number - 1) * gap) / number, _LEAST * size / number)
    return gap / panel


def _parts(*edges):
    return np.maximum(np.diff(edges), 0)


def _in_figure(box, figure):
    return box.transformed(figure.transSubfigure.inverted())
