// SPDX-License-Identifier: MIT OR Apache-2.0

#include "put.h"

#include "commit.h"
#include "content.h"
#include "decay.h"
#include "os.h"
#include "quarantine.h"
#include "quota.h"
#include "reclaim.h"
#include "retain.h"
#include "scrub_queue.h"
#include "shard.h"

static ZP_FROZEN struct zp_put_config config = {0};

void zp_put_init(const struct zp_put_config *chosen)
{
    config = *chosen;
}

void zp_put_record_stack(const struct zp_slot *slot)
{
    struct zp_stack *stack = zp_arena_stack(slot);
    if (ZP_UNLIKELY(stack != NULL) && !zp_os_is_restricted())
        zp_stack_capture(stack);
}

// Whether no fork shares its pages and the program has not changed its mapping: the epoch tells of
// both. In quarantine the mapping is changed, but by the pool.
static bool is_unshared(const struct zp_slot *slot)
{
    return slot->epoch == zp_arena_epoch();
}

// Another node's buffer goes to the shards of that node.
static bool is_near(const struct zp_thread_cache *cache, const struct zp_slot *slot)
{
    return zp_shards_home_in(cache->home, slot->group) == cache->home;
}

// ---- As it is --------------------------------------------------------------------------------

static bool keep_dirty(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (!is_unshared(slot) ||
        !zp_thread_cache_has_room(cache, cache->dirty_capacity, slot->usable) ||
        !is_near(cache, slot))
        return false;
    slot->content = ZP_CONTENT_DIRTY;
    zp_thread_cache_push(cache, slot);
    return true;
}

// Not again within a tick of the coarse clock: nothing has become due since.
static bool has_to_look(const struct zp_thread_cache *cache)
{
    return cache->attentive || (cache->counters.puts % ZP_DECAY_LOOKS == 0 &&
                                zp_os_clock() != __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED));
}

// ---- Quarantine ------------------------------------------------------------------------------

// A buffer that has been in quarantine for long enough.
static void leave_quarantine(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (slot->mapping == ZP_MAPPING_DONTFORK || !is_unshared(slot) ||
        zp_os_protect(slot->base, slot->committed, PROT_READ | PROT_WRITE) != 0) {
        zp_retain_let_go(slot);
        return;
    }
    slot->mapping = ZP_MAPPING_PLAIN;
    zp_retain_pool(cache, cache->home, slot, slot->since);
}

static bool keep_in_quarantine(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    size_t bytes = slot->usable;
    if (!zp_retain_charge(cache, slot->pool, bytes))
        return false;
    slot->since = zp_os_clock();
    slot->mapping = ZP_MAPPING_CHANGED; // until it leaves, in part or whole
    if (!zp_content_clean(slot, &cache->counters) ||
        zp_os_protect(slot->base, slot->committed, PROT_NONE) != 0) {
        zp_quota_release(slot->pool, bytes);
        return false;
    }
    zp_reclaim_enter(slot);
    zp_quarantine_put(slot);
    zp_count(&cache->counters.puts_quarantined, 1);
    while ((slot = zp_quarantine_take_surplus()) != NULL)
        leave_quarantine(cache, slot);
    return true;
}

// ---- The scrub queue -------------------------------------------------------------------------

// Small pages that the processor's cache still holds are zero before another thread is awake, and
// pages that are dropped are as fast. What waits cannot be made reclaimable.
static bool is_left_to_helper(const struct zp_slot *slot, const struct zp_counters *counters)
{
    return zp_scrub_queue_is_open() &&
           (slot->committed >= ZP_HUGE_PAGE || !zp_content_is_cached(slot, counters)) &&
           !zp_content_seems_sparse(slot) &&
           (!zp_reclaim_is_tight() ||
            zp_scrub_queue_bytes() + slot->usable <= zp_reclaim_unmarked());
}

static bool keep_unscrubbed(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    size_t bytes = slot->usable;
    if (!zp_retain_charge(cache, slot->pool, bytes))
        return false;
    bool queued = zp_scrub_queue_put(slot, cache->home % ZP_SHARDS_MOST);
    if (!queued)
        zp_quota_release(slot->pool, bytes);
    zp_count(&cache->counters.puts_queued, queued);
    return queued;
}

