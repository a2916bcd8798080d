"""A terminal as a full screen: its modes, keys, and size, put back whatever happens."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from types import FrameType, TracebackType
from typing import Self

# Alternate screen, no cursor, no wrapping at the right edge (xterm's control sequences).
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

#: A terminal that does not know its size says 0 for both.
_DEFAULT_SIZE = (80, 24)


def _end(number: int, _frame: FrameType | None) -> None:
    """End by an exception, so that the terminal is put back on the way out."""
    raise SystemExit(128 + number)


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number goes to the wake-up pipe."""


class Terminal:
    """The terminal of standard output, as a context manager.

    Keys are read from standard input if that is a terminal as well.
    """

    def __init__(self) -> None:
        self._input = sys.stdin.fileno() if sys.stdin and sys.stdin.isatty() else None
        self._modes: list[int | list[bytes | int]] | None = None
        self._handlers: dict[int, object] = {}
        self._pipe: tuple[int, int] | None = None
        self._old_wakeup = -1

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._put_back()
            raise
        return self

    def _begin(self) -> None:
        self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._old_wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        # There is no shell to go back to that would put the modes right meanwhile.
        for number, handler in (
            (signal.SIGWINCH, _wake),
            (signal.SIGTERM, _end),
            (signal.SIGHUP, _end),
            (signal.SIGTSTP, signal.SIG_IGN),
        ):
            self._handlers[number] = signal.signal(number, handler)
        if self._input is not None:
            self._modes = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
        self._write(_ENTER)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._put_back()

    def _put_back(self) -> None:
        """Undo what was done, as far as it was."""
        try:
            self._write(_LEAVE)
        finally:
            if self._input is not None and self._modes is not None:
                termios.tcsetattr(self._input, termios.TCSADRAIN, self._modes)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            if self._pipe is not None:
                signal.set_wakeup_fd(self._old_wakeup)
                for descriptor in self._pipe:
                    os.close(descriptor)

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    @staticmethod
    def size() -> tuple[int, int]:
        """Return columns and lines."""
        try:
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return _DEFAULT_SIZE
        return columns or _DEFAULT_SIZE[0], lines or _DEFAULT_SIZE[1]

    def draw(self, lines: list[str]) -> None:
        """Show the lines, in place of what was there."""
        body = "\n".join(line + _CLEAR_LINE for line in lines)
        self._write(_HOME + body + _CLEAR_BELOW)

    def wait(self, seconds: float) -> str | None:
        """Wait for a key, or that the window's size changes.

        Return the keys that were pressed, ``""`` for another size, None after so many
        seconds.
        """
        watched = [descriptor for descriptor in (self._input,) if descriptor is not None]
        if self._pipe is not None:
            watched.append(self._pipe[0])
        ready, _, _ = select.select(watched, [], [], max(seconds, 0.0))
        if not ready:
            return None
        if self._pipe is not None and self._pipe[0] in ready:
            os.read(self._pipe[0], 512)
        if self._input is None or self._input not in ready:
            return ""
        keys = os.read(self._input, 64)
        if not keys:
            # The terminal is gone, and would be ready for ever.
            raise SystemExit(0)
        return keys.decode("ascii", "replace")
