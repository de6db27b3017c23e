// SPDX-License-Identifier: MIT OR Apache-2.0

#include "retain.h"

#include "arena.h"
#include "budget.h"
#include "fatal.h"
#include "os.h"
#include "reclaim.h"
#include "scrub.h"
#include "shard.h"

// What one put may mark of what others have left unmarked, in microseconds.
enum { SWEEP_US = 1000 };

static ZP_FROZEN struct zp_retain_config config = {0};

// ---- Letting go ------------------------------------------------------------------------------

size_t zp_retain_let_go(struct zp_slot *slot)
{
    size_t bytes = slot->committed;
    zp_budget_release(bytes);
    zp_arena_decommit(slot);
    return bytes;
}

static void evict(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    zp_count(&cache->counters.evicted, 1);
    zp_retain_let_go(slot);
}

static bool evict_one(struct zp_thread_cache *cache)
{
    struct zp_slot *slot = zp_shards_evict(cache->home);
    if (slot == NULL)
        slot = zp_scrub_queue_evict();
    if (slot == NULL)
        slot = zp_quarantine_take();
    if (slot == NULL)
        return false;
    evict(cache, slot);
    return true;
}

// Charges `bytes` to the budget, evicting until they fit.
static bool charge(struct zp_thread_cache *cache, size_t bytes)
{
    while (!zp_budget_charge(bytes))
        if (bytes > zp_budget_limit() || !evict_one(cache))
            return false;
    return true;
}

// Whether a fork has come in between and could not leave the buffer out: its pages are shared.
static bool is_shared(const struct zp_slot *slot)
{
    return slot->left_out || slot->epoch != zp_arena_epoch();
}

// ---- Keeping ---------------------------------------------------------------------------------

// Whether the processor's cache is likely to hold a buffer's content still: the buffer and all that
// its thread has requested since would fit. Of a buffer from another thread this tells nothing, and
// nothing but time is lost by it.
static bool is_cached(const struct zp_slot *slot, const struct zp_counters *counters)
{
    return counters->bytes_requested - slot->born <= config.cpu_cache;
}

static void scrub_part(struct zp_scrub_part *part, bool cached)
{
    char *from = part->slot->base + part->at;
    part->result = (struct zp_scrub_result){.written = part->bytes};
    struct zp_scrub_hint hint = {.cached = cached, .huge = zp_arena_is_huge(part->slot)};
    if (part->slot->resident)
        zp_scrub_resident(from, part->bytes, cached);
    else
        part->failed = zp_scrub(from, part->bytes, hint, &part->result) != 0;
}

// A slot is zero: what is known of its pages now.
static void note_scrubbed(struct zp_slot *slot, const struct zp_scrub_result *result,
                          struct zp_counters *counters)
{
    zp_count(&counters->warm_pages, slot->warm);
    // What was there before and reads as zero is there still; else that may be the zero page.
    size_t warm = slot->warm * zp_arena.page, found = result->written + result->kept;
    warm = warm < found ? warm : found;
    slot->warm = (uint32_t)((warm > result->written ? warm : result->written) / zp_arena.page);
    slot->resident = result->written == slot->committed;
    // Who gets it next may touch it here and there.
    size_t most = slot->committed / zp_arena.page;
    if (slot->huge && zp_arena_can_be_huge(slot) && slot->warm < most - most / 8)
        zp_arena_set_huge(slot, false);
    slot->clean = true;
    zp_count(&counters->bytes_scrubbed, result->written);
    zp_count(&counters->bytes_dropped, result->dropped);
}

// Makes a buffer zero; false if the kernel refused.
static bool scrub_whole(struct zp_slot *slot, struct zp_counters *counters, bool cached)
{
    struct zp_scrub_part whole = {.slot = slot, .bytes = slot->committed};
    scrub_part(&whole, cached);
    if (!whole.failed)
        note_scrubbed(slot, &whole.result, counters);
    return !whole.failed;
}

// Makes a buffer zero, if that is what freed buffers are to be; false if the kernel refused.
static bool scrub(struct zp_slot *slot, struct zp_counters *counters)
{
    slot->clean = false;
    return !config.scrub || scrub_whole(slot, counters, is_cached(slot, counters));
}

// Nobody may have written to a slot since it was made zero.
static void verify(const struct zp_slot *slot)
{
    const char *found = config.verify ? zp_scrub_find(slot->base, slot->committed) : NULL;
    if (found != NULL)
        zp_fatal_write(slot->base, slot->committed, found, zp_arena_stack(slot));
}

struct zp_slot *zp_retain_take_cold(unsigned size_class)
{
    struct zp_slot *slot = zp_arena_take(size_class);
    if (slot == NULL)
        return NULL;
    verify(slot); // a cold slot is inaccessible, as a rule
    if (!zp_shards_come_back(slot))
        slot->hot = false; // of an owner long gone
    slot->huge = zp_arena.huge_pages == ZP_HUGE_ALL;
    slot->epoch = zp_arena_epoch();
    return slot;
}

