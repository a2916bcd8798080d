/* What the kernel took for its stacks and its heap it gives back, and uses the addresses again:
 * threads in bursts, pipes that are full, messages of a MiB, on all cores at once. Who never
 * idles keeps its translations, so a core that was not told of an address that has another
 * frame by now finds what is not there: a thread its registers, a reader its bytes. Only this
 * machine says what its heap and stacks have; the program says itself what must be. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>

#include "ours.h"

enum { WORKERS = 4, BURSTS = 14, BURST = 250, STACK = 16384 };
enum { ROUNDS = 5, PIPES = 100, FULL = 60000, MESSAGES = 24 };
/* The kernel keeps a few stacks for the next threads; small blocks stay until memory is short, and
 * so do tables of its own. */
enum { MIB = 1 << 20, STACKS_KEPT = MIB, HEAP_KEPT = 6 * MIB };
/* A process is some 6 KiB there. */
enum { PROCESSES = 100, HEAP_LEFT = 64 << 10 };

static char stacks[BURST][STACK] __attribute__((aligned(4096)));
static volatile int is_over;
static sem_t gate, arrived;

/* What of the machine's memory is used so. */
static uint64_t used(int use)
{
    uint64_t words[MEMORY_WORDS];
    read_memory(words);
    return words[use];
}

static uint64_t stack_bytes(void)
{
    return used(KERNEL_STACKS);
}

static uint64_t heap_bytes(void)
{
    return used(KERNEL_HEAP);
}

static uint64_t heap_bytes_in_use(void)
{
    return (uint64_t)counter("kernel_heap_used");
}

static void start(pthread_t *thread, void *(*body)(void *), void *argument, void *stack)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack)
        pthread_attr_setstack(&attributes, stack, STACK);
    check(pthread_create(thread, &attributes, body, argument) == 0, "pthread_create");
}

/* Whenever nobody else has anything to do. */
static void *spin(void *unused)
{
    struct sched_param none = {0};
    check(syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none) == 0, "sched_setscheduler");
    while (!is_over)
        ;
    return unused;
}

static void *wait_at_gate(void *number)
{
    volatile long own = (long)number;
    sem_post(&arrived);
    sem_wait(&gate);
    check(own == (long)number && gettid() != getpid(), "a thread's registers");
    return number;
}

static void burst(void)
{
    pthread_t threads[BURST];
    long before = counter("threads");
    for (long number = 0; number < BURST; number++)
        start(&threads[number], wait_at_gate, (void *)number, stacks[number]);
    for (int number = 0; number < BURST; number++)
        sem_wait(&arrived);
    for (int number = 0; number < BURST; number++)
        sem_post(&gate);
    for (long number = 0; number < BURST; number++) {
        void *result;
        check(pthread_join(threads[number], &result) == 0, "pthread_join");
        check(result == (void *)number, "a thread's result");
    }
    /* Who is joined may still be on its way out. */
    while (counter("threads") > before)
        usleep(200);
}

/* A process whose threads end one by one, each by itself, and then the first. */
static void *end_at_once(void *argument)
{
    return argument;
}

static void with_threads(void)
{
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        pthread_t thread;
        for (int i = 0; i < 3; i++) {
            start(&thread, end_at_once, NULL, NULL);
            pthread_join(thread, NULL);
        }
        syscall(SYS_exit, 0);
    }
    check(waitpid(child, NULL, 0) == child, "waitpid");
}

static void fill(char *bytes, size_t size, unsigned seed)
{
    for (size_t at = 0; at + sizeof seed <= size; at += sizeof seed) {
        seed = seed * 1664525 + 1013904223;
        memcpy(bytes + at, &seed, sizeof seed);
    }
}

