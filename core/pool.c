// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pool.h"

#include "budget.h"
#include "fatal.h"
#include "helper.h"
#include "log.h"
#include "os.h"
#include "relocate.h"
#include "retain.h"
#include "scrub.h"
#include "scrub_queue.h"
#include "shard.h"
#include "usage.h"

#include <string.h>

ZP_FROZEN struct zp_pool zp_pool = {0};

// ---- Threads ---------------------------------------------------------------------------------

static struct zp_thread_cache *own_cache(void)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    return cache != &zp_no_cache ? cache : zp_thread_cache_set_up();
}

static struct zp_thread_cache *open_own_cache(void)
{
    struct zp_thread_cache *cache = own_cache();
    zp_thread_cache_open(cache);
    return cache;
}

// ---- Get -------------------------------------------------------------------------------------

// The tail that an earlier owner needed would be memory that no budget counts. An eighth is the
// most that keeps what is resident within 5 % of what is asked for and retained, with sizes at
// random; a smaller part would be given back and fetched again more often.
static void give_back_tail(struct zp_slot *slot, size_t size)
{
    size_t keep = zp_round_up(size, zp_arena.page);
    if (slot->committed <= keep || slot->committed - keep <= keep / 8)
        return;
    if (zp_arena_release(slot, keep) == 0 && slot->warm > keep / zp_arena.page)
        slot->warm = (uint32_t)(keep / zp_arena.page);
}

// Makes a slot from a shard fit for use: not shared with another process, not missing from the next
// one, and `size` bytes long.
static bool ready_pooled(struct zp_thread_cache *cache, struct zp_slot *slot, size_t size)
{
    if (slot->left_out)
        return false;
    // Read once: another thread may fork meanwhile, and then this one's pages are shared.
    uint32_t epoch = zp_arena_epoch();
    if (slot->epoch != epoch && !zp_slot_is_empty(slot)) {
        if (zp_arena_release(slot, 0) != 0)
            return false;
        slot->clean = true;
        slot->resident = false;
        slot->warm = 0;
    }
    slot->epoch = epoch;
    if (!zp_retain_reuse(cache, slot))
        return false;
    give_back_tail(slot, size);
    return zp_arena_commit(slot, size) == 0;
}

static struct zp_slot *take_retained(struct zp_thread_cache *cache, unsigned first, unsigned last)
{
    struct zp_slot *slot = zp_shards_take(cache->home, first, last, &cache->counters);
    return slot != NULL ? slot : zp_retain_take_unscrubbed(cache, first, last);
}

// One of the class, scrubbed or not, rather than a larger one: that will be asked for too.
static struct zp_slot *take_fitting(struct zp_thread_cache *cache, unsigned size_class)
{
    struct zp_slot *slot = NULL;
    if (zp_scrub_queue_bytes() != 0)
        slot = take_retained(cache, size_class, size_class);
    return slot != NULL ? slot : take_retained(cache, size_class, zp_class_last_fit(size_class));
}

