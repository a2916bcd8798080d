"""Figures over a number that stands in their names, `heap_8`, `heap_64`, …, or over the cores of
their machines.
"""

import re
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator
from results import Figure, Table
from style import INK, TIMES, bar, joined, labelled, legend, number, scale, size, time

#: What the number is, and the bytes of one where it is a size.
AXES: dict[str, tuple[str, int | None]] = {
    "heap": ("heap of the template or parent, log scale", 1 << 20),
    "message": ("size of the message, log scale", 1),
    "cheapest": ("memory of the process, log scale", 1 << 20),
    "pages": ("pages used across a switch", None),
    "unmap": ("pages taken away", None),
}
TITLES = {
    "heap": "A process made, ended and waited for, by its maker's heap\n"
    "Roentgen: spawn from a template; Linux: os.fork",
    "message": "Bytes there and back between two processes on two cores\n"
    "Roentgen: Channel; Linux: multiprocessing.Pipe",
}
_NUMBERED = re.compile(r"(.+)_(\d+)")


def curves(table: Table) -> Iterator[tuple[str, Any]]:
    """A picture for each series of at least three sizes."""
    series: dict[str, dict[int, Figure]] = {}
    for figure in table.figures:
        match = _NUMBERED.fullmatch(figure.name)
        if match and figure.unit not in ("of ideal", "count"):
            series.setdefault(match[1], {})[int(match[2])] = figure
    for prefix, figures in series.items():
        units = {figure.unit for figure in figures.values()}
        if len(figures) < 3 or len(units) > 1:
            continue
        label, unit = AXES.get(prefix, (f"N of {prefix}_N", None))
        picture, axes = plt.subplots(figsize=(7.4, 4.6))
        values: list[float] = []
        for system in table.systems:
            points = {at: it.cells[system] for at, it in figures.items() if system in it.cells}
            if points:
                places = {at * (unit or 1): cell for at, cell in points.items()}
                joined(axes, places, system, label=system)
                values.extend(sample for cell in points.values() for sample in cell.samples)
        if not values:
            plt.close(picture)
            continue
        ticks = sorted(at * (unit or 1) for at in figures)
        if ticks[0] > 0 and ticks[-1] / ticks[0] >= 10:
            axes.set_xscale("log", base=2)
        axes.set_xticks(ticks)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(size if unit else number))
        axes.tick_params(axis="x", labelrotation=30 if len(ticks) > 8 else 0)
        is_log = scale(axes.yaxis, values)
        (shown,) = units
        if shown in TIMES:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda it, _, unit=shown: time(it, unit)))
        axes.set_ylabel(labelled("time" if shown in TIMES else shown, is_log))
        axes.set_xlabel(label)
        axes.set_title(TITLES.get(prefix, f"{table.kind}: {table.title}"), loc="left")
        axes.legend(title="median, and range")
        yield prefix, picture


def _ideal(axes: Any, most: int) -> None:
    axes.plot([1, most], [1, most], color=INK, linewidth=0.8, linestyle=":", zorder=1)
    axes.annotate(
        "ideal", (most, most), xytext=(-4, 4), textcoords="offset points", ha="right", fontsize=8
    )


def _label(figure: Figure) -> str:
    """A label without the number that is on the axis."""
    text = re.sub(r",? on \d+( cores?)?$", "", figure.label.strip())
    return re.sub(r", efficiency$", "", text)


def scaling(table: Table) -> Iterator[tuple[str, Any]]:
    """Speed-up and efficiency over the cores, where a table has them for several."""
    series: dict[str, dict[int, Figure]] = {}
    for figure in table.figures:
        if figure.unit == "of ideal" and table.ours in figure.cells:
            match = _NUMBERED.fullmatch(figure.name)
            series.setdefault(match[1] if match else figure.name, {})[figure.cores] = figure
    series = {name: figures for name, figures in series.items() if len(figures) > 1}
    if not series:
        return
    looks = [("#d55e00", "o"), ("#0072b2", "s"), ("#009e73", "^"), ("#cc79a7", "D")]
    picture, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.6))
    most = max(max(figures) for figures in series.values())
    _ideal(left, most)
    lowest = 1.0
    wanted: dict[float, str] = {}
    for (colour, marker), figures in zip(looks * len(series), series.values(), strict=False):
        cores = sorted(figures)
        parts = [figures[count].cells[table.ours].median for count in cores]
        lowest = min(lowest, *parts)
        options: dict[str, Any] = {"color": colour, "marker": marker, "linewidth": 1.6}
        label = _label(figures[cores[-1]])
        speed = [part * count for part, count in zip(parts, cores, strict=True)]
        left.plot(cores, speed, label=label, **options)
        right.plot(cores, parts, **options)
        wanted.update(
            {target.value: colour for target in figures[cores[-1]].targets if target.of is None}
        )
    for value, colour in wanted.items():
        right.axhline(value, color=colour, linewidth=0.9, linestyle="--", alpha=0.7)
        right.annotate(
            f"wanted {value:g}",
            (0.01, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, -3),
            textcoords="offset points",
            va="top",
            fontsize=7.5,
        )
        lowest = min(lowest, value)
    ticks = sorted({count for figures in series.values() for count in figures} | {1})
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(number))
        axes.set_xlabel("cores, log scale")
    left.set_yscale("log", base=2)
    left.set_yticks(ticks)
    left.yaxis.set_minor_locator(NullLocator())
    left.yaxis.set_major_formatter(FuncFormatter(number))
    left.set_ylabel("speed-up over one core, log scale")
    right.set_ylabel("efficiency: speed-up over cores")
    right.set_ylim(max(0.0, lowest - 0.1), 1.05)
    right.axhline(1, color=INK, linewidth=0.8, linestyle=":")
    picture.suptitle(f"{table.kind}: {table.title}", fontsize=11)
    picture.legend(loc="outside lower center", ncols=1)
    yield "scaling", picture


def efficiencies(table: Table) -> Iterator[tuple[str, Any]]:
    """Efficiency by how many pieces of work there are, on machines of as many cores each."""
    cores = {figure.cores for figure in table.figures}
    rows = [figure for figure in table.figures if figure.unit == "of ideal" and figure.cells]
    if len(cores) > 1 or len(rows) < 3 or len(table.systems) < 2:
        return
    picture, axes = plt.subplots(figsize=(8.4, 1.4 + 0.62 * len(rows)))
    values = [1.0]
    for row, figure in enumerate(rows):
        known = [system for system in table.systems if system in figure.cells]
        for index, system in enumerate(known):
            place = row + (index - (len(known) - 1) / 2) * 0.24
            bar(axes, place, figure.cells[system], system)
            values.extend(figure.cells[system].samples)
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    scale(axes.xaxis, values, ticks=6)
    axes.set_yticks(range(len(rows)), [_label(figure) for figure in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"efficiency on {cores.pop()} cores: 1 is ideal")
    legend(picture, table.systems)
    yield "efficiency", picture
