"""Tasklets against generators of the same interpreter: bench_tasklets.py SAMPLES [TASKLETS]

  next               a `next` of a generator, in a loop
  switch             a switch from one tasklet to the other by `schedule`, in a loop each
  switch_over_next   the median of these over that of those
  channel            a value sent by one tasklet and received by another
  begin_and_end      a tasklet made, run and ended
  waiting            with TASKLETS: how many waited at a channel at once
  waiting_memory     and what memory each took of the process's

None but the last two where SAMPLES is 0.

Prints lines `NAME VALUE`, nanoseconds (and bytes); where the machine counts instructions,
its clock counts them.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator

import stackless

SAMPLES = int(sys.argv[1])
TASKLETS = int(sys.argv[2]) if len(sys.argv) > 2 else 0
#: Operations of a sample.
TURNS = 2000
#: Samples that are thrown away first: they warm up.
WARM = 2


def samples(name: str, sample: Callable[[], float]) -> float:
    """Print samples of nanoseconds for one operation; returns their median."""
    values = [sample() for _ in range(WARM + SAMPLES)][WARM:]
    for value in values:
        print(name, value, flush=True)
    return statistics.median(values)


def endless() -> Iterator[None]:
    """Yield."""
    while True:
        yield


def nexts() -> float:
    """Resume a generator."""
    generator = endless()
    began = time.monotonic_ns()
    for _ in range(TURNS):
        next(generator)
    return (time.monotonic_ns() - began) / TURNS


def take_turns() -> None:
    """Let the other one run."""
    schedule = stackless.schedule
    for _ in range(TURNS):
        schedule()


def switches() -> float:
    """Go from one tasklet to the other."""
    for _ in range(2):
        stackless.tasklet(take_turns)()
    began = time.monotonic_ns()
    stackless.run()
    return (time.monotonic_ns() - began) / (2 * TURNS)


def messages() -> float:
    """Send values from one tasklet to the other."""
    channel = stackless.channel()

    def receive() -> None:
        for _ in range(TURNS):
            channel.receive()

    stackless.tasklet(receive)()
    stackless.tasklet(channel.send_sequence)(range(TURNS))
    began = time.monotonic_ns()
    stackless.run()
    return (time.monotonic_ns() - began) / TURNS


def nothing() -> None:
    """Do nothing."""


def lives() -> float:
    """Make tasklets, and have them end."""
    began = time.monotonic_ns()
    for _ in range(TURNS):
        stackless.tasklet(nothing)().run()
    return (time.monotonic_ns() - began) / TURNS


def memory() -> int:
    """Return what the process has of the machine's memory, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def crowd() -> None:
    """Have many wait."""
    channel = stackless.channel()
    before = memory()
    for _ in range(TASKLETS):
        stackless.tasklet(channel.receive)()
    stackless.run()
    print("waiting", -channel.balance, flush=True)
    print("waiting_memory", (memory() - before) / TASKLETS, flush=True)
    channel.preference = 1
    for _ in range(TASKLETS):
        channel.send(None)
    stackless.run()


def main() -> None:
    """Measure."""
    if SAMPLES:
        base = samples("next", nexts)
        print("switch_over_next", samples("switch", switches) / base, flush=True)
        samples("channel", messages)
        samples("begin_and_end", lives)
    if TASKLETS:
        crowd()


main()
