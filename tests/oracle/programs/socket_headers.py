"""UDP-Lite, header fields as control messages, interfaces, room in a send buffer."""

import fcntl
import socket
import struct
import threading

UDP_LITE = socket.IPPROTO_UDPLITE
SEND_COVERAGE = 10
SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFINDEX = 0x8910, 0x8913, 0x8915, 0x8933

FAMILIES = {
    socket.AF_INET: "127.0.0.1",
    socket.AF_INET6: "::1",
}


def coverage():
    """The options of UDP-Lite, which plain UDP does not take."""
    for protocol in UDP_LITE, socket.IPPROTO_UDP:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, protocol) as one:
            for value in 0, 1, 8, 20, 70000:
                try:
                    one.setsockopt(UDP_LITE, SEND_COVERAGE, value)
                except OSError as error:
                    print(error.strerror)
                print(protocol, value, one.getsockopt(UDP_LITE, SEND_COVERAGE))


def ports():
    """UDP and UDP-Lite have their own ports."""
    for family, host in FAMILIES.items():
        with (
            socket.socket(family, socket.SOCK_DGRAM, UDP_LITE) as lite,
            socket.socket(family, socket.SOCK_DGRAM) as plain,
            socket.socket(family, socket.SOCK_DGRAM, UDP_LITE) as sender,
        ):
            lite.bind((host, 0))
            plain.bind(lite.getsockname())
            sender.sendto(b"lite", lite.getsockname())
            print(lite.recv(10), lite.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL))
            plain.setblocking(False)
            try:
                print(plain.recv(10))
            except BlockingIOError:
                print("nothing at the other port")


def integer(value):
    """Return what a control message holds for a number."""
    return struct.pack("i", value)


def control_messages():
    """Hop limit and traffic class arrive as they were sent, cut to the room there is."""
    level = socket.IPPROTO_IPV6
    for protocol in socket.IPPROTO_UDP, UDP_LITE:
        with (
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, protocol) as receiver,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, protocol) as sender,
        ):
            receiver.bind(("::1", 0))
            receiver.settimeout(10)
            sender.connect(receiver.getsockname())
            receiver.setsockopt(level, socket.IPV6_RECVHOPLIMIT, 1)
            receiver.setsockopt(level, socket.IPV6_RECVTCLASS, 7)
            print(receiver.getsockopt(level, socket.IPV6_RECVTCLASS))
            limit = (level, socket.IPV6_HOPLIMIT, integer(42))
            traffic = (level, socket.IPV6_TCLASS, integer(3))
            for messages in [], [limit], [traffic], [limit, traffic]:
                sender.sendmsg([b"x"], messages)
                print(receiver.recvmsg(10, 1000)[1:3])
            sender.setsockopt(level, socket.IPV6_UNICAST_HOPS, 9)
            sender.setsockopt(level, socket.IPV6_TCLASS, 0x20)
            for room in 0, 1, 15, 16, 17, 19, 20, 24, 25, 40, 43, 44, 48, 100:
                sender.send(b"x")
                print(room, receiver.recvmsg(10, room)[1:3])
            for kind, data in (
                (socket.IPV6_HOPLIMIT, integer(256)),
                (socket.IPV6_HOPLIMIT, integer(-2)),
                (socket.IPV6_TCLASS, integer(3) + b"\0"),
                (222, b""),
            ):
                try:
                    print(sender.sendmsg([b"x"], [(level, kind, data)]))
                except OSError as error:
                    print(error.strerror)


def interfaces():
    """The loopback by netlink and by `ioctl`."""
    print([entry for entry in socket.if_nameindex() if entry[1] == "lo"])
    print(socket.if_nametoindex("lo"), socket.if_indextoname(1))
    for family in socket.AF_UNIX, socket.AF_INET, socket.AF_INET6:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            for request, name in (
                (SIOCGIFINDEX, b"lo"),
                (SIOCGIFFLAGS, b"lo"),
                (SIOCGIFADDR, b"lo"),
                (SIOCGIFINDEX, b"no such"),
            ):
                try:
                    answer = fcntl.ioctl(one, request, struct.pack("16s24x", name))
                except OSError as error:
                    print(error.strerror)
                else:
                    print(answer[16:24].hex())
            answer = fcntl.ioctl(one, SIOCGIFNAME, struct.pack("16xi20x", 1))
            print(answer[:16].rstrip(b"\0"))


def room():
    """A writer with a small buffer is told of room by a reader with a large one."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as writer:
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024)
        writer.connect(server.getsockname())
        drain(writer, server.accept()[0], b"stream", 20_000)
    for kind in socket.SOCK_SEQPACKET, socket.SOCK_STREAM:
        left, right = socket.socketpair(socket.AF_UNIX, kind)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        drain(left, right, bytes(3000), 50)
        left.close()


def drain(writer, reader, data, count):
    """Write more than there is room for, while another thread reads it."""

    def write():
        for _ in range(count):
            writer.sendall(data)
        writer.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=write)
    thread.start()
    total = 0
    while received := reader.recv(1 << 16):
        total += len(received)
    thread.join()
    reader.close()
    print(total)


coverage()
ports()
control_messages()
interfaces()
room()
