// SPDX-License-Identifier: MIT OR Apache-2.0

#include "shard.h"

#include "os.h"
#include "quota.h"

// How far a reading of the clock may lie behind one that another thread took before it.
enum { CLOCK_SLACK_MS = 60 * 1000 };

// Fields that are read without the lock are written so that such a read is whole.

static void set_count(struct zp_shard *shard, uint32_t count)
{
    __atomic_store_n(&shard->count, count, __ATOMIC_RELAXED);
}

static bool seems_full(const struct zp_shard *shard)
{
    return __atomic_load_n(&shard->count, __ATOMIC_RELAXED) >= shard->set->capacity;
}

// Bytes that the shard could hold if no other holder grew.
static size_t capacity_of(const struct zp_shard *shard)
{
    return zp_quota_left(shard->set->pool) + shard->bytes;
}

static struct zp_shard *shard_of(const struct zp_slot *slot)
{
    return &zp_shard_set(slot->pool)->shards[slot->shard];
}

static unsigned class_of(const struct zp_slot *slot)
{
    return zp_class_of(slot->committed);
}

static void push(struct zp_shard *shard, struct zp_slot *older, struct zp_slot *slot)
{
    zp_slot_step(slot, ZP_SLOT_POOLED);
    slot->shard = (uint8_t)(shard - shard->set->shards);
    if (zp_eviction_add(&shard->eviction, slot, older == shard->eviction.arrivals.newest))
        zp_summary_add(shard->set->summary, class_of(slot));
    zp_list_insert(&shard->eviction.arrivals, ZP_ORDER_ARRIVAL, older, slot);
    set_count(shard, shard->count + 1);
    shard->bytes += slot->committed;
}

static void push_newest(struct zp_shard *shard, struct zp_slot *slot)
{
    push(shard, shard->eviction.arrivals.newest, slot);
    shard->set->policy->arrive(&shard->eviction, class_of(slot));
}

static struct zp_slot *pull(struct zp_shard *shard, struct zp_slot *slot)
{
    zp_eviction_remove(&shard->eviction, slot);
    if (slot == shard->reclaimable)
        shard->reclaimable = slot->links[ZP_ORDER_ARRIVAL].older;
    zp_list_remove(&shard->eviction.arrivals, ZP_ORDER_ARRIVAL, slot);
    set_count(shard, shard->count - 1);
    shard->bytes -= slot->committed;
    zp_slot_step(slot, ZP_SLOT_TAKEN);
    return slot;
}

static struct zp_slot *evict_locked(struct zp_shard *shard)
{
    return pull(shard, shard->set->policy->evict(&shard->eviction, capacity_of(shard)));
}

// ---- Taking ----------------------------------------------------------------------------------

struct zp_slot *zp_shard_take(struct zp_shard *shard, const struct zp_wish *wish,
                              bool (*wanted)(const struct zp_slot *slot, size_t size))
{
    struct zp_slot *slot = zp_fit_find(&shard->eviction, wish);
    if (slot == NULL || (wanted != NULL && !wanted(slot, wish->size)))
        return NULL;
    shard->set->policy->use(&shard->eviction, class_of(slot), slot->committed, capacity_of(shard));
    return pull(shard, slot);
}

bool zp_shards_may_have(unsigned home, const struct zp_wish *wish)
{
    return zp_fit_may_exist(zp_shard_set_of(home)->summary->classes, wish);
}

// One round over all shards. Busy ones are skipped unless `wait` is set; `*busy` says whether there
// were any.
static struct zp_slot *take_round(unsigned home, const struct zp_wish *wish, bool wait, bool *busy,
                                  struct zp_counters *counters)
{
    const struct zp_shard_set *set = zp_shard_set_of(home);
    for (unsigned i = 0; i <= zp_shard_set_mask(set); i++) {
        struct zp_shard *shard = zp_shard_at(set, home, i);
        if (i == 1 && !zp_shards_may_have(home, wish))
            return NULL;
        if (!zp_fit_may_exist(shard->eviction.nonempty, wish))
            continue;
        if (!zp_lock_try(&shard->lock)) {
            zp_count(&counters->contended, 1);
            *busy = true;
            if (!wait)
                continue;
            zp_lock_take(&shard->lock);
        }
        struct zp_slot *slot = zp_shard_take(shard, wish, NULL);
        zp_lock_release(&shard->lock);
        if (slot != NULL) {
            zp_count(&counters->stolen, i != 0);
            return slot;
        }
    }
    return NULL;
}

