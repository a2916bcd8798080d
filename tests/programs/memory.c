/* Mappings: made, split, moved, grown, protected, shared, copied on write, given back.
 * Contents are checked byte by byte; /proc/self/maps is parsed, and must tell the same. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "names.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS, BOTH = PROT_READ | PROT_WRITE };

static char *map(size_t count, int protection, int flags)
{
    char *place = mmap(NULL, count * PAGE, protection, flags, -1, 0);
    if (place == MAP_FAILED) {
        printf("mmap of %zu pages: %s\n", count, errno_name(errno));
        exit(1);
    }
    return place;
}

static void paint(char *place, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memset(place + i * PAGE, (int)(i * 7 + 1), PAGE);
}

/* How many of the pages are not as `paint` left them; `first` is their number then. */
static int spoilt(const char *place, size_t count, size_t first)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++)
        for (int byte = 0; byte < PAGE; byte++)
            if (place[i * PAGE + byte] != (char)((first + i) * 7 + 1)) {
                wrong++;
                break;
            }
    return wrong;
}

static int is_zero(const char *place, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (place[i])
            return 0;
    return 1;
}

/* -- /proc/self/maps */

/* The table's text. Read without the library, whose buffers are mappings too. */
static const char *table(void)
{
    static char text[1 << 20];
    size_t length = 0;
    ssize_t got = 1;
    int file = open("/proc/self/maps", O_RDONLY);
    while (got > 0 && length < sizeof text - 1) {
        got = read(file, text + length, sizeof text - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    close(file);
    text[length] = 0;
    return text;
}

static int table_faults, table_lines;

/* The rights at an address, as in "rw-p"; "none" where nothing is mapped. Also counts
 * the lines, and what is wrong with them: form, order, overlap, alignment. */
static const char *rights(const void *address)
{
    static char found[5];
    unsigned long previous = 0;
    strcpy(found, "none");
    table_lines = 0;
    for (const char *line = table(); *line; line = strchr(line, '\n') + 1) {
        char now[5];
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx %4s", &start, &end, now) != 3 || !strchr(line, '\n')) {
            table_faults++;
            break;
        }
        table_lines++;
        if ((start | end) % PAGE || start >= end || start < previous)
            table_faults++;
        previous = end;
        if (start <= (uintptr_t)address && (uintptr_t)address < end)
            strcpy(found, now);
    }
    return found;
}

static int is_named(const char *name)
{
    return strstr(table(), name) != NULL;
}

static void show(const char *what, const char *place, int count)
{
    printf("%s:", what);
    for (int i = 0; i < count; i++)
        printf(" %s", rights(place + i * PAGE));
    printf("\n");
}

static void rights_of_all(void)
{
    static volatile char data[1] = {1};
    static const char constant[] = "constant";
    char *heap = malloc(10), on_stack;
    printf("text %s, ", rights((void *)(uintptr_t)rights_of_all));
    printf("constants %s, data %s, ", rights(constant), rights((char *)data));
    printf("stack %s, heap is mapped: %s\n", rights(&on_stack),
           strcmp(rights(heap), "none") ? "yes" : "no");
    printf("named: [stack] %d, program %d\n", is_named("[stack]"), is_named("/memory"));
    free(heap);
}

/* -- parts of mappings */

static void parts(void)
{
    char *place = map(8, BOTH, ANONYMOUS);
    paint(place, 8);
    munmap(place + 2 * PAGE, PAGE);
    mprotect(place + 4 * PAGE, PAGE, PROT_READ);
    mprotect(place + 5 * PAGE, PAGE, PROT_NONE);
    mprotect(place + 6 * PAGE, PAGE, PROT_READ | PROT_EXEC);
    show("parts", place, 8);
    printf("spoilt: %d %d %d\n", spoilt(place, 2, 0), spoilt(place + 3 * PAGE, 2, 3),
           spoilt(place + 6 * PAGE, 2, 6));
    mprotect(place + 3 * PAGE, 5 * PAGE, BOTH);
    printf("the rights are back, spoilt: %d\n", spoilt(place + 3 * PAGE, 5, 3));
    /* A range with a hole: what is there is changed up to the hole. */
    printf("over a hole: %s\n", mprotect(place, 8 * PAGE, PROT_READ) ? errno_name(errno) : "0");
    munmap(place, 8 * PAGE);
    show("unmapped", place, 8);

    place = map(4, PROT_NONE, ANONYMOUS);
    char *again = mmap(place + PAGE, 2 * PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0);
    printf("fixed: %s\n", again == place + PAGE ? "there" : "elsewhere");
    show("fixed", place, 4);
    paint(again, 2);
    mmap(again, PAGE, BOTH, ANONYMOUS | MAP_FIXED, -1, 0);
    printf("mapped over: %s, the next: %d spoilt\n", is_zero(again, PAGE) ? "zero" : "old",
           spoilt(again + PAGE, 1, 1));
    char *hint = mmap(place + PAGE, PAGE, BOTH, ANONYMOUS, -1, 0);
    printf("a hint that is taken: %s\n", hint == place + PAGE ? "overwritten" : "elsewhere");
}

static void many(void)
{
    enum { AREAS = 2000 };
    char *place = map(2 * AREAS, PROT_NONE, ANONYMOUS);
    int wrong = 0;
    for (int i = 0; i < AREAS; i++) {
        wrong += mprotect(place + 2 * i * PAGE, PAGE, BOTH) != 0;
        place[2 * i * PAGE] = (char)i;
    }
    for (int i = 0; i < AREAS; i++)
        wrong += place[2 * i * PAGE] != (char)i;
    rights(place);
    printf("%d areas: %d wrong, table of %s lines\n", AREAS, wrong,
           table_lines > 2 * AREAS ? "as many" : "too few");
    for (int i = 0; i < AREAS; i += 2)
        wrong += munmap(place + 2 * i * PAGE, PAGE) != 0;
    for (int i = 1; i < AREAS; i += 2)
        wrong += place[2 * i * PAGE] != (char)i;
    wrong += munmap(place, 2 * AREAS * PAGE) != 0;
    show("and none", place, 2);
    printf("%d wrong\n", wrong);
}

/* -- moving and growing */

static void moves(void)
{
    char *place = map(6, BOTH, ANONYMOUS);
    paint(place, 6);
    char *moved = mremap(place, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    printf("grown: %d spoilt, new is %s, the rest has %d spoilt\n", spoilt(moved, 2, 0),
           is_zero(moved + 2 * PAGE, 62 * PAGE) ? "zero" : "old",
           spoilt(place + 2 * PAGE, 4, 2));
    char *shrunk = mremap(moved, 64 * PAGE, PAGE, 0);
    printf("shrunk: %s, %d spoilt\n", shrunk == moved ? "in place" : "moved",
           spoilt(shrunk, 1, 0));
    show("shrunk", shrunk, 2);
    char *target = map(4, PROT_NONE, ANONYMOUS);
    char *there = mremap(place + 2 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                         target);
    printf("to a fixed place: %s, %d spoilt\n", there == target ? "there" : "elsewhere",
           spoilt(target, 3, 2));
    show("old and new", place + 2 * PAGE, 4);
    show("old and new", target, 4);
    char *wall = map(3, BOTH, ANONYMOUS);
    mprotect(wall + PAGE, PAGE, PROT_READ);
    printf("no room: %s\n",
           mremap(wall, PAGE, 2 * PAGE, 0) == MAP_FAILED ? errno_name(errno) : "grown");
}

static void breaks(void)
{
    char *start = sbrk(0);
    uintptr_t now = syscall(SYS_brk, 0);
    uintptr_t more = syscall(SYS_brk, now + 10 * PAGE + 5);
    printf("break: %s, %ld bytes more, %s\n", start ? "known" : "unknown", (long)(more - now),
           is_zero((char *)now, 10 * PAGE) ? "zero" : "old");
    memset((char *)now, 1, 10 * PAGE);
    syscall(SYS_brk, now);
    syscall(SYS_brk, now + 10 * PAGE);
    /* The page with the old break in it may keep its bytes. */
    char *next = (char *)((now + PAGE - 1) & -PAGE);
    printf("given back and taken again: %s\n", is_zero(next, 9 * PAGE) ? "zero" : "old");
    printf("below its start: %s\n", syscall(SYS_brk, 4096) == (long)(now + 10 * PAGE)
                                        ? "stays" : "moved");
    syscall(SYS_brk, now);
}

/* -- advice */

static void advice(void)
{
    char *place = map(4, BOTH, ANONYMOUS);
    paint(place, 4);
    printf("dontneed: %d", madvise(place + PAGE, 2 * PAGE, MADV_DONTNEED));
    printf(" %s, beside: %d spoilt\n", is_zero(place + PAGE, 2 * PAGE) ? "zero" : "old",
           spoilt(place, 1, 0) + spoilt(place + 3 * PAGE, 1, 3));
    char *shared = map(2, BOTH, MAP_SHARED | MAP_ANONYMOUS);
    paint(shared, 2);
    printf("dontneed, shared: %d", madvise(shared, 2 * PAGE, MADV_DONTNEED));
    printf(" %d spoilt\n", spoilt(shared, 2, 0));
    printf("other advice: %d %d %d %d\n", madvise(place, PAGE, MADV_WILLNEED),
           madvise(place, PAGE, MADV_SEQUENTIAL), madvise(place, PAGE, MADV_NORMAL),
           madvise(place, 0, MADV_RANDOM));
    unsigned char resident[4] = {0};
    char *fresh = map(4, BOTH, ANONYMOUS);
    fresh[PAGE] = 1;
    mincore(fresh, 4 * PAGE, resident);
    printf("resident: %d %d %d %d\n", resident[0] & 1, resident[1] & 1, resident[2] & 1,
           resident[3] & 1);
    char *populated = map(4, BOTH, ANONYMOUS | MAP_POPULATE);
    mincore(populated, 4 * PAGE, resident);
    printf("populated: %d %d %d %d\n", resident[0] & 1, resident[1] & 1, resident[2] & 1,
           resident[3] & 1);
}

/* -- files */

static void files(void)
{
    char name[] = "/tmp/memoryXXXXXX", bytes[8] = {0};
    int file = mkstemp(name);
    unlink(name);
    if (file < 0 || ftruncate(file, 3 * PAGE) || pwrite(file, "written", 7, PAGE) != 7)
        exit(1);
    char *shared = mmap(NULL, 3 * PAGE, BOTH, MAP_SHARED, file, 0);
    char *private = mmap(NULL, 3 * PAGE, BOTH, MAP_PRIVATE, file, 0);
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, PAGE);
    printf("from the file: %s, %s, %s\n", shared + PAGE, private + PAGE, second);
    strcpy(shared + PAGE, "shared");
    printf("through: %s, %s\n", private + PAGE, second);
    strcpy(private + PAGE, "private");
    printf("kept: %s, %s\n", private + PAGE, second);
    if (pread(file, bytes, 7, PAGE) != 7)
        exit(1);
    printf("in the file: %s\n", bytes);
    if (pwrite(file, "again!!", 8, PAGE) != 8)
        exit(1);
    printf("written again: %s, %s\n", private + PAGE, second);
    printf("msync: %d %d\n", msync(shared, 3 * PAGE, MS_SYNC), msync(shared, PAGE, MS_ASYNC));
    close(file);
    shared[0] = 'c';
    printf("after close: %c\n", private[0]);
    printf("a write-protected private page: %s\n", second[0] == 'a' ? "read" : "?");
    munmap(shared, 3 * PAGE);
    printf("after munmap of one: %s, %s\n", private + PAGE, second);

    int memory = (int)syscall(SYS_memfd_create, "m", 0);
    if (ftruncate(memory, PAGE))
        exit(1);
    char *first = mmap(NULL, PAGE, BOTH, MAP_SHARED, memory, 0);
    strcpy(first, "memory file");
    if (read(memory, bytes, 6) != 6)
        exit(1);
    bytes[6] = 0;
    printf("memfd: %s\n", bytes);
}

/* -- fork */

static void wait_for(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    printf("child: %s\n", ending(status));
}

static void forks(void)
{
    enum { PAGES = 300 };
    char *private = map(PAGES, BOTH, ANONYMOUS), *shared = map(2, BOTH, MAP_SHARED | MAP_ANONYMOUS);
    char *untouched = map(2, BOTH, ANONYMOUS);
    int down[2], up[2];
    char byte;
    paint(private, PAGES);
    strcpy(shared, "parent");
    if (pipe(down) || pipe(up))
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        /* Sees the old contents, though the parent has written since. */
        int wrong = read(down[0], &byte, 1) != 1;
        wrong += spoilt(private, PAGES, 0);
        wrong += strcmp(shared, "parent wrote") != 0;
        memset(private, 99, 100 * PAGE);
        memset(private + 200 * PAGE, 99, 100 * PAGE);
        strcpy(shared + PAGE, "child wrote");
        untouched[0] = 1;
        wrong += write(up[1], "x", 1) != 1;
        wrong += read(down[0], &byte, 1) != 1;
        wrong += spoilt(private + 101 * PAGE, 99, 101);
        wrong += private[0] != 99;
        _exit(wrong);
    }
    for (int i = 0; i < PAGES; i += 2)
        private[i * PAGE] ^= 1;
    strcpy(shared, "parent wrote");
    if (write(down[1], "x", 1) != 1 || read(up[0], &byte, 1) != 1)
        exit(1);
    for (int i = 0; i < PAGES; i += 2)
        private[i * PAGE] ^= 1;
    printf("the parent's: %d spoilt, shared: %s, untouched: %d\n", spoilt(private, PAGES, 0),
           shared + PAGE, untouched[0]);
    memset(private + 100 * PAGE, 55, PAGE);
    if (write(down[1], "x", 1) != 1)
        exit(1);
    wait_for(child);
    printf("after it: %d spoilt\n", spoilt(private, 100, 0) + spoilt(private + 101 * PAGE, 199, 101));

    /* A chain of forks, each with a write between: every generation has its own. */
    private[0] = 0;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        for (int depth = 1; depth <= 5; depth++) {
            private[0] = (char)depth;
            pid_t next = fork();
            if (next == 0)
                continue;
            int status;
            waitpid(next, &status, 0);
            int wrong = private[0] != depth || (depth < 5 && status != 0);
            _exit(wrong);
        }
        _exit(private[0] != 5);
    }
    wait_for(child);
    printf("the first still has %d\n", private[0]);

    /* What a child unmaps or protects stays the parent's. */
    child = fork();
    if (child == 0) {
        munmap(private, 10 * PAGE);
        mprotect(private + 10 * PAGE, PAGE, PROT_NONE);
        _exit(strcmp(rights(private), "none") != 0);
    }
    wait_for(child);
    private[10 * PAGE] = 3;
    printf("the parent keeps %s, %d\n", rights(private), private[10 * PAGE]);

    /* Rights that a fork must not widen. */
    mprotect(private, PAGE, PROT_READ);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        private[0] = 1;
        _exit(0);
    }
    wait_for(child);
    madvise(untouched, PAGE, MADV_DONTFORK);
    child = fork();
    if (child == 0)
        _exit(strcmp(rights(untouched), "none") != 0);
    wait_for(child);
    untouched[PAGE] = 5;
    madvise(untouched + PAGE, PAGE, MADV_WIPEONFORK);
    child = fork();
    if (child == 0)
        _exit(untouched[PAGE]);
    wait_for(child);
    printf("not wiped here: %d\n", untouched[PAGE]);
    madvise(untouched, PAGE, MADV_DOFORK);
    madvise(untouched + PAGE, PAGE, MADV_KEEPONFORK);
    child = fork();
    if (child == 0)
        _exit(strcmp(rights(untouched), "rw-p") + untouched[PAGE]);
    wait_for(child);
    printf("wiping shared memory: %s\n",
           madvise(shared, PAGE, MADV_WIPEONFORK) ? errno_name(errno) : "0");
}

