"""Channels: within a thread, and between threads and processes."""

import threading
import unittest

import _outcomes
import roentgen
import stackless

LONG = 60


class Case(unittest.TestCase):
    """A test that leaves no tasklet behind."""

    def setUp(self):
        self.log = []

    def tearDown(self):
        self.assertEqual(stackless.getruncount(), 1)

    def note(self, *values):
        self.log.extend(values)

    def start(self, function, *args):
        return stackless.tasklet(function)(*args)


class Meetings(Case):
    """Who waits, who goes on, and in which order."""

    def setUp(self):
        super().setUp()
        self.channel = stackless.channel()

    def sender(self, name, *values):
        for value in values:
            self.note(f"{name} sends")
            self.channel.send(value)
            self.note(f"{name} sent")

    def receiver(self, name, count=1):
        for _ in range(count):
            self.note(f"{name} receives")
            self.note(f"{name} {self.channel.receive()}")

    def test_the_sender_waits(self):
        t = self.start(self.sender, "s", 1)
        stackless.run()
        self.assertEqual((t.blocked, t.scheduled, t.paused), (True, True, False))
        self.assertEqual((self.channel.balance, self.channel.queue), (1, t))
        self.assertIs(t._channel, self.channel)
        self.assertEqual(self.channel.receive(), 1)
        self.assertEqual((self.channel.balance, self.channel.queue, t.blocked), (0, None, False))
        stackless.run()
        self.assertEqual(self.log, ["s sends", "s sent"])

    def test_the_receiver_waits(self):
        t = self.start(self.receiver, "r")
        stackless.run()
        self.assertEqual((t.blocked, self.channel.balance), (True, -1))
        self.assertIsNone(self.channel.send("value"))
        self.assertEqual(self.log, ["r receives", "r value"])

    def test_first_come_first_served(self):
        for name in "ab":
            self.start(self.receiver, name)
        stackless.run()
        self.assertIs(self.channel.queue.next.next, self.channel.queue)
        self.channel.send(1)
        self.channel.send(2)
        self.assertEqual(self.log[2:], ["a 1", "b 2"])

    def test_values_come_in_order(self):
        for name in "ab":
            self.start(self.channel.send, name)
        stackless.run()
        self.assertEqual(self.channel.balance, 2)
        self.assertEqual([self.channel.receive(), self.channel.receive()], ["a", "b"])
        stackless.run()

    def test_the_receiver_is_preferred(self):
        self.assertEqual(self.channel.preference, -1)
        self.start(self.receiver, "r")
        self.start(self.sender, "s", 1)
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["r receives", "s sends", "r 1", "other", "s sent"])

    def test_a_preferred_receiver_that_comes_second_goes_on(self):
        self.start(self.sender, "s", 1)
        self.start(self.receiver, "r")
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["s sends", "r receives", "r 1", "other", "s sent"])

    def test_the_sender_is_preferred(self):
        self.channel.preference = 1
        self.start(self.receiver, "r")
        self.start(self.sender, "s", 1)
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["r receives", "s sends", "s sent", "other", "r 1"])

    def test_a_preferred_sender_that_comes_first_is_switched_to(self):
        self.channel.preference = 1
        self.start(self.sender, "s", 1)
        self.start(self.receiver, "r")
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["s sends", "r receives", "s sent", "other", "r 1"])

    def test_nobody_is_preferred(self):
        self.channel.preference = 0
        self.start(self.receiver, "r")
        self.start(self.sender, "s", 1)
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["r receives", "s sends", "s sent", "other", "r 1"])

    def test_nobody_is_preferred_and_the_sender_waits(self):
        self.channel.preference = 0
        self.start(self.sender, "s", 1)
        self.start(self.receiver, "r")
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["s sends", "r receives", "r 1", "other", "s sent"])

    def test_preferences_are_signs(self):
        for value, expected in [(5, 1), (-7, -1), (0, 0)]:
            self.channel.preference = value
            self.assertEqual(self.channel.preference, expected)
        with self.assertRaises(TypeError):
            self.channel.preference = "x"

    def test_schedule_all(self):
        self.assertFalse(self.channel.schedule_all)
        self.channel.schedule_all = True
        self.start(self.receiver, "r")
        self.start(self.sender, "s", 1)
        self.start(self.note, "other")
        stackless.run()
        self.assertEqual(self.log, ["r receives", "s sends", "other", "r 1", "s sent"])

    def test_a_dialogue(self):
        other = stackless.channel()

        def answer():
            for value in self.channel:
                other.send(value + 1)

        t = self.start(answer)
        results = []
        for n in range(5):
            self.channel.send(n)
            results.append(other.receive())
        self.assertEqual(results, [1, 2, 3, 4, 5])
        t.kill()

    def test_a_pipeline(self):
        channels = [stackless.channel() for _ in range(30)]

        def pass_on(left, right):
            right.send(left.receive() + 1)

        for left, right in zip(channels, channels[1:]):
            self.start(pass_on, left, right)
        channels[0].send(0)
        self.assertEqual(channels[-1].receive(), 29)
        stackless.run()

    def test_primes(self):
        found = []

        def count(out):
            n = 2
            while True:
                out.send(n)
                n += 1

        def sift(prime, left, right):
            while True:
                n = left.receive()
                if n % prime:
                    right.send(n)

        left = stackless.channel()
        ts = [self.start(count, left)]
        for _ in range(10):
            prime = left.receive()
            found.append(prime)
            right = stackless.channel()
            ts.append(self.start(sift, prime, left, right))
            left = right
        self.assertEqual(found, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
        for t in ts:
            t.kill()

    def test_a_waiting_tasklet_is_neither_run_nor_removed(self):
        t = self.start(self.channel.receive)
        stackless.run()
        for method in (t.run, t.insert, t.switch, t.remove):
            self.assertRaises(RuntimeError, method)
        t.kill()
        self.assertEqual(self.channel.balance, 0)

    def test_one_of_several_is_killed(self):
        ts = [self.start(self.receiver, name) for name in "abc"]
        stackless.run()
        ts[1].kill()
        self.assertEqual(self.channel.balance, -2)
        self.channel.send(1)
        self.channel.send(2)
        self.assertEqual(self.log[3:], ["a 1", "c 2"])

    def test_what_was_to_be_sent_goes_with_its_sender(self):
        t = self.start(self.channel.send, 1)
        stackless.run()
        t.kill()
        self.assertEqual(self.channel.balance, 0)
        self.start(self.channel.send, 2)
        self.assertEqual(self.channel.receive(), 2)
        stackless.run()

    def test_deadlock(self):
        with self.assertRaisesRegex(RuntimeError, "^Deadlock: the last runnable tasklet"):
            self.channel.receive()
        with self.assertRaisesRegex(RuntimeError, "^Deadlock: the last runnable tasklet"):
            self.channel.send(1)
        self.assertEqual(self.channel.balance, 0)

    def test_deadlock_after_the_others_ran(self):
        self.start(self.note, "other")
        with self.assertRaises(RuntimeError):
            self.channel.receive()
        self.assertEqual(self.log, ["other"])

    def test_deadlock_is_the_main_one_s_when_another_blocks_last(self):
        t = self.start(self.receiver, "r")
        with self.assertRaises(RuntimeError):
            self.channel.receive()
        self.assertEqual((t.blocked, self.channel.balance), (True, -1))
        t.kill()

    def test_block_trap(self):
        def trapped():
            t = stackless.getcurrent()
            t.block_trap = True
            for action in (self.channel.receive, lambda: self.channel.send(1)):
                try:
                    action()
                except RuntimeError as error:
                    self.note(str(error))
            t.block_trap = False

        self.start(trapped)
        stackless.run()
        self.assertEqual(self.log, ["this tasklet does not like to be blocked."] * 2)
        self.assertEqual(self.channel.balance, 0)

    def test_block_trap_lets_through_what_does_not_block(self):
        self.start(self.channel.send, 1)
        stackless.run()
        main = stackless.getcurrent()
        main.block_trap = True
        try:
            self.assertEqual(self.channel.receive(), 1)
        finally:
            main.block_trap = False
        stackless.run()

    def test_a_channel_of_another_thread(self):
        t = self.start(self.channel.receive)
        stackless.run()
        errors = []

        def thread():
            try:
                self.channel.send(1)
            except RuntimeError:
                errors.append("refused")

        other = threading.Thread(target=thread)
        other.start()
        other.join()
        self.assertEqual((errors, t.blocked), (["refused"], True))
        t.kill()

    def test_callback(self):
        def callback(channel, tasklet, sending, willblock):
            self.note((channel is self.channel, tasklet.is_main, sending, willblock))

        self.start(self.channel.send, 1)
        old = stackless.set_channel_callback(callback)
        try:
            self.assertIs(stackless.get_channel_callback(), callback)
            self.channel.receive()
        finally:
            self.assertIs(stackless.set_channel_callback(old), callback)
        self.assertEqual(self.log, [(True, True, False, True), (True, False, True, False)])
        self.assertRaises(TypeError, stackless.set_channel_callback, 3)
        stackless.run()

    def test_subclass_and_text(self):
        class Named(stackless.channel):
            def __init__(self, name):
                super().__init__()
                self.name = name

        self.assertEqual(Named("x").name, "x")
        self.assertRegex(repr(self.channel), "^<stackless.channel object at 0x.*, balance 0>$")


class ExceptionsAndEnds(Case):
    """What is sent instead of values, and closing."""

    def setUp(self):
        super().setUp()
        self.channel = stackless.channel()

    def receive(self):
        try:
            self.note(self.channel.receive())
        except Exception as error:
            self.note(type(error).__name__, *error.args)

    def test_send_exception_to_one_that_waits(self):
        self.start(self.receive)
        stackless.run()
        self.channel.send_exception(ValueError, 1, 2)
        self.assertEqual(self.log, ["ValueError", 1, 2])

    def test_send_exception_to_one_that_comes(self):
        self.start(self.channel.send_exception, KeyError, "k")
        self.assertRaises(KeyError, self.channel.receive)
        stackless.run()

    def test_send_exception_wants_an_exception(self):
        for arguments in [(), (3,), (int,), (ValueError(),)]:
            self.assertRaises(TypeError, self.channel.send_exception, *arguments)

    def test_send_throw(self):
        error = ValueError("instance")
        for arguments in [(ValueError,), (ValueError, "pair"), (error,)]:
            self.start(self.receive)
            stackless.run()
            self.channel.send_throw(*arguments)
        self.assertEqual(self.log, ["ValueError", "ValueError", "pair", "ValueError", "instance"])

    def test_send_throw_with_a_traceback(self):
        try:
            raise LookupError("here")
        except LookupError as error:
            saved = error
        self.start(self.channel.send_throw, LookupError, saved, saved.__traceback__)
        try:
            self.channel.receive()
        except LookupError as error:
            self.assertIs(error, saved)
        stackless.run()

    def test_iteration_ends_by_an_exception(self):
        def send():
            self.assertEqual(self.channel.send_sequence(range(3)), 3)
            self.channel.send_exception(StopIteration)

        self.start(send)
        self.assertEqual(list(self.channel), [0, 1, 2])
        stackless.run()

    def test_next(self):
        self.start(self.channel.send, 1)
        self.assertEqual(next(self.channel), 1)
        stackless.run()

    def test_close(self):
        self.assertEqual((self.channel.closing, self.channel.closed), (False, False))
        self.channel.close()
        self.assertEqual((self.channel.closing, self.channel.closed), (True, True))
        for action in (self.channel.receive, lambda: self.channel.send(1)):
            with self.assertRaisesRegex(ValueError, "closed channel"):
                action()
        self.assertEqual(list(self.channel), [])

    def test_close_with_a_queue(self):
        for n in range(2):
            self.start(self.channel.send, n)
        stackless.run()
        self.channel.close()
        self.assertEqual((self.channel.closing, self.channel.closed), (True, False))
        self.assertEqual(list(self.channel), [0, 1])
        self.assertTrue(self.channel.closed)
        stackless.run()

    def test_open_again(self):
        self.channel.close()
        self.channel.open()
        self.assertEqual((self.channel.closing, self.channel.closed), (False, False))
        self.start(self.channel.send, 1)
        self.assertEqual(self.channel.receive(), 1)
        stackless.run()


def echo(requests, answers):
    """Answer each request twice, by two tasklets."""
    requests, answers = stackless.over(requests), stackless.over(answers)

    def serve(name):
        for value in requests:
            if value == "fail":
                answers.send_exception(KeyError, name)
            else:
                answers.send(value * 2)

    ts = [stackless.tasklet(serve)(name) for name in "ab"]
    stackless.run()
    answers.send([t.alive for t in ts])


def serve_one(channel):
    """A channel that came as it is: over an end already."""
    channel.send("from afar")


def with_tasklets(numbers):
    """Tasklets in a spawned process."""
    channel, results = stackless.channel(), []

    def square(n):
        channel.send(n * n)

    for n in numbers:
        stackless.tasklet(square)(n)
    for _ in numbers:
        results.append(channel.receive())
    stackless.run()
    return results


class Elsewhere(Case):
    """Tasklets of other processes and threads."""

    def test_there_and_back(self):
        requests, answers = roentgen.Channel(), roentgen.Channel()
        process = roentgen.spawn(echo, requests.receiver, answers.sender)
        out, back = stackless.over(requests), stackless.over(answers)

        def others():
            for n in range(3):
                self.note(n)
                stackless.schedule()

        def talk():
            for n in range(4):
                out.send(n)
            self.note(sorted(back.receive() for _ in range(4)))

        self.start(talk)
        self.start(others)
        stackless.run()
        self.assertEqual(self.log, [0, 1, 2, [0, 2, 4, 6]])
        out.send("fail")
        self.assertRaises(KeyError, back.receive)
        out.close()
        self.assertEqual(back.receive(), [False, False])
        process.join(LONG)
        self.assertEqual(process.exitcode, 0)

    def test_waiting_for_others_is_no_deadlock(self):
        channel = roentgen.Channel()
        process = roentgen.spawn(serve_one, stackless.over(channel.sender))
        self.assertEqual(stackless.over(channel).receive(), "from afar")
        process.join(LONG)

    def test_a_local_wait_goes_on_when_a_remote_one_does(self):
        channel, local = roentgen.Channel(), stackless.channel()
        process = roentgen.spawn(serve_one, stackless.over(channel.sender))
        self.start(lambda: local.send(stackless.over(channel).receive()))
        self.assertEqual(local.receive(), "from afar")
        stackless.run()
        process.join(LONG)

    def test_between_threads(self):
        there, back = roentgen.Channel(), roentgen.Channel()

        def thread():
            def double():
                for value in stackless.over(there):
                    stackless.over(back).send(value * 2)

            for _ in range(2):
                stackless.tasklet(double)()
            stackless.run()

        other = threading.Thread(target=thread)
        other.start()
        out, results = stackless.over(there), []
        for n in range(10):
            out.send(n)
            results.append(stackless.over(back).receive())
        out.close()
        other.join()
        self.assertEqual(results, [n * 2 for n in range(10)])

    def test_room_is_waited_for(self):
        channel = roentgen.Channel(2)
        out = stackless.over(channel)
        t = self.start(lambda: self.note(out.send_sequence(range(5))))
        for _ in range(5):
            stackless.schedule()
        self.assertEqual((out.balance, t.alive), (1, True))
        self.assertEqual([stackless.over(channel).receive() for _ in range(5)], list(range(5)))
        stackless.run()
        self.assertEqual((self.log, out.balance), ([5], 0))

    def test_one_that_waits_is_killed(self):
        channel = stackless.over(roentgen.Channel())
        t = self.start(channel.receive)
        stackless.schedule()
        self.assertEqual(channel.balance, -1)
        t.kill()
        self.assertEqual((channel.balance, t.alive), (0, False))
        stackless.run()

    def test_the_end_of_the_others(self):
        channel = roentgen.Channel()
        end = stackless.over(channel.receiver)
        channel.close()
        self.assertRaises(ValueError, end.receive)
        self.assertEqual(list(end), [])
        closed = stackless.over(roentgen.Channel())
        closed.close()
        self.assertTrue(closed.closing)
        self.assertRaises(ValueError, closed.send, 1)

    def test_ends_of_one_direction(self):
        channel = roentgen.Channel()
        self.assertRaises(TypeError, stackless.over(channel.sender).receive)
        self.assertRaises(TypeError, stackless.over(channel.receiver).send, 1)

    def test_block_trap(self):
        main = stackless.getcurrent()
        main.block_trap = True
        try:
            self.assertRaises(RuntimeError, stackless.over(roentgen.Channel()).receive)
        finally:
            main.block_trap = False

    def test_spawned_processes_have_tasklets(self):
        self.assertEqual(roentgen.spawn(with_tasklets, [1, 2, 3]).result(LONG), [1, 4, 9])

    def test_spawning_from_a_tasklet(self):
        def spawn():
            self.note(roentgen.spawn(with_tasklets, [5]).result(LONG))

        self.start(spawn)
        self.start(spawn)
        stackless.run()
        self.assertEqual(self.log, [[25], [25]])


if __name__ == "__main__":
    _outcomes.main()
