"""Processes and threads on several cores: floats, priorities, fair shares."""

import math
import os
import threading
import time


def compute(seed, rounds=3000):
    """A sum that any loss of a floating point register would change."""
    total, x = 0.0, float(seed)
    for n in range(1, rounds):
        x = math.sin(x) * 1.5 + math.sqrt(n) / (seed + 1)
        total += x * x / n
    return total


def in_threads():
    """Eight threads give what one gives."""
    alone = [compute(seed) for seed in range(8)]
    together = [None] * 8

    def run(seed):
        together[seed] = compute(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(together == alone, f"{sum(alone):.9f}")


def in_processes():
    """Eight processes, each told the others' results by a pipe."""
    reader, writer = os.pipe()
    children = []
    for seed in range(8):
        child = os.fork()
        if child == 0:
            os.write(writer, f"{seed} {compute(seed):.12f}\n".encode())
            os._exit(seed)
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children]
    lines = sorted(os.read(reader, 10_000).decode().splitlines())
    print(statuses, lines == [f"{s} {compute(s):.12f}" for s in range(8)])


def priorities():
    """The number of cores, and how nice a process is."""
    print(os.cpu_count() >= 1, 1 <= os.process_cpu_count() <= os.cpu_count())
    for _ in range(100):
        os.sched_yield()
    print(os.getpriority(os.PRIO_PROCESS, 0), os.nice(0))
    child = os.fork()
    if child == 0:
        os.setpriority(os.PRIO_PROCESS, 0, 7)
        os._exit(os.nice(3))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), os.getpriority(os.PRIO_PROCESS, 0))


def nobody_starves():
    """While some loop for ever, another one still gets its turn."""
    children = []
    for _ in range(2 * os.cpu_count()):
        child = os.fork()
        while child == 0:
            pass
        children.append(child)
    started = time.monotonic()
    ticks = 0
    while ticks < 20:
        time.sleep(0.005)
        ticks += 1
    print(ticks, time.monotonic() - started < 20)
    for child in children:
        os.kill(child, 9)
    print({os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children})


if __name__ == "__main__":
    in_threads()
    in_processes()
    priorities()
    nobody_starves()
