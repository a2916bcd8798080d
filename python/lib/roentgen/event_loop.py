"""An event loop of asyncio that waits on one kernel object.

::

    asyncio.run(main(), loop_factory=roentgen.event_loop.EventLoop)

or, for a program that is not to be changed, ``roentgen.event_loop.install()``.

Sockets, pipes, timers, child processes, channels and interrupt lines are waited for together,
by one call for each turn of the loop (:mod:`roentgen._waiting`). ``await channel.areceive()``
and ``await process`` work with every loop of asyncio; this one can also call back.
"""

from __future__ import annotations

import asyncio
import selectors
import warnings
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from . import _waiting
from ._backend import channels as _backend
from ._errors import ChannelClosed
from ._waiting import WaitSet

if TYPE_CHECKING:
    from ._channels import Channel, Receiver
    from .irq import Listener

__all__ = ["EventLoop", "EventLoopPolicy", "install", "run"]

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
#: Messages that are taken from a channel before others have their turn.
_AT_ONCE = 64


def _number(fileobj: Any) -> int:
    number = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
    if number < 0:
        raise ValueError(f"invalid file descriptor {number}")
    return number


class _Selector(selectors.BaseSelector):
    """A wait set in the manner of module :mod:`selectors`."""

    def __init__(self, wait_set: WaitSet) -> None:
        self.wait_set = wait_set
        self._keys: dict[int, selectors.SelectorKey] = {}

    def _watch(self, number: int, events: int) -> None:
        wanted = _waiting.READABLE if events & _READ else 0
        self.wait_set.watch(number, wanted | (_waiting.WRITABLE if events & _WRITE else 0))

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if not events or events & ~(_READ | _WRITE):
            raise ValueError(f"invalid events: {events!r}")
        number = _number(fileobj)
        if number in self._keys:
            raise KeyError(f"{fileobj!r} (descriptor {number}) is already registered")
        self._watch(number, events)
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[number] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        number = self._find(fileobj)
        key = self._keys.pop(number)
        self.wait_set.watch(number, 0)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = self._find(fileobj)
        if events != self._keys[number].events:
            self._watch(number, events)
        key = self._keys[number]._replace(events=events, data=data)
        self._keys[number] = key
        return key

    def _find(self, fileobj: Any) -> int:
        """Return the number of what is registered, which may be closed by now."""
        try:
            number = _number(fileobj)
        except ValueError:
            for number, key in self._keys.items():
                if key.fileobj is fileobj:
                    return number
            raise
        if number not in self._keys:
            raise KeyError(f"{fileobj!r} is not registered")
        return number

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = []
        for number, news in self.wait_set.wait(timeout):
            key = self._keys.get(number)
            if key is not None:
                events = _WRITE if news & ~_waiting.READABLE else 0
                events |= _READ if news & ~_waiting.WRITABLE else 0
                found.append((key, events & key.events))
        return found

    def close(self) -> None:
        self.wait_set.close()
        self._keys.clear()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys[self._find(fileobj)]


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop for Unix, over a wait set."""

    def __init__(self) -> None:
        self._wait_set = WaitSet()
        self._looks: dict[int, asyncio.TimerHandle] = {}
        super().__init__(_Selector(self._wait_set))

    @property
    def waits(self) -> int:
        """Times that the kernel was asked to wait."""
        return self._wait_set.waits

    def add_channel(
        self,
        channel: Channel | Receiver,
        received: Callable[[Any], object],
        ended: Callable[[ChannelClosed], object] | None = None,
    ) -> None:
        """Call ``received`` with each value that arrives, until the channel's end.

        :param ended: is called once, with why there will be no more.
        """
        number = channel.fileno()
        self.add_reader(number, self._look, number, channel, received, ended)
        self._look_again(number, channel, received, ended)

    def remove_channel(self, channel: Channel | Receiver) -> bool:
        """Let a channel be. Returns whether it was added."""
        return self._forget(channel.fileno())

    def _forget(self, number: int) -> bool:
        look = self._looks.pop(number, None)
        if look is not None:
            look.cancel()
        return self.remove_reader(number)

    def _look_again(self, number: int, *what: Any) -> None:
        """Look by ourselves, where the kernel does not tell of all ends of a channel."""
        if _backend.PATIENCE is not None:
            self._looks[number] = self.call_later(
                _backend.PATIENCE, self._look, number, *what, True
            )

    def _look(
        self,
        number: int,
        channel: Channel | Receiver,
        received: Callable[[Any], object],
        ended: Callable[[ChannelClosed], object] | None,
        is_again: bool = False,
    ) -> None:
        if is_again:
            self._look_again(number, channel, received, ended)
        for _ in range(_AT_ONCE):
            try:
                value = channel.receive(0)
            except TimeoutError:
                return
            except ChannelClosed as error:
                self._forget(number)
                if ended is not None:
                    ended(error)
                return
            received(value)
            if channel.closed or number not in self._watched():
                return

    def _watched(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._selector.get_map()  # type: ignore[attr-defined, no-any-return]

    def add_line(self, line: Listener, fn: Callable[[int], object]) -> None:
        """Call a function with the count of a line's interrupts since the last time."""
        self.add_reader(line.fileno(), lambda: fn(line.count()))

    def remove_line(self, line: Listener) -> bool:
        """Let a line be. Returns whether it was added."""
        return self.remove_reader(line.fileno())


with warnings.catch_warnings():
    # Policies go away with Python 3.16; programs that have nothing else use them.
    warnings.simplefilter("ignore", DeprecationWarning)
    _Policy: Any = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_Policy):  # type: ignore[misc]
    """asyncio's policy, with this loop."""

    _loop_factory = EventLoop


def install() -> None:
    """Have asyncio use this loop wherever a program does not name another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(EventLoopPolicy())


def run(main: Coroutine[Any, Any, Any], *, debug: bool | None = None) -> Any:
    """Run a coroutine as :func:`asyncio.run` does, in this loop."""
    return asyncio.run(main, debug=debug, loop_factory=EventLoop)
