// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The pool with its helper at work: scrubbing in the background.

#define UNIT_FORKS
#include "core/commit.h"
#include "core/helper.h"
#include "core/scrub_queue.h"
#include "support.h"

#include <pthread.h>

static struct zp_pool_config config;

static void start(size_t behind)
{
    config = unit_pool_config();
    config.scrub_behind = behind;
    unit_pool_start(&config);
}

static struct zp_slot *get_filled(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    MUST(slot != NULL);
    MUST(unit_is_zero(slot->base, slot->usable));
    memset(slot->base, 0xA5, slot->usable);
    return slot;
}

static bool all_is_scrubbed(void)
{
    return zp_scrub_queue_bytes() == 0;
}

static size_t pooled_bytes;

static bool all_is_pooled(void)
{
    return zp_shards_bytes() == pooled_bytes;
}

// A helper that never comes: what it would do waits.
static void keep_helper_away(void)
{
    zp_helper_pause();
}

// ---- Scrubbing -------------------------------------------------------------------------------

// Breaks when a buffer that the helper scrubbed is not zero, not pooled, or not in memory.
START_TEST(the_helper_scrubs)
{
    start(ZP_GIB);
    struct zp_slot *slots[4];
    for (unsigned i = 0; i < 4; i++)
        slots[i] = get_filled((3 + i) * ZP_MIB);
    for (unsigned i = 0; i < 4; i++)
        zp_pool_put(slots[i]->base);
    ck_assert(unit_comes_true(all_is_scrubbed));
    pooled_bytes = (3 + 4 + 5 + 6) * ZP_MIB;
    ck_assert(unit_comes_true(all_is_pooled));
    ck_assert_uint_eq(zp_budget_used(), pooled_bytes);
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(counters.bytes_scrubbed, pooled_bytes);
    ck_assert_uint_eq(counters.helped, 4);
    for (unsigned i = 0; i < 4; i++) {
        struct zp_slot *again = unit_get((3 + i) * ZP_MIB);
        ck_assert_ptr_eq(again, slots[i]);
        ck_assert(zp_slot_is_zero(again));
        ck_assert(unit_is_zero(again->base, again->usable));
    }
    ck_assert_uint_eq(unit_counters().warm_pages, 0); // counted when they are freed again
}
END_TEST

// Breaks when a request waits for the helper, or gets a buffer as it was left, or fresh memory
// where there is some to be scrubbed.
START_TEST(a_request_scrubs_what_nobody_did)
{
    start(ZP_GIB);
    keep_helper_away();
    struct zp_slot *slot = get_filled(5 * ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 5 * ZP_MIB);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained_bytes, 5 * ZP_MIB);
    ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
    ck_assert(unit_is_zero(slot->base, slot->usable));
    ck_assert(zp_slot_is_zero(slot));
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(unit_counters().fresh, 1);
}
END_TEST

// Breaks when a request takes a larger buffer although one of its class waits to be scrubbed: that
// will be asked for too.
START_TEST(the_own_class_comes_first)
{
    start(ZP_GIB);
    struct zp_slot *larger = get_filled(6 * ZP_MIB);
    zp_pool_put(larger->base);
    ck_assert(unit_comes_true(all_is_scrubbed));
    pooled_bytes = 6 * ZP_MIB;
    ck_assert(unit_comes_true(all_is_pooled));
    keep_helper_away();
    struct zp_slot *both[] = {get_filled(5 * ZP_MIB), get_filled(5 * ZP_MIB)};
    struct zp_slot *fitting = both[0] == larger ? both[1] : both[0];
    zp_pool_put(fitting->base);
    ck_assert_int_eq(fitting->state, ZP_SLOT_PENDING);
    zp_pool_put(larger->base); // and this one waits, too
    ck_assert_ptr_eq(unit_get(5 * ZP_MIB), fitting);
}
END_TEST

