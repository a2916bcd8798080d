"""One kernel object that a reactor and an event loop wait on.

On Roentgen all that can be waited for is a descriptor: sockets and pipes, the ends of
channels, interrupt lines, processes, and timers. So a :class:`WaitSet` is an epoll set with a
timer in it, and each wait is one call, which sleeps until the first of them has news. The
same works on Linux, but for interrupt lines.

Not here: what is done with the news. :mod:`roentgen.twisted_reactor` and
:mod:`roentgen.event_loop` are thin on top.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import time

__all__ = ["BROKEN", "READABLE", "WRITABLE", "WaitSet"]

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT
#: What is told whether it was asked for or not.
BROKEN = select.EPOLLERR | select.EPOLLHUP

#: Seconds by which a wait may be longer than it was asked to be: for less, the timer is not
#: set anew.
_SLACK = 1e-4


class WaitSet:
    """Descriptors, and a time, to wait for together. For one thread."""

    def __init__(self) -> None:
        self.waits = 0
        """Times that the kernel was asked to wait."""
        self._epoll = select.epoll()
        self._wanted: dict[int, int] = {}
        self._timer = os.timerfd_create(
            time.CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC
        )
        #: When the timer expires, on the monotonic clock.
        self._alarm: float | None = None
        #: Files, which epoll does not take because they always are ready.
        self._ready: dict[int, int] = {}
        self._epoll.register(self._timer, READABLE)

    def fileno(self) -> int:
        """Return the set's own descriptor, which is readable where a wait would return."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Let go of the set. What is in it stays open."""
        if self._timer >= 0:
            os.close(self._timer)
            self._timer = -1
            self._epoll.close()

    def watch(self, descriptor: int, events: int) -> None:
        """Watch a descriptor for these events from now on; none: no more.

        :raises PermissionError: it is a file, which always is ready; see :meth:`assume`.
        """
        before = self._wanted.get(descriptor, 0)
        if not events:
            self._ready.pop(descriptor, None)
            if before:
                del self._wanted[descriptor]
                try:
                    self._epoll.unregister(descriptor)
                except OSError as error:
                    # One that was closed has left the set by itself.
                    if error.errno not in (errno.EBADF, errno.ENOENT):
                        raise
            return
        if before:
            try:
                self._epoll.modify(descriptor, events)
            except FileNotFoundError:
                # It was closed, and the number is another's.
                self._epoll.register(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._wanted[descriptor] = events

    def assume(self, descriptor: int, events: int) -> None:
        """Say of a descriptor that these events are always so; none: forget it."""
        if events:
            self._ready[descriptor] = events
        else:
            self._ready.pop(descriptor, None)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait for news, and return descriptors with their events.

        It may return without any, also before the time is over.

        :param timeout: seconds to wait at most; None: for ever.
        """
        self.waits += 1
        if self._ready:
            timeout = 0
        if timeout is None:
            news = self._epoll.poll()
        elif timeout <= 0:
            news = self._epoll.poll(0)
        else:
            self._set_alarm(time.monotonic() + timeout)
            news = self._epoll.poll()
        if self._alarm is not None:
            news = self._without_timer(news)
        if self._ready:
            news = news + list(self._ready.items())
        return news

    def _set_alarm(self, moment: float) -> None:
        """See that the timer wakes us then, or before."""
        if self._alarm is None or moment < self._alarm - _SLACK:
            os.timerfd_settime_ns(
                self._timer, flags=os.TFD_TIMER_ABSTIME, initial=max(1, int(moment * 1e9))
            )
            self._alarm = moment

    def _without_timer(self, news: list[tuple[int, int]]) -> list[tuple[int, int]]:
        timer = self._timer
        for descriptor, _ in news:
            if descriptor == timer:
                self._alarm = None
                with contextlib.suppress(BlockingIOError):
                    os.read(timer, 8)
                return [one for one in news if one[0] != timer]
        return news
