/* Random bytes at the terminal, among them all that it does something about, while programs read
 * it in every mode, write to it and compute; whoever is ended by a key is replaced. It goes on
 * until a line says "the end". See stress.h for what it prints, on standard output, which is no
 * terminal.
 *
 * Arguments: seed, kibibytes (that are typed). */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "stress.h"

enum {
    TERMINAL = 0,
    /* Bytes after which a reader gives its place to another. */
    BYTES_OF_A_READER = 4 << 10,
    /* Microseconds that somebody who does not read may have. */
    MOST_MICROS = 20000,
};

enum kind {
    LINES,     /* reads lines */
    RAW,       /* reads bytes, and no key has a meaning */
    CBREAK,    /* reads bytes, and keys send signals */
    TIMED,     /* reads bytes with a time limit between them */
    WRITER,    /* reads lines and writes them back */
    COMPUTING, /* reads nothing */
    STOPPED,   /* is in the background, and reads all the same */
    KINDS,
};

static const char *const kind_names[] = {
    "lines", "raw", "cbreak", "timed", "writer", "computing", "background",
};

static struct counts {
    unsigned long lives, kinds[KINDS], bytes, ends_of_file, interrupted, quit, stopped, timed_out;
    int is_over;
} *counts;

static struct termios plain;

/* Looks for the last line in what was read, piece by piece. */
static void look_for_the_end(const char *bytes, ssize_t length)
{
    static const char last[] = "the end\n";
    static unsigned matched;
    for (ssize_t at = 0; at < length; at++) {
        char byte = bytes[at] == '\r' ? '\n' : bytes[at];
        matched = byte == last[matched] ? matched + 1 : byte == last[0];
        if (matched == sizeof last - 1)
            counts->is_over = 1;
        matched %= sizeof last - 1;
    }
}

static void set_mode(enum kind kind)
{
    struct termios mode = plain;
    mode.c_lflag &= ~(ECHO | ECHOCTL);
    if (one_in(8))
        mode.c_lflag |= ECHO | ECHOCTL;
    if (one_in(4))
        mode.c_lflag |= NOFLSH;
    if (one_in(4))
        mode.c_iflag &= ~(IXON | ICRNL);
    if (kind == RAW)
        cfmakeraw(&mode);
    if (kind == CBREAK || kind == TIMED)
        mode.c_lflag &= ~ICANON;
    mode.c_cc[VMIN] = kind == TIMED ? below(3) : 1;
    mode.c_cc[VTIME] = kind == TIMED ? 1 : 0;
    while (tcsetattr(TERMINAL, TCSANOW, &mode) < 0)
        check(errno == EINTR, "tcsetattr");
}

static _Noreturn void live(enum kind kind)
{
    static const int keys[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    char bytes[4096];
    setpgid(0, 0);
    /* Its parent does the same: whoever comes first. */
    if (kind != STOPPED)
        tcsetpgrp(TERMINAL, getpid());
    set_mode(kind);
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
        signal(keys[i], SIG_DFL);
    struct itimerval patience = {.it_value.tv_usec = 1 + below(MOST_MICROS)};
    signal(SIGALRM, SIG_DFL);
    if (kind == COMPUTING || kind == STOPPED)
        setitimer(ITIMER_REAL, &patience, NULL);
    while (kind == COMPUTING)
        ;
    for (ssize_t left = 1 + below(BYTES_OF_A_READER); left > 0;) {
        size_t size = 1 + below(sizeof bytes);
        ssize_t length = read(TERMINAL, bytes, size);
        if (length == 0 && kind != TIMED)
            _exit(3);
        if (length < 0 || (length == 0 && kind == TIMED))
            _exit(length < 0 ? 4 : 0);
        check((size_t)length <= size, "more was read than asked for");
        __atomic_fetch_add(&counts->bytes, length, __ATOMIC_RELAXED);
        look_for_the_end(bytes, length);
        left -= length;
        if (counts->is_over)
            break;
        if (kind == WRITER && write(TERMINAL, bytes, length) < 0)
            check(errno == EINTR || errno == EIO, "write");
    }
    _exit(0);
}

static void count_end(int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        counts->timed_out++;
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT)
        counts->interrupted++;
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT)
        counts->quit++;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        counts->ends_of_file++;
    else if (!(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 4))) {
        printf("WRONG: a program ended with %#x\n", status);
        exit(1);
    }
}

int main(int count, char **words)
{
    static const int ignored[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    if (count != 3)
        return 2;
    unsigned long expected = strtoul(words[2], NULL, 10) << 10, said = 0;
    for (unsigned i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    check(tcgetattr(TERMINAL, &plain) == 0, "standard input is no terminal");
    counts = shared_memory(sizeof *counts);
    seed_with(strtoull(words[1], NULL, 10));
    struct standing before = look();
    /* Nobody types before. */
    figure("kibibytes", strtoul(words[2], NULL, 10));
    while (!counts->is_over) {
        enum kind kind = below(KINDS);
        uint64_t seed = draw();
        fflush(stdout);
        pid_t pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0) {
            seed_with(seed);
            live(kind);
        }
        setpgid(pid, pid);
        tcsetpgrp(TERMINAL, kind == STOPPED ? getpgrp() : pid);
        counts->lives++;
        counts->kinds[kind]++;
        int status;
        while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
            counts->stopped++;
            /* Who reads in the background is stopped again and again. */
            kill(pid, kind == STOPPED ? SIGKILL : SIGCONT);
            if (kind != STOPPED)
                continue;
            check(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL, "a kill");
            status = 0;
            break;
        }
        count_end(status);
        progress("bytes read", counts->bytes, expected, &said);
    }
    tcsetpgrp(TERMINAL, getpgrp());
    check(tcsetattr(TERMINAL, TCSAFLUSH, &plain) == 0, "tcsetattr");
    figure("programs", counts->lives);
    for (int kind = 0; kind < KINDS; kind++) {
        char name[64];
        snprintf(name, sizeof name, "made_%s", kind_names[kind]);
        figure(name, counts->kinds[kind]);
    }
    figure("bytes_read", counts->bytes);
    figure("ends_of_file", counts->ends_of_file);
    figure("interrupted", counts->interrupted);
    figure("quit", counts->quit);
    figure("stopped", counts->stopped);
    figure("out_of_time", counts->timed_out);
    must_be_back(&before);
    return 0;
}
