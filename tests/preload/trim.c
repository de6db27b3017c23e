// SPDX-License-Identifier: MIT OR Apache-2.0
//
// malloc_trim gives back what the pool holds, what lies in the caches of sleeping threads included;
// and they go on as if nothing had been. zeropool_trim does the same and says how much it was.

#include "check.h"
#include "core/zeropool.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

__attribute__((weak)) size_t zeropool_trim(void); // there when the library is preloaded

enum { THREADS = 16, BUFFERS = 3 };

static const size_t size = 4 * MIB;
static pthread_barrier_t filled, trimmed;

static size_t resident(void)
{
    return proc_kib("/proc/self/smaps_rollup", "Rss:") * KIB;
}

static void use_some(void)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
        memset(buffers[i], 1, size);
    }
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
}

static void *fill_and_sleep(void *argument)
{
    use_some();
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&trimmed);
    use_some();
    return argument;
}

int main(void)
{
    require_library();
    free(opaque(malloc(MIB)));
    malloc_trim(0);
    size_t before = resident();
    pthread_t threads[THREADS];
    pthread_barrier_init(&filled, NULL, THREADS + 1);
    pthread_barrier_init(&trimmed, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, fill_and_sleep, NULL) == 0);
    pthread_barrier_wait(&filled);
    size_t pooled = mallinfo2().keepcost;
    CHECK(pooled >= THREADS * size && resident() >= before + THREADS * size);
    CHECK(malloc_trim(0) == 1);
    CHECK(mallinfo2().keepcost == 0);
    CHECK(resident() <= before + pooled / 20);
    CHECK(malloc_trim(0) == 0);
    pthread_barrier_wait(&trimmed);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    pooled = mallinfo2().keepcost;
    CHECK(pooled >= size && zeropool_trim() == pooled && mallinfo2().keepcost == 0);
    CHECK(zeropool_trim() == 0);
    return 0;
}
