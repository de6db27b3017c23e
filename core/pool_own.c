// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool_own.h"

#include "os.h"
#include "quota.h"
#include "shard.h"
#include "thread.h"
#include "trim.h"

#include <errno.h>
#include <string.h>

// What the caches of a number had counted when it was given to the pool that has it now. Mapped
// when the number is given for the first time.
static struct zp_counters *at_open[ZP_POOLS_MOST];

static int prepare(unsigned pool)
{
    uint64_t bytes, granted;
    void *counters = at_open[pool];
    int error = 0;
    if (counters == NULL)
        error = zp_os_map(sizeof(struct zp_counters), PROT_READ | PROT_WRITE, &counters);
    if (error != 0)
        return error;
    at_open[pool] = counters;
    zp_thread_caches_sum_of(pool, counters, &bytes, &granted);
    return zp_shards_open(pool);
}

// Whether memory may come from a node is asked of the kernel. If it does not answer, memory comes
// from where it is touched, as everywhere there.
static bool may_be(unsigned node)
{
    void *page;
    if (node >= ZP_NODES_MOST || zp_os_map(zp_os_page_size(), PROT_NONE, &page) != 0)
        return false;
    int error = zp_placement_place_on(page, zp_os_page_size(), node);
    zp_os_unmap(page, zp_os_page_size());
    return error != -EINVAL;
}

int zp_pool_own_open(const struct zp_pool_traits *traits)
{
    struct zp_pool_traits chosen = *traits;
    if (chosen.node >= 0 && !may_be((unsigned)chosen.node))
        return -EINVAL;
    if (!zp_content_is_at_hand()) // what is looked at again comes from a shard (config/resolve.c)
        chosen.thread_cache = 0;
    return zp_pools_open(&chosen, prepare);
}

size_t zp_pool_own_trim(unsigned pool)
{
    struct zp_thread_cache *cache = zp_pool.started ? zp_thread_open_cache_of(pool) : NULL;
    if (cache == NULL)
        return 0;
    size_t bytes = zp_trim_pool(cache);
    zp_thread_cache_close(cache);
    return bytes;
}

void zp_pool_own_close(unsigned pool)
{
    zp_pools_close(pool);
    zp_pool_own_trim(pool);
    zp_pools_give_up(pool);
}

static size_t difference(size_t more, size_t less)
{
    return more > less ? more - less : 0;
}

static void subtract(struct zp_counters *from, const struct zp_counters *what)
{
#define ZP_FAMILY(name, type, unit, help)
#define ZP_COUNTED(field, labels, help) from->field -= what->field;
#define ZP_MEASURED(field, labels, help)
#define ZP_OF_CLASS(field, labels, help)
#include "stats.def"
#undef ZP_FAMILY
#undef ZP_COUNTED
#undef ZP_MEASURED
#undef ZP_OF_CLASS
}

void zp_pool_own_stats(unsigned pool, struct zp_pool_stats *stats)
{
    uint64_t granted;
    memset(stats, 0, sizeof(*stats));
    zp_thread_caches_sum_of(pool, &stats->counters, &stats->cached_bytes, &granted);
    subtract(&stats->counters, at_open[pool]);
    size_t charged = __atomic_load_n(&zp_pools[pool].charged, __ATOMIC_RELAXED);
    size_t committed = __atomic_load_n(&zp_pools[pool].committed, __ATOMIC_RELAXED);
    stats->retained_bytes = difference(charged, difference(granted, stats->cached_bytes));
    stats->live_bytes = difference(committed, stats->retained_bytes);
    stats->live_buffers = difference(zp_counters_served(&stats->counters), stats->counters.puts);
    stats->budget_bytes = zp_quota_limit(pool);
}

void zp_pool_own_reset(void)
{
    for (unsigned pool = 0; pool < ZP_POOLS_MOST; pool++)
        if (at_open[pool] != NULL)
            *at_open[pool] = (struct zp_counters){0};
}
