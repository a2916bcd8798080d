"""Time by tickets: :class:`Lottery`."""

from __future__ import annotations

import random
from collections.abc import Mapping

from ..sched import Policy, Task

__all__ = ["Lottery"]


class Lottery(Policy):
    """Processes hold tickets, and tickets are drawn.

    Some hundred times at once, every tenth of a second: what a process has won is its
    weight until the next drawing. So shares are chance, and in the long run the tickets'
    (Waldspurger and Weihl, "Lottery Scheduling", OSDI 1994). Who plays is placed, so that
    each core has as many tickets; all others are left to the kernel.
    """

    interval = 0.1
    #: How often a ticket is drawn at once.
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
        if self._players.pop(task, None) is not None:
            self._places.clear()

    def tick(self) -> None:
        """Draw."""
        players = list(self._players)
        if players:
            drawn = self._random.choices(players, list(self._players.values()), k=self.draws)
            self._won = {player: drawn.count(player) for player in players}
            self.update(players)

    def weight(self, task: Task) -> int | None:
        """What it has won, and the least there is for who has won nothing."""
        if task not in self._players:
            return None
        return 10 * self._won.get(task, self._players[task]) + 1

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
