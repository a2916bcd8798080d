"""Python work side by side: bench_scaling.py processes|threads COUNT SIZE SAMPLES.

Prints the efficiency as a line `NAME VALUE`: the time of one piece of work without company
over the time of COUNT of them at once (times COUNT over the cores, where those are fewer).
1 is ideal. Both are the shortest of SAMPLES, taken in turns: whatever else a host does only
makes them longer. Starting processes or threads is not part of it: all begin at the same
moment.
"""

import os
import sys
import threading
import time
from collections.abc import Callable


def work(size: int) -> int:
    """Keep a core busy, with little memory."""
    total = 0
    for number in range(size):
        total = (total * 31 + number) % 1000003
    return total


def in_processes(count: int, size: int) -> int:
    """The nanoseconds that `count` children of this interpreter take."""
    gate_read, gate_write = os.pipe()
    for _ in range(count):
        if os.fork() == 0:
            os.close(gate_write)
            os.read(gate_read, 1)
            work(size)
            os._exit(0)
    os.close(gate_read)
    time.sleep(0.05)
    begin = time.monotonic_ns()
    os.close(gate_write)
    for _ in range(count):
        if os.wait()[1] != 0:
            sys.exit("a child failed")
    return time.monotonic_ns() - begin


def in_threads(count: int, size: int) -> int:
    """The nanoseconds that `count` threads of this interpreter take."""
    gate = threading.Event()

    def body() -> None:
        gate.wait()
        work(size)

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    begin = time.monotonic_ns()
    gate.set()
    for thread in threads:
        thread.join()
    return time.monotonic_ns() - begin


def main() -> None:
    """Measure."""
    kind = sys.argv[1]
    count, size, samples = (int(word) for word in sys.argv[2:])
    run: Callable[[int, int], int] = in_processes if kind == "processes" else in_threads
    share = max(1.0, count / (os.cpu_count() or 1))
    pairs = [(run(1, size), run(count, size)) for _ in range(samples)]
    alone, together = (min(times) for times in zip(*pairs, strict=True))
    print(f"python_{kind}_{count}", alone * share / together)


main()
