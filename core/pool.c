// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool.h"

#include "budget.h"
#include "log.h"
#include "os.h"
#include "relocate.h"
#include "shard.h"

#include <string.h>

struct zp_pool zp_pool;

// ---- Retaining -------------------------------------------------------------------------------

static void evict(struct zp_slot *slot, struct zp_counters *counters)
{
    zp_count(&counters->evicted, 1);
    zp_budget_release(slot->committed);
    zp_arena_decommit(slot);
}

// Charges `bytes` to the budget, decommitting the oldest pooled buffers until they fit.
static bool charge(struct zp_thread_cache *cache, size_t bytes)
{
    while (!zp_budget_charge(bytes)) {
        if (bytes > zp_budget_limit())
            return false;
        struct zp_slot *oldest = zp_shards_take_oldest(cache->home);
        if (oldest == NULL)
            return false;
        evict(oldest, &cache->counters);
    }
    return true;
}

// Whether the processor's cache is likely to hold a buffer's content still: the buffer and all that
// its thread has requested since would fit. Of a buffer from another thread this tells nothing, and
// nothing but time is lost by it.
static bool is_cached(const struct zp_slot *slot, const struct zp_counters *counters)
{
    return counters->bytes_requested - slot->born <= zp_pool.cache;
}

// Makes a buffer zero, if that is what freed buffers are to be; false if the kernel refused.
static bool scrub(struct zp_slot *slot, struct zp_counters *counters)
{
    slot->clean = zp_pool.scrub;
    if (!zp_pool.scrub)
        return true;
    struct zp_scrub_result result = {slot->committed, 0};
    bool cached = is_cached(slot, counters);
    if (slot->resident)
        zp_scrub_resident(slot->base, slot->committed, cached);
    else if (zp_scrub(slot->base, slot->committed, cached, &result) != 0)
        return false;
    slot->warm = (uint32_t)(result.written / zp_arena.page);
    slot->resident = result.written == slot->committed;
    zp_count(&counters->bytes_scrubbed, result.written);
    zp_count(&counters->bytes_dropped, result.dropped);
    return true;
}

// Puts a scrubbed slot that is charged to the budget into a shard.
static void share(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    struct zp_slot *evicted = zp_shards_put(cache->home, slot, &cache->counters);
    if (evicted != NULL)
        evict(evicted, &cache->counters);
}

// Passes the oldest buffer of a cache on to the shards, with the charge for it.
static void share_oldest(struct zp_thread_cache *cache)
{
    struct zp_slot *slot = zp_thread_cache_take_at(cache, 0);
    cache->granted -= slot->committed;
    slot->state = ZP_SLOT_TAKEN;
    share(cache, slot);
}

// Empties a cache into the shards and returns what it was granted.
static void flush(struct zp_thread_cache *cache)
{
    while (cache->count > 0)
        share_oldest(cache);
    zp_budget_release(cache->granted);
    cache->granted = 0;
}

// Makes room for `bytes` in a cache: false if that is not to be had.
static bool make_room(struct zp_thread_cache *cache, size_t bytes)
{
    if (cache->capacity == 0 || bytes > zp_pool.thread_cache_bytes)
        return false;
    while (cache->count == cache->capacity || cache->bytes + bytes > zp_pool.thread_cache_bytes)
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
    share(cache, slot);
    return true;
}

// ---- Threads ---------------------------------------------------------------------------------

static struct zp_thread_cache *own_cache(void)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    return cache != &zp_no_cache ? cache : zp_thread_cache_set_up();
}

// ---- Get -------------------------------------------------------------------------------------

// Makes a slot from a shard fit for use: not shared with another process, not missing from the next
// one, and `size` bytes long.
static bool ready_pooled(struct zp_slot *slot, size_t size)
{
    if (slot->left_out)
        return false;
    if (slot->epoch != zp_pool_epoch()) {
        if (zp_arena_release(slot, 0) != 0)
            return false;
        slot->clean = true;
        slot->resident = false;
        slot->warm = 0;
    }
    slot->epoch = zp_pool_epoch();
    return zp_arena_commit(slot, size) == 0;
}

