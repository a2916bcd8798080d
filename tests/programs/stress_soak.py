"""All kinds of load at once, while a process answers.

    python stress_soak.py SEED LOADS

Loads are drawn from the seed, some at a time: the native programs of the other storms at small
numbers, and Python's own: processes of package `roentgen`, pools, channels, threads, files, child
interpreters. Meanwhile a process that does nothing else answers a question every 50 ms, within a
second; at the end everything is back. Prints figures, lines `NAME VALUE`; what is wrong is a line
that begins with WRONG, and status 1.
"""

import hashlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import roentgen

SEED, LOADS = int(sys.argv[1]), int(sys.argv[2])
AT_A_TIME = 3
#: Seconds in which whoever is asked answers.
ANSWER = 1.0
#: Seconds that one load may take.
PATIENCE = 300.0
#: Bytes of pages and tables that may be missing at the end, beside what this process grew.
MOST_LEFT = 256 << 10
#: Bytes of the kernel's heap that may be in use more: lists that keep the room they had.
MOST_HEAP_LEFT = 64 << 10

made: dict[str, int] = {}
lock = threading.Lock()


def wrong(what: str) -> NoReturn:
    """Say what is wrong, and end."""
    print("WRONG:", what, flush=True)
    os._exit(1)


def square(number: int) -> int:
    """What workers compute."""
    return number * number


