// SPDX-License-Identifier: MIT OR Apache-2.0

#include "quota.h"

static size_t charged(unsigned pool)
{
    return __atomic_load_n(&zp_pools[pool].charged, __ATOMIC_RELAXED);
}

size_t zp_quota_limit(unsigned pool)
{
    if (zp_pools_is_closed(pool))
        return 0;
    size_t all = zp_budget_limit();
    return pool != 0 && zp_pools[pool].traits.budget < all ? zp_pools[pool].traits.budget : all;
}

static size_t left_of(size_t limit, size_t used)
{
    return used < limit ? limit - used : 0;
}

size_t zp_quota_left(unsigned pool)
{
    size_t all = left_of(zp_budget_limit(), zp_budget_taken());
    size_t own = pool != 0 ? left_of(zp_quota_limit(pool), charged(pool)) : all;
    return own < all ? own : all;
}

bool zp_quota_is_full(unsigned pool, size_t bytes)
{
    return pool != 0 && bytes > left_of(zp_quota_limit(pool), charged(pool));
}

static void give_back(unsigned pool, size_t bytes)
{
    if (ZP_UNLIKELY(pool != 0))
        __atomic_fetch_sub(&zp_pools[pool].charged, bytes, __ATOMIC_RELAXED);
}

static bool take(unsigned pool, size_t bytes)
{
    if (ZP_LIKELY(pool == 0))
        return true;
    size_t before = charged(pool), limit = zp_quota_limit(pool);
    do {
        if (bytes > left_of(limit, before))
            return false;
    } while (!__atomic_compare_exchange_n(&zp_pools[pool].charged, &before, before + bytes, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static bool charge(unsigned pool, size_t bytes, bool (*to_budget)(size_t bytes))
{
    if (!take(pool, bytes))
        return false;
    bool fits = to_budget(bytes);
    if (!fits)
        give_back(pool, bytes);
    return fits;
}

bool zp_quota_charge(unsigned pool, size_t bytes)
{
    return charge(pool, bytes, zp_budget_charge);
}

void zp_quota_release(unsigned pool, size_t bytes)
{
    give_back(pool, bytes);
    zp_budget_release(bytes);
}

bool zp_quota_charge_tail(unsigned pool, size_t bytes)
{
    return charge(pool, bytes, zp_budget_charge_tail);
}

void zp_quota_end_tail(unsigned pool, size_t bytes)
{
    give_back(pool, bytes);
    zp_budget_end_tail(bytes);
}

void zp_quota_restart(unsigned pool, size_t bytes)
{
    __atomic_store_n(&zp_pools[pool].charged, bytes, __ATOMIC_RELAXED);
}
