"""Channels on Linux, in the manner of Roentgen's: slower, and a waiter looks by itself now
and then whether the others are still there.

A channel is a pair of sockets for whole messages. A counter has a token for each message
that there is room for. A small file in memory holds what all must know: whether the
channel is closed, and whether there ever was a second sender or receiver; who is there
now shows in locks on the file, which go with their holders. What is too large for a socket
travels in a file in memory as well.
"""

from __future__ import annotations

import errno
import os
import select
import struct
import time
import weakref
from typing import Any

import _roentgen

from ._errors import ChannelClosed, PeersGone

#: Seconds after which a waiter has to look again by itself.
PATIENCE: float | None = 0.05

#: Bytes that go through the socket as they are.
_MOST_INLINE = 32 << 10
#: A receiver's room.
_ROOM = _MOST_INLINE + 64
_IN_FILE = b"\1"
_INLINE = b"\0"
_ONE = (1).to_bytes(8, "little")

#: Bytes of the file: a channel is closed; there ever was another sender, another receiver.
#: The locks of those who send and receive are on the same bytes as the latter.
_CLOSED, _SENDERS, _RECEIVERS = 0, 1, 2

#: All ends of this process.
_ends: weakref.WeakSet[End] = weakref.WeakSet()


class End:
    """An end of a channel. A descriptor that it does not have is -1."""

    def __init__(self, sender: int, receiver: int, tokens: int, state: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.tokens = tokens
        self.state = state
        self.owner = os.getpid()
        _ends.add(self)

    def another(self) -> int:
        """Return the file once more, with the locks of one that is there."""
        state = os.open(f"/proc/self/fd/{self.state}", os.O_RDWR | os.O_CLOEXEC)
        if self.sender >= 0:
            _roentgen.hold(state, _SENDERS)
        if self.receiver >= 0:
            _roentgen.hold(state, _RECEIVERS)
        return state

    def descriptors(self) -> list[int]:
        """Return those that it has."""
        parts = (self.sender, self.receiver, self.tokens, self.state)
        return [number for number in parts if number >= 0]

    def others_come(self) -> None:
        """Note that there is another end which may do the same."""
        if self.sender >= 0:
            os.pwrite(self.state, b"\1", _SENDERS)
        if self.receiver >= 0:
            os.pwrite(self.state, b"\1", _RECEIVERS)

    def is_closed(self) -> bool:
        """Say whether somebody closed the channel."""
        return os.pread(self.state, 1, _CLOSED) == b"\1"

    def are_others_gone(self, which: int, own: int) -> bool:
        """Say whether there once was another sender or receiver, and is none now."""
        if own >= 0 and os.pread(self.state, 1, which) != b"\1":
            return False
        return not _roentgen.is_held(self.state, which)

    def close(self) -> None:
        """Go."""
        numbers = self.descriptors()
        self.sender = self.receiver = self.tokens = self.state = -1
        if self.owner == os.getpid():
            for number in numbers:
                os.close(number)


def after_fork() -> None:
    """Make the ends of a clone ends of its own."""
    for end in list(_ends):
        if end.state >= 0:
            # First there, then known of: nobody is to find one that has gone.
            shared, end.state = end.state, end.another()
            end.owner = os.getpid()
            os.close(shared)
            end.others_come()


def make_channel(capacity: int) -> End:
    """Return the first end of a new channel."""
    if not 1 <= capacity <= 1 << 16:
        raise OSError(errno.EINVAL, "a channel holds 1 to 65536 messages")
    sender, receiver = _roentgen.socket_pair()
    state = _roentgen.memory_file()
    os.pwrite(state, b"\0\0\0", 0)
    end = End(sender, receiver, _roentgen.semaphore(capacity), state)
    _roentgen.hold(state, _SENDERS)
    _roentgen.hold(state, _RECEIVERS)
    return end


def narrow(end: End, sends: bool, receives: bool) -> End:
    """Return a further end, which may do no more than this."""
    if sends and end.sender < 0 or receives and end.receiver < 0:
        raise PermissionError(errno.EACCES, "the end may not do this itself")
    new = End(
        os.dup(end.sender) if sends else -1,
        os.dup(end.receiver) if receives else -1,
        os.dup(end.tokens),
        -1,
    )
    new.state = end.state
    new.state = new.another()
    new.others_come()
    return new


def close_end(end: End) -> None:
    """Drop an end."""
    end.close()


def close_channel(end: End) -> None:
    """Close the channel for everybody."""
    if end.sender < 0:
        raise OSError(errno.EBADF, "the end may not send")
    os.pwrite(end.state, b"\1", _CLOSED)
    _roentgen.socket_close(end.sender)


def receiving_fileno(end: End) -> int:
    """Return the descriptor that is readable where a message is there, or the end."""
    return end.receiver


def sending_fileno(end: End) -> tuple[int, bool]:
    """Return the descriptor that tells of room, and whether by being writable."""
    return end.tokens, False


def descriptors(end: End) -> tuple[Any, ...]:
    """Return what goes into a message for an end."""
    end.others_come()
    *parts, _ = end.descriptors()
    # The message holds the locks of an end, until somebody has it.
    held = _roentgen.Descriptor(end.another(), True)
    return (*map(_roentgen.Descriptor, parts), held)


def from_descriptors(parts: tuple[Any, ...], sends: bool, receives: bool) -> End:
    """Return the end that arrived."""
    numbers = [part.detach() for part in parts]
    sender = numbers.pop(0) if sends else -1
    receiver = numbers.pop(0) if receives else -1
    return End(sender, receiver, *numbers)


class Wait:
    """How long something may take, in steps after which one looks around."""

    def __init__(self, timeout: float | None, what: str) -> None:
        if timeout is not None and not timeout >= 0:
            raise ValueError("a timeout is a number of seconds, 0 or more")
        self.timeout = timeout
        self.what = what
        self.end = None if timeout is None else time.monotonic() + timeout
        self.step = 0.005

    def for_event(self, descriptor: int, event: int) -> None:
        """Wait a step for an event; raises TimeoutError at the end."""
        left = self.step
        if self.end is not None:
            left = min(left, self.end - time.monotonic())
            if left <= 0:
                raise TimeoutError(
                    f"{self.what} within {self.timeout} s" if self.timeout else f"{self.what} yet"
                )
        self.step = min(self.step * 1.5, PATIENCE or 1)
        poll = select.poll()
        poll.register(descriptor, event)
        poll.poll(max(1, int(left * 1000)))


def _gone() -> PeersGone:
    return PeersGone(errno.ECONNRESET, "all others at the channel have ended or closed their ends")


def _closed() -> ChannelClosed:
    return ChannelClosed(errno.EPIPE, "the channel is closed")


def put(socket: int, parts: Any) -> None:
    """Send an encoded value into a socket; BlockingIOError where there is no room."""
    data, ranges, numbers, _ = parts
    if not ranges and len(data) <= _MOST_INLINE:
        _roentgen.socket_send(socket, _INLINE + data, numbers)
        return
    file = _roentgen.memory_file()
    try:
        for part in (data, *ranges):
            with memoryview(part) as view:
                rest = view
                while len(rest) > 0:
                    rest = rest[os.write(file, rest) :]
        lengths = [len(part) for part in (data, *ranges)]
        header = _IN_FILE + struct.pack(f"<{len(lengths)}Q", *lengths)
        _roentgen.socket_send(socket, header, [file, *numbers])
    finally:
        os.close(file)


def take(socket: int) -> tuple[bytes, list[bytes], list[int]] | None:
    """Receive an encoded value; None at the end; BlockingIOError where there is none."""
    data, numbers = _roentgen.socket_receive(socket, _ROOM)
    if not data:
        return None
    if data[:1] == _INLINE:
        return data[1:], [], numbers
    lengths = struct.unpack(f"<{len(data) // 8}Q", data[1:])
    file = numbers.pop(0)
    parts = []
    try:
        offset = 0
        for length in lengths:
            parts.append(_read(file, offset, length))
            offset += length
    finally:
        os.close(file)
    return parts[0], parts[1:], numbers


def _read(file: int, offset: int, length: int) -> bytes:
    pieces = []
    while length > 0:
        piece = os.pread(file, min(length, 1 << 30), offset)
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _take_token(end: End, wait: Wait) -> None:
    while True:
        if end.is_closed():
            raise _closed()
        if end.are_others_gone(_RECEIVERS, end.receiver):
            raise _gone()
        try:
            os.read(end.tokens, 8)
        except BlockingIOError:
            wait.for_event(end.tokens, select.POLLIN)
        else:
            return


def send(end: End, value: object, timeout: float | None = None) -> None:
    """Send a value."""
    if end.sender < 0:
        raise OSError(errno.EBADF, "the end is closed, or may not send")
    wait = Wait(timeout, "there was no room")
    parts = _roentgen.encode(value)
    _take_token(end, wait)
    is_sent = False
    try:
        while not is_sent:
            try:
                put(end.sender, parts)
                is_sent = True
            except BlockingIOError:
                if end.is_closed():
                    raise _closed() from None
                if end.are_others_gone(_RECEIVERS, end.receiver):
                    raise _gone() from None
                wait.for_event(end.sender, select.POLLOUT)
            except ConnectionError:
                raise (_closed() if end.is_closed() else _gone()) from None
    finally:
        if not is_sent:
            os.write(end.tokens, _ONE)


def receive(end: End, timeout: float | None = None) -> Any:
    """Receive the next value."""
    if end.receiver < 0:
        raise OSError(errno.EBADF, "the end is closed, or may not receive")
    wait = Wait(timeout, "there was no message")
    is_last_look = False
    while True:
        try:
            message = take(end.receiver)
        except BlockingIOError:
            pass
        else:
            if message is None:
                raise _closed() if end.is_closed() else _gone()
            os.write(end.tokens, _ONE)
            return _roentgen.decode(*message)
        if end.are_others_gone(_SENDERS, end.sender):
            # One may have sent and gone since the look before.
            if is_last_look:
                raise _gone()
            is_last_look = True
            continue
        is_last_look = False
        wait.for_event(end.receiver, select.POLLIN)
