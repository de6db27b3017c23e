// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a freed buffer holds, and how many of its pages stay.

#include "core/content.h"
#include "core/libc.h"
#include "support.h"

static const size_t sizes[] = {ZP_CLASS_MIN,     ZP_CLASS_MIN + 1, 200000,
                               ZP_MIB,           5 * ZP_MIB / 4,   2 * ZP_MIB - 1,
                               2 * ZP_MIB,       2 * ZP_MIB + 1,   5368709, // 5.12 MiB
                               31 * ZP_MIB + 17, 48 * ZP_MIB};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// Breaks when a buffer does not come back to the thread that put it, warm and zero.
START_TEST(a_put_buffer_comes_back_zero_and_warm)
{
    unit_pool_start_default();
    size_t size = sizes[_i];
    struct zp_slot *slot = unit_get_or_fail(size);
    size_t committed = slot->usable;
    memset(slot->base, 0xA5, committed);
    zp_pool_put(slot->base);
    struct zp_slot *again = unit_get_or_fail(size);
    ck_assert_ptr_eq(again, slot);
    ck_assert(zp_slot_is_zero(again));
    ck_assert_uint_eq(again->usable, committed);
    ck_assert_uint_eq(unit_resident_pages(again->base, committed), committed / unit_page());
    ck_assert(unit_is_zero(again->base, committed));
    // The third time it is known to be in memory as a whole: another way of scrubbing.
    memset(again->base, 0x5A, committed);
    zp_pool_put(again->base);
    again = unit_get_or_fail(size);
    ck_assert_ptr_eq(again, slot);
    ck_assert(unit_is_zero(again->base, committed));
    zp_pool_put(again->base);
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(zp_counters_served(&counters), 3);
    ck_assert_uint_eq(counters.bytes_requested, 3 * size);
    ck_assert_uint_eq(counters.warm_pages, 2 * (committed / unit_page()));
    ck_assert_uint_eq(counters.bytes_scrubbed, 3 * committed);
}
END_TEST

// Breaks when pages that owners filled with zeros are called overwritten, are not told of, or count
// as known to be in memory: they could be the kernel's zero page.
START_TEST(what_is_found_zero_is_counted)
{
    unit_pool_start_default();
    for (unsigned round = 1; round <= 3; round++) {
        struct zp_slot *slot = unit_get_or_fail(8 * ZP_MIB);
        for (size_t at = 0; at < 4 * ZP_MIB; at += unit_page())
            *(volatile char *)(slot->base + at) = 0;
        zp_pool_put(slot->base);
        struct zp_counters counters = unit_counters();
        ck_assert_uint_eq(counters.bytes_found_zero, round * 4 * ZP_MIB);
        ck_assert_uint_eq(counters.bytes_scrubbed, 0);
        ck_assert_uint_eq(counters.warm_pages, 0);
    }
}
END_TEST

// Breaks when putting a buffer that was never touched brings its pages into memory.
START_TEST(an_untouched_buffer_stays_without_pages)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(8 * ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_uint_eq(unit_resident_pages(slot->base, 8 * ZP_MIB), 0);
    struct zp_slot *again = unit_get_or_fail(8 * ZP_MIB);
    ck_assert_ptr_eq(again, slot);
    ck_assert_uint_eq(unit_resident_pages(slot->base, 8 * ZP_MIB), 0);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, 0);
    ck_assert_uint_eq(unit_counters().bytes_dropped, 8 * ZP_MIB);
}
END_TEST

