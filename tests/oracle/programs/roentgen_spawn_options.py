"""What `roentgen.spawn` is told about a process: what the process then has, and what is refused."""

import os

import roentgen


def cores() -> list[int]:
    """Return the cores that the calling process may run on."""
    return sorted(os.sched_getaffinity(0))


def niceness() -> int:
    """Return its nice value."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def main() -> None:
    """Ask for what can be had, twice, and for what cannot."""
    for _ in range(2):
        for told in ({"core": 0}, {"affinity": [0]}, {"affinity": {0}, "nice": 3}):
            print(told, roentgen.spawn(cores, **told).result())
    for nice in (0, 1, 19):
        print("nice", nice, roentgen.spawn(niceness, nice=nice).result())
    named = roentgen.spawn(bool, name="one")
    print(named.name, named.result())
    refused: list[dict[str, object]] = [
        {"core": 0, "affinity": [0]},
        {"core": -1},
        {"core": 1 << 16},
        {"core": "0"},
        {"core": 0.5},
        {"core": [0]},
        {"affinity": []},
        {"affinity": [0, -3]},
        {"affinity": 0},
        {"nice": 20},
        {"nice": -21},
        {"nice": None},
        {"memory": 0},
        {"memory": -5},
        {"cpu_time": 0},
        {"cpu_time": float("nan")},
        {"deadline": -0.5},
        {"deadline": "soon"},
    ]
    for told in refused:
        try:
            roentgen.spawn(bool, **told)  # type: ignore[arg-type]
        except (ValueError, TypeError) as error:
            text = str(error) if isinstance(error, ValueError) else ""
            print(told, type(error).__name__, text)
        else:
            print(told, "was not refused")


if __name__ == "__main__":
    main()
