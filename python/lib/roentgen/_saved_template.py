"""Writes the system's template: the file that machines boot with.

    python -m roentgen._saved_template >FILE

An interpreter is started that does nothing yet, imports what every spawned process needs,
and is frozen. Standard output gets the file, compressed by :mod:`zlib`.
"""

from __future__ import annotations

import os
import sys
import zlib

import _roentgen

from ._options import NONE
from ._process import Process

__all__ = ["main"]

#: The environment of the interpreter, as far as it looks at it. A machine whose first
#: process has other values starts that from nothing.
_NAMES = ("HOME", "LANG")

_PIECE = 1 << 20


def main() -> None:
    """Make the template, and write it."""
    environment = {name: os.environ[name] for name in _NAMES if name in os.environ}
    environment["ROENTGEN_TEMPLATE"] = "1"
    variables = [os.fsencode(f"{name}={value}") for name, value in environment.items()]
    started = _roentgen.spawn_program([os.fsencode(sys.executable)], variables, [], (), NONE)
    with Process(*started, "template") as maker:
        template = maker.result().detach()
    packer = zlib.compressobj(1)
    while piece := os.read(template, _PIECE):
        sys.stdout.buffer.write(packer.compress(piece))
    sys.stdout.buffer.write(packer.flush())


if __name__ == "__main__":
    main()
