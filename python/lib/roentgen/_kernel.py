"""Channels as Roentgen's kernel has them: an end is a descriptor.

The same names as in :mod:`roentgen._linux`, which does it over sockets.
"""

from __future__ import annotations

import os
from typing import Any

import _roentgen
from _roentgen import channel_close as close_channel
from _roentgen import receive, send

__all__ = [
    "PATIENCE",
    "close_channel",
    "close_end",
    "descriptors",
    "from_descriptors",
    "make_channel",
    "narrow",
    "receive",
    "receiving_fileno",
    "send",
    "sending_fileno",
]

#: Seconds after which a waiter has to look again by itself; None: it is always told.
PATIENCE: float | None = None

make_channel = _roentgen.channel


def narrow(end: int, sends: bool, receives: bool) -> int:
    """Return a further end, which may do no more than this."""
    mode = os.O_RDWR if sends and receives else os.O_WRONLY if sends else os.O_RDONLY
    return _roentgen.channel_end(end, mode)


close_end = _roentgen.close_end


def receiving_fileno(end: int) -> int:
    """Return the descriptor that is readable where a message is there, or the end."""
    return end


def sending_fileno(end: int) -> tuple[int, bool]:
    """Return the descriptor that tells of room, and whether by being writable."""
    return end, True


def descriptors(end: int) -> tuple[Any, ...]:
    """Return what goes into a message for an end."""
    return (_roentgen.Descriptor(end),)


def from_descriptors(parts: tuple[Any, ...], sends: bool, receives: bool) -> int:
    """Return the end that arrived."""
    return _roentgen.adopt_end(parts[0].detach())
