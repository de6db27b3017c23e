// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The work of time: who does it, calls of the program on the fast ways or the helper.

#include "decay_support.h"

// ---- The fast ways ---------------------------------------------------------------------------

static void go_fast(unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        struct zp_slot *slot = unit_get(ZP_MIB);
        MUST(slot != NULL);
        zp_pool_put(slot->base);
    }
}

static struct zp_pool_config dirty(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.budget = 512 * ZP_MIB;
    config.content.scrub = false;
    config.put.thread_cache_bytes = 64 * ZP_MIB;
    return config;
}

// Breaks when a program that goes only the fast ways keeps what it no longer uses: in the shards,
// and in its own cache behind the buffer that it uses.
START_TEST(fast_ways_give_back)
{
    struct zp_pool_config config = dirty();
    start(&config);
    use(14, 10 * ZP_MIB);
    go_fast(2);
    ck_assert_uint_ge(retained(), 130 * ZP_MIB);
    uint64_t before = unit_counters().shard_hits;
    for (unsigned i = 0; i < 30; i++) {
        unit_let_pass(1000);
        go_fast(300);
    }
    ck_assert_uint_le(retained(), 2 * ZP_MIB);
    ck_assert_uint_eq(unit_counters().shard_hits, before); // or it was not fast
}
END_TEST

// Breaks when, once there is something to give back, some hundred calls are needed for each part.
START_TEST(fast_ways_go_on_at_once)
{
    struct zp_pool_config config = dirty();
    start(&config);
    use(14, 10 * ZP_MIB);
    go_fast(2);
    unit_let_pass(11000);
    size_t before = zp_shards_bytes();
    ck_assert_uint_ge(before, 80 * ZP_MIB); // more than one call gives back
    go_fast(ZP_DECAY_LOOKS + 16);
    ck_assert_uint_eq(zp_shards_bytes(), 0);
}
END_TEST

// ---- What a cache was granted ----------------------------------------------------------------

// Breaks when a thread that once had much in its cache is charged for it for good.
START_TEST(what_a_cache_does_not_use_goes_back)
{
    struct zp_pool_config config = unit_pool_config();
    config.content.scrub = _i == 0;
    config.decay.idle_ms = ZP_DECAY_NEVER;
    start(&config);
    struct zp_slot *slots[4];
    get_all(slots, 4, 4 * ZP_MIB);
    put_all(slots, 4);
    ck_assert_uint_eq(zp_thread_cache->granted, 16 * ZP_MIB);
    get_all(slots, 4, 4 * ZP_MIB); // the program keeps three of them
    zp_pool_put(slots[3]->base);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(1500);
        for (unsigned j = 0; j < ZP_DECAY_LOOKS; j++)
            zp_pool_put(unit_get(4 * ZP_MIB)->base);
    }
    ck_assert_uint_eq(zp_thread_cache->granted, 4 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 4 * ZP_MIB);
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 4 * ZP_MIB);
    put_all(slots, 3); // and it is granted again
    ck_assert_uint_eq(zp_thread_cache_bytes(zp_thread_cache), 16 * ZP_MIB);
    ck_assert_uint_eq(zp_budget_used(), 16 * ZP_MIB);
}
END_TEST

static pthread_barrier_t barrier;

// Was granted 8 MiB, holds nothing, and sleeps.
static void *take_all_and_sleep(void *unused)
{
    (void)unused;
    struct zp_slot *slots[2];
    get_all(slots, 2, 4 * ZP_MIB);
    put_all(slots, 2);
    get_all(slots, 2, 4 * ZP_MIB);
    MUST(zp_thread_cache->granted == 8 * ZP_MIB);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    put_all(slots, 2);
    return NULL;
}

// Breaks when an empty cache of a thread that sleeps holds on to its part of the budget.
START_TEST(empty_caches_hold_no_budget)
{
    pthread_t thread;
    unit_pool_start_default();
    pthread_barrier_init(&barrier, NULL, 2);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_all_and_sleep, NULL), 0);
    pthread_barrier_wait(&barrier);
    ck_assert_uint_eq(zp_budget_used(), 8 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(11000);
        pass_by();
    }
    ck_assert_uint_eq(zp_budget_used(), 0);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
}
END_TEST

// ---- By the helper ---------------------------------------------------------------------------

static _Atomic bool pressed, trimmed, trimmed_all;

static bool is_pressed(void)
{
    return pressed;
}

static size_t trim_small(bool all)
{
    trimmed = true;
    trimmed_all |= all;
    return 0;
}

static bool nothing_is_retained(void)
{
    return zp_budget_used() == 0;
}

static size_t wanted;

static bool all_is_retained(void)
{
    return retained() == wanted;
}

static struct zp_pool_config by_thread(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.decay.by_thread = true;
    config.decay.is_pressed = is_pressed;
    config.decay.trim_small = trim_small;
    return config;
}

static bool is_trimmed(void)
{
    return trimmed;
}

// Breaks when what is idle is not given back without a call of the program, is given back too
// early, or what serves small requests is forgotten.
START_TEST(the_helper_gives_back)
{
    struct zp_pool_config config = by_thread();
    unit_pool_start(&config);
    use(6, 5 * ZP_MIB);
    use(6, ZP_MIB);
    wanted = retained();
    unit_let_pass(9000);
    ck_assert(unit_comes_true(is_trimmed));
    ck_assert(unit_comes_true(all_is_retained)); // the helper may have one in hand, to mark it
    ck_assert_uint_eq(unit_counters().decayed, 0);
    unit_let_pass(2000);
    ck_assert(unit_comes_true(nothing_is_retained));
    ck_assert(!trimmed_all);
    zp_pool_end();
    ck_assert_uint_eq(zp_commit_bytes(), 0);
    ck_assert_uint_eq(unit_counters().decayed, 12);
}
END_TEST

// Breaks when calls of the program do the helper's work, or none does without a helper.
START_TEST(without_a_helper_calls_do_it)
{
    struct zp_pool_config config = by_thread();
    unit_pool_start(&config);
    zp_pool_end(); // as if none could be had
    use(6, 5 * ZP_MIB);
    unit_let_pass(20000);
    for (unsigned i = 0; i < 4; i++)
        pass_by();
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when what is retained outlives a want of memory, however young it is.
START_TEST(everything_goes_under_pressure)
{
    struct zp_pool_config config = by_thread();
    config.decay.idle_ms = _i == 0 ? 10000 : ZP_DECAY_NEVER;
    unit_pool_start(&config);
    use(6, 5 * ZP_MIB);
    pressed = true;
    unit_let_pass(300);
    ck_assert(unit_comes_true(nothing_is_retained));
    zp_pool_end();
    ck_assert(trimmed_all);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, fast_ways_give_back);
    tcase_add_test(tests, fast_ways_go_on_at_once);
    tcase_add_loop_test(tests, what_a_cache_does_not_use_goes_back, 0, 2);
    tcase_add_test(tests, empty_caches_hold_no_budget);
    tcase_add_test(tests, the_helper_gives_back);
    tcase_add_test(tests, without_a_helper_calls_do_it);
    tcase_add_loop_test(tests, everything_goes_under_pressure, 0, 2);
    return unit_run("decay by", tests);
}
