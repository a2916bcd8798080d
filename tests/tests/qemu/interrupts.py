"""Interrupts in Python, looked at from the machine's first process: a line for each check.

Core 0 runs this, the routines run on core 1. The machine has a second serial port.
"""

import errno
import os
import select
import signal
import struct
import time

import _roentgen

import roentgen
from roentgen import io, irq
from roentgen.drivers.rtc import Rtc

CORE = 1
os.sched_setaffinity(0, {0})
clock = Rtc()


def well(what, is_so, *more):
    """Say whether it is as it should be."""
    print(what, "well" if is_so else f"WRONG {more}", flush=True)


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


def ignore(count):
    """Do nothing."""


def counts_beside_a_loop():
    told = roentgen.Channel(4096)
    out = told.sender

    def add(count):
        out.send(count, 0)

    with (
        roentgen.spawn(busy, core=CORE) as loop,
        clock.periodic(256),
        clock.attach(add, core=CORE) as line,
    ):
        time.sleep(1)
        clock.write(0x0B, clock.read(0x0B) & ~0x40)
        while line.counts().untaken:
            time.sleep(0.01)
        time.sleep(0.1)
        counts = line.counts()
        loop.kill()
    total = 0
    while True:
        try:
            total += told.receive(0)
        except TimeoutError:
            break
    well("counts", total == counts.interrupts > 50, total, counts)


def raises():
    def fail(count):
        raise LookupError(f"after {count}")

    with clock.periodic(64):
        line = irq.attach(8, fail, CORE)
        try:
            line.wait(5)
        except irq.RoutineFailed as error:
            cause = error.__cause__
        well("raises", isinstance(cause, LookupError), cause)
        well("raises: detached", not line.attached and not attached(8))
        # The resident lives, and the line can be had again.
        with clock.attach(ignore, CORE) as again:
            well("raises: again", again.pid == line.pid and again.attached)


def attached(isa):
    return any(row.attached for row in irq.lines() if row.isa == isa)


def loops():
    def loop(count):
        while count:
            pass

    before = roentgen.counters().get("line_overruns", 0)
    with clock.periodic(64):
        line = irq.attach(8, loop, CORE, limit=0.1)
        begin = time.monotonic()
        try:
            line.wait(10)
        except irq.RoutineFailed as error:
            cause = error.__cause__
        spent = time.monotonic() - begin
        died = isinstance(cause, roentgen.ProcessDied) and cause.exitcode == -signal.SIGKILL
        well("loops", died and spent < 5, cause, spent)
        well("loops: counted", roentgen.counters()["line_overruns"] == before + 1)
        with clock.attach(ignore, CORE) as again:
            well("loops: a new resident", again.pid != line.pid and again.attached)
    well("loops: a call", roentgen.core(CORE).run(sum, [1, 2]) == 3)


def sleeps():
    def sleep(count):
        time.sleep(60)

    line = irq.attach(8, sleep, CORE, limit=0.05)
    try:
        line.wait(10)
    except irq.RoutineFailed as error:
        well("sleeps", isinstance(error.__cause__, roentgen.ProcessDied), error)


def killed():
    with clock.periodic(64):
        line = clock.attach(ignore, CORE)
        os.kill(line.pid, signal.SIGKILL)
        try:
            line.wait(10)
        except irq.RoutineFailed as error:
            well("killed", isinstance(error.__cause__, roentgen.ProcessDied), error)
        well("killed: given back", not attached(8))


def storm():
    told = roentgen.Channel(4096)
    out = told.sender

    def note(count):
        out.send(count, 0)

    with clock.periodic(1024), clock.attach(note, CORE, rate=50) as line:
        time.sleep(1)
        counts = line.counts()
    # Five in each tenth of a second, and one more window at the border.
    well("storm", counts.pauses >= 3 and counts.interrupts <= 60, counts)
    zeros = 0
    while True:
        try:
            zeros += told.receive(0) == 0
        except TimeoutError:
            break
    well("storm: looked at after a pause", zeros >= 3, zeros)


def count_rounds(end):
    """Count, until that moment."""
    rounds = 0
    while time.monotonic() < end:
        rounds += 1
    return rounds


