"""``python -m roentgen.top``: the cores and what runs on them, live.

On a terminal it is a screen that is drawn anew every interval; into a pipe, and with
``--once``, plain tables.
"""

from __future__ import annotations

import argparse
import sys
import time

from . import NotAvailable
from ._rates import ORDERS, Rates, Sample, Source, between, take
from ._screen import COLOURS, PLAIN, Palette, View, screen, table
from ._terminal import Terminal

#: What each key sorts by.
KEYS = {
    "c": "cpu",
    "t": "time",
    "m": "memory",
    "w": "wait",
    "g": "migrations",
    "p": "pid",
    "n": "name",
}
#: Intervals that + and - go through, in seconds.
INTERVALS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
#: Seconds between the two samples of ``--once``.
ONCE_INTERVAL = 0.5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m roentgen.top", description=__doc__)
    parser.add_argument("--once", action="store_true", help="print one plain table, and end")
    parser.add_argument(
        "--interval", type=_seconds, metavar="SECONDS", help="between two samples (default: 1)"
    )
    parser.add_argument(
        "--sort", choices=list(ORDERS), default="cpu", help="order of the tasks (default: cpu)"
    )
    parser.add_argument("--count", type=_positive, metavar="N", help="end after so many")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.05 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be from 0.05 to 3600 seconds")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def next_interval(interval: float, key: str) -> float:
    """Return the interval that + or - leads to."""
    if key == "+":
        return min((step for step in INTERVALS if step > interval), default=interval)
    return max((step for step in INTERVALS if step < interval), default=interval)


def print_tables(source: Source, interval: float, order: str, count: int | None) -> None:
    """Print plain tables, ``count`` of them; for ever where it is None."""
    before = source()
    while count is None or count > 0:
        time.sleep(interval)
        after = source()
        print(table(between(before, after), order), flush=True)
        before = after
        count = None if count is None else count - 1


def _palette() -> Palette:
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return COLOURS if is_unicode else PLAIN._replace(styles=COLOURS.styles)


class Live:
    """The live screen."""

    def __init__(self, source: Source, interval: float, order: str, count: int | None) -> None:
        self._source = source
        self._interval = interval
        self._order = order
        self._left = count
        self._palette = _palette()
        self._sample: Sample = source()
        self._rates: Rates = between(self._sample, self._sample)

    def run(self, terminal: Terminal) -> None:
        """Show it until q is pressed, or the count is used up."""
        # Soon there is something to compare with.
        due = time.monotonic() + min(self._interval, ONCE_INTERVAL)
        while True:
            self._draw(terminal)
            if self._left == 0:
                return
            keys = terminal.wait(due - time.monotonic())
            if keys is None:
                after = self._source()
                self._rates = between(self._sample, after)
                self._sample = after
                self._left = None if self._left is None else self._left - 1
                due = time.monotonic() + self._interval
            for key in keys or "":
                if key in "qQ\x1b\x04":
                    return
                if key in "+-":
                    self._interval = next_interval(self._interval, key)
                    due = min(due, time.monotonic() + self._interval)
                self._order = KEYS.get(key.lower(), self._order)

    def _draw(self, terminal: Terminal) -> None:
        width, height = terminal.size()
        view = View(width, height, self._order, self._interval)
        terminal.draw(screen(self._rates, view, self._palette))


def main(arguments: list[str] | None = None, source: Source = take) -> int:
    """Run the command; returns its exit status.

    :param source: where samples come from.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.once:
            print_tables(source, options.interval or ONCE_INTERVAL, options.sort, 1)
        elif not sys.stdout.isatty():
            print_tables(source, options.interval or 1.0, options.sort, options.count)
        else:
            live = Live(source, options.interval or 1.0, options.sort, options.count)
            with Terminal() as terminal:
                live.run(terminal)
    except NotAvailable as error:
        print(f"roentgen.top: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read it has seen enough.
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
