/* What a program finds at its start: System V ABI, AMD64 supplement, 3.4.1 and 3.4.3.
 * Starts itself again, with odd arguments. Built at a fixed address and as a static PIE. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#include "names.h"

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern void _start(void);
extern char **environ;

/* Initialised data that needs a relocation in a position-independent program. */
static const char *volatile words[] = {"first", "second"};
static int zero[5000];

static uint64_t *auxiliary;

static uint64_t value(uint64_t type)
{
    for (uint64_t *pair = auxiliary; pair[0] != AT_NULL; pair += 2)
        if (pair[0] == type)
            return pair[1];
    return (uint64_t)-1;
}

static int has(uint64_t type)
{
    return value(type) != (uint64_t)-1;
}

static const char *yes(int condition)
{
    return condition ? "yes" : "no";
}

static void find_auxiliary(void)
{
    char **variable = environ;
    while (*variable)
        variable++;
    auxiliary = (uint64_t *)(variable + 1);
}

/* The vectors, from the stack as it was at entry. */
static void vectors(char **arguments)
{
    uint64_t *entry = (uint64_t *)arguments - 1;
    char **variable = arguments;
    int adjacent = 1, count = 0;
    while (variable[0]) {
        adjacent &= !variable[1] || variable[0] + strlen(variable[0]) + 1 == variable[1];
        variable++;
        count++;
    }
    printf("aligned to 16: %s, count %d as counted: %s\n", yes((uintptr_t)entry % 16 == 0), count,
           yes((int)*entry == count));
    variable++;
    printf("environment follows: %s\n", yes(variable == environ));
    printf("strings adjoin: %s, the environment's: %s\n", yes(adjacent),
           yes(!arguments[0] || !variable[0] ||
               arguments[count - 1] + strlen(arguments[count - 1]) + 1 == variable[0]));
}

static void auxiliaries(void)
{
    unsigned eax, ebx, ecx, edx = 0;
    const Elf64_Ehdr *header = &__ehdr_start;
    const char *name = (char *)value(AT_EXECFN);
    const char *platform = (char *)value(AT_PLATFORM);
    printf("AT_PHDR is right: %s, AT_PHENT %d, AT_PHNUM is right: %s\n",
           yes(value(AT_PHDR) == (uintptr_t)header + header->e_phoff), (int)value(AT_PHENT),
           yes(value(AT_PHNUM) == header->e_phnum));
    printf("AT_ENTRY is right: %s, AT_BASE %d, AT_FLAGS %d\n",
           yes(value(AT_ENTRY) == (uintptr_t)_start), (int)value(AT_BASE), (int)value(AT_FLAGS));
    printf("AT_PAGESZ %d, AT_CLKTCK %d, AT_SECURE %d\n", (int)value(AT_PAGESZ),
           (int)value(AT_CLKTCK), (int)value(AT_SECURE));
    printf("AT_UID %d, AT_EUID %d, AT_GID %d, AT_EGID %d\n", (int)value(AT_UID),
           (int)value(AT_EUID), (int)value(AT_GID), (int)value(AT_EGID));
    printf("AT_EXECFN %s\n", strrchr(name, '/') ? strrchr(name, '/') : name);
    printf("AT_PLATFORM %s\n", platform);
    __get_cpuid(1, &eax, &ebx, &ecx, &edx);
    printf("AT_HWCAP is CPUID's: %s\n", yes(has(AT_HWCAP) && (uint32_t)value(AT_HWCAP) == edx));
    printf("AT_RANDOM: %s\n", yes(has(AT_RANDOM) && value(AT_RANDOM) > 4096));
}

static void image(void)
{
    int sum = 0;
    for (unsigned i = 0; i < sizeof zero / sizeof *zero; i++)
        sum += zero[i];
    printf("data: %s %s, zeros: %d\n", words[0], words[1], sum);
}

