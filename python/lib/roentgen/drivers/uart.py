"""Serial ports, 16550s: received and sent by interrupts.

The first one is the kernel's. Source: National Semiconductor's PC16550D data sheet.
"""

from __future__ import annotations

import time
from typing import Any, Self

from .. import irq
from .._channels import Channel, Receiver, Sender
from .._errors import ChannelClosed
from ..io import Ports

__all__ = ["SECOND", "SerialPort"]

#: The PC's second serial port: its first I/O port, and its ISA line.
SECOND = (0x2F8, 3)

_DATA, _ENABLE, _IDENTIFICATION, _LINE_CONTROL = 0, 1, 2, 3
_MODEM_CONTROL, _LINE_STATUS, _MODEM_STATUS, _SCRATCH = 4, 5, 6, 7
_FIFO_CONTROL = 2

_RECEIVED, _EMPTY = 0x01, 0x02  # of the interrupts
_DIVISOR_ACCESS, _EIGHT_N_ONE = 0x80, 0x03
_FIFO_ON = 0x87  # cleared, interrupt at 8 bytes
_MODEM_ON = 0x0B  # DTR, RTS, and OUT2, which lets interrupts through
_HAS_DATA, _HAS_ROOM, _IDLE = 0x01, 0x20, 0x40
_NOTHING_PENDING = 0x01

#: Bytes that the transmitter takes when it is empty.
_FIFO = 16
#: Bytes that are kept for a reader who does not come; more are dropped.
_MOST_KEPT = 1 << 16
#: Turns of a run: the rest makes an interrupt of its own.
_TURNS = 64
#: Messages on their way, each way.
_MESSAGES = 64
#: The clock of a PC's serial ports, in baud.
_FASTEST = 115_200


class _Served:
    """The port as its routine has it, in the resident."""

    def __init__(self, ports: Ports, outgoing: Receiver, incoming: Sender) -> None:
        self._ports = ports
        self._outgoing = outgoing
        self._incoming = incoming
        self._unsent = b""
        self._unread = bytearray()

    def __call__(self, count: int) -> None:
        """Serve the port until it has nothing more to say."""
        ports = self._ports
        for _ in range(_TURNS):
            ports.read8(_MODEM_STATUS)
            self._receive()
            self._send()
            if ports.read8(_IDENTIFICATION) & _NOTHING_PENDING:
                return
        # Taken down and up again, so that the rest makes an edge.
        enabled = ports.read8(_ENABLE)
        ports.write8(_ENABLE, 0)
        ports.write8(_ENABLE, enabled)

    def _receive(self) -> None:
        ports, unread = self._ports, self._unread
        while ports.read8(_LINE_STATUS) & _HAS_DATA:
            byte = ports.read8(_DATA)
            if len(unread) < _MOST_KEPT:
                unread.append(byte)
        if unread:
            try:
                self._incoming.send(bytes(unread), 0)
            except (TimeoutError, ChannelClosed):
                # They go with the next ones.
                return
            unread.clear()

    def _send(self) -> None:
        ports = self._ports
        if not ports.read8(_LINE_STATUS) & _HAS_ROOM:
            return
        if not self._unsent and not self._next():
            ports.write8(_ENABLE, _RECEIVED)
            # Whoever writes puts it into the channel first and then asks for an
            # interrupt; that may have been just now.
            if not self._next():
                return
            ports.write8(_ENABLE, _RECEIVED | _EMPTY)
        for byte in self._unsent[:_FIFO]:
            ports.write8(_DATA, byte)
        self._unsent = self._unsent[_FIFO:]

    def _next(self) -> bool:
        try:
            self._unsent = self._outgoing.receive(0)
        except (TimeoutError, ChannelClosed):
            return False
        return True


