"""Interrupts in Python.

A routine is attached to an interrupt line; it runs in the resident interpreter of a core
(:func:`roentgen.core`), ahead of everything else on that core, and is given the number of
interrupts since it ran last::

    from roentgen import irq

    @irq.handler(8, core=1)
    def tick(count):
        ...

    tick.detach()

The routine is sent to the resident, as by :func:`roentgen.spawn`: what it changes is
there, and what others should know of it goes through a channel. While it runs, a
level-triggered line is masked. A count of 0 asks it to look at the device once: edges may
have been lost before it was attached, or while the line was masked.

A line that interrupts more often than its ``rate``, or whose routine takes more than half
of the time, is masked for a while, which :attr:`Counts.pauses` counts. A routine that
raises is detached; so is one that runs for longer than its ``limit``, and its resident is
killed: the core's next one starts when it is needed. :meth:`Line.check` says what
happened, and the kernel's log does.

A program that waits for much else may read a line itself, in its own time: a
:class:`Listener` is a descriptor, for reactors and event loops.

Lines are for who may use devices: see :mod:`roentgen.io`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self

import _roentgen

from . import _lines
from ._channels import Channel
from ._errors import ChannelClosed, ProcessDied, require_kernel
from ._process import _remote
from ._residents import core as resident_of
from ._tables import rows

__all__ = [
    "Counts",
    "Gsi",
    "Line",
    "Listener",
    "RoutineFailed",
    "attach",
    "detach",
    "handler",
    "lines",
]

#: Interrupts a second that a line may have, where nothing else is asked for.
RATE = 20_000
#: Seconds that a run of a routine may take, where nothing else is asked for.
LIMIT = 0.5

Routine = Callable[[int], object]


class RoutineFailed(RuntimeError):
    """A routine was detached: it raised, ran too long, or its interpreter died.

    ``__cause__`` is what it raised, or a :class:`roentgen.ProcessDied`.
    """


class Gsi(int):
    """A line by its global system interrupt: the number of an I/O APIC's pin.

    Plain numbers are ISA lines. Vectors are the kernel's to give, and messages that
    devices signal by (MSI) are not there, so that these are all lines there are.
    """

    def __repr__(self) -> str:
        return f"Gsi({int(self)})"


class Counts(NamedTuple):
    """What the kernel has counted of a line."""

    gsi: int
    """The global system interrupt."""
    isa: int | None
    """The ISA line that it is, if it is one."""
    attached: bool
    """Whether a process has it."""
    process: int
    """The process that attached it, or 0."""
    server: int
    """The process whose routine runs at this moment, or 0."""
    core: int
    """The core that it interrupts."""
    level: bool
    """Whether it is level-triggered."""
    masked: bool
    """Whether it is masked at this moment."""
    interrupts: int
    """Interrupts since it was attached."""
    untaken: int
    """Of those, the ones that no routine was told of yet."""
    pauses: int
    """Times that it was masked because it took too much."""
    busy: float
    """Seconds of all runs of its routine."""
    last: float
    """When the last one came, in seconds on :func:`time.monotonic`'s clock; 0: none did."""
    total: int
    """Interrupts since the machine started, whoever had the line."""


def lines() -> list[Counts]:
    """Return what the kernel has counted of every line that is or was attached."""
    require_kernel("roentgen.irq.lines()")
    found = []
    for row in rows(_roentgen.lines()):
        known: dict[str, Any] = {name: int(row[name]) for name in Counts._fields}
        known["isa"] = known["isa"] if known["isa"] >= 0 else None
        for name in ("attached", "level", "masked"):
            known[name] = bool(known[name])
        for name in ("busy", "last"):
            known[name] /= 1e9
        found.append(Counts(**known))
    return found


def _flags(line: int) -> int:
    return _roentgen.LINE_GSI if isinstance(line, Gsi) else 0


def _trigger(trigger: str | None) -> int:
    kinds = {None: 0, "edge": _roentgen.LINE_EDGE, "level": _roentgen.LINE_LEVEL}
    if trigger not in kinds:
        raise ValueError("a trigger is 'edge' or 'level'")
    return int(kinds[trigger])


