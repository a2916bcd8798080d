"""Processes and templates as Roentgen's kernel has them.

The same names as in :mod:`roentgen._linux_processes`. A handle is an object that owns the
process's descriptor; a template's is the number of its descriptor.
"""

from __future__ import annotations

import errno
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
    "freeze_fresh",
    "freeze_self",
    "join",
    "make_template",
    "prepare_system_template",
    "signal",
    "spawn",
    "spawn_self",
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


#: Whether this interpreter is a copy of the system's template: one that was started
#: without options, before it looked at what it is to do.
is_from_system_template = False


def prepare_system_template() -> None:
    """Make the calling interpreter what every process needs."""
    global is_from_system_template
    is_from_system_template = True
    _prepare(_setup.PRELOAD, [])


def freeze_fresh(preload: Iterable[str], keep: list[int]) -> Any:
    """Import, close all descriptors but these, and freeze: in a process made for it."""
    _prepare(preload, keep)
    return _roentgen.Descriptor(_roentgen.freeze(keep))


def _prepare(preload: Iterable[str], keep: list[int]) -> None:
    import importlib

    for name in preload:
        importlib.import_module(name)
    _keep_garbage_collector_off()
    limit = os.sysconf("SC_OPEN_MAX")
    low = 0
    for kept in [*sorted(keep), limit]:
        os.closerange(low, kept)
        low = kept + 1


def _keep_garbage_collector_off() -> None:
    """Let no copy look through what all have: it would copy every page of it."""
    import gc

    gc.collect()
    gc.freeze()


def default_template() -> Any:
    """Return the template that every process has from the start, if there is one."""
    return None


def make_template(preload: list[str], keep: list[int], default: int | None) -> int:
    """Make a template of a fresh process: of a copy of the default one, where there is one,
    or of the system's."""
    from ._process import Process

    call = (_setup.Setup(_setup.current()), freeze_fresh, (preload, keep), None)
    system = _system_template() if default is None else None
    origin = default if system is None else system.fileno()
    if origin is not None and not keep:
        started = _roentgen.spawn(origin, call, NONE)
    else:
        started = _start_fresh(call, keep)
    with Process(*started, "template") as maker:
        return int(maker.result().detach())


def _system_template() -> Any:
    if not is_from_system_template:
        return None
    try:
        return _roentgen.Descriptor(_roentgen.system_template(), True)
    except OSError:
        return None


def _start_fresh(call: tuple[Any, ...], keep: list[int]) -> tuple[int, Any]:
    """Start the interpreter anew, and let it do this."""
    program = [sys.executable, "-c", "import _roentgen; _roentgen.live()"]
    arguments = [os.fsencode(word) for word in program]
    environment = [
        os.fsencode(name) + b"=" + os.fsencode(value) for name, value in os.environ.items()
    ]
    return _roentgen.spawn_program(arguments, environment, keep, call, NONE)


def freeze_self(keep: list[int]) -> int:
    """Freeze the calling process."""
    kept = sorted({*keep, *(number for number in range(3) if is_open(number))})
    _keep_garbage_collector_off()
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
