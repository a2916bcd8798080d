"""roentgen.top without the kernel's tables: made-up ones, read, compared and drawn."""

import contextlib
import io
import math
import os
import pty
import re
import select
import signal
import sys
import termios
import time
import unittest

import _outcomes
import roentgen
from roentgen import _rates, _screen, _tables, top

MEMORY = roentgen.Memory(1 << 30, 600 << 20, 0, 0, 0, 0, 0)
CORE_COLUMNS = [name for name in roentgen.Core._fields if name != "wake_latencies"]
THREAD_COLUMNS = [name.removeprefix("scheduling_") for name in roentgen.Thread._fields]


def core_table(*rows, more=()):
    """The kernel's text; each row says what is not 0."""
    names = [*CORE_COLUMNS, *more, *(f"wake_{n}" for n in range(32))]
    lines = [" ".join(str(row.get(name, 0)) for name in names) for row in rows]
    return "\n".join([" ".join(names), *lines, ""])


def thread_table(*rows, more=()):
    """The same; the name is the last column, whatever else there is."""
    names = [*THREAD_COLUMNS[:-1], *more, "name"]
    default = {"state": "S", "class": 1, "affinity": "f", "name": "x"}
    lines = [" ".join(str({**default, **row}.get(name, 0)) for name in names) for row in rows]
    return "\n".join([" ".join(names), *lines, ""])


def sample(cores, threads):
    """A sample of made-up tables."""
    return _rates.Sample(
        _tables.parse_cores(core_table(*cores)),
        _tables.parse_threads(thread_table(*threads)),
        MEMORY,
    )


def machine(seconds, cores=4, threads=6):
    """A machine whose core n is busy n tenths of the time, and so are its threads."""
    now = 100 + seconds
    core_rows = [
        {
            "core": n,
            "now": now * 10**9,
            "idle_time": int(seconds * (10 - n % 10) * 10**8),
            "running": 10 + n if n else 0,
            "queue_length": n,
            "switches": 1000 * seconds * n,
            "steals_moved": 10 * seconds * n,
            "space_loads": 100 * seconds,
            "space_loads_kept": 99 * seconds,
            "wake_12": 90 * seconds,
            "wake_20": 10 * seconds,
        }
        for n in range(cores)
    ]
    thread_rows = [
        {
            "tid": 10 + n,
            "pid": 10,
            "state": "SR"[n % 2],
            "core": n % cores,
            "nice": n - 2,
            "run_time": int(seconds * n * 10**8),
            "wakes": seconds * n,
            "wake_time": seconds * n * 5000,
            "resident": n << 20,
            "name": f"task {n}",
        }
        for n in range(threads)
    ]
    return sample(core_rows, thread_rows)


class Tables(unittest.TestCase):
    """What is read from the kernel's text."""

    def test_columns_are_found_by_name_and_unknown_ones_are_skipped(self):
        row = {"core": 3, "now": 2_500_000_000, "idle_time": 500_000_000, "stolen": 7, "new": 9}
        (core,) = roentgen._tables.parse_cores(core_table(row, more=["new", "newer"]))
        self.assertEqual((core.core, core.now, core.idle_time, core.stolen), (3, 2.5, 0.5, 7))
        self.assertEqual(core.wake_latencies, (0,) * 32)

    def test_a_name_may_hold_spaces_and_odd_characters(self):
        for name in ["a b  c", "", " ", "x\u2028y\x0bz", "1 2 3"]:
            rows = thread_table({"tid": 5, "name": name}, {"tid": 6}, more=["new"])
            first, second = _tables.parse_threads(rows)
            self.assertEqual((first.tid, first.name, second.tid), (5, name, 6))

    def test_classes_have_names_and_affinities_are_sets(self):
        rows = [{"class": n, "affinity": a} for n, a in enumerate(["1", "a", "8001", "0"])]
        threads = _tables.parse_threads(thread_table(*rows))
        self.assertEqual(
            [thread.scheduling_class for thread in threads], ["interrupt", "normal", "idle", "3"]
        )
        self.assertEqual(
            [sorted(thread.affinity) for thread in threads], [[0], [1, 3], [0, 15], []]
        )

    def test_times_are_seconds(self):
        row = {"run_time": 1_500_000_000, "virtual_time": 1, "wake_time": 2_000_000}
        (thread,) = _tables.parse_threads(thread_table(row))
        self.assertEqual(
            (thread.run_time, thread.virtual_time, thread.wake_time), (1.5, 1e-9, 0.002)
        )

    def test_empty_tables_have_no_rows(self):
        self.assertEqual(_tables.parse_cores(core_table()), [])
        self.assertEqual(_tables.parse_threads(thread_table()), [])