static struct zp_slot *get_pooled(struct zp_thread_cache *cache, unsigned size_class, size_t size)
{
    struct zp_slot *slot = take_fitting(cache, size_class);
    if (slot == NULL)
        return NULL;
    zp_budget_release(slot->committed);
    if (!ready_pooled(cache, slot, size)) {
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
    if (slot != NULL)
        give_back_tail(slot, size);
    return slot;
}

static struct zp_slot *get_fresh(struct zp_thread_cache *cache, unsigned size_class, size_t size)
{
    struct zp_slot *slot = zp_retain_take_cold(size_class);
    if (slot == NULL)
        return NULL;
    // Where there is no memory the pool gives back what it has, and tries once more.
    int error = zp_arena_commit(slot, size);
    if (error != 0 && zp_retain_give_back(cache) != 0)
        error = zp_arena_commit(slot, size);
    if (error != 0) {
        zp_arena_put_back(slot);
        return NULL;
    }
    zp_prewarm_forgo(size_class);
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
    struct zp_slot *slot = get_pooled(cache, size_class, size);
    if (slot != NULL)
        return slot;
    slot = get_cached_loosely(cache, size_class, size);
    if (slot == NULL)
        return get_fresh(cache, size_class, size);
    zp_count(&cache->counters.thread_hits, 1);
    return slot;
}

// Where the thread's cache has nothing that fits closely.
static struct zp_slot *search(struct zp_thread_cache *cache, size_t size, size_t alignment)
{
    if (size > ZP_CLASS_MAX)
        return NULL;
    struct zp_slot *slot =
        alignment <= ZP_CLASS_MIN ? get_any(cache, size) : get_aligned(cache, size, alignment);
    zp_decay_tick(cache);
    return slot;
}

// Where work was left for the helper, or will be due: outside of the own cache, as to start a
// thread takes memory.
static void call_helper(void)
{
    if (zp_scrub_queue_bytes() != 0 && !zp_helper_call())
        zp_scrub_queue_close();
    if (zp_decay_wants_helper() && !zp_helper_keep())
        zp_decay_do_without();
}

static bool is_untouched(const struct zp_slot *slot)
{
    return slot->clean && slot->warm == 0;
}

// Huge pages for a buffer that will be written to the end, as far as its caller's past tells, and
// for no other: not for one that was given them for an owner who did, and whose pages may be gone.
static void choose_pages(struct zp_slot *slot, bool fills)
{
    bool huge = fills && (slot->huge || is_untouched(slot));
    if (slot->huge && !fills)
        huge = zp_usage_in_memory(slot->base, slot->committed);
    if (huge != slot->huge)
        zp_arena_set_huge(slot, huge);
}

// Has a buffer's memory, if it is not there yet, come as it will be used.
static void prepare_pages(struct zp_slot *slot, const void *caller)
{
    if (slot->resident)
        return;
    bool fills = zp_usage_fills(caller, slot->size_class);
    if (zp_arena_can_be_huge(slot))
        choose_pages(slot, fills);
    // One call for small pages, instead of a fault for each: 0.6 of the time. Huge pages gain
    // nothing by it.
    else if (fills && is_untouched(slot) && slot->committed < ZP_LARGE_CLASS)
        zp_os_advise(slot->base, slot->committed, MADV_POPULATE_WRITE);
    if (is_untouched(slot))
        zp_usage_note(caller, slot);
}

struct zp_slot *zp_pool_get_for(size_t size, size_t alignment, const void *caller)
{
    if (!zp_pool.started)
        return NULL;
    struct zp_thread_cache *cache = open_own_cache();
    struct zp_slot *slot = NULL;
    if (alignment <= ZP_CLASS_MIN)
        slot = zp_thread_cache_take(cache, size, size / 8);
    if (slot != NULL)
        zp_count(&cache->counters.thread_hits, 1);
    else
        slot = search(cache, size, alignment);
    if (slot != NULL) {
        prepare_pages(slot, caller);
        zp_pool_hand_out(cache, slot, size);
        slot->filled = 0;
    } else {
        zp_count(&cache->counters.refused, 1);
    }
    zp_thread_cache_close(cache);
    call_helper();
    return slot;
}

// ---- Put -------------------------------------------------------------------------------------

// Whether a buffer's pages are the pool's alone, and its mapping as the pool made it.
static bool is_own(const struct zp_slot *slot)
{
    return slot->epoch == zp_arena_epoch();
}

static bool keep_dirty(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (!is_own(slot) || !zp_thread_cache_has_room(cache, cache->dirty_capacity, slot->committed))
        return false;
    slot->clean = false;
    zp_thread_cache_push(cache, slot);
    return true;
}

static void take_back(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    // Before the buffer is kept: it has not been idle, whatever the thread did meanwhile.
    zp_decay_tick(cache);
    slot->state = ZP_SLOT_TAKEN;
    if (!is_own(slot)) {
        // Writing zeros would make a copy of every page that a fork left shared.
        zp_count(&cache->counters.dropped, 1);
        zp_arena_decommit(slot);
    } else if (!zp_retain(cache, slot)) {
        zp_count(&cache->counters.unretained, 1);
        zp_arena_decommit(slot);
    }
}

static void record_stack(const struct zp_slot *slot)
{
    if (ZP_UNLIKELY(zp_stack_recorded) && !zp_os_is_restricted())
        zp_stack_capture(zp_arena_stack(slot));
}

// Not again within a tick of the coarse clock: nothing has become due since.
static bool has_to_look(const struct zp_thread_cache *cache)
{
    return cache->attentive || (cache->counters.puts % ZP_DECAY_LOOKS == 0 &&
                                zp_os_clock() != __atomic_load_n(&cache->stamp, __ATOMIC_RELAXED));
}

void zp_pool_take_back(struct zp_slot *slot)
{
    record_stack(slot);
    struct zp_thread_cache *cache = open_own_cache();
    if (!keep_dirty(cache, slot))
        take_back(cache, slot);
    else if (has_to_look(cache))
        zp_decay_tick(cache);
    zp_thread_cache_close(cache);
    call_helper();
}

bool zp_pool_clear(struct zp_slot *slot, size_t size)
{
    struct zp_scrub_result result;
    struct zp_scrub_hint hint = {.cached = true, .huge = zp_arena_is_huge(slot)};
    return zp_scrub(slot->base, zp_round_up(size, zp_arena.page), hint, &result) == 0;
}

struct zp_slot *zp_pool_bad_pointer(const char *operation, const void *pointer)
{
    if (zp_pool.check == ZP_CHECK_OFF)
        return NULL;
    const struct zp_slot *slot = zp_arena_slot(pointer);
    if (slot->base == NULL)
        zp_fatal_pointer(operation, " of an address that was never handed out", pointer, NULL);
    const struct zp_stack *freed = slot->state != ZP_SLOT_LIVE ? zp_arena_stack(slot) : NULL;
    if (slot->base != pointer)
        zp_fatal_pointer(operation, " of an address inside a buffer", pointer, freed);
    if (strcmp(operation, "free") == 0)
        zp_fatal_pointer("double free", "", pointer, freed);
    zp_fatal_pointer(operation, " of a buffer that is free", pointer, freed);
}

void zp_pool_note_marks(const void *address, size_t length)
{
    uintptr_t at = (uintptr_t)address, end = at + length;
    while (at < end && zp_arena_owns((const void *)at)) {
        struct zp_slot *slot = zp_arena_slot((const void *)at);
        if (slot->state != ZP_SLOT_LIVE)
            return; // not a buffer: nothing of ours to look after
        slot->marked = true;
        slot->epoch = zp_arena_epoch() - 1; // as if shared: the same way out
        at = (uintptr_t)slot->base + zp_arena_alignment(slot->size_class);
    }
}

// ---- Reads -----------------------------------------------------------------------------------

// Part of a buffer that must have been read into it until all of it is taken to be filled.
enum { FILLED_PART = 4 };

static bool could_be_filled(const struct zp_slot *slot)
{
    return slot->state == ZP_SLOT_LIVE && !slot->huge && !slot->resident && !slot->marked &&
           zp_arena_can_be_huge(slot) && slot->warm * zp_arena.page < slot->committed / 2;
}

void zp_pool_expect_read(char *to, size_t bytes, int fd, off_t offset)
{
    struct zp_slot *slot = zp_arena_slot(to);
    if (!could_be_filled(slot) || to >= slot->base + slot->committed)
        return;
    size_t room = (size_t)(slot->base + slot->committed - to), rest = zp_os_file_rest(fd, offset);
    bytes = bytes < room ? bytes : room;
    bytes = bytes < rest ? bytes : rest;
    size_t before = __atomic_fetch_add(&slot->filled, bytes, __ATOMIC_RELAXED);
    size_t wanted = slot->committed / FILLED_PART;
    if (before < wanted && before + bytes >= wanted) // one of those that read at once
        zp_arena_set_huge(slot, true);
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
        slot = zp_retain_take_cold(zp_class_of(2 * size));
    if (slot == NULL && size <= ZP_CLASS_MAX)
        slot = zp_retain_take_cold(zp_class_of(size));
    return slot;
}

struct zp_slot *zp_pool_move(struct zp_slot *slot, size_t size)
{
    struct zp_thread_cache *cache = open_own_cache(); // a fork that interrupts this sees it
    struct zp_slot *to = take_for_growth(size);
    if (to != NULL && zp_relocate(slot, to, size) != 0)
        to = NULL;
    if (to != NULL) {
        record_stack(slot);
        to->state = ZP_SLOT_LIVE;
        // What was written last is at the end, and still cached.
        to->born = cache->counters.bytes_requested;
        zp_count(&cache->counters.moved_by_pages, 1);
    }
    zp_thread_cache_close(cache);
    return to;
}

// ---- The whole -------------------------------------------------------------------------------

static uint32_t background_due(void)
{
    if (zp_scrub_queue_bytes() != 0)
        return 0;
    uint32_t prewarm = zp_prewarm_due(), decay = zp_decay_due();
    return prewarm < decay ? prewarm : decay;
}

static void do_background_part(void)
{
    struct zp_thread_cache *cache = open_own_cache();
    if (zp_prewarm_due() == 0)
        zp_prewarm_part(cache);
    else if (zp_scrub_queue_bytes() != 0)
        zp_retain_scrub_part(cache);
    else
        zp_decay_unit(cache);
    zp_thread_cache_close(cache);
}

int zp_pool_init(const struct zp_pool_config *config)
{
    zp_pool.scrub = config->retain.scrub;
    zp_pool.check = config->check;
    zp_scrub_init();
    zp_retain_init(&config->retain);
    zp_decay_init(&config->decay, config->retain.decay_ms);
    zp_prewarm_init(config->prewarm);
    zp_helper_init(background_due, do_background_part, zp_decay_aside);
    zp_shards_init(config->shards, config->most_per_shard, config->eviction);
    int error =
        zp_thread_caches_init(config->thread_cache_most, !config->retain.scrub, zp_retain_flush);
    if (error == 0)
        error = zp_arena_init(&config->arena);
    __atomic_store_n(&zp_pool.started, error == 0, __ATOMIC_RELEASE);
    return error;
}

void zp_pool_prewarm(void)
{
    if (zp_pool.started && zp_prewarm_pending())
        zp_helper_call();
}

void zp_pool_end(void)
{
    if (!zp_pool.started)
        return;
    zp_scrub_queue_close();
    zp_helper_stop();
}

void zp_pool_stats(struct zp_pool_stats *stats)
{
    memset(stats, 0, sizeof(*stats));
    if (!zp_pool.started)
        return;
    size_t cached;
    zp_thread_caches_sum(&stats->counters, &cached);
    stats->retained = zp_shards_bytes() + cached + zp_scrub_queue_bytes() + zp_quarantine_bytes();
    stats->retained_peak = zp_budget_peak();
    size_t committed = zp_arena_committed();
    stats->live = committed > stats->retained ? committed - stats->retained : 0;
    uint64_t served = zp_counters_served(&stats->counters);
    stats->live_buffers = served > stats->counters.puts ? served - stats->counters.puts : 0;
}

void zp_pool_flush(void)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    zp_thread_cache_open(cache);
    zp_retain_flush(cache);
    zp_thread_cache_close(cache);
}

// Does not set up a cache: it is called when jemalloc itself finds no memory.
size_t zp_pool_trim(void)
{
    if (!zp_pool.started)
        return 0;
    struct zp_thread_cache *cache = zp_thread_cache;
    zp_thread_cache_open(cache);
    size_t bytes = zp_retain_give_back(cache);
    zp_thread_cache_close(cache);
    return bytes;
}
