"""What both kernels' backends ask of descriptors."""

from __future__ import annotations

import os
import select


def is_open(number: int) -> bool:
    """Say whether a descriptor is open."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def wait_for_end(sentinel: int, timeout: float | None) -> None:
    """Wait until a process's sentinel is readable.

    :raises ValueError: the timeout is negative, or no number.
    :raises TimeoutError: it was not in time.
    """
    if timeout is not None and not timeout >= 0:
        raise ValueError("a timeout is a number of seconds, 0 or more")
    poll = select.poll()
    poll.register(sentinel, select.POLLIN)
    if not poll.poll(None if timeout is None else timeout * 1000):
        raise TimeoutError(
            f"the process has not ended within {timeout} s"
            if timeout
            else "the process has not ended yet"
        )