static void full_pipes(unsigned seed, char *bytes, char *found)
{
    int ends[PIPES][2];
    for (int at = 0; at < PIPES; at++) {
        check(pipe2(ends[at], O_NONBLOCK) == 0, "pipe");
        fill(bytes, FULL, seed + (unsigned)at);
        check(write(ends[at][1], bytes, FULL) == FULL, "write");
    }
    for (int at = 0; at < PIPES; at++) {
        fill(bytes, FULL, seed + (unsigned)at);
        check(read(ends[at][0], found, FULL) == FULL, "read");
        check(memcmp(bytes, found, FULL) == 0, "a pipe's bytes");
        close(ends[at][0]);
        close(ends[at][1]);
    }
}

static void large_messages(unsigned seed, char *bytes, char *found)
{
    int end = channel(MESSAGES, 0);
    check(end >= 0, "channel");
    for (int at = 0; at < MESSAGES; at++) {
        fill(bytes, MIB, seed + (unsigned)at);
        check(send_bytes(end, bytes, MIB, FOREVER) == 0, "send");
    }
    for (int at = 0; at < MESSAGES; at++) {
        fill(bytes, MIB, seed + (unsigned)at);
        check(receive_bytes(end, found, MIB, FOREVER) == MIB, "receive");
        check(memcmp(bytes, found, MIB) == 0, "a message's bytes");
    }
    close(end);
}

static void *work(void *number)
{
    char *bytes = malloc(MIB), *found = malloc(MIB);
    check(bytes && found, "malloc");
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned seed = (unsigned)(long)number * 1000003 + round * 10007;
        full_pipes(seed, bytes, found);
        large_messages(seed + 5003, bytes, found);
    }
    free(bytes);
    free(found);
    return NULL;
}

static void together(void *(*body)(void *), pthread_t *threads)
{
    for (long number = 0; number < WORKERS; number++)
        start(&threads[number], body, (void *)number, NULL);
}

static void join_all(const pthread_t *threads)
{
    for (int number = 0; number < WORKERS; number++)
        check(pthread_join(threads[number], NULL) == 0, "pthread_join");
}

static void all_back(uint64_t (*now)(void), uint64_t before, uint64_t most_kept, const char *what)
{
    int64_t more = 0;
    for (int turn = 0; turn < 400; turn++) {
        more = (int64_t)(now() - before);
        if (more <= (int64_t)most_kept)
            return;
        usleep(5000);
    }
    printf("%ld bytes more\n", (long)more);
    check(0, what);
}

int main(void)
{
    pthread_t threads[WORKERS];
    sem_init(&gate, 0, 0);
    sem_init(&arrived, 0, 0);
    uint64_t stacks_before = stack_bytes(), heap_before = heap_bytes();
    long flushes = counter("tlb_flushes_kernel");
    together(spin, threads);
    for (int round = 0; round < BURSTS; round++)
        burst();
    is_over = 1;
    join_all(threads);
    all_back(stack_bytes, stacks_before, STACKS_KEPT, "stacks are kept");
    check(counter("kernel_stacks_given_back") >= BURSTS * (BURST - 64), "stacks given back");
    check(counter("tlb_flushes_kernel") > flushes, "a flush before a stack's address is used again");
    said("the stacks of threads that ended are back, and their addresses used again");

    flushes = counter("tlb_flushes_kernel");
    together(work, threads);
    join_all(threads);
    all_back(heap_bytes, heap_before, HEAP_KEPT, "the heap keeps what pipes and messages had");
    check(counter("heap_regions_given_back") >= ROUNDS * PIPES / 4, "regions given back");
    check(counter("heap_pieces_given_back") >= ROUNDS * MESSAGES, "pieces given back");
    check(counter("tlb_flushes_kernel") > flushes, "a flush before the heap's addresses are used");
    said("so is the heap's large part");

    with_threads();
    uint64_t in_use_before = heap_bytes_in_use();
    for (int i = 0; i < PROCESSES; i++)
        with_threads();
    all_back(heap_bytes_in_use, in_use_before, HEAP_LEFT, "what ended is in use still");
    said("a process whose threads ended by themselves leaves nothing in the heap");
    return 0;
}
