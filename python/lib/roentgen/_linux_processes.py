"""Processes and templates on Linux, in the manner of Roentgen's: by fork.

A process without a template of its own is a fork of the caller that forgets what it can:
it has a new ``__main__``, no descriptors but those it was given, no signal handlers. It
does what it is sent, as on Roentgen, so that what cannot be sent shows here as well.
"""

from __future__ import annotations

import contextlib
import os
import signal as _signal
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import _roentgen

from . import _linux, _options, _setup
from ._descriptors import wait_for_end
from ._errors import NotAvailable, NotEnforced

__all__ = [
    "FORK",
    "Handle",
    "close_template",
    "default_template",
    "freeze_self",
    "join",
    "make_template",
    "run_child",
    "signal",
    "spawn",
    "spawn_self",
    "stats",
    "template_from",
    "template_parts",
]

_MEMORY, _CPU_TIME, _DEADLINE = 1, 2, 3

#: Stands for the template that is a fork of the caller.
FORK = "fork"

#: Descriptors of a spawned process that its function does not know of.
own_descriptors: set[int] = set()
#: Children that nobody waits for any more.
_orphans: list[int] = []
#: Keeps what a child has from its parent's memory: nothing of it may run its finalizer.
_inherited: list[Any] = []


class Handle:
    """A process that was started."""

    def __init__(self, options: _options.Options) -> None:
        self.options = options
        self.pid = 0
        self.sentinel = -1
        self.started = time.monotonic()
        self.answers, self.for_answer = _roentgen.socket_pair()
        #: Where a template's process tells of the end of its child; -1: it is our own.
        self.reports = -1
        self.lock = threading.Lock()
        self.owner = os.getpid()
        self.outcome: tuple[tuple[int, int], Any] | None = None

    def started_as(self, pid: int) -> tuple[int, Handle]:
        """Note the id of a child of ours."""
        self.pid = pid
        self.sentinel = _roentgen.pidfd_open(pid)
        os.close(self.for_answer)
        return pid, self

    def fileno(self) -> int:
        """Return a descriptor that becomes readable at the end."""
        return self.sentinel

    def close(self) -> None:
        """Let go of the process."""
        numbers = (self.sentinel, self.answers, self.reports)
        self.sentinel = self.answers = self.reports = -1
        if self.owner != os.getpid():
            return
        if self.outcome is None and numbers[2] < 0 and self.pid:
            _orphans.append(self.pid)
            self.pid = 0
        for number in numbers:
            if number >= 0:
                os.close(number)

    def __del__(self) -> None:
        try:
            self.close()
        except (AttributeError, OSError, TypeError):
            # At the end of the interpreter, when modules are empty already, or where it
            # was not made to its end.
            pass


def spawn(template: Any, call: tuple[Any, ...], options: _options.Options) -> tuple[int, Any]:
    """Start a process: its id and its handle.

    ``call``: setup or None, function, arguments, keyword arguments or None.
    """
    _check(options)
    if template is not FORK:
        from . import _linux_templates

        return _linux_templates.spawn(template, call, options)
    parts = _roentgen.encode(call)
    handle = Handle(options)
    pid = _fork()
    if pid == 0:
        # The numbers of the descriptors in the message are the same on this side.
        run_child(handle.for_answer, run_call, (parts[:3],), options, parts[2])
    return handle.started_as(pid)


def spawn_self(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any, options: _options.Options
) -> tuple[int, Any]:
    """Start a clone of this process."""
    _check(options)
    handle = Handle(options)
    pid = _fork()
    if pid == 0:
        run_child(handle.for_answer, function, args, options, None, kwargs)
    return handle.started_as(pid)


def _fork() -> int:
    from ._process import _flush

    _reap_orphans()
    _flush()
    # Threads of ours are no reason to warn: the child goes on as if it were alone.
    ignoring = warnings.catch_warnings()
    ignoring.__enter__()
    try:
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
    finally:
        ignoring.__exit__(None, None, None)


def _reap_orphans() -> None:
    for pid in list(_orphans):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        _orphans.remove(pid)


def _check(options: _options.Options) -> None:
    """Raise what the kernel would raise, and say what this one does not do."""
    if options.nice < os.getpriority(os.PRIO_PROCESS, 0) and os.geteuid() != 0:
        raise PermissionError(1, "a nice value below one's own needs the privilege")
    if options.affinity is not None:
        allowed = set(range(os.cpu_count() or 1))
        if not _options.cores_of(options.affinity) & allowed:
            raise OSError(22, "none of these cores is there")
    limits = [
        name
        for name, value in [
            ("memory", options.memory),
            ("cpu_time", options.cpu_time),
            ("deadline", options.deadline),
        ]
        if value is not None
    ]
    if limits:
        warnings.warn(
            f"on Linux, {' and '.join(limits)} of a process is not a limit of what it starts",
            NotEnforced,
            stacklevel=4,
        )


def run_call(parts: tuple[Any, Any, Any]) -> Any:
    """Do what was sent."""
    _, function, args, kwargs = _roentgen.decode(*parts)
    return function(*args, **(kwargs or {}))


