"""Learns which blocks of the heap spawned processes write, and says so.

    python -m roentgen._heap_layout >FILE

A fresh interpreter, started as the default template's maker is, records where its blocks
lie, and has the writes of a few processes traced. The outcome is for later interpreters of
the same ELF, which find it in :data:`roentgen._kernel_processes.HEAP_LAYOUT` and put these
blocks together; see ``docs/processes.md``.
"""

from __future__ import annotations

import random
import sys

import _roentgen

from . import _kernel_processes, _rehearsal, _setup
from ._channels import Channel
from ._process import Process, spawn
from ._templates import Template


def _learn() -> bytes:
    """Freeze this process, and let its copies do what copies usually do."""
    frozen = _kernel_processes.freeze_fresh([], []).detach()
    _roentgen.trace(frozen)
    with Template(frozen, _setup.current()) as template:
        for function in _rehearsal.USUAL:
            with Channel(1) as questions, Channel(1) as answers:
                ends = questions.receiver, answers.sender
                worker = spawn(function, *ends, template=template)
                questions.send(1)
                answers.receive()
                questions.close()
                worker.join()
        profile: bytes = _roentgen.heap_profile(frozen)
    return profile


def main() -> None:
    """Write the seed of hashes, four bytes, and the profile to standard output."""
    # The order of allocations depends on it.
    seed = random.SystemRandom().randrange(1, 1 << 32)
    layout = {"PYTHONHASHSEED": str(seed), "ROENTGEN_HEAP_LAYOUT": "record"}
    call = (_setup.Setup(_setup.current()), _learn, (), None)
    with Process(*_kernel_processes.start_fresh(call, [], layout), "learner") as learner:
        sys.stdout.buffer.write(seed.to_bytes(4, "little") + learner.result())


if __name__ == "__main__":
    # As a module that can be imported: its functions go to other processes.
    from roentgen import _heap_layout

    _heap_layout.main()
