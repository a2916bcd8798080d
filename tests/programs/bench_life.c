/* What a small static process pays to begin, to become another program, to end, and to send
 * itself a signal.
 *
 *   bench_life fork ROUNDS SAMPLES     fork, _exit, waitpid
 *   bench_life exec ROUNDS SAMPLES     execve of this very program, by itself, again and again
 *   bench_life both ROUNDS SAMPLES     fork, execve of this program, its exit, waitpid
 *   bench_life signal ROUNDS SAMPLES   kill of itself and the return from the handler
 *   bench_life nothing                 what `both` executes
 *
 * Nanoseconds; a sample more is taken first, which warms up. */
#define _GNU_SOURCE
#include <signal.h>

#include "bench.h"

extern char **environ;

static const char *program;

static void expect_well(pid_t child)
{
    must(child >= 0, "fork");
    reap(1);
}

static void fork_once(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    expect_well(child);
}

static void fork_and_exec_once(void)
{
    char *words[] = {(char *)program, "nothing", NULL};
    pid_t child = fork();
    if (child == 0) {
        execve(program, words, environ);
        _exit(127);
    }
    expect_well(child);
}

static volatile sig_atomic_t handled;

static void handle(int signal)
{
    (void)signal;
    handled++;
}

static void signal_once(void)
{
    kill(getpid(), SIGUSR1);
}

static void time_all(const char *name, void (*body)(void), int rounds, int samples)
{
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++)
            body();
        if (sample)
            report(name, (now() - begin) / rounds);
    }
}

static void signals(int rounds, int samples)
{
    struct sigaction action = {.sa_handler = handle};
    must(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    time_all("signal", signal_once, rounds, samples);
    must(handled == rounds * (samples + 1), "all signals handled");
}

/* `exec ROUNDS SAMPLES LEFT BEGIN`: what is known is handed on by the arguments. LEFT are the
 * calls of this sample that are left, and BEGIN when it began, in nanoseconds. The first
 * sample, number 0, is not printed. */
static void execs(int rounds, int samples, int sample, int left, double begin)
{
    char text[5][32];
    char *words[] = {(char *)program, "exec",  text[0], text[1],
                     text[2],         text[3], text[4], NULL};
    if (left == 0) {
        if (sample)
            report("exec", (now() - begin) / rounds);
        if (sample == samples)
            return;
        sample++;
        left = rounds;
        begin = now();
    }
    snprintf(text[0], sizeof text[0], "%d", rounds);
    snprintf(text[1], sizeof text[1], "%d", samples);
    snprintf(text[2], sizeof text[2], "%d", sample);
    snprintf(text[3], sizeof text[3], "%d", left - 1);
    snprintf(text[4], sizeof text[4], "%.0f", begin);
    execve(program, words, environ);
    must(0, "execve");
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";
    program = words[0];
    if (count == 2 && !strcmp(what, "nothing"))
        return 0;
    if (count < 4)
        return 2;
    int rounds = number(words[2]), samples = number(words[3]);
    if (count == 7 && !strcmp(what, "exec"))
        execs(rounds, samples, atoi(words[4]), atoi(words[5]), atof(words[6]));
    else if (count != 4)
        return 2;
    else if (!strcmp(what, "fork"))
        time_all("fork", fork_once, rounds, samples);
    else if (!strcmp(what, "exec"))
        execs(rounds, samples, 0, rounds, now());
    else if (!strcmp(what, "both"))
        time_all("fork_exec", fork_and_exec_once, rounds, samples);
    else if (!strcmp(what, "signal"))
        signals(rounds, samples);
    else
        return 2;
    return 0;
}
