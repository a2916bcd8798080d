"""Processes that `roentgen.spawn` starts."""

import asyncio
import atexit
import concurrent.futures
import multiprocessing.connection
import os
import random
import signal
import sys
import tempfile
import threading
import time
import unittest
import warnings

import _outcomes
import roentgen

LONG = 60
VALUE = 7

warnings.simplefilter("ignore", roentgen.NotEnforced)


def add(x, y=0):
    """Be simple."""
    return x + y


def burn():
    """Use up CPU time."""
    while True:
        pass


def eat():
    """Use up memory."""
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(4096)) * 256)


class Results(unittest.TestCase):
    """What a function returns, and how its process ends."""

    def test_a_value(self):
        process = roentgen.spawn(add, 1, y=2)
        self.assertEqual(process.result(LONG), 3)
        self.assertEqual(process.result(), 3)
        self.assertEqual((process.exitcode, process.is_alive()), (0, False))

    def test_a_large_value(self):
        value = roentgen.spawn(lambda: [bytes(3 << 20), "x" * (2 << 20)]).result(LONG)
        self.assertEqual([len(part) for part in value], [3 << 20, 2 << 20])

    def test_an_exception(self):
        process = roentgen.spawn(add, 1, "x")
        for _ in range(2):
            self.assertRaises(TypeError, process.result, LONG)
        self.assertEqual(process.exitcode, 1)

    def test_exit_statuses(self):
        for argument, status in [(None, 0), (0, 0), (3, 3), (256 + 5, 5), (True, 1)]:
            process = roentgen.spawn(sys.exit, argument)
            with self.assertRaises(roentgen.ProcessDied) as caught:
                process.result(LONG)
            self.assertEqual((process.exitcode, caught.exception.exitcode), (status, status))
        process = roentgen.spawn(os._exit, 9)
        self.assertRaisesRegex(roentgen.ProcessDied, "exited with status 9", process.result, LONG)

    def test_death_by_signals(self):
        for number in [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT]:
            process = roentgen.spawn(lambda number: os.kill(os.getpid(), number), number)
            with self.assertRaisesRegex(roentgen.ProcessDied, f"killed by {number.name}"):
                process.result(LONG)
            self.assertEqual(process.exitcode, -number)

    def test_kill_and_terminate(self):
        for name, number in [("kill", signal.SIGKILL), ("terminate", signal.SIGTERM)]:
            process = roentgen.spawn(time.sleep, 600)
            self.assertIsNone(process.exitcode)
            self.assertTrue(process.is_alive())
            getattr(process, name)()
            process.join(LONG)
            self.assertEqual(process.exitcode, -number)
            process.kill()

    def test_time_limits_of_waits(self):
        process = roentgen.spawn(time.sleep, 600)
        for wait in [process.join, process.result]:
            self.assertRaises(TimeoutError, wait, 0)
            self.assertRaises(TimeoutError, wait, 0.05)
            self.assertRaises(ValueError, wait, -1)
        process.kill()
        process.join()

    def test_several_threads_wait_for_one_process(self):
        process = roentgen.spawn(lambda: time.sleep(0.1) or "slept")
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            results = list(threads.map(lambda _: process.result(LONG), range(4)))
        self.assertEqual(results, ["slept"] * 4)

    def test_the_sentinel_becomes_readable(self):
        process = roentgen.spawn(time.sleep, 0.05)
        ready = multiprocessing.connection.wait([process.sentinel], LONG)
        self.assertEqual(ready, [process.sentinel])
        self.assertEqual(process.exitcode, 0)

    def test_with_waits_or_kills(self):
        with roentgen.spawn(time.sleep, 0.05) as process:
            pass
        self.assertEqual(process.exitcode, 0)
        with self.assertRaises(KeyError):
            with roentgen.spawn(time.sleep, 600) as process:
                raise KeyError
        self.assertEqual(process.exitcode, -signal.SIGKILL)

    def test_a_closed_object(self):
        process = roentgen.spawn(time.sleep, 0)
        process.close()
        process.close()
        self.assertRaises(ValueError, process.join)

    def test_names_and_numbers(self):
        process = roentgen.spawn(os.getpid, name="alpha")
        self.assertEqual(process.result(LONG), process.pid)
        self.assertEqual(process.name, "alpha")
        self.assertIn("alpha", repr(process))
        process = roentgen.spawn(time.sleep, 0.2)
        self.assertIn(str(process.pid), process.name)
        self.assertTrue(all(isinstance(n, int) for n in process.stats().values()))
        process.join(LONG)

    def test_hundred_at_once(self):
        processes = [roentgen.spawn(add, n, 1) for n in range(100)]
        self.assertEqual([process.result(LONG) for process in processes], list(range(1, 101)))
        self.assertEqual(len({process.pid for process in processes}), 100)


