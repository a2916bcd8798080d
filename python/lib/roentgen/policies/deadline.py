"""Periodic work, the earliest deadline first: :class:`Deadline`."""

from __future__ import annotations

from collections.abc import Mapping

from ..sched import Policy, Task

__all__ = ["Deadline"]

#: How early a job may begin, in periods: what wakes its task before that is still the last
#: one's.
EARLY = 0.1


class Deadline(Policy):
    """Tasks that wake once in each period, and are to be done before the next.

    Of those on a core the one with the earliest deadline runs, before all others: that
    meets all deadlines wherever any order does (Liu and Layland, 1973). A job begins when
    its task is woken after the last one's period is over; whatever else wakes the task
    belongs to the job that it is at.
    """

    pause = 0.0

    def __init__(self, periods: Mapping[int, float]) -> None:
        """Take the period of each process, in seconds, by its id."""
        self.periods = dict(periods)
        #: When a task's job began, and by when it is to be done.
        self._begun: dict[Task, float] = {}
        self._due: dict[Task, float] = {}

    def on_wake(self, task: Task) -> None:
        """A job begins, or goes on."""
        period = self.periods.get(task.pid)
        if period is None:
            return
        begun = self._begun.get(task)
        if begun is None or task.since >= begun + (1 - EARLY) * period:
            on_time = begun is not None and task.since < begun + 1.5 * period
            begun = begun + period if begun is not None and on_time else task.since
            self._begun[task] = begun
        self._due[task] = begun + period

    def on_sleep(self, task: Task) -> None:
        """It may be done: known now, the next deadline holds from its first moment on."""
        period = self.periods.get(task.pid)
        if period is not None and task in self._begun:
            self._due[task] = self._begun[task] + 2 * period

    def on_exit(self, task: Task) -> None:
        """It has none any more."""
        self._begun.pop(task, None)
        self._due.pop(task, None)

    def rank(self, task: Task) -> int | None:
        """Its deadline, in microseconds."""
        due = self._due.get(task)
        return None if due is None else max(1, int(due * 1e6))
