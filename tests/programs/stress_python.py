"""Python processes that package roentgen spawns, of many kinds, a part of them killed at any
moment; each ending is what it must be, every channel ends, and nothing is left.

    stress_python.py SEED COUNT

Prints figures, lines `NAME VALUE`; what is wrong is a line that begins with WRONG, and status 1.
"""

import os
import random
import sys
import time
from collections import Counter
from typing import Any, NamedTuple, NoReturn

import roentgen

AT_A_TIME = 8
#: Seconds that anything may take.
PATIENCE = 120
MIB = 1 << 20
#: What may be missing at the end: pages and tables, what is in use of the kernel's heap, and
#: what heap and stacks keep.
MOST_LEFT = (1 << 20, 64 << 10, 4 << 20)

SEED, COUNT = int(sys.argv[1]), int(sys.argv[2])
DRAW = random.Random(SEED)
counted: Counter[str] = Counter()


def wrong(what: str) -> NoReturn:
    """Say what is wrong, and end."""
    print("WRONG:", what, flush=True)
    os._exit(1)


# ---- what the processes do


def add(left: int, right: int) -> int:
    """Return at once."""
    return left + right


def fail(word: str) -> None:
    """Raise."""
    raise LookupError(word)


def sleep() -> None:
    """Until it is killed."""
    time.sleep(1000)


def spin() -> None:
    """Until it is killed."""
    while True:
        pass


def produce(size: int) -> bytes:
    """Return bytes that move by page."""
    return b"p" * size


def wait_for_message(receiver: roentgen.Receiver) -> Any:
    """Wait for what never comes."""
    return receiver.receive()


def speak(sender: roentgen.Sender, count: int) -> int:
    """Send, the large way too, and hold the end until it is killed."""
    for number in range(count):
        sender.send(number)
    sender.send(b"s" * MIB)
    time.sleep(1000)
    return count


def beget(depth: int) -> int:
    """Have a clone do the rest: a template of its own would take an interpreter's start."""
    if depth == 0:
        return 0
    return 1 + roentgen.spawn(beget, depth - 1, template="self").result(PATIENCE)


def hoard() -> int:
    """Want more memory than it may have."""
    return len(b"h" * (64 * MIB))


# ---- one life, seen from its maker


class Life(NamedTuple):
    """A process, and what must come of it where nobody kills it."""

    kind: str
    process: roentgen.Process
    #: Its result or exception; none where it never ends by itself.
    expected: Any
    #: Where it is heard.
    receiver: roentgen.Receiver | None = None


def make(kind: str) -> Life:
    """Spawn one."""
    number = DRAW.randrange(1000)
    match kind:
        case "add":
            return Life(kind, roentgen.spawn(add, number, 1), number + 1)
        case "value":
            return Life(kind, roentgen.spawn(lambda: number * 2), number * 2)
        case "fail":
            return Life(kind, roentgen.spawn(fail, str(number)), LookupError)
        case "exit":
            return Life(kind, roentgen.spawn(sys.exit, 3), roentgen.ProcessDied)
        case "clone":
            process = roentgen.spawn(add, number, 2, template="self")
            return Life(kind, process, number + 2)
        case "sleep":
            return Life(kind, roentgen.spawn(sleep), None)
        case "spin":
            return Life(kind, roentgen.spawn(spin, nice=5), None)
        case "produce":
            return Life(kind, roentgen.spawn(produce, MIB), b"p" * MIB)
        case "wait":
            receiver = roentgen.Channel(1).receiver
            return Life(kind, roentgen.spawn(wait_for_message, receiver), roentgen.PeersGone)
        case "speak":
            channel = roentgen.Channel(8)
            process = roentgen.spawn(speak, channel.sender, 5)
            channel.sender.close()
            return Life(kind, process, None, channel.receiver)
        case "beget":
            return Life(kind, roentgen.spawn(beget, 2), 2)
        case "hoard":
            process = roentgen.spawn(hoard, memory=32 * MIB)
            return Life(kind, process, roentgen.MemoryLimitExceeded)
        case "deadline":
            return Life(kind, until_deadline(), roentgen.DeadlineExceeded)
    raise AssertionError(kind)


def until_deadline() -> roentgen.Process:
    """Spawn one that sleeps until its deadline, which may be over before it can begin."""
    while True:
        try:
            return roentgen.spawn(sleep, deadline=DRAW.random() * 0.02)
        except BlockingIOError:
            counted["too_late"] += 1


