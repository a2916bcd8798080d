"""Processes: :func:`spawn` and what it returns."""

from __future__ import annotations

import _thread
import contextlib
import signal as _signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self

import _roentgen

from . import _options, _setup, _templates
from ._backend import processes as _processes
from ._descriptors import wait_for_end
from ._errors import (
    CpuTimeExceeded,
    DeadlineExceeded,
    MachineOutOfMemory,
    MemoryLimitExceeded,
    ProcessDied,
    RemoteError,
    RemoteTraceback,
)

if TYPE_CHECKING:
    from ._templates import Template

__all__ = ["Process", "spawn"]

#: Which limit ended a process, as the kernel numbers them.
_LIMITS: dict[int, tuple[type[ProcessDied], str]] = {
    1: (MemoryLimitExceeded, "wanted more memory than its limit"),
    2: (CpuTimeExceeded, "used up its CPU time"),
    3: (DeadlineExceeded, "was still there at its deadline"),
    4: (MachineOutOfMemory, "was the largest when the machine had no memory left"),
}

#: Held while a thread takes an answer that is there.
_taking = threading.Lock()

_NO_OPTIONS = _options.NONE
_differences = _setup.differences
_spawn = _processes.spawn
_spawn_self = _processes.spawn_self
_join = _processes.join


def spawn(
    fn: Callable[..., Any],
    /,
    *args: Any,
    core: int | None = None,
    affinity: Iterable[int] | None = None,
    nice: int = 0,
    memory: int | None = None,
    cpu_time: float | None = None,
    deadline: float | None = None,
    name: str | None = None,
    template: Template | Literal["self"] | None = None,
    **kwargs: Any,
) -> Process:
    """Call a function in a new process.

    The process is a copy of a template: an interpreter that has started, has imported what
    the template is made with, and has done nothing else. It gets this process's standard
    streams, working directory, ``sys.path``, ``sys.argv`` and environment, and the
    descriptors that are in its arguments; no others. Its hash seed is the template's.

    Functions and classes that can be imported go by their name. Lambdas, closures, and all
    that is ``__main__``'s go by value, with the globals that they use: in the new process
    these are globals of its ``__main__``, and changes are its own.

    :param core: the one core that it may run on.
    :param affinity: the cores that it may run on; without both: those of the caller.
    :param nice: its nice value, -20 to 19.
    :param memory: bytes that it, and all that it starts, may have.
    :param cpu_time: seconds that it, and all that it starts, may run together.
    :param deadline: seconds from now until it, and all that it started, are killed.
    :param name: for :func:`ps`; 15 bytes of it count.
    :param template: another :class:`Template`; or ``"self"``: the process is a clone of
        the caller, as by :func:`os.fork`, and nothing needs to be sent.
    :raises TypeError: an argument cannot be sent; the text says which part of it.
    """
    # All that is Python here is paid for by every spawn: no call that can be left out.
    if (
        core is None
        and affinity is None
        and nice == 0
        and memory is None
        and cpu_time is None
        and deadline is None
        and name is None
    ):
        options = _NO_OPTIONS
    else:
        options = _options.make(core, affinity, nice, memory, cpu_time, deadline, name)
    if template is None:
        template = _templates.known_default
        if template is None:
            template = _templates.default()
    elif template == "self":
        _flush()
        _only_thread()
        return Process(*_spawn_self(fn, args, kwargs, options), name)
    call = (_differences(template.base), fn, args, kwargs)
    pid, handle = _spawn(template.handle, call, options)
    return Process(pid, handle, name)


