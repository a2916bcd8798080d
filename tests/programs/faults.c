/* Every class of fault that a program can cause, each in a child of its own: how the
 * child ends, what a handler is told, and that a handler can put things right.
 *
 * Prints no addresses: the output is the same wherever the kernel is right. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "names.h"

enum { PAGE = 4096 };
#define KERNEL_ADDRESS 0xffffffff80000000
#define NON_CANONICAL 0x0123456789abcdef

typedef void function(void);

/* The address that the fault should be reported at. */
static volatile uintptr_t expected;

static char *pages(int count, int protection)
{
    char *place = mmap(NULL, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        _exit(99);
    return place;
}

static void read_at(uintptr_t address)
{
    expected = address;
    (void)*(volatile char *)address;
}

static void write_at(uintptr_t address)
{
    expected = address;
    *(volatile char *)address = 1;
}

static void jump_to(uintptr_t address)
{
    expected = address;
    ((function *)address)();
}

static void null_read(void) { read_at(0); }
static void null_write(void) { write_at(0); }
static void null_jump(void) { jump_to(0); }
static void text_write(void) { write_at((uintptr_t)null_read); }
static void constant_write(void) { write_at((uintptr_t) "constant"); }
static void read_only_write(void) { write_at((uintptr_t)pages(1, PROT_READ)); }
static void kernel_read(void) { read_at(KERNEL_ADDRESS); }
static void kernel_write(void) { write_at(KERNEL_ADDRESS); }
static void kernel_jump(void) { jump_to(KERNEL_ADDRESS); }
static void kernel_half_read(void) { read_at(0xffff800000000000); }
static void last_byte_read(void) { read_at(UINTPTR_MAX); }
static void above_user_read(void) { read_at(0x00007ffffffff000); }
static void non_canonical_read(void) { read_at(NON_CANONICAL); }
static void non_canonical_write(void) { write_at(NON_CANONICAL); }
static void non_canonical_jump(void) { jump_to(NON_CANONICAL); }

static void data_jump(void)
{
    char *code = pages(1, PROT_READ | PROT_WRITE);
    *code = (char)0xc3; /* ret */
    jump_to((uintptr_t)code);
}

static void stack_jump(void)
{
    volatile unsigned char code = 0xc3;
    jump_to((uintptr_t)&code);
}

static void none_read(void) { read_at((uintptr_t)pages(1, PROT_NONE)); }

static void protected_read(void)
{
    char *place = pages(3, PROT_READ | PROT_WRITE);
    memset(place, 1, 3 * PAGE);
    mprotect(place + PAGE, PAGE, PROT_NONE);
    read_at((uintptr_t)place + PAGE + 7);
}

static void unmapped_read(void)
{
    char *place = pages(3, PROT_READ | PROT_WRITE);
    memset(place, 1, 3 * PAGE);
    munmap(place + PAGE, PAGE);
    read_at((uintptr_t)place + PAGE + 7);
}

/* A file of that size, mapped with one page too many. */
static char *file_pages(int *file, int pages_in_file)
{
    char name[] = "/tmp/faultsXXXXXX";
    *file = mkstemp(name);
    unlink(name);
    if (*file < 0 || ftruncate(*file, pages_in_file * PAGE - 100))
        _exit(99);
    char *place =
        mmap(NULL, (pages_in_file + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
    if (place == MAP_FAILED)
        _exit(99);
    return place;
}

static void past_file_read(void)
{
    int file;
    char *place = file_pages(&file, 1);
    if (place[PAGE - 1] != 0)
        _exit(98);
    read_at((uintptr_t)place + PAGE);
}

static void past_file_write(void)
{
    int file;
    write_at((uintptr_t)file_pages(&file, 1) + PAGE);
}

static void truncated_read(void)
{
    int file;
    char *place = file_pages(&file, 2);
    place[PAGE] = 1;
    if (ftruncate(file, 100))
        _exit(99);
    read_at((uintptr_t)place + PAGE);
}

static void divide(void)
{
    volatile int zero = 0, one = 1;
    one = one / zero;
}

static void divide_overflow(void)
{
    volatile int least = INT32_MIN, minus = -1;
    least = least / minus;
}

static void divide_x87(void)
{
    unsigned short control = 0x037b; /* all masked but division by zero */
    __asm__ volatile("fldcw %0; fldz; fld1; fdivp; fwait" ::"m"(control));
}

static void undefined(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void single_step(void)
{
    __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "memory", "cc");
}
static void halt(void) { __asm__ volatile("hlt"); }
static void interrupts_off(void) { __asm__ volatile("cli"); }
static void interrupts_on(void) { __asm__ volatile("sti"); }
static void port_in(void) { __asm__ volatile("inb $0x80, %%al" ::: "rax"); }
static void port_out(void) { __asm__ volatile("outb %%al, $0xf4" ::"a"(0)); }
static void read_control(void) { __asm__ volatile("mov %%cr0, %%rax" ::: "rax"); }
static void write_control(void) { __asm__ volatile("mov %0, %%cr3" ::"r"(0L)); }
static void read_debug(void) { __asm__ volatile("mov %%dr7, %%rax" ::: "rax"); }
static void read_msr(void) { __asm__ volatile("rdmsr" ::"c"(0x1b) : "rax", "rdx"); }
static void write_msr(void) { __asm__ volatile("wrmsr" ::"c"(0xc0000082), "a"(0), "d"(0)); }
static void swap_gs(void) { __asm__ volatile("swapgs"); }
static void system_return(void) { __asm__ volatile("sysretq" ::"c"(0)); }
static void interrupt_return(void)
{
    __asm__ volatile("push $0; push $0; push $0; push $0x10; push $0; iretq");
}
static void load_descriptors(void)
{
    static const char table[10];
    __asm__ volatile("lidt %0" ::"m"(table));
}
static void load_segment(void) { __asm__ volatile("mov %0, %%ds" ::"r"(0x10)); }
static void invalidate(void) { __asm__ volatile("invlpg (%0)" ::"r"(0L)); }
static void page_fault_gate(void) { __asm__ volatile("int $14"); }
static void double_fault_gate(void) { __asm__ volatile("int $8"); }
static void misaligned_vector(void)
{
    static char place[32] __attribute__((aligned(16)));
    __asm__ volatile("movaps %%xmm0, (%0)" ::"r"(place + 1) : "memory");
}
static void kernel_stack_pointer(void)
{
    __asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(KERNEL_ADDRESS + PAGE));
}
static void undefined_without_stack(void)
{
    __asm__ volatile("mov %0, %%rsp; ud2" ::"r"(KERNEL_ADDRESS));
}

static int recurse(int depth)
{
    volatile char frame[2048];
    frame[0] = (char)depth;
    return depth == 1 << 20 ? 0 : recurse(depth + 1) + frame[0];
}

static void overflow(void)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_STACK, &limit);
    recurse(0);
}