bool zp_retain_reuse(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    verify(slot);
    if (slot->reclaimable != ZP_RECLAIMABLE_NONE) {
        slot->reclaimable = ZP_RECLAIMABLE_NONE;
        slot->resident = false;
    }
    return !config.scrub_again || scrub_whole(slot, &cache->counters, false);
}

// Puts a scrubbed slot that is charged to the budget into the shard `home` or a neighbour; it has
// been idle since `since`.
static void share_at(struct zp_thread_cache *cache, unsigned home, struct zp_slot *slot,
                     uint32_t since)
{
    slot->state = ZP_SLOT_TAKEN;
    zp_reclaim_enter(slot);
    slot->since = since;
    struct zp_slot *evicted = zp_shards_put(home, slot, &cache->counters);
    if (evicted != NULL)
        evict(cache, evicted);
    if (ZP_UNLIKELY(zp_reclaim_is_tight())) { // what came before may not be marked
        struct zp_os_span span = zp_os_span(SWEEP_US);
        zp_reclaim_idle(home, 0, &span);
    }
}

static void share(struct zp_thread_cache *cache, struct zp_slot *slot, uint32_t since)
{
    share_at(cache, cache->home, slot, since);
}

// Takes the buffer at a place of a cache, with the charge for it.
static struct zp_slot *take_at(struct zp_thread_cache *cache, unsigned place)
{
    struct zp_slot *slot = zp_thread_cache_take_at(cache, place);
    zp_thread_cache_grant(cache, cache->granted - slot->committed);
    slot->since = __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED);
    return slot;
}

static void share_oldest(struct zp_thread_cache *cache)
{
    struct zp_slot *slot = take_at(cache, 0);
    share(cache, slot, slot->since);
}

static void release_grant(struct zp_thread_cache *cache)
{
    zp_budget_release(cache->granted);
    zp_thread_cache_grant(cache, 0);
}

void zp_retain_flush(struct zp_thread_cache *cache)
{
    if (cache == &zp_no_cache)
        return;
    while (cache->count > 0)
        share_oldest(cache);
    release_grant(cache);
}

void zp_retain_flush_idle(struct zp_thread_cache *cache)
{
    if (cache == &zp_no_cache)
        return;
    while (cache->count > 0)
        zp_shards_put_oldest(cache->home, take_at(cache, cache->count - 1));
    release_grant(cache);
}

void zp_retain_flush_oldest(struct zp_thread_cache *cache, unsigned count, uint32_t since)
{
    for (; count > 0; count--)
        share(cache, take_at(cache, 0), since);
}

void zp_retain_empty_caches(struct zp_thread_cache *cache, uint32_t idle)
{
    size_t spare;
    struct zp_slot *slot = zp_thread_caches_take(idle, &spare);
    zp_budget_release(spare);
    for (struct zp_slot *next; slot != NULL; slot = next) {
        next = slot->next;
        zp_shards_put_oldest(cache->home, slot);
    }
}

// Bytes that a thread's cache may hold: what is in there is not marked.
static size_t cache_most(void)
{
    size_t most = config.thread_cache_bytes;
    if (!zp_reclaim_is_tight())
        return most;
    size_t share_of_limit = zp_reclaim_cache_share();
    return most < share_of_limit ? most : share_of_limit;
}

// Makes room for `bytes` in a cache: false if that is not to be had.
static bool make_room(struct zp_thread_cache *cache, size_t bytes)
{
    size_t most = cache_most();
    while (cache->bytes > most)
        share_oldest(cache);
    if (cache->capacity == 0 || bytes > most)
        return false;
    while (cache->count == cache->capacity || cache->bytes + bytes > most)
        share_oldest(cache);
    size_t needed = cache->bytes + bytes;
    if (needed > cache->granted) {
        if (!charge(cache, needed - cache->granted))
            return false;
        zp_thread_cache_grant(cache, needed);
    }
    return true;
}

static bool retain_in_cache(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (!make_room(cache, slot->committed) || !scrub(slot, &cache->counters))
        return false;
    zp_thread_cache_push(cache, slot);
    return true;
}

static bool retain_in_shard(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    size_t bytes = slot->committed;
    if (!charge(cache, bytes))
        return false;
    if (!scrub(slot, &cache->counters)) {
        zp_budget_release(bytes);
        return false;
    }
    share(cache, slot, zp_os_clock());
    return true;
}

static bool retain_unscrubbed(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    size_t bytes = slot->committed;
    if (!charge(cache, bytes))
        return false;
    bool queued = zp_scrub_queue_put(slot, cache->home);
    if (!queued)
        zp_budget_release(bytes);
    return queued;
}

// Small pages that the processor's cache still holds are zero before another thread is awake.
// And what waits cannot be marked.
static bool is_left_to_helper(const struct zp_slot *slot, const struct zp_counters *counters)
{
    return config.scrub_behind != 0 &&
           (slot->committed >= ZP_LARGE_CLASS || !is_cached(slot, counters)) &&
           (!zp_reclaim_is_tight() ||
            zp_scrub_queue_bytes() + slot->committed <= zp_reclaim_unmarked());
}

