// SPDX-License-Identifier: MIT OR Apache-2.0

#include "shard.h"

#include "budget.h"
#include "os.h"

#include <string.h>

// Further apart two readings of the clock are never taken the wrong way round.
enum { CLOCK_SLACK_MS = 60 * 1000 };

static struct zp_shard shards[ZP_SHARDS_MOST];
static ZP_FROZEN unsigned shard_mask = 0;
static ZP_FROZEN uint32_t shard_capacity = 0;
static ZP_FROZEN const struct zp_eviction_policy *policy = NULL;
static unsigned homes_given;

void zp_shards_init(unsigned count, uint32_t most_per_shard,
                    const struct zp_eviction_policy *chosen)
{
    policy = chosen;
    shard_mask = count - 1;
    shard_capacity = most_per_shard;
    memset(shards, 0, count * sizeof(shards[0])); // the others stay untouched, and take no pages
    for (unsigned i = 0; i < count; i++)
        zp_lock_init(&shards[i].lock, ZP_RANK_SHARD);
}

unsigned zp_shards_next_home(void)
{
    return __atomic_fetch_add(&homes_given, 1, __ATOMIC_RELAXED) & shard_mask;
}

static struct zp_shard *neighbour(unsigned home, unsigned distance)
{
    return &shards[(home + distance) & shard_mask];
}

// Fields that are read without the lock are written so that such a read is whole.

static void set_count(struct zp_shard *shard, uint32_t count)
{
    __atomic_store_n(&shard->count, count, __ATOMIC_RELAXED);
}

static bool seems_full(const struct zp_shard *shard)
{
    return __atomic_load_n(&shard->count, __ATOMIC_RELAXED) >= shard_capacity;
}

static void mark_class(struct zp_shard *shard, unsigned size_class, bool nonempty)
{
    uint64_t *word = &shard->nonempty[size_class / 64];
    uint64_t bit = (uint64_t)1 << (size_class % 64);
    __atomic_store_n(word, nonempty ? *word | bit : *word & ~bit, __ATOMIC_RELAXED);
}

// The smallest class from `from` to `to` that seems to have slots, or ZP_CLASS_COUNT.
static unsigned find_class(const struct zp_shard *shard, unsigned from, unsigned to)
{
    for (unsigned word = from / 64; word <= to / 64; word++) {
        uint64_t bits = __atomic_load_n(&shard->nonempty[word], __ATOMIC_RELAXED);
        if (word == from / 64)
            bits &= ~(uint64_t)0 << (from % 64);
        if (bits == 0)
            continue;
        unsigned found = word * 64 + (unsigned)__builtin_ctzll(bits);
        return found <= to ? found : ZP_CLASS_COUNT;
    }
    return ZP_CLASS_COUNT;
}

// Bytes that the shard could hold if nobody else held more than now.
static size_t capacity_of(const struct zp_shard *shard)
{
    size_t limit = zp_budget_limit(), used = zp_budget_used();
    return (used < limit ? limit - used : 0) + shard->bytes;
}

static void push(struct zp_shard *shard, struct zp_slot *older, struct zp_slot *slot)
{
    struct zp_slot **list = &shard->lists[slot->size_class];
    slot->state = ZP_SLOT_POOLED;
    slot->prev = NULL;
    slot->next = *list;
    if (*list != NULL)
        (*list)->prev = slot;
    *list = slot;
    mark_class(shard, slot->size_class, true);

    set_count(shard, shard->count + 1);
    shard->bytes += slot->committed;
    slot->shard = (uint8_t)(shard - shards);
    zp_queue_insert(&shard->eviction.arrivals, ZP_ORDER_ARRIVAL, older, slot);
    policy->arrive(&shard->eviction, slot, capacity_of(shard));
}

static void push_newest(struct zp_shard *shard, struct zp_slot *slot)
{
    push(shard, shard->eviction.arrivals.newest, slot);
}

