// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is retained, for how long, and in what condition, by a clock that the tests move.

#include "core/commit.h"
#include "retained.h"
#include "sleepers.h"

#include <pthread.h>

enum { MOST = 120 };

// ---- Decay -----------------------------------------------------------------------------------

// Breaks when less than 95 % is back after a minute, or more than a handful of requests is needed:
// with little and with much.
START_TEST(a_minute_later_all_is_back)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 48 * ZP_GIB;
    config.budget = 2 * ZP_GIB;
    config.most_per_shard = 64;
    config.decay.idle_ms = _i == 0 ? 10000 : 50000;
    unit_pool_start(&config);
    struct zp_slot *slots[MOST];
    use_many(slots, 40, ZP_MIB);
    if (_i == 0) {
        use_many(slots, 10, 8 * ZP_MIB);
    } else {
        // 1.3 GiB, untouched: the pool does not know.
        for (unsigned i = 0; i < MOST; i++)
            slots[i] = unit_get_or_fail((8 + 2 * (i / 30)) * ZP_MIB);
        for (unsigned i = 0; i < MOST; i++)
            zp_pool_put(slots[i]->base);
    }
    size_t before = retained();
    ck_assert_uint_eq(before, (_i == 0 ? 120 : 1360) * ZP_MIB);
    unit_let_pass(60000);
    for (unsigned i = 0; i < 8; i++)
        zp_pool_put(unit_get_or_fail(100 * ZP_KIB)->base);
    ck_assert_uint_le(retained(), before / 20);
    ck_assert_uint_le(zp_commit_bytes(), before / 20);
    ck_assert_uint_ge(unit_counters().decayed, _i == 0 ? 45 : 140);
    ck_assert_uint_eq(retained(), zp_shards_bytes() + zp_thread_cache_bytes(zp_thread_cache));
}
END_TEST

// Breaks when decay waits for less than it should, or takes what is in use.
START_TEST(what_is_not_idle_stays)
{
    unit_pool_start_default();
    struct zp_slot *slots[8];
    use_many(slots, 8, 2 * ZP_MIB);
    for (unsigned i = 0; i < 30; i++) { // 24 s, every buffer used every 0.8
        unit_let_pass(800);
        use_many(slots, 8, 2 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().decayed, 0);
    ck_assert_uint_eq(unit_counters().fresh, 8);
    unit_let_pass(9000);
    pass_by();
    ck_assert_uint_eq(retained(), 16 * ZP_MIB);
}
END_TEST

// Breaks when a buffer that was worked on for longer than the idle time counts as idle the moment
// it is freed, by the thread that got it or by another one's first call.
START_TEST(what_was_in_use_for_long_is_kept)
{
    unit_pool_start_default();
    for (unsigned i = 0; i < 5; i++) {
        struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
        unit_let_pass(15000);
        unit_put_written(slot);
        ck_assert_uint_eq(retained(), 4 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().fresh, 1);
    ck_assert_uint_eq(unit_counters().decayed, 0);
}
END_TEST

static void *put_in_thread(void *slot)
{
    unit_put_written(slot);
    return NULL;
}

static void run_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    pthread_join(thread, NULL);
}

START_TEST(the_first_put_of_a_thread_is_kept)
{
    unit_now = 1000000; // long after the moment that a new cache might think it is
    unit_pool_start_default();
    for (unsigned i = 0; i < 3; i++) {
        struct zp_slot *slot = unit_get_or_fail(4 * ZP_MIB);
        unit_let_pass(15000);
        run_thread(put_in_thread, slot);
        ck_assert_uint_eq(retained(), 4 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().decayed, 0);
}
END_TEST

// Breaks when a thread on the fast ways, which look at no clock, is taken for idle.
START_TEST(fast_ways_count_as_use)
{
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = false;
    unit_pool_start(&config);
    struct zp_slot *slot = unit_get_or_fail(ZP_MIB);
    zp_pool_put(slot->base);
    for (unsigned i = 0; i < 20; i++) {
        unit_let_pass(1000);
        void *newest = zp_pool_get_newest(ZP_MIB);
        MUST(newest != NULL);
        zp_pool_put(newest);
    }
    pass_by();
    ck_assert_uint_eq(retained(), ZP_MIB);
    ck_assert_uint_eq(unit_counters().decayed, 0);
}
END_TEST

// Breaks when `never` gives something back, even after months, or the clock's wrap-around does.
START_TEST(never_is_never)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.idle_ms = ZP_DECAY_NEVER;
    unit_now = UINT32_MAX - 5000;
    unit_pool_start(&config);
    struct zp_slot *slots[8];
    use_many(slots, 8, 2 * ZP_MIB);
    for (unsigned i = 0; i < 60; i++) {
        unit_let_pass(86400000);
        pass_by();
        ck_assert_uint_eq(retained(), 16 * ZP_MIB);
    }
    ck_assert_uint_eq(unit_counters().decayed, 0);
    ck_assert_uint_eq(zp_pool_trim(), 16 * ZP_MIB);
}
END_TEST

// Breaks when a trim, or the want of memory, does not get at what has been idle for weeks: the
// clock counts 49 days.
START_TEST(ages_of_a_month)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.idle_ms = _i == 0 ? ZP_DECAY_NEVER : 10000;
    unit_pool_start(&config);
    struct zp_slot *slots[8];
    use_many(slots, 8, 2 * ZP_MIB);
    unit_let_pass(30u * 86400000);
    if (_i == 0)
        zp_pool_trim();
    for (unsigned i = 0; i < 8; i++)
        pass_by();
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when with no idle time at all something is retained.
START_TEST(at_once_is_at_once)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.idle_ms = 0;
    unit_pool_start(&config);
    for (unsigned i = 0; i < 5; i++) {
        struct zp_slot *slots[4];
        use_many(slots, 4, (i + 1) * ZP_MIB);
        ck_assert_uint_eq(retained(), 0);
        ck_assert_uint_eq(zp_commit_bytes(), 0);
    }
    ck_assert_uint_eq(zp_budget_peak(), 0);
}
END_TEST

