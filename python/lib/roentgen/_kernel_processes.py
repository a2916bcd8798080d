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
    "signal",
    "spawn",
    "spawn_self",
    "start_fresh",
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


#: What a fresh interpreter does, the same each time: the heap's layout goes by it.
_FRESH = f"import {', '.join(_setup.PRELOAD)}; roentgen._kernel_processes.live()"

#: Which blocks of its heap are to lie together (:mod:`roentgen._heap_layout`).
HEAP_LAYOUT = "/usr/lib/roentgen/heap-layout"


def live() -> None:
    """Do what the calling process was spawned for, and end it: in a fresh interpreter."""
    _prepare()
    _roentgen.begin()
    _roentgen.live()


def freeze_fresh(preload: Iterable[str], keep: list[int]) -> Any:
    """Import, close all descriptors but these, and freeze: in a process made for it."""
    import importlib

    for name in preload:
        importlib.import_module(name)
    if preload:
        _prepare()
    limit = os.sysconf("SC_OPEN_MAX")
    low = 0
    for kept in [*sorted(keep), limit]:
        os.closerange(low, kept)
        low = kept + 1
    return _roentgen.Descriptor(_roentgen.freeze(keep))


def _prepare() -> None:
    """Do what no copy should have to do."""
    import gc

    from ._rehearsal import rehearse

    gc.collect()
    _roentgen.fill_holes()
    rehearse()
    # No copy looks through what all have: it would write every page of it.
    gc.freeze()


def default_template() -> Any:
    """Return the template that every process has from the start, if there is one."""
    return None


def make_template(preload: list[str], keep: list[int], default: int | None) -> int:
    """Make a template of a fresh process: of a copy of the default one, where there is one."""
    from ._process import Process

    call = (_setup.Setup(_setup.current()), freeze_fresh, (preload, keep), None)
    if default is not None and not keep:
        started = _roentgen.spawn(default, call, NONE)
    else:
        started = start_fresh(call, keep)
    with Process(*started, "template") as maker:
        return int(maker.result().detach())


def _heap_layout() -> dict[str, str]:
    """Return the variables that have a heap laid out, where that was learnt."""
    try:
        with open(HEAP_LAYOUT, "rb") as file:
            seed = int.from_bytes(file.read(4), "little")
    except OSError:
        return {}
    return {"PYTHONHASHSEED": str(seed), "ROENTGEN_HEAP_LAYOUT": HEAP_LAYOUT}


def start_fresh(
    call: tuple[Any, ...], keep: list[int], layout: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Start the interpreter anew, and let it do this.

    :param layout: variables for the layout of its heap; None: as it was learnt.
    """
    arguments = [os.fsencode(word) for word in (sys.executable, "-c", _FRESH)]
    # What the interpreter itself looks at; the rest comes with the call.
    wanted = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    if "PYTHONHASHSEED" not in wanted:
        wanted |= _heap_layout() if layout is None else layout
    environment = [os.fsencode(f"{name}={value}") for name, value in wanted.items()]
    return _roentgen.spawn_program(arguments, environment, keep, call, NONE)


def freeze_self(keep: list[int]) -> int:
    """Freeze the calling process."""
    kept = sorted({*keep, *(number for number in range(3) if is_open(number))})
    _prepare()
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
