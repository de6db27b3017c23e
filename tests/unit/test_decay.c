// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The work of time: how much of it one call does, and in what order.

#include "core/reclaim.h"
#include "decay_support.h"

// ---- Bounded ---------------------------------------------------------------------------------

// Breaks when one call gives back, or marks, for longer than it may, or when nothing goes on after
// it: many small buffers, some large ones, one that is larger than what a call may do.
START_TEST(no_call_takes_long)
{
    struct zp_pool_config config = uncached();
    start(&config);
    use(48, ZP_MIB);
    use(12, 12 * ZP_MIB);
    use(1, 30 * ZP_MIB);
    size_t before = retained();
    ck_assert_uint_eq(before, 222 * ZP_MIB);
    unsigned calls = 0;
    unit_let_pass(2000);
    for (uint32_t took = 1; took != 0; calls++)
        MUST((took = pass_by()) <= MOST_US + 4 * MICROSECONDS_PER_MIB); // marked in steps of 8 MiB
    ck_assert_uint_eq(retained(), before);
    ck_assert_uint_ge(calls, before / ZP_MIB * MICROSECONDS_PER_MIB / MOST_US);
    unit_let_pass(20000);
    for (calls = 0; retained() != 0; calls++) {
        MUST(pass_by() <= MOST_US);
        MUST(calls < 30);
    }
    ck_assert_uint_ge(calls, 7);
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
    ck_assert_uint_eq(unit_counters().decayed, 61);
}
END_TEST

// Breaks when a call does nothing because the machine is so slow that its time is over at once.
START_TEST(a_slow_machine_goes_on)
{
    struct zp_pool_config config = uncached();
    start(&config);
    use(1, 30 * ZP_MIB);
    unit_let_pass(20000);
    for (unsigned i = 0; i < 9; i++) {
        unit_let_work_take(1000000);
        pass_by();
    }
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when what is left of a buffer that goes back in parts is lost, uncounted, too young, or
// not zero and whole for its next owner.
START_TEST(a_large_buffer_goes_in_parts)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    start(&config);
    struct zp_slot *large;
    get_all(&large, 1, 30 * ZP_MIB);
    put_all(&large, 1);
    uint32_t since = large->since;
    unit_let_pass(5000);
    use(3, 2 * ZP_MIB);
    unit_let_pass(6000);
    do // marking comes first in some of these
        MUST(pass_by() <= MOST_US + 4 * MICROSECONDS_PER_MIB);
    while (large->committed == 30 * ZP_MIB);
    ck_assert_int_eq(large->state, ZP_SLOT_POOLED);
    ck_assert_uint_eq(large->since, since);
    size_t rest = large->committed;
    ck_assert_uint_ge(rest, 4 * ZP_MIB);
    ck_assert_uint_eq(retained(), rest + 6 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), rest + 6 * ZP_MIB);
    ck_assert_uint_le(unit_resident_pages(large->base, rest), rest / unit_page());

    struct zp_slot *again = unit_get(rest);
    ck_assert_ptr_eq(again, large);
    ck_assert(zp_pool_resize(again, 30 * ZP_MIB));
    ck_assert(unit_is_zero(again->base, again->committed));
    memset(again->base, 1, again->committed);
    zp_pool_put(again->base);
    again = unit_get(30 * ZP_MIB);
    ck_assert(unit_is_zero(again->base, again->committed));
    zp_pool_put(again->base);
    ck_assert_uint_eq(zp_budget_used(), 36 * ZP_MIB);
}
END_TEST

