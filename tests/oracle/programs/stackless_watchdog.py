"""Tasklets that are interrupted."""

import os
import signal
import sys
import threading
import time
import unittest

import _outcomes
import stackless

#: Microseconds of processor time.
SHORT = 2000


class Case(unittest.TestCase):
    """A test that leaves no tasklet behind."""

    def setUp(self):
        self.log = []

    def tearDown(self):
        self.assertEqual(stackless.getruncount(), 1)

    def note(self, *values):
        self.log.extend(values)

    def loop(self):
        while True:
            pass

    def count(self, name):
        try:
            n = 0
            while True:
                n += 1
        finally:
            self.note(name)


class Interruptions(Case):
    """`run` with a time limit."""

    def test_one_that_loops_is_returned(self):
        t = stackless.tasklet(self.loop)()
        self.assertIs(stackless.run(SHORT), t)
        self.assertEqual((t.alive, t.paused, t.scheduled), (True, True, False))
        t.kill()

    def test_one_that_ends_is_not(self):
        stackless.tasklet(self.note)(1)
        self.assertIsNone(stackless.run(1_000_000))
        self.assertEqual(self.log, [1])

    def test_it_goes_on_where_it_was(self):
        seen = []

        def count():
            for n in range(10**9):
                seen.append(n)
                if len(seen) > 200_000:
                    return

        t = stackless.tasklet(count)()
        rounds = 0
        while (interrupted := stackless.run(SHORT)) is not None:
            self.assertIs(interrupted, t)
            rounds += 1
            t.insert()
        self.assertGreater(rounds, 1)
        self.assertEqual(seen, list(range(len(seen))))

    def test_all_have_their_turn(self):
        ts = [stackless.tasklet(self.count)(n) for n in range(3)]
        order = []
        for _ in range(9):
            interrupted = stackless.run(SHORT)
            order.append(ts.index(interrupted))
            interrupted.insert()
        self.assertEqual(order, [0, 1, 2] * 3)
        for t in ts:
            t.kill()
        self.assertEqual(self.log, [0, 1, 2])

    def test_finally_runs_where_it_was_interrupted(self):
        t = stackless.tasklet(self.count)("finally")
        stackless.run(SHORT)
        t.kill()
        self.assertEqual((self.log, t.alive), (["finally"], False))

    def test_an_exception_is_handled_where_it_was_interrupted(self):
        def stubborn():
            while True:
                try:
                    while True:
                        pass
                except KeyError as error:
                    self.note(error.args[0])
                    if error.args[0] == 2:
                        return

        t = stackless.tasklet(stubborn)()
        for value in (1, 2):
            self.assertIs(stackless.run(SHORT), t)
            t.throw(KeyError, value, pending=True)
        self.assertIsNone(stackless.run(SHORT))
        self.assertEqual(self.log, [1, 2])

    def test_calls_and_generators_are_interrupted(self):
        def endless():
            while True:
                yield max(len("x"), 1)

        def call():
            for value in endless():
                str(value)

        t = stackless.tasklet(call)()
        for _ in range(20):
            self.assertIs(stackless.run(SHORT), t)
            t.insert()
        t.kill()

    def test_native_code_that_calls_python(self):
        def key(value):
            for _ in range(2000):
                pass
            return -value

        def sort():
            self.note(sorted(range(100), key=key)[0])

        t = stackless.tasklet(sort)()
        rounds = 0
        while stackless.run(SHORT) is t:
            rounds += 1
            t.insert()
        self.assertGreater(rounds, 1)
        self.assertEqual(self.log, [99])

    def test_an_atomic_one_is_interrupted_afterwards(self):
        def work():
            t = stackless.getcurrent()
            self.note(t.set_atomic(True), t.atomic)
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass
            self.note("whole")
            self.note(t.set_atomic(False))
            self.note("after")

        t = stackless.tasklet(work)()
        self.assertIs(stackless.run(SHORT), t)
        self.assertEqual(self.log, [False, True, "whole"])
        t.insert()
        self.assertIsNone(stackless.run())
        self.assertEqual(self.log[3:], [True, "after"])

    def test_atomic_blocks(self):
        with stackless.atomic():
            self.assertTrue(stackless.getcurrent().atomic)
            with stackless.atomic():
                pass
            self.assertTrue(stackless.getcurrent().atomic)
        self.assertFalse(stackless.getcurrent().atomic)

    def test_the_limit_is_each_tasklet_s(self):
        def work():
            for _ in range(20):
                end = time.thread_time() + 0.002
                while time.thread_time() < end:
                    pass
                stackless.schedule()
            self.note("done")

        for _ in range(2):
            stackless.tasklet(work)()
        self.assertIsNone(stackless.run(30_000))
        self.assertEqual(self.log, ["done"] * 2)

    def test_the_limit_of_all_together(self):
        def work():
            while True:
                stackless.schedule()

        ts = [stackless.tasklet(work)() for _ in range(2)]
        interrupted = stackless.run(10_000, totaltimeout=True)
        self.assertIn(interrupted, ts)
        for t in ts:
            t.kill()

    def test_softly(self):
        def work():
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass
            self.note("worked")
            stackless.schedule()
            self.note("later")

        t = stackless.tasklet(work)()
        self.assertIsNone(stackless.run(SHORT, soft=True))
        self.assertEqual((self.log, t.scheduled), (["worked"], True))
        stackless.run()
        self.assertEqual(self.log, ["worked", "later"])

    def test_a_round_robin_scheduler(self):
        def work(name):
            for _ in range(3):
                end = time.thread_time() + 0.004
                while time.thread_time() < end:
                    pass
            self.note(name)

        for name in "abc":
            stackless.tasklet(work)(name)
        while stackless.getruncount() > 1:
            interrupted = stackless.run(SHORT)
            if interrupted:
                interrupted.insert()
        self.assertEqual(sorted(self.log), ["a", "b", "c"])

    def test_a_limit_within_a_limit(self):
        def outer():
            inner = stackless.tasklet(self.loop)()
            self.note(stackless.run(SHORT) is inner)
            inner.kill()

        stackless.tasklet(outer)()
        self.assertIsNone(stackless.run(10_000_000))
        self.assertEqual(self.log, [True])

    def test_errors_end_the_run(self):
        stackless.tasklet(lambda: 1 / 0)()
        self.assertRaises(ZeroDivisionError, stackless.run, 1_000_000)

    def test_tracing_is_as_before(self):
        t = stackless.tasklet(self.loop)()
        stackless.run(SHORT)
        self.assertIsNone(sys.gettrace())
        frame = t.frame
        self.assertEqual((frame.f_trace, frame.f_trace_opcodes), (None, False))
        t.kill()

    def test_wrong_limits(self):
        self.assertRaises(TypeError, stackless.run, "x")
        self.assertRaises((OverflowError, ValueError), stackless.run, -1)

    def test_other_threads_cannot_be(self):
        errors = []

        def thread():
            stackless.tasklet(int)()
            try:
                stackless.run(SHORT)
            except RuntimeError:
                errors.append("refused")
            stackless.run()

        other = threading.Thread(target=thread)
        other.start()
        other.join()
        self.assertEqual(errors, ["refused"])