def _flush() -> None:
    """What is in a buffer would be written by a clone as well."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


def _only_thread() -> None:
    if _thread._count() > 0:
        raise RuntimeError(
            "a process with more than one thread cannot be cloned:"
            " the others would be missing, and whatever they hold would stay held"
        )


class Process:
    """A process that :func:`spawn` started.

    It can be awaited, which gives its result; and used in ``with``, which waits for its
    end, and kills it where the block raises.
    """

    __slots__ = ("__weakref__", "_answer", "_ending", "_handle", "_name", "_pid")

    def __init__(self, pid: int, handle: Any, name: str | None) -> None:
        self._pid = pid
        self._handle = handle
        self._name = name
        #: Exit code, and which limit ended it.
        self._ending: tuple[int, int] | None = None
        self._answer: Any = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._pid

    @property
    def name(self) -> str:
        """Its name: the one that it was given, or one with its id."""
        return self._name or f"process-{self._pid}"

    @property
    def sentinel(self) -> int:
        """A descriptor that becomes readable when it ends."""
        number: int = self._open().fileno()
        return number

    def _open(self) -> Any:
        if self._handle is None:
            raise ValueError("the process object is closed")
        return self._handle

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end.

        :raises TimeoutError: it has not ended within that many seconds.
        """
        if self._ending is None:
            if _thread._count():
                self._join_among_threads(timeout)
            else:
                handle = self._handle
                if handle is None:
                    handle = self._open()
                self._note(_join(handle, timeout))

    def _note(self, end: tuple[tuple[int, int], Any]) -> None:
        ending, answer = end
        if answer is ...:
            answer = RemoteError("another process has taken its result")
        # In this order: who sees the ending sees the answer.
        self._answer = answer
        self._ending = ending

    def _join_among_threads(self, timeout: float | None) -> None:
        """Wait without taking the answer: only one of several waiters can have it."""
        wait_for_end(self.sentinel, timeout)
        with _taking:
            if self._ending is None:
                self._note(_join(self._open(), None))

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its end, and return what the function returned.

        :raises TimeoutError: it has not ended within that many seconds.
        :raises ProcessDied: it ended without a result: by a signal, by :func:`sys.exit`,
            or by one of its limits, for each of which there is a subclass.
        :raises Exception: what the function raised, with the traceback as its cause.
        """
        if self._ending is None:
            self.join(timeout)
        answer = self._answer
        if type(answer) is tuple and answer[0] == 0:
            return answer[1]
        raise self._failure()

    def _failure(self) -> BaseException:
        """Make the exception once, and keep it."""
        answer = self._answer
        if answer is None:
            answer = self._died()
        elif isinstance(answer, tuple):
            answer = _remote(answer)
        self._answer = answer
        assert isinstance(answer, BaseException)
        return answer

    def _died(self) -> ProcessDied:
        assert self._ending is not None
        code, limit = self._ending
        who = f"{self._name} (process {self._pid})" if self._name else f"process {self._pid}"
        if limit in _LIMITS:
            kind, why = _LIMITS[limit]
            return kind(f"{who} {why}, and was killed", code)
        if code < 0:
            try:
                by = _signal.Signals(-code).name
            except ValueError:
                by = f"signal {-code}"
            return ProcessDied(f"{who} was killed by {by} before it returned", code)
        return ProcessDied(f"{who} exited with status {code} before it returned", code)

    @property
    def exitcode(self) -> int | None:
        """Its exit status; a negative number is the signal that killed it; None: it runs."""
        if self._ending is None:
            try:
                self.join(0)
            except TimeoutError:
                return None
        assert self._ending is not None
        return self._ending[0]

    def is_alive(self) -> bool:
        """Say whether it has not ended."""
        return self.exitcode is None

    def terminate(self) -> None:
        """Send it SIGTERM, which it may handle."""
        self._signal(_signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(_signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._ending is None:
            with contextlib.suppress(ProcessLookupError):
                _processes.signal(self._open(), number)

    def stats(self) -> dict[str, int]:
        """Return what it has used, also after its end: names and numbers.

        Times are nanoseconds, sizes bytes.
        """
        lines = _processes.stats(self._open()).splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines)
        return {name: int(value) for name, value in pairs}

    def close(self) -> None:
        """Let go of it. It goes on, but nobody can wait for it through this object."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result_async().__await__()

    async def _result_async(self) -> Any:
        if self._ending is None:
            from . import _asynchronous

            await _asynchronous.ready(self.sentinel, False)
        return self.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        if kind is not None:
            self.kill()
        self.join()
        self.close()

    def __repr__(self) -> str:
        if self._ending is None and self._handle is None:
            state = "closed"
        else:
            code = self.exitcode
            state = "running" if code is None else f"ended with {code}"
        return f"<roentgen.Process {self.name} pid={self._pid} {state}>"


def _remote(answer: tuple[Any, ...]) -> BaseException:
    """Return the exception of another process."""
    _, encoded, text, summary = answer
    cause = RemoteTraceback(text)
    error: Any = None
    if encoded is not None:
        try:
            error = _roentgen.decode(encoded, [], [])
        except Exception as failure:
            cause = RemoteTraceback(f"{text}\n(it cannot be made again here: {failure!r})\n")
    made = error if isinstance(error, BaseException) else RemoteError(summary)
    made.__cause__ = cause
    return made