// Breaks when without scrubbing a used buffer is called clean, or is written to all the same.
START_TEST(without_scrubbing_only_fresh_buffers_are_clean)
{
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = false;
    if (_i == 1)
        config.thread_cache_most = 0;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(ZP_MIB);
    ck_assert(zp_slot_is_zero(slot));
    memset(slot->base, 0xA5, ZP_MIB);
    zp_pool_put(slot->base);
    struct zp_slot *again = unit_get_or_fail(ZP_MIB);
    ck_assert_ptr_eq(again, slot);
    ck_assert(!zp_slot_is_zero(again));
    ck_assert_int_eq(again->base[ZP_MIB - 1], (char)0xA5);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, 0);
    zp_pool_put(again->base);
    zp_pool_trim();
    again = unit_get_or_fail(ZP_MIB);
    ck_assert(zp_slot_is_zero(again)); // its memory had been given back
    ck_assert(unit_is_zero(again->base, ZP_MIB));
}
END_TEST

// Breaks when what a program writes to a buffer that it has freed comes to the next owner.
START_TEST(what_is_written_after_free_is_gone)
{
    static const size_t twice[] = {ZP_MIB, 5 * ZP_MIB};
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub_again = true;
    config.thread_cache_most = 0;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(twice[_i]);
    unit_put_written(slot);
    slot->base[17] = 1;
    slot->base[twice[_i] - 1] = 1;
    ck_assert_ptr_eq(unit_get(twice[_i]), slot);
    ck_assert(unit_is_zero(slot->base, slot->usable));
}
END_TEST

// Breaks when a tail, to which a program may have written that overran its buffer, is not made zero
// with the rest.
START_TEST(a_tail_is_made_zero_too)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    unit_put_written(slot);
    uint64_t scrubbed = unit_counters().bytes_scrubbed;
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    unit_put_written(slot);
    ck_assert_uint_eq(unit_counters().bytes_scrubbed, scrubbed + 5 * ZP_MIB);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_uint_eq(slot->warm, 5 * ZP_MIB / unit_page());
}
END_TEST

// ---- Sparse use ------------------------------------------------------------------------------

// Owners that write one byte each, from a buffer that is wholly in memory on.
static void use_sparsely(struct zp_slot *slot, size_t size, unsigned owners)
{
    for (unsigned i = 0; i < owners; i++) {
        ck_assert_ptr_eq(unit_get(size), slot);
        MUST(unit_is_zero(slot->base, 64));
        slot->base[size / 2 + i] = 1;
        zp_pool_put(slot->base);
    }
}

static struct zp_slot *put_resident(size_t size)
{
    struct zp_slot *slot = unit_get_or_fail(size);
    unit_put_written(slot);
    MUST(slot->content == ZP_CONTENT_RESIDENT);
    return slot;
}

// A size that is worth it: from 64 pages on.
static size_t sparse_size(void)
{
    size_t least = 64 * unit_page();
    return least > ZP_MIB ? least : ZP_MIB;
}

// Breaks when a buffer is overwritten to its end again and again for owners who write next to
// nothing, or its pages are dropped for one of them.
START_TEST(pages_are_dropped_after_a_few_sparse_owners)
{
    unit_pool_start_default();
    size_t size = _i == 0 ? sparse_size() : 5 * ZP_MIB;
    struct zp_slot *slot = put_resident(size);
    use_sparsely(slot, size, 3);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_uint_eq(unit_counters().bytes_dropped, 0);
    use_sparsely(slot, size, 1);
    ck_assert(zp_slot_is_empty(slot));
    ck_assert_uint_eq(unit_counters().bytes_dropped, size);
    ck_assert_uint_eq(unit_resident_pages(slot->base, size), 0);
    // From now on what is touched is all there is to overwrite.
    uint64_t scrubbed = unit_counters().bytes_scrubbed;
    use_sparsely(slot, size, 10);
    ck_assert_uint_le(unit_counters().bytes_scrubbed, scrubbed + 10 * 2 * unit_page());
    ck_assert(unit_is_zero(slot->base, size));
}
END_TEST