// The classes that any shard has.
static void gather(const struct zp_shard_set *set, uint64_t *present)
{
    present[0] = present[1] = 0;
    for (unsigned i = 0; i <= zp_shard_set_mask(set); i++)
        for (unsigned word = 0; word < 2; word++)
            present[word] |=
                __atomic_load_n(&set->shards[i].eviction.nonempty[word], __ATOMIC_SEQ_CST);
}

// No shard had what was wished for.
static void correct_summary(const struct zp_shard_set *set, const struct zp_wish *wish)
{
    uint64_t present[2];
    gather(set, present);
    if (zp_summary_remove(set->summary, wish, present)) {
        gather(set, present);
        zp_summary_add_all(set->summary, present);
    }
}

struct zp_slot *zp_shards_take(unsigned home, const struct zp_wish *wish,
                               struct zp_counters *counters)
{
    bool busy = false;
    struct zp_slot *slot = take_round(home, wish, false, &busy, counters);
    if (slot == NULL && busy)
        slot = take_round(home, wish, true, &busy, counters);
    if (slot == NULL && zp_shards_may_have(home, wish))
        correct_summary(zp_shard_set_of(home), wish);
    return slot;
}

void zp_shards_note_miss(unsigned home, size_t size)
{
    struct zp_shard *shard = zp_shards_at(home, 0);
    if (__atomic_load_n(&shard->eviction.ghosts, __ATOMIC_RELAXED) == 0)
        return;
    zp_lock_take(&shard->lock);
    shard->set->policy->miss(&shard->eviction, zp_class_of(size), capacity_of(shard));
    zp_lock_release(&shard->lock);
}

// ---- Putting ---------------------------------------------------------------------------------

bool zp_shard_push(struct zp_shard *shard, struct zp_slot *slot)
{
    bool room = shard->count < shard->set->capacity;
    if (room)
        push_newest(shard, slot);
    return room;
}

// Tries to put a slot into a shard with room, without waiting.
static bool put_without_waiting(struct zp_shard *shard, struct zp_slot *slot,
                                struct zp_counters *counters)
{
    if (seems_full(shard))
        return false;
    if (!zp_lock_try(&shard->lock)) {
        zp_count(&counters->contended, 1);
        return false;
    }
    bool pushed = zp_shard_push(shard, slot);
    zp_lock_release(&shard->lock);
    return pushed;
}

struct zp_slot *zp_shards_put(unsigned home, struct zp_slot *slot, struct zp_counters *counters)
{
    home = zp_shards_home_for(home, slot);
    const struct zp_shard_set *set = zp_shard_set_of(home);
    for (unsigned i = 0; i <= zp_shard_set_mask(set); i++) {
        if (put_without_waiting(zp_shard_at(set, home, i), slot, counters)) {
            zp_count(&counters->spilled, i != 0);
            return NULL;
        }
    }
    struct zp_shard *shard = zp_shard_at(set, home, 0);
    struct zp_slot *evicted = NULL;
    zp_lock_take(&shard->lock);
    if (shard->count >= shard->set->capacity)
        evicted = evict_locked(shard);
    push_newest(shard, slot);
    zp_lock_release(&shard->lock);
    return evicted;
}

// ---- By age ----------------------------------------------------------------------------------

struct zp_slot *zp_shards_evict(unsigned home)
{
    const struct zp_shard_set *set = zp_shard_set_of(home);
    for (unsigned i = 0; i <= zp_shard_set_mask(set); i++) {
        struct zp_shard *shard = zp_shard_at(set, home, i);
        if (__atomic_load_n(&shard->count, __ATOMIC_RELAXED) == 0)
            continue;
        zp_lock_take(&shard->lock);
        struct zp_slot *slot = shard->count != 0 ? evict_locked(shard) : NULL;
        zp_lock_release(&shard->lock);
        if (slot != NULL)
            return slot;
    }
    return NULL;
}

