// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/quarantine.h"
#include "support.h"

static struct zp_slot slots[4];

static struct zp_slot *put(unsigned i, size_t bytes)
{
    slots[i] = (struct zp_slot){
        .usable = bytes, .committed = bytes, .since = unit_clock(), .state = ZP_SLOT_TAKEN};
    zp_quarantine_put(&slots[i]);
    ck_assert_int_eq(slots[i].state, ZP_SLOT_QUARANTINED);
    return &slots[i];
}

static void start(size_t bytes)
{
    zp_os_calls.clock = unit_clock;
    zp_quarantine_init(bytes);
}

// Breaks when buffers leave in another order than they came, too early, or not at all.
START_TEST(what_is_too_much_leaves_in_order)
{
    start(100);
    put(0, 60);
    put(1, 40);
    ck_assert_ptr_null(zp_quarantine_take_surplus());
    put(2, 30);
    put(3, 30);
    ck_assert_uint_eq(zp_quarantine_bytes(), 160);
    ck_assert_ptr_eq(zp_quarantine_take_surplus(), &slots[0]);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert_ptr_null(zp_quarantine_take_surplus());
    ck_assert_uint_eq(zp_quarantine_bytes(), 100);
    ck_assert_ptr_eq(zp_quarantine_take(), &slots[1]);
    ck_assert_ptr_eq(zp_quarantine_take(), &slots[2]);
    ck_assert_ptr_eq(zp_quarantine_take(), &slots[3]);
    ck_assert_ptr_null(zp_quarantine_take());
    ck_assert_uint_eq(zp_quarantine_bytes(), 0);
}
END_TEST

// Breaks when memory of an idle program stays in quarantine, or does not wait as long as it should.
START_TEST(what_has_been_idle_leaves)
{
    start(100);
    put(0, 10);
    unit_let_pass(50);
    put(1, 10);
    ck_assert_ptr_null(zp_quarantine_take_idle(51));
    ck_assert_ptr_eq(zp_quarantine_take_idle(50), &slots[0]);
    ck_assert_ptr_null(zp_quarantine_take_idle(50));
}
END_TEST

// Breaks when what is left of a buffer that is given back in parts does not go on being the oldest,
// or the whole is still counted.
START_TEST(a_part_comes_back_as_the_oldest)
{
    start(100);
    put(0, 50);
    put(1, 40);
    struct zp_slot *slot = zp_quarantine_take();
    slot->usable = slot->committed = 20;
    zp_quarantine_put_back(slot);
    ck_assert_int_eq(slot->state, ZP_SLOT_QUARANTINED);
    ck_assert_uint_eq(zp_quarantine_bytes(), 60);
    ck_assert_ptr_eq(zp_quarantine_take(), &slots[0]);
    ck_assert_ptr_eq(zp_quarantine_take(), &slots[1]);
}
END_TEST

// Breaks when a child takes what only its parent has, or cannot use the quarantine.
START_TEST(a_child_begins_with_nothing)
{
    start(100);
    put(0, 10);
    zp_quarantine_lock();
    zp_quarantine_reset();
    ck_assert_uint_eq(zp_quarantine_bytes(), 0);
    ck_assert_ptr_null(zp_quarantine_take());
    put(1, 10);
    ck_assert_ptr_eq(zp_quarantine_take(), &slots[1]);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, what_is_too_much_leaves_in_order);
    tcase_add_test(tests, what_has_been_idle_leaves);
    tcase_add_test(tests, a_part_comes_back_as_the_oldest);
    tcase_add_test(tests, a_child_begins_with_nothing);
    return unit_run("quarantine", tests);
}
