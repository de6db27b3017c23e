// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pools of one's own, as zeropool.h promises them: linked, or under the preloaded library.
// usage: pools PART

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 16 };

static const size_t size = 4 * MIB;

static struct zeropool_options options(void)
{
    struct zeropool_options now = {.size = sizeof(now)};
    CHECK(zeropool_options_get(&now) == 0);
    return now;
}

static struct zeropool_pool *create(size_t budget)
{
    struct zeropool_options chosen = options();
    chosen.budget = budget;
    struct zeropool_pool *pool = zeropool_pool_create(&chosen);
    CHECK(pool != NULL);
    return pool;
}

static struct zeropool_stats stats(struct zeropool_pool *pool)
{
    struct zeropool_stats now = {.size = sizeof(now)};
    CHECK(zeropool_pool_stats_get(pool, &now) == 0);
    return now;
}

static char *get_written(struct zeropool_pool *pool)
{
    char *buffer = zeropool_pool_get(pool, size);
    CHECK(buffer != NULL && (uintptr_t)buffer % 64 == 0 && all_bytes(buffer, 0, size));
    return memset(buffer, 0xA5, size);
}

#define FAILS(call, error) CHECK((errno = 0, (call) == NULL) && errno == (error))

// ---- Use -------------------------------------------------------------------------------------

static void *put(void *buffer)
{
    zeropool_put(buffer);
    return NULL;
}

static void limits(void)
{
    struct zeropool_pool *pool = create(3 * size + size / 2), *other = create(SIZE_MAX);
    char *buffers[MANY];
    for (int i = 0; i < MANY; i++)
        buffers[i] = get_written(pool);
    CHECK(stats(pool).live_buffers == MANY && stats(pool).fresh == MANY);
    CHECK(stats(NULL).live_buffers == MANY && stats(other).live_buffers == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, put, buffers[0]) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 1; i < MANY; i++)
        zeropool_put(buffers[i]);
    CHECK(stats(pool).live_buffers == 0 && stats(pool).puts == MANY);
    CHECK(stats(pool).retained_bytes >= 3 * size);
    CHECK(stats(pool).retained_bytes <= stats(pool).budget_bytes);
    CHECK(stats(pool).budget_bytes == 3 * size + size / 2);
    CHECK(stats(other).retained_bytes == 0);
    zeropool_put(get_written(other));
    CHECK(stats(other).fresh == 1 && zeropool_pool_hit_rate(other) == 0); // none of pool's
    zeropool_put(get_written(pool));
    CHECK(stats(pool).fresh == MANY && zeropool_pool_hit_rate(pool) > 0);
    size_t retained = stats(pool).retained_bytes;
    CHECK(zeropool_pool_trim(pool) == retained && stats(pool).retained_bytes == 0);
    CHECK(stats(other).retained_bytes >= size && zeropool_trim() >= size);
    CHECK(stats(other).retained_bytes == 0);
    zeropool_pool_destroy(pool);
    zeropool_pool_destroy(other);
}

static void ways(void)
{
    struct zeropool_pool *pool = create(256 * MIB);
    void *buffers[MANY];
    size_t sizes[MANY];
    for (int i = 0; i < MANY; i++)
        sizes[i] = i % 4 == 3 ? 100 : MIB * (size_t)(1 + i % 3);
    for (int round = 0; round < 2; round++) {
        CHECK(zeropool_pool_get_batch(pool, buffers, sizes, MANY) == 0);
        for (int i = 0; i < MANY; i++) {
            CHECK(all_bytes(buffers[i], 0, sizes[i]));
            memset(buffers[i], 1, sizes[i]);
        }
        void *process = zeropool_get(size); // in the middle of the others
        void *all[MANY + 1];
        memcpy(all, buffers, sizeof(buffers));
        all[MANY] = all[MANY / 2];
        all[MANY / 2] = process;
        zeropool_put_batch(all, MANY + 1);
        CHECK(stats(pool).live_buffers == 0 && stats(NULL).live_buffers == 0);
    }
    CHECK(stats(pool).fresh == MANY - MANY / 4);
    FAILS(zeropool_pool_try_get(pool, 9 * MIB), EAGAIN);
    char *tried = zeropool_pool_try_get(pool, 2 * MIB);
    CHECK(tried != NULL && all_bytes(tried, 0, 2 * MIB));
    char *aligned = zeropool_pool_get_aligned(pool, 2 * MIB, size);
    CHECK(aligned != NULL && (uintptr_t)aligned % (2 * MIB) == 0 && all_bytes(aligned, 0, size));
    zeropool_put(tried);
    zeropool_put(aligned);
    CHECK(zeropool_pool_trim(pool) > 0 && zeropool_pool_prewarm(pool, size, 3) == 3);
    size_t fresh = stats(pool).fresh;
    zeropool_put(get_written(pool));
    CHECK(stats(pool).fresh == fresh);
    char *frozen = get_written(pool);
    CHECK(zeropool_owns(frozen) && zeropool_freeze(frozen) == 0 && zeropool_retain(frozen) == 0);
    zeropool_release(frozen);
    CHECK(stats(pool).live_buffers == 1);
    zeropool_put(frozen);
    CHECK(!zeropool_owns(frozen) && stats(pool).live_buffers == 0);
    char *detached = get_written(pool);
    CHECK(zeropool_detach(detached) == 0);
    zeropool_put(detached);
    CHECK(!zeropool_owns(detached) && stats(pool).live_bytes == 0);
    zeropool_pool_destroy(pool);
}

