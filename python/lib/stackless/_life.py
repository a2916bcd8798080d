"""The ends of tasklets, and blocks in which they are not interrupted."""

from __future__ import annotations

import _thread
import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import _stackless


class TaskletExit(SystemExit):
    """Raised in a tasklet to end it silently."""


class _End:
    """Ends a thread's tasklets when it goes."""

    __slots__ = ()

    def __del__(self) -> None:
        _stackless._close()


_ends = _thread._local()


def _call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call what has no frame of its own: some builtins look at their caller's."""
    return function(*args, **kwargs)


def _begun(thread: int) -> None:
    """Have the tasklets of the calling thread end before it does."""
    if thread == _thread._get_main_thread_ident():  # type: ignore[attr-defined]
        atexit.register(_stackless._close)
    else:
        _ends.end = _End()


def threads() -> list[int]:
    """Return the ids of the threads that have tasklets."""
    return _stackless._threads()


@contextmanager
def atomic() -> Iterator[None]:
    """Have the current tasklet not be interrupted within a block."""
    current = _stackless.getcurrent()
    old = current.set_atomic(True)
    try:
        yield
    finally:
        current.set_atomic(old)


_stackless._give(TaskletExit, _call, _begun)
