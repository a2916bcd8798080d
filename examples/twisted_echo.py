"""Twisted, unmodified: an echo server and its clients, a thread, a process and a clock.

    ./run.sh --with twisted examples/twisted_echo.py [CLIENTS]

The reactor is the kernel-native one (`roentgen.twisted_reactor`): it waits on one object of the
kernel for descriptors, time, children and whatever else has a descriptor here.
"""

import os
import sys
import threading
from collections.abc import Generator
from typing import Any

import roentgen.twisted_reactor

roentgen.twisted_reactor.install()

from twisted.internet import defer, endpoints, protocol, task, threads  # noqa: E402
from twisted.protocols import basic  # noqa: E402

CLIENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 3


class Echo(basic.LineReceiver):
    """Says every line again."""

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line)


class Client(basic.LineReceiver):
    """Says some lines, and hears them."""

    def __init__(self, number: int) -> None:
        self.heard: list[bytes] = []
        self.number = number
        self.done: defer.Deferred[list[bytes]] = defer.Deferred()

    def connectionMade(self) -> None:
        for word in (b"hello", b"from", b"client %d" % self.number):
            self.sendLine(word)

    def lineReceived(self, line: bytes) -> None:
        self.heard.append(line)
        if len(self.heard) == 3:
            self.transport.loseConnection()

    def connectionLost(self, reason: Any = protocol.connectionDone) -> None:
        self.done.callback(self.heard)


class Output(protocol.ProcessProtocol):
    """Gathers what a process prints."""

    def __init__(self) -> None:
        self.text = b""
        self.done: defer.Deferred[tuple[bytes, int]] = defer.Deferred()

    def outReceived(self, data: bytes) -> None:
        self.text += data

    def processEnded(self, reason: Any) -> None:
        self.done.callback((self.text, reason.value.exitCode))


@defer.inlineCallbacks
def main(reactor: Any) -> Generator[Any, Any, None]:
    """Have all of it."""
    print("reactor", type(reactor).__name__)
    ticks: list[float] = []
    clock = task.LoopingCall(lambda: ticks.append(reactor.seconds()))
    clock.start(0.05)
    for server, client in (
        ("tcp:8007:interface=127.0.0.1", "tcp:127.0.0.1:8007"),
        ("unix:/tmp/echo", "unix:/tmp/echo"),
    ):
        factory = protocol.Factory.forProtocol(Echo)
        port = yield endpoints.serverFromString(reactor, server).listen(factory)
        clients = [Client(number) for number in range(CLIENTS)]
        for one in clients:
            endpoint = endpoints.clientFromString(reactor, client)
            yield endpoints.connectProtocol(endpoint, one)
        heard = yield defer.gatherResults([one.done for one in clients])
        yield port.stopListening()
        print(client.partition(":")[0], *(b" ".join(lines).decode() for lines in heard), sep="; ")
    name = yield threads.deferToThread(lambda: threading.current_thread() is not None)
    print("a thread answered", name)
    output = Output()
    words = [sys.executable, "-c", "print('from a process')"]
    reactor.spawnProcess(output, words[0], words, env=os.environ)
    text, status = yield output.done
    print(text.decode().strip(), status)
    clock.stop()
    print("the clock ticked", len(ticks) > 2)


task.react(main)