class Percentiles(unittest.TestCase):
    """Shares of a latency histogram."""

    def test_the_bound_is_the_step_that_the_share_reaches(self):
        histogram = (0, 0, 5, 4, 0, 1, 0)
        for fraction, exponent in [(0.1, 2), (0.5, 2), (0.51, 3), (0.9, 3), (0.91, 5), (1.0, 5)]:
            self.assertEqual(roentgen.percentile(histogram, fraction), 2**exponent / 1e9)

    def test_no_wake_ups_have_no_median_and_the_last_step_has_no_bound(self):
        self.assertIsNone(roentgen.percentile((0,) * 32, 0.5))
        self.assertEqual(roentgen.percentile((0, 1, 3), 0.5), math.inf)
        self.assertEqual(roentgen.percentile((0, 1, 3), 0.25), 2e-9)


class Rates(unittest.TestCase):
    """What happened between two samples."""

    def test_counts_become_rates_and_idle_time_a_share(self):
        rates = _rates.between(machine(1), machine(3))
        core = rates.cores[3]
        self.assertAlmostEqual(rates.seconds, 2.0)
        self.assertAlmostEqual(core.busy, 0.3)
        self.assertAlmostEqual(core.switches, 3000.0)
        self.assertAlmostEqual(core.steals, 30.0)
        self.assertAlmostEqual(_rates.kept_share(core), 0.99)
        self.assertEqual((core.running, rates.cores[0].running), ("task 3", ""))
        self.assertEqual(core.wake_latencies[12], 180)
        self.assertEqual(_rates.wake_percentile(core, 0.5), 2**12 / 1e9)
        self.assertEqual(_rates.wake_percentile(core, 0.99), 2**20 / 1e9)

    def test_the_whole_machine_is_the_sum_of_its_cores(self):
        total = _rates.between(machine(1), machine(3)).total
        self.assertAlmostEqual(total.busy, 0.15)
        self.assertAlmostEqual(total.switches, 6000.0)
        self.assertEqual((total.queue_length, total.wake_latencies[20]), (6, 80))

    def test_a_task_has_its_share_of_a_core_and_its_mean_wait(self):
        task = _rates.between(machine(1), machine(3)).tasks[4]
        self.assertAlmostEqual(task.cpu, 0.4)
        self.assertAlmostEqual(task.wait, 5e-6)
        self.assertIsNone(_rates.between(machine(1), machine(3)).tasks[0].wait)

    def test_a_new_task_counts_whole_and_one_that_ended_not_at_all(self):
        rates = _rates.between(machine(1, threads=2), machine(2, threads=3))
        self.assertAlmostEqual(rates.tasks[2].cpu, 0.4)
        self.assertEqual(len(_rates.between(machine(1), machine(2, threads=3)).tasks), 3)

    def test_an_id_that_was_used_again_is_another_task(self):
        rates = _rates.between(machine(5), machine(6)._replace(threads=machine(1).threads))
        self.assertAlmostEqual(rates.tasks[3].cpu, 0.3)

    def test_a_core_that_has_just_come_up_and_equal_samples_divide_by_nothing(self):
        rates = _rates.between(machine(1, cores=2), machine(2, cores=3))
        self.assertEqual((rates.cores[2].switches, len(rates.cores)), (0.0, 3))
        same = machine(1)
        self.assertEqual(_rates.between(same, same).total.switches, 0.0)

    def test_shares_stay_within_bounds(self):
        before, after = machine(1), machine(2)
        late = after._replace(
            cores=[core._replace(idle_time=core.idle_time + 5) for core in after.cores],
            threads=[thread._replace(run_time=thread.run_time + 5) for thread in after.threads],
        )
        rates = _rates.between(before, late)
        self.assertEqual({core.busy for core in rates.cores}, {0.0})
        self.assertEqual({task.cpu for task in rates.tasks}, {1.0})

    def test_orders_are_stable(self):
        tasks = _rates.between(machine(1), machine(2)).tasks
        expected = {"name": 10, "pid": 10}
        for order in _rates.ORDERS:
            ids = [task.thread.tid for task in _rates.ordered(tasks, order)]
            self.assertEqual(sorted(ids), [10, 11, 12, 13, 14, 15])
            if order in ("cpu", "time", "memory"):
                self.assertEqual(ids, [15, 14, 13, 12, 11, 10])
            self.assertEqual(ids[0], expected.get(order, ids[0]))
        self.assertEqual(
            [task.thread.tid for task in _rates.ordered(tasks, "migrations")], list(range(10, 16))
        )


