"""What a policy is, and how it is run: events become calls, answers become decisions."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable

import _roentgen

__all__ = ["Loop", "Policy", "PolicyEnded", "Task"]

#: The greatest weight, that of nice -20.
HEAVIEST = 88761
#: Seconds of the shortest and the longest slice.
SLICES = (0.0001, 0.1)


class PolicyEnded(RuntimeError):
    """A policy was thrown out: the text says why."""


class Task:
    """A thread, as the policy is told of it."""

    __slots__ = ("_decided", "_slot", "core", "is_ready", "nice", "pid", "run_time", "since", "tid")

    def __init__(self, slot: tuple[int, int], tid: int, pid: int, nice: int) -> None:
        self._slot = slot
        self._decided = (0, 0, 0, 0)
        self.tid = tid
        """Its id; 0 where the event that told it was lost."""
        self.pid = pid
        """Its process; 0 as above."""
        self.nice = nice
        """Its nice value when it was told of."""
        self.core = 0
        """The core that it is queued on, or ran on last."""
        self.run_time = 0.0
        """Seconds that it had run at its last event."""
        self.since = 0.0
        """When its last event was, on :func:`time.monotonic`'s clock."""
        self.is_ready = True
        """Whether it runs or wants to, as far as is known."""

    def __repr__(self) -> str:
        return f"<roentgen.sched.Task {self.tid} of process {self.pid}>"


