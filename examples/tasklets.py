"""Tasklets, as in Stackless Python: hello, ping-pong, and a watchdog.

    ./run.sh examples/tasklets.py [HOW_MANY]

With a number, so many tasklets wait at a channel at the same time, too.
"""

from __future__ import annotations

import resource
import sys
import time

import stackless


def hello(name: str) -> None:
    """Greet, and let the others greet in between."""
    for word in ("hello", "again"):
        print(f"  {name}: {word}")
        stackless.schedule()


def player(name: str, mine: stackless.channel, other: stackless.channel, rounds: int) -> None:
    """Hit the ball back, with one more on it."""
    for _ in range(rounds):
        hits = mine.receive()
        print(f"  {name} {hits}")
        other.send(hits + 1)


def ping_pong() -> None:
    """Two tasklets and two channels."""
    ping, pong = stackless.channel(), stackless.channel()
    stackless.tasklet(player)("ping", ping, pong, 2)
    stackless.tasklet(player)("pong", pong, ping, 2)
    ping.send(1)
    print(f"  and out, after {ping.receive() - 1} hits")


def busy(name: str, counts: dict[str, int]) -> None:
    """Loop, and never let anybody else run."""
    while True:
        counts[name] = counts.get(name, 0) + 1


def watchdog() -> None:
    """Interrupt tasklets that give nothing up."""
    counts: dict[str, int] = {}
    tasklets = {stackless.tasklet(busy)(name, counts): name for name in ("a", "b")}
    turns = []
    for _ in range(6):
        interrupted = stackless.run(10_000)
        assert interrupted is not None, "neither of them ever ends"
        turns.append(tasklets[interrupted])
        interrupted.insert()
    print("  interrupted:", *turns)
    print("  all of them counted:", all(counts[name] > 100 for name in "ab"))
    for tasklet in tasklets:
        tasklet.kill()


def many(count: int) -> None:
    """Have so many tasklets at once."""
    channel = stackless.channel()
    total = 0

    def wait(number: int) -> None:
        nonlocal total
        value = channel.receive()
        total += number + value

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    for number in range(count):
        stackless.tasklet(wait)(number)
    stackless.run()
    waiting = -channel.balance
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    each = (after - before) / count
    for _ in range(count):
        channel.send(1)
    stackless.run()
    seconds = time.monotonic() - began
    print(f"  {waiting} waited, {each:.1f} KiB each, {seconds:.1f} s in all")
    assert total == count * (count + 1) // 2


def main() -> None:
    """Show it."""
    print("hello")
    for name in ("one", "two"):
        stackless.tasklet(hello)(name)
    stackless.run()
    print("ping-pong")
    ping_pong()
    print("watchdog")
    watchdog()
    for argument in sys.argv[1:]:
        print("many")
        many(int(argument))


if __name__ == "__main__":
    main()
