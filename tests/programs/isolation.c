/* Nobody reads another's bytes. Many children, more than there are cores, fill pages of
 * every kind with words that say whose they are: anonymous ones, the heap, the stack,
 * copies of their parent's, private pages of a file. They look at each byte of them again
 * and again, while they move between cores, unmap, move, shrink, protect and discard, map
 * anew (what is fresh is zero), while a thread of each reads what the other takes away, and
 * while children die: by themselves, killed by a sibling, of a fault, all at once; others
 * take their place, and their frames.
 *
 * Arguments: lives [children at a time]. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    WORDS = PAGE / sizeof(uint64_t),
    LIVES = 96,
    MOST_CHILDREN = 40,
    ROUNDS = 24,
    /* How much longer a child lives that waits for a sibling to kill it. */
    PATIENCE = 40,
    /* Places in the arena; the last one has a file's pages. */
    PLACES = 4,
    FILE_PLACE = PLACES - 1,
    MOST_PAGES = 24,
    PARENT_PAGES = 16,
    /* Owners that are no child. */
    PARENT = 0xffffe,
    FILES = 0xfffff,
};

enum fate { EXITS, IS_KILLED, FAULTS, EXITS_FROM_A_THREAD, FATES };

/* Where no allocator of any kernel or library puts anything. */
#define ARENA ((char *)(1L << 40))
#define DISTANCE (1L << 30)

/* Where children stand that wait to be killed: their process ids. Who takes one out kills
 * it, and nobody else does, so the id is still its own. */
static _Atomic pid_t *victims;
static int children;
static int file;
static cpu_set_t cores;

/* The parent's pages, and what stands in them. */
static char parent_pages[PARENT_PAGES * PAGE] __attribute__((aligned(PAGE)));
static unsigned generation;

/* A child's. */
static unsigned self;
static uint64_t random_state;
static int counts[PLACES];
static int is_mine[PARENT_PAGES];
static _Atomic int is_over;
static __thread sigjmp_buf after_fault;
static __thread volatile sig_atomic_t may_fault;

/* -- saying what is wrong */

static _Noreturn void fail(const char *form, ...)
{
    char text[256];
    va_list list;
    va_start(list, form);
    int length = vsnprintf(text, sizeof text, form, list);
    va_end(list);
    if (write(STDOUT_FILENO, text, length) != length)
        _exit(2);
    _exit(1);
}

static void must(int is_so, const char *what)
{
    if (!is_so)
        fail("child %u: %s\n", self, what);
}

/* -- words that say whose they are */

static uint64_t word_of(unsigned owner, unsigned region, unsigned page, unsigned word)
{
    return 0xa5ULL << 56 | (uint64_t)owner << 36 | (uint64_t)(region & 0xffff) << 20 |
           (uint64_t)page << 9 | word;
}

static void fill(char *pages, int first, int count, unsigned owner, unsigned region)
{
    for (int page = first; page < first + count; page++)
        for (int word = 0; word < WORDS; word++)
            ((uint64_t *)(pages + (long)page * PAGE))[word] = word_of(owner, region, page, word);
}

static _Noreturn void foreign(const char *what, int page, int word, uint64_t found)
{
    unsigned owner = found >> 36 & 0xfffff;
    if (found >> 56 != 0xa5)
        fail("child %u: %s, page %d, word %d: %016lx is nobody's\n", self, what, page, word,
             (unsigned long)found);
    fail("child %u: %s, page %d, word %d: %016lx is %s%u's\n", self, what, page, word,
         (unsigned long)found, owner >= PARENT ? "the parent's or a file's, " : "child ", owner);
}

static void verify(const char *what, const char *pages, int first, int count, unsigned owner,
                   unsigned region)
{
    for (int page = first; page < first + count; page++)
        for (int word = 0; word < WORDS; word++) {
            uint64_t found = ((volatile uint64_t *)(pages + (long)page * PAGE))[word];
            if (found != word_of(owner, region, page, word))
                foreign(what, page, word, found);
        }
}

