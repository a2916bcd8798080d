"""What processes cost from Python: bench_process.py WHAT NUMBER...

  spawn COUNT SAMPLES      a process that does nothing: made, ended, waited for
  command COUNT SAMPLES    the same, ten times as many, where the other kernel starts
                           `python -c pass` each time
  heap COUNT SAMPLES MIB.. the same, from a template (a parent) with so much of a heap, and how
                           much more the largest costs than the smallest
  memory COUNT             what a process has of the machine's memory after its first answer,
                           and after a little work, all of them alive at once, and how many
                           that were: COUNT, or as many as fit

On Roentgen processes come from `roentgen.spawn`; elsewhere from `os.fork`, as the standard
library does it. Prints lines `NAME VALUE`: nanoseconds for a process, bytes for memory.
"""

import os
import resource
import signal
import statistics
import sys
import time
from collections.abc import Callable

import roentgen

HERE = roentgen.is_roentgen()
MIB = 1 << 20
#: Of the memory that is free before, this part is left for what the processes do when all of
#: them are there.
KEPT = 0.3
#: So many are made between two looks at the memory.
BETWEEN_LOOKS = 25


def report(name: str, value: float) -> None:
    """Print a sample."""
    print(name, value, flush=True)


def spawned(template: roentgen.Template | None = None) -> None:
    """One process that does nothing, made by `roentgen.spawn`. `bool` goes by its name."""
    process = roentgen.spawn(bool, template=template)
    process.join()
    if process.exitcode != 0:
        sys.exit(f"a process ended with {process.exitcode}")


