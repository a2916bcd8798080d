"""Threads in a process that forks, and hooks around the fork."""

import os
import threading
import time


def hooks():
    """What runs before and after a fork, and in which order."""
    log = []
    for name in ("first", "second"):
        os.register_at_fork(
            before=lambda name=name: log.append("before " + name),
            after_in_parent=lambda name=name: log.append("parent " + name),
            after_in_child=lambda name=name: log.append("child " + name),
        )
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, ",".join(log).encode())
        os._exit(0)
    os.waitpid(child, 0)
    print(log)
    print(os.read(reader, 1000).decode().split(","))


def only_one_survives():
    """The child has the forking thread alone."""
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    child = os.fork()
    if child == 0:
        tasks = len(os.listdir("/proc/self/task"))
        os._exit(tasks * 10 + threading.active_count())
    print(
        os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(os.listdir("/proc/self/task")) >= 6
    )
    stop.set()
    for thread in threads:
        thread.join()


def from_threads():
    """Each of several threads forks and waits for its own child."""
    results = [None] * 6

    def run(number):
        child = os.fork()
        if child == 0:
            os._exit(number + 20)
        results[number] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(results)


def threads_in_child():
    """A child may start threads of its own."""
    child = os.fork()
    if child == 0:
        total = []
        threads = [threading.Thread(target=total.append, args=(n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(sum(total))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def many_short_lives():
    """A thousand threads and a hundred processes, one after the other."""
    count = 0
    lock = threading.Lock()

    def work():
        nonlocal count
        with lock:
            count += 1

    for _ in range(50):
        threads = [threading.Thread(target=work) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ended = 0
    for _ in range(50):
        child = os.fork()
        if child == 0:
            os._exit(0)
        ended += os.waitpid(child, 0)[0] == child
    print(count, ended)


def exit_of_the_main_thread():
    """A process goes on until its other threads have ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:

        def late():
            time.sleep(0.05)
            os.write(writer, b"late")
            os._exit(3)

        threading.Thread(target=late).start()
        threading.main_thread()
        time.sleep(30)
    print(os.read(reader, 10), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    hooks()
    only_one_survives()
    from_threads()
    threads_in_child()
    many_short_lives()
    exit_of_the_main_thread()
