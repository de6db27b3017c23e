// SPDX-License-Identifier: MIT OR Apache-2.0

#include "budget.h"

#include <stdatomic.h>

static _Atomic size_t limit, used, peak, tails;

void zp_budget_init(size_t bytes)
{
    zp_budget_set_limit(bytes);
    zp_budget_restart(0, 0);
}

void zp_budget_restart(size_t retained, size_t tail_bytes)
{
    size_t bytes = retained + tail_bytes;
    atomic_store_explicit(&tails, tail_bytes, memory_order_relaxed);
    atomic_store_explicit(&used, bytes, memory_order_relaxed);
    atomic_store_explicit(&peak, bytes, memory_order_relaxed);
}

size_t zp_budget_limit(void)
{
    return atomic_load_explicit(&limit, memory_order_relaxed);
}

void zp_budget_set_limit(size_t bytes)
{
    atomic_store_explicit(&limit, bytes, memory_order_relaxed);
}

bool zp_budget_exceeded(void)
{
    return zp_budget_used() > zp_budget_limit();
}

bool zp_budget_charge(size_t bytes)
{
    size_t most = zp_budget_limit();
    size_t before = atomic_load_explicit(&used, memory_order_relaxed);
    do {
        if (bytes > most || before > most - bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&used, &before, before + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    size_t now = before + bytes;
    size_t highest = atomic_load_explicit(&peak, memory_order_relaxed);
    while (highest < now && !atomic_compare_exchange_weak_explicit(
                                &peak, &highest, now, memory_order_relaxed, memory_order_relaxed)) {
    }
    return true;
}

void zp_budget_release(size_t bytes)
{
    atomic_fetch_sub_explicit(&used, bytes, memory_order_relaxed);
}

size_t zp_budget_used(void)
{
    return atomic_load_explicit(&used, memory_order_relaxed);
}

size_t zp_budget_peak(void)
{
    return atomic_load_explicit(&peak, memory_order_relaxed);
}

bool zp_budget_charge_tail(size_t bytes)
{
    if (bytes == 0)
        return true;
    bool charged = zp_budget_charge(bytes);
    if (charged)
        atomic_fetch_add_explicit(&tails, bytes, memory_order_relaxed);
    return charged;
}

void zp_budget_end_tail(size_t bytes)
{
    if (bytes == 0)
        return;
    zp_budget_convert_tail(bytes);
    zp_budget_release(bytes);
}

void zp_budget_convert_tail(size_t bytes)
{
    if (bytes != 0)
        atomic_fetch_sub_explicit(&tails, bytes, memory_order_relaxed);
}

void zp_budget_leave_tail(size_t bytes)
{
    if (bytes != 0)
        atomic_fetch_add_explicit(&tails, bytes, memory_order_relaxed);
}

size_t zp_budget_tails(void)
{
    return atomic_load_explicit(&tails, memory_order_relaxed);
}
