"""What :func:`roentgen.spawn` is told about a process, as both kernels are told it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["NONE", "Options", "make"]


class Options(NamedTuple):
    """In the order in which the native calls take them."""

    affinity: bytes | None = None
    """A mask of cores, core 0 the lowest bit of the first byte."""
    nice: int = 0
    memory: int | None = None
    """Bytes."""
    cpu_time: float | None = None
    """Seconds, as is the deadline."""
    deadline: float | None = None
    name: str | None = None


#: Nothing special.
NONE = Options()

#: What a named tuple's own constructor does, without its frame: this runs at every spawn that
#: is told anything.
_new = tuple.__new__

#: The masks of single cores, as they were asked for.
_core_masks: dict[int, bytes] = {}


def make(
    core: int | None,
    affinity: Iterable[int] | None,
    nice: int,
    memory: int | None,
    cpu_time: float | None,
    deadline: float | None,
    name: str | None,
) -> Options:
    """Check what was asked for."""
    mask = None
    if core is not None:
        if affinity is not None:
            raise ValueError("core and affinity say the same thing: give one of them")
        mask = _core_masks.get(core)
        if mask is None or type(core) is not int:
            mask = _core_masks[core] = _mask([core])
    elif affinity is not None:
        mask = _mask(affinity)
    if nice != 0 and not -20 <= nice <= 19:
        raise ValueError("a nice value is -20 to 19")
    if memory is not None and memory <= 0:
        raise ValueError("a memory limit is a number of bytes, more than 0")
    if cpu_time is not None and not cpu_time > 0:
        raise ValueError("a CPU time is a number of seconds, more than 0")
    if deadline is not None and not deadline > 0:
        raise ValueError("a deadline is a number of seconds, more than 0")
    return _new(Options, (mask, nice, memory, cpu_time, deadline, name))


def _mask(cores: Iterable[int]) -> bytes:
    mask = 0
    for core in cores:
        if not 0 <= core < 1 << 16:
            raise ValueError(f"there is no core {core}")
        mask |= 1 << core
    if not mask:
        raise ValueError("a process needs a core to run on")
    # Whole words, as the kernels have them.
    return mask.to_bytes((mask.bit_length() + 63) // 64 * 8, "little")


def cores_of(mask: bytes) -> set[int]:
    """Return the cores of a mask."""
    number = int.from_bytes(mask, "little")
    return {core for core in range(number.bit_length()) if number >> core & 1}
