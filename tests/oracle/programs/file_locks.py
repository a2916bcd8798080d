"""flock and lockf between processes; appending by many at once."""

import errno
import fcntl
import os
import tempfile


def in_child(action):
    """Run `action` in a child and return its status."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = action()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def try_lock(path, how, call, *rest):
    """Return 0 when the lock was to be had, else the error's number."""
    with open(path, "r+") as file:
        try:
            call(file, how | fcntl.LOCK_NB, *rest)
        except OSError as error:
            return error.errno
        return 0


def name(status):
    """Name a status."""
    return (
        "free" if status == 0 else {errno.EAGAIN: "held", errno.EACCES: "held"}.get(status, status)
    )


def whole_files(path):
    """Locks of an open file."""
    with open(path, "r+") as file:
        for mine in (fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN):
            fcntl.flock(file, mine)
            print(
                [
                    name(in_child(lambda: try_lock(path, how, fcntl.flock)))
                    for how in (fcntl.LOCK_SH, fcntl.LOCK_EX)
                ]
            )
        fcntl.flock(file, fcntl.LOCK_EX)
        print(name(try_lock(path, fcntl.LOCK_EX, fcntl.flock)))
        twin = os.dup(file.fileno())
        fcntl.flock(twin, fcntl.LOCK_EX)
        os.close(twin)
        print(name(in_child(lambda: try_lock(path, fcntl.LOCK_SH, fcntl.flock))))
    print(name(in_child(lambda: try_lock(path, fcntl.LOCK_EX, fcntl.flock))))


def regions(path):
    """Locks of a process on parts of a file."""
    with open(path, "r+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 10, 0)
        fcntl.lockf(file, fcntl.LOCK_SH, 10, 20)
        for start in (0, 9, 10, 20, 30):
            print(
                start,
                [
                    name(in_child(lambda: try_lock(path, how, fcntl.lockf, 1, start)))
                    for how in (fcntl.LOCK_SH, fcntl.LOCK_EX)
                ],
            )
        fcntl.lockf(file, fcntl.LOCK_UN, 5, 0)
        print(
            name(in_child(lambda: try_lock(path, fcntl.LOCK_EX, fcntl.lockf, 5, 0))),
            name(in_child(lambda: try_lock(path, fcntl.LOCK_EX, fcntl.lockf, 5, 5))),
        )
        print(name(try_lock(path, fcntl.LOCK_EX, fcntl.lockf, 1, 6)))
    print(name(in_child(lambda: try_lock(path, fcntl.LOCK_EX, fcntl.lockf))))


def waiting(path):
    """A waiting process gets the lock when its holder ends."""
    locked, told = os.pipe()

    def hold():
        with open(path, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.write(told, b"x")
            os.lseek(file.fileno(), 0, os.SEEK_END)
            os.write(file.fileno(), b"holder;")
            return 0

    child = os.fork()
    if child == 0:
        os._exit(hold())
    os.read(locked, 1)
    with open(path, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        print(file.read())
    os.waitpid(child, 0)


def counting(path):
    """A counter in a file, raised by five processes."""
    with open(path, "w") as file:
        file.write("0")

    def count():
        for _ in range(40):
            with open(path, "r+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX)
                number = int(file.read())
                file.seek(0)
                file.write(str(number + 1))
        return 0

    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            os._exit(count())
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    with open(path) as file:
        print(file.read())


def appending(path):
    """O_APPEND writes of several processes do not overwrite one another."""
    open(path, "w").close()
    children = []
    for number in range(6):
        child = os.fork()
        if child == 0:
            log = os.open(path, os.O_WRONLY | os.O_APPEND)
            for line in range(50):
                os.write(log, b"%d %02d\n" % (number, line))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    with open(path) as file:
        lines = file.read().splitlines()
    print(
        len(lines),
        len(set(lines)),
        {len(line) for line in lines},
        [line for line in lines if line[0] == "3"] == [f"3 {n:02d}" for n in range(50)],
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        where = os.path.join(directory, "file")
        open(where, "w").close()
        for part in (whole_files, regions, waiting, counting, appending):
            part(where)
