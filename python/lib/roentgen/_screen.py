"""What ``roentgen.top`` shows, as lines of text. Pure: no terminal, no clock.

A line is made of segments, each with the name of a style; a palette says what styles
and bars look like, and :func:`paint` cuts a line to a width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ._rates import CoreRates, Rates, TaskRates, kept_share, ordered, wake_percentile

Segment = tuple[str, str]
Line = list[Segment]


class Palette(NamedTuple):
    """How styles and bars look."""

    styles: dict[str, str]
    """Parameters of the escape sequence (ECMA-48, SGR) of each style."""
    fractions: str
    """A bar's last cell, from nearly empty to full."""
    heights: str
    """A cell of a histogram, from empty to full."""
    empty: str
    """The rest of a bar."""


PLAIN = Palette({}, "#", " .:-=+*#", ".")
COLOURS = Palette(
    {
        "title": "1;37;44",
        "head": "1;7",
        "sorted": "1;7;36",
        "label": "2",
        "strong": "1",
        "low": "32",
        "middle": "33",
        "high": "31",
        "empty": "2",
        "name": "36",
        "waits": "33",
        "idle": "2",
    },
    "▏▎▍▌▋▊▉█",
    " ▁▂▃▄▅▆▇█",
    "·",
)

#: Where a bar changes its colour.
ZONES = ((0.5, "low"), (0.8, "middle"), (1.0, "high"))
#: Columns of the plain table.
PLAIN_WIDTH = 100
#: The first and last step of the latency histogram: 256 ns and 134 ms.
FIRST_STEP, LAST_STEP = 8, 27


def paint(line: Line, width: int, palette: Palette) -> str:
    """Return the line in at most ``width`` columns, with its escape sequences."""
    pieces = []
    for text, style in line:
        piece = text[:width]
        width -= len(piece)
        if piece:
            code = palette.styles.get(style)
            pieces.append(f"\x1b[{code}m{piece}\x1b[m" if code else piece)
    return "".join(pieces)


def count(value: float) -> str:
    """Return a count or rate in at most four columns: 0, 3.4, 120, 1.2k, 56M."""
    if value < 0.05:
        return "0"
    for unit in ("", "k", "M", "G", "T"):
        if value < 9.95:
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
        value /= 1000
    return "lots"


def share(value: float | None) -> str:
    """Return a share as per cent, in at most four columns."""
    return "-" if value is None else f"{value * 100:.0f}%"


def short_time(seconds: float | None) -> str:
    """Return a latency in at most five columns: 512ns, 4.1us, 131us, 2.1ms, 9.0s."""
    if seconds is None:
        return "-"
    if math.isinf(seconds):
        return "long"
    value = seconds * 1e9
    for unit in ("ns", "us", "ms"):
        if value < 9.95 and unit != "ns":
            return f"{value:.1f}{unit}"
        if value < 999.5:
            return f"{value:.0f}{unit}"
        value /= 1000
    return f"{value:.1f}s" if value < 9.95 else f"{value:.0f}s"


def run_time(seconds: float) -> str:
    """Return a CPU time: 1:23.45 minutes, or 12:34:56 hours."""
    if seconds < 5999.995:
        minutes, rest = divmod(round(seconds * 100), 6000)
        return f"{minutes}:{rest // 100:02}.{rest % 100:02}"
    return long_time(seconds)