class Surroundings(unittest.TestCase):
    """What a process finds around it."""

    def test_path_arguments_environment_and_directory(self):
        def ask():
            return sys.path, sys.argv, dict(os.environ), os.getcwd()

        def here():
            return sys.path, sys.argv, dict(os.environ), os.getcwd()

        self.assertEqual(roentgen.spawn(ask).result(LONG), here())
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            os.environ["ROENTGEN_TEST"] = "\xe9"
            sys.path.insert(0, directory)
            with open("neighbour.py", "w") as file:
                file.write("def get():\n    return 'from the neighbour'\n")
            try:
                import neighbour

                self.assertEqual(roentgen.spawn(neighbour.get).result(LONG), neighbour.get())
                self.assertEqual(roentgen.spawn(ask).result(LONG), here())
            finally:
                del sys.path[0], os.environ["ROENTGEN_TEST"]
                os.chdir(before)
        self.assertEqual(roentgen.spawn(ask).result(LONG), here())

    def test_main_is_empty_and_its_own(self):
        def ask():
            main = sys.modules["__main__"]
            return main.__name__, hasattr(main, "Results"), VALUE

        self.assertEqual(roentgen.spawn(ask).result(LONG), ("__main__", False, 7))

    def test_no_foreign_descriptors(self):
        read, write = os.pipe()

        def ask(number):
            try:
                os.fstat(number)
            except OSError:
                return False
            return True

        self.assertEqual(
            [roentgen.spawn(ask, n).result(LONG) for n in [0, read, write]], [True, False, False]
        )
        os.close(read)
        os.close(write)

    def test_streams_are_passed_on_and_flushed(self):
        print("before", end=", ", flush=True)
        roentgen.spawn(lambda: sys.stdout.write("from the process, ")).join(LONG)
        print("after")

    def test_each_has_its_own_randomness(self):
        def draw():
            return random.random(), random.Random().random(), os.urandom(8), tempfile.mktemp()

        random.seed(5)
        draws = [roentgen.spawn(draw).result(LONG) for _ in range(4)]
        for kind in zip(*draws):
            self.assertEqual(len(set(kind)), 4)

    def test_hashes_are_the_same(self):
        values = {roentgen.spawn(hash, "text").result(LONG) for _ in range(3)}
        self.assertEqual(len(values), 1)

    def test_the_thread_knows_its_id(self):
        def ask():
            return threading.main_thread().native_id == os.getpid() == threading.get_native_id()

        self.assertTrue(roentgen.spawn(ask).result(LONG))

    def test_threads_are_joined_and_exit_functions_run(self):
        channel = roentgen.Channel()

        def work(channel):
            def late():
                time.sleep(0.05)
                channel.send("thread")

            threading.Thread(target=late).start()
            atexit.register(channel.send, "atexit")
            channel.send("function")

        process = roentgen.spawn(work, channel.sender)
        self.assertEqual(
            [channel.receive(LONG) for _ in range(3)], ["function", "thread", "atexit"]
        )
        self.assertIsNone(process.result(LONG))

    def test_it_can_spawn_as_well(self):
        def outer(n):
            return n if n == 0 else [n, roentgen.spawn(outer, n - 1).result()]

        self.assertEqual(roentgen.spawn(outer, 3).result(LONG), [3, [2, [1, 0]]])

    def test_interrupts_are_exceptions_there(self):
        def work(channel):
            try:
                channel.send("began")
                time.sleep(600)
            except KeyboardInterrupt:
                return "interrupted"

        channel = roentgen.Channel()
        process = roentgen.spawn(work, channel.sender)
        channel.receive(LONG)
        os.kill(process.pid, signal.SIGINT)
        self.assertEqual(process.result(LONG), "interrupted")


