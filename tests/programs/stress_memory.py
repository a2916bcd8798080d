"""All memory of the machine is eaten, again and again; this prompt goes on, and has it back.

    python -i stress_memory.py SEED ROUNDS

Then it is typed: `again()` for each round, and `finish()`, which prints figures, lines
`NAME VALUE`. What eats is `stress_eat`, in each of its ways, in an order that is drawn from the
seed, again and again. What the kernel's heap and its stacks keep is looked at when all memory has
been eaten once more by a process's pages: who finds none has the heap give back what it can. What
is wrong is a line that begins with WRONG, and status 1.
"""

import os
import random
import signal
import subprocess
import sys
import time
from typing import NoReturn

import roentgen

EATER = "/bin/stress_eat"
#: Pages and tables that may be missing when a round is over: somebody's stack grew.
MOST_LEFT = 64 << 10
#: What may be in use of the heap more: lists that keep the room they had.
MOST_HEAP_LEFT = 64 << 10
#: What heap and stacks may keep more after all rounds together than before the first: tables of
#: the kernel's own for the addresses that were once in use (2 MiB), and the small blocks that the
#: cores keep for themselves.
MOST_KEPT_MORE = 6 << 20
#: What counts what heap and stacks have given back.
GIVEN_BACK = [
    "heap_block_frames_given_back",
    "heap_pieces_given_back",
    "heap_regions_given_back",
    "kernel_stacks_given_back",
]
#: Seconds that all of a round's processes may take to be gone.
PATIENCE = 60
#: Seconds in which the prompt takes its next line.
PROMPT = 1.0

SEED, ROUNDS = int(sys.argv[1]), int(sys.argv[2])
DRAW = random.Random(SEED)
WAYS = subprocess.run([EATER], capture_output=True, check=True, text=True).stdout.split()

to_come: list[str] = []
killed = dict.fromkeys(WAYS, 0)
refused = dict.fromkeys(WAYS, 0)
rounds = 0
slowest_prompt = slowest_return = 0.0
most_left = 0
#: When the last round was over; none before the first.
over = 0.0


def wrong(what: str) -> NoReturn:
    """Say what is wrong, and end."""
    print("WRONG:", what, flush=True)
    os._exit(1)


def left(before: roentgen.Memory) -> int:
    """The bytes of pages and tables that are used more than before."""
    now = roentgen.memory()
    return (now.user + now.page_tables) - (before.user + before.page_tables)


def resident() -> int:
    """The bytes that this process itself has: a prompt grows a little by each line."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def out_of_memory_kills() -> int:
    """How many trees of processes the kernel has ended so far."""
    return roentgen.counters().get("out_of_memory_kills", 0)


def eat(way: str) -> None:
    """Have all memory eaten in this way, and wait until it is back."""
    global slowest_return, most_left
    before, threads = roentgen.memory(), roentgen.counters()["threads"]
    kills = out_of_memory_kills()
    eater = os.posix_spawn(EATER, [EATER, way], {}, setpgroup=0)
    _, status = os.waitpid(eater, 0)
    begin = time.monotonic()
    try:
        os.killpg(eater, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if status == 0:
        refused[way] += 1
    elif status == signal.SIGKILL and out_of_memory_kills() > kills:
        killed[way] += 1
    else:
        wrong(f"{way} ended with {status}")
    while (lost := left(before)) > MOST_LEFT or roentgen.counters()["threads"] != threads:
        if time.monotonic() - begin > PATIENCE:
            more = roentgen.counters()["threads"] - threads
            wrong(f"after {way} {lost} bytes are missing, and {more} threads are left")
        time.sleep(0.001)
    slowest_return = max(slowest_return, time.monotonic() - begin)
    most_left = max(most_left, lost)


def again() -> None:
    """One round."""
    global rounds, slowest_prompt, over
    if over:
        slowest_prompt = max(slowest_prompt, time.monotonic() - over)
    if not to_come:
        to_come.extend(DRAW.sample(WAYS, len(WAYS)))
    eat(to_come.pop())
    rounds += 1
    if rounds * 10 // ROUNDS > (rounds - 1) * 10 // ROUNDS:
        print(f"stress: memory, {rounds} of {ROUNDS}", file=sys.stderr, flush=True)
    over = time.monotonic()


def finish() -> None:
    """Say what there was."""
    eat("pages")
    after = roentgen.memory()
    print("rounds", rounds)
    for way in WAYS:
        print(f"killed_{way}", killed[way])
        print(f"refused_{way}", refused[way])
    grown = resident() - FIRST_RESIDENT
    whole = after.user + after.page_tables - FIRST.user - FIRST.page_tables - grown
    heap = after.kernel_heap - FIRST.kernel_heap
    heap_left = roentgen.counters()["kernel_heap_used"] - FIRST_IN_HEAP
    stacks = after.kernel_stacks - FIRST.kernel_stacks
    print("prompt_grown", grown)
    print("pages_left", whole)
    print("pages_left_most_after_a_round", most_left)
    print("heap_grown", heap)
    print("heap_left", heap_left)
    print("stacks_grown", stacks)
    for name in GIVEN_BACK:
        print(name, roentgen.counters().get(name, 0))
    print("prompt_slowest_ms", round(slowest_prompt * 1e3))
    print("return_slowest_ms", round(slowest_return * 1e3))
    if rounds != ROUNDS:
        wrong(f"{rounds} rounds instead of {ROUNDS}")
    if sum(killed.values()) == 0 or sum(refused.values()) == 0:
        wrong("nobody was killed, or nobody was refused")
    if not all(roentgen.counters().get(name) for name in GIVEN_BACK):
        wrong("the kernel gave nothing back of some kind")
    if whole > MOST_LEFT or heap + stacks > MOST_KEPT_MORE or heap_left > MOST_HEAP_LEFT:
        wrong("memory is missing")
    if slowest_prompt > PROMPT:
        wrong("the prompt was late")
    sys.stdout.flush()
    os._exit(0)


# A prompt that nobody sees would be a word on standard error for each line.
sys.ps1 = ""
eat("pages")
FIRST, FIRST_RESIDENT = roentgen.memory(), resident()
FIRST_IN_HEAP = roentgen.counters()["kernel_heap_used"]
