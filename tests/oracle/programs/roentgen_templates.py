"""Templates: frozen interpreters that processes are copied from."""

import os
import random
import signal
import sys
import threading
import unittest

import _outcomes
import roentgen

LONG = 60


def is_imported(name):
    """Say whether it is."""
    return name in sys.modules


class Fresh(unittest.TestCase):
    """Made of a fresh process."""

    def test_modules_are_there(self):
        with roentgen.template(["wave", "colorsys"]) as template:
            ask = [roentgen.spawn(is_imported, n, template=template) for n in ["wave", "turtle"]]
            self.assertEqual([process.result(LONG) for process in ask], [True, False])

    def test_many_from_one(self):
        with roentgen.template([]) as template:
            processes = [roentgen.spawn(pow, n, 2, template=template) for n in range(20)]
            results = [process.result(LONG) for process in processes]
        self.assertEqual(results, [n * n for n in range(20)])

    def test_main_and_globals(self):
        value = [1, 2]
        with roentgen.template([]) as template:
            self.assertEqual(
                roentgen.spawn(lambda: value * 2, template=template).result(LONG), [1, 2, 1, 2]
            )

    def test_what_has_changed_since_is_told(self):
        with roentgen.template([]) as template:
            os.environ["ROENTGEN_LATER"] = "yes"
            sys.path.append("/nowhere")
            ask = lambda: (os.environ.get("ROENTGEN_LATER"), sys.path[-1])  # noqa: E731
            try:
                self.assertEqual(
                    roentgen.spawn(ask, template=template).result(LONG), ("yes", "/nowhere")
                )
            finally:
                del os.environ["ROENTGEN_LATER"], sys.path[-1]
            self.assertEqual(roentgen.spawn(ask, template=template).result(LONG)[0], None)

    def test_ends_and_deaths(self):
        with roentgen.template([]) as template:
            process = roentgen.spawn(sys.exit, 3, template=template)
            process.join(LONG)
            self.assertEqual(process.exitcode, 3)
            process = roentgen.spawn(signal.pause, template=template)
            process.kill()
            self.assertRaises(roentgen.ProcessDied, process.result, LONG)
            self.assertEqual(process.exitcode, -signal.SIGKILL)

    def test_siblings_differ(self):
        draw = lambda: (random.random(), random.Random().random())  # noqa: E731
        with roentgen.template(["random"]) as template:
            draws = [roentgen.spawn(draw, template=template).result(LONG) for _ in range(4)]
        for kind in zip(*draws):
            self.assertEqual(len(set(kind)), 4)

    def test_channels(self):
        channel = roentgen.Channel()
        with roentgen.template([]) as template:
            process = roentgen.spawn(lambda c: c.send("there"), channel.sender, template=template)
            self.assertEqual(channel.receive(LONG), "there")
            self.assertRaises(roentgen.PeersGone, channel.receive, LONG)
            process.join(LONG)

    def test_a_module_that_is_missing(self):
        with self.assertRaises(ModuleNotFoundError):
            roentgen.template(["roentgen_has_no_such_module"])
        self.assertRaises(TypeError, roentgen.template, "json")

    def test_kept_descriptors(self):
        read, write = os.pipe()
        with roentgen.template([], keep=[write]) as template:
            os.close(write)
            roentgen.spawn(os.write, write, b"kept", template=template).result(LONG)
            self.assertEqual(os.read(read, 10), b"kept")
        os.close(read)

    def test_a_closed_one(self):
        template = roentgen.template([])
        template.close()
        template.close()
        self.assertRaises(ValueError, roentgen.spawn, pow, 2, 2, template=template)

    def test_processes_outlive_it(self):
        channel = roentgen.Channel()
        template = roentgen.template([])
        process = roentgen.spawn(lambda c: c.receive(), channel.receiver, template=template)
        template.close()
        channel.send("late")
        self.assertEqual(process.result(LONG), "late")


def make_and_leave():
    """Make a template of this process with what it has, and hand it on."""
    sys.modules["__main__"].treasure = ["gold"]
    return roentgen.template()


class Frozen(unittest.TestCase):
    """Made of a process as it is."""

    def test_it_outlives_its_maker_and_has_what_that_had(self):
        maker = roentgen.spawn(make_and_leave)
        template = maker.result(LONG)
        self.assertEqual(maker.exitcode, 0)

        def ask():
            main = sys.modules["__main__"]
            main.treasure.append("silver")
            return main.treasure

        for _ in range(3):
            process = roentgen.spawn(ask, template=template)
            self.assertEqual(process.result(LONG), ["gold", "silver"])
        template.close()

    def test_foreign_descriptors_are_refused_and_listed(self):
        def make():
            read, write = os.pipe()
            try:
                roentgen.template()
            except ValueError as error:
                return f"{read}, {write}" in str(error), str(error).split(":")[0]

        expected = (True, "descriptors are open that are not in keep")
        self.assertEqual(roentgen.spawn(make).result(LONG), expected)

    def test_threads_are_refused(self):
        def make():
            event = threading.Event()
            thread = threading.Thread(target=event.wait)
            thread.start()
            try:
                roentgen.template()
            except RuntimeError as error:
                return str(error)
            finally:
                event.set()
                thread.join()

        self.assertIn("more than one thread", roentgen.spawn(make).result(LONG))


if __name__ == "__main__":
    _outcomes.main()
