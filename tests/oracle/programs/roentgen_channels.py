"""Channels between processes, threads and tasks."""

import asyncio
import os
import signal
import threading
import time
import unittest

import _outcomes
import roentgen

LONG = 60


def echo(requests, answers):
    """Send back what comes, twice as much of it."""
    for value in requests:
        answers.send(value * 2)


def send_all(channel, values):
    """Send them, and leave the channel open."""
    for value in values:
        channel.send(value)


class Messages(unittest.TestCase):
    """Through one channel."""

    def test_in_order_within_one_process(self):
        channel = roentgen.Channel(3)
        for value in [1, "two", [3]]:
            channel.send(value)
        self.assertEqual([channel.receive() for _ in range(3)], [1, "two", [3]])

    def test_a_copy_arrives(self):
        channel = roentgen.Channel()
        value = [1]
        channel.send(value)
        value.append(2)
        self.assertEqual(channel.receive(), [1])

    def test_capacity_and_time_limits(self):
        channel = roentgen.Channel(2)
        channel.send(1, timeout=0)
        channel.send(2, timeout=0)
        for timeout in [0, 0.05]:
            began = time.monotonic()
            self.assertRaises(TimeoutError, channel.send, 3, timeout)
            self.assertGreaterEqual(time.monotonic() - began, timeout)
        self.assertEqual((channel.receive(), channel.receive(timeout=0)), (1, 2))
        for timeout in [0, 0.05]:
            began = time.monotonic()
            self.assertRaises(TimeoutError, channel.receive, timeout)
            self.assertGreaterEqual(time.monotonic() - began, timeout)
        for timeout in [-1, float("nan")]:
            self.assertRaises(ValueError, channel.receive, timeout)
            self.assertRaises(ValueError, channel.send, 1, timeout)

    def test_capacities_out_of_bounds(self):
        for capacity in [0, (1 << 16) + 1]:
            self.assertRaises(OSError, roentgen.Channel, capacity)

    def test_there_and_back(self):
        requests, answers = roentgen.Channel(), roentgen.Channel()
        process = roentgen.spawn(echo, requests.receiver, answers.sender)
        for value in [1, "ab", [None], b"x" * 100_000]:
            requests.send(value)
            self.assertEqual(answers.receive(LONG), value * 2)
        requests.close()
        process.join(LONG)
        self.assertEqual(process.exitcode, 0)

    def test_large_messages_of_every_size_around_the_limits(self):
        channel = roentgen.Channel()
        for size in [4095, 4096, 4097, 32 << 10, (32 << 10) + 1, (1 << 20) - 1, 1 << 20, 3 << 20]:
            for kind in [bytes, bytearray]:
                value = kind(os.urandom(64) * (size // 64) + bytes(size % 64))
                channel.send([value, size])
                result, number = channel.receive()
                self.assertEqual((type(result), number), (kind, size))
                self.assertTrue(result == value)
                result += b"more"

    def test_many_small_things_are_one_large_message(self):
        channel = roentgen.Channel()
        value = [f"number {n}" for n in range(200_000)]
        channel.send(value)
        self.assertTrue(channel.receive() == value)

    def test_what_was_received_is_one_s_own(self):
        channel = roentgen.Channel()
        original = bytearray(2 << 20)
        channel.send(original)
        received = channel.receive()
        received[0] = 1
        original[1] = 1
        self.assertEqual((original[0], received[1]), (0, 0))

    def test_a_failed_send_leaves_nothing_behind(self):
        channel = roentgen.Channel(1)
        self.assertRaises(TypeError, channel.send, [1, threading.Lock()])
        channel.send("after")
        self.assertEqual(channel.receive(), "after")


class Ends(unittest.TestCase):
    """Who may do what, and who is there."""

    def test_an_end_does_only_what_it_may(self):
        channel = roentgen.Channel()
        sender, receiver = channel.sender, channel.receiver
        self.assertFalse(hasattr(sender, "receive"))
        self.assertFalse(hasattr(receiver, "send"))
        sender.send(1)
        self.assertEqual(receiver.receive(), 1)

    def test_close_lets_what_is_inside_out_and_ends_iteration(self):
        channel = roentgen.Channel()
        channel.send(1)
        channel.send(2)
        channel.close()
        self.assertRaises(roentgen.ChannelClosed, channel.send, 3)
        self.assertEqual(list(channel), [1, 2])
        self.assertRaises(roentgen.ChannelClosed, channel.receive)
        with self.assertRaises(ConnectionError) as caught:
            channel.receive()
        self.assertIs(type(caught.exception), roentgen.ChannelClosed)

    def test_close_is_for_everybody(self):
        channel, began = roentgen.Channel(1), roentgen.Channel()

        def fill(channel, began):
            began.send("began")
            try:
                while True:
                    channel.send("x")
            except roentgen.ChannelClosed as error:
                return type(error).__name__

        process = roentgen.spawn(fill, channel.sender, began)
        began.receive(LONG)
        time.sleep(0.05)
        channel.close()
        self.assertEqual(process.result(LONG), "ChannelClosed")

    def test_a_closed_end_is_no_end(self):
        channel = roentgen.Channel()
        sender = channel.sender
        sender.close()
        self.assertTrue(sender.closed)
        self.assertRaises(ValueError, sender.send, 1)
        self.assertRaises(ValueError, sender.fileno)
        channel.send(1)
        self.assertEqual(channel.receive(), 1)

    def test_with(self):
        with roentgen.Channel() as channel:
            receiver = channel.receiver
            channel.send(1)
        self.assertEqual(list(receiver), [1])
        self.assertTrue(channel.closed)

    def test_dead_senders_are_an_exception(self):
        channel = roentgen.Channel()
        process = roentgen.spawn(send_all, channel.sender, [1, 2])
        self.assertEqual([channel.receive(LONG), channel.receive(LONG)], [1, 2])
        self.assertRaises(roentgen.PeersGone, channel.receive, LONG)
        process.join(LONG)

    def test_so_is_a_killed_one(self):
        channel = roentgen.Channel()
        receiver = channel.receiver
        process = roentgen.spawn(time.sleep, LONG)
        holder = roentgen.spawn(lambda sender: time.sleep(600), channel.sender)
        self.assertRaises(TimeoutError, receiver.receive, 0.1)
        channel._drop()
        self.assertRaises(TimeoutError, receiver.receive, 0.1)
        threading.Timer(0.1, holder.kill).start()
        self.assertRaises(roentgen.PeersGone, receiver.receive, LONG)
        process.kill()

    def test_dead_receivers_are_an_exception(self):
        channel = roentgen.Channel(1)
        sender = channel.sender
        holder = roentgen.spawn(lambda receiver: time.sleep(600), channel.receiver)
        channel._drop()
        sender.send("room for one")
        threading.Timer(0.1, holder.kill).start()
        self.assertRaises(roentgen.PeersGone, sender.send, "more", LONG)

    def test_iteration_does_not_end_where_the_others_died(self):
        channel = roentgen.Channel()
        receiver = channel.receiver
        roentgen.spawn(send_all, channel.sender, [1]).join(LONG)
        channel._drop()
        values = iter(receiver)
        self.assertEqual(next(values), 1)
        self.assertRaises(roentgen.PeersGone, next, values)

    def test_ends_travel_in_messages(self):
        outer = roentgen.Channel()

        def serve(outer):
            for reply in outer:
                with reply:
                    reply.send(os.getpid())

        process = roentgen.spawn(serve, outer.receiver)
        for _ in range(5):
            reply = roentgen.Channel()
            outer.send(reply.sender)
            self.assertEqual(reply.receive(LONG), process.pid)
            self.assertRaises(roentgen.PeersGone, reply.receive, LONG)
        outer.close()
        process.result(LONG)

    def test_an_end_as_a_result(self):
        def make():
            channel = roentgen.Channel()
            channel.send("from there")
            return channel

        self.assertEqual(roentgen.spawn(make).result(LONG).receive(LONG), "from there")

    def test_descriptors_travel(self):
        read, write = os.pipe()

        def work(descriptor):
            os.write(descriptor.fileno(), b"through")

        roentgen.spawn(work, roentgen.Descriptor(write)).result(LONG)
        os.close(write)
        self.assertEqual(os.read(read, 100), b"through")
        self.assertEqual(os.read(read, 100), b"")
        os.close(read)


class Many(unittest.TestCase):
    """Several of each."""

    def test_senders_and_receivers_share_a_channel(self):
        numbers, sums = roentgen.Channel(4), roentgen.Channel()

        def produce(numbers, start):
            for n in range(start, start + 50):
                numbers.send(n)

        def consume(numbers, sums):
            sums.send(sum(numbers))

        producers = [roentgen.spawn(produce, numbers.sender, 50 * n) for n in range(4)]
        consumers = [roentgen.spawn(consume, numbers.receiver, sums.sender) for _ in range(3)]
        for process in producers:
            process.result(LONG)
        numbers.close()
        self.assertEqual(sum(sums.receive(LONG) for _ in consumers), sum(range(200)))
        for process in consumers:
            process.result(LONG)

    def test_threads_share_an_end(self):
        channel = roentgen.Channel(2)
        got = []

        def take():
            got.extend(channel)

        threads = [threading.Thread(target=take) for _ in range(3)]
        for thread in threads:
            thread.start()
        for n in range(100):
            channel.send(n)
        channel.close()
        for thread in threads:
            thread.join(LONG)
        self.assertEqual(sorted(got), list(range(100)))

    def test_signal_handlers_run_while_one_waits(self):
        channel = roentgen.Channel()
        previous = signal.signal(signal.SIGALRM, lambda *_: channel.send("from the handler"))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            self.assertEqual(channel.receive(LONG), "from the handler")
        finally:
            signal.signal(signal.SIGALRM, previous)

    def test_an_exception_of_a_handler_ends_the_wait(self):
        def handler(*_):
            raise KeyError("handler")

        channel = roentgen.Channel()
        previous = signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            self.assertRaises(KeyError, channel.receive, LONG)
        finally:
            signal.signal(signal.SIGALRM, previous)


class Select(unittest.TestCase):
    """Over several channels."""

    def test_what_is_there_already(self):
        one, two = roentgen.Channel(), roentgen.Channel()
        two.send("two")
        end, value = roentgen.select(one, two)
        self.assertEqual((end is two, value), (True, "two"))

    def test_what_comes_later(self):
        channels = [roentgen.Channel() for _ in range(5)]

        def later(sender):
            time.sleep(0.05)
            sender.send("late")

        process = roentgen.spawn(later, channels[3].sender)
        end, value = roentgen.select(*channels, timeout=LONG)
        self.assertEqual((end is channels[3], value), (True, "late"))
        process.join(LONG)

    def test_nothing_in_time(self):
        self.assertRaises(TimeoutError, roentgen.select, roentgen.Channel(), timeout=0.05)
        self.assertRaises(TimeoutError, roentgen.select, roentgen.Channel(), timeout=0)
        self.assertRaises(ValueError, roentgen.select)
        self.assertRaises(ValueError, roentgen.select, roentgen.Channel(), timeout=-1)

    def test_the_one_that_ended_is_named(self):
        one, two = roentgen.Channel(), roentgen.Channel()
        two.close()
        with self.assertRaises(roentgen.ChannelClosed) as caught:
            roentgen.select(one, two, timeout=LONG)
        self.assertIs(caught.exception.channel, two)


class Tasks(unittest.IsolatedAsyncioTestCase):
    """In an event loop."""

    async def test_send_and_receive(self):
        channel = roentgen.Channel(1)

        async def produce():
            for n in range(20):
                await channel.asend(n)
            channel.close()

        task = asyncio.create_task(produce())
        self.assertEqual([n async for n in channel], list(range(20)))
        await task

    async def test_several_tasks_at_one_end(self):
        channel = roentgen.Channel(2)
        tasks = [asyncio.create_task(channel.areceive()) for _ in range(5)]
        await asyncio.sleep(0.01)
        for n in range(5):
            await channel.asend(n)
        self.assertEqual(sorted(await asyncio.gather(*tasks)), list(range(5)))

    async def test_a_cancelled_wait_takes_nothing(self):
        channel = roentgen.Channel()
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(channel.areceive(), 0.05)
        await channel.asend(1)
        self.assertEqual(await channel.areceive(), 1)

    async def test_with_processes(self):
        requests, answers = roentgen.Channel(), roentgen.Channel()
        process = roentgen.spawn(echo, requests.receiver, answers.sender)
        for n in range(10):
            await requests.asend(n)
            self.assertEqual(await answers.areceive(), 2 * n)
        requests.close()
        await process
        with self.assertRaises(roentgen.PeersGone):
            await answers.areceive()


if __name__ == "__main__":
    _outcomes.main()
