"""Channels between tasklets of different threads and processes.

A tasklet that has to wait for another process is paused, and a tasklet of this module waits
for all of them: without letting time pass while others can run, and else in the kernel.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from typing import Any, Self

import _stackless
from roentgen import Channel, ChannelClosed, PeersGone, Receiver, Sender
from roentgen._backend import channels as _channels

__all__ = ["RemoteChannel", "over"]


class _Thrown:
    """What is sent for an exception."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Thrown, (self.error,))


class _Waiting(threading.local):
    """The tasklets of a thread that wait for other processes, by descriptor and event."""

    def __init__(self) -> None:
        self.tasklets: dict[tuple[int, int], deque[_stackless.tasklet]] = {}
        self.poller: _stackless.tasklet | None = None

    def wait(self, descriptor: int, event: int) -> None:
        """Pause the current tasklet until a descriptor may be ready."""
        current = _stackless.getcurrent()
        if current.block_trap:
            raise RuntimeError("this tasklet does not like to be blocked.")
        key = descriptor, event
        queue = self.tasklets.setdefault(key, deque())
        queue.append(current)
        try:
            if self.poller is None or not self.poller.alive:
                self.poller = _stackless.tasklet(self._poll)()
            _stackless.schedule_remove(None)
        finally:
            # Whoever was woken is no longer in it; one that was thrown at is.
            if current in queue:
                queue.remove(current)
            if not queue and self.tasklets.get(key) is queue:
                del self.tasklets[key]
            if not self.tasklets and self.poller is not None:
                # It is counted among those that can run, so it goes when nobody waits.
                self.poller.kill()

    def _poll(self) -> None:
        """Wake whoever can go on, and let the others run in between."""
        while True:
            poll = select.poll()
            events: dict[int, int] = {}
            for descriptor, event in self.tasklets:
                events[descriptor] = events.get(descriptor, 0) | event
            for descriptor, event in events.items():
                poll.register(descriptor, event)
            patience = _channels.PATIENCE
            if _stackless.getruncount() > 1:
                found = poll.poll(0)
            else:
                found = poll.poll(None if patience is None else patience * 1000)
            for descriptor, event in list(self.tasklets):
                ready = dict(found).get(descriptor, 0)
                # Without events for all that happens, everybody looks now and then.
                if ready & (event | ~(select.POLLIN | select.POLLOUT)) or patience is not None:
                    for tasklet in self.tasklets.pop((descriptor, event), ()):
                        if tasklet.paused:
                            tasklet.insert()
            _stackless.schedule(None)


_waiting = _Waiting()


class RemoteChannel:
    """A channel whose other tasklets are anywhere. Made by :func:`over`.

    What is sent is copied; a message that nobody has received yet waits in the channel, so
    that who sends goes on where there is room. Only who waits is blocked: other tasklets run
    meanwhile, and a thread whose tasklets all wait for others is in no deadlock.
    """

    def __init__(self, end: Channel | Sender | Receiver) -> None:
        self._end = end
        self._waiting_here = 0
        self._closing = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (over, (self._end,))

    def __repr__(self) -> str:
        return f"<stackless.over({self._end!r})>"

    def _wait(self, descriptor: int, event: int, weight: int) -> None:
        self._waiting_here += weight
        try:
            _waiting.wait(descriptor, event)
        finally:
            self._waiting_here -= weight

    def _send(self, value: object) -> None:
        if self._closing:
            raise ValueError("Send/receive operation on a closed channel")
        if isinstance(self._end, Receiver):
            raise TypeError("this end of the channel only receives")
        while True:
            try:
                return self._end.send(value, 0)
            except TimeoutError:
                descriptor, is_writable = _channels.sending_fileno(self._end._used())
                self._wait(descriptor, select.POLLOUT if is_writable else select.POLLIN, 1)

    def _receive(self) -> Any:
        if isinstance(self._end, Sender):
            raise TypeError("this end of the channel only sends")
        while True:
            try:
                value = self._end.receive(0)
            except TimeoutError:
                self._wait(self._end.fileno(), select.POLLIN, -1)
            else:
                if isinstance(value, _Thrown):
                    raise value.error
                return value

    def send(self, value: object) -> None:
        """Send a value, waiting for room.

        :raises ValueError: the channel is closed.
        :raises roentgen.PeersGone: nobody is left that could receive it.
        """
        self._checked(self._send, value)

    def receive(self) -> Any:
        """Receive a value, waiting for one.

        :raises ValueError: none is left, and the channel is closed.
        :raises roentgen.PeersGone: none is left, and nobody that could send one.
        """
        return self._checked(self._receive)

    @staticmethod
    def _checked(function: Any, *args: Any) -> Any:
        try:
            return function(*args)
        except PeersGone:
            raise
        except ChannelClosed as error:
            raise ValueError("Send/receive operation on a closed channel") from error

    def send_exception(self, exc: type[BaseException], *args: Any) -> None:
        """Have ``exc(*args)`` raised in whoever receives."""
        self.send_throw(exc, args)

    def send_throw(self, exc: Any, val: Any = None, tb: Any = None) -> None:
        """Have an exception raised in whoever receives. Tracebacks stay here."""
        if isinstance(exc, type) and issubclass(exc, BaseException):
            if isinstance(val, exc):
                error = val
            elif isinstance(val, tuple):
                error = exc(*val)
            else:
                error = exc() if val is None else exc(val)
        elif isinstance(exc, BaseException) and val is None:
            error = exc
        else:
            raise TypeError("exceptions must derive from BaseException")
        self.send(_Thrown(error))

    def send_sequence(self, sequence: Any) -> int:
        """Send each item of an iterable; returns how many there were."""
        count = 0
        for value in sequence:
            self.send(value)
            count += 1
        return count

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self._receive()
        except PeersGone:
            raise
        except ChannelClosed:
            raise StopIteration from None

    @property
    def balance(self) -> int:
        """How many tasklets of this process wait with this object: to send, or, negative, to
        receive."""
        return self._waiting_here

    def close(self) -> None:
        """Close the channel for everybody; what is inside can still be received."""
        self._closing = True
        if isinstance(self._end, Channel):
            self._end.close()
        else:
            self._end._drop()

    @property
    def closing(self) -> bool:
        """Whether :meth:`close` was called here."""
        return self._closing


def over(end: Channel | Sender | Receiver) -> RemoteChannel:
    """Make a channel for tasklets of a `roentgen.Channel`, or of an end of one.

    Values and exceptions travel to wherever the other ends are.
    """
    return RemoteChannel(end)
