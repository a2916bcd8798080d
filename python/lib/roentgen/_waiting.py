"""One object of the kernel to wait on: what reactors and event loops stand on.

Everything that one can wait for here is a descriptor: sockets and pipes, ends of channels,
processes (:func:`os.pidfd_open`, :attr:`roentgen.Process.sentinel`), interrupt lines, and time.
A :class:`WaitSet` is an epoll object with a timer in it, so that a wait is one call, ends at its
deadline to the nanosecond, and is interrupted by nothing that it was not told of.
"""

from __future__ import annotations

import errno
import os
import select
import time

#: What a descriptor is watched for, and what it is ready for.
READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
#: What it is told of in any case: an error, or the other end is gone.
BROKEN = select.EPOLLERR | select.EPOLLHUP

#: Most descriptors that one wait tells of; the others are told of next time.
_MOST = 256


class WaitSet:
    """Descriptors, each with what it is watched for.

    Regular files, which epoll refuses for they are always ready, are told of at every wait.
    """

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._clock = os.timerfd_create(
            time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC
        )
        self._poll.register(self._clock, READABLE)
        #: When the clock is set to ring; None: not at all.
        self._armed: float | None = None
        self._interests: dict[int, int] = {}
        self._always_ready: set[int] = set()
        #: How many waits there were, of any kind.
        self.waits = 0

    def close(self) -> None:
        """Give the kernel's objects back."""
        if not self._poll.closed:
            self._poll.close()
            os.close(self._clock)

    def interest(self, descriptor: int) -> int:
        """Say what a descriptor is watched for; 0: it is not."""
        return self._interests.get(descriptor, 0)

    def watch(self, descriptor: int, events: int) -> None:
        """Watch a descriptor for these events and no others; 0: no longer at all.

        :raises OSError: there is no such descriptor.
        """
        before = self._interests.get(descriptor, 0)
        if events == before:
            return
        if descriptor in self._always_ready:
            if not events:
                self._always_ready.discard(descriptor)
        elif not events:
            try:
                self._poll.unregister(descriptor)
            except OSError as error:
                # Whoever closed it has taken it out.
                if error.errno not in (errno.EBADF, errno.ENOENT):
                    raise
        elif before:
            self._modify(descriptor, events)
        else:
            self._register(descriptor, events)
        if events:
            self._interests[descriptor] = events
        else:
            del self._interests[descriptor]

    def _register(self, descriptor: int, events: int) -> None:
        try:
            self._poll.register(descriptor, events)
        except FileExistsError:
            # A number that was closed without a word, and is another's now.
            self._poll.modify(descriptor, events)
        except PermissionError:
            self._always_ready.add(descriptor)

    def _modify(self, descriptor: int, events: int) -> None:
        try:
            self._poll.modify(descriptor, events)
        except FileNotFoundError:
            self._register(descriptor, events)

    def wait(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Wait until something is ready, or for so many seconds; give what it is ready for.

        An interrupt by a signal ends the wait with nothing, as the end of the time does.
        """
        self.waits += 1
        if self._always_ready or (timeout is not None and timeout <= 0):
            patience = 0.0
        else:
            patience = -1.0
            self._arm(None if timeout is None else time.monotonic() + timeout)
        try:
            found = self._poll.poll(patience, _MOST)
        except InterruptedError:
            found = []
        ready = []
        for descriptor, events in found:
            if descriptor == self._clock:
                self._ring()
            else:
                ready.append((descriptor, events))
        for descriptor in self._always_ready:
            ready.append((descriptor, self._interests[descriptor]))
        return ready

    def _arm(self, deadline: float | None) -> None:
        """Have the clock ring then. A deadline that stays costs no call."""
        if deadline is None:
            if self._armed is not None:
                os.timerfd_settime(self._clock, initial=0)
        elif self._armed is None or abs(self._armed - deadline) > 1e-6:
            # 0 would turn it off.
            initial = max(deadline, 1e-9)
            os.timerfd_settime(self._clock, flags=os.TFD_TIMER_ABSTIME, initial=initial)
        self._armed = deadline

    def _ring(self) -> None:
        try:
            os.read(self._clock, 8)
        except BlockingIOError:
            pass
        self._armed = None
