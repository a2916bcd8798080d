"""os.fork, wait, pipes, exec: statuses, orphans, shared positions."""

import os
import signal
import sys
import tempfile
import time


def child(action):
    """Fork; run `action` in the child, whose result is its status."""
    sys.stdout.flush()
    number = os.fork()
    if number == 0:
        status = 99
        try:
            status = action() or 0
        finally:
            os._exit(status)
    return number


def statuses():
    """What wait says of each way to end."""
    endings = [
        lambda: 0,
        lambda: 7,
        lambda: 255,
        lambda: os.abort(),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: signal.raise_signal(signal.SIGTERM),
    ]
    for ending in endings:
        pid, status = os.waitpid(child(ending), 0)
        print(
            os.WIFEXITED(status),
            os.WEXITSTATUS(status)
            if os.WIFEXITED(status)
            else signal.Signals(os.WTERMSIG(status)).name,
            os.waitstatus_to_exitcode(status),
        )


def many():
    """Several children at once, waited for in any order."""
    children = {child(lambda n=n: n): n for n in range(8)}
    results = {}
    while children:
        pid, status = os.wait()
        results[children.pop(pid)] = os.waitstatus_to_exitcode(status)
    print(sorted(results.items()))
    try:
        os.wait()
    except ChildProcessError as error:
        print(type(error).__name__)


def stopped():
    """Stop and continue."""
    pid = child(lambda: time.sleep(60))
    os.kill(pid, signal.SIGSTOP)
    status = os.waitpid(pid, os.WUNTRACED)[1]
    print(os.WIFSTOPPED(status), os.WSTOPSIG(status) == signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    print(os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1]))
    print(os.waitpid(pid, os.WNOHANG))
    os.kill(pid, signal.SIGKILL)
    pid2, status, usage = os.wait4(pid, 0)
    print(pid2 == pid, os.WTERMSIG(status), usage.ru_utime >= 0)


def ended():
    """What /proc says of a child that has ended, until it is waited for."""
    number = child(lambda: 3)
    os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    with open("/proc/self/comm") as own, open(f"/proc/{number}/comm") as its:
        print("named as it was", own.read() == its.read())
    with open(f"/proc/{number}/status") as lines:
        told = dict(line.rstrip("\n").split(":\t", 1) for line in lines)
    print(told["State"], told["Pid"] == str(number), told["PPid"] == str(os.getpid()))
    print(os.waitpid(number, 0)[1], os.path.exists(f"/proc/{number}"))


def pipes():
    """A pipe to a child and back, ended by closing."""
    down, up = os.pipe(), os.pipe()

    def shout():
        os.close(down[1])
        os.close(up[0])
        while data := os.read(down[0], 100):
            os.write(up[1], data.upper())
        return 5

    pid = child(shout)
    os.close(down[0])
    os.close(up[1])
    for word in (b"one", b"two"):
        os.write(down[1], word)
        print(os.read(up[0], 100))
    os.close(down[1])
    print(os.read(up[0], 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def memory_and_files():
    """Memory is copied, file positions are shared."""
    values = ["before"]
    with tempfile.TemporaryFile() as file:
        os.write(file.fileno(), b"0123456789")
        os.lseek(file.fileno(), 0, os.SEEK_SET)

        def change():
            values.append("child")
            return len(os.read(file.fileno(), 4))

        print(
            os.waitstatus_to_exitcode(os.waitpid(child(change), 0)[1]),
            values,
            os.read(file.fileno(), 3),
        )


def exec_and_spawn():
    """Replace the program, with arguments and an environment."""
    code = "import os, sys; print(sys.argv[1:], os.environ['WORD']); sys.exit(4)"
    arguments = [sys.executable, "-c", code, "a b", "c"]
    pid = child(lambda: os.execve(sys.executable, arguments, {"WORD": "exec"}))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.stdout.flush()
    pid = os.posix_spawn(sys.executable, arguments, {"WORD": "spawn"})
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def relations():
    """Parents, groups and sessions."""
    parent = os.getpid()
    print(os.waitstatus_to_exitcode(os.waitpid(child(lambda: os.getppid() == parent), 0)[1]))

    def session():
        os.setsid()
        return os.getsid(0) == os.getpgid(0) == os.getpid()

    print(os.waitstatus_to_exitcode(os.waitpid(child(session), 0)[1]))
    reader, writer = os.pipe()

    def orphan():
        middle = os.getpid()
        if os.fork() == 0:
            while os.getppid() == middle:
                time.sleep(0.001)
            os.write(writer, b"adopted")
        return 0

    os.waitpid(child(orphan), 0)
    print(os.read(reader, 10))


if __name__ == "__main__":
    statuses()
    many()
    stopped()
    ended()
    pipes()
    memory_and_files()
    exec_and_spawn()
    relations()