static void blocked_fault(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    null_write();
}

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    null_write();
}

static void return_to(int number) { (void)number; }

static void overflow_with_handler_on_the_same_stack(void)
{
    signal(SIGSEGV, return_to);
    overflow();
}

static const struct {
    const char *name;
    function *act;
} faults[] = {
    {"read at NULL", null_read},
    {"write at NULL", null_write},
    {"jump to NULL", null_jump},
    {"write to the text", text_write},
    {"write to a constant", constant_write},
    {"write to a read-only mapping", read_only_write},
    {"read of a kernel address", kernel_read},
    {"write to a kernel address", kernel_write},
    {"jump to a kernel address", kernel_jump},
    {"read of the kernel half's first byte", kernel_half_read},
    {"read of the last byte", last_byte_read},
    {"read of the user half's last page", above_user_read},
    {"read of a non-canonical address", non_canonical_read},
    {"write to a non-canonical address", non_canonical_write},
    {"jump to a non-canonical address", non_canonical_jump},
    {"jump to data", data_jump},
    {"jump to the stack", stack_jump},
    {"read of a page without rights", none_read},
    {"read after mprotect took the rights", protected_read},
    {"read after munmap", unmapped_read},
    {"read past the end of a mapped file", past_file_read},
    {"write past the end of a mapped file", past_file_write},
    {"read after the file was truncated", truncated_read},
    {"integer division by zero", divide},
    {"integer division overflow", divide_overflow},
    {"x87 division by zero, unmasked", divide_x87},
    {"ud2", undefined},
    {"int3", breakpoint},
    {"trap flag", single_step},
    {"hlt", halt},
    {"cli", interrupts_off},
    {"sti", interrupts_on},
    {"in", port_in},
    {"out", port_out},
    {"mov from cr0", read_control},
    {"mov to cr3", write_control},
    {"mov from dr7", read_debug},
    {"rdmsr", read_msr},
    {"wrmsr", write_msr},
    {"swapgs", swap_gs},
    {"sysret", system_return},
    {"iret to ring 0", interrupt_return},
    {"lidt", load_descriptors},
    {"the kernel's data segment", load_segment},
    {"invlpg", invalidate},
    {"int 14", page_fault_gate},
    {"int 8", double_fault_gate},
    {"movaps off its alignment", misaligned_vector},
    {"push on a kernel stack", kernel_stack_pointer},
    {"ud2 with a kernel stack pointer", undefined_without_stack},
    {"stack overflow", overflow},
    {"write at NULL, all signals blocked", blocked_fault},
    {"write at NULL, signal ignored", ignored_fault},
    {"stack overflow, handler on the same stack", overflow_with_handler_on_the_same_stack},
};