class Options(unittest.TestCase):
    """Where and how it runs."""

    def test_affinity(self):
        ask = lambda: os.sched_getaffinity(0)  # noqa: E731
        own = os.sched_getaffinity(0)
        core = max(own)
        self.assertEqual(roentgen.spawn(ask).result(LONG), own)
        self.assertEqual(roentgen.spawn(ask, core=core).result(LONG), {core})
        self.assertEqual(roentgen.spawn(ask, affinity={core}).result(LONG), {core})
        self.assertRaises(ValueError, roentgen.spawn, ask, core=0, affinity=[0])
        self.assertRaises(ValueError, roentgen.spawn, ask, affinity=[])
        self.assertRaises(OSError, roentgen.spawn, ask, core=4000)

    def test_nice(self):
        ask = lambda: os.getpriority(os.PRIO_PROCESS, 0)  # noqa: E731
        self.assertEqual(roentgen.spawn(ask, nice=5).result(LONG), 5)
        self.assertEqual(roentgen.spawn(ask).result(LONG), 0)
        self.assertRaises(ValueError, roentgen.spawn, ask, nice=20)

    def test_cpu_time(self):
        process = roentgen.spawn(burn, cpu_time=0.3)
        self.assertRaises(roentgen.CpuTimeExceeded, process.result, LONG)
        self.assertEqual(process.exitcode, -signal.SIGKILL)
        self.assertEqual(roentgen.spawn(time.sleep, 0.4, cpu_time=0.3).result(LONG), None)

    def test_deadline(self):
        began = time.monotonic()
        process = roentgen.spawn(time.sleep, 600, deadline=0.3, name="late")
        with self.assertRaisesRegex(roentgen.DeadlineExceeded, "late .* at its deadline"):
            process.result(LONG)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.assertEqual(roentgen.spawn(add, 1, deadline=LONG).result(LONG), 1)

    def test_memory(self):
        process = roentgen.spawn(eat, memory=64 << 20)
        with self.assertRaises((roentgen.MemoryLimitExceeded, MemoryError)):
            process.result(LONG)
        self.assertEqual(roentgen.spawn(add, 1, memory=64 << 20).result(LONG), 1)

    def test_nonsense(self):
        for option in [{"memory": 0}, {"cpu_time": 0}, {"deadline": -1}, {"cpu_time": -1.0}]:
            self.assertRaises(ValueError, roentgen.spawn, add, 1, **option)


class Clones(unittest.TestCase):
    """Of the caller: `template="self"`."""

    def test_nothing_is_sent(self):
        lock = threading.Lock()
        state = {"lock": lock, "value": 1}

        def change():
            state["value"] += 1
            with lock:
                return state["value"]

        process = roentgen.spawn(change, template="self")
        self.assertEqual((process.result(LONG), state["value"]), (2, 1))

    def test_arguments_and_failures(self):
        self.assertEqual(roentgen.spawn(add, 1, y=2, template="self").result(LONG), 3)
        self.assertRaises(TypeError, roentgen.spawn(add, template="self").result, LONG)
        process = roentgen.spawn(sys.exit, 4, template="self")
        process.join(LONG)
        self.assertEqual(process.exitcode, 4)

    def test_it_has_its_own_end_of_channels(self):
        channel = roentgen.Channel()
        process = roentgen.spawn(lambda: channel.send("from the clone"), template="self")
        self.assertEqual(channel.receive(LONG), "from the clone")
        self.assertRaises(roentgen.PeersGone, channel.receive, LONG)
        process.join(LONG)

    def test_what_is_in_a_buffer_is_written_once(self):
        sys.stdout.write("once, ")
        roentgen.spawn(lambda: sys.stdout.write("twice, "), template="self").join(LONG)
        print("at last")

    def test_its_randomness_is_another(self):
        values = [roentgen.spawn(random.random, template="self").result(LONG) for _ in range(3)]
        self.assertEqual(len({*values, random.random()}), 4)

    def test_not_with_threads(self):
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        try:
            with self.assertRaisesRegex(RuntimeError, "more than one thread"):
                roentgen.spawn(add, 1, template="self")
        finally:
            event.set()
            thread.join()


class Tasks(unittest.IsolatedAsyncioTestCase):
    """Awaited."""

    async def test_results_and_exceptions(self):
        processes = [roentgen.spawn(add, n) for n in range(5)]
        self.assertEqual(await asyncio.gather(*processes), list(range(5)))
        with self.assertRaises(TypeError):
            await roentgen.spawn(add)
        process = roentgen.spawn(add, 5)
        process.join(LONG)
        self.assertEqual(await process, 5)

    async def test_the_loop_is_not_there_in_the_process(self):
        def ask():
            async def inner():
                await asyncio.sleep(0)
                return "ran"

            return asyncio.run(inner())

        self.assertEqual(await roentgen.spawn(ask), "ran")


if __name__ == "__main__":
    _outcomes.main()
