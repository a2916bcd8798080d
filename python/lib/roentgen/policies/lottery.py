"""Time by tickets: :class:`Lottery`."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

from ..sched import Policy, Task

__all__ = ["Lottery"]


class Lottery(Policy):
    """Processes hold tickets, and tickets are drawn.

    Every half a second, some hundred at once: what a process has won is its weight until
    the next drawing. So shares are chance, and in the long run the tickets' (Waldspurger and
    Weihl, "Lottery Scheduling", OSDI 1994). All tickets lie around a wheel that is turned
    once, under pointers that are evenly apart: each ticket's chance is as if it were turned
    for each, and the long run is there in seconds. Who plays is placed, so that each core
    has as many tickets; all others are left to the kernel.
    """

    #: Rarely, for this process takes its time from those on one core.
    interval = 0.5
    #: Pointers at the wheel: how many tickets are drawn at once.
    draws = 400

    def __init__(self, tickets: Mapping[int, int], seed: int | None = None) -> None:
        """Take the tickets of each process, by its id."""
        self.tickets = dict(tickets)
        self._random = random.Random(seed)
        self._players: dict[Task, int] = {}
        self._won: dict[Task, int] = {}
        self._places: dict[Task, int] = {}

    def on_begin(self, task: Task) -> None:
        """Whoever has tickets plays."""
        if task.pid in self.tickets:
            self._players[task] = self.tickets[task.pid]
            self._places.clear()

    def on_exit(self, task: Task) -> None:
        """Whoever has ended does not."""
        self._won.pop(task, None)
        if self._players.pop(task, None) is not None:
            self._places.clear()

    def tick(self) -> None:
        """Turn the wheel, on which nobody has a place for good."""
        players = list(self._players)
        self._random.shuffle(players)
        turn = self._random.random()
        pointers = self.draws / max(1, sum(self._players.values()))
        end, passed = 0, 0
        for player in players:
            end += self._players[player]
            # Those that this player's tickets, or earlier ones, have come to lie under.
            reached = math.floor(end * pointers + turn)
            self._won[player] = reached - passed
            passed = reached
        self.update(players)

    def weight(self, task: Task) -> int | None:
        """What it has won, and the least there is for who has won nothing."""
        if task not in self._players:
            return None
        # Great weights: small ones would be forgiven what they ran too long.
        return max(1, 200 * self._won.get(task, 1))

    def place(self, task: Task, cores: int) -> int | None:
        """The core with the fewest tickets, those with many first."""
        if task not in self._players:
            return None
        if task not in self._places:
            sums = [0] * cores
            for player, count in sorted(self._players.items(), key=lambda item: -item[1]):
                core = sums.index(min(sums))
                sums[core] += count
                self._places[player] = core
            self.update(self._players)
        return self._places[task]
