"""Programs for bench_python.py about objects: methods, attributes, generators, coroutines, copies."""

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Iterator


def expect(found: object, known: object) -> None:
    """Refuse a wrong answer."""
    if found != known:
        raise AssertionError(f"{found!r} is not {known!r}")


class Packet:
    """What tasks send to one another."""

    def __init__(self, number: int, is_data: bool) -> None:
        """Belong to nobody yet."""
        self.number = number
        self.is_data = is_data
        self.hops = 0


class Task:
    """Something that a simulated scheduler runs when it has packets."""

    def __init__(self, system: "System", priority: int) -> None:
        """Join a system."""
        self.system = system
        self.priority = priority
        self.packets: deque[Packet] = deque()
        self.runs = 0

    def is_ready(self) -> bool:
        """Whether there is work."""
        return bool(self.packets)

    def run(self) -> None:
        """Do a piece of it."""
        self.runs += 1
        packet = self.packets.popleft()
        packet.hops += 1
        self.handle(packet)

    def handle(self, packet: Packet) -> None:
        """Do what this kind of task does with a packet."""
        raise NotImplementedError


class Source(Task):
    """Sends packets to the handlers by turns, until it is used up; keeps those that return."""

    def __init__(self, system: "System", priority: int, left: int) -> None:
        """Have so many packets to send."""
        super().__init__(system, priority)
        self.left = left
        self.returned = 0

    def is_ready(self) -> bool:
        """While there is something to send or to keep."""
        return self.left > 0 or super().is_ready()

    def run(self) -> None:
        """Keep what came; else send."""
        if self.packets:
            super().run()
            return
        self.runs += 1
        self.left -= 1
        target = self.system.handlers[self.left % len(self.system.handlers)]
        self.system.send(target, Packet(self.left, self.left % 3 != 0))

    def handle(self, packet: Packet) -> None:
        """A packet is back."""
        self.returned += packet.hops


class Handler(Task):
    """Gives data to a device, and control packets back to the source."""

    def handle(self, packet: Packet) -> None:
        """Send it on."""
        if packet.is_data:
            packet.is_data = False
            self.system.send(self.system.devices[packet.number % 2], packet)
        else:
            self.system.send(self.system.source, packet)


class Device(Task):
    """Answers after a rest: every other run does nothing."""

    def __init__(self, system: "System", priority: int) -> None:
        """Be idle."""
        super().__init__(system, priority)
        self.is_resting = False

    def run(self) -> None:
        """Rest, or answer."""
        self.is_resting = not self.is_resting
        if self.is_resting:
            self.runs += 1
        else:
            super().run()

    def handle(self, packet: Packet) -> None:
        """Give it back to a handler."""
        self.system.send(self.system.handlers[packet.number % 3], packet)


class System:
    """Tasks by priority, of which the first that is ready runs."""

    def __init__(self, packets: int) -> None:
        """Make all tasks."""
        self.source = Source(self, 0, packets)
        self.handlers = [Handler(self, priority) for priority in (2, 3, 4)]
        self.devices = [Device(self, priority) for priority in (5, 6)]
        tasks: list[Task] = [self.source, *self.handlers, *self.devices]
        self.tasks = sorted(tasks, key=lambda task: -task.priority)
        self.sent = 0

    def send(self, target: Task, packet: Packet) -> None:
        """Put a packet into a task's queue."""
        self.sent += 1
        target.packets.append(packet)

    def run(self) -> None:
        """Until nobody is ready."""
        while ready := next((task for task in self.tasks if task.is_ready()), None):
            ready.run()


def tasks() -> None:
    """Simulate an operating system's tasks, in the manner of Richards."""
    system = System(90)
    system.run()
    expect([task.runs for task in system.tasks], TASKS[0])
    expect((system.sent, system.source.returned), TASKS[1])


#: Two devices that rest every other time, three handlers of which the last has control packets
#: only, the source; how many packets were sent, and how often those that returned were handled.
TASKS = ([60, 60, 60, 60, 30, 180], (300, 300))


class Variable:
    """A value that constraints determine."""

    def __init__(self, value: int) -> None:
        """Be free."""
        self.value = value
        self.constraints: list[Scale] = []
        self.determined_by: Scale | None = None
        self.strength = 0


class Scale:
    """`target = source * factor + offset`, either way round, with a strength."""

    def __init__(
        self, source: Variable, target: Variable, factor: int, offset: int, strength: int
    ) -> None:
        """Relate two variables."""
        self.source, self.target = source, target
        self.factor, self.offset = factor, offset
        self.strength = strength
        self.is_forward = True
        source.constraints.append(self)
        target.constraints.append(self)

    def ends(self) -> tuple[Variable, Variable]:
        """From which variable to which it works at present."""
        return (self.source, self.target) if self.is_forward else (self.target, self.source)

    def execute(self) -> None:
        """Make it true."""
        if self.is_forward:
            self.target.value = self.source.value * self.factor + self.offset
        else:
            self.source.value = (self.target.value - self.offset) // self.factor


