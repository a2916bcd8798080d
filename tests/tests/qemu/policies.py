"""Scheduling policies, looked at from the machine's first process: a line for each check.

A machine of two cores.
"""

import errno
import mmap
import os
import signal
import struct
import sys
import time

import _roentgen

import roentgen
from roentgen import sched

#: Within what the built-in policy takes over, in seconds; and once more for each time that its
#: core stood still, since the emulator's host was busy.
IN_TIME = 0.1


def well(what, is_so, *more):
    """Say whether it is as it should be."""
    print(what, "well" if is_so else f"WRONG {more}", flush=True)


def counted(name):
    """One of the kernel's counters."""
    return roentgen.counters().get(name, 0)


def in_time(seconds, stalls):
    """Whether the built-in one has taken over by then, with so many stalls before it all."""
    return 0 <= seconds <= IN_TIME * (1 + counted("policy_stalls") - stalls)


def refused(number, body):
    """Whether a call fails with this error."""
    try:
        body()
    except OSError as error:
        return error.errno == number
    return False


def busy():
    """Keep a core from idling."""
    while True:
        pass


class Bad(sched.Policy):
    """Decides well for a while, and then does what it was told to."""

    interval = 0.02

    def __init__(self, told, misbehave):
        self.told = told
        self.misbehave = misbehave
        self.ticks = 0

    def weight(self, task):
        return 500 if task.pid % 2 else 1000

    def tick(self):
        self.ticks += 1
        if self.ticks == 3:
            self.told.send(time.monotonic())
            self.misbehave()


def sleeps():
    time.sleep(60)


def loops():
    while True:
        pass


def raises():
    raise LookupError("of all things")


def exits():
    os._exit(3)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def stopped():
    os.kill(os.getpid(), signal.SIGSTOP)


