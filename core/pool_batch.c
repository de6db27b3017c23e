// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool_batch.h"

#include "at_hand.h"
#include "os.h"
#include "peak.h"
#include "retain.h"
#include "thread.h"
#include "timeline.h"

#include <string.h>

void zp_pool_get_batch(void **buffers, const size_t *sizes, size_t count, const void *caller)
{
    memset(buffers, 0, count * sizeof(*buffers));
    if (!zp_pool.started || zp_profile_on) // each request is recorded for itself
        return;
    struct zp_thread_cache *cache = zp_thread_open_cache();
    zp_get_batch(cache, buffers, sizes, count, caller);
    zp_thread_cache_close(cache);
    zp_pool_call_helper();
}

struct zp_slot *zp_pool_get_at_hand(size_t size)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    if (!zp_pool.started || !zp_thread_cache_try_open(cache))
        return NULL;
    struct zp_slot *slot = zp_at_hand_get(cache, size);
    zp_thread_cache_close(cache);
    return slot;
}

// One of the batch: what pool and profile look at is looked at once for all of them.
static struct zp_slot *put_of_batch(struct zp_thread_cache *cache, void *buffer, void *caller,
                                    struct zp_slot *chain)
{
    struct zp_slot *slot = zp_pool_slot(buffer, "free");
    if (slot == NULL)
        return chain;
    __atomic_store_n(&slot->freed_by, caller, __ATOMIC_RELAXED);
    ZP_PROBE_2(put, buffer, slot->usable);
    zp_count(&cache->counters.puts, 1);
    if (ZP_UNLIKELY(slot->readonly) && !zp_readonly_put(slot, &cache->counters))
        return chain;
    zp_put_record_stack(slot);
    if (ZP_UNLIKELY(zp_profile_on))
        zp_profile_note_put(slot);
    return zp_put_into_chain(cache, slot, chain);
}

void zp_pool_put_batch(void *const *buffers, size_t count, void *caller)
{
    if (ZP_UNLIKELY(zp_peak_is_on))
        zp_peak_look();
    struct zp_thread_cache *cache = zp_thread_open_cache();
    struct zp_slot *chain = NULL;
    zp_decay_tick(cache); // before they are kept: they have not been idle
    for (size_t i = 0; i < count; i++)
        if (zp_arena_owns(buffers[i]))
            chain = put_of_batch(cache, buffers[i], caller, chain);
    zp_retain_pool_chain(cache, chain, zp_os_clock());
    zp_thread_cache_close(cache);
    zp_pool_call_helper();
    if (ZP_UNLIKELY(zp_profile_on) && zp_timeline_is_due())
        zp_pool_note_time();
}

size_t zp_pool_prewarm_now(size_t size, size_t count)
{
    if (!zp_pool.started)
        return 0;
    struct zp_thread_cache *cache = zp_thread_open_cache();
    size_t made = zp_prewarm_now(cache, size, count);
    zp_thread_cache_close(cache);
    return made;
}
