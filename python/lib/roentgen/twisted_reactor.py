"""Twisted's reactor on one object of the kernel.

To be installed before anything imports ``twisted.internet.reactor``::

    import roentgen.twisted_reactor
    roentgen.twisted_reactor.install()

It waits on one set of descriptors with a clock in it. Children are descriptors in it, too, so
that they need no handler of SIGCHLD, and end as soon as somebody waits for them, whatever signals
the program uses. Channels, processes and interrupt lines of package :mod:`roentgen` go in by
:func:`watch` and :func:`receive`. It works on Linux as well.

Twisted comes by ``run.sh --with twisted``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet import base, defer, error, main, posixbase
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python import failure, log
from zope.interface import implementer

from . import ChannelClosed
from ._waiting import BROKEN, READABLE, WRITABLE, WaitSet

if TYPE_CHECKING:
    from . import Channel, Receiver

__all__ = ["RoentgenReactor", "Watch", "install", "receive", "watch"]


@implementer(IReadDescriptor)
class Watch:
    """A descriptor that is none of Twisted's, and what to do when it is readable.

    What the function raises is logged, and ends the watch.
    """

    def __init__(self, descriptor: int, function: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._function = function

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "watch"

    def doRead(self) -> None:
        self._function()

    def connectionLost(self, reason: failure.Failure) -> None:
        """The reactor has given it up."""


@implementer(IReactorFDSet)
class RoentgenReactor(posixbase.PosixReactorBase):
    """A reactor on a :class:`~roentgen._waiting.WaitSet`."""

    def __init__(self) -> None:
        self._set = WaitSet()
        self._readers: dict[int, Any] = {}
        self._writers: dict[int, Any] = {}
        super().__init__()

    @property
    def waits(self) -> int:
        """How often it has asked the kernel what is ready."""
        return self._set.waits

    # ---- IReactorFDSet

    def addReader(self, reader: Any) -> None:
        self._add(self._readers, reader, READABLE)

    def addWriter(self, writer: Any) -> None:
        self._add(self._writers, writer, WRITABLE)

    def removeReader(self, reader: Any) -> None:
        self._remove(self._readers, reader, READABLE)

    def removeWriter(self, writer: Any) -> None:
        self._remove(self._writers, writer, WRITABLE)

    def removeAll(self) -> list[Any]:
        removed: list[Any] = self._removeAll(self.getReaders(), self.getWriters())
        return removed

    def getReaders(self) -> list[Any]:
        return list(self._readers.values())

    def getWriters(self) -> list[Any]:
        return list(self._writers.values())

    def _add(self, those: dict[int, Any], selectable: Any, event: int) -> None:
        descriptor = selectable.fileno()
        if descriptor not in those:
            self._set.watch(descriptor, self._set.interest(descriptor) | event)
        those[descriptor] = selectable

    def _remove(self, those: dict[int, Any], selectable: Any, event: int) -> None:
        descriptor = selectable.fileno()
        if those.get(descriptor) is not selectable:
            # Closed already, and so without a number: it is found by itself.
            known = [number for number, one in those.items() if one is selectable]
            if not known:
                return
            (descriptor,) = known
        del those[descriptor]
        self._set.watch(descriptor, self._set.interest(descriptor) & ~event)

    # ---- what runs it

    def doIteration(self, timeout: float | None) -> None:
        """Wait for so many seconds at most, and serve what is ready."""
        for descriptor, events in self._set.wait(timeout):
            selectable = self._readers.get(descriptor) or self._writers.get(descriptor)
            if selectable is not None:
                log.callWithLogger(selectable, self._serve, selectable, descriptor, events)

    def _serve(self, selectable: Any, descriptor: int, events: int) -> None:
        """Have it read and write; whoever fails, or is broken with nothing left, is given up."""
        is_read = False
        why: Any = None
        if isinstance(selectable, Watch):
            # It looks itself what there is, an end among them.
            events = READABLE
        if events & BROKEN and not events & READABLE:
            is_read = descriptor in self._readers
            why = main.CONNECTION_DONE if is_read else main.CONNECTION_LOST
        else:
            try:
                if selectable.fileno() == -1:
                    why = error.ConnectionFdescWentAway("Filedescriptor went away")
                if not why and events & READABLE:
                    is_read = True
                    why = selectable.doRead()
                if not why and events & WRITABLE and descriptor in self._writers:
                    is_read = False
                    why = self._writers[descriptor].doWrite()
            except BaseException as raised:
                why = raised
                log.err()
        if why:
            self._disconnectSelectable(selectable, why, is_read)

    # ---- children

    def _signalsFactory(self) -> Any:
        # A child's end is a descriptor's event: SIGCHLD is the program's own.
        return base.ReactorBase._signalsFactory(self)

    def spawnProcess(self, *arguments: Any, **keywords: Any) -> Any:
        """Do as Twisted's own reactors do, but wait for the child by its descriptor."""
        process = super().spawnProcess(*arguments, **keywords)
        if process.pid is not None:
            try:
                descriptor = os.pidfd_open(process.pid)
            except ProcessLookupError:
                # Somebody else has waited for it: its end is not told, as with Twisted's own.
                return process
            self._wait_for(process, descriptor)
        return process

    def _wait_for(self, process: Any, descriptor: int) -> None:
        def ended() -> None:
            self.removeReader(end)
            os.close(descriptor)
            # Somebody may have looked before.
            if process.pid is not None:
                process.reapProcess()

        end = Watch(descriptor, ended)
        self._internalReaders.add(end)
        self.addReader(end)


def _installed() -> Any:
    from twisted.internet import reactor

    return reactor


def watch(descriptor: int, function: Callable[[], object]) -> Watch:
    """Call a function whenever a descriptor is readable: a channel's, a process's, a line's.

    :returns: what ``reactor.removeReader`` takes to end it.
    """
    one = Watch(descriptor, function)
    _installed().addReader(one)
    return one


def receive(channel: Channel | Receiver) -> defer.Deferred[Any]:
    """Give the next message of a channel when it comes.

    It fails with :exc:`roentgen.ChannelClosed` or :exc:`roentgen.PeersGone` where none will come,
    and can be cancelled. Several may wait for the same channel: give each an end of its own.
    """
    waiting: Watch

    def stop(_: object = None) -> None:
        _installed().removeReader(waiting)

    result: defer.Deferred[Any] = defer.Deferred(stop)

    def look() -> None:
        try:
            message = channel.receive(timeout=0)
        except TimeoutError:
            # Somebody else was faster.
            return
        except ChannelClosed:
            stop()
            result.errback()
            return
        stop()
        result.callback(message)

    waiting = watch(channel.fileno(), look)
    return result


def install() -> None:
    """Make it the reactor.

    :raises twisted.internet.error.ReactorAlreadyInstalledError: there is one.
    """
    main.installReactor(RoentgenReactor())
