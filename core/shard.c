// SPDX-License-Identifier: MIT OR Apache-2.0

#include "shard.h"

#include "budget.h"
#include "os.h"
#include "placement.h"

// How far a reading of the clock may lie behind one that another thread took before it.
enum { CLOCK_SLACK_MS = 60 * 1000 };

static ZP_FROZEN struct zp_shard *shards = NULL;
static ZP_FROZEN unsigned shard_mask = 0;
static ZP_FROZEN uint32_t shard_capacity = 0;
static ZP_FROZEN const struct zp_eviction_policy *policy = NULL;
static ZP_FROZEN unsigned group_shift = 0; // a group has 1 << group_shift shards
static unsigned homes_given[ZP_SHARDS_MOST];
static struct zp_summary summary;

// As many of the low bits of a shard's number as are left when each group has its own high ones.
static unsigned shift_for(unsigned count)
{
    unsigned shift = zp_log2(count), groups = zp_placement_groups();
    while (shift > 0 && count >> shift < groups)
        shift--;
    return shift;
}

int zp_shards_init(unsigned count, uint32_t most_per_shard, const struct zp_eviction_policy *chosen)
{
    void *mapped;
    size_t bytes = zp_round_up(count * sizeof(struct zp_shard), zp_os_page_size());
    int error = zp_os_map_fenced(bytes, PROT_READ | PROT_WRITE, &mapped);
    if (error != 0)
        return error;
    policy = chosen;
    shard_mask = count - 1;
    shard_capacity = most_per_shard;
    group_shift = shift_for(count);
    shards = mapped;
    for (unsigned i = 0; i < count; i++)
        zp_lock_init(&shards[i].lock, ZP_RANK_SHARD);
    return 0;
}

unsigned zp_shards_group(unsigned home)
{
    return home >> group_shift;
}

unsigned zp_shards_home_in(unsigned home, unsigned group)
{
    unsigned within = home & ((1u << group_shift) - 1);
    return (group << group_shift | within) & shard_mask;
}

unsigned zp_shards_next_home(void)
{
    unsigned first = zp_shards_home_in(0, zp_placement_group(0));
    unsigned next = __atomic_fetch_add(&homes_given[first], 1, __ATOMIC_RELAXED);
    return zp_shards_home_in(next, zp_shards_group(first));
}

static struct zp_shard *neighbour(unsigned home, unsigned distance)
{
    return &shards[home ^ distance];
}

