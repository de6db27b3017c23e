// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a batch saves: 64 buffers of 1 MiB by one zeropool_get_batch, against 64 calls of
// zeropool_get, and the same for putting them; nothing is touched. And zeropool_try_get, while
// other threads get and put under the same locks. Linked with libzeropool.so.
//
//     ZEROPOOL_TLS_CACHE=0 bench-batch [THREADS [written]]
//
// With `written` all of the buffers are written to before they are put, which then takes the time
// of making them zero.
//
// Single gets that the thread's own cache serves need no lock: without ZEROPOOL_TLS_CACHE=0 it is
// these that the first eight are.

#include "core/zeropool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT = 64, ROUNDS = 2001 };

static const size_t size = 1 << 20;
static void *buffers[COUNT];
static size_t sizes[COUNT];
static _Atomic bool done;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void get_singly(void)
{
    for (int i = 0; i < COUNT; i++)
        buffers[i] = zeropool_get(size);
}

static void put_singly(void)
{
    for (int i = 0; i < COUNT; i++)
        zeropool_put(buffers[i]);
}

static void get_batch(void)
{
    if (zeropool_get_batch(buffers, sizes, COUNT) != 0)
        abort();
}

static void put_batch(void)
{
    zeropool_put_batch(buffers, COUNT);
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static double median(double *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), compare);
    return samples[count / 2];
}

// Nanoseconds for each of two kinds of gets and puts, in turn.
static void time_batches(bool written)
{
    static double samples[4][ROUNDS];
    static void (*const steps[])(void) = {get_singly, put_singly, get_batch, put_batch};
    int rounds = written ? ROUNDS / 20 : ROUNDS;
    for (int round = 0; round < rounds; round++)
        for (int step = 0; step < 4; step++) {
            for (int i = 0; i < COUNT && written && step % 2 == 1; i++)
                memset(buffers[i], 1, size);
            double start = now();
            steps[step]();
            samples[step][round] = now() - start;
        }
    double medians[4];
    for (int step = 0; step < 4; step++)
        medians[step] = median(samples[step], (size_t)rounds);
    printf("64 gets     %8.0f ns singly, %8.0f ns in a batch: %.2f\n", medians[0], medians[2],
           medians[2] / medians[0]);
    printf("64 puts     %8.0f ns singly, %8.0f ns in a batch: %.2f\n", medians[1], medians[3],
           medians[3] / medians[1]);
}

static void *get_and_put(void *unused)
{
    void *some[4];
    while (!done) {
        for (int i = 0; i < 4; i++)
            some[i] = zeropool_get(size);
        for (int i = 0; i < 4; i++)
            zeropool_put(some[i]);
    }
    return unused;
}

static void time_tries(unsigned threads)
{
    enum { TRIES = 100001 };
    static double samples[TRIES];
    pthread_t others[64];
    unsigned served = 0, started = 0;
    zeropool_prewarm(size, COUNT);
    while (started < threads && started < 64 &&
           pthread_create(&others[started], NULL, get_and_put, NULL) == 0)
        started++;
    for (int i = 0; i < TRIES; i++) {
        double start = now();
        void *buffer = zeropool_try_get(size);
        samples[i] = now() - start;
        served += buffer != NULL;
        zeropool_put(buffer);
    }
    done = true;
    for (unsigned i = 0; i < started; i++)
        pthread_join(others[i], NULL);
    double middle = median(samples, TRIES);
    printf("try_get     %8.0f ns, 99 of 100 within %.0f, beside %u threads; %.1f %% were served\n",
           middle, samples[TRIES / 100 * 99], started, 100.0 * served / TRIES);
}

int main(int count, char **arguments)
{
    for (int i = 0; i < COUNT; i++)
        sizes[i] = size;
    time_batches(count > 2 && strcmp(arguments[2], "written") == 0);
    time_tries(count > 1 ? (unsigned)atoi(arguments[1]) : 7);
    return 0;
}
