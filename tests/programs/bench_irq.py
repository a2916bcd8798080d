"""From an interrupt to Python: bench_irq.py SAMPLES

  irq_idle       from the kernel's handler to the first bytecode of the routine that is
                 attached to the line, on a core that idles
  irq_busy       the same on a core that runs a loop
  wake_here      from before the release of a lock to the first bytecode of the thread that
                 waited for it, both on one core
  wake_across    the same from another core, whose thread is of the same process
  irq_over_wake  the median of the first over that of the third

Prints lines `NAME VALUE`, nanoseconds; where the machine counts instructions, its clock
counts them.
"""

import os
import statistics
import sys
import threading
import time

import _roentgen

import roentgen
from roentgen.drivers.rtc import Rtc

SAMPLES = int(sys.argv[1])
#: What is thrown away first: it warms up.
WARM = 5
CORE = 1
FREQUENCY = 64


def report(name: str, values: list[float]) -> None:
    """Print samples."""
    for value in values:
        print(name, value, flush=True)


def busy() -> None:
    """Keep a core from idling."""
    while True:
        pass


def last_interrupt() -> int:
    """When line 8 interrupted last, in nanoseconds of the monotonic clock."""
    head, *rows = _roentgen.lines().splitlines()
    names = head.split()
    row = next(row.split() for row in rows if row.startswith("8 "))
    return int(row[names.index("last")])


def interrupts() -> list[float]:
    """Measure the routine's latency."""
    clock, told = Rtc(), roentgen.Channel(256)
    out = told.sender

    def routine(count: int) -> None:
        now = time.monotonic_ns()
        # Told at once, and the device afterwards, which may interrupt again only then.
        came = last_interrupt()
        clock.acknowledge()
        if count == 1:
            out.send(now - came, 0)

    from roentgen import irq

    with clock.periodic(FREQUENCY), irq.attach(8, routine, CORE):
        return [told.receive(30) for _ in range(WARM + SAMPLES)][WARM:]


def wakes(core: int) -> list[float]:
    """Measure how long a thread takes that waits for a lock on core CORE."""
    lock, values = threading.Lock(), []
    began = 0

    def wait() -> None:
        os.sched_setaffinity(0, {CORE})
        for _ in range(WARM + SAMPLES):
            lock.acquire()
            values.append(time.monotonic_ns() - began)

    lock.acquire()
    thread = threading.Thread(target=wait)
    thread.start()
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    for _ in range(WARM + SAMPLES):
        # It waits by then.
        time.sleep(0.01)
        began = time.monotonic_ns()
        lock.release()
    thread.join()
    os.sched_setaffinity(0, everywhere)
    return [float(value) for value in values[WARM:]]


def main() -> None:
    """Measure."""
    os.sched_setaffinity(0, {0})
    idle = interrupts()
    report("irq_idle", idle)
    with roentgen.spawn(busy, core=CORE) as loop:
        report("irq_busy", interrupts())
        loop.kill()
    here = wakes(CORE)
    report("wake_here", here)
    report("wake_across", wakes(0))
    report("irq_over_wake", [statistics.median(idle) / statistics.median(here)])


main()
