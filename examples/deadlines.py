"""Periodic work that is to be done in time, beside loops, all on one core.

First under the kernel's own policy, which is fair, and so gives each of five no more than a
fifth of the core; then under `roentgen.policies.deadline`. Ends with status 1 if the latter
missed a deadline.

    ./run.sh examples/deadlines.py [SECONDS]
"""

import contextlib
import sys
import time

import roentgen
from roentgen import sched
from roentgen.policies.deadline import Deadline

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
CORE = 0
#: Periods, and what of each is work: four fifths of the core in all.
WORK = [(0.06, 0.018), (0.1, 0.03), (0.2, 0.04)]
LOOPS = 2


def periodic(period: float, work: float, start: float, end: float) -> tuple[int, int, float]:
    """Work in each period; how many jobs, how many of them too late, and the latest by how
    much."""
    jobs, late, latest = 0, 0, 0.0
    due = start
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        due += period
        done = time.thread_time() + work
        while time.thread_time() < done:
            pass
        over = time.monotonic() - due
        jobs += 1
        if over > 0:
            late += 1
            latest = max(latest, over)
            # What was missed is not made up for.
            while due + period < time.monotonic():
                due += period
    return jobs, late, latest


def loop() -> None:
    """Want to run all the time."""
    while True:
        pass


def waiting(gate: roentgen.Receiver, period: float, work: float) -> tuple[int, int, float]:
    """Be told when to begin, and work."""
    start, end = gate.receive()
    return periodic(period, work, start, end)


def measure(has_policy: bool) -> int:
    """Run it all; print what came out, and return how many deadlines were missed."""
    gates = [roentgen.Channel(1) for _ in WORK]
    tasks = [
        roentgen.spawn(waiting, gate.receiver, period, work, core=CORE)
        for gate, (period, work) in zip(gates, WORK, strict=True)
    ]
    loops = [roentgen.spawn(loop, core=CORE) for _ in range(LOOPS)]
    periods = {task.pid: period for task, (period, _) in zip(tasks, WORK, strict=True)}
    policy = sched.attach(Deadline(periods)) if has_policy else contextlib.nullcontext()
    missed = 0
    with policy:
        start = time.monotonic() + 0.3
        for gate in gates:
            gate.sender.send((start, start + SECONDS))
        for task, (period, work) in zip(tasks, WORK, strict=True):
            jobs, late, latest = task.result()
            missed += late
            text = f"{late} of {jobs} late, by {latest * 1e3:.1f} ms" if late else f"{jobs} in time"
            print(f"  {work * 1e3:3.0f} ms every {period * 1e3:3.0f} ms: {text}")
    for process in loops:
        process.kill()
    return missed


def main() -> int:
    """Compare."""
    print("the kernel's own policy:")
    measure(False)
    print("the earliest deadline first:")
    return measure(True) > 0


sys.exit(main())
