// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/shard.h"
#include "records.h"

// Breaks when a class in a shard is not last in, first out, or a slot's state does not follow.
START_TEST(the_newest_of_a_class_is_taken_first)
{
    zp_shards_init(1, 8, &zp_eviction_lifo);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ptr_null(put(0, make(i, 20)));
        ck_assert_int_eq(slots[i].state, ZP_SLOT_POOLED);
    }
    ck_assert_uint_eq(zp_shards_bytes(), 3 * zp_class_size(20));
    for (unsigned i = 3; i-- > 0;) {
        ck_assert_ptr_eq(take(0, 20), &slots[i]);
        ck_assert_int_eq(slots[i].state, ZP_SLOT_TAKEN);
    }
    ck_assert_ptr_null(take(0, 20));
    ck_assert_uint_eq(zp_shards_bytes(), 0);
}
END_TEST

// Breaks when a larger class is taken before the own one, one up to twice the size is not taken at
// all, or one beyond that is: for every class.
START_TEST(first_fit_is_up_to_twice_the_size)
{
    zp_shards_init(1, 64, &zp_eviction_lifo);
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        unsigned last = c + 4 < ZP_CLASS_COUNT ? c + 4 : ZP_CLASS_COUNT - 1;
        if (last + 1 < ZP_CLASS_COUNT)
            put(0, make(40, last + 1));
        if (c > 0)
            put(0, make(41, c - 1));
        MUST(take(0, c) == NULL);
        for (unsigned fit = last + 1; fit-- > c;) // the largest first
            put(0, make(fit - c, fit));
        for (unsigned fit = c; fit <= last; fit++)
            MUST(take(0, c) == &slots[fit - c]);
        MUST(take(0, c) == NULL);
        while (zp_shards_evict(0) != NULL) {
        }
    }
}
END_TEST

// Breaks when a thread does not keep to its home, or does not find what others hold.
START_TEST(other_shards_are_searched)
{
    zp_shards_init(4, 8, &zp_eviction_lifo);
    put(2, make(0, 20));
    put(3, make(1, 20));
    ck_assert_ptr_eq(take(3, 20), &slots[1]);
    ck_assert_uint_eq(counters.stolen, 0);
    ck_assert_ptr_eq(take(3, 20), &slots[0]);
    ck_assert_uint_eq(counters.stolen, 1);
    ck_assert_ptr_null(take(3, 20));
    ck_assert_uint_eq(counters.contended, 0);
}
END_TEST

// Breaks when a full shard does not pass slots on, or grows beyond its share.
START_TEST(a_full_shard_spills)
{
    zp_shards_init(2, 2, &zp_eviction_lifo);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ptr_null(put(1, make(i, 20 + i)));
    ck_assert_uint_eq(counters.spilled, 2);
    // All are full: the oldest of the home shard makes room.
    ck_assert_ptr_eq(put(1, make(4, 24)), &slots[0]);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert_ptr_eq(put(0, make(5, 25)), &slots[2]);
    size_t bytes = 0;
    for (unsigned i = 0; i < 6; i++)
        bytes += slots[i].state == ZP_SLOT_POOLED ? slots[i].committed : 0;
    ck_assert_uint_eq(zp_shards_bytes(), bytes);
    ck_assert_uint_eq(counters.spilled, 2);
}
END_TEST

// Breaks when the oldest is not found, across classes, or slots taken in between leave a torn list.
START_TEST(the_oldest_leaves_first)
{
    zp_shards_init(1, 16, &zp_eviction_lifo);
    for (unsigned i = 0; i < 6; i++)
        put(0, make(i, 20 + i % 3 * 10));
    ck_assert_ptr_eq(take(0, 30), &slots[4]); // from the middle
    ck_assert_ptr_eq(take(0, 40), &slots[5]); // the newest
    ck_assert_ptr_eq(zp_shards_evict(0), &slots[0]);
    ck_assert_ptr_eq(zp_shards_evict(0), &slots[1]);
    put(0, make(6, 20));
    ck_assert_ptr_eq(zp_shards_evict(0), &slots[2]);
    ck_assert_ptr_eq(zp_shards_evict(0), &slots[3]);
    ck_assert_ptr_eq(zp_shards_evict(0), &slots[6]);
    ck_assert_ptr_null(zp_shards_evict(0));
}
END_TEST

// Breaks when the oldest of another shard is not found once the home shard is empty.
START_TEST(the_oldest_of_the_home_shard_first)
{
    zp_shards_init(4, 8, &zp_eviction_lifo);
    put(1, make(0, 20));
    put(2, make(1, 20));
    ck_assert_ptr_eq(zp_shards_evict(2), &slots[1]);
    ck_assert_ptr_eq(zp_shards_evict(2), &slots[0]);
    ck_assert_ptr_null(zp_shards_evict(2));
}
END_TEST

