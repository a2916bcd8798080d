"""Echo over loopback TCP by reactors of Twisted: bench_reactor.py ROUNDS SAMPLES REACTOR...

REACTOR is `roentgen` or `epoll`. Ten clients each send 64 bytes and wait until they are
back, again and again, ROUNDS times each for a sample; server and clients are in one
process, so that one reactor serves both. A process has one reactor, so each gets a child,
made when the modules that they share are there: to import those takes longer than the rest.

Prints lines `echo_REACTOR VALUE`: nanoseconds for a request and its answer.
"""

import os
import sys
import time

from twisted.internet import defer, endpoints, epollreactor, protocol, task

from roentgen import twisted_reactor

ROUNDS, SAMPLES = int(sys.argv[1]), int(sys.argv[2])
REACTORS = {"roentgen": twisted_reactor.install, "epoll": epollreactor.install}
CLIENTS = 10
REQUEST = b"x" * 64


class Echo(protocol.Protocol):
    """Sends back what it is sent."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        self.transport.write(data)


class Client(protocol.Protocol):
    """Asks again when it has its answer."""

    def begin(self) -> "defer.Deferred[None]":
        """Ask as often as there are rounds."""
        self.left = ROUNDS
        self.missing = 0
        self.done: defer.Deferred[None] = defer.Deferred()
        self.ask()
        return self.done

    def ask(self) -> None:
        """Ask once."""
        self.missing = len(REQUEST)
        self.transport.write(REQUEST)

    def dataReceived(self, data: bytes) -> None:
        """Count what is back."""
        self.missing -= len(data)
        if not self.missing:
            self.left -= 1
            if self.left:
                self.ask()
            else:
                self.done.callback(None)


async def measure(reactor: object, name: str) -> None:
    """Measure; the first sample warms up."""
    server = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await server.listen(protocol.Factory.forProtocol(Echo))
    endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    clients = [await endpoints.connectProtocol(endpoint, Client()) for _ in range(CLIENTS)]
    for sample in range(SAMPLES + 1):
        begun = time.monotonic_ns()
        await defer.gatherResults([client.begin() for client in clients])
        spent = time.monotonic_ns() - begun
        if sample:
            print(f"echo_{name}", spent / (ROUNDS * CLIENTS), flush=True)


def main() -> None:
    """A child for each reactor, one after another."""
    for name in sys.argv[3:]:
        child = os.fork()
        if child == 0:
            REACTORS[name]()
            task.react(lambda reactor, name=name: defer.ensureDeferred(measure(reactor, name)))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            sys.exit(f"{name}: a child ended with {status}")


main()
