"""A Python interrupt handler ticking: the clock's interrupt, twice a second.

The handler runs in the resident interpreter of the last core, ahead of all else there,
while this program keeps that core busy. Each tick says what the clock's own registers
tell, read port by port. Argument: how many ticks, or 8.

    ./run.sh examples/rtc_clock.py
"""

import os
import sys
import time

import roentgen
from roentgen.drivers.rtc import Rtc

TICKS = int(sys.argv[1]) if len(sys.argv) > 1 else 8
CORE = roentgen.cpu_count() - 1
FREQUENCY = 2


def busy() -> None:
    """Keep a core from idling."""
    while True:
        pass


def main() -> None:
    """Tick."""
    clock = Rtc()
    said = roentgen.Channel(TICKS)
    out = said.sender

    def tick(count: int) -> None:
        now = time.monotonic()
        if count:
            out.send((count, clock.time(), roentgen.current_core(), os.getpid(), now), 0)

    with (
        roentgen.spawn(busy, core=CORE) as loop,
        clock.periodic(FREQUENCY),
        clock.attach(tick, core=CORE) as line,
    ):
        total = 0
        while total < TICKS:
            count, told, core, pid, now = said.receive(timeout=10)
            total += count
            print(f"{told}  tick {total}  core {core}  pid {pid}  {now:.3f} s", flush=True)
        counts = line.counts()
        print(
            f"{counts.interrupts} interrupts of line {counts.gsi}, {total} told to the"
            f" handler, in {counts.busy * 1e3:.1f} ms of it"
        )
        loop.kill()


main()
