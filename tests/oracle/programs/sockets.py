"""Sockets: TCP, UDP and Unix, options, shutdown, descriptors passed."""

import array
import os
import socket
import socketserver
import tempfile
import threading


def tcp():
    """A server thread and a client."""
    server = socket.create_server(("127.0.0.1", 0))
    received = []

    def serve():
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(1000):
                received.append(len(data))
            connection.sendall(b"got %d" % sum(received))

    thread = threading.Thread(target=serve)
    thread.start()
    with socket.create_connection(server.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(
            client.getpeername() == server.getsockname(),
            client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
            client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0,
        )
        client.sendall(b"x" * 200_000)
        client.shutdown(socket.SHUT_WR)
        print(client.recv(100))
        print(client.recv(1))
    thread.join()
    server.close()
    print(sum(received), client.fileno())


def udp():
    """Datagrams keep their bounds."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        for size in (0, 1, 100, 9000):
            sender.sendto(b"d" * size, receiver.getsockname())
            data, address = receiver.recvfrom(65536)
            print(len(data), address[0])
        sender.connect(receiver.getsockname())
        sender.send(b"cut short")
        print(receiver.recv(3))
        receiver.settimeout(0.02)
        try:
            receiver.recv(10)
        except TimeoutError as error:
            print(type(error).__name__, error)
        receiver.setblocking(False)
        try:
            receiver.recv(1)
        except BlockingIOError as error:
            print(error.errno)


def unix():
    """Paths, pairs, abstract names and sequenced packets."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "s")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                connection, _ = server.accept()
                connection.sendall(b"unix")
                print(client.recv(10), server.getsockname() == path, repr(client.getsockname()))
                credentials = array.array(
                    "i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                )
                print(credentials[0] == os.getpid(), credentials[1] == os.getuid())
                connection.close()
                print(client.recv(1))
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.send(b"first")
    left.send(b"second")
    print(right.recv(3), right.recv(100))
    left.close()
    right.close()


def messages():
    """Peek, wait for all, scatter, gather and pass descriptors."""
    left, right = socket.socketpair()
    print(left.sendmsg([b"scat", b"ter"]), right.recv(4, socket.MSG_PEEK))
    print(right.recvmsg(5)[0], right.recvmsg(100, 100)[:3])
    threading.Timer(0.02, left.sendall, [b"rest"]).start()
    left.sendall(b"some ")
    print(right.recv(9, socket.MSG_WAITALL))
    reader, writer = os.pipe()
    socket.send_fds(left, [b"take it"], [writer])
    os.close(writer)
    data, descriptors, flags, _ = socket.recv_fds(right, 100, 4)
    os.write(descriptors[0], b"through a passed descriptor")
    os.close(descriptors[0])
    print(data, len(descriptors), os.read(reader, 100), os.read(reader, 1))
    with left.makefile("w") as out, right.makefile() as lines:
        print("line one\nline two", file=out, flush=True)
        print(lines.readline(), lines.readline(), end="")
    twin = right.dup()
    right.close()
    left.send(b"dup")
    print(twin.recv(10))
    left.close()
    try:
        twin.send(b"x")
        twin.send(b"x")
    except (BrokenPipeError, ConnectionResetError) as error:
        print(type(error).__name__)


class Shout(socketserver.StreamRequestHandler):
    """Answers in capitals."""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


def servers():
    """A threading server of the library."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Shout) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        for number in range(3):
            with socket.create_connection(server.server_address) as client:
                client.sendall(f"request {number}\n".encode())
                print(client.recv(100))
        server.shutdown()
        thread.join()


def addresses():
    """Texts of addresses."""
    print(
        socket.inet_aton("127.1").hex(),
        socket.inet_ntoa(b"\x0a\0\0\1"),
        socket.inet_pton(socket.AF_INET6, "::1").hex(),
        socket.htons(1) in (1, 256),
        socket.ntohl(socket.htonl(12345)),
    )
    for bad in ("1.2.3.4.5", "256.1.1.1"):
        try:
            socket.inet_aton(bad)
        except OSError:
            print("refused", bad)
    print(socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4])


if __name__ == "__main__":
    tcp()
    udp()
    unix()
    messages()
    servers()
    addresses()
