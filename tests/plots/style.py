"""How all plots look: colours that colour-blind readers tell apart (Okabe and Ito's), a marker
for each system besides, units on axes, and logarithms where a decade or more is spanned.
"""

import math
import textwrap
from collections.abc import Iterable
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

#: Text and axes, thin lines, and what is behind: the page replaces them by its own.
INK = "#222222"
LINE = "#d9d9d8"
PAPER = "#fefefe"

_KNOWN = {
    "roentgen": ("#d55e00", "o"),
    "linux, plain": ("#0072b2", "s"),
    "linux, best": ("#56b4e9", "^"),
}
_OTHERS = [("#009e73", "D"), ("#cc79a7", "v"), ("#b8860b", "P"), ("#7f7f7f", "X"), ("#5d3a9b", "*")]
_given: dict[str, tuple[str, str]] = {}

plt.rcParams.update(
    {
        "figure.dpi": 130,
        "figure.constrained_layout.use": True,
        "figure.facecolor": PAPER,
        "savefig.facecolor": PAPER,
        "axes.facecolor": PAPER,
        "font.size": 10,
        "text.color": INK,
        "text.parse_math": False,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "axes.titlesize": 10,
        "axes.labelsize": 9,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "svg.fonttype": "path",
        "svg.hashsalt": "roentgen",
    }
)


def look(system: str) -> tuple[str, str]:
    """A system's colour and marker, the same in all plots of a page."""
    if system in _KNOWN:
        return _KNOWN[system]
    return _given.setdefault(system, _OTHERS[len(_given) % len(_OTHERS)])


def wrapped(text: str, width: int) -> str:
    """A text in lines."""
    return "\n".join(textwrap.wrap(text.strip(), width)) or text


def number(value: float, _: object = None) -> str:
    """A number of an axis, without noughts that say nothing."""
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


#: Nanoseconds of each unit of time.
TIMES = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}


def time(value: float, unit: str) -> str:
    """A time in its unit, as people say it."""
    nanoseconds = value * TIMES[unit]
    for name in ("s", "ms", "µs"):
        if nanoseconds >= TIMES[name]:
            return f"{nanoseconds / TIMES[name]:.3g} {name}"
    return f"{nanoseconds:.3g} ns"


def size(count: float, _: object = None) -> str:
    """A number of bytes as people say it."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            return f"{count / (1 << power):g} {unit}"
    return f"{count:g} B"


def spans_a_decade(values: Iterable[float]) -> bool:
    """Whether a logarithm shows these better."""
    known = list(values)
    return bool(known) and min(known) > 0 and max(known) / min(known) >= 10


def scale(axis: Any, values: Iterable[float], ticks: int = 4) -> bool:
    """Make an axis of values logarithmic where they span a decade, and else begin it at zero.

    Returns whether it is logarithmic.
    """
    known = list(values)
    axes = axis.axes
    is_x = axis is axes.xaxis
    limit = axes.set_xlim if is_x else axes.set_ylim
    if spans_a_decade(known):
        (axes.set_xscale if is_x else axes.set_yscale)("log")
        low, high = min(known) / 1.35, max(known) * 1.35
        limit(low, high)
        subs = (1.0,) if high / low > 300 else (1.0, 2.0, 5.0) if high / low < 30 else (1.0, 3.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=12))
        axis.set_minor_formatter(NullFormatter())
        is_log = True
    else:
        low, high = min(known, default=0.0), max(known, default=1.0)
        limit(min(0.0, low * 1.08), max(0.0, high * 1.08) or 1.0)
        axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
        is_log = False
    axis.set_major_formatter(FuncFormatter(number))
    return is_log


def labelled(unit: str, is_log: bool) -> str:
    """What an axis says."""
    return f"{unit}, log scale" if is_log else unit


def bar(axes: Any, place: float, cell: Any, system: str, *, is_vertical: bool = False) -> None:
    """A system's median with its quartiles and range, and the samples behind, at a place."""
    colour, marker = look(system)
    least, most = cell.range
    first, third = cell.quartiles

    def line(values: list[float], **options: Any) -> None:
        places = [place] * len(values)
        axes.plot(*((places, values) if is_vertical else (values, places)), **options)

    if len(cell.samples) > 1:
        line([least, most], color=colour, linewidth=1.2, zorder=3)
        if len(cell.samples) >= 5:
            line(
                [first, third],
                color=colour,
                linewidth=5,
                alpha=0.45,
                solid_capstyle="butt",
                zorder=3,
            )
    line(
        [cell.median],
        color=colour,
        marker=marker,
        markersize=6,
        markeredgecolor=INK,
        markeredgewidth=0.5,
        linestyle="none",
        zorder=4,
    )


def joined(axes: Any, points: dict[float, Any], system: str, **options: Any) -> None:
    """A system's medians from left to right, joined, with their ranges."""
    colour, marker = look(system)
    places = sorted(points)
    cells = [points[place] for place in places]
    axes.errorbar(
        places,
        [cell.median for cell in cells],
        yerr=[
            [cell.median - cell.range[0] for cell in cells],
            [cell.range[1] - cell.median for cell in cells],
        ],
        color=colour,
        marker=marker,
        capsize=3,
        linewidth=1.6,
        **options,
    )


def grid_of(
    items: list[Any],
    columns: int,
    panel: tuple[float, float],
    margin: tuple[float, float],
    **options: Any,
) -> tuple[Any, list[tuple[Any, Any, bool]]]:
    """A picture with a panel for each item, at most so many in a row; sizes are in inches.

    Returns it, and of each panel its axes, its item, and whether it is the first of a row.
    """
    columns = min(columns, len(items))
    rows = math.ceil(len(items) / columns)
    size = (panel[0] * columns + margin[0], panel[1] * rows + margin[1])
    picture, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    for axes in grid.flat[len(items) :]:
        axes.set_axis_off()
    panels = enumerate(zip(grid.flat, items, strict=False))
    return picture, [(axes, item, index % columns == 0) for index, (axes, item) in panels]


def legend(figure: Any, systems: Iterable[str], title: str | None = None) -> None:
    """The systems, above all panels."""
    handles = [
        plt.Line2D([], [], color=look(it)[0], marker=look(it)[1], label=it, linewidth=1.5)
        for it in systems
    ]
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=min(len(handles), 4),
        title=title,
        title_fontsize=9,
    )
