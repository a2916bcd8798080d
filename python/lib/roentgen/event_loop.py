"""An asyncio event loop on one object of the kernel.

It is asyncio's own loop for sockets, waiting on a set with a clock in it: timers are exact to the
kernel's clock instead of to a millisecond, and channels, processes and interrupt lines are waited
for as sockets are (``add_reader``, ``Channel.areceive``, ``await`` of a process)::

    roentgen.event_loop.run(main())

    with asyncio.Runner(loop_factory=roentgen.event_loop.EventLoop) as runner: ...

    asyncio.set_event_loop_policy(roentgen.event_loop.EventLoopPolicy())

It works on Linux as well.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ._waiting import BROKEN, READABLE, WRITABLE, WaitSet

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

__all__ = ["EventLoop", "EventLoopPolicy", "run"]

T = TypeVar("T")


class _Keys(Mapping["FileDescriptorLike", selectors.SelectorKey]):
    """What a selector is asked for by file object."""

    def __init__(self, keys: dict[int, selectors.SelectorKey]) -> None:
        self._keys = keys

    def __getitem__(self, file: FileDescriptorLike) -> selectors.SelectorKey:
        return self._keys[file if isinstance(file, int) else file.fileno()]

    def __iter__(self) -> Any:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Selector(selectors.BaseSelector):
    """A selector over a :class:`WaitSet`."""

    def __init__(self) -> None:
        self.set = WaitSet()
        self._keys: dict[int, selectors.SelectorKey] = {}

    @staticmethod
    def _number(file: FileDescriptorLike) -> int:
        number = file if isinstance(file, int) else int(file.fileno())
        if number < 0:
            raise ValueError(f"{file!r} has no descriptor")
        return number

    @staticmethod
    def _wanted(events: int) -> int:
        if not events or events & ~(selectors.EVENT_READ | selectors.EVENT_WRITE):
            raise ValueError(f"{events!r} is no set of events")
        wanted = READABLE if events & selectors.EVENT_READ else 0
        return wanted | (WRITABLE if events & selectors.EVENT_WRITE else 0)

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        number = self._number(fileobj)
        if number in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self.set.watch(number, self._wanted(events))
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[number] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        number = self._find(fileobj)
        key = self._keys.pop(number)
        self.set.watch(number, 0)
        return key

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        number = self._find(fileobj)
        self.set.watch(number, self._wanted(events))
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[number] = key
        return key

    def _find(self, file: FileDescriptorLike) -> int:
        """The number of a file that is registered, though it may be closed by now."""
        try:
            number = self._number(file)
        except ValueError:
            for number, key in self._keys.items():
                if key.fileobj is file:
                    return number
            raise
        if number not in self._keys:
            raise KeyError(f"{file!r} is not registered")
        return number

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = []
        for number, events in self.set.wait(timeout):
            key = self._keys.get(number)
            if key is None:
                continue
            found = selectors.EVENT_READ if events & (READABLE | BROKEN) else 0
            if events & (WRITABLE | BROKEN):
                found |= selectors.EVENT_WRITE
            if found & key.events:
                ready.append((key, found & key.events))
        return ready

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        return _Keys(self._keys)

    def close(self) -> None:
        self.set.close()
        self._keys.clear()


class EventLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        selector = Selector()
        super().__init__(selector)
        self._set = selector.set
        # asyncio's own is as coarse as epoll's timeouts are.
        self._clock_resolution = 1e-9

    @property
    def waits(self) -> int:
        """How often it has asked the kernel what is ready."""
        return self._set.waits


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):  # type: ignore[name-defined, misc]
    """asyncio's policy, with these loops."""

    _loop_factory = EventLoop


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Do as :func:`asyncio.run` does, in a loop of these."""
    return asyncio.run(main, debug=debug, loop_factory=EventLoop)