static bool has_been_idle(const struct zp_slot *slot, uint32_t now, uint32_t idle)
{
    if (slot == NULL)
        return false;
    // The clock wraps around after 49 days, and may have been read just before `since` was set.
    uint32_t age = now - slot->since;
    return (age < UINT32_MAX - CLOCK_SLACK_MS ? age : 0) >= idle;
}

static struct zp_slot *take_idle_locked(struct zp_shard *shard, uint32_t now, uint32_t idle)
{
    struct zp_slot *oldest = shard->eviction.arrivals.oldest;
    return has_been_idle(oldest, now, idle) ? pull(shard, oldest) : NULL;
}

static struct zp_slot *take_unreclaimable_locked(struct zp_shard *shard, uint32_t now,
                                                 uint32_t idle)
{
    struct zp_slot *next = shard->reclaimable != NULL
                               ? shard->reclaimable->links[ZP_ORDER_ARRIVAL].newer
                               : shard->eviction.arrivals.oldest;
    for (; has_been_idle(next, now, idle); next = next->links[ZP_ORDER_ARRIVAL].newer) {
        if (next->reclaimable != ZP_RECLAIMABLE_ALL)
            return pull(shard, next);
        shard->reclaimable = next;
    }
    return NULL;
}

typedef struct zp_slot *take_by_age(struct zp_shard *shard, uint32_t now, uint32_t idle);

static struct zp_slot *take_first_of(unsigned home, uint32_t now, uint32_t idle, take_by_age *take)
{
    const struct zp_shard_set *set = zp_shard_set_of(home);
    for (unsigned i = 0; i <= zp_shard_set_mask(set); i++) {
        struct zp_shard *shard = zp_shard_at(set, home, i);
        if (__atomic_load_n(&shard->count, __ATOMIC_RELAXED) == 0)
            continue;
        zp_lock_take(&shard->lock);
        struct zp_slot *slot = take(shard, now, idle);
        zp_lock_release(&shard->lock);
        if (slot != NULL)
            return slot;
    }
    return NULL;
}

// Of the home's pool, or else of another.
static struct zp_slot *take_first(unsigned home, uint32_t idle, take_by_age *take)
{
    uint32_t now = zp_os_clock();
    struct zp_slot *slot = take_first_of(home, now, idle, take);
    for (unsigned pool = 0; slot == NULL && pool < zp_pools_count(); pool++)
        if (pool != zp_shards_pool(home))
            slot = take_first_of(pool * ZP_SHARDS_MOST, now, idle, take);
    return slot;
}

struct zp_slot *zp_shards_take_idle(unsigned home, uint32_t idle)
{
    return take_first(home, idle, take_idle_locked);
}

struct zp_slot *zp_shards_take_unreclaimable(unsigned home, uint32_t idle)
{
    return take_first(home, idle, take_unreclaimable_locked);
}

void zp_shards_put_reclaimable(struct zp_slot *slot)
{
    struct zp_shard *shard = shard_of(slot);
    zp_lock_take(&shard->lock);
    push(shard, shard->reclaimable, slot);
    if (slot->reclaimable == ZP_RECLAIMABLE_ALL)
        shard->reclaimable = slot;
    zp_lock_release(&shard->lock);
}

void zp_shards_put_oldest(unsigned home, struct zp_slot *slot)
{
    struct zp_shard *shard = zp_shards_at(zp_shards_home_for(home, slot), 0);
    zp_lock_take(&shard->lock);
    push(shard, NULL, slot);
    if (slot->reclaimable != ZP_RECLAIMABLE_ALL)
        shard->reclaimable = NULL; // those behind it are skipped one by one once more
    zp_lock_release(&shard->lock);
}

void zp_shards_remove(struct zp_slot *slot)
{
    pull(shard_of(slot), slot);
}
