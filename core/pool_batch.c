// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool_batch.h"

#include "at_hand.h"
#include "os.h"
#include "peak.h"
#include "retain.h"
#include "thread.h"
#include "timeline.h"

#include <string.h>

void zp_pool_get_batch(unsigned pool, void **buffers, const size_t *sizes, size_t count,
                       const void *caller)
{
    memset(buffers, 0, count * sizeof(*buffers));
    if (!zp_pool.started || zp_profile_on) // each request is recorded for itself
        return;
    struct zp_thread_cache *cache = zp_thread_open_cache_of(pool);
    if (cache == NULL)
        return;
    zp_get_batch(cache, buffers, sizes, count, caller);
    zp_thread_cache_close(cache);
    zp_pool_call_helper();
}

struct zp_slot *zp_pool_get_at_hand(unsigned pool, size_t size)
{
    struct zp_thread_cache *cache = zp_thread_known_cache_of(pool);
    if (!zp_pool.started || cache == NULL || !zp_thread_cache_try_open(cache))
        return NULL;
    struct zp_slot *slot = zp_at_hand_get(cache, size);
    zp_thread_cache_close(cache);
    return slot;
}

// What is under way of a batch: the cache for the pool of the last buffer, opened, and what goes
// from there to the shards in one go.
struct putting {
    struct zp_thread_cache *cache;
    struct zp_slot *chain;
};

static void finish(struct putting *putting)
{
    if (putting->cache == NULL)
        return;
    zp_retain_pool_chain(putting->cache, putting->chain, zp_os_clock());
    zp_thread_cache_close(putting->cache);
    *putting = (struct putting){NULL, NULL};
}

static void turn_to(struct putting *putting, unsigned pool)
{
    if (putting->cache != NULL && putting->cache->pool == pool)
        return;
    finish(putting);
    putting->cache = zp_thread_open_cache_of(pool);
    if (putting->cache != NULL)
        zp_decay_tick(putting->cache); // before they are kept: they have not been idle
}

// One of the batch: what pool and profile look at is looked at once for all of them.
static void put_of_batch(struct putting *putting, void *buffer, void *caller)
{
    struct zp_slot *slot = zp_pool_slot(buffer, "free");
    if (slot == NULL)
        return;
    turn_to(putting, slot->pool);
    struct zp_thread_cache *cache = putting->cache;
    if (cache == NULL) {
        zp_pool_put_for(buffer, caller);
        return;
    }
    __atomic_store_n(&slot->freed_by, caller, __ATOMIC_RELAXED);
    ZP_PROBE_2(put, buffer, slot->usable);
    zp_count(&cache->counters.puts, 1);
    if (ZP_UNLIKELY(slot->readonly) && !zp_readonly_put(slot, &cache->counters))
        return;
    zp_put_record_stack(slot);
    if (ZP_UNLIKELY(zp_profile_on))
        zp_profile_note_put(slot);
    putting->chain = zp_put_into_chain(cache, slot, putting->chain);
}

void zp_pool_put_batch(void *const *buffers, size_t count, void *caller)
{
    struct putting putting = {NULL, NULL};
    if (ZP_UNLIKELY(zp_peak_is_on))
        zp_peak_look();
    for (size_t i = 0; i < count; i++)
        if (zp_arena_owns(buffers[i]))
            put_of_batch(&putting, buffers[i], caller);
    finish(&putting);
    zp_pool_call_helper();
    if (ZP_UNLIKELY(zp_profile_on) && zp_timeline_is_due())
        zp_pool_note_time();
}

size_t zp_pool_prewarm_now(unsigned pool, size_t size, size_t count)
{
    struct zp_thread_cache *cache = zp_pool.started ? zp_thread_open_cache_of(pool) : NULL;
    if (cache == NULL)
        return 0;
    size_t made = zp_prewarm_now(cache, size, count);
    zp_thread_cache_close(cache);
    return made;
}
