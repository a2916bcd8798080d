"""The plots, the tables and the page of a run: page.py DIRECTORY RESULT.json…  Prints the paths
it wrote.

The page is one file: it has its plots in it, and nothing on it is fetched from elsewhere.
`result.md` has its tables as Markdown.
"""

import datetime
import html
import io
import pathlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jinja2
import matplotlib.pyplot as plt
from curves import curves, efficiencies, scaling
from latency import distributions, percentiles
from markupsafe import Markup
from overview import against, timeline
from panels import panels
from results import Cell, Figure, Result, Table, read
from style import INK, LINE, PAPER

HERE = pathlib.Path(__file__).parent


@dataclass
class Plot:
    """A picture that was drawn."""

    name: str
    title: str
    svg: Markup


def pictures(table: Table) -> Iterator[tuple[str, Any]]:
    """All pictures of a table: those that say what they are about, then all figures."""
    yield from timeline(table)
    yield from scaling(table)
    yield from curves(table)
    yield from percentiles(table)
    yield from efficiencies(table)
    yield from against(table)
    yield from distributions(table)
    for picture in panels(table):
        yield "figures", picture


WORDS = {
    "timeline": "the start of a machine",
    "scaling": "speed-up over cores",
    "efficiency": "efficiency",
    "against": "against Linux",
    "distributions": "how the samples are distributed",
    "figures": "all figures: median, quartiles, range",
}


def inline(svg: str, prefix: str) -> Markup:
    """A picture for the page: in the page's own colours, with names that no other one has."""
    svg = svg[svg.index("<svg") :]
    for colour, ours in ((INK, "currentColor"), (LINE, "var(--line)"), (PAPER, "none")):
        svg = svg.replace(colour, ours)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    # As wide as the page has room for.
    svg = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", svg, count=1)
    svg = re.sub(
        r'<svg([^>]*?) width="([\d.]+)pt"', r'<svg\1 style="max-width: \2pt"', svg, count=1
    )
    return Markup(re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL))


def draw(result: Result, directory: pathlib.Path) -> list[list[Plot]]:
    """The plots of each table, written as PNG and SVG too."""
    seen: dict[str, int] = {}
    drawn = []
    for table in result.tables:
        plots = []
        for kind, picture in pictures(table):
            seen[kind] = seen.get(kind, 0) + 1
            name = f"{result.suite}-{kind}" + (f"-{seen[kind]}" if seen[kind] > 1 else "")
            picture.savefig(directory / f"{name}.png")
            buffer = io.StringIO()
            picture.savefig(buffer, format="svg", metadata={"Date": None})
            plt.close(picture)
            (directory / f"{name}.svg").write_text(buffer.getvalue())
            for ending in ("png", "svg"):
                print(directory / f"{name}.{ending}")
            title = WORDS.get(kind, kind.replace("-", ", "))
            plots.append(Plot(name, title, inline(buffer.getvalue(), name)))
        drawn.append(plots)
    return drawn


def value(number: float, unit: str = "") -> str:
    """A number with three digits or more, as on the terminal."""
    if unit in ("instructions", "count") or abs(number) >= 100:
        return f"{number:,.0f}"
    if abs(number) >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}" if abs(number) >= 0.1 or number == 0 else f"{number:.4f}"


def spread(cell: Cell, unit: str) -> str:
    """The range of several samples."""
    if len(cell.samples) < 2:
        return ""
    least, most = cell.range
    return f"{value(least, unit)}–{value(most, unit)}"


def factor(figure: Figure, ours: str, control: str) -> str:
    """How many times more or less this kernel's median is than a control's."""
    times = figure.factor(ours, control)
    if times is None:
        return "–"
    if 0.995 < times < 1.005:
        return "equal"
    word = "less" if times > 1 else "more"
    times = max(times, 1 / times)
    return f"{times:.0f}× {word}" if times >= 99.5 else f"{times:.3g}× {word}"


def wanted(target: Any, unit: str) -> str:
    """What was wanted, in words."""
    bound = f"{target.bound} {value(target.value)}"
    return f"{bound} of {target.of}" if target.of else f"{bound} {unit}".strip()


def moment(seconds: int) -> str:
    """A time as people read it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float | None) -> str:
    """Minutes and seconds."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def rows(results: list[Result]) -> Iterator[tuple[Result, Table, Figure]]:
    """All figures of all suites."""
    for result in results:
        for table in result.tables:
            for figure in table.figures:
                yield result, table, figure


def glance(result: Result) -> dict[str, Any]:
    """What a suite comes to."""
    figures = [figure for table in result.tables for figure in table.figures]
    verdicts = [verdict for figure in figures for verdict in figure.against.values()]
    targets = [target.is_reached for figure in figures for target in figure.targets]
    seconds = [machine["seconds"] for table in result.tables for machine in table.machines]
    known = [one for one in seconds if one is not None]
    return {
        "figures": len(figures),
        **{word: verdicts.count(word) for word in ("ahead", "even", "behind")},
        "reached": targets.count(True),
        "missed": targets.count(False),
        "unmeasured": sum(len(set(table.remarks)) for table in result.tables),
        "seconds": sum(known) if known else None,
    }


def cells(text: str) -> str:
    """Text within a table of Markdown."""
    return html.escape(text, quote=False).replace("|", r"\|")


def main() -> None:
    """Draw everything, then write tables and page."""
    directory, *paths = map(pathlib.Path, sys.argv[1:])
    results = [read(path) for path in paths]
    plots = {result.suite: draw(result, directory) for result in results}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    for function in (value, spread, factor, wanted, moment, duration):
        environment.globals[function.__name__] = function
    environment.filters["cells"] = cells
    losses = [
        (result, table, figure, control)
        for result, table, figure in rows(results)
        for control, verdict in figure.against.items()
        if verdict == "behind"
    ]
    missed = [
        (result, table, figure, target)
        for result, table, figure in rows(results)
        for target in figure.targets
        if target.is_reached is False
    ]
    commands = dict.fromkeys(result.about.get("command", "unknown") for result in results)
    for template, name in (("result.md", "result.md"), ("page.html", "index.html")):
        text = environment.get_template(template).render(
            results=results,
            plots=plots,
            glances={result.suite: glance(result) for result in results},
            losses=losses,
            missed=missed,
            commands=list(commands),
        )
        (directory / name).write_text(text)
        print(directory / name)


main()
