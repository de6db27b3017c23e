// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/budget.h"
#include "support.h"

#include <pthread.h>

// Breaks when the last byte of the limit cannot be had, or one more can.
START_TEST(the_limit_is_exact)
{
    zp_budget_init(100);
    ck_assert_uint_eq(zp_budget_limit(), 100);
    ck_assert(zp_budget_charge(60));
    ck_assert(!zp_budget_charge(41));
    ck_assert_uint_eq(zp_budget_used(), 60);
    ck_assert(zp_budget_charge(40));
    ck_assert(!zp_budget_charge(1));
    ck_assert(zp_budget_charge(0));
    zp_budget_release(100);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert(!zp_budget_charge(101));
    ck_assert(zp_budget_charge(100));
}
END_TEST

// Breaks when a sum that overflows passes for a small one.
START_TEST(huge_amounts_do_not_overflow)
{
    zp_budget_init(SIZE_MAX);
    ck_assert(zp_budget_charge(SIZE_MAX - 1));
    ck_assert(!zp_budget_charge(2));
    ck_assert(!zp_budget_charge(SIZE_MAX));
    ck_assert(zp_budget_charge(1));
    zp_budget_init(10);
    ck_assert(zp_budget_charge(5));
    ck_assert(!zp_budget_charge(SIZE_MAX));
    ck_assert(!zp_budget_charge(SIZE_MAX - 4));
}
END_TEST

// Breaks when a limit of zero lets something through.
START_TEST(a_limit_of_zero_refuses_everything)
{
    zp_budget_init(0);
    ck_assert(!zp_budget_charge(1));
    ck_assert(zp_budget_charge(0));
}
END_TEST

// Breaks when the peak falls with the sum, counts what was refused, or survives a new start.
START_TEST(the_peak_stays)
{
    zp_budget_init(100);
    zp_budget_charge(70);
    zp_budget_release(50);
    zp_budget_charge(30);
    zp_budget_charge(90);
    ck_assert_uint_eq(zp_budget_used(), 50);
    ck_assert_uint_eq(zp_budget_peak(), 70);
    zp_budget_init(100);
    ck_assert_uint_eq(zp_budget_peak(), 0);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// Breaks when a tail is kept that the limit has no room for, is counted twice or not at all, or
// stays charged when it has ended.
START_TEST(tails_are_charged)
{
    zp_budget_init(100);
    ck_assert(zp_budget_charge(50));
    ck_assert(zp_budget_charge_tail(30));
    ck_assert_uint_eq(zp_budget_used(), 80);
    ck_assert_uint_eq(zp_budget_tails(), 30);
    ck_assert(!zp_budget_charge_tail(21));
    ck_assert(!zp_budget_charge(21));
    ck_assert_uint_eq(zp_budget_tails(), 30);
    ck_assert(zp_budget_charge_tail(20));
    zp_budget_end_tail(25); // the owner grew into a part of it
    ck_assert_uint_eq(zp_budget_used(), 75);
    ck_assert_uint_eq(zp_budget_tails(), 25);
    zp_budget_convert_tail(15); // one of the buffers is pooled, its tail with it
    ck_assert_uint_eq(zp_budget_used(), 75);
    ck_assert_uint_eq(zp_budget_tails(), 10);
    zp_budget_end_tail(10);
    zp_budget_release(65);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_budget_tails(), 0);
    ck_assert_uint_eq(zp_budget_peak(), 100);
}
END_TEST

// Breaks when a buffer without a tail, which is nearly every one, is refused where there is no
// room.
START_TEST(no_tail_costs_nothing)
{
    zp_budget_init(0);
    ck_assert(zp_budget_charge_tail(0));
    zp_budget_end_tail(0);
    zp_budget_convert_tail(0);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_budget_tails(), 0);
}
END_TEST

// Breaks when what is retained already is forgotten with a lower limit, or more can be charged
// then.
START_TEST(a_limit_can_be_lowered)
{
    zp_budget_init(100);
    ck_assert(zp_budget_charge(60));
    ck_assert(!zp_budget_exceeded());
    zp_budget_set_limit(60);
    ck_assert(!zp_budget_exceeded());
    zp_budget_set_limit(50);
    ck_assert(zp_budget_exceeded());
    ck_assert(!zp_budget_charge(1));
    ck_assert(!zp_budget_charge_tail(1));
    zp_budget_release(20);
    ck_assert(!zp_budget_exceeded());
    ck_assert(zp_budget_charge(10));
}
END_TEST

enum { THREADS = 4, ROUNDS = 100000 / UNIT_SLOWER };

static void *charge_and_release(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (zp_budget_charge(3)) {
            MUST(zp_budget_used() <= 7);
            zp_budget_release(3);
        }
    }
    return NULL;
}

// Breaks when two threads that charge at once pass the limit together, or an amount is lost.
START_TEST(threads_together_keep_to_the_limit)
{
    zp_budget_init(7);
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, charge_and_release, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_le(zp_budget_peak(), 6);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_limit_is_exact);
    tcase_add_test(tests, huge_amounts_do_not_overflow);
    tcase_add_test(tests, a_limit_of_zero_refuses_everything);
    tcase_add_test(tests, the_peak_stays);
    tcase_add_test(tests, tails_are_charged);
    tcase_add_test(tests, no_tail_costs_nothing);
    tcase_add_test(tests, a_limit_can_be_lowered);
    tcase_add_test(tests, threads_together_keep_to_the_limit);
    return unit_run("budget", tests);
}
