"""What a process does before it is frozen, so that the processes of the template need not.

The interpreter finds attributes by a cache in the heap, gives each class a version when it
is first asked for, and rewrites code that runs often. Who does that in a copy pays for it in
time and in pages; done here, it is in the template. Collecting garbage empties that cache:
it goes first.
"""

from __future__ import annotations

import contextlib
import os
import time
import types
from collections.abc import Callable
from typing import Any

import _roentgen

import roentgen

from . import _setup
from ._channels import Channel, Receiver, Sender

__all__ = ["USUAL", "rehearse"]

#: Code that runs often is specialised after some rounds.
_ROUNDS = 3


def _answer(questions: Receiver, answers: Sender) -> None:
    for question in questions:
        answers.send(question)


def _work(questions: Receiver, answers: Sender) -> list[str]:
    begin = time.monotonic()
    answers.send((questions.receive() * 2, os.getpid(), roentgen.current_core()))
    squares = [number * number for number in range(8) if number % 2]
    thirds = {f"{number:02d}": number / 3 for number in squares}
    try:
        thirds["none"]
    except KeyError:
        squares.append(sum(squares) + len(thirds) + max(squares) + int("7"))
    for number, square in enumerate(sorted(squares, key=lambda value: -value)):
        thirds[str(number)] = min(square, float(number), abs(begin - time.monotonic()))
    print(end="")
    for _ in questions:
        pass
    return " ".join(thirds).upper().split()


def _by_value(function: Callable[[Receiver, Sender], object]) -> types.FunctionType:
    """Return a copy of a function that cannot be found by its name, as one of a program's."""
    assert isinstance(function, types.FunctionType)
    names = {"__name__": "__main__", "os": os, "time": time, "roentgen": roentgen}
    copy = types.FunctionType(function.__code__, names)
    copy.__module__ = "__main__"
    return copy


#: What processes are usually spawned for, as far as one can know: functions of a receiver
#: and a sender.
USUAL: tuple[Callable[[Receiver, Sender], object], ...] = (
    _answer,
    _work,
    _by_value(_answer),
    _by_value(_work),
)


def rehearse() -> None:
    """Do what a spawned process does, and what it is often spawned for."""
    # Whoever has no descriptor to spare goes without.
    with contextlib.suppress(OSError):
        for function in USUAL:
            for _ in range(_ROUNDS):
                _play(function)


def _play(function: Callable[[Receiver, Sender], object]) -> None:
    with Channel(1) as calls, Channel(1) as questions, Channel(1) as answers:
        ends = questions.receiver, answers.sender
        calls.send((_setup.Setup(_setup.current()), function, ends, None))
        received: tuple[Any, ...] = calls.receive()
        questions.send(1)
        questions.close()
        _roentgen.rehearse(*received[1:])
        for end in (*ends, *received[2]):
            end.close()
