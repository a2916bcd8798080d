"""concurrent.interpreters and concurrent.futures.InterpreterPoolExecutor."""

import concurrent.futures
import os
import threading
from concurrent import interpreters


def double(number):
    """Work for another interpreter."""
    return number * 2


def fail(text):
    """Fail there."""
    raise LookupError(text)


def here():
    """Whether this runs in the main interpreter."""
    return interpreters.get_current() == interpreters.get_main()


def calls():
    """Run code, call functions, see errors, close."""
    print(interpreters.get_current() == interpreters.get_main(), len(interpreters.list_all()))
    other = interpreters.create()
    print(other in interpreters.list_all(), other.is_running(), other.whence)
    other.exec("number = 20\nimport os\npid = os.getpid()")
    other.prepare_main(added=(1, "two", None))
    other.exec("number += len(added)")
    print(other.call(double, 21), here(), other.call(here))
    for code in ("1 / 0", "raise ValueError('inside')"):
        try:
            other.exec(code)
        except interpreters.ExecutionFailed as error:
            print(error.excinfo.type.__name__, error.excinfo.msg)
    try:
        other.call(fail, "there")
    except interpreters.ExecutionFailed as error:
        print(error.excinfo.type.__name__, error.excinfo.msg)
    thread = other.call_in_thread(double, 4)
    thread.join()
    print(isinstance(thread, threading.Thread))
    other.close()
    for what in (other.close, lambda: other.exec("1")):
        try:
            print(what())
        except interpreters.InterpreterNotFoundError as error:
            print(type(error).__name__)
    print(len(interpreters.list_all()))


def queues():
    """What goes through a queue arrives as another object."""
    queue, back = interpreters.create_queue(), interpreters.create_queue(2)
    other = interpreters.create()
    other.prepare_main(queue=queue, back=back)
    thread = threading.Thread(
        target=other.exec,
        args=("while (item := queue.get()) is not None: back.put((type(item).__name__, item))",),
    )
    thread.start()
    for item in (1, 2.5, "text", b"bytes", (1, ("deep", 2)), True, [1, 2], {"a": 1}):
        queue.put(item)
        print(back.get())
    print(queue.empty(), queue.qsize(), back.maxsize, back.full())
    queue.put(None)
    thread.join()
    try:
        back.get(timeout=0.01)
    except interpreters.QueueEmpty as error:
        print(type(error).__name__)
    back.put(1)
    back.put(2)
    try:
        back.put(3, timeout=0.01)
    except interpreters.QueueFull as error:
        print(type(error).__name__)
    try:
        queue.put(lambda: 1)
    except interpreters.NotShareableError as error:
        print(type(error).__name__)
    print([interpreters.is_shareable(thing) for thing in (1, "a", (1,), [1], {}, object())])
    other.close()


def pools():
    """An executor whose workers are interpreters of this process."""
    with concurrent.futures.InterpreterPoolExecutor(2) as pool:
        print(list(pool.map(double, range(8))))
        print({pool.submit(os.getpid).result() for _ in range(4)} == {os.getpid()})
        print(pool.submit(here).result(), len(interpreters.list_all()) > 1)
        future = pool.submit(fail, "in a worker")
        error = future.exception()
        print(type(error).__name__, error)
        many = [pool.submit(pow, 2, n) for n in range(20)]
        done, left = concurrent.futures.wait(many)
        print(sum(f.result() for f in done), left)
    print(len(interpreters.list_all()))


if __name__ == "__main__":
    for part in (calls, queues, pools):
        print(part.__name__, flush=True)
        part()
