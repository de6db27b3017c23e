// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool.h"

#include "background.h"
#include "budget.h"
#include "commit.h"
#include "fatal.h"
#include "helper.h"
#include "os.h"
#include "peak.h"
#include "pin.h"
#include "placement.h"
#include "pools.h"
#include "profile.h"
#include "quarantine.h"
#include "reclaim.h"
#include "reserved.h"
#include "resize.h"
#include "retain.h"
#include "scrub.h"
#include "scrub_queue.h"
#include "scrub_team.h"
#include "shard.h"
#include "stall.h"
#include "survey.h"
#include "thread.h"
#include "timeline.h"
#include "trim.h"
#include "usage.h"

#include <string.h>

ZP_FROZEN struct zp_pool zp_pool = {0};
static ZP_FROZEN size_t (*resident)(void) = NULL;

// ---- Get and put -----------------------------------------------------------------------------

void zp_pool_call_helper(void)
{
    if (zp_scrub_queue_bytes() != 0 && !zp_helper_call())
        zp_scrub_queue_close();
    if (zp_decay_wants_helper() && !zp_helper_keep())
        zp_decay_do_without();
    if (ZP_UNLIKELY(zp_background_reports()))
        zp_helper_keep();
}

static struct zp_slot *get_slot(struct zp_thread_cache *cache, size_t size, size_t alignment,
                                const void *caller)
{
    struct zp_slot *slot = zp_get_slot(cache, size, alignment, caller);
    zp_thread_cache_close(cache);
    zp_pool_call_helper();
    return slot;
}

static void note_time(void)
{
    if (zp_timeline_is_due())
        zp_pool_note_time();
}

// How a request was served is seen by the thread's own counters.
static ZP_COLD struct zp_slot *get_profiled(struct zp_thread_cache *cache, size_t size,
                                            size_t alignment, const void *caller)
{
    const struct zp_counters *counters = &cache->counters;
    uint64_t thread_hits = counters->thread_hits, fresh = counters->fresh;
    struct zp_slot *slot = get_slot(cache, size, alignment, caller);
    zp_profile_note_get(&(struct zp_request){
        .slot = slot,
        .caller = caller,
        .size = size,
        .served = slot == NULL                           ? ZP_SERVED_REFUSED
                  : counters->thread_hits != thread_hits ? ZP_SERVED_THREAD
                  : counters->fresh != fresh             ? ZP_SERVED_FRESH
                                                         : ZP_SERVED_SHARD,
        .empty = slot != NULL && zp_slot_is_empty(slot),
    });
    note_time();
    return slot;
}

struct zp_slot *zp_pool_get_for(size_t size, size_t alignment, const void *caller)
{
    if (!zp_pool.started)
        return NULL;
    struct zp_thread_cache *cache = zp_thread_open_cache();
    if (ZP_UNLIKELY(zp_profile_on))
        return get_profiled(cache, size, alignment, caller);
    return get_slot(cache, size, alignment, caller);
}

struct zp_slot *zp_pool_get_of(unsigned pool, size_t size, size_t alignment, const void *caller)
{
    struct zp_thread_cache *cache = zp_pool.started ? zp_thread_open_cache_of(pool) : NULL;
    if (cache == NULL)
        return NULL;
    return zp_profile_on ? get_profiled(cache, size, alignment, caller)
                         : get_slot(cache, size, alignment, caller);
}

static ZP_COLD void put_profiled(const struct zp_slot *slot)
{
    zp_profile_note_put(slot);
    note_time();
}

static void put_slowly(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (ZP_UNLIKELY(slot->readonly) && !zp_readonly_put(slot, &cache->counters))
        return;
    zp_put_record_stack(slot);
    if (ZP_UNLIKELY(zp_peak_is_on))
        zp_peak_look();
    if (ZP_UNLIKELY(zp_profile_on))
        put_profiled(slot);
    zp_scrub_team_call_up(slot);
    zp_thread_cache_open(cache);
    zp_put_slot(cache, slot);
    zp_thread_cache_close(cache);
    zp_pool_call_helper();
}

void zp_pool_put_slowly(struct zp_slot *slot)
{
    put_slowly(zp_thread_own_cache(), slot);
}

void zp_pool_put_to_own(struct zp_slot *slot)
{
    struct zp_thread_cache *cache = zp_thread_cache_of(slot->pool);
    if (cache == NULL)
        cache = &zp_no_cache; // it goes to a shard
    zp_count(&cache->counters.puts, 1);
    put_slowly(cache, slot);
}

bool zp_pool_clear(struct zp_slot *slot, size_t size)
{
    return zp_content_clear(slot, zp_round_up(zp_slot_offset(slot) + size, zp_arena.page)) == 0;
}

