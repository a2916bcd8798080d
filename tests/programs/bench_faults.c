/* What the first touch of a page costs, and what mapping and unmapping does.
 *
 *   bench_faults anonymous PAGES SAMPLES   writing each page of fresh memory, a page
 *   bench_faults file PAGES SAMPLES        reading each page of a mapped file whose pages are
 *                                          in memory, a page
 *   bench_faults cow PAGES SAMPLES         writing each page in a child, after fork, a page
 *   bench_faults map PAGES THREADS ROUNDS SAMPLES   mmap, a write to each page, munmap, while
 *                                          THREADS - 1 others of the process run on other
 *                                          cores: all three together
 *
 * Nanoseconds. A sample more is taken first, which warms up: code, tables, free frames. The
 * loop around the touches is two instructions or so and not subtracted. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"

enum { PAGE = 4096, MOST_THREADS = 64 };

static volatile char *mapped(size_t size, int protection, int file)
{
    int flags = MAP_PRIVATE | (file < 0 ? MAP_ANONYMOUS : 0);
    char *memory = mmap(NULL, size, protection, flags, file, 0);
    must(memory != MAP_FAILED, "mmap");
    /* One page at a time is what is measured; where that is not known, it is not done. */
    madvise(memory, size, MADV_NOHUGEPAGE);
    return memory;
}

static void unmap(volatile char *memory, size_t size)
{
    must(munmap((void *)memory, size) == 0, "munmap");
}

static void write_each(volatile char *memory, int pages)
{
    for (int page = 0; page < pages; page++)
        memory[(size_t)page * PAGE] = 1;
}

static void anonymous(int pages, int samples)
{
    size_t size = (size_t)pages * PAGE;
    for (int sample = 0; sample <= samples; sample++) {
        volatile char *memory = mapped(size, PROT_READ | PROT_WRITE, -1);
        double begin = now();
        write_each(memory, pages);
        if (sample)
            report("fault_anonymous", (now() - begin) / pages);
        unmap(memory, size);
    }
}

static void file_backed(int pages, int samples)
{
    static char page_of_file[PAGE];
    size_t size = (size_t)pages * PAGE;
    char path[] = "/tmp/bench_faults_XXXXXX";
    int file = mkstemp(path);
    must(file >= 0 && unlink(path) == 0, "a file");
    for (int page = 0; page < pages; page++) {
        page_of_file[0] = page % 100;
        must(write(file, page_of_file, PAGE) == PAGE, "write");
    }
    for (int sample = 0; sample <= samples; sample++) {
        volatile char *memory = mapped(size, PROT_READ, file);
        long sum = 0, expected = 0;
        double begin = now();
        for (int page = 0; page < pages; page++)
            sum += memory[(size_t)page * PAGE];
        double spent = now() - begin;
        for (int page = 0; page < pages; page++)
            expected += page % 100;
        must(sum == expected, "what the file holds");
        if (sample)
            report("fault_file", spent / pages);
        unmap(memory, size);
    }
    close(file);
}

static void copy_on_write(int pages, int samples)
{
    size_t size = (size_t)pages * PAGE;
    double *spent = shared_memory(sizeof *spent);
    volatile char *memory = mapped(size, PROT_READ | PROT_WRITE, -1);
    memset((void *)memory, 7, size);
    for (int sample = 0; sample <= samples; sample++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            double begin = now();
            write_each(memory, pages);
            *spent = (now() - begin) / pages;
            _exit(memory[0] != 1 || memory[1] != 7);
        }
        reap(1);
        must(memory[0] == 7, "the parent's own page");
        if (sample)
            report("fault_cow", *spent);
    }
}

static _Atomic int running, is_over;

static void *run_beside(void *core)
{
    pin((int)(long)core);
    running++;
    while (!is_over)
        ;
    return NULL;
}

static void map(int pages, int threads, int rounds, int samples)
{
    pthread_t others[MOST_THREADS];
    char name[32];
    size_t size = (size_t)pages * PAGE;
    must(threads <= MOST_THREADS, "too many threads");
    pin(0);
    for (long other = 1; other < threads; other++)
        must(pthread_create(&others[other], NULL, run_beside, (void *)other) == 0,
             "pthread_create");
    while (running < threads - 1)
        sched_yield();
    snprintf(name, sizeof name, "map_%d", threads);
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++) {
            volatile char *memory = mapped(size, PROT_READ | PROT_WRITE, -1);
            write_each(memory, pages);
            unmap(memory, size);
        }
        if (sample)
            report(name, (now() - begin) / rounds);
    }
    is_over = 1;
    for (int other = 1; other < threads; other++)
        pthread_join(others[other], NULL);
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";
    if (count == 4 && !strcmp(what, "anonymous"))
        anonymous(number(words[2]), number(words[3]));
    else if (count == 4 && !strcmp(what, "file"))
        file_backed(number(words[2]), number(words[3]));
    else if (count == 4 && !strcmp(what, "cow"))
        copy_on_write(number(words[2]), number(words[3]));
    else if (count == 6 && !strcmp(what, "map"))
        map(number(words[2]), number(words[3]), number(words[4]), number(words[5]));
    else
        return 2;
    return 0;
}
