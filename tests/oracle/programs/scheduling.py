"""The scheduling calls of os, resource and time: affinity, policies, nice, usage."""

import errno
import os
import resource
import threading
import time


def outcome(call, *arguments):
    """What a call returns, or the name of its error."""
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    except (OverflowError, TypeError, ValueError) as error:
        return type(error).__name__


def in_child(function):
    """Run it in a process of its own, whose scheduling nobody else needs; what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writer, str(function()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    return text if status == 0 else f"status {status}"


def burn(seconds):
    """Compute for so much CPU time of this thread."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(5000))


def call_kernel(seconds):
    """Let the kernel work for so much CPU time of this thread."""
    buffer = bytearray(1 << 20)
    end = time.thread_time() + seconds
    with open("/dev/zero", "rb", buffering=0) as zeros:
        while time.thread_time() < end:
            zeros.readinto(buffer)


def call_often(seconds):
    """Make short calls, each of which does little."""
    pipe = os.pipe()
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(100):
            os.write(pipe[1], b"x")
            os.read(pipe[0], 1)


def affinity():
    """Where threads may run."""
    print("affinity")
    everywhere = os.sched_getaffinity(0)
    print(type(everywhere).__name__, {0, 1} <= everywhere, len(everywhere) <= os.cpu_count())
    print(os.process_cpu_count() == len(everywhere))

    def narrow():
        os.sched_setaffinity(0, [1])
        narrowed = (os.sched_getaffinity(0), os.process_cpu_count())
        inherited = in_child(lambda: os.sched_getaffinity(0))
        seen = []
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        os.sched_setaffinity(os.getpid(), (core for core in (0, 1, 1)))
        return narrowed, inherited, seen, os.sched_getaffinity(os.getpid())

    print(in_child(narrow))

    def one_thread_alone():
        ready, done = threading.Event(), threading.Event()
        ids = []

        def wait():
            ids.append(threading.get_native_id())
            ready.set()
            done.wait()

        thread = threading.Thread(target=wait)
        thread.start()
        ready.wait()
        os.sched_setaffinity(ids[0], {0})
        both = os.sched_getaffinity(ids[0]), len(os.sched_getaffinity(0)) >= 2
        done.set()
        thread.join()
        return both

    print(in_child(one_thread_alone))
    bad_masks = [[], [1 << 128], [-10], [2**31 - 1], [9999], ["0"], 0, None, [0.0]]
    print([outcome(os.sched_setaffinity, 0, mask) for mask in bad_masks])
    print(in_child(lambda: outcome(os.sched_setaffinity, 0, [0, 9999]) or os.sched_getaffinity(0)))
    print([outcome(os.sched_setaffinity, pid, [0]) for pid in (-1, 2**22 + 5)])
    print([outcome(os.sched_getaffinity, pid) for pid in (-1, 2**22 + 5, 2**40, "0")])
    print(os.sched_getaffinity(0) == everywhere)
    print(all(name in os.__all__ for name in ("sched_getaffinity", "sched_setaffinity")))