def ended(number):
    """Wait until the policy that was in force is not any more."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        last = sched.status().last
        if last is not None and last.process == number:
            return last
        time.sleep(0.01)
    return None


def progress(threads):
    """What some processes have run, by id."""
    return {row.pid: row.run_time for row in roentgen.ps() if row.pid in threads}


def misbehaves(name, misbehave, cause, reason):
    before, stalls = counted("policy_takeovers"), counted("policy_stalls")
    told = roentgen.Channel(1)
    with roentgen.spawn(busy) as one, roentgen.spawn(busy) as other:
        policy = sched.attach(Bad(told.sender, misbehave))
        began = told.receive(10)
        last = ended(policy.pid)
        well(f"{name}: out", last is not None and last.cause == cause, last)
        well(f"{name}: in time", in_time(last.at - began, stalls), last.at - began)
        well(f"{name}: why", reason in last.reason, last.reason)
        well(f"{name}: counted", counted("policy_takeovers") == before + 1)
        # Nothing hangs: both go on.
        ran = progress({one.pid, other.pid})
        for _ in range(50):
            time.sleep(0.1)
            now = progress({one.pid, other.pid})
            go_on = all(now[pid] - ran[pid] > 0.02 for pid in ran)
            if go_on:
                break
        well(f"{name}: others run", go_on, ran, now)
        try:
            policy.check()
            well(f"{name}: told", False)
        except sched.PolicyEnded as error:
            well(f"{name}: told", reason in str(error), error)
        if misbehave in (sleeps, stopped, loops):
            os.kill(policy.pid, signal.SIGKILL)
        policy.detach()
        one.kill()
        other.kill()
        for process in (one, other):
            process.join()


#: Which words a policy may not publish: weight, slice, place, rank.
NONSENSE = [
    ((131071, 0, 0, 0), "a weight that is none"),
    ((0, 1023, 0, 0), "a slice that is none"),
    ((0, 0, 3, 0), "a core that is not there"),
]


def nonsense():
    for words, reason in NONSENSE:
        with roentgen.spawn(busy) as one, roentgen.spawn(busy) as other:
            fd = _roentgen.policy(0, 1 << _roentgen.POLICY_BEGAN)
            memory = _roentgen.PolicyMemory(fd)
            slots = {event[6]: event[1:3] for event in memory.events()}
            _roentgen.policy_wait(fd, 0, 0, 0)
            well("nonsense: in force", sched.status().process == os.getpid(), sched.status())
            began, stalls = time.monotonic(), counted("policy_stalls")
            memory.publish([(*slots[process.pid], *words) for process in (one, other)])
            refusal = refused(errno.ENODEV, lambda: _roentgen.policy_wait(fd, 0, 10**8, 0))
            last = sched.status().last
            well("nonsense: out", refusal and last.cause == "nonsense", last)
            well("nonsense: in time", in_time(last.at - began, stalls), last.at - began)
            well("nonsense: why", reason in last.reason, last.reason)
            # The next one may come, though this one has not let go.
            with sched.attach(sched.Policy()) as policy:
                well("nonsense: another", policy.attached)
            os.close(fd)
            one.kill()
            other.kill()


def lies():
    """Of what it has read."""
    fd = _roentgen.policy(0, 1 << _roentgen.POLICY_BEGAN)
    with mmap.mmap(fd, os.fstat(fd).st_size) as memory:
        _roentgen.policy_wait(fd, 0, 0, 0)
        memory[:8] = struct.pack("Q", 1 << 40)
        roentgen.spawn(sum, [1, 2]).result()
        last = sched.status().last
        well("lies", last.cause == "nonsense" and "read events" in last.reason, last)
        # All of it, over and over: it concerns nobody any more.
        memory[:] = b"\xff" * len(memory)
        well("lies: others run", roentgen.spawn(sum, [1, 2]).result() == 3)
    os.close(fd)


def garbage():
    """Any bytes at all, again and again, under work: at worst it is out."""
    state = 88172645463325252
    for _ in range(6):
        fd = _roentgen.policy(_roentgen.POLICY_RANKED, 0x3E)
        memory = mmap.mmap(fd, os.fstat(fd).st_size)
        _roentgen.policy_wait(fd, 0, 0, 0)
        words = []
        for _ in range(64):
            state ^= state << 13 & (1 << 64) - 1
            state ^= state >> 7
            state ^= state << 17 & (1 << 64) - 1
            words.append(state & (1 << 48) - 1 | (state >> 62) << 48)
        memory[4096 : 4096 + 512] = struct.pack("64Q", *words)
        results = [roentgen.spawn(sum, range(1000)) for _ in range(4)]
        well("garbage", [result.result(20) for result in results] == [499500] * 4)
        memory.close()
        os.close(fd)


class Counting(sched.Policy):
    """Counts what it is told."""

    interval = 0.05

    def __init__(self, told):
        self.told = told
        self.counts = {}

    def count(self, what, task):
        key = what, task.pid
        self.counts[key] = self.counts.get(key, 0) + 1

    def on_begin(self, task):
        self.count("begin", task)

    def on_wake(self, task):
        self.count("wake", task)

    def on_sleep(self, task):
        self.count("sleep", task)

    def on_slice(self, task):
        self.count("slice", task)

    def on_exit(self, task):
        self.count("exit", task)

    def tick(self):
        self.told.send(self.counts)


def naps():
    for _ in range(20):
        time.sleep(0.002)


def events():
    told = roentgen.Channel(1000)
    with sched.attach(Counting(told.sender)) as policy:
        process = roentgen.spawn(naps)
        process.result()
        pid = process.pid
        end = time.monotonic() + 10
        counts = {}
        while ("exit", pid) not in counts and time.monotonic() < end:
            counts = told.receive(10)
        mine = {what: count for (what, of), count in counts.items() if of == pid}
        well("events: once", mine.get("begin") == mine.get("exit") == 1, mine)
        well("events: naps", min(mine.get("wake", 0), mine.get("sleep", 0)) >= 20, mine)
        own = {what for what, of in counts if of == policy.pid}
        well("events: not of itself", own <= {"begin", "exit"}, own)
        status = sched.status()
        well("events: none lost", status.lost == 0 and status.told > 40, status)


def one_at_a_time():
    with sched.attach(sched.Policy()) as policy:
        well("one: busy", refused(errno.EBUSY, lambda: sched.attach(sched.Policy())))
        well("one: still there", policy.attached)
        policy.check()
    well("one: given back", sched.status().process == 0 and sched.status().last.cause == "closed")
    policy.check()


def may_not():
    return refused(errno.EPERM, lambda: _roentgen.policy(0, 0))


def permission():
    well("permission", roentgen.spawn(may_not).result())
    fd = _roentgen.policy(0, 0)
    other = roentgen.spawn(foreign, _roentgen.Descriptor(fd))
    _roentgen.policy_wait(fd, 0, 0, 0)
    well("permission: one process", other.result())
    os.close(fd)


def foreign(descriptor):
    """Whether only one process can be the policy; the other one begins."""
    fd = descriptor.fileno()
    time.sleep(0.05)
    return refused(errno.EPERM, lambda: _roentgen.policy_wait(fd, 0, 0, 0))


def hostile():
    invalid = [(2, 0), (0, 1), (0, 1 << 6), (1 << 31, 0)]
    for arguments in invalid:
        if not refused(errno.EINVAL, lambda arguments=arguments: _roentgen.policy(*arguments)):
            well("hostile", False, arguments)
    end, other = os.pipe()
    well("hostile: none", refused(errno.EINVAL, lambda: _roentgen.policy_wait(end, 0, 0, 0)))
    fd = _roentgen.policy(0, 0)
    well("hostile: not cut", refused(errno.EINVAL, lambda: os.ftruncate(fd, 4096)))
    well("hostile: nothing to read", refused(errno.EINVAL, lambda: os.read(fd, 8)))
    for one in (end, other, fd):
        os.close(one)


def gives_back():
    """Coming and going leaves nothing behind."""

    def come_and_go():
        for _ in range(20):
            os.close(_roentgen.policy(0, 0x3E))

    come_and_go()
    before = roentgen.memory()
    come_and_go()
    after = roentgen.memory()
    well("gives back", after.user - before.user < 1 << 20, before, after)


ALL = {
    "sleeps": lambda: misbehaves("sleeps", sleeps, "late", "not answered"),
    "loops": lambda: misbehaves("loops", loops, "late", "not answered"),
    "stopped": lambda: misbehaves("stopped", stopped, "late", "not answered"),
    "raises": lambda: misbehaves("raises", raises, "failed", "LookupError('of all things')"),
    "exits": lambda: misbehaves("exits", exits, "died", "its process ended"),
    "killed": lambda: misbehaves("killed", killed, "died", "its process ended"),
    "nonsense": nonsense,
    "lies": lies,
    "garbage": garbage,
    "events": events,
    "one": one_at_a_time,
    "permission": permission,
    "hostile": hostile,
    "gives_back": gives_back,
}

for name in sys.argv[1:] or ALL:
    ALL[name]()
print("end")
