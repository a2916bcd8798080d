"""multiprocessing.managers: shared objects served by a process, near and remote."""

import multiprocessing
import os
import queue
import sys
from multiprocessing import managers

context = multiprocessing.get_context("fork")
KEY = b"a key of both"


class Account:
    """What the manager below serves."""

    def __init__(self, balance):
        self.balance = balance

    def deposit(self, amount):
        """Add to it; refuse nonsense."""
        if amount <= 0:
            raise ValueError(f"cannot deposit {amount}")
        self.balance += amount
        return self.balance

    def where(self):
        """The process that runs this."""
        return os.getpid()


class Bank(managers.BaseManager):
    """A manager of one's own."""


Bank.register("Account", Account)


def run(target, *arguments):
    """Run in a child to its end."""
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def containers(manager):
    """Lists, dictionaries, namespaces and values changed by children."""
    items, table = manager.list([3, 1, 2]), manager.dict(one=1)
    space, value = manager.Namespace(x=1), manager.Value("i", 5)
    numbers, nested = manager.Array("i", [1, 2, 3]), manager.list([manager.dict()])

    def change():
        items.append(9)
        items.sort()
        table["two"] = 2
        table.update({3: "three"})
        space.y = space.x + 1
        del space.x
        value.value *= 2
        numbers[1] = 20
        nested[0]["deep"] = "down"

    print(run(change), list(items), items[1:3], len(items), 9 in items)
    print(sorted(table.items(), key=str), table.get("none", 0), table.pop("one"), len(table))
    print(space, value.value, list(numbers), nested[0].copy())
    for what in (lambda: items[99], lambda: table["missing"], lambda: space.x, lambda: items + 1):
        try:
            print(what())
        except Exception as error:
            print(type(error).__name__, str(error).splitlines()[0])
    items.extend([7, 7])
    items.reverse()
    print(str(items), items.count(7), items.pop(), items * 2 == list(items) * 2)
    print(repr(items).startswith("<ListProxy object, typeid 'list' at 0x"))


def coordination(manager):
    """Queues, locks, events, pools on the server's side."""
    jobs, results = manager.Queue(), manager.Queue(3)
    lock, event, barrier = manager.Lock(), manager.Event(), manager.Barrier(3)
    total = manager.Value("i", 0)

    def work():
        barrier.wait()
        while (job := jobs.get()) is not None:
            with lock:
                total.value += job
        event.wait()
        results.put("done")

    processes = [context.Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    for job in [*range(30), None, None]:
        jobs.put(job)
    barrier.wait()
    event.set()
    for process in processes:
        process.join()
    print(total.value, results.get(), results.get(), results.empty(), lock.acquire(False))
    try:
        results.get(timeout=0.01)
    except queue.Empty as error:
        print(type(error).__name__)
    pool = manager.Pool(2)
    print(pool.map(abs, [-1, 2, -3]), pool.apply_async(pow, (2, 10)).get())
    pool.terminate()


def own_types():
    """Methods run in the server; its errors come back."""
    with Bank(ctx=context) as bank:
        account = bank.Account(10)
        print(account.deposit(5), run(account.deposit, 25), account.deposit(1))
        print(account.where() == bank._process.pid, account.where() != os.getpid())
        try:
            account.deposit(-1)
        except ValueError as error:
            print(error)
        try:
            account.balance  # noqa: B018
        except AttributeError as error:
            print(error)
        server = bank._process
    print(server.is_alive(), server.exitcode)


class Remote(managers.BaseManager):
    """A manager that others connect to."""


def remote(address):
    """A server at an address, a client elsewhere, and one with the wrong key."""
    shared = queue.Queue()
    Remote.register("get_queue", callable=lambda: shared)
    server = Remote(address=address, authkey=KEY, ctx=context)
    server.start()

    class Client(managers.BaseManager):
        """Knows only the names."""

    Client.register("get_queue")

    def work():
        multiprocessing.current_process().authkey = KEY
        client = Client(address=server.address, authkey=KEY)
        client.connect()
        client.get_queue().put(("from a client", os.getppid()))

    print(run(work), server.get_queue().get() == ("from a client", os.getpid()))
    wrong = Client(address=server.address, authkey=b"wrong")
    try:
        wrong.connect()
    except multiprocessing.AuthenticationError as error:
        print(type(error).__name__, error)
    server.shutdown()
    try:
        Client(address=server.address, authkey=KEY).connect()
    except (ConnectionRefusedError, FileNotFoundError) as error:
        print(type(error).__name__)


def shared_blocks():
    """A manager that lends shared memory and takes it back."""
    with managers.SharedMemoryManager(ctx=context) as manager:
        block, items = manager.SharedMemory(64), manager.ShareableList(range(4))

        def change():
            block.buf[:3] = b"abc"
            items[2] = 22

        print(run(change), bytes(block.buf[:3]), list(items))
        names = [block.name, items.shm.name]
        print([os.path.exists(f"/dev/shm/{name}") for name in names])
        block.close()
        items.shm.close()
    print([os.path.exists(f"/dev/shm/{name}") for name in names])


if __name__ == "__main__":
    with context.Manager() as shared_objects:
        containers(shared_objects)
        coordination(shared_objects)
    own_types()
    remote(os.path.join(os.getcwd(), "socket"))
    remote(("127.0.0.1", 0))
    shared_blocks()
    sys.stdout.flush()
