"""asyncio: streams over loopback and socket pairs, datagrams, processes."""

import asyncio
import os
import signal
import socket
import sys
import tempfile


async def echo(reader, writer):
    """Answer each line in capitals."""
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def tcp():
    """Ten clients of one server."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0, limit=2**20)
    address = server.sockets[0].getsockname()

    async def client(number):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"client {number}\nsecond\n".encode())
        writer.write_eof()
        data = await reader.read()
        writer.close()
        await writer.wait_closed()
        return data

    async with server:
        print(await asyncio.gather(*(client(n) for n in range(10))))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"x" * 300_000 + b"\n")
        limit = reader.readexactly(300_001)
        print(len(await limit))
        writer.close()
    try:
        await asyncio.open_connection("127.0.0.1", address[1])
    except ConnectionRefusedError as error:
        print(type(error).__name__)


async def unix():
    """A server on a path."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "socket")
        async with await asyncio.start_unix_server(echo, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.writelines([b"one\n", b"two\n"])
            print(await reader.readuntil(b"TWO\n"))
            writer.close()


async def pairs():
    """The loop's own socket calls."""
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    sending = asyncio.create_task(loop.sock_sendall(left, b"z" * 500_000))
    total = 0
    while total < 500_000:
        total += len(await loop.sock_recv(right, 65536))
    await sending
    print(total)
    events = asyncio.Queue()
    loop.add_reader(right, lambda: events.put_nowait(right.recv(10)))
    left.send(b"event")
    print(await events.get(), loop.remove_reader(right), loop.remove_reader(right))
    left.close()
    right.close()


class Datagrams(asyncio.DatagramProtocol):
    """Collects what arrives."""

    def __init__(self):
        self.received = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.received.put_nowait(data)


async def udp():
    """Datagrams over loopback."""
    loop = asyncio.get_running_loop()
    receiving, protocol = await loop.create_datagram_endpoint(
        Datagrams, local_addr=("127.0.0.1", 0)
    )
    sending, _ = await loop.create_datagram_endpoint(
        Datagrams, remote_addr=receiving.get_extra_info("sockname")
    )
    for number in range(5):
        sending.sendto(b"datagram %d" % number)
        print(await protocol.received.get())
    receiving.close()
    sending.close()


async def processes():
    """Children with pipes."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; print(sys.stdin.read()[::-1]);print('err', file=sys.stderr); sys.exit(3)",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    print(await child.communicate(b"abc"), child.returncode)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import time; time.sleep(60)"
    )
    child.kill()
    print(await child.wait())


async def signals():
    """Signals arrive in the loop."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, arrived.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(arrived.wait(), 5)
    print(arrived.is_set(), loop.remove_signal_handler(signal.SIGUSR1))


async def main():
    """Run all in one loop."""
    for part in (tcp, unix, pairs, udp, processes, signals):
        await part()


if __name__ == "__main__":
    asyncio.run(main())
