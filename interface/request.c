// SPDX-License-Identifier: MIT OR Apache-2.0

#include "interface/request.h"

#include "core/pool_batch.h"
#include "core/pool_own.h"
#include "core/zeropool.h"
#include "interface/host.h"

#include <errno.h>
#include <string.h>

void *zp_fail(int error)
{
    errno = error;
    return NULL;
}

// ---- One buffer ------------------------------------------------------------------------------

// The process's pool learns what it serves when it starts.
static bool is_small(unsigned pool, size_t size)
{
    return size < (pool == 0 ? ZP_GLANCE(zp_arena.threshold) : zp_pools[pool].traits.threshold);
}

struct zp_slot *zp_request_pooled(unsigned pool, size_t size, size_t alignment, const void *caller)
{
    if (is_small(pool, size) || size > PTRDIFF_MAX)
        return NULL;
    return pool == 0 ? zp_host_get(size, alignment, caller)
                     : zp_pool_get_of(pool, size, alignment, caller);
}

void *zp_request(unsigned pool, size_t size, size_t alignment, const void *caller)
{
    struct zp_slot *slot = zp_request_pooled(pool, size, alignment, caller);
    if (slot != NULL)
        return slot->start;
    if (size > PTRDIFF_MAX)
        return NULL;
    return alignment == 1 ? zp_host_calloc(size) : zp_host_calloc_aligned(alignment, size);
}

void *zp_request_try(unsigned pool, size_t size)
{
    if (size > PTRDIFF_MAX)
        return zp_fail(ENOMEM);
    if (is_small(pool, size))
        return zp_fail(EAGAIN);
    struct zp_slot *slot = zp_pool_get_at_hand(pool, size);
    return slot != NULL ? slot->start : zp_fail(EAGAIN);
}

// ---- Batches ---------------------------------------------------------------------------------

// Whether the bytes of all requests can be added up.
static bool can_be(const size_t *sizes, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(sum, sizes[i], &sum) || sum > PTRDIFF_MAX)
            return false;
    return true;
}

void zp_request_put_batch(void *const *buffers, size_t count, void *caller)
{
    zp_pool_put_batch(buffers, count, caller);
    for (size_t i = 0; i < count; i++)
        if (!zp_arena_owns(buffers[i]))
            zp_host_free(buffers[i]);
}

int zp_request_batch(unsigned pool, void **buffers, const size_t *sizes, size_t count, void *caller)
{
    size_t bytes;
    int saved = errno;
    if (__builtin_mul_overflow(count, sizeof(*buffers), &bytes) || bytes > PTRDIFF_MAX)
        return ENOMEM;
    if (!can_be(sizes, count)) {
        memset(buffers, 0, bytes);
        return ENOMEM;
    }
    zp_host_start();
    zp_pool_get_batch(pool, buffers, sizes, count, caller);
    size_t got = 0;
    while (got < count && (buffers[got] != NULL ||
                           (buffers[got] = zp_request(pool, sizes[got], 1, caller)) != NULL))
        got++;
    if (got < count) {
        zp_request_put_batch(buffers, count, caller);
        memset(buffers, 0, bytes);
    }
    errno = saved;
    return got < count ? ENOMEM : 0;
}

// ---- Statistics ------------------------------------------------------------------------------

static void measure(unsigned pool, struct zp_pool_stats *stats)
{
    if (pool == 0)
        zp_pool_stats(stats);
    else
        zp_pool_own_stats(pool, stats);
}

int zp_request_stats(unsigned pool, struct zeropool_stats *stats)
{
    if (stats == NULL || stats->size < offsetof(struct zeropool_stats, thread_hits))
        return EINVAL;
    struct zp_pool_stats now;
    measure(pool, &now);
    struct zeropool_stats all = {
        .size = stats->size < sizeof(all) ? stats->size : sizeof(all),
        .version = ZEROPOOL_STATS_VERSION,
        .thread_hits = now.counters.thread_hits,
        .shard_hits = now.counters.shard_hits,
        .fresh = now.counters.fresh,
        .refused = now.counters.refused,
        .puts = now.counters.puts,
        .contended = now.counters.contended,
        .live_buffers = now.live_buffers,
        .live_bytes = now.live_bytes,
        .retained_bytes = now.retained_bytes,
        .budget_bytes = now.budget_bytes,
    };
    memcpy(stats, &all, all.size);
    return 0;
}

double zp_request_hit_rate(unsigned pool)
{
    struct zp_pool_stats now;
    measure(pool, &now);
    uint64_t served = zp_counters_served(&now.counters);
    return served != 0 ? 1 - (double)now.counters.fresh / (double)served : 0;
}