// Breaks when a buffer that can grow is not looked for in other shards.
START_TEST(one_that_can_grow_is_searched)
{
    zp_shards_init(4, 8, &zp_eviction_lifo);
    ck_assert_int_eq(
        zp_arena_init(&(struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_MIB}), 0);
    struct zp_slot *slot = zp_arena_take(zp_arena_region_of(7 * ZP_MIB));
    slot->committed = slot->usable = 5 * ZP_MIB;
    put(2, slot);
    struct zp_wish wish = {.size = 7 * ZP_MIB, .alignment = 1, .last = zp_class_of(7 * ZP_MIB)};
    ck_assert_ptr_null(zp_shards_take(1, &wish, &counters));
    wish.grow = true;
    ck_assert_ptr_eq(zp_shards_take(1, &wish, &counters), slot);
    ck_assert_uint_eq(counters.stolen, 1);
    ck_assert_uint_eq(slot->committed, 5 * ZP_MIB);
}
END_TEST

// Breaks when threads are not spread over the shards, or are given one that is not there.
START_TEST(homes_are_spread)
{
    zp_shards_init(8, 8, &zp_eviction_lifo);
    unsigned given[8] = {0};
    for (unsigned i = 0; i < 80; i++) {
        unsigned home = zp_shards_next_home(0);
        ck_assert_uint_lt(home, 8);
        given[home]++;
    }
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(given[i], 10);
}
END_TEST

// ---- What eviction is told -------------------------------------------------------------------

static struct {
    unsigned arrivals, uses, misses, evictions;
    unsigned size_class;
    size_t bytes, capacity;
} told;

static void tell_arrive(struct zp_eviction *eviction, unsigned size_class)
{
    MUST(eviction->classes[size_class].slots.newest != NULL); // it is there already
    told.arrivals++;
    told.size_class = size_class;
}

static void tell_use(struct zp_eviction *eviction, unsigned size_class, size_t bytes,
                     size_t capacity)
{
    MUST(eviction->classes[size_class].slots.newest != NULL); // and still there
    told.uses++;
    told.size_class = size_class;
    told.bytes = bytes;
    told.capacity = capacity;
}

static void tell_miss(struct zp_eviction *eviction, unsigned size_class, size_t capacity)
{
    (void)eviction;
    told.misses++;
    told.size_class = size_class;
    told.capacity = capacity;
}

static struct zp_slot *tell_evict(struct zp_eviction *eviction, size_t capacity)
{
    told.evictions++;
    told.capacity = capacity;
    eviction->ghosts = 1; // what a miss may be about
    return eviction->arrivals.newest;
}

static const struct zp_eviction_policy telling = {
    .name = "telling",
    .arrive = tell_arrive,
    .use = tell_use,
    .miss = tell_miss,
    .evict = tell_evict,
};

// Breaks when a policy is not told of a get, a put or a miss, is told another class or another
// capacity, or is asked for a slot and another one leaves; or when a shard is locked for a miss
// that nobody wants to know of.
START_TEST(a_policy_hears_of_every_access)
{
    size_t bytes = zp_class_size(20);
    zp_budget_init(10 * bytes);
    zp_budget_charge(4 * bytes); // one is pooled here, three are elsewhere
    zp_shards_init(2, 8, &telling);
    put(0, make(0, 20));
    ck_assert_uint_eq(told.arrivals, 1);
    ck_assert_uint_eq(told.size_class, 20);
    zp_shards_note_miss(0, bytes + 1);
    ck_assert_uint_eq(told.misses, 0); // there are no ghosts
    ck_assert_ptr_null(take(0, 21));
    ck_assert_uint_eq(told.uses, 0);
    ck_assert_ptr_eq(take(0, 18), &slots[0]);
    ck_assert_uint_eq(told.uses, 1);
    ck_assert_uint_eq(told.size_class, 20); // that of the slot
    ck_assert_uint_eq(told.capacity, 7 * bytes);
    ck_assert_uint_eq(told.bytes, bytes);
    put(0, &slots[0]);
    put(0, make(1, 21));
    ck_assert_uint_eq(told.arrivals, 3);
    ck_assert_ptr_eq(zp_shards_evict(0), &slots[1]);
    ck_assert_uint_eq(told.evictions, 1);
    zp_shards_note_miss(1, bytes);
    ck_assert_uint_eq(told.misses, 0); // of another shard
    zp_shards_note_miss(0, bytes + 1);
    ck_assert_uint_eq(told.misses, 1);
    ck_assert_uint_eq(told.size_class, 21);
    ck_assert_uint_eq(told.capacity, 7 * bytes);
    zp_shards_put_oldest(0, make(2, 20)); // is no access
    ck_assert_ptr_eq(zp_shards_take_idle(0, 0), &slots[2]);
    ck_assert_uint_eq(told.arrivals + told.uses + told.misses + told.evictions, 6);
}
END_TEST

