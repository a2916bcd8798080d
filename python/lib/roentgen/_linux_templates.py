"""Templates on Linux: a process that waits, and forks for each that is asked for.

Whoever has the socket can ask. A request is an encoded value whose first two descriptors
are where the end is reported and where the answer goes. A report is ``P`` with the child's
id, and with its descriptor; then ``S`` with wait status and CPU time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import struct
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import _roentgen

from . import _linux, _linux_processes, _options, _setup
from ._descriptors import is_open

__all__ = ["freeze", "main", "report", "spawn", "start"]

_STARTED = struct.Struct("<ci")
_ENDED = struct.Struct("<cid")


def spawn(template: int, call: tuple[Any, ...], options: _options.Options) -> tuple[int, Any]:
    """Ask a template for a process."""
    handle = _linux_processes.Handle(options)
    reports, for_report = _roentgen.socket_pair()
    try:
        standard = [
            (number, _roentgen.Descriptor(number)) for number in range(3) if is_open(number)
        ]
        data, ranges, numbers, holders = _roentgen.encode((tuple(options), standard, call))
        numbers = [for_report, handle.for_answer, *numbers]
        wait = _linux.Wait(60, "the template did not answer")
        while True:
            try:
                _linux.put(template, (data, ranges, numbers, holders))
                break
            except BlockingIOError:
                wait.for_event(template, select.POLLOUT)
            except ConnectionError:
                raise OSError(errno.EBADF, "the template's process has ended") from None
    finally:
        os.close(for_report)
        os.close(handle.for_answer)
    while True:
        try:
            message, descriptors = _roentgen.socket_receive(reports, 64)
            break
        except BlockingIOError:
            wait.for_event(reports, select.POLLIN)
    if not descriptors:
        os.close(reports)
        number = _STARTED.unpack(message)[1] if message else errno.EBADF
        raise OSError(number, os.strerror(number))
    handle.pid = _STARTED.unpack(message)[1]
    handle.sentinel = descriptors[0]
    handle.reports = reports
    return handle.pid, handle


def report(reports: int) -> tuple[int, float]:
    """Return the wait status and CPU time of a process that has ended."""
    wait = _linux.Wait(60, "the template did not report")
    while True:
        try:
            message, _ = _roentgen.socket_receive(reports, 64)
        except BlockingIOError:
            wait.for_event(reports, select.POLLIN)
            continue
        if not message:
            # The template's process was killed: nobody knows.
            return 255 << 8, 0.0
        _, status, cpu_time = _ENDED.unpack(message)
        return status, cpu_time


def start(preload: list[str], keep: list[int]) -> int:
    """Start a fresh template; returns our end of its socket."""
    mine, its = _roentgen.socket_pair()
    try:
        program = f"from roentgen._linux_templates import main; main({its}, {keep})"
        # A descriptor that is duplicated onto itself stays open.
        actions = [(os.POSIX_SPAWN_DUP2, number, number) for number in {its, *keep}]
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", program],
            os.environ,
            file_actions=actions,
        )
    finally:
        os.close(its)
    _linux_processes._orphans.append(pid)
    _linux.put(mine, _roentgen.encode((_setup.Setup(_setup.current()), preload)))
    return _began(mine)


def _began(mine: int) -> int:
    from ._process import _remote

    wait = _linux.Wait(120, "the template did not start")
    try:
        while True:
            try:
                parts = _linux.take(mine)
                break
            except BlockingIOError:
                wait.for_event(mine, select.POLLIN)
        if parts is None:
            raise OSError(errno.ECHILD, "the template's process ended before it was one")
        answer = _roentgen.decode(*parts)
        if answer[0] != 0:
            raise _remote(answer)
    except BaseException:
        os.close(mine)
        raise
    return mine


def main(socket: int, keep: list[int]) -> NoReturn:
    """Be a fresh template."""
    os.set_inheritable(socket, False)
    select.select([socket], [], [])
    parts = _linux.take(socket)
    assert parts is not None
    _serve(socket, keep, _prepare, (parts,))


def _prepare(parts: Any) -> None:
    import importlib

    _, preload = _roentgen.decode(*parts)
    for name in (*_setup.PRELOAD, *preload):
        importlib.import_module(name)


def freeze(keep: list[int]) -> int:
    """Leave a fork of the calling process behind."""
    from ._process import _only_thread

    try:
        _only_thread()
    except RuntimeError:
        raise RuntimeError(
            "a process with more than one thread cannot be frozen: a template has one"
        ) from None
    listing = os.open("/proc/self/fd", os.O_RDONLY)
    open_now = {int(name) for name in os.listdir(listing)} - {listing}
    os.close(listing)
    own = _linux_processes.own_descriptors
    others = sorted(number for number in open_now - {0, 1, 2, *keep} - own if is_open(number))
    if others:
        raise ValueError(
            f"descriptors are open that are not in keep: {', '.join(map(str, others))};"
            " close them, or list them: every process of the template has them then"
        )
    mine, its = _roentgen.socket_pair()
    first = _linux_processes._fork()
    if first == 0:
        # Nobody's child: its maker may end, and waits for nothing.
        if os.fork() != 0:
            os._exit(0)
        for number in (mine, *own):
            os.close(number)
        own.clear()
        _serve(its, keep, lambda: None, ())
    os.close(its)
    os.waitpid(first, 0)
    return _began(mine)


def _serve(
    socket: int, keep: list[int], prepare: Callable[..., None], args: tuple[Any, ...]
) -> NoReturn:
    """Answer requests until nobody can ask, and all children have ended."""
    import signal

    children: dict[int, tuple[int, int]] = {}
    status, answer = _roentgen.perform(prepare, args, None)
    with contextlib.suppress(OSError):
        _linux.put(socket, answer)
    if status != 0:
        os._exit(1)
    # An interrupt at the terminal is for the processes, not for what they are copied from.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    is_wanted = True
    while is_wanted or children:
        for ready, _ in poll.poll():
            if ready in children:
                pid, reports = children.pop(ready)
                poll.unregister(ready)
                _, status, usage = os.wait4(pid, 0)
                with contextlib.suppress(OSError):
                    message = _ENDED.pack(b"S", status, usage.ru_utime + usage.ru_stime)
                    _roentgen.socket_send(reports, message, [])
                os.close(reports)
                os.close(ready)
                continue
            try:
                request = _linux.take(socket)
            except BlockingIOError:
                continue
            if request is None:
                is_wanted = False
                poll.unregister(socket)
                continue
            child = _fork_for(request, keep, socket, children)
            if child is not None:
                children[child[1]] = (child[0], child[2])
                poll.register(child[1], select.POLLIN)
    os._exit(0)


def _fork_for(
    request: tuple[bytes, list[bytes], list[int]],
    keep: list[int],
    socket: int,
    children: dict[int, tuple[int, int]],
) -> tuple[int, int, int] | None:
    data, ranges, numbers = request
    reports, answer, *rest = numbers
    try:
        pid = os.fork()
    except OSError as error:
        with contextlib.suppress(OSError):
            _roentgen.socket_send(reports, _STARTED.pack(b"E", error.errno or 0), [])
        for number in numbers:
            os.close(number)
        return None
    if pid == 0:
        import signal

        signal.signal(signal.SIGINT, signal.default_int_handler)
        for pidfd, (_, report_socket) in children.items():
            os.close(pidfd)
            os.close(report_socket)
        os.close(socket)
        os.close(reports)
        _begin(answer, (data, ranges, rest))
    for number in numbers[1:]:
        os.close(number)
    descriptor = _roentgen.pidfd_open(pid)
    with contextlib.suppress(OSError):
        _roentgen.socket_send(reports, _STARTED.pack(b"P", pid), [descriptor])
    return pid, descriptor, reports


def _begin(answer: int, parts: tuple[bytes, list[bytes], list[int]]) -> NoReturn:
    """Be the new process: take what was sent, in the place where it is to be run."""

    def run() -> Any:
        options, standard, call = _roentgen.decode(*parts)
        for number in range(3):
            with contextlib.suppress(OSError):
                os.close(number)
        for number, descriptor in standard:
            os.dup2(descriptor.fileno(), number)
            descriptor.close()
        _linux_processes._limit(_options.Options(*options))
        _, function, args, kwargs = call
        return function(*args, **(kwargs or {}))

    _linux_processes.run_child(answer, run, (), _options.NONE, None)