class Signals(Case):
    """Signals that come while a tasklet runs."""

    def test_an_interrupt_reaches_the_main_one(self):
        def loop():
            try:
                os.kill(os.getpid(), signal.SIGINT)
                while True:
                    pass
            finally:
                self.note("finally")

        stackless.tasklet(loop)()
        self.assertRaises(KeyboardInterrupt, stackless.run)
        self.assertEqual(self.log, ["finally"])

    def test_handlers_run_in_whichever_tasklet_is_current(self):
        old = signal.signal(signal.SIGUSR1, lambda *_: self.note(stackless.current.is_main))
        try:

            def send():
                os.kill(os.getpid(), signal.SIGUSR1)
                stackless.schedule()

            stackless.tasklet(send)()
            stackless.run()
            os.kill(os.getpid(), signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, old)
        self.assertEqual(self.log, [False, True])

    def test_a_handler_set_in_a_tasklet_is_the_process_s(self):
        old = signal.getsignal(signal.SIGUSR2)

        def handler(*_):
            self.note("handled")

        def install():
            signal.signal(signal.SIGUSR2, handler)

        stackless.tasklet(install)()
        stackless.run()
        try:
            self.assertIs(signal.getsignal(signal.SIGUSR2), handler)
            os.kill(os.getpid(), signal.SIGUSR2)
        finally:
            signal.signal(signal.SIGUSR2, old)
        self.assertEqual(self.log, ["handled"])

    def test_an_interrupt_while_waiting_for_others(self):
        import roentgen

        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        t = stackless.tasklet(stackless.over(roentgen.Channel()).receive)()
        self.assertRaises(KeyboardInterrupt, stackless.run)
        timer.join()
        t.kill()

    def test_a_fork_goes_on_in_its_tasklet(self):
        def fork():
            pid = os.fork()
            if pid == 0:
                stackless.schedule()
                os._exit(7)
            self.note(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

        stackless.tasklet(fork)()
        stackless.run()
        self.assertEqual(self.log, [7])


if __name__ == "__main__":
    _outcomes.main()
