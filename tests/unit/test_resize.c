// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What realloc does, in place and by moving pages. The moves themselves are in test_resize_move.

#include "core/commit.h"
#include "core/resize.h"
#include "marks.h"

static const struct marks marks = {4242, 1};

static int refuse_mprotect(void *address, size_t length, int protection)
{
    (void)address;
    (void)length;
    (void)protection;
    errno = ENOMEM;
    return -1;
}

// Breaks when a buffer moves although its slot has the room, or when what is added is not zero.
START_TEST(growing_stays_in_place_where_the_slot_has_room)
{
    unit_pool_start_default();
    static const size_t starts[] = {1100 * ZP_KIB, 4200 * ZP_KIB};
    struct zp_slot *slot = unit_get_or_fail(starts[_i]);
    size_t before = slot->usable, most = zp_arena_capacity(slot);
    memset(slot->base, 0xA5, before);
    errno = 4711;
    ck_assert(zp_pool_resize(slot, most));
    ck_assert_uint_eq(slot->usable, most);
    ck_assert_int_eq(slot->base[before - 1], (char)0xA5);
    ck_assert(unit_is_zero(slot->base + before, most - before));
    memset(slot->base, 0xA5, most);
    ck_assert(!zp_pool_resize(slot, most + 1));
    ck_assert_uint_eq(slot->usable, most);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(unit_counters().grown_in_place, 1);
}
END_TEST

// Breaks when shrinking loses bytes that are kept, keeps memory that is not, or shows old bytes
// when the buffer grows again.
START_TEST(shrinking_gives_the_tail_back)
{
    unit_pool_start_default();
    static const size_t starts[] = {1200 * ZP_KIB, 4800 * ZP_KIB};
    struct zp_slot *slot = unit_get_or_fail(starts[_i]);
    size_t before = slot->usable, kept = before / 2 + 100, rounded = zp_round_up(kept, unit_page());
    memset(slot->base, 0xA5, before);
    ck_assert(zp_pool_resize(slot, kept));
    ck_assert_uint_eq(slot->usable, rounded);
    ck_assert_int_eq(slot->base[0], (char)0xA5);
    ck_assert_int_eq(slot->base[kept - 1], (char)0xA5);
    ck_assert_uint_eq(unit_resident_pages(slot->base, before), rounded / unit_page());
    ck_assert(zp_pool_resize(slot, before));
    ck_assert(unit_is_zero(slot->base + rounded, before - rounded));
    ck_assert_int_eq(slot->base[rounded - 1], (char)0xA5);
}
END_TEST

// A live buffer of 4.5 MiB with a tail of 0.5, from which the counters start anew.
static struct zp_slot *get_with_tail(bool scrub)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.content.scrub = scrub;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    unit_put_written(slot);
    ck_assert_ptr_eq(unit_get(9 * ZP_MIB / 2), slot);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 2);
    return slot;
}

// Breaks when realloc fetches memory although there is some behind the buffer, when that is not
// zero where freed buffers are, or what is the owner's is still charged.
START_TEST(growing_uses_the_tail)
{
    struct zp_slot *slot = get_with_tail(_i == 0);
    zp_os_calls.mprotect = refuse_mprotect; // it takes no call
    ck_assert(zp_pool_resize(slot, 19 * ZP_MIB / 4));
    ck_assert_uint_eq(slot->usable, 19 * ZP_MIB / 4);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 4);
    ck_assert_uint_eq(zp_budget_used(), ZP_MIB / 4);
    ck_assert(_i == 1 || unit_is_zero(slot->base, slot->committed));
    ck_assert(!zp_pool_resize(slot, 6 * ZP_MIB)); // that does
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 4);
    zp_os_calls.mprotect = mprotect;
    ck_assert(zp_pool_resize(slot, 6 * ZP_MIB));
    ck_assert_uint_eq(slot->usable, 6 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert(unit_is_zero(slot->base + 5 * ZP_MIB, ZP_MIB));
}
END_TEST

// Breaks when a buffer that shrinks keeps a tail that its owner has written to, or the charge for
// the one that it had.
START_TEST(shrinking_takes_the_tail_along)
{
    struct zp_slot *slot = get_with_tail(true);
    memset(slot->base, 0xA5, slot->usable);
    ck_assert(zp_pool_resize(slot, 4 * ZP_MIB)); // not worth a call
    ck_assert_uint_eq(slot->usable, 9 * ZP_MIB / 2);
    ck_assert_uint_eq(zp_budget_tails(), ZP_MIB / 2);
    ck_assert(zp_pool_resize(slot, 3 * ZP_MIB));
    ck_assert_uint_eq(slot->usable, 3 * ZP_MIB);
    ck_assert_uint_eq(slot->committed, 3 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 3 * ZP_MIB);
}
END_TEST