def native(name: str, count: int) -> Callable[[random.Random], None]:
    """A storm's own program; what it makes of its machine is looked at here, not by it."""

    def load(draw: random.Random) -> None:
        words = [f"/bin/{name}", str(draw.randrange(1 << 30)), str(count)]
        if name == "isolation":
            words = [f"/bin/{name}", str(count)]
        beside = os.environ | {"STRESS_BESIDE": "1"}
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, env=beside)
        if done.returncode:
            wrong(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")

    return load


def pool(draw: random.Random) -> None:
    """A pool of workers."""
    numbers = [draw.randrange(1 << 20) for _ in range(50)]
    with roentgen.Pool(3) as workers:
        if list(workers.map(square, numbers)) != [number * number for number in numbers]:
            wrong("a pool's results")


def echo(inbox: "roentgen.Channel", outbox: "roentgen.Channel") -> int:
    """Send back what comes."""
    count = 0
    for message in inbox:
        outbox.send(message)
        count += 1
    return count


def channels(draw: random.Random) -> None:
    """Messages of all sizes there and back."""
    there, back = roentgen.Channel(4), roentgen.Channel(4)
    with roentgen.spawn(echo, there, back) as process:
        for _ in range(20):
            message = draw.randbytes(1 << draw.randrange(21))
            there.send(message, timeout=PATIENCE)
            if back.receive(timeout=PATIENCE) != message:
                wrong("a message changed on its way")
        there.close()
        if process.result(timeout=PATIENCE) != 20:
            wrong("messages were lost")
    back.close()


def spin(seconds: float) -> None:
    """Compute, and say nothing."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def killed(draw: random.Random) -> None:
    """Processes that are killed at any time."""
    for _ in range(20):
        process = roentgen.spawn(spin, draw.random() / 50)
        time.sleep(draw.random() / 50)
        process.kill()
        process.join(PATIENCE)
        if process.is_alive():
            wrong("a process that was killed lives")


def files(draw: random.Random) -> None:
    """Files, written, read, mapped and removed."""
    with tempfile.TemporaryDirectory() as place:
        sums = {}
        for number in range(20):
            content = draw.randbytes(draw.randrange(1 << 17))
            path = os.path.join(place, str(number))
            with open(path, "wb") as file:
                file.write(content)
            sums[path] = hashlib.sha256(content).digest()
        for path, digest in sums.items():
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).digest() != digest:
                    wrong("a file's content")


def threads(draw: random.Random) -> None:
    """Threads that add up under a lock."""
    total = [0]
    guard = threading.Lock()

    def add(count: int) -> None:
        for _ in range(count):
            with guard:
                total[0] += 1

    counts = [draw.randrange(500) for _ in range(8)]
    workers = [threading.Thread(target=add, args=(count,)) for count in counts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if total[0] != sum(counts):
        wrong("a lock let two in")


def interpreters(draw: random.Random) -> None:
    """Interpreters from nothing, by execve."""
    number = draw.randrange(1 << 20)
    words = [sys.executable, "-c", f"print({number} + 1)"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    if (done.returncode, done.stdout, done.stderr) != (0, f"{number + 1}\n", ""):
        wrong(f"a child interpreter: {done}")


KINDS: dict[str, Callable[[random.Random], None]] = {
    "spawn": native("stress_spawn", 600),
    "calls": native("stress_calls", 5000),
    "floods": native("stress_floods", 14),
    "shootdowns": native("stress_shootdowns", 100),
    "isolation": native("isolation", 24),
    "pool": pool,
    "channels": channels,
    "killed": killed,
    "files": files,
    "threads": threads,
    "interpreters": interpreters,
}


def work(orders: "list[tuple[str, int]]") -> None:
    """Take loads until there are none."""
    while True:
        with lock:
            if not orders:
                return
            kind, seed = orders.pop()
        KINDS[kind](random.Random(seed))
        with lock:
            made[kind] = made.get(kind, 0) + 1
            done = sum(made.values())
        if done * 10 // LOADS > (done - 1) * 10 // LOADS:
            print(f"stress: loads, {done} of {LOADS}", file=sys.stderr, flush=True)


def answer(questions: "roentgen.Channel", answers: "roentgen.Channel") -> None:
    """Answer what is asked."""
    for question in questions:
        answers.send(question + 1)


def resident() -> int:
    """The bytes that this process itself has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def settled(before: roentgen.Memory, own: int) -> int:
    """The bytes of pages and tables that are missing when all is over."""
    end = time.monotonic() + 10
    while True:
        now = roentgen.memory()
        used = now.user + now.page_tables - before.user - before.page_tables
        left = used - (resident() - own)
        if left <= MOST_LEFT or time.monotonic() > end:
            return left
        time.sleep(0.05)


def main() -> None:
    """Have it all, and look at what is left."""
    draw = random.Random(SEED)
    kinds: list[str] = []
    while len(kinds) < LOADS:
        kinds.extend(draw.sample(sorted(KINDS), len(KINDS)))
    orders = [(kind, draw.randrange(1 << 30)) for kind in kinds[:LOADS]]
    # Whatever is made once and stays, such as a template of one's own.
    pool(random.Random(0))
    interpreters(random.Random(0))
    before, own, ids = roentgen.memory(), resident(), len(os.listdir("/proc"))
    kernel_threads = roentgen.counters()["threads"]
    in_heap = roentgen.counters()["kernel_heap_used"]
    questions, answers = roentgen.Channel(1), roentgen.Channel(1)
    asked, slowest = 0, 0.0
    with roentgen.spawn(answer, questions, answers) as process:
        workers = [threading.Thread(target=work, args=(orders,)) for _ in range(AT_A_TIME)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            begin = time.monotonic()
            questions.send(asked, timeout=PATIENCE)
            if answers.receive(timeout=PATIENCE) != asked + 1:
                wrong("the answer to another question")
            slowest = max(slowest, time.monotonic() - begin)
            asked += 1
            time.sleep(0.05)
        questions.close()
        process.join(PATIENCE)
    answers.close()
    left = settled(before, own)
    print("loads", sum(made.values()))
    for kind, count in sorted(made.items()):
        print(f"made_{kind}", count)
    print("questions", asked)
    print("answer_slowest_ms", round(slowest * 1e3))
    heap_left = roentgen.counters()["kernel_heap_used"] - in_heap
    print("pages_left", left)
    print("heap_left", heap_left)
    print("ids_left", len(os.listdir("/proc")) - ids)
    print("threads_left", roentgen.counters()["threads"] - kernel_threads)
    free = roentgen.memory().free - roentgen.counters()["memory_free_counted"]
    print("memory_miscounted", free)
    if slowest > ANSWER:
        wrong("an answer was late")
    if left > MOST_LEFT or heap_left > MOST_HEAP_LEFT or len(os.listdir("/proc")) != ids:
        wrong("something is left behind")
    if roentgen.counters()["threads"] != kernel_threads or free:
        wrong("threads are left, or memory is miscounted")


main()