def forked(_: object = None) -> None:
    """One process that does nothing, made by `os.fork`."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("a child failed")


def commanded() -> None:
    """One process of an interpreter that starts."""
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("a child failed")


def timed(body: Callable[[], None], count: int) -> float:
    """The nanoseconds of one of so many."""
    begin = time.monotonic_ns()
    for _ in range(count):
        body()
    return (time.monotonic_ns() - begin) / count


def samples_of(name: str, body: Callable[[], None], count: int, samples: int) -> None:
    """Print samples; one more is taken first, which warms up."""
    for sample in range(samples + 1):
        spent = timed(body, count)
        if sample:
            report(name, spent)


def heap(count: int, samples: int, sizes: list[int]) -> None:
    """Spawn at heaps that grow. Here all templates live at once and are timed in turns."""
    block = b"\x01" * 65536
    blocks: list[bytearray] = []
    spent: dict[int, list[float]] = {size: [] for size in sizes}
    templates: dict[int, roentgen.Template] = {}
    for size in sizes:
        while len(blocks) * len(block) < size * MIB:
            blocks.append(bytearray(block))
        if HERE:
            # An open template is a descriptor, and those are listed.
            known = [template.handle for template in templates.values()]
            templates[size] = roentgen.template(keep=known)
            continue
        spent[size] = [timed(forked, count) for _ in range(samples + 1)][1:]
    for sample in range(samples + 1 if HERE else 0):
        for size in sizes:
            template = templates[size]
            taken = timed(lambda template=template: spawned(template), count)  # type: ignore[misc]
            if sample:
                spent[size].append(taken)
    for size in sizes:
        for taken in spent[size]:
            report(f"heap_{size}", taken)
    middle = {size: statistics.median(taken) for size, taken in spent.items()}
    report("heap_growth", middle[sizes[-1]] / middle[sizes[0]])


def work() -> int:
    """A little of it: some objects, some text, a sort."""
    table = {str(number): [number, -number] for number in range(200)}
    return len(" ".join(sorted(table, key=lambda key: table[key][1])))


def free_memory(rest: float = 0.3) -> int:
    """The free bytes of the machine, once what began or ended has had some time."""
    time.sleep(rest)
    if HERE:
        return roentgen.memory().free
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemFree:"))


#: What a process waits on and says, in turn: a question, another one, and the end.
Ask = Callable[[], object]
Tell = Callable[[], object]


def spawned_resident(
    first: roentgen.Receiver,
    second: roentgen.Receiver,
    end: roentgen.Receiver,
    answers: roentgen.Sender,
) -> None:
    """Answer, answer again after some work, then wait for the end."""
    first.receive()
    answers.send(1)
    second.receive()
    if work() > 0:
        answers.send(1)
    end.receive()


def forked_resident(first: int, second: int, end: int, answers: int) -> None:
    """Do the same with pipes."""
    os.read(first, 1)
    os.write(answers, b"a")
    os.read(second, 1)
    if work() > 0:
        os.write(answers, b"a")
    os.read(end, 1)
    os._exit(0)


def spawned_residents() -> tuple[Callable[[], Callable[[], None]], list[Tell], Ask]:
    """How to make a process that waits on channels, to ask each question, to hear an answer."""
    first, second, end, answers = (roentgen.Channel(16) for _ in range(4))
    theirs = first.receiver, second.receiver, end.receiver, answers.sender

    def make() -> Callable[[], None]:
        process = roentgen.spawn(spawned_resident, *theirs)

        def finish() -> None:
            # Without a sender nobody would wait for the end.
            if end.closed or not process.is_alive():
                sys.exit("a process did not wait for the end")
            process.kill()
            process.join()

        return finish

    asks: list[Tell] = [lambda: first.send(1), lambda: second.send(1)]
    return make, asks, lambda: answers.receive(timeout=60)


def forked_residents() -> tuple[Callable[[], Callable[[], None]], list[Tell], Ask]:
    """The same with `os.fork` and pipes."""
    first, second, end, answers = (os.pipe() for _ in range(4))

    def make() -> Callable[[], None]:
        child = os.fork()
        if child == 0:
            forked_resident(first[0], second[0], end[0], answers[1])

        def finish() -> None:
            os.kill(child, signal.SIGKILL)
            if os.waitpid(child, 0)[1] != signal.SIGKILL:
                sys.exit("a child did not wait for the end")

        return finish

    asks: list[Tell] = [lambda: os.write(first[1], b"?"), lambda: os.write(second[1], b"?")]
    return make, asks, lambda: os.read(answers[0], 1)


def memory(count: int) -> None:
    """Take the change of free memory over many."""
    # A process of roentgen's is a descriptor.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 100), hard), hard))
    make, asks, hear = spawned_residents() if HERE else forked_residents()
    # What is made once (the template, caches) is made before. Each takes one question of each
    # kind, so whoever answers is another one every time.
    warm = [make() for _ in range(8)]
    for ask in asks:
        for _ in warm:
            ask()
            hear()
    for finish in warm:
        finish()
    ends: list[Callable[[], None]] = []
    before = free_memory()
    while len(ends) < count:
        ends.append(make())
        if len(ends) % BETWEEN_LOOKS == 0 and free_memory(0.02) < before * KEPT:
            break
    count = len(ends)
    report("memory_count", count)
    for name, ask in zip(("memory", "memory_worked"), asks, strict=True):
        for _ in range(count):
            ask()
            hear()
        report(name, (before - free_memory()) / count)
    for finish in ends:
        finish()


def main() -> None:
    """Measure."""
    what, numbers = sys.argv[1], [int(word) for word in sys.argv[2:]]
    match what, numbers:
        case "spawn", [count, samples]:
            samples_of("python_spawn", spawned if HERE else forked, count, samples)
            samples_of("python_fork", forked, count, samples)
        case "command", [count, samples]:
            if HERE:
                # What is spawned is warm, as where it stands against a fork.
                samples_of("python_command", spawned, 10 * count, samples)
            else:
                samples_of("python_command", commanded, count, samples)
        case "heap", [count, samples, *sizes]:
            heap(count, samples, sizes)
        case "memory", [count]:
            memory(count)
        case _:
            sys.exit(2)


main()