class SerialPort:
    """A serial port: eight bits, no parity, one stop bit.

    :param first: its first I/O port.
    :param line: its ISA line.
    :param core: whose resident serves it.
    :param baud: bits a second: 115200, or what divides that.
    :raises OSError: there is no 16550, or the kernel or somebody else has it.
    :raises PermissionError: the caller may not use devices.

    Options are those of :func:`roentgen.irq.attach`.
    """

    def __init__(
        self,
        first: int = SECOND[0],
        line: int = SECOND[1],
        core: int | None = None,
        *,
        baud: int = _FASTEST,
        **options: Any,
    ) -> None:
        if not 0 < baud <= _FASTEST or _FASTEST % baud:
            raise ValueError(f"{baud} baud does not divide {_FASTEST}")
        self._ports = Ports(first, 8)
        self._set_up(_FASTEST // baud)
        outgoing, incoming = Channel(_MESSAGES), Channel(_MESSAGES)
        self._outgoing, self._incoming = outgoing.sender, incoming.receiver
        theirs = outgoing.receiver, incoming.sender
        outgoing._drop()
        incoming._drop()
        try:
            self.line = irq.attach(line, _Served(self._ports, *theirs), core, **options)
            """The line and its counts."""
        finally:
            for end in theirs:
                end.close()
        self._ports.write8(_ENABLE, _RECEIVED)
        self._unread = b""

    def _set_up(self, divisor: int) -> None:
        ports = self._ports
        for pattern in (0x5A, 0xA5):
            ports.write8(_SCRATCH, pattern)
            if ports.read8(_SCRATCH) != pattern:
                raise OSError(f"there is no 16550 at {ports.first:#x}")
        ports.write8(_ENABLE, 0)
        ports.write8(_LINE_CONTROL, _DIVISOR_ACCESS | _EIGHT_N_ONE)
        ports.write8(_DATA, divisor & 0xFF)
        ports.write8(_ENABLE, divisor >> 8)
        ports.write8(_LINE_CONTROL, _EIGHT_N_ONE)
        ports.write8(_FIFO_CONTROL, _FIFO_ON)
        ports.write8(_MODEM_CONTROL, _MODEM_ON)
        for register in (_LINE_STATUS, _IDENTIFICATION, _MODEM_STATUS):
            ports.read8(register)

    def read(self, timeout: float | None = None) -> bytes:
        """Return what was received, waiting for something.

        :raises TimeoutError: nothing came within that many seconds.
        :raises roentgen.irq.RoutineFailed: nobody serves the port any more.
        """
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        try:
            received: bytes = self._incoming.receive(timeout)
        except ChannelClosed:
            self.line.wait(1)
            raise
        return received

    def read_line(self, timeout: float | None = None) -> bytes:
        """Return a line with its newline; ``timeout`` is for each piece of it."""
        data = self.read(timeout)
        while b"\n" not in data:
            data += self.read(timeout)
        line, end, self._unread = data.partition(b"\n")
        return line + end

    def write(self, data: bytes, timeout: float | None = None) -> None:
        """Send bytes: they are on their way when it returns.

        :raises TimeoutError: there was no room for them within that many seconds.
        :raises roentgen.irq.RoutineFailed: nobody serves the port any more.
        """
        if not data:
            return
        try:
            self._outgoing.send(bytes(data), timeout)
        except ChannelClosed:
            self.line.wait(1)
            raise
        self._ports.write8(_ENABLE, _RECEIVED | _EMPTY)

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all that was written has left.

        :raises TimeoutError: it has not within that many seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        # The routine asks for no more interrupts when it has nothing more to send.
        while self._ports.read8(_ENABLE) & _EMPTY or not self._ports.read8(_LINE_STATUS) & _IDLE:
            self.line.check()
            if end is not None and time.monotonic() >= end:
                raise TimeoutError("what was written has not left")
            time.sleep(0.005)

    def close(self) -> None:
        """Give it back. What is on its way may be lost."""
        if self._ports._fd >= 0:
            self._ports.write8(_ENABLE, 0)
        self.line.detach()
        self._outgoing.close()
        self._incoming.close()
        self._ports.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
