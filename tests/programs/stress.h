/* What the programs of `run.sh stress` share: numbers from a seed, how far they are, and the
 * look at what is left when all is over. Figures are lines `NAME VALUE` on standard output;
 * how far a program is, is told on standard error. */
#ifndef STRESS_H
#define STRESS_H

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "ours.h"

/* ---- numbers from a seed */

static uint64_t random_state;

static inline void seed_with(uint64_t seed)
{
    random_state = seed * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019;
    if (!random_state)
        random_state = 1;
}

static inline uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}

static inline uint64_t below(uint64_t limit)
{
    return (draw() >> 16) % limit;
}

static inline int one_in(unsigned chances)
{
    return below(chances) == 0;
}

/* ---- time */

static inline uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static inline void spin(uint64_t nanos)
{
    for (uint64_t end = now() + nanos; now() < end;)
        ;
}

/* ---- how far it is */

/* Says how many of how many are done, at every tenth. `*said` is 0 at first. */
static inline void progress(const char *what, unsigned long done, unsigned long count,
                            unsigned long *said)
{
    if (count && done * 10 / count > *said) {
        *said = done * 10 / count;
        fprintf(stderr, "stress: %s, %lu of %lu\n", what, done, count);
    }
}

static inline void figure(const char *name, long long value)
{
    printf("%s %lld\n", name, value);
    fflush(stdout);
}

/* Memory that all processes of a program see. */
static inline void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    return memory;
}

static inline void *private_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    return memory;
}

/* ---- what is there, and what is left */

struct standing {
    uint64_t memory[MEMORY_WORDS];
    long threads, futex_waiters, processes, descriptors;
    /* Bytes of the kernel's heap in use. */
    int64_t heap_used;
    /* What the kernel says is free, less what it finds free when it walks its lists. */
    int64_t miscounted;
};

static inline long count_processes(void)
{
    DIR *directory = opendir("/proc");
    check(directory != NULL, "/proc");
    long count = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    closedir(directory);
    return count;
}

static inline long count_descriptors(void)
{
    long count = 0;
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

/* How many PCIDs the core uses that uses most. A slot is taken over by the next space that
 * needs one, so it is no loss that those of dead spaces still count. */
static inline long most_pcid_slots(void)
{
    long most = 0;
    for (int core = 0; core < 64; core++) {
        char name[32];
        snprintf(name, sizeof name, "core%d_pcid_slots", core);
        long slots = counter(name);
        most = slots > most ? slots : most;
    }
    return most;
}

static inline struct standing look(void)
{
    struct standing standing = {
        .threads = counter("threads"),
        .futex_waiters = counter("futex_waiters"),
        .processes = count_processes(),
        .descriptors = count_descriptors(),
        .heap_used = counter("kernel_heap_used"),
    };
    read_memory(standing.memory);
    standing.miscounted = (int64_t)standing.memory[FREE] - counter("memory_free_counted");
    return standing;
}

/* Pages and tables come back to the last one, and so does what is in use of the heap, but for
 * lists that keep the room they had. The heap keeps the frames that it had at its largest, and
 * stacks wait for the next thread: how many these are, is an accident of how many were there at
 * once. So these may grow, by less than 42 bytes for each of 100,000. */
#define MOST_PAGES_LEFT (64 << 10)
#define MOST_HEAP_LEFT (64 << 10)
#ifndef MOST_KEPT_MORE
#define MOST_KEPT_MORE (4 << 20)
#endif

static inline int64_t pages_left(const struct standing *before, const struct standing *after)
{
    return (int64_t)(after->memory[USER] + after->memory[PAGE_TABLES]) -
           (int64_t)(before->memory[USER] + before->memory[PAGE_TABLES]);
}

static inline int64_t kept_more(const struct standing *before, const struct standing *after)
{
    return (int64_t)(after->memory[KERNEL_HEAP] + after->memory[KERNEL_STACKS]) -
           (int64_t)(before->memory[KERNEL_HEAP] + before->memory[KERNEL_STACKS]);
}

static inline int is_back(const struct standing *before, const struct standing *after)
{
    return after->threads == before->threads && after->processes == before->processes &&
           after->descriptors == before->descriptors &&
           after->futex_waiters == before->futex_waiters && after->miscounted == 0 &&
           pages_left(before, after) <= MOST_PAGES_LEFT &&
           after->heap_used - before->heap_used <= MOST_HEAP_LEFT &&
           kept_more(before, after) <= MOST_KEPT_MORE;
}

/* Waits until all is as before; says what is not. Where others use the machine as well
 * (STRESS_BESIDE is set), they look themselves. */
static inline void must_be_back(const struct standing *before)
{
    if (getenv("STRESS_BESIDE"))
        return;
    struct standing after = look();
    /* The last ones may still be on their way out. */
    for (int tries = 0; tries < 400 && !is_back(before, &after); tries++) {
        usleep(10000);
        after = look();
    }
    figure("threads_left", after.threads - before->threads);
    figure("ids_left", after.processes - before->processes);
    figure("descriptors_left", after.descriptors - before->descriptors);
    figure("futex_waiters_left", after.futex_waiters - before->futex_waiters);
    figure("pages_left", pages_left(before, &after));
    figure("heap_grown", (int64_t)(after.memory[KERNEL_HEAP] - before->memory[KERNEL_HEAP]));
    figure("heap_left", after.heap_used - before->heap_used);
    figure("stacks_grown",
           (int64_t)(after.memory[KERNEL_STACKS] - before->memory[KERNEL_STACKS]));
    figure("memory_miscounted", after.miscounted);
    figure("pcid_slots_most", most_pcid_slots());
    check(is_back(before, &after), "something is left behind");
}

#endif