def plan_from(edited: Variable) -> list[Scale]:
    """Direct the constraints away from a variable, in the order in which they are to execute.

    What a variable is worth is the weakest of those between it and the edited one.
    """
    plan: list[Scale] = []
    waiting = deque([edited])
    seen = {id(edited)}
    edited.determined_by, edited.strength = None, 100
    while waiting:
        variable = waiting.popleft()
        for constraint in variable.constraints:
            if constraint is variable.determined_by:
                continue
            constraint.is_forward = constraint.source is variable
            _, other = constraint.ends()
            strength = min(constraint.strength, variable.strength)
            if id(other) in seen:
                continue
            other.determined_by, other.strength = constraint, strength
            seen.add(id(other))
            plan.append(constraint)
            waiting.append(other)
    return plan


def constraints() -> None:
    """Propagate values through chains and trees of constraints, in the manner of DeltaBlue."""
    chain = [Variable(0) for _ in range(60)]
    for index, (one, two) in enumerate(zip(chain, chain[1:], strict=False)):
        Scale(one, two, 1, 1, 1 + index % 5)
    leaves = [Variable(0) for _ in range(60)]
    for index, leaf in enumerate(leaves):
        Scale(chain[index], leaf, 3, index, 2)
    total = 0
    for edited, value in ((chain[0], 100), (chain[59], 1000), (leaves[30], 3330)):
        plan = plan_from(edited)
        for turn in range(5):
            edited.value = value + 3 * turn
            for constraint in plan:
                constraint.execute()
        total += chain[0].value + chain[59].value + leaves[59].value + len(plan)
    expect(total, CONSTRAINTS)
    expect([variable.strength for variable in chain[28:33]], [2, 2, 2, 1, 1])


CONSTRAINTS = 11937


def unpack() -> None:
    """Take tuples and lists apart."""
    pair, many = (1, 2), [1, 2, 3, 4, 5, 6, 7, 8]
    total = 0
    for _ in range(1500):
        a, b = pair
        c, d, e, f, g, h, i, j = many
        k, *rest, last = many
        (m, n), o = pair, k
        total += a + b + c + d + e + f + g + h + i + j + len(rest) + last + m + n + o
    expect(total, 1500 * (3 + 36 + 6 + 8 + 3 + 1))


class Tree:
    """A binary tree that is walked by generators."""

    def __init__(self, first: int, last: int) -> None:
        """Hold the numbers from first to last."""
        self.middle = (first + last) // 2
        self.left = Tree(first, self.middle - 1) if first < self.middle else None
        self.right = Tree(self.middle + 1, last) if self.middle < last else None

    def __iter__(self) -> Iterator[int]:
        """Go through all of them in order."""
        if self.left:
            yield from self.left
        yield self.middle
        if self.right:
            yield from self.right


def generators() -> None:
    """Walk a tree of two hundred and fifty-five nodes by generators within generators."""
    tree = Tree(1, 255)
    for _ in range(2):
        expect(list(tree), list(range(1, 256)))


async def branch(depth: int, leaves: list[int]) -> int:
    """Await all the branches of a branch at once."""
    if depth == 0:
        await asyncio.sleep(0)
        leaves.append(len(leaves))
        return 1
    return sum(await asyncio.gather(*(branch(depth - 1, leaves) for _ in range(4))))


def async_tree() -> None:
    """Run a tree of coroutines to its leaves."""
    leaves: list[int] = []
    expect(asyncio.run(branch(3, leaves)), 64)
    expect(leaves, list(range(64)))


class Record:
    """An object to be copied."""

    def __init__(self, number: int) -> None:
        """Have attributes of several kinds."""
        self.number = number
        self.name = f"record {number}"
        self.tags = {"even": number % 2 == 0, "digits": list(str(number))}


def deep_copy() -> None:
    """Copy objects within lists within dictionaries, with what they share."""
    shared = [1, 2, 3]
    whole = {"records": [Record(number) for number in range(20)], "a": shared, "b": shared}
    other = copy.deepcopy(whole)
    expect(other["a"] is other["b"] and other["a"] is not shared, True)
    records = other["records"]
    expect([record.tags for record in records], [Record(number).tags for number in range(20)])
    expect(records[0] is whole["records"][0], False)


PROGRAMS: dict[str, Callable[[], None]] = {
    "tasks": tasks,
    "constraints": constraints,
    "unpack": unpack,
    "generators": generators,
    "async_tree": async_tree,
    "deep_copy": deep_copy,
}
