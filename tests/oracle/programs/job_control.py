"""waitid, process groups, sessions, stopping and continuing, pidfds."""

import os
import select
import signal
import time

CODES = {
    getattr(os, name): name for name in dir(os) if name.startswith("CLD_") and name != "CLD_TRAPPED"
}


def child(action):
    """Fork; the child runs `action`, whose result is its status."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = action() or 0
        finally:
            os._exit(status)
    return pid


def tell(pid, result):
    """Print what waitid said of a child."""
    print(
        result.si_pid == pid,
        result.si_uid == os.getuid(),
        signal.Signals(result.si_signo).name,
        result.si_status,
        CODES[result.si_code],
    )


def endings():
    """What waitid says of each way to end; WNOWAIT leaves the child there."""
    for action in (
        lambda: 0,
        lambda: 42,
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: signal.raise_signal(signal.SIGTERM),
    ):
        pid = child(action)
        tell(pid, os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT))
        tell(pid, os.waitid(os.P_PID, pid, os.WEXITED))
        try:
            os.waitid(os.P_PID, pid, os.WEXITED)
        except ChildProcessError as error:
            print(error.errno)
    for kind, number, options in (
        (os.P_PID, 0, os.WEXITED),
        (os.P_ALL, 0, os.WEXITED),
        (os.P_ALL, 0, os.WNOHANG),
        (99, 0, os.WEXITED),
        (os.P_PIDFD, 0, os.WEXITED),
    ):
        try:
            print(os.waitid(kind, number, options))
        except OSError as error:
            print(kind, error.errno)


def stopping():
    """A child is stopped and continued; each change is told once."""
    pid = child(lambda: time.sleep(60))
    # A terminal's signals stop nobody in a group that has no one to continue it.
    os.setpgid(pid, pid)
    print(os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOHANG))
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN):
        os.kill(pid, number)
        tell(pid, os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT))
        print(os.waitid(os.P_PID, pid, os.WCONTINUED | os.WNOHANG))
        tell(pid, os.waitid(os.P_PID, pid, os.WSTOPPED))
        print(os.waitpid(pid, os.WNOHANG | os.WUNTRACED))
        os.kill(pid, signal.SIGCONT)
        tell(pid, os.waitid(os.P_PID, pid, os.WCONTINUED))
    # A stopped process ends by SIGKILL, but takes SIGTERM only once it goes on.
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    os.kill(pid, signal.SIGTERM)
    print(os.waitpid(pid, os.WNOHANG))
    os.kill(pid, signal.SIGCONT)
    print(os.waitpid(pid, 0) == (pid, signal.SIGTERM))
    pid = child(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    status = os.waitpid(pid, os.WUNTRACED)[1]
    print(os.WIFSTOPPED(status), os.WSTOPSIG(status) == signal.SIGSTOP, hex(status))
    os.kill(pid, signal.SIGKILL)
    tell(pid, os.waitid(os.P_PID, pid, os.WEXITED))


def groups():
    """Groups get signals and are waited for together."""
    leader = child(signal.pause)
    os.setpgid(leader, leader)
    others = [child(signal.pause) for _ in range(3)]
    for pid in others:
        os.setpgid(pid, leader)
    print(os.getpgid(leader) == leader, {os.getpgid(pid) == leader for pid in others})
    print(os.waitid(os.P_PGID, leader, os.WEXITED | os.WNOHANG))
    os.killpg(leader, signal.SIGSTOP)
    stopped = {os.waitid(os.P_PGID, leader, os.WSTOPPED).si_pid for _ in range(4)}
    print(stopped == {leader, *others})
    os.kill(-leader, signal.SIGCONT)
    os.killpg(leader, signal.SIGUSR1)
    ended = [os.waitpid(-leader, 0) for _ in range(4)]
    print({status for _, status in ended}, {pid for pid, _ in ended} == stopped)
    for what in (
        lambda: os.killpg(leader, 0),
        lambda: os.waitpid(-leader, 0),
        lambda: os.setpgid(1 << 22, 0),
        lambda: os.getpgid(1 << 22),
        lambda: os.kill(os.getpid(), 99),
    ):
        try:
            print(what())
        except OSError as error:
            print(type(error).__name__, error.errno)


def sessions():
    """A session's leader can neither make another nor be moved."""

    def lead():
        os.setsid()
        here = os.getpid()
        same = os.getsid(0) == os.getpgid(0) == os.getpgrp() == here
        refused = 0
        for what in (os.setsid, lambda: os.setpgid(0, os.getppid())):
            try:
                what()
            except PermissionError:
                refused += 1
        return same * 10 + refused

    print(os.waitpid(child(lead), 0)[1] >> 8)
    reader, writer = os.pipe()

    def orphan():
        # Stopped in a group that nobody outside looks after any more: SIGHUP, SIGCONT.
        os.setsid()
        inner = os.fork()
        if inner == 0:
            os.setpgid(0, 0)
            caught = []
            for number in (signal.SIGHUP, signal.SIGCONT):
                signal.signal(number, lambda number, frame: caught.append(number))
            os.write(writer, b"r")
            os.kill(os.getpid(), signal.SIGSTOP)
            while len(caught) < 2:
                time.sleep(0.001)
            os.write(writer, repr(sorted(caught)).encode())
            os._exit(0)
        os.waitpid(inner, os.WUNTRACED)

    os.waitpid(child(orphan), 0)
    os.close(writer)
    print(os.read(reader, 1), os.read(reader, 100))
    os.close(reader)