void zp_put_scrub_part(struct zp_thread_cache *cache)
{
    struct zp_scrub_part part;
    struct zp_scrub_job job;
    if (!zp_scrub_queue_part(&part))
        return;
    // Writing to pages that a fork shares would copy them.
    part.failed = !zp_arena_is_private(part.slot) ||
                  zp_content_clean_part(part.slot, part.at, part.bytes, &part.result) != 0;
    if (!zp_scrub_queue_part_done(&part, &job))
        return;
    if (job.failed || !zp_arena_is_private(job.slot)) {
        zp_retain_let_go(job.slot);
        return;
    }
    zp_content_note_clean(job.slot, &job.result, &cache->counters);
    zp_count(&cache->counters.helped, 1);
    zp_retain_pool(cache, job.slot->shard, job.slot, zp_os_clock());
}

// ---- The thread's cache ----------------------------------------------------------------------

// Bytes that a thread's cache may hold: what is in there is not reclaimable.
static size_t cache_most(void)
{
    size_t most = config.thread_cache_bytes;
    if (!zp_reclaim_is_tight())
        return most;
    size_t share_of_limit = zp_reclaim_cache_share();
    return most < share_of_limit ? most : share_of_limit;
}

// Makes room for `bytes` in a cache: false if there is none.
static bool make_room(struct zp_thread_cache *cache, size_t bytes)
{
    size_t most = cache_most();
    while (cache->bytes > most)
        zp_retain_flush_one(cache);
    if (cache->capacity == 0 || bytes > most)
        return false;
    while (cache->count == cache->capacity || cache->bytes + bytes > most)
        zp_retain_flush_one(cache);
    size_t needed = cache->bytes + bytes;
    if (needed > cache->granted) {
        if (!zp_retain_charge(cache, cache->pool, needed - cache->granted))
            return false;
        zp_thread_cache_grant(cache, needed);
    }
    return true;
}

static bool keep_in_cache(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (!is_near(cache, slot) || !make_room(cache, slot->usable) ||
        !zp_content_clean(slot, &cache->counters))
        return false;
    zp_thread_cache_push(cache, slot);
    return true;
}

// ---- A shard ---------------------------------------------------------------------------------

static bool charge_and_clean(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    size_t bytes = slot->usable;
    if (!zp_retain_charge(cache, slot->pool, bytes))
        return false;
    if (!zp_content_clean(slot, &cache->counters)) {
        zp_quota_release(slot->pool, bytes);
        return false;
    }
    zp_count(&cache->counters.puts_shard, 1);
    return true;
}

static bool keep_in_shard(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (!charge_and_clean(cache, slot))
        return false;
    zp_retain_pool(cache, cache->home, slot, zp_os_clock());
    return true;
}

// ---- All of it -------------------------------------------------------------------------------

static bool keep(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (slot->committed <= config.quarantine)
        return keep_in_quarantine(cache, slot);
    if (is_left_to_helper(slot, &cache->counters) && keep_unscrubbed(cache, slot))
        return true;
    return keep_in_cache(cache, slot) || keep_in_shard(cache, slot);
}

void zp_put_slot(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    zp_slot_step(slot, ZP_SLOT_TAKEN);
    if (keep_dirty(cache, slot)) {
        if (has_to_look(cache))
            zp_decay_tick(cache);
        return;
    }
    // Before the buffer is kept: it has not been idle, whatever the thread did meanwhile.
    zp_decay_tick(cache);
    if (!is_unshared(slot)) {
        // Writing zeros would make a copy of every page that a fork left shared.
        zp_count(&cache->counters.dropped, 1);
        zp_retain_drop(slot);
    } else if (!keep(cache, slot)) {
        zp_count(&cache->counters.unretained, 1);
        zp_retain_drop(slot);
    }
}

struct zp_slot *zp_put_into_chain(struct zp_thread_cache *cache, struct zp_slot *slot,
                                  struct zp_slot *chain)
{
    if (!is_unshared(slot) || !is_near(cache, slot) || slot->committed <= config.quarantine ||
        is_left_to_helper(slot, &cache->counters)) {
        zp_put_slot(cache, slot);
        return chain;
    }
    zp_slot_step(slot, ZP_SLOT_TAKEN);
    if (!charge_and_clean(cache, slot)) {
        zp_count(&cache->counters.unretained, 1);
        zp_retain_drop(slot);
        return chain;
    }
    slot->links[ZP_ORDER_CLASS].older = chain;
    return slot;
}