struct zp_shard *zp_shards_at(unsigned home, unsigned distance)
{
    return distance <= shard_mask ? neighbour(home, distance) : NULL;
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

// Bytes that the shard could hold if no other holder grew.
static size_t capacity_of(const struct zp_shard *shard)
{
    size_t limit = zp_budget_limit(), taken = zp_budget_taken();
    return (taken < limit ? limit - taken : 0) + shard->bytes;
}

static unsigned class_of(const struct zp_slot *slot)
{
    return zp_class_of(slot->committed);
}

static void push(struct zp_shard *shard, struct zp_slot *older, struct zp_slot *slot)
{
    zp_slot_step(slot, ZP_SLOT_POOLED);
    slot->shard = (uint8_t)(shard - shards);
    if (zp_eviction_add(&shard->eviction, slot, older == shard->eviction.arrivals.newest))
        zp_summary_add(&summary, class_of(slot));
    zp_list_insert(&shard->eviction.arrivals, ZP_ORDER_ARRIVAL, older, slot);
    set_count(shard, shard->count + 1);
    shard->bytes += slot->committed;
}

static void push_newest(struct zp_shard *shard, struct zp_slot *slot)
{
    push(shard, shard->eviction.arrivals.newest, slot);
    policy->arrive(&shard->eviction, class_of(slot));
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
    return pull(shard, policy->evict(&shard->eviction, capacity_of(shard)));
}

// ---- Taking ----------------------------------------------------------------------------------

struct zp_slot *zp_shard_take(struct zp_shard *shard, const struct zp_wish *wish,
                              bool (*wanted)(const struct zp_slot *slot, size_t size))
{
    struct zp_slot *slot = zp_fit_find(&shard->eviction, wish);
    if (slot == NULL || (wanted != NULL && !wanted(slot, wish->size)))
        return NULL;
    policy->use(&shard->eviction, class_of(slot), slot->committed, capacity_of(shard));
    return pull(shard, slot);
}

bool zp_shards_may_have(const struct zp_wish *wish)
{
    return zp_fit_may_exist(summary.classes, wish);
}

// One round over all shards. Busy ones are skipped unless `wait` is set; `*busy` says whether there
// were any.
static struct zp_slot *take_round(unsigned home, const struct zp_wish *wish, bool wait, bool *busy,
                                  struct zp_counters *counters)
{
    for (unsigned i = 0; i <= shard_mask; i++) {
        struct zp_shard *shard = neighbour(home, i);
        if (i == 1 && !zp_shards_may_have(wish))
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
static void gather(uint64_t *present)
{
    present[0] = present[1] = 0;
    for (unsigned i = 0; i <= shard_mask; i++)
        for (unsigned word = 0; word < 2; word++)
            present[word] |= __atomic_load_n(&shards[i].eviction.nonempty[word], __ATOMIC_SEQ_CST);
}

// No shard had what was wished for.
static void correct_summary(const struct zp_wish *wish)
{
    uint64_t present[2];
    gather(present);
    if (zp_summary_remove(&summary, wish, present)) {
        gather(present);
        zp_summary_add_all(&summary, present);
    }
}

struct zp_slot *zp_shards_take(unsigned home, const struct zp_wish *wish,
                               struct zp_counters *counters)
{
    bool busy = false;
    struct zp_slot *slot = take_round(home, wish, false, &busy, counters);
    if (slot == NULL && busy)
        slot = take_round(home, wish, true, &busy, counters);
    if (slot == NULL && zp_shards_may_have(wish))
        correct_summary(wish);
    return slot;
}

void zp_shards_note_miss(unsigned home, size_t size)
{
    struct zp_shard *shard = neighbour(home, 0);
    if (__atomic_load_n(&shard->eviction.ghosts, __ATOMIC_RELAXED) == 0)
        return;
    zp_lock_take(&shard->lock);
    policy->miss(&shard->eviction, zp_class_of(size), capacity_of(shard));
    zp_lock_release(&shard->lock);
}

// ---- Putting ---------------------------------------------------------------------------------

bool zp_shard_push(struct zp_shard *shard, struct zp_slot *slot)
{
    bool room = shard->count < shard_capacity;
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
    home = zp_shards_home_in(home, slot->group);
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

// ---- By age ----------------------------------------------------------------------------------

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

struct zp_slot *zp_shards_take_unreclaimable(unsigned home, uint32_t idle)
{
    return take_first(home, idle, take_unreclaimable_locked);
}

void zp_shards_put_reclaimable(struct zp_slot *slot)
{
    struct zp_shard *shard = &shards[slot->shard];
    zp_lock_take(&shard->lock);
    push(shard, shard->reclaimable, slot);
    if (slot->reclaimable == ZP_RECLAIMABLE_ALL)
        shard->reclaimable = slot;
    zp_lock_release(&shard->lock);
}

void zp_shards_put_oldest(unsigned home, struct zp_slot *slot)
{
    struct zp_shard *shard = neighbour(zp_shards_home_in(home, slot->group), 0);
    zp_lock_take(&shard->lock);
    push(shard, NULL, slot);
    if (slot->reclaimable != ZP_RECLAIMABLE_ALL)
        shard->reclaimable = NULL; // those behind it are skipped one by one once more
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
    zp_summary_add_all(&summary, (const uint64_t[]){UINT64_MAX, UINT64_MAX});
}

void zp_shards_visit(void (*visit)(struct zp_slot *slot))
{
    for (unsigned i = 0; i <= shard_mask; i++)
        zp_list_visit(&shards[i].eviction.arrivals, ZP_ORDER_ARRIVAL, visit);
}

void zp_shards_remove(struct zp_slot *slot)
{
    pull(&shards[slot->shard], slot);
}
