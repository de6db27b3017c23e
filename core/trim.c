// SPDX-License-Identifier: MIT OR Apache-2.0

#include "trim.h"

#include "quarantine.h"
#include "retain.h"
#include "scrub_queue.h"
#include "shard.h"

static size_t let_go(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    zp_count(&cache->counters.trimmed, 1);
    return zp_retain_let_go(slot);
}

size_t zp_trim_pool(struct zp_thread_cache *cache)
{
    size_t bytes = 0;
    zp_retain_flush_idle(cache);
    zp_retain_flush_pool(cache, cache->pool, 0);
    for (struct zp_slot *slot; (slot = zp_scrub_queue_evict_of(cache->pool)) != NULL;)
        bytes += let_go(cache, slot);
    for (struct zp_slot *slot; (slot = zp_shards_evict(cache->home)) != NULL;)
        bytes += let_go(cache, slot);
    return bytes;
}

size_t zp_trim(struct zp_thread_cache *cache)
{
    size_t bytes = 0;
    zp_retain_flush_idle(cache);
    zp_retain_flush_others(cache, 0);
    // The queue first: the helper moves what it has in hand from there to a shard.
    for (struct zp_slot *slot; (slot = zp_scrub_queue_evict()) != NULL;)
        bytes += let_go(cache, slot);
    for (struct zp_slot *slot; (slot = zp_quarantine_take()) != NULL;)
        bytes += let_go(cache, slot);
    for (struct zp_slot *slot; (slot = zp_shards_take_idle(cache->home, 0)) != NULL;)
        bytes += let_go(cache, slot);
    return bytes;
}
