// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 200 threads that each used one buffer of 64 MiB and now sleep must not sit on them.
//
// usage: idle_threads in-turns: under ZEROPOOL_MAX_MEMORY=256M, eight at a time, buffers written to
//        idle_threads at-once: under a budget that holds them all, untouched

#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 200, IN_TURN = 8 };

static const size_t size = 64 * MIB, budget = 256 * MIB;
static pthread_barrier_t allocated, freed, over;
static bool at_once;

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void use(void)
{
    char *buffer = malloc(size);
    CHECK(buffer != NULL);
    memset(buffer, 1, at_once ? 1 : size);
    pthread_barrier_wait(&allocated);
    free(buffer);
    pthread_barrier_wait(&freed);
}

static void *use_and_sleep(void *argument)
{
    use();
    pthread_barrier_wait(&over);
    return argument;
}

// What cannot be had back by another thread lies in the sleepers' caches.
static size_t in_caches(void)
{
    static void *taken[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK((taken[i] = opaque(malloc(size))) != NULL);
    size_t left = mallinfo2().keepcost;
    for (int i = 0; i < THREADS; i++)
        free(taken[i]);
    return left;
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    at_once = strcmp(arguments[1], "at-once") == 0;
    free(opaque(malloc(MIB)));
    size_t before = resident();
    pthread_t threads[THREADS];
    unsigned turn = at_once ? THREADS : IN_TURN;
    pthread_barrier_init(&allocated, NULL, turn);
    pthread_barrier_init(&freed, NULL, turn + 1);
    pthread_barrier_init(&over, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, use_and_sleep, NULL) == 0);
        if (i % turn == turn - 1)
            pthread_barrier_wait(&freed);
    }
    if (at_once) {
        CHECK(mallinfo2().keepcost >= THREADS / 2 * size); // or there is nothing to be seen here
        CHECK(in_caches() < 64 * MIB);
    } else {
        CHECK(mallinfo2().keepcost <= budget);
        CHECK(mallinfo2().keepcost >= budget - size);    // it was full
        CHECK(resident() <= before + budget + 32 * MIB); // with the threads' stacks
        CHECK(in_caches() < 64 * MIB);
    }
    pthread_barrier_wait(&over);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
