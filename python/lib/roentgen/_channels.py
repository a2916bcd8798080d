"""Channels: values from process to process, and from thread to thread."""

from __future__ import annotations

import select as _select
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self

from ._backend import channels as _channels
from ._errors import ChannelClosed, PeersGone

__all__ = ["Channel", "Receiver", "Sender", "select"]

_send = _channels.send
_receive = _channels.receive

#: Messages that a channel holds where nothing else is asked for.
_CAPACITY = 16


class _End:
    """What all ends have in common."""

    __slots__ = ("__weakref__", "_end")

    _sends = False
    _receives = False

    _end: Any

    @classmethod
    def _of(cls, end: Any) -> Self:
        self = cls.__new__(cls)
        self._end = end
        return self

    @property
    def closed(self) -> bool:
        """Whether this end was dropped."""
        return self._end is None

    def _drop(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            _channels.close_end(end)

    def close(self) -> None:
        """Drop this end. The others do not notice, unless it was the last of its kind."""
        self._drop()

    def _used(self) -> Any:
        if self._end is None:
            raise ValueError("this end of the channel is closed")
        return self._end

    def __del__(self) -> None:
        try:
            self._drop()
        except (AttributeError, OSError, TypeError):
            # At the end of the interpreter, when modules are empty already, or where it
            # was not made to its end.
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_arrived, (type(self), _channels.descriptors(self._used())))

    def __repr__(self) -> str:
        state = "closed" if self._end is None else f"descriptor {self._fileno()}"
        return f"<roentgen.{type(self).__name__} {state}>"

    def _fileno(self) -> int:
        end = self._used()
        if self._receives:
            return _channels.receiving_fileno(end)
        return _channels.sending_fileno(end)[0]


def _arrived(cls: type[_End], parts: tuple[Any, ...]) -> _End:
    return cls._of(_channels.from_descriptors(parts, cls._sends, cls._receives))


class _Sends(_End):
    """What an end that may send can do."""

    __slots__ = ()
    _sends = True

    def send(self, value: object, timeout: float | None = None) -> None:
        """Send a value, waiting for room.

        A value can be nearly anything: see the documentation of the package. Large bytes
        are not copied on Roentgen, but shared by page until either side writes.

        :param timeout: seconds to wait at most; 0: not at all.
        :raises TimeoutError: there was no room within that time.
        :raises ChannelClosed: somebody closed the channel.
        :raises PeersGone: all others that could have received it are gone.
        :raises TypeError: the value cannot be sent; the text says which part of it.
        """
        _send(self._used(), value, timeout)

    async def asend(self, value: object) -> None:
        """Send a value, without blocking the event loop; see :meth:`send`."""
        from . import _asynchronous

        descriptor, is_writable = _channels.sending_fileno(self._used())
        while True:
            try:
                return self.send(value, 0)
            except TimeoutError:
                await _asynchronous.ready(descriptor, is_writable, _channels.PATIENCE)


class _Receives(_End):
    """What an end that may receive can do."""

    __slots__ = ()
    _receives = True

    def receive(self, timeout: float | None = None) -> Any:
        """Receive the next value, waiting for one.

        :param timeout: seconds to wait at most; 0: not at all.
        :raises TimeoutError: there was none within that time.
        :raises ChannelClosed: none is inside, and somebody closed the channel.
        :raises PeersGone: none is inside, and all others that could have sent are gone.
        """
        return _receive(self._used(), timeout)

    async def areceive(self) -> Any:
        """Receive the next value, without blocking the event loop; see :meth:`receive`."""
        from . import _asynchronous

        descriptor = _channels.receiving_fileno(self._used())
        while True:
            try:
                return self.receive(0)
            except TimeoutError:
                await _asynchronous.ready(descriptor, False, _channels.PATIENCE)

    def fileno(self) -> int:
        """Return the descriptor that is readable where :meth:`receive` does not wait."""
        return _channels.receiving_fileno(self._used())

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the values up to the close of the channel.

        :raises PeersGone: the others went away without closing it.
        """
        while True:
            try:
                value = self.receive()
            except PeersGone:
                raise
            except ChannelClosed:
                return
            yield value

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            try:
                value = await self.areceive()
            except PeersGone:
                raise
            except ChannelClosed:
                return
            yield value


class Sender(_Sends):
    """An end of a channel that sends. Closing it drops this end alone."""

    __slots__ = ()

    def fileno(self) -> int:
        """Return the descriptor that tells of room: by being writable, on Roentgen."""
        return _channels.sending_fileno(self._used())[0]


class Receiver(_Receives):
    """An end of a channel that receives. Closing it drops this end alone."""

    __slots__ = ()


class Channel(_Sends, _Receives):
    """A queue of messages between processes, and an end of it that sends and receives.

    Pass it, or its :attr:`sender` or :attr:`receiver`, to :func:`spawn` or through another
    channel: each process then has an end of its own. Several threads may use one end.

    :param capacity: messages that it holds before senders wait, 1 to 65536.
    """

    __slots__ = ()

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._end = _channels.make_channel(capacity)

    @property
    def sender(self) -> Sender:
        """A new end that can only send."""
        return Sender._of(_channels.narrow(self._used(), True, False))

    @property
    def receiver(self) -> Receiver:
        """A new end that can only receive."""
        return Receiver._of(_channels.narrow(self._used(), False, True))

    def close(self) -> None:
        """Close the channel for everybody: nothing is sent any more.

        What is inside can still be received, also through this end.
        """
        _channels.close_channel(self._used())

    def __exit__(self, *exception: object) -> None:
        if self._end is not None:
            self.close()
            self._drop()


def select(*ends: Channel | Receiver, timeout: float | None = None) -> tuple[Any, Any]:
    """Receive from whichever of these has a value first.

    :returns: the end, and the value.
    :raises TimeoutError: none had within that time.
    :raises ChannelClosed: one of them will never have any more; as an attribute, the
        exception has its ``channel``.
    """
    if not ends:
        raise ValueError("select() needs a channel to wait for")
    if timeout is not None and not timeout >= 0:
        raise ValueError("a timeout is a number of seconds, 0 or more")
    end_time = None if timeout is None else time.monotonic() + timeout
    poll = _select.poll()
    by_descriptor: dict[int, Channel | Receiver] = {}
    for end in ends:
        descriptor = end.fileno()
        by_descriptor[descriptor] = end
        poll.register(descriptor, _select.POLLIN)
    candidates = list(ends)
    while True:
        for end in candidates:
            try:
                return end, end.receive(0)
            except TimeoutError:
                continue
            except ChannelClosed as error:
                error.channel = end  # type: ignore[attr-defined]
                raise
        wait = _channels.PATIENCE
        if end_time is not None:
            left = end_time - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no channel had a message within {timeout} s")
            wait = left if wait is None else min(wait, left)
        found = poll.poll(None if wait is None else wait * 1000)
        if wait is not None and not found:
            # Whoever has to look by itself looks at all of them.
            candidates = list(ends)
        else:
            candidates = [by_descriptor[descriptor] for descriptor, _ in found]
