"""Processes and templates as Roentgen's kernel has them.

The same names as in :mod:`roentgen._linux_processes`. A handle is an object that owns the
process's descriptor; a template's is the number of its descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import _roentgen

from . import _setup
from ._descriptors import is_open
from ._options import NONE, Options

__all__ = [
    "close_template",
    "default_template",
    "freeze_self",
    "join",
    "make_template",
    "prepare_system_template",
    "signal",
    "spawn",
    "spawn_self",
    "start_template",
    "stats",
    "template_from",
    "template_parts",
]

spawn = _roentgen.spawn
join = _roentgen.join
close_template = os.close


def spawn_self(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any, options: Options
) -> tuple[int, Any]:
    """Start a clone of this process."""
    return _roentgen.spawn_self(_in_clone, (function, args, kwargs or {}), None, options)


def _in_clone(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> Any:
    _setup.leave_loop()
    return function(*args, **kwargs)


def signal(handle: Any, number: int) -> None:
    """Send a signal."""
    _roentgen.pidfd_signal(handle.fileno(), number)


stats = _roentgen.process


def template_parts(template: int) -> tuple[Any, ...]:
    """Return what goes into a message for a template."""
    return (_roentgen.Descriptor(template),)


def template_from(parts: tuple[Any, ...]) -> int:
    """Return the template that arrived."""
    return int(parts[0].detach())


#: Which blocks of an interpreter's heap are to lie together (:mod:`roentgen._heap_layout`).
HEAP_LAYOUT = "/usr/lib/roentgen/heap-layout"

#: What an interpreter looks at as it starts, beside ``PYTHON...``. A machine whose first
#: process has other values than its template starts that from nothing.
_LOOKED_AT = ("HOME", "LANG")

#: Whether this interpreter is a copy of the system's template: one that was started
#: without options, before it looked at what it is to do.
is_from_system_template = False


def prepare_system_template() -> None:
    """Make the calling interpreter what every process needs."""
    global is_from_system_template
    is_from_system_template = True
    _prepare(_setup.PRELOAD)
    # A saved one is loaded where there are other files.
    sys.path_importer_cache.clear()
    _close_all_but([])


def start_template(layout: str = HEAP_LAYOUT) -> int:
    """Start an interpreter that is frozen before it looks at what it is to do.

    :param layout: the file with the layout of its heap, or what :mod:`roentgen._heap_layout`
        wants instead.
    """
    from ._process import Process

    variables = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PYTHON") or name in _LOOKED_AT
    }
    if "PYTHONHASHSEED" not in variables:
        variables["ROENTGEN_HEAP_LAYOUT"] = layout
    variables["ROENTGEN_TEMPLATE"] = "1"
    environment = [os.fsencode(f"{name}={value}") for name, value in variables.items()]
    started = _roentgen.spawn_program([os.fsencode(sys.executable)], environment, NONE)
    with Process(*started, "template") as maker:
        return int(maker.result().detach())


def default_template() -> Any:
    """Return the template that every process has from the start, if there is one."""
    return None


def make_template(preload: list[str], keep: list[int], default: int | None) -> int:
    """Make a template of a copy of the default one, where there is one, or of the system's."""
    from ._process import Process

    kept = [(number, _roentgen.Descriptor(number)) for number in keep]
    call = (_setup.Setup(_setup.current()), _freeze_copy, (preload, kept), None)
    # An object of its own: it is open until the process has begun.
    origin = _system_template() if default is None else _roentgen.Descriptor(default)
    started = _roentgen.spawn(origin.fileno(), call, NONE)
    with Process(*started, "template") as maker:
        return int(maker.result().detach())


def _system_template() -> Any:
    """Return what the machine booted with, or the like of it."""
    if is_from_system_template:
        with contextlib.suppress(OSError):
            return _roentgen.Descriptor(_roentgen.system_template(), True)
    return _roentgen.Descriptor(start_template(), True)


def _freeze_copy(preload: list[str], kept: list[tuple[int, Any]]) -> Any:
    """Import, close all descriptors but these, and freeze: in a process made for it."""
    numbers = [number for number, _ in kept]
    # Out of the way of each other first.
    beyond = max(numbers, default=0) + 1
    aside = [(fcntl.fcntl(own.fileno(), fcntl.F_DUPFD, beyond), number) for number, own in kept]
    for own, number in aside:
        os.dup2(own, number)
    if preload:
        _prepare(preload)
    _close_all_but(numbers)
    return _roentgen.Descriptor(_roentgen.freeze(numbers))


def _close_all_but(kept: list[int]) -> None:
    low = 0
    for number in [*sorted(kept), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(low, number)
        low = number + 1


def _prepare(preload: Iterable[str]) -> None:
    """Import, and do what no copy should have to do."""
    import gc
    import importlib

    from ._rehearsal import rehearse

    for name in preload:
        importlib.import_module(name)
    gc.collect()
    _roentgen.fill_holes()
    rehearse()
    # No copy looks through what all have: it would write every page of it.
    gc.freeze()


def freeze_self(keep: list[int]) -> int:
    """Freeze the calling process."""
    kept = sorted({*keep, *(number for number in range(3) if is_open(number))})
    _prepare([])
    try:
        return _roentgen.freeze(kept)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise RuntimeError(
                "a process with more than one thread cannot be frozen: a template has one"
            ) from None
        if error.errno == errno.EEXIST:
            limit = os.sysconf("SC_OPEN_MAX")
            others = [n for n in range(limit) if n not in kept and is_open(n)]
            raise ValueError(
                f"descriptors are open that are not in keep: {', '.join(map(str, others))};"
                " close them, or list them: every process of the template has them then"
            ) from None
        raise
