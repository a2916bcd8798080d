"""What a process does before it is frozen, so that the processes of the template need not.

The interpreter finds attributes by a cache in the heap, gives each class a version when it
is first asked for, and rewrites code that runs often. Who does that in a copy pays for it in
time and in pages; done here, it is in the template. Collecting garbage empties that cache:
it goes first.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import types
from collections.abc import Callable, Generator
from typing import Any

import _roentgen

import roentgen

from . import _setup
from ._channels import Channel, Receiver, Sender

__all__ = ["rehearse", "usual"]

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


#: Modules that :func:`_work` finds among its globals.
_MODULES = {"os": os, "time": time, "roentgen": roentgen}


def _of_program(function: Callable[[Receiver, Sender], object], mark: str) -> types.FunctionType:
    """Return a copy of a function as a program has it: in ``__main__``, its variables with
    names of its own."""
    assert isinstance(function, types.FunctionType)
    code = function.__code__
    names = tuple(f"{name}_{mark}{function.__name__}" for name in code.co_varnames)
    copy = types.FunctionType(code.replace(co_varnames=names), vars(sys.modules["__main__"]))
    copy.__module__ = "__main__"
    return copy


@contextlib.contextmanager
def usual(mark: str) -> Generator[list[Callable[[Receiver, Sender], object]]]:
    """Give what processes are usually spawned for, as far as one can know: functions of a
    receiver and a sender, those that do the least first. They can be sent within ``with``.

    :param mark: a part of a program's names, so that nobody knows them yet.
    """
    functions = (_answer, _work)
    main = vars(sys.modules["__main__"])
    added = _MODULES.keys() - main.keys()
    main |= {name: _MODULES[name] for name in added}
    try:
        yield [kind for own in functions for kind in (own, _of_program(own, mark))]
    finally:
        for name in added:
            del main[name]


def rehearse() -> None:
    """Do what a spawned process does, and what it is often spawned for."""
    # Whoever has no descriptor to spare goes without.
    with contextlib.suppress(OSError):
        for number in range(_ROUNDS):
            with usual(f"rehearsed_{number}") as functions:
                for function in functions:
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
