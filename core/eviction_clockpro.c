// SPDX-License-Identifier: MIT OR Apache-2.0
//
// CLOCK-Pro (Jiang, Chen, Zhang: CLOCK-Pro: An Effective Improvement of the CLOCK Replacement,
// USENIX 2005), for buffers instead of pages.
//
// A slot is hot or cold. A cold slot that arrives begins a test: if it is asked for again before
// the test ends, it has a short reuse distance and becomes hot. It may be evicted before that; it
// then stays in the clock without memory, absent, until the test ends. Tests end when the oldest
// hot slot is younger than they are (the hand of hot slots passes), or when absent slots would
// outweigh the pool (the hand of tests). Of the capacity `cold_target` is for cold slots: it grows
// with each test that is passed and shrinks with each that is not.
//
// Departure: an access takes a buffer out of the pool and its return puts it at the head of the
// clock. So no reference bits are needed, the hands are the old ends of three queues, and each
// operation but the hand of hot slots is constant; that hand removes what it passes, so it is
// constant on average.

#include "eviction.h"

#include "size_class.h"

// Absent slots may weigh so many times what the pool may hold. The paper's bound, once, is there
// for the memory of the entries, which costs nothing here, and a loop over exactly twice the
// capacity would just miss all its tests: absent slots count by size class, pooled ones by what
// they hold.
enum { ABSENT_MOST = 2 };

// Always some capacity is for cold slots, or nothing new could ever show that it is hot: 1/64.
enum { LEAST_COLD = 64 };

static size_t hot_limit(const struct zp_eviction *eviction, size_t capacity)
{
    size_t cold = eviction->cold_target;
    if (cold < capacity / LEAST_COLD)
        cold = capacity / LEAST_COLD;
    return cold < capacity ? capacity - cold : 0;
}

static void grow_target(struct zp_eviction *eviction, size_t bytes, size_t capacity)
{
    eviction->cold_target += bytes;
    if (eviction->cold_target > capacity)
        eviction->cold_target = capacity;
}

static void shrink_target(struct zp_eviction *eviction, size_t bytes)
{
    eviction->cold_target -= bytes < eviction->cold_target ? bytes : eviction->cold_target;
}

static size_t absent_size(const struct zp_slot *slot)
{
    return zp_class_size(slot->size_class);
}

static void end_absence(struct zp_eviction *eviction, struct zp_slot *slot)
{
    zp_queue_remove(&eviction->absent, ZP_ORDER_COLD, slot);
    zp_queue_remove(&eviction->recency, ZP_ORDER_RECENCY, slot);
    eviction->absent_bytes -= absent_size(slot);
    __atomic_store_n(&slot->absent, false, __ATOMIC_RELEASE); // last: then it is its taker's
}

// The test of an absent slot ends without an access.
static void fail_absent(struct zp_eviction *eviction, struct zp_slot *slot)
{
    end_absence(eviction, slot);
    shrink_target(eviction, absent_size(slot));
}

// The hand of hot slots: ends the tests that are older than the oldest hot slot, and makes that
// cold.
static void demote_oldest(struct zp_eviction *eviction)
{
    struct zp_slot *slot = eviction->recency.oldest;
    for (; slot != NULL && !slot->hot; slot = eviction->recency.oldest) {
        if (slot->absent) {
            fail_absent(eviction, slot);
            continue;
        }
        zp_queue_remove(&eviction->recency, ZP_ORDER_RECENCY, slot);
        slot->in_test = false;
        shrink_target(eviction, slot->committed);
    }
    if (slot == NULL)
        return;
    zp_queue_remove(&eviction->recency, ZP_ORDER_RECENCY, slot);
    slot->hot = false;
    eviction->hot_bytes -= slot->committed;
    zp_queue_add(&eviction->cold, ZP_ORDER_COLD, slot);
}

static void arrive(struct zp_eviction *eviction, struct zp_slot *slot, size_t capacity)
{
    zp_queue_add(&eviction->recency, ZP_ORDER_RECENCY, slot);
    slot->in_test = !slot->hot;
    if (slot->hot)
        eviction->hot_bytes += slot->committed;
    else
        zp_queue_add(&eviction->cold, ZP_ORDER_COLD, slot);
    while (eviction->hot_bytes > hot_limit(eviction, capacity))
        demote_oldest(eviction);
}

static void leave(struct zp_eviction *eviction, struct zp_slot *slot, bool used, size_t capacity)
{
    if (slot->hot)
        eviction->hot_bytes -= slot->committed;
    else
        zp_queue_remove(&eviction->cold, ZP_ORDER_COLD, slot);
    if (slot->hot || slot->in_test)
        zp_queue_remove(&eviction->recency, ZP_ORDER_RECENCY, slot);
    if (slot->in_test && used)
        grow_target(eviction, slot->committed, capacity);
    slot->hot = used && (slot->hot || slot->in_test);
    slot->in_test = false;
}

static struct zp_slot *evict(struct zp_eviction *eviction, size_t capacity)
{
    if (eviction->cold.oldest == NULL)
        demote_oldest(eviction);
    struct zp_slot *slot = eviction->cold.oldest;
    ZP_ASSUME(slot != NULL); // the shard is not empty
    zp_queue_remove(&eviction->cold, ZP_ORDER_COLD, slot);
    if (!slot->in_test)
        return slot;
    slot->in_test = false;
    __atomic_store_n(&slot->absent, true, __ATOMIC_RELAXED);
    zp_queue_add(&eviction->absent, ZP_ORDER_COLD, slot);
    eviction->absent_bytes += absent_size(slot);
    while (eviction->absent_bytes > ABSENT_MOST * capacity)
        fail_absent(eviction, eviction->absent.oldest);
    return slot;
}

static void come_back(struct zp_eviction *eviction, struct zp_slot *slot, size_t capacity)
{
    end_absence(eviction, slot);
    grow_target(eviction, absent_size(slot), capacity);
    slot->hot = true;
}

const struct zp_eviction_policy zp_eviction_clockpro = {
    .name = "clockpro",
    .arrive = arrive,
    .leave = leave,
    .evict = evict,
    .come_back = come_back,
};
