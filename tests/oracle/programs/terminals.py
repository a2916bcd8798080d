"""Pseudo-terminals: modes, line editing, echo, sizes, signals by keys."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import tty


def read_all(descriptor, wait=0.2):
    """Read what there is."""
    data = b""
    while select.select([descriptor], [], [], wait)[0]:
        try:
            part = os.read(descriptor, 1000)
        except OSError:
            break
        if not part:
            break
        data, wait = data + part, 0.05
    return data


def discipline():
    """Cooked and raw modes."""
    master, slave = pty.openpty()
    print(os.isatty(master), os.isatty(slave), os.ttyname(slave).startswith("/dev/pts/"))
    modes = termios.tcgetattr(slave)
    print(
        bool(modes[3] & termios.ICANON),
        bool(modes[3] & termios.ECHO),
        bool(modes[0] & termios.ICRNL),
        bool(modes[1] & termios.OPOST),
        modes[6][termios.VEOF],
        modes[6][termios.VINTR],
    )
    os.write(master, b"typo\x7f\x7f\x7fest\rnext line\n")
    print(os.read(slave, 100), os.read(slave, 4), os.read(slave, 100))
    print(read_all(master))
    os.write(master, b"kill this\x15keep\n")
    print(os.read(slave, 100))
    os.write(master, b"no newline\x04")
    print(os.read(slave, 100))
    os.write(master, b"\x04")
    print(os.read(slave, 100))
    read_all(master)
    os.write(slave, b"out\nput\n")
    print(read_all(master))
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    os.write(master, b"secret\n")
    print(os.read(slave, 100), read_all(master))
    tty.setraw(slave)
    os.write(master, b"\x03\x04r\x7f\r")
    print(os.read(slave, 100), read_all(master))
    os.write(slave, b"raw\n")
    print(read_all(master))
    os.close(master)
    os.close(slave)


def sizes():
    """Window sizes."""
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    print(
        os.get_terminal_size(slave),
        struct.unpack("HHHH", fcntl.ioctl(slave, termios.TIOCGWINSZ, bytes(8))),
    )
    os.close(slave)
    try:
        os.get_terminal_size(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        print(error.strerror)
    os.close(master)


def session():
    """A child with a terminal of its own is interrupted by a key."""
    sys.stdout.flush()
    child, master = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, lambda *arguments: os._exit(55))
        print(
            "child",
            os.isatty(0),
            os.isatty(1),
            os.getsid(0) == os.getpid(),
            os.tcgetpgrp(0) == os.getpgrp(),
            flush=True,
        )
        line = input("name? ")
        print("hello", line, flush=True)
        while True:
            signal.pause()
    data = b""
    while b"name? " not in data:
        data += os.read(master, 100)
    os.write(master, b"ann\n")
    while b"hello ann\r\n" not in data:
        data += os.read(master, 100)
    print(data)
    os.write(master, b"\x03")
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.close(master)


if __name__ == "__main__":
    discipline()
    sizes()
    session()
