// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which buffer serves a request, and fresh memory. How its length is made to fit is in
// test_get_length.

#include "core/get.h"
#include "support.h"

static const size_t sizes[] = {ZP_CLASS_MIN,     ZP_CLASS_MIN + 1, 200000,
                               ZP_MIB,           5 * ZP_MIB / 4,   2 * ZP_MIB - 1,
                               2 * ZP_MIB,       2 * ZP_MIB + 1,   5368709, // 5.12 MiB
                               31 * ZP_MIB + 17, 48 * ZP_MIB};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// A pool whose buffers all wait in shards.
static struct zp_pool_config uncached(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    return config;
}

static void start_uncached(void)
{
    struct zp_pool_config config = uncached();
    unit_pool_start(&config);
}

// ---- Fresh memory ----------------------------------------------------------------------------

// Breaks when a fresh buffer is smaller or larger than asked for, to the page, or not zero.
START_TEST(a_fresh_buffer_is_what_was_asked_for)
{
    unit_pool_start_default();
    size_t size = sizes[_i];
    struct zp_slot *slot = unit_get_or_fail(size);
    ck_assert_uint_eq(slot->usable, zp_round_up(size, unit_page()));
    ck_assert_uint_eq(slot->committed, slot->usable);
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
    ck_assert_ptr_eq(zp_pool_slot(slot->base, "test"), slot);
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_uint_eq(unit_resident_pages(slot->base, slot->usable), 0);
    ck_assert(unit_is_zero(slot->base, slot->usable));
    memset(slot->base, 0xA5, slot->usable);
    ck_assert_uint_eq(unit_counters().fresh, 1);
}
END_TEST

// Breaks when a request that no region holds is served, or crashes.
START_TEST(too_large_a_request_is_refused)
{
    unit_pool_start_default();
    static const size_t too_large[] = {256 * ZP_MIB, ZP_CLASS_MAX,      ZP_CLASS_MAX + 1,
                                       PTRDIFF_MAX,  SIZE_MAX - ZP_MIB, SIZE_MAX};
    errno = 4711;
    for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
        ck_assert_ptr_null(unit_get(too_large[i]));
        ck_assert_ptr_null(zp_pool_get(too_large[i], 2 * ZP_MIB));
        ck_assert_uint_eq(unit_counters().refused, 2 * (i + 1));
    }
    ck_assert_int_eq(errno, 4711);
}
END_TEST

// Breaks when running out of slots crashes, or is not over once some are back.
START_TEST(a_region_runs_out_and_recovers)
{
    unit_pool_start_default();
    enum { ALL = 4 };
    size_t size = 40 * ZP_MIB;
    struct zp_slot *slots[ALL];
    for (unsigned i = 0; i < ALL; i++)
        slots[i] = unit_get_or_fail(size);
    errno = 4711;
    ck_assert_ptr_null(unit_get(size));
    ck_assert_int_eq(errno, 4711);
    zp_pool_put(slots[2]->base);
    ck_assert_ptr_eq(unit_get(size), slots[2]);
    for (unsigned i = 0; i < ALL; i++)
        zp_pool_put(slots[i]->base);
    zp_pool_trim();
    for (unsigned i = 0; i < ALL; i++)
        unit_get_or_fail(size);
    ck_assert_ptr_null(unit_get(size));
}
END_TEST

// Breaks when an alignment is not kept, whether the slot is fresh, cached or pooled.
START_TEST(alignments_are_kept)
{
    unit_pool_start_default();
    for (unsigned shift = 0; shift <= 26; shift++) {
        size_t alignment = (size_t)1 << shift;
        for (unsigned i = 0; i < SIZES; i++) {
            struct zp_slot *slot = zp_pool_get(sizes[i], alignment);
            unsigned region = zp_arena_region_of(sizes[i]);
            if (shift > zp_arena.regions[region].stride_shift) {
                ck_assert_ptr_null(slot);
                continue;
            }
            ck_assert_ptr_nonnull(slot);
            ck_assert_uint_ge(slot->usable, sizes[i]);
            ck_assert_uint_eq((uintptr_t)slot->base % alignment, 0);
            zp_pool_put(slot->base);
        }
    }
}
END_TEST

// Breaks when an odd alignment is served with what is not so aligned.
START_TEST(absurd_alignments_are_refused)
{
    unit_pool_start_default();
    ck_assert_ptr_null(zp_pool_get(ZP_MIB, (size_t)1 << 40));
    ck_assert_ptr_null(zp_pool_get(ZP_MIB, (size_t)1 << 63));
    ck_assert_ptr_null(zp_pool_get(256 * ZP_MIB, 2 * ZP_MIB)); // a region without slots here
}
END_TEST

