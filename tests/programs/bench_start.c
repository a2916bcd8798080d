/* What a kernel's user pays first.
 *
 *   bench_start getppid CALLS SAMPLES   one call
 *   bench_start program SAMPLES PROGRAM [ARG...]   from execve to the program's first line;
 *       the first start of a machine is cold */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "bench.h"

static void time_getppid(int calls, int samples)
{
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int call = 0; call < calls; call++)
            syscall(SYS_getppid);
        if (sample)
            report("getppid", (now() - begin) / calls);
    }
}

static void time_start(const char *name, char **command)
{
    extern char **environ;
    int ends[2];
    char byte;
    must(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    must(child >= 0, "fork");
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
    must(read(ends[0], &begin, sizeof begin) == sizeof begin, "read");
    while (read(ends[0], &byte, 1) == 1 && byte != '\n')
        ;
    report(name, now() - begin);
    while (read(ends[0], &byte, 1) == 1)
        ;
    close(ends[0]);
    reap(1);
}

int main(int count, char **words)
{
    if (count == 4 && !strcmp(words[1], "getppid")) {
        time_getppid(number(words[2]), number(words[3]));
        return 0;
    }
    if (count > 3 && !strcmp(words[1], "program")) {
        int samples = number(words[2]);
        for (int sample = 0; sample <= samples; sample++)
            time_start(sample ? "start_warm" : "start_cold", words + 3);
        return 0;
    }
    return 2;
}
