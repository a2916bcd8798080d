"""The clock of a PC, an MC146818: the time of day, and interrupts at 2 to 8192 Hz.

Its registers are behind two ports, an index and a value: one driver at a time. The kernel
reads them once, at its start. Source: Motorola's MC146818A data sheet.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any, Self

from .. import irq
from ..io import Ports

__all__ = ["FREQUENCIES", "LINE", "Rtc"]

#: Its ISA line.
LINE = 8

_INDEX = 0
_VALUE = 1
_FIRST_PORT = 0x70

_SECONDS, _MINUTES, _HOURS, _DAY, _MONTH, _YEAR = 0, 2, 4, 7, 8, 9
_A, _B, _C = 0x0A, 0x0B, 0x0C

_UPDATE_IN_PROGRESS = 0x80  # A
_PERIODIC = 0x40  # B and C
_BINARY = 0x04  # B
_24_HOURS = 0x02  # B
_AFTERNOON = 0x80  # of the hours, in 12-hour mode

#: Interrupts a second that it can give, and the selector of each.
FREQUENCIES = {32768 >> (selector - 1): selector for selector in range(3, 16)}

#: Looks at the clock before it is given up: two updates are a second apart.
_PATIENCE = 10_000


class Rtc:
    """The clock. Can be sent to whoever may use devices.

    :raises PermissionError: the caller may not use devices.
    """

    def __init__(self) -> None:
        self._ports = Ports(_FIRST_PORT, 2)

    def read(self, register: int) -> int:
        """Read a register, 0 to 127."""
        self._ports.write8(_INDEX, register)
        return self._ports.read8(_VALUE)

    def write(self, register: int, value: int) -> None:
        """Write a register, 0 to 127."""
        self._ports.write8(_INDEX, register)
        self._ports.write8(_VALUE, value)

    def time(self) -> datetime.datetime:
        """Return the time of day that it tells, to the second, without a time zone.

        :raises OSError: it does not come to rest: there may be no such clock.
        """
        registers = (_SECONDS, _MINUTES, _HOURS, _DAY, _MONTH, _YEAR)
        before: list[int] | None = None
        for _ in range(_PATIENCE):
            if self.read(_A) & _UPDATE_IN_PROGRESS:
                continue
            values = [self.read(register) for register in registers]
            # The same twice: no update came in between.
            if values == before:
                return _date(values, self.read(_B))
            before = values
        raise OSError("the clock does not come to rest")

    def acknowledge(self) -> bool:
        """Let it interrupt again. True: it was its periodic interrupt that was due.

        Until this, it interrupts no more: for the routine.
        """
        return bool(self.read(_C) & _PERIODIC)

    @contextlib.contextmanager
    def periodic(self, frequency: int) -> Iterator[Self]:
        """Have it interrupt so many times a second, within ``with``.

        :param frequency: one of :data:`FREQUENCIES`: a power of two from 2 to 8192.
        """
        selector = FREQUENCIES.get(frequency)
        if selector is None:
            raise ValueError(f"{frequency} Hz is none of 2, 4, 8, … 8192")
        old = self.read(_A)
        self.write(_A, old & 0xF0 | selector)
        # What is pending would keep the line up, and an edge from coming.
        self.acknowledge()
        self.write(_B, self.read(_B) | _PERIODIC)
        try:
            yield self
        finally:
            self.write(_B, self.read(_B) & ~_PERIODIC)
            self.write(_A, old)
            self.acknowledge()

    def attach(self, fn: irq.Routine, core: int | None = None, **options: Any) -> irq.Line:
        """Run a routine at each of its interrupts, after they were acknowledged.

        Options are those of :func:`roentgen.irq.attach`. It interrupts within
        :meth:`periodic`. While the routine is attached nobody else should use the clock,
        since index and value are two accesses: so attach within, and not around.
        """
        clock = self

        def routine(count: int) -> None:
            clock.acknowledge()
            fn(count)

        return irq.attach(LINE, routine, core, **options)

    def close(self) -> None:
        """Let go of its ports."""
        self._ports.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _date(values: list[int], mode: int) -> datetime.datetime:
    seconds, minutes, hours, day, month, year = values
    is_afternoon = not mode & _24_HOURS and hours & _AFTERNOON
    if not mode & _24_HOURS:
        hours &= ~_AFTERNOON
    if not mode & _BINARY:
        seconds, minutes, hours, day, month, year = (
            (value >> 4) * 10 + (value & 15)
            for value in (seconds, minutes, hours, day, month, year)
        )
    if not mode & _24_HOURS:
        hours = hours % 12 + (12 if is_afternoon else 0)
    # The register of the century is not everywhere.
    return datetime.datetime(2000 + year, month, day, hours, minutes, seconds)