// ---- Which buffer ----------------------------------------------------------------------------

// Breaks when a thread's cache is not last in, first out: the warmest buffer first.
START_TEST(the_newest_buffer_is_had_first)
{
    unit_pool_start_default();
    struct zp_slot *one = unit_get_or_fail(ZP_MIB), *two = unit_get_or_fail(ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    ck_assert_ptr_eq(unit_get(ZP_MIB), two);
    ck_assert_ptr_eq(unit_get(ZP_MIB), one);
    ck_assert_uint_eq(unit_counters().thread_hits, 2);
}
END_TEST

// Breaks when a cached buffer that fits within an eighth does not serve as it is.
START_TEST(a_cached_buffer_serves_what_is_little_less)
{
    unit_pool_start_default();
    struct zp_slot *one = unit_get_or_fail(ZP_MIB), *two = unit_get_or_fail(ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    for (unsigned i = 0; i < 2; i++) { // the newest, and one that is searched for
        struct zp_slot *slot = unit_get_or_fail(912 * ZP_KIB);
        ck_assert_ptr_eq(slot, i == 0 ? two : one);
        ck_assert_uint_eq(slot->usable, ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().thread_hits, 2);
}
END_TEST

// Breaks when a thread whose requests vary keeps buffers to itself that would serve them: they are
// to move to the shard, where all are compared.
START_TEST(where_sizes_vary_the_cache_is_flushed)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(ZP_MIB), *other = unit_get_or_fail(ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
    ck_assert_ptr_eq(unit_get(880 * ZP_KIB), slot); // more than an eighth less
    ck_assert_uint_eq(unit_counters().thread_hits, 0);
    ck_assert_uint_eq(unit_counters().shard_hits, 1);
    zp_pool_put(other->base);
    ck_assert_int_eq(other->state, ZP_SLOT_CACHED);
    unit_get_or_fail(3 * ZP_MIB); // which it does not serve
    ck_assert_int_eq(other->state, ZP_SLOT_POOLED);
    ck_assert_uint_eq(zp_thread_cache->granted, 0);
    ck_assert_uint_eq(zp_budget_used(), ZP_MIB + zp_budget_tails());
    ck_assert_uint_eq(unit_counters().fresh, 3);
}
END_TEST

// Breaks when a request is served with a buffer of far more than twice its size, or not with one of
// less, or with one that is too short and cannot grow.
START_TEST(a_buffer_of_up_to_twice_the_size_serves)
{
    start_uncached();
    struct zp_slot *slot = unit_get_or_fail(1700 * ZP_KIB);
    zp_pool_put(slot->base);
    ck_assert_ptr_ne(unit_get(2 * ZP_MIB), slot); // its stride
    ck_assert_ptr_ne(unit_get(700 * ZP_KIB), slot);
    ck_assert_ptr_eq(unit_get(ZP_MIB), slot);
}
END_TEST

// Breaks when a request takes a longer buffer although one fits, or one that must grow although a
// longer one is there.
START_TEST(the_closest_fit_comes_first)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    unit_pool_start(&config);
    static const size_t waiting[] = {5 * ZP_MIB, 9 * ZP_MIB / 2, 3 * ZP_MIB, 4096 * ZP_KIB + 4096};
    struct zp_slot *slots[4];
    for (unsigned i = 0; i < 4; i++)
        slots[i] = unit_get_or_fail(waiting[i]);
    for (unsigned i = 0; i < 4; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_ptr_eq(unit_get(17 * ZP_MIB / 4), slots[1]);
    ck_assert_ptr_eq(unit_get(17 * ZP_MIB / 4), slots[0]);
    ck_assert_ptr_eq(unit_get(17 * ZP_MIB / 4), slots[3]); // it grows
    ck_assert_uint_eq(unit_counters().fresh, 4);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_fresh_buffer_is_what_was_asked_for, 0, SIZES);
    tcase_add_test(tests, too_large_a_request_is_refused);
    tcase_add_test(tests, a_region_runs_out_and_recovers);
    tcase_add_test(tests, alignments_are_kept);
    tcase_add_test(tests, absurd_alignments_are_refused);
    tcase_add_test(tests, the_newest_buffer_is_had_first);
    tcase_add_test(tests, a_cached_buffer_serves_what_is_little_less);
    tcase_add_test(tests, where_sizes_vary_the_cache_is_flushed);
    tcase_add_test(tests, a_buffer_of_up_to_twice_the_size_serves);
    tcase_add_test(tests, the_closest_fit_comes_first);
    return unit_run("get", tests);
}
