"""The scheduler, in Python: processes hold tickets, and a policy draws them.

Two processes a core compute for some seconds, under the policy
`roentgen.policies.lottery`. What share of the machine each has had, by the kernel's counters,
is plotted beside its share of all tickets. Ends with status 1 if one is more than 5 % of the
other off.

    ./run.sh --smp 4 examples/lottery.py [SECONDS]
"""

import sys
import time

import roentgen
from roentgen import sched
from roentgen.policies.lottery import Lottery

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
#: How far a share may be from what its tickets are worth.
TOLERANCE = 0.05
#: Characters of the longest bar.
WIDTH = 44


def compute(gate: roentgen.Receiver) -> None:
    """Wait for the start, then want to run all the time."""
    gate.receive()
    while True:
        pass


def run_times(pids: set[int]) -> dict[int, float]:
    """Return what processes have run, in seconds."""
    return {row.pid: row.run_time for row in roentgen.ps() if row.pid in pids}


def measure(tickets: dict[int, int], start: roentgen.Sender, seconds: float) -> dict[int, float]:
    """Let the processes run under the policy; what each of them ran."""
    with sched.attach(Lottery(tickets, seed=1)) as policy:
        for _ in tickets:
            start.send(None)
        # The first drawing, and everybody on its core.
        time.sleep(1)
        before = run_times(set(tickets))
        time.sleep(seconds)
        after = run_times(set(tickets))
        policy.check()
    return {pid: after[pid] - before[pid] for pid in tickets}


def main() -> int:
    """Play, and plot."""
    cores = roentgen.cpu_count()
    gate = roentgen.Channel(2 * cores)
    players = [roentgen.spawn(compute, gate.receiver) for _ in range(2 * cores)]
    # Such that each core can have as many, for nobody runs on two: 1 and 8, 2 and 7, …
    tickets = {player.pid: number for number, player in enumerate(players, 1)}
    ran = measure(tickets, gate.sender, SECONDS)
    total, all_tickets = sum(ran.values()), sum(tickets.values())
    most = max(tickets.values()) / all_tickets
    worst = 0.0
    print(f"{'tickets':>7}  {'due':>6}  {'ran':>6}")
    for player in players:
        player.kill()
    for pid, count in tickets.items():
        due, share = count / all_tickets, ran[pid] / total
        worst = max(worst, abs(share / due - 1))
        bar = "#" * round(WIDTH * share / most)
        mark = round(WIDTH * due / most)
        plot = bar[: mark - 1].ljust(mark - 1) + "|" + bar[mark:]
        print(f"{count:>7}  {due:6.1%}  {share:6.1%}  {plot}")
    decided = roentgen.counters()["policy_picks"]
    print(f"{total:.1f} s of {cores} cores in {decided} picks; furthest off: {worst:.1%}")
    return worst > TOLERANCE


sys.exit(main())