def level_storm():
    # Nobody serves the port, and it asks for ever: the line is level-triggered here.
    ports = io.Ports(0x2F8, 8)
    ports.write8(4, 0x0B)
    alone = roentgen.core(CORE).run(count_rounds, time.monotonic() + 0.5)
    line = irq.attach(irq.Gsi(3), ignore, CORE, trigger="level", rate=1_000_000)
    ports.write8(1, 0x02)
    beside = roentgen.spawn(count_rounds, time.monotonic() + 0.5, core=CORE).result()
    counts = line.counts()
    ports.write8(1, 0)
    line.detach()
    well("level", counts.level and counts.interrupts > 20 and counts.pauses > 0, counts)
    well("level: others run", beside > alone / 10, beside, alone)
    # What is never acknowledged stays masked.
    fd = _roentgen.line(3, CORE, _roentgen.LINE_LEVEL, 1000, 10**9)
    ports.read8(2)
    ports.write8(1, 0x02)
    time.sleep(0.2)
    row = next(row for row in irq.lines() if row.isa == 3)
    well("level: masked", row.interrupts == 1 and row.masked, row)
    well("level: read", os.read(fd, 8) == struct.pack("Q", 1))
    os.write(fd, bytes(8))
    time.sleep(0.1)
    row = next(row for row in irq.lines() if row.isa == 3)
    well("level: acknowledged", row.interrupts == 2, row)
    ports.write8(1, 0)
    os.close(fd)
    well("level: closed", not attached(3))


def serve_no_more(ready):
    fd = _roentgen.line(8, CORE, 0, 1000, 10**8)
    _roentgen.line_wait(fd, None)
    # The line is gone, and the thread still was told to serve it.
    os.close(fd)
    ready.send(1)
    busy()


def class_ends():
    ready = roentgen.Channel(1)
    process = roentgen.spawn(wait_for, ready.receiver, ready.sender, core=CORE)
    io.grant(process)
    ready.send(0)
    time.sleep(0.5)
    beside = roentgen.spawn(count_rounds, time.monotonic() + 0.5, core=CORE).result(10)
    mine = [thread for thread in roentgen.ps() if thread.pid == process.pid]
    well("class ends", mine[0].scheduling_class == "normal", mine)
    well("class ends: others run", beside > 1000, beside)
    process.kill()


def wait_for(granted, ready):
    granted.receive()
    serve_no_more(ready)


def polled():
    fd = _roentgen.line(8, 0, 0, 1000, 10**9)
    with select.epoll() as epoll, clock.periodic(64):
        epoll.register(fd, select.EPOLLIN)
        # At first, since an edge may have come before.
        well("poll: at first", epoll.poll(1) == [(fd, select.EPOLLIN)])
        os.read(fd, 8)
        clock.acknowledge()
        well("poll", epoll.poll(2) == [(fd, select.EPOLLIN)])
        well("poll: count", struct.unpack("Q", os.read(fd, 8))[0] >= 1)
        _roentgen.line_detach(8, 0)
        ended = epoll.poll(2)
        well("poll: taken away", ended and ended[0][1] & select.EPOLLERR, ended)
        well("poll: gone", refused(errno.ENODEV, lambda: os.read(fd, 8)))
        well("wait: gone", refused(errno.ENODEV, lambda: _roentgen.line_wait(fd, 0)))
    os.close(fd)


def may(ports):
    """What a process may do."""
    return [
        refused(errno.EPERM, lambda: _roentgen.line(8, 0, 0, 100, 10**9)),
        refused(errno.EPERM, lambda: _roentgen.line_detach(8, 0)),
        refused(errno.EPERM, lambda: _roentgen.ports(0x70, 2)),
        refused(errno.EPERM, lambda: _roentgen.registers(0xFED00000, 8)),
        refused(errno.EPERM, lambda: ports.read8(1)),
        refused(errno.EPERM, lambda: ports.write8(0, 0)),
    ]


def may_when_asked(ports, questions, answers):
    for _ in questions:
        answers.send(may(ports))


