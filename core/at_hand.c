// SPDX-License-Identifier: MIT OR Apache-2.0

#include "at_hand.h"

#include "batch.h"
#include "content.h"
#include "get.h"
#include "quota.h"
#include "spread.h"

// Whether a pooled slot can be handed out as it is: no page to be given back, none to be fetched.
static bool is_at_hand(const struct zp_slot *slot, size_t size)
{
    size_t usable = zp_round_up(size, zp_arena.page);
    return slot->mapping == ZP_MAPPING_PLAIN && slot->epoch == zp_arena_epoch() &&
           slot->committed <= zp_get_most_committed(slot, usable);
}

static struct zp_slot *take_at_hand(struct zp_thread_cache *cache, size_t length)
{
    if (length > ZP_CLASS_MAX || !zp_content_is_at_hand())
        return NULL;
    unsigned last = zp_class_last_fit(zp_class_of(length));
    struct zp_wish wish = {.size = length, .alignment = 1, .last = last};
    return zp_batch_take_wanted(cache->home, &wish, is_at_hand, &cache->counters);
}

struct zp_slot *zp_at_hand_get(struct zp_thread_cache *cache, size_t size)
{
    size_t length = zp_spread_length(size, 1);
    struct zp_slot *slot = zp_thread_cache_take(cache, length, length / 8);
    if (slot != NULL) {
        zp_count(&cache->counters.thread_hits, 1);
    } else {
        slot = take_at_hand(cache, length);
        if (slot == NULL)
            return NULL;
        zp_content_reuse_at_hand(slot);
        slot->usable = zp_round_up(length, zp_arena.page);
        zp_quota_release(slot->pool, slot->usable);
        zp_budget_leave_tail(zp_slot_tail(slot));
        zp_count(&cache->counters.shard_hits, 1);
    }
    zp_spread_place(slot, size, 1);
    zp_get_hand_out(cache, slot, size);
    slot->filled = 0;
    return slot;
}