def descriptors():
    """A pidfd becomes readable as its process ends; signals go through it."""
    pid = child(signal.pause)
    handle = os.pidfd_open(pid)
    print(os.get_inheritable(handle), select.select([handle], [], [], 0)[0])
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    queue = select.epoll()
    queue.register(handle, select.EPOLLIN | select.EPOLLET)
    print(poller.poll(0), queue.poll(0))
    signal.pidfd_send_signal(handle, 0)
    signal.pidfd_send_signal(handle, signal.SIGUSR2)
    print(poller.poll() == [(handle, select.POLLIN)], queue.poll() == [(handle, select.EPOLLIN)])
    print(select.select([handle], [], [], 0)[0] == [handle])
    tell(pid, os.waitid(os.P_PIDFD, handle, os.WEXITED))
    # It is gone, and the handle still stands for it.
    print([event & select.POLLIN for _, event in poller.poll(0)])
    for what in (
        lambda: signal.pidfd_send_signal(handle, signal.SIGTERM),
        lambda: os.waitid(os.P_PIDFD, handle, os.WEXITED),
        lambda: os.pidfd_open(pid),
        lambda: os.pidfd_open(-1),
        lambda: os.pidfd_open(os.getpid(), 1),
        lambda: os.read(handle, 1),
    ):
        try:
            print(what())
        except OSError as error:
            print(type(error).__name__, error.errno)
    queue.close()
    os.close(handle)
    pid = child(lambda: time.sleep(60))
    handle = os.pidfd_open(pid, os.PIDFD_NONBLOCK)
    try:
        print(os.waitid(os.P_PIDFD, handle, os.WEXITED))
    except BlockingIOError as error:
        print(type(error).__name__)
    os.kill(pid, signal.SIGKILL)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    poller.poll()
    tell(pid, os.waitid(os.P_PIDFD, handle, os.WEXITED))
    os.close(handle)


def ignored():
    """Who ignores SIGCHLD has nothing to wait for."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    pid = child(lambda: 3)
    try:
        print(os.waitpid(pid, 0))
    except ChildProcessError as error:
        print(type(error).__name__)
    told = []
    signal.signal(signal.SIGCHLD, lambda number, frame: told.append(number))
    pid = child(lambda: 4)
    print(os.waitpid(pid, 0) == (pid, 4 << 8), [int(number) for number in told])
    signal.signal(signal.SIGCHLD, before)


if __name__ == "__main__":
    endings()
    stopping()
    groups()
    sessions()
    descriptors()
    ignored()
