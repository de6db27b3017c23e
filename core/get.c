// SPDX-License-Identifier: MIT OR Apache-2.0

#include "get.h"

#include "batch.h"
#include "commit.h"
#include "content.h"
#include "decay.h"
#include "os.h"
#include "pin.h"
#include "placement.h"
#include "prewarm.h"
#include "quota.h"
#include "retain.h"
#include "scrub_queue.h"
#include "shard.h"
#include "spread.h"
#include "stall.h"
#include "trim.h"
#include "usage.h"

// The tail that a buffer may keep is this part of what was asked for (docs/decisions.md, decision
// 34).
enum { TAIL_PART = 3 };

// ---- Length ----------------------------------------------------------------------------------

static size_t most_tail(size_t usable)
{
    return zp_arena.guarded ? 0 : usable / TAIL_PART;
}

// Where a buffer may end: not within a huge page, which that would split; but where everything is
// guarded, at its last page.
static size_t cut_at(const struct zp_slot *slot, size_t bytes)
{
    bool huge = zp_commit_is_huge(slot) && !zp_arena.guarded;
    return zp_round_up(bytes, huge ? ZP_HUGE_PAGE : zp_arena.page);
}

size_t zp_get_most_committed(const struct zp_slot *slot, size_t usable)
{
    return cut_at(slot, usable + most_tail(usable));
}

// Gives back what the tail has too much; false if the budget has no room for the rest of it.
static bool settle_tail(struct zp_slot *slot, size_t before)
{
    size_t most = zp_get_most_committed(slot, slot->usable);
    if (slot->committed > most)
        zp_commit_trim(slot, most);
    size_t tail = zp_slot_tail(slot);
    if (tail <= before)
        zp_quota_end_tail(slot->pool, before - tail);
    return tail <= before || zp_quota_charge_tail(slot->pool, tail - before);
}

// Makes a buffer that is long enough one of `size` usable bytes. Its tail is charged up to now.
static void shorten(struct zp_slot *slot, size_t size)
{
    size_t before = zp_slot_tail(slot);
    slot->usable = zp_round_up(size, zp_arena.page);
    if (settle_tail(slot, before))
        return;
    zp_quota_end_tail(slot->pool, before);
    zp_commit_trim(slot, slot->usable);
    slot->usable = slot->committed; // the kernel may have left it accessible
}

// Whether a buffer's owners write to its end.
static bool is_filled(const struct zp_slot *slot)
{
    return slot->content == ZP_CONTENT_RESIDENT ||
           (slot->content == ZP_CONTENT_DIRTY && zp_usage_in_memory(slot->base, slot->committed));
}

// Fetches the pages of a part that will be written, in one call instead of a fault for each.
static bool populate(const struct zp_slot *slot, size_t from, size_t to)
{
    return zp_stall_populate(slot->base + from, to - from, zp_commit_is_huge(slot));
}

// A buffer that is written to its end and that came in small pages comes again in huge ones, once:
// from then on it costs less to grow, to cut and to mark as reclaimable.
static bool change_to_huge(struct zp_slot *slot)
{
    if (slot->huge || slot->pinned || slot->reserved || !zp_commit_can_be_huge(slot) ||
        !zp_stall_allows_huge() || zp_os_advise(slot->base, slot->committed, MADV_DONTNEED) != 0)
        return false;
    zp_commit_set_huge(slot, true);
    zp_slot_set_empty(slot);
    return true;
}

// Makes a buffer that is too short one of `size` usable bytes. False if there is no memory.
static bool lengthen(struct zp_slot *slot, size_t size)
{
    size_t tail = zp_slot_tail(slot), there = slot->committed;
    bool dirty = slot->content == ZP_CONTENT_DIRTY, filled = is_filled(slot);
    if (filled && change_to_huge(slot))
        there = 0;
    if (zp_commit(slot, size) != 0)
        return false;
    zp_quota_end_tail(slot->pool, tail);
    slot->usable = slot->committed;
    shorten(slot, size);
    if (filled && populate(slot, there, slot->committed) && (!dirty || there == 0)) {
        slot->content = ZP_CONTENT_RESIDENT;
        slot->warm = (uint32_t)(slot->committed / zp_arena.page);
    }
    return true;
}

