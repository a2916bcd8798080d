/* The first process of a machine that measures: runs commands one after another.
 *
 *   bench_run SECONDS COMMAND [WORD...] [, COMMAND [WORD...]]...
 *
 * A command that fails, or takes longer than SECONDS, is a line `! WHY COMMAND WORD...`
 * among the output, and the others are run all the same; the end is then status 1. */
#define _GNU_SOURCE
#include <signal.h>

#include "bench.h"
#include "roentgen.h"

static volatile pid_t running;

static void end_group(int signal)
{
    (void)signal;
    kill(-running, SIGKILL);
}

static int is_comma(const char *word)
{
    return !strcmp(word, ",");
}

/* Runs one command as a process group; whether it ended well. */
static int run(char **words, unsigned seconds)
{
    extern char **environ;
    int status, gate[2];
    must(pipe(gate) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        char byte;
        setpgid(0, 0);
        close(gate[1]);
        /* Until it was granted what it may use. */
        while (read(gate[0], &byte, 1) > 0)
            ;
        close(gate[0]);
        execve(words[0], words, environ);
        _exit(127);
    }
    running = child;
    setpgid(child, child);
    /* The first process can give that; on another kernel it is ENOSYS. */
    int pidfd = syscall(SYS_pidfd_open, child, 0);
    if (pidfd >= 0) {
        syscall(RG_GRANT, pidfd, GRANT_DEVICES | GRANT_INHERIT);
        close(pidfd);
    }
    close(gate[0]);
    close(gate[1]);
    alarm(seconds);
    while (waitpid(child, &status, 0) != child)
        ;
    int is_late = alarm(0) == 0;
    /* What the command left behind must not disturb the next one. */
    kill(-child, SIGKILL);
    if (status == 0)
        return 1;
    if (is_late)
        printf("! time");
    else if (WIFSIGNALED(status))
        printf("! signal %d", WTERMSIG(status));
    else
        printf("! status %d", WEXITSTATUS(status));
    for (; *words; words++)
        printf(" %s", *words);
    printf("\n");
    fflush(stdout);
    return 0;
}

int main(int count, char **words)
{
    int is_well = 1;
    if (count < 3)
        return 2;
    unsigned seconds = number(words[1]);
    struct sigaction action = {.sa_handler = end_group, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    for (char **word = words + 2; *word;) {
        char **command = word;
        while (*word && !is_comma(*word))
            word++;
        int is_last = *word == NULL;
        *word = NULL;
        if (command == word || !run(command, seconds))
            is_well = 0;
        word += !is_last;
    }
    return !is_well;
}
