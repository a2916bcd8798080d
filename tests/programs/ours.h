/* What the programs share that look at the kernel's own calls themselves. */
#ifndef OURS_H
#define OURS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roentgen.h"

static inline void check(int is_right, const char *what)
{
    if (!is_right) {
        printf("WRONG: %s (errno %d)\n", what, errno);
        fflush(stdout);
        exit(1);
    }
}

static inline void said(const char *what)
{
    printf("%s\n", what);
    fflush(stdout);
}

/* One of the kernel's counters; 0 where it never counted. */
static inline long counter(const char *name)
{
    static char text[65536];
    long length = syscall(RG_COUNTERS, text, sizeof text - 1);
    check(length > 0 && (size_t)length < sizeof text, "counters");
    text[length] = 0;
    char line[64];
    snprintf(line, sizeof line, "\n%s ", name);
    char *found = strstr(text, line);
    return found ? atol(found + strlen(line)) : 0;
}

/* How the machine's memory is used: the words of `MemoryInfo` in python/abi. */
enum { TOTAL, FREE, PAGE_TABLES, USER, KERNEL_HEAP, KERNEL_STACKS, MEMORY_WORDS = 7 };

static inline void read_memory(uint64_t words[MEMORY_WORDS])
{
    check(syscall(RG_MEMORY, words, MEMORY_WORDS * sizeof *words) == 0, "memory");
}

/* Page tables, and pages of processes and files, in bytes. */
static inline uint64_t memory_of_processes(void)
{
    uint64_t words[MEMORY_WORDS];
    read_memory(words);
    return words[PAGE_TABLES] + words[USER];
}

#endif