class Texts(unittest.TestCase):
    """Numbers in few columns."""

    def check(self, function, width, expected):
        for value, text in expected.items():
            self.assertEqual(function(value), text)
            self.assertLessEqual(len(text), width)

    def test_counts(self):
        self.check(
            _screen.count,
            4,
            {
                0: "0", 0.04: "0", 3.44: "3.4", 9.94: "9.9", 9.96: "10", 999.4: "999",
                999.6: "1.0k", 12345: "12k", 9.99e5: "999k", 5.6e7: "56M", 1e18: "lots",
            },
        )  # fmt: skip

    def test_latencies(self):
        self.check(
            _screen.short_time,
            5,
            {
                None: "-", math.inf: "long", 5.12e-7: "512ns", 1.024e-6: "1.0us",
                1.31e-4: "131us", 0.0021: "2.1ms", 0.9: "900ms", 3.2: "3.2s", 99.0: "99s",
            },
        )  # fmt: skip

    def test_run_times(self):
        self.check(
            _screen.run_time,
            8,
            {
                0: "0:00.00",
                83.456: "1:23.46",
                5999.99: "99:59.99",
                6000: "1:40:00",
                90061: "25:01:01",
            },
        )

    def test_sizes(self):
        self.check(
            _screen.size,
            5,
            {0: "0K", 512 << 10: "512K", 35_756_442: "34.1M", 130 << 20: "130M", 5 << 40: "5T"},
        )

    def test_names_take_a_column_for_each_character(self):
        self.assertEqual(_screen.printable("a\x1b[31m\n\u4e2d"), "a?[31m??")


