/* Work that only needs cores, and how it is spread.
 *
 *   bench_work even PROCESSES UNITS SAMPLES   equal jobs side by side
 *   bench_work uneven JOBS UNITS SAMPLES      JOBS jobs of 1 to 100 times UNITS, all at once
 *   bench_work migrate ROUNDS SAMPLES         to another core by sched_setaffinity
 *   bench_work steal JOBS UNITS SAMPLES       jobs made on one core while others are idle
 *   bench_work spaces PROCESSES SWITCHES      the part of address-space loads that keep the
 *                                             TLB, between many processes on one core
 *
 * The first two print the efficiency: the time of the same work on one core without
 * company, shared by all cores, over the time it took. 1 is ideal. Both are the shortest of
 * SAMPLES, taken in turns: whatever else a host does only makes them longer. */
#define _GNU_SOURCE
#include <math.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "bench.h"

/* A unit of work is so many steps of a few instructions each. */
enum { STEPS = 10000, LARGEST = 100, MOST_JOBS = 1000 };
/* Roentgen's own calls: every counter of the kernel, and a table of the cores, as text. */
enum { RG_COUNTERS = 0x52670002, RG_CORES = 0x52670003 };

static int cores;
static char name[64];

static void work(long units)
{
    uint64_t value = 1;
    for (long step = 0; step < units * STEPS; step++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(value));
    }
}

/* Makes a process for each job, lets all begin at the same moment, and waits for all:
 * the time from the one to the other. Making them is not part of it. */
static double run(const int *units, int count)
{
    int gate[2];
    char byte;
    must(pipe(gate) == 0, "pipe");
    for (int job = 0; job < count; job++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            close(gate[1]);
            must(read(gate[0], &byte, 1) == 0, "the gate");
            work(units[job]);
            _exit(0);
        }
    }
    close(gate[0]);
    /* So that the last one stands at the gate, too. */
    usleep(20000);
    double begin = now();
    close(gate[1]);
    reap(count);
    return now() - begin;
}

static double shorter(double one, double other)
{
    return one < other ? one : other;
}

static void even(int processes, int units, int samples)
{
    int jobs[MOST_JOBS];
    must(processes <= MOST_JOBS, "too many jobs");
    for (int job = 0; job < processes; job++)
        jobs[job] = units;
    double share = processes > cores ? (double)processes / cores : 1;
    double alone = INFINITY, together = INFINITY;
    for (int sample = 0; sample < samples; sample++) {
        alone = shorter(alone, run(jobs, 1));
        together = shorter(together, run(jobs, processes));
    }
    snprintf(name, sizeof name, "even_%d", processes);
    report(name, alone * share / together);
}

static void uneven(int count, int units, int samples)
{
    int jobs[MOST_JOBS], sum = 0, unit = units * LARGEST;
    must(count <= MOST_JOBS, "too many jobs");
    for (int job = 0; job < count; job++) {
        jobs[job] = units * (1 + job % LARGEST);
        sum += jobs[job];
    }
    /* The same order every time, and no order to speak of. */
    uint32_t state = 1;
    for (int job = count - 1; job > 0; job--) {
        state = state * 1664525 + 1013904223;
        int other = (state >> 8) % (job + 1), held = jobs[job];
        jobs[job] = jobs[other];
        jobs[other] = held;
    }
    double alone = INFINITY, together = INFINITY;
    for (int sample = 0; sample < samples; sample++) {
        alone = shorter(alone, run(&unit, 1));
        together = shorter(together, run(jobs, count));
    }
    report("uneven", alone / unit * sum / cores / together);
}

static void migrate(int rounds, int samples)
{
    must(cores > 1, "a second core");
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++)
            pin(!(round & 1));
        if (sample)
            report("migrate", (now() - begin) / rounds);
    }
}

/* The value behind a name in lines of `NAME VALUE`; -1 where it is not there. */
static double value_of(const char *name, char *text)
{
    char *rest, *line;
    size_t length = strlen(name);
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!strncmp(line, name, length) && line[length] == ' ')
            return atof(line + length);
    return -1;
}

/* The sum of a column in a table with its names in the first line; -1 as above. */
static double sum_of(const char *name, char *text)
{
    char *rest, *cells, *line = strtok_r(text, "\n", &rest);
    int column = 0, found = -1;
    for (char *cell = line ? strtok_r(line, " ", &cells) : NULL; cell;
         cell = strtok_r(NULL, " ", &cells), column++)
        if (!strcmp(cell, name))
            found = column;
    double sum = 0;
    while (found >= 0 && (line = strtok_r(NULL, "\n", &rest))) {
        char *cell = strtok_r(line, " ", &cells);
        for (column = 0; cell && column < found; column++)
            cell = strtok_r(NULL, " ", &cells);
        sum += cell ? atof(cell) : 0;
    }
    return found < 0 ? -1 : sum;
}

