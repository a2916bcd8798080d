"""What each side of a connection sees when one side shuts parts of it, or closes."""

import errno
import select
import socket
import time

EVENTS = {
    select.POLLIN: "IN",
    select.POLLOUT: "OUT",
    select.POLLERR: "ERR",
    select.POLLHUP: "HUP",
    select.POLLRDHUP: "RDHUP",
}
HOW = {socket.SHUT_RD: "read", socket.SHUT_WR: "write", socket.SHUT_RDWR: "both"}


def tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


def unix(kind):
    return socket.socketpair(socket.AF_UNIX, kind)


KINDS = {
    "tcp": tcp,
    "stream": lambda: unix(socket.SOCK_STREAM),
    "seqpacket": lambda: unix(socket.SOCK_SEQPACKET),
}


def tried(function, *arguments):
    """The result, or the error's name."""
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def told(end):
    """What poll says of it, and whether it still has a peer."""
    poll = select.poll()
    poll.register(end, sum(EVENTS))
    events = poll.poll(0)
    found = events[0][1] if events else 0
    names = [name for bit, name in EVENTS.items() if found & bit]
    peer = tried(end.getpeername)
    return "+".join(names), peer if isinstance(peer, str) and peer else "peer"


def both(what, near, far):
    """Both sides, when all that is under way has arrived."""
    time.sleep(0.02)
    print("  ", what, "near", *told(near), "far", *told(far))


def one(kind, hows, unread):
    """`near` shuts what is asked for; then each side sends and receives."""
    near, far = KINDS[kind]()
    near.setblocking(False)
    far.setblocking(False)
    print(kind, [HOW[how] for how in hows], unread)
    if unread:
        far.send(b"unread")
    for how in hows:
        print("  ", HOW[how], tried(near.shutdown, how))
        both("then", near, far)
    for name, end in ("far", far), ("near", near), ("far", far):
        print("  ", name, "sends", tried(end.send, b"data"))
        both("then", near, far)
    for name, end in ("near", near), ("far", far), ("near", near), ("far", far):
        print("  ", name, "receives", tried(end.recv, 100))
    both("then", near, far)
    print("  ", "far shuts", tried(far.shutdown, socket.SHUT_WR))
    both("then", near, far)
    near.close()
    time.sleep(0.02)
    print("  ", "closed", *told(far), tried(far.send, b"data"), tried(far.recv, 100))
    time.sleep(0.02)
    print("  ", "at last", *told(far), tried(far.send, b"data"), tried(far.shutdown, 2))
    far.close()


def main():
    for kind in KINDS:
        for hows in (
            [],
            [socket.SHUT_RD],
            [socket.SHUT_WR],
            [socket.SHUT_RDWR],
            [socket.SHUT_RD, socket.SHUT_WR],
            [socket.SHUT_WR, socket.SHUT_RD],
        ):
            for unread in False, True:
                one(kind, hows, unread)


main()