// Breaks when more waits than may: who frees scrubs then.
START_TEST(beyond_the_bound_who_frees_scrubs)
{
    start(8 * ZP_MIB);
    keep_helper_away();
    struct zp_slot *one = get_filled(6 * ZP_MIB), *two = get_filled(7 * ZP_MIB);
    zp_pool_put(one->base);
    zp_pool_put(two->base);
    ck_assert_int_eq(one->state, ZP_SLOT_PENDING);
    ck_assert_int_eq(two->state, ZP_SLOT_CACHED);
    ck_assert(unit_is_zero(two->base, two->usable));
}
END_TEST

// Breaks when small buffers cost a wake-up that takes longer than scrubbing them.
START_TEST(small_ones_are_scrubbed_at_once)
{
    start(ZP_GIB);
    keep_helper_away();
    struct zp_slot *slot = get_filled(ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
}
END_TEST

// Breaks when the helper overwrites a buffer for an owner who wrote next to nothing: to drop its
// pages, once it is time for that, is done by who frees it.
START_TEST(sparse_ones_are_not_left_to_the_helper)
{
    start(ZP_GIB);
    struct zp_slot *slot = get_filled(5 * ZP_MIB);
    zp_pool_put(slot->base);
    pooled_bytes = 5 * ZP_MIB;
    ck_assert(unit_comes_true(all_is_pooled));
    keep_helper_away();
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_ptr_eq(unit_get(5 * ZP_MIB), slot);
        slot->base[ZP_MIB] = 1;
        zp_pool_put(slot->base);
        ck_assert_int_eq(slot->state, ZP_SLOT_CACHED);
    }
    ck_assert(zp_slot_is_empty(slot));
}
END_TEST