class Line:
    """A line with a routine attached. Made by :func:`attach`; detached by ``with``."""

    def __init__(self, number: int, fn: Routine, core: int, reports: Any, process: Any) -> None:
        self.number = number
        """The line: an ISA line's number, or a :class:`Gsi`."""
        self.core = core
        """The core that it interrupts, and whose resident runs the routine."""
        self.fn = fn
        """The routine, as it was given: the resident has a copy."""
        self._reports = reports
        self._process = process
        self._counts: Counts | None = None
        self._is_detached = False
        self._failure: RoutineFailed | None = None

    @property
    def pid(self) -> int:
        """The process of the resident that runs the routine."""
        pid: int = self._process.pid
        return pid

    def counts(self) -> Counts:
        """Return what the kernel has counted; after the end, what it had by then.

        :raises RoutineFailed: the routine was detached by the kernel, or raised.
        """
        if self._counts is None:
            self.check()
            return self._row()
        return self._counts

    def _row(self) -> Counts:
        is_gsi = isinstance(self.number, Gsi)
        for row in lines():
            if (row.gsi if is_gsi else row.isa) == self.number:
                return row
        raise ValueError(f"line {self.number} is not attached")

    @property
    def attached(self) -> bool:
        """Whether the routine still is attached."""
        self._look(0)
        return not self._is_detached

    def check(self) -> None:
        """Raise if the routine was detached for a fault of its own.

        :raises RoutineFailed: it was.
        """
        self._look(0)
        if self._failure is not None:
            raise self._failure

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the routine is detached.

        :param timeout: seconds to wait at most.
        :raises TimeoutError: it still is attached.
        :raises RoutineFailed: it was detached for a fault of its own.
        """
        if not self._look(timeout):
            raise TimeoutError(f"line {self.number} is attached")
        self.check()

    def _look(self, timeout: float | None) -> bool:
        """Learn how it ended, if it did. True: it did."""
        if self._is_detached:
            return True
        try:
            report = self._reports.receive(timeout)
        except TimeoutError:
            return False
        except ChannelClosed:
            self._end(self._death())
        else:
            error = _remote(report)
            failure = RoutineFailed(f"the routine of line {self.number} raised {error!r}")
            failure.__cause__ = error
            self._end(failure)
        return True

    def _death(self) -> RoutineFailed | None:
        """Say why nobody serves the line, though the routine did not raise."""
        try:
            # Its channel ends before it does.
            self._process.join(1)
            self._process.result()
        except ProcessDied as error:
            failure = RoutineFailed(
                f"the interpreter that served line {self.number} died; a routine that runs"
                f" longer than its limit is killed: {error}"
            )
            failure.__cause__ = error
            return failure
        except TimeoutError:
            # It lives: somebody took the line away.
            return RoutineFailed(f"line {self.number} was taken away")
        return RoutineFailed(f"the interpreter that served line {self.number} ended")

    def _end(self, failure: RoutineFailed | None) -> None:
        self._is_detached = True
        self._failure = failure
        self._reports.close()

    def detach(self) -> None:
        """Give the line back. A run of the routine that has begun comes to its end."""
        if self._look(0):
            return
        self._counts = self._row()
        try:
            _roentgen.line_detach(int(self.number), _flags(self.number))
        except FileNotFoundError:
            # Its routine has failed meanwhile.
            self._counts = None
            self._look(1)
            return
        # Until its thread has let go of it.
        with contextlib.suppress(ChannelClosed, TimeoutError):
            self._reports.receive(LIMIT)
        self._end(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        state = "detached" if self._is_detached else f"on core {self.core}"
        return f"<roentgen.irq.Line {self.number!r} {state}>"


def attach(
    line: int,
    fn: Routine,
    core: int | None = None,
    *,
    rate: int = RATE,
    limit: float = LIMIT,
    trigger: Literal["edge", "level"] | None = None,
    timeout: float | None = None,
) -> Line:
    """Run a routine at each interrupt of a line.

    :param line: an ISA line, or a :class:`Gsi`.
    :param fn: is called with the number of interrupts since it was called last.
    :param core: whose resident runs it; the caller's present core, where it is not given.
    :param rate: interrupts a second that are let through, at most.
    :param limit: seconds that a run may take, 0.001 to 10.
    :param trigger: what raises it, where the firmware is wrong about that.
    :param timeout: seconds to wait for a resident that is busy with a call.
    :raises PermissionError: the caller may not use devices.
    :raises OSError: with ``EBUSY``: the kernel uses the line itself, or somebody else has it.
    :raises TimeoutError: the resident was busy; it was killed, with its call.
    """
    require_kernel("roentgen.irq.attach()")
    kind = _trigger(trigger)
    if not 0.001 <= limit <= 10:
        raise ValueError("the limit of a routine is 0.001 to 10 seconds")
    if not callable(fn):
        raise TypeError("a routine is a function of a count")
    number = _roentgen.current_core() if core is None else core
    resident = resident_of(number)
    flags = _flags(line) | kind
    fd = _roentgen.line(int(line), number, flags, rate, int(limit * 1e9))
    reports = Channel(1)
    sender, receiver = reports.sender, reports.receiver
    # The resident alone reports, so that its end shows.
    reports._drop()
    try:
        process = resident._process(timeout)
        # Who is not the first process has its residents inherit what it was granted.
        with contextlib.suppress(PermissionError):
            _roentgen.grant(process._open(), _roentgen.GRANT_DEVICES)
        descriptor = _roentgen.Descriptor(fd)
        resident.run(_lines.begin, descriptor, fn, sender, f"irq-{line}", timeout=timeout)
    except BaseException:
        receiver.close()
        raise
    finally:
        sender.close()
        os.close(fd)
    return Line(line, fn, number, receiver, process)


class Listener:
    """A line that this process reads itself, by ``with`` or until it is closed.

    Whoever reads it is not ahead of anybody, as a routine is: it is for who waits for other
    things too. A level-triggered line is masked from an interrupt to :meth:`count`.

    :param line: an ISA line, or a :class:`Gsi`.
    :param core: the core that it interrupts; the caller's present one, where it is not given.
    :param rate: interrupts a second that are let through, at most.
    :param trigger: what raises it, where the firmware is wrong about that.
    :raises PermissionError: the caller may not use devices.
    :raises OSError: with ``EBUSY``: the kernel uses the line itself, or somebody else has it.
    """

    def __init__(
        self,
        line: int,
        core: int | None = None,
        *,
        rate: int = RATE,
        trigger: Literal["edge", "level"] | None = None,
    ) -> None:
        require_kernel("roentgen.irq.Listener()")
        number = _roentgen.current_core() if core is None else core
        flags = _flags(line) | _trigger(trigger)
        self.number = line
        """The line: an ISA line's number, or a :class:`Gsi`."""
        self._fd = _roentgen.line(int(line), number, flags, rate, int(LIMIT * 1e9))
        os.set_blocking(self._fd, False)

    def fileno(self) -> int:
        """Return the descriptor, which is readable where there were interrupts."""
        if self._fd < 0:
            raise ValueError(f"line {self.number} is closed")
        return self._fd

    def count(self) -> int:
        """Return the interrupts since the last call, and acknowledge them."""
        try:
            return int.from_bytes(os.read(self.fileno(), 8), sys.byteorder)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Give the line back."""
        number, self._fd = self._fd, -1
        if number >= 0:
            os.close(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._fd < 0 else f"descriptor {self._fd}"
        return f"<roentgen.irq.Listener {self.number!r} {state}>"


def handler(line: int, core: int | None = None, **options: Any) -> Callable[[Routine], Line]:
    """Attach the function that follows: a decorator. Options are :func:`attach`'s.

    The name stands for the :class:`Line` then, whose ``fn`` is the function.
    """

    def attached(fn: Routine) -> Line:
        return attach(line, fn, core, **options)

    return attached


def detach(line: Line) -> None:
    """Give a line back: see :meth:`Line.detach`."""
    line.detach()
