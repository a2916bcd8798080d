"""Run modules of Twisted's own test suite, one result line per test id.

    python run_twisted.py --list twisted.toml [MODULE...]

As `run_cpython.py`, whose lines and options these are, but for two things.  Every
module runs in a fork of a process that has imported most of Twisted, since that takes
an emulator longer than most modules do.  And the reactors are chosen: tests that run
on the process's own run on Roentgen's, those that Twisted runs on every reactor it
knows (`ReactorBuilder`) run on `epoll`'s and on Roentgen's.
"""

from __future__ import annotations

import os
import sys
import traceback
import types

import run_cpython

#: As in `typing`, which nothing here has to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What Twisted's tests import, as far as it can be imported before the reactor is chosen.
IMPORTED = [
    "roentgen.twisted_reactor", "twisted.trial.unittest", "twisted.internet.endpoints",
    "twisted.internet.defer", "twisted.internet.task", "twisted.internet.tcp",
    "twisted.internet.udp", "twisted.internet.unix", "twisted.internet.process",
    "twisted.internet.threads", "twisted.internet.epollreactor",
    "twisted.internet.testing", "twisted.protocols.basic", "twisted.protocols.policies",
    "twisted.internet.protocol", "twisted.python.threadpool",
    "twisted.python.filepath", "twisted.internet.test.reactormixins", "hamcrest",
]  # fmt: skip
REACTORS = [
    "twisted.internet.epollreactor.EPollReactor",
    "roentgen.twisted_reactor.RoentgenReactor",
]


def prepare() -> None:
    """Choose the reactors; and say that no interface has a link-local address.

    Twisted's tests ask that of a C library that is loaded; there is none to load.
    """
    from roentgen import twisted_reactor
    from twisted.internet.test.reactormixins import ReactorBuilder

    interfaces: Any = types.ModuleType("twisted.internet.test._posixifaces")
    interfaces.posixGetLinkLocalIPv6Addresses = list
    sys.modules[interfaces.__name__] = interfaces
    twisted_reactor.install()
    ReactorBuilder._reactors = REACTORS


class Forked:
    """A process that runs a function, in the manner of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    def poll(self) -> int | None:
        """Return its status, where it has ended."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Wait for its end, and return its status."""
        status = self._wait(0)
        assert status is not None
        return status

    def _wait(self, options: int) -> int | None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status


class Module(run_cpython.Module):
    """A module's run, in a fork of this process."""

    def launch(self, writer: int, todo: str) -> None:
        """Start the process, which writes its results there."""
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self.process = Forked(pid)
            return
        try:
            os.setsid()
            os.chdir(self.directory)
            os.environ["HOME"] = self.directory
            os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
            output = self.open_output()
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            os.close(self.pipe)
            with open(todo, encoding="utf-8") as file:
                lines = file.read().splitlines()
            os.unlink(todo)
            run_cpython.run_module(self.name, writer, lines, "", prepare)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)  # not held up by threads that a test left behind


if __name__ == "__main__":
    for name in IMPORTED:
        __import__(name)
    if "twisted.internet.reactor" in sys.modules:
        sys.exit("the reactor was chosen too early")
    run_cpython.main(Module, "Twisted")