// Breaks when the parts of several large buffers are not taken oldest first, one after the other.
START_TEST(the_oldest_goes_first)
{
    struct zp_pool_config config = uncached();
    config.shards = 1;
    config.reclaim = false;
    start(&config);
    struct zp_slot *slots[3];
    get_all(slots, 3, 14 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        zp_pool_put(slots[i]->base);
        unit_let_pass(10);
    }
    unit_let_pass(20000);
    for (unsigned calls = 0; slots[2]->state == ZP_SLOT_POOLED; calls++) {
        pass_by();
        for (unsigned i = 0; i < 2; i++)
            MUST(slots[i]->state == ZP_SLOT_COLD || slots[i + 1]->committed == 14 * ZP_MIB);
        MUST(calls < 10);
    }
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when what is in quarantine is given back all at once, or lost on the way.
START_TEST(quarantine_goes_in_parts)
{
    struct zp_pool_config config = unit_pool_config();
    unit_check_fully(&config, 64 * ZP_MIB);
    start(&config);
    use(1, 30 * ZP_MIB);
    unit_let_pass(20000);
    unsigned calls = 0;
    for (; retained() != 0 && calls < 10; calls++)
        MUST(pass_by() <= MOST_US);
    ck_assert_uint_eq(retained(), 0);
    ck_assert_uint_ge(calls, 2);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// ---- The budget ------------------------------------------------------------------------------

static struct zp_decay_limits limits;
static bool limits_known = true;
static unsigned limits_asked;

static bool limits_now(size_t so_much, struct zp_decay_limits *out)
{
    limits_asked++;
    MUST(so_much == zp_budget_used());
    *out = limits;
    return limits_known;
}

// Breaks when a program of few requests reads all files of its group twice.
START_TEST(the_start_has_just_looked)
{
    struct zp_pool_config config = uncached();
    config.decay.limits_now = limits_now;
    limits = (struct zp_decay_limits){100 * ZP_MIB, SIZE_MAX, true};
    start(&config);
    pass_by();
    ck_assert_uint_eq(limits_asked, 0);
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(limits_asked, 1);
}
END_TEST

// Breaks when a budget that is lowered is enforced in one call, or never.
START_TEST(a_lower_budget_takes_some_calls)
{
    struct zp_pool_config config = uncached();
    config.decay.idle_ms = ZP_DECAY_NEVER;
    config.reclaim = false;
    config.decay.limits_now = limits_now;
    limits = (struct zp_decay_limits){512 * ZP_MIB, SIZE_MAX, true};
    start(&config);
    use(12, 12 * ZP_MIB);
    limits.budget = 20 * ZP_MIB;
    unit_let_pass(7000);
    unsigned calls = 0;
    for (; calls == 0 || zp_budget_exceeded(); calls++) {
        MUST(pass_by() <= MOST_US);
        MUST(calls < 10);
    }
    ck_assert_uint_ge(calls, 4);
    ck_assert_uint_gt(zp_budget_used(), 15 * ZP_MIB);
}
END_TEST

// Breaks when a look that missed something raises a limit, or does not lower one, or when a later
// one that sees all does not.
START_TEST(only_a_whole_look_raises_a_limit)
{
    struct zp_pool_config config = uncached();
    config.decay.limits_now = limits_now;
    limits = (struct zp_decay_limits){100 * ZP_MIB, 8 * ZP_MIB, true};
    start(&config);
    static const struct {
        size_t budget, unmarked;
        bool complete, known;
        size_t then;
    } looks[] = {
        {100 * ZP_MIB, 8 * ZP_MIB, true, true, 100 * ZP_MIB},
        {ZP_GIB, SIZE_MAX, false, true, 100 * ZP_MIB},
        {50 * ZP_MIB, 4 * ZP_MIB, false, true, 50 * ZP_MIB},
        {ZP_GIB, SIZE_MAX, true, false, 50 * ZP_MIB},
        {200 * ZP_MIB, 16 * ZP_MIB, true, true, 200 * ZP_MIB},
    };
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        limits = (struct zp_decay_limits){looks[i].budget, looks[i].unmarked, looks[i].complete};
        limits_known = looks[i].known;
        unit_let_pass(7000);
        pass_by();
        ck_assert_uint_eq(zp_budget_limit(), looks[i].then);
        if (looks[i].then == 50 * ZP_MIB)
            ck_assert_uint_eq(zp_reclaim_unmarked(), 4 * ZP_MIB);
    }
    ck_assert_uint_eq(zp_reclaim_unmarked(), 16 * ZP_MIB);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, no_call_takes_long);
    tcase_add_test(tests, a_slow_machine_goes_on);
    tcase_add_test(tests, a_large_buffer_goes_in_parts);
    tcase_add_test(tests, the_oldest_goes_first);
    tcase_add_test(tests, quarantine_goes_in_parts);
    tcase_add_test(tests, the_start_has_just_looked);
    tcase_add_test(tests, a_lower_budget_takes_some_calls);
    tcase_add_test(tests, only_a_whole_look_raises_a_limit);
    return unit_run("decay", tests);
}
