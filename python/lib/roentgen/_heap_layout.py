"""Learns which blocks of the heap spawned processes write, and says so.

    python -m roentgen._heap_layout >FILE

An interpreter becomes a template and records where its blocks lie; what some processes of a
copy of it write is traced. The outcome is for later interpreters of the same ELF, which find
it in :data:`roentgen._kernel_processes.HEAP_LAYOUT` and put these blocks together; see
``docs/processes.md``.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable

import _roentgen

from . import _kernel_processes, _rehearsal, _setup
from ._channels import Channel
from ._process import spawn
from ._templates import Template

__all__ = ["main"]

#: How often a profile is tried, and made anew from what is written then: the order of a few
#: allocations depends on where others lie.
_TRIALS = 2


def _learn(layout: str) -> bytes:
    """Have processes of a new template do what is usual; the profile."""
    with Template(_kernel_processes.start_template(layout), _setup.current()) as system:
        copy = _kernel_processes.make_template([], [], system.handle)
        with Template(copy, _setup.current()) as template:
            # Each trace has what was in the ones before.
            writes = _roentgen.traced_writes(copy)
            with _rehearsal.usual("learnt") as functions:
                for function in functions:
                    _have_done(function, template)
                    writes += _roentgen.traced_writes(copy)
        # Only a copy knows what was recorded.
        profile: bytes = spawn(_roentgen.heap_profile, writes, template=system).result()
    return profile


def _have_done(function: Callable[..., object], template: Template) -> None:
    with Channel(1) as questions, Channel(1) as answers:
        worker = spawn(function, questions.receiver, answers.sender, template=template)
        questions.send(1)
        answers.receive()
        questions.close()
        worker.join()


def main() -> None:
    """Write the profile to standard output."""
    # The order of allocations depends on hashes.
    seed = random.SystemRandom().randrange(1, 1 << 32)
    profile = _learn(f"record:{seed}")
    for _ in range(_TRIALS):
        with tempfile.NamedTemporaryFile() as file:
            file.write(profile)
            file.flush()
            profile = _learn(f"again:{file.name}")
    sys.stdout.buffer.write(profile)


if __name__ == "__main__":
    main()
