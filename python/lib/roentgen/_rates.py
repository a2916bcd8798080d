"""What happened between two looks at the machine: shares, and counts a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import roentgen

from ._tables import Core, Thread, percentile


class Sample(NamedTuple):
    """One look at the machine."""

    cores: list[Core]
    threads: list[Thread]
    memory: roentgen.Memory


#: Takes a sample: :func:`take`, or one that tests make.
Source = Callable[[], Sample]


def take() -> Sample:
    """Look at the machine now.

    :raises NotAvailable: where the kernel is not Roentgen's.
    """
    return Sample(roentgen.cores(), roentgen.ps(), roentgen.memory())


class CoreRates(NamedTuple):
    """One core between two samples. Rates are per second, shares from 0 to 1."""

    core: int
    running: str
    """Name of the thread that it ran at the second sample; empty: it idled."""
    busy: float
    queue_length: int
    switches: float
    preemptions: float
    steals: float
    """Threads that it stole from others."""
    migrations: float
    ipis: float
    """Interrupts sent to other cores."""
    system_calls: float
    wake_latencies: tuple[int, ...]
    space_loads: float
    space_loads_kept: float


class TaskRates(NamedTuple):
    """One thread between two samples."""

    thread: Thread
    cpu: float
    """Share of one core that it ran, from 0 to 1."""
    wait: float | None
    """Seconds from a wake-up until it ran, on average; None: it was not woken."""


class Rates(NamedTuple):
    """The machine between two samples."""

    seconds: float
    uptime: float
    memory: roentgen.Memory
    cores: list[CoreRates]
    tasks: list[TaskRates]

    @property
    def total(self) -> CoreRates:
        """All cores together: rates and latencies added up, the share on average."""
        cores = self.cores
        count = max(len(cores), 1)
        return CoreRates(
            core=-1,
            running="",
            busy=sum(core.busy for core in cores) / count,
            queue_length=sum(core.queue_length for core in cores),
            switches=sum(core.switches for core in cores),
            preemptions=sum(core.preemptions for core in cores),
            steals=sum(core.steals for core in cores),
            migrations=sum(core.migrations for core in cores),
            ipis=sum(core.ipis for core in cores),
            system_calls=sum(core.system_calls for core in cores),
            wake_latencies=_sums(core.wake_latencies for core in cores),
            space_loads=sum(core.space_loads for core in cores),
            space_loads_kept=sum(core.space_loads_kept for core in cores),
        )


def kept_share(core: CoreRates) -> float | None:
    """Return the share of address space switches that kept the TLB; None without any."""
    if core.space_loads <= 0:
        return None
    return core.space_loads_kept / core.space_loads


def wake_percentile(core: CoreRates, fraction: float) -> float | None:
    """Return the seconds from wake-up to running, as :func:`roentgen.percentile`."""
    return percentile(core.wake_latencies, fraction)


def between(before: Sample, after: Sample) -> Rates:
    """Compare two samples of the same machine."""
    names = {thread.tid: thread.name for thread in after.threads}
    first = {core.core: core for core in before.cores}
    cores = [
        _core_rates(first.get(core.core, core), core, names.get(core.running, ""))
        for core in after.cores
    ]
    start = max((core.now for core in before.cores), default=0.0)
    end = max((core.now for core in after.cores), default=0.0)
    seconds = max(end - start, 1e-9)
    known = {(thread.pid, thread.tid): thread for thread in before.threads}
    tasks = [
        _task_rates(known.get((thread.pid, thread.tid)), thread, seconds)
        for thread in after.threads
    ]
    return Rates(seconds, end, after.memory, cores, tasks)


def _core_rates(before: Core, after: Core, running: str) -> CoreRates:
    seconds = max(after.now - before.now, 1e-9)
    latencies = zip(before.wake_latencies, after.wake_latencies, strict=True)
    return CoreRates(
        core=after.core,
        running=running,
        busy=_share(1 - (after.idle_time - before.idle_time) / seconds),
        queue_length=after.queue_length,
        switches=(after.switches - before.switches) / seconds,
        preemptions=(after.preemptions - before.preemptions) / seconds,
        steals=(after.steals_moved - before.steals_moved) / seconds,
        migrations=(after.migrations - before.migrations) / seconds,
        ipis=(after.ipis_sent - before.ipis_sent) / seconds,
        system_calls=(after.system_calls - before.system_calls) / seconds,
        wake_latencies=tuple(max(new - old, 0) for old, new in latencies),
        space_loads=(after.space_loads - before.space_loads) / seconds,
        space_loads_kept=(after.space_loads_kept - before.space_loads_kept) / seconds,
    )


def _task_rates(before: Thread | None, after: Thread, seconds: float) -> TaskRates:
    ran, woken, waited = after.run_time, after.wakes, after.wake_time
    # A thread that has run less than before is another one with the same id.
    if before is not None and before.run_time <= ran:
        ran -= before.run_time
        woken -= before.wakes
        waited -= before.wake_time
    return TaskRates(after, _share(ran / seconds), waited / woken if woken > 0 else None)


def _share(value: float) -> float:
    """Bring to 0 to 1 what is beyond because not all was read at the same moment."""
    return min(max(value, 0.0), 1.0)


def _sums(histograms: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sum(bucket) for bucket in zip(*histograms, strict=True))


#: How tasks can be ordered: the key, and whether the greatest comes first.
ORDERS: dict[str, tuple[Callable[[TaskRates], float | str], bool]] = {
    "cpu": (lambda task: task.cpu, True),
    "time": (lambda task: task.thread.run_time, True),
    "memory": (lambda task: task.thread.resident, True),
    "wait": (lambda task: task.wait or 0.0, True),
    "migrations": (lambda task: task.thread.migrations, True),
    "pid": (lambda task: task.thread.pid, False),
    "name": (lambda task: task.thread.name, False),
}


def ordered(tasks: list[TaskRates], order: str) -> list[TaskRates]:
    """Sort by one of :data:`ORDERS`; equal ones by process and thread."""
    key, is_descending = ORDERS[order]
    by_id = sorted(tasks, key=lambda task: (task.thread.pid, task.thread.tid))
    # Sorting is stable, also where it is reversed.
    return sorted(by_id, key=key, reverse=is_descending)
