"""What a process has from its maker beside what it is given: where it imports from, its
arguments, its environment. A template has its own; only what differs is sent."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

__all__ = ["PRELOAD", "Base", "Setup", "apply", "current", "differences", "leave_loop"]


#: What every process needs that the package spawns.
PRELOAD = ("roentgen", "roentgen._functions", "roentgen._jobs", "roentgen._workers")


class Base(NamedTuple):
    """What a template has."""

    path: list[str]
    arguments: list[str]
    environment: dict[Any, Any]


class Setup:
    """What differs. It is taken on where a message has it, so it goes first: what follows
    may have to be imported from where it says."""

    __slots__ = ("_base",)

    def __init__(self, base: Base) -> None:
        self._base = base

    def __reduce__(self) -> tuple[Any, ...]:
        return (apply, tuple(self._base))


def _environment() -> dict[Any, Any]:
    # The dictionary behind os.environ, in the system's own encoding.
    return os.environ._data  # type: ignore[attr-defined, no-any-return]


def current() -> Base:
    """Return what the calling process has."""
    return Base(list(sys.path), list(sys.argv), dict(_environment()))


def differences(base: Base | None) -> Setup | None:
    """Return what a process needs that has the base already; None: nothing."""
    # As `_environment` has it: this runs at every spawn.
    if (sys.path, sys.argv, os.environ._data) == base or base is None:  # type: ignore[attr-defined]
        return None
    return Setup(current())


def apply(path: list[str], arguments: list[str], environment: dict[Any, Any]) -> None:
    """Take on another process's."""
    sys.path[:] = path
    sys.argv[:] = arguments
    known = _environment()
    for name in [name for name in known if name not in environment]:
        del os.environ[os.fsdecode(name)]
    for name, value in environment.items():
        if known.get(name) != value:
            os.environ[os.fsdecode(name)] = os.fsdecode(value)


def leave_loop() -> None:
    """Forget an event loop that runs in the parent."""
    events = sys.modules.get("asyncio.events")
    if events is not None:
        events._set_running_loop(None)
