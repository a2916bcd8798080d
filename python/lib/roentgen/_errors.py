"""What can go wrong with processes and channels."""

from __future__ import annotations

import errno

import _roentgen

__all__ = [
    "ChannelClosed",
    "CpuTimeExceeded",
    "DeadlineExceeded",
    "MachineOutOfMemory",
    "MemoryLimitExceeded",
    "NotAvailable",
    "NotEnforced",
    "PeersGone",
    "ProcessDied",
    "RemoteError",
    "RemoteTraceback",
]


class NotAvailable(OSError):
    """The kernel under this interpreter has no such facility."""


class NotEnforced(RuntimeWarning):
    """A limit holds only in part on this kernel, as the text says."""


class ChannelClosed(ConnectionError):
    """Nothing is sent through the channel any more: somebody closed it."""


class PeersGone(ChannelClosed):
    """All others that could send or receive have ended, or closed their ends."""


class ProcessDied(RuntimeError):
    """A process ended without a result."""

    def __init__(self, message: str, exitcode: int | None = None) -> None:
        super().__init__(message, exitcode)
        self.exitcode = exitcode
        """What :attr:`roentgen.Process.exitcode` says: a negative number is a signal."""

    def __str__(self) -> str:
        return str(self.args[0])


class MemoryLimitExceeded(ProcessDied):
    """A process wanted more memory than its limit, and was killed."""


class CpuTimeExceeded(ProcessDied):
    """A process ran longer than its limit, and was killed."""


class DeadlineExceeded(ProcessDied):
    """A process was still there at its deadline, and was killed."""


class MachineOutOfMemory(ProcessDied):
    """The machine had no memory left, and the process was the largest."""


class RemoteError(RuntimeError):
    """A process raised an exception that cannot be made again here: its text."""


class RemoteTraceback(Exception):
    """The cause of an exception that comes from another process: its traceback's text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def require_kernel(what: str) -> None:
    """Refuse what needs Roentgen's own kernel, where that is another one.

    :raises NotAvailable: it is.
    """
    if _roentgen.version() is None:
        raise NotAvailable(
            errno.ENOSYS,
            f"{what} needs the Roentgen kernel; this interpreter runs on Linux",
        )
