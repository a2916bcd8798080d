/* Damaged programs, from a seed: small sound ELF files whose headers are bent, cut and
 * overlaid, each written to a file and executed.
 *
 * Usage: elf_mutants SEED COUNT [FIRST]
 * Prints a line for each mutant: its number, what came of it, and, after a blank, "strict"
 * where it has damage that Linux does not look for and a kernel may refuse (see
 * `is_strict`). With FIRST, also what the damage is. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"

enum {
    LENGTH = 0x900,
    PATH_AT = 0x3f0,
    CODE = 0x400,
    DATA = 0x800,
    PAGE = 4096,
    HEADERS = 5,
    LARGE = 256 << 20,
};

static const char victim_name[] = "mutant", interpreter_name[] = "interp";

static uint64_t state;
static int is_told;

static uint64_t random_word(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1d;
}

static uint64_t below(uint64_t limit)
{
    return random_word() % limit;
}

static void tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (is_told)
        vprintf(format, arguments);
    va_end(arguments);
}

/* A program that ends with `code` if its data, and the zeros behind them, are right. */
static void build(unsigned char *file, int type, int code, int has_interpreter)
{
    uint64_t base = type == ET_EXEC ? 0x400000 : 0;
    int32_t distance = 0x2000 + DATA - (CODE + 7);
    const unsigned char text[] = {
        0x48, 0x8d, 0x35, distance, distance >> 8, distance >> 16, distance >> 24, /* lea rsi */
        0x8b, 0x3e,                         /* mov edi, [rsi] */
        0x03, 0xbe, 0x80, 0x00, 0x00, 0x00, /* add edi, [rsi + 0x80] */
        0x03, 0xbe, 0x00, 0x10, 0x00, 0x00, /* add edi, [rsi + 0x1000] */
        0xb8, 0xe7, 0x00, 0x00, 0x00,       /* mov eax, exit_group */
        0x0f, 0x05,                         /* syscall */
    };
    Elf64_Ehdr header = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = type,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_entry = base + CODE,
        .e_phoff = sizeof header,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = HEADERS,
    };
    Elf64_Phdr table[HEADERS] = {
        {PT_PHDR, PF_R, 64, base + 64, base + 64, sizeof table, sizeof table, 8},
        {PT_INTERP, PF_R, PATH_AT, base + PATH_AT, base + PATH_AT, 7, 7, 1},
        {PT_LOAD, PF_R | PF_X, 0, base, base, 0x500, 0x500, PAGE},
        {PT_LOAD, PF_R | PF_W, DATA, base + 0x2000 + DATA, base + 0x2000 + DATA, 0x40, 0x2000, PAGE},
        {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16},
    };
    if (!has_interpreter)
        table[1].p_type = PT_NULL;
    /* What is not meant to run ends with a signal. */
    memset(file, 0xf4 /* hlt */, LENGTH);
    memcpy(file, &header, sizeof header);
    memcpy(file + sizeof header, table, sizeof table);
    memcpy(file + PATH_AT, interpreter_name, sizeof interpreter_name);
    memcpy(file + CODE, text, sizeof text);
    memset(file + DATA, 0, 0x40);
    file[DATA] = code;
}

static uint64_t odd_value(const unsigned char *file)
{
    static const uint64_t values[] = {
        0, 1, 2, 7, 56, 64, 0x400, 0x4ff, 0x500, 0x800, LENGTH - 1, LENGTH, LENGTH + 1,
        PAGE - 1, PAGE, PAGE + 1, 0x2000, 0xffff, 0x10000, 0x400000, 0x402800, 0x7fffffff,
        0x80000000, 0xffffffff, 1UL << 32, 1UL << 40, (1UL << 47) - 1, (1UL << 47) - PAGE,
        (1UL << 47) - 2 * PAGE, 1UL << 47, 1UL << 63, (1UL << 63) - 1, -(uint64_t)PAGE,
        -(uint64_t)PAGE - 1, -1UL, 0xffff800000000000,
    };
    uint64_t other;
    if (below(4))
        return values[below(sizeof values / sizeof *values)];
    memcpy(&other, file + 64 + 8 * below(HEADERS * 7), sizeof other);
    return other + below(3) - 1;
}