def long_time(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def size(value: float) -> str:
    """Return bytes in at most five columns: 0, 512K, 34.1M, 1.2G."""
    value /= 1024
    for unit in ("K", "M", "G"):
        if value < 99.95 and unit != "K":
            return f"{value:.1f}{unit}"
        if value < 1023.5:
            return f"{value:.0f}{unit}"
        value /= 1024
    return f"{value:.0f}T"


def printable(name: str) -> str:
    """Return a name that takes one column for each of its characters."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in name)


def bar(value: float, width: int, palette: Palette) -> Line:
    """Return a bar of ``width`` columns, filled by a share from 0 to 1."""
    steps = len(palette.fractions)
    filled = round(value * width * steps)
    cells = palette.fractions[-1] * (filled // steps)
    if filled % steps:
        cells += palette.fractions[filled % steps - 1]
    line: Line = []
    start = 0
    for end, style in ZONES:
        part = cells[start : round(end * width)]
        line.append((part, style))
        start = round(end * width)
    return [*line, (palette.empty * (width - len(cells)), "empty")]


def histogram(latencies: Sequence[int], palette: Palette) -> str:
    """Return one column for each step of the latency histogram, as high as it is full."""
    head, tail = latencies[: FIRST_STEP + 1], latencies[LAST_STEP:]
    steps = [sum(head), *latencies[FIRST_STEP + 1 : LAST_STEP], sum(tail)]
    most = max(steps, default=0)
    top = len(palette.heights) - 1
    # What is not empty is seen, however little it is.
    return "".join(palette.heights[math.ceil(step * top / most) if most else 0] for step in steps)


class TaskColumn(NamedTuple):
    """A column of the tasks' table."""

    title: str
    width: int
    text: Callable[[TaskRates], str]
    order: str = ""
    """The order that it goes with."""


TASK_COLUMNS = (
    TaskColumn("PID", 7, lambda task: str(task.thread.pid), "pid"),
    TaskColumn("TID", 7, lambda task: str(task.thread.tid)),
    TaskColumn("CORE", 4, lambda task: str(task.thread.core)),
    TaskColumn("NI", 3, lambda task: _nice(task)),
    TaskColumn("S", 1, lambda task: task.thread.state),
    TaskColumn("%CPU", 5, lambda task: f"{task.cpu * 100:.1f}", "cpu"),
    TaskColumn("TIME", 8, lambda task: run_time(task.thread.run_time), "time"),
    TaskColumn("MEM", 5, lambda task: size(task.thread.resident), "memory"),
    TaskColumn("WAIT", 5, lambda task: short_time(task.wait), "wait"),
    TaskColumn("MIGR", 5, lambda task: count_whole(task.thread.migrations), "migrations"),
    TaskColumn("STOL", 5, lambda task: count_whole(task.thread.stolen)),
)


def count_whole(value: int) -> str:
    """Return a number of things, in at most four columns."""
    return str(value) if value < 1000 else count(value)


def number_of(value: int, thing: str) -> str:
    """Return how many things there are, in words."""
    return f"{value} {thing}" if value == 1 else f"{value} {thing}s"


def _nice(task: TaskRates) -> str:
    classes = {"interrupt": "irq", "idle": "idl"}
    return classes.get(task.thread.scheduling_class, str(task.thread.nice))


class CoreColumn(NamedTuple):
    """A column of the cores' table, right of the bar."""

    title: str
    width: int
    text: Callable[[CoreRates], str]


CORE_COLUMNS = (
    CoreColumn("BUSY", 4, lambda core: share(core.busy)),
    CoreColumn("QUEUE", 5, lambda core: str(core.queue_length)),
    CoreColumn("SWCH/s", 6, lambda core: count(core.switches)),
    CoreColumn("STOL/s", 6, lambda core: count(core.steals)),
    CoreColumn("MIGR/s", 6, lambda core: count(core.migrations)),
    CoreColumn("IPI/s", 5, lambda core: count(core.ipis)),
    CoreColumn("W50", 5, lambda core: short_time(wake_percentile(core, 0.5))),
    CoreColumn("W99", 5, lambda core: short_time(wake_percentile(core, 0.99))),
    CoreColumn("TLB", 4, lambda core: share(kept_share(core))),
)
#: Columns of all of them, with the spaces between, and of the core's number.
_CORE_FIXED = sum(column.width + 1 for column in CORE_COLUMNS) + 5
_NAME_WIDTH = 15


def _bar_width(width: int) -> int:
    name = _NAME_WIDTH + 1 if width >= 96 else 0
    return min(max(width - _CORE_FIXED - name - 1, 6), 60)


def core_lines(cores: list[CoreRates], width: int, palette: Palette) -> list[Line]:
    """Return the cores' table: a head, and a line each."""
    bar_width = _bar_width(width)
    titles = " ".join(column.title.rjust(column.width) for column in CORE_COLUMNS)
    head = f"{'CORE':>4} {'':{bar_width}} {titles} RUNNING"
    lines: list[Line] = [[(head.ljust(width), "head")]]
    for core in cores:
        numbers = " ".join(column.text(core).rjust(column.width) for column in CORE_COLUMNS)
        name = (printable(core.running), "name") if core.running else ("idle", "idle")
        style = "waits" if core.queue_length else ""
        number = [(f"{core.core:>4} ", "")]
        bars = bar(core.busy, bar_width, palette)
        lines.append([*number, *bars, (f" {numbers} ", style), name])
    return lines


def core_blocks(cores: list[CoreRates], width: int, palette: Palette) -> list[Line]:
    """Return many cores in few lines: one cell each, as high as the core is busy."""
    across = 64 if width >= 72 else 32
    lines: list[Line] = [[("CORES, each as high as it is busy".ljust(width), "head")]]
    top = len(palette.heights) - 1
    for start in range(0, len(cores), across):
        line: Line = [(f"{start:>5} ", "label")]
        for core in cores[start : start + across]:
            style = next((name for end, name in ZONES if core.busy <= end), "high")
            line.append((palette.heights[math.ceil(core.busy * top)], style))
        lines.append(line)
    return lines


def task_lines(
    tasks: list[TaskRates], order: str, width: int, palette: Palette, most: int | None = None
) -> list[Line]:
    """Return the tasks' table: a head, and a line each, ``most`` of them."""
    head: Line = []
    for column in TASK_COLUMNS:
        style = "sorted" if column.order == order else "head"
        head += [(column.title.rjust(column.width), style), (" ", "head")]
    used = sum(column.width + 1 for column in TASK_COLUMNS)
    style = "sorted" if order == "name" else "head"
    head += [("NAME", style), (" " * max(width - used - 4, 0), "head")]
    lines = [head]
    for task in ordered(tasks, order)[:most]:
        cells = [column.text(task).rjust(column.width) for column in TASK_COLUMNS]
        row = "strong" if task.thread.state == "R" else ""
        lines.append([(" ".join(cells) + " ", row), (printable(task.thread.name), "name")])
    return lines


def summary_lines(rates: Rates, interval: float, palette: Palette) -> list[Line]:
    """Return what is true of the whole machine."""
    total = rates.total
    threads = [task.thread for task in rates.tasks]
    runnable = sum(thread.state == "R" for thread in threads)
    memory = rates.memory
    title = [
        f" roentgen top   up {long_time(rates.uptime)}",
        number_of(len(rates.cores), "core"),
        f"{number_of(len(threads), 'thread')}, {runnable} runnable",
        f"{size(memory.total - memory.free)} of {size(memory.total)} used",
        f"over {interval:.3g} s ",
    ]
    values = [
        ("busy", share(total.busy)),
        ("queued", str(total.queue_length)),
        ("switches", f"{count(total.switches)}/s"),
        ("steals", f"{count(total.steals)}/s"),
        ("migrations", f"{count(total.migrations)}/s"),
        ("IPIs", f"{count(total.ipis)}/s"),
        ("calls", f"{count(total.system_calls)}/s"),
    ]
    line: Line = [(" ", "")]
    for label, value in values:
        line += [(f"{label} ", "label"), (value, "strong"), ("  ", "")]
    wakes: Line = [
        (" wake to run ", "label"),
        (f"{short_time(2**FIRST_STEP / 1e9)} ", "label"),
        (histogram(total.wake_latencies, palette), "low"),
        (f" {short_time(2**LAST_STEP / 1e9)}", "label"),
        ("  median <", "label"),
        (short_time(wake_percentile(total, 0.5)), "strong"),
        ("  99% <", "label"),
        (short_time(wake_percentile(total, 0.99)), "strong"),
        ("  TLB kept ", "label"),
        (share(kept_share(total)), "strong"),
    ]
    return [[("   ".join(title), "title")], line, wakes]


class View(NamedTuple):
    """How the screen is wanted."""

    width: int
    height: int
    order: str
    interval: float


KEYS = " q quit   c cpu  t time  m memory  w wait  g migrations  p pid  n name   + - interval "


def screen(rates: Rates, view: View, palette: Palette) -> list[str]:
    """Return the whole screen: at most ``height`` lines of at most ``width`` columns."""
    width, height = view.width, view.height
    lines = summary_lines(rates, view.interval, palette)
    title, style = lines[0][0]
    lines[0] = [(title.ljust(width), style)]
    # The cores may have half of the screen, where that leaves room for some tasks.
    if len(rates.cores) + 1 <= max(height // 2 - 1, 4):
        lines += core_lines(rates.cores, width, palette)
    else:
        lines += core_blocks(rates.cores, width, palette)
    room = height - len(lines) - 2
    if room > 0:
        lines += task_lines(rates.tasks, view.order, width, palette, most=room)
    lines += [[]] * (height - 1 - len(lines))
    lines = [*lines[: height - 1], [(KEYS.ljust(width), "title")]]
    return [paint(line, width, palette) for line in lines]


def table(rates: Rates, order: str) -> str:
    """Return everything as plain text, at most :data:`PLAIN_WIDTH` columns wide."""
    lines = [
        *summary_lines(rates, rates.seconds, PLAIN),
        [],
        *core_lines(rates.cores, PLAIN_WIDTH, PLAIN),
        [],
        *task_lines(rates.tasks, order, PLAIN_WIDTH, PLAIN),
    ]
    return "".join(paint(line, PLAIN_WIDTH, PLAIN).rstrip() + "\n" for line in lines)