KINDS = "add value fail exit clone sleep spin produce wait speak beget hoard deadline".split()


def listen(receiver: roentgen.Receiver) -> None:
    """Take what was sent; then the end must come."""
    try:
        while True:
            receiver.receive(timeout=PATIENCE)
            counted["messages"] += 1
    except roentgen.PeersGone:
        counted["channels_ended"] += 1
    receiver.close()


def end(life: Life, is_killed: bool) -> None:
    """See how it ended."""
    if life.expected is None and not is_killed:
        life.process.terminate() if DRAW.random() < 0.5 else life.process.kill()
        is_killed = True
    outcome: Any
    try:
        outcome = life.process.result(PATIENCE)
    except TimeoutError:
        wrong(f"{life.kind} does not end")
    except Exception as error:
        outcome = error
    code = life.process.exitcode
    if is_killed and type(outcome) is roentgen.ProcessDied and code in (-9, -15):
        counted["killed"] += 1
    elif isinstance(life.expected, type) and isinstance(outcome, life.expected):
        counted["exceptions"] += 1
    elif outcome == life.expected and life.expected is not None:
        counted["results"] += 1
    else:
        wrong(f"{life.kind} ended with {code}, {outcome!r:.200}, and was killed: {is_killed}")
    if life.receiver is not None:
        listen(life.receiver)
    life.process.close()
    counted[f"made_{life.kind}"] += 1
    counted["processes"] += 1


def run(count: int, what: str) -> None:
    """So many, some at a time."""
    lives: list[Life] = []
    killed: set[int] = set()

    def kill(life: Life) -> None:
        """At most once each: a second signal would change nothing."""
        if life.process.pid not in killed:
            (life.process.kill if DRAW.random() < 0.7 else life.process.terminate)()
            killed.add(life.process.pid)

    for number in range(count):
        lives.append(make(KINDS[number % len(KINDS)]))
        match DRAW.randrange(4):
            case 0:
                kill(lives[-1])
            case 1:
                time.sleep(DRAW.random() * 0.003)
                kill(DRAW.choice(lives))
        if len(lives) == AT_A_TIME:
            life = lives.pop(DRAW.randrange(AT_A_TIME))
            end(life, life.process.pid in killed)
            killed.discard(life.process.pid)
        if (number + 1) * 10 // count > number * 10 // count:
            print(f"stress: {what}, {number + 1} of {count}", file=sys.stderr, flush=True)
    for life in lives:
        end(life, life.process.pid in killed)


def descriptors() -> int:
    """How many this process has."""
    return len(os.listdir("/proc/self/fd"))


def look() -> tuple[int, ...]:
    """Threads, descriptors, pages, what is in use of the kernel's heap, what heap and stacks keep."""
    memory = roentgen.memory()
    counters = roentgen.counters()
    used = memory.user + memory.page_tables
    kept = memory.kernel_heap + memory.kernel_stacks
    return counters["threads"], descriptors(), used, counters["kernel_heap_used"], kept


def main() -> None:
    """Do it."""
    # What is made once is made before: the template, caches, the interpreter's own memory.
    run(max(COUNT // 10, 4 * len(KINDS)), "python, before")
    counted.clear()
    before = look()
    run(COUNT, "python")
    for kind in KINDS:
        if counted[f"made_{kind}"] == 0:
            wrong(f"no {kind}")
    begin = time.monotonic()
    while True:
        left = [now - then for now, then in zip(look(), before, strict=True)]
        within = all(now <= most for now, most in zip(left[2:], MOST_LEFT, strict=True))
        is_back = left[:2] == [0, 0] and within
        if is_back or time.monotonic() - begin > 10:
            break
        time.sleep(0.01)
    names = "processes killed results exceptions messages channels_ended too_late"
    for name in names.split():
        print(name, counted[name])
    for kind in KINDS:
        print(f"made_{kind}", counted[f"made_{kind}"])
    names = "threads_left descriptors_left pages_left heap_left heap_and_stacks_grown"
    for name, value in zip(names.split(), left, strict=True):
        print(name, value)
    if not is_back:
        wrong("something is left behind")


# A clone of this process begins here as well.
if __name__ == "__main__":
    main()
