// SPDX-License-Identifier: MIT OR Apache-2.0

#include "budget.h"

#include <stdatomic.h>

enum {
    PLACES = 128,      // where bytes are set aside
    PLACE_PART = 1024, // of the limit, that may be in each
};

// Below this it would not hold a buffer.
#define PLACE_LEAST ZP_MIB

static _Atomic size_t limit;
static _Atomic size_t tails __attribute__((aligned(ZP_CACHE_LINE)));

// What is set aside in all places is part of `taken`.
static struct {
    _Atomic size_t taken, peak;
} sum __attribute__((aligned(ZP_CACHE_LINE)));

static struct zp_budget_place {
    _Atomic size_t bytes;
} __attribute__((aligned(ZP_CACHE_LINE))) places[PLACES];

static _Atomic unsigned places_given;
ZP_TLS struct zp_budget_place *zp_budget_place;

void zp_budget_init(size_t bytes)
{
    zp_budget_set_limit(bytes);
    zp_budget_restart(0, 0);
}

void zp_budget_restart(size_t retained, size_t tail_bytes)
{
    size_t bytes = retained + tail_bytes;
    for (unsigned i = 0; i < PLACES; i++)
        atomic_store_explicit(&places[i].bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&tails, tail_bytes, memory_order_relaxed);
    atomic_store_explicit(&sum.taken, bytes, memory_order_relaxed);
    atomic_store_explicit(&sum.peak, bytes, memory_order_relaxed);
}

size_t zp_budget_limit(void)
{
    return atomic_load_explicit(&limit, memory_order_relaxed);
}

bool zp_budget_exceeded(void)
{
    return zp_budget_used() > zp_budget_limit();
}

// ---- The sum ---------------------------------------------------------------------------------

static void note_peak(size_t now)
{
    size_t highest = atomic_load_explicit(&sum.peak, memory_order_relaxed);
    while (highest < now &&
           !atomic_compare_exchange_weak_explicit(&sum.peak, &highest, now, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

static bool take(size_t bytes)
{
    size_t most = zp_budget_limit();
    size_t before = atomic_load_explicit(&sum.taken, memory_order_relaxed);
    do {
        if (bytes > most || before > most - bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&sum.taken, &before, before + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    note_peak(before + bytes);
    return true;
}

static void give(size_t bytes)
{
    atomic_fetch_sub_explicit(&sum.taken, bytes, memory_order_relaxed);
}

// ---- What is set aside -----------------------------------------------------------------------

static size_t place_most(void)
{
    size_t most = zp_budget_limit() / PLACE_PART;
    return most >= PLACE_LEAST ? most : 0;
}

static struct zp_budget_place *own_place(void)
{
    if (zp_budget_place == NULL)
        zp_budget_place =
            &places[atomic_fetch_add_explicit(&places_given, 1, memory_order_relaxed) % PLACES];
    return zp_budget_place;
}

static void set_aside(struct zp_budget_place *place, size_t bytes)
{
    atomic_fetch_add_explicit(&place->bytes, bytes, memory_order_relaxed);
}

static bool take_from_place(struct zp_budget_place *place, size_t bytes)
{
    size_t there = atomic_load_explicit(&place->bytes, memory_order_relaxed);
    do {
        if (there < bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&place->bytes, &there, there - bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

// Fetches back what is set aside; false if nothing is.
static ZP_COLD bool fetch_back(void)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < PLACES; i++)
        if (atomic_load_explicit(&places[i].bytes, memory_order_relaxed) != 0)
            bytes += atomic_exchange_explicit(&places[i].bytes, 0, memory_order_relaxed);
    give(bytes);
    return bytes != 0;
}

void zp_budget_set_limit(size_t bytes)
{
    atomic_store_explicit(&limit, bytes, memory_order_relaxed);
    fetch_back(); // more than may be now
}

// ---- Charging --------------------------------------------------------------------------------

// From the sum, and something for the next charges of a thread that only charges.
static bool take_with_more(struct zp_budget_place *place, size_t bytes)
{
    size_t more = place_most() / 2;
    if (more < bytes || !take(bytes + more))
        return take(bytes);
    set_aside(place, more);
    return true;
}

bool zp_budget_charge(size_t bytes)
{
    struct zp_budget_place *place = own_place();
    return take_from_place(place, bytes) || take_with_more(place, bytes) ||
           (fetch_back() && take(bytes));
}

// A place that would have too much keeps a half.
static void release(size_t bytes)
{
    struct zp_budget_place *place = own_place();
    size_t most = place_most();
    size_t there = atomic_load_explicit(&place->bytes, memory_order_relaxed);
    if (bytes <= most && there <= most - bytes) {
        set_aside(place, bytes);
        return;
    }
    size_t surplus = there > most / 2 ? there - most / 2 : 0;
    give(bytes + (surplus != 0 && take_from_place(place, surplus) ? surplus : 0));
}

// Most of the slow paths that come here have nothing to release.
void zp_budget_release(size_t bytes)
{
    if (bytes != 0)
        release(bytes);
}

size_t zp_budget_taken(void)
{
    return atomic_load_explicit(&sum.taken, memory_order_relaxed);
}

// Bytes that move meanwhile may count twice as set aside.
size_t zp_budget_used(void)
{
    size_t aside = 0;
    for (unsigned i = 0; i < PLACES; i++)
        aside += atomic_load_explicit(&places[i].bytes, memory_order_relaxed);
    size_t taken = zp_budget_taken();
    return taken > aside ? taken - aside : 0;
}

size_t zp_budget_peak(void)
{
    return atomic_load_explicit(&sum.peak, memory_order_relaxed);
}

// ---- Tails -----------------------------------------------------------------------------------

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
