"""A byte there and back from Python: bench_pipe.py ROUNDS SAMPLES NAME ping|pong.

Two of these run, each reading descriptor 3 what the other writes to descriptor 4. Which
cores they run on is settled by who starts them (bench_switch pair). Prints nanoseconds for
a round trip, a line `NAME VALUE` for each sample.
"""

import os
import sys
import time

READ, WRITE = 3, 4


def ping(rounds: int) -> None:
    """Serve, and wait for the return."""
    for _ in range(rounds):
        os.write(WRITE, b"x")
        os.read(READ, 1)


def pong(rounds: int) -> None:
    """Return what comes."""
    for _ in range(rounds):
        os.write(WRITE, os.read(READ, 1))


def main() -> None:
    """Play one of the two."""
    rounds, samples = int(sys.argv[1]), int(sys.argv[2])
    name, role = sys.argv[3:]
    # A sample more: in the first one the other may still be starting.
    for sample in range(samples + 1):
        begin = time.monotonic_ns()
        (ping if role == "ping" else pong)(rounds)
        if role == "ping" and sample:
            print(name, (time.monotonic_ns() - begin) / rounds, flush=True)


main()