/* -- limits */

static void limits(void)
{
    struct rlimit limit = {64 << 20, 64 << 20};
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_AS, &limit);
        char *place = mmap(NULL, 128 << 20, BOTH, ANONYMOUS, -1, 0);
        printf("beyond RLIMIT_AS: %s\n", place == MAP_FAILED ? errno_name(errno) : "mapped");
        place = mmap(NULL, 16 << 20, BOTH, ANONYMOUS, -1, 0);
        printf("within: %s\n", place == MAP_FAILED ? errno_name(errno) : "mapped");
        fflush(stdout);
        _exit(0);
    }
    wait_for(child);
    child = fork();
    if (child == 0) {
        limit.rlim_cur = limit.rlim_max = 1 << 20;
        setrlimit(RLIMIT_DATA, &limit);
        long now = syscall(SYS_brk, 0);
        printf("beyond RLIMIT_DATA: %s\n",
               syscall(SYS_brk, now + (8 << 20)) == now ? "stays" : "moved");
        /* What is private and writable counts, or becomes so. */
        char *place = mmap(NULL, 2 << 20, BOTH, ANONYMOUS, -1, 0);
        printf("private: %s, ", place == MAP_FAILED ? errno_name(errno) : "mapped");
        place = mmap(NULL, 2 << 20, BOTH, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        printf("shared: %s, ", place == MAP_FAILED ? errno_name(errno) : "mapped");
        place = mmap(NULL, 2 << 20, PROT_READ, ANONYMOUS, -1, 0);
        printf("to be read: %s, ", place == MAP_FAILED ? errno_name(errno) : "mapped");
        printf("written: %s\n", mprotect(place, 2 << 20, BOTH) ? errno_name(errno) : "yes");
        fflush(stdout);
        _exit(0);
    }
    wait_for(child);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    rights_of_all();
    parts();
    many();
    moves();
    breaks();
    advice();
    files();
    forks();
    limits();
    printf("the table had %d faults\n", table_faults);
    return 0;
}
