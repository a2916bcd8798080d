"""The kernel's tables of cores and threads, as Python values.

The kernel writes text: a line of column names, then a line for each row. Columns are
found by name, and those that are not known here are skipped: there may be more of them
in a later kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

#: Numbers of scheduling classes, an earlier one goes first.
CLASSES = ("interrupt", "normal", "idle")


class Core(NamedTuple):
    """What one core is doing and has done. All but the first eight count up from the boot."""

    core: int
    """Its number, from 0."""
    apic_id: int
    """Its local APIC's id."""
    now: float
    """When this was read: seconds on :func:`time.monotonic`'s clock."""
    running: int
    """The thread that it runs, 0: none, it idles."""
    running_process: int
    """The process of that thread, or 0."""
    queue_length: int
    """Threads that wait in its queues."""
    virtual_time: float
    """Seconds that a thread of weight 1024 would have run."""
    pcid_slots: int
    """Address spaces that it remembers in its TLB."""
    idle_time: float
    """Seconds without anything to run."""
    interrupts: int
    """Interrupts that it took, of every kind."""
    timer_interrupts: int
    """Of those, its timer's."""
    ipis_sent: int
    """Interrupts that it sent to other cores."""
    ipis_received: int
    """Interrupts from other cores."""
    system_calls: int
    """System calls that began on it."""
    switches: int
    """Switches to a thread."""
    preemptions: int
    """Threads that lost the core before they gave it up."""
    queued: int
    """Threads put into its queues; the sum of the next three, and of those that wait."""
    popped: int
    """Threads that left its queues to run on it."""
    stolen: int
    """Threads that others stole from its queues."""
    dropped: int
    """Threads that left its queues otherwise: they may not run on it any more, or ended."""
    steals_tried: int
    """Searches in other cores' queues."""
    steals_done: int
    """Of those, the ones that found something."""
    steals_moved: int
    """Threads that came here by them."""
    migrations: int
    """Threads that ran on it and had run elsewhere before."""
    halts: int
    """Times that it halted."""
    polls_hit: int
    """Times that work came while it polled, before it halted."""
    space_loads: int
    """Switches to another address space."""
    space_loads_kept: int
    """Of those, the ones that kept what the TLB knew of it."""
    shootdowns_sent: int
    """Requests to flush that it sent to other cores."""
    shootdowns_merged: int
    """Of those, the ones that joined a request that was not answered yet."""
    shootdowns_answered: int
    """Requests to flush that it answered."""
    wake_latencies: tuple[int, ...]
    """Wake-ups by the time until the thread ran: item *n* counts those below 2**n ns and
    not below half of that; the last one has all that took longer. See :func:`percentile`.
    """

    def wake_percentile(self, fraction: float) -> float | None:
        """Return the time from wake-up to running of this share of the wake-ups.

        See :func:`percentile`.
        """
        return percentile(self.wake_latencies, fraction)


class Thread(NamedTuple):
    """One thread of one process."""

    tid: int
    """Its id, as of :func:`threading.get_native_id`."""
    pid: int
    """Its process."""
    parent: int
    """The parent of its process."""
    core: int
    """The core that it runs on, or ran on last."""
    state: str
    """The letter that ``/proc/PID/stat`` has: R, S, T, Z and so on."""
    scheduling_class: str
    """``interrupt``, ``normal`` or ``idle``; an earlier one goes first."""
    nice: int
    """Its nice value, -20 to 19."""
    weight: int
    """Its share against others on the core; 1024 is normal."""
    affinity: frozenset[int]
    """The cores that it may run on, as :func:`os.sched_getaffinity` has them."""
    virtual_time: float
    """Seconds that it would have run at weight 1024."""
    run_time: float
    """Seconds that it has run."""
    switches: int
    """Times that it was switched to."""
    preemptions: int
    """Times that it lost the core before it gave it up."""
    migrations: int
    """Times that it ran on another core than before."""
    stolen: int
    """Times that another core's search took it along."""
    wakes: int
    """Times that it was woken."""
    wake_time: float
    """Seconds from its wake-ups until it ran, in all."""
    resident: int
    """Memory of its process that is resident, in bytes."""
    name: str
    """Its name, at most 15 bytes."""


#: Columns that have another name here, where theirs is a keyword.
_RENAMED = {"class": "scheduling_class"}
#: Columns in nanoseconds; they are seconds here.
_TIMES = frozenset({"now", "virtual_time", "idle_time", "run_time", "wake_time"})
#: Columns that stay text.
_TEXTS = frozenset({"state", "name"})


def rows(text: str) -> Iterator[dict[str, str]]:
    """Yield each row of a table by column name. The last column is the rest of its line."""
    header, *lines = text.split("\n")
    names = [_RENAMED.get(name, name) for name in header.split(" ")]
    for line in lines:
        words = line.split(" ", len(names) - 1)
        if len(words) == len(names):
            yield dict(zip(names, words, strict=True))


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each line of a text."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        yield name, value


def _value(name: str, word: str) -> object:
    if name in _TEXTS:
        return word
    if name in _TIMES:
        return int(word) / 1e9
    if name == "affinity":
        return cores_of(int(word, 16))
    if name == "scheduling_class":
        return CLASSES[int(word)] if int(word) < len(CLASSES) else word
    return int(word)


def cores_of(mask: int) -> frozenset[int]:
    """Return the numbers of the bits that are set."""
    return frozenset(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def parse_cores(text: str) -> list[Core]:
    """Read the table of cores."""
    known = [name for name in Core._fields if name != "wake_latencies"]
    cores = []
    for row in rows(text):
        latencies: list[int] = []
        while (bucket := row.get(f"wake_{len(latencies)}")) is not None:
            latencies.append(int(bucket))
        values = {name: _value(name, row[name]) for name in known}
        cores.append(Core._make([*values.values(), tuple(latencies)]))
    return cores


def parse_threads(text: str) -> list[Thread]:
    """Read the table of threads."""
    return [
        Thread._make([_value(name, row[name]) for name in Thread._fields]) for row in rows(text)
    ]


def percentile(latencies: tuple[int, ...], fraction: float) -> float | None:
    """Return the seconds below which this share of a latency histogram lies.

    The histogram's steps are factors of two, so this is the least power of two (in
    nanoseconds) that is enough; :data:`math.inf` where the share reaches into the last
    step, which has no bound. None for an empty histogram.

    :param fraction: above 0 and at most 1; 0.5 is the median.
    """
    total = sum(latencies)
    if total == 0:
        return None
    seen = 0
    for exponent, count in enumerate(latencies[:-1]):
        seen += count
        if seen >= fraction * total and seen:
            return 2.0**exponent / 1e9
    return math.inf