def visible(line):
    """A line without its escape sequences."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


class Screens(unittest.TestCase):
    """What is drawn, at any size."""

    def rates(self, cores=4, threads=6):
        return _rates.between(machine(1, cores, threads), machine(2, cores, threads))

    def test_no_line_is_too_long_and_no_screen_too_high(self):
        for cores, threads in [(1, 1), (4, 60), (16, 3), (256, 300)]:
            rates = self.rates(cores, threads)
            for width in [1, 20, 60, 80, 100, 133, 300]:
                for height in [1, 3, 8, 24, 60]:
                    view = _screen.View(width, height, "cpu", 1.0)
                    for palette in (_screen.PLAIN, _screen.COLOURS):
                        lines = _screen.screen(rates, view, palette)
                        self.assertEqual(len(lines), height)
                        self.assertLessEqual(max(len(visible(line)) for line in lines), width)

    def test_colours_change_nothing_but_colours(self):
        coloured = _screen.COLOURS
        plain = coloured._replace(styles={})
        view = _screen.View(100, 30, "cpu", 1.0)
        first = _screen.screen(self.rates(), view, coloured)
        self.assertEqual(
            [visible(line) for line in first], _screen.screen(self.rates(), view, plain)
        )
        self.assertTrue(any("\x1b[" in line for line in first))
        for line in first:
            self.assertNotRegex(line, r"\x1b(?!\[[0-9;]*m)")

    def test_a_bar_is_as_long_as_its_share(self):
        for palette, cells in [(_screen.PLAIN, "##.."), (_screen.COLOURS, "██··")]:
            text = "".join(text for text, _ in _screen.bar(0.5, 4, palette))
            self.assertEqual(text, cells)
        for share in [0.0, 0.01, 0.3, 0.5, 0.77, 0.99, 1.0]:
            for width in [1, 7, 40]:
                for palette in (_screen.PLAIN, _screen.COLOURS):
                    text = "".join(text for text, _ in _screen.bar(share, width, palette))
                    self.assertEqual(len(text), width)
        fine = "".join(text for text, _ in _screen.bar(5 / 16, 2, _screen.COLOURS))
        self.assertEqual(fine, "▋·")

    def test_a_histogram_shows_every_step_that_is_not_empty(self):
        latencies = [0] * 32
        latencies[3], latencies[12], latencies[31] = 1, 1000, 500
        text = _screen.histogram(latencies, _screen.PLAIN)
        self.assertEqual(text, ".   #              =")
        self.assertEqual(_screen.histogram([0] * 32, _screen.PLAIN).strip(), "")

    def test_many_cores_take_a_cell_each(self):
        lines = _screen.core_blocks(self.rates(256).cores, 80, _screen.COLOURS)
        cells = "".join(text for line in lines[1:] for text, _ in line[1:])
        self.assertEqual((len(lines), len(cells)), (5, 256))
        self.assertEqual(cells[:10], " ▁▂▃▄▄▅▆▇█")

    def test_the_plain_table_is_ascii_and_has_every_core_and_task(self):
        text = _screen.table(self.rates(16, 50), "time")
        lines = text.splitlines()
        self.assertTrue(text.isascii() and "\x1b" not in text)
        self.assertLessEqual(max(map(len, lines)), 100)
        self.assertEqual(len(lines), 3 + 1 + 1 + 16 + 1 + 1 + 50)
        self.assertEqual(lines[-1].split()[-2:], ["task", "0"])
        print(_screen.table(self.rates(), "cpu"))


class Source:
    """A machine on which a second passes with every look."""

    def __init__(self):
        self.seconds = 0

    def __call__(self):
        self.seconds += 1
        return machine(self.seconds)


class Command(unittest.TestCase):
    """The command line, into a pipe."""

    def run_main(self, *arguments):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = top.main(list(arguments), Source())
        return status, output.getvalue()

    def test_once_prints_one_table(self):
        status, text = self.run_main("--once", "--interval", "0.05")
        self.assertEqual((status, text.count("roentgen top")), (0, 1))
        self.assertEqual(text, _screen.table(_rates.between(machine(1), machine(2)), "cpu") + "\n")

    def test_into_a_pipe_it_prints_as_many_tables_as_were_asked_for(self):
        status, text = self.run_main("--count", "3", "--interval", "0.05", "--sort", "pid")
        self.assertEqual((status, text.count("roentgen top")), (0, 3))

    def test_wrong_arguments_are_refused(self):
        for arguments in [["--count", "0"], ["--interval", "0"], ["--sort", "luck"], ["x"]]:
            with contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as caught:
                    top.main(arguments, Source())
            self.assertEqual(caught.exception.code, 2)

    def test_a_kernel_without_the_tables_is_told_in_a_sentence(self):
        def source():
            raise roentgen.NotAvailable("it has none")

        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            self.assertEqual(top.main(["--once"], source), 1)
        self.assertEqual(errors.getvalue(), "roentgen.top: it has none\n")

    def test_plus_and_minus_step_through_the_intervals(self):
        self.assertEqual(top.next_interval(1.0, "+"), 2.0)
        self.assertEqual(top.next_interval(1.0, "-"), 0.5)
        self.assertEqual(top.next_interval(3.0, "-"), 2.0)
        self.assertEqual((top.next_interval(10, "+"), top.next_interval(0.2, "-")), (10, 0.2))


class Live(unittest.TestCase):
    """The live screen, on a terminal of its own."""

    def start(self, source, *arguments):
        """Run it in a child; its terminal is 90 columns wide and 20 lines high."""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            status = 99
            try:
                status = top.main(["--interval", "0.05", *arguments], source)
            except SystemExit as error:
                status = error.code
            except ZeroDivisionError:
                status = 77
            finally:
                sys.stdout.flush()
                os._exit(status)
        termios.tcsetwinsize(self.terminal, (20, 90))
        self.text = ""

    def read_until(self, wanted):
        """Read until the pattern was written, from where the last search ended."""
        end = time.monotonic() + 60
        while not (found := re.search(wanted, self.text, re.S)):
            left = end - time.monotonic()
            if left < 0 or not select.select([self.terminal], [], [], left)[0]:
                self.fail(f"no {wanted!r} in {self.text[-500:]!r}")
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            if not data:
                self.fail(f"ended without {wanted!r}: {self.text[-500:]!r}")
            self.text += data.decode(errors="replace")
        self.text = self.text[found.end() :]
        return found

    def end(self):
        """Wait for the end; returns the status."""
        left = ""
        with contextlib.suppress(OSError):
            while data := os.read(self.terminal, 65536):
                left += data.decode(errors="replace")
        self.text += left
        _, status = os.waitpid(self.child, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)

    def test_q_ends_it_and_the_terminal_is_as_before(self):
        self.start(Source())
        self.read_until(r"\x1b\[\?1049h\x1b\[\?25l")
        self.read_until(r"roentgen top.*q quit.*roentgen top")
        self.assertFalse(termios.tcgetattr(self.terminal)[3] & termios.ICANON)
        os.write(self.terminal, b"q")
        self.read_until(r"\x1b\[\?25h\x1b\[\?1049l")
        self.assertEqual(self.end(), 0)

    def test_keys_choose_the_order(self):
        self.start(Source())
        self.read_until(r"roentgen top")
        for key, order in [(b"m", "MEM"), (b"p", "PID"), (b"n", "NAME"), (b"c", "%CPU")]:
            os.write(self.terminal, key)
            self.read_until(r"\x1b\[1;7;36m *" + order)
        os.write(self.terminal, b"q")
        self.assertEqual(self.end(), 0)

    def test_another_size_is_seen_at_once(self):
        self.start(Source(), "--interval", "3600")
        self.read_until(r"roentgen top")
        termios.tcsetwinsize(self.terminal, (9, 40))
        os.kill(self.child, signal.SIGWINCH)
        found = self.read_until(r"\x1b\[H((?:(?!\x1b\[H).)*?)\x1b\[J")
        while found[1].count("\r\n") != 8:
            found = self.read_until(r"\x1b\[H((?:(?!\x1b\[H).)*?)\x1b\[J")
        lines = [visible(line.removesuffix("\x1b[K")) for line in found[1].split("\r\n")]
        self.assertEqual(max(map(len, lines)), 40)
        os.write(self.terminal, b"q")
        self.assertEqual(self.end(), 0)

    def test_signals_put_the_terminal_back(self):
        for number, status in [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 130)]:
            self.start(Source())
            self.read_until(r"roentgen top")
            os.kill(self.child, number)
            self.read_until(r"\x1b\[\?25h\x1b\[\?1049l")
            self.assertEqual(self.end(), status)

    def test_so_does_an_exception(self):
        seen = []

        def source():
            seen.append(None)
            if len(seen) > 3:
                raise ZeroDivisionError
            return machine(len(seen))

        self.start(source)
        self.read_until(r"roentgen top")
        self.read_until(r"\x1b\[\?25h\x1b\[\?1049l")
        self.assertEqual(self.end(), 77)

    def test_count_ends_it(self):
        self.start(Source(), "--count", "2")
        self.read_until(r"roentgen top")
        self.assertEqual(self.end(), 0)
        self.assertIn("\x1b[?1049l", self.text)


if __name__ == "__main__":
    _outcomes.main()