static void verify_zero(const char *what, const char *pages, int first, int count)
{
    for (int page = first; page < first + count; page++)
        for (int word = 0; word < WORDS; word++) {
            uint64_t found = ((volatile uint64_t *)(pages + (long)page * PAGE))[word];
            if (found)
                foreign(what, page, word, found);
        }
}

static unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 20) % limit;
}

/* -- places in the arena */

static char *place(int number)
{
    return ARENA + number * DISTANCE;
}

static void map(int number, int first, int count)
{
    int flags = MAP_PRIVATE | MAP_FIXED | (number == FILE_PLACE ? 0 : MAP_ANONYMOUS);
    char *start = place(number) + (long)first * PAGE;
    long offset = number == FILE_PLACE ? (long)first * PAGE : 0;
    must(mmap(start, (long)count * PAGE, PROT_READ | PROT_WRITE, flags,
              number == FILE_PLACE ? file : -1, offset) == start, "mmap");
}

/* What was just mapped, or discarded, is as nobody has written it; then it is mine. */
static void take(const char *what, int number, int first, int count)
{
    if (number == FILE_PLACE)
        verify(what, place(number), first, count, FILES, number);
    else
        verify_zero(what, place(number), first, count);
    fill(place(number), first, count, self, number);
}

static void verify_place(const char *what, int number)
{
    verify(what, place(number), 0, counts[number], self, number);
}

static void replace(int number)
{
    if (below(2))
        munmap(place(number), (long)counts[number] * PAGE);
    else
        munmap(place(number), (long)MOST_PAGES * PAGE);
    counts[number] = 1 + below(MOST_PAGES);
    map(number, 0, counts[number]);
    take("mapped anew", number, 0, counts[number]);
}

static void map_over(int number)
{
    int first = below(counts[number]), count = 1 + below(counts[number] - first);
    map(number, first, count);
    take("mapped over", number, first, count);
}

static void discard(int number)
{
    int first = below(counts[number]), count = 1 + below(counts[number] - first);
    must(!madvise(place(number) + (long)first * PAGE, (long)count * PAGE, MADV_DONTNEED),
         "madvise");
    take("discarded", number, first, count);
}

static void protect(int number)
{
    long size = (long)counts[number] * PAGE;
    must(!mprotect(place(number), size, PROT_READ), "mprotect");
    verify_place("read-only", number);
    must(!mprotect(place(number), size, PROT_NONE), "mprotect");
    must(!mprotect(place(number), size, PROT_READ | PROT_WRITE), "mprotect");
}

static void move(int number)
{
    long size = (long)counts[number] * PAGE;
    char *there = place(number) + DISTANCE / 2;
    must(mremap(place(number), size, size, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there,
         "mremap");
    verify("moved", there, 0, counts[number], self, number);
    must(mremap(there, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place(number)) == place(number),
         "mremap back");
}

static void resize(int number)
{
    int old = counts[number], new = 1 + below(MOST_PAGES);
    must(mremap(place(number), (long)old * PAGE, (long)new * PAGE, 0) == place(number), "mremap");
    counts[number] = new;
    if (new > old)
        take("grown", number, old, new - old);
}

/* -- other memory */

static void use_heap(void)
{
    size_t count = 1 + below(12);
    char *block = aligned_alloc(PAGE, count * PAGE);
    must(block != NULL, "aligned_alloc");
    fill(block, 0, count, self, PLACES);
    sched_yield();
    verify("heap", block, 0, count, self, PLACES);
    free(block);
}

static void use_stack(int depth)
{
    char buffer[2 * PAGE] __attribute__((aligned(PAGE)));
    fill(buffer, 0, 2, self, PLACES + 1 + depth);
    if (depth > 0)
        use_stack(depth - 1);
    else
        sched_yield();
    verify("stack", buffer, 0, 2, self, PLACES + 1 + depth);
}

/* The parent goes on to write its pages; what a child has of them it has since its birth. */
static void use_copies(void)
{
    for (int page = 0; page < PARENT_PAGES; page++)
        verify("copy of the parent's", parent_pages, page, 1, is_mine[page] ? self : PARENT,
               generation);
    int page = below(PARENT_PAGES);
    is_mine[page] = 1;
    fill(parent_pages, page, 1, self, generation);
}

/* A grandchild sees what is mine, and writes all of it, which I do not see. */
static void use_fork(int number)
{
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        verify_place("of a grandchild", number);
        fill(place(number), 0, counts[number], PARENT, number);
        _exit(0);
    }
    verify_place("beside a grandchild", number);
    fill(place(number), 0, counts[number], self, number);
    int status;
    must(waitpid(child, &status, 0) == child, "waitpid");
    if (status)
        _exit(1);
}

