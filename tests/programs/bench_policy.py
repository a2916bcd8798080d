"""What a policy in Python costs: bench_policy.py SAMPLES

For the kernel's own policy and some in Python (none, idle, round_robin, lottery, deadline):

  wake_POLICY    from a process to another one on the same core through a pipe, and back
  yield_POLICY   sched_yield of one of two processes that do nothing else, on one core

Prints lines `NAME VALUE`, nanoseconds, each the mean of some rounds; where the machine
counts instructions, its clock counts them, those of the policy on the other core included.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

from roentgen import sched
from roentgen.policies.deadline import Deadline
from roentgen.policies.lottery import Lottery
from roentgen.policies.round_robin import RoundRobin

SAMPLES = int(sys.argv[1])
#: Of a sample.
ROUNDS = 50
#: What is thrown away first: it warms up.
WARM = 3
#: Where it is measured; the policy is elsewhere.
CORE = 1


def policies(pids: list[int]) -> dict[str, sched.Policy | None]:
    """The policies, which decide about these processes."""
    return {
        "none": None,
        "idle": sched.Policy(),
        "round_robin": RoundRobin(),
        "lottery": Lottery(dict.fromkeys(pids, 5)),
        "deadline": Deadline(dict.fromkeys(pids, 0.05)),
    }


def measure(name: str, once: Callable[[], object]) -> None:
    """Print samples of the mean of some rounds."""
    for sample in range(WARM + SAMPLES):
        begin = time.monotonic_ns()
        for _ in range(ROUNDS):
            once()
        spent = time.monotonic_ns() - begin
        if sample >= WARM:
            print(name, spent / ROUNDS, flush=True)


def main() -> None:
    """Measure."""
    there, back = os.pipe(), os.pipe()
    me = os.getpid()
    if (echo := os.fork()) == 0:
        os.sched_setaffinity(0, {CORE})
        os.close(there[1])
        while os.read(there[0], 1):
            os.write(back[1], b".")
        os._exit(0)
    os.sched_setaffinity(0, {CORE})

    def wake() -> None:
        os.write(there[1], b".")
        os.read(back[0], 1)

    for name, policy in policies([me, echo]).items():
        attached = contextlib.nullcontext() if policy is None else sched.attach(policy, core=0)
        with attached:
            measure(f"wake_{name}", wake)
            if (partner := os.fork()) == 0:
                while True:
                    os.sched_yield()
            measure(f"yield_{name}", os.sched_yield)
            os.kill(partner, signal.SIGKILL)
            os.waitpid(partner, 0)
            if policy is not None:
                attached.check()


main()
