/* A ring of processes, in the manner of lmbench's lat_ctx.
 *
 *   bench_ring PROCESSES KIB ROUNDS SAMPLES   PROCESSES on one core hand a token round by
 *       pipes, and each sums KIB KiB of its own whenever it has it (none where KIB is 0):
 *       nanoseconds for a hop, which is a write, a read and the switch between them, less
 *       what the sum alone takes where nobody else runs
 *
 * What is left of the work is what the switch has cost it: its cache lines and translations.
 * Every process has the token once before anything is timed. */
#define _GNU_SOURCE
#include "bench.h"

enum { MOST_PROCESSES = 256, KIBIBYTE = 1024, ALONE = 50 };

static volatile long *memory;
static long words;

static void work(void)
{
    long sum = 0;
    for (long word = 0; word < words; word++)
        sum += memory[word];
    must(sum == words, "the sum");
}

/* The shortest: whatever else a host does only makes it longer. */
static double work_alone(void)
{
    double least = 0;
    for (int time = 0; time < ALONE && words; time++) {
        double begin = now();
        work();
        double spent = now() - begin;
        if (time == 0 || spent < least)
            least = spent;
    }
    return least;
}

static void pass(int from, int to)
{
    char token;
    must(read(from, &token, 1) == 1, "read");
    work();
    must(write(to, &token, 1) == 1, "write");
}

/* Memory of its own for everybody: what fork shares is written anew. */
static void own_memory(void)
{
    for (long word = 0; word < words; word++)
        memory[word] = 1;
}

int main(int count, char **arguments)
{
    int pipes[MOST_PROCESSES][2];
    char token = 0, name[32];
    if (count != 5)
        return 2;
    int processes = number(arguments[1]);
    int kibibytes = strcmp(arguments[2], "0") ? number(arguments[2]) : 0;
    int rounds = number(arguments[3]), samples = number(arguments[4]);
    must(processes > 1 && processes <= MOST_PROCESSES, "the number of processes");
    words = (long)kibibytes * KIBIBYTE / sizeof *memory;
    memory = malloc(words ? words * sizeof *memory : 1);
    must(memory != NULL, "malloc");
    pin(0);
    for (int one = 0; one < processes; one++)
        must(pipe(pipes[one]) == 0, "pipe");
    /* A round more in front of everything, and a sample more: they warm up. */
    int turns = 1 + rounds * (samples + 1);
    for (int one = 1; one < processes; one++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            own_memory();
            for (int turn = 0; turn < turns; turn++)
                pass(pipes[one - 1][0], pipes[one][1]);
            _exit(0);
        }
    }
    own_memory();
    double alone = work_alone();
    int first = pipes[processes - 1][0], second = pipes[0][1];
    must(write(second, &token, 1) == 1, "write");
    pass(first, second);
    snprintf(name, sizeof name, "ring_%d_%d", processes, kibibytes);
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        /* The last token of all stays in the last pipe but for this. */
        for (int round = 0; round < rounds; round++) {
            must(read(first, &token, 1) == 1, "read");
            work();
            if (sample < samples || round < rounds - 1)
                must(write(second, &token, 1) == 1, "write");
        }
        if (sample)
            report(name, (now() - begin) / rounds / processes - alone);
    }
    reap(processes - 1);
    return 0;
}
