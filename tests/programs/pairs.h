/* Two threads that use the same pages while one of them takes translations away: unmaps,
 * replaces, protects, moves, discards, has them copied on write. Whoever still used an old one
 * would read an old value, or write where it may not. */
#ifndef PAIRS_H
#define PAIRS_H

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MOST_PAGES = 100 };

/* What the second thread of a pair is asked to do on every page, and how it went. */
enum order { NOTHING, READ, WRITE, END };

struct pair {
    /* An address that nobody else maps anything near. */
    char *base;
    char *pages;
    int count;
    enum order order;
    unsigned value;
    _Atomic unsigned asked, done;
    /* Reads of another value than the one expected; faults. */
    long wrong, faults;
    /* What the pair found: added up over all turns. */
    long stale, missed;
};

static __thread sigjmp_buf after_fault;

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(after_fault, 1);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void visit(struct pair *pair)
{
    for (volatile int i = 0; i < pair->count; i++) {
        volatile unsigned *word = (volatile unsigned *)(pair->pages + i * PAGE);
        if (sigsetjmp(after_fault, 1)) {
            pair->faults++;
            continue;
        }
        if (pair->order == WRITE)
            *word = pair->value;
        else if (*word != pair->value)
            pair->wrong++;
    }
}

/* The second thread: it never sleeps, so that its core does not leave the space, but for
 * others that want to run. */
static void *second(void *argument)
{
    struct pair *pair = argument;
    for (unsigned turn = 1;; turn++) {
        while (atomic_load(&pair->asked) != turn)
            sched_yield();
        if (pair->order == END)
            return NULL;
        visit(pair);
        atomic_store(&pair->done, turn);
    }
}

static void ask(struct pair *pair, enum order order, unsigned value)
{
    pair->order = order;
    pair->value = value;
    pair->wrong = pair->faults = 0;
    unsigned turn = atomic_fetch_add(&pair->asked, 1) + 1;
    while (order != END && atomic_load(&pair->done) != turn)
        sched_yield();
}

static void fill(struct pair *pair, unsigned value)
{
    for (int i = 0; i < pair->count; i++)
        *(volatile unsigned *)(pair->pages + i * PAGE) = value;
}

/* Fresh pages in the place of whatever is there. */
static void map(struct pair *pair)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    pair->pages = pair->base;
    if (mmap(pair->base, pair->count * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) != pair->base)
        fail("mmap");
}

/* The second thread has the pages in its TLB, writable. */
static void let_it_know(struct pair *pair, unsigned value)
{
    fill(pair, value);
    ask(pair, READ, value);
    pair->stale += pair->wrong;
    ask(pair, WRITE, value);
    pair->missed += pair->faults;
}

static void replace(struct pair *pair, unsigned turn)
{
    let_it_know(pair, turn);
    map(pair);
    fill(pair, ~turn);
    ask(pair, READ, ~turn);
    pair->stale += pair->wrong;
}

static void protect(struct pair *pair, unsigned turn)
{
    let_it_know(pair, turn);
    mprotect(pair->pages, pair->count * PAGE, PROT_READ);
    ask(pair, WRITE, ~turn);
    pair->missed += pair->faults != pair->count;
    ask(pair, READ, turn);
    pair->stale += pair->wrong;
    mprotect(pair->pages, pair->count * PAGE, PROT_NONE);
    ask(pair, READ, turn);
    pair->missed += pair->faults != pair->count;
    mprotect(pair->pages, pair->count * PAGE, PROT_READ | PROT_WRITE);
    ask(pair, WRITE, turn);
    pair->missed += pair->faults;
}

static void discard(struct pair *pair, unsigned turn)
{
    let_it_know(pair, turn);
    madvise(pair->pages, pair->count * PAGE, MADV_DONTNEED);
    ask(pair, READ, 0);
    pair->stale += pair->wrong;
}

static void move(struct pair *pair, unsigned turn)
{
    let_it_know(pair, turn);
    size_t size = pair->count * PAGE;
    char *old = pair->base, *new = pair->base + (1 << 30);
    if (mremap(old, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, new) != new)
        fail("mremap");
    ask(pair, READ, turn);
    pair->missed += pair->faults != pair->count;
    pair->pages = new;
    ask(pair, READ, turn);
    pair->stale += pair->wrong + pair->faults;
    munmap(new, size);
    ask(pair, READ, turn);
    pair->missed += pair->faults != pair->count;
    map(pair);
}

/* What is written after a fork, the child must not see. */
static void fork_once(struct pair *pair, unsigned turn)
{
    let_it_know(pair, turn);
    int pipes[2];
    if (pipe(pipes))
        fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        char byte;
        long wrong = read(pipes[0], &byte, 1) != 1;
        for (int i = 0; i < pair->count; i++)
            wrong += *(volatile unsigned *)(pair->pages + i * PAGE) != turn;
        _exit(wrong != 0);
    }
    ask(pair, WRITE, ~turn);
    pair->missed += pair->faults;
    ask(pair, READ, ~turn);
    pair->stale += pair->wrong;
    if (write(pipes[1], "x", 1) != 1)
        fail("write");
    int status;
    waitpid(child, &status, 0);
    pair->stale += status != 0;
    close(pipes[0]);
    close(pipes[1]);
    /* The first thread must not have the old pages either. */
    for (int i = 0; i < pair->count; i++)
        pair->stale += *(volatile unsigned *)(pair->pages + i * PAGE) != ~turn;
}

static void handle_faults(void)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
}

/* Where a pair has its pages: nobody else maps anything near. */
static char *place_of_pair(int number)
{
    return (char *)((uintptr_t)(number + 1) << 40);
}

#endif
