// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 200 threads that each used one buffer of 64 MiB and now sleep must not sit on them.
//
// usage: idle_threads in-turns: under ZEROPOOL_MAX_MEMORY=256M, each buffer written to
//        idle_threads at-once: under a budget that holds them all, untouched

#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 200 };

static const size_t size = 64 * MIB, budget = 256 * MIB;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t allocated, freed, over;
static bool at_once;

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void use_in_turns(void)
{
    pthread_mutex_lock(&turn);
    free(memset(malloc(size), 1, size));
    pthread_mutex_unlock(&turn);
}

static void use_at_once(void)
{
    char *buffer = malloc(size);
    CHECK(buffer != NULL);
    buffer[0] = 1;
    pthread_barrier_wait(&allocated);
    free(buffer);
}

static void *use_and_sleep(void *argument)
{
    if (at_once)
        use_at_once();
    else
        use_in_turns();
    pthread_barrier_wait(&freed);
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
    pthread_barrier_init(&allocated, NULL, THREADS);
    pthread_barrier_init(&freed, NULL, THREADS + 1);
    pthread_barrier_init(&over, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use_and_sleep, NULL) == 0);
    pthread_barrier_wait(&freed);
    if (at_once) {
        CHECK(mallinfo2().keepcost >= THREADS / 2 * size); // or there is nothing to be seen here
        CHECK(in_caches() < 64 * MIB);
    } else {
        CHECK(mallinfo2().keepcost <= budget);
        CHECK(mallinfo2().keepcost >= size);
        CHECK(resident() <= before + budget + 32 * MIB); // with the threads' stacks
        CHECK(in_caches() < 64 * MIB);
    }
    pthread_barrier_wait(&over);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
