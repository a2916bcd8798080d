"""Waiting for descriptors in an event loop, by several tasks at once."""

from __future__ import annotations

import asyncio
import weakref

#: For each loop: who waits for which descriptor to become readable or writable.
_waiters: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[tuple[int, bool], list[asyncio.Future[None]]]
] = weakref.WeakKeyDictionary()


def _wake(loop: asyncio.AbstractEventLoop, key: tuple[int, bool]) -> None:
    """Let all look that wait: the descriptor says nothing about for whom it is ready."""
    waiting = _waiters[loop].pop(key, [])
    _forget(loop, key)
    for future in waiting:
        if not future.done():
            future.set_result(None)


def _forget(loop: asyncio.AbstractEventLoop, key: tuple[int, bool]) -> None:
    descriptor, is_writable = key
    if is_writable:
        loop.remove_writer(descriptor)
    else:
        loop.remove_reader(descriptor)


async def ready(descriptor: int, is_writable: bool, patience: float | None = None) -> None:
    """Wait until a descriptor is ready, or for so many seconds."""
    loop = asyncio.get_running_loop()
    waiting = _waiters.setdefault(loop, {})
    key = (descriptor, is_writable)
    future: asyncio.Future[None] = loop.create_future()
    if key not in waiting:
        waiting[key] = []
        add = loop.add_writer if is_writable else loop.add_reader
        add(descriptor, _wake, loop, key)
    mine = waiting[key]
    mine.append(future)
    try:
        if patience is None:
            await future
        else:
            await asyncio.wait([future], timeout=patience)
    finally:
        if future in mine:
            mine.remove(future)
        if not mine and waiting.get(key) is mine:
            del waiting[key]
            _forget(loop, key)
