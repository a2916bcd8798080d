"""The scheduler, in Python.

A process decides where the threads of the machine run, for how long, with which weight, and
which goes first; the kernel reads what it decided, and tells it what happens::

    from roentgen import sched

    class Patient(sched.Policy):
        def slice(self, task):
            return 0.02

    with sched.attach(Patient()):
        ...

What a method returns holds until it returns something else; None leaves the decision to the
kernel. Events come in batches, and decisions go in batches: the kernel never waits for a
policy. One that sleeps, loops, raises, dies or decides what cannot be is thrown out, and the
kernel's own takes over within a tenth of a second: :meth:`Attached.check` and
:func:`status` say why, and the kernel's log does.

There is one policy at a time. It is for who may use devices: see :mod:`roentgen.io`. In
:mod:`roentgen.policies` are some to read, and to run.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, NamedTuple, Self

import _roentgen

from ._channels import Channel
from ._errors import ChannelClosed, ProcessDied, require_kernel
from ._policy_loop import Loop, Policy, PolicyEnded, Task
from ._process import spawn
from ._tables import pairs

__all__ = [
    "Attached",
    "Ending",
    "Policy",
    "PolicyEnded",
    "Status",
    "Task",
    "attach",
    "run",
    "status",
]

#: Seconds that a policy may take to decide for the first time.
PATIENCE = 30.0


class Ending(NamedTuple):
    """How a policy ended."""

    number: int
    """The policy's: each has another one."""
    process: int
    """The process that it was; 0: none had begun."""
    at: float
    """When, on :func:`time.monotonic`'s clock."""
    cause: str
    """``closed`` by itself; ``failed`` by itself; ``died``; ``late``; ``nonsense``."""
    reason: str
    """The same in words."""


class Status(NamedTuple):
    """What decides what runs."""

    process: int
    """The process that is the policy; 0: the kernel's own decides."""
    number: int
    """The policy's; 0: the kernel's own."""
    since: float
    """Since when, on :func:`time.monotonic`'s clock."""
    told: int
    """Events that it was told."""
    lost: int
    """Events that it was not, since it had not read those before."""
    misplaced: int
    """Times that it placed a thread where that may not run."""
    last: Ending | None
    """How the last policy ended; None: there was none."""


def status() -> Status:
    """Return which policy is in force, and why the last one ended."""
    require_kernel("roentgen.sched.status()")
    known = dict(pairs(_roentgen.policy_status()))

    def number(name: str) -> int:
        return int(known.get(name, 0))

    last = None
    if "last_number" in known:
        last = Ending(
            number("last_number"),
            number("last_process"),
            number("last_at") / 1e9,
            known["last_cause"],
            known["last_reason"],
        )
    return Status(
        number("process"),
        number("number"),
        number("since") / 1e9,
        number("told"),
        number("lost"),
        number("misplaced"),
        last,
    )


def _open(policy: Policy) -> int:
    flags = _roentgen.POLICY_RANKED if policy.is_ranked() else 0
    return _roentgen.policy(flags, policy.wanted())


def run(policy: Policy) -> None:
    """Be the machine's policy, with the calling process, for as long as it is in force.

    :raises PermissionError: the caller may not use devices.
    :raises OSError: with ``EBUSY``: there is a policy.
    :raises PolicyEnded: the kernel has thrown it out.
    """
    require_kernel("roentgen.sched.run()")
    fd = _open(policy)
    try:
        _serve(fd, policy)
    finally:
        os.close(fd)


def _serve(fd: int, policy: Policy, ready: Any = None) -> None:
    """Decide, until the kernel says that it is over."""
    try:
        loop = Loop(fd, policy)
        loop.step()
        if ready is not None:
            ready.send(True)
        loop.run()
    except PolicyEnded as ended:
        last = status().last
        if last is not None and last.cause == "closed":
            return
        raise PolicyEnded(last.reason if last is not None else str(ended)) from None
    except BaseException as error:
        # First of all: nobody decides any more.
        with contextlib.suppress(OSError):
            os.write(fd, f"it raised {error!r}".encode())
        raise


def _child(descriptor: Any, policy: Policy, ready: Any) -> None:
    fd = descriptor.detach()
    try:
        _serve(fd, policy, ready)
    finally:
        os.close(fd)


class Attached:
    """A policy in a process of its own. Made by :func:`attach`; detached by ``with``."""

    def __init__(self, fd: int, process: Any) -> None:
        self._fd = fd
        self._process = process

    @property
    def pid(self) -> int:
        """The process that is the policy."""
        pid: int = self._process.pid
        return pid

    @property
    def attached(self) -> bool:
        """Whether it still decides."""
        return self._fd >= 0 and status().process == self.pid

    def check(self) -> None:
        """Raise if it was thrown out.

        :raises PolicyEnded: it was; the text says why, the cause is what it raised.
        """
        if self._fd < 0 or self.attached:
            return
        last = status().last
        reason = last.reason if last is not None and last.process == self.pid else "it has ended"
        cause: BaseException | None = None
        try:
            self._process.result(1)
        except TimeoutError:
            # It was thrown out, and does not know yet.
            pass
        except Exception as error:
            cause = error
        raise PolicyEnded(reason) from cause

    def detach(self) -> None:
        """Give the decision back to the kernel's own policy."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        # With nothing to say: it is over.
        with contextlib.suppress(OSError):
            os.write(fd, b"\n")
        os.close(fd)
        try:
            self._process.join(1)
        except TimeoutError:
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        state = "detached" if self._fd < 0 else f"process {self.pid}"
        return f"<roentgen.sched.Attached {state}>"


def attach(policy: Policy, *, core: int | None = None) -> Attached:
    """Have a policy decide, in a process of its own, from now on.

    It is sent there, as by :func:`roentgen.spawn`: what it changes is there.

    :param core: the core that the process runs on; any, where it is not given.
    :raises PermissionError: the caller may not use devices.
    :raises OSError: with ``EBUSY``: there is a policy.
    :raises Exception: what it raised before it had decided for the first time.
    """
    require_kernel("roentgen.sched.attach()")
    fd = _open(policy)
    try:
        begun = Channel(1)
        sender, receiver = begun.sender, begun.receiver
        # The policy alone reports, so that its end shows.
        begun._drop()
        descriptor = _roentgen.Descriptor(fd)
        process = spawn(_child, descriptor, policy, sender, core=core, name="policy")
        sender.close()
        try:
            receiver.receive(PATIENCE)
        except ChannelClosed:
            process.result(1)
            raise ProcessDied("the policy's process ended", process.exitcode) from None
        finally:
            receiver.close()
        # It decides from its first wait on.
        number = None
        while number != process.pid and process.is_alive():
            number = status().process
            last = status().last
            if last is not None and last.process == process.pid:
                break
            time.sleep(0.001)
    except BaseException:
        os.close(fd)
        raise
    return Attached(fd, process)
