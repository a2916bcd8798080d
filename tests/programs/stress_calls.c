/* System calls at random with hostile arguments, from many children that are replaced when they
 * die, and are killed when a call keeps them waiting; what the calls answer is not looked at. The
 * machine must outlive it, and nothing may be left. See stress.h for what it prints.
 *
 * Arguments: seed, calls. */
#define _GNU_SOURCE
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* What many calls at once make the heap keep: seven megabytes after ten million of them, and then
 * no more. */
#define MOST_KEPT_MORE (8 << 20)
#include "stress.h"

enum {
    CHILDREN = 24,
    /* Calls of one child. */
    BATCH = 100,
    /* What it may take for them, in microseconds. */
    PATIENCE = 100000,
    CALLS_KNOWN = 470,
    OWN_BLOCK = 0x52670000,
    MOST_NAMES = 64,
};

/* Where the children make their files. */
static char place[] = "/tmp/callsXXXXXX";

static char *page, *large;

/* Addresses, sizes, descriptors and flags that have broken kernels before. */
static uint64_t hostile(void)
{
    static const uint64_t words[] = {
        0, 1, 2, 3, 7, 8, 63, 64, 255, 4095, 4096, 4097, 65535, 65536, 1 << 20, 1u << 31,
        0x7fffffff, 0xffffffff, 0x100000000, 0x7fffffffefff, 0x7ffffffff000, 0x800000000000,
        0xffff800000000000, 0xffffffff80000000, 0xfffffffffffff000, 0x7fffffffffffffff,
        0x8000000000000000, -1ull, -2ull, -100ull, -4096ull,
    };
    switch (below(6)) {
    case 0:
        return words[below(sizeof words / sizeof *words)];
    case 1:
        return (uintptr_t)page + below(8192);
    case 2:
        return below(16);
    case 3:
        return 1ull << below(64);
    case 4:
        return (uintptr_t)page + 8192 - below(64);
    default:
        return draw();
    }
}

/* Calls that would end the test rather than the child, or let it outlive its time. */
static int is_left_out(long number)
{
    switch (number) {
    case SYS_exit: case SYS_exit_group: case SYS_reboot: case SYS_kill: case SYS_tkill:
    case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo: case SYS_pause:
    case SYS_fork: case SYS_vfork: case SYS_clone: case SYS_clone3: case SYS_rt_sigsuspend:
    case SYS_pidfd_send_signal: case SYS_alarm: case SYS_setitimer: case SYS_rt_sigaction:
    case SYS_rt_sigprocmask: case SYS_setpriority: case SYS_umount2: case SYS_chroot:
        return 1;
    }
    return 0;
}

/* Messages that are nearly right: one place in them is hostile. */
static void draw_message(uint64_t *message)
{
    uintptr_t room = (uintptr_t)page + 4096;
    const uint64_t right[6] = {room, below(256), room + 1024, below(3), room + 2048, below(3)};
    for (int i = 0; i < 6; i++)
        message[i] = right[i];
    message[below(6)] = hostile();
}

/* A call on channels, most of which get as far as their message. */
static void call_channel(void)
{
    uint64_t *message = (uint64_t *)page + below(256);
    long call = one_in(8) ? 5 + below(3) : 8 + below(2);
    draw_message(message);
    for (int i = 0; i < 8; i++)
        ((int *)(page + 6144))[i] = below(16);
    uint64_t *range = (uint64_t *)(page + 5120);
    for (int i = 0; i < 4; i++)
        range[i] = hostile();
    if (one_in(2)) {
        range[0] = (uintptr_t)large + below(512) * 4096;
        range[1] = (1 << 20) + below(3 << 20);
    }
    syscall(OWN_BLOCK + call, below(16), call > 7 ? (uintptr_t)message : hostile(),
            one_in(4) ? hostile() : below(100000));
}