/* A counter of the kernel, or the sum of one over its cores; -1 where this kernel has
 * none of that name. */
static double counter(const char *name)
{
    static char text[1 << 16];
    const long calls[] = {RG_COUNTERS, RG_CORES};
    for (int call = 0; call < 2; call++) {
        long size = syscall(calls[call], text, sizeof text - 1);
        if (size < 0 || size >= (long)sizeof text)
            continue;
        text[size] = 0;
        double value = call ? sum_of(name, text) : value_of(name, text);
        if (value >= 0)
            return value;
    }
    return -1;
}

static void futex(_Atomic int *word, int operation, int value)
{
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* The time from when the first of `count` jobs may begin until the last one has done its
 * work. Nobody is woken in between but by a core that shares its jobs, and no process ends,
 * so that what is done is the same wherever the jobs run. */
static double run_held(int count, int units)
{
    enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };
    _Atomic int *done = shared_memory(sizeof *done);
    int start[2], end[2], seen;
    char byte;
    must(pipe(start) == 0 && pipe(end) == 0, "pipe");
    for (int job = 0; job < count; job++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            close(start[1]);
            close(end[1]);
            must(read(start[0], &byte, 1) == 0, "the gate");
            work(units);
            if (atomic_fetch_add(done, 1) + 1 == count)
                futex(done, FUTEX_WAKE, 1);
            must(read(end[0], &byte, 1) == 0, "the second gate");
            _exit(0);
        }
    }
    usleep(20000);
    double begin = now();
    close(start[1]);
    while ((seen = *done) < count)
        futex(done, FUTEX_WAIT, seen);
    double spent = now() - begin;
    close(end[1]);
    close(start[0]);
    close(end[0]);
    reap(count);
    return spent;
}

/* What stealing costs over running everything where it was made: more time in all, where
 * time is the sum over the cores, for each job that moved. */
static void steal(int count, int units, int samples)
{
    cpu_set_t all, first;
    must(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    for (int sample = 0; sample < samples; sample++) {
        sched_setaffinity(0, sizeof first, &first);
        double here = run_held(count, units);
        sched_setaffinity(0, sizeof all, &all);
        double before = counter("steals_moved");
        double anywhere = run_held(count, units);
        double moved = counter("steals_moved") - before;
        if (before >= 0)
            report("steals", moved);
        if (before >= 0 && moved > 0)
            report("steal", (anywhere - here) / moved);
    }
}

/* Everybody yields all the time. What is counted begins when everybody had a turn. */
static void spaces(int processes, int switches)
{
    _Atomic int *turns = shared_memory(2 * sizeof *turns), *is_over = turns + 1;
    int gate[2];
    char byte;
    must(pipe(gate) == 0, "pipe");
    pin(0);
    for (int process = 0; process < processes; process++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            close(gate[1]);
            must(read(gate[0], &byte, 1) == 0, "the gate");
            atomic_fetch_add(turns, 1);
            while (!*is_over)
                sched_yield();
            _exit(0);
        }
    }
    close(gate[0]);
    close(gate[1]);
    while (*turns < processes)
        sched_yield();
    double before = counter("space_loads"), kept = counter("space_loads_kept"), loads;
    if (before >= 0 && kept >= 0) {
        do {
            sched_yield();
            loads = counter("space_loads") - before;
        } while (loads < switches);
        report("spaces_kept", (counter("space_loads_kept") - kept) / loads);
    }
    *is_over = 1;
    reap(processes);
}

int main(int count, char **words)
{
    cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (count == 5 && !strcmp(words[1], "even"))
        even(number(words[2]), number(words[3]), number(words[4]));
    else if (count == 5 && !strcmp(words[1], "uneven"))
        uneven(number(words[2]), number(words[3]), number(words[4]));
    else if (count == 4 && !strcmp(words[1], "migrate"))
        migrate(number(words[2]), number(words[3]));
    else if (count == 5 && !strcmp(words[1], "steal"))
        steal(number(words[2]), number(words[3]), number(words[4]));
    else if (count == 4 && !strcmp(words[1], "spaces"))
        spaces(number(words[2]), number(words[3]));
    else
        return 2;
    return 0;
}
