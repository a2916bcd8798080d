"""Uneven work that starts on one core and spreads: who ran where, and who stole it.

Every child is forked on the parent's core and may then run anywhere. It computes from 1
to 100 units. Cores without work steal from the one that has too much; nobody tells them
to. Ends with status 1 if a core never ran any, or a result is wrong.
"""

import os
import time
from collections import Counter
from typing import NamedTuple

import roentgen

WORKERS = 32
#: Rounds of one unit of work.
UNIT = 1_500


class Report(NamedTuple):
    """What one child says at its end."""

    units: int
    result: int
    cores: Counter[int]
    migrations: int
    stolen: int


def expected(units: int) -> int:
    """Return what a child's sum of squares should be, by the formula."""
    last = units * UNIT - 1
    return last * (last + 1) * (2 * last + 1) // 6


def shares() -> list[int]:
    """Return the units of each child: from 1 to 100, in no particular order."""
    steps = [1 + round(99 * index / (WORKERS - 1)) for index in range(WORKERS)]
    return [steps[index * 13 % WORKERS] for index in range(WORKERS)]


def child(units: int, everywhere: set[int], gate: int) -> str:
    """Wait until all are there, work, and report as a line of numbers."""
    os.read(gate, 1)
    os.sched_setaffinity(0, everywhere)
    cores: Counter[int] = Counter()
    result = 0
    # In pieces, to see where each of them runs.
    for piece in range(units):
        first, last = piece * UNIT, (piece + 1) * UNIT
        result += sum(number * number for number in range(first, last))
        cores[roentgen.current_core()] += 1
    migrations = stolen = 0
    if roentgen.is_roentgen():
        me = next(thread for thread in roentgen.ps() if thread.tid == os.getpid())
        migrations, stolen = me.migrations, me.stolen
    seen = ",".join(f"{core}:{count}" for core, count in sorted(cores.items()))
    return f"{units} {result} {migrations} {stolen} {seen}\n"


def start(units: int, everywhere: set[int], gate: tuple[int, int], writer: int) -> None:
    """Fork a child; it does not return from here."""
    if os.fork() != 0:
        return
    status = 1
    try:
        os.close(gate[1])
        os.write(writer, child(units, everywhere, gate[0]).encode())
        status = 0
    finally:
        os._exit(status)


def parse(line: str) -> Report:
    """Read a child's line."""
    units, result, migrations, stolen, seen = line.split(" ")
    pairs = (part.split(":") for part in seen.split(","))
    cores = Counter({int(core): int(count) for core, count in pairs})
    return Report(int(units), int(result), cores, int(migrations), int(stolen))


def show(reports: list[Report], cores: list[int]) -> None:
    """Print who ran where."""
    print("units " + " ".join(f"core {core:<2}" for core in cores) + "  migrations  stolen")
    for report in sorted(reports):
        ran = " ".join(f"{report.cores[core] or '.':>7}" for core in cores)
        print(f"{report.units:>5} {ran}  {report.migrations:>10}  {report.stolen:>6}")
    sums = [sum(report.cores[core] for report in reports) for core in cores]
    print("  sum " + " ".join(f"{total:>7}" for total in sums))


def compare(before: list[roentgen.Core], after: list[roentgen.Core]) -> None:
    """Print what the kernel counted meanwhile, core by core."""
    print("core  busy  steals  moved here  migrations here  TLB kept")
    for old, new in zip(before, after, strict=True):
        busy = 1 - (new.idle_time - old.idle_time) / (new.now - old.now)
        loads = new.space_loads - old.space_loads
        kept = (new.space_loads_kept - old.space_loads_kept) / loads if loads else 0.0
        print(
            f"{new.core:>4} {busy:>5.0%} {new.steals_done - old.steals_done:>7}"
            f" {new.steals_moved - old.steals_moved:>11} {new.migrations - old.migrations:>16}"
            f" {kept:>9.1%}"
        )


def main() -> None:
    """Start all on one core, let them go, and look at what became of it."""
    everywhere = os.sched_getaffinity(0)
    cores = sorted(everywhere)
    os.sched_setaffinity(0, {cores[0]})
    reader, writer = os.pipe()
    gate = os.pipe()
    for units in shares():
        start(units, everywhere, gate, writer)
    os.close(writer)
    before = roentgen.cores() if roentgen.is_roentgen() else []
    started = time.monotonic()
    # All wait for a byte, which never comes: the end of the pipe lets them go together.
    os.close(gate[1])
    with open(reader, encoding="ascii") as lines:
        reports = [parse(line) for line in lines]
    after = roentgen.cores() if roentgen.is_roentgen() else []
    seconds = time.monotonic() - started
    failed = sum(os.wait()[1] != 0 for _ in range(WORKERS))

    show(reports, cores)
    print(f"{len(reports)} processes, {sum(shares())} units, {seconds:.2f} s")
    problems = []
    if failed or sorted(report.units for report in reports) != sorted(shares()):
        problems.append("not every process came to its end")
    if any(report.result != expected(report.units) for report in reports):
        problems.append("a result is wrong")
    idle = [core for core in cores if not any(report.cores[core] for report in reports)]
    if idle:
        problems.append(f"stayed idle: {idle}")
    if after:
        compare(before, after)
        if sum(report.migrations for report in reports) == 0 and len(cores) > 1:
            problems.append("nobody migrated")
        if sum(report.stolen for report in reports) == 0 and len(cores) > 1:
            problems.append("nobody was stolen")
    else:
        print("steals, migrations and what the TLB kept: only the Roentgen kernel tells them")
    if problems:
        raise SystemExit("; ".join(problems))
    print("all results right, every core worked")


if __name__ == "__main__":
    main()