// Breaks when what waits cannot make room for others, or trim forgets it.
START_TEST(what_waits_can_be_let_go)
{
    start(ZP_GIB);
    keep_helper_away();
    struct zp_slot *slots[8];
    for (unsigned i = 0; i < 8; i++)
        slots[i] = get_filled((i < 4 ? 14 : 7) * ZP_MIB); // the budget is 64
    for (unsigned i = 0; i < 8; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_int_eq(slots[0]->state, ZP_SLOT_COLD);
    ck_assert_int_eq(slots[1]->state, ZP_SLOT_COLD);
    ck_assert_int_eq(slots[7]->state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(unit_counters().evicted, 2);
    ck_assert_uint_eq(zp_pool_trim(), 56 * ZP_MIB);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// Breaks when buffers are left as they are once nobody is there to scrub them.
START_TEST(after_the_end_who_frees_scrubs)
{
    start(ZP_GIB);
    zp_pool_put(get_filled(5 * ZP_MIB)->base);
    zp_pool_end();
    struct zp_slot *slot = get_filled(5 * ZP_MIB);
    zp_pool_put(slot->base);
    ck_assert_int_ne(slot->state, ZP_SLOT_PENDING);
    ck_assert(unit_is_zero(slot->base, slot->usable));
}
END_TEST

// Breaks when a buffer comes to two owners, or not clean, while several threads and the helper are
// at it; half of the time all want the same size, and so what the helper has in hand.
static void *churn(void *argument)
{
    struct unit_random *random = argument;
    struct zp_slot *held[3] = {NULL};
    for (unsigned i = 0; i < 3000 / UNIT_SLOWER; i++) {
        struct zp_slot **slot = &held[unit_random_below(random, 3)];
        if (*slot != NULL) {
            MUST((*slot)->base[0] == (char)(uintptr_t)random);
            zp_pool_put((*slot)->base);
        }
        size_t size = unit_random_below(random, 2) == 0
                          ? 7 * ZP_MIB
                          : ZP_MIB + unit_random_below(random, 8 * ZP_MIB);
        *slot = unit_get(size);
        if (*slot == NULL)
            continue;
        char *base = (*slot)->base;
        for (size_t at = 0; at < (*slot)->usable; at += 4093)
            MUST(base[at] == 0);
        base[0] = (char)(uintptr_t)random;
        memset(base + unit_random_below(random, size / 2), 1, size / 2);
        base[0] = (char)(uintptr_t)random;
    }
    for (unsigned i = 0; i < 3; i++)
        if (held[i] != NULL)
            zp_pool_put(held[i]->base);
    return NULL;
}

START_TEST(threads_and_the_helper)
{
    start(ZP_GIB);
    pthread_t threads[3];
    struct unit_random random[3];
    for (unsigned i = 0; i < 3; i++) {
        random[i] = unit_random_start("background", i + 1);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &random[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert(unit_comes_true(all_is_scrubbed));
    ck_assert_uint_gt(unit_counters().helped, 0);
    zp_helper_pause(); // what was in its hands is pooled
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

// ---- Fork ------------------------------------------------------------------------------------

static struct zp_slot *forked[6];

static int use_in_child(void *unused)
{
    (void)unused;
    unit_begin_child();
    if (zp_scrub_queue_bytes() != 0 || zp_budget_used() != 0)
        return 1;
    for (unsigned i = 0; i < 6; i++)
        if (forked[i]->state == ZP_SLOT_PENDING)
            return 2;
    for (unsigned i = 0; i < 6; i++) {
        struct zp_slot *slot = unit_get(7 * ZP_MIB);
        if (slot == NULL || !unit_is_zero(slot->base, slot->usable))
            return 3;
        memset(slot->base, 1, slot->usable);
        zp_pool_put(slot->base);
    }
    return unit_comes_true(all_is_scrubbed) ? 0 : 4;
}

// Breaks when a fork finds the helper at work, or the child the parent's unscrubbed buffers, or
// either side has no helper afterwards.
START_TEST(fork_with_the_helper_at_work)
{
    config = unit_pool_config();
    config.scrub_behind = ZP_GIB;
    config.budget = 128 * ZP_MIB;
    unit_pool_start(&config);
    unit_watch_forks();
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 6; i++)
            forked[i] = get_filled(7 * ZP_MIB);
        for (unsigned i = 0; i < 6; i++)
            zp_pool_put(forked[i]->base);
        unit_expect_success(use_in_child, NULL);
        ck_assert(unit_comes_true(all_is_scrubbed));
    }
    ck_assert_uint_gt(unit_counters().helped, 10);
}
END_TEST

// Breaks when what waits for a helper that cannot be started is never scrubbed, or anything waits
// for it afterwards.
START_TEST(without_a_thread_who_frees_scrubs)
{
    start(ZP_GIB);
    struct zp_slot *first = get_filled(3 * ZP_MIB), *second = get_filled(3 * ZP_MIB);
    bool root = geteuid() == 0;
    if (root)
        ck_assert_int_eq(setresuid(65534, 65534, 0), 0); // root has no such limit
    struct rlimit before, none = {0, 0};
    ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
    none.rlim_max = before.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
    zp_pool_put(first->base);
    ck_assert_int_eq(first->state, ZP_SLOT_PENDING);
    zp_pool_put(second->base);
    ck_assert_int_ne(second->state, ZP_SLOT_PENDING);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_slot *slot = unit_get(3 * ZP_MIB);
        ck_assert(slot == first || slot == second);
        ck_assert(unit_is_zero(slot->base, slot->usable));
    }
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert_uint_eq(unit_counters().helped, 0);
    if (root)
        ck_assert_int_eq(setresuid(0, 0, 0), 0); // coverage is written when the test ends
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_helper_scrubs);
    tcase_add_test(tests, a_request_scrubs_what_nobody_did);
    tcase_add_test(tests, the_own_class_comes_first);
    tcase_add_test(tests, beyond_the_bound_who_frees_scrubs);
    tcase_add_test(tests, small_ones_are_scrubbed_at_once);
    tcase_add_test(tests, sparse_ones_are_not_left_to_the_helper);
    tcase_add_test(tests, what_waits_can_be_let_go);
    tcase_add_test(tests, after_the_end_who_frees_scrubs);
    tcase_add_test(tests, threads_and_the_helper);
    tcase_add_test(tests, fork_with_the_helper_at_work);
    tcase_add_test(tests, without_a_thread_who_frees_scrubs);
    return unit_run("background", tests);
}
