// SPDX-License-Identifier: MIT OR Apache-2.0

#include "pools.h"

#include "lock.h"

#include <errno.h>

_Static_assert(sizeof(struct zp_pools_entry) == ZP_CACHE_LINE, "an entry is a cache line");

struct zp_pools_entry zp_pools[ZP_POOLS_MOST];

static struct zp_lock lock;
static unsigned count = 1;

unsigned zp_pools_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

void zp_pools_init(const struct zp_pool_traits *traits)
{
    zp_lock_init(&lock, ZP_RANK_POOLS);
    zp_pools[0].traits = *traits;
    zp_pools[0].open = true;
}

bool zp_pools_is_open(unsigned pool)
{
    return pool < zp_pools_count() && __atomic_load_n(&zp_pools[pool].open, __ATOMIC_ACQUIRE);
}

// One that was closed and whose buffers are all gone, or one that was never used.
static unsigned find_unused(void)
{
    unsigned pool = 1;
    while (pool < count && (zp_pools[pool].in_use ||
                            __atomic_load_n(&zp_pools[pool].committed, __ATOMIC_ACQUIRE) != 0))
        pool++;
    return pool;
}

int zp_pools_open(const struct zp_pool_traits *traits, int (*prepare)(unsigned pool))
{
    zp_lock_take(&lock);
    unsigned pool = find_unused();
    int error = pool < ZP_POOLS_MOST ? 0 : -ENOMEM;
    if (error == 0) {
        zp_pools[pool].traits = *traits;
        zp_pools[pool].opened++;
        error = prepare(pool);
    }
    if (error == 0) {
        if (pool == count)
            __atomic_store_n(&count, pool + 1, __ATOMIC_RELEASE);
        zp_pools[pool].in_use = true;
        __atomic_store_n(&zp_pools[pool].open, true, __ATOMIC_RELEASE);
    }
    zp_lock_release(&lock);
    return error == 0 ? (int)pool : error;
}

void zp_pools_close(unsigned pool)
{
    zp_lock_take(&lock);
    __atomic_store_n(&zp_pools[pool].open, false, __ATOMIC_RELAXED);
    zp_lock_release(&lock);
}

void zp_pools_give_up(unsigned pool)
{
    zp_lock_take(&lock);
    zp_pools[pool].in_use = false;
    zp_lock_release(&lock);
}

void zp_pools_lock(void)
{
    zp_lock_take(&lock);
}

void zp_pools_unlock(void)
{
    zp_lock_release(&lock);
}

void zp_pools_reset_lock(void)
{
    zp_lock_reset(&lock);
}