// Breaks when a buffer that moves leaves its tail's charge behind, or pages behind what its new
// slot says that it has.
START_TEST(a_tail_moves_along)
{
    struct zp_slot *slot = get_with_tail(true);
    marks_write(&marks, slot->base, 0, slot->usable);
    ck_assert_ptr_null(zp_pool_move(slot, 19 * ZP_MIB / 4)); // it can grow where it is
    struct zp_slot *to = zp_pool_move(slot, 12 * ZP_MIB);
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(to->usable, 12 * ZP_MIB);
    ck_assert_uint_eq(to->committed, 12 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 0);
    marks_check(&marks, to->base, 9 * ZP_MIB / 2, 0);
    ck_assert(unit_is_zero(to->base + 9 * ZP_MIB / 2, 15 * ZP_MIB / 2));
    zp_pool_put(to->base);
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

// Breaks when a tail too small to be worth the calls is given back: the usable size would change
// for nothing.
START_TEST(a_little_less_changes_nothing)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
    memset(slot->base, 0xA5, slot->usable);
    ck_assert(zp_pool_resize(slot, 4 * ZP_MIB - ZP_MIB / 2));
    ck_assert_uint_eq(slot->usable, 4 * ZP_MIB);
    ck_assert_int_eq(slot->base[4 * ZP_MIB - 1], (char)0xA5);
}
END_TEST

// Breaks when moving a buffer loses bytes, leaves them behind, or copies them although it need not.
START_TEST(moving_takes_the_pages_along)
{
    unit_pool_start_default();
    static const size_t starts[] = {ZP_MIB, 3 * ZP_MIB};
    struct zp_slot *slot = unit_get_or_fail(starts[_i]);
    char *base = slot->base;
    size_t before = slot->usable;
    marks_write(&marks, base, 0, before);
    errno = 4711;
    struct zp_slot *to = zp_pool_move(slot, 5 * ZP_MIB);
    ck_assert_int_eq(errno, 4711);
    ck_assert_ptr_nonnull(to);
    ck_assert_ptr_ne(to->base, base);
    ck_assert_uint_eq(to->usable, 5 * ZP_MIB);
    marks_check(&marks, to->base, before, 0);
    ck_assert(unit_is_zero(to->base + before, 5 * ZP_MIB - before));
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_counters().moved_by_pages, 1);
    memset(to->base, 1, to->usable);
    // There was room for twice the size: the next step needs no move.
    ck_assert(zp_pool_resize(to, 10 * ZP_MIB));
    ck_assert_ptr_eq(unit_get(starts[_i]), slot);
    ck_assert(unit_is_zero(slot->base, slot->usable));
    zp_pool_put(to->base);
    to = unit_get_or_fail(10 * ZP_MIB);
    ck_assert(unit_is_zero(to->base, to->usable));
}
END_TEST

// Breaks when a move for which there is no slot harms the buffer.
START_TEST(a_move_without_a_place_leaves_the_buffer)
{
    unit_pool_start_default();
    struct zp_slot *slot = unit_get_or_fail(40 * ZP_MIB);
    memset(slot->base, 0xA5, 64);
    ck_assert_ptr_null(zp_pool_move(slot, 256 * ZP_MIB));
    ck_assert_ptr_null(zp_pool_move(slot, ZP_CLASS_MAX + 1));
    ck_assert_ptr_null(zp_pool_move(slot, SIZE_MAX));
    ck_assert_int_eq(slot->state, ZP_SLOT_LIVE);
    ck_assert_int_eq(slot->base[63], (char)0xA5);
    zp_pool_put(slot->base);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, growing_stays_in_place_where_the_slot_has_room, 0, 2);
    tcase_add_loop_test(tests, shrinking_gives_the_tail_back, 0, 2);
    tcase_add_test(tests, a_little_less_changes_nothing);
    tcase_add_loop_test(tests, growing_uses_the_tail, 0, 2);
    tcase_add_test(tests, shrinking_takes_the_tail_along);
    tcase_add_test(tests, a_tail_moves_along);
    tcase_add_loop_test(tests, moving_takes_the_pages_along, 0, 2);
    tcase_add_test(tests, a_move_without_a_place_leaves_the_buffer);
    return unit_run("resize", tests);
}
