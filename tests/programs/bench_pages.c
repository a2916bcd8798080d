/* What a switch of address spaces costs the pages that are used across it.
 *
 *   bench_pages PAGES ROUNDS SAMPLES   two processes on one core hand a byte to one another
 *       by pipes, and each reads PAGES pages of its own between: nanoseconds for a switch
 *       and what follows it */
#define _GNU_SOURCE
#include "bench.h"

enum { PAGE = 4096 };

static int pages, rounds, samples;

/* The first cache line of each page, so that little but the translation is paid for; a
 * different one in each page, or all would share a few sets of the cache. */
static void touch(volatile char *memory)
{
    for (int page = 0; page < pages; page++)
        memory[(size_t)page * PAGE + page % 64 * 64];
}

static volatile char *mapped(void)
{
    size_t size = (size_t)(pages ? pages : 1) * PAGE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    memset(memory, 1, size);
    return memory;
}

int main(int count, char **words)
{
    int there[2], back[2];
    char byte = 0, name[64];
    if (count != 4)
        return 2;
    pages = strcmp(words[1], "0") ? number(words[1]) : 0;
    rounds = number(words[2]);
    samples = number(words[3]);
    pin(0);
    must(pipe(there) == 0 && pipe(back) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
    volatile char *memory = mapped();
    if (child == 0) {
        for (int turn = 0; turn < (samples + 1) * rounds; turn++) {
            must(read(there[0], &byte, 1) == 1, "read");
            touch(memory);
            must(write(back[1], &byte, 1) == 1, "write");
        }
        return 0;
    }
    snprintf(name, sizeof name, "pages_%d", pages);
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++) {
            touch(memory);
            must(write(there[1], &byte, 1) == 1, "write");
            must(read(back[0], &byte, 1) == 1, "read");
        }
        if (sample)
            report(name, (now() - begin) / rounds / 2);
    }
    reap(1);
    return 0;
}
