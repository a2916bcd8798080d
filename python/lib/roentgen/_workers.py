"""Processes that serve calls one after the other: what pools and residents are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _roentgen

from ._channels import Channel, Receiver, Sender
from ._errors import ChannelClosed
from ._process import Process, _remote, spawn

__all__ = ["Worker", "value_of"]

#: An answer before the first call: the initializer is done.
_READY = (0, None)


def value_of(answer: tuple[Any, ...]) -> Any:
    """Return what an answer holds, or raise it."""
    if answer[0] == 0:
        return answer[1]
    raise _remote(answer)


def _serve(
    calls: Receiver,
    answers: Sender,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
) -> None:
    """Be the worker."""
    if initializer is not None:
        initializer(*initargs)
        answers.send(_READY)
    while True:
        try:
            fn, args, kwargs = calls.receive()
        except ChannelClosed:
            # Whoever had work for us has none any more, or is gone.
            return
        except Exception as error:
            # The call cannot be made here: a module is missing, say.
            answer = _roentgen.failure(error)
        else:
            answer = _call(fn, args, kwargs)
            del fn, args, kwargs
        try:
            answers.send(answer)
        except ChannelClosed:
            return
        except Exception as error:
            answers.send(_roentgen.failure(error))
        del answer


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return (0, fn(*args, **kwargs))
    except BaseException as error:
        return _roentgen.failure(error)


class Worker:
    """A process that serves calls. Whoever has one sees to it that they do not overlap."""

    def __init__(
        self,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **options: Any,
    ) -> None:
        calls, answers = Channel(1), Channel(1)
        theirs = calls.receiver, answers.sender
        self._calls = calls.sender
        self.answers = answers.receiver
        # Only the worker answers, so that its end shows in the channel.
        calls._drop()
        answers._drop()
        self.process: Process = spawn(_serve, *theirs, initializer, initargs, **options)
        for end in theirs:
            end.close()
        self.is_ready = initializer is None
        """Whether its initializer is done."""

    def send(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Give it a call."""
        self._calls.send((fn, args, kwargs))

    def receive(self, timeout: float | None = None) -> tuple[Any, ...]:
        """Return its next answer, for :func:`value_of`.

        :raises ChannelClosed: it has died.
        """
        answer: tuple[Any, ...] = self.answers.receive(timeout)
        return answer

    def end(self) -> None:
        """Let it end when it has answered."""
        self._calls.close()

    def close(self) -> None:
        """Let go of it."""
        self._calls.close()
        self.answers.close()
        self.process.close()
