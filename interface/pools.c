// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions of zeropool.h for pools of the program's own. A pool is given to the program as the
// address of its entry in the table of pools (core/pools.h).

#pragma GCC visibility push(default)
#include "core/zeropool.h"
#pragma GCC visibility pop

#include "core/pool_batch.h"
#include "core/pool_own.h"
#include "core/quota.h"
#include "core/shard.h"
#include "interface/host.h"
#include "interface/request.h"

#include <errno.h>
#include <string.h>

#define CALLER __builtin_return_address(0)

// As those of the options in config/options.def.
enum { PER_SHARD_MOST = 65536 };
#define THRESHOLD_MOST ZP_GIB

// ---- Options ---------------------------------------------------------------------------------

// What a pool could have where the process's did not start.
static const struct zp_pool_traits of_none = {
    .threshold = ZP_MIB,
    .eviction = &zp_eviction_clockpro,
    .per_shard = 1,
    .shards = 1,
    .node = -1,
};

static struct zeropool_options options_of_process(void)
{
    const struct zp_pool_traits *traits = zp_pool.started ? &zp_pools[0].traits : &of_none;
    bool lifo = traits->eviction == &zp_eviction_lifo;
    return (struct zeropool_options){
        .size = sizeof(struct zeropool_options),
        .threshold = traits->threshold,
        .budget = zp_budget_limit(),
        .shards = traits->shards,
        .per_shard = traits->per_shard,
        .thread_cache = traits->thread_cache,
        .eviction = lifo ? ZEROPOOL_EVICTION_LIFO : ZEROPOOL_EVICTION_CLOCKPRO,
        .pinned = traits->pinned,
        .node = -1,
    };
}

static bool has_a_size(const struct zeropool_options *options)
{
    return options != NULL && options->size >= offsetof(struct zeropool_options, budget);
}

// The members that both know.
static size_t common(const struct zeropool_options *options)
{
    return options->size < sizeof(*options) ? options->size : sizeof(*options);
}

int zeropool_options_get(struct zeropool_options *options)
{
    if (!has_a_size(options))
        return EINVAL;
    zp_host_start();
    struct zeropool_options all = options_of_process();
    all.size = common(options);
    memcpy(options, &all, all.size);
    return 0;
}

static bool are_in_range(const struct zeropool_options *options)
{
    return options->threshold >= ZP_CLASS_MIN && options->threshold <= THRESHOLD_MOST &&
           zp_is_power_of_two(options->shards) && options->shards <= ZP_SHARDS_MOST &&
           options->per_shard >= 1 && options->per_shard <= PER_SHARD_MOST &&
           options->thread_cache <= ZP_CACHE_MOST &&
           (options->eviction == ZEROPOOL_EVICTION_CLOCKPRO ||
            options->eviction == ZEROPOOL_EVICTION_LIFO) &&
           (options->pinned == 0 || options->pinned == 1) && options->node >= -1 &&
           options->node < ZP_NODES_MOST;
}

static struct zp_pool_traits traits_of(const struct zeropool_options *options)
{
    bool lifo = options->eviction == ZEROPOOL_EVICTION_LIFO;
    return (struct zp_pool_traits){
        .threshold = options->threshold,
        .budget = options->budget,
        .eviction = lifo ? &zp_eviction_lifo : &zp_eviction_clockpro,
        .per_shard = (uint32_t)options->per_shard,
        .shards = (uint8_t)options->shards,
        .thread_cache = (uint8_t)options->thread_cache,
        .node = (int16_t)options->node,
        .pinned = options->pinned == 1,
    };
}

// ---- Making and destroying -------------------------------------------------------------------

struct zeropool_pool *zeropool_pool_create(const struct zeropool_options *options)
{
    if (!has_a_size(options))
        return zp_fail(EINVAL);
    zp_host_start();
    struct zeropool_options all = options_of_process();
    memcpy(&all, options, common(options));
    if (!are_in_range(&all))
        return zp_fail(EINVAL);
    struct zp_pool_traits traits = traits_of(&all);
    int pool = zp_pool_own_open(&traits);
    return pool > 0 ? (struct zeropool_pool *)&zp_pools[pool] : zp_fail(-pool);
}

// The number of a pool; ZP_POOLS_MOST for what is none.
static unsigned number_of(const struct zeropool_pool *pool)
{
    size_t offset = (uintptr_t)pool - (uintptr_t)zp_pools;
    size_t number = offset / sizeof(zp_pools[0]);
    if (pool == NULL)
        return 0;
    bool is_one = offset % sizeof(zp_pools[0]) == 0 && number != 0 && number < ZP_POOLS_MOST &&
                  zp_pools_is_open((unsigned)number);
    return is_one ? (unsigned)number : ZP_POOLS_MOST;
}

void zeropool_pool_destroy(struct zeropool_pool *pool)
{
    unsigned number = number_of(pool);
    if (number != 0 && number != ZP_POOLS_MOST)
        zp_pool_own_close(number);
}

// ---- Use -------------------------------------------------------------------------------------

static void *get(const struct zeropool_pool *pool, size_t alignment, size_t size, void *caller)
{
    unsigned number = number_of(pool);
    if (number == ZP_POOLS_MOST || !zp_is_power_of_two(alignment))
        return zp_fail(EINVAL);
    void *buffer = zp_request(number, size, alignment, caller);
    return buffer != NULL ? buffer : zp_fail(ENOMEM);
}

void *zeropool_pool_get(struct zeropool_pool *pool, size_t size)
{
    return get(pool, 1, size, CALLER);
}

void *zeropool_pool_get_aligned(struct zeropool_pool *pool, size_t alignment, size_t size)
{
    return get(pool, alignment, size, CALLER);
}

void *zeropool_pool_try_get(struct zeropool_pool *pool, size_t size)
{
    unsigned number = number_of(pool);
    return number != ZP_POOLS_MOST ? zp_request_try(number, size) : zp_fail(EINVAL);
}

int zeropool_pool_get_batch(struct zeropool_pool *pool, void **buffers, const size_t *sizes,
                            size_t count)
{
    unsigned number = number_of(pool);
    return number != ZP_POOLS_MOST ? zp_request_batch(number, buffers, sizes, count, CALLER)
                                   : EINVAL;
}

size_t zeropool_pool_prewarm(struct zeropool_pool *pool, size_t size, size_t count)
{
    unsigned number = number_of(pool);
    zp_host_start();
    return number != ZP_POOLS_MOST ? zp_pool_prewarm_now(number, size, count) : 0;
}

size_t zeropool_pool_trim(struct zeropool_pool *pool)
{
    unsigned number = number_of(pool);
    if (number == ZP_POOLS_MOST)
        return 0;
    return number != 0 ? zp_pool_own_trim(number) : zp_pool_trim();
}

int zeropool_pool_stats_get(struct zeropool_pool *pool, struct zeropool_stats *stats)
{
    unsigned number = number_of(pool);
    return number != ZP_POOLS_MOST ? zp_request_stats(number, stats) : EINVAL;
}

double zeropool_pool_hit_rate(struct zeropool_pool *pool)
{
    unsigned number = number_of(pool);
    return number != ZP_POOLS_MOST ? zp_request_hit_rate(number) : 0;
}

#ifndef ZP_LINKED_OWN_H
#include "interface/calls.h"
ZP_CALLS_OF_POOLS(ZP_CALL_ALIAS)
#endif
