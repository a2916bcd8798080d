"""Tasklets: their life, their order, exceptions, threads, contexts."""

import contextvars
import gc
import io
import pickle
import sys
import threading
import traceback
import unittest
import weakref

import _outcomes
import stackless


class Case(unittest.TestCase):
    """A test that leaves no tasklet behind."""

    def setUp(self):
        self.log = []

    def tearDown(self):
        self.assertEqual(stackless.getruncount(), 1)
        self.assertIs(stackless.getcurrent(), stackless.getmain())

    def note(self, *values):
        self.log.extend(values)

    def steps(self, name, count=2):
        for step in range(count):
            self.note(f"{name}{step}")
            stackless.schedule()


class Life(Case):
    """From the class to the end."""

    def test_a_call_makes_it_runnable(self):
        t = stackless.tasklet(self.note)
        self.assertEqual((t.alive, t.scheduled, t.paused, t.blocked), (False,) * 4)
        self.assertIs(t(1), t)
        self.assertEqual((t.alive, t.scheduled, t.paused), (True, True, False))
        stackless.run()
        self.assertEqual((t.alive, t.scheduled, self.log), (False, False, [1]))

    def test_setup_is_the_same_as_a_call(self):
        t = stackless.tasklet()
        t.bind(lambda *args, **kwargs: self.note(args, kwargs))
        t.setup(1, name="x")
        stackless.run()
        self.assertEqual(self.log, [(1,), {"name": "x"}])

    def test_arguments_at_the_binding_leave_it_paused(self):
        t = stackless.tasklet(self.note, (1, 2))
        self.assertEqual((t.alive, t.paused, t.scheduled), (True, True, False))
        stackless.run()
        self.assertEqual(self.log, [])
        t.insert()
        stackless.run()
        self.assertEqual(self.log, [1, 2])

    def test_keywords_at_the_binding(self):
        t = stackless.tasklet()
        t.bind(dict, None, {"a": 1}).insert()
        stackless.run()
        self.assertFalse(t.alive)

    def test_arguments_after_the_function(self):
        t = stackless.tasklet(self.note)
        t.bind(None, (3,))
        t.run()
        self.assertEqual(self.log, [3])

    def test_binding_nothing_clears(self):
        t = stackless.tasklet(self.note, (1,))
        t.bind()
        self.assertFalse(t.alive)
        self.assertRaises(RuntimeError, t.insert)

    def test_wrong_bindings(self):
        self.assertRaises(TypeError, stackless.tasklet, 3)
        self.assertRaises(TypeError, stackless.tasklet().bind, None, ())
        self.assertRaises(TypeError, stackless.tasklet().setup)

    def test_one_that_is_alive_is_not_set_up_again(self):
        t = stackless.tasklet(self.note)(1)
        self.assertRaises(RuntimeError, t.setup, 2)
        self.assertRaises(RuntimeError, t.bind, self.note)
        stackless.run()
        self.assertEqual(self.log, [1])

    def test_it_can_be_used_again(self):
        t = stackless.tasklet(self.note)(1)
        stackless.run()
        t.bind(self.note)(2)
        stackless.run()
        self.assertEqual(self.log, [1, 2])

    def test_a_subclass(self):
        class Named(stackless.tasklet):
            def __init__(self, name, function):
                super().__init__(function)
                self.name = name

        t = Named("one", lambda: self.note(stackless.getcurrent().name))()
        self.assertIsInstance(t, Named)
        stackless.run()
        self.assertEqual(self.log, ["one"])

    def test_weak_references(self):
        t = stackless.tasklet(self.note)
        reference = weakref.ref(t)
        del t
        self.assertIsNone(reference())

    def test_builtins_that_look_at_their_caller(self):
        stackless.tasklet(exec)("import sys; sys.tasklets_were_here = 1")
        stackless.tasklet(globals)()
        stackless.run()
        self.assertEqual(sys.tasklets_were_here, 1)

    def test_text(self):
        t = stackless.tasklet(self.note)
        self.assertRegex(repr(t), "^<stackless.tasklet object at 0x[0-9a-f]+, unbound>$")
        self.assertRegex(repr(t()), "scheduled>$")
        stackless.run()
        self.assertRegex(repr(t), "dead>$")

    def test_arguments_are_dropped_at_the_end(self):
        class Thing:
            pass

        thing = Thing()
        reference = weakref.ref(thing)
        t = stackless.tasklet(lambda thing: None)(thing)
        del thing
        self.assertIsNotNone(reference())
        stackless.run()
        self.assertIsNone(reference())
        self.assertFalse(t.alive)


