"""The plots of `run.sh bench process`: process.py RESULT.json. Prints the paths it wrote.

Points are medians, bars the whole range of the samples. A system that was not measured is
left out.
"""

import json
import pathlib
import re
import sys
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

COLOURS = {"roentgen": "#c1272d", "linux, plain": "#1f4e79", "linux, best": "#6ba3d6"}
MARKERS = {"roentgen": "o", "linux, plain": "s", "linux, best": "^"}
plt.rcParams.update(
    {
        "figure.dpi": 130,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "svg.hashsalt": "roentgen",
    }
)

#: A system's figures: by name, the least, the median and the most.
Figures = dict[str, tuple[float, float, float]]


def figures_of(result: dict[str, Any], kind: str) -> dict[str, Figures]:
    """The figures of one kind, by system."""
    found: dict[str, Figures] = {}
    for group in result["groups"]:
        if group["kind"] != kind:
            continue
        for figure in group["figures"]:
            for system, cell in figure["systems"].items():
                if cell["median"] is not None:
                    values = cell["least"], cell["median"], cell["most"]
                    found.setdefault(system, {})[figure["name"]] = values
    return found


def size_text(size: float, _: object = None) -> str:
    """A number of bytes as people say it."""
    for unit, power in (("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):g} {unit}"
    return f"{size:g} B"


def time_text(micros: float, _: object = None) -> str:
    """A time as people say it."""
    for unit, factor in (("s", 1e6), ("ms", 1e3)):
        if micros >= factor:
            return f"{micros / factor:.3g} {unit}"
    return f"{micros:.3g} µs"


def errors(values: list[tuple[float, float, float]], scale: float) -> list[list[float]]:
    """How far the range reaches below and above each median."""
    return [
        [(middle - least) * scale for least, middle, _ in values],
        [(most - middle) * scale for _, middle, most in values],
    ]


def curve(wall: dict[str, Figures], prefix: str, title: str, label: str, unit: int) -> Any:
    """A figure over the number in its names, both axes logarithmic; None without points."""
    figure, axes = plt.subplots(figsize=(7.2, 4.6))
    ticks: set[int] = set()
    for system, figures in wall.items():
        named = {
            int(match[1]) * unit: values
            for name, values in figures.items()
            if (match := re.fullmatch(rf"{prefix}_(\d+)", name))
        }
        if not named:
            continue
        sizes = sorted(named)
        ticks.update(sizes)
        values = [named[size] for size in sizes]
        axes.errorbar(
            sizes,
            [middle / 1e3 for _, middle, _ in values],
            yerr=errors(values, 1e-3),
            color=COLOURS.get(system),
            marker=MARKERS.get(system, "o"),
            capsize=3,
            label=system,
        )
    if not ticks:
        plt.close(figure)
        return None
    axes.set(xscale="log", yscale="log", title=title, xlabel=label, ylabel="time, log scale")
    axes.set_xticks(sorted(ticks))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(size_text))
    axes.yaxis.set_major_formatter(FuncFormatter(time_text))
    axes.tick_params(axis="x", labelrotation=30 if len(ticks) > 6 else 0)
    axes.legend(title="median, and range", frameon=False)
    return figure


#: What the chart shows: name, what it is, and the target as a part of Linux's, plain.
COMPARED = [
    ("python_spawn", "spawn and join\nagainst os.fork", 1 / 20),
    ("python_command", "spawn and join\nagainst python -c pass", 1 / 1000),
    ("message_64", "64 B there and back\nagainst Pipe", 1 / 10),
    (f"message_{64 << 20}", "64 MiB there and back\nagainst Pipe", 1 / 20),
    ("boot", "start to the first\nline of Python", 1 / 10),
]


def against(wall: dict[str, Figures]) -> Any:
    """How many times less this kernel takes than each control; None without a control."""
    controls = [system for system in wall if system != "roentgen"]
    ours = wall.get("roentgen", {})
    rows = [row for row in COMPARED if row[0] in ours]
    if not controls or not rows:
        return None
    figure, axes = plt.subplots(figsize=(7.2, 1.2 + 0.85 * len(rows)))
    height = 0.8 / len(controls)
    for index, system in enumerate(controls):
        known = [(at, row[0]) for at, row in enumerate(rows) if row[0] in wall[system]]
        places = [at + (index - (len(controls) - 1) / 2) * height for at, _ in known]
        ratios = []
        for _, name in known:
            (least, middle, most), mine = wall[system][name], ours[name]
            ratios.append((least / mine[2], middle / mine[1], most / mine[0]))
        middles = [ratio[1] for ratio in ratios]
        axes.barh(places, middles, height * 0.9, color=COLOURS.get(system), label=f"than {system}")
        axes.errorbar(
            middles, places, xerr=errors(ratios, 1), fmt="none", ecolor="black", capsize=2
        )
        for place, ratio in zip(places, ratios, strict=True):
            axes.annotate(
                f"{ratio[1]:.3g}×",
                (ratio[2], place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
    for at, (_, _, target) in enumerate(rows):
        axes.plot(
            [1 / target] * 2,
            [at - 0.45, at + 0.45],
            color=COLOURS["roentgen"],
            linewidth=2,
            label="wanted" if at == 0 else None,
        )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", title="How many times faster than Linux in the same emulator")
    axes.set_xlabel("Linux's median over Roentgen's, log scale; bars: the extremes of both ranges")
    axes.set_yticks(range(len(rows)), [label for _, label, _ in rows])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    figure.legend(loc="outside upper center", ncols=len(controls) + 1, frameon=False, fontsize=9)
    return figure


def main() -> None:
    """Draw all that there are figures for."""
    path = pathlib.Path(sys.argv[1])
    result = json.loads(path.read_text())
    wall = figures_of(result, "wall time")
    plots = {
        "heap": curve(
            wall,
            "heap",
            "A process made, ended and waited for, by its maker's heap\n"
            "Roentgen: spawn from a template; Linux: os.fork",
            "heap of the template or parent, log scale",
            1 << 20,
        ),
        "messages": curve(
            wall,
            "message",
            "Bytes there and back between two processes on two cores\n"
            "Roentgen: Channel; Linux: multiprocessing.Pipe",
            "size of the message, log scale",
            1,
        ),
        "against": against(wall),
    }
    note = f"{result['qemu']}, TCG or KVM as the flags in {path.name} say; host load "
    note += f"{result['host']['load_before'][0]}"
    for name, figure in plots.items():
        if figure is None:
            continue
        figure.supxlabel(note, fontsize=7, color="#666666")
        for ending in ("png", "svg"):
            target = path.with_name(f"{path.stem}-{name}.{ending}")
            figure.savefig(target)
            print(target)


main()