def run_child(
    answer: int,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: _options.Options,
    kept: list[int] | None,
    kwargs: Any = None,
) -> NoReturn:
    """Be the new process. ``kept``: descriptors to keep, None: all, it is a clone."""
    status = 1
    own_descriptors.clear()
    own_descriptors.add(answer)
    try:
        if kept is None:
            _linux.after_fork()
        else:
            _become_fresh({0, 1, 2, answer, *kept})
        _setup.leave_loop()
        _limit(options)
        status, parts = _roentgen.perform(function, args, kwargs)
        if parts is not None:
            # Nobody may want it any more.
            with contextlib.suppress(OSError):
                _linux.put(answer, parts)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            os.write(2, f"roentgen: a process did not begin: {error!r}\n".encode())
    finally:
        os._exit(status)


def _become_fresh(kept: set[int]) -> None:
    import atexit

    atexit._clear()
    from . import _templates

    _templates.known_default = None
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    _inherited.append(sys.modules["__main__"])
    _inherited.extend(list(_linux._ends))
    _linux._ends.clear()
    sys.modules["__main__"] = main
    with contextlib.suppress(ValueError, OSError):
        _signal.set_wakeup_fd(-1)
    for number in _signal.valid_signals():
        # The interpreter has no handlers for the last real-time signals.
        with contextlib.suppress(ValueError):
            handler = _signal.getsignal(number)
            if callable(handler) and handler is not _signal.default_int_handler:
                _signal.signal(number, _signal.SIG_DFL)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _limit(options: _options.Options) -> None:
    if options.name is not None:
        _roentgen.set_name(options.name)
    if options.affinity is not None:
        os.sched_setaffinity(0, _options.cores_of(options.affinity))
    if options.nice != os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, options.nice)
    if options.memory is not None:
        import resource

        # What is there already is the parent's, and shared.
        with open("/proc/self/status", encoding="ascii") as status:
            data = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
        most = data * 1024 + options.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    if options.cpu_time is not None:
        _roentgen.kill_after(options.cpu_time, True)
    if options.deadline is not None:
        _roentgen.kill_after(options.deadline, False)


def join(handle: Handle, timeout: float | None) -> tuple[tuple[int, int], Any]:
    """Wait for the end: exit code and limit that ended it; the answer, None without one."""
    if handle.outcome is None:
        wait_for_end(handle.sentinel, timeout)
        with handle.lock:
            if handle.outcome is None:
                handle.outcome = _outcome(handle)
    return handle.outcome


def _outcome(handle: Handle) -> tuple[tuple[int, int], Any]:
    status, cpu_time = _wait(handle)
    answer: Any = None
    with contextlib.suppress(BlockingIOError):
        parts = _linux.take(handle.answers)
        if parts is not None:
            try:
                answer = _roentgen.decode(*parts)
            except Exception as error:
                answer = error
    limit = 0
    options = handle.options
    if options.memory is not None and status & 0x7F == _signal.SIGABRT:
        limit = _MEMORY
    elif status & 0x7F == _signal.SIGKILL:
        if options.cpu_time is not None and cpu_time >= options.cpu_time - 0.02:
            limit = _CPU_TIME
        elif options.deadline is not None and time.monotonic() >= handle.started + options.deadline:
            limit = _DEADLINE
    return (os.waitstatus_to_exitcode(status), limit), answer


def _wait(handle: Handle) -> tuple[int, float]:
    """Return the wait status and the seconds of CPU time."""
    if handle.reports >= 0:
        from . import _linux_templates

        return _linux_templates.report(handle.reports)
    try:
        _, status, usage = os.wait4(handle.pid, 0)
    except ChildProcessError:
        # Somebody else has waited for all children: the status is lost.
        return 255 << 8, 0.0
    return status, usage.ru_utime + usage.ru_stime


def signal(handle: Handle, number: int) -> None:
    """Send a signal."""
    _roentgen.pidfd_signal(handle.sentinel, number)


def stats(handle: Handle) -> str:
    """Return what a process uses, a line each; nothing where it has ended."""
    try:
        with open(f"/proc/{handle.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    run_time = (int(fields[11]) + int(fields[12])) * tick
    resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return f"run_time {run_time}\nresident {resident}"


def default_template() -> Any:
    """Return what stands for a fork of the caller."""
    from ._templates import Template

    # The caller knows itself.
    return Template(FORK, None)


def make_template(preload: list[str], keep: list[int], default: Any) -> Any:
    """Start a process that waits to be forked."""
    from . import _linux_templates

    return _linux_templates.start(preload, keep)


def freeze_self(keep: list[int]) -> Any:
    """Leave a fork of the calling process behind that waits to be forked."""
    from . import _linux_templates

    return _linux_templates.freeze(keep)


def close_template(template: Any) -> None:
    """Let go of a template."""
    if template is not FORK:
        os.close(template)


def template_parts(template: Any) -> tuple[Any, ...]:
    """Return what goes into a message for a template."""
    if template is FORK:
        raise NotAvailable("on Linux, the default template cannot be sent: it is the caller")
    return (_roentgen.Descriptor(template),)


def template_from(parts: tuple[Any, ...]) -> int:
    """Return the template that arrived."""
    return int(parts[0].detach())