static int start_again(char *const *arguments, char *const *variables)
{
    int status;
    fflush(stdout);
    if (fork() == 0) {
        execve("/proc/self/exe", arguments, variables);
        printf("execve: %s\n", errno_name(errno));
        fflush(stdout);
        _exit(1);
    }
    wait(&status);
    printf("-- %s\n", ending(status));
    return status;
}

/* What the program writes that is started again with this one argument. */
static void ask(const char *what, void *to, size_t size)
{
    int ends[2];
    if (pipe(ends))
        exit(1);
    if (fork() == 0) {
        dup2(ends[1], 1);
        execl("/proc/self/exe", "stack", what, NULL);
        _exit(1);
    }
    wait(NULL);
    if (read(ends[0], to, size) != (ssize_t)size)
        exit(1);
}

static void differs_from_start_to_start(void)
{
    char bytes[2][16];
    for (int i = 0; i < 2; i++)
        ask("random", bytes[i], 16);
    printf("AT_RANDOM differs from start to start: %s\n", yes(memcmp(bytes[0], bytes[1], 16)));
}

/* The break, the stack, a mapping, and what kind of process it is. */
struct addresses {
    uintptr_t heap, stack, mapping;
    int personality;
};

static int tell_addresses(void)
{
    struct addresses found = {(uintptr_t)sbrk(0), (uintptr_t)&found, 0, personality(0xffffffff)};
    found.mapping = (uintptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return fwrite(&found, sizeof found, 1, stdout) != 1;
}

static void addresses_differ_unless_asked_for(void)
{
    for (int fixed = 0; fixed <= ADDR_NO_RANDOMIZE; fixed += ADDR_NO_RANDOMIZE) {
        struct addresses first, other;
        int before = personality(fixed);
        ask("addresses", &first, sizeof first);
        int differ = 0;
        /* Once they may be drawn alike. */
        for (int i = 0; i < 5; i++) {
            ask("addresses", &other, sizeof other);
            differ |= (first.heap != other.heap) | (first.stack != other.stack) << 1 |
                      (first.mapping != other.mapping) << 2;
        }
        printf("personality %x after %x, %x in a program; what differs: %x\n", fixed, before,
               first.personality, differ);
    }
    printf("and back: %x\n", personality(0));
}

int main(int count, char **arguments)
{
    find_auxiliary();
    if (count > 1 && strcmp(arguments[1], "random") == 0)
        return fwrite((char *)value(AT_RANDOM), 1, 16, stdout) != 16;
    if (count > 1 && strcmp(arguments[1], "addresses") == 0)
        return tell_addresses();
    vectors(arguments);
    auxiliaries();
    image();
    for (int i = 0; i < count && i < 5; i++)
        printf("argument %d: %.20s, %zu bytes\n", i, i ? arguments[i] : "(name)",
               i ? strlen(arguments[i]) : 0);
    for (int i = 0; environ[i] && i < 5; i++)
        printf("variable %d: %.20s\n", i, environ[i]);
    if (!getenv("PROGRAM"))
        return 0; /* started by ourselves */

    char *none[] = {NULL}, *odd[] = {"", "", "a b", "\xff\xfe", "x", NULL};
    char *variables[] = {"A=1", "no equals sign", "A=2", "", NULL};
    puts("-- odd arguments");
    start_again(odd, variables);
    puts("-- none at all");
    start_again(none, none);
    puts("-- many");
    char **many = calloc(3002, sizeof *many);
    for (int i = 0; i < 3001; i++)
        many[i] = "argument";
    start_again(many, none);
    puts("-- long");
    char *text = calloc(1, 131072), *large[] = {"x", text, NULL};
    memset(text, 'l', 131071);
    start_again(large, none);
    puts("-- too long");
    text = calloc(1, 131073);
    large[1] = text;
    memset(text, 'l', 131072);
    start_again(large, none);
    puts("-- too much");
    text[131071] = 0;
    for (int i = 1; i < 64; i++)
        many[i] = text;
    start_again(many, none);
    differs_from_start_to_start();
    addresses_differ_unless_asked_for();
    return 0;
}