static _Noreturn void child(unsigned calls)
{
    signal(SIGALRM, SIG_DFL);
    /* Again and again: a call may wait for just this signal. */
    struct timeval patience = {.tv_usec = PATIENCE};
    setitimer(ITIMER_REAL, &(struct itimerval){patience, patience}, NULL);
    page = private_memory(12288);
    mprotect(page + 8192, 4096, PROT_NONE);
    large = private_memory(4 << 20);
    for (int i = 0; i < 3; i++)
        syscall(OWN_BLOCK + 5, 1 + below(4), 0);
    for (int i = 0; i < 1024; i++)
        *(uint64_t *)(page + i * 8) = hostile();
    int nowhere = open("/dev/null", O_RDWR);
    for (int stream = 0; stream < 3; stream++)
        dup2(nowhere, stream);
    if (chdir(place))
        _exit(1);
    for (unsigned call = 0; call < calls; call++) {
        if (one_in(8)) {
            call_channel();
            continue;
        }
        long number = one_in(40) ? OWN_BLOCK + (long)below(64) : (long)below(CALLS_KNOWN);
        if (is_left_out(number))
            continue;
        /* Its own limits only: one of CPU time would end who runs this. */
        uint64_t first = number == SYS_prlimit64 ? 0 : hostile();
        syscall(number, first, hostile(), hostile(), hostile(), hostile(), hostile());
    }
    _exit(0);
}

/* ---- what children leave in the file system */

static char names[MOST_NAMES][256];
static int names_known;

static void know_names(void)
{
    DIR *root = opendir("/");
    check(root != NULL, "/");
    for (struct dirent *entry; (entry = readdir(root)); names_known++) {
        check(names_known < MOST_NAMES, "names");
        strcpy(names[names_known], entry->d_name);
    }
    closedir(root);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    remove(path);
    return 0;
}

static void remove_all(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The children's files; the place itself stays. */
static void empty(const char *path)
{
    remove_all(path);
    check(mkdir(path, 0777) == 0, path);
}

/* An absolute name among the random ones is made in the root. */
static void remove_new_names(void)
{
    DIR *root = opendir("/");
    check(root != NULL, "/");
    for (struct dirent *entry; (entry = readdir(root));) {
        int at = 0;
        while (at < names_known && strcmp(names[at], entry->d_name))
            at++;
        char path[512];
        snprintf(path, sizeof path, "/%s", entry->d_name);
        if (at == names_known)
            remove_all(path);
    }
    closedir(root);
}

/* ---- */

static struct {
    unsigned long children, all_made, killed_waiting, killed_by_fault, killed_otherwise, stopped;
} counts;

static void count_end(int status)
{
    counts.children++;
    if (!WIFSIGNALED(status))
        counts.all_made++;
    else if (WTERMSIG(status) == SIGALRM)
        counts.killed_waiting++;
    else if (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS)
        counts.killed_by_fault++;
    else
        counts.killed_otherwise++;
}

static void make_calls(uint64_t seed, unsigned long calls, int is_told)
{
    unsigned long made = 0, said = 0;
    int running = 0;
    while (made < calls || running > 0) {
        if (made < calls && running < CHILDREN) {
            unsigned batch = calls - made < BATCH ? calls - made : BATCH;
            seed_with(seed * 0x100000001b3 + made);
            made += batch;
            pid_t pid = fork();
            check(pid >= 0, "fork");
            if (pid == 0)
                child(batch);
            running++;
            continue;
        }
        int status;
        pid_t pid = waitpid(-1, &status, WUNTRACED);
        check(pid > 0, "waitpid");
        if (WIFSTOPPED(status)) {
            counts.stopped++;
            kill(pid, SIGKILL);
            continue;
        }
        running--;
        count_end(status);
        if (is_told)
            progress("calls", made, calls, &said);
    }
    empty(place);
    remove_new_names();
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    unsigned long calls = strtoul(words[2], NULL, 10);
    /* What is made once and stays: lists of the kernel's, this program's own pages. */
    know_names();
    check(mkdtemp(place) != NULL && chmod(place, 0777) == 0, place);
    make_calls(~strtoull(words[1], NULL, 10), calls / 100 + BATCH, 0);
    struct standing before = look();
    memset(&counts, 0, sizeof counts);
    make_calls(strtoull(words[1], NULL, 10), calls, 1);
    figure("calls", calls);
    figure("children", counts.children);
    figure("children_all_made", counts.all_made);
    figure("killed_waiting", counts.killed_waiting);
    figure("killed_by_fault", counts.killed_by_fault);
    figure("killed_otherwise", counts.killed_otherwise);
    figure("children_stopped", counts.stopped);
    must_be_back(&before);
    return rmdir(place);
}