class Order(Case):
    """Who runs next."""

    def test_in_turn(self):
        for name in "abc":
            stackless.tasklet(self.steps)(name)
        stackless.run()
        self.assertEqual(self.log, ["a0", "b0", "c0", "a1", "b1", "c1"])

    def test_the_main_one_takes_its_turn(self):
        stackless.tasklet(self.steps)("a")
        self.note("m0")
        stackless.schedule()
        self.note("m1")
        stackless.schedule()
        self.note("m2")
        stackless.schedule()
        self.assertEqual(self.log, ["m0", "a0", "m1", "a1", "m2"])

    def test_insert_puts_at_the_end_and_is_idempotent(self):
        a, b = (stackless.tasklet(self.note, (name,)) for name in "ab")
        b.insert()
        a.insert()
        b.insert()
        stackless.run()
        self.assertEqual(self.log, ["b", "a"])

    def test_remove(self):
        a, b = (stackless.tasklet(self.note)(name) for name in "ab")
        self.assertIs(a.remove(), a)
        self.assertTrue(a.paused)
        a.remove()
        stackless.run()
        self.assertEqual(self.log, ["b"])
        a.insert()
        stackless.run()
        self.assertEqual(self.log, ["b", "a"])

    def test_the_current_one_cannot_be_removed(self):
        self.assertRaises(RuntimeError, stackless.getcurrent().remove)

    def test_run_of_a_scheduled_one_goes_on_behind_it(self):
        a, b, c = (stackless.tasklet(self.note)(name) for name in "abc")
        b.run()
        self.assertEqual(self.log, ["b", "c"])
        stackless.run()
        self.assertEqual(self.log, ["b", "c", "a"])

    def test_run_of_one_that_was_removed_comes_back_at_once(self):
        stackless.tasklet(self.note)("a")
        b = stackless.tasklet(self.note)("b").remove()
        b.run()
        self.assertEqual(self.log, ["b"])
        stackless.run()

    def test_run_puts_it_before_the_caller(self):
        t = stackless.tasklet(self.steps)("t").remove()
        t.run()
        self.assertTrue(t.scheduled)
        self.assertIs(t.next, stackless.getmain())
        stackless.run()

    def test_dead_ones_do_not_run(self):
        t = stackless.tasklet(self.note)()
        stackless.run()
        for method in (t.run, t.insert, t.switch):
            self.assertRaises(RuntimeError, method)

    def test_running_oneself_is_nothing(self):
        stackless.getcurrent().run()
        stackless.getcurrent().switch()

    def test_switch_pauses_the_caller(self):
        main = stackless.getmain()

        def back():
            self.note(main.paused)
            main.switch()
            self.note("again")

        t = stackless.tasklet(back, ())
        t.switch()
        self.assertEqual((self.log, t.paused), ([True], True))
        t.run()
        self.assertEqual(self.log, [True, "again"])

    def test_the_main_one_is_revived(self):
        t = stackless.tasklet(self.note)("t")
        t.switch()
        self.assertEqual(self.log, ["t"])
        self.assertTrue(stackless.getmain().scheduled)

    def test_schedule_returns_a_value(self):
        self.assertEqual(stackless.schedule("value"), "value")
        self.assertIs(stackless.schedule(), stackless.getcurrent())
        self.assertIsNone(stackless.schedule(None))

    def test_schedule_remove_waits_for_somebody(self):
        def wait():
            self.note(stackless.schedule_remove("default"))

        t = stackless.tasklet(wait)()
        stackless.run()
        self.assertTrue(t.paused)
        self.assertEqual(t.tempval, "default")
        t.tempval = "given"
        t.insert()
        stackless.run()
        self.assertEqual(self.log, ["given"])

    def test_the_last_one_cannot_leave(self):
        with self.assertRaisesRegex(RuntimeError, "^Deadlock: the last runnable tasklet"):
            stackless.schedule_remove()

    def test_neighbours(self):
        a, b = (stackless.tasklet(self.note)(name) for name in "ab")
        main = stackless.getcurrent()
        self.assertEqual([main.next, a.next, b.next], [a, b, main])
        self.assertEqual([main.prev, a.prev, b.prev], [b, main, a])
        self.assertIsNone(a.remove().next)
        stackless.run()

    def test_counts(self):
        self.assertEqual(stackless.getruncount(), 1)
        t = stackless.tasklet(lambda: self.note(stackless.getruncount()))()
        self.assertEqual((stackless.getruncount(), stackless.runcount), (2, 2))
        stackless.run()
        self.assertEqual(self.log, [1])
        self.assertFalse(t.alive)

    def test_run_without_others_returns(self):
        self.assertIsNone(stackless.run())

    def test_run_within_a_tasklet(self):
        def outer():
            stackless.tasklet(self.note)("inner")
            stackless.run()
            self.note("outer")

        stackless.tasklet(outer)()
        stackless.run()
        self.assertEqual(self.log, ["inner", "outer"])

    def test_run_returns_while_some_wait(self):
        t = stackless.tasklet(stackless.channel().receive)()
        stackless.run()
        self.assertTrue(t.blocked)
        t.kill()

    def test_who_is_who(self):
        main = stackless.main
        self.assertIs(stackless.current, main)
        self.assertTrue(main.is_main and main.is_current and main.alive)

        def look():
            t = stackless.current
            self.note(t.is_main, t.is_current, main.is_current, stackless.main is main)

        stackless.tasklet(look)()
        stackless.run()
        self.assertEqual(self.log, [False, True, False, True])

    def test_many(self):
        total = []

        def count(n):
            for _ in range(3):
                total.append(n)
                stackless.schedule()

        for n in range(2000):
            stackless.tasklet(count)(n)
        stackless.run()
        self.assertEqual(total, list(range(2000)) * 3)


