"""Ten thousand live Python processes, each of which answers on a channel.

    ./run.sh --smp 4 examples/ten_thousand.py [COUNT]

Each process is spawned from the default template and waits. When all are there, each is
asked for a number, answers with it, its id and the core it runs on, and waits for the end.
The table says what that took: memory is the change in free memory of the machine, all of
the kernel's own included.
"""

import collections
import os
import resource
import sys
import time

import roentgen


def answer(
    questions: roentgen.Receiver, answers: roentgen.Sender, goodbye: roentgen.Receiver
) -> None:
    """Answer one question, then wait for the end."""
    answers.send((questions.receive() * 2, os.getpid(), roentgen.current_core()))
    for _ in goodbye:
        pass


def free_memory() -> int | None:
    """Return the machine's free memory; None where the kernel does not tell."""
    return roentgen.memory().free if roentgen.is_roentgen() else None


def start(count: int, *channels: roentgen.Receiver | roentgen.Sender) -> list[roentgen.Process]:
    """Spawn the processes."""
    processes = []
    for number in range(count):
        processes.append(roentgen.spawn(answer, *channels))
        if sys.stderr.isatty() and number % 100 == 0:
            print(f"\r{number}/{count} processes", end="", file=sys.stderr, flush=True)
    return processes


def ask(
    count: int, questions: roentgen.Channel, answers: roentgen.Channel
) -> collections.Counter[int]:
    """Ask as many questions as there are processes; returns the core of each answer."""
    cores: collections.Counter[int] = collections.Counter()
    answered_by = set()
    total = 0
    asked = 0
    for answered in range(count):
        # Some ahead, but no more than the channel holds, or both sides would wait.
        while asked < count and asked - answered < 512:
            questions.send(asked)
            asked += 1
        value, process, core = answers.receive(timeout=600)
        answered_by.add(process)
        total += value
        cores[core] += 1
    if total != count * (count - 1):
        raise SystemExit(f"the answers are wrong: they sum up to {total}")
    if len(answered_by) != count:
        raise SystemExit(f"only {len(answered_by)} processes answered")
    return cores


def allow_descriptors(count: int) -> None:
    """Let this process have a descriptor for each process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 64
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise SystemExit(f"{count} processes need {wanted} descriptors, and {hard} are allowed")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Start, ask, print, end."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    allow_descriptors(count)
    questions, answers, goodbye = (roentgen.Channel(1024) for _ in range(3))
    theirs = questions.receiver, answers.sender, goodbye.receiver
    # The template is made before anything is measured.
    roentgen.spawn(answer, *theirs).kill()
    before, began = free_memory(), time.monotonic()
    processes = start(count, *theirs)
    spawning = time.monotonic() - began
    alive = sum(process.is_alive() for process in processes)
    began = time.monotonic()
    cores = ask(count, questions, answers)
    answering = time.monotonic() - began
    after = free_memory()
    goodbye.close()
    began = time.monotonic()
    for process in processes:
        process.join(600)
    ending = time.monotonic() - began
    rows = [
        ("processes alive at once", f"{alive}"),
        ("time to spawn one", f"{spawning / count * 1e6:.0f} us"),
        ("time for an answer", f"{answering / count * 1e6:.0f} us"),
        ("time for one to end", f"{ending / count * 1e6:.0f} us"),
    ]
    if before is not None and after is not None:
        rows.append(("memory per process", f"{(before - after) / count / 1024:.0f} KiB"))
    for name, value in rows:
        print(f"{name:<26}{value:>12}")
    for core, answered in sorted(cores.items()):
        print(f"{f'answers from core {core}':<26}{answered:>12}")
    statuses = collections.Counter(process.exitcode for process in processes)
    if alive != count or statuses != {0: count}:
        raise SystemExit(f"not all were well: {alive} alive, exit statuses {dict(statuses)}")


if __name__ == "__main__":
    main()
