"""Ports and device registers, for drivers in Python.

Only who may use devices can: the first process of the machine, those that it
:func:`grant`\\s that, and the residents of the first process in which its interrupt
routines run (:mod:`roentgen.irq`). Others get :class:`PermissionError`.

An access is one system call, and one access of that width to the device. Values are
unsigned. What the kernel uses itself (its serial port, interrupt controllers) cannot be
had, nor can memory.
"""

from __future__ import annotations

import os
from typing import Any, Self

import _roentgen

from ._errors import require_kernel
from ._process import Process

__all__ = ["Ports", "Registers", "grant", "revoke"]


def grant(process: Process, *, inherit: bool = False) -> None:
    """Let a process use devices. Only the machine's first process can.

    :param inherit: whether the processes that it starts from then on may, too.
    :raises PermissionError: the caller is not the first process.
    """
    require_kernel("roentgen.io.grant()")
    inherited = _roentgen.GRANT_INHERIT if inherit else 0
    _roentgen.grant(process._open(), _roentgen.GRANT_DEVICES | inherited)


def revoke(process: Process) -> None:
    """Take back what :func:`grant` gave. Lines that it has attached stay its own.

    :raises PermissionError: the caller is not the first process.
    """
    require_kernel("roentgen.io.revoke()")
    _roentgen.grant(process._open(), 0)


class _Accessed:
    """What ports and registers have in common. Offsets are bytes from the first."""

    __slots__ = ("__weakref__", "_fd", "first", "length")

    def __init__(self, fd: int, first: int, length: int) -> None:
        self._fd = fd
        self.first = first
        """Where they begin."""
        self.length = length
        """How many bytes there are."""

    def fileno(self) -> int:
        """Return the descriptor: a ``pread`` or ``pwrite`` of it is an access."""
        if self._fd < 0:
            raise ValueError("they are closed")
        return self._fd

    def read8(self, offset: int) -> int:
        """Read a byte."""
        return os.pread(self._fd, 1, offset)[0]

    def read16(self, offset: int) -> int:
        """Read 16 bits."""
        return int.from_bytes(os.pread(self._fd, 2, offset), "little")

    def read32(self, offset: int) -> int:
        """Read 32 bits."""
        return int.from_bytes(os.pread(self._fd, 4, offset), "little")

    def write8(self, offset: int, value: int) -> None:
        """Write a byte."""
        os.pwrite(self._fd, value.to_bytes(1, "little"), offset)

    def write16(self, offset: int, value: int) -> None:
        """Write 16 bits."""
        os.pwrite(self._fd, value.to_bytes(2, "little"), offset)

    def write32(self, offset: int, value: int) -> None:
        """Write 32 bits."""
        os.pwrite(self._fd, value.to_bytes(4, "little"), offset)

    def close(self) -> None:
        """Let go of them."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except (AttributeError, OSError, TypeError):
            # At the end of the interpreter, or where it was not made to its end.
            pass

    def __reduce__(self) -> tuple[Any, ...]:
        descriptor = _roentgen.Descriptor(self.fileno())
        return (_arrived, (type(self), descriptor, self.first, self.length))

    def __repr__(self) -> str:
        state = "closed" if self._fd < 0 else f"{self.first:#x}+{self.length:#x}"
        return f"<roentgen.io.{type(self).__name__} {state}>"


def _arrived(cls: type[_Accessed], descriptor: Any, first: int, length: int) -> _Accessed:
    arrived = cls.__new__(cls)
    _Accessed.__init__(arrived, descriptor.detach(), first, length)
    return arrived


class Ports(_Accessed):
    """A range of I/O ports. Can be sent; access is for who may use devices.

    :param first: the first port.
    :param count: how many.
    :raises PermissionError: the caller may not use devices.
    :raises OSError: with ``EBUSY``: the kernel uses some of them itself.
    """

    __slots__ = ()

    def __init__(self, first: int, count: int) -> None:
        require_kernel("roentgen.io.Ports")
        super().__init__(_roentgen.ports(first, count), first, count)


class Registers(_Accessed):
    """Device registers in physical memory. Can be sent, as :class:`Ports` can.

    The offset of an access is a multiple of its width.

    :param physical: the physical address of the first byte.
    :param length: how many bytes, up to 1 MiB.
    :raises PermissionError: the caller may not use devices.
    :raises OSError: with ``EBUSY``: it is memory, or the kernel's own.
    """

    __slots__ = ()

    def __init__(self, physical: int, length: int) -> None:
        require_kernel("roentgen.io.Registers")
        super().__init__(_roentgen.registers(physical, length), physical, length)

    def read64(self, offset: int) -> int:
        """Read 64 bits."""
        return int.from_bytes(os.pread(self._fd, 8, offset), "little")

    def write64(self, offset: int, value: int) -> None:
        """Write 64 bits."""
        os.pwrite(self._fd, value.to_bytes(8, "little"), offset)
