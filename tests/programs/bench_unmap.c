/* What taking pages away costs those that stay.
 *
 *   bench_unmap PAGES STAY ROUNDS SAMPLES   one process gives PAGES touched pages back and
 *       then reads STAY others, again and again: nanoseconds for both. Bringing the pages
 *       is not part of it. */
#define _GNU_SOURCE
#include "bench.h"

enum { PAGE = 4096 };

static volatile char *mapped(int pages)
{
    size_t size = (size_t)pages * PAGE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    return memory;
}

/* As in bench_pages: another cache line in each page. */
static void touch(volatile char *memory, int pages)
{
    for (int page = 0; page < pages; page++)
        memory[(size_t)page * PAGE + page % 64 * 64]++;
}

int main(int count, char **words)
{
    char name[64];
    if (count != 5)
        return 2;
    int pages = number(words[1]), stay = number(words[2]);
    int rounds = number(words[3]), samples = number(words[4]);
    volatile char *going = mapped(pages), *staying = mapped(stay);
    snprintf(name, sizeof name, "unmap_%d", pages);
    for (int sample = 0; sample <= samples; sample++) {
        double spent = 0;
        for (int round = 0; round < rounds; round++) {
            touch(going, pages);
            touch(staying, stay);
            double begin = now();
            must(madvise((void *)going, (size_t)pages * PAGE, MADV_DONTNEED) == 0, "madvise");
            touch(staying, stay);
            spent += now() - begin;
        }
        if (sample)
            report(name, spent / rounds);
    }
    return 0;
}