class Exceptions(Case):
    """What goes wrong, and what is thrown."""

    def test_an_error_is_raised_in_the_main_one(self):
        stackless.tasklet(lambda: 1 / 0)()
        self.assertRaises(ZeroDivisionError, stackless.run)

    def test_an_error_wakes_the_main_one_before_others(self):
        stackless.tasklet(lambda: 1 / 0)()
        stackless.tasklet(self.note)("later")
        self.assertRaises(ZeroDivisionError, stackless.schedule)
        self.assertEqual(self.log, [])
        stackless.run()
        self.assertEqual(self.log, ["later"])

    def test_an_error_wakes_a_main_one_that_is_blocked(self):
        stackless.tasklet(lambda: 1 / 0)()
        channel = stackless.channel()
        self.assertRaises(ZeroDivisionError, channel.receive)
        self.assertEqual(channel.balance, 0)

    def test_tracebacks_lead_into_the_tasklet(self):
        def inner():
            stackless.schedule()
            raise KeyError("x")

        def outer():
            inner()

        stackless.tasklet(outer)()
        try:
            stackless.run()
        except KeyError as error:
            names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        self.assertEqual(names[-2:], ["outer", "inner"])

    def test_frames_end_at_the_tasklet(self):
        def depth():
            frame, count = sys._getframe(), 0
            while frame:
                frame, count = frame.f_back, count + 1
            self.note(count)

        stackless.tasklet(depth)()
        stackless.run()
        self.assertEqual(self.log, [1])

    def test_handled_exceptions_are_each_tasklet_s_own(self):
        def handle(name):
            try:
                raise ValueError(name)
            except ValueError:
                stackless.schedule()
                self.note(str(sys.exc_info()[1]))
                stackless.schedule()
            self.note(sys.exc_info()[1])

        stackless.tasklet(handle)("a")
        stackless.tasklet(handle)("b")
        stackless.schedule()
        self.assertEqual(sys.exc_info(), (None, None, None))
        stackless.run()
        self.assertEqual(self.log, ["a", "b", None, None])

    def test_a_bare_raise_after_a_switch(self):
        def again(name):
            try:
                try:
                    raise ValueError(name)
                except ValueError:
                    stackless.schedule()
                    raise
            except ValueError as error:
                self.note(str(error))

        for name in "ab":
            stackless.tasklet(again)(name)
        stackless.run()
        self.assertEqual(self.log, ["a", "b"])

    def waiting(self):
        try:
            stackless.schedule_remove()
        except BaseException as error:
            self.note(type(error).__name__, *error.args)
            raise
        finally:
            self.note("finally")

    def start(self):
        t = stackless.tasklet(self.waiting)()
        stackless.run()
        return t

    def test_kill(self):
        t = self.start()
        t.kill()
        self.assertEqual(self.log, ["TaskletExit", "finally"])
        self.assertFalse(t.alive)
        t.kill()

    def test_kill_later(self):
        t = self.start()
        t.kill(pending=True)
        self.assertEqual((self.log, t.scheduled), ([], True))
        stackless.run()
        self.assertEqual(self.log, ["TaskletExit", "finally"])

    def test_kill_before_it_begins(self):
        t = stackless.tasklet(self.note)(1)
        t.kill()
        self.assertEqual((t.alive, t.scheduled), (False, False))
        stackless.run()
        self.assertEqual(self.log, [])

    def test_kill_of_oneself(self):
        def die():
            stackless.getcurrent().kill()
            self.note("not reached")

        stackless.tasklet(die)()
        stackless.run()
        self.assertEqual(self.log, [])

    def test_kill_comes_back_at_once(self):
        ts = [stackless.tasklet(self.steps)(name) for name in "abc"]
        stackless.schedule()
        ts[0].kill()
        self.assertEqual(self.log, ["a0", "b0", "c0"])
        for t in ts:
            t.kill()

    def test_one_that_refuses_to_be_killed(self):
        def refuse():
            try:
                stackless.schedule_remove()
            except stackless.TaskletExit:
                self.note("refused")
                stackless.schedule_remove()

        t = stackless.tasklet(refuse)()
        stackless.run()
        t.kill()
        self.assertEqual((self.log, t.paused), (["refused"], True))
        t.kill()
        self.assertFalse(t.alive)

    def test_with_blocks_are_left(self):
        class Block:
            def __enter__(inner):
                self.note("in")

            def __exit__(inner, *error):
                self.note("out", error[0].__name__)

        def within():
            with Block():
                stackless.schedule_remove()

        t = stackless.tasklet(within)()
        stackless.run()
        t.kill()
        self.assertEqual(self.log, ["in", "out", "TaskletExit"])

    def test_raise_exception(self):
        t = self.start()
        with self.assertRaisesRegex(KeyError, "1, 2"):
            t.raise_exception(KeyError, 1, 2)
        self.assertEqual(self.log, ["KeyError", 1, 2, "finally"])

    def test_raise_exception_wants_an_exception(self):
        t = self.start()
        self.assertRaises(TypeError, t.raise_exception, int)
        self.assertRaises(TypeError, t.raise_exception)
        t.kill()

    def test_throw_a_class_an_instance_and_a_pair(self):
        error = ValueError("instance")
        for arguments in [(ValueError,), (error,), (ValueError, "pair"), (ValueError, (1, 2))]:
            t = self.start()
            with self.assertRaises(ValueError) as raised:
                t.throw(*arguments)
            if arguments == (error,):
                self.assertIs(raised.exception, error)
        self.assertEqual(
            [value for value in self.log if value not in ("ValueError", "finally")],
            ["instance", "pair", 1, 2],
        )

    def test_throw_keeps_a_traceback(self):
        try:
            raise KeyError
        except KeyError as error:
            saved = error.__traceback__
        t = self.start()
        try:
            t.throw(KeyError, None, saved)
        except KeyError as error:
            lines = [frame.line for frame in traceback.extract_tb(error.__traceback__)]
        self.assertIn("raise KeyError", lines)
        self.assertIn("stackless.schedule_remove()", lines)

    def test_throw_later(self):
        t = self.start()
        t.throw(KeyError, 1, pending=True)
        self.assertEqual(self.log, [])
        self.assertRaises(KeyError, stackless.run)

    def test_throw_at_one_that_has_not_begun(self):
        t = stackless.tasklet(self.note)(1)
        self.assertRaises(KeyError, t.throw, KeyError)
        self.assertEqual((self.log, t.alive), ([], False))

    def test_throw_at_the_dead(self):
        t = stackless.tasklet(self.note)
        self.assertRaises(RuntimeError, t.throw, KeyError)
        t()
        stackless.run()
        self.assertRaises(RuntimeError, t.throw, KeyError)
        t.throw(stackless.TaskletExit)

    def test_throw_at_oneself(self):
        with self.assertRaises(KeyError):
            stackless.getcurrent().throw(KeyError)

    def test_throw_wants_an_exception(self):
        t = self.start()
        self.assertRaises(TypeError, t.throw, 3)
        self.assertRaises(TypeError, t.throw)
        t.kill()

    def test_exit_reaches_the_main_one(self):
        stackless.tasklet(sys.exit)(5)
        with self.assertRaises(SystemExit) as raised:
            stackless.run()
        self.assertEqual(raised.exception.code, 5)
        self.assertTrue(issubclass(stackless.TaskletExit, SystemExit))

    def test_error_handler(self):
        def handle(kind, value, tb):
            self.note(kind.__name__, tb is not None)

        old = stackless.set_error_handler(handle)
        try:
            stackless.tasklet(lambda: 1 / 0)()
            stackless.run()
        finally:
            self.assertIs(stackless.set_error_handler(old), handle)
        self.assertEqual((old, self.log), (None, ["ZeroDivisionError", True]))

    def test_error_handler_that_fails(self):
        def handle(kind, value, tb):
            raise LookupError

        stackless.set_error_handler(handle)
        try:
            stackless.tasklet(lambda: 1 / 0)()
            self.assertRaises(LookupError, stackless.run)
        finally:
            stackless.set_error_handler(None)
        self.assertRaises(TypeError, stackless.set_error_handler, 3)


