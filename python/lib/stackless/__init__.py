"""Tasklets and channels, after Stackless Python.

A tasklet is a function that can be left in its midst and come back to. Tasklets of a thread
run in turn, on stacks of their own, and meet at channels::

    import stackless

    def listen(channel):
        for word in channel:
            print(word)

    channel = stackless.channel()
    stackless.tasklet(listen)(channel)
    stackless.run()
    channel.send_sequence(["one", "two"])

The names and their manners are those of Stackless Python's documentation. What is different:

- Each thread has its own tasklets and channels: using another thread's is a `RuntimeError`.
  :func:`over` makes a channel between threads, and between processes, of a `roentgen.Channel`.
- *timeout* of :func:`run` is processor time in microseconds, not bytecodes, and works in the
  first thread only. Native code that calls Python does not keep a tasklet from being
  interrupted (``ignore_nesting``).
- Every switch is one of stacks. There is no soft switching, and tasklets are not pickled.

Functions: :func:`run`, :func:`schedule`, :func:`schedule_remove`, :func:`getcurrent`,
:func:`getmain`, :func:`getruncount`, :func:`get_thread_info`; :func:`atomic`; callbacks.
Attributes: ``current``, ``main``, ``runcount``, ``threads``.
"""

from __future__ import annotations

from typing import Any

from _stackless import (
    channel,
    get_channel_callback,
    get_schedule_callback,
    get_thread_info,
    getcurrent,
    getmain,
    getruncount,
    run,
    schedule,
    schedule_remove,
    set_channel_callback,
    set_error_handler,
    set_schedule_callback,
    stack_size,
    tasklet,
)

from . import _life
from ._life import TaskletExit, atomic
from ._missing import enable_softswitch, pickle_with_tracing_state

__all__ = [
    "TaskletExit",
    "atomic",
    "channel",
    "enable_softswitch",
    "get_channel_callback",
    "get_schedule_callback",
    "get_thread_info",
    "getcurrent",
    "getmain",
    "getruncount",
    "over",
    "pickle_with_tracing_state",
    "run",
    "schedule",
    "schedule_remove",
    "set_channel_callback",
    "set_error_handler",
    "set_schedule_callback",
    "stack_size",
    "tasklet",
]

_ATTRIBUTES = {
    "current": getcurrent,
    "main": getmain,
    "runcount": getruncount,
    "threads": _life.threads,
}


def __getattr__(name: str) -> Any:
    if name == "over":
        # Channels of the kernel are imported where they are used.
        from ._remote import over

        return over
    try:
        return _ATTRIBUTES[name]()
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *_ATTRIBUTES, "over"})