// Breaks when a class whose owners write all of their buffers after all is dropped again after a
// few more: each time would cost them all page faults.
START_TEST(a_wrong_guess_is_not_made_again_for_long)
{
    unit_pool_start_default();
    size_t size = sparse_size();
    struct zp_slot *slot = put_resident(size);
    use_sparsely(slot, size, 4);
    ck_assert(zp_slot_is_empty(slot));
    ck_assert_ptr_eq(unit_get(size), slot);
    unit_put_written(slot);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    use_sparsely(slot, size, 200);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_uint_eq(unit_counters().bytes_dropped, size);
}
END_TEST

// Breaks when owners in between who write their buffers do not count.
START_TEST(only_one_after_another_they_count)
{
    unit_pool_start_default();
    struct zp_slot *slot = put_resident(ZP_MIB);
    for (unsigned i = 0; i < 5; i++) {
        use_sparsely(slot, ZP_MIB, 3);
        ck_assert_ptr_eq(unit_get(ZP_MIB), slot);
        unit_put_written(slot);
    }
    ck_assert_uint_eq(unit_counters().bytes_dropped, 0);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
}
END_TEST

static unsigned asked;

static int count_mincore(void *address, size_t length, unsigned char *vector)
{
    asked++;
    return mincore(address, length, vector);
}

// Breaks when the kernel is asked about each buffer although owner after owner touches none of its
// pages, or when what an owner has touched after all is not zero afterwards.
START_TEST(untouched_buffers_are_seldom_asked_about)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    zp_pool_put(slot->base);
    for (unsigned i = 0; i < 24; i++) {
        if (i == 8)
            zp_os_calls.mincore = count_mincore;
        ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
        zp_pool_put(slot->base);
    }
    ck_assert_uint_gt(asked, 0); // now and then
    if (zp_is_single_threaded()) // a sanitizer may have a thread
        ck_assert_uint_lt(asked, 8);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
        ck_assert(zp_slot_is_zero(slot) && unit_is_zero(slot->base, slot->usable));
        unit_put_written(slot);
    }
}
END_TEST

// Breaks when a small buffer is dropped, which costs little to overwrite.
START_TEST(small_buffers_are_overwritten)
{
    unit_pool_start_default();
    struct zp_slot *slot = put_resident(128 * ZP_KIB);
    use_sparsely(slot, 128 * ZP_KIB, 20);
    ck_assert_uint_eq(unit_counters().bytes_dropped, 0);
}
END_TEST

static int refuse_to_drop(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED) {
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

// Breaks when a buffer that the kernel does not drop, being locked, is left as its owner left it.
START_TEST(what_cannot_be_dropped_is_overwritten)
{
    unit_pool_start_default();
    struct zp_slot *slot = put_resident(ZP_MIB);
    zp_os_calls.madvise = refuse_to_drop;
    use_sparsely(slot, ZP_MIB, 20);
    ck_assert_int_eq(slot->content, ZP_CONTENT_RESIDENT);
    ck_assert_uint_eq(unit_counters().bytes_dropped, 0);
    ck_assert(unit_is_zero(slot->base, ZP_MIB));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_put_buffer_comes_back_zero_and_warm, 0, SIZES);
    tcase_add_test(tests, what_is_found_zero_is_counted);
    tcase_add_test(tests, an_untouched_buffer_stays_without_pages);
    tcase_add_loop_test(tests, without_scrubbing_only_fresh_buffers_are_clean, 0, 2);
    tcase_add_loop_test(tests, what_is_written_after_free_is_gone, 0, 2);
    tcase_add_test(tests, a_tail_is_made_zero_too);
    tcase_add_loop_test(tests, pages_are_dropped_after_a_few_sparse_owners, 0, 2);
    tcase_add_test(tests, a_wrong_guess_is_not_made_again_for_long);
    tcase_add_test(tests, only_one_after_another_they_count);
    tcase_add_test(tests, untouched_buffers_are_seldom_asked_about);
    tcase_add_test(tests, small_buffers_are_overwritten);
    tcase_add_test(tests, what_cannot_be_dropped_is_overwritten);
    return unit_run("content", tests);
}