class Depth(Case):
    """Deep recursion."""

    def test_python_calls(self):
        def deep(n):
            return n and deep(n - 1)

        def try_it():
            try:
                deep(10**6)
            except RecursionError:
                self.note("RecursionError")

        stackless.tasklet(try_it)()
        stackless.run()
        self.assertEqual(self.log, ["RecursionError"])

    def test_native_calls(self):
        class Endless:
            def __add__(self, other):
                return Endless() + other

        def add():
            try:
                Endless() + 1
            except RecursionError:
                self.note("RecursionError")

        stackless.tasklet(add)()
        stackless.run()
        self.assertEqual(self.log, ["RecursionError"])

    def test_depths_do_not_add_up(self):
        def deep(n):
            if n:
                deep(n - 1)
            else:
                self.note(stackless.getcurrent().recursion_depth > 300)
                stackless.schedule_remove()

        ts = [stackless.tasklet(deep)(300) for _ in range(20)]
        stackless.run()
        self.assertTrue(all(t.recursion_depth > 300 for t in ts))
        self.assertLess(stackless.getcurrent().recursion_depth, 200)
        for t in ts:
            t.run()
        self.assertEqual(self.log, [True] * 20)

    def test_the_limit_is_the_thread_s(self):
        old = sys.getrecursionlimit()
        try:
            stackless.tasklet(sys.setrecursionlimit)(old + 10)
            stackless.run()
            self.assertEqual(sys.getrecursionlimit(), old + 10)
        finally:
            sys.setrecursionlimit(old)

    def test_stack_sizes(self):
        old = stackless.stack_size(1 << 20)
        try:
            self.assertEqual(stackless.stack_size(), 1 << 20)
            for size in [0, 4096, 1 << 40]:
                self.assertRaises(ValueError, stackless.stack_size, size)
            self.test_native_calls()
        finally:
            stackless.stack_size(old)

    def test_the_compiler_s_depth(self):
        def nest(count):
            for before, after in [("f(", ")"), ("lambda:", ""), ("not ", "")]:
                try:
                    compile(before * count + "1" + after * count, "nest", "eval")
                except (SyntaxError, RecursionError):
                    pass
            self.note("compiled")

        for count in (150, 300, 900):
            stackless.tasklet(nest)(count)
        stackless.run()
        self.assertEqual(self.log, ["compiled"] * 3)

    def test_compiling_and_importing(self):
        def work():
            namespace = {}
            exec("class A:\n def f(self): return [x for x in range(3)]", namespace)
            self.note(namespace["A"]().f())
            import json

            self.note(json.loads("[" * 50 + "]" * 50) is not None)

        stackless.tasklet(work)()
        stackless.run()
        self.assertEqual(self.log, [[0, 1, 2], True])