/* One piece of damage. */
static void bend(unsigned char *file, size_t *length)
{
    static const unsigned int types[] = {PT_NULL, PT_LOAD, PT_LOAD, PT_INTERP, PT_PHDR,
                                         PT_GNU_STACK, PT_DYNAMIC, PT_TLS, 0x7fff};
    const size_t table_end = 64 + HEADERS * sizeof(Elf64_Phdr);
    unsigned char *one = file + 64 + below(HEADERS) * sizeof(Elf64_Phdr);
    unsigned char *other = file + 64 + below(HEADERS) * sizeof(Elf64_Phdr);
    size_t at;
    uint64_t value;
    switch (below(10)) {
    case 0:
        *length = below(LENGTH + 1);
        tell(" cut to %#zx;", *length);
        break;
    case 1:
        at = below(64);
        file[at] ^= 1 << below(8);
        tell(" header byte %zu is %#x;", at, file[at]);
        break;
    case 2:
    case 3:
        at = 64 + below(table_end - 64);
        file[at] ^= 1 << below(8);
        tell(" program header %zu byte %zu is %#x;", (at - 64) / 56, (at - 64) % 56, file[at]);
        break;
    case 4:
        at = below(table_end);
        file[at] = below(256);
        tell(" byte %zu is %#x;", at, file[at]);
        break;
    case 5:
    case 6: /* offset, addresses, sizes, alignment of a program header */
        at = 8 + 8 * below(6);
        value = odd_value(file);
        memcpy(one + at, &value, 8);
        tell(" program header %zu word %zu is %#lx;", (one - file - 64) / 56, at, value);
        break;
    case 7: /* entry, offset of the program headers; or a short field */
        value = odd_value(file);
        if (below(2)) {
            at = 24 + 8 * below(2);
            memcpy(file + at, &value, 8);
        } else {
            static const unsigned char shorts[] = {16, 18, 52, 54, 56, 58};
            at = shorts[below(sizeof shorts)];
            memcpy(file + at, &value, 2);
        }
        tell(" header field %zu is %#lx;", at, value);
        break;
    case 8: {
        unsigned char kept[sizeof(Elf64_Phdr)];
        memcpy(kept, one, sizeof kept);
        memcpy(one, other, sizeof kept);
        if (below(2))
            memcpy(other, kept, sizeof kept);
        tell(" program header %zu takes the place of %zu;", (other - file - 64) / 56,
             (one - file - 64) / 56);
        break;
    }
    case 9:
        value = types[below(sizeof types / sizeof *types)];
        memcpy(one, &value, 4);
        tell(" program header %zu has type %#lx;", (one - file - 64) / 56, value);
        break;
    }
}

/* Damage that Linux does not look for: a wrong class, byte order or version in `e_ident`;
 * segments that lie behind the end of the file, over one another, in descending order,
 * where nobody but root may map, or that are larger than a small machine's memory. And
 * segments that may be executed and not read: CPUs with protection keys can do that. */
static int is_strict(const unsigned char *file, size_t length)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    uint64_t end = 0;
    memcpy(&header, file, sizeof header);
    if (file[4] != ELFCLASS64 || file[5] != ELFDATA2LSB || file[6] != EV_CURRENT)
        return 1;
    for (int i = 0; i < header.e_phnum; i++) {
        uint64_t at = header.e_phoff + i * sizeof segment;
        if (at > LENGTH - sizeof segment)
            break;
        memcpy(&segment, file + at, sizeof segment);
        if (segment.p_type != PT_LOAD)
            continue;
        if (segment.p_offset + segment.p_filesz > length || segment.p_memsz > LARGE)
            return 1;
        if ((segment.p_flags & (PF_R | PF_W | PF_X)) == PF_X)
            return 1;
        if (segment.p_vaddr / PAGE * PAGE < end)
            return 1;
        if (header.e_type == ET_EXEC && segment.p_vaddr < 0x10000)
            return 1;
        end = (segment.p_vaddr + segment.p_memsz + PAGE - 1) / PAGE * PAGE;
    }
    return 0;
}

static void put(const char *name, const unsigned char *file, size_t length)
{
    unlink(name);
    int descriptor = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (write(descriptor, file, length) != (ssize_t)length || close(descriptor)) {
        perror(name);
        exit(1);
    }
}

static volatile int refusal;

static const char *execute(void)
{
    char *const arguments[] = {"mutant", NULL};
    int status;
    refusal = 0;
    pid_t child = vfork();
    if (child == 0) {
        alarm(20);
        execve(victim_name, arguments, arguments + 1);
        refusal = errno;
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("vfork");
        exit(1);
    }
    return refusal ? errno_name(refusal) : ending(status);
}

int main(int count, char **words)
{
    unsigned char victim[LENGTH], interpreter[LENGTH];
    char place[] = "/tmp/mutantsXXXXXX";
    if (count < 3)
        return 2;
    uint64_t seed = strtoul(words[1], NULL, 10);
    long first = count > 3 ? atol(words[3]) : 0, last = first + atol(words[2]);
    is_told = count > 3;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (!mkdtemp(place) || chdir(place))
        return 1;
    for (long number = first; number < last; number++) {
        state = (seed * 1000003 + number + 1) * 0x9e3779b97f4a7c15;
        for (int i = 0; i < 4; i++)
            random_word();
        int kind = below(4), has_interpreter = kind >= 2;
        size_t length = LENGTH, other_length = LENGTH;
        build(victim, kind == 1 ? ET_DYN : ET_EXEC, 42, has_interpreter);
        build(interpreter, ET_DYN, 43, 0);
        tell("%s:", (const char *[]){"fixed", "relocatable", "interpreted", "interpreter"}[kind]);
        /* The first one is sound. */
        for (int left = number % 64 ? 1 + below(3) : 0; left > 0; left--)
            if (kind == 3)
                bend(interpreter, &other_length);
            else
                bend(victim, &length);
        tell("\n");
        put(victim_name, victim, length);
        if (has_interpreter)
            put(interpreter_name, interpreter, other_length);
        else
            unlink(interpreter_name);
        int strict = is_strict(victim, length) ||
                     (has_interpreter && is_strict(interpreter, other_length));
        printf("%ld %s%s\n", number, execute(), strict ? " strict" : "");
    }
    unlink(victim_name);
    unlink(interpreter_name);
    return chdir("/") || rmdir(place);
}
