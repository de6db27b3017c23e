// SPDX-License-Identifier: MIT OR Apache-2.0

#include "shard_set.h"

#include "os.h"
#include "placement.h"

// The process's does not change after the start. Any other is the head of its own mapping.
static ZP_FROZEN struct zp_shard_set first = {0};
static struct zp_summary first_summary;
static struct zp_shard_set *others[ZP_POOLS_MOST];

const struct zp_shard_set *zp_shard_set(unsigned pool)
{
    return ZP_LIKELY(pool == 0) ? &first : __atomic_load_n(&others[pool], __ATOMIC_ACQUIRE);
}

const struct zp_shard_set *zp_shard_set_of(unsigned home)
{
    return zp_shard_set(zp_shards_pool(home));
}

// ---- Opening ---------------------------------------------------------------------------------

// As many of the low bits of a shard's number as are left when each group has its own high ones.
static unsigned shift_for(unsigned count, unsigned groups)
{
    unsigned shift = zp_log2(count);
    while (shift > 0 && count >> shift < groups)
        shift--;
    return shift;
}

static void init_shards(const struct zp_shard_set *set, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        set->shards[i].set = set;
        zp_lock_init(&set->shards[i].lock, ZP_RANK_SHARD);
    }
}

static int map(size_t bytes, void **mapped)
{
    return zp_os_map_fenced(zp_round_up(bytes, zp_os_page_size()), PROT_READ | PROT_WRITE, mapped);
}

int zp_shards_init(unsigned count, uint32_t most_per_shard, const struct zp_eviction_policy *policy)
{
    void *mapped;
    int error = map(count * sizeof(struct zp_shard), &mapped);
    if (error != 0)
        return error;
    first = (struct zp_shard_set){
        .shards = mapped,
        .mask = count - 1,
        .group_shift = shift_for(count, zp_placement_groups()),
        .capacity = most_per_shard,
        .policy = policy,
        .summary = &first_summary,
    };
    init_shards(&first, count);
    return 0;
}

struct own {
    struct zp_shard_set set;
    struct zp_summary summary;
    struct zp_shard shards[ZP_SHARDS_MOST];
};

// Room for as many shards as a pool can have: the next one with this number may have more.
static struct zp_shard_set *make_set(unsigned pool, int *error)
{
    void *mapped;
    *error = map(sizeof(struct own), &mapped);
    if (*error != 0)
        return NULL;
    struct own *own = mapped;
    own->set.pool = pool;
    own->set.shards = own->shards;
    own->set.summary = &own->summary;
    init_shards(&own->set, ZP_SHARDS_MOST);
    return &own->set;
}

int zp_shards_open(unsigned pool)
{
    const struct zp_pool_traits *traits = &zp_pools[pool].traits;
    struct zp_shard_set *set = others[pool];
    int error = 0;
    if (set == NULL)
        set = make_set(pool, &error);
    if (set == NULL)
        return error;
    // All memory of a pool with a node comes from there.
    unsigned groups = traits->node < 0 ? zp_placement_groups() : 1;
    __atomic_store_n(&set->mask, traits->shards - 1, __ATOMIC_RELAXED);
    set->group_shift = shift_for(traits->shards, groups);
    set->capacity = traits->per_shard;
    set->policy = traits->eviction;
    __atomic_store_n(&others[pool], set, __ATOMIC_RELEASE);
    return 0;
}

// ---- Homes -----------------------------------------------------------------------------------

struct zp_shard *zp_shards_at(unsigned home, unsigned distance)
{
    const struct zp_shard_set *set = zp_shard_set_of(home);
    return distance <= zp_shard_set_mask(set) ? zp_shard_at(set, home, distance) : NULL;
}

static unsigned number_of(unsigned home)
{
    return home % ZP_SHARDS_MOST;
}

static unsigned home_of(const struct zp_shard_set *set, unsigned home, unsigned group)
{
    unsigned within = home & ((1u << set->group_shift) - 1);
    unsigned number = (group << set->group_shift | within) & zp_shard_set_mask(set);
    return set->pool * ZP_SHARDS_MOST + number;
}

unsigned zp_shards_group(unsigned home)
{
    return number_of(home) >> zp_shard_set_of(home)->group_shift;
}

unsigned zp_shards_home_in(unsigned home, unsigned group)
{
    return home_of(zp_shard_set_of(home), home, group);
}

unsigned zp_shards_home_of(unsigned pool, unsigned home)
{
    return pool * ZP_SHARDS_MOST + (home & zp_shard_set_mask(zp_shard_set(pool)));
}

unsigned zp_shards_home_for(unsigned home, const struct zp_slot *slot)
{
    return home_of(zp_shard_set(slot->pool), home, slot->group);
}

unsigned zp_shards_next_home(unsigned pool)
{
    const struct zp_shard_set *set = zp_shard_set(pool);
    unsigned first_home = home_of(set, 0, zp_placement_group(0));
    unsigned *given = &zp_shard_at(set, first_home, 0)->homes_given;
    unsigned next = __atomic_fetch_add(given, 1, __ATOMIC_RELAXED);
    return home_of(set, next, zp_shards_group(first_home));
}

// ---- All of them -----------------------------------------------------------------------------

// Sets are there for as many pools as have ever been: their numbers are given in order.
static void for_all(void (*act)(struct zp_shard *shard))
{
    for (unsigned pool = 0; pool < zp_pools_count(); pool++) {
        const struct zp_shard_set *set = zp_shard_set(pool);
        for (unsigned i = 0; i <= zp_shard_set_mask(set); i++)
            act(&set->shards[i]);
    }
}

static size_t bytes_of(struct zp_shard *shard)
{
    zp_lock_take(&shard->lock);
    size_t bytes = shard->bytes;
    zp_lock_release(&shard->lock);
    return bytes;
}

size_t zp_shards_bytes_of(unsigned pool)
{
    const struct zp_shard_set *set = zp_shard_set(pool);
    size_t bytes = 0;
    for (unsigned i = 0; i <= zp_shard_set_mask(set); i++)
        bytes += bytes_of(&set->shards[i]);
    return bytes;
}

size_t zp_shards_bytes(void)
{
    size_t bytes = 0;
    for (unsigned pool = 0; pool < zp_pools_count(); pool++)
        bytes += zp_shards_bytes_of(pool);
    return bytes;
}

static void lock(struct zp_shard *shard)
{
    zp_lock_take(&shard->lock);
}

static void unlock(struct zp_shard *shard)
{
    zp_lock_release(&shard->lock);
}

static void reset_lock(struct zp_shard *shard)
{
    zp_lock_reset(&shard->lock);
}

void zp_shards_lock_all(void)
{
    for_all(lock);
}

void zp_shards_unlock_all(void)
{
    for_all(unlock);
}

void zp_shards_reset_locks(void)
{
    for_all(reset_lock);
    for (unsigned pool = 0; pool < zp_pools_count(); pool++)
        zp_summary_add_all(zp_shard_set(pool)->summary, (const uint64_t[]){UINT64_MAX, UINT64_MAX});
}

void zp_shards_visit(void (*visit)(struct zp_slot *slot))
{
    for (unsigned pool = 0; pool < zp_pools_count(); pool++) {
        const struct zp_shard_set *set = zp_shard_set(pool);
        for (unsigned i = 0; i <= zp_shard_set_mask(set); i++)
            zp_list_visit(&set->shards[i].eviction.arrivals, ZP_ORDER_ARRIVAL, visit);
    }
}
