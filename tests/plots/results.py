"""A result of `run.sh bench` as it is drawn: what is in its JSON, and nothing else.

Values are in the unit in which they are shown. Groups one after another that have the same
title are one table, as on the terminal.
"""

import json
import pathlib
import statistics
from dataclasses import dataclass, field
from typing import Any

#: Systems of the control; what else there is, is this kernel in one way or another.
LINUX = "linux"


@dataclass
class Cell:
    """One figure of one system."""

    samples: list[float]

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    @property
    def range(self) -> tuple[float, float]:
        """The least sample and the most."""
        return min(self.samples), max(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and third quartile; of fewer than five samples, the range."""
        if len(self.samples) < 5:
            return self.range
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return first, third


@dataclass
class Target:
    """What was wanted of a figure."""

    of: str | None
    bound: str
    value: float
    actual: float | None
    is_reached: bool | None


@dataclass
class Figure:
    """One row of a table."""

    name: str
    label: str
    unit: str
    better: str | None
    cores: int
    divisor: float
    cells: dict[str, Cell]
    targets: list[Target]
    #: By control, whether this kernel is `ahead`, `behind` or `even`.
    against: dict[str, str | None]
    #: The label above, of which an indented one is a part.
    parent: str = ""

    @property
    def full_label(self) -> str:
        """The label where it stands without those above."""
        above = self.parent.split(": ")[0]
        return f"{above} › {self.label.strip()}" if above else self.label.strip()

    @property
    def row_label(self) -> str:
        """The label where it stands below the others."""
        return f"– {self.label.strip()}" if self.parent else self.label.strip()

    @property
    def full_unit(self) -> str:
        """What stands on an axis."""
        return self.unit or "ratio"

    def factor(self, ours: str, control: str) -> float | None:
        """How many times a control's median is this kernel's."""
        if ours not in self.cells or control not in self.cells:
            return None
        mine, theirs = self.cells[ours].median, self.cells[control].median
        return theirs / mine if mine > 0 and theirs > 0 else None


@dataclass
class Table:
    """Groups that share a title."""

    title: str
    kind: str
    systems: list[str]
    rounds: int
    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    #: Of each group: cores, memory, seconds, commands and, by system, flags.
    machines: list[dict[str, Any]] = field(default_factory=list)
    #: By system, seconds to the first frame of the console.
    hellos: dict[str, Cell] = field(default_factory=dict)
    #: Milliseconds of the host's own walks.
    host_walk: Cell = field(default_factory=lambda: Cell([]))

    @property
    def ours(self) -> str:
        """This kernel's system: the first."""
        return self.systems[0]

    @property
    def controls(self) -> list[str]:
        """Those of Linux."""
        return [system for system in self.systems[1:] if system.startswith(LINUX)]


@dataclass
class Result:
    """A suite's result."""

    suite: str
    path: pathlib.Path
    about: dict[str, Any]
    tables: list[Table]


def _figure(value: dict[str, Any], cores: int) -> Figure:
    shown = value.get("shown") or {"unit": value["unit"], "divisor": 1.0}
    # Where a table needs no word, an axis has the file's own.
    unit = shown["unit"] or {"ratio": ""}.get(value["unit"], value["unit"])
    divisor = shown["divisor"]
    cells = {
        system: Cell([sample / divisor for sample in cell["samples"]])
        for system, cell in value["systems"].items()
        if cell["samples"]
    }
    targets = []
    for target in value.get("targets", []):
        per = 1.0 if target["of"] else divisor
        actual = target["is"]
        targets.append(
            Target(
                target["of"],
                target["bound"],
                target["value"] / per,
                None if actual is None else actual / per,
                target["is_reached"],
            )
        )
    return Figure(
        name=value["name"],
        label=value["label"],
        unit=unit,
        better=value.get("better"),
        cores=cores,
        divisor=divisor,
        cells=cells,
        targets=targets,
        against=value.get("against") or {},
    )


def read(path: pathlib.Path) -> Result:
    """Read a result."""
    about = json.loads(path.read_text())
    tables: list[Table] = []
    for group in about["groups"]:
        systems = group.get("order") or sorted(group["systems"], key=lambda it: it != "roentgen")
        figures = [_figure(value, group["cores"]) for value in group["figures"]]
        if tables and tables[-1].title == group["title"] and tables[-1].kind == group["kind"]:
            table = tables[-1]
        else:
            table = Table(group["title"], group["kind"], systems, group["rounds"])
            tables.append(table)
        for figure in figures:
            if figure.label.startswith(" ") and table.figures:
                above = table.figures[-1]
                figure.parent = above.parent or above.label
            table.figures.append(figure)
        table.remarks.extend(group["remarks"])
        flags = {name: machine["flags"] for name, machine in group["systems"].items()}
        table.machines.append(
            {
                "cores": group["cores"],
                "memory": group.get("memory"),
                "seconds": group.get("seconds"),
                "commands": group["commands"],
                "flags": {name: " ".join(words) for name, words in flags.items()},
            }
        )
        for samples in (group.get("host_walk") or {}).values():
            table.host_walk.samples.extend(sample / 1e6 for sample in samples)
        for system, seconds in (group.get("hellos") or {}).items():
            if seconds:
                table.hellos[system] = Cell(seconds)
    return Result(about["suite"], path, about, tables)