// ---- The budget ------------------------------------------------------------------------------

static size_t limit_now;

static bool limits_now(size_t so_much, struct zp_decay_limits *limits)
{
    (void)so_much;
    *limits = (struct zp_decay_limits){limit_now, SIZE_MAX, true};
    return limit_now != 0;
}

// Breaks when the limit does not follow what it is made from, is asked for all the time, or what is
// above a lower one stays: in shards, in the own cache, in those of others.
START_TEST(the_budget_follows)
{
    struct zp_pool_config config = _i == 0 ? uncached() : unit_pool_config();
    limit_now = config.budget;
    config.decay.limits_now = limits_now;
    config.decay.idle_ms = ZP_DECAY_NEVER;
    unit_pool_start(&config);
    struct zp_slot *slots[12];
    if (_i == 2)
        start_sleepers(); // 24 MiB
    else
        use_many(slots, 12, 2 * ZP_MIB);
    limit_now = 5 * ZP_MIB;
    pass_by();
    ck_assert_uint_eq(zp_budget_used(), 24 * ZP_MIB); // it is too early to look
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(zp_budget_limit(), 5 * ZP_MIB);
    ck_assert_uint_le(zp_budget_used(), 5 * ZP_MIB);
    limit_now = 0; // it cannot be told just now
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(zp_budget_limit(), 5 * ZP_MIB);
    limit_now = 40 * ZP_MIB;
    unit_let_pass(7000);
    pass_by();
    ck_assert_uint_eq(zp_budget_limit(), 40 * ZP_MIB);
    use_many(slots, 12, 3 * ZP_MIB);
    ck_assert_uint_gt(zp_budget_used(), 30 * ZP_MIB);
    if (_i == 2)
        end_sleepers();
    ck_assert_uint_le(zp_budget_used(), 40 * ZP_MIB);
}
END_TEST

// Breaks when any order of operations, lapses of time and changes of the limit retains more than
// the limit, or loses count.
START_TEST(never_more_than_the_budget)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 20 * ZP_MIB;
    config.put.thread_cache_bytes = 6 * ZP_MIB;
    config.content.scrub = false; // for speed
    config.most_per_shard = 4;
    config.eviction = _i == 0 ? &zp_eviction_lifo : &zp_eviction_clockpro;
    config.arena.huge_pages = ZP_HUGE_ALL;
    unit_pool_start(&config);
    struct unit_random random = unit_random_start("budget", 20);
    struct zp_slot *live[16] = {NULL};
    for (unsigned step = 0; step < 20000 / UNIT_SLOWER; step++) {
        struct zp_slot **slot = &live[unit_random_below(&random, 16)];
        if (*slot != NULL) {
            zp_pool_put((*slot)->base);
            *slot = NULL;
        } else {
            *slot = unit_get(ZP_CLASS_MIN + unit_random_below(&random, 7 * ZP_MIB));
        }
        if (unit_random_below(&random, 4) == 0)
            unit_let_pass((uint32_t)unit_random_below(&random, 2000));
        if (unit_random_below(&random, 1000) == 0)
            unit_let_pass(30000);
        MUST(zp_budget_used() <= 20 * ZP_MIB);
        MUST(zp_shards_bytes() + zp_thread_cache->granted + zp_budget_tails() == zp_budget_used());
        MUST(zp_thread_cache_bytes(zp_thread_cache) <= zp_thread_cache->granted);
        MUST(zp_thread_cache->granted <= 6 * ZP_MIB);
    }
    struct zp_counters counters = unit_counters();
    ck_assert_uint_gt(counters.evicted, 100);
    ck_assert_uint_gt(counters.decayed, 10);
    ck_assert_uint_gt(counters.shard_hits, 100);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_minute_later_all_is_back, 0, 2);
    tcase_add_test(tests, what_is_not_idle_stays);
    tcase_add_test(tests, what_was_in_use_for_long_is_kept);
    tcase_add_test(tests, the_first_put_of_a_thread_is_kept);
    tcase_add_test(tests, fast_ways_count_as_use);
    tcase_add_test(tests, never_is_never);
    tcase_add_loop_test(tests, ages_of_a_month, 0, 2);
    tcase_add_test(tests, at_once_is_at_once);
    tcase_add_loop_test(tests, the_budget_follows, 0, 3);
    tcase_add_loop_test(tests, never_more_than_the_budget, 0, 2);
    return unit_run("retain", tests);
}
