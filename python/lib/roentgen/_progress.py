"""A progress bar on standard error."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from typing import Literal

__all__ = ["Bar", "Progress"]

#: True: a bar on a terminal, one line at the end elsewhere; "always": a bar everywhere.
Progress = bool | Literal["always"]

#: Seconds between two drawings.
_INTERVAL = 0.1


class Bar:
    """Counts what is done. Any thread may count."""

    def __init__(self, total: int, progress: Progress = True) -> None:
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._drawn = 0.0
        self._lock = threading.Lock()
        self._is_open = bool(progress)
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self._draws = progress == "always" or (bool(progress) and terminal)

    def expect(self, more: int) -> None:
        """Note that there is more to do."""
        with self._lock:
            self._total += more

    def advance(self, count: int = 1) -> None:
        """Note that some is done."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if self._draws and self._is_open and now - self._drawn >= _INTERVAL:
                self._drawn = now
                self._write("\r" + self.line(now))

    def close(self, is_complete: bool = False) -> None:
        """Draw it for the last time, and leave the line.

        :param is_complete: all is done, also what has not been noted yet.
        """
        with self._lock:
            if not self._is_open:
                return
            if is_complete:
                self._done = self._total
            self._is_open = False
            now = time.monotonic()
            if self._draws:
                self._write("\r" + self.line(now) + "\n")
            else:
                seconds = now - self._started
                self._write(f"{self._done}/{self._total} in {seconds:.1f} s\n")

    def _write(self, text: str) -> None:
        # A bar that cannot be drawn is no reason to stop.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def line(self, now: float) -> str:
        """Return the bar as text."""
        total = max(self._total, self._done, 1)
        share = self._done / total
        passed = now - self._started
        if self._done == total:
            rest = f"in {passed:.1f} s"
        elif self._done:
            rest = f"{passed / share - passed:.0f} s left"
        else:
            rest = ""
        tail = f" {self._done:>{len(str(total))}}/{total} {rest:<10}"
        width = max(10, min(50, shutil.get_terminal_size().columns - len(tail) - 3))
        full = int(share * width)
        return f"[{'#' * full}{'.' * (width - full)}]{tail}"
