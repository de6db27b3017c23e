// SPDX-License-Identifier: MIT OR Apache-2.0

#include "retain.h"

#include "arena.h"
#include "budget.h"
#include "fatal.h"
#include "os.h"
#include "scrub.h"
#include "shard.h"

enum {
    BUDGET_EVERY_MS = 5000, // a cgroup's limit is changed by hand or by an orchestrator, not faster
    TICK_MOST_MS = 1000,
    TICKS_PER_DECAY = 16, // so memory goes back at most a sixteenth later than promised
    // Idle time before small pages are marked: a buffer in use comes back sooner, and is not
    // slowed.
    MARK_AFTER_MS = 1000,
    // No moment is set further ahead than this, so one that seems to be has passed.
    MOMENTS_AHEAD_MS = 60 * 1000,
};

// The least that one tick gives back or marks, so that a slow path is never held up for long: 64
// MiB take about 4 ms.
#define TICK_BYTES (64 * ZP_MIB)

static ZP_FROZEN struct zp_retain_config config = {0};
static ZP_FROZEN uint32_t tick_ms = 0;

static struct {
    uint32_t next_tick; // on the clock
    uint32_t next_budget;
    bool reclaim;        // as configured, and the kernel can
    bool awake;          // there has been a tick
    uint32_t first_tick; // when: what was made ready before the program asked has not been idle
} retain;

// ---- Letting go ------------------------------------------------------------------------------

static size_t let_go(struct zp_slot *slot)
{
    size_t bytes = slot->committed;
    zp_budget_release(bytes);
    zp_arena_decommit(slot);
    return bytes;
}

static void evict(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    zp_count(&cache->counters.evicted, 1);
    let_go(slot);
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

// Tells the kernel that it may take the pages of the first `bytes`: nothing is lost by it but the
// time to fetch new ones.
static void mark_reclaimable(struct zp_slot *slot, size_t bytes, enum zp_reclaimable mark)
{
    if (bytes == 0 || slot->reclaimable >= mark ||
        !__atomic_load_n(&retain.reclaim, __ATOMIC_RELAXED))
        return;
    if (zp_os_advise(slot->base, bytes, MADV_FREE) == 0)
        slot->reclaimable = (uint8_t)mark;
    else // a kernel before 4.5, or a filter: memory still goes back with time
        __atomic_store_n(&retain.reclaim, false, __ATOMIC_RELAXED);
}

// What lies in huge pages: one entry of a page table for each, so it costs next to nothing, now and
// when it is written to again. Small pages cost as much as scrubbing them; they wait (mark_idle).
static void mark_huge_part(struct zp_slot *slot)
{
    bool empty = slot->clean && slot->warm == 0; // scrubbing found nothing in memory
    if (zp_arena_is_huge(slot) && !empty)
        mark_reclaimable(slot, slot->committed & ~(ZP_LARGE_CLASS - 1), ZP_RECLAIMABLE_PART);
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
    mark_huge_part(slot);
    slot->since = since;
    struct zp_slot *evicted = zp_shards_put(home, slot, &cache->counters);
    if (evicted != NULL)
        evict(cache, evicted);
}

static void share(struct zp_thread_cache *cache, struct zp_slot *slot, uint32_t since)
{
    share_at(cache, cache->home, slot, since);
}

// Passes the oldest buffer of a cache on to the shards, with the charge for it.
static void share_oldest(struct zp_thread_cache *cache)
{
    struct zp_slot *slot = zp_thread_cache_take_at(cache, 0);
    cache->granted -= slot->committed;
    share(cache, slot, __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED));
}

void zp_retain_flush(struct zp_thread_cache *cache)
{
    if (cache == &zp_no_cache)
        return;
    while (cache->count > 0)
        share_oldest(cache);
    zp_budget_release(cache->granted);
    cache->granted = 0;
}

