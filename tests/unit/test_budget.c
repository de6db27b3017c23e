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

// ---- Set aside -------------------------------------------------------------------------------

// A limit of which something may be set aside, and how much of it in a place.
#define LARGE_LIMIT (2048 * ZP_MIB)
#define PLACE_MOST (2 * ZP_MIB)

static void *give_and_take(void *unused)
{
    (void)unused;
    MUST(zp_budget_charge(PLACE_MOST));
    zp_budget_release(PLACE_MOST);
    return NULL;
}

static void run_thread(void *(*function)(void *))
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, function, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

// Breaks when a thread that gives and takes changes what all threads read, or when what is set
// aside counts as charged.
START_TEST(what_is_released_is_set_aside)
{
    zp_budget_init(LARGE_LIMIT);
    give_and_take(NULL);
    ck_assert_uint_eq(zp_budget_used(), 0);
    size_t taken = zp_budget_taken();
    ck_assert_uint_gt(taken, 0);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert(zp_budget_charge(PLACE_MOST / 2));
        ck_assert_uint_eq(zp_budget_used(), PLACE_MOST / 2);
        zp_budget_release(PLACE_MOST / 2);
        ck_assert_uint_eq(zp_budget_taken(), taken);
    }
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// Breaks when more is set aside than may be: by one thread that only releases, or by many.
START_TEST(little_is_set_aside)
{
    zp_budget_init(LARGE_LIMIT);
    ck_assert(zp_budget_charge(LARGE_LIMIT));
    for (size_t bytes = 0; bytes < LARGE_LIMIT; bytes += ZP_MIB) {
        zp_budget_release(ZP_MIB);
        ck_assert_uint_le(zp_budget_taken(), zp_budget_used() + PLACE_MOST);
    }
    for (unsigned i = 0; i < 200; i++)
        run_thread(give_and_take);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_le(zp_budget_taken(), LARGE_LIMIT / 8);
}
END_TEST

// Breaks when what other threads have set aside is missing from the limit.
START_TEST(the_limit_is_exact_whatever_is_set_aside)
{
    zp_budget_init(LARGE_LIMIT);
    for (unsigned i = 0; i < 5; i++)
        run_thread(give_and_take);
    ck_assert(!zp_budget_charge(LARGE_LIMIT + 1));
    ck_assert(zp_budget_charge(LARGE_LIMIT));
    ck_assert_uint_eq(zp_budget_used(), LARGE_LIMIT);
    ck_assert(!zp_budget_charge(1));
    zp_budget_release(LARGE_LIMIT);
    give_and_take(NULL);
    zp_budget_set_limit(4 * ZP_MIB);
    ck_assert(!zp_budget_exceeded());
    ck_assert(!zp_budget_charge(4 * ZP_MIB + 1));
    ck_assert(zp_budget_charge(4 * ZP_MIB));
    ck_assert_uint_eq(zp_budget_taken(), 4 * ZP_MIB);
}
END_TEST

// Breaks when a small budget, of which what is set aside would be missing, has something there.
START_TEST(a_small_limit_sets_nothing_aside)
{
    zp_budget_init(ZP_GIB - 1);
    ck_assert(zp_budget_charge(64 * ZP_KIB));
    ck_assert_uint_eq(zp_budget_taken(), 64 * ZP_KIB);
    zp_budget_release(64 * ZP_KIB);
    ck_assert_uint_eq(zp_budget_taken(), 0);
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
    tcase_add_test(tests, what_is_released_is_set_aside);
    tcase_add_test(tests, little_is_set_aside);
    tcase_add_test(tests, the_limit_is_exact_whatever_is_set_aside);
    tcase_add_test(tests, a_small_limit_sets_nothing_aside);
    return unit_run("budget", tests);
}