static bool fit_to(struct zp_slot *slot, size_t size)
{
    size_t pages = zp_round_up(size, zp_arena.page);
    if (slot->usable == pages && slot->committed == pages)
        return true; // as for its last owner
    if (slot->committed < size)
        return lengthen(slot, size);
    shorten(slot, size);
    return true;
}

// ---- From a shard ----------------------------------------------------------------------------

// Makes a slot from a shard fit for use: no page shared with another process, none missing from the
// next one.
static bool make_private(struct zp_slot *slot)
{
    if (slot->mapping == ZP_MAPPING_DONTFORK)
        return false;
    // Read once: another thread may fork meanwhile, and then this one's pages are shared.
    uint32_t epoch = zp_arena_epoch();
    size_t tail = zp_slot_tail(slot);
    if (slot->epoch != epoch && !zp_slot_is_empty(slot) && zp_commit_trim(slot, 0) != 0)
        return false;
    zp_quota_end_tail(slot->pool, tail - zp_slot_tail(slot));
    slot->epoch = epoch;
    return true;
}

// A TAKEN slot whose bytes are no longer charged as retained becomes the request's.
static struct zp_slot *take_over(struct zp_thread_cache *cache, struct zp_slot *slot, size_t size)
{
    bool grows = slot->committed < size;
    if (make_private(slot) && zp_content_reuse(slot, &cache->counters) && fit_to(slot, size)) {
        zp_count(&cache->counters.shard_hits, 1);
        zp_count(&cache->counters.lengthened, grows);
        if (ZP_UNLIKELY(zp_pin_is_wanted(slot)))
            zp_pin(slot); // what was refused may be allowed now
        return slot;
    }
    zp_retain_drop(slot);
    return NULL;
}

static bool finish_job(struct zp_thread_cache *cache, struct zp_scrub_job *job)
{
    struct zp_slot *slot = job->slot;
    if (job->failed || !zp_arena_is_private(slot))
        return false;
    if (job->done == 0)
        return zp_content_clean_waited(slot, &cache->counters);
    struct zp_scrub_part rest = {
        .slot = slot, .at = job->done, .bytes = slot->committed - job->done};
    if (rest.bytes != 0 && zp_content_clean_part(slot, rest.at, rest.bytes, &rest.result) != 0)
        return false;
    zp_scrub_job_add(job, &rest);
    zp_content_note_clean(slot, &job->result, &cache->counters);
    return true;
}

// A buffer that waits to be scrubbed, scrubbed now.
static struct zp_slot *get_unscrubbed(struct zp_thread_cache *cache, size_t size, unsigned last)
{
    struct zp_scrub_job job;
    if (!zp_scrub_queue_take(cache->pool, size, last, &job))
        return NULL;
    if (!finish_job(cache, &job)) {
        zp_retain_let_go(job.slot);
        return NULL;
    }
    zp_quota_release(cache->pool, job.slot->usable);
    struct zp_slot *slot = take_over(cache, job.slot, size);
    zp_count(&cache->counters.scrubbed_late, slot != NULL);
    return slot;
}

static struct zp_slot *get_pooled(struct zp_thread_cache *cache, const struct zp_wish *wish)
{
    struct zp_slot *slot = zp_shards_take(cache->home, wish, &cache->counters);
    zp_quota_release(cache->pool, slot != NULL ? slot->usable : 0);
    return slot != NULL ? take_over(cache, slot, wish->size) : NULL;
}

// One of a shard, or one that waits to be scrubbed, of up to a class.
static struct zp_slot *get_fitting(struct zp_thread_cache *cache, size_t size, size_t alignment,
                                   unsigned last)
{
    struct zp_wish wish = {.size = size, .alignment = alignment, .last = last};
    struct zp_slot *slot = get_pooled(cache, &wish);
    if (slot == NULL && alignment <= ZP_CLASS_MIN)
        slot = get_unscrubbed(cache, size, last);
    return slot;
}

