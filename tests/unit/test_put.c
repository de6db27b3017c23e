// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What becomes of a freed buffer: the thread's cache, a shard, the budget. The quarantine is in
// test_check, the scrub queue in test_background.

#include "core/put.h"
#include "support.h"

// ---- The thread's cache ----------------------------------------------------------------------

// Breaks when a full cache refuses the new buffer instead of passing its oldest on to a shard.
START_TEST(a_full_cache_passes_on_its_oldest)
{
    unit_pool_start_default();
    struct zp_slot *slots[6];
    for (unsigned i = 0; i < 6; i++)
        slots[i] = unit_get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 6; i++)
        zp_pool_put(slots[i]->base);
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(slots[i]->state, i < 2 ? ZP_SLOT_POOLED : ZP_SLOT_CACHED);
    ck_assert_uint_eq(zp_budget_used(), 6 * ZP_MIB);
    for (unsigned i = 0; i < 6; i++)
        unit_get_or_fail(ZP_MIB);
    ck_assert_uint_eq(unit_counters().thread_hits, 4);
    ck_assert_uint_eq(unit_counters().shard_hits, 2);
    ck_assert_uint_eq(unit_counters().fresh, 6);
}
END_TEST

// Breaks when a cache holds more bytes than it may, however few buffers they are.
START_TEST(a_cache_keeps_to_its_bytes)
{
    struct zp_pool_config config = unit_pool_config();
    config.put.thread_cache_bytes = 10 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *four = unit_get_or_fail(4 * ZP_MIB), *five = unit_get_or_fail(5 * ZP_MIB);
    struct zp_slot *three = unit_get_or_fail(3 * ZP_MIB), *large = unit_get_or_fail(11 * ZP_MIB);
    zp_pool_put(four->base);
    zp_pool_put(five->base);
    ck_assert_int_eq(four->state, ZP_SLOT_CACHED);
    zp_pool_put(three->base); // 12 MiB would be too much
    ck_assert_int_eq(four->state, ZP_SLOT_POOLED);
    ck_assert_int_eq(five->state, ZP_SLOT_CACHED);
    ck_assert_int_eq(three->state, ZP_SLOT_CACHED);
    zp_pool_put(large->base); // never fits: the cache stays as it is
    ck_assert_int_eq(large->state, ZP_SLOT_POOLED);
    ck_assert_int_eq(five->state, ZP_SLOT_CACHED);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained_bytes, 23 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 23 * ZP_MIB);
}
END_TEST

// Breaks when a cached buffer loses its tail or the charge for it, counts it as bytes that its
// owner could use, or is still charged twice once it is pooled.
START_TEST(a_cached_buffer_keeps_its_tail)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    zp_pool_put(slot->base);
    zp_pool_flush();
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    for (unsigned i = 0; i < 2; i++) {
        unit_put_written(slot);
        ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
        ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 9 * ZP_MIB / 2);
        ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 2);
        ck_assert_uint_eq(zp_budget_used(), 5 * ZP_MIB);
        struct zp_pool_stats stats;
        zp_pool_stats(&stats);
        ck_assert_uint_eq(stats.retained_bytes, 5 * ZP_MIB);
        ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
        ck_assert_uint_eq(slot->usable, 9 * ZP_MIB / 2);
        ck_assert(unit_is_zero(slot->base, slot->committed));
    }
    unit_put_written(slot);
    zp_pool_flush();
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
    ck_assert_uint_eq(slot->usable, 5 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_tails(), 0);
    ck_assert_uint_eq(zp_budget_used(), 5 * ZP_MIB);
    ck_assert_uint_eq(zp_shards_bytes(), 5 * ZP_MIB);
}
END_TEST

// Breaks when what a program wrote behind the end of its buffer, to a tail, comes to a later owner.
START_TEST(an_overrun_is_made_zero)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    zp_pool_put(slot->base);
    zp_pool_flush();
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    memset(slot->base + slot->usable + 5000, 0xA5, 100000); // not where the tail begins
    zp_pool_put(slot->base);
    ck_assert_uint_eq(zp_budget_used(), 5 * ZP_MIB);
    ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
    ck_assert(zp_slot_is_zero(slot) && unit_is_zero(slot->base, slot->usable));
}
END_TEST