def permission():
    ports = io.Ports(0x70, 2)
    well("permission: spawned", all(roentgen.spawn(may, ports).result()))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if all(may(ports)) else 1)
    well("permission: forked", os.waitpid(pid, 0)[1] == 0)
    questions, answers = roentgen.Channel(1), roentgen.Channel(1)
    process = roentgen.spawn(may_when_asked, ports, questions.receiver, answers.sender)
    io.grant(process)
    questions.send(1)
    # Nobody has line 8, so that to detach it is another error; all else works.
    well("permission: granted", not any(answers.receive(5)))
    io.revoke(process)
    questions.send(1)
    well("permission: revoked", all(answers.receive(5)))
    process.kill()

    def grants(other):
        return refused(errno.EPERM, lambda: io.grant(other))

    pid = os.fork()
    if pid == 0:
        os._exit(0 if grants(process) else 1)
    well("permission: not to be given on", os.waitpid(pid, 0)[1] == 0)


def hostile():
    line = _roentgen.line
    second = 10**9
    invalid = [
        (16, 0, 0, 100, second),
        (2, 0, 0, 100, second),
        (1 << 31, 0, 1, 100, second),
        (64, 0, 1, 100, second),
        (40, 0, 1, 100, second),
        (8, 99, 0, 100, second),
        (8, 1 << 31, 0, 100, second),
        (8, 0, 6, 100, second),
        (8, 0, 8, 100, second),
        (8, 0, 0, 0, second),
        (8, 0, 0, 100, 0),
        (8, 0, 0, 100, 1 << 63),
    ]
    for arguments in invalid:
        if not refused(errno.EINVAL, lambda arguments=arguments: line(*arguments)):
            well("hostile", False, arguments)
    well("hostile: the kernel's line", refused(errno.EBUSY, lambda: line(4, 0, 0, 1, second)))
    fd = line(8, 0, 0, 100, second)
    well("hostile: twice", refused(errno.EBUSY, lambda: line(8, 1, 0, 1, second)))
    well("hostile: the same pin", refused(errno.EBUSY, lambda: line(8, 1, 1, 1, second)))
    well("hostile: a short read", refused(errno.EINVAL, lambda: os.read(fd, 7)))
    os.close(fd)
    end, other = os.pipe()
    well("hostile: no line", refused(errno.EINVAL, lambda: _roentgen.line_wait(end, 0)))
    for first, count in [(0xFFFF, 2), (0, 0), (1 << 31, 1), (0, 1 << 31)]:
        if not refused(errno.EINVAL, lambda f=first, c=count: _roentgen.ports(f, c)):
            well("hostile: ports", False, first, count)
    for first, count in [(0x3F8, 8), (0x3FF, 1), (0x20, 1), (0xA1, 1), (0, 0x10000)]:
        if not refused(errno.EBUSY, lambda f=first, c=count: _roentgen.ports(f, c)):
            well("hostile: the kernel's ports", False, first, count)
    for address in [0, 0x1000, 0x10_0000, 0xFEC0_0000, 0xFEE0_0FFF, 0xB_8000]:
        if not refused(errno.EBUSY, lambda a=address: _roentgen.registers(a, 1)):
            well("hostile: memory", False, address)
    for address, length in [(1 << 52, 8), (2**64 - 1, 8), (0xFED0_0000, 0), (1 << 51, 8)]:
        if not refused(errno.EINVAL, lambda a=address, n=length: _roentgen.registers(a, n)):
            well("hostile: registers", False, address, length)
    # The HPET: its period, in femtoseconds, is at most 100 ns (IA-PC HPET, 2.3.4).
    with io.Registers(0xFED0_0000, 0x400) as hpet:
        whole = hpet.read64(0)
        halves = hpet.read32(0) | hpet.read32(4) << 32
        well("registers", whole == halves and 0 < whole >> 32 <= 100_000_000, whole)
        for offset, width in [(1, 4), (0x400, 1), (0x3FF, 2), (4, 8), (0, 3)]:
            if not refused(errno.EINVAL, lambda o=offset, w=width: os.pread(hpet.fileno(), w, o)):
                well("hostile: access", False, offset, width)
    well("hostile", True)
    os.close(end)
    os.close(other)


for check in (
    counts_beside_a_loop,
    raises,
    loops,
    sleeps,
    killed,
    storm,
    level_storm,
    class_ends,
    polled,
    permission,
    hostile,
):
    check()
print("end")
