/* The registers that a thread finds again: x87, SSE, AVX and the general ones, through
 * preemption, system calls, signals whose handlers use them all, fork and new threads.
 *
 * More threads than cores hold their own values at once. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "names.h"

enum { ROUNDS = 60, SPINS = 200000, NO_CALL = -1, THREADS_PER_CORE = 3 };

/* What is loaded before, and stored after. */
struct state {
    unsigned char vectors[16][32];
    uint64_t general[6]; /* rbx, rbp, r12 to r15 */
    uint64_t x87;        /* an integer, exact in an 80-bit float */
    uint32_t mxcsr;
    uint16_t control;
};

static int has_avx;

static void find_avx(void)
{
    unsigned eax, ebx, ecx, edx, low, high;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_AVX))
        return;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    has_avx = (low & 6) == 6;
}

/* Loads `in`, makes a system call if its number is not negative, spins, and stores what
 * is in the registers then to `out`; the system call's result. All in assembly: the
 * compiler has nothing to say in between. */
long hold_sse(const struct state *in, struct state *out, long number, long spins);
long hold_avx(const struct state *in, struct state *out, long number, long spins);

/* clang-format off */
#define EACH(do_) \
    do_(0) do_(1) do_(2) do_(3) do_(4) do_(5) do_(6) do_(7) \
    do_(8) do_(9) do_(10) do_(11) do_(12) do_(13) do_(14) do_(15)
#define LOAD_SSE(n) "movdqu " #n "*32(%rdi), %xmm" #n "\n"
#define STORE_SSE(n) "movdqu %xmm" #n ", " #n "*32(%rsi)\n"
#define LOAD_AVX(n) "vmovdqu " #n "*32(%rdi), %ymm" #n "\n"
#define STORE_AVX(n) "vmovdqu %ymm" #n ", " #n "*32(%rsi)\n"
#define HOLD(name, load, store) \
    __asm__(".text\n.globl " name "\n.type " name ", @function\n" name ":\n" \
        "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n" \
        "push %rdi\npush %rsi\n" \
        "sub $16, %rsp\nstmxcsr (%rsp)\nfnstcw 4(%rsp)\n" \
        EACH(load) \
        "ldmxcsr 568(%rdi)\nfldcw 572(%rdi)\nfildll 560(%rdi)\n" \
        "mov 512(%rdi), %rbx\nmov 520(%rdi), %rbp\nmov 528(%rdi), %r12\n" \
        "mov 536(%rdi), %r13\nmov 544(%rdi), %r14\nmov 552(%rdi), %r15\n" \
        "mov %rdx, %rax\nmov %rcx, %rdx\n" \
        "test %rax, %rax\njs 1f\n" \
        "push %rdi\npush %rsi\npush %rdx\n" \
        "xor %edi, %edi\nxor %esi, %esi\nxor %edx, %edx\nxor %r10d, %r10d\n" \
        "syscall\n" \
        "pop %rdx\npop %rsi\npop %rdi\n" \
        "1: dec %rdx\njns 1b\n" \
        EACH(store) \
        "stmxcsr 568(%rsi)\nfnstcw 572(%rsi)\nfistpll 560(%rsi)\n" \
        "mov %rbx, 512(%rsi)\nmov %rbp, 520(%rsi)\nmov %r12, 528(%rsi)\n" \
        "mov %r13, 536(%rsi)\nmov %r14, 544(%rsi)\nmov %r15, 552(%rsi)\n" \
        "ldmxcsr (%rsp)\nfldcw 4(%rsp)\nadd $16, %rsp\n" \
        "pop %rsi\npop %rdi\n" \
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n")
/* clang-format on */
_Static_assert(offsetof(struct state, general) == 512, "as in HOLD");
_Static_assert(offsetof(struct state, x87) == 560, "as in HOLD");
_Static_assert(offsetof(struct state, mxcsr) == 568, "as in HOLD");
_Static_assert(offsetof(struct state, control) == 572, "as in HOLD");
HOLD("hold_sse", LOAD_SSE, STORE_SSE);
HOLD("hold_avx", LOAD_AVX, STORE_AVX);

static void fill(struct state *state, unsigned seed)
{
    memset(state, 0, sizeof *state);
    for (int i = 0; i < 16; i++)
        for (int byte = 0; byte < (has_avx ? 32 : 16); byte++)
            state->vectors[i][byte] = (unsigned char)(seed * 37 + i * 16 + byte);
    for (int i = 0; i < 6; i++)
        state->general[i] = seed * 0x9e3779b97f4a7c15 + i;
    state->x87 = 1000000007ULL * seed;
    /* All exceptions masked; rounding and flush-to-zero are each thread's own. */
    state->mxcsr = 0x1f80 | (seed % 4) << 13 | (seed / 4 % 2) << 15;
    state->control = 0x37f | (seed % 4) << 10;
}

static long hold(const struct state *in, struct state *out, long number, long spins)
{
    memset(out, 0, sizeof *out);
    return (has_avx ? hold_avx : hold_sse)(in, out, number, spins);
}

/* Whether all of it is found again. */
static int is_kept(unsigned seed, long number, long spins, long *result)
{
    struct state in, out;
    fill(&in, seed);
    long got = hold(&in, &out, number, spins);
    if (result)
        *result = got;
    return memcmp(&in, &out, sizeof in) == 0;
}

static volatile int handled;
static pthread_t preempted[512];

/* Leaves nothing in the registers as it was, but for what the C ABI keeps. */
static void spoil(int number)
{
    (void)number;
    is_kept(12345 + (unsigned)handled++, NO_CALL, 0, NULL);
    __asm__ volatile("fninit" ::: "st");
}

static void *work(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    uintptr_t bad = 0;
    for (int round = 0; round < ROUNDS; round++) {
        bad += !is_kept(seed + round, NO_CALL, SPINS, NULL);
        bad += !is_kept(seed + round, SYS_sched_yield, 100, NULL);
        bad += !is_kept(seed + round, SYS_getppid, 0, NULL);
    }
    return (void *)bad;
}

static void many_threads(void)
{
    int count = (int)sysconf(_SC_NPROCESSORS_ONLN) * THREADS_PER_CORE;
    uintptr_t bad = 0;
    if (count > 512)
        count = 512;
    for (int i = 0; i < count; i++)
        pthread_create(&preempted[i], NULL, work, (void *)(uintptr_t)(i * 101 + 1));
    /* Signals, on top of preemption. */
    for (int i = 0; i < 20 * count; i++) {
        pthread_kill(preempted[i % count], SIGUSR1);
        if (i % count == 0)
            usleep(1000);
    }
    for (int i = 0; i < count; i++) {
        void *result;
        pthread_join(preempted[i], &result);
        bad += (uintptr_t)result;
    }
    printf("threads that are preempted, yield and are signalled: %d wrong, handlers ran: %s\n",
           (int)bad, handled ? "yes" : "no");
}

static void own_signal(void)
{
    int bad = 0;
    struct itimerval often = {{0, 500}, {0, 500}}, never = {0};
    handled = 0;
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 100 || (handled <= 10 && i < 100000); i++)
        bad += !is_kept(i, NO_CALL, SPINS / 4, NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    printf("a timer's signals: %d wrong, handlers ran: %s\n", bad, handled > 10 ? "yes" : "no");
}

static void forks(void)
{
    int bad = 0;
    for (unsigned i = 0; i < 8; i++) {
        long child;
        int status, right = is_kept(77 + i, SYS_fork, 10000, &child);
        if (child == 0)
            _exit(right ? 42 : 1);
        waitpid((pid_t)child, &status, 0);
        bad += !right + (status != 42 << 8);
    }
    printf("parent and child after fork: %d wrong\n", bad);
}

static uint32_t mxcsr(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static uint16_t control(void)
{
    uint16_t value;
    __asm__ volatile("fnstcw %0" : "=m"(value));
    return value;
}

static void *tell_modes(void *argument)
{
    (void)argument;
    return (void *)(uintptr_t)(mxcsr() << 16 | control());
}

static void new_threads(void)
{
    void *seen;
    uint32_t special = 0x7f80, usual = mxcsr();
    uint16_t special_control = 0xf7f, usual_control = control();
    pthread_t thread;
    __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(special), "m"(special_control));
    pthread_create(&thread, NULL, tell_modes, NULL);
    pthread_join(thread, &seen);
    __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(usual), "m"(usual_control));
    printf("a new thread's modes: %lx\n", (unsigned long)(uintptr_t)seen);
}