static void destroying(void)
{
    struct zeropool_pool *pool = create(256 * MIB);
    char *live = get_written(pool);
    zeropool_put(get_written(pool));
    zeropool_pool_destroy(pool);
    CHECK(stats(NULL).retained_bytes == 0 && all_bytes(live, 0xA5, size) && zeropool_owns(live));
    FAILS(zeropool_pool_get(pool, size), EINVAL);
    zeropool_pool_destroy(pool); // it is none any more
    zeropool_put(live);
    CHECK(!zeropool_owns(live) && stats(NULL).retained_bytes == 0 && stats(NULL).live_bytes == 0);
    for (int i = 0; i < 1000; i++) {
        pool = create(256 * MIB);
        zeropool_put(memset(zeropool_pool_get(pool, MIB), 1, MIB));
        zeropool_pool_destroy(pool);
    }
    zeropool_pool_destroy(NULL);
}

static void forking(void)
{
    struct zeropool_pool *pool = create(64 * MIB);
    char *live = get_written(pool);
    zeropool_put(get_written(pool));
    pid_t child = fork();
    if (child == 0) {
        CHECK(all_bytes(live, 0xA5, size));
        zeropool_put(live);
        for (int i = 0; i < 3; i++)
            zeropool_put(get_written(pool));
        zeropool_pool_destroy(pool);
        CHECK(create(size) != NULL);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(all_bytes(live, 0xA5, size));
    zeropool_put(live);
    zeropool_put(get_written(pool));
    zeropool_pool_destroy(pool);
}

// ---- Options ---------------------------------------------------------------------------------

static void bad(struct zeropool_options chosen)
{
    FAILS(zeropool_pool_create(&chosen), EINVAL);
}

#define BAD(member, value)                                                                         \
    do {                                                                                           \
        struct zeropool_options chosen = options();                                                \
        chosen.member = (value);                                                                   \
        bad(chosen);                                                                               \
    } while (0)

static void bad_options(void)
{
    BAD(threshold, 0);
    BAD(threshold, 64 * KIB - 1);
    BAD(threshold, GIB + 1);
    BAD(shards, 0);
    BAD(shards, 3);
    BAD(shards, 256);
    BAD(per_shard, 0);
    BAD(per_shard, 65537);
    BAD(thread_cache, 65);
    BAD(eviction, 2);
    BAD(eviction, -1);
    BAD(pinned, 2);
    BAD(node, -2);
    BAD(node, 1024);
    BAD(size, 0);
    BAD(size, sizeof(size_t));
    FAILS(zeropool_pool_create(NULL), EINVAL);
    CHECK(zeropool_options_get(NULL) == EINVAL);
    CHECK(zeropool_options_get(&(struct zeropool_options){.size = 8}) == EINVAL);
}

// One that was built with fewer members, and one with more.
static void other_sizes(void)
{
    struct {
        struct zeropool_options known;
        size_t later[4];
    } newer = {.known.size = sizeof(newer), .later = {7, 7, 7, 7}};
    CHECK(zeropool_options_get(&newer.known) == 0 && newer.later[0] == 7);
    CHECK(newer.known.size == sizeof(struct zeropool_options) && newer.known.node == -1);
    CHECK(newer.known.threshold == MIB && newer.known.pinned == 0);
    newer.known.size = sizeof(newer);
    struct zeropool_pool *pool = zeropool_pool_create(&newer.known);
    CHECK(pool != NULL);
    zeropool_put(get_written(pool));
    zeropool_pool_destroy(pool);
    struct zeropool_options older = options();
    older.size = offsetof(struct zeropool_options, shards);
    older.shards = 3;
    older.threshold = 64 * KIB;
    pool = zeropool_pool_create(&older);
    CHECK(pool != NULL);
    char *small = zeropool_pool_get(pool, 64 * KIB);
    CHECK(zeropool_owns(small) && all_bytes(small, 0, 64 * KIB));
    zeropool_put(small);
    zeropool_pool_destroy(pool);
}

static void no_pools(void)
{
    struct zeropool_stats now = {.size = sizeof(now)};
    char place[64];
    void *pools[] = {place, (char *)create(MIB) + 1, (void *)(uintptr_t)-64};
    void *buffer;
    for (int i = 0; i < 3; i++) {
        FAILS(zeropool_pool_get(pools[i], size), EINVAL);
        FAILS(zeropool_pool_get_aligned(pools[i], 64, size), EINVAL);
        FAILS(zeropool_pool_try_get(pools[i], size), EINVAL);
        CHECK(zeropool_pool_get_batch(pools[i], &buffer, &size, 1) == EINVAL);
        CHECK(zeropool_pool_prewarm(pools[i], size, 1) == 0 && zeropool_pool_trim(pools[i]) == 0);
        CHECK(zeropool_pool_stats_get(pools[i], &now) == EINVAL);
        CHECK(zeropool_pool_hit_rate(pools[i]) == 0);
        zeropool_pool_destroy(pools[i]);
    }
    struct zeropool_pool *pool = create(MIB);
    FAILS(zeropool_pool_get(pool, (size_t)PTRDIFF_MAX + 1), ENOMEM);
    FAILS(zeropool_pool_get(pool, SIZE_MAX), ENOMEM);
    FAILS(zeropool_pool_try_get(pool, SIZE_MAX), ENOMEM);
    FAILS(zeropool_pool_get_aligned(pool, 48, size), EINVAL);
    CHECK(zeropool_pool_get_batch(pool, &buffer, (size_t[]){SIZE_MAX}, 1) == ENOMEM);
    CHECK(zeropool_pool_stats_get(pool, NULL) == EINVAL);
    CHECK(zeropool_pool_prewarm(pool, SIZE_MAX, SIZE_MAX) == 0);
    // NULL is the process's.
    buffer = zeropool_pool_get(NULL, size);
    CHECK(buffer != NULL && stats(NULL).live_buffers == 1);
    zeropool_put(buffer);
}

// ZEROPOOL_ENABLE=0: the allocator has it all.
static void off(void)
{
    struct zeropool_pool *pool = create(GIB);
    char *buffer = zeropool_pool_get(pool, size),
         *aligned = zeropool_pool_get_aligned(pool, MIB, 9);
    CHECK(buffer != NULL && all_bytes(buffer, 0, size) && !zeropool_owns(buffer));
    CHECK(aligned != NULL && (uintptr_t)aligned % MIB == 0);
    zeropool_put(buffer);
    zeropool_put(aligned);
    CHECK(zeropool_pool_trim(pool) == 0 && stats(pool).live_buffers == 0);
    zeropool_pool_destroy(pool);
}

// ZEROPOOL_ZERO=off: only get_zeroed promises zeros.
static void zeroed(void)
{
    char *buffer = memset(zeropool_get(size), 1, size);
    zeropool_put(buffer);
    buffer = zeropool_get(size);
    CHECK(buffer[size / 2] == 1);
    zeropool_put(buffer);
    buffer = zeropool_get_zeroed(size);
    CHECK(all_bytes(buffer, 0, size) && zeropool_owns(buffer));
    zeropool_put(buffer);
    buffer = zeropool_get_zeroed(100);
    CHECK(all_bytes(buffer, 0, 100));
    zeropool_put(buffer);
    FAILS(zeropool_get_zeroed(SIZE_MAX), ENOMEM);
}

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"limits", limits},           {"ways", ways},
    {"destroying", destroying},   {"forking", forking},
    {"bad-options", bad_options}, {"other-sizes", other_sizes},
    {"no-pools", no_pools},       {"off", off},
    {"zeroed", zeroed},
};

int main(int count, char **arguments)
{
    for (size_t i = 0; count == 2 && i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(arguments[1], parts[i].name) == 0) {
            parts[i].run();
            return 0;
        }
    return 2;
}
