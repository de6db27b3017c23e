// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A limit on the program's data that holds what it wants, but not what the pool retains as well:
// the pool has to give back before anybody hears of it.

#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BUFFERS = 40, BLOCKS = 100 * 1000 };

static const size_t size = 4 * MIB;

static void fill_pool(void)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        CHECK((buffers[i] = malloc(size)) != NULL);
        memset(buffers[i], 1, size);
    }
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    CHECK(mallinfo2().keepcost >= BUFFERS * size / 10 * 9);
}

// From now on the program may have `more` bytes of data more than it has.
static void limit_data(size_t more)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_DATA, &limit) == 0);
    limit.rlim_cur = proc_kib("/proc/self/status", "VmData:") * KIB + more;
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
}

static void lift_limit(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_DATA, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
}

// Asks for more than what is left, and more than what is retained, but not more than both.
static void large(void)
{
    fill_pool();
    limit_data(32 * MIB);
    size_t wanted = BUFFERS * size + 16 * MIB;
    errno = 0;
    char *buffer = malloc(wanted);
    CHECK(buffer != NULL && errno == 0);
    CHECK(all_bytes(buffer, 0, wanted));
    memset(buffer, 1, wanted);
    errno = 0;
    CHECK(malloc(opaque_size(64 * MIB)) == NULL && errno == ENOMEM); // there is a limit
    free(buffer);
    lift_limit();
}

// Grows a buffer the same way.
static void grown(void)
{
    char *buffer = malloc(8 * MIB);
    memset(buffer, 1, 8 * MIB);
    fill_pool();
    limit_data(16 * MIB);
    buffer = realloc(buffer, 100 * MIB);
    CHECK(buffer != NULL && all_bytes(buffer, 1, 8 * MIB));
    CHECK(all_bytes(buffer + 8 * MIB, 0, 92 * MIB));
    free(buffer);
    lift_limit();
}

// Small blocks, which jemalloc maps.
static void small(void)
{
    static char *blocks[BLOCKS];
    fill_pool();
    limit_data(16 * MIB);
    for (int i = 0; i < BLOCKS; i++) { // 100 MB
        CHECK((blocks[i] = malloc(1000)) != NULL);
        memset(blocks[i], 1, 1000);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    lift_limit();
}

// What other threads' caches hold is given back as well.
static pthread_barrier_t filled, over;

static void *fill_and_sleep(void *argument)
{
    char *buffers[3];
    for (int i = 0; i < 3; i++)
        memset(buffers[i] = malloc(8 * MIB), 1, 8 * MIB);
    for (int i = 0; i < 3; i++)
        free(buffers[i]);
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&over);
    return argument;
}

static void from_sleepers(void)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    malloc_trim(0);
    pthread_barrier_init(&filled, NULL, THREADS + 1);
    pthread_barrier_init(&over, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, fill_and_sleep, NULL) == 0);
    pthread_barrier_wait(&filled);
    size_t retained = mallinfo2().keepcost;
    CHECK(retained >= THREADS * 16 * MIB);
    limit_data(8 * MIB);
    char *buffer = malloc(retained);
    CHECK(buffer != NULL);
    free(buffer);
    lift_limit();
    pthread_barrier_wait(&over);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

// An argument says that threads keep nothing of this size.
int main(int argc, char **argv)
{
    (void)argv;
    require_library();
    large();
    grown();
    small();
    if (argc == 1)
        from_sleepers();
    return 0;
}
