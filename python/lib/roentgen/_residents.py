"""The interpreters that stay on a core: :func:`core`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import _roentgen

from ._errors import ChannelClosed, ProcessDied
from ._process import Process
from ._workers import Worker, value_of

__all__ = ["Resident", "core"]


class Resident:
    """The resident interpreter of a core, as this process has it. Made by :func:`core`."""

    def __init__(self, number: int) -> None:
        self.core = number
        """The core's number."""
        self._lock = threading.Lock()
        self._worker: Worker | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the interpreter; None where it has not been needed yet."""
        worker = self._worker
        return None if worker is None else worker.process.pid

    def run(
        self, fn: Callable[..., Any], /, *args: Any, timeout: float | None = None, **kwargs: Any
    ) -> Any:
        """Call a function there, and return what it returns, or raise what it raises.

        Calls are served one after the other; what one leaves behind in modules and in
        ``__main__`` is there for the next. The interpreter starts with the first call, and
        starts again where it died.

        :param timeout: seconds after which the interpreter is killed, the call with it.
        :raises TimeoutError: it took longer.
        :raises ProcessDied: the interpreter died of the call.
        """
        with self._lock:
            worker = self._alive()
            is_alive = False
            try:
                worker.send(fn, args, kwargs)
                answer = worker.receive(timeout)
                is_alive = True
            except ChannelClosed:
                worker.process.result()
                raise ProcessDied(f"the resident of core {self.core} ended by itself", 0) from None
            except (TypeError, ValueError, RecursionError):
                # It was not sent.
                is_alive = True
                raise
            finally:
                if not is_alive:
                    worker.process.kill()
                    worker.close()
                    self._worker = None
        return value_of(answer)

    def _alive(self) -> Worker:
        """Return the interpreter: a new one, where the last one died between two calls."""
        worker = self._worker
        if worker is not None and worker.process.is_alive():
            return worker
        if worker is not None:
            worker.close()
        worker = self._worker = Worker(core=self.core, name=f"core-{self.core}")
        return worker

    def _process(self, timeout: float | None = None) -> Process:
        """Return its process, as soon as no call is under way."""
        if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError(f"the resident of core {self.core} is busy with a call")
        try:
            return self._alive().process
        finally:
            self._lock.release()

    def __repr__(self) -> str:
        return f"<roentgen.Resident of core {self.core} pid={self.pid}>"


_residents: tuple[int, dict[int, Resident]] = (0, {})
_residents_lock = threading.Lock()


def core(number: int) -> Resident:
    """Return the resident interpreter of a core.

    It is a process of the caller's that runs on this core alone, and is there as long as
    the caller is: for work that belongs to the core, or that keeps something warm.
    """
    global _residents
    # Not `os.cpu_count`, which counts the cores that the caller may run on.
    count = _roentgen.cpu_count()
    if not 0 <= number < count:
        raise ValueError(f"there is no core {number}: the last one is {count - 1}")
    with _residents_lock:
        if _residents[0] != os.getpid():
            # A clone of the caller has none yet.
            _residents = (os.getpid(), {})
        return _residents[1].setdefault(number, Resident(number))
