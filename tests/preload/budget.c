// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Under ZEROPOOL_MAX_MEMORY=64M freed buffers never keep more than that, whoever frees them and in
// whatever sizes.

#include "check.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFERS = 512, THREADS = 8 };

static const size_t limit = 64 * MIB, slack = 12 * MIB;
static size_t baseline;

static void check_resident(void)
{
    CHECK(proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB < baseline + limit + slack);
}

static void *free_many(void *argument)
{
    size_t size = *(size_t *)argument;
    void *buffers[BUFFERS / THREADS];
    for (int i = 0; i < BUFFERS / THREADS; i++)
        memset(buffers[i] = malloc(size), 1, size);
    for (int i = 0; i < BUFFERS / THREADS; i++)
        free(buffers[i]);
    return NULL;
}

static void freed_by_one(size_t size)
{
    void *buffers[BUFFERS];
    for (size_t i = 0; i < BUFFERS; i++)
        memset(buffers[i] = malloc(size), 1, size);
    for (size_t i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    check_resident();
}

static void freed_by_many(size_t size)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, free_many, &size) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    check_resident();
}

int main(void)
{
    require_library();
    free(opaque(malloc(MIB)));
    baseline = proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
    freed_by_one(2 * MIB); // 1 GiB in all
    freed_by_one(MIB + 4096);
    freed_by_one(MIB);
    freed_by_many(3 * MIB);
    freed_by_many(MIB);

    // One that is larger than the whole budget is not kept at all.
    free(memset(malloc(100 * MIB), 1, 100 * MIB));
    check_resident();
    CHECK(mallinfo2().keepcost <= limit);
    malloc_trim(0);
    CHECK(proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB < baseline + slack);
    return 0;
}
