// SPDX-License-Identifier: MIT OR Apache-2.0

#include "batch.h"

// Entries that are still without a slot. `longer`: one of a larger class will do.
static size_t take_locked(struct zp_shard *shard, const struct zp_batch *batch, bool longer)
{
    size_t missing = 0;
    for (size_t i = 0; i < batch->count; i++) {
        bool wanted = batch->slots[i] == NULL && batch->sizes[i] >= batch->least;
        size_t length = wanted ? batch->length(batch->sizes[i]) : 0;
        if (length == 0)
            continue;
        unsigned own = zp_class_of(length), last = longer ? zp_class_last_fit(own) : own;
        struct zp_wish wish = {.size = length, .alignment = 1, .last = last};
        batch->slots[i] = zp_shard_take(shard, &wish, NULL);
        missing += batch->slots[i] == NULL;
    }
    return missing;
}

static size_t take_from(struct zp_shard *shard, const struct zp_batch *batch)
{
    size_t missing = take_locked(shard, batch, false);
    if (missing != 0)
        missing = take_locked(shard, batch, true);
    zp_lock_release(&shard->lock);
    return missing;
}

static size_t bytes_of(const struct zp_batch *batch)
{
    size_t bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += batch->slots[i] != NULL ? ((struct zp_slot *)batch->slots[i])->usable : 0;
    return bytes;
}

size_t zp_batch_take(unsigned home, const struct zp_batch *batch, struct zp_counters *counters)
{
    bool busy[ZP_SHARDS_MOST] = {false};
    size_t missing = batch->count;
    struct zp_shard *shard;
    for (unsigned i = 0; missing != 0 && (shard = zp_shards_at(home, i)) != NULL; i++) {
        if (__atomic_load_n(&shard->count, __ATOMIC_RELAXED) == 0)
            continue;
        busy[i] = !zp_lock_try(&shard->lock);
        zp_count(&counters->contended, busy[i]);
        if (!busy[i])
            missing = take_from(shard, batch);
    }
    for (unsigned i = 0; missing != 0 && (shard = zp_shards_at(home, i)) != NULL; i++) {
        if (!busy[i])
            continue;
        zp_lock_take(&shard->lock);
        missing = take_from(shard, batch);
    }
    return bytes_of(batch);
}

struct zp_slot *zp_batch_put(unsigned home, struct zp_slot *chain, struct zp_counters *counters)
{
    struct zp_shard *shard;
    for (unsigned i = 0; chain != NULL && (shard = zp_shards_at(home, i)) != NULL; i++) {
        if (!zp_lock_try(&shard->lock)) {
            zp_count(&counters->contended, 1);
            continue;
        }
        while (chain != NULL) {
            struct zp_slot *rest = chain->links[ZP_ORDER_CLASS].older;
            if (!zp_shard_push(shard, chain))
                break;
            chain = rest;
            zp_count(&counters->spilled, i != 0);
        }
        zp_lock_release(&shard->lock);
    }
    return chain;
}

struct zp_slot *zp_batch_take_wanted(unsigned home, const struct zp_wish *wish,
                                     bool (*wanted)(const struct zp_slot *slot, size_t size),
                                     struct zp_counters *counters)
{
    struct zp_slot *slot = NULL;
    struct zp_shard *shard;
    for (unsigned i = 0; slot == NULL && (shard = zp_shards_at(home, i)) != NULL; i++) {
        if (i == 1 && !zp_shards_may_have(home, wish))
            break;
        if (!zp_fit_may_exist(shard->eviction.nonempty, wish) || !zp_lock_try(&shard->lock))
            continue;
        slot = zp_shard_take(shard, wish, wanted);
        zp_lock_release_silently(&shard->lock);
        zp_count(&counters->stolen, slot != NULL && i != 0);
    }
    return slot;
}
