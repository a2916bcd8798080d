"""A reactor for Twisted that waits on one kernel object.

::

    from roentgen import twisted_reactor

    twisted_reactor.install()

    from twisted.internet import reactor

as with every reactor, before anything imports ``twisted.internet.reactor``. Twisted itself is
a package of its own: ``run.sh --with twisted``.

Transports, timers, threads and child processes are Twisted's own, over
:class:`twisted.internet.posixbase.PosixReactorBase`. What is different is what it waits on:
one call for each turn, for descriptors, the next timer, the ends of child processes (by
their descriptors: no signal handler, so that ``run(installSignalHandlers=False)``, or a
reactor beside others, sees them too), and, beyond Twisted's interfaces, channels and
interrupt lines (:mod:`roentgen._waiting`).
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet import error, main, posixbase
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from . import _waiting
from ._backend import channels as _backend
from ._errors import ChannelClosed
from ._waiting import WaitSet

if TYPE_CHECKING:
    from ._channels import Channel, Receiver
    from .irq import Listener

__all__ = ["RoentgenReactor", "install"]

#: Messages that are taken from a channel before others have their turn.
_AT_ONCE = 64
#: Seconds after which a child is looked for that there is no descriptor for.
_LOOK = 0.05


@implementer(IReadDescriptor)
class _Watched:
    """What the reactor reads by itself: a descriptor, and a function to call."""

    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._number = number

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._number

    def logPrefix(self) -> str:
        """Return what the log says of it."""
        return self._name

    def doRead(self) -> BaseException | None:
        """Serve it: it is ready."""
        raise NotImplementedError

    def connectionLost(self, reason: Failure | None) -> None:
        """Hear that it is not watched any more."""


class _Child(_Watched):
    """The end of a child process."""

    def __init__(self, reactor: RoentgenReactor, child: Any, number: int) -> None:
        super().__init__(f"process {child.pid}", number)
        self._reactor = reactor
        self._child = child

    def doRead(self) -> None:
        """Take its status, and tell its protocol."""
        self._reactor._removeInternalReader(self)
        self.connectionLost(None)
        if self._child.pid is not None:
            self._child.reapProcess()

    def connectionLost(self, reason: Failure | None) -> None:
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)


class _Line(_Watched):
    """An interrupt line."""

    def __init__(self, line: Listener, fn: Callable[[int], object]) -> None:
        super().__init__(repr(line), line.fileno())
        self._line = line
        self._fn = fn

    def doRead(self) -> None:
        self._fn(self._line.count())


class _Receiving(_Watched):
    """A channel: who waits for one value each, and who is given all others."""

    def __init__(self, reactor: RoentgenReactor, channel: Channel | Receiver) -> None:
        super().__init__(repr(channel), channel.fileno())
        self._reactor = reactor
        self._channel = channel
        self._look: Any = None
        self.waiting: deque[Deferred[Any]] = deque()
        self.received: Callable[[Any], object] | None = None
        self.ended: Callable[[ChannelClosed], object] | None = None
        self._look_again()

    def _look_again(self) -> None:
        """Look by ourselves, where the kernel does not tell of all ends of a channel."""
        if _backend.PATIENCE is not None:
            self._look = self._reactor.callLater(_backend.PATIENCE, self._looked)

    def _looked(self) -> None:
        self._look_again()
        self.doRead()

    def stop(self) -> None:
        """Watch it no more."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        self._reactor._channels.pop(self._number, None)
        self._reactor.removeReader(self)

    def stop_if_idle(self) -> bool:
        """Leave what comes in the channel, where nobody wants it now. True: it is so."""
        is_idle = not self.waiting and self.received is None
        if is_idle:
            self.stop()
        return is_idle

    def doRead(self) -> None:
        for _ in range(_AT_ONCE):
            if self._reactor._channels.get(self._number) is not self or self.stop_if_idle():
                return
            try:
                value = self._channel.receive(0)
            except TimeoutError:
                return
            except ChannelClosed as reason:
                self._end(reason)
                return
            if self.waiting:
                self.waiting.popleft().callback(value)
            elif self.received is not None:
                self.received(value)

    def _end(self, reason: ChannelClosed) -> None:
        self.stop()
        waiting, self.waiting = self.waiting, deque()
        for deferred in waiting:
            deferred.errback(Failure(reason))
        if self.ended is not None:
            self.ended(reason)

    def connectionLost(self, reason: Failure | None) -> None:
        """Hear that the reactor stops, or that ``received`` raised."""
        self.stop()
        waiting, self.waiting = self.waiting, deque()
        for deferred in waiting:
            deferred.errback(reason or Failure(error.ConnectionLost()))


