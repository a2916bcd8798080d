/* What the timing programs share. A program prints a line `NAME VALUE` for each sample,
 * and ends with 1 where something did not go as it must. Times are nanoseconds of the
 * monotonic clock; where the machine counts instructions, that clock counts them. */
#ifndef BENCH_H
#define BENCH_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static inline void must(int is_well, const char *what)
{
    if (!is_well) {
        perror(what);
        exit(1);
    }
}

/* The caller runs on this core, and nowhere else, from now on. */
static inline void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    must(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
    while (sched_getcpu() != core)
        sched_yield();
}

static inline void report(const char *name, double value)
{
    printf("%s %.4f\n", name, value);
    fflush(stdout);
}

/* Memory that children share with their parent. */
static inline void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    return memory;
}

/* Waits for children, all of which must have ended well. */
static inline void reap(int count)
{
    for (int child = 0; child < count; child++) {
        int status;
        must(wait(&status) > 0, "wait");
        if (status != 0) {
            fprintf(stderr, "a child ended with %#x\n", status);
            exit(1);
        }
    }
}

/* A whole number above 0 from the command line. */
static inline int number(const char *word)
{
    int value = word ? atoi(word) : 0;
    if (value <= 0) {
        fprintf(stderr, "not a number above 0: %s\n", word ? word : "nothing");
        exit(2);
    }
    return value;
}

#endif
