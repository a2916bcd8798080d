"""Writes the system's template: the file that machines boot with.

    python -m roentgen._saved_template >FILE

An interpreter is started that does nothing yet, imports what every spawned process needs,
and is frozen. Standard output gets the file, compressed by :mod:`zlib`.
"""

from __future__ import annotations

import os
import sys
import zlib

from . import _kernel_processes

__all__ = ["main"]

_PIECE = 1 << 20


def main() -> None:
    """Make the template, and write it."""
    template = _kernel_processes.start_template()
    packer = zlib.compressobj(1)
    while piece := os.read(template, _PIECE):
        sys.stdout.buffer.write(packer.compress(piece))
    sys.stdout.buffer.write(packer.flush())


if __name__ == "__main__":
    main()
