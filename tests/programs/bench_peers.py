"""Processes in Python, as one would make them here and on Linux: bench_peers.py ROUNDS SIZE SAMPLES.

On Roentgen by the package `roentgen`. On Linux by CPython and its `multiprocessing`: started
by the interpreter that both kernels have, this program becomes CPython's there.

  peer_process   a process that does nothing, made and waited for
  peer_command   an interpreter that does nothing, started by its command and waited for
  peer_message   64 bytes there and back between two processes
  peer_call      a call in a pool of two processes that are there
  peer_work      a loop of SIZE turns in one process of that pool
  peer_two       the time of that over the time of two at once, one in each process

Prints lines `NAME VALUE`: nanoseconds, but for the last one, of which 1 is ideal. A sample
more is taken first, which warms up.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

#: Debian's CPython in the control.
CPYTHON = "/usr/bin/python3.11"

IS_PEER = sys.implementation.name == "cpython"
if IS_PEER:
    import multiprocessing
else:
    import roentgen

    if not roentgen.is_roentgen():
        os.execv(CPYTHON, [CPYTHON, *sys.argv])

BYTES = b"a" * 64
#: What asks, and ends when everything was asked.
Ask = Callable[[bytes], bytes]


def made() -> None:
    """One process, made and waited for."""
    process: Any
    if IS_PEER:
        process = multiprocessing.get_context("fork").Process(target=bool)
        process.start()
    else:
        process = roentgen.spawn(bool)
    process.join()
    if process.exitcode != 0:
        sys.exit(f"a process ended with {process.exitcode}")


def commanded() -> None:
    """One interpreter, started and waited for."""
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("a child failed")


def answer(receive: Callable[[], bytes], send: Callable[[bytes], object]) -> None:
    """Return what comes, until it is empty."""
    while content := receive():
        send(content)


def answer_channel(questions: Any, answers: Any) -> None:
    """The other end of two channels."""
    answer(questions.receive, answers.send)


def answer_pipe(end: Any) -> None:
    """The other end of a pipe."""
    answer(end.recv_bytes, end.send_bytes)


@contextmanager
def answerer() -> Iterator[Ask]:
    """A process that answers."""
    process: Any
    if IS_PEER:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(target=answer_pipe, args=(theirs,))
        process.start()
        send: Callable[[bytes], object] = ours.send_bytes
        receive: Callable[[], bytes] = ours.recv_bytes
    else:
        questions, answers = roentgen.Channel(1), roentgen.Channel(1)
        process = roentgen.spawn(answer_channel, questions.receiver, answers.sender)
        send, receive = questions.send, answers.receive

    def ask(content: bytes) -> bytes:
        send(content)
        return receive()

    yield ask
    send(b"")
    process.join()
    if process.exitcode != 0:
        sys.exit(f"the answering process ended with {process.exitcode}")


def work(size: int) -> int:
    """Keep a core busy, with little memory."""
    total = 0
    for number in range(size):
        total = (total * 31 + number) % 1000003
    return total


def timed(body: Callable[[], object]) -> int:
    """The nanoseconds that it takes."""
    begin = time.monotonic_ns()
    body()
    return time.monotonic_ns() - begin


def measured(name: str, body: Callable[[], object], count: int, samples: int) -> None:
    """Print samples, for one of so many."""

    def repeat() -> None:
        for _ in range(count):
            body()

    for sample in range(samples + 1):
        spent = timed(repeat) / count
        if sample:
            print(name, spent, flush=True)


def all_work(pool: Executor, sizes: list[int]) -> None:
    """Work in as many processes as there are sizes."""
    if list(pool.map(work, sizes)) != [work_known(size) for size in sizes]:
        sys.exit("the work came out wrong")


@cache
def work_known(size: int) -> int:
    """What the work comes to; found out once."""
    return work(size)


def pools(rounds: int, size: int, samples: int) -> None:
    """Calls, and work, in a pool of two."""
    work_known(size)
    work_known(1)
    pool: Executor = ProcessPoolExecutor(2) if IS_PEER else roentgen.Pool(2)
    with pool:
        all_work(pool, [size, size])
        measured("peer_call", lambda: all_work(pool, [1]), rounds, samples)
        alone = [timed(lambda: all_work(pool, [size])) for _ in range(samples)]
        together = [timed(lambda: all_work(pool, [size, size])) for _ in range(samples)]
    for spent in alone:
        print("peer_work", spent, flush=True)
    print("peer_two", statistics.median(alone) / statistics.median(together), flush=True)


def main() -> None:
    """Measure."""
    rounds, size, samples = (int(word) for word in sys.argv[1:])
    # For the semaphores of a pool; an init makes it elsewhere.
    if IS_PEER and not os.path.isdir("/dev/shm"):
        os.mkdir("/dev/shm")
    measured("peer_process", made, rounds, samples)
    measured("peer_command", commanded, 1, samples)
    with answerer() as ask:
        if ask(BYTES) != BYTES:
            sys.exit("the bytes came back wrong")
        measured("peer_message", lambda: ask(BYTES), 10 * rounds, samples)
    pools(rounds, size, samples)


main()
