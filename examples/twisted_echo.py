"""Twisted, unmodified, on Roentgen: echo over TCP and a Unix socket, threads, a process, timers.

    ./run.sh --with twisted examples/twisted_echo.py [epoll]

With `epoll` it runs on Twisted's own reactor for Linux instead.
"""

import os
import sys
import tempfile
import threading

if sys.argv[1:] == ["epoll"]:
    from twisted.internet import epollreactor

    epollreactor.install()
else:
    from roentgen import twisted_reactor

    twisted_reactor.install()

from twisted.internet import defer, endpoints, protocol, reactor, task, threads


class Echo(protocol.Protocol):
    """Sends back what it is sent."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class Client(protocol.Protocol):
    """Sends some words, and has them when they are back."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.back = b""
        self.done: defer.Deferred[bytes] = defer.Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.words)

    def dataReceived(self, data: bytes) -> None:
        self.back += data
        if len(self.back) == len(self.words):
            self.transport.loseConnection()

    def connectionLost(self, reason: object) -> None:
        self.done.callback(self.back)


class Child(protocol.ProcessProtocol):
    """Gathers what a process writes."""

    def __init__(self) -> None:
        self.output = b""
        self.done: defer.Deferred[bytes] = defer.Deferred()

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: object) -> None:
        self.done.callback(self.output)


async def echo(server: str, client: str, count: int) -> str:
    """Serve at one endpoint, and have so many clients at the other at once."""
    port = await endpoints.serverFromString(reactor, server).listen(
        protocol.Factory.forProtocol(Echo)
    )
    if client.endswith("="):
        client += str(port.getHost().port)
    waiting = []
    for number in range(count):
        endpoint = endpoints.clientFromString(reactor, client)
        talk = await endpoints.connectProtocol(endpoint, Client(b"%d " % number * 1000))
        waiting.append(talk.done)
    answers = await defer.gatherResults(waiting)
    await port.stopListening()
    return f"{count} clients, {sum(map(len, answers))} bytes echoed"


async def main(reactor: object) -> None:
    """Do one after the other."""
    print("reactor:", type(reactor).__name__)
    print("tcp:", await echo("tcp:0:interface=127.0.0.1", "tcp:host=127.0.0.1:port=", 20))
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "socket")
        print("unix:", await echo(f"unix:{path}", f"unix:{path}", 20))
    other = await threads.deferToThread(threading.get_ident)
    print("thread: another one:", other != threading.get_ident())
    child = Child()
    code = "import os; print('pid', os.getpid() != int(os.environ['PARENT']))"
    environment = dict(os.environ, PARENT=str(os.getpid()))
    reactor.spawnProcess(child, sys.executable, [sys.executable, "-c", code], environment)
    print("process: another one:", (await child.done).decode().strip())
    order: list[int] = []
    pauses = [0.3, 0.1, 0.2]
    await defer.gatherResults(
        [task.deferLater(reactor, pause, order.append, round(pause * 10)) for pause in pauses]
    )
    print("timers:", order)


task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
