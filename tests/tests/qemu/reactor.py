"""What the wait set, asyncio's loop and Twisted's reactor promise, looked at from inside."""

import asyncio
import os
import select
import socket
import sys
import time

import roentgen
from roentgen import _waiting, event_loop, irq
from roentgen.drivers.rtc import Rtc


def well(name, is_so, *why):
    print(name, "well" if is_so else f"WRONG {why}", flush=True)


def feed(sender, count):
    for number in range(count):
        sender.send(number)


def child(code):
    return os.posix_spawn(sys.executable, [sys.executable, "-c", code], dict(os.environ))


def one_wait():
    """All kinds of things are told of by one wait."""
    clock = Rtc()
    ours, theirs = socket.socketpair()
    channel = roentgen.Channel(4)
    process = roentgen.spawn(bool)
    waits = _waiting.WaitSet()
    # Attached before the first edge, or it would be lost.
    with irq.Listener(8) as line, clock.periodic(16):
        wanted = {
            "socket": ours.fileno(),
            "channel": channel.fileno(),
            "process": process.sentinel,
            "line": line.fileno(),
        }
        for number in wanted.values():
            waits.watch(number, _waiting.READABLE)
        theirs.send(b"x")
        channel.send(1)
        process.join()
        # The first count may be 0, which asks to look at the device once.
        ticks = 0
        while not ticks:
            select.select([line], [], [], 5)
            ticks = line.count()
        clock.acknowledge()
        select.select([line], [], [], 5)
        before = waits.waits
        news = dict(waits.wait(5))
        missing = [name for name, number in wanted.items() if number not in news]
        well("one wait", not missing and waits.waits == before + 1, missing)
        well("line", ticks > 0 and line.count() > 0)
    # A timer alone, to much less than a millisecond, by one call.
    for number in wanted.values():
        waits.watch(number, 0)
    begun = time.monotonic()
    before = waits.waits
    well("timer", waits.wait(0.02) == [] and waits.waits == before + 1)
    spent = time.monotonic() - begun
    well("timer's time", 0.02 <= spent < 1, spent)
    # A file always is ready.
    with open("/etc/hosts", "rb") as file:
        try:
            waits.watch(file.fileno(), _waiting.READABLE)
        except PermissionError:
            waits.assume(file.fileno(), _waiting.READABLE)
        well("file", dict(waits.wait(5)) == {file.fileno(): _waiting.READABLE})
    waits.close()


async def looped():
    """asyncio waits for a socket, a timer, a child, a channel and a process at once."""
    loop = asyncio.get_running_loop()
    well("loop", type(loop).__name__ == "EventLoop")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel = roentgen.Channel(4)
    sender, receiver = channel.sender, channel.receiver
    channel._drop()
    got, ended = [], loop.create_future()
    loop.add_channel(receiver, got.append, ended.set_result)
    process = roentgen.spawn(feed, sender, 3)
    sender.close()
    loop.call_later(0.05, theirs.send, b"x")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print(7)", stdout=asyncio.subprocess.PIPE
    )
    before = loop.waits
    results = await asyncio.gather(
        loop.sock_recv(ours, 9), asyncio.sleep(0.1, "slept"), program.communicate(), ended, process
    )
    well("sources", results[:3] == [b"x", "slept", (b"7\n", None)], results)
    well("channel", got == [0, 1, 2] and isinstance(results[3], roentgen.ChannelClosed), got)
    # It slept in the kernel: so few turns, and so few waits.
    well("waits", 0 < loop.waits - before < 60, loop.waits - before)


def reacted():
    """Twisted's reactor does, and without handlers of signals."""
    from roentgen import twisted_reactor

    installed = twisted_reactor.install()
    from twisted.internet import defer, protocol, reactor

    class Child(protocol.ProcessProtocol):
        def __init__(self):
            self.done = defer.Deferred()

        def processEnded(self, reason):
            self.done.callback(reason.value.exitCode)

    async def main():
        well("reactor", reactor is installed and type(reactor).__name__ == "RoentgenReactor")
        channel = roentgen.Channel(4)
        sender, receiver = channel.sender, channel.receiver
        channel._drop()
        process = roentgen.spawn(feed, sender, 5)
        sender.close()
        first = await reactor.receive(receiver)
        abandoned = reactor.receive(receiver)
        abandoned.cancel()
        abandoned.addErrback(lambda failure: failure.trap(defer.CancelledError))
        got, ended = [], defer.Deferred()
        reactor.addChannel(receiver, got.append, ended.callback)
        why = await ended
        well("channel", [first, *got] == [0, 1, 2, 3, 4], first, got)
        well("channel's end", isinstance(why, roentgen.ChannelClosed), why)
        try:
            await reactor.receive(receiver)
        except roentgen.ChannelClosed:
            well("receive after the end", True)
        process.join()
        protocol_ = Child()
        reactor.spawnProcess(
            protocol_, sys.executable, [sys.executable, "-c", "exit(5)"], dict(os.environ)
        )
        status = await protocol_.done
        well("child", status == 5, status)
        clock, ticked = Rtc(), defer.Deferred()
        with irq.Listener(8) as line, clock.periodic(16):
            reactor.addLine(
                line, lambda count: count and not ticked.called and ticked.callback(count)
            )
            await ticked
            reactor.removeLine(line)
        well("line", True)
        before = reactor.waits
        pause = defer.Deferred()
        reactor.callLater(0.3, pause.callback, None)
        await pause
        well("idle", reactor.waits - before < 8, reactor.waits - before)

    def finish(result):
        well("end", result is None, result)
        reactor.stop()

    reactor.callWhenRunning(lambda: defer.ensureDeferred(main()).addBoth(finish))
    reactor.run(installSignalHandlers=False)


if sys.argv[1] == "asyncio":
    one_wait()
    event_loop.run(looped())
else:
    # Twisted takes an emulator long to import: once, for both.
    import roentgen.twisted_reactor

    import twisted.internet.endpoints

    if pid := os.fork():
        _, status = os.waitpid(pid, 0)
        well("example", status == 0, status)
        reacted()
    else:
        import runpy

        sys.argv = ["/twisted_echo.py"]
        runpy.run_path("/twisted_echo.py", run_name="__main__")