def policies():
    """SCHED_OTHER, SCHED_BATCH and SCHED_IDLE; realtime is for some only."""
    print("policies")
    zero = os.sched_param(0)

    def change():
        seen = [os.sched_getscheduler(0)]
        for policy in (os.SCHED_BATCH, os.SCHED_IDLE, os.SCHED_OTHER):
            os.sched_setscheduler(0, policy, zero)
            seen.append(os.sched_getscheduler(0))
        return seen, os.sched_getparam(0)

    print(in_child(change))

    def inherit(policy):
        os.sched_setscheduler(0, policy, zero)
        os.nice(-3)
        return (
            os.sched_getscheduler(0) == policy,
            in_child(lambda: (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))),
        )

    for policy in (os.SCHED_IDLE, os.SCHED_BATCH | os.SCHED_RESET_ON_FORK):
        print(in_child(lambda policy=policy: inherit(policy)))

    def idle_runs():
        os.sched_setscheduler(0, os.SCHED_IDLE, zero)
        burn(0.02)
        return "ran"

    print(in_child(idle_runs))
    for policy, priority in [(os.SCHED_OTHER, 1), (os.SCHED_IDLE, 5), (os.SCHED_RR, 0), (99, 0)]:
        print(outcome(os.sched_setscheduler, 0, policy, os.sched_param(priority)))
    print([outcome(os.sched_setscheduler, pid, 0, zero) for pid in (-1, 2**22 + 5)])
    print([outcome(os.sched_getscheduler, pid) for pid in (-1, 2**22 + 5)])
    print([outcome(os.sched_getparam, pid) for pid in (-1, 2**22 + 5)])
    print([outcome(os.sched_setparam, 0, os.sched_param(n)) for n in (1, -1)])
    for policy in (os.SCHED_OTHER, os.SCHED_FIFO, os.SCHED_RR, os.SCHED_BATCH, os.SCHED_IDLE):
        print(os.sched_get_priority_min(policy), os.sched_get_priority_max(policy), end=" ")
    print(outcome(os.sched_get_priority_max, 99))
    print(os.sched_yield())
    interval = os.sched_rr_get_interval(0)
    # Linux says 0 where a slice is shorter than a timer tick.
    print(type(interval).__name__, 0 <= interval < 1)
    print([outcome(os.sched_rr_get_interval, pid) for pid in (-1, 2**22 + 5)])


def priorities():
    """Nice values, of a process, its group and its user's processes."""
    print("priorities")

    def change():
        seen = [os.nice(0), os.nice(3), os.getpriority(os.PRIO_PROCESS, 0)]
        os.setpriority(os.PRIO_PROCESS, 0, 100)
        seen.append(os.getpriority(os.PRIO_PROCESS, os.getpid()))
        os.setpriority(os.PRIO_PROCESS, 0, -100)
        seen.append(os.getpriority(os.PRIO_PROCESS, 0))
        os.setpgid(0, 0)
        os.setpriority(os.PRIO_PGRP, 0, 5)
        seen += [os.getpriority(os.PRIO_PGRP, os.getpgrp()), os.nice(-2)]
        return seen, in_child(lambda: os.nice(0))

    print(in_child(change))

    def as_user():
        os.setresuid(1234, 1234, 1234)
        seen = [outcome(os.nice, 2), outcome(os.setpriority, os.PRIO_PROCESS, 0, 0)]
        seen += [outcome(os.setpriority, os.PRIO_PROCESS, os.getppid(), 19)]
        seen += [outcome(os.sched_setaffinity, os.getppid(), [0])]
        seen += [outcome(os.getpriority, os.PRIO_USER, 0)]
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return seen, outcome(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))

    print(in_child(as_user))
    print(outcome(os.getpriority, 99, 0), outcome(os.setpriority, 99, 0, 0))
    print(outcome(os.getpriority, os.PRIO_PROCESS, 2**22 + 5))


