"""What concerns a whole suite: how it stands to Linux, and the start of a machine in time."""

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter
from results import Figure, Table
from style import INK, bar, labelled, look, number, scale, wrapped

#: What goes onto one picture.
MOST_ROWS = 24


def _ratio(figure: Figure, ours: str, control: str) -> tuple[float, float, float]:
    """The least, the middle and the most by which this kernel can be called better.

    By the quartiles: the least and the most are on both sides of one where these overlap.
    """
    mine, theirs = figure.cells[ours], figure.cells[control]
    if figure.better == "more":
        mine, theirs = theirs, mine
    least = theirs.quartiles[0] / mine.quartiles[1]
    return least, theirs.median / mine.median, theirs.quartiles[1] / mine.quartiles[0]


def against(table: Table) -> Iterator[tuple[str, Any]]:
    """By what factor each figure is better or worse than the controls'."""
    rows = [
        figure
        for figure in table.figures
        if figure.better
        and table.ours in figure.cells
        and figure.cells[table.ours].range[0] > 0
        and any(it in figure.cells and figure.cells[it].range[0] > 0 for it in table.controls)
    ]
    if len(rows) < 2:
        return
    for begin in range(0, len(rows), MOST_ROWS):
        yield "against", _against(table, rows[begin : begin + MOST_ROWS])


def _against(table: Table, rows: list[Figure]) -> Any:
    controls = table.controls
    picture, axes = plt.subplots(figsize=(9.2, 1.5 + (0.22 * len(controls) + 0.2) * len(rows)))
    values = [1.0]
    step = 0.8 / len(controls)
    for row, figure in enumerate(rows):
        for index, system in enumerate(controls):
            if system not in figure.cells or figure.cells[system].range[0] <= 0:
                continue
            place = row + (index - (len(controls) - 1) / 2) * step
            least, middle, most = _ratio(figure, table.ours, system)
            colour, marker = look(system)
            axes.plot([least, most], [place, place], color=colour, linewidth=1.4, zorder=3)
            axes.plot([middle], [place], marker=marker, color=colour, markersize=6.5, zorder=4)
            axes.annotate(
                f"{middle:.2g}×" if middle < 99.5 else f"{middle:.0f}×",
                (most, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                zorder=5,
            )
            values.extend((least, most))
            for target in figure.targets:
                if target.of == system:
                    is_less = target.bound == "at most"
                    wanted = 1 / target.value if is_less else target.value
                    axes.plot(
                        [wanted] * 2,
                        [place - step / 2, place + step / 2],
                        color=INK,
                        linewidth=2,
                        zorder=2,
                    )
                    values.append(wanted)
    axes.set_xscale("log")
    low, high = min(values) / 1.3, max(values) * 2.0
    axes.set_xlim(low, high)
    if high / low < 300:
        ticks = [it for it in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= it <= high]
        axes.set_xticks(ticks)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{number(value)}×"))
    axes.axvline(1, color=INK, linewidth=1)
    axes.axvspan(low, 1, color="#b8860b", alpha=0.12, linewidth=0)
    axes.set_yticks(range(len(rows)), [wrapped(figure.row_label, 48) for figure in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for line in range(1, len(rows)):
        axes.axhline(line - 0.5, color="#d9d9d8", linewidth=0.7)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(
        "times better than Linux, log scale; shaded: Linux is ahead\n"
        "bars: by the quartiles of both; one that crosses 1× is noise"
    )
    handles = [
        plt.Line2D([], [], color=look(it)[0], marker=look(it)[1], label=f"than {it}")
        for it in controls
    ]
    if any(target.of for figure in rows for target in figure.targets):
        handles.append(plt.Line2D([], [], color=INK, linewidth=2, label="wanted"))
    picture.legend(
        handles=handles,
        loc="outside upper center",
        ncols=4,
        title=f"{table.kind}: {table.title}",
        title_fontsize=11,
    )
    return picture


def timeline(table: Table) -> Iterator[tuple[str, Any]]:
    """From the emulator's start to the first line, and where the first frame came."""
    found = next((it for it in table.figures if it.name == "boot" and it.unit == "s"), None)
    if found is None or not table.hellos:
        return
    systems = [it for it in table.systems if it in found.cells]
    picture, axes = plt.subplots(figsize=(8.4, 1.5 + 0.62 * len(systems)))
    values: list[float] = []
    for place, system in enumerate(systems):
        colour, _ = look(system)
        end = found.cells[system]
        hello = table.hellos.get(system)
        middle = hello.median if hello else 0.0
        if hello:
            axes.barh(place, middle, 0.5, color=colour, alpha=0.75)
            values.extend(hello.samples)
        axes.barh(place, end.median - middle, 0.5, left=middle, color=colour, alpha=0.3)
        bar(axes, place, end, system)
        axes.annotate(
            f"{end.median:.2f} s" + (f", first frame {middle:.2f} s" if hello else ""),
            (end.range[1], place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
        values.extend(end.samples)
    is_log = scale(axes.xaxis, [0.0, *values], ticks=8)
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * 1.3)
    axes.set_yticks(range(len(systems)), systems)
    axes.set_ylim(len(systems) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(labelled("seconds from the emulator's start", is_log))
    axes.set_title(
        "dark: to the console's first frame (Roentgen: the kernel's own; Linux: the first "
        "process's)\nlight: from there to the first line of Python; range of all boots",
        loc="left",
        fontsize=9,
    )
    yield "timeline", picture
