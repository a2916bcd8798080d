"""Pools of processes, and the interpreters that reside on cores."""

import concurrent.futures
import contextlib
import io
import os
import pty
import threading
import time
import unittest
import warnings

import _outcomes
import roentgen
from roentgen import _progress

LONG = 60

warnings.simplefilter("ignore", roentgen.NotEnforced)


def square(n):
    """Be simple."""
    return n * n


def burn():
    """Use up CPU time."""
    while True:
        pass


def initialize(value):
    """Leave something in the process."""
    global initialized
    initialized = value


def get_initialized():
    """Return it."""
    return initialized


def fail():
    """Raise."""
    raise KeyError("failed")


class Jobs(unittest.TestCase):
    """As of every executor."""

    def test_submit(self):
        with roentgen.Pool(2) as pool:
            futures = [pool.submit(square, n) for n in range(20)]
            self.assertEqual(
                [future.result(LONG) for future in futures], [n * n for n in range(20)]
            )
            self.assertRaises(KeyError, pool.submit(fail).result, LONG)
            self.assertEqual(pool.submit(int, "11", base=2).result(LONG), 3)

    def test_as_completed_and_wait(self):
        with roentgen.Pool(3) as pool:
            futures = {pool.submit(square, n): n for n in range(10)}
            for future in concurrent.futures.as_completed(futures, LONG):
                self.assertEqual(future.result(), futures[future] ** 2)
            done, late = concurrent.futures.wait([pool.submit(square, 3)], LONG)
            self.assertEqual((len(done), len(late)), (1, 0))

    def test_map(self):
        with roentgen.Pool(2) as pool:
            for chunksize in [1, 3, 100]:
                self.assertEqual(
                    list(pool.map(pow, range(10), [2] * 10, chunksize=chunksize)),
                    [n * n for n in range(10)],
                )
            self.assertEqual(list(pool.map(square, [])), [])
            self.assertEqual(
                list(pool.map(square, iter(range(50)), buffersize=3)), [n * n for n in range(50)]
            )
            self.assertRaises(ValueError, pool.map, square, [1], chunksize=0)
            results = pool.map(lambda n: 1 // n, [1, 0, 1])
            self.assertEqual(next(results), 1)
            self.assertRaises(ZeroDivisionError, next, results)

    def test_map_is_as_lazy_as_it_is_asked_to_be(self):
        taken = []

        def items():
            for n in range(100):
                taken.append(n)
                yield n

        with roentgen.Pool(2) as pool:
            results = pool.map(square, items(), buffersize=4)
            self.assertEqual(next(results), 0)
            self.assertLessEqual(len(taken), 6)

    def test_map_in_time(self):
        with roentgen.Pool(1) as pool:
            results = pool.map(time.sleep, [0.3, 0.3], timeout=0.1)
            self.assertRaises(TimeoutError, list, results)

    def test_workers_are_kept_and_no_more_than_asked_for(self):
        with roentgen.Pool(3) as pool:
            pids = set(pool.map(lambda _: os.getpid(), range(30)))
        self.assertLessEqual(len(pids), 3)
        self.assertNotIn(os.getpid(), pids)

    def test_they_work_at_the_same_time(self):
        one, two = roentgen.Channel(), roentgen.Channel()

        def meet(mine, other):
            mine.send("here")
            return other.receive(LONG)

        with roentgen.Pool(2) as pool:
            futures = [pool.submit(meet, one, two), pool.submit(meet, two, one)]
            self.assertEqual([future.result(LONG) for future in futures], ["here", "here"])

    def test_what_cannot_be_sent_fails_its_job_alone(self):
        with roentgen.Pool(1) as pool:
            self.assertRaises(TypeError, pool.submit(square, threading.Lock()).result, LONG)
            self.assertRaises(TypeError, pool.submit(threading.Lock).result, LONG)
            self.assertEqual(pool.submit(square, 2).result(LONG), 4)

    def test_cancel(self):
        go = roentgen.Channel()
        with roentgen.Pool(1) as pool:
            running = pool.submit(go.receiver.receive)
            waiting = pool.submit(square, 1)
            self.assertTrue(waiting.cancel())
            self.assertFalse(running.cancel())
            go.send("go")
            self.assertEqual(running.result(LONG), "go")

    def test_shutdown(self):
        pool = roentgen.Pool(1)
        futures = [pool.submit(time.sleep, 0.05) for _ in range(3)]
        pool.shutdown()
        self.assertTrue(all(future.done() for future in futures))
        self.assertRaises(RuntimeError, pool.submit, square, 1)
        pool.shutdown()
        pool = roentgen.Pool(1)
        futures = [pool.submit(time.sleep, 0.1) for _ in range(3)]
        pool.shutdown(cancel_futures=True)
        self.assertEqual([future.cancelled() for future in futures], [False, True, True])
        roentgen.Pool().shutdown()

    def test_a_job_that_submits_in_its_callback(self):
        with roentgen.Pool(1) as pool:
            results = []
            done = threading.Event()

            def more(future):
                results.append(future.result())
                if len(results) < 3:
                    pool.submit(square, len(results)).add_done_callback(more)
                else:
                    done.set()

            pool.submit(square, 0).add_done_callback(more)
            self.assertTrue(done.wait(LONG))
        self.assertEqual(results, [0, 1, 4])

    def test_nonsense(self):
        self.assertRaises(ValueError, roentgen.Pool, 0)
        self.assertRaises(TypeError, roentgen.Pool, 1, initializer=5)


class Deaths(unittest.TestCase):
    """Of workers."""

    def test_a_dead_worker_fails_its_job_and_is_replaced(self):
        with roentgen.Pool(2) as pool:
            for _ in range(3):
                with self.assertRaises(roentgen.ProcessDied) as caught:
                    pool.submit(os._exit, 5).result(LONG)
                self.assertEqual(caught.exception.exitcode, 5)
                self.assertEqual(pool.submit(square, 3).result(LONG), 9)

    def test_one_that_is_killed_while_idle_is_replaced(self):
        with roentgen.Pool(1) as pool:
            first = pool.submit(os.getpid).result(LONG)
            os.kill(first, 9)
            deadline = time.monotonic() + LONG
            while time.monotonic() < deadline:
                with contextlib.suppress(roentgen.ProcessDied):
                    second = pool.submit(os.getpid).result(LONG)
                    if second != first:
                        break
            self.assertNotEqual(first, second)

    def test_initializers(self):
        with roentgen.Pool(2, initializer=initialize, initargs=("set",)) as pool:
            futures = [pool.submit(get_initialized) for _ in range(6)]
            self.assertEqual({future.result(LONG) for future in futures}, {"set"})

    def test_an_initializer_that_fails_breaks_the_pool(self):
        with roentgen.Pool(1, initializer=fail) as pool:
            first = pool.submit(square, 1)

            def second():
                # It may be known by then, or not.
                return pool.submit(square, 2).result(LONG)

            self.assertRaises(roentgen.BrokenPool, second)
            self.assertRaises(KeyError, first.result, LONG)
            self.assertRaises(roentgen.BrokenPool, pool.submit, square, 3)


class Limits(unittest.TestCase):
    """Each job has a process of its own."""

    def test_limits_are_for_each_job(self):
        with roentgen.Pool(2, cpu_time=1.5, deadline=LONG) as pool:
            late = pool.submit(burn)
            results = [pool.submit(square, n) for n in range(6)]
            self.assertEqual([future.result(LONG) for future in results], [0, 1, 4, 9, 16, 25])
            self.assertRaises(roentgen.CpuTimeExceeded, late.result, LONG)
            pids = set(pool.map(lambda _: os.getpid(), range(5)))
            self.assertEqual(len(pids), 5)

    def test_deadline(self):
        with roentgen.Pool(2, deadline=0.3) as pool:
            self.assertRaises(roentgen.DeadlineExceeded, pool.submit(time.sleep, 600).result, LONG)

    def test_initializers(self):
        with roentgen.Pool(1, initializer=initialize, initargs=(5,), deadline=LONG) as pool:
            self.assertEqual(pool.submit(get_initialized).result(LONG), 5)


class Progress(unittest.TestCase):
    """The bar on standard error."""

    def test_into_a_pipe_one_line(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors, roentgen.Pool(2) as pool:
            self.assertEqual(list(pool.map(square, range(5), progress=True)), [0, 1, 4, 9, 16])
        self.assertRegex(errors.getvalue(), r"^5/5 in \d+\.\d s\n$")

    def test_of_a_whole_pool(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            with roentgen.Pool(2, progress=True) as pool:
                for n in range(7):
                    pool.submit(square, n)
        self.assertRegex(errors.getvalue(), r"^7/7 in \d+\.\d s\n$")

    def test_forced(self):
        with contextlib.redirect_stderr(io.StringIO()) as errors, roentgen.Pool(1) as pool:
            list(pool.map(square, range(4), chunksize=2, progress="always"))
        last = errors.getvalue().split("\r")[-1]
        self.assertRegex(last, r"^\[#+\] 4/4 in \d+\.\d s *\n$")

    def test_on_a_terminal(self):
        leader, follower = pty.openpty()
        with open(follower, "w") as terminal, contextlib.redirect_stderr(terminal):
            bar = _progress.Bar(10)
            bar.advance(5)
            bar.close()
            text = os.read(leader, 1000).decode()
        os.close(leader)
        self.assertRegex(text.split("\r")[1], r"^\[#+\.+\]  5/10")

    def test_the_line(self):
        bar = _progress.Bar(8, "always")
        bar._done = 2
        line = bar.line(bar._started + 10)
        self.assertRegex(line, r"^\[#+\.+\] 2/8 30 s left")
        self.assertEqual(line.count("."), 3 * line.count("#") + 2 * (line.count(".") % 3 != 0))


class Residents(unittest.TestCase):
    """Interpreters that stay on a core."""

    def test_calls_share_a_process_on_the_core(self):
        core = max(os.sched_getaffinity(0))
        resident = roentgen.core(core)
        self.assertIs(resident, roentgen.core(core))
        self.assertEqual(resident.run(lambda: os.sched_getaffinity(0)), {core})
        resident.run(initialize, "kept")
        self.assertEqual(resident.run(os.getpid), resident.pid)
        self.assertRaises(KeyError, resident.run, fail)
        self.assertEqual(resident.run(int, "11", base=2), 3)

    def test_it_starts_again_where_it_died(self):
        resident = roentgen.core(min(os.sched_getaffinity(0)))
        first = resident.run(os.getpid)
        with self.assertRaises(roentgen.ProcessDied) as caught:
            resident.run(os._exit, 4)
        self.assertEqual(caught.exception.exitcode, 4)
        self.assertNotEqual(resident.run(os.getpid), first)
        self.assertRaises(TimeoutError, resident.run, time.sleep, 600, timeout=0.1)
        self.assertEqual(resident.run(square, 4), 16)

    def test_what_cannot_be_sent_does_not_harm_it(self):
        resident = roentgen.core(min(os.sched_getaffinity(0)))
        pid = resident.run(os.getpid)
        self.assertRaises(TypeError, resident.run, square, threading.Lock())
        self.assertRaises(TypeError, resident.run, threading.Lock)
        self.assertEqual(resident.run(os.getpid), pid)

    def test_cores_that_are_not_there(self):
        for number in [-1, 4000]:
            self.assertRaises(ValueError, roentgen.core, number)


if __name__ == "__main__":
    _outcomes.main()
