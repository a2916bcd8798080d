/* Translations that are taken away while threads on other cores use them (see pairs.h), in
 * ranges of all sizes. */
#define _GNU_SOURCE
#include "pairs.h"

enum { PAIRS = 2, TURNS = 42, TURNS_A_FORK = 6 };

static void *first(void *argument)
{
    static const int counts[] = {1, 3, 8, 33, MOST_PAGES};
    struct pair *pair = argument;
    pthread_t thread;
    if (pthread_create(&thread, NULL, second, pair))
        fail("pthread_create");
    for (unsigned turn = 1; turn <= TURNS; turn++) {
        pair->count = counts[turn % 5];
        map(pair);
        replace(pair, turn * 10);
        protect(pair, turn * 10 + 1);
        discard(pair, turn * 10 + 2);
        move(pair, turn * 10 + 3);
        if (turn % TURNS_A_FORK == 0)
            fork_once(pair, turn * 10 + 4);
        munmap(pair->pages, pair->count * PAGE);
    }
    ask(pair, END, 0);
    pthread_join(thread, NULL);
    return NULL;
}

int main(void)
{
    static struct pair pairs[PAIRS];
    pthread_t threads[PAIRS];
    handle_faults();
    for (int i = 0; i < PAIRS; i++) {
        pairs[i].base = place_of_pair(i);
        if (pthread_create(&threads[i], NULL, first, &pairs[i]))
            fail("pthread_create");
    }
    for (int i = 0; i < PAIRS; i++) {
        pthread_join(threads[i], NULL);
        printf("pair %d: %ld stale, %ld missed\n", i, pairs[i].stale, pairs[i].missed);
    }
    return 0;
}
