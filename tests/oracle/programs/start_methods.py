"""multiprocessing: processes started by fork and by a fork server.

By spawning: `start_by_spawning`, which imports this.
"""

import multiprocessing
import os
import signal
import sys
import time
from multiprocessing import connection, shared_memory

COLOUR = "white"


def square(number):
    """Work for a pool."""
    return number * number


def end(how):
    """End in one of several ways."""
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "error":
        sys.stderr = open(os.devnull, "w")
        raise ValueError("as told")
    elif how == "text":
        sys.stderr = open(os.devnull, "w")
        sys.exit("a text")
    sys.exit(how)


def look(queue, segment, array):
    """Tell what of the parent is here."""
    memory = shared_memory.SharedMemory(name=segment)
    memory.buf[:5] = b"child"
    memory.close()
    with array.get_lock():
        array[1] = 7
    name = multiprocessing.current_process().name
    queue.put((name, COLOUR, multiprocessing.parent_process().pid == os.getppid()))


def answer(pipe, lock, event):
    """Answer until there is nothing to answer."""
    event.wait()
    while (item := pipe.recv()) is not None:
        with lock:
            pipe.send(item[::-1])
    sys.exit(6)


def sleep():
    """Wait to be ended."""
    time.sleep(600)


def run(method):
    """The same with each way to start processes."""
    global COLOUR
    COLOUR = "red"
    context = multiprocessing.get_context(method)
    print(method, context.get_start_method())
    ways = [5, "text", "error", "signal"] if method != "spawn" else ["error"]
    processes = [context.Process(target=end, args=(how,)) for how in ways]
    for process in processes:
        process.start()
    sentinels = [process.sentinel for process in processes]
    for process in processes:
        process.join()
    print([process.exitcode for process in processes])
    print(len(connection.wait(sentinels)) > 0)

    queue, array = context.Queue(), context.Array("i", 3)
    memory = shared_memory.SharedMemory(create=True, size=100)
    here, there = context.Pipe()
    lock, event = context.Lock(), context.Event()
    looker = context.Process(target=look, args=(queue, memory.name, array), name="looker")
    answerer = context.Process(target=answer, args=(there, lock, event), daemon=True)
    looker.start()
    answerer.start()
    there.close()
    print(queue.get(), looker.join(), looker.exitcode)
    print(bytes(memory.buf[:5]), array[:])
    memory.close()
    memory.unlink()
    event.set()
    for value in ("abc", [1, 2, 3], b"x" * 100_000):
        here.send(value)
        got = here.recv()
        print(type(got).__name__, len(got), got[0])
    here.send(None)
    answerer.join()
    here.close()
    print(answerer.exitcode, answerer.daemon, answerer.is_alive())

    if method != "spawn":
        sleeper = context.Process(target=sleep)
        sleeper.start()
        print(sleeper.join(0.01), sleeper.exitcode, sleeper.is_alive())
        sleeper.terminate()
        sleeper.join()
        print(sleeper.exitcode)
        with context.Pool(2) as pool:
            print(pool.map(square, range(8)))
            try:
                pool.apply(end, ("error",))
            except ValueError as error:
                print(type(error).__name__, error, type(error.__cause__).__name__)
    print(multiprocessing.active_children())


if __name__ == "__main__":
    for each in ("fork", "forkserver"):
        run(each)
        sys.stdout.flush()
