"""The Roentgen kernel, seen from Python.

Everything here imports on plain Linux too; what only Roentgen's kernel can tell
raises :class:`NotAvailable` there, with a sentence that says so.

Sizes are bytes. Times are seconds, as floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import _roentgen
from _roentgen import Descriptor

from ._channels import Channel, Receiver, Sender, select
from ._errors import (
    ChannelClosed,
    CpuTimeExceeded,
    DeadlineExceeded,
    MachineOutOfMemory,
    MemoryLimitExceeded,
    NotAvailable,
    NotEnforced,
    PeersGone,
    ProcessDied,
    RemoteError,
    RemoteTraceback,
)
from ._process import Process, spawn
from ._tables import Core, Thread, parse_cores, parse_threads, percentile
from ._templates import Template, template

if TYPE_CHECKING:
    from ._pool import BrokenPool, Pool
    from ._residents import Resident, core

__all__ = [
    "BrokenPool",
    "Channel",
    "ChannelClosed",
    "Core",
    "CpuTimeExceeded",
    "DeadlineExceeded",
    "Descriptor",
    "MachineOutOfMemory",
    "Memory",
    "MemoryLimitExceeded",
    "NotAvailable",
    "NotEnforced",
    "PeersGone",
    "Pool",
    "Process",
    "ProcessDied",
    "Receiver",
    "RemoteError",
    "RemoteTraceback",
    "Resident",
    "Sender",
    "Template",
    "Thread",
    "core",
    "cores",
    "counters",
    "cpu_count",
    "current_core",
    "is_roentgen",
    "memory",
    "percentile",
    "ps",
    "select",
    "spawn",
    "template",
    "uptime",
]

#: What is imported when it is asked for: a spawned process rarely needs it.
_LATE = {
    "BrokenPool": "_pool",
    "Pool": "_pool",
    "Resident": "_residents",
    "core": "_residents",
}


def __getattr__(name: str) -> Any:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


class Memory(NamedTuple):
    """The machine's memory in bytes; ``total`` is the sum of all other fields."""

    total: int
    free: int
    page_tables: int
    user: int
    kernel_heap: int
    kernel_stacks: int
    boot: int


def is_roentgen() -> bool:
    """Say whether this interpreter runs on Roentgen's own kernel."""
    return _roentgen.version() is not None


def _require(what: str) -> None:
    if not is_roentgen():
        raise NotAvailable(
            f"roentgen.{what}() needs the Roentgen kernel; this interpreter runs on Linux"
        )


def cpu_count() -> int:
    """Return the number of cores that are up."""
    return _roentgen.cpu_count()


def current_core() -> int:
    """Return the core that the calling thread runs on, counted from 0."""
    return _roentgen.current_core()


def uptime() -> float:
    """Return the seconds since the kernel started."""
    return _roentgen.uptime()


def memory() -> Memory:
    """Return how the machine's memory is used, in bytes.

    :raises NotAvailable: where the kernel is not Roentgen's.
    """
    _require("memory")
    return Memory(*_roentgen.memory())


def counters() -> dict[str, int]:
    """Return every counter of the kernel by its name.

    :raises NotAvailable: where the kernel is not Roentgen's.
    """
    _require("counters")
    pairs = (line.rsplit(" ", 1) for line in _roentgen.counters().splitlines())
    return {name: int(value) for name, value in pairs}


def cores() -> list[Core]:
    """Return what each core is doing and has done, by core number.

    The rows are read one after the other while the machine runs: sums over them may be
    off by what happened meanwhile.

    :raises NotAvailable: where the kernel is not Roentgen's.
    """
    _require("cores")
    return parse_cores(_roentgen.cores())


def ps() -> list[Thread]:
    """Return every thread of every process, by process.

    :raises NotAvailable: where the kernel is not Roentgen's.
    """
    _require("ps")
    return parse_threads(_roentgen.threads())
