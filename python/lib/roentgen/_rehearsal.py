"""What a process does before it is frozen, so that the processes of the template need not.

The interpreter finds attributes by a cache in the heap, gives each class a version when it
is first asked for, and rewrites code that runs often. Who does that in a copy pays for it in
time and in pages; done here, it is in the template. Collecting garbage empties that cache:
it goes first.
"""

from __future__ import annotations

import contextlib
import os
import types
from collections.abc import Callable
from typing import Any

import _roentgen

from . import _setup
from ._channels import Channel, Receiver, Sender

__all__ = ["rehearse"]

#: Code that runs often is specialised after some rounds.
_ROUNDS = 3


def rehearse() -> None:
    """Do what a spawned process does, and what it is often spawned for."""
    # Whoever has no descriptor to spare goes without.
    with contextlib.suppress(OSError):
        for function in (_answer, _by_value(_answer)):
            for _ in range(_ROUNDS):
                _play(function)


def _answer(questions: Receiver, answers: Sender) -> None:
    for question in questions:
        answers.send((question, os.getpid(), _roentgen.current_core()))


def _by_value(function: types.FunctionType) -> types.FunctionType:
    """Return a copy of a function that cannot be found by its name, as one of a program's."""
    copy = types.FunctionType(
        function.__code__, {"__name__": "__main__", "os": os, "_roentgen": _roentgen}
    )
    copy.__module__ = "__main__"
    return copy


def _play(function: Callable[[Receiver, Sender], None]) -> None:
    with Channel(1) as calls, Channel(1) as questions, Channel(1) as answers:
        ends = questions.receiver, answers.sender
        calls.send((_setup.Setup(_setup.current()), function, ends, None))
        received: tuple[Any, ...] = calls.receive()
        questions.send(0)
        questions.close()
        _roentgen.rehearse(*received[1:])
        for end in (*ends, *received[2]):
            end.close()