static struct zp_slot *get_pooled(struct zp_thread_cache *cache, unsigned size_class, size_t size)
{
    struct zp_slot *slot = zp_shards_take(cache->home, size_class, &cache->counters);
    if (slot == NULL)
        return NULL;
    zp_budget_release(slot->committed);
    if (!ready_pooled(slot, size)) {
        zp_arena_decommit(slot);
        return NULL;
    }
    zp_count(&cache->counters.shard_hits, 1);
    return slot;
}

// A buffer of the cache that is of the class but was committed for less.
static struct zp_slot *extend_cached(struct zp_thread_cache *cache, unsigned size_class,
                                     size_t size)
{
    for (unsigned i = cache->count; i-- > 0;) {
        if (cache->entries[i].slot->size_class != size_class)
            continue;
        struct zp_slot *slot = zp_thread_cache_take_at(cache, i);
        if (zp_arena_commit(slot, size) == 0)
            return slot;
        zp_arena_decommit(slot);
        return NULL;
    }
    return NULL;
}

// A buffer of the cache that serves although it was committed for less, or is of another class.
static struct zp_slot *get_cached_loosely(struct zp_thread_cache *cache, unsigned size_class,
                                          size_t size)
{
    struct zp_slot *slot = extend_cached(cache, size_class, size);
    if (slot == NULL)
        slot = zp_thread_cache_take(cache, size, size);
    return slot;
}

static struct zp_slot *get_fresh(struct zp_thread_cache *cache, unsigned size_class, size_t size)
{
    struct zp_slot *slot = zp_arena_take(size_class);
    if (slot == NULL)
        return NULL;
    slot->epoch = zp_pool_epoch();
    if (zp_arena_commit(slot, size) != 0) {
        zp_arena_put_back(slot);
        return NULL;
    }
    zp_count(&cache->counters.fresh, 1);
    return slot;
}

// Every slot is aligned to ZP_CLASS_MIN at least; for more, the class has to tell.
static struct zp_slot *get_aligned(struct zp_thread_cache *cache, size_t size, size_t alignment)
{
    unsigned size_class = zp_class_of(size);
    if (alignment > zp_arena_alignment(size_class))
        return NULL;
    struct zp_slot *slot = get_pooled(cache, size_class, size);
    return slot != NULL ? slot : get_fresh(cache, size_class, size);
}

static struct zp_slot *get_any(struct zp_thread_cache *cache, size_t size)
{
    unsigned size_class = zp_class_of(size);
    struct zp_slot *slot = zp_thread_cache_take(cache, size, size / 4);
    if (slot == NULL && (slot = get_pooled(cache, size_class, size)) != NULL)
        return slot;
    if (slot == NULL)
        slot = get_cached_loosely(cache, size_class, size);
    if (slot == NULL)
        return get_fresh(cache, size_class, size);
    zp_count(&cache->counters.thread_hits, 1);
    return slot;
}

struct zp_slot *zp_pool_get(size_t size, size_t alignment)
{
    if (!zp_pool.started)
        return NULL;
    struct zp_thread_cache *cache = own_cache();
    struct zp_slot *slot = NULL;
    if (size <= ZP_CLASS_MAX)
        slot =
            alignment <= ZP_CLASS_MIN ? get_any(cache, size) : get_aligned(cache, size, alignment);
    if (slot != NULL) {
        zp_pool_hand_out(cache, slot, size);
    } else {
        zp_count(&cache->counters.refused, 1);
    }
    return slot;
}

// ---- Put -------------------------------------------------------------------------------------

void zp_pool_take_back(struct zp_slot *slot)
{
    struct zp_thread_cache *cache = own_cache();
    slot->state = ZP_SLOT_TAKEN;
    if (slot->epoch != zp_pool_epoch()) {
        // Writing zeros would make a copy of every page that a fork left shared.
        zp_count(&cache->counters.dropped, 1);
        zp_arena_decommit(slot);
    } else if (!retain_in_cache(cache, slot) && !retain_in_shard(cache, slot)) {
        zp_count(&cache->counters.unretained, 1);
        zp_arena_decommit(slot);
    }
}

