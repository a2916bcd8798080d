"""select, poll, epoll and selectors over pipes and sockets."""

import os
import select
import selectors
import socket
import threading
import time

NAMES = {
    select.POLLIN: "IN",
    select.POLLOUT: "OUT",
    select.POLLHUP: "HUP",
    select.POLLERR: "ERR",
    select.POLLNVAL: "NVAL",
    select.POLLPRI: "PRI",
    select.EPOLLRDHUP: "RDHUP",
}


def words(mask):
    """Name the bits of an event mask."""
    return "|".join(name for bit, name in NAMES.items() if mask & bit)


def with_select():
    """The three sets and a timeout."""
    reader, writer = os.pipe()
    print([len(part) for part in select.select([reader], [writer], [reader], 0)])
    os.write(writer, b"x")
    print([len(part) for part in select.select([reader], [writer], [], 1)])
    os.read(reader, 1)
    started = time.monotonic()
    print(select.select([reader], [], [], 0.05), time.monotonic() - started >= 0.05)
    os.close(writer)
    print(select.select([reader], [], [], 1)[0] == [reader], os.read(reader, 1))
    os.close(reader)
    for bad in (
        lambda: select.select([reader], [], [], 0),
        lambda: select.select([-1], [], [], 0),
        lambda: select.select([], [], [], -1),
    ):
        try:
            bad()
        except (OSError, ValueError) as error:
            print(type(error).__name__)


def with_poll():
    """Each event on pipes."""
    reader, writer = os.pipe()
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    poller.register(writer, select.POLLOUT)
    names = {reader: "reader", writer: "writer"}

    def show():
        print(sorted((names[fd], words(mask)) for fd, mask in poller.poll(0)))

    show()
    os.write(writer, b"x" * 10)
    show()
    poller.modify(writer, 0)
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"y" * 4096)
    except BlockingIOError:
        poller.modify(writer, select.POLLOUT)
        show()
    os.close(writer)
    poller.unregister(writer)
    show()
    while os.read(reader, 65536):
        pass
    show()
    os.close(reader)
    show()
    reader, writer = os.pipe()
    os.close(reader)
    poller = select.poll()
    poller.register(writer, select.POLLOUT)
    print([words(mask) for _, mask in poller.poll(0)])


def with_epoll():
    """Level, edge and one-shot triggers; nested; hang-up."""
    left, right = socket.socketpair()
    with select.epoll() as poller:
        poller.register(left, select.EPOLLIN | select.EPOLLRDHUP)
        right.send(b"ab")
        print([words(m) for _, m in poller.poll(1)], [words(m) for _, m in poller.poll(0)])
        poller.modify(left, select.EPOLLIN | select.EPOLLET)
        print([words(m) for _, m in poller.poll(0)], poller.poll(0))
        right.send(b"c")
        print([words(m) for _, m in poller.poll(0)], left.recv(10))
        poller.modify(left, select.EPOLLIN | select.EPOLLONESHOT)
        right.send(b"d")
        print([words(m) for _, m in poller.poll(0)], poller.poll(0))
        poller.modify(left, select.EPOLLIN | select.EPOLLRDHUP)
        with select.epoll() as outer:
            outer.register(poller, select.EPOLLIN)
            print(len(outer.poll(0)))
        left.recv(10)
        right.shutdown(socket.SHUT_WR)
        print([words(m) for _, m in poller.poll(1)])
        right.close()
        print([words(m) for _, m in poller.poll(1)])
        for call in (lambda: poller.register(left), lambda: poller.unregister(999)):
            try:
                call()
            except OSError as error:
                print(type(error).__name__, error.errno)
        left.close()
        print(poller.poll(0), poller.closed)


def with_selectors():
    """Each selector in turn."""
    for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
        left, right = socket.socketpair()
        with kind() as selector:
            selector.register(left, selectors.EVENT_READ, "left")
            selector.register(right, selectors.EVENT_WRITE, "right")
            print(kind.__name__, sorted(key.data for key, _ in selector.select(0)))
            timer = threading.Timer(0.02, right.send, [b"late"])
            selector.modify(right, selectors.EVENT_READ, "right")
            timer.start()
            print([key.data for key, _ in selector.select(5)], len(selector.get_map()))
            timer.join()
            selector.unregister(right)
            try:
                selector.register(left, selectors.EVENT_READ)
            except KeyError:
                print("KeyError")
        left.close()
        right.close()


if __name__ == "__main__":
    with_select()
    with_poll()
    with_epoll()
    with_selectors()
