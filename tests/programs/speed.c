/* What a kernel's user pays, as a static program that runs unchanged on Linux:
 *
 *   speed getppid               nanoseconds for one getppid: one line a round
 *   speed start PROGRAM ARG...  milliseconds from execve to the program's first line: one
 *                               line a start, the first one cold
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 15, CALLS = 100000, STARTS = 8 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static int time_getppid(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now();
        for (int call = 0; call < CALLS; call++)
            syscall(SYS_getppid);
        printf("%.1f\n", (now() - begin) / CALLS * 1e9);
    }
    return 0;
}

static int time_starts(char **command)
{
    extern char **environ;
    for (int start = 0; start < STARTS; start++) {
        int ends[2], status;
        char byte;
        if (pipe(ends))
            return 1;
        pid_t child = fork();
        if (child == 0) {
            double begin = now();
            dup2(ends[1], 1);
            close(ends[0]);
            close(ends[1]);
            if (write(1, &begin, sizeof begin) == sizeof begin)
                execve(command[0], command, environ);
            _exit(127);
        }
        close(ends[1]);
        double begin;
        if (read(ends[0], &begin, sizeof begin) != sizeof begin)
            return 1;
        while (read(ends[0], &byte, 1) == 1 && byte != '\n')
            ;
        printf("%.2f\n", (now() - begin) * 1e3);
        while (read(ends[0], &byte, 1) == 1)
            ;
        close(ends[0]);
        if (waitpid(child, &status, 0) != child || status != 0)
            return 1;
    }
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && !strcmp(words[1], "getppid"))
        return time_getppid();
    if (count > 2 && !strcmp(words[1], "start"))
        return time_starts(words + 2);
    return 2;
}
