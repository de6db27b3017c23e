// SPDX-License-Identifier: MIT OR Apache-2.0

#include "retain.h"

#include "batch.h"
#include "commit.h"
#include "content.h"
#include "os.h"
#include "placement.h"
#include "probes.h"
#include "quarantine.h"
#include "quota.h"
#include "reclaim.h"
#include "scrub_queue.h"
#include "shard.h"

// How long one put may make other pooled buffers reclaimable, in microseconds.
enum { SWEEP_US = 1000 };

// ---- Letting go ------------------------------------------------------------------------------

void zp_retain_drop(struct zp_slot *slot)
{
    zp_quota_end_tail(slot->pool, zp_slot_tail(slot));
    zp_decommit(slot);
}

size_t zp_retain_let_go(struct zp_slot *slot)
{
    size_t bytes = slot->committed;
    ZP_PROBE_2(evict, slot->base, bytes);
    zp_quota_release(slot->pool, slot->usable);
    zp_retain_drop(slot);
    return bytes;
}

static void evict(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    zp_count(&cache->counters.evicted, 1);
    zp_retain_let_go(slot);
}

// What leaves for a buffer of a pool: one of that pool's; where all pools together have no room,
// then one of any.
static struct zp_slot *choose(const struct zp_thread_cache *cache, unsigned pool, bool any)
{
    struct zp_slot *slot = zp_shards_evict(zp_shards_home_of(pool, cache->home));
    if (slot == NULL && any)
        slot = zp_scrub_queue_evict();
    if (slot == NULL && any)
        slot = zp_quarantine_take();
    for (unsigned other = 0; slot == NULL && any && other < zp_pools_count(); other++)
        slot = zp_shards_evict(zp_shards_home_of(other, cache->home));
    return slot;
}

bool zp_retain_charge(struct zp_thread_cache *cache, unsigned pool, size_t bytes)
{
    while (!zp_quota_charge(pool, bytes)) {
        if (bytes > zp_quota_limit(pool))
            return false;
        struct zp_slot *slot = choose(cache, pool, !zp_quota_is_full(pool, bytes));
        if (slot == NULL)
            return false;
        evict(cache, slot);
    }
    return true;
}

// ---- Cold slots ------------------------------------------------------------------------------

// The region for a buffer of a pool of the program's own: one that there is, though its requests
// may be smaller than the process's; and one whose slots stand alone if memory comes from a node.
static unsigned own_region(unsigned pool, size_t size)
{
    if (zp_pools[pool].traits.node >= 0 && size < ZP_HUGE_PAGE)
        size = ZP_HUGE_PAGE;
    unsigned region = zp_arena_region_of(size);
    while (zp_arena.regions[region].limit == 0 && region < ZP_REGION_COUNT - 1)
        region++;
    return region;
}

struct zp_slot *zp_retain_take_cold(unsigned pool, size_t size)
{
    unsigned region = pool == 0 ? zp_arena_region_of(size) : own_region(pool, size);
    struct zp_slot *slot = zp_arena_take(region);
    if (slot == NULL)
        return NULL;
    slot->pool = (uint8_t)pool;
    zp_content_verify(slot); // a packed slot is accessible while it is cold
    slot->huge = zp_arena.huge_pages == ZP_HUGE_ALL;
    slot->epoch = zp_arena_epoch();
    slot->group = (uint8_t)zp_placement_group(0);
    return slot;
}

// ---- Shards ----------------------------------------------------------------------------------

// Makes a slot ready for a shard.
static void enter(struct zp_slot *slot, uint32_t since)
{
    zp_budget_convert_tail(zp_slot_tail(slot));
    slot->usable = slot->committed;
    zp_reclaim_enter(slot);
    slot->since = since;
}

static void sweep_if_tight(unsigned home)
{
    if (ZP_UNLIKELY(zp_reclaim_is_tight())) { // older ones may not be reclaimable
        struct zp_os_span span = zp_os_span(SWEEP_US);
        zp_reclaim_idle(home, 0, &span);
    }
}