class Surroundings(Case):
    """Generators, contexts, threads, garbage, frames."""

    def test_a_switch_within_a_generator(self):
        def numbers(name):
            for n in range(2):
                stackless.schedule()
                yield f"{name}{n}"

        def collect(name):
            self.note(list(numbers(name)))

        for name in "ab":
            stackless.tasklet(collect)(name)
        stackless.run()
        self.assertEqual(self.log, [["a0", "a1"], ["b0", "b1"]])

    def test_a_generator_that_goes_from_one_to_another(self):
        def numbers():
            yield stackless.getcurrent()
            yield stackless.getcurrent()

        shared = numbers()
        ts = [stackless.tasklet(lambda: self.note(next(shared)))() for _ in range(2)]
        stackless.run()
        self.assertEqual(self.log, ts)

    def test_a_switch_within_native_calls(self):
        def key(value):
            stackless.schedule()
            return -value

        def sort(values):
            self.note(sorted(values, key=key))

        stackless.tasklet(sort)([1, 2, 3])
        stackless.tasklet(sort)([5, 6])
        stackless.run()
        self.assertEqual(sorted(self.log), [[3, 2, 1], [6, 5]])

    def test_a_context_is_shared_with_its_maker(self):
        var = contextvars.ContextVar("var", default="default")

        def change():
            var.set("changed")

        def run():
            stackless.tasklet(change)()
            stackless.run()
            return var.get()

        self.assertEqual(contextvars.copy_context().run(run), "changed")
        self.assertEqual(var.get(), "default")

    def test_contexts_of_their_own(self):
        var = contextvars.ContextVar("var")

        def keep(value):
            var.set(value)
            stackless.schedule()
            self.note(var.get())

        for value in "ab":
            t = stackless.tasklet(keep)
            t.set_context(contextvars.Context())
            t(value)
        stackless.run()
        self.assertEqual(self.log, ["a", "b"])

    def test_context_run_and_context_id(self):
        var = contextvars.ContextVar("var")
        context = contextvars.Context()
        t = stackless.tasklet(self.note).set_context(context)
        self.assertEqual(t.context_id, id(context))
        t.context_run(var.set, 5)
        self.assertEqual((t.context_run(var.get), context[var]), (5, 5))
        self.assertRaises(LookupError, var.get)
        self.assertEqual(stackless.tasklet(self.note).context_id, stackless.getcurrent().context_id)
        self.assertRaises(TypeError, t.set_context, {})

    def test_a_context_is_not_replaced_within_run(self):
        def inside():
            self.assertRaises(
                RuntimeError, stackless.getcurrent().set_context, contextvars.Context()
            )
            self.note("inside")

        stackless.tasklet(contextvars.copy_context().run)(inside)
        stackless.run()
        self.assertEqual(self.log, ["inside"])

    def test_each_thread_has_its_own(self):
        found = []

        def thread():
            found.append(stackless.getmain())
            for name in "ab":
                stackless.tasklet(self.steps)(name)
            stackless.run()
            found.append(stackless.getmain().thread_id == threading.get_ident())

        t = threading.Thread(target=thread)
        stackless.tasklet(self.note)("main")
        t.start()
        t.join()
        self.assertIsNot(found[0], stackless.getmain())
        self.assertEqual((found[1], self.log), (True, ["a0", "b0", "a1", "b1"]))
        self.assertEqual(found[0].thread_id, -1)
        stackless.run()

    def test_another_thread_s_tasklets_are_not_to_be_touched(self):
        t = stackless.tasklet(self.steps)("t")
        errors = []

        def thread():
            for method in (t.run, t.insert, t.remove, t.kill, t.switch):
                try:
                    method()
                except RuntimeError as error:
                    errors.append(str(error))
            errors.append((t.alive, t.scheduled))

        other = threading.Thread(target=thread)
        other.start()
        other.join()
        self.assertEqual(errors, ["the tasklet belongs to another thread"] * 5 + [(True, True)])
        stackless.run()

    def test_one_that_has_not_begun_changes_threads(self):
        t = stackless.tasklet(self.note, ("moved",))

        def thread():
            t.bind_thread()
            t.run()

        other = threading.Thread(target=thread)
        other.start()
        other.join()
        self.assertEqual(self.log, ["moved"])
        self.assertRaises(RuntimeError, stackless.getcurrent().bind_thread)
        self.assertRaises(RuntimeError, stackless.tasklet(self.note).bind_thread, 1)

    def test_a_thread_s_tasklets_end_with_it(self):
        def wait():
            try:
                stackless.channel().receive()
            finally:
                self.note("finally")

        def thread():
            stackless.tasklet(wait)()
            stackless.run()

        other = threading.Thread(target=thread)
        other.start()
        other.join()
        self.assertEqual(self.log, ["finally"])

    def test_one_that_nobody_knows_is_unwound(self):
        def wait():
            try:
                stackless.schedule_remove(None)
            finally:
                self.note("finally")

        stackless.tasklet(wait)()
        stackless.run()
        stackless.run()
        self.assertEqual(self.log, ["finally"])

    def test_a_circle_of_a_tasklet_that_never_began(self):
        class Thing:
            pass

        thing = Thing()
        thing.tasklet = stackless.tasklet(lambda thing: None, (thing,))
        reference = weakref.ref(thing)
        del thing
        gc.collect()
        self.assertIsNone(reference())

    def test_garbage_is_collected_while_others_are_under_way(self):
        channel = stackless.channel()

        def hold(n):
            values = [n, [n]]
            channel.receive()
            self.note(values[1][0])

        for n in range(50):
            stackless.tasklet(hold)(n)
        stackless.run()
        gc.collect()
        for _ in range(50):
            channel.send(None)
        stackless.run()
        self.assertEqual(sorted(self.log), list(range(50)))

    def test_frames(self):
        def wait():
            stackless.schedule_remove()

        t = stackless.tasklet(wait)
        self.assertIsNone(t.frame)
        t()
        stackless.run()
        self.assertEqual(t.frame.f_code.co_name, "wait")
        self.assertIs(stackless.getcurrent().frame, sys._getframe())
        t.kill()
        self.assertIsNone(t.frame)

    def test_trace_functions_are_each_tasklet_s_own(self):
        def trace(frame, event, arg):
            self.note(frame.f_code.co_name)

        def called():
            pass

        def traced():
            sys.settrace(trace)
            stackless.schedule()
            called()
            sys.settrace(None)

        stackless.tasklet(traced)()
        stackless.schedule()
        self.assertIsNone(sys.gettrace())
        stackless.run()
        self.assertEqual(self.log, ["called"])

    def test_a_switch_in_a_destructor(self):
        class Thing:
            def __del__(inner):
                stackless.schedule()
                self.note("gone")

        def make():
            Thing()
            self.note("made")

        stackless.tasklet(make)()
        stackless.tasklet(self.note)("other")
        stackless.run()
        self.assertEqual(self.log, ["other", "gone", "made"])

    def test_representations_that_switch(self):
        class Slow:
            def __repr__(self):
                stackless.schedule()
                return "slow"

        slow = [Slow()]
        for _ in range(2):
            stackless.tasklet(lambda: self.note(repr(slow)))()
        stackless.run()
        self.assertEqual(self.log, ["[slow]", "[slow]"])

    def test_output_in_turn(self):
        out = io.StringIO()

        def write(name):
            for _ in range(2):
                print(name, file=out)
                stackless.schedule()

        for name in "ab":
            stackless.tasklet(write)(name)
        stackless.run()
        self.assertEqual(out.getvalue(), "a\nb\na\nb\n")

    def test_schedule_callback(self):
        def name(t):
            return None if t is None else "main" if t.is_main else "t"

        old = stackless.set_schedule_callback(lambda p, n: self.note((name(p), name(n))))
        try:
            self.assertIsNotNone(stackless.get_schedule_callback())
            stackless.tasklet(int)()
            stackless.run()
        finally:
            stackless.set_schedule_callback(old)
        self.assertEqual(self.log, [("main", "t"), ("t", None)])
        self.assertIsNone(stackless.get_schedule_callback())

    def test_thread_info(self):
        main = stackless.getmain()
        self.assertEqual(stackless.get_thread_info(), (main, main, 1))
        self.assertEqual(stackless.get_thread_info(threading.get_ident()), (main, main, 1))
        self.assertRaises(RuntimeError, stackless.get_thread_info, 1)
        self.assertIn(threading.get_ident(), stackless.threads)

    def test_what_cannot_be_says_so(self):
        t = stackless.tasklet(self.note)
        self.assertRaises(TypeError, pickle.dumps, t)
        self.assertFalse(t.restorable)
        self.assertFalse(stackless.enable_softswitch(False))
        self.assertRaises(NotImplementedError, stackless.enable_softswitch, True)
        self.assertFalse(stackless.pickle_with_tracing_state(False))
        self.assertRaises(NotImplementedError, stackless.pickle_with_tracing_state, True)
        self.assertTrue(t.set_ignore_nesting(True) and t.ignore_nesting)
        self.assertRaises(NotImplementedError, t.set_ignore_nesting, False)
        self.assertRaises(AttributeError, lambda: stackless.nothing_of_that_name)


if __name__ == "__main__":
    _outcomes.main()
