// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who gets huge pages, or small ones at once: the pool as callers with different habits see it.

#include "usage_support.h"

// Breaks when a buffer comes in huge pages before its caller has filled one, or does not when it
// has; or when one caller is judged by another, or by a size that is far away.
START_TEST(who_filled_one_gets_huge_pages)
{
    start(ZP_HUGE_FILLED);
    ck_assert(!get_and_fill(SIZE, &site[0])->huge);
    ck_assert(!get(SIZE, &site[1])->huge);
    ck_assert(!get(4 * SIZE, &site[0])->huge);
    ck_assert(get_and_fill(SIZE, &site[0])->huge);
    ck_assert(get(SIZE, &site[0])->huge);
}
END_TEST

// Breaks when a size that a caller has not asked for yet is not judged by the nearest one within a
// doubling, or one that it has asked for is.
START_TEST(a_neighbouring_size_tells_of_a_new_one)
{
    start(ZP_HUGE_FILLED);
    get_and_fill(SIZE, &site[0]);
    ck_assert(get(SIZE + SIZE / 2, &site[0])->huge);
    ck_assert(!get(SIZE + SIZE / 2, &site[0])->huge); // that one was not filled
    get_and_fill(SIZE, &site[1]);
    ck_assert(get(SIZE - SIZE / 4, &site[1])->huge);
}
END_TEST

// Breaks when touching a part, or many places in a regular pattern, passes for filling.
START_TEST(who_touches_here_and_there_does_not)
{
    start(ZP_HUGE_FILLED);
    const size_t strides[] = {ZP_MIB, 2 * ZP_MIB, 16 * unit_page(), SIZE / 2, SIZE / 8};
    for (unsigned i = 0; i < sizeof(strides) / sizeof(strides[0]); i++) {
        struct zp_slot *slot = get(SIZE, &site[0]);
        ck_assert(!slot->huge);
        for (size_t at = 0; at < SIZE; at += strides[i])
            slot->base[at] = 1;
    }
    struct zp_slot *half = get(SIZE, &site[1]);
    memset(half->base, 1, SIZE / 2);
    ck_assert(!get(SIZE, &site[1])->huge);
}
END_TEST

// Breaks when a caller that has changed its ways goes on to be believed.
START_TEST(a_caller_is_believed_once_too_often)
{
    start(ZP_HUGE_FILLED);
    for (unsigned i = 0; i < 5; i++)
        get_and_fill(SIZE, &site[0]);
    ck_assert(get(SIZE, &site[0])->huge);
    for (unsigned i = 0; i < 5; i++)
        ck_assert(!get(SIZE, &site[0])->huge);
}
END_TEST

// Breaks when memory that is no longer there passes for filled.
START_TEST(what_is_gone_tells_nothing)
{
    start(ZP_HUGE_FILLED);
    zp_pool_put(get_and_fill(SIZE, &site[0])->base);
    zp_pool_trim();
    ck_assert(!get(SIZE, &site[0])->huge);
}
END_TEST

// Breaks when a buffer that was only read, whose pages are the kernel's zero page, passes for
// filled.
START_TEST(reading_is_not_filling)
{
    start(ZP_HUGE_FILLED);
    struct zp_slot *slot = get(SIZE, &site[0]);
    for (size_t at = 0; at < SIZE; at += unit_page())
        ck_assert_int_eq(*(volatile char *)(slot->base + at), 0);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get(SIZE, &site[1]), slot);
    ck_assert(!slot->huge);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get(SIZE, &site[0]), slot);
    ck_assert(!slot->huge);
}
END_TEST

// Breaks when `on` waits for something to be known, or `off` does not hold.
START_TEST(the_user_decides)
{
    start(_i == 0 ? ZP_HUGE_NONE : ZP_HUGE_ALL);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(get_and_fill(SIZE, &site[0])->huge, _i == 1);
    struct zp_slot *slot = get(SIZE, &site[1]);
    slot->base[0] = 1;
    zp_pool_put(slot->base);
    ck_assert_int_eq(get(SIZE, &site[1])->huge, _i == 1);
}
END_TEST

// Breaks when small buffers that will be filled fault page by page, or those take memory at once
// that nobody is known to fill.
START_TEST(small_buffers_are_filled_at_once)
{
    start(ZP_HUGE_FILLED);
    struct zp_slot *slot = get(ZP_MIB, &site[0]);
    ck_assert_uint_eq(unit_resident_pages(slot->base, ZP_MIB), 0);
    write_all(slot);
    slot = get(ZP_MIB, &site[1]);
    ck_assert_uint_eq(unit_resident_pages(slot->base, ZP_MIB), 0);
    slot = get(ZP_MIB, &site[0]);
    ck_assert_uint_eq(unit_resident_pages(slot->base, ZP_MIB), ZP_MIB / unit_page());
}
END_TEST

// Breaks when a buffer's huge pages, gone since, are fetched again for a caller that touches one
// place; or when advice is changed of one that is in memory.
START_TEST(huge_pages_do_not_outlive_their_memory)
{
    start(ZP_HUGE_FILLED);
    get_and_fill(SIZE, &site[0]);
    struct zp_slot *slot = get_and_fill(SIZE, &site[0]);
    ck_assert(slot->huge);
    zp_pool_put(slot->base);
    ck_assert_ptr_eq(get(SIZE, &site[1]), slot);
    ck_assert(slot->huge);
    write_all(slot);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->reclaimable, ZP_RECLAIMABLE_HUGE);
    madvise(slot->base, SIZE, MADV_DONTNEED); // as the kernel does with what is marked
    unit_let_pass(5000);                      // for which it has some time, as a rule
    ck_assert_ptr_eq(get(SIZE, &site[1]), slot);
    ck_assert(!slot->huge);
}
END_TEST

// Breaks when a buffer in huge pages that its owner hardly touched keeps them for the next one.
START_TEST(huge_pages_are_for_who_fills_them)
{
    start(ZP_HUGE_FILLED);
    get_and_fill(SIZE, &site[0]);
    struct zp_slot *slot = get(SIZE, &site[0]);
    ck_assert(slot->huge);
    slot->base[SIZE / 2] = 1;
    zp_pool_put(slot->base);
    ck_assert(!slot->huge);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, who_filled_one_gets_huge_pages);
    tcase_add_test(tests, a_neighbouring_size_tells_of_a_new_one);
    tcase_add_test(tests, who_touches_here_and_there_does_not);
    tcase_add_test(tests, a_caller_is_believed_once_too_often);
    tcase_add_test(tests, what_is_gone_tells_nothing);
    tcase_add_test(tests, reading_is_not_filling);
    tcase_add_loop_test(tests, the_user_decides, 0, 2);
    tcase_add_test(tests, small_buffers_are_filled_at_once);
    tcase_add_test(tests, huge_pages_do_not_outlive_their_memory);
    tcase_add_test(tests, huge_pages_are_for_who_fills_them);
    return unit_run("usage", tests);
}