// One of a shard that can grow to the size: what it has need not be fetched.
static struct zp_slot *get_growing(struct zp_thread_cache *cache, size_t size, size_t alignment)
{
    struct zp_wish wish = {.size = size, .alignment = alignment, .grow = true};
    return get_pooled(cache, &wish);
}

// ---- Fresh memory ----------------------------------------------------------------------------

static struct zp_slot *get_fresh(struct zp_thread_cache *cache, size_t size, const void *caller)
{
    ZP_PROBE_2(miss, size, caller);
    zp_shards_note_miss(cache->home, size);
    struct zp_slot *slot = zp_retain_take_cold(cache->pool, size);
    if (slot == NULL)
        return NULL;
    // Where there is no memory the pool gives back what it has, and tries once more.
    int error = zp_commit(slot, size);
    if (error != 0 && zp_trim(cache) != 0)
        error = zp_commit(slot, size);
    if (error != 0) {
        zp_arena_put_back(slot);
        return NULL;
    }
    slot->usable = slot->committed;
    if (cache->pool == 0)
        zp_prewarm_forgo(zp_class_of(size));
    zp_count(&cache->counters.fresh, 1);
    return slot;
}

// ---- Pages -----------------------------------------------------------------------------------

// Huge pages for a buffer that will be written to the end, as far as its caller's past tells, and
// for no other: not for one that was given them for an owner who did, and whose pages may be gone.
static void choose_pages(struct zp_slot *slot, bool fills, bool empty)
{
    bool huge = fills && (slot->huge || (empty && zp_stall_allows_huge()));
    if (slot->huge && !fills)
        huge = zp_usage_in_memory(slot->base, slot->usable);
    if (huge != slot->huge)
        zp_commit_set_huge(slot, huge);
}

// Fetches what a buffer without pages that will be written to the end does not get by a few faults:
// small pages, in 0.6 of the time that a fault for each takes. Of huge pages the first, which tells
// how long they take.
static void fetch_pages(const struct zp_slot *slot)
{
    size_t in_huge = zp_commit_is_huge(slot) ? slot->committed & ~(ZP_HUGE_PAGE - 1) : 0;
    if (in_huge != 0 && zp_stall_is_due())
        populate(slot, 0, ZP_HUGE_PAGE);
    populate(slot, in_huge, slot->committed);
}

// Whether buffers of a class will be written to the end.
struct answer {
    bool known, fills;
    unsigned size_class;
};

// Has a buffer's memory, if it is not there yet, come as it will be used. `asked`: what was
// answered for the last class of a batch, as the question takes system calls; NULL: it is no batch.
static void prepare_pages(struct zp_slot *slot, const void *caller, struct answer *asked)
{
    if (slot->content != ZP_CONTENT_ZERO)
        return;
    unsigned size_class = zp_class_of(slot->usable);
    bool again = asked != NULL && asked->known && asked->size_class == size_class;
    bool fills = again ? asked->fills : zp_usage_fills(caller, size_class);
    bool empty = zp_slot_is_empty(slot);
    if (asked != NULL)
        *asked = (struct answer){.known = true, .fills = fills, .size_class = size_class};
    if (zp_commit_can_be_huge(slot))
        choose_pages(slot, fills, empty);
    // Small pages of a long buffer would be fetched at once for long.
    if (fills && empty && (slot->committed < ZP_HUGE_PAGE || zp_commit_is_huge(slot)))
        fetch_pages(slot);
    if (empty)
        zp_usage_note(caller, slot);
}

// ---- All of it -------------------------------------------------------------------------------