// ---- The budget ------------------------------------------------------------------------------

// Breaks when the pool retains more than it may, or does not let the oldest go first.
START_TEST(the_oldest_make_room)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.budget = 4 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *slots[6];
    for (unsigned i = 0; i < 6; i++)
        slots[i] = unit_get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 6; i++) {
        memset(slots[i]->base, 1, ZP_MIB);
        zp_pool_put(slots[i]->base);
    }
    for (unsigned i = 0; i < 6; i++)
        ck_assert_int_eq(slots[i]->state, i < 2 ? ZP_SLOT_COLD : ZP_SLOT_POOLED);
    ck_assert_uint_eq(unit_resident_pages(slots[0]->base, ZP_MIB), 0);
    ck_assert_uint_eq(unit_counters().evicted, 2);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_peak(), 4 * ZP_MIB);
}
END_TEST

// Breaks when a buffer larger than the whole budget drives everything else out.
START_TEST(what_never_fits_drives_nothing_out)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 4 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *small = unit_get_or_fail(ZP_MIB), *large = unit_get_or_fail(5 * ZP_MIB);
    zp_pool_put(small->base);
    memset(large->base, 1, large->usable);
    zp_pool_put(large->base);
    ck_assert_int_eq(small->state, ZP_SLOT_CACHED);
    ck_assert_int_eq(large->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().unretained, 1);
    ck_assert_uint_eq(unit_counters().evicted, 0);
    large = unit_get_or_fail(5 * ZP_MIB);
    ck_assert(unit_is_zero(large->base, large->usable));
}
END_TEST

// Breaks when a budget of zero retains something.
START_TEST(a_budget_of_zero_retains_nothing)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 0;
    unit_pool_start(&config);
    for (unsigned i = 0; i < 10; i++) {
        struct zp_slot *slot = unit_get_or_fail(ZP_MIB);
        ck_assert(unit_is_zero(slot->base, ZP_MIB));
        memset(slot->base, 1, ZP_MIB);
        zp_pool_put(slot->base);
        ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
        ck_assert_uint_eq(unit_resident_pages(slot->base, ZP_MIB), 0);
    }
    ck_assert_uint_eq(unit_counters().unretained, 10);
    ck_assert_uint_eq(zp_budget_peak(), 0);
}
END_TEST

// Breaks when the tails of buffers in use are kept beside a full budget, or what is not kept leaves
// its own tail charged.
START_TEST(tails_of_live_buffers_are_within_the_budget)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.budget = 6 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(6 * ZP_MIB), *other = unit_get_or_fail(6 * ZP_MIB);
    unit_put_written(slot);
    ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
    ck_assert_uint_eq(zp_budget_used(), ZP_MIB);
    unit_put_written(other); // nothing that is evicted would make room for it
    ck_assert_int_eq(other->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().unretained, 1);
    zp_budget_set_limit(ZP_MIB);
    unit_put_written(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(zp_budget_tails(), 0);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// Breaks when full shards grow beyond their share of buffers, or charge for one that was evicted.
START_TEST(full_shards_evict)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.shards = 2;
    config.most_per_shard = 3;
    unit_pool_start(&config);
    struct zp_slot *slots[8];
    for (unsigned i = 0; i < 8; i++)
        slots[i] = unit_get_or_fail(ZP_MIB);
    for (unsigned i = 0; i < 8; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_uint_eq(zp_shards_bytes(), 6 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 6 * ZP_MIB);
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(counters.evicted, 2);
    ck_assert_uint_eq(counters.spilled, 3);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_full_cache_passes_on_its_oldest);
    tcase_add_test(tests, a_cache_keeps_to_its_bytes);
    tcase_add_test(tests, a_cached_buffer_keeps_its_tail);
    tcase_add_test(tests, an_overrun_is_made_zero);
    tcase_add_test(tests, the_oldest_make_room);
    tcase_add_test(tests, what_never_fits_drives_nothing_out);
    tcase_add_test(tests, a_budget_of_zero_retains_nothing);
    tcase_add_test(tests, tails_of_live_buffers_are_within_the_budget);
    tcase_add_test(tests, full_shards_evict);
    return unit_run("put", tests);
}
