"""How latencies are distributed: percentiles that a program prints, or all samples of a figure."""

import math
import re
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter
from results import Cell, Figure, Table
from style import TIMES, grid_of, joined, labelled, legend, look, scale, wrapped

_PERCENTILE = re.compile(r"(.+)_(?:p(\d+)|(most|max))")
#: Samples from which on a distribution says more than a median and a range.
ENOUGH = 20
MOST_PANELS = 12


def percentiles(table: Table) -> Iterator[tuple[str, Any]]:
    """Percentiles from left to right, a line for each system."""
    series: dict[str, dict[float, Figure]] = {}
    for figure in table.figures:
        match = _PERCENTILE.fullmatch(figure.name)
        if match and figure.unit in TIMES:
            # 999 is 99.9.
            place = math.inf if match[3] else float(f"{match[2][:2]}.{match[2][2:] or 0}")
            series.setdefault(match[1], {})[place] = figure
    for name, figures in series.items():
        if len(figures) < 2:
            continue
        places = sorted(figures)
        picture, axes = plt.subplots(figsize=(7.4, 4.4))
        values: list[float] = []
        for index, system in enumerate(table.systems):
            points: dict[float, Cell] = {
                at + (index - (len(table.systems) - 1) / 2) * 0.08: figures[place].cells[system]
                for at, place in enumerate(places)
                if system in figures[place].cells
            }
            if not points:
                continue
            joined(axes, points, system)
            values.extend(sample for cell in points.values() for sample in cell.samples)
        if not values:
            plt.close(picture)
            continue
        labels = ["the last" if math.isinf(at) else f"{at:g} %" for at in places]
        axes.set_xticks(range(len(places)), labels)
        axes.set_xlim(-0.4, len(places) - 0.6)
        is_log = scale(axes.yaxis, values)
        axes.set_xlabel("so many were at most so late")
        axes.set_ylabel(labelled(f"latency, {figures[places[0]].unit}", is_log))
        axes.set_title(f"{figures[places[0]].label.strip()}, and later ones", loc="left")
        legend(picture, table.systems, "median of the boots, and range")
        yield f"{name}-percentiles", picture


def distributions(table: Table) -> Iterator[tuple[str, Any]]:
    """What part of the samples was at most so large."""
    figures = [
        figure
        for figure in table.figures
        if figure.unit in TIMES
        and any(len(cell.samples) >= ENOUGH for cell in figure.cells.values())
    ][:MOST_PANELS]
    if not figures or table.kind != "wall time":
        return
    picture, grid = grid_of(figures, 3, (3.5, 2.5), (0.6, 0.7), sharey=True)
    for axes, figure, is_first in grid:
        values: list[float] = []
        for system in table.systems:
            if system in figure.cells:
                samples = sorted(figure.cells[system].samples)
                axes.ecdf(samples, color=look(system)[0], linewidth=1.7)
                axes.plot(
                    [figure.cells[system].median],
                    [0.5],
                    marker=look(system)[1],
                    color=look(system)[0],
                    markersize=6,
                )
                values.extend(samples)
        is_log = scale(axes.xaxis, values)
        if not is_log:
            middle = max(values) - min(values)
            axes.set_xlim(max(0.0, min(values) - middle / 10), max(values) + middle / 10)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_title(wrapped(figure.full_label, 40), loc="left", fontsize=9)
        axes.set_xlabel(labelled(figure.full_unit, is_log), fontsize=8)
        if is_first:
            axes.set_ylabel("samples at most so")
    legend(picture, table.systems, f"all samples: {table.title}")
    yield "distributions", picture
