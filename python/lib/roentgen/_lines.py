"""What a resident does for an interrupt line: the thread that runs its routine."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from typing import Any

import _roentgen

from ._channels import Sender
from ._errors import ChannelClosed

__all__ = ["begin"]


def begin(line: Any, fn: Callable[[int], object], reports: Sender, name: str) -> None:
    """Serve a line from now on, beside what else the interpreter does."""
    arguments = line.detach(), fn, reports
    threading.Thread(target=_serve, args=arguments, name=name, daemon=True).start()


def _serve(fd: int, fn: Callable[[int], object], reports: Sender) -> None:
    """Run a routine for each interrupt, until the line is taken away or it raises."""
    # Whatever runs between the wait and the routine is latency.
    wait = _roentgen.line_wait
    try:
        while True:
            try:
                count = wait(fd, None)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                raise
            fn(count)
    except BaseException as error:
        # First of all: nobody serves the line any more, and what follows is not urgent.
        with contextlib.suppress(OSError):
            os.write(fd, bytes(8))
        os.close(fd)
        fd = -1
        try:
            reports.send(_roentgen.failure(error), 0)
        except (ChannelClosed, TimeoutError):
            # Whoever attached it does not want to know.
            pass
        # It is said on standard error, as for any thread.
        raise
    finally:
        if fd >= 0:
            os.close(fd)
        reports.close()