class Policy:
    """What decides. Subclasses say what they care about: the rest is the kernel's.

    ``weight``, ``slice``, ``place`` and ``rank`` are asked after each event of a task, and
    after :meth:`update`. Events that no method is for are not told.
    """

    pause: float = 0.001
    """Seconds between two batches of events, at least."""
    interval: float | None = None
    """Seconds between two calls of :meth:`tick`; None: it is not called."""

    _tasks: dict[tuple[int, int], Task]
    _touched: set[Task]

    def place(self, task: Task, cores: int) -> int | None:
        """Return the core that a task keeps to, below ``cores``; others take it from there
        only where they would idle."""

    def weight(self, task: Task) -> int | None:
        """Return its share against others on its core: 1 to 88761, 1024 is normal."""

    def slice(self, task: Task) -> float | None:
        """Return how long it runs while others wait, in seconds: 0.0001 to 0.1."""

    def rank(self, task: Task) -> int | None:
        """Return its rank: on each core the least goes first, any before None.

        A rank is 1 to 2**48 - 1. Equals take turns, slice by slice. Every 100 ms
        whoever is most behind gets a slice, whatever its rank.
        """

    def on_begin(self, task: Task) -> None:
        """A task is there: it was made, or there before the policy."""

    def on_wake(self, task: Task) -> None:
        """What a task waited for has happened."""

    def on_sleep(self, task: Task) -> None:
        """A task waits for something."""

    def on_slice(self, task: Task) -> None:
        """A task's slice is over, or it has lost its core."""

    def on_exit(self, task: Task) -> None:
        """A task has ended."""

    def tick(self) -> None:
        """Do what is to be done every :attr:`interval`."""

    def tasks(self) -> list[Task]:
        """Return the tasks that are there."""
        return list(self._tasks.values())

    def update(self, tasks: Iterable[Task] | None = None) -> None:
        """Ask again what is decided of some tasks; of all, where none are given."""
        self._touched.update(self._tasks.values() if tasks is None else tasks)

    def _has(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(Policy, name)

    def is_ranked(self) -> bool:
        """Say whether it ranks tasks."""
        return self._has("rank")

    def wanted(self) -> int:
        """Return the kinds of events that it is told, as bits."""
        kinds = {_roentgen.POLICY_BEGAN, _roentgen.POLICY_ENDED}
        if self._has("on_wake"):
            kinds |= {_roentgen.POLICY_WOKE}
        if self._has("on_sleep"):
            kinds |= {_roentgen.POLICY_SLEPT}
        if self._has("on_slice"):
            kinds |= {_roentgen.POLICY_USED}
        return sum(1 << kind for kind in kinds)


class Loop:
    """One policy, at work in the calling process."""

    def __init__(self, fd: int, policy: Policy) -> None:
        self._fd = fd
        self._policy = policy
        self._memory = _roentgen.PolicyMemory(fd)
        self._cores = _roentgen.cpu_count()
        policy._tasks = {}
        policy._touched = set()
        self._tasks = policy._tasks
        self._ranks = policy.is_ranked()
        self._kicks = 0
        #: The task of each slot.
        self._slots: dict[int, Task] = {}
        self._next_tick = time.monotonic()

    def run(self) -> None:
        """Decide for ever.

        :raises PolicyEnded: it is in force no more.
        """
        policy, pause = self._policy, int(self._policy.pause * 1e9)
        while True:
            timeout = None
            if policy.interval is not None:
                timeout = max(0, int((self._next_tick - time.monotonic()) * 1e9))
            kicks, self._kicks = self._kicks, 0
            try:
                _roentgen.policy_wait(self._fd, kicks, pause, timeout)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    raise PolicyEnded("it is in force no more") from None
                raise
            self.step()

    def step(self) -> None:
        """Read what there is to read, and decide."""
        policy = self._policy
        for event in self._memory.events():
            self._event(event)
        interval = policy.interval
        if interval is not None and (now := time.monotonic()) >= self._next_tick:
            self._next_tick = max(self._next_tick + interval, now)
            policy.tick()
        if policy._touched:
            self._decide()

    def _event(self, event: tuple[int, int, int, int, int, int, int, int, int]) -> None:
        kind, slot, tag, core, nice, tid, pid, at, run_time = event
        policy, key = self._policy, (slot, tag)
        task = self._tasks.get(key)
        if task is None:
            if kind == _roentgen.POLICY_ENDED:
                return
            old = self._slots.get(slot)
            if old is not None:
                # That it ended was lost.
                self._forget(old)
            task = self._tasks[key] = self._slots[slot] = Task(key, tid, pid, nice)
        elif kind == _roentgen.POLICY_BEGAN:
            task.tid, task.pid, task.nice = tid, pid, nice
        task.core, task.since, task.run_time = core, at / 1e9, run_time / 1e9
        task.is_ready = kind != _roentgen.POLICY_SLEPT
        if kind == _roentgen.POLICY_ENDED:
            self._forget(task)
            return
        policy._touched.add(task)
        if kind == _roentgen.POLICY_BEGAN:
            policy.on_begin(task)
        elif kind == _roentgen.POLICY_WOKE:
            policy.on_wake(task)
        elif kind == _roentgen.POLICY_SLEPT:
            policy.on_sleep(task)
        else:
            policy.on_slice(task)

    def _forget(self, task: Task) -> None:
        del self._tasks[task._slot]
        del self._slots[task._slot[0]]
        self._policy._touched.discard(task)
        task.is_ready = False
        self._policy.on_exit(task)

    def _decide(self) -> None:
        policy, decisions = self._policy, []
        while policy._touched:
            # To decide of one may be to decide of others.
            task = policy._touched.pop()
            decided = self._ask(task)
            if decided == task._decided:
                continue
            if self._ranks and task.is_ready and decided[3] != task._decided[3]:
                # Its core is to compare it with what runs.
                self._kicks |= 1 << task.core % 64
            task._decided = decided
            decisions.append((*task._slot, *decided))
        self._memory.publish(decisions)

    def _ask(self, task: Task) -> tuple[int, int, int, int]:
        policy = self._policy
        weight, seconds = policy.weight(task), policy.slice(task)
        place = policy.place(task, self._cores)
        rank = policy.rank(task) if self._ranks else None
        units = 0
        if weight is not None and not 1 <= weight <= HEAVIEST:
            raise ValueError(f"a weight is 1 to {HEAVIEST}, not {weight!r}")
        if seconds is not None:
            if not SLICES[0] <= seconds <= SLICES[1]:
                raise ValueError(f"a slice is {SLICES[0]} to {SLICES[1]} s, not {seconds!r}")
            units = round(seconds * 1e9 / _roentgen.POLICY_SLICE_UNIT)
        if place is not None and not 0 <= place < self._cores:
            raise ValueError(f"there is no core {place!r}")
        if rank is not None and not 1 <= rank <= _roentgen.POLICY_LAST_RANK:
            raise ValueError(f"a rank is 1 to {_roentgen.POLICY_LAST_RANK}, not {rank!r}")
        return weight or 0, units, 0 if place is None else place + 1, rank or 0