struct zp_slot *zp_pool_bad_pointer(const char *operation, const void *pointer)
{
    if (zp_pool.check == ZP_CHECK_OFF)
        return NULL;
    const struct zp_slot *slot = zp_arena_slot(pointer);
    if (slot->base == NULL)
        zp_fatal_pointer(operation, " of an address that was never handed out", pointer, NULL);
    struct zp_stack freed = {{NULL}};
    if (slot->state != ZP_SLOT_LIVE)
        freed = zp_arena_freed(slot);
    if (slot->start != pointer)
        zp_fatal_pointer(operation, " of an address inside a buffer", pointer, &freed);
    if (strcmp(operation, "free") == 0)
        zp_fatal_pointer("double free", "", pointer, &freed);
    zp_fatal_pointer(operation, " of a buffer that is free", pointer, &freed);
}

// ---- What a program does to a buffer ---------------------------------------------------------

void zp_pool_note_marks(const void *address, size_t length)
{
    uintptr_t at = (uintptr_t)address, end = at + length;
    while (at < end && zp_arena_owns((const void *)at)) {
        struct zp_slot *slot = zp_arena_slot((const void *)at);
        if (slot->state != ZP_SLOT_LIVE)
            return; // not a buffer: nothing of ours to look after
        zp_slot_note_change(slot);
        at = (uintptr_t)slot->base + zp_arena_stride(slot);
    }
}

// ---- Realloc ---------------------------------------------------------------------------------

bool zp_pool_resize(struct zp_slot *slot, size_t size)
{
    if (slot->readonly || !zp_resize(slot, size))
        return false;
    if (ZP_UNLIKELY(zp_profile_on))
        zp_profile_give(zp_profile_take(slot), slot, size);
    zp_count(&zp_thread_own_cache()->counters.grown_in_place, 1);
    return true;
}

struct zp_slot *zp_pool_move(struct zp_slot *slot, size_t size)
{
    if (slot->readonly)
        return NULL;
    // A fork that interrupts this sees it.
    struct zp_thread_cache *cache = zp_thread_open_cache();
    zp_put_record_stack(slot);
    struct zp_recorded recorded = {.slot = NULL};
    if (ZP_UNLIKELY(zp_profile_on))
        recorded = zp_profile_take(slot);
    struct zp_slot *to = zp_resize_move(slot, size);
    if (to != NULL) {
        zp_slot_step(to, ZP_SLOT_LIVE);
        // What was written last is at the end, and still cached.
        to->born = cache->counters.bytes_requested;
        to->filled = 0;
        zp_count(&cache->counters.moved_by_pages, 1);
    }
    zp_profile_give(recorded, to != NULL ? to : slot, to != NULL ? size : recorded.size);
    zp_thread_cache_close(cache);
    return to;
}

// ---- The whole -------------------------------------------------------------------------------

int zp_pool_init(const struct zp_pool_config *config)
{
    zp_pool.scrub = config->content.scrub;
    zp_pool.check = config->check;
    zp_scrub_init();
    zp_content_init(&config->content);
    zp_put_init(&config->put);
    zp_decay_init(&config->decay);
    zp_reclaim_init(config->reclaim, config->unmarked);
    // 0: nothing is retained.
    zp_budget_init(config->decay.idle_ms != 0 ? config->budget : 0);
    zp_scrub_queue_init(config->scrub_behind);
    zp_quarantine_init(config->put.quarantine);
    zp_prewarm_init(&config->prewarm);
    zp_peak_init(config->peak);
    zp_pin_init(config->pin);
    zp_reserved_init(config->reserved_page);
    zp_background_init(config->report);
    zp_helper_init();
    zp_read_init(&config->read);
    zp_scrub_team_init(config->content.scrub ? config->read.cpus : 0);
    zp_profile_init(&config->profile);
    resident = config->profile.resident;
    zp_thread_caches_init(config->thread_cache_most, !config->content.scrub, !zp_profile_on);
    zp_placement_init(&config->placement);
    zp_pools_init(&(struct zp_pool_traits){
        .threshold = config->arena.smallest,
        .budget = config->budget,
        .eviction = config->eviction,
        .per_shard = config->most_per_shard,
        .shards = (uint8_t)config->shards,
        .thread_cache = (uint8_t)config->thread_cache_most,
        .node = -1,
        .pinned = config->pin,
    });
    int error = zp_shards_init(config->shards, config->most_per_shard, config->eviction);
    if (error == 0)
        error = zp_threads_init();
    if (error == 0)
        error = zp_arena_init(&config->arena);
    __atomic_store_n(&zp_pool.started, error == 0, __ATOMIC_RELEASE);
    return error;
}

void zp_pool_prewarm(void)
{
    if (zp_pool.started && (zp_prewarm_pending() || zp_background_reports()))
        zp_helper_call();
}

