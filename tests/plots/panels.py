"""What any table can be drawn as: the systems of each figure side by side, in a small panel for
each figure; of a table with one system, the figures below each other.
"""

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from results import Figure, Table
from style import INK, bar, grid_of, labelled, scale, wrapped

#: What goes onto one picture.
MOST_PANELS = 15
COLUMNS = 3


def panels(table: Table) -> Iterator[Any]:
    """Pictures of a table's figures, each with at most so many panels."""
    known = [figure for figure in table.figures if figure.cells]
    if len(table.systems) == 1:
        yield from _rows(table, known)
        return
    for begin in range(0, len(known), MOST_PANELS):
        yield _grid(table, known[begin : begin + MOST_PANELS])


def _grid(table: Table, figures: list[Figure]) -> Any:
    height = 0.75 + 0.24 * len(table.systems)
    # Where the names of the systems leave the panels little.
    margin = 1.2 if len(figures) < COLUMNS else 0
    picture, grid = grid_of(figures, COLUMNS, (3.6, height + 0.5), (margin, 0.5))
    for axes, figure, is_first in grid:
        values: list[float] = []
        for place, system in enumerate(table.systems):
            if system in figure.cells:
                bar(axes, place, figure.cells[system], system)
                values.extend(figure.cells[system].samples)
            else:
                axes.annotate(
                    "not measured",
                    (0.02, place),
                    xycoords=("axes fraction", "data"),
                    va="center",
                    fontsize=7.5,
                    style="italic",
                )
        axes.set_ylim(len(table.systems) - 0.45, -0.55)
        axes.set_yticks(range(len(table.systems)), table.systems if is_first else [])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_title(wrapped(figure.full_label, 40), loc="left", fontsize=9)
        if figure.unit == "of ideal":
            values.append(1.0)
            axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
        is_log = scale(axes.xaxis, values)
        axes.set_xlabel(labelled(figure.full_unit, is_log), fontsize=8)
    picture.suptitle(f"{table.kind}: {table.title}", fontsize=11)
    return picture


def _rows(table: Table, figures: list[Figure]) -> Iterator[Any]:
    """One axis for all figures of a unit."""
    units = dict.fromkeys(figure.unit for figure in figures)
    for unit in units:
        chosen = [figure for figure in figures if figure.unit == unit]
        if sum(len(cell.samples) for figure in chosen for cell in figure.cells.values()) < 2:
            # One number needs no picture.
            continue
        picture, axes = plt.subplots(figsize=(8.4, 1.1 + 0.36 * len(chosen)))
        values: list[float] = []
        for place, figure in enumerate(chosen):
            (system,) = figure.cells
            bar(axes, place, figure.cells[system], system)
            values.extend(figure.cells[system].samples)
        labels = [wrapped(figure.row_label, 46) for figure in chosen]
        if unit == "of ideal":
            values.append(1.0)
            axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
        is_log = scale(axes.xaxis, values, ticks=6)
        for place, figure in enumerate(chosen):
            cell = next(iter(figure.cells.values()))
            axes.annotate(
                f"{cell.median:,.3g}" if cell.median < 1000 else f"{cell.median:,.0f}",
                (1.015, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8.5,
            )
        axes.set_ylim(len(chosen) - 0.5, -0.5)
        axes.set_yticks(range(len(chosen)), labels)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(labelled(chosen[0].full_unit, is_log))
        axes.set_title(f"{table.kind}: {table.title}", loc="left")
        yield picture
