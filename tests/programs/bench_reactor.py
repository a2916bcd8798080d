"""Echo over loopback TCP by a reactor of Twisted: bench_reactor.py REACTOR ROUNDS SAMPLES

REACTOR is `roentgen` or `epoll`. Ten clients each send 64 bytes and wait until they are
back, again and again, ROUNDS times each for a sample; server and clients are in one
process, so that one reactor serves both.

Prints lines `echo_REACTOR VALUE`: nanoseconds for a request and its answer.
"""

import sys
import time

NAME, ROUNDS, SAMPLES = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
CLIENTS = 10
REQUEST = b"x" * 64

if NAME == "epoll":
    from twisted.internet import epollreactor

    epollreactor.install()
else:
    from roentgen import twisted_reactor

    twisted_reactor.install()

from twisted.internet import defer, endpoints, protocol, reactor, task  # noqa: E402


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


async def main() -> None:
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
            print(f"echo_{NAME}", spent / (ROUNDS * CLIENTS), flush=True)


task.react(lambda reactor: defer.ensureDeferred(main()))