static void migrate(void)
{
    int chosen = below(CPU_COUNT(&cores)), core = 0;
    for (;; core++)
        if (CPU_ISSET(core, &cores) && chosen-- == 0)
            break;
    cpu_set_t one = cores;
    if (below(4)) {
        CPU_ZERO(&one);
        CPU_SET(core, &one);
    }
    must(!sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

/* -- a child */

static void on_fault(int signal)
{
    if (!may_fault)
        fail("child %u: signal %d where all is mapped\n", self, signal);
    siglongjmp(after_fault, 1);
}

/* Reads what the other thread maps and unmaps: it is this child's, the file's, or zero. */
static void *reader(void *is_to_exit)
{
    for (volatile unsigned turn = self;; turn++) {
        int number = turn % PLACES;
        if (atomic_load(&is_over) && is_to_exit)
            _exit(0);
        if (sigsetjmp(after_fault, 1))
            continue;
        may_fault = 1;
        for (int page = 0; page < MOST_PAGES; page++)
            for (int word = page; word < WORDS; word += 101) {
                uint64_t found = ((volatile uint64_t *)(place(number) + (long)page * PAGE))[word];
                int is_right = found == 0 || found == word_of(self, number, page, word) ||
                               (number == FILE_PLACE &&
                                found == word_of(FILES, number, page, word));
                if (!is_right)
                    foreign("read by a thread", page, word, found);
            }
        may_fault = 0;
        sched_yield();
    }
    return NULL;
}

/* Whoever takes a victim out must live to kill it: so none that dies of others does. */
static void kill_a_sibling(void)
{
    if (self % FATES == IS_KILLED || self % FATES == EXITS_FROM_A_THREAD)
        return;
    for (int i = 0; i < children; i++) {
        pid_t victim = atomic_load(&victims[i]);
        if (victim && atomic_compare_exchange_strong(&victims[i], &victim, 0)) {
            must(!kill(victim, SIGKILL), "kill");
            return;
        }
    }
}

static void one_round(void)
{
    int number = below(PLACES);
    void (*const changes[])(int) = {replace, map_over, discard, protect, move, resize};
    verify_place("before a change", number);
    changes[below(6)](number);
    verify_place("after a change", number);
    switch (below(8)) {
    case 0: use_heap(); break;
    case 1: use_stack(below(4)); break;
    case 2: use_copies(); break;
    case 3: kill_a_sibling(); break;
    case 4: if (!below(4)) use_fork(number); break;
    case 5: sched_yield(); break;
    default: migrate(); break;
    }
}

static _Noreturn void live(unsigned number, int slot)
{
    self = number;
    random_state = (number + 1) * 0x9e3779b97f4a7c15;
    enum fate fate = number % FATES;
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    for (int i = 0; i < PLACES; i++) {
        counts[i] = 1 + below(MOST_PAGES);
        map(i, 0, counts[i]);
        take("mapped", i, 0, counts[i]);
    }
    pthread_t thread;
    must(!pthread_create(&thread, NULL, reader, fate == EXITS_FROM_A_THREAD ? &is_over : NULL),
         "pthread_create");
    for (unsigned rounds = ROUNDS / 2 + below(ROUNDS); rounds > 0; rounds--)
        one_round();
    atomic_store(&is_over, 1);
    switch (fate) {
    case EXITS_FROM_A_THREAD:
        for (;;)
            one_round();
    case IS_KILLED:
        atomic_store(&victims[slot], getpid());
        for (int i = 0; i < PATIENCE; i++)
            one_round();
        pid_t me = getpid();
        if (atomic_compare_exchange_strong(&victims[slot], &me, 0))
            raise(SIGKILL);
        for (;;)
            one_round();
    case FAULTS:
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)(ARENA - PAGE) = 1;
        fail("child %u wrote where nothing is mapped\n", self);
    default:
        _exit(0);
    }
}

/* -- the parent */

static pid_t begin(unsigned number, int slot)
{
    if (number % 3 == 0) {
        verify("the parent's own", parent_pages, 0, PARENT_PAGES, PARENT, generation);
        fill(parent_pages, 0, PARENT_PAGES, PARENT, ++generation);
    }
    pid_t child = fork();
    if (child == 0)
        live(number, slot);
    must(child > 0, "fork of a child");
    return child;
}

static void make_file(void)
{
    char name[] = "/tmp/isolationXXXXXX", pages[PAGE];
    file = mkstemp(name);
    must(file >= 0 && !unlink(name), "mkstemp");
    for (int page = 0; page < MOST_PAGES; page++) {
        for (int word = 0; word < WORDS; word++)
            ((uint64_t *)pages)[word] = word_of(FILES, FILE_PLACE, page, word);
        must(write(file, pages, PAGE) == PAGE, "write");
    }
}

/* Private pages of the file were written by every child; the file itself was not. */
static void verify_file(void)
{
    static char pages[MOST_PAGES * PAGE];
    must(pread(file, pages, sizeof pages, 0) == sizeof pages, "pread");
    verify("the file", pages, 0, MOST_PAGES, FILES, FILE_PLACE);
}

int main(int count, char **arguments)
{
    unsigned lives = count > 1 ? atoi(arguments[1]) : LIVES, begun = 0, ended = 0;
    unsigned exited = 0, killed = 0, faulted = 0;
    pid_t pids[MOST_CHILDREN] = {0};
    unsigned numbers[MOST_CHILDREN];
    self = PARENT;
    must(!sched_getaffinity(0, sizeof cores, &cores), "sched_getaffinity");
    children = count > 2 ? atoi(arguments[2]) : 2 * CPU_COUNT(&cores) + 2;
    if (children > MOST_CHILDREN)
        children = MOST_CHILDREN;
    victims = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(victims != MAP_FAILED, "mmap");
    make_file();
    fill(parent_pages, 0, PARENT_PAGES, PARENT, generation);
    while (ended < lives) {
        for (int slot = 0; slot < children && begun < lives; slot++)
            if (pids[slot] == 0) {
                numbers[slot] = begun;
                pids[slot] = begin(begun++, slot);
            }
        int status, slot = 0;
        pid_t child = waitpid(-1, &status, 0);
        while (slot < children && pids[slot] != child)
            slot++;
        must(slot < children, "a child that nobody began");
        enum fate fate = numbers[slot] % FATES;
        int expected = fate == IS_KILLED ? SIGKILL : fate == FAULTS ? SIGSEGV : 0;
        if ((status & ~0x80) != expected) {
            for (int i = 0; i < children; i++)
                if (pids[i] && i != slot)
                    kill(pids[i], SIGKILL);
            fail("child %u ended with %#x, not with %#x\n", numbers[slot], status, expected);
        }
        pids[slot] = 0;
        ended++;
        exited += expected == 0;
        killed += expected == SIGKILL;
        faulted += expected == SIGSEGV;
    }
    verify("the parent's own", parent_pages, 0, PARENT_PAGES, PARENT, generation);
    verify_file();
    printf("%u children: %u exited, %u killed, %u faulted; every byte was their own\n", ended,
           exited, killed, faulted);
    return 0;
}