/* The direction flag: clear in a handler, and the interrupted code's own again after. */
static volatile long flags_in_handler;

static void look(int number)
{
    (void)number;
    flags_in_handler = (long)__builtin_ia32_readeflags_u64();
}

static void direction(void)
{
    long flags, process = getpid(), thread = syscall(SYS_gettid);
    signal(SIGUSR2, look);
    __asm__ volatile("std; syscall; pushf; pop %0; cld"
                     : "=&r"(flags)
                     : "a"(SYS_tgkill), "D"(process), "S"(thread), "d"(SIGUSR2)
                     : "rcx", "r11", "memory", "cc");
    printf("the direction flag: %s in the handler, %s after\n",
           flags_in_handler & 0x400 ? "set" : "clear", flags & 0x400 ? "set" : "clear");
}

/* A new program starts with the ABI's modes, whatever the old one had. */
static void new_program(void)
{
    fflush(stdout);
    if (fork() == 0) {
        uint32_t special = 0x7f80;
        uint16_t special_control = 0xf7f;
        __asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(special), "m"(special_control));
        execl("/proc/self/exe", "registers", "modes", NULL);
        _exit(1);
    }
    wait(NULL);
}

int main(int count, char **arguments)
{
    if (count > 1) {
        printf("a new %s's %s: %x %x\n", "program", arguments[1], mxcsr(), control());
        return 0;
    }
    find_avx();
    signal(SIGUSR1, spoil);
    signal(SIGALRM, spoil);
    many_threads();
    own_signal();
    forks();
    new_threads();
    direction();
    new_program();
    return 0;
}