// ---- By age ----------------------------------------------------------------------------------

static struct zp_slot *put_now(unsigned index)
{
    struct zp_slot *slot = make(index, 20 + index);
    slot->since = unit_clock();
    put(0, slot);
    return slot;
}

static void start_with_clock(void)
{
    zp_os_calls.clock = unit_clock;
    zp_shards_init(2, 16, &zp_eviction_lifo);
}

// Breaks when a slot leaves for its age too early, never, or before an older one: also where the
// clock wraps around, or was read a moment before the slot came.
START_TEST(what_has_been_idle_leaves)
{
    if (_i == 1)
        unit_let_pass(UINT32_MAX - 4);
    start_with_clock();
    put_now(0);
    unit_let_pass(10);
    put_now(1);
    ck_assert_ptr_null(zp_shards_take_idle(1, 11));
    ck_assert_ptr_eq(zp_shards_take_idle(1, 10), &slots[0]);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert_ptr_null(zp_shards_take_idle(1, 10));
    ck_assert_ptr_eq(zp_shards_take_idle(1, 0), &slots[1]);
    put_now(2)->since++; // by another processor's clock
    ck_assert_ptr_null(zp_shards_take_idle(1, 1));
    ck_assert_ptr_eq(zp_shards_take_idle(1, 0), &slots[2]);
}
END_TEST

// Breaks when what comes back as the oldest does not leave first, or is no longer found by size.
START_TEST(the_oldest_may_come_last)
{
    start_with_clock();
    put_now(0);
    struct zp_slot *slot = make(1, 20);
    zp_shards_put_oldest(0, slot);
    ck_assert_uint_eq(zp_shards_bytes(), 2 * zp_class_size(20));
    ck_assert_ptr_eq(zp_shards_evict(0), slot);
    zp_shards_put_oldest(0, slot);
    ck_assert_ptr_eq(take(0, 20), &slots[0]); // the newest of the class
    ck_assert_ptr_eq(take(0, 20), slot);
}
END_TEST

// Breaks when a slot is missed that the kernel may not take yet, one comes twice that it may, or
// one loses its place by having been looked at.
START_TEST(what_is_not_yet_reclaimable)
{
    start_with_clock();
    for (unsigned i = 0; i < 4; i++)
        put_now(i);
    slots[1].reclaimable = ZP_RECLAIMABLE_ALL;
    static const unsigned next[] = {0, 2, 2, 3}; // the first time 2 is only begun with
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *slot = zp_shards_take_unreclaimable(0, 0);
        ck_assert_ptr_eq(slot, &slots[next[i]]);
        slot->reclaimable = i == 1 ? ZP_RECLAIMABLE_HUGE : ZP_RECLAIMABLE_ALL;
        zp_shards_put_reclaimable(slot);
    }
    ck_assert_ptr_null(zp_shards_take_unreclaimable(0, 0));
    put_now(4);
    ck_assert_ptr_null(zp_shards_take_unreclaimable(0, 1)); // not yet
    ck_assert_ptr_eq(take(0, 23), &slots[3]);               // where the search would go on
    put_now(3);
    ck_assert_ptr_eq(zp_shards_take_unreclaimable(0, 0), &slots[4]);
    zp_shards_put_reclaimable(&slots[4]);
    ck_assert_ptr_eq(take(0, 23), &slots[3]);
    zp_shards_put_oldest(0, make(5, 30));
    ck_assert_ptr_eq(zp_shards_take_unreclaimable(0, 0), &slots[5]);
    zp_shards_put_oldest(0, &slots[5]);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_ptr_eq(zp_shards_evict(0), &slots[i == 0 ? 5 : i - 1]);
    ck_assert_ptr_eq(zp_shards_take_unreclaimable(0, 0), &slots[4]);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_newest_of_a_class_is_taken_first);
    tcase_add_test(tests, first_fit_is_up_to_twice_the_size);
    tcase_add_test(tests, other_shards_are_searched);
    tcase_add_test(tests, a_full_shard_spills);
    tcase_add_test(tests, the_oldest_leaves_first);
    tcase_add_test(tests, the_oldest_of_the_home_shard_first);
    tcase_add_test(tests, one_that_can_grow_is_searched);
    tcase_add_test(tests, homes_are_spread);
    tcase_add_test(tests, a_policy_hears_of_every_access);
    tcase_add_loop_test(tests, what_has_been_idle_leaves, 0, 2);
    tcase_add_test(tests, the_oldest_may_come_last);
    tcase_add_test(tests, what_is_not_yet_reclaimable);
    return unit_run("shard", tests);
}
