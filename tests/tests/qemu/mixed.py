"""Native programs and Python under one scheduler: a line for each check.

Busybox, a C program with threads, a Rust one, and Python processes want two cores, first
under the built-in policy, then under one in Python.
"""

import os
import signal
import subprocess
import time

import roentgen
from roentgen import sched
from roentgen.policies.round_robin import RoundRobin

#: For how long shares are measured, in seconds.
SPAN = 2.0
#: How far a thread's share may be from the mean, under the built-in policy, which moves
#: threads between cores so that all get the same.
NEAR = 0.4

BUSYBOX = ["/bin/busybox", "sh", "-c", "echo ready; while :; do :; done"]
PROGRAMS = {
    "busybox": BUSYBOX,
    "c": ["/bin/spin-c", "2"],
    "rust": ["/bin/spin-rust", "2"],
}


def well(what, is_so, *more):
    """Say whether it is as it should be."""
    print(what, "well" if is_so else f"WRONG {more}", flush=True)


def busy():
    """Keep a core from idling."""
    while True:
        pass


def threads(pids):
    """The kernel's counts of the threads of some processes, by thread."""
    return {row.tid: row for row in roentgen.ps() if row.pid in pids}


def measure(what, kinds):
    """Let them run for a while, and look at what was counted meanwhile."""
    pids = set(kinds)
    before = threads(pids)
    time.sleep(SPAN)
    after = threads(pids)
    ran = {tid: after[tid].run_time - row.run_time for tid, row in before.items()}
    mean = sum(ran.values()) / len(ran)
    well(f"{what}: nothing idles", sum(ran.values()) > 0.8 * 2 * SPAN, ran)
    shares = {(kinds[after[tid].pid], tid): took / mean for tid, took in ran.items()}
    well(f"{what}: shares", all(abs(one - 1) < NEAR for one in shares.values()), shares)
    for kind in set(kinds.values()):
        mine = [(before[tid], row) for tid, row in after.items() if kinds[row.pid] == kind]
        lost = sum(row.preemptions - old.preemptions for old, row in mine)
        well(f"{what}: {kind} is preempted", lost > 20, lost)
        moved = sum(row.migrations - old.migrations for old, row in mine)
        well(f"{what}: {kind} moves", moved > 0, moved)


def steal(kinds):
    """Set all free on one core, beside one that idles, until each kind was stolen once."""
    for _ in range(40):
        stolen = {kind: 0 for kind in kinds.values()}
        for row in threads(set(kinds)).values():
            stolen[kinds[row.pid]] += row.stolen
        if all(stolen.values()):
            break
        for cores in {0}, {0, 1}:
            for tid in threads(set(kinds)):
                os.sched_setaffinity(tid, cores)
            time.sleep(0.05)
    for kind, count in stolen.items():
        well(f"{kind} is stolen", count > 0, stolen)


def main():
    kinds, started = {}, []
    for kind, command in PROGRAMS.items():
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        well(f"{kind} runs", process.stdout.readline() == b"ready\n")
        started.append(process)
        kinds[process.pid] = kind
    python = [roentgen.spawn(busy) for _ in range(2)]
    kinds |= {process.pid: "python" for process in python}
    well("threads", len(threads(set(kinds))) == 7, threads(set(kinds)))
    measure("built-in", kinds)
    picks = roentgen.counters().get("policy_picks", 0)
    with sched.attach(RoundRobin(0.005)) as policy:
        measure("in Python", kinds)
        policy.check()
        well("in Python: it decides", roentgen.counters()["policy_picks"] > picks + 100)
    steal(kinds)
    for pid in kinds:
        os.kill(pid, signal.SIGKILL)
    print("end")


main()