static void put_into_shard(struct zp_thread_cache *cache, unsigned home, struct zp_slot *slot)
{
    struct zp_slot *evicted = zp_shards_put(home, slot, &cache->counters);
    if (evicted != NULL)
        evict(cache, evicted);
}

void zp_retain_pool(struct zp_thread_cache *cache, unsigned home, struct zp_slot *slot,
                    uint32_t since)
{
    if (zp_pools_is_closed(slot->pool)) {
        zp_retain_let_go(slot);
        return;
    }
    home = zp_shards_home_for(home, slot);
    enter(slot, since);
    put_into_shard(cache, home, slot);
    sweep_if_tight(home);
}

// A chain is of one pool.
void zp_retain_pool_chain(struct zp_thread_cache *cache, struct zp_slot *chain, uint32_t since)
{
    for (struct zp_slot *slot = chain; slot != NULL; slot = slot->links[ZP_ORDER_CLASS].older)
        enter(slot, since);
    chain = zp_batch_put(cache->home, chain, &cache->counters);
    for (struct zp_slot *next; chain != NULL; chain = next) {
        next = chain->links[ZP_ORDER_CLASS].older;
        put_into_shard(cache, cache->home, chain);
    }
    sweep_if_tight(cache->home);
}

// ---- Thread caches ---------------------------------------------------------------------------

// Takes the buffer at a place of a cache, with the charge for it.
static struct zp_slot *take_at(struct zp_thread_cache *cache, unsigned place)
{
    struct zp_slot *slot = zp_thread_cache_take_at(cache, place);
    zp_thread_cache_grant(cache, cache->granted - slot->usable);
    slot->since = __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED);
    return slot;
}

static void put_oldest(const struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (zp_pools_is_closed(slot->pool)) {
        zp_retain_let_go(slot);
        return;
    }
    zp_budget_convert_tail(zp_slot_tail(slot));
    slot->usable = slot->committed;
    zp_shards_put_oldest(cache->home, slot);
}

void zp_retain_flush_one(struct zp_thread_cache *cache)
{
    struct zp_slot *slot = take_at(cache, 0);
    zp_retain_pool(cache, cache->home, slot, slot->since);
}

static void release_grant(struct zp_thread_cache *cache)
{
    zp_quota_release(cache->pool, cache->granted);
    zp_thread_cache_grant(cache, 0);
}

// The fast paths only count: that they were used since the last stamp shows here.
static void note_use(struct zp_thread_cache *cache)
{
    uint64_t puts = __atomic_load_n(&cache->counters.puts, __ATOMIC_RELAXED);
    if (puts != __atomic_load_n(&cache->seen, __ATOMIC_RELAXED))
        zp_thread_cache_stamp(cache, zp_os_clock());
}

void zp_retain_flush(struct zp_thread_cache *cache)
{
    if (cache == &zp_no_cache)
        return;
    note_use(cache);
    while (cache->count > 0)
        zp_retain_flush_one(cache);
    release_grant(cache);
}

void zp_retain_flush_idle(struct zp_thread_cache *cache)
{
    if (cache == &zp_no_cache)
        return;
    while (cache->count > 0)
        put_oldest(cache, take_at(cache, cache->count - 1));
    release_grant(cache);
}

void zp_retain_flush_oldest(struct zp_thread_cache *cache, unsigned count, uint32_t since)
{
    for (; count > 0; count--)
        zp_retain_pool(cache, cache->home, take_at(cache, 0), since);
}

void zp_retain_flush_pool(struct zp_thread_cache *cache, unsigned pool, uint32_t idle)
{
    size_t spare;
    struct zp_slot *slot = zp_thread_caches_take(cache, pool, idle, &spare);
    zp_quota_release(pool, spare);
    for (struct zp_slot *next; slot != NULL; slot = next) {
        next = slot->links[ZP_ORDER_CLASS].older;
        put_oldest(cache, slot);
    }
}

void zp_retain_flush_others(struct zp_thread_cache *cache, uint32_t idle)
{
    for (unsigned pool = 0; pool < zp_pools_count(); pool++)
        zp_retain_flush_pool(cache, pool, idle);
}