// A buffer that has been in quarantine for long enough.
static void leave_quarantine(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (is_shared(slot) ||
        zp_os_protect(slot->base, slot->committed, PROT_READ | PROT_WRITE) != 0) {
        zp_retain_let_go(slot);
        return;
    }
    slot->marked = false;
    share(cache, slot, slot->since);
}

static bool retain_in_quarantine(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    size_t bytes = slot->committed;
    if (!charge(cache, bytes))
        return false;
    slot->since = zp_os_clock();
    slot->marked = true; // whoever lets it go must not leave it like this, in part or whole
    if (!scrub(slot, &cache->counters) || zp_os_protect(slot->base, bytes, PROT_NONE) != 0) {
        zp_budget_release(bytes);
        return false;
    }
    zp_reclaim_enter(slot);
    zp_quarantine_put(slot);
    while ((slot = zp_quarantine_take_surplus()) != NULL)
        leave_quarantine(cache, slot);
    return true;
}

bool zp_retain(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (slot->committed <= config.quarantine)
        return retain_in_quarantine(cache, slot);
    if (is_left_to_helper(slot, &cache->counters) && retain_unscrubbed(cache, slot))
        return true;
    return retain_in_cache(cache, slot) || retain_in_shard(cache, slot);
}

// ---- Scrubbing later -------------------------------------------------------------------------

// What a buffer that waited has become: scrubbed, or let go and NULL.
static struct zp_slot *outcome(struct zp_thread_cache *cache, const struct zp_scrub_job *job)
{
    if (job->failed || is_shared(job->slot)) {
        zp_retain_let_go(job->slot);
        return NULL;
    }
    note_scrubbed(job->slot, &job->result, &cache->counters);
    return job->slot;
}

// Scrubs, in turns with the helper, what it had in hand.
static struct zp_slot *scrub_jointly(struct zp_thread_cache *cache)
{
    struct zp_scrub_part part;
    struct zp_scrub_job job;
    while (zp_scrub_queue_join_part(&part)) {
        scrub_part(&part, false);
        zp_scrub_queue_part_done(&part, &job);
    }
    return zp_scrub_queue_join_end(&job) ? outcome(cache, &job) : NULL;
}

struct zp_slot *zp_retain_take_unscrubbed(struct zp_thread_cache *cache, unsigned first,
                                          unsigned last)
{
    struct zp_slot *slot;
    switch (zp_scrub_queue_take(first, last, &slot)) {
    case ZP_SCRUB_JOINED:
        return scrub_jointly(cache);
    case ZP_SCRUB_TAKEN:
        if (!is_shared(slot) && scrub_whole(slot, &cache->counters, false))
            return slot;
        zp_retain_let_go(slot);
        return NULL;
    default:
        return NULL;
    }
}

void zp_retain_scrub_part(struct zp_thread_cache *cache)
{
    struct zp_scrub_part part;
    struct zp_scrub_job job;
    if (!zp_scrub_queue_part(&part))
        return;
    if (is_shared(part.slot))
        part.failed = true; // writing would copy its pages
    else
        scrub_part(&part, false);
    if (!zp_scrub_queue_part_done(&part, &job))
        return;
    unsigned home = job.slot->shard;
    struct zp_slot *slot = outcome(cache, &job);
    if (slot == NULL)
        return;
    zp_count(&cache->counters.helped, 1);
    share_at(cache, home, slot, zp_os_clock());
}

void zp_retain_ready(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (is_shared(slot)) {
        zp_retain_let_go(slot);
        return;
    }
    slot->warm = (uint32_t)(slot->committed / zp_arena.page);
    slot->resident = true;
    share(cache, slot, zp_os_clock());
}

// ---- Giving back -----------------------------------------------------------------------------

size_t zp_retain_give_back(struct zp_thread_cache *cache)
{
    size_t bytes = 0;
    zp_retain_flush_idle(cache);
    zp_retain_empty_caches(cache, 0);
    // The queue first: the helper moves what it has in hand from there to a shard.
    for (struct zp_slot *slot; (slot = zp_scrub_queue_evict()) != NULL;)
        bytes += zp_retain_let_go(slot);
    for (struct zp_slot *slot; (slot = zp_quarantine_take()) != NULL;)
        bytes += zp_retain_let_go(slot);
    for (struct zp_slot *slot; (slot = zp_shards_take_idle(cache->home, 0)) != NULL;)
        bytes += zp_retain_let_go(slot);
    return bytes;
}

void zp_retain_init(const struct zp_retain_config *chosen)
{
    config = *chosen;
    if (config.decay_ms == 0)
        config = (struct zp_retain_config){.scrub = config.scrub}; // nothing is retained
    zp_reclaim_init(config.reclaim, config.unmarked);
    zp_budget_init(config.budget);
    zp_scrub_queue_init(config.scrub_behind);
    zp_quarantine_init(config.quarantine);
}