// Takes a slot out of everything but what the policy keeps.
static struct zp_slot *unlink_slot(struct zp_shard *shard, struct zp_slot *slot)
{
    if (slot->next != NULL)
        slot->next->prev = slot->prev;
    if (slot->prev != NULL)
        slot->prev->next = slot->next;
    else
        shard->lists[slot->size_class] = slot->next;
    if (shard->lists[slot->size_class] == NULL)
        mark_class(shard, slot->size_class, false);

    if (slot == shard->marked)
        shard->marked = slot->links[ZP_ORDER_ARRIVAL].older;
    zp_queue_remove(&shard->eviction.arrivals, ZP_ORDER_ARRIVAL, slot);
    set_count(shard, shard->count - 1);
    shard->bytes -= slot->committed;
    slot->state = ZP_SLOT_TAKEN;
    return slot;
}

static struct zp_slot *pull(struct zp_shard *shard, struct zp_slot *slot, bool used)
{
    policy->leave(&shard->eviction, slot, used, capacity_of(shard));
    return unlink_slot(shard, slot);
}

static struct zp_slot *evict_locked(struct zp_shard *shard)
{
    return unlink_slot(shard, policy->evict(&shard->eviction, capacity_of(shard)));
}

static struct zp_slot *take_locked(struct zp_shard *shard, unsigned first, unsigned last)
{
    unsigned found = find_class(shard, first, last);
    return found < ZP_CLASS_COUNT ? pull(shard, shard->lists[found], true) : NULL;
}

// One round over all shards. Those that are busy are passed over unless `wait` is set; whether
// there was one goes to `*busy`.
static struct zp_slot *take_round(unsigned home, unsigned first, unsigned last, bool wait,
                                  bool *busy, struct zp_counters *counters)
{
    for (unsigned i = 0; i <= shard_mask; i++) {
        struct zp_shard *shard = neighbour(home, i);
        if (find_class(shard, first, last) == ZP_CLASS_COUNT)
            continue;
        if (!zp_lock_try(&shard->lock)) {
            zp_count(&counters->contended, 1);
            *busy = true;
            if (!wait)
                continue;
            zp_lock_take(&shard->lock);
        }
        struct zp_slot *slot = take_locked(shard, first, last);
        zp_lock_release(&shard->lock);
        if (slot != NULL) {
            zp_count(&counters->stolen, i != 0);
            return slot;
        }
    }
    return NULL;
}

struct zp_slot *zp_shards_take(unsigned home, unsigned first, unsigned last,
                               struct zp_counters *counters)
{
    bool busy = false;
    struct zp_slot *slot = take_round(home, first, last, false, &busy, counters);
    if (slot == NULL && busy)
        slot = take_round(home, first, last, true, &busy, counters);
    return slot;
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
    bool room = shard->count < shard_capacity;
    if (room)
        push_newest(shard, slot);
    zp_lock_release(&shard->lock);
    return room;
}

struct zp_slot *zp_shards_put(unsigned home, struct zp_slot *slot, struct zp_counters *counters)
{
    for (unsigned i = 0; i <= shard_mask; i++) {
        if (put_without_waiting(neighbour(home, i), slot, counters)) {
            zp_count(&counters->spilled, i != 0);
            return NULL;
        }
    }
    struct zp_shard *shard = neighbour(home, 0);
    struct zp_slot *evicted = NULL;
    zp_lock_take(&shard->lock);
    if (shard->count >= shard_capacity)
        evicted = evict_locked(shard);
    push_newest(shard, slot);
    zp_lock_release(&shard->lock);
    return evicted;
}

bool zp_shards_come_back(struct zp_slot *slot)
{
    if (!__atomic_load_n(&slot->absent, __ATOMIC_ACQUIRE))
        return false;
    struct zp_shard *shard = &shards[slot->shard];
    zp_lock_take(&shard->lock);
    bool absent = slot->absent; // else its test has ended meanwhile
    if (absent)
        policy->come_back(&shard->eviction, slot, capacity_of(shard));
    zp_lock_release(&shard->lock);
    return absent;
}

