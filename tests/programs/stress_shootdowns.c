/* Translations that are taken away while threads on other cores use them (see pairs.h): several
 * spaces at once, each with several pairs of threads, in ranges of all sizes, in an order that is
 * drawn. See stress.h for what it prints.
 *
 * Arguments: seed, turns. */
#define _GNU_SOURCE
#include "pairs.h"
#include "stress.h"

enum { SPACES = 3, PAIRS_OF_A_SPACE = 2, TURNS_OF_A_SPACE = 50 };

enum kind { REPLACE, PROTECT, DISCARD, MOVE, FORK, KINDS };

static const char *const kind_names[] = {"replaced", "protected", "discarded", "moved", "forked"};

static struct counts {
    unsigned long done, spaces, kinds[KINDS], pages, stale, missed;
} *counts;

#define COUNT(what, number) __atomic_fetch_add(&counts->what, number, __ATOMIC_RELAXED)

/* What one pair is to do. */
struct task {
    struct pair pair;
    uint64_t seed;
    unsigned turns;
};

static uint64_t draw_of(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1d >> 16;
}

static void *first(void *argument)
{
    static void (*const ways[])(struct pair *, unsigned) = {replace, protect, discard, move,
                                                           fork_once};
    struct task *task = argument;
    struct pair *pair = &task->pair;
    pthread_t thread;
    check(pthread_create(&thread, NULL, second, pair) == 0, "pthread_create");
    for (unsigned turn = 1; turn <= task->turns; turn++) {
        /* Small ranges and large ones as often. */
        unsigned most = 1u << draw_of(&task->seed) % 8;
        pair->count = 1 + draw_of(&task->seed) % (most < MOST_PAGES ? most : MOST_PAGES);
        enum kind kind = draw_of(&task->seed) % KINDS;
        map(pair);
        ways[kind](pair, turn);
        munmap(pair->pages, pair->count * PAGE);
        COUNT(kinds[kind], 1);
        COUNT(pages, pair->count);
    }
    ask(pair, END, 0);
    pthread_join(thread, NULL);
    COUNT(done, task->turns);
    COUNT(stale, pair->stale);
    COUNT(missed, pair->missed);
    return NULL;
}

static _Noreturn void space(unsigned turns)
{
    static struct task tasks[PAIRS_OF_A_SPACE];
    pthread_t threads[PAIRS_OF_A_SPACE];
    handle_faults();
    for (int i = 0; i < PAIRS_OF_A_SPACE; i++) {
        unsigned share = turns / (PAIRS_OF_A_SPACE - i);
        turns -= share;
        tasks[i] = (struct task){{.base = place_of_pair(i)}, draw() | 1, share};
        check(pthread_create(&threads[i], NULL, first, &tasks[i]) == 0, "pthread_create");
    }
    for (int i = 0; i < PAIRS_OF_A_SPACE; i++)
        pthread_join(threads[i], NULL);
    exit(0);
}

static void have_turns(uint64_t seed, unsigned long turns, int is_told)
{
    unsigned long begun = 0, said = 0;
    int running = 0;
    while (begun < turns || running > 0) {
        if (begun < turns && running < SPACES) {
            unsigned long left = turns - begun;
            unsigned share = left < TURNS_OF_A_SPACE ? left : TURNS_OF_A_SPACE;
            seed_with(seed * 0x100000001b3 + begun);
            begun += share;
            fflush(stdout);
            pid_t pid = fork();
            check(pid >= 0, "fork");
            if (pid == 0)
                space(share);
            running++;
            continue;
        }
        int status;
        check(waitpid(-1, &status, 0) > 0, "waitpid");
        check(status == 0, "the end of a space");
        running--;
        counts->spaces++;
        if (is_told)
            progress("turns", counts->done, turns, &said);
    }
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    counts = shared_memory(sizeof *counts);
    have_turns(~strtoull(words[1], NULL, 10), 2 * TURNS_OF_A_SPACE, 0);
    memset(counts, 0, sizeof *counts);
    struct standing before = look();
    have_turns(strtoull(words[1], NULL, 10), strtoul(words[2], NULL, 10), 1);
    figure("turns", counts->done);
    for (int kind = 0; kind < KINDS; kind++) {
        char name[64];
        snprintf(name, sizeof name, "made_%s", kind_names[kind]);
        figure(name, counts->kinds[kind]);
    }
    figure("spaces", counts->spaces);
    figure("pages", counts->pages);
    figure("stale", counts->stale);
    figure("missed", counts->missed);
    check(counts->stale == 0, "a translation that was taken away was used");
    check(counts->missed == 0, "an access that must fault did not, or the other way round");
    must_be_back(&before);
    return 0;
}