def usage():
    """User time and time in the kernel are told apart, by thread, process and children."""
    print("usage")

    def share(work):
        before = resource.getrusage(resource.RUSAGE_SELF)
        work(0.2)
        after = resource.getrusage(resource.RUSAGE_SELF)
        user = after.ru_utime - before.ru_utime
        system = after.ru_stime - before.ru_stime
        return user + system >= 0.19, "user" if user > system else "system"

    print(in_child(lambda: share(burn)), in_child(lambda: share(call_kernel)))

    def both():
        before = resource.getrusage(resource.RUSAGE_THREAD)
        call_often(0.2)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        return after.ru_utime > before.ru_utime, after.ru_stime > before.ru_stime + 0.002

    def never_less():
        end = time.thread_time() + 0.1
        last = resource.getrusage(resource.RUSAGE_THREAD)
        while time.thread_time() < end:
            usage = resource.getrusage(resource.RUSAGE_THREAD)
            if usage.ru_utime < last.ru_utime or usage.ru_stime < last.ru_stime:
                return "less"
            last = usage
        return "never less"

    print(in_child(both), in_child(never_less))

    def by_thread():
        # The first thread of an interpreter costs its starter most.
        first = threading.Thread(target=burn, args=(0.001,))
        first.start()
        first.join()
        thread = threading.Thread(target=burn, args=(0.4,))
        before = resource.getrusage(resource.RUSAGE_THREAD)
        thread.start()
        thread.join()
        after = resource.getrusage(resource.RUSAGE_THREAD)
        whole = resource.getrusage(resource.RUSAGE_SELF)
        return after.ru_utime - before.ru_utime < 0.2, whole.ru_utime >= 0.3

    print(in_child(by_thread))

    def of_children():
        none = resource.getrusage(resource.RUSAGE_CHILDREN)
        in_child(lambda: in_child(lambda: burn(0.2)))
        some = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = os.times()
        return (
            none.ru_utime,
            0.19 <= some.ru_utime + some.ru_stime < 10,
            some.ru_utime > some.ru_stime,
            abs(times.children_user - some.ru_utime) < 0.02,
            some.ru_minflt > 0,
        )

    print(in_child(of_children))

    def faults():
        def touch():
            before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
            pages = bytearray(64 << 20)
            after = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
            seen.append((after > before, len(pages) >> 20))

        seen = []
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        process = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        thread = threading.Thread(target=touch)
        thread.start()
        thread.join()
        own = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
        whole = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - process
        return seen, own < whole

    print(in_child(faults))

    def switches():
        before = resource.getrusage(resource.RUSAGE_SELF)
        # A sleep that is over before it begins, on a busy host, gives nothing up.
        for _ in range(40):
            time.sleep(0.002)
        after = resource.getrusage(resource.RUSAGE_SELF)
        return after.ru_nvcsw - before.ru_nvcsw >= 20

    print(in_child(switches))

    def rivals():
        os.sched_setaffinity(0, {0})
        child = os.fork()
        if child == 0:
            burn(0.2)
            os._exit(0)
        burn(0.2)
        _, _, child_usage = os.wait4(child, 0)
        own = resource.getrusage(resource.RUSAGE_SELF)
        return own.ru_nivcsw + child_usage.ru_nivcsw > 0

    print(in_child(rivals))
    print(outcome(resource.getrusage, 77))


def stat_fields():
    """What /proc says of the same."""
    print("/proc")

    def fields():
        with open("/proc/self/stat", encoding="utf-8") as file:
            words = file.read().rsplit(")", 1)[1].split()
        with open("/proc/self/status", encoding="utf-8") as file:
            lines = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        return words, lines

    def look():
        os.nice(4)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.sched_setaffinity(0, {1})
        call_kernel(0.1)
        burn(0.1)
        before = os.times()
        words, lines = fields()
        after = os.times()
        user, system = (int(word) / 100 for word in words[11:13])
        return (
            words[15:17],
            words[36],
            words[38],
            before.user - 0.02 <= user <= after.user + 0.02,
            before.system - 0.02 <= system <= after.system + 0.02,
            lines["Cpus_allowed_list"],
            int(lines["voluntary_ctxt_switches"]) >= 0,
            int(lines["nonvoluntary_ctxt_switches"]) >= 0,
        )

    print(in_child(look))


def clocks():
    """CPU clocks of threads, one's own and others'."""
    print("clocks")
    own = time.pthread_getcpuclockid(threading.get_ident())
    print(type(own).__name__, own != time.CLOCK_THREAD_CPUTIME_ID)
    before = time.clock_gettime(own), time.thread_time()
    burn(0.05)
    after = time.clock_gettime(own), time.thread_time()
    print(*(later - sooner >= 0.05 for sooner, later in zip(before, after, strict=True)))
    ready, done = threading.Event(), threading.Event()

    def work():
        burn(0.1)
        ready.set()
        done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    other = time.pthread_getcpuclockid(thread.ident)
    print(0.1 <= time.clock_gettime(other) < 5, time.clock_gettime_ns(other) > 10**8)
    done.set()
    thread.join()
    print(time.process_time() >= 0.1, time.thread_time() < time.process_time())


def main():
    """All of it."""
    for part in (affinity, policies, priorities, usage, stat_fields, clocks):
        part()


if __name__ == "__main__":
    main()