void zp_pool_end(void)
{
    if (!zp_pool.started)
        return;
    zp_scrub_queue_close();
    zp_helper_stop();
}

// What was put and went nowhere else. A put that is under way may be counted on one side only.
static uint64_t puts_cached(const struct zp_counters *c)
{
    uint64_t elsewhere =
        c->puts_shard + c->puts_queued + c->puts_quarantined + c->unretained + c->dropped;
    return c->puts > elsewhere ? c->puts - elsewhere : 0;
}

static void measure_retained(struct zp_pool_stats *stats)
{
    stats->pooled_bytes = zp_shards_bytes();
    stats->queued_bytes = zp_scrub_queue_bytes();
    stats->quarantined_bytes = zp_quarantine_bytes();
    stats->tail_bytes = zp_budget_tails();
    stats->retained_bytes = stats->pooled_bytes + stats->cached_bytes + stats->queued_bytes +
                            stats->quarantined_bytes + stats->tail_bytes;
    stats->retained_peak_bytes = zp_budget_peak();
    stats->budget_bytes = zp_budget_limit();
}

static void measure_kernel(struct zp_pool_stats *stats)
{
    struct zp_commit_counts commits = zp_commit_counts();
    struct zp_stall_fetched fetched = zp_stall_fetched();
    stats->commits = commits.commits;
    stats->bytes_committed = commits.bytes;
    stats->decommits = commits.decommits;
    stats->bytes_fetched = fetched.bytes;
    stats->fetch_us = fetched.us;
    stats->committed_bytes = zp_commit_bytes();
    struct zp_pin_counts pins = zp_pin_counts();
    stats->pinned_bytes = pins.bytes;
    stats->pins_refused = pins.refused;
    struct zp_reserved_counts reserved = zp_reserved_counts();
    stats->reserved_bytes = reserved.bytes;
    stats->reserved_refused = reserved.refused;
}

void zp_pool_stats(struct zp_pool_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    if (!zp_pool.started)
        return;
    zp_thread_caches_sum(&stats->counters, &stats->cached_bytes);
    measure_retained(stats);
    measure_kernel(stats);
    stats->puts_cached = puts_cached(&stats->counters);
    size_t committed = stats->committed_bytes, retained = stats->retained_bytes;
    stats->live_bytes = committed > retained ? committed - retained : 0;
    uint64_t served = zp_counters_served(&stats->counters);
    stats->live_buffers = served > stats->counters.puts ? served - stats->counters.puts : 0;
}

void zp_pool_note_time(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    zp_timeline_add((struct zp_point){
        .live = stats.live_bytes,
        .pooled = stats.retained_bytes,
        .resident = resident != NULL ? resident() : 0,
    });
}

// Pages that came back with a buffer are taken to be used, and to come as fast as those did that
// this process fetched ahead. A fault for each would take longer; a page that is not used again
// saves nothing.
static uint64_t saved_us(const struct zp_pool_stats *stats)
{
    if (stats->bytes_fetched == 0)
        return 0;
    double us_per_byte = (double)stats->fetch_us / (double)stats->bytes_fetched;
    double gained = us_per_byte * (double)stats->counters.warm_pages * (double)zp_arena.page;
    double paid = (double)stats->counters.scrub_us;
    return gained > paid ? (uint64_t)(gained - paid) : 0;
}

static uint64_t faults_avoided(const struct zp_pool_stats *stats)
{
    uint64_t pages = stats->counters.warm_pages, per_huge = ZP_HUGE_PAGE / zp_arena.page;
    double all = (double)stats->committed_bytes, huge = (double)stats->huge_bytes;
    uint64_t in_huge = huge < all ? (uint64_t)((double)pages * (huge / all)) : pages;
    return stats->huge_bytes == 0 ? pages : pages - in_huge + in_huge / per_huge;
}

void zp_pool_survey(struct zp_pool_stats *stats)
{
    zp_pool_stats(stats);
    if (!zp_pool.started)
        return;
    zp_survey(stats);
    stats->faults_avoided = faults_avoided(stats);
    stats->saved_us = saved_us(stats);
}

void zp_pool_flush(void)
{
    for (struct zp_thread_cache *cache = zp_thread_cache; cache != NULL; cache = cache->next_own) {
        zp_thread_cache_open(cache);
        zp_retain_flush(cache);
        zp_thread_cache_close(cache);
    }
}

// Does not set up a cache: it is called when jemalloc itself finds no memory.
size_t zp_pool_trim(void)
{
    if (!zp_pool.started)
        return 0;
    struct zp_thread_cache *cache = zp_thread_cache;
    zp_thread_cache_open(cache);
    size_t bytes = zp_trim(cache);
    zp_thread_cache_close(cache);
    return bytes;
}