// Every slot is aligned to ZP_CLASS_MIN at least; for more, the stride has to tell.
static struct zp_slot *search_aligned(struct zp_thread_cache *cache, size_t size, size_t alignment,
                                      const void *caller)
{
    unsigned region = zp_arena_region_of(size);
    if (alignment > (size_t)1 << zp_arena.regions[region].stride_shift)
        return NULL;
    unsigned last = zp_class_last_fit(zp_class_of(size));
    struct zp_slot *slot = get_fitting(cache, size, alignment, last);
    if (slot == NULL)
        slot = get_growing(cache, size, alignment);
    return slot != NULL ? slot : get_fresh(cache, size, caller);
}

// One of the class, scrubbed or not, rather than a longer one: that will be asked for too. Where
// there is none sizes vary, and the thread's buffers move to the shard, where all are compared.
static struct zp_slot *search(struct zp_thread_cache *cache, size_t size, const void *caller)
{
    unsigned own = zp_class_of(size);
    struct zp_slot *slot = get_fitting(cache, size, 1, own);
    if (slot != NULL)
        return slot;
    zp_retain_flush(cache);
    slot = get_fitting(cache, size, 1, zp_class_last_fit(own));
    if (slot == NULL)
        slot = get_growing(cache, size, 1);
    return slot != NULL ? slot : get_fresh(cache, size, caller);
}

// A thread that the kernel, or the program, has moved to another node uses that one's shards.
static ZP_COLD void follow_node(struct zp_thread_cache *cache)
{
    if (cache != &zp_no_cache)
        cache->home =
            zp_shards_home_in(cache->home, zp_placement_group(zp_shards_group(cache->home)));
}

static struct zp_slot *find(struct zp_thread_cache *cache, size_t size, size_t alignment,
                            const void *caller)
{
    if (alignment <= ZP_CLASS_MIN) {
        struct zp_slot *slot = zp_thread_cache_take(cache, size, size / 8);
        if (slot != NULL) {
            zp_count(&cache->counters.thread_hits, 1);
            if (slot->content == ZP_CONTENT_ZERO) // else what was read into it is there
                slot->filled = 0;
            return slot;
        }
    }
    if (size > ZP_CLASS_MAX)
        return NULL;
    if (ZP_UNLIKELY(zp_placement_groups() > 1))
        follow_node(cache);
    struct zp_slot *slot = alignment <= ZP_CLASS_MIN
                               ? search(cache, size, caller)
                               : search_aligned(cache, size, alignment, caller);
    if (slot != NULL)
        slot->filled = 0;
    zp_decay_tick(cache);
    return slot;
}

struct zp_slot *zp_get_slot(struct zp_thread_cache *cache, size_t size, size_t alignment,
                            const void *caller)
{
    struct zp_slot *slot = find(cache, zp_spread_length(size, alignment), alignment, caller);
    if (slot == NULL) {
        zp_count(&cache->counters.refused, 1);
        return NULL;
    }
    zp_spread_place(slot, size, alignment);
    prepare_pages(slot, caller, NULL);
    zp_get_hand_out(cache, slot, size);
    return slot;
}

// ---- Several at once -------------------------------------------------------------------------

static size_t batch_length(size_t size)
{
    size_t length = size <= ZP_CLASS_MAX ? zp_spread_length(size, 1) : 0;
    return length <= ZP_CLASS_MAX ? length : 0;
}

void zp_get_batch(struct zp_thread_cache *cache, void **slots, const size_t *sizes, size_t count,
                  const void *caller)
{
    size_t least = zp_pools[cache->pool].traits.threshold;
    struct zp_batch batch = {slots, sizes, count, batch_length, least};
    struct answer asked = {.known = false};
    zp_quota_release(cache->pool, zp_batch_take(cache->home, &batch, &cache->counters));
    for (size_t i = 0; i < count; i++) {
        struct zp_slot *slot = slots[i];
        slots[i] = NULL;
        if (slot == NULL || (slot = take_over(cache, slot, batch_length(sizes[i]))) == NULL)
            continue;
        zp_spread_place(slot, sizes[i], 1);
        prepare_pages(slot, caller, &asked);
        slot->filled = 0;
        zp_get_hand_out(cache, slot, sizes[i]);
        slots[i] = slot->start;
    }
    zp_decay_tick(cache);
}