void zp_pool_bad_pointer(const char *operation, const void *pointer)
{
    const struct zp_slot *slot = zp_arena_slot(pointer);
    if (slot->base == NULL)
        zp_fatal_pointer(operation, " of an address that was never handed out", pointer);
    if (slot->base != pointer)
        zp_fatal_pointer(operation, " of an address inside a buffer", pointer);
    if (strcmp(operation, "free") == 0)
        zp_fatal_pointer("double free", "", pointer);
    zp_fatal_pointer(operation, " of a buffer that is free", pointer);
}

void zp_pool_note_marks(const void *address, size_t length)
{
    const char *end = (const char *)address + length;
    const char *at = address;
    while (at < end && zp_arena_owns(at)) {
        struct zp_slot *slot = zp_arena_slot(at);
        if (slot->state != ZP_SLOT_LIVE)
            return; // not a buffer: nothing of ours to look after
        slot->marked = true;
        slot->epoch = zp_pool_epoch() - 1; // as if shared: the same way out
        at = slot->base + zp_arena_alignment(slot->size_class);
    }
}

// ---- Realloc ---------------------------------------------------------------------------------

bool zp_pool_resize(struct zp_slot *slot, size_t size)
{
    struct zp_counters *counters = &own_cache()->counters;
    if (size <= slot->committed) {
        // A tail of less than a step between classes is not worth the calls to give it back and
        // fetch it again. If the kernel does not take it, the program keeps it.
        if (size <= slot->committed - slot->committed / 4)
            zp_arena_release(slot, zp_round_up(size, zp_arena.page));
    } else if (size > zp_class_size(slot->size_class) || zp_arena_commit(slot, size) != 0) {
        return false;
    }
    zp_count(&counters->grown_in_place, 1);
    return true;
}

// An empty slot for a growing buffer. What has grown once will grow again: addresses for twice the
// size cost nothing and make every second step one in place.
static struct zp_slot *take_for_growth(size_t size)
{
    struct zp_slot *slot = NULL;
    if (size <= ZP_CLASS_MAX / 2)
        slot = zp_arena_take(zp_class_of(2 * size));
    if (slot == NULL && size <= ZP_CLASS_MAX)
        slot = zp_arena_take(zp_class_of(size));
    return slot;
}

struct zp_slot *zp_pool_move(struct zp_slot *slot, size_t size)
{
    struct zp_counters *counters = &own_cache()->counters;
    struct zp_slot *to = take_for_growth(size);
    if (to == NULL || zp_relocate(slot, to, size) != 0)
        return NULL;
    to->state = ZP_SLOT_LIVE;
    to->born = counters->bytes_requested; // what was written last is at the end, and still cached
    zp_count(&counters->moved_by_pages, 1);
    return to;
}

// ---- The whole -------------------------------------------------------------------------------

int zp_pool_init(const struct zp_pool_config *config)
{
    zp_pool.scrub = config->scrub;
    zp_pool.cache = config->cache;
    zp_pool.thread_cache_bytes = config->thread_cache_bytes;
    zp_budget_init(config->budget);
    zp_shards_init(config->shards, config->most_per_shard);
    int error = zp_thread_caches_init(config->thread_cache_most, flush);
    if (error == 0)
        error = zp_arena_init(&config->arena);
    __atomic_store_n(&zp_pool.started, error == 0, __ATOMIC_RELEASE);
    return error;
}

void zp_pool_stats(struct zp_pool_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    if (!zp_pool.started)
        return;
    size_t cached;
    zp_thread_caches_sum(&stats->counters, &cached);
    stats->retained = zp_shards_bytes() + cached;
    stats->retained_peak = zp_budget_peak();
    size_t committed = zp_arena_committed();
    stats->live = committed > stats->retained ? committed - stats->retained : 0;
    uint64_t served = zp_counters_served(&stats->counters);
    stats->live_buffers = served > stats->counters.puts ? served - stats->counters.puts : 0;
}

void zp_pool_flush(void)
{
    flush(zp_thread_cache);
}

size_t zp_pool_trim(void)
{
    if (!zp_pool.started)
        return 0;
    struct zp_thread_cache *cache = own_cache();
    size_t bytes = 0;
    flush(cache);
    for (struct zp_slot *slot; (slot = zp_shards_take_oldest(cache->home)) != NULL;) {
        bytes += slot->committed;
        evict(slot, &cache->counters);
    }
    return bytes;
}