// Makes room for `bytes` in a cache: false if that is not to be had.
static bool make_room(struct zp_thread_cache *cache, size_t bytes)
{
    size_t most = config.thread_cache_bytes;
    if (cache->capacity == 0 || bytes > most)
        return false;
    while (cache->count == cache->capacity || cache->bytes + bytes > most)
        share_oldest(cache);
    size_t needed = cache->bytes + bytes;
    if (needed > cache->granted) {
        if (!charge(cache, needed - cache->granted))
            return false;
        cache->granted = needed;
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
static bool is_left_to_helper(const struct zp_slot *slot, const struct zp_counters *counters)
{
    return config.scrub_behind != 0 &&
           (slot->committed >= ZP_LARGE_CLASS || !is_cached(slot, counters));
}

// A buffer that has been in quarantine for long enough.
static void leave_quarantine(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (is_shared(slot) ||
        zp_os_protect(slot->base, slot->committed, PROT_READ | PROT_WRITE) != 0) {
        let_go(slot);
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
        let_go(job->slot);
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
        let_go(slot);
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
        let_go(slot);
        return;
    }
    slot->warm = (uint32_t)(slot->committed / zp_arena.page);
    slot->resident = true;
    share(cache, slot, zp_os_clock());
}

// ---- Giving back -----------------------------------------------------------------------------

// A buffer from another thread's cache, still charged.
static void share_found(struct zp_slot *slot, uint32_t since)
{
    share(zp_thread_cache, slot, since);
}

// Moves what this and other threads' caches hold to the shards.
static void empty_caches(struct zp_thread_cache *cache)
{
    zp_retain_flush(cache);
    zp_thread_caches_empty(0, share_found, zp_budget_release);
}

size_t zp_retain_give_back(struct zp_thread_cache *cache)
{
    size_t bytes = 0;
    empty_caches(cache);
    // The queue first: the helper moves what it has in hand from there to a shard.
    for (struct zp_slot *slot; (slot = zp_scrub_queue_evict()) != NULL;)
        bytes += let_go(slot);
    for (struct zp_slot *slot; (slot = zp_quarantine_take()) != NULL;)
        bytes += let_go(slot);
    for (struct zp_slot *slot; (slot = zp_shards_take_idle(cache->home, 0)) != NULL;)
        bytes += let_go(slot);
    return bytes;
}

// ---- The work of time ------------------------------------------------------------------------

// Whether a moment has come; if so, for one thread only, the next is `period` later.
static bool is_due(uint32_t *moment, uint32_t now, uint32_t period)
{
    uint32_t due = __atomic_load_n(moment, __ATOMIC_RELAXED);
    uint32_t ahead = due - now; // wraps around if it has come
    return (ahead == 0 || ahead > MOMENTS_AHEAD_MS) &&
           __atomic_compare_exchange_n(moment, &due, now + period, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

static void evict_excess(struct zp_thread_cache *cache)
{
    while (zp_budget_exceeded() && evict_one(cache)) {
    }
}

static void follow_budget(struct zp_thread_cache *cache, uint32_t now)
{
    if (config.budget_now == NULL || !is_due(&retain.next_budget, now, BUDGET_EVERY_MS))
        return;
    size_t limit = config.budget_now();
    if (limit == 0)
        return; // it cannot be told just now
    zp_budget_set_limit(limit);
    evict_excess(cache);
    if (!zp_budget_exceeded())
        return;
    empty_caches(cache);
    evict_excess(cache);
}

static void mark_idle(struct zp_thread_cache *cache)
{
    if (!__atomic_load_n(&retain.reclaim, __ATOMIC_RELAXED))
        return;
    size_t bytes = 0;
    struct zp_slot *slot;
    while (bytes < TICK_BYTES &&
           (slot = zp_shards_take_unmarked(cache->home, MARK_AFTER_MS)) != NULL) {
        bytes += slot->committed;
        mark_reclaimable(slot, slot->committed, ZP_RECLAIMABLE_ALL);
        zp_shards_put_marked(slot);
    }
}

static struct zp_slot *take_idle(unsigned home)
{
    uint32_t idle = (uint32_t)config.decay_ms;
    struct zp_slot *slot = zp_shards_take_idle(home, idle);
    return slot != NULL ? slot : zp_quarantine_take_idle(idle);
}

// Gives back half of what the shards hold, if it has been idle for long enough. True if there may
// be more: then the next tick is at once, and a few of them give back all.
static bool purge(struct zp_thread_cache *cache)
{
    size_t quota = zp_shards_bytes() / 2, bytes = 0;
    if (quota < TICK_BYTES)
        quota = TICK_BYTES;
    while (bytes < quota) {
        struct zp_slot *slot = take_idle(cache->home);
        if (slot == NULL)
            return false;
        bytes += let_go(slot);
        zp_count(&cache->counters.decayed, 1);
    }
    return true;
}

static void decay(struct zp_thread_cache *cache, uint32_t now)
{
    uint32_t idle = (uint32_t)config.decay_ms;
    if (!__atomic_exchange_n(&retain.awake, true, __ATOMIC_RELAXED))
        __atomic_store_n(&retain.first_tick, now, __ATOMIC_RELAXED);
    if (now - __atomic_load_n(&retain.first_tick, __ATOMIC_RELAXED) < idle)
        return;
    zp_thread_caches_empty(idle, share_found, zp_budget_release);
    if (purge(cache))
        __atomic_store_n(&retain.next_tick, now, __ATOMIC_RELAXED);
}

// Whether this thread's own cache has been idle until the call under way, which may have counted a
// put.
static bool has_been_idle(const struct zp_thread_cache *cache, uint32_t now, uint32_t idle)
{
    return cache->counters.puts - __atomic_load_n(&cache->seen, __ATOMIC_RELAXED) <= 1 &&
           now - __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED) >= idle;
}

void zp_retain_tick(struct zp_thread_cache *cache)
{
    uint32_t now = zp_os_clock();
    if (config.decay_ms > 0 && has_been_idle(cache, now, (uint32_t)config.decay_ms))
        zp_retain_flush(cache);
    zp_thread_cache_stamp(cache, now);
    if (!is_due(&retain.next_tick, now, tick_ms))
        return;
    follow_budget(cache, now);
    mark_idle(cache);
    if (config.decay_ms > 0)
        decay(cache, now);
}

void zp_retain_init(const struct zp_retain_config *chosen)
{
    config = *chosen;
    retain.reclaim = config.reclaim;
    int64_t tick = config.decay_ms / TICKS_PER_DECAY;
    tick_ms = tick <= 0 || tick > TICK_MOST_MS ? TICK_MOST_MS : (uint32_t)tick;
    retain.next_tick = retain.next_budget = zp_os_clock();
    if (config.decay_ms == 0)
        config = (struct zp_retain_config){.scrub = config.scrub}; // nothing is retained
    zp_budget_init(config.budget);
    zp_scrub_queue_init(config.scrub_behind);
    zp_quarantine_init(config.quarantine);
}
