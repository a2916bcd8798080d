"""Bytes there and back between two processes on two cores: bench_channel.py BYTES ROUNDS SAMPLES…

Three words for each size; each has another process on the other side.

On Roentgen by two channels; elsewhere by `multiprocessing.Pipe`, as bytes that need no pickle
(`send_bytes`), which is its fastest way. Each process makes its own bytes, once. Prints the
nanoseconds for both ways, a line `NAME VALUE` for each sample.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable

import roentgen

HERE = roentgen.is_roentgen()

Send = Callable[[bytes], object]
Receive = Callable[[], bytes]


def answer(send: Send, receive: Receive, size: int, turns: int) -> None:
    """Return as many bytes as come, on the second core."""
    os.sched_setaffinity(0, {1})
    content = b"b" * size
    for _ in range(turns):
        if len(receive()) != size:
            sys.exit("the bytes are not all there")
        send(content)


def answer_channel(
    questions: roentgen.Receiver, answers: roentgen.Sender, size: int, turns: int
) -> None:
    """The other side of the channels."""
    answer(answers.send, questions.receive, size, turns)


def ask(send: Send, receive: Receive, size: int, rounds: int, samples: int) -> None:
    """Time it, from the first core. A sample more is taken first, which warms up."""
    os.sched_setaffinity(0, {0})
    content = b"a" * size
    for sample in range(samples + 1):
        begin = time.monotonic_ns()
        for _ in range(rounds):
            send(content)
            answered = receive()
        spent = (time.monotonic_ns() - begin) / rounds
        if len(answered) != size or answered[-1:] != b"b":
            sys.exit("the bytes came back wrong")
        if sample:
            print(f"message_{size}", spent, flush=True)


def measure(size: int, rounds: int, samples: int) -> None:
    """Measure one size."""
    turns = rounds * (samples + 1)
    if HERE:
        questions, answers = roentgen.Channel(1), roentgen.Channel(1)
        process = roentgen.spawn(
            answer_channel, questions.receiver, answers.sender, size, turns, core=1
        )
        ask(questions.send, answers.receive, size, rounds, samples)
        process.join()
        status = process.exitcode
    else:
        ours, theirs = multiprocessing.Pipe()
        child = os.fork()
        if child == 0:
            answer(theirs.send_bytes, theirs.recv_bytes, size, turns)
            os._exit(0)
        ask(ours.send_bytes, ours.recv_bytes, size, rounds, samples)
        status = os.waitpid(child, 0)[1]
    if status != 0:
        sys.exit(f"the other process ended with {status}")


words = [int(word) for word in sys.argv[1:]]
for one in range(0, len(words), 3):
    measure(*words[one : one + 3])
