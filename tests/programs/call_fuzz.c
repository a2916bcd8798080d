/* System calls at random with hostile arguments, from children that are replaced when they
 * die: `call_fuzz SEED CALLS CHILDREN`. Prints a line and ends with 0 when all calls were
 * made; what the calls answer is not looked at. The machine must outlive it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 50, CALLS_KNOWN = 470, OWN_BLOCK = 0x52670000 };

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

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
    switch (draw() % 6) {
    case 0:
        return words[draw() % (sizeof words / sizeof *words)];
    case 1:
        return (uintptr_t)page + draw() % 8192;
    case 2:
        return draw() % 16;
    case 3:
        return 1ull << draw() % 64;
    case 4:
        return (uintptr_t)page + 8192 - draw() % 64;
    default:
        return draw();
    }
}

/* Calls that would end the test rather than the child, or wait for ever by right. */
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
    const uint64_t right[6] = {room, draw() % 256, room + 1024, draw() % 3, room + 2048,
                               draw() % 3};
    for (int i = 0; i < 6; i++)
        message[i] = right[i];
    message[draw() % 6] = hostile();
}

/* A call on channels, most of which get as far as their message. */
static void call_channel(void)
{
    uint64_t *message = (uint64_t *)page + draw() % 256;
    long call = draw() % 8 ? 8 + draw() % 2 : 5 + draw() % 3;
    draw_message(message);
    for (int i = 0; i < 8; i++)
        ((int *)(page + 6144))[i] = draw() % 16;
    uint64_t *range = (uint64_t *)(page + 5120);
    for (int i = 0; i < 4; i++)
        range[i] = hostile();
    if (draw() % 2) {
        range[0] = (uintptr_t)large + draw() % 512 * 4096;
        range[1] = (1 << 20) + draw() % (3 << 20);
    }
    syscall(OWN_BLOCK + call, draw() % 16, call > 7 ? (uintptr_t)message : hostile(),
            draw() % 4 ? draw() % 100000 : hostile());
}

static void child(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(1);
    page = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 8192, 4096, PROT_NONE);
    large = mmap(0, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; i++)
        syscall(OWN_BLOCK + 5, 1 + draw() % 4, 0);
    for (int i = 0; i < 1024; i++)
        *(uint64_t *)(page + i * 8) = hostile();
    if (chdir("/tmp"))
        _exit(1);
    for (int call = 0; call < BATCH; call++) {
        if (draw() % 8 == 0) {
            call_channel();
            continue;
        }
        long number = draw() % 40 == 0 ? OWN_BLOCK + draw() % 64 : draw() % CALLS_KNOWN;
        if (is_left_out(number))
            continue;
        /* Its own limits only: one of CPU time would end who runs this test. */
        uint64_t first = number == SYS_prlimit64 ? 0 : hostile();
        syscall(number, first, hostile(), hostile(), hostile(), hostile(), hostile());
    }
    _exit(0);
}

int main(int count, char **words)
{
    if (count != 4)
        return 2;
    uint64_t seed = strtoull(words[1], 0, 0) * 2 + 1, calls = strtoull(words[2], 0, 0);
    uint64_t made = 0, ended = 0, killed = 0;
    int running = 0, limit = atoi(words[3]);
    while (made < calls || running > 0) {
        if (made < calls && running < limit) {
            made += BATCH;
            state = seed * 0x9e3779b97f4a7c15 + made;
            pid_t pid = fork();
            if (pid == 0)
                child();
            running += pid > 0;
            continue;
        }
        int status;
        if (wait(&status) > 0) {
            running--;
            ended++;
            killed += WIFSIGNALED(status);
        }
    }
    fprintf(stderr, "%llu batches, %llu ended by a signal\n", (unsigned long long)ended,
            (unsigned long long)killed);
    puts("done");
    return 0;
}