enum { FAULTS = sizeof faults / sizeof *faults };

/* Says what it was told, and where it runs. */
static void report(int number, siginfo_t *info, void *context)
{
    char text[200], here;
    stack_t stack;
    uintptr_t address = (uintptr_t)info->si_addr;
    const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    sigaltstack(NULL, &stack);
    int is_on = &here >= (char *)stack.ss_sp && &here < (char *)stack.ss_sp + stack.ss_size;
    int length = snprintf(text, sizeof text, "%s code %d, address %s, alternate stack %s%s\n",
                          signal_name(number), info->si_code,
                          address == expected                                ? "as expected"
                          : address == 0                                     ? "zero"
                          : address == (uintptr_t)registers[REG_RIP]         ? "the instruction"
                          : address - (uintptr_t)registers[REG_RSP] + PAGE < 2 * PAGE
                              ? "at the stack pointer"
                              : "another",
                          is_on ? "yes" : "no",
                          stack.ss_flags & SS_ONSTACK ? ", on it" : "");
    _exit(write(1, text, length) == length ? 42 : 97);
}

static void handle_all(void (*handler)(int, siginfo_t *, void *))
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_size = 64 * 1024};
    stack.ss_sp = pages(16, PROT_READ | PROT_WRITE);
    sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

static void in_children(int with_handler)
{
    for (int i = 0; i < FAULTS; i++) {
        int status;
        printf("%s: ", faults[i].name);
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            expected = 1;
            if (with_handler)
                handle_all(report);
            faults[i].act();
            _exit(0);
        }
        waitpid(child, &status, 0);
        printf("%s\n", ending(status));
    }
}

static sigjmp_buf point;
static char *repaired;
static volatile int repairs;

static void jump_back(int number, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    siglongjmp(point, number);
}

static void repair(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    repairs++;
    mprotect((char *)((uintptr_t)info->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE);
}

int main(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    in_children(0);
    puts("-- with a handler");
    in_children(1);

    puts("-- and the process goes on");
    handle_all(jump_back);
    for (int i = 0; i < 3; i++) {
        int number = sigsetjmp(point, 1);
        if (number == 0)
            null_write();
        printf("jumped back from %s\n", signal_name(number));
    }
    handle_all(repair);
    repaired = pages(8, PROT_NONE);
    for (int i = 0; i < 8; i++)
        repaired[i * PAGE] = (char)i;
    printf("%d pages repaired by their handler, the last holds %d\n", repairs,
           repaired[7 * PAGE]);
    return 0;
}