struct zp_slot *zp_shards_evict(unsigned home)
{
    for (unsigned i = 0; i <= shard_mask; i++) {
        struct zp_shard *shard = neighbour(home, i);
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
    // The clock wraps around after 49 days, and may have been read a moment before `since` was set.
    uint32_t age = now - slot->since;
    return (age < UINT32_MAX - CLOCK_SLACK_MS ? age : 0) >= idle;
}

static struct zp_slot *take_idle_locked(struct zp_shard *shard, uint32_t now, uint32_t idle)
{
    struct zp_slot *oldest = shard->eviction.arrivals.oldest;
    return has_been_idle(oldest, now, idle) ? pull(shard, oldest, false) : NULL;
}

static struct zp_slot *take_unmarked_locked(struct zp_shard *shard, uint32_t now, uint32_t idle)
{
    struct zp_slot *next = shard->marked != NULL ? shard->marked->links[ZP_ORDER_ARRIVAL].newer
                                                 : shard->eviction.arrivals.oldest;
    for (; has_been_idle(next, now, idle); next = next->links[ZP_ORDER_ARRIVAL].newer) {
        if (next->reclaimable != ZP_RECLAIMABLE_ALL) {
            bool hot = next->hot;
            pull(shard, next, false)->hot = hot;
            return next;
        }
        shard->marked = next;
    }
    return NULL;
}

typedef struct zp_slot *take_by_age(struct zp_shard *shard, uint32_t now, uint32_t idle);

static struct zp_slot *take_first(unsigned home, uint32_t idle, take_by_age *take)
{
    uint32_t now = zp_os_clock();
    for (unsigned i = 0; i <= shard_mask; i++) {
        struct zp_shard *shard = neighbour(home, i);
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

struct zp_slot *zp_shards_take_idle(unsigned home, uint32_t idle)
{
    return take_first(home, idle, take_idle_locked);
}

struct zp_slot *zp_shards_take_unmarked(unsigned home, uint32_t idle)
{
    return take_first(home, idle, take_unmarked_locked);
}

void zp_shards_put_marked(struct zp_slot *slot)
{
    struct zp_shard *shard = &shards[slot->shard];
    zp_lock_take(&shard->lock);
    push(shard, shard->marked, slot);
    if (slot->reclaimable == ZP_RECLAIMABLE_ALL)
        shard->marked = slot;
    zp_lock_release(&shard->lock);
}

void zp_shards_put_oldest(unsigned home, struct zp_slot *slot)
{
    struct zp_shard *shard = neighbour(home, 0);
    zp_lock_take(&shard->lock);
    push(shard, NULL, slot);
    if (slot->reclaimable != ZP_RECLAIMABLE_ALL)
        shard->marked = NULL; // the marked ones are passed by once more
    zp_lock_release(&shard->lock);
}

size_t zp_shards_bytes(void)
{
    size_t bytes = 0;
    for (unsigned i = 0; i <= shard_mask; i++) {
        zp_lock_take(&shards[i].lock);
        bytes += shards[i].bytes;
        zp_lock_release(&shards[i].lock);
    }
    return bytes;
}

void zp_shards_lock_all(void)
{
    for (unsigned i = 0; i <= shard_mask; i++)
        zp_lock_take(&shards[i].lock);
}

void zp_shards_unlock_all(void)
{
    for (unsigned i = shard_mask + 1; i-- > 0;)
        zp_lock_release(&shards[i].lock);
}

void zp_shards_reset_locks(void)
{
    for (unsigned i = 0; i <= shard_mask; i++)
        zp_lock_reset(&shards[i].lock);
}

void zp_shards_visit(void (*visit)(struct zp_slot *slot))
{
    for (unsigned i = 0; i <= shard_mask; i++)
        zp_queue_visit(&shards[i].eviction.arrivals, ZP_ORDER_ARRIVAL, visit);
}

void zp_shards_remove(struct zp_slot *slot)
{
    pull(&shards[slot->shard], slot, false);
}
