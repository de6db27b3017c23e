// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a pool of one's own costs beside the process's: one buffer of 1 MiB got and put, and eight
// at once, of which nothing is touched. The pools take turns. Linked with libzeropool.so.
//
//     [ZEROPOOL_ZERO=off] bench-pools [POOLS]
//
// With POOLS so many others exist, and are used by this thread, beside the one that is measured.

#include "core/zeropool.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 501, PAIRS = 1000, HELD = 8 };

static const size_t size = 1 << 20;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static struct zeropool_pool *make(void)
{
    struct zeropool_options options = {.size = sizeof(options)};
    if (zeropool_options_get(&options) != 0)
        abort();
    struct zeropool_pool *pool = zeropool_pool_create(&options);
    if (pool == NULL)
        abort();
    zeropool_put(zeropool_pool_get(pool, size));
    return pool;
}

static void *get(struct zeropool_pool *pool)
{
    return pool == NULL ? zeropool_get(size) : zeropool_pool_get(pool, size);
}

// Nanoseconds for each get and put, `held` buffers being got before they are put.
static double time_pairs(struct zeropool_pool *pool, int held)
{
    void *buffers[HELD];
    double start = now();
    for (int pair = 0; pair < PAIRS; pair += held) {
        for (int i = 0; i < held; i++)
            buffers[i] = get(pool);
        for (int i = 0; i < held; i++)
            zeropool_put(buffers[i]);
    }
    return (now() - start) / PAIRS;
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static double median(double *samples)
{
    qsort(samples, ROUNDS, sizeof(*samples), compare);
    return samples[ROUNDS / 2];
}

static void measure(struct zeropool_pool *pool, int held)
{
    static double process[ROUNDS], own[ROUNDS], ratios[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        process[round] = time_pairs(NULL, held);
        own[round] = time_pairs(pool, held);
        ratios[round] = own[round] / process[round];
    }
    printf(
        "%d at a time  %7.1f ns from the process's pool, %7.1f ns from the program's own: %.2f\n",
        held, median(process), median(own), median(ratios));
}

int main(int count, char **arguments)
{
    struct zeropool_pool *pool = make();
    for (int others = count > 1 ? atoi(arguments[1]) : 0; others > 0; others--)
        make();
    measure(pool, 1);
    measure(pool, HELD);
    return 0;
}
