"""A child that touches memory it has not got dies, and only it."""

import ctypes
import os
import resource
import signal
import sys

FAULTS = {
    "null": lambda: ctypes.string_at(8),
    "kernel half": lambda: ctypes.string_at(0xFFFF_8000_0000_0000),
    "non-canonical": lambda: ctypes.string_at(0x8000_0000_0000),
    "write to code": lambda: ctypes.memset(0x40_0000, 0, 1),
}


def main():
    """Fault in children of every kind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, fault in FAULTS.items():
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            fault()
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(
            name,
            signal.Signals(os.WTERMSIG(status)).name
            if os.WIFSIGNALED(status)
            else os.WEXITSTATUS(status),
        )
    print("still here")


if __name__ == "__main__":
    main()