@implementer(IReactorFDSet)
class RoentgenReactor(posixbase.PosixReactorBase):  # type: ignore[misc]
    """The reactor. Its methods are Twisted's, but for those of channels and lines."""

    def __init__(self) -> None:
        self._wait_set = WaitSet()
        self._readers: dict[int, Any] = {}
        self._writers: dict[int, Any] = {}
        self._channels: dict[int, _Receiving] = {}
        super().__init__()

    @property
    def waits(self) -> int:
        """Times that the kernel was asked to wait."""
        return self._wait_set.waits

    # --- IReactorFDSet ---

    def addReader(self, reader: Any) -> None:
        """Have ``reader.doRead()`` called whenever it is readable."""
        self._add(reader, self._readers)

    def addWriter(self, writer: Any) -> None:
        """Have ``writer.doWrite()`` called whenever it is writable."""
        self._add(writer, self._writers)

    def removeReader(self, reader: Any) -> None:
        """Call ``reader.doRead()`` no more."""
        self._remove(reader, self._readers)

    def removeWriter(self, writer: Any) -> None:
        """Call ``writer.doWrite()`` no more."""
        self._remove(writer, self._writers)

    def getReaders(self) -> list[Any]:
        """Return all that are read from."""
        return list(self._readers.values())

    def getWriters(self) -> list[Any]:
        """Return all that are written to."""
        return list(self._writers.values())

    def removeAll(self) -> list[Any]:
        """Remove all but the reactor's own, and return them."""
        removed: list[Any] = self._removeAll(self.getReaders(), self.getWriters())
        return removed

    def _add(self, selectable: Any, side: dict[int, Any]) -> None:
        number = selectable.fileno()
        if number not in side:
            side[number] = selectable
            try:
                self._watch(number)
            except BaseException:
                del side[number]
                raise
        else:
            side[number] = selectable

    def _remove(self, selectable: Any, side: dict[int, Any]) -> None:
        number = selectable.fileno()
        if number == -1:
            # It was closed first; the number was its own until now.
            numbers = [known for known, other in side.items() if other is selectable]
            if not numbers:
                return
            number = numbers[0]
        if side.pop(number, None) is not None:
            self._watch(number)

    def _watch(self, number: int) -> None:
        events = _waiting.READABLE if number in self._readers else 0
        events |= _waiting.WRITABLE if number in self._writers else 0
        try:
            self._wait_set.watch(number, events)
        except PermissionError:
            self._wait_set.assume(number, events)

    # --- A turn ---

    def doIteration(self, delay: float | None) -> None:
        """Wait for news, for so many seconds at most, and serve them."""
        for number, events in self._wait_set.wait(delay):
            selectable = self._readers.get(number) or self._writers.get(number)
            if selectable is not None:
                log.callWithLogger(selectable, self._serve, selectable, number, events)

    def _serve(self, selectable: Any, number: int, events: int) -> None:
        is_reading = False
        why: Any = None
        if events & _waiting.BROKEN and not events & _waiting.READABLE:
            # All that came is read. For who reads, that is the end; for others, a fault.
            is_reading = number in self._readers
            why = main.CONNECTION_DONE if is_reading else main.CONNECTION_LOST
        else:
            try:
                if selectable.fileno() == -1:
                    why = error.ConnectionFdescWentAway("the descriptor was closed")
                else:
                    if events & _waiting.READABLE and number in self._readers:
                        why = self._readers[number].doRead()
                        is_reading = True
                    if not why and events & _waiting.WRITABLE and number in self._writers:
                        why = self._writers[number].doWrite()
                        is_reading = False
            except BaseException:
                # A fault of the application's: it is logged, and costs it the connection.
                why = sys.exc_info()[1]
                log.err()
        if why:
            self._disconnectSelectable(selectable, why, is_reading)

    # --- IReactorProcess ---

    def _signalsFactory(self) -> Any:
        """Return what handles signals: of those, a child's end is none here."""
        return ReactorBase._signalsFactory(self)

    def spawnProcess(self, *arguments: Any, **options: Any) -> Any:
        """Start a process, as Twisted does, and wait for its end by its descriptor."""
        child = super().spawnProcess(*arguments, **options)
        if child.pid is not None:
            try:
                number = os.pidfd_open(child.pid)
            except OSError:
                # There is none left.
                self.callLater(_LOOK, self._look_for, child)
            else:
                self._addInternalReader(_Child(self, child, number))
        return child

    def _look_for(self, child: Any) -> None:
        if child.pid is not None:
            child.reapProcess()
        if child.pid is not None:
            self.callLater(_LOOK, self._look_for, child)

    # --- Channels and interrupt lines ---

    def _receiving(self, channel: Channel | Receiver) -> _Receiving:
        number = channel.fileno()
        receiving = self._channels.get(number)
        if receiving is None or receiving._channel is not channel:
            receiving = _Receiving(self, channel)
            self._channels[number] = receiving
            self.addReader(receiving)
        return receiving

    def receive(self, channel: Channel | Receiver) -> Deferred[Any]:
        """Return a Deferred of a channel's next value.

        It fails with :class:`roentgen.ChannelClosed` where there will be none. Cancelling it
        leaves the value to whoever is next.
        """
        receiving = self._receiving(channel)

        def cancelled(deferred: Deferred[Any]) -> None:
            if deferred in receiving.waiting:
                receiving.waiting.remove(deferred)
                receiving.stop_if_idle()

        deferred: Deferred[Any] = Deferred(cancelled)
        receiving.waiting.append(deferred)
        return deferred

    def addChannel(
        self,
        channel: Channel | Receiver,
        received: Callable[[Any], object],
        ended: Callable[[ChannelClosed], object] | None = None,
    ) -> None:
        """Call ``received`` with each value that arrives, until the channel's end.

        :param ended: is called once, with why there will be no more.
        """
        receiving = self._receiving(channel)
        receiving.received = received
        receiving.ended = ended

    def removeChannel(self, channel: Channel | Receiver) -> None:
        """Let a channel be; who waits by :meth:`receive` still does."""
        receiving = self._channels.get(channel.fileno())
        if receiving is not None:
            receiving.received = receiving.ended = None
            receiving.stop_if_idle()

    def addLine(self, line: Listener, fn: Callable[[int], object]) -> None:
        """Call a function with the count of a line's interrupts since the last time."""
        self.addReader(_Line(line, fn))

    def removeLine(self, line: Listener) -> None:
        """Let a line be."""
        reader = self._readers.get(line.fileno())
        if isinstance(reader, _Line):
            self.removeReader(reader)


def install() -> RoentgenReactor:
    """Make this Twisted's reactor, and return it.

    :raises twisted.internet.error.ReactorAlreadyInstalledError: another one is.
    """
    reactor = RoentgenReactor()
    main.installReactor(reactor)
    return reactor
