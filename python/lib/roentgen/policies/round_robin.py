"""Everybody in turn, for as long: :class:`RoundRobin`."""

from __future__ import annotations

from ..sched import Policy, Task

__all__ = ["RoundRobin"]


class RoundRobin(Policy):
    """On each core everybody gets a slice, one after the other, nice or not."""

    def __init__(self, quantum: float = 0.01) -> None:
        """Take the length of a slice, in seconds."""
        self.quantum = quantum

    def rank(self, task: Task) -> int:
        """All are equal: equals take turns."""
        return 1

    def slice(self, task: Task) -> float:
        """All slices are."""
        return self.quantum
